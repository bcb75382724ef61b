"""Phone numbers in texts: exactly the spans of Presidio's ``PhoneRecognizer``, at a fraction of its cost.

The recognizer runs libphonenumber's ``PhoneNumberMatcher`` once for each region. Here its patterns find the candidates
once for all regions, and :mod:`~clearance.classifiers.phone_rules` decides on each candidate's digits. A candidate
that is not just ASCII digits and plain punctuation, or of which a part may be a number, is left to the matcher itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from phonenumbers import Leniency, PhoneNumber, PhoneNumberMatch, PhoneNumberMatcher
from phonenumbers.phonenumbermatcher import (
    _INNER_MATCHES,
    _LEAD_PATTERN,
    _MATCHING_BRACKETS,
    _PATTERN,
    _PUB_PAGES,
    _SLASH_SEPARATED_DATES,
    _TIME_STAMPS,
    _TIME_STAMPS_SUFFIX,
)
from phonenumbers.phonenumberutil import _UNWANTED_END_CHAR_PATTERN

from clearance.classifiers.folding import Buffer
from clearance.classifiers.phone_candidates import EXTENSION, PUNCTUATION, candidate_rows
from clearance.classifiers.phone_rules import LEAST_DIGITS, Region
from clearance.classifiers.phone_table import LONGEST, PrefixTable

Spans = list[tuple[int, int]]

#: Presidio's ``PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS``.
DEFAULT_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
#: Decisions, each made of one for each region, that cost about as much as the table that saves most of them.
_TABLE_PAYS_AFTER = 30_000
#: Up to so many digits, a candidate ends at the same place wherever in it the search begins (``_DIGIT_BLOCK_LIMIT``).
_UNCUT_DIGITS = 20
#: ``PhoneNumberMatcher`` gives up a text after so many candidates and parts that are no number.
_MAX_TRIES = 65_535

_DIGIT = re.compile(r"\d")
_NON_ASCII_DIGIT = re.compile(r"(?![0-9])\d")
#: A sign and its punctuation, twice, may stand before a candidate's first digit (``_LEAD_LIMIT``).
_LONGEST_LEAD = 10
#: What no candidate can hold: beyond it, the search starts anew for every region.
_OUTSIDE = re.compile(rf"[^0-9\x80-\U0010ffff{re.escape(PUNCTUATION + EXTENSION)}]")
_WITHOUT_PUNCTUATION = {ord(mark): None for mark in " ()-./[]+"}
#: Where parts of a plain candidate begin (``_INNER_MATCHES``); a hyphen only does beside a space.
_SEPARATORS = frozenset(" (/.")
_BRACKETS = frozenset("()[]")


class PhoneFinder:
    """Finds what ``PhoneRecognizer(supported_regions=regions, leniency=1)`` finds.

    ``regions``: ISO 3166-1 codes, upper case. Raises UsageError on one that phonenumbers does not know.
    """

    def __init__(self, regions: tuple[str, ...] = DEFAULT_REGIONS) -> None:
        alike = {region.rules: region for region in map(Region, regions)}
        self._regions = tuple(alike.values())
        self._decisions = 0
        self._table: PrefixTable | None = None

    def spans(self, text: str) -> Spans:
        """(start, end) of each number in code points, sorted, none inside another."""
        found: Spans = []
        position, tries, by_matcher = 0, 0, False
        while (digit := _DIGIT.search(text, position)) is not None:
            match = _PATTERN.search(text, max(position, digit.start() - _LONGEST_LEAD))
            if match is None:
                break
            start, end = match.span()
            candidate = match.group()
            digits = candidate.translate(_WITHOUT_PUNCTUATION)
            verdict = self._verdict(text, candidate, digits, start)
            if verdict is None:
                by_matcher = True
                part, end, part_tries = self._match(text, start, end)
                found += part
                tries += part_tries
            else:
                tries += _most_tries(candidate, digits, verdict)
                if verdict:
                    found.append((start, end))
            if tries >= _MAX_TRIES:
                return _without_contained(self._match_all(text))
            position = end
        return _without_contained(found) if by_matcher else found

    def candidates(self, texts: Sequence[str], buffer: Buffer | None = None) -> npt.NDArray[np.bool_]:
        """Which texts may hold a number: never false where ``spans`` finds one.

        ``buffer``: of the same texts, if the caller has it.
        """
        buffer = buffer if buffer is not None else Buffer.of(list(texts))
        data = np.frombuffer(buffer.data, np.uint8)
        self._count(np.count_nonzero(data - np.uint8(ord("0")) < 10) // LEAST_DIGITS)
        found = np.zeros(len(texts), np.bool_)
        found[self.candidate_rows(data, buffer.ends)] = True
        for row, text in enumerate(texts):
            # Folding keeps that there is a digit, not which.
            if not text.isascii() and not found[row]:
                found[row] = _NON_ASCII_DIGIT.search(text) is not None
        return found

    def candidate_rows(self, buffer: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """``candidates`` on folded bytes: see :func:`~clearance.classifiers.phone_candidates.candidate_rows`."""
        return candidate_rows(buffer, ends, self._table.lengths if self._table is not None else None)

    def _count(self, decisions: int) -> None:
        """Make the table once the decisions would have paid for it: most processes look at much, some at one text."""
        self._decisions += decisions
        if self._table is None and self._decisions >= _TABLE_PAYS_AFTER:
            self._table = PrefixTable(self._regions)

    def _verdict(self, text: str, candidate: str, digits: str, start: int) -> bool | None:
        """``_extract_match`` for all regions: is the candidate a number in one, or none in any? None: ask the matcher.

        When no region takes a candidate, all go on behind it; when one does, whatever others find is inside of it.
        """
        if not _is_plain(candidate, digits):
            return None
        if len(digits) < LEAST_DIGITS:
            return False
        if "/" in candidate and _SLASH_SEPARATED_DATES.search(candidate):
            return False
        end = start + len(candidate)
        if text.startswith(":", end) and _TIME_STAMPS.search(candidate) and _TIME_STAMPS_SUFFIX.match(text, end):
            return False
        if self._accepts(digits, plus="+" in candidate) and _stands_alone(text, candidate, start):
            return True if len(digits) <= _UNCUT_DIGITS else None
        if _SEPARATORS.isdisjoint(candidate):
            return False
        parts = ((part, part.translate(_WITHOUT_PUNCTUATION)) for part in _inner_parts(candidate))
        return None if any(self._accepts(digits, plus="+" in part) for part, digits in parts) else False

    def _accepts(self, digits: str, *, plus: bool) -> bool:
        """Whether some region accepts the digits."""
        if len(digits) < LEAST_DIGITS:
            return False
        regions: Sequence[Region] = self._regions
        if self._table is None:
            self._count(1)
        elif not plus and len(digits) <= LONGEST:
            regions = self._table.regions(digits)
        return any(region.accepts(digits, plus=plus) for region in regions)

    def _match(self, text: str, start: int, end: int) -> tuple[Spans, int, int]:
        """All regions' matches from ``start`` to where all go on alike; that place, and the most tries of a region."""
        outside = _OUTSIDE.search(text, end)
        stop = outside.start() if outside is not None else len(text)
        before = max(start - 1, 0)
        window = text[before : stop + 1]
        spans: Spans = []
        tries = 0
        for region in self._regions:
            matcher = _Matcher(window, region, start - before)
            spans += [(before + match.start, before + match.end) for match in matcher]
            tries = max(tries, _MAX_TRIES - matcher._max_tries)
        return spans, stop, tries

    def _match_all(self, text: str) -> Spans:
        return [(match.start, match.end) for region in self._regions for match in _Matcher(text, region, 0)]


