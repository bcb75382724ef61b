"""Values replaced by coarser ones that are still true of them.

What it leaks: what the coarser value says, and its frequency: a rare interval points at few people. That the rest of
a row does not single someone out all the same is not for one column to say. Every kind but ``hierarchy`` takes its own
output as it is, so that a second run changes nothing.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.generalizing import Bins, Dates, Generalize, Hierarchy, Ip, Postal, TopBottom
from clearance.tokenization.dates import civil, read_dates
from clearance.tokenization.rows import Booleans, Integers
from clearance.tokenization.written_dates import days_of

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_EDGE = r"(-?[0-9]{1,400}(?:\.[0-9]{1,400})?)"
_OWN_BIN = re.compile(rf"\[{_EDGE}, [0-9.-]+\)|>={_EDGE}")
"""Edges of intervals are written out, so that they are longer than what ``_NUMBER`` reads."""
_SHORT = r"^-?[0-9]{1,15}$"
_PRECISION = 600
"""Digits of the arithmetic on what ``_NUMBER`` matches: none is rounded."""
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_EPOCH = date(1970, 1, 1).toordinal()
_WANTED_DATES = {
    "month": "date of which the month is plain",
    "quarter": "date of which the quarter is plain",
    "year": "date",
    "age_band": "date up to the reference date of which the age is plain",
}

_Slow = Callable[[str], str | None]


def generalize(spec: Generalize, values: pa.Array) -> tuple[pa.Array, str]:
    """Distinct texts -> their coarser ones, null where a value can't be read; and what a value should have been."""
    with localcontext() as context:
        context.prec = _PRECISION
        if isinstance(spec, Bins):
            return _bins(spec, values), "number"
        if isinstance(spec, TopBottom):
            return _top_bottom(spec, values), "number"
    if isinstance(spec, Dates):
        return _dates(spec, values), _WANTED_DATES[spec.to]
    if isinstance(spec, Postal):
        return _postal(spec, values), f"postal code of more than {spec.keep} letters and digits"
    if isinstance(spec, Ip):
        return _ips(spec, values), "IP address"
    if isinstance(spec, Hierarchy):
        table = _table(spec)
        coarser = [None if text is None else table.get(text) for text in values.to_pylist()]
        return pa.array(coarser, pa.string()), "value of the hierarchy"
    raise AssertionError(f"no way to generalize by {spec.kind}")


def _mixed(values: pa.Array, quick: Booleans, groups: Integers, label: Callable[[int], str], slow: _Slow) -> pa.Array:
    """For values that are ``quick``, the label of their group; for each other one what ``slow`` says."""
    found, place = np.unique(groups[quick], return_inverse=True)
    labels = [label(group) for group in found.tolist()]
    index = np.empty(len(values), np.int64)
    index[quick] = place
    rest = np.flatnonzero(~quick)
    index[rest] = len(labels) + np.arange(len(rest))
    others = [None if text is None else slow(text) for text in values.take(pa.array(rest)).to_pylist()]
    return pa.array([*labels, *others], pa.string()).take(pa.array(index))


def _bins(spec: Bins, values: pa.Array) -> pa.Array:
    width, origin = _exact(spec.width), _exact(spec.origin)

    def label(value: Decimal) -> str:
        if spec.lower is not None and value < _exact(spec.lower):
            return _below(spec.lower)
        if spec.upper is not None and value >= _exact(spec.upper):
            return f">={_plain(_exact(spec.upper))}"
        return _interval(value, width, origin)

    def slow(text: str) -> str | None:
        value = _number(text)
        if value is not None:
            return label(value)
        own = _OWN_BIN.fullmatch(text)
        start = Decimal(own[1] or own[2]) if own else None
        is_own = (start is not None and label(start) == text) or (spec.lower is not None and text == _below(spec.lower))
        return text if is_own else None

    whole, short = _short_numbers(values)
    if type(spec.width) is not int or type(spec.origin) is not int or max(spec.width, abs(spec.origin)) >= 1 << 60:
        short = np.zeros(len(values), np.bool_)
        return _mixed(values, short, whole, str, slow)
    groups = np.floor_divide(whole - spec.origin, spec.width)
    return _mixed(values, short, groups, lambda group: label(origin + group * width), slow)


def _top_bottom(spec: TopBottom, values: pa.Array) -> pa.Array:
    lower, upper = (None if limit is None else _exact(limit) for limit in (spec.lower, spec.upper))
    below = "" if lower is None else f"<{_plain(lower)}"
    above = "" if upper is None else f">{_plain(upper)}"

    def slow(text: str) -> str | None:
        value = _number(text)
        if value is None:
            return text if text and text in (below, above) else None
        if lower is not None and value < lower:
            return below
        return above if upper is not None and value > upper else text

    whole, short = _short_numbers(values)
    beyond = np.zeros(len(values), np.bool_)
    if lower is not None:
        beyond |= whole < float(lower)
    if upper is not None:
        beyond |= whole > float(upper)
    kept = pa.array(short & ~beyond)
    return pc.if_else(kept, values, _mixed(values, short & ~beyond, whole * 0, lambda _: "", slow))


