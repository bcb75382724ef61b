"""Generalized values are true of the value, say no more than declared, and stay as they are at a second run."""

import ipaddress
import time
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import ProtectionError
from clearance.generalizing import Bins, Dates, Generalize, Hierarchy, Ip, Postal, TopBottom
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import apply
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))


def changed(spec: Generalize, *values: str | None) -> list[str | None]:
    once = apply(spec, pa.array(values, pa.string()), "X", TOKENS)
    assert apply(spec, once, "X", TOKENS).equals(once), "a second run changes nothing"
    found: list[str | None] = once.to_pylist()
    return found


def limits(interval: str) -> tuple[Decimal, Decimal]:
    low, high = interval.removeprefix("[").removesuffix(")").split(", ")
    return Decimal(low), Decimal(high)


numbers = st.one_of(
    st.integers(-(10**18), 10**18).map(str), st.decimals(-1000, 1000, places=3, allow_nan=False).map(lambda n: f"{n:f}")
)


@given(st.lists(numbers, min_size=1, max_size=8), st.sampled_from([1, 7, 10, 0.1, 0.25, 2.5]), st.integers(-20, 20))
def test_a_number_lies_in_its_interval(values: list[str], width: float, origin: int) -> None:
    for value, interval in zip(values, changed(Bins(width=width, origin=origin), *values), strict=True):
        assert interval is not None
        low, high = limits(interval)
        assert low <= Decimal(value) < high
        assert high - low == Decimal(str(width))
        assert (low - origin) % Decimal(str(width)) == 0


def test_all_spellings_of_a_number_give_one_interval() -> None:
    spec = Bins(width=10)
    assert set(changed(spec, "37", "37.0", "+37", "3.7e1", "037", "39.999")) == {"[30, 40)"}
    assert changed(spec, "-1", "0", "-0", "-10", "-10.5") == [
        "[-10, 0)",
        "[0, 10)",
        "[0, 10)",
        "[-10, 0)",
        "[-20, -10)",
    ]
    # What is written out in full is longer than any number that is read.
    assert changed(Bins(width=10), "1e40", "-1e99") == [
        f"[1{'0' * 40}, 1{'0' * 38}10)",
        f"[-1{'0' * 99}, -{'9' * 98}0)",
    ]
    assert changed(Bins(width=1e-9), "1e-60") == ["[0, 0.000000001)"]
    assert changed(Bins(width=0.1), "0.3", "0.29999999999999998") == ["[0.3, 0.4)", "[0.2, 0.3)"]


def test_beyond_the_limits_there_is_one_interval() -> None:
    spec = Bins(width=10, lower=20, upper=90)
    assert changed(spec, "3", "19.9", "20", "89.9", "90", "120", None) == [
        "<20", "<20", "[20, 30)", "[80, 90)", ">=90", ">=90", None,
    ]  # fmt: skip


@given(st.lists(numbers, max_size=8))
def test_top_and_bottom_coding_changes_what_lies_beyond_and_nothing_else(values: list[str]) -> None:
    for value, coded in zip(values, changed(TopBottom(lower=-5.5, upper=89), *values), strict=True):
        number = Decimal(value)
        assert coded == ("<-5.5" if number < Decimal("-5.5") else ">89" if number > 89 else value)


@given(
    st.dates(date(1, 1, 1), date(9999, 12, 31)), st.sampled_from(["", " 00:00:00", "T23:59:59.999999Z", " 10:00+05:30"])
)
def test_dates_become_the_month_the_quarter_and_the_year_they_are_in(day: date, time: str) -> None:
    value = f"{day.isoformat()}{time}"
    assert changed(Dates(to="month"), value) == [day.isoformat()[:7]]
    assert changed(Dates(to="year"), value) == [day.isoformat()[:4]]
    assert changed(Dates(to="quarter"), value) == [f"{day.year:04}-Q{(day.month + 2) // 3}"]


@given(st.dates(date(1880, 1, 1), date(2026, 3, 1)), st.sampled_from([1, 5, 10]))
def test_an_age_band_holds_the_age_at_the_stated_date(born: date, width: int) -> None:
    (band,) = changed(Dates(to="age_band", width=width, reference="2026-03-01", upper=90), born.isoformat())
    age = 2026 - born.year - ((born.month, born.day) > (3, 1))
    start = age // width * width
    assert band == (">=90" if age >= 90 else f"[{start}, {start + width})")


