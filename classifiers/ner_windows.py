"""Parts of a text that a model of names can take: whole sentences where it has them, else overlapping pieces."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import regex

#: Characters of a window at most. A small one is closer to what the model was trained on, and attention costs less.
SIZE = 320
#: Characters that two windows share where no sentence ends.
OVERLAP = 60
#: A window at the end of a sentence is at least so long, but for the last: a sentence before it says what it is about.
LEAST = 80
#: Changes with how the words of two windows are joined.
_JOINING = 2
#: No name goes on behind one of these: a new line; a full stop behind a small word ("Dr." and "J." are none) and
#: before anything but a small letter.
_END = regex.compile(r"\n|(?:(?<=(?<!\p{L})\p{Ll}\p{L}{2,30}\.)|(?<=[!?]))[\"'”’)]{0,2}\s+(?=[^\s\p{Ll}.,!?])")


def facts() -> list[Any]:
    """What decides about windows."""
    return [SIZE, OVERLAP, LEAST, _END.pattern, _JOINING]


def ner_windows(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Windows (start, end, from, to) that cover all of ``text``.

    A window's words are ``text[start:end]``; those whose middle lies in [from, to) are its own, and each place in the
    text is some window's own exactly once.
    """
    ends = [match.end() for match in _END.finditer(text)] if len(text) > SIZE else []
    start = begin = 0
    while len(text) - start > SIZE:
        last = bisect_right(ends, start + SIZE) - 1
        if last >= 0 and ends[last] >= start + LEAST:
            end = following = own = ends[last]
        else:
            end = _behind_space(text, start + SIZE)
            following = max(start + 1, _behind_space(text, end - OVERLAP))
            # Both windows speak in what they share; the earlier one knows its first half, the later one the rest.
            own = (following + end) // 2
        yield start, end, begin, own
        start, begin = following, own
    yield start, len(text), begin, len(text)


def _behind_space(text: str, place: int) -> int:
    space = text.rfind(" ", place - OVERLAP // 4, place)
    return space + 1 if space > 0 else place
