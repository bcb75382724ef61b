"""The text of tokens, for a whole batch at once: ``tk1{kind}_{type}_{key id}_{body}_{check}``.

Frozen in ``docs/decisions/0002-token-format.md``. What is here knows the look of a token and its keyed check, and
nothing of values.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.tokenization.cmac import Cmac
from clearance.tokenization.codec import OVER, base32_of, decode_rows, encoded_length
from clearance.tokenization.rows import (
    BLOCK,
    Booleans,
    Bytes,
    Integers,
    Numbers,
    Rows,
    cut,
    fill_columns,
    flat,
    in_rows,
    put_columns,
    put_pieces,
)
from clearance.tokenization.slugs import type_of

ONE_WAY = "h"
REVERSIBLE = "r"

BODY_BYTES = 15
"""Of a one-way token's body. A reversible one has more than ``TAG_BYTES`` and no upper limit."""
CHECK_CHARS = 6
_SHORTEST_REVERSIBLE = BLOCK + 1
_SHORTEST_BODY = 24
_TAIL_CHARS = 1 + CHECK_CHARS
_TAIL = _SHORTEST_BODY + _TAIL_CHARS

PREFIX = "tk1"
TOKEN_PATTERN = (
    r"tk1(?P<kind>[hr])_(?P<type>[a-z][a-z0-9_]{0,119}?)_(?P<kid>[a-z0-9]{2,16})_"  # noqa: S105 (no password)
    r"(?P<body>[a-z2-7]{24,}+)_(?P<check>[a-z2-7]{6})"
)
"""What a token looks like. A match is only a candidate: ask ``Tokenizer.verified_types``."""

# A token may have been upper-cased on its way. ASCII, or U+017F and U+212A would match s and k.
CANDIDATE = re.compile(TOKEN_PATTERN, re.ASCII | re.IGNORECASE)
HEADER = re.compile(r"tk1(?P<kind>[hr])_(?P<type>[a-z][a-z0-9_]{0,119})_(?P<kid>[a-z0-9]{2,16})")


def unverified_spans(text: str, verified: Sequence[tuple[int, int, str]] = ()) -> list[tuple[int, int, str]]:
    """(start, end, entity type) of what looks like a token and is not among ``verified``, in order.

    It may be of a key or domain that is not known here, or made up. Its type is what it says of itself, which may be
    anything: do not show it where a value must not be shown.
    """
    if PREFIX not in text.lower():
        return []
    spans, at = [], 0
    for start, end, _ in [*verified, (len(text), len(text), "")]:
        for match in CANDIDATE.finditer(text, at, start):
            spans.append((match.start(), match.end(), type_of(match["type"].lower()) or ""))
        at = end
    return spans


class Candidates(NamedTuple):
    """Cells that look like tokens from afar, in lower case: positions (n,) among the cells, and their three parts.

    ``header`` is dictionary-encoded (n), ``body`` binary (n), ``check`` (n, 6) characters.
    """

    positions: Integers
    header: pa.DictionaryArray
    body: pa.Array
    check: Bytes


def candidates(cells: pa.Array) -> Candidates | None:
    """The cells of a text array without nulls that may be tokens; None when there are none."""
    octets, bounds = flat(cells)
    positions = np.flatnonzero(np.diff(bounds) > _TAIL)
    for place, character in enumerate(PREFIX.encode()):
        # One bit makes lower case of upper case, and of nothing else one of these.
        positions = positions[octets[bounds[positions] + place] | 0x20 == character]
    if not len(positions):
        return None
    cells = cells.take(pa.array(positions))
    ascii_ = np.asarray(pc.string_is_ascii(cells))
    positions = positions[ascii_]
    if not len(positions):
        return None
    octets, bounds = flat(pc.ascii_lower(cells.filter(pa.array(ascii_))))
    starts, ends = bounds[:-1], bounds[1:]
    marks = np.flatnonzero(octets == ord("_"))
    if not len(marks):
        return None
    # The last underscore stands before the check, and the one before it ends the header.
    last = np.searchsorted(marks, ends) - 1
    middle = marks[np.maximum(last - 1, 0)]
    formed = (marks[last] == ends - CHECK_CHARS - 1) & (middle >= starts)
    positions, starts, middle, ends = (places[formed] for places in (positions, starts, middle, ends))
    # Header, underscore, body, and the rest up to the next header, as four values over the same bytes.
    cuts = np.column_stack([starts, middle, middle + 1, ends - CHECK_CHARS - 1]).ravel()
    buffers = [None, pa.py_buffer(np.append(cuts, len(octets))), pa.py_buffer(octets)]
    pieces = pa.Array.from_buffers(pa.large_binary(), len(cuts), buffers)
    header, body = (pieces.take(pa.array(np.arange(place, len(cuts), 4))) for place in (0, 2))
    check = np.lib.stride_tricks.sliding_window_view(octets, CHECK_CHARS)[ends - CHECK_CHARS]
    return Candidates(positions, pc.dictionary_encode(header), body, check)


