"""Presidio's pattern recognizers, run pattern by pattern: the same hits, without building an explanation for each.

Mirrors ``PatternRecognizer.__analyze_patterns`` and ``EntityRecognizer.remove_duplicates`` of presidio-analyzer
2.2.366.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import regex
from presidio_analyzer import EntityRecognizer, PatternRecognizer
from presidio_analyzer.predefined_recognizers import EmailRecognizer, IbanRecognizer, UrlRecognizer

from clearance.classifiers.alphabets import places_in_alike, places_in_all
from clearance.classifiers.batch_checks import for_batches
from clearance.classifiers.findings import Span
from clearance.classifiers.gate_patterns import gate_pattern
from clearance.classifiers.hit_columns import HitColumns, Places, Said
from clearance.classifiers.presidio_checks import invalidation, validation
from clearance.classifiers.weblinks import (
    BARE,
    EMAIL_ALPHABET,
    LISTED_DOMAINS,
    bare_urls,
    email_places,
    has_bare_urls_only,
    url_places,
)

#: Seconds until a pattern gives up on one text, as in Presidio; for us that voids the scan.
TIMEOUT = 60
#: Starting that clock takes longer than Presidio's patterns take on a text of up to so many characters.
_UNTIMED = 128
#: Patterns that ask much of every word, and what stands in each text in which they match; looked for in no time.
_NEEDED = {
    # UsHealthInsuranceMemberIdRecognizer: the first digit of a word that begins with a letter.
    r"\b(?=[A-Z0-9-]{6,20}\b)(?=[A-Z0-9-]*[A-Z])(?=[A-Z0-9-]*\d)[A-Z]{1,5}-?[A-Z0-9]{5,14}\b": re.compile(
        r"\d(?<=[^\W\d]\d|-\d)"
    ),
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern of a recognizer. ``score`` is what a match has before it is checked."""

    name: str
    source: str
    compiled: regex.Pattern[str]
    score: float


#: Index of a pattern, and an expression over folded bytes that matches wherever the pattern does.
Gates = list[tuple[int, str]]


class PatternRunner:
    """A pattern recognizer's hits, exactly as ``recognizer.analyze`` gives them."""

    def __init__(self, recognizer: PatternRecognizer, source: int = 0) -> None:
        self.source = source
        self.name = str(recognizer.name)  # type: ignore[has-type]
        self.entity_type: str = recognizer.supported_entities[0]
        self.context = tuple(word.lower() for word in recognizer.context or ())
        flags = recognizer.global_regex_flags
        self.caseless = bool(flags & regex.IGNORECASE)
        self.patterns = tuple(
            Pattern(pattern.name, pattern.regex, regex.compile(pattern.regex, flags), float(pattern.score))
            for pattern in recognizer.patterns  # type: ignore[has-type]
        )
        self._validate = validation(recognizer)
        self._invalidate = invalidation(recognizer)
        self._validate_all = for_batches(recognizer, self._validate)
        self._invalidate_all = for_batches(recognizer, self._invalidate)

    def gates(self, *, ascii_rows: bool) -> Gates | None:
        """Gates for all patterns; None if a pattern has none, so that every text has to be tried."""
        found = [(i, gate_pattern(p.source, ascii_rows=ascii_rows)) for i, p in enumerate(self.patterns)]
        return None if any(gate is None for _, gate in found) else [(i, gate) for i, gate in found if gate is not None]

    def reaches(self, index: int, threshold: float) -> bool:
        """Whether a match of pattern ``index`` may have that score without a context word."""
        return self.patterns[index].score >= threshold or self._validate is not None

    def said(self, score: float) -> Said:
        """What a hit of that score says."""
        return Said(self.entity_type, score, self.name, self.context, self.source)

    def add_hits(self, hits: HitColumns, texts: Sequence[str], rows: Sequence[int], index: int) -> None:
        """Adds the hits of one pattern in the texts ``rows``; :func:`without_contained` is yet to come.

        Raises TimeoutError when the pattern runs out of time.
        """
        pattern = self.patterns[index]
        needed, finditer = _NEEDED.get(pattern.source), pattern.compiled.finditer
        places, others = places_in_alike(pattern.compiled, texts, rows, lambda text: _spans(finditer(text)))
        for row in others:
            text = texts[row]
            if needed is not None and needed.search(text) is None:
                continue
            # Not through _matches: a call for each text is a tenth of what this takes.
            found = finditer(text) if len(text) <= _UNTIMED else finditer(text, timeout=TIMEOUT)
            for match in found:
                start, end = match.span()
                if start < end:
                    places.rows.append(row)
                    places.starts.append(start)
                    places.ends.append(end)
        self.add_scored(hits, places, self.scores(_texts_at(texts, places), pattern.score))

    def add_scored(self, hits: HitColumns, places: Places, scores: Sequence[float]) -> None:
        """Adds hits with their scores; those of score 0 are none."""
        of = {score: hits.of(self.said(score)) for score in set(scores) if score > 0}
        if len(of) == 1 and len(set(scores)) == 1:
            for found, some in zip(*of.values(), places, strict=True):
                found.extend(some)
            return
        for row, start, end, score in zip(*places, scores, strict=True):
            if score > 0:
                found = of[score]
                found.rows.append(row)
                found.starts.append(start)
                found.ends.append(end)

    def scores(self, matched: Sequence[str], score: float) -> list[float]:
        """The scores of matches of a pattern that gives ``score``: 1 where a check confirms one, 0 where it is none."""
        found = [score] * len(matched)
        if self._validate_all is not None:
            valid = self._validate_all(matched)
            found = [one if says is None else 1.0 if says else 0.0 for one, says in zip(found, valid, strict=True)]
        if self._invalidate_all is not None:
            left = [place for place, one in enumerate(found) if one]
            for place, invalid in zip(left, self._invalidate_all([matched[place] for place in left]), strict=True):
                if invalid:
                    found[place] = 0.0
        return found


