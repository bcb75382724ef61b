"""In which texts of a batch can there be a phone number? A look at the whole batch's bytes at once.

A candidate of libphonenumber's ``PhoneNumberMatcher`` is a few runs of digits with little punctuation between. What it
tries of one is always a sequence of adjacent runs: so a text can be left out when no such sequence has a length and
first digits that some region accepts. Anything odd (a plus sign, what may be an extension) stays in.
"""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt

from clearance.classifiers.phone_rules import LEAST_DIGITS
from clearance.classifiers.phone_table import LONGEST, PREFIX_DIGITS, Positions

#: ASCII that a candidate may hold (``phonenumbermatcher._PATTERN``): between digits, and around an extension's label.
PUNCTUATION = "-x ()[]./~"
EXTENSION = "\t,:;=#+" + "aeinostx" + "AEINOSTX"

_OUTSIDE, _EXTENSION, _ODD = 1, 2, 4
#: Longer punctuation ends a candidate (``_PUNCTUATION_LIMIT``).
_LONGEST_GAP = 4
#: A plus sign stands at most so far from the first digit (``_LEAD_LIMIT`` times a sign and its punctuation).
_LONGEST_LEAD = 10
#: More runs of digits than this are left to the matcher.
_MOST_RUNS = 8


def _classes() -> npt.NDArray[np.uint8]:
    """What a byte between two runs of digits means."""
    classes = np.zeros(256, np.uint8)
    for byte in range(128):
        if chr(byte) not in PUNCTUATION + EXTENSION + string.digits:
            classes[byte] = _OUTSIDE
        elif chr(byte) not in PUNCTUATION:
            classes[byte] = _EXTENSION
    # Each label of an extension has one of these; what is not ASCII may be anything.
    classes[[ord(mark) for mark in "xX#~nN+"]] |= _ODD
    classes[128:] |= _ODD
    return classes


def _flags(characters: str) -> npt.NDArray[np.bool_]:
    flags = np.zeros(256, np.bool_)
    flags[[ord(character) for character in characters]] = True
    return flags


_CLASSES = _classes()
#: A number is none next to one of these (``_parse_and_verify``); not all of them, they only save work. The Kelvin sign,
#: which is no letter there, is folded to a k.
_NO_NEIGHBOUR = _flags(string.ascii_letters.replace("k", "") + "%$")


def candidate_rows(
    buffer: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], lengths: Positions | None
) -> npt.NDArray[np.int64]:
    """The rows, ascending, in which a number may be; a superset.

    ``buffer``: rows joined by one newline, a byte a character, non-ASCII ones folded to 0x80 and above. ``ends``: where
    each row ends, exclusive. ``lengths``: those of a ``PrefixTable``; None keeps every row with digits enough. Digits
    that were folded to zero need its ``folded_lengths``.
    """
    is_digit = buffer - np.uint8(ord("0")) < 10
    edges = np.flatnonzero(np.diff(is_digit.view(np.int8), prepend=0, append=0))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return np.zeros(0, np.int64)
    joined, odd = _links(buffer, edges)
    offsets = np.concatenate([[0], np.cumsum(stops - starts)])
    cluster = np.concatenate([[0], np.cumsum(~joined)])
    first = np.flatnonzero(np.concatenate([[True], ~joined]))
    runs = np.diff(np.append(first, len(starts)))
    enough = offsets[first + runs] - offsets[first] >= LEAST_DIGITS
    if lengths is None:
        chosen = first[enough]
    else:
        strange = np.zeros(len(first), np.bool_)
        strange[cluster[:-1][odd]] = True
        strange[cluster[_after_sign(buffer, starts)]] = True
        possible = _possible(buffer, starts, stops, is_digit, offsets, cluster, int(runs.max()), lengths)
        chosen = np.concatenate([first[enough & (strange | (runs > _MOST_RUNS))], possible])
    return np.unique(np.searchsorted(ends, starts[chosen], side="right"))


def _links(
    buffer: npt.NDArray[np.uint8], edges: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For each run but the last: may the next one belong to the same candidate, and is what is between odd?"""
    if len(edges) == 2:
        return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
    between = np.bitwise_or.reduceat(_CLASSES[buffer], edges[1:-1])[::2]
    odd = (between & _ODD > 0) & (between & _OUTSIDE == 0)
    joined = (between == 0) & (edges[2:-1:2] - edges[1:-2:2] <= _LONGEST_GAP)
    return joined | odd, odd


def _after_sign(buffer: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The runs of digits that follow a plus sign, or what may be one: they are not understood by region."""
    signs = np.flatnonzero((buffer == ord("+")) | (buffer >= 0x80))
    following = np.searchsorted(starts, signs)
    signs, following = signs[following < len(starts)], following[following < len(starts)]
    return following[starts[following] - signs <= _LONGEST_LEAD]


def _possible(
    buffer: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    is_digit: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.int64],
    most_runs: int,
    lengths: Positions,
) -> npt.NDArray[np.int64]:
    """The runs with which a sequence of adjacent runs begins that some region may accept."""
    digits = np.append(buffer[is_digit] - np.uint8(ord("0")), np.zeros(PREFIX_DIGITS, np.uint8)).astype(np.int64)
    prefixes = np.zeros(len(starts), np.int64)
    for place in range(PREFIX_DIGITS):
        prefixes = prefixes * 10 + digits[offsets[:-1] + place]
    accepted = lengths[prefixes]
    begins = ~_NO_NEIGHBOUR[buffer[starts - 1]] | (starts == 0)
    ends_well = ~_NO_NEIGHBOUR[np.append(buffer, np.uint8(0))[stops]]
    possible = np.zeros(len(starts), np.bool_)
    for runs in range(1, min(most_runs, _MOST_RUNS) + 1):
        here = len(starts) - runs + 1
        count = offsets[runs:] - offsets[:-runs]
        fits = (accepted[:here] >> np.minimum(count, LONGEST).astype(np.uint32) & 1 > 0) | (count > LONGEST)
        fits &= (count >= LEAST_DIGITS) & begins[:here] & ends_well[runs - 1 :]
        if runs > 1:
            fits &= cluster[:here] == cluster[runs - 1 :]
        possible[:here] |= fits
    return np.flatnonzero(possible)
