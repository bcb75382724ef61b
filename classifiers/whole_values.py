"""Values of which some hit is the whole: settled and counted by the thousand, without a span for each.

In a column of addresses nearly every value has the same hits: one detector sees the whole, another a part, a third the
whole again. What they come to depends on what they say, not on the value: the hit that ranks first covers everything,
so a smaller one beside it, whatever its score, changes nothing. What does depend on the value (a word that lifts a
score, a list of allowed values, a hit that is nearly the whole) is left to
:func:`~clearance.classifiers.resolve.resolve`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.findings import Span
from clearance.classifiers.hit_columns import OWN, HitColumns, Places, Said
from clearance.classifiers.resolution import NonsenseRule, PairRules, Resolution
from clearance.classifiers.resolve import is_any_nonsense
from clearance.classifiers.traits import SHAPE_CHARACTERS, SHAPES
from clearance.values import octets_of

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

#: So many different hits fit into the bits of a number; in a batch with more, the rest is settled one by one.
_MOST = 62


def _flags(characters: str) -> Mask:
    flags = np.zeros(256, np.bool_)
    flags[[ord(character) for character in characters]] = True
    return flags


_LETTERS = _flags(string.ascii_letters)
_LETTERS_AND_DIGITS = _flags(string.ascii_letters + string.digits)
#: All but printable ASCII.
_UNUSUAL = ~_flags("".join(map(chr, range(32, 127))))
_SHAPE_OCTETS = np.array([ord(SHAPES[code]) if code < 128 else ord("?") for code in range(256)], np.uint8)


class Lifted(Protocol):
    """Tells of the rows of a batch which ones have one of some words in them."""

    def __call__(self, row: int, words: tuple[str, ...]) -> bool:
        """Whether the row's text in lower case has one of the words."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Rows of a batch whose values are what each of these hits says, from end to end; the ``winner`` is what counts."""

    said: tuple[Said, ...]
    winner: Said
    rows: Rows