class _Matcher(PhoneNumberMatcher):
    """libphonenumber's matcher, but for the decision on a plain candidate."""

    def __init__(self, text: str, region: Region, start: int) -> None:
        super().__init__(text, region.code, leniency=Leniency.VALID, max_tries=_MAX_TRIES)
        self._region = region
        self._search_index = start

    def _parse_and_verify(self, candidate: str, offset: int) -> PhoneNumberMatch | None:
        digits = candidate.translate(_WITHOUT_PUNCTUATION)
        if not _is_plain(candidate, digits):
            return super()._parse_and_verify(candidate, offset)
        if len(digits) < LEAST_DIGITS or not self._region.accepts(digits, plus="+" in candidate):
            return None
        if not _stands_alone(self.text, candidate, offset):
            return None
        return PhoneNumberMatch(offset, candidate, PhoneNumber())


def _is_plain(candidate: str, digits: str) -> bool:
    """Whether the digits, and a plus sign before them, are all that counts in a candidate."""
    return digits.isascii() and digits.isdecimal() and candidate.count("+") <= 1 and len(candidate) <= 250


def _inner_parts(candidate: str) -> Sequence[str]:
    """What ``_extract_inner_match`` tries of a candidate, in its order."""
    parts = []
    for pattern in _INNER_MATCHES:
        match = pattern.search(candidate)
        if match is not None:
            parts.append(candidate[: match.start()])
        while match is not None:
            parts.append(match.group(1))
            match = pattern.search(candidate, match.start() + 1)
    return [_UNWANTED_END_CHAR_PATTERN.sub("", part) for part in parts]


def _most_tries(candidate: str, digits: str, accepted: bool) -> int:
    """A bound on the tries a region spends on a plain candidate.

    Each mark begins a part by at most two patterns, and each of these tries what is before its first part as well.
    Where one region takes the candidate, others may find numbers inside, and start again behind each.
    """
    marks = len(candidate) - len(digits)
    searches = 1 + len(digits) // LEAST_DIGITS if accepted else 1
    return searches * (1 + 4 * marks)


def _stands_alone(text: str, candidate: str, start: int) -> bool:
    """The first half of ``_parse_and_verify``: brackets match, no page reference, no letter or such next to it."""
    if not _BRACKETS.isdisjoint(candidate) and (
        _MATCHING_BRACKETS.fullmatch(candidate) is None or _PUB_PAGES.search(candidate)
    ):
        return False
    if start > 0 and _LEAD_PATTERN.match(candidate) is None and _is_bad_neighbour(text[start - 1]):
        return False
    end = start + len(candidate)
    return end >= len(text) or not _is_bad_neighbour(text[end])


@lru_cache(maxsize=4096)
def _is_bad_neighbour(character: str) -> bool:
    return PhoneNumberMatcher._is_invalid_punctuation_symbol(character) or PhoneNumberMatcher._is_latin_letter(
        character
    )


def _without_contained(spans: Spans) -> Spans:
    """Presidio's ``EntityRecognizer.remove_duplicates`` for spans of one type and score."""
    kept: Spans = []
    reach = -1
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if end > reach:
            kept.append((start, end))
            reach = end
    return kept
