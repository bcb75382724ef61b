"""Dates of one subject move together, evenly among all shifts there are, and keep how they are written."""

import re
from collections import Counter
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import ProtectionError
from clearance.perturbing import DateShift
from clearance.tokenization.date_shift import shifts_of
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import RowContext, apply
from clearance.tokenization.tokens import Tokenizer

RING = KeyRing({"golden": bytes(range(32)), "older0": bytes(32)}, "golden")
TOKENS = Tokenizer(RING)
SHIFT = DateShift(max_days=365, subject="patient")
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
times = st.sampled_from(
    ["", " 00:00:00", "T10:11", " 23:59:59.999999", "T10:11:12Z", "T10:11:12+05:30", " 10:11:12 UTC"]
)


def shifted(
    spec: DateShift, values: list[str | None], subjects: list[str | None], tokens: Tokenizer = TOKENS
) -> list[str | None]:
    rows = RowContext(subjects=pa.array(subjects, pa.string()))
    found: list[str | None] = apply(spec, pa.array(values, pa.string()), "DATE_TIME", tokens, rows).to_pylist()
    return found


@given(st.lists(st.tuples(days, times, st.sampled_from("abc")), max_size=12), st.integers(7, 3650), st.booleans())
def test_intervals_times_and_the_way_of_writing_stay(
    cells: list[tuple[date, str, str]], most: int, weeks: bool
) -> None:
    spec = DateShift(max_days=max(most, 28), subject="s", weeks=weeks)
    out = shifted(spec, [f"{day}{time}" for day, time, _ in cells], [subject for _, _, subject in cells])
    shifts: dict[str, set[timedelta]] = {}
    for (day, time, subject), text in zip(cells, out, strict=True):
        assert text is not None
        assert text[10:] == time
        shifts.setdefault(subject, set()).add(date.fromisoformat(text[:10]) - day)
    for found in shifts.values():
        (shift,) = found
        assert 1 <= abs(shift.days) <= spec.max_days
        assert not weeks or shift.days % 7 == 0


def test_columns_and_types_of_a_subject_move_together_and_domains_do_not() -> None:
    rows = RowContext(subjects=pa.array(["a"]))
    column = pa.array(["2020-01-31"])
    (one,) = apply(SHIFT, column, "DATE_OF_BIRTH", TOKENS, rows).to_pylist()
    (two,) = apply(SHIFT, column, "DATE_TIME", TOKENS, rows).to_pylist()
    assert one == two
    others = [Tokenizer(RING, "other"), Tokenizer(RING.writing_with("older0"))]
    assert {shifted(SHIFT, ["2020-01-31"], ["a"], tokens)[0] for tokens in others}.isdisjoint({one})


def test_it_depends_on_the_row_and_not_on_the_batch() -> None:
    values = [f"20{i % 90 + 10}-0{i % 9 + 1}-1{i % 9}" for i in range(500)]
    subjects = [f"s{i % 37}" for i in range(500)]
    whole = shifted(SHIFT, values, subjects)
    parts = [shifted(SHIFT, values[i : i + 7], subjects[i : i + 7]) for i in range(0, 500, 7)]
    assert [text for part in parts for text in part] == whole


@pytest.mark.parametrize(("spec", "step"), [(SHIFT, 1), (DateShift(max_days=370, subject="s", weeks=True), 7)])
def test_no_shift_is_likelier_than_another(spec: DateShift, step: int) -> None:
    subjects = pa.array([f"subject {i}" for i in range(50_000)])
    counts = Counter(shifts_of(spec, subjects, TOKENS).tolist())
    most = spec.max_days // step
    possible = [step * i for i in range(-most, most + 1) if i]
    assert set(counts) == set(possible)
    expected = 50_000 / len(possible)
    chi_square = sum((counts[shift] - expected) ** 2 / expected for shift in possible)
    freedom = len(possible) - 1
    # Wilson and Hilferty: beyond 4 standard deviations once in 30,000 keys, and this key is fixed.
    assert (chi_square / freedom) ** (1 / 3) < 1 - 2 / (9 * freedom) + 4 * (2 / (9 * freedom)) ** 0.5


ODD = [
    "",
    "x",
    "2020-02-30",
    "2020-1-1",
    "0000-01-01",
    "2020-01-01x",
    "2020-01-01 25:00",
    " 2020-01-01",
    "20200101",
    "01/02/2020",
]


@pytest.mark.parametrize("value", [*ODD, "9999-12-31", "0001-01-01"])
def test_what_is_no_date_or_leaves_the_calendar_never_passes(value: str) -> None:
    # Among many subjects some move forward and some back.
    subjects: list[str | None] = [f"s{i}" for i in range(40)]
    with pytest.raises(ProtectionError) as caught:
        shifted(SHIFT, [value] * 40, subjects)
    assert len(value) < 3 or value not in str(caught.value)
    redact = DateShift(max_days=365, subject="patient", malformed="redact")
    out = shifted(redact, [value] * 40, subjects)
    assert value not in out
    assert "[DATE_TIME]" in out


def test_no_subject_no_shift() -> None:
    redact = DateShift(max_days=365, subject="patient", malformed="redact")
    assert shifted(redact, ["2020-01-01", None], [None, None]) == ["[DATE_TIME]", None]
    with pytest.raises(ProtectionError, match="no ISO date of a known subject"):
        shifted(SHIFT, ["2020-01-01"], [None])
    with pytest.raises(ProtectionError, match="subject"):
        apply(SHIFT, pa.array(["2020-01-01"]), "DATE_TIME", TOKENS)
    with pytest.raises(ProtectionError, match="2 values came with 1"):
        apply(SHIFT, pa.array(["2020-01-01"] * 2), "DATE_TIME", TOKENS, RowContext(subjects=pa.array(["a"])))


def test_leap_days_and_ends_of_months() -> None:
    start = datetime(2019, 12, 1)
    values = [f"{(start + timedelta(days=i)):%Y-%m-%d}" for i in range(900)]
    out = shifted(SHIFT, list(values), ["a"] * 900)
    assert all(text and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) for text in out)
    gaps = np.diff([date.fromisoformat(text).toordinal() for text in out if text])
    assert set(gaps.tolist()) == {1}
