"""What ``clearance init`` makes is there whoever reads what it says of it."""

import click
import pytest

from clearance.jobs.commands import init


def test_all_is_made_even_if_nobody_reads_what_is_said_of_it(tmp_path, monkeypatch):
    def closed(*_: object) -> None:
        raise BrokenPipeError  # as behind `| head -3`

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLEARANCE_SIGNING_KEY_FILE", str(tmp_path / "keys" / "signing.pem"))
    monkeypatch.setattr(click, "echo", closed)
    made = click.Context(init.command)
    with pytest.raises(BrokenPipeError), made:
        made.invoke(init.command, key_file=str(tmp_path / "keys" / "keys.json"), keys=None, home="home", starter=True)
    for name in ("solutions.yaml", "policy.yaml", "keys/keys.json", "keys/signing.pem", "home/.gitignore"):
        assert (tmp_path / name).exists()
