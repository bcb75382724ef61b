"""From raw hits to the spans that count: one visible step, shared by scanning and protecting.

The engine returns every hit, overlapping ones included. Here, by the rules of
:mod:`clearance.classifiers.resolution`,

1. hits are *weighed*: words near them raise or lower their scores; those below their threshold, nonsense and allowed
   values go; denied values come in (:func:`weighed`);
2. overlaps are *settled*: on the same characters the more telling hit wins, and what is left covers everything that the
   hits covered: no character of a hit that counts stays in the open;
3. neighbours that are one thing are *merged* (2 and 3: :func:`settled`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import regex

from clearance.classifiers.detectors import UNTIMED, is_near
from clearance.classifiers.findings import Span
from clearance.classifiers.resolution import (
    DENY_DETECTOR,
    NearWords,
    NonsenseRule,
    PairRules,
    Resolution,
    load_resolution,
)
from clearance.errors import DetectionError

#: Seconds that one pattern of a rule may take on one text before the scan is void.
TIMEOUT = 60
#: So much before a hit is shown to a rule of nonsense.
_BEFORE = 40
#: They spell what nobody sees: characters without width, tags, variation selectors.
_INVISIBLE = regex.compile(r"[\u200b\u200c\u2060-\u2064\ufeff\U000E0000-\U000E01EF]{4}")
#: Wider gaps are never merged: what was blanked, a token or a redaction, is wider.
_WIDEST_GAP = 4


def resolve(
    text: str, hits: Iterable[Span], *, tokens: Sequence[tuple[int, int, str]] = (), rules: Resolution | None = None
) -> tuple[Span, ...]:
    """Spans of ``text`` that count: sorted, not overlapping, each with at least one letter or digit.

    ``tokens`` are (start, end, type) of verified tokens: nothing inside one is a finding. Without ``rules``, the
    packaged ones. Offsets in code points. A pure function: the same hits in any order give the same spans.
    Raises DetectionError when a pattern of the rules runs out of time.
    """
    rules = load_resolution() if rules is None else rules
    return settled(text, weighed(text, hits, rules), rules, tokens=tokens)


def weighed(text: str, hits: Iterable[Span], rules: Resolution) -> list[Span]:
    """Hits that count, with the scores that the rules give them. Raises DetectionError when a pattern times out."""
    try:
        return _weighed(text, hits, rules)
    except TimeoutError:
        pass
    raise DetectionError(
        f"a pattern of the resolution ran out of time on a text of {len(text)} characters",
        hint="see the patterns of your --detectors files; the scan is void",
    )


def _weighed(text: str, hits: Iterable[Span], rules: Resolution) -> list[Span]:
    kept: list[Span] = []
    #: By a list or a word: someone said that this is no finding.
    excluded: list[Span] = []
    length = len(text)
    for hit in hits:
        start, end, entity_type, score, detector = span = hit
        pair = rules.of(entity_type, detector)
        if pair.plain:
            if score >= pair.threshold:
                kept.append(hit)
            continue
        alone = not start and end == length
        # No word is near a hit that is all of its text.
        if not alone and (pair.hot or pair.exclusion):
            span = _scored(text, hit, pair)
            if span.score <= 0:
                excluded.append(hit)
                continue
        if span.score < pair.threshold:
            continue
        nonsense = pair.nonsense_alone if alone else pair.nonsense
        if nonsense and is_any_nonsense(text, span, nonsense):
            continue
        if pair.allow and any(values.holds(text[start:end]) for values in pair.allow):
            excluded.append(span)
            continue
        kept.append(span)
    if excluded:
        kept = [span for span in kept if not any(_loses_inside(span, other, rules) for other in excluded)]
    for entity_type, values in rules.deny:
        kept += [Span(start, end, entity_type, 1.0, DENY_DETECTOR) for start, end in values.places(text)]
    return kept


def _scored(text: str, span: Span, pair: PairRules) -> Span:
    """With its score as the words near it say; 0 where one of them excludes it."""

    def near(rule: NearWords) -> bool:
        return is_near(rule.words, text, span.start, span.end, before=rule.before, behind=rule.behind)

    score = span.score
    for rule in pair.hot:
        if near(rule):
            score = min(1.0, score + rule.by) if rule.to is None else max(score, rule.to)
    for rule in pair.exclusion:
        if near(rule):
            score = 0.0 if rule.drops else max(0.0, score + rule.by)
    return span if score == span.score else span._replace(score=round(score, 4))


def is_any_nonsense(text: str, span: Span, rules: Iterable[NonsenseRule]) -> bool:
    """Whether a hit is nothing by one of these rules. Raises TimeoutError when a pattern runs out of time."""
    for rule in rules:  # noqa: SIM110 - asked for nearly every hit: a generator inside any() takes twice as long
        if span.score < rule.below and _is_nonsense(text, span.start, span.end, rule):
            return True
    return False


def _is_nonsense(text: str, start: int, end: int, rule: NonsenseRule) -> bool:
    # Where nothing stands before or behind a hit, as in a column of such values, most rules are settled at once.
    if rule.before is not None:
        before = text[max(0, start - _BEFORE) : start]
        if not _finds(rule.before, before):
            return False
    if rule.behind is not None and end == len(text) and not _finds(rule.behind, ""):
        return False
    timeout = TIMEOUT if end - start > UNTIMED else None
    return (
        (rule.value is None or rule.value.fullmatch(text, start, end, timeout=timeout) is not None)
        and (rule.behind is None or rule.behind.match(text, end, timeout=TIMEOUT) is not None)
        and (rule.check is None or rule.check(text[start:end]))
    )


def _finds(pattern: regex.Pattern[str], text: str) -> bool:
    return pattern.search(text, timeout=TIMEOUT) is not None if text else _finds_nothing(pattern)


@lru_cache(maxsize=256)
def _finds_nothing(pattern: regex.Pattern[str]) -> bool:
    """Whether a pattern matches where there is no text."""
    return pattern.search("") is not None


def _loses_inside(span: Span, excluded: Span, rules: Resolution) -> bool:
    """Whether a hit would have been nothing but a part of an excluded one: the domain of an allowed address."""
    inside = excluded.start <= span.start and span.end <= excluded.end
    return inside and _order(span, rules) > _order(excluded, rules)


def settled(
    text: str, hits: Iterable[Span], rules: Resolution, *, tokens: Sequence[tuple[int, int, str]] = ()
) -> tuple[Span, ...]:
    """Overlaps of weighed hits decided, and neighbours merged; see :func:`resolve`.

    The hit of higher precedence wins, then the longer, then the one of higher score; what the loser covers beyond the
    winner stays a span of its own.
    """
    ordered = sorted(hits, key=lambda span: _order(span, rules))
    if ordered and not tokens and _is_around(ordered[0], ordered):
        # The usual case, an address and the domain in it: nothing of the others is left.
        del ordered[1:]
    taken = _Taken((start, end) for start, end, _ in tokens)
    kept: list[Span] = []
    for span in ordered:
        for start, end in taken.add(span.start, span.end):
            start, end = _trim(text, start, end)
            if start < end:
                kept.append(Span(start, end, span.entity_type, span.score, span.detector))
    kept.sort(key=lambda span: span.start)
    for name in rules.merges if len(kept) > 1 else ():
        kept = list(_merged(text, kept, name, rules))
    return tuple(kept)


def _is_around(span: Span, others: Iterable[Span]) -> bool:
    return all(span.start <= other.start and other.end <= span.end for other in others)


def _order(span: Span, rules: Resolution) -> tuple[int, int, float, int, str, str]:
    return (
        -rules.of(span.entity_type, span.detector).precedence,
        span.start - span.end,
        -span.score,
        span.start,
        span.entity_type,
        span.detector,
    )


def _merged(text: str, spans: Sequence[Span], name: str, rules: Resolution) -> Iterator[Span]:
    """The spans, those that a rule makes one of joined; ``spans`` are sorted and disjoint."""
    into, between = rules.merges[name]
    group: list[Span] = []
    for span in spans:
        joins = name in rules.of(span.entity_type, span.detector).merges
        if group and not (joins and _is_gap(text, group[-1].end, span.start, between)):
            yield from _as_one(group, into)
            group = []
        if joins:
            group.append(span)
        else:
            yield span
    yield from _as_one(group, into)


def _is_gap(text: str, start: int, end: int, between: regex.Pattern[str]) -> bool:
    return end - start <= _WIDEST_GAP and between.fullmatch(text, start, end, timeout=TIMEOUT) is not None


def _as_one(group: Sequence[Span], into: str) -> Iterable[Span]:
    """A group of neighbours as one span, or as they are where none of them is of the type they would become."""
    named = group if into == "first" else [span for span in group if span.entity_type == into]
    if len(group) < 2 or not named:
        return group
    best = named[0] if into == "first" else max(named, key=lambda span: (span.score, -span.start))
    return [Span(group[0].start, group[-1].end, best.entity_type, max(span.score for span in group), best.detector)]


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


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Without blanks at the ends; empty when there is neither letter nor digit, and no row of invisible characters."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if not any(character.isalnum() for character in text[start:end]) and not _INVISIBLE.search(text, start, end):
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
