"""Arrow values of many lengths as byte matrices and back: what lets one AES call serve a whole batch.

Values are grouped by their number of 16-byte blocks, and a group is a matrix padded with zeros. Few groups with many
rows each keep numpy's cost for a call out of the cost for a value.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Integers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_BLOCK_BITS = 4
BLOCK = 1 << _BLOCK_BITS
LONGEST = 512
"""Values of more bytes are for a scalar path: there the work outweighs the call."""

_FEWEST = 12
"""Groups of fewer values are for a scalar path too: numpy's calls cost more than theirs."""
_MOST = 1 << 13
"""Larger groups are cut: the matrices stay in the processor's cache, and their memory is used again."""


class Rows(NamedTuple):
    """Values with an equal number of blocks. ``positions`` (n,) in the array; ``octets`` (n, width), zero from each
    row's length on; ``lengths`` (n,) in bytes. ``width`` is a multiple of 16 with ``width - 16 < length <= width``;
    empty values are rows of width 16.
    """

    positions: Integers
    octets: Bytes
    lengths: Integers


_OFFSETS = {pa.string(): np.int32, pa.binary(): np.int32, pa.large_string(): np.int64, pa.large_binary(): np.int64}
"""Of the types whose octets and offsets need no cast: it costs as much as a look at some hundred values."""


def flat(values: pa.Array) -> tuple[Bytes, Integers]:
    """The bytes of all values one after the other, and (n + 1,) offsets into them. Nulls are empty."""
    width = _OFFSETS.get(values.type)
    if width is None:
        values, width = values.cast(pa.large_binary()), np.int64
    _, offsets, data = values.buffers()
    if not len(values) or data is None:
        return np.zeros(0, np.uint8), np.zeros(len(values) + 1, np.int64)
    bounds = np.frombuffer(offsets, width)[values.offset : values.offset + len(values) + 1].astype(np.int64)
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def chosen(values: pa.Array, fits: Booleans) -> pa.Array:
    """The values that fit: all of them as they are, for that costs nothing."""
    return values if fits.all() else values.filter(pa.array(fits))


def blocks_of(lengths: Integers) -> Integers:
    """How many blocks values of these lengths have; an empty one has one."""
    # A shift, for numpy divides one number at a time.
    blocks: Integers = np.maximum((lengths + BLOCK - 1) >> _BLOCK_BITS, 1)
    return blocks


def translated(octets: Bytes, table: bytes) -> Bytes:
    """What the table says of each octet: ``translate`` is several times as fast as numpy's look-up."""
    return np.frombuffer(octets.tobytes().translate(table), np.uint8).reshape(octets.shape)


def in_rows(values: pa.Array, prefix: bytes = b"") -> tuple[list[Rows], Integers]:
    """Groups of binary or text values without nulls, and the positions that go into none: long or lonely ones.

    Each value's octets follow ``prefix``, which its length counts too.
    """
    if len(values) < _FEWEST:
        return [], np.arange(len(values))
    data, bounds = flat(values)
    front = np.frombuffer(prefix, np.uint8)
    lengths = np.diff(bounds) + len(front)
    blocks = blocks_of(lengths)
    blocks[lengths > LONGEST] = 0
    padded = np.concatenate([front, data, np.zeros(LONGEST, np.uint8)])
    groups: list[Rows] = []
    rest: list[Integers] = [np.zeros(0, np.int64)]
    for number in np.flatnonzero(np.bincount(blocks)).tolist():
        members = np.flatnonzero(blocks == number)
        if not number or len(members) < _FEWEST:
            rest.append(members)
            continue
        for part in np.array_split(members, -(-len(members) // _MOST)):
            octets = pieces(padded, bounds[part], number * BLOCK)
            octets[:, : len(front)] = front
            clear_ends(octets, lengths[part])
            groups.append(Rows(part, octets, lengths[part]))
    return groups, np.concatenate(rest)


def pieces(data: Bytes, places: Integers, width: int) -> Bytes:
    """(n, width): as many bytes from each place on."""
    return _items(data.reshape(-1, 1), 0, width)[places].view(np.uint8).reshape(-1, width)


def columns(octets: Bytes, start: int, width: int) -> Bytes:
    """(n, width): a copy of the rows' bytes from ``start`` on, contiguous. Cheaper than a slice in what follows."""
    return _items(octets, start, width).copy().view(np.uint8).reshape(-1, width)


def put_columns(octets: Bytes, start: int, taken: Bytes, rows: Integers | None = None) -> None:
    """``octets[rows, start:start + width] = taken``, of all rows when left out. As much as there is room for."""
    width = min(taken.shape[1], octets.shape[1] - start)
    items = _items(octets, start, width)
    items[slice(None) if rows is None else rows] = _items(taken, 0, width)


def put_pieces(data: Bytes, places: Integers, taken: Bytes, width: int) -> None:
    """The first ``width`` bytes of each row of ``taken`` to its place in ``data``."""
    _items(data.reshape(-1, 1), 0, width)[places] = _items(taken, 0, width)


def cut(table: Bytes, ends: Integers) -> pa.Array:
    """The rows of ASCII text (n, width) up to their ends, which count from the table's beginning, as ``string``."""
    count, width = table.shape
    begins = np.arange(0, table.size + 1, width)
    if np.array_equal(begins[1:], ends):
        return _texts(table, begins).cast(pa.string())
    # Each text and what stands between it and the next, of which the first is kept.
    both = _texts(table, np.append(np.column_stack([begins[:-1], ends]), table.size))
    return both.take(pa.array(np.arange(0, 2 * count, 2))).cast(pa.string())


def _texts(table: Bytes, bounds: Integers) -> pa.Array:
    return pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(table)])


