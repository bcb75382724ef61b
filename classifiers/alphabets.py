"""Texts that a pattern can't tell apart: it is tried on one of them, and what it finds there it finds in all.

Of a character, a pattern sees no more than which of its classes it is in. So it matches two texts at the same places
if at each place their characters are in the same classes: a column of social security numbers is one text to a pattern
of digits and hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import regex

from clearance.classifiers.gate_patterns import WORD_CHARACTERS, Node, ascii_set, named_groups_removed
from clearance.classifiers.hit_columns import Places

#: For each ASCII character the number of its class.
Alphabet = npt.NDArray[np.uint8]
#: Where something is in a text; None where that depends on more than the classes of its characters.
SpansOf = Callable[[str], Sequence[tuple[int, int]] | None]

#: Longer texts are hardly ever alike.
LONGEST = 64
#: Fewer texts are not worth the trouble.
_FEW = 64
#: It is worth it if so many texts at the beginning are of half as many kinds.
_SAMPLE = 1 << 10
_KNOWN_FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL | regex.UNICODE | regex.VERSION0
#: What the standard library's parser reads otherwise than the regex module: POSIX classes.
_READ_OTHERWISE = "[:"


def alphabet_of_classes(classes: Iterable[Iterable[str]]) -> Alphabet:
    """The alphabet of what sees of an ASCII character no more than which of these classes it is in."""
    signs = np.zeros((128, 0), np.bool_)
    for members in classes:
        column = np.zeros((128, 1), np.bool_)
        column[[ord(member) for member in members]] = True
        signs = np.hstack([signs, column])
    numbers: Alphabet = np.unique(signs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.uint8)
    return numbers


@lru_cache(maxsize=1 << 11)
def alphabet_of(pattern: regex.Pattern[str]) -> Alphabet | None:
    """The alphabet of a pattern's matches and groups; None where it can't be told."""
    source = named_groups_removed(pattern.pattern)
    if pattern.flags & ~_KNOWN_FLAGS or not source.isascii() or _READ_OTHERWISE in source:
        return None
    try:
        tree = parser.parse(source, re.MULTILINE | re.DOTALL)
        classes = [{ord("\n")}, *_classes(tree)]
    except (re.error, _OtherwiseError):
        return None
    if (pattern.flags | tree.state.flags) & regex.IGNORECASE:
        # A letter and its other case are seen as what both of them are in.
        classes = [part for members in classes for part in (members & _swapped(members), members | _swapped(members))]
    return alphabet_of_classes(map(chr, members) for members in classes)


class _OtherwiseError(Exception):
    """Something in a pattern sees more than classes."""


def _classes(nodes: Iterable[Node]) -> Iterator[set[int]]:
    """The sets of ASCII characters that parts of a pattern match."""
    for op, argument in nodes:
        if op in (sre.LITERAL, sre.NOT_LITERAL):
            yield _ascii({argument})
        elif op is sre.IN:
            yield ascii_set(argument)
            _ascii({point for kind, some in argument if kind in (sre.LITERAL, sre.RANGE) for point in _points(some)})
        elif op is sre.AT:
            yield set(WORD_CHARACTERS)
        elif op is sre.BRANCH:
            for branch in argument[1]:
                yield from _classes(branch)
        elif op is sre.SUBPATTERN:
            _, added, removed, inner = argument
            if added or removed:
                raise _OtherwiseError
            yield from _classes(inner)
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield from _classes(argument[2])
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _classes(argument[1])
        elif op is sre.ATOMIC_GROUP:
            yield from _classes(argument)
        elif op is not sre.ANY:
            raise _OtherwiseError


def _points(argument: int | tuple[int, int]) -> tuple[int, ...]:
    return argument if isinstance(argument, tuple) else (argument,)


def _ascii(points: set[int]) -> set[int]:
    # In any case, some others match ASCII letters.
    if any(point >= 128 for point in points):
        raise _OtherwiseError
    return points


def _swapped(points: set[int]) -> set[int]:
    return {ord(chr(point).swapcase()) for point in points}


def places_in_alike(
    seen: Alphabet | regex.Pattern[str], texts: Sequence[str], rows: Sequence[int], spans_of: SpansOf
) -> tuple[Places, Sequence[int]]:
    """Where ``spans_of`` finds something in the texts ``rows``, as far as they are alike; and the rows left to ask it.

    ``seen``: the alphabet of ``spans_of``, or the pattern that it is by. Rows are in their order in both results.
    """
    if len(rows) < _FEW:  # nearly all patterns of a process: telling an alphabet takes milliseconds
        return Places([], [], []), rows
    alphabet = alphabet_of(seen) if isinstance(seen, regex.Pattern) else seen
    if alphabet is None:
        return Places([], [], []), rows
    some, rest = _short(texts, rows)
    if (
        len(some) < _FEW
        or kinds_of([texts[row] for row in some[:_SAMPLE]], alphabet).max() > min(len(some), _SAMPLE) / 2
    ):
        return Places([], [], []), rows
    kinds = kinds_of([texts[row] for row in some], alphabet)
    found = [spans_of(texts[some[first]]) for first in np.unique(kinds, return_index=True)[1].tolist()]
    is_open = np.array([spans is None for spans in found])[kinds]
    if is_open.any():
        rest = [*rest, *np.array(some)[is_open].tolist()]
    return _spread(np.array(some, np.int64), kinds, [spans or () for spans in found]), sorted(rest)


def places_in_all(
    seen: Alphabet | regex.Pattern[str],
    texts: Sequence[str],
    rows: Sequence[int],
    spans_of: Callable[[str], Sequence[tuple[int, int]]],
) -> Places:
    """Where ``spans_of`` finds something in the texts ``rows``: first in those that are alike, then in the others."""
    places, others = places_in_alike(seen, texts, rows, spans_of)
    for row in others:
        for start, end in spans_of(texts[row]):
            places.rows.append(row)
            places.starts.append(start)
            places.ends.append(end)
    return places


def _short(texts: Sequence[str], rows: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The rows whose texts may be alike, and the others."""
    some = [row for row in rows if len(texts[row]) <= LONGEST and texts[row].isascii()]
    if len(some) == len(rows):
        return some, []
    short = set(some)
    return some, [row for row in rows if row not in short]


def kinds_of(texts: Sequence[str], alphabet: Alphabet) -> npt.NDArray[np.int64]:
    """The number of each ASCII text's kind: they are counted from 0 as they come."""
    octets = alphabet[np.frombuffer("".join(texts).encode("ascii"), np.uint8)]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(octets)]
    encoded = pa.Array.from_buffers(pa.large_binary(), len(texts), buffers).dictionary_encode()
    kinds: npt.NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
    return kinds


def _spread(
    rows: npt.NDArray[np.int64], kinds: npt.NDArray[np.int64], found: Sequence[Sequence[tuple[int, int]]]
) -> Places:
    """What was found in one text of each kind, in all of them."""
    counts = np.fromiter(map(len, found), np.int64, len(found))
    flat = np.array([span for spans in found for span in spans], np.int64).reshape(-1, 2)
    of_row = counts[kinds]
    # Of each hit: which one of its row's, behind the first of its kind's.
    number = np.arange(of_row.sum()) - np.repeat(np.cumsum(of_row) - of_row, of_row)
    places = flat[np.repeat((np.cumsum(counts) - counts)[kinds], of_row) + number]
    return Places(np.repeat(rows, of_row).tolist(), places[:, 0].tolist(), places[:, 1].tolist())


__all__ = ["LONGEST", "Alphabet", "alphabet_of", "alphabet_of_classes", "kinds_of", "places_in_alike", "places_in_all"]
