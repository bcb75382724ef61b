"""Texts that a pattern can't tell apart: what it finds in one, it finds in all."""

import string
from random import Random

import numpy as np
import pytest
import regex
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.alphabets import alphabet_of, alphabet_of_classes, kinds_of, places_in_alike
from clearance.classifiers.detectors import load_detectors, packaged_files
from clearance.classifiers.hit_columns import HitColumns
from clearance.classifiers.presidio_patterns import runner_for
from clearance.classifiers.recognizers import build_recognizer, recognizer_entries
from clearance.classifiers.weblinks import EMAIL_ALPHABET, email_places


def every_pattern() -> list[regex.Pattern[str]]:
    """Each of Presidio's, whatever its region, and each of ours."""
    found = [detector.pattern for detector in load_detectors()]
    for entry in recognizer_entries()[0]:
        language = sorted(entry.languages)[0] if entry.languages else "en"
        runner = runner_for(build_recognizer(entry, language)) if entry.use != "never" else None
        found += [pattern.compiled for pattern in runner.patterns] if runner is not None else []
    return found


PATTERNS = [pattern for pattern in every_pattern() if alphabet_of(pattern) is not None]
PIECES = [
    "DE89370400440532013000", "4111 1111 1111 1111", "078-05-1120", "(212) 555-0182", "+49 30 5550 1234", "a.b-c@x.org",
    "AB123456C", "1HGCM82633A004352", "10.0.0.1", "2021-03-04", "no. 4471", "\n", "\x1c", "_", "A1B2", "12345678-A",
]  # fmt: skip
texts = st.builds(
    "".join, st.lists(st.one_of(st.sampled_from(PIECES), st.text(string.printable, max_size=6)), max_size=3)
)


def test_most_patterns_have_an_alphabet() -> None:
    assert len(PATTERNS) > 0.6 * len(every_pattern())


@settings(max_examples=30, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_a_pattern_finds_the_same_in_what_it_can_not_tell_apart(text: str, random: Random) -> None:
    for pattern in PATTERNS:
        alphabet = alphabet_of(pattern)
        assert alphabet is not None
        others = [[chr(point) for point in np.flatnonzero(alphabet == alphabet[ord(each)])] for each in text]
        other = "".join(random.choice(some) for some in others)
        assert [match.regs for match in pattern.finditer(other)] == [match.regs for match in pattern.finditer(text)]


@settings(max_examples=60, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_so_does_the_walk_over_at_signs(text: str, random: Random) -> None:
    others = [np.flatnonzero(EMAIL_ALPHABET[ord(each)] == EMAIL_ALPHABET) for each in text]
    other = "".join(chr(random.choice(some.tolist())) for some in others)
    assert list(email_places(other)) == list(email_places(text))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\d)\1",  # the same digit again
        r"[[:alpha:]]{3}",
        r"\p{Lu}{2}",
        "stra\u00dfe",
        r"[a-\u017f]+",  # of which one is an s in another case
        r"x(?i:owner)",
    ],
)
def test_what_sees_more_than_classes_has_no_alphabet(pattern: str) -> None:
    assert alphabet_of(regex.compile(pattern)) is None


def test_case_is_a_class_only_to_a_pattern_that_minds_it() -> None:
    cased, caseless = (alphabet_of(regex.compile(r"[A-F]\d", flags)) for flags in (0, regex.IGNORECASE))
    assert cased is not None and caseless is not None
    assert cased[ord("a")] == cased[ord("x")] != cased[ord("A")]
    assert caseless[ord("a")] == caseless[ord("A")] != caseless[ord("x")]


def test_kinds_are_counted_as_they_come() -> None:
    digits = alphabet_of_classes([string.digits])
    assert kinds_of(["12", "a1", "34", "", "b", "-7", ""], digits).tolist() == [0, 1, 0, 2, 3, 1, 2]


def numbers(kinds: int) -> list[str]:
    return ["7" * (1 + row % kinds) + "-" + "1" * (row % 3) for row in range(300)]


def test_what_is_long_or_not_ascii_is_left_and_rows_keep_their_order() -> None:
    some = numbers(4)
    some[10], some[20], some[30] = "\u0661" * 3, "1" * 100, "?"
    pattern = regex.compile(r"\d+")
    places, rest = places_in_alike(
        pattern,
        some,
        range(5, 300),
        lambda text: None if text == "?" else [match.span() for match in pattern.finditer(text)],
    )
    assert rest == [10, 20, 30]
    expected = [
        (row, *match.span()) for row in range(5, 300) if row not in rest for match in pattern.finditer(some[row])
    ]
    assert list(zip(*places, strict=True)) == expected


def test_nothing_is_gained_where_few_are_alike() -> None:
    some = [f"{row:b}".replace("1", "x") for row in range(300)]
    asked: list[str] = []
    places, rest = places_in_alike(regex.compile("x0"), some, range(300), lambda text: asked.append(text))
    assert (places.rows, list(rest), asked) == ([], list(range(300)), [])


EXAMPLES = {
    entry["name"]: [text for text in [*entry["match"], *entry["no_match"]] if len(text) < 40]
    for _, file in packaged_files()
    for entry in yaml.safe_load(file)["detectors"]
}


def test_a_detector_finds_in_many_what_it_finds_in_each() -> None:
    for detector in load_detectors():
        for text in EXAMPLES.get(detector.name, ()):
            some = [text, f" {text}", f"{text}. {text}"]
            hits = HitColumns()
            detector.add_hits(hits, some * 30, range(90))
            by_row = hits.by_row()
            found = [sorted(span for _, span in by_row.get(row, ())) for row in range(90)]
            assert found == 30 * list(map(detector.spans, some)), detector.name
