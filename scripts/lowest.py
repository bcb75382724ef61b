"""Runs the unit tests with the lowest versions that ``pyproject.toml`` allows: whoever has one of them can rely on it.

``lowest.py VENV [pytest's arguments]`` makes the environment anew; what only tests need comes as new as fits.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path) -> None:
    """Runs a command; its failure is ours."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    venv = ROOT / sys.argv[1]
    python, lowest = venv / "bin" / "python", venv / "lowest.txt"
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv)
    resolve = ("pip", "compile", "pyproject.toml", "--all-extras", "--resolution", "lowest-direct")
    run(*uv, *resolve, "--python", python, "--quiet", "--no-header", "--no-annotate", "--output-file", lowest)
    run(*uv, "pip", "install", "--quiet", "--python", python, "--requirements", lowest, "--editable", ".")
    # Presidio's other packages serve benchmarks only, and want other versions of what they share with us.
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["dev"]
    tools = [tool for tool in tools if not tool.startswith("presidio-")]
    run(*uv, "pip", "install", "--quiet", "--python", python, "--constraints", lowest, *tools)
    run(python, "-m", "pytest", *(sys.argv[2:] or ("tests/unit", "-q")))
