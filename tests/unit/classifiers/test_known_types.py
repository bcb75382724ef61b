"""A rule for a type or detector that there is not is an error, told with its place and the name that was meant."""

from importlib import resources

import pytest

from clearance.classifiers import load_engine
from clearance.classifiers.detectors import load_detectors
from clearance.classifiers.known_types import require_known_names
from clearance.classifiers.yaml_files import RulesFile
from clearance.errors import UsageError

DETECTOR = """detectors:
  - name: Staff
    entity_type: STAFF_NO
    score: 0.5
    pattern: 'S\\d{4}'
    match: [S1234]
    no_match: ["1234"]
"""


@pytest.mark.parametrize(
    ("rules", "told", "meant"),
    [
        (
            "  thresholds:\n    PERSN: 0.5\n",
            "line 3: resolution.thresholds.PERSN: nothing finds the type PERSN",
            "PERSON",
        ),
        ("  precedence: {US_SNN/model: 90}", "line 2: resolution.precedence.US_SNN/model", "US_SSN"),
        (
            "  allow:\n    - of: [PERSON]\n      values: [a]\n    - of:\n        - '*'\n        - EMAIL_ADRESS\n"
            "      values: [canary]",
            "line 7: resolution.allow.1.of.1",
            "EMAIL_ADDRESS",
        ),
        ("  nonsense: {A: {of: [PHONE_NUMBR], value: canary}}", "line 2: resolution.nonsense.A.of.0", "PHONE_NUMBER"),
        ("  hot_words: [{of: [LOCATON], words: [a], raise_by: 0.1}]", "resolution.hot_words.0.of.0", "LOCATION"),
        ("  merge: {A: {of: [PERSON], into: PERSONS, between: ' '}}", "resolution.merge.A.into", "PERSON"),
        (
            "  thresholds:\n    PERSON/model: 0.5\n    PERSON/modell: 0.9\n",
            "line 4: resolution.thresholds.PERSON/modell: no detector is called modell",
            "model",
        ),
        (
            "  precedence: {'*/phonerecogniser': 90}",
            "line 2: resolution.precedence.*/phonerecogniser",
            "PhoneRecognizer",
        ),
        (
            "  exclusion_words: [{of: [US_SSN/UsSnRecognizer], words: [a]}]",
            "resolution.exclusion_words.0.of.0",
            "UsSsn",
        ),
    ],
)
def test_a_rule_for_an_unknown_type_is_told_with_its_place(rules: str, told: str, meant: str) -> None:
    with pytest.raises(UsageError) as error:
        load_engine(ner=None, detectors=[RulesFile("ours.yaml", f"resolution:\n{rules}")])
    assert told in error.value.message and "ours.yaml" in error.value.message
    assert f"did you mean {meant}" in error.value.hint
    assert "canary" not in str(error.value)


def test_types_of_any_language_model_or_file_of_the_load_are_known() -> None:
    rules = RulesFile(
        "rules.yaml",
        "resolution:\n  thresholds: {STAFF_NO: 0.4, IN_PAN: 0.6, NRP: 0.2, LOCATION/model: 0.6, '*': 0.3, HUE: 0.2}\n"
        "  deny: [{entity_type: CODE_NAME, values: [a]}]\n  precedence: {CODE_NAME: 90}\n  merge: {Name: null}\n",
    )
    require_known_names([RulesFile("staff.yaml", DETECTOR), rules], ["HUE"])
    with pytest.raises(UsageError, match="STAFF_NO"):
        require_known_names([rules], ["HUE"])


def test_detectors_of_any_file_region_or_plug_in_are_known() -> None:
    rules = RulesFile(
        "rules.yaml",
        "resolution:\n  thresholds: {STAFF_NO/Staff: 0.4, IN_PAN/InPanRecognizer: 0.6, PERSON/rampart: 0.6}\n"
        "  precedence: {'*/DenyList': 150, LOCATION/Countries: 20, 'PERSON/spacy:xx_any': 50, '*/presidio:a:B': 40}\n",
    )
    require_known_names([RulesFile("staff.yaml", DETECTOR), rules])
    with pytest.raises(UsageError, match="Staff"):
        require_known_names([rules], ["STAFF_NO"])


def test_a_packaged_rule_names_no_detector_that_there_is_not() -> None:
    packaged = resources.files("clearance.classifiers").joinpath("resolution.yaml").read_text(encoding="utf-8")
    require_known_names([RulesFile("resolution.yaml", packaged)])


def test_a_wrong_detector_is_told_with_its_line() -> None:
    wrong = DETECTOR + DETECTOR.partition("\n")[2].replace("Staff", "Other").replace("'S", "'S(")
    with pytest.raises(UsageError, match=r"ours\.yaml, line 8: detector Other: not a valid pattern"):
        load_detectors(files=[RulesFile("ours.yaml", wrong)])
