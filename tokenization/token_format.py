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
from clearance.tokenization.codec import base32_encode, decode_rows, encoded_length
from clearance.tokenization.rows import BLOCK, Booleans, Bytes, Integers, Rows, flat, in_rows, within
from clearance.tokenization.slugs import type_of

ONE_WAY = "h"
REVERSIBLE = "r"

BODY_BYTES = 15
"""Of a one-way token's body. A reversible one has more than ``TAG_BYTES`` and no upper limit."""
CHECK_CHARS = 6
_SHORTEST_REVERSIBLE = BLOCK + 1
_SHORTEST_BODY = 24
_TAIL = _SHORTEST_BODY + 1 + CHECK_CHARS

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
    likely = pc.and_(pc.starts_with(cells, PREFIX, ignore_case=True), pc.greater(pc.binary_length(cells), _TAIL))
    likely = pc.and_(likely, pc.string_is_ascii(cells))
    positions = pc.indices_nonzero(likely).to_numpy().astype(np.int64)
    if not len(positions):
        return None
    octets, bounds = flat(pc.ascii_lower(cells.filter(likely)))
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
    width = -(-(octets.shape[1] + 1) // BLOCK) * BLOCK
    message = np.zeros((len(octets), width), np.uint8)
    message[:, 0] = ord(kind)
    message[:, 1 : octets.shape[1] + 1] = octets
    return base32_encode(np.ascontiguousarray(mac.macs(message, lengths + 1)[:, :5]))[:, :CHECK_CHARS]


def join(header: bytes, kind: str, mac: Cmac, octets: Bytes, lengths: Integers) -> pa.Array:
    """Token strings of bodies (n, width), zero behind their lengths (n,), built as one buffer."""
    short = -octets.shape[1] % 5
    if short:
        padded = np.zeros((len(octets), octets.shape[1] + short), np.uint8)
        padded[:, : octets.shape[1]] = octets
        octets, narrow = padded, octets
    else:
        octets = narrow = np.ascontiguousarray(octets)
    body = base32_encode(octets)
    sizes = encoded_length(lengths)
    start, longest = len(header), int(sizes.max(initial=0))
    uniform = bool((sizes == longest).all())
    empty = np.frombuffer(header.ljust(start + longest + 1 + CHECK_CHARS), np.uint8)
    rows = np.repeat(empty[None], len(octets), axis=0)
    tails = np.full((len(octets), 1 + CHECK_CHARS), ord("_"), np.uint8)
    tails[:, 1:] = check_characters(mac, kind, narrow, lengths)
    if uniform:
        rows[:, start : start + longest] = body[:, :longest]
        rows[:, start + longest :] = tails
    else:
        np.copyto(rows[:, start : start + longest], body[:, :longest], where=within(longest, sizes))
        windows = np.lib.stride_tricks.sliding_window_view(rows.reshape(-1), 1 + CHECK_CHARS, writeable=True)
        windows[np.arange(len(rows)) * rows.shape[1] + start + sizes] = tails
    offsets = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int64)
    text = pa.Array.from_buffers(pa.large_string(), len(rows), [None, pa.py_buffer(offsets), pa.py_buffer(rows)])
    return (text if uniform else pc.ascii_rtrim(text, " ")).cast(pa.string())


def by_header(found: Candidates) -> Iterator[tuple[str, Integers]]:
    """Each header among the candidates, and the places of those that have it."""
    codes = found.header.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(found.header.dictionary) + 1))
    for code, header in enumerate(found.header.dictionary.to_pylist()):
        yield header.decode(), order[starts[code] : starts[code + 1]]
