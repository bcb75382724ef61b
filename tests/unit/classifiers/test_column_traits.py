"""All values at once have the facts that each has alone."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.column_traits import column_traits
from clearance.classifiers.traits import STREET, has_street, is_texty, traits

WORDS = [
    *("12 Elm Street", "p.o. box 7", "Hauptstraße 5", "7b, Oak way", "M", "female", "non-binary", "yes", "20200131"),
    *("4111 1111 1111 1111", "4111-111111-11111", "4111111111111111.00", "1M8GDM9AXKP042788", "2020-01-31T10:00:00Z"),
    *("DE89 3704 0044 0532 0130 00", "Ana-Maria O'Neil", "Diaz, Ana", "fe80::1", "10.0.0.1/24", "+7", "-3", "125"),
    *(
        "126",
        "1e5",
        ".5",
        "<=5",
        "3 to 9",
        "18-25",
        "65+",
        "(212) 555-0187",
        "a@example.org",
        "hunter2",
        "\u00bd\u00b2",
    ),
    *("00:1a:2B:3c:4d:5e", "001a.2b3c.4d5e", "DEUTDEFF500", "1600000000", "+1600000000123", "ABC 123", "männlich"),
    *("d41d8cd98f00b204e9800998ecf8427e", "1" * 40, "a" * 64, "ana_silva", "ab", "@ana", "a:b", "-1600000000"),
    *(
        "Dr. Okafor",
        "Zhang, Wei",
        "Ana Diaz",
        "North Pier",
        "Levan Beridze",
        "+49 30 123456",
        "142626-3350",
        "98765 43210",
        "José Ortega",
    ),
    *("the order was late", "a 1 2 3", "wörd", "\u0663\u0664", "12 Jan 2020", "March 3, 2021", "\0", "😀"),
]
BLANKS = ["", " ", "\x1c", "\n", "\u00a0", " \t"]


def _compare(values: list[str], kind: pa.DataType) -> None:
    found = column_traits(pa.array(values, kind), values)
    for position, value in enumerate(values):
        assert {trait for trait, mask in found.items() if mask[position]} == set(traits(value))
    assert all(mask.any() for mask in found.values())


@settings(deadline=None)
@given(st.lists(st.text(max_size=140), max_size=20), st.sampled_from([pa.string(), pa.large_string()]))
def test_any_text(values: list[str], kind: pa.DataType) -> None:
    _compare(values, kind)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(alphabet="0129 -.()/+,:<>=aeEtoTXMm@'\t\x1c\n", max_size=26), min_size=1, max_size=40))
def test_numbers_dates_and_codes(values: list[str]) -> None:
    _compare(values, pa.string())


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.lists(st.sampled_from([*WORDS, *BLANKS]), min_size=1, max_size=7).map("".join)
        | st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
        min_size=1,
        max_size=30,
    )
)
def test_what_columns_hold(values: list[str]) -> None:
    _compare(values, pa.string())


@pytest.mark.parametrize("word", WORDS)
def test_one_value_alone(word: str) -> None:
    _compare([word], pa.string())


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from([*WORDS, "st", "ROAD", "\n", "Box", "p.o", "x" * 41, "é"]), max_size=8))
def test_streets_read_backwards_are_the_same_streets(words: list[str]) -> None:
    for text in (" ".join(words), "-".join(words)):
        assert has_street(text) == (STREET.search(text) is not None)


@given(st.lists(st.sampled_from(["a", "7", "word", "x" * 390, "é"]), max_size=450))
def test_long_texts_read_like_text_by_all_their_words(words: list[str]) -> None:
    text = " ".join(words)
    first = text.split(maxsplit=400)
    lettered = sum(any(character.isalpha() for character in word) for word in first)
    assert is_texty(text) == (len(first) >= 4 and lettered >= 3)
