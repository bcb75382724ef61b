"""Declarations of detectors: read strictly, tried on their examples, and refused with where and why."""

from pathlib import Path

import pytest

from clearance.classifiers.detectors import Detector, detectors_digest, load_detectors
from clearance.classifiers.gates import Needs
from clearance.errors import DetectionError, UsageError

GOOD = """
detectors:
  - name: Badge
    entity_type: STAFF_BADGE
    score: 0.8
    base_score: 0.3
    pattern: '\\b[A-Z]{2}-\\d{4}\\b'
    context: [badge, staff*, id card]
    exclude: [invoice]
    window: 20
    match: ["badge AB-1234"]
    no_match: ["invoice AB-1234", "AB-12345"]
"""


def _load(folder: Path, text: str) -> Detector:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    packaged = {detector.name for detector in load_detectors()}
    (own,) = [detector for detector in load_detectors("en", [path]) if detector.name not in packaged]
    return own


def _scores(detector: Detector, text: str) -> list[float]:
    return [span.score for span in detector.spans(text)]


def test_a_users_file_adds_detectors_and_changes_the_digest(tmp_path: Path) -> None:
    own = _load(tmp_path, GOOD)
    assert (own.name, own.entity_type, own.needs) == ("Badge", "STAFF_BADGE", Needs())
    assert detectors_digest([tmp_path / "own.yaml"]) != detectors_digest()
    assert detectors_digest() == detectors_digest([])


def test_a_pattern_may_come_in_pieces_with_shared_ones(tmp_path: Path) -> None:
    pieces = "pattern:\n      - '\\b'\n      - &two '[A-Z]{2}'\n      - '-'\n      - *two\n      - '\\b'"
    declared = (
        GOOD.replace("pattern: '\\b[A-Z]{2}-\\d{4}\\b'", pieces).replace("-1234", "-QX").replace("-12345", "-QXX")
    )
    assert _load(tmp_path, declared).pattern.pattern == r"\b[A-Z]{2}-[A-Z]{2}\b"


def test_words_near_a_match_decide_its_score(tmp_path: Path) -> None:
    own = _load(tmp_path, GOOD)
    assert _scores(own, "AB-1234") == [0.3]
    assert _scores(own, "my Badge: AB-1234") == [0.8]
    assert _scores(own, "AB-1234 (staffing)") == [0.8]
    assert _scores(own, "id_card=AB-1234, id-card") == [0.8]
    # Not as a part of another word, not beyond the window, and only the match that has it near.
    assert _scores(own, "badger AB-1234") == [0.3]
    assert _scores(own, "badge" + " " * 30 + "AB-1234") == [0.3]
    assert _scores(own, "badge AB-1234" + " " * 40 + "AB-1234") == [0.8, 0.3]
    assert _scores(own, "badge AB-1234 of the invoice") == []
    # A word that begins inside the window counts though it ends outside, one that begins outside does not.
    assert _scores(own, "AB-1234" + " " * 17 + "badge") == [0.8]
    assert _scores(own, "AB-1234" + " " * 20 + "badge") == [0.3]


def test_without_a_base_score_a_word_is_required_and_needed(tmp_path: Path) -> None:
    own = _load(tmp_path, GOOD.replace("    base_score: 0.3\n", ""))
    assert _scores(own, "AB-1234") == []
    assert _scores(own, "badge AB-1234") == [0.8]
    assert own.needs == Needs(any=("badge", "id", "staff"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("score: 0.8\n", "score: 0.8\n    scores: 1\n", "detector Badge: unknown key scores"),
        ("    entity_type: STAFF_BADGE\n", "", "detector Badge: missing entity_type"),
        ("score: 0.8\n", "score: '0.8'\n", "detector Badge: score is not of type int or float"),
        ("score: 0.8\n", "score: true\n", "detector Badge: score is not of type"),
        ("score: 0.8\n", "score: 1.8\n", "a score is above 0 and at most 1"),
        ("base_score: 0.3", "base_score: 0.9", "base score below the score"),
        ("context: [badge, staff*, id card]", "group: 0", "a base score without context"),
        ("window: 20", "group: 1", "no group 1"),
        ("window: 20", "flags: upper", "unknown flags"),
        ("window: 20", "validate: luhm", "unknown check 'luhm'"),
        ("window: 20", "validate: stdnum.os.system", "unknown check"),
        ("window: 20", "needs: {letters: 2}", "needs: unknown key letters"),
        ("window: 20", "gate: ['(']", "not a valid pattern"),
        ("{2}-", "{2}-(", "not a valid pattern at"),
        ("window: 20", "window: 20\n    window: 30", "line 11: a key is given twice"),
        ("name: Badge", "name: VinWithCheckDigit", "VinWithCheckDigit is declared twice"),
        ("exclude: [invoice]", "exclude: ['']", "a word of exclude is empty"),
        ("exclude: [invoice]", "exclude: [7]", "exclude holds what is not a text"),
        ('match: ["badge AB-1234"]', "match: []", "has no examples"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_file_and_name(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    assert "own.yaml" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "detectors: 3", "detectors: []\nextra: 1", "detectors: ["])
def test_what_is_no_list_of_detectors_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"own\.yaml"):
        _load(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml"):
        load_detectors("en", [tmp_path / "none.yaml"])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('match: ["badge AB-1234"]', 'match: ["badge AB-1234", "badge 1234"]', "match 2"),
        ('"AB-12345"]', '"AB-1234"]', "no_match 2"),
        ("window: 20", "needs: {digits: 5}", "needs or gate, in match 1"),
        ("window: 20", "gate: ['ZZ-']", "needs or gate, in match 1"),
    ],
)
def test_a_detector_that_fails_its_examples_does_not_load(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(DetectionError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    assert "own.yaml, line 3: detector Badge fails its own examples" in str(caught.value)
    assert told in str(caught.value)
    # Which example, not what it says: a user's examples may be taken from their data.
    assert "1234" not in str(caught.value)
