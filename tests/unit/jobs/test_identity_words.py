"""Errors about a person's own key say how to make one, not how to make the job's."""

from pathlib import Path

import pytest

from clearance.classifiers.catalogue import Listed, find
from clearance.errors import UsageError
from clearance.jobs.cli import run


def test_without_a_key_of_ones_own_the_hint_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "me.pem"
    monkeypatch.setenv("CLEARANCE_IDENTITY_KEY_FILE", str(own))
    (tmp_path / "root.pub.pem").write_text("x")
    asked = ["identity", "enroll", "ann", "--public-key", str(tmp_path / "root.pub.pem"), "--home", str(tmp_path)]
    assert run(asked) == 5
    said = capsys.readouterr().err
    assert str(own) in said and "clearance identity create" in said and "CLEARANCE_IDENTITY_KEY_FILE" in said
    assert "init" not in said
    assert run(["identity", "create"]) == 0
    assert run(["identity", "create"]) == 5
    assert "approvals by it" in capsys.readouterr().err


def test_groups_list_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "--help"]) == 0
    assert "..." not in capsys.readouterr().out.split("Commands:")[1]


def test_a_type_in_the_place_of_a_detector_is_answered_with_who_finds_it() -> None:
    listed = [Listed("CardInGroups", ("CREDIT_CARD",), 1.0, "clearance", None, None, on=True)]
    with pytest.raises(UsageError) as error:
        find("credit_card", listed)
    assert "CardInGroups" in error.value.hint