class EmailRunner(PatternRunner):
    """Presidio's e-mail recognizer, in linear time."""

    def gates(self, *, ascii_rows: bool) -> Gates | None:
        """At sign, labels, a dot: less than the pattern asks, and one event for each address."""
        return [(0, r"@[0-9A-Za-z_\xff][0-9A-Za-z_\xff\x2d]*\x2e[0-9A-Za-z_\xff]")]

    def add_hits(self, hits: HitColumns, texts: Sequence[str], rows: Sequence[int], index: int) -> None:
        """Adds the hits of its only pattern."""
        places = places_in_all(EMAIL_ALPHABET, texts, rows, lambda text: list(email_places(text)))
        self.add_scored(hits, places, self.scores(_texts_at(texts, places), self.patterns[index].score))


class UrlRunner(PatternRunner):
    """Presidio's URL recognizer, in linear time; all four patterns are one to it."""

    def gates(self, *, ascii_rows: bool) -> Gates | None:
        """What all patterns have in common: a listed domain behind a dot."""
        # Where a domain stands that begins with another one, that one does too: "com" with "co".
        listed = set(LISTED_DOMAINS)
        shortest = [name for name in LISTED_DOMAINS if not any(name[:end] in listed for end in range(1, len(name)))]
        return [(0, rf"[0-9A-Za-z\x2e\x2d]\x2e(?:{'|'.join(shortest)})")]

    def add_hits(self, hits: HitColumns, texts: Sequence[str], rows: Sequence[int], index: int) -> None:
        """Adds the hits of all four patterns."""
        by_name = {pattern.name: hits.of(self.said(pattern.score)) for pattern in self.patterns}
        bare: list[int] = []
        others: list[int] = []
        for row in rows:
            (bare if has_bare_urls_only(texts[row]) else others).append(row)
        of_bare, starts, ends = bare_urls([texts[row] for row in bare])
        for column, some in zip(by_name[BARE], (np.array(bare, np.int64)[of_bare], starts, ends), strict=True):
            column.extend(some.tolist())
        for row in others:
            places = url_places(texts[row])
            for name, found in by_name.items() if places else ():
                for start, end in places.get(name, ()):
                    found.rows.append(row)
                    found.starts.append(start)
                    found.ends.append(end)


