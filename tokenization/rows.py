"""Arrow values of many lengths as byte matrices and back: what lets one AES call serve a whole batch.

Values are grouped by their number of 16-byte blocks, or by length where few lengths have many values each, and a group
is a matrix padded with zeros. Few groups with many rows each keep numpy's cost for a call out of the cost for a value.
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

BLOCK = 16
LONGEST = 512
"""Values of more bytes are for a scalar path: there the work outweighs the call."""

_FEWEST = 12
"""Groups of fewer values are for a scalar path too: numpy's calls cost more than theirs."""
_MANY = 1 << 11
"""From so many values for each length on, groups are of one length."""
_MOST = 1 << 11
"""Larger groups are cut: the matrices stay in the processor's cache, and their memory is used again."""


class Rows(NamedTuple):
    """Values with an equal number of blocks. ``positions`` (n,) in the array; ``octets`` (n, width), zero from each
    row's length on; ``lengths`` (n,) in bytes. ``width`` is a multiple of 16 with ``width - 16 < length <= width``;
    empty values are rows of width 16.
    """

    positions: Integers
    octets: Bytes
    lengths: Integers


def flat(values: pa.Array) -> tuple[Bytes, Integers]:
    """The bytes of all values one after the other, and (n + 1,) offsets into them. Nulls are empty."""
    values = values.cast(pa.large_binary())
    _, offsets, data = values.buffers()
    if not len(values) or data is None:
        return np.zeros(0, np.uint8), np.zeros(len(values) + 1, np.int64)
    bounds = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def in_rows(values: pa.Array) -> tuple[list[Rows], Integers]:
    """Groups of binary or text values without nulls, and the positions that go into none: long or lonely ones."""
    if len(values) < _FEWEST:
        return [], np.arange(len(values))
    data, bounds = flat(values)
    lengths = np.diff(bounds)
    blocks = np.maximum((lengths + BLOCK - 1) // BLOCK, 1)
    blocks[lengths > LONGEST] = 0
    padded = np.concatenate([data, np.zeros(LONGEST, np.uint8)])
    groups: list[Rows] = []
    rest: list[Integers] = [np.zeros(0, np.int64)]
    # Values of one length are the cheapest group, if that makes no small ones.
    shared = np.where(blocks > 0, lengths, -1)
    alike = len(np.flatnonzero(np.bincount(shared + 1))) * _MANY <= len(values)
    for group in np.unique(shared if alike else blocks):
        members = np.flatnonzero((shared if alike else blocks) == group)
        width = int(blocks[members[0]]) * BLOCK
        if not width or len(members) < _FEWEST:
            rest.append(members)
            continue
        windows = np.lib.stride_tricks.sliding_window_view(padded, width)
        for start in range(0, len(members), _MOST):
            part = members[start : start + _MOST]
            octets = windows[bounds[part]]
            octets *= within(width, lengths[part])
            groups.append(Rows(part, octets, lengths[part]))
    return groups, np.concatenate(rest)


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
    return _table(width)[lengths] if width <= 2 * LONGEST else np.arange(width) < lengths[:, None]


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
    values = pa.concat_arrays([values for _, values in parts]) if parts else pa.array([], kind)
    places = np.empty(len(values), np.int64)
    places[np.concatenate([where for where, _ in parts] or [places])] = np.arange(len(values))
    order = pa.array(places) if indices is None else pa.array(places).take(indices)
    in_place = not order.null_count and np.array_equal(order.to_numpy(), np.arange(len(values)))
    return values if in_place else values.take(order)