def fill_columns(octets: Bytes, start: int, same: bytes) -> None:
    """The same bytes into each row, from ``start`` on."""
    _items(octets, start, len(same))[:] = np.frombuffer(same, f"V{len(same)}")


def _items(octets: Bytes, start: int, width: int) -> "np.ndarray[Any, np.dtype[np.void]]":
    """The rows' bytes from ``start`` on, one item a row: numpy copies items at once, and slices of rows in loops
    of a few bytes. With rows of one byte it is every place of a flat array.
    """
    count = max((octets.size - start - width) // octets.shape[1] + 1, 0)
    return np.ndarray((count,), f"V{width}", octets.data, start, (octets.shape[1],))


# (17, 2): what is kept of a block of which only so many bytes belong to a value, as two numbers.
_KEPT = np.where(np.arange(BLOCK) < np.arange(BLOCK + 1)[:, None], np.uint8(255), np.uint8(0)).view(np.uint64)


def clear_ends(octets: Bytes, lengths: Integers) -> None:
    """Zeros behind the lengths, which end in each row's last block of 16 bytes."""
    ends = lengths - (octets.shape[1] - BLOCK)
    numbers = octets.view(np.uint64)
    for lane in (0, 1):
        numbers[:, lane - 2] &= _KEPT[:, lane][ends]


_SAMPLE, _REPEATED = 1 << 10, 5


def distinct(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """The distinct values of an array and each row's place among them (null for null): ``spread`` undoes it.

    Where the first thousand hardly repeat, the values as they are and no places: looking for repeats would cost more
    than they save. So a value may be there twice.
    """
    if len(values) > _SAMPLE and not values.null_count:
        head = values.slice(0, _SAMPLE)
        if pc.count_distinct(head).as_py() >= _SAMPLE - _REPEATED:
            return values, None
    encoded = pc.dictionary_encode(values)
    return encoded.dictionary, encoded.indices


def spread(values: pa.Array, places: pa.Array | None) -> pa.Array:
    """What belongs to distinct values, for each row."""
    return values if places is None else values.take(places)


def within(width: int, lengths: Integers) -> Booleans:
    """(n, width): each row is true in its first ``length`` places."""
    # Rows of a table are several times faster to copy than to compute; a table for huge widths would be huger.
    return _table(width).take(lengths, axis=0) if width <= 2 * LONGEST else np.arange(width) < lengths[:, None]


@lru_cache(maxsize=LONGEST // BLOCK * 2)
def _table(width: int) -> Booleans:
    table: Booleans = np.arange(width) < np.arange(width + 1)[:, None]
    table.flags.writeable = False
    return table


def binary_of(octets: Bytes, lengths: Integers) -> pa.Array:
    """Rows (n, width) cut to their lengths, as ``large_binary``."""
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    kept = octets[within(octets.shape[1], lengths)]
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(kept)]
    return pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers)


def in_order(
    parts: Iterable[tuple[Integers, pa.Array]], kind: pa.DataType, indices: pa.Array | None = None
) -> pa.Array:
    """One array of ``kind`` from parts and the positions of their values, which together are 0 to n - 1.

    With ``indices``, the places of a dictionary encoding, it is that array decoded.
    """
    parts = [(where, values) for where, values in parts if len(values)]
    if not parts:
        return spread(pa.array([], kind), indices)
    values = parts[0][1] if len(parts) == 1 else pa.concat_arrays([values for _, values in parts])
    where, rows = np.concatenate([where for where, _ in parts]), np.arange(len(values))
    if np.array_equal(where, rows):
        return spread(values, indices)
    places = np.empty(len(values), np.int64)
    places[where] = rows
    return values.take(spread(pa.array(places), indices))
