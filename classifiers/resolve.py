"""From raw hits to the spans that count: one visible step, shared by scanning and protecting.

Presidio returns every hit, overlapping ones included. Here weak hits are dropped, overlaps are resolved, and what is
left covers everything the hits covered: no character of a hit above its threshold stays in the open.
"""

from __future__ import annotations

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
    candidates = sorted(
        {span for span in spans if span.score >= THRESHOLDS.get(span.entity_type, 0.0)},
        key=lambda s: (_RANK.get(s.entity_type, 0), s.start - s.end, -s.score, s.start, s.entity_type, s.detector),
    )
    taken: list[tuple[int, int]] = [(start, end) for start, end, _ in tokens]
    kept: list[Span] = []
    for span in candidates:
        for start, end in _free(span.start, span.end, taken):
            start, end = _trim(text, start, end)
            if start < end:
                kept.append(Span(start, end, span.entity_type, span.score, span.detector))
        taken.append((span.start, span.end))
    return tuple(sorted(kept, key=lambda span: span.start))


def _free(start: int, end: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts of [start, end) that no taken range covers."""
    free = []
    for low, high in sorted(r for r in taken if r[0] < end and r[1] > start):
        if low > start:
            free.append((start, low))
        start = max(start, high)
    if start < end:
        free.append((start, end))
    return free


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
