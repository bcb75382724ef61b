"""From raw hits to the spans that count: one visible step, shared by scanning and protecting.

Presidio returns every hit, overlapping ones included. Here weak hits are dropped, overlaps are resolved, and what is
left covers everything the hits covered: no character of a hit above its threshold stays in the open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from clearance.classifiers.findings import Span

#: Types that say little about a person, or are guesses: anything more telling on the same characters wins.
_RANK = {
    "TAX_ID": 1,
    "BANK_ACCOUNT": 1,
    "GOVERNMENT_ID": 1,
    "PASSPORT": 1,
    "DRIVER_LICENSE": 1,
    "US_BANK_NUMBER": 1,
    "US_DRIVER_LICENSE": 1,
    "US_PASSPORT": 1,
    "US_HEALTH_INSURANCE_MEMBER_ID": 1,
    "LOCATION": 2,
    "URL": 3,
    "DATE_TIME": 3,
}
#: Types whose hits need more than the engine's threshold, from ``benchmarks/detection_quality.py``.
THRESHOLDS: dict[str, float] = {}


def resolve(text: str, spans: Iterable[Span], *, tokens: Sequence[tuple[int, int, str]] = ()) -> tuple[Span, ...]:
    """Spans of ``text`` that count: sorted, not overlapping, each with at least one letter or digit.

    The more telling type wins, then the longer span, then the higher score; what the loser covers beyond the winner
    stays a span of its own. ``tokens`` are (start, end, type) of verified tokens: nothing inside one is a finding.
    Offsets in code points. A pure function: the same hits in any order give the same spans.
    """
    candidates = [
        span for span in spans if span.score >= THRESHOLDS.get(span.entity_type, 0.0) and not _is_a_fraction(text, span)
    ]
    candidates.sort(key=_precedence)
    taken = _Taken((start, end) for start, end, _ in tokens)
    kept: list[Span] = []
    for span in candidates:
        for start, end in taken.add(span.start, span.end):
            start, end = _trim(text, start, end)
            if start < end:
                kept.append(Span(start, end, span.entity_type, span.score, span.detector))
    return tuple(sorted(kept, key=lambda span: span.start))


def _precedence(span: Span) -> tuple[int, int, float, int, str, str]:
    return (
        _RANK.get(span.entity_type, 0),
        span.start - span.end,
        -span.score,
        span.start,
        span.entity_type,
        span.detector,
    )


class _Taken:
    """Disjoint ranges in order, so that a text with many thousand spans costs no square of them."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._ranges: list[tuple[int, int]] = []
        for start, end in sorted(ranges):
            self.add(start, end)

    def add(self, start: int, end: int) -> list[tuple[int, int]]:
        """Take [start, end); returns the parts of it that were still free."""
        first = bisect_left(self._ranges, (start, start))
        if first and self._ranges[first - 1][1] > start:
            first -= 1
        last, free, at = first, [], start
        while last < len(self._ranges) and self._ranges[last][0] < end:
            low, high = self._ranges[last]
            if low > at:
                free.append((at, low))
            at = max(at, high)
            last += 1
        if at < end:
            free.append((at, end))
        touched = self._ranges[first:last]
        low = min([start, *(r[0] for r in touched)])
        high = max([end, *(r[1] for r in touched)])
        self._ranges[first:last] = [(low, high)]
        return free


def _is_a_fraction(text: str, span: Span) -> bool:
    """Whether a card number is the digits behind the point of a float: one in ten of those passes the Luhn check."""
    start = span.start
    return (
        span.entity_type == "CREDIT_CARD"
        and start >= 2
        and text[start - 1] == "."
        and text[start - 2].isdigit()
        and text[start : span.end].isdigit()
    )


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Without blanks at the ends; empty when there is neither letter nor digit."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if not any(character.isalnum() for character in text[start:end]):
        return start, start
    return start, end


def blank_tokens(text: str, tokens: Sequence[tuple[int, int, str]]) -> str:
    """``text`` with each token's characters replaced by spaces: same length, nothing in it for a detector."""
    parts, last = [], 0
    for start, end, _ in sorted(tokens):
        start = max(start, last)
        if end <= start:
            continue
        parts += [text[last:start], " " * (end - start)]
        last = end
    parts.append(text[last:])
    return "".join(parts)
