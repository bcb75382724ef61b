"""Dates moved by a keyed number of days, the same for all dates of one subject.

What it leaks: the intervals between a subject's dates, the time of day, and with whole weeks the weekday; the date to
within ``max_days``. One known date of a subject gives away all of that subject's. Who holds the key can undo it.

The shift depends on the subject, the parameters and the key's domain, and not on column or type: intervals between
columns and tables stay. A value without a subject is malformed.
"""

import numpy as np
import pyarrow as pa

from clearance.perturbing import DateShift
from clearance.tokenization.choices import choose
from clearance.tokenization.dates import FIRST_DAY, LAST_DAY, read_dates, write_dates
from clearance.tokenization.malformed import readable, without_malformed
from clearance.tokenization.row_context import RowContext
from clearance.tokenization.rows import Integers
from clearance.tokenization.tokens import Tokenizer


def shift_dates(
    spec: DateShift, values: pa.Array, entity_type: str, tokenizer: Tokenizer, rows: RowContext
) -> pa.Array:
    """ISO dates and timestamps -> the same with another date. What would leave the years 1 to 9999 is malformed."""
    subjects = rows.subjects
    assert subjects is not None  # RowContext.check has seen to it
    encoded = subjects.cast(pa.large_string()).dictionary_encode()
    shifts = np.append(shifts_of(spec, encoded.dictionary, tokenizer), 0)
    index = np.asarray(encoded.indices.fill_null(-1))
    dates = read_dates(readable(values))
    days = dates.days + shifts[index]
    formed = dates.formed & (index >= 0) & (days >= FIRST_DAY) & (days <= LAST_DAY)
    changed = write_dates(dates, days, formed)
    return without_malformed(
        changed, values, spec.malformed, entity_type, tokenizer, "ISO date of a known subject within the calendar"
    )


def shifts_of(spec: DateShift, subjects: pa.Array, tokenizer: Tokenizer) -> Integers:
    """Days for each subject (text, no nulls): uniform over the shifts there are, never 0."""
    step = 7 if spec.weeks else 1
    most = spec.max_days // step
    prefix = f"{spec.max_days}/{step}\0".encode()
    digests = tokenizer.keyed_hash("date-shift").digests(subjects.cast(pa.large_binary()), prefix)
    place = choose(digests, 2 * most)
    return np.where(place < most, place - most, place - most + 1) * step