def test_a_band_of_other_limits_is_no_own_output() -> None:
    spec = Dates(to="age_band", width=10, reference="2026-01-01", upper=90, malformed="redact")
    assert changed(spec, "[80, 90)", ">=90") == ["[80, 90)", ">=90"]
    assert changed(spec, "[85, 95)", "[90, 100)", ">=80", ">=100", "[80, 91)") == ["[X]"] * 5


def test_ages_on_and_around_a_birthday() -> None:
    def ages(reference: str, *born: str) -> list[str | None]:
        return changed(Dates(to="age_band", width=1, reference=reference, malformed="redact"), *born)

    assert ages("2026-01-01", "1996-01-01", "1996-01-02", "2026-01-02") == ["[30, 31)", "[29, 30)", "[X]"]
    assert ages("2025-02-28", "2004-02-29") == ["[20, 21)"]
    assert ages("2025-03-01", "2004-02-29") == ["[21, 22)"]


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda address: not address.ipv4_mapped))


@given(ADDRESSES, st.integers(0, 31), st.integers(0, 127))
def test_an_address_becomes_the_network_it_is_in(address, v4: int, v6: int) -> None:  # type: ignore[no-untyped-def]
    (text,) = changed(Ip(v4, v6), str(address))
    network = ipaddress.ip_network(text)
    assert address in network
    assert network.prefixlen == (v4 if address.version == 4 else v6)


def test_addresses_in_other_spellings() -> None:
    spec = Ip(16, 48, malformed="redact")
    assert changed(spec, "::ffff:10.1.2.3", "fe80::1%eth0", "2001:DB8:0:0::1") == [
        "10.1.0.0/16", "fe80::/48", "2001:db8::/48",
    ]  # fmt: skip
    odd = ["300.1.1.1", "1.2.3", "1.2.3.4.", "01.2.3.4", "10.1.2.3:80", "10.0.0.0/8", "10.1.2.3/16", "", "host"]
    assert changed(spec, *odd) == ["[X]"] * len(odd)


def test_postal_codes_keep_their_beginning() -> None:
    spec = Postal(3, malformed="redact")
    assert changed(spec, "94107", "94107-1234", "SW1A 1AA", "sw1a1aa", None) == [
        "941**", "941**-****", "SW1* ***", "SW1****", None,
    ]  # fmt: skip
    assert changed(spec, "941", "94", "", "  ", "941\n", "é4107", "94107 " + "1" * 20) == ["[X]"] * 7
    assert changed(Postal(0), "94107", "SW1A 1AA") == ["*****", "**** ***"]


def test_a_hierarchy_knows_its_values_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("Berlin;Germany;Europe\nParis;France;Europe\n;unknown;*\n", "utf-8")
    spec = Hierarchy.read(tmp_path / "h.csv", 1, "redact")
    assert apply(spec, pa.array(["Berlin", "Paris", "Rome", "", None]), "X", TOKENS).to_pylist() == [
        "Germany", "France", "[X]", "unknown", None,
    ]  # fmt: skip


KINDS: list[Generalize] = [
    Bins(width=10), Bins(width=0.5, lower=0, upper=90), TopBottom(upper=89), Dates(to="month"), Dates(to="quarter"),
    Dates(to="year"), Dates(to="age_band", width=10, reference="2026-01-01"), Postal(3), Ip(),
    Hierarchy(level=1, table=(("a", "b"),)),
]  # fmt: skip
ODD = [
    "",
    " ",
    "n/a",
    "abc",
    "1e",
    "nan",
    "inf",
    "1,000",
    "2020-13-01",
    "2020-02-30",
    "12/03/1990",
    "9" * 400,
    "\0",
    "😀",
]


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: f"{spec.kind}-{getattr(spec, 'to', '')}")
def test_what_cannot_be_read_never_passes(spec: Generalize) -> None:
    # Nothing but its digits tells 2020-13-01 from a postal code of some country.
    odd = [value for value in ODD if spec.kind != "postal" or not value.startswith("2020")]
    if getattr(spec, "to", "") in ("year", "age_band"):  # whichever day that is, its year is plain, and the band too
        odd.remove("12/03/1990")
    for value in odd:
        with pytest.raises(ProtectionError) as caught:
            apply(spec, pa.array([value]), "X", TOKENS)
        assert len(value) < 3 or value not in str(caught.value)
    column = pa.array(odd)
    redacting, tokenizing = replace(spec, malformed="redact"), replace(spec, malformed="token")  # type: ignore[arg-type]
    assert apply(redacting, column, "X", TOKENS).to_pylist() == ["[X]"] * len(odd)
    assert apply(tokenizing, column, "X", TOKENS).to_pylist() == [TOKENS.token(value, "X") for value in odd]


