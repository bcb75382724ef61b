"""Which regions may accept a string of digits, told by its length and first digits alone: one look, many digits.

The table is a superset of ``Region.accepts``: patterns of the metadata are followed over all prefixes at once, and
whatever depends on later digits counts as a yes. Metadata's patterns are plain regular expressions over digits (no
look-around, no back reference), so the set of positions they can reach after a prefix is a matter of shifts and masks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
import numpy.typing as npt
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

from clearance.classifiers.phone_rules import NationalPrefix, Region, numbering_plan

#: How many first digits the table knows.
PREFIX_DIGITS = 4
#: The table knows lengths up to this one: as many as fit the bits of a position set.
LONGEST = 31
#: Bit ``i`` of element ``p``: a number that begins with the digits of ``p`` can be at its ``i``-th digit.
Positions = npt.NDArray[np.uint32]

_EVERY = frozenset(range(10))
_COUNT = 10**PREFIX_DIGITS
_ONLY_DIGITS = re.compile(r"(\(\\d(\{\d+(,\d+)?\})?\))+")


class PrefixTable:
    """For each prefix the lengths that some region, or each region, may accept.

    ``regions``: the regions that share the table. Making one takes a good part of a second: wait until it pays.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        walk = _Walk()
        by_region = [walk.lengths(region) for region in regions]
        #: Bit ``n`` of element ``p``: ``n`` digits that begin with ``p`` may be a number somewhere.
        self.lengths = _union(by_region)
        #: The same where a zero may stand for any digit.
        self.folded_lengths = _with_any_for_zero(self.lengths)
        self._any: list[int] = self.lengths.tolist()
        self._by_region = [(region, lengths.tolist()) for region, lengths in zip(regions, by_region, strict=True)]
        self._known: dict[tuple[int, int], list[Region]] = {}

    def regions(self, digits: str) -> Sequence[Region]:
        """The regions that may accept ``digits`` (ASCII; at least ``PREFIX_DIGITS``, at most ``LONGEST``)."""
        length, prefix = len(digits), int(digits[:PREFIX_DIGITS])
        if not self._any[prefix] >> length & 1:
            return ()
        # Few of all prefixes begin a number; those that do come again and again.
        found = self._known.get((prefix, length))
        if found is None:
            found = [region for region, lengths in self._by_region if lengths[prefix] >> length & 1]
            self._known[prefix, length] = found
        return found


