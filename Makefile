# make demo and make test do everything that is needed, on a machine with Python 3.11+, Java 17+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# Tests run in so many processes; each has a Spark of its own, so more than two want more than 8 GB of memory.
WORKERS ?= 2

# Published test vectors, where a checkout of them lies beside this one; the tests that need them say so otherwise.
export CLEARANCE_VECTORS ?= $(wildcard ../shared/vectors)

# Modules are compiled once, not by each of the processes that tests start by the hundred.
export PYTHONDONTWRITEBYTECODE :=

# In the shell, not in scripts/setup.py: an old Python could not even read that file.
define need_python
@command -v $(PYTHON) >/dev/null 2>&1 || { echo "error: $(PYTHON) is not on PATH; install Python 3.11 or newer, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); say where one is: make PYTHON=/path/to/python3"; exit 1; }
endef

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit lowest lint typecheck lock clean java

help:  ## Say what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Create .venv with the locked packages and Clearance itself

# Python and Java are looked at before anything is downloaded; either missing is told in one line with the fix.
$(READY): requirements.lock pyproject.toml scripts/setup.py
	$(need_python)
	@$(PYTHON) scripts/setup.py $(VENV)
	@touch $(READY)

java:
	$(need_python)
	@$(PYTHON) scripts/setup.py --java

demo: java $(READY)  ## Show the main job on a small support desk
	@$(BIN)/python examples/support-desk/demo.py

test: java $(READY)  ## Run all tests
	@# Whole files, in their order: those that run for minutes begin first.
	@$(PYTEST) tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder

unit: $(READY)  ## Run the tests that need no Spark, in seconds
	@$(PYTEST) tests/unit -q

lowest: $(READY)  ## Run them with the lowest versions that pyproject.toml allows
	@$(BIN)/python scripts/lowest.py .venv-lowest

lint: $(READY)  ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

typecheck: $(READY)  ## Check types of the installed wheel
	@$(BIN)/python scripts/typecheck.py

lock: $(READY)  ## Resolve pyproject.toml into requirements.lock anew
	@$(BIN)/python scripts/lock.py

clean:  ## Remove what was made
	rm -rf $(VENV) .venv-lowest build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache spark-warehouse