class Bodies(NamedTuple):
    """Decoded bodies: positions (n,), bytes (n, width) zero behind their lengths (n,), and whether the row is one."""

    positions: Integers
    octets: Bytes
    lengths: Integers
    formed: Booleans


def decode_bodies(kind: str, body: pa.Array) -> tuple[list[Bodies], Integers]:
    """The bytes of base32 bodies, and the positions of those too long or too few for a batch."""
    groups, rest = in_rows(body)
    return [_decoded(kind, rows) for rows in groups], rest


def _decoded(kind: str, rows: Rows) -> Bodies:
    octets, lengths, formed = decode_rows(rows.octets, rows.lengths)
    return Bodies(rows.positions, octets, lengths, formed & is_body_length(kind, lengths))


def is_body_length(kind: str, lengths: Integers) -> Booleans:
    """Whether a body of this kind can have so many bytes."""
    fits: Booleans = lengths == BODY_BYTES if kind == ONE_WAY else lengths >= _SHORTEST_REVERSIBLE
    return fits


def check_characters(mac: Cmac, kind: str, octets: Bytes, lengths: Integers) -> Bytes:
    """(n, 6): the first 30 bits of AES-256-CMAC over the kind and each body, in base32."""
    _, message = _messages(kind, octets)
    return _checks(mac, message, lengths).view(np.uint8).reshape(-1, 8)[:, :CHECK_CHARS]


def _messages(kind: str, octets: Bytes) -> tuple[Bytes, Bytes]:
    """The same twice: flat and with room for ``base32_of`` behind it, and what checks are taken over, (n, 16k)."""
    count, width = octets.shape
    wide = -(-(width + 1) // BLOCK) * BLOCK
    room = np.zeros(count * wide + OVER, np.uint8)
    message = room[: count * wide].reshape(count, wide)
    message[:, 0] = ord(kind)
    put_columns(message, 1, np.ascontiguousarray(octets))
    return room, message


def _checks(mac: Cmac, message: Bytes, lengths: Integers) -> Numbers:
    """(n,): eight characters of base32 each, of which six are the check."""
    macs = mac.macs(message, lengths + 1)
    return base32_of(macs.reshape(-1), (len(macs),), (BLOCK,))


def join(header: bytes, kind: str, mac: Cmac, bodies: Sequence[tuple[Integers, Bytes, Integers]]) -> pa.Array:
    """Token strings, as ``string``, of groups of bodies: positions (n,), bytes (n, width) zero behind their lengths,
    and these (n,). The positions of all groups together are 0 to the number of tokens.
    """
    count = sum(len(positions) for positions, _, _ in bodies)
    if not count:
        return pa.array([], pa.string())
    start, longest = len(header), max(int(encoded_length(lengths.max())) for _, _, lengths in bodies)
    table = np.empty((count, start + longest + _TAIL_CHARS), np.uint8)
    fill_columns(table, 0, header)
    ends = np.empty(count, np.int64)
    for positions, octets, lengths in bodies:
        room, message = _messages(kind, octets)
        shape = len(octets), -(-octets.shape[1] // 5)
        put_columns(table, start, base32_of(room, shape, (message.shape[1], 5), 1).view(np.uint8), positions)
        # An underscore in front of the check; what it pushes out is the last of eight.
        tails = _checks(mac, message, lengths).astype(np.uint64)
        tails >>= np.uint64(8)
        tails |= np.uint64(ord("_") << 56)
        where = positions * table.shape[1] + start + encoded_length(lengths)
        put_pieces(table.reshape(-1), where, tails.astype(">u8").view(np.uint8).reshape(-1, 8), _TAIL_CHARS)
        ends[positions] = where + _TAIL_CHARS
    return cut(table, ends)


def by_header(found: Candidates) -> Iterator[tuple[str, Integers]]:
    """Each header among the candidates, and the places of those that have it."""
    codes = found.header.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(found.header.dictionary) + 1))
    for code, header in enumerate(found.header.dictionary.to_pylist()):
        yield header.decode(), order[starts[code] : starts[code + 1]]
