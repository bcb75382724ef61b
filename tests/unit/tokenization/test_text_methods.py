"""Surrogates, shifted dates, coarser values, noise and reversible tokens inside a text that stays readable."""

import re
import time
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.generalizing import Bins, Dates, Ip
from clearance.method_spec import MethodSpec
from clearance.methods import Reversible, Surrogate
from clearance.perturbing import DateShift, Noise
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import RowContext
from clearance.tokenization.text import replace_spans, reverse_tokens, rewrite_spans
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))

pieces = st.sampled_from(
    ["😀", "👩‍👩‍👧", "e\u0301", "ß", "中文", "\u200d", "\ufeff", " ", ", ", "a", "\n", "🇩🇪", "tk1r_"]
)
secrets = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)


@given(st.lists(st.tuples(pieces, st.one_of(st.none(), secrets)), max_size=10))
def test_reversible_tokens_in_any_text_give_it_back_exactly(parts: list[tuple[str, str | None]]) -> None:
    text, spans = "", []
    for piece, secret in parts:
        text += piece + " "
        if secret is not None:
            spans.append((len(text), len(text) + len(secret), "PERSON"))
            text += secret + " "
    protected = replace_spans(text, spans, {"PERSON": Reversible()}, TOKENS)
    assert reverse_tokens(protected, TOKENS) == text
    for start, end, _ in spans:
        assert TOKENS.reversible_token(text[start:end], "PERSON") in protected


UNMARKED: dict[str, MethodSpec] = {
    "PERSON": Surrogate(),
    "DATE_TIME": DateShift(max_days=365, subject="id"),
    "AGE": Bins(width=10),
    "SALARY": Noise(distribution="uniform", amount=5, lower=0, upper=100, row_key="id"),
    "IP_ADDRESS": Ip(),
}
ROW = RowContext(subjects=pa.array(["s1"]), row_keys=pa.array(["r1"]), column="note")


def test_a_text_stays_readable() -> None:
    text = "😀 Jane e\u0301 (41) of 10.1.2.3 came on 2020-02-01 and 2020-02-15, March 3rd, for 50."
    found = [("Jane", "PERSON"), ("41", "AGE"), ("10.1.2.3", "IP_ADDRESS"), ("2020-02-01", "DATE_TIME"),
             ("2020-02-15", "DATE_TIME"), ("March 3rd", "DATE_TIME"), ("50", "SALARY")]  # fmt: skip
    spans = [(text.index(value), text.index(value) + len(value), kind) for value, kind in found]
    done = rewrite_spans(text, spans, UNMARKED, TOKENS, row=ROW)
    shown = re.fullmatch(
        r"😀 (\w+ \w+) e\u0301 \(\[40, 50\)\) of 10\.1\.0\.0/16 came on (\S+) and (\S+), \[DATE_TIME\], for (\d+)\.",
        done.text,
    )
    assert shown
    name, first, second, pay = shown.groups()
    assert name != "Jane"
    assert date.fromisoformat(second) - date.fromisoformat(first) == timedelta(days=14)
    assert first != "2020-02-01"
    assert 45 <= int(pay) <= 55
    # What looks like any other value is told, so that the next round leaves it alone.
    assert done.written == {name, first, second, pay}
    places = [(m.start(), m.end()) for value in done.written for m in re.finditer(re.escape(value), done.text)]
    again = [(start, end, "PERSON") for start, end in places] + [
        (done.text.index("40"), done.text.index("40") + 2, "AGE"),
        (done.text.index("10.1.0.0"), done.text.index("10.1.0.0") + 8, "IP_ADDRESS"),
    ]
    assert rewrite_spans(done.text, again, UNMARKED, TOKENS, row=ROW, written=done.written) == done


