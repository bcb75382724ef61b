"""A long text in overlapping parts, so that what it costs in memory, and in time for each character, is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from clearance.classifiers.findings import Span

#: Longer texts are looked at in windows: small ones, for a gate that is open is open for all of its text.
SIZE = 1 << 15
#: Half of it is what a pattern sees before and behind the beginning of a hit.
OVERLAP = 1 << 13
#: A window that cuts a hit short is widened up to here.
WIDEST = 1 << 20
#: So many characters are looked at together.
_AT_ONCE = 1 << 22

Find = Callable[[Sequence[str]], list[list[Span]]]


def windows(text: str, size: int, overlap: int, *, start: int = 0) -> Iterator[tuple[int, int]]:
    """Overlapping windows that cover ``text`` from ``start`` on; bounds are moved back to a space where one is near."""
    length = len(text)
    while True:
        end = min(start + size, length)
        if end < length:
            space = text.rfind(" ", end - overlap // 4, end)
            end = space + 1 if space > 0 else end
        yield start, end
        if end >= length:
            return
        begin = end - overlap
        space = text.rfind(" ", begin - overlap // 4, begin)
        start = max(start + 1, space + 1 if space > 0 else begin)


def in_windows(find: Find, texts: Sequence[str]) -> list[list[Span]]:
    """``find(texts)``, which never gets a text of more than SIZE characters: longer ones are passed in windows.

    In the overlap of two windows the hits of the earlier one count if they begin before its middle, else those of the
    later one: so each has been found with half of OVERLAP before and behind its beginning. A window that cuts a longer
    hit short is widened.
    """
    if max(map(len, texts), default=0) <= SIZE:
        return find(texts)
    found = find([text if len(text) <= SIZE else "" for text in texts])
    for row, text in enumerate(texts):
        if len(text) > SIZE:
            found[row] = [span for spans in _in_long(find, text) for span in spans]
    return found


def _in_long(find: Find, text: str) -> Iterator[list[Span]]:
    bounds = windows(text, SIZE, OVERLAP)
    low = 0
    while some := list(islice(bounds, _AT_ONCE // SIZE)):
        for (start, end), spans in zip(some, find([text[start:end] for start, end in some]), strict=True):
            until = end
            while until < len(text) and until - start < WIDEST and _is_cut(spans, until - start):
                until = min(len(text), start + 2 * (until - start))
                spans = find([text[start:until]])[0]
            high = until - OVERLAP // 2 if until < len(text) else until
            yield [
                span._replace(start=span.start + start, end=span.end + start)
                for span in spans
                if low <= span.start + start < high
            ]
            low = high
            if until > end:
                bounds = windows(text, SIZE, OVERLAP, start=until - OVERLAP) if until < len(text) else iter(())
                break


def _is_cut(spans: Sequence[Span], end: int) -> bool:
    """Whether a hit goes up to the window's end and begins too far before it for the next window to see all of it."""
    return any(span.end == end and span.start < end - OVERLAP // 2 for span in spans)
