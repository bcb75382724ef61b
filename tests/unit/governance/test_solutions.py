"""Solution profiles: strict, each with its own name, and nothing assumed that is not said."""

from pathlib import Path

import pytest

from clearance.errors import PolicyError
from clearance.governance.solutions import load_solutions

BOT = """\
name: public-bot
owner: web-team@example.org
hosting: public
clearance: internal
usage: [inference]
regimes: [GDPR, CCPA]
"""


def test_a_profile_is_read_and_what_is_not_said_stays_unknown(tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text(BOT)
    bot = load_solutions(tmp_path / "bot.yaml")["public-bot"]
    assert (bot.hosting, bot.clearance, bot.usage) == ("public", "internal", {"inference"})
    assert bot.regimes == {"GDPR", "CCPA"}
    assert bot.purposes is None and bot.regions is None and bot.environment is None


def test_an_empty_list_is_not_the_same_as_nothing_said(tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text(BOT.replace("[GDPR, CCPA]", "[]"))
    assert load_solutions(tmp_path / "bot.yaml")["public-bot"].regimes == frozenset()


def test_a_key_with_nothing_behind_it_is_nothing_said(tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text(BOT.replace("[GDPR, CCPA]", ""))
    assert load_solutions(tmp_path / "bot.yaml")["public-bot"].regimes is None


def test_a_single_usage_needs_no_list(tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text(BOT.replace("[inference]", "inference"))
    assert load_solutions(tmp_path / "bot.yaml")["public-bot"].usage == {"inference"}


def test_a_folder_and_a_list_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BOT)
    (tmp_path / "b.yml").write_text(
        "solutions:\n"
        "  - {name: ranker, owner: ml, hosting: private, clearance: restricted, usage: [training]}\n"
        "  - {name: helper, owner: ml, hosting: vendor, clearance: confidential, usage: [rag]}\n"
    )
    (tmp_path / "notes.txt").write_text("not a profile")
    assert sorted(load_solutions(tmp_path)) == ["helper", "public-bot", "ranker"]


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text(BOT)
    with pytest.raises(PolicyError, match="unknown solution 'public-bto'") as caught:
        load_solutions(tmp_path)["public-bto"]
    assert "did you mean 'public-bot'?" in caught.value.hint


def test_a_name_used_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BOT)
    (tmp_path / "b.yaml").write_text(BOT)
    with pytest.raises(PolicyError, match=r"b\.yaml:1: .*already at .*a\.yaml:1"):
        load_solutions(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("hosting: public", "hosting: cloud", "bot.yaml:3: hosting: unknown name 'cloud'", "private"),
        ("[inference]", "[inferrence]", "bot.yaml:5: usage", "did you mean 'inference'?"),
        ("[inference]", "[]", "bot.yaml:5: usage", ""),
        ("owner: web-team@example.org\n", "", "owner: missing", "add it"),
        ("owner: web-team@example.org", "owner: ''", "bot.yaml:2: owner", ""),
        ("owner:", "onwer: x\nowner:", "bot.yaml:2: onwer: unknown key", "did you mean 'owner'?"),
        ("[GDPR, CCPA]", "[GDPR, 1]", "bot.yaml:6: regimes: a list of names", ""),
        ("clearance: internal", "clearance: internal\nclearance: restricted", "bot.yaml:5: the key 'clearance'", ""),
        ("clearance: internal", "clearance: [internal]", "bot.yaml:4: clearance", ""),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_hint(
    old: str, new: str, message: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "bot.yaml").write_text(BOT.replace(old, new, 1))
    with pytest.raises(PolicyError) as caught:
        load_solutions(tmp_path)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_error_in_a_list_is_on_the_line_of_its_item(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(
        "solutions:\n"
        "  - {name: ranker, owner: ml, hosting: private, clearance: restricted, usage: [training]}\n"
        "  - {name: helper, owner: ml, hosting: nowhere, clearance: confidential, usage: [rag]}\n"
    )
    with pytest.raises(PolicyError, match=r"all\.yaml:3: hosting: unknown name 'nowhere'"):
        load_solutions(tmp_path)


@pytest.mark.parametrize("text", ["solutions: []\n", "solutions: {}\n", "solutions:\n", f"solutions: []\n{BOT}"])
def test_a_list_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(text)
    with pytest.raises(PolicyError, match="a list of profiles"):
        load_solutions(tmp_path)


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no solution profiles here"):
        load_solutions(tmp_path)
    with pytest.raises(PolicyError, match="no such file"):
        load_solutions(tmp_path / "none.yaml")
