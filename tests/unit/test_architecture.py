"""The map of the house, held: who imports whom, what a check loads, and that any Spark will do."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"clearance": "common", "classifiers": "classifiers", "tokenization": "tokenization",
            "governance": "governance", "jobs": "jobs"}  # fmt: skip
MAY_IMPORT = {
    "clearance": set(),
    "classifiers": {"clearance"},
    "tokenization": {"clearance"},
    "governance": {"clearance", "classifiers"},
    "jobs": {"clearance", "classifiers", "tokenization", "governance"},
}


def test_a_wheel_takes_along_what_the_code_reads() -> None:
    # What is left out may be missed late, or never: without the compiled loop tokens are only slower.
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    (patterns,) = told["package-data"].values()
    folders = told["package-dir"].values()
    others = [
        path for folder in folders for path in (ROOT / folder).iterdir() if path.is_file() and path.suffix != ".py"
    ]
    assert len(others) > len(folders)
    assert [path.name for path in others if not any(path.match(pattern) for pattern in patterns)] == []


def sources(package: str) -> list[Path]:
    return sorted((ROOT / PACKAGES[package]).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def owner(name: str) -> str | None:
    parts = name.split(".")
    if parts[0] != "clearance":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "clearance"


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package):
    assert sources(package)
    for path in sources(package):
        for name in imported(path):
            assert owner(name) in {None, package, *MAY_IMPORT[package]}, f"{path} imports {name}"
            top = name.split(".")[0]
            assert top not in PACKAGES.values(), f"{path} imports {name}: the installed name starts with clearance"


@pytest.mark.parametrize("package", PACKAGES)
def test_only_what_spark_connect_has_too(package):
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"sparkContext", "_jvm", "_jdf", "_jsparkSession", "rdd", "_sc"}, (
                    f"{path}:{node.lineno} uses {node.attr}"
                )


def test_only_jobs_touch_a_session():
    for package in ("clearance", "classifiers", "tokenization", "governance"):
        for path in sources(package):
            assert not [name for name in imported(path) if name.split(".")[0] in {"pyspark", "delta", "py4j"}], path


def test_no_job_is_named_after_the_standard_library():
    """``python jobs/cli.py`` puts jobs/ first on the path: a module called tokenize there would break Python itself."""
    for path in (ROOT / "jobs").glob("*.py"):
        assert path.stem == "__init__" or path.stem not in sys.stdlib_module_names, path


def test_files_stay_small():
    for package in PACKAGES:
        for path in sources(package):
            assert len(path.read_text().splitlines()) <= 500, path


HEAVY = {"pyspark", "pyarrow", "pandas", "numpy", "presidio_analyzer", "spacy", "onnxruntime", "openlineage"}


def test_a_check_loads_nothing_heavy(project):
    """A gate in a build asks often: a whole check, label and verdict included, in a process that loads only this."""
    (project.path / "t.csv").write_text("a\n1\n")
    script = (
        "import json, sys\n"
        "from clearance.jobs.cli import run\n"
        "code = run(['check', 't.csv', '--solution', 'public-bot'])\n"
        f"print(json.dumps([code, sorted(set(m.split('.')[0] for m in sys.modules) & {HEAVY!r})]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=project.path, env=project.env, capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == [5, []], done.stderr


def test_a_check_of_a_labelled_dataset_loads_nothing_heavy(project):
    from clearance.governance.audit import Audit
    from clearance.governance.identity import dataset_identity
    from clearance.governance.observation import observe
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry

    path = project.path / "t.csv"
    path.write_text("a\n1\n")
    nothing = {"level": "public", "categories": [], "regimes": [], "subjects": []}
    row = {
        "dataset": dataset_identity(str(path)).key,
        "version": observe(str(path)).version,
        "kind": "source",
        "label": nothing,
        "columns": {"a": {**nothing, "entity_types": []}},
        "policy_digest": load_policy(None).label_digest,
        "policy_path": "default",
        "observation": observe(str(path)).to_dict(),
        "facts": {},
        "reasons": {},
        "looked": {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}},
    }
    run_id = "0190aaaa-0000-7000-8000-000000000000"
    with Audit(Registry(project.home)).filing("label", [("labels", row)], run_id=run_id, dataset=row["dataset"]):
        pass
    script = (
        "import json, sys\n"
        "from clearance.jobs.cli import run\n"
        "code = run(['check', 't.csv', '--solution', 'public-bot', '--format', 'json'])\n"
        f"print(json.dumps([code, sorted(set(m.split('.')[0] for m in sys.modules) & {HEAVY!r})]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=project.path, env=project.env, capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []], done.stderr + done.stdout