def test_the_year_of_a_date_in_anybodys_order_is_plain() -> None:
    written = ["03/15/1989", "03/04/1990", "15.3.1989", "1989/3/15", "March 3, 2019", "3/15/2019 10:30:00 AM", "1989"]
    spec = Dates(to="year", malformed="redact")
    years = ["1989", "1990", "1989", "1989", "2019", "2019", "1989"]
    assert apply(spec, pa.array(written), "X", TOKENS).to_pylist() == years
    assert apply(spec, pa.array(years), "X", TOKENS).to_pylist() == years
    odd = [
        "13/13/1990",
        "30.02.2020",
        "03/15/89",
        "call 1990",
        "555-0199-1990",
        "03/15/1989 Ana",
        "19891",
        "1/2/1990 at 5",
    ]
    assert apply(spec, pa.array(odd), "X", TOKENS).to_pylist() == ["[X]"] * len(odd)


WRITTEN = ["03/15/1989", "15.3.1989", "1989/3/15", "March 15, 1989", "15 de marzo de 1989", "3/15/1989 10:30:00 AM"]
BORN = Dates(to="age_band", width=10, reference="2026-03-20", malformed="redact")


@pytest.mark.parametrize(
    ("spec", "coarser"),
    [(Dates(to="month"), "1989-03"), (Dates(to="quarter"), "1989-Q1"), (Dates(to="year"), "1989"), (BORN, "[30, 40)")],
    ids=lambda part: getattr(part, "to", ""),
)
def test_dates_as_people_write_them_are_read(spec: Dates, coarser: str) -> None:
    assert changed(spec, *WRITTEN) == [coarser] * len(WRITTEN)


def test_a_date_in_two_orders_is_read_where_both_say_the_same() -> None:
    month, quarter = Dates(to="month", malformed="redact"), Dates(to="quarter", malformed="redact")
    assert changed(month, "03/04/1990", "03/03/1990", "03.04.1990") == ["[X]", "1990-03", "1990-04"]
    assert changed(quarter, "03/04/1990", "03/02/1990 8:15", "13/13/1990") == ["[X]", "1990-Q1", "[X]"]
    # Who was born on March 4th has had the birthday by the 20th, who was born on April 3rd has not: it shows where that
    # birthday ends a band.
    assert changed(BORN, "03/04/1990", "03/04/1986") == ["[30, 40)", "[X]"]
    assert changed(replace(BORN, width=1), "03/04/1990", "01/02/1990") == ["[X]", "[36, 37)"]
    # One of its two days would be after the reference.
    assert changed(BORN, "03/04/2026", "03/05/2027", "15 May 2026") == ["[X]"] * 3


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: f"{spec.kind}-{getattr(spec, 'to', '')}")
def test_a_cell_of_a_million_characters_takes_no_minutes(spec: Generalize) -> None:
    million = 1_000_000
    odd = [
        "[" + ", " * (million // 2),
        "<" + "1" * million,
        "T" * million,
        "f:" * (million // 2),
        "1 " * (million // 2),
    ]
    start = time.process_time()
    redacted = apply(replace(spec, malformed="redact"), pa.array(odd), "X", TOKENS)  # type: ignore[call-arg]
    assert time.process_time() - start < 10
    assert redacted.to_pylist() == ["[X]"] * len(odd)


def test_bytes_that_are_no_text_are_malformed() -> None:
    odd = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pa.py_buffer(b"\xff\xfe37"))
    assert apply(Bins(width=10, malformed="redact"), odd, "X", TOKENS).to_pylist() == ["[X]", "[30, 40)"]


@given(st.dates(date(1900, 1, 1), date(2020, 1, 1)), st.integers(0, 400))
def test_it_leaks_no_more_than_the_coarser_value(day: date, further: int) -> None:
    """Two values of one month, year, or interval can't be told apart afterwards."""
    other = day + timedelta(days=further)
    for spec, length in ((Dates(to="month"), 7), (Dates(to="year"), 4)):
        first, second = changed(spec, day.isoformat(), other.isoformat())
        assert (first == second) == (day.isoformat()[:length] == other.isoformat()[:length])
