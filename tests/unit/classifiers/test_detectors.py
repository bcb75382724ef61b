"""The packaged detectors beyond their own examples: quiet on plain prose, linear, in step with python-stdnum."""

import re
from functools import cache

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clearance.classifiers.checks import CHECKS, looks_random, shannon_entropy
from clearance.classifiers.detectors import Detector, load_detectors, packaged_files
from clearance.classifiers.identifiers import stdnum_check

JUDGMENT = """
1. The case originated in an application (no. 36110/97) against the Republic lodged with the Court by two nationals.
The applicants alleged a breach of Article 6 § 1 and Article 1 of Protocol No. 1. By a decision the Chamber declared the
application partly admissible. See, mutatis mutandis, paragraphs 45-47 of that judgment, cited above, Series A no. 3-B,
and ECHR 1999-V, § 62; cf. applications nos. 12345/86 and 40035/98. The Regional Court awarded EUR 12,500 in respect of
non-pecuniary damage, EUR 3,241.50 for costs, and default interest of 3%. In 1998 Supreme Court judges held, in file
no. II Ca 123/94, that section 18(2) of the 1964 Code applied. The register entry (rejstřík 27 C 103/2001-55) was
quashed; the appeal, case no. 7 U 2043/99, was dismissed by six votes to one.
"""
CHAT = """
hi, my password is not working and the reset link has expired. the password was changed yesterday, please help!
call me maybe 5 times, i will pick up. order number 4711-0815 arrived, tracking says 3 of 4 parcels.
what is the secret of good bread? the key is time. token of appreciation: none. session was great.
my old car is 12 years of trouble, version 10.0.19041.1 of the driver, build 20240101.
i have 2 cats, aged beyond repair lol. room A12.3, gate B12, seat 14C. swift answer, thanks. grade a office?
the pin is on the map. score 21-15, 19-21, 15-13. the sum is 1,234,567.89, ratio 0.12345, 0.67890 and 0.11111.
"""
CODE = """
primary_key = customer_account_number
sort_key: "last_modified_timestamp"
url = "https://example.org:8443/path/to/page.html?lang=en&page=2#top"
for token in tokens: count[token] += 1
password = getpass.getpass  # noqa
git commit 3f786850e387550fdab836ed7e6dc881de23001b
"""


@cache
def _examples() -> dict[str, list[str]]:
    entries = [entry for _, text in packaged_files() for entry in yaml.safe_load(text)["detectors"]]
    return {entry["name"]: [*entry["match"], *entry["no_match"]] for entry in entries}


def _by_name(name: str) -> Detector:
    return next(detector for detector in load_detectors() if detector.name == name)


#: Types that such prose really holds, or that say too little to matter.
HARMLESS = {"DATE_TIME", "NRP", "LOCATION", "CASE_NUMBER", "ORGANIZATION"}


@pytest.mark.parametrize("text", [JUDGMENT, CHAT], ids=["judgment", "chat"])
def test_plain_prose_has_nothing_to_hide(text: str) -> None:
    found = [(d.name, text[s.start : s.end]) for d in load_detectors() for s in d.spans(text)]
    assert [item for item in found if _by_name(item[0]).entity_type not in HARMLESS] == []


def test_plain_code_has_no_secrets() -> None:
    # An assignment to the password is one, whatever it assigns.
    assert {d.name for d in load_detectors() if any(d.spans(CODE))} <= {"PasswordAssignment"}


