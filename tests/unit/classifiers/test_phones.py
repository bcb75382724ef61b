"""Phone numbers: what Presidio's own recognizer finds is what we find, in any text and for any region."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberMatcher
from phonenumbers.phonenumbermatcher import _PATTERN
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from clearance.classifiers.folding import Buffer
from clearance.classifiers.phone_candidates import EXTENSION, PUNCTUATION
from clearance.classifiers.phone_rules import LEAST_DIGITS, Region
from clearance.classifiers.phone_table import LONGEST, PrefixTable
from clearance.classifiers.phones import DEFAULT_REGIONS, PhoneFinder
from clearance.errors import UsageError

#: Regions whose rules differ most: transformed and carrier prefixes, several IDDs, leading zeros kept, +1's islands.
OTHER_REGIONS = (("SG",), ("AU", "NZ"), ("AR", "IT", "JP"), ("AG", "GG", "MX", "SM"))
FORMATS = (
    PhoneNumberFormat.E164,
    PhoneNumberFormat.INTERNATIONAL,
    PhoneNumberFormat.NATIONAL,
    PhoneNumberFormat.RFC3966,
)


@cache
def reference(regions: tuple[str, ...]) -> PhoneRecognizer:
    return PhoneRecognizer(supported_regions=regions)


@cache
def finder(regions: tuple[str, ...], *, with_table: bool) -> PhoneFinder:
    made = PhoneFinder(regions)
    if with_table:
        made.candidates(["1234 " * 100_000])
    return made


def expected(text: str, regions: tuple[str, ...] = DEFAULT_REGIONS) -> list[tuple[int, int]]:
    return sorted((result.start, result.end) for result in reference(regions).analyze(text, ["PHONE_NUMBER"]))


def assert_same(text: str, regions: tuple[str, ...] = DEFAULT_REGIONS) -> None:
    want = expected(text, regions)
    for with_table in (False, True):
        ours = finder(regions, with_table=with_table)
        assert ours.spans(text) == want
        assert ours.candidates([text])[0] or not want
        buffer = Buffer.of([text])
        assert len(ours.candidate_rows(np.frombuffer(buffer.data, np.uint8), buffer.ends)) or not want


def examples(regions: tuple[str, ...]) -> list[str]:
    """The example numbers of the metadata, as they are written at home and abroad."""
    numbers = [
        number
        for region in regions
        for kind in range(11)
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    ]
    written = [phonenumbers.format_number(number, style) for number in numbers for style in FORMATS]
    dialled = [f"{idd}{number.country_code}{number.national_number}" for number in numbers for idd in ("00", "011", "")]
    return list(dict.fromkeys(written + dialled))


NOT_PHONES = (
    "2012-01-02 08:00",
    "3/10/2011",
    "31/10/96",
    "12(3): 211-227 (2003)",
    "211-227 (2003)",
    "37.774929",
    "4111 1111 1111 1111",
    "2024-05-06T10:11:12Z",
    "192.0.2.10",
    "1 2 3 4 5 6 7 8 9 10 11 12",
    "7" * 45,
    "800-SIX-FLAGS",
    "0",
    "202",
    "90210",
)
UNICODE = (
    "٢٠٢٥٥٥٠١٠٠",
    "０２０ ７９４６ ０９５８",
    "\uff0b44",
    "\u2013",
    "\u00a0",
    "\u3000",
    "\u2060",
    "é",
    "\u0301",
    "€",
    "ｘ",
    "K",
)
GLUE = (
    *(
        "",
        " ",
        "  ",
        "-",
        " - ",
        "/",
        ".",
        ",",
        ", ",
        "\n",
        "(",
        ")",
        ") ",
        " (",
        "[",
        "]",
        "#",
        "~",
        "+",
        "++",
        "%",
        "$",
    ),
    *("x", " x", "/ x", " ext. ", ";ext=", ", ext ", " int ", "a", "in ", " or ", ":", ": ", "\t", "     ", "=", "_"),
)


def texts(regions: tuple[str, ...]) -> st.SearchStrategy[str]:
    digits = st.text("0123456789", min_size=1, max_size=14)
    atoms = st.one_of(st.sampled_from(examples(regions)), digits, st.sampled_from(NOT_PHONES + UNICODE))
    pieces = st.lists(st.tuples(st.sampled_from(GLUE), atoms), min_size=1, max_size=5)
    return st.builds(lambda made, end: "".join(glue + atom for glue, atom in made) + end, pieces, st.sampled_from(GLUE))


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(texts(DEFAULT_REGIONS))
def test_finds_what_the_recognizer_finds(text: str) -> None:
    assert_same(text)


@pytest.mark.parametrize("regions", OTHER_REGIONS, ids=",".join)
def test_other_regions(regions: tuple[str, ...]) -> None:
    @settings(max_examples=250, deadline=None, derandomize=True)
    @given(texts(regions))
    def same(text: str) -> None:
        assert_same(text, regions)

    same()


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("call 202-555-0143 now", [(5, 17)]),
        ("+44 20 7946 0958, 030 901820", [(0, 16), (18, 28)]),
        ("tel (202) 555-0143 ext. 12", [(4, 26)]),
        ("a2025550143", []),
        ("2025550143€", []),
        ("on 2012-01-02 08:00", []),
        ("", []),
    ],
)
def test_plain_cases(text: str, spans: list[tuple[int, int]]) -> None:
    assert PhoneFinder().spans(text) == spans == expected(text)


@pytest.mark.parametrize("region", (*DEFAULT_REGIONS, "SG", "AR", "AG", "SM"))
def test_decides_on_digits_as_the_library_does(region: str) -> None:
    """Random digits, and the examples with a digit changed or something before them."""
    rng = random.Random(region)
    ours = Region(region)
    table = finder((region,), with_table=True)._table
    assert table is not None
    dialled = ["".join(filter(str.isdigit, example)) for example in examples((region, "FR", "SG"))]
    for _ in range(250):
        if rng.random() < 0.4:
            digits = "".join(rng.choices("0123456789", k=rng.randint(LEAST_DIGITS, 20)))
        else:
            changed = list(rng.choice(("", "", "0", "1", "90", "00", "011")) + rng.choice(dialled))
            changed[rng.randrange(len(changed))] = rng.choice("0123456789")
            digits = "".join(changed)
        for sign in ("", "+"):
            matches = PhoneNumberMatcher(sign + digits, region)
            whole = any((match.start, match.end) == (0, len(sign + digits)) for match in matches)
            assert ours.accepts(digits, plus=bool(sign)) == whole
        if ours.accepts(digits) and LEAST_DIGITS <= len(digits) <= LONGEST:
            assert table.regions(digits) == [table._by_region[0][0]]


def test_table_never_excludes_a_region_that_accepts() -> None:
    rng = random.Random(7)
    regions = [Region(code) for code in DEFAULT_REGIONS]
    table = PrefixTable(regions)
    dialled = ["".join(filter(str.isdigit, example)) for example in examples(DEFAULT_REGIONS)]
    excluded = 0
    for _ in range(5_000):
        digits = rng.choice(("", "0", "00", "011")) + rng.choice(dialled)[: rng.randint(4, 15)]
        digits += "".join(rng.choices("0123456789", k=rng.randint(0, 4)))
        accepting = [region for region in regions if region.accepts(digits)]
        possible = table.regions(digits)
        assert set(accepting) <= set(possible)
        excluded += len(regions) - len(possible)
    assert excluded > 5_000


def test_no_number_is_shorter_than_the_least() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        lengths = phonenumbers.PhoneMetadata.metadata_for_region(region, None).general_desc.possible_length
        assert min(lengths) >= LEAST_DIGITS


def test_nothing_outside_the_alphabet_is_in_a_candidate() -> None:
    outside = {chr(code) for code in range(128)} - set(PUNCTUATION + EXTENSION + "0123456789")
    for mark in outside:
        for around in ("555{}1234", "555 {} 1234", "555 {}1234#", "555 e{}t 1234", "({}555) 1234"):
            assert all(mark not in match.group() for match in _PATTERN.finditer(around.format(mark)))


def test_long_texts_run_out_of_tries_like_the_library() -> None:
    """The matcher gives up after 65,535 tries, each time it is used: numbers behind that are not found."""
    number = "\n+44 20 7946 0958\n"
    text = number + "1/2. 3 a" * 9_500 + number
    want = expected(text, ("GB",))
    assert PhoneFinder(("GB",)).spans(text) == want == [(1, 17)]


@pytest.mark.parametrize("neighbour", ["\u212a", "\u017f", "\u0130", "k", "\u00e9"])
def test_what_is_folded_to_a_letter_beside_a_number(neighbour: str) -> None:
    assert_same(f"06201898078{neighbour}")
    assert_same(f"{neighbour}06201898078")


def test_candidates_of_a_batch() -> None:
    batch = ["no digits", "", "room 12", "202-555-0143", "٢٠٢٥٥٥٠١٤٣", "a\n2025550143", "0.12345678", "x" * 50]
    ours = finder(DEFAULT_REGIONS, with_table=True)
    assert ours.candidates(batch).tolist() == [False, False, False, True, True, True, False, False]
    assert ours.candidates(batch, Buffer.of(batch)).tolist() == ours.candidates(batch).tolist()
    assert ours.candidates([]).tolist() == []
    buffer = Buffer.of([*batch, "1 ٢٠٢ ٥٥٥ 0143", "x 555 x"])
    assert ours.candidate_rows(np.frombuffer(buffer.data, np.uint8), buffer.ends).tolist() == [3, 4, 5, 8]


@settings(max_examples=30)
@given(data=st.data())
def test_many_numbers_of_few_shapes_are_found_as_one_by_one(data: st.DataObject) -> None:
    shapes = [
        "212-555-0143",
        "(0)20 7946 0958",
        "+1 212 555 0187",
        "+49 30 1234567",
        "030 123456",
        "2125550143",
        "1(212)5550143",
    ]
    ours = finder(DEFAULT_REGIONS, with_table=data.draw(st.booleans()))
    texts = []
    for shape in data.draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=2)):
        digits = [iter(f"{data.draw(st.integers(0, 10**15)):018}") for _ in range(18)]
        kept = data.draw(st.integers(0, 12))  # the beginning of a real number, so that some are valid
        texts += [
            "".join(next(more) if mark.isdigit() and place >= kept else mark for place, mark in enumerate(shape))
            for more in digits
        ]
    texts += data.draw(
        st.lists(st.sampled_from(["", "x", "12/12/2020", "12:30 5550143", "ext 5", "٢٠٢ 555 0143"]), max_size=4)
    )
    assert ours.spans_of_all(texts) == [ours.spans(text) for text in texts]


def test_unknown_region_is_refused() -> None:
    with pytest.raises(UsageError, match="XX"):
        PhoneFinder(("US", "XX"))


def _shared_texts(data: Path) -> Iterator[str]:
    for path in sorted((data / "tables").glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as lines:
            yield from (value for row in islice(csv.reader(lines), 1, 25) for value in row)
    for path in sorted((data / "text").rglob("*.json")):
        yield from islice(_strings(json.loads(path.read_text(encoding="utf-8"))), 60)


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _strings(child)


def test_shared_data(shared: Path) -> None:
    sample = list(dict.fromkeys(_shared_texts(shared / "data")))
    ours = finder(DEFAULT_REGIONS, with_table=True)
    different = sum(spans != expected(text) for text, spans in zip(sample, ours.spans_of_all(sample), strict=True))
    different += sum(ours.spans(text) != expected(text) for text in sample)
    missed = sum(not kept and bool(expected(text)) for text, kept in zip(sample, ours.candidates(sample), strict=True))
    assert (different, missed) == (0, 0)
