"""Presidio's pattern recognizers, run pattern by pattern: the same hits, without building an explanation for each.

Mirrors ``PatternRecognizer.__analyze_patterns`` and ``EntityRecognizer.remove_duplicates`` of presidio-analyzer
2.2.366. A recognizer's own checks of a match (checksums, formats) are called as they are, or through an equal and
faster form of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import regex
import tldextract
from presidio_analyzer import EntityRecognizer, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    UrlRecognizer,
)

from clearance.classifiers.checks import luhn_fits
from clearance.classifiers.gate_patterns import gate_pattern
from clearance.classifiers.weblinks import LISTED_DOMAINS, email_places, url_places

#: Seconds until a pattern gives up on one text, as in Presidio; for us that voids the scan.
TIMEOUT = 60


class Hit(NamedTuple):
    """One match: offsets in code points, and the score before context words."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern of a recognizer. ``score`` is what a match has before it is checked."""

    name: str
    source: str
    compiled: regex.Pattern[str]
    score: float


#: ``check(matched text) -> None`` to keep the pattern's score, True for certainty, False for none at all.
Check = Callable[[str], bool | None]
#: Index of a pattern, and an expression over folded bytes that matches wherever the pattern does.
Gates = list[tuple[int, str]]


class PatternRunner:
    """A pattern recognizer's hits in one text, exactly as ``recognizer.analyze`` gives them."""

    def __init__(self, recognizer: PatternRecognizer) -> None:
        self.name = str(recognizer.name)  # type: ignore[has-type]
        self.entity_type: str = recognizer.supported_entities[0]
        self.context = tuple(word.lower() for word in recognizer.context or ())
        flags = recognizer.global_regex_flags
        self.caseless = bool(flags & regex.IGNORECASE)
        self.patterns = tuple(
            Pattern(pattern.name, pattern.regex, regex.compile(pattern.regex, flags), float(pattern.score))
            for pattern in recognizer.patterns  # type: ignore[has-type]
        )
        self._validate = _overridden(recognizer, "validate_result")
        self._invalidate = _overridden(recognizer, "invalidate_result")

    def check_by(self, check: Check) -> None:
        """Use an equal, faster form of the recognizer's own check."""
        self._validate = check

    def gates(self, *, ascii_rows: bool) -> Gates | None:
        """Gates for all patterns; None if a pattern has none, so that every text has to be tried."""
        found = [(i, gate_pattern(p.source, ascii_rows=ascii_rows)) for i, p in enumerate(self.patterns)]
        return None if any(gate is None for _, gate in found) else [(i, gate) for i, gate in found if gate is not None]

    def reaches(self, index: int, threshold: float) -> bool:
        """Whether a match of pattern ``index`` may have that score without a context word."""
        return self.patterns[index].score >= threshold or self._validate is not None

    def hits(self, text: str, indexes: Iterable[int]) -> list[Hit]:
        """Hits of the patterns ``indexes``, without those that lie in another that scores as high.

        Raises TimeoutError when a pattern runs out of time.
        """
        found = [hit for index in indexes for hit in self._matches(text, self.patterns[index])]
        return without_contained(found) if len(found) > 1 else found

    def _places(self, text: str, pattern: Pattern) -> Iterable[tuple[int, int]]:
        return (match.span() for match in pattern.compiled.finditer(text, timeout=TIMEOUT))

    def _matches(self, text: str, pattern: Pattern) -> Iterator[Hit]:
        validate, invalidate = self._validate, self._invalidate
        for start, end in self._places(text, pattern):
            if start == end:
                continue
            score = pattern.score
            if validate is not None:
                valid = validate(text[start:end])
                if valid is not None:
                    score = 1.0 if valid else 0.0
            if invalidate is not None and score and invalidate(text[start:end]):
                continue
            if score > 0:
                yield Hit(start, end, score)


class EmailRunner(PatternRunner):
    """Presidio's e-mail recognizer, in linear time."""

    def __init__(self, recognizer: PatternRecognizer) -> None:
        super().__init__(recognizer)
        self.check_by(_email_has_domain)

    def gates(self, *, ascii_rows: bool) -> Gates | None:
        """At sign, labels, a dot: less than the pattern asks, and one event for each address."""
        return [(0, r"@[0-9A-Za-z_\xff][0-9A-Za-z_\xff\x2d]*\x2e[0-9A-Za-z_\xff]")]

    def _places(self, text: str, pattern: Pattern) -> Iterable[tuple[int, int]]:
        return email_places(text)