@pytest.mark.parametrize("detector", load_detectors(), ids=lambda detector: detector.name)
def test_a_pattern_is_done_in_time_with_long_repetitions_of_its_own_examples(detector: Detector) -> None:
    """100,000 characters each; a pattern that runs out of its time raises DetectionError."""
    examples = _examples().get(detector.name, ["United Kingdom"])
    pieces = {
        examples[0],
        examples[0] + " ",
        examples[0][:-1],
        examples[0][: len(examples[0]) // 2],
        examples[-1] + " ",
    }
    for piece in sorted(pieces - {""}):
        text = (piece * (100_000 // len(piece) + 1))[:100_000]
        assert all(0 <= span.start < span.end <= len(text) for span in detector.spans(text))


def test_a_long_word_beside_the_parties_of_a_case_is_not_read_from_each_of_its_letters() -> None:
    parties = next(detector for detector in load_detectors() if detector.name == "PartyBeforeVersus")
    assert [span.end for span in parties.spans("A," * 100_000 + " the court in Halvorsen v Greene")] == [200_023]


@pytest.mark.parametrize(
    ("name", "begin", "blank"),
    [
        ("InstructionOverride", "ignore the previous", " "),
        ("WordsForModels", "note", "\n"),
        ("WordsForModels", "", "\n"),
    ],
)
def test_blanks_in_an_instruction_are_not_read_from_each_of_them(name: str, begin: str, blank: str) -> None:
    """A text with many of them voided its scan; the longest that is looked at in one."""
    detector = _by_name(name)
    assert detector.spans(begin + blank * 100_000) == []


@pytest.mark.parametrize("detector", [d for d in load_detectors() if d.context is not None], ids=lambda d: d.name)
def test_context_never_lowers_a_score(detector: Detector) -> None:
    for text in _examples()[detector.name]:
        scores = {span.score for span in detector.spans(text)}
        assert scores <= {detector.score, detector.base_score}
        if detector.base_score is None and detector.context is not None:
            blanked = detector.context.sub(lambda match: "#" * len(match.group()), text)
            assert list(detector.spans(blanked)) == []


#: Their numbers have nothing but a form, so a word must be near, or the score is low.
NO_CHECK_DIGIT = {"InPan", "PkIdentityCard"}


def _national() -> list[Detector]:
    names = [
        entry["name"]
        for _, text in packaged_files()
        for entry in yaml.safe_load(text)["detectors"]
        if entry.get("validate", "").startswith("stdnum.")
    ]
    return [detector for detector in load_detectors() if detector.name in names]


@pytest.mark.parametrize("detector", _national(), ids=lambda detector: detector.name)
def test_national_numbers_agree_with_stdnum_digit_by_digit(detector: Detector) -> None:
    """Whatever one changed digit makes of a valid number, the detector says what the module's check says."""
    assert detector.validate is not None
    examples = [text for text in _examples()[detector.name] if any(detector.spans(text))]
    text = examples[0]
    span = next(iter(detector.spans(text)))
    value = text[span.start : span.end]
    agreed = refused = 0
    for place, character in enumerate(value):
        if not character.isdigit():
            continue
        other = value[:place] + str((int(character) + 1) % 10) + value[place + 1 :]
        changed = text[: span.start] + other + text[span.end :]
        hit = any(s.start == span.start and s.end == span.end for s in detector.spans(changed))
        agreed += not hit or detector.validate(other)
        refused += not hit
    assert agreed == sum(character.isdigit() for character in value)
    assert refused >= 1 or detector.name in NO_CHECK_DIGIT


@given(st.text(max_size=30) | st.from_regex(r"[0-9A-Z./\- ]{5,20}", fullmatch=True))
def test_checks_raise_nothing(text: str) -> None:
    modules = {entry["validate"][7:] for entry in _entries() if entry.get("validate", "").startswith("stdnum.")}
    for module in sorted(modules):
        check = stdnum_check(module)
        assert check is not None
        assert check(text) in (True, False)
    for check in CHECKS.values():
        assert check(text) in (True, False)


@cache
def _entries() -> tuple[dict[str, str], ...]:
    return tuple(entry for _, text in packaged_files() for entry in yaml.safe_load(text)["detectors"])


NETWORKS_TEST_NUMBERS = (
    "4111 1111 1111 1111|4222222222222|5555-5555-5555-4444|2223003122003222|378282246310005|3530111333300000"
    "|30569309025904|6011111111111117|6205500000000000004|501800000009|6759649826438453"
)


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        *((number, True) for number in NETWORKS_TEST_NUMBERS.split("|")),
        # A wrong digit, a wrong length, no network.
        *(
            (number, False)
            for number in ["4111111111111112", "411111111111116", "0000000000000000", "1234567812345670"]
        ),
    ],
)
def test_cards_of_all_networks(number: str, fits: bool) -> None:
    assert CHECKS["payment_card"](number) is fits


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("singapore_nric", "S1234567D", "S1234567E"),
        ("singapore_nric", "F1234567N", "F1234567M"),
        ("german_pension_number", "15070649C103", "15070649D103"),
        ("australian_medicare", "2123456701", "2123456711"),
        ("bic", "DEUTDEFF500", "DEUTXXFF"),
        ("calendar_date", "29.02.2024", "29.02.2023"),
        ("calendar_date", "03/15/1989", "15/15/1989"),
        ("coordinates", "48.85837, -2.29448", "91.00000, 10.00000"),
        ("base58check", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"),
        ("random", "q8Zr2Wm5Tx9Lb4Nc7Vd1", "customer_account_number"),
        ("random", "4f9a1c7e2b8d6035", "1111222233334444"),
    ],
)
def test_checks_tell_good_from_bad(check: str, good: str, bad: str) -> None:
    assert CHECKS[check](good)
    assert not CHECKS[check](bad)


def test_entropy() -> None:
    assert shannon_entropy("") == 0
    assert shannon_entropy("aaaa") == 0
    assert shannon_entropy("0123456789abcdef") == pytest.approx(4)
    assert not looks_random("short1")


def test_gates_are_patterns_that_a_one_pass_matcher_takes() -> None:
    hyperscan = pytest.importorskip("hyperscan", reason="no wheel of hyperscan for this platform")
    gates = [simple for detector in load_detectors() for simple in detector.gate]
    assert all(simple.isascii() and re.compile(simple) for simple in gates)
    flags = [hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_CASELESS] * len(gates)
    hyperscan.Database().compile(expressions=[simple.encode() for simple in gates], flags=flags)
