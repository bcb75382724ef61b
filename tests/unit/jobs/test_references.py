"""What a reference can't be read with is told before Spark starts."""

from pathlib import Path

import pytest

from clearance.jobs.cli import run


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--version", "3"), "only Delta has versions"),
        (("--timestamp", "2026-01-31 09:00:00"), "only Delta has versions"),
        (("--option", "mode=DROPMALFORMED"), "all of a dataset must be read"),
        (("--input-format", "json", "--option", "multiLine=true"), "multiLine is not allowed"),
    ],
)
@pytest.mark.parametrize("command", [("scan",), ("protect", "--to", "safe")])
def test_no_session_is_started_for_what_can_not_be_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    given: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("CLEARANCE_SIGNING_KEY_FILE", str(tmp_path / "signing.pem"))
    monkeypatch.setattr("clearance.jobs.session.get_session", lambda: pytest.fail("a session"))
    Path("people.csv").write_text("email\nana.silva@example.com\n")
    assert run(["init"]) == 0
    assert run([command[0], "people.csv", *command[1:], *given]) == 2
    assert told in capsys.readouterr().err