class _Walk:
    """Follows patterns over all prefixes at once.

    A state is a pair of position sets, stacked on axis 0: positions reached without and with the pattern's last group.
    """

    def __init__(self) -> None:
        prefixes = np.arange(_COUNT)
        self._digits = [prefixes // 10 ** (PREFIX_DIGITS - 1 - place) % 10 for place in range(PREFIX_DIGITS)]
        self._allowed: dict[frozenset[int], Positions] = {}
        self._international: dict[str, Positions] = {}

    def lengths(self, region: Region) -> Positions:
        """The lengths that ``region.accepts`` may accept, for each prefix."""
        start = np.ones(_COUNT, np.uint32)
        bare = self._follow(region.calling_code, start)
        stripped, anything = self._strip(region.prefix, start)
        bare_stripped, bare_anything = self._strip(region.prefix, bare)
        bare |= bare_stripped
        # ``parse`` strips again what came after the bare calling code, by the rules of the main region.
        again, again_anything = self._strip(region.plan.prefix, bare)
        with_prefix = self._valid(region, stripped | bare | again)
        national = self._valid(region, start) & self._free_of_prefix(region, start)
        transformed = anything | bare_anything | again_anything
        return national | with_prefix | transformed | self._after_idd(region.idd.pattern, start)

    def _valid(self, region: Region, starts: Positions) -> Positions:
        """Where a valid national significant number that begins at ``starts`` can end."""
        ends = np.zeros(_COUNT, np.uint32)
        for pattern, lengths in dict.fromkeys(region.plan.descriptions()):
            ends |= self._follow(pattern, starts) & _later(starts, lengths)
        return ends

    def _strip(self, prefix: NationalPrefix, starts: Positions) -> tuple[Positions, Positions]:
        """What follows a national prefix: where the number goes on, and the ends of one that is then transformed."""
        if not prefix.pattern:
            nothing = np.zeros(_COUNT, np.uint32)
            return nothing, nothing
        plain, grouped = self._states(prefix.pattern, starts)
        if not prefix.transform:
            return plain | grouped, np.zeros(_COUNT, np.uint32)
        return plain, _and_after(grouped)

    def _after_idd(self, pattern: str, start: Positions) -> Positions:
        """The lengths of numbers in international form, by the lengths alone of each country's numbers."""
        if pattern not in self._international:
            codes: dict[tuple[str, str, frozenset[int]], list[str]] = {}
            for country_code in COUNTRY_CODE_TO_REGION_CODE:
                plan = numbering_plan(country_code)
                lengths = frozenset(length for _, lengths in plan.descriptions() for length in lengths)
                codes.setdefault((plan.prefix.pattern, plan.prefix.transform, lengths), []).append(str(country_code))
            after = self._follow(pattern, start)
            ends = np.zeros(_COUNT, np.uint32)
            for (_, _, lengths), alike in codes.items():
                national = self._follow("|".join(alike), after)
                stripped, anything = self._strip(numbering_plan(int(alike[0])).prefix, national)
                ends |= _later(national | stripped, lengths) | anything
            self._international[pattern] = ends
        return self._international[pattern]

    def _free_of_prefix(self, region: Region, start: Positions) -> Positions:
        """The lengths at which a number written without national prefix may do without it (``_needs_prefix``)."""
        # A number may be valid as it is and still begin with what looks like its prefix.
        stripped, transformed = self._strip(region.plan.prefix, start)
        free: Positions = np.where(stripped | transformed > 0, _ALL, np.uint32(0))
        undecided: Positions = np.full(_COUNT, _ALL)
        known = np.uint32((1 << (PREFIX_DIGITS + 1)) - 1)
        for leading, pattern, needs_prefix in region.formats:
            fits = self._follow(pattern.pattern, start)
            begins = self._follow(leading.pattern, start) if leading is not None else start
            if not needs_prefix:
                free |= undecided & np.where(begins > 0, fits, np.uint32(0))
            if _ONLY_DIGITS.fullmatch(pattern.pattern):
                # Its leading digits are all in the prefix: this format, if the length fits, and no later one.
                undecided &= ~np.where(begins & known > 0, fits, np.uint32(0))
        free |= undecided
        return free

    def _follow(self, pattern: str, starts: Positions) -> Positions:
        plain, grouped = self._states(pattern, starts)
        either: Positions = plain | grouped
        return either

    def _states(self, pattern: str, starts: Positions) -> Positions:
        tree = parser.parse(pattern)
        state: Positions = np.stack([starts, np.zeros(_COUNT, np.uint32)])
        return self._sequence(tree, state, tree.state.groups - 1)

    def _sequence(self, nodes: Iterable[tuple[Any, Any]], state: Positions, last_group: int) -> Positions:
        for op, argument in nodes:
            state = self._node(op, argument, state, last_group)
        return state

    def _node(self, op: Any, argument: Any, state: Positions, last_group: int) -> Positions:
        if op in (sre.LITERAL, sre.IN):
            digits = frozenset({argument - ord("0")}) if op is sre.LITERAL else _digits(argument)
            return (state & self._mask(digits)) << np.uint32(1)
        if op is sre.BRANCH:
            return _union([self._sequence(branch, state, last_group) for branch in argument[1]])
        if op is sre.SUBPATTERN:
            group, _, _, nodes = argument
            state = self._sequence(nodes, state, last_group)
            return np.stack([np.zeros(_COUNT, np.uint32), state[0] | state[1]]) if group == last_group else state
        if op is sre.MAX_REPEAT:
            least, most, nodes = argument
            for _ in range(least):
                state = self._sequence(nodes, state, last_group)
            ends = state
            for _ in range(min(most, LONGEST) - least):
                state = self._sequence(nodes, state, last_group)
                ends = ends | state
            return ends
        if op is sre.AT:
            # An end of the number holds or not: what follows only adds positions.
            return state
        raise NotImplementedError(f"a phone metadata pattern uses {op}")

    def _mask(self, digits: frozenset[int]) -> Positions:
        """The positions at which the next digit may be one of ``digits``: any, behind the prefix."""
        if digits not in self._allowed:
            allowed = np.full(_COUNT, _ALL if digits else np.uint32(0))
            for place, digit in enumerate(self._digits):
                allowed &= np.where(np.isin(digit, list(digits)), _ALL, ~np.uint32(1 << place))
            self._allowed[digits] = allowed
        return self._allowed[digits]


_ALL = np.uint32(2**32 - 1)


def _digits(items: Sequence[tuple[Any, Any]]) -> frozenset[int]:
    """The digits of a character class."""
    digits: set[int] = set()
    for op, argument in items:
        if op is sre.LITERAL:
            digits.add(argument - ord("0"))
        elif op is sre.RANGE:
            digits.update(range(argument[0] - ord("0"), argument[1] - ord("0") + 1))
        elif (op, argument) == (sre.CATEGORY, sre.CATEGORY_DIGIT):
            digits |= _EVERY
        else:
            raise NotImplementedError(f"a phone metadata pattern has {op} in a character class")
    return frozenset(digits)


def _later(positions: Positions, lengths: Iterable[int]) -> Positions:
    """The positions ``lengths`` digits behind ``positions``."""
    return _union([positions << np.uint32(length) for length in lengths])


def _union(sets: Sequence[Positions]) -> Positions:
    united: Positions = np.bitwise_or.reduce(np.stack(sets), axis=0)
    return united


def _with_any_for_zero(lengths: Positions) -> Positions:
    by_digit = lengths.reshape((10,) * PREFIX_DIGITS).copy()
    for place in range(PREFIX_DIGITS):
        digit_first = np.moveaxis(by_digit, place, 0)
        digit_first[0] = np.bitwise_or.reduce(digit_first, axis=0)
    return by_digit.reshape(_COUNT)


def _and_after(positions: Positions) -> Positions:
    """``positions`` and all behind them."""
    for step in (1, 2, 4, 8, 16):
        positions = positions | positions << np.uint32(step)
    return positions
