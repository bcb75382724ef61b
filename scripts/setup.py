"""Sets up the virtual environment that the Makefile's targets run in. Plain Python, nothing installed before it.

``setup.py VENV`` installs the locked packages and Clearance; ``setup.py --java`` only looks for a Java.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

JAVA = 17
ROOT = Path(__file__).resolve().parent.parent


def stop(message: str) -> None:
    """One line that says what is missing and what to do."""
    sys.exit(f"error: {message}")


def require_python() -> None:
    """Stops unless this Python is new enough and can make environments."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an old Python meets first
        found = ".".join(map(str, sys.version_info[:3]))
        stop("Python 3.11 or newer is needed, this is %s; say where one is: make PYTHON=/path/to/python3" % found)  # noqa: UP031
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python lacks the venv module; on Debian and Ubuntu: apt-get install python3-venv")


def require_java() -> None:
    """Stops unless Spark will find a Java that it can run on."""
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else shutil.which("java")  # noqa: PTH118
    fix = "install a JDK %d or newer, or point JAVA_HOME at one" % JAVA  # noqa: UP031
    if not java or not os.path.exists(java):  # noqa: PTH110
        stop("Java is missing (%s); %s" % ("JAVA_HOME is " + home if home else "no java on PATH", fix))  # noqa: UP031
        return
    said = subprocess.run([java, "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version.group(1)) < JAVA:
        stop("Java %d or newer is needed, this is %s; %s" % (JAVA, version.group(1) if version else "unknown", fix))  # noqa: UP031


def install(venv: Path) -> None:
    """Makes the environment anew: the locked packages with their hashes, then Clearance from this folder."""
    python = venv / "bin" / "python"
    if not python.exists():
        print(f"creating {venv} (once; a few minutes)", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements.lock")])
    run([*pip, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def run(command: list[str]) -> None:
    """Runs a command; its failure is ours."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        stop(f"{' '.join(command[:4])} ... failed; what it said is above")


if __name__ == "__main__":
    require_python()
    if sys.argv[1:] == ["--java"]:
        require_java()
    else:
        install(ROOT / sys.argv[1])