class IbanRunner(PatternRunner):
    """Presidio's IBAN recognizer: what follows the number may look like a part of it, so shorter forms are tried."""

    def add_hits(self, hits: HitColumns, texts: Sequence[str], rows: Sequence[int], index: int) -> None:
        """Adds the longest form of each match that passes the check."""
        pattern = self.patterns[index]
        places = places_in_all(pattern.compiled, texts, rows, lambda text: self._longest(text, pattern))
        # Nearly always the longest form decides.
        valid_ones = self._all_valid(_texts_at(texts, places))
        sure, usual = hits.of(self.said(1.0)), hits.of(self.said(pattern.score))
        for row, start, end, valid in zip(*places, valid_ones, strict=True):
            if valid is False or start == end:
                match = next(match for match in _matches(texts[row], pattern) if match.start() == start)
                end, valid = self._longest_valid(texts[row], match)
            if end:
                found = sure if valid else usual
                found.rows.append(row)
                found.starts.append(start)
                found.ends.append(end)

    def _longest(self, text: str, pattern: Pattern) -> list[tuple[int, int]]:
        return [(match.start(), self._end(match, match.re.groups)) for match in _matches(text, pattern)]

    def _all_valid(self, numbers: Sequence[str]) -> Sequence[bool | None]:
        return [False] * len(numbers) if self._validate_all is None else self._validate_all(numbers)

    @staticmethod
    def _end(match: regex.Match[str], group: int) -> int:
        end: int = match.end(group)
        return end if end > 0 else match.end()

    def _longest_valid(self, text: str, match: regex.Match[str]) -> tuple[int, bool]:
        """Where the longest form ends that the check does not refuse, and whether it confirms it; else 0."""
        if self._validate is None:
            return 0, False
        for group in range(match.re.groups, 0, -1):
            end = self._end(match, group)
            valid = self._validate(text[match.start() : end]) if end > match.start() else False
            if valid is None or valid:
                return end, valid is not None
        return 0, False


#: Recognizers with a runner of their own; IbanRecognizer's analysis is not that of the others.
_SPECIAL: dict[type[EntityRecognizer], type[PatternRunner]] = {
    EmailRecognizer: EmailRunner,
    UrlRecognizer: UrlRunner,
    IbanRecognizer: IbanRunner,
}


def runner_for(recognizer: EntityRecognizer, source: int = 0) -> PatternRunner | None:
    """The runner of a recognizer, the ``source``-th; None for one whose analysis is its own: it must be called."""
    kind = type(recognizer)
    if not isinstance(recognizer, PatternRecognizer):
        return None
    if kind in _SPECIAL:
        return _SPECIAL[kind](recognizer, source)
    return PatternRunner(recognizer, source) if kind.analyze is PatternRecognizer.analyze else None


def _matches(text: str, pattern: Pattern) -> Iterable[regex.Match[str]]:
    found: Iterable[regex.Match[str]]
    if len(text) <= _UNTIMED:
        found = pattern.compiled.finditer(text)
    else:
        found = pattern.compiled.finditer(text, timeout=TIMEOUT)
    return found


def _spans(matches: Iterable[regex.Match[str]]) -> list[tuple[int, int]]:
    return [match.span() for match in matches if match.end() > match.start()]


def _texts_at(texts: Sequence[str], places: Places) -> list[str]:
    return [texts[row][start:end] for row, start, end in zip(*places, strict=True)]


def without_contained(hits: Sequence[Span]) -> Sequence[Span]:
    """Hits of one type, less those that lie in another one that scores at least as much."""
    if len(hits) < 2 or all(hit.end <= following.start for hit, following in pairwise(hits)):
        return hits
    kept: list[Span] = []
    reaching: list[Span] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end, -hit.score, hit.detector)):
        reaching = [other for other in reaching if other.end >= hit.start]
        if not any(hit.end <= other.end and hit.score <= other.score for other in reaching):
            kept.append(hit)
            reaching.append(hit)
    return kept
