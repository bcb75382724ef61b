"""ISO 8601 dates and timestamps in text, for a whole batch: read into days, and written back in place.

The calendar is the proleptic Gregorian one, years 0001 to 9999, as ISO 8601 section 4.2.1 has it.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.tokenization.rows import Booleans, Bytes, Integers, flat

_TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:[.,][0-9]{1,9})?)?"
_ZONE = r" ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)"
_ISO = rf"^[0-9]{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:{_TIME}(?:{_ZONE})?)?$"
_DATE_CHARS = 10
FIRST_DAY = int(np.datetime64("0001-01-01", "D").astype(np.int64))
LAST_DAY = int(np.datetime64("9999-12-31", "D").astype(np.int64))
_EPOCH = 1970


class Dates(NamedTuple):
    """Text values as days since 1970-01-01 (n,), and whether each is a date (n,); where not, its day means nothing."""

    octets: Bytes
    bounds: Integers
    days: Integers
    formed: Booleans


def read_dates(values: pa.Array) -> Dates:
    """The date at the start of each value, as it is written: a zone behind it changes nothing. Null is no date."""
    formed = np.asarray(pc.fill_null(pc.match_substring_regex(values, _ISO), False))
    octets, bounds = flat(values)
    days = np.zeros(len(values), np.int64)
    rows = np.flatnonzero(formed)
    if len(rows):
        digits = octets[bounds[rows, None] + np.arange(_DATE_CHARS)].astype(np.int64) - ord("0")
        year = digits[:, :4] @ np.array([1000, 100, 10, 1])
        month = digits[:, 5] * 10 + digits[:, 6]
        first = ((year - _EPOCH) * 12 + month - 1).astype("datetime64[M]")
        day = first.astype("datetime64[D]") + (digits[:, 8] * 10 + digits[:, 9] - 1)
        # The 30th of February would be a day in March.
        real = (day.astype("datetime64[M]") == first) & (year > 0)
        days[rows] = day.astype(np.int64)
        formed[rows] = real
    return Dates(octets, bounds, days, formed)


def write_dates(dates: Dates, days: Integers, formed: Booleans) -> pa.Array:
    """The values with other dates in place of theirs and all else as it was; null where not ``formed``."""
    out = dates.octets.copy()
    rows = np.flatnonzero(formed)
    year, month, day = civil(days[rows])
    text = np.full((len(rows), _DATE_CHARS), ord("-"), np.uint8)
    for place, part in ((0, year // 1000), (1, year // 100), (2, year // 10), (3, year), (5, month // 10), (6, month)):
        text[:, place] = part % 10 + ord("0")
    text[:, 8], text[:, 9] = day // 10 + ord("0"), day % 10 + ord("0")
    out[dates.bounds[rows, None] + np.arange(_DATE_CHARS)] = text
    buffers = [None, pa.py_buffer(np.ascontiguousarray(dates.bounds)), pa.py_buffer(out)]
    texts = pa.Array.from_buffers(pa.large_string(), len(formed), buffers)
    return texts.take(pa.array(np.arange(len(formed)), mask=~formed)).cast(pa.string())


def civil(days: Integers) -> tuple[Integers, Integers, Integers]:
    """Year, month and day of days since 1970-01-01."""
    day = days.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    months = month.astype(np.int64)
    return months // 12 + _EPOCH, months % 12 + 1, (day - month.astype("datetime64[D]")).astype(np.int64) + 1
