"""Type-checks the wheel that users get: checkers can't follow the editable mapping of folders to packages."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "typecheck"


def run(command: list[str], **where: Path) -> None:
    """Runs a command; its failure is ours."""
    done = subprocess.run(command, check=False, **where)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    shutil.rmtree(PLACE, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(PLACE / "dist"), str(ROOT)])
    wheel = next((PLACE / "dist").glob("clearance-*.whl"))
    run([*pip, "install", "--no-deps", "--target", str(PLACE / "site"), str(wheel)])
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "clearance"]
    run(mypy, cwd=PLACE / "site")
