"""Resolves ``pyproject.toml`` into ``requirements.lock``: one file for every supported Python, with hashes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"]
    command += ["--group", "dev", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"]
    command += ["--no-emit-index-url", "--quiet", "--output-file", "requirements.lock", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