def test_what_was_written_in_an_earlier_round_stays_and_nothing_else() -> None:
    text = "a Jane b Joan c"
    first = rewrite_spans(text, [(9, 13, "PERSON")], UNMARKED, TOKENS)
    (name,) = first.written
    where = first.text.index(name)
    spans = [(2, 6, "PERSON"), (where, where + len(name), "PERSON")]
    second = rewrite_spans(first.text, spans, UNMARKED, TOKENS, written=first.written, raw=text)
    assert second == rewrite_spans(text, [(2, 6, "PERSON"), (9, 13, "PERSON")], UNMARKED, TOKENS)
    # What is longer than what was written is no part of it.
    longer = rewrite_spans(f"{name}s", [(0, len(name) + 1, "PERSON")], UNMARKED, TOKENS, written=first.written)
    assert name not in longer.text


def test_a_surrogate_that_the_text_itself_holds_is_not_written() -> None:
    name = rewrite_spans("Jane", [(0, 4, "PERSON")], UNMARKED, TOKENS).text
    done = rewrite_spans(f"Jane met {name.upper()}", [(0, 4, "PERSON")], UNMARKED, TOKENS)
    assert done == (f"[PERSON] met {name.upper()}", frozenset())


def test_types_without_surrogates_and_missing_rows_become_constants() -> None:
    text = "Jane 2020-02-01 50"
    spans = [(0, 4, "PERSON"), (5, 15, "DATE_TIME"), (16, 18, "SALARY")]
    done = rewrite_spans(text, spans, UNMARKED, TOKENS)
    assert done.text.endswith(" [DATE_TIME] [SALARY]")
    assert replace_spans(text, spans, UNMARKED, TOKENS) == "[PERSON] [DATE_TIME] [SALARY]"
    assert replace_spans(text, [(0, 4, "US_SSN")], {"US_SSN": Surrogate()}, TOKENS).startswith("[US_SSN]")
    assert rewrite_spans(text, [(0, 4, "US_SSN")], {"US_SSN": Surrogate()}, TOKENS).text.startswith("[US_SSN]")


@pytest.mark.parametrize(
    ("written", "month", "year"),
    [
        ("1990-03-12", "1990-03", "1990"),
        ("March 12th, 1990", "1990-03", "1990"),
        ("12 Mar 1990", "1990-03", "1990"),
        ("13/03/1990", "1990-03", "1990"),
        ("03-13-1990", "1990-03", "1990"),
        ("12.3.1990", "1990-03", "1990"),
        ("1990/3/12", "1990-03", "1990"),
        # Two days could be meant, or none is: the year is all that can be told.
        ("03/04/1990", "[DATE_OF_BIRTH]", "1990"),
        ("31 Feb 1990", "[DATE_OF_BIRTH]", "1990"),
        ("yesterday", "[DATE_OF_BIRTH]", "[DATE_OF_BIRTH]"),
        ("12/03/90", "[DATE_OF_BIRTH]", "[DATE_OF_BIRTH]"),
        ("1990 or 1991", "[DATE_OF_BIRTH]", "[DATE_OF_BIRTH]"),
    ],
)
def test_dates_as_people_write_them_are_generalized(written: str, month: str, year: str) -> None:
    for unit, expected in (("month", month), ("year", year)):
        methods: dict[str, MethodSpec] = {"DATE_OF_BIRTH": Dates(to=unit)}  # type: ignore[arg-type]
        done = replace_spans(f"born {written}.", [(5, 5 + len(written), "DATE_OF_BIRTH")], methods, TOKENS)
        assert done == f"born {expected}."


def test_a_shifted_date_keeps_its_distance_however_it_was_written() -> None:
    text = "2020-02-01 and February 15, 2020"
    done = rewrite_spans(text, [(0, 10, "DATE_TIME"), (15, 32, "DATE_TIME")], UNMARKED, TOKENS, row=ROW).text
    first, second = (date.fromisoformat(day) for day in done.split(" and "))
    assert second - first == timedelta(days=14)
    assert first != date(2020, 2, 1)


@pytest.mark.parametrize("spec", [Bins(width=10), Dates(to="month"), Ip()], ids=lambda spec: spec.kind)
def test_a_long_find_takes_no_minutes(spec: MethodSpec) -> None:
    text = "1" * 1_000_000
    start = time.process_time()
    assert replace_spans(text, [(0, len(text), "X")], {"X": spec}, TOKENS) == "[X]"
    assert time.process_time() - start < 10