class UrlRunner(PatternRunner):
    """Presidio's URL recognizer, in linear time; all four patterns are one to it."""

    def gates(self, *, ascii_rows: bool) -> Gates | None:
        """What all patterns have in common: a listed domain behind a dot."""
        return [(0, rf"[0-9A-Za-z\x2e\x2d]\x2e(?:{'|'.join(LISTED_DOMAINS)})")]

    def hits(self, text: str, indexes: Iterable[int]) -> list[Hit]:
        """Hits of all four patterns."""
        places = url_places(text)
        found = [Hit(start, end, p.score) for p in self.patterns for start, end in places[p.name]]
        return without_contained(found) if len(found) > 1 else found


class IbanRunner(PatternRunner):
    """Presidio's IBAN recognizer: what follows the number may look like a part of it, so shorter forms are tried."""

    def hits(self, text: str, indexes: Iterable[int]) -> list[Hit]:
        """The longest form of each match that passes the check."""
        found = []
        for index in indexes:
            pattern = self.patterns[index]
            for match in pattern.compiled.finditer(text, timeout=TIMEOUT):
                hit = self._longest_valid(text, match, pattern.score)
                if hit is not None:
                    found.append(hit)
        return found

    def _longest_valid(self, text: str, match: regex.Match[str], score: float) -> Hit | None:
        if self._validate is None:
            return None
        for group in range(match.re.groups, 0, -1):
            end = match.end(group) if match.end(group) > 0 else match.end()
            valid = self._validate(text[match.start() : end]) if end > match.start() else False
            if valid is None or valid:
                return Hit(match.start(), end, score if valid is None else 1.0)
        return None


#: Recognizers with a runner of their own; IbanRecognizer's analysis is not that of the others.
_SPECIAL: dict[type[EntityRecognizer], type[PatternRunner]] = {
    EmailRecognizer: EmailRunner,
    UrlRecognizer: UrlRunner,
    IbanRecognizer: IbanRunner,
}


def runner_for(recognizer: EntityRecognizer) -> PatternRunner | None:
    """The runner of a recognizer; None for one whose analysis is its own: it must be called."""
    kind = type(recognizer)
    if not isinstance(recognizer, PatternRecognizer):
        return None
    if kind in _SPECIAL:
        return _SPECIAL[kind](recognizer)
    if kind.analyze is not PatternRecognizer.analyze:
        return None
    runner = PatternRunner(recognizer)
    if kind is CreditCardRecognizer:
        runner.check_by(_luhn_or(recognizer.validate_result))
    return runner


def without_contained(hits: Iterable[Hit]) -> list[Hit]:
    """Hits of one type, less those that lie in another one that scores at least as much."""
    kept: list[Hit] = []
    reaching: list[Hit] = []
    for hit in sorted(set(hits), key=lambda hit: (hit.start, -hit.end, -hit.score)):
        reaching = [other for other in reaching if other.end >= hit.start]
        if not any(hit.end <= other.end and hit.score <= other.score for other in reaching):
            kept.append(hit)
            reaching.append(hit)
    return kept


def _overridden(recognizer: PatternRecognizer, method: str) -> Check | None:
    own = getattr(type(recognizer), method) is not getattr(PatternRecognizer, method)
    check: Check | None = getattr(recognizer, method) if own else None
    return check


def _email_has_domain(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    if address.isascii() and not any(mark in local for mark in "/?#:"):
        return _has_public_suffix(domain)
    return bool(tldextract.extract(address).fqdn)


@lru_cache(maxsize=1 << 14)
def _has_public_suffix(domain: str) -> bool:
    return bool(tldextract.extract(domain).fqdn)


def _luhn_or(check: Check) -> Check:
    def valid(number: str) -> bool | None:
        return luhn_fits(number.replace("-", "").replace(" ", "")) if number.isascii() else check(number)

    return valid
