"""Phone numbers in texts: exactly the spans of Presidio's ``PhoneRecognizer``, at a fraction of its cost.

The recognizer runs libphonenumber's ``PhoneNumberMatcher`` once for each region. Here its patterns find the candidates
once for all regions, and :mod:`~clearance.classifiers.phone_rules` decides on each candidate's digits. A candidate
that is not just ASCII digits and plain punctuation, or of which a part may be a number, is left to the matcher itself.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from phonenumbers import Leniency, PhoneNumber, PhoneNumberMatch, PhoneNumberMatcher
from phonenumbers.phonenumbermatcher import _PATTERN

from clearance.classifiers.alphabets import alphabet_of_classes, kinds_of
from clearance.classifiers.folding import Buffer
from clearance.classifiers.phone_batches import surely_dialled, surely_international
from clearance.classifiers.phone_candidates import EXTENSION, PUNCTUATION, candidate_rows
from clearance.classifiers.phone_forms import (
    SEPARATORS,
    WITHOUT_PUNCTUATION,
    inner_parts,
    is_date,
    is_plain,
    stands_alone,
)
from clearance.classifiers.phone_rules import LEAST_DIGITS, Region
from clearance.classifiers.phone_table import LONGEST, PREFIX_DIGITS, PrefixTable

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
_DIGITS = re.compile(r"\d+")
#: Every digit is one as well as another.
_SHAPES = alphabet_of_classes([string.digits, *(chr(point) for point in range(128) if not chr(point).isdigit())])
_TO_ZERO = str.maketrans("123456789", "000000000")
#: Texts of up to so many characters are often one number, and of few shapes.
_SHORT = 28
#: Fewer numbers of a kind are decided one by one.
_FEW = 16
_NON_ASCII_DIGIT = re.compile(r"(?![0-9])\d")
#: A sign and its punctuation, twice, may stand before a candidate's first digit (``_LEAD_LIMIT``).
_LONGEST_LEAD = 10
#: The characters behind a candidate that decide on it (``_TIME_STAMPS_SUFFIX``): too few to be a number of their own.
_LOOK_AHEAD = 3
#: What no candidate can hold: beyond it, the search starts anew for every region.
_OUTSIDE = re.compile(rf"[^0-9\x80-\U0010ffff{re.escape(PUNCTUATION + EXTENSION)}]")


class _Candidates(NamedTuple):
    """The only candidates of texts that look the same, with their digits: all of one length."""

    rows: npt.NDArray[np.int64]
    place: _Place
    digits: npt.NDArray[np.uint8]

    def numbers(self) -> list[str]:
        """The digits of each."""
        joined, length = self.digits.tobytes().decode("ascii"), self.digits.shape[1]
        return [joined[start : start + length] for start in range(0, len(joined), length)]


class _Place(NamedTuple):
    """Where the only candidate of a text is, whatever its digits are; has it a plus sign; its runs of digits.

    ``whole``: no part of it can be a number.
    """

    start: int
    end: int
    plus: bool
    whole: bool
    runs: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1 << 12)
def _only_place(shape: str) -> _Place | None:
    """Where in all texts of this shape, every digit a zero, the whole of the only candidate is a number if any is.

    None where there are more candidates, or where the digits decide what is one: those of a date or a time.
    """
    match = _PATTERN.search(shape)
    if match is None or "/" in shape or ":" in shape:
        return None
    start, end = match.span()
    candidate = shape[start:end]
    digits = candidate.translate(WITHOUT_PUNCTUATION)
    usual = is_plain(candidate, digits) and LEAST_DIGITS <= len(digits) <= _UNCUT_DIGITS
    if not usual or not stands_alone(shape, candidate, start) or shape.count("0") != len(digits):
        return None
    runs = tuple((start + run.start(), start + run.end()) for run in _DIGITS.finditer(candidate))
    return _Place(start, end, "+" in candidate, SEPARATORS.isdisjoint(candidate), runs)


def _only_candidates(texts: Sequence[str]) -> Iterator[_Candidates]:
    """Those of texts that are often one number, and often of the same few shapes."""
    short = [row for row, text in enumerate(texts) if len(text) <= _SHORT and text.isascii()]
    if len(short) < _FEW:
        return
    kinds = kinds_of([texts[row] for row in short], _SHAPES)
    order = np.argsort(kinds, kind="stable")
    for rows in np.split(np.array(short, np.int64)[order], np.flatnonzero(np.diff(kinds[order])) + 1):
        place = _only_place(texts[rows[0]].translate(_TO_ZERO)) if len(rows) >= _FEW else None
        if place is not None:
            joined = "".join([texts[row] for row in rows.tolist()]).encode("ascii")
            octets = np.frombuffer(joined, np.uint8).reshape(len(rows), -1)
            yield _Candidates(rows, place, np.hstack([octets[:, start:end] for start, end in place.runs]))


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
            start, position = match.span()
            candidate = match.group()
            digits = candidate.translate(WITHOUT_PUNCTUATION)
            plain = is_plain(candidate, digits)
            if plain and self._is_number(text, candidate, digits, start):
                found.append((start, position))
                # Other regions may take a part, and go on behind it.
                tries += _most_tries(candidate, digits, searches=1 + len(digits) // LEAST_DIGITS)
            elif regions := self._regions_to_ask(text, candidate, digits, start) if plain else self._regions:
                if not plain or len(digits) > _UNCUT_DIGITS:
                    outside = _OUTSIDE.search(text, position)
                    position = outside.start() if outside is not None else len(text)
                    regions = self._regions
                by_matcher = True
                part, part_tries = _match(text, start, position, regions)
                found += part
                tries += part_tries
            else:
                tries += _most_tries(candidate, digits, searches=1)
            if tries >= _MAX_TRIES:
                whole = [(match.start, match.end) for region in self._regions for match in _Matcher(text, region, 0)]
                return _without_contained(whole)
        return _without_contained(found) if by_matcher else found

    def spans_of_all(self, texts: Sequence[str]) -> list[Spans]:
        """``spans`` of each text."""
        found: list[Spans | None] = [None] * len(texts)
        for candidates in _only_candidates(texts):
            rows, place, _ = candidates
            if place.plus:
                sure = surely_international(candidates.numbers())
            else:
                sure = np.zeros(len(rows), np.bool_)
                for region, some in self._by_region(candidates.digits):
                    if region is not None:
                        numbers = candidates._replace(digits=candidates.digits[some]).numbers()
                        sure[some] = surely_dialled(region, numbers)
                    elif place.whole:
                        for row in rows[some].tolist():
                            found[row] = []
            for row in rows[sure].tolist():
                found[row] = [(place.start, place.end)]
        return [self.spans(text) if spans is None else spans for text, spans in zip(texts, found, strict=True)]

    def _by_region(self, digits: npt.NDArray[np.uint8]) -> Iterator[tuple[Region | None, npt.NDArray[np.int64]]]:
        """The first region that may accept some of the rows of digits, and which; None: no region accepts them."""
        prefixes = digits[:, :PREFIX_DIGITS].astype(np.int64) @ 1000 ** np.arange(PREFIX_DIGITS)
        _, examples, kinds = np.unique(prefixes, return_index=True, return_inverse=True)
        by_region: dict[Region | None, list[int]] = {}
        for kind, example in enumerate(examples.tolist()):
            likely = self._likely(digits[example].tobytes().decode("ascii"), plus=False)
            by_region.setdefault(likely[0] if likely else None, []).append(kind)
        for region, some in by_region.items():
            yield region, np.flatnonzero(np.isin(kinds, some))

    def candidates(self, texts: Sequence[str], buffer: Buffer | None = None) -> npt.NDArray[np.bool_]:
        """Which texts may hold a number: never false where ``spans`` finds one.

        ``buffer``: of the same texts, if the caller has it.
        """
        buffer = buffer if buffer is not None else Buffer.of(list(texts))
        data = np.frombuffer(buffer.data, np.uint8)
        found = np.zeros(len(texts), np.bool_)
        found[self.candidate_rows(data, buffer.ends, ascii_digits=True)] = True
        for row, text in enumerate(texts):
            # Folding keeps that there is a digit, not which.
            if not text.isascii() and not found[row]:
                found[row] = _NON_ASCII_DIGIT.search(text) is not None
        return found

    def candidate_rows(
        self, buffer: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], *, ascii_digits: bool = False
    ) -> npt.NDArray[np.int64]:
        """The rows of ``candidates``, ascending, for a caller that has no more than a :class:`Buffer`'s bytes and ends.

        ``ascii_digits``: no row holds other digits, which are folded to 0: then fewer rows without a number stay in.
        """
        self._count(int(np.count_nonzero(buffer - np.uint8(ord("0")) < 10)) // LEAST_DIGITS)
        lengths = None
        if self._table is not None:
            lengths = self._table.lengths if ascii_digits else self._table.folded_lengths
        return candidate_rows(buffer, ends, lengths)

    def _count(self, decisions: int) -> None:
        """Make the table once the decisions would have paid for it: most processes look at much, some at one text."""
        self._decisions += decisions
        if self._table is None and self._decisions >= _TABLE_PAYS_AFTER:
            self._table = PrefixTable(self._regions)

    def _is_number(self, text: str, candidate: str, digits: str, start: int) -> bool:
        """Whether some region takes the whole of a plain candidate: what others find is inside of it then."""
        return (
            LEAST_DIGITS <= len(digits) <= _UNCUT_DIGITS
            and stands_alone(text, candidate, start)
            and not is_date(text, candidate, start)
            and next(self._accepting(digits, plus="+" in candidate), None) is not None
        )

    def _regions_to_ask(self, text: str, candidate: str, digits: str, start: int) -> Sequence[Region]:
        """The regions that may find a number in a plain candidate that is none; the others go on behind it."""
        if len(digits) < LEAST_DIGITS or is_date(text, candidate, start):
            return ()
        parts = [] if SEPARATORS.isdisjoint(candidate) else inner_parts(candidate)
        if len(digits) > _UNCUT_DIGITS:
            parts.append(candidate)
        return list(
            dict.fromkeys(
                region
                for part in parts
                for region in self._accepting(part.translate(WITHOUT_PUNCTUATION), plus="+" in part)
            )
        )

    def _accepting(self, digits: str, *, plus: bool) -> Iterator[Region]:
        """The regions that accept the digits."""
        return (region for region in self._likely(digits, plus=plus) if region.accepts(digits, plus=plus))

    def _likely(self, digits: str, *, plus: bool) -> Sequence[Region]:
        """The regions that may accept the digits, as far as the table tells."""
        if len(digits) < LEAST_DIGITS:
            return ()
        if self._table is None:
            self._count(1)
        elif not plus and len(digits) <= LONGEST:
            return self._table.regions(digits)
        return self._regions


class _Matcher(PhoneNumberMatcher):
    """libphonenumber's matcher, but for the decision on a plain candidate."""

    def __init__(self, text: str, region: Region, start: int) -> None:
        super().__init__(text, region.code, leniency=Leniency.VALID, max_tries=_MAX_TRIES)
        self._region = region
        self._search_index = start

    def _parse_and_verify(self, candidate: str, offset: int) -> PhoneNumberMatch | None:
        digits = candidate.translate(WITHOUT_PUNCTUATION)
        if not is_plain(candidate, digits):
            return super()._parse_and_verify(candidate, offset)
        if len(digits) < LEAST_DIGITS or not self._region.accepts(digits, plus="+" in candidate):
            return None
        if not stands_alone(self.text, candidate, offset):
            return None
        return PhoneNumberMatch(offset, candidate, PhoneNumber())


def _match(text: str, start: int, stop: int, regions: Sequence[Region]) -> tuple[Spans, int]:
    """The regions' matches from ``start`` to ``stop``, where all go on alike, and the most tries of a region."""
    before = max(start - 1, 0)
    window = text[before : stop + _LOOK_AHEAD]
    spans: Spans = []
    tries = 0
    for region in regions:
        matcher = _Matcher(window, region, start - before)
        spans += [(before + match.start, before + match.end) for match in matcher]
        tries = max(tries, _MAX_TRIES - matcher._max_tries)
    return spans, tries


def _most_tries(candidate: str, digits: str, *, searches: int) -> int:
    """A bound on the tries that a region spends on a plain candidate, searched so many times.

    Each mark begins a part by at most two patterns, and each of these tries what is before its first part as well.
    """
    return searches * (1 + 4 * (len(candidate) - len(digits)))


def _without_contained(spans: Spans) -> Spans:
    """Presidio's ``EntityRecognizer.remove_duplicates`` for spans of one type and score."""
    kept: Spans = []
    reach = -1
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if end > reach:
            kept.append((start, end))
            reach = end
    return kept
