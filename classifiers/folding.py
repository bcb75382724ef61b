"""Many texts as one buffer of bytes, one byte a code point, for gates that look at a whole batch at once.

Non-ASCII characters are folded so that a byte pattern can stand for a Unicode one: what ``\\d``, ``\\s`` or IGNORECASE
treat like an ASCII character becomes that character, everything else becomes 0xFF. So byte offsets are code point
offsets, and a gate that accepts 0xFF wherever a pattern accepts any non-ASCII character never misses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex

#: Stands for every other non-ASCII character.
OTHER = 0xFF
#: Simple case folding maps these to ASCII letters, so a caseless pattern of ASCII letters matches them.
_CASED = {"\u017f": "s", "\u212a": "k", "\u0130": "i", "\u0131": "i"}
_DIGIT = regex.compile(r"\d")
_SPACE = regex.compile(r"\s")


class _Fold(dict[int, int]):
    """Code point -> byte, filled as characters are met."""

    def __missing__(self, point: int) -> int:
        character = chr(point)
        if point < 128:
            byte = point
        elif character in _CASED:
            byte = ord(_CASED[character])
        elif _DIGIT.match(character):
            byte = ord("0")
        elif _SPACE.match(character):
            byte = ord(" ")
        else:
            byte = OTHER
        self[point] = byte
        return byte


_fold = _Fold()


def folded(point: int) -> int:
    """The byte that stands for a code point."""
    return _fold[point]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Buffer:
    """Texts joined by newlines.

    ``data``: the bytes; ``ends``: where each text ends in them, exclusive (int64); ``is_ascii``: nothing was folded.
    """

    data: bytes
    ends: npt.NDArray[np.int64]
    is_ascii: bool

    @classmethod
    def of(cls, texts: list[str]) -> Buffer:
        """The buffer of ``texts``, in their order."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        joined = "\n".join(texts)
        is_ascii = joined.isascii()
        data = joined.encode("ascii") if is_ascii else joined.translate(_fold).encode("latin-1")
        return cls(data, np.cumsum(lengths + 1) - 1, is_ascii)

    def rows_of(self, offsets: Iterable[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index of the text that each offset falls in."""
        return np.searchsorted(self.ends, np.asarray(offsets, dtype=np.int64), side="right")

    def rows_with(self, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which texts have a byte that is ``wanted`` (256 flags)."""
        flags = np.append(wanted[np.frombuffer(self.data, np.uint8)], False)
        starts = np.concatenate(([0], self.ends[:-1] + 1))
        return np.logical_or.reduceat(flags, starts) if len(starts) else np.zeros(0, np.bool_)
