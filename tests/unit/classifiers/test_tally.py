"""Counting values together that have the same hits gives what each of them gives by itself."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.looking import look
from clearance.classifiers.tally import Counts, Tally

_PIECES = [
    "kim@example.com",
    "078-05-1120",
    "4111111111111111",
    "(212) 555-0143",
    "DE89370400440532013000",
    " ",
    ".",
    "x",
    "call",
    "10.1.2.3",
]
_VALUES = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=3).map("".join)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(ner=None)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(_VALUES, min_size=1, max_size=12))
def test_a_type_counts_in_the_rows_in_which_its_spans_count(engine: Engine, values: list[str]) -> None:
    seen = look(engine, values)
    counts: Counts = {}
    tally = Tally(counts, engine.resolution)
    for one in seen:
        tally.add(one.text, one.raw, one.tokens, 3, False)
    expected = Counter(kind for one in seen for kind in {span.entity_type for span in one.spans})
    assert {kind: c.rows for (_, kind), c in counts.items() if c.rows} == {k: 3 * n for k, n in expected.items()}
    one_by_one: Counts = {}
    for one in seen:
        alone = Tally(one_by_one, engine.resolution)
        alone.add(one.text, one.raw, one.tokens, 3, False)
    assert counts == one_by_one


def test_the_part_of_an_address_is_no_finding_of_its_own(engine: Engine) -> None:
    counts: Counts = {}
    tally = Tally(counts, engine.resolution)
    for one in look(engine, [f"kim{number}@example.com" for number in range(10)]):
        tally.add(one.text, one.raw, one.tokens, 1, False)
    email = counts["raw", "EMAIL_ADDRESS"]
    assert (email.rows, email.whole, email.embedded) == (10, 10, 0)
    assert not any(c.rows for (_, kind), c in counts.items() if kind != "EMAIL_ADDRESS")