def _dates(spec: Dates, values: pa.Array) -> pa.Array:
    dates = read_dates(values)
    formed, days = dates.formed.copy(), dates.days.copy()
    others = days.copy()
    rest = np.flatnonzero(~formed)
    for row, text in zip(rest, values.take(pa.array(rest)).to_pylist(), strict=True):
        if text is not None and (meant := days_of(text)):
            formed[row], days[row], others[row] = True, _number_of(meant[0]), _number_of(meant[-1])
    groups, label, own = _date_groups(spec)
    group = groups(days)
    # Whichever of two days is meant, what both give is true of it.
    formed &= group == groups(others)
    if spec.reference is not None:
        formed &= np.maximum(days, others) <= _number_of(date.fromisoformat(spec.reference))
    return _mixed(values, formed, group, label, own)


def _date_groups(spec: Dates) -> tuple[Callable[[Integers], Integers], Callable[[int], str], _Slow]:
    """What days since 1970-01-01 have in common, how that is written, and the texts that are written so."""
    if spec.to == "month":
        return _months, lambda at: f"{at // 12:04}-{at % 12 + 1:02}", _matching(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
    if spec.to == "quarter":
        return lambda days: _months(days) // 3, lambda at: f"{at // 4:04}-Q{at % 4 + 1}", _matching(r"[0-9]{4}-Q[1-4]")
    if spec.to == "year":
        return lambda days: civil(days)[0], lambda at: f"{at:04}", _matching(r"[0-9]{4}")
    until, width = date.fromisoformat(spec.reference or ""), spec.width or 1

    def starts(days: Integers) -> Integers:
        year, month, day = civil(days)
        # Years since, one less before this year's anniversary; who is born on the 29th of February has it on March 1st.
        ages = until.year - year - ((month > until.month) | ((month == until.month) & (day > until.day)))
        # The upper limit is an edge of a band.
        bands: Integers = ages // width * width
        return bands if spec.upper is None else np.minimum(bands, spec.upper)

    def band(start: int) -> str:
        return f">={start}" if start == spec.upper else f"[{start}, {start + width})"

    def own_band(text: str) -> str | None:
        found = re.fullmatch(r"(?:\[|>=)([0-9]{1,4})(?:, [0-9]{1,4}\))?", text)
        start = int(found[1]) if found else 0
        is_start = start % width == 0 and (spec.upper is None or start <= spec.upper)
        return text if found and is_start and band(start) == text else None

    return starts, band, own_band


def _months(days: Integers) -> Integers:
    year, month, _ = civil(days)
    return year * 12 + month - 1


def _number_of(day: date) -> int:
    return day.toordinal() - _EPOCH


def _postal(spec: Postal, values: pa.Array) -> pa.Array:
    kept = rf"^(?P<kept>(?:[A-Z0-9][ \-]?){{{spec.keep}}})"
    parts = pc.extract_regex(pc.ascii_upper(values), rf"{kept}(?P<rest>[A-Z0-9*](?:[ \-]?[A-Z0-9*]){{0,9}})$")
    rest = pc.replace_substring_regex(parts.field("rest"), "[A-Z0-9]", "*")
    joined = pc.binary_join_element_wise(parts.field("kept"), rest, "")
    return pc.if_else(parts.is_valid(), joined, pa.scalar(None, pa.string()))


def _ips(spec: Ip, values: pa.Array) -> pa.Array:
    v4 = np.asarray(pc.fill_null(pc.match_substring_regex(values, _IPV4), False))
    octets = pc.split_pattern(values.filter(pa.array(v4)), ".").flatten().cast(pa.int64())
    networks = np.zeros(len(values), np.int64)
    networks[v4] = np.asarray(octets).reshape(-1, 4) @ np.array([1 << 24, 1 << 16, 1 << 8, 1])
    networks &= -1 << (32 - spec.prefix_v4)

    def slow(text: str) -> str | None:
        try:
            if "/" in text:
                network = ipaddress.ip_network(text)
                ours = spec.prefix_v4 if network.version == 4 else spec.prefix_v6
                return text if network.prefixlen == ours and str(network) == text else None
            address = ipaddress.IPv6Address(text)
        except ValueError:
            return None
        if address.ipv4_mapped is not None:
            return str(ipaddress.ip_network((int(address.ipv4_mapped), spec.prefix_v4), strict=False))
        # The number alone: a zone id behind the address names an interface of somebody's machine.
        return str(ipaddress.IPv6Network((int(address), spec.prefix_v6), strict=False))

    return _mixed(values, v4, networks, lambda at: f"{ipaddress.IPv4Address(at)}/{spec.prefix_v4}", slow)


@lru_cache(maxsize=32)
def _table(spec: Hierarchy) -> dict[str, str]:
    return dict(spec.table)


def _short_numbers(values: pa.Array) -> tuple[Integers, Booleans]:
    """Whole numbers that fit, and where they are; 0 elsewhere."""
    short = np.asarray(pc.fill_null(pc.match_substring_regex(values, _SHORT), False))
    whole = np.zeros(len(values), np.int64)
    whole[short] = np.asarray(values.filter(pa.array(short)).cast(pa.int64()))
    return whole, short


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _exact(number: float) -> Decimal:
    """The number as the policy writes it, not as the nearest binary fraction."""
    return Decimal(str(number))


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f") if number else "0"


def _below(lower: float) -> str:
    return f"<{_plain(_exact(lower))}"


def _interval(value: Decimal, width: Decimal, origin: Decimal) -> str:
    steps = (value - origin) // width
    # The quotient of decimals is cut towards zero.
    start = origin + (steps - (steps * width > value - origin)) * width
    return f"[{_plain(start)}, {_plain(start + width)})"


def _matching(pattern: str) -> _Slow:
    own = re.compile(pattern)
    return lambda text: text if own.fullmatch(text) else None
