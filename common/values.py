"""The text form of a value: what detectors read and what tokens are made from.

One form for one value, whatever type the column has, so that a card number found in a bigint, a decimal or a
string gives one token and the protected tables still join.
"""

from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def is_readable(kind: pa.DataType) -> bool:
    """Whether values of this Arrow type have a text form: string, number, date, time or boolean."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or (pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_interval(kind))
        or pa.types.is_null(kind)
    )


def to_text(values: pa.Array) -> pa.Array:
    """The text form of an Arrow array, of the same length, as ``string``; nulls stay null.

    Strings stay as they are; integers, decimals and floats become plain decimals without exponent, and without
    a fraction where it is zero (``4111111111111111.00`` -> ``4111111111111111``); dates and times are ISO 8601,
    timestamps with a zone in UTC; booleans ``true`` and ``false``.
    Raises ``pyarrow.ArrowInvalid`` for a type that ``is_readable`` denies.
    """
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _plain_numbers(values)
    return values.cast(pa.string())


def texts_of(values: pa.Array) -> list[str | None]:
    """A text array as Python strings. Bytes that are no UTF-8, which Parquet may hold, become U+FFFD.

    Arrow alone would raise a ``UnicodeDecodeError``, and that carries the value.
    """
    try:
        found: list[str | None] = values.to_pylist()
    except UnicodeDecodeError:
        raw = values.cast(pa.large_binary()).to_pylist()
        found = [octets if octets is None else octets.decode("utf-8", "replace") for octets in raw]
    return found


def octets_of(values: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """A text array without nulls as its octets and ``len(values) + 1`` offsets into them, without a copy of the text.

    Value ``i`` is ``octets[offsets[i]:offsets[i + 1]]``; the first offset is 0.
    """
    wide = pa.types.is_large_string(values.type)
    _, ends, data = values.buffers()
    if not len(values):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(ends, dtype=np.int64 if wide else np.int32)[values.offset :][: len(values) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    octets = np.frombuffer(data, dtype=np.uint8)[first:last] if last > first else np.zeros(0, np.uint8)
    return octets, offsets.astype(np.int64) - first


def _plain_numbers(values: pa.Array) -> pa.Array:
    # Distinct values only: numeric columns repeat, and what has an exponent goes through Python.
    encoded = pc.dictionary_encode(values)
    texts = encoded.dictionary.cast(pa.string())
    exponent = pc.match_substring(texts, "e", ignore_case=True)
    if pc.any(exponent).as_py():
        texts = pa.array([_without_exponent(text) for text in texts.to_pylist()], pa.string())
    return pc.replace_substring_regex(texts, r"\.0+$", "").take(encoded.indices)


def _without_exponent(text: str) -> str:
    return format(Decimal(text), "f") if "e" in text or "E" in text else text
