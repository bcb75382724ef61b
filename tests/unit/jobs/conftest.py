"""What tests of commands share that people with keys of their own run."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def with_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., str]], None]:
    """An empty folder to be in, and what enrols three people there by a command line that is called."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLEARANCE_HOME", "CLEARANCE_POLICY", "CLEARANCE_SOLUTIONS", "CLEARANCE_IDENTITY_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def enroll(clearance: Callable[..., str]) -> None:
        for name in ("root", "ann", "bob"):
            clearance("identity", "create", f"{name}.pem")
            clearance("identity", "enroll", name, "--public-key", f"{name}.pub.pem", "--identity-key", "root.pem")

    return enroll
