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
NEEDED = "import clearance.jobs.cli, clearance.jobs.tasks, clearance.classifiers.engine, clearance.jobs.commands.scan"
ROOT = Path(__file__).resolve().parent.parent


def stop(message: str) -> None:
    """One line that says what is missing and what to do."""
    sys.exit(f"error: {message}")


def require_python() -> None:
    """Stops unless this Python can make environments; the Makefile has looked at its version."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python lacks the venv module; on Debian and Ubuntu: apt-get install python3-venv")


def require_java() -> None:
    """Stops unless Spark will find a Java that it can run on."""
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else shutil.which("java")  # noqa: PTH118
    fix = f"install a JDK {JAVA} or newer, or point JAVA_HOME at one"
    if not java or not os.path.exists(java):  # noqa: PTH110
        stop(f"Java is missing ({f'JAVA_HOME is {home}' if home else 'no java on PATH'}); {fix}")
        return
    said = subprocess.run([java, "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version.group(1)) < JAVA:
        stop(f"Java {JAVA} or newer is needed, this is {version.group(1) if version else 'unknown'}; {fix}")


def install(venv: Path) -> None:
    """Makes the environment anew: the locked packages with their hashes, then Clearance from this folder."""
    python = venv / "bin" / "python"
    # A set-up that was killed may have left a Python without pip: begin anew then.
    if not python.exists() or subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode:
        print(f"creating {venv} (once; a few minutes)", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # Of 17,000 modules Clearance needs some 1,400: those are compiled here, others when they are first imported.
    run([*pip, "install", "--no-compile", "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements.lock")])
    run([*pip, "install", "--no-compile", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    run([str(python), "-c", NEEDED])
    print(f"ready; `. {venv.name}/bin/activate` puts clearance on your path", flush=True)


def run(command: list[str]) -> None:
    """Runs a command; its failure is ours."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}, check=False)
    if done.returncode:
        stop(f"{' '.join(command[:4])} ... failed; what it said is above")


if __name__ == "__main__":
    require_python()
    if sys.argv[1:] == ["--java"]:
        require_java()
    else:
        install(ROOT / sys.argv[1])
