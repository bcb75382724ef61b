"""A long text in overlapping parts, so that what it costs in memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator


def windows(text: str, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Overlapping windows that cover all of ``text``; bounds are moved back to a space where there is one near."""
    start, length = 0, len(text)
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