class WholeValues:
    """The values of a batch that may be settled together: printable ASCII that begins and ends with no blank.

    ``values`` is a string array without nulls; ``left_out`` are those that are settled one by one in any case.
    After :meth:`settle`, ``alike`` has the groups.
    """

    def __init__(self, values: pa.Array, rules: Resolution, left_out: Mask) -> None:
        self._rules = rules
        self._values = values
        octets, offsets = octets_of(values)
        starts, ends = offsets[:-1], offsets[1:]
        self._octets, self._offsets = octets, offsets
        self._lengths = ends - starts
        filled = self._lengths > 0
        first = octets[np.where(filled, starts, 0)] if len(octets) else np.zeros(len(starts), np.uint8)
        last = octets[np.where(filled, ends - 1, 0)] if len(octets) else first
        plain = filled & ~left_out & (first != ord(" ")) & (last != ord(" "))
        plain &= _LETTERS_AND_DIGITS[first] | _LETTERS_AND_DIGITS[last]
        if _UNUSUAL[octets].any():
            plain &= np.diff(self._before(_UNUSUAL)[offsets]) == 0
        self._plain = plain
        self.alike: list[Alike] = []

    def settle(self, hits: HitColumns, texts: Sequence[str], lifts: Lifted, left_out: Sequence[int] = ()) -> Mask:
        """Which rows are settled: their hits need not be looked at again. ``left_out``: rows that may have more hits.

        Raises TimeoutError when a pattern of the rules runs out of time.
        """
        open_rows = self._plain.copy()
        open_rows[np.asarray(left_out, np.int64)] = False
        signs = np.zeros(len(texts), np.int64)
        above = np.full(len(texts), np.iinfo(np.int64).min)
        said_of: list[Said] = []
        for said, places in hits:
            rules = self._rules.of(said.entity_type, said.detector)
            rows = self._wholes(places, rules, open_rows, above)
            rows = rows[open_rows[rows]]
            if not len(rows):
                continue
            if said.context and said.score < 1.0:
                open_rows[[row for row in self._with_letters(rows, said.context) if lifts(row, said.context)]] = False
            if said.score < rules.threshold:
                self._close_where_better(said, rows, hits, open_rows)
                continue
            if rules.allow or len(said_of) == _MOST:
                open_rows[rows] = False
                continue
            if rules.nonsense_alone:
                are_nonsense = self._are_nonsense(rows, texts, said, rules)
                self._close_where_better(said, rows[are_nonsense], hits, open_rows)
                rows = rows[~are_nonsense]
            signs[rows] |= 1 << len(said_of)
            said_of.append(said)
        return self._group(np.where(open_rows, signs, 0), above, said_of)

    def _close_where_better(self, dropped: Said, rows: Rows, hits: HitColumns, open_rows: Mask) -> None:
        """Leaves rows to others in which a hit that does not count has taken the place of one that would.

        Presidio drops a hit beside a better one of its type before any rule is asked.
        """
        if dropped.source != OWN and any(
            other != dropped
            and other.source != OWN
            and other.entity_type == dropped.entity_type
            and self._rules.of(other.entity_type, other.detector).threshold <= other.score <= dropped.score
            for other, _ in hits
        ):
            open_rows[rows] = False

    def _wholes(self, places: Places, rules: PairRules, open_rows: Mask, above: Rows) -> Rows:
        """The rows that a hit is the whole of. Those where it is nearly that are left to others."""
        rows: Rows = np.array(places.rows, np.int64)
        covered = np.array(places.ends, np.int64) - np.array(places.starts, np.int64)
        lengths = self._lengths[rows]
        is_part = covered < lengths
        parts = rows[is_part]
        if len(parts):
            above[parts] = np.maximum(above[parts], rules.precedence)
            large = is_part & (10 * covered >= 5 * lengths) & open_rows[rows]
            begin = self._offsets[rows[large]] + np.array(places.starts, np.int64)[large]
            inside = self._telling[begin + covered[large]] - self._telling[begin]
            open_rows[rows[large][10 * inside >= 9 * np.diff(self._telling[self._offsets])[rows[large]]]] = False
        wholes: Rows = rows[~is_part]
        return wholes

    @cached_property
    def _telling(self) -> Rows:
        """How many letters and digits there are before each octet."""
        return self._before(_LETTERS_AND_DIGITS)

    def _before(self, flags: Mask) -> Rows:
        """How many flagged octets there are before each octet, and at last in all."""
        return np.concatenate([[0], np.cumsum(flags[self._octets])])

    def _with_letters(self, rows: Rows, words: Sequence[str]) -> Iterable[int]:
        """The rows in which there may be one of the words: where there is no letter, there is none."""
        need_letters = all(any(map(str.isalpha, word)) for word in words)
        some: list[int] = (rows[self._has_letter[rows]] if need_letters else rows).tolist()
        return some

    @cached_property
    def _has_letter(self) -> Mask:
        has_letter: Mask = np.diff(self._before(_LETTERS)[self._offsets]) > 0
        return has_letter

    def _are_nonsense(self, rows: Rows, texts: Sequence[str], said: Said, rules: PairRules) -> Mask:
        """Which of the rows are nonsense by a rule for values that stand alone."""
        meant = tuple(rule for rule in rules.nonsense_alone if said.score < rule.below)
        if not meant:
            return np.zeros(len(rows), np.bool_)
        pattern = _in_re2(meant)
        if pattern is None:
            return np.array([_is_nonsense(texts[row], said, rules) for row in rows.tolist()], np.bool_)
        found: Mask = pc.match_substring_regex(self._values.take(pa.array(rows)), pattern).to_numpy(
            zero_copy_only=False
        )
        return found

    def _group(self, signs: Rows, above: Rows, said_of: Sequence[Said]) -> Mask:
        """Groups the rows by the hits that are their whole; those with a part that ranks higher are left to others."""
        settled = np.zeros(len(signs), np.bool_)
        for sign in np.unique(signs[signs > 0]).tolist():
            said = tuple(sorted(one for bit, one in enumerate(said_of) if sign >> bit & 1))
            winner = min(said, key=self._rank)
            highest = self._rules.of(winner.entity_type, winner.detector).precedence
            rows = np.flatnonzero((signs == sign) & (above <= highest))
            settled[rows] = True
            self.alike.append(Alike(said, winner, rows))
        return settled

    def _rank(self, said: Said) -> tuple[int, float, str, str]:
        """As :func:`~clearance.classifiers.resolve.settled` orders hits of the same place."""
        rules = self._rules.of(said.entity_type, said.detector)
        return -rules.precedence, -said.score, said.entity_type, said.detector

    def shapes(self) -> tuple[Rows, list[str]]:
        """For each value the number of its shape (:func:`~clearance.classifiers.traits.shape`), and the shapes."""
        octets = pa.py_buffer(_SHAPE_OCTETS[self._octets])
        written = pa.LargeStringArray.from_buffers(len(self._lengths), pa.py_buffer(self._offsets), octets)
        encoded = pc.dictionary_encode(pc.utf8_slice_codeunits(written, 0, SHAPE_CHARACTERS))
        return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


#: Syntax that means the same to RE2 and to the regex module: no look-around, no fuzzy counts, no sets in sets.
_ALIKE = re.compile(
    r"(?:\(\?i\))?"
    r"(?:\\[dDwWsSbB]|\\[pP]\{L[lu]?\}|\\[^0-9A-Za-z]|\(\?:|\((?!\?)|\{\d+(?:,\d*)?\}"
    r"|\[\^?(?:\\[dDwWsS]|\\[pP]\{L[lu]?\}|\\[^0-9A-Za-z]|[^\[\]\\&|~])+\]"
    r"|[^\\\[\]({}])*"
)


@lru_cache(maxsize=256)
def _in_re2(rules: tuple[NonsenseRule, ...]) -> str | None:
    """One pattern in RE2 for what the rules call nonsense where it is all of a text; None if there is none.

    On printable ASCII, RE2 finds what the rules' own patterns find; it is asked about nothing else.
    """
    patterns = []
    for rule in rules:
        if rule.value is None or rule.before or rule.behind or not _ALIKE.fullmatch(rule.value.pattern):
            return None
        patterns.append(f"(?:{rule.value.pattern})")
    pattern = f"^(?:{'|'.join(patterns)})$"
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return None
    return pattern


def _is_nonsense(text: str, said: Said, rules: PairRules) -> bool:
    return is_any_nonsense(text, Span(0, len(text), *said[:3]), rules.nonsense_alone)


__all__ = ["Alike", "WholeValues"]
