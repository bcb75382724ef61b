"""The checks of :mod:`~clearance.classifiers.presidio_checks` on the matches of a whole batch, by numpy.

Matches of equal length and usual form are rows of one matrix of octets. Any other match is checked by itself, so each
gets what the check says of it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from presidio_analyzer import EntityRecognizer, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    IbanRecognizer,
    MedicalLicenseRecognizer,
    NhsRecognizer,
    UsSsnRecognizer,
)

from clearance.classifiers.presidio_checks import SSN_SAMPLES, Check, has_iban_form

Octets = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
#: What a check says of each match, in their order.
Checks = Callable[[Sequence[str]], Sequence[bool | None]]
#: Rows of equal length -> for which rows it knows what the check says, and what it says there.
_Judge = Callable[[Octets], tuple[Mask, Mask]]

#: Fewer matches of a length are checked one by one.
_FEW = 8
_ZERO, _HYPHEN, _SPACE = ord("0"), ord("-"), ord(" ")


def for_batches(recognizer: PatternRecognizer, check: Check | None) -> Checks | None:
    """``check``, which is the faster form of the recognizer's own, for many matches; None if there is none."""
    if check is None:
        return None
    judge = _JUDGES.get(type(recognizer))
    # Its own method is asked where it is set up otherwise than usual.
    if judge is None or check in (recognizer.validate_result, recognizer.invalidate_result):
        return lambda matches: list(map(check, matches))
    at_last = has_iban_form if judge is _iban else None

    def checks(matches: Sequence[str]) -> Sequence[bool | None]:
        found: list[bool | None] = [None] * len(matches)
        for rows in _by_length(matches):
            for row, known, said in zip(rows, *_judged(judge, [matches[row] for row in rows]), strict=True):
                if not known:
                    found[row] = check(matches[row])
                else:
                    found[row] = at_last(matches[row]) if said and at_last is not None else said
        return found

    return checks


def _judged(judge: _Judge, matches: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """For matches of equal length: which ones it knows, and what it says of them."""
    joined = "".join(matches)
    if len(matches) < _FEW or not joined.isascii():
        return [False] * len(matches), [False] * len(matches)
    known, said = judge(np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(matches), -1))
    return known.tolist(), said.tolist()


def _by_length(matches: Sequence[str]) -> list[list[int]]:
    rows: dict[int, list[int]] = {}
    for row, match in enumerate(matches):
        rows.setdefault(len(match), []).append(row)
    return list(rows.values())


def _digits(octets: Octets) -> tuple[Octets, Mask]:
    """The value of each digit, and the rows that are all digits."""
    values: Octets = octets - np.uint8(_ZERO)
    only: Mask = np.all(values < 10, axis=1)
    return values, only


def _without(octets: Octets, places: tuple[int, ...], marks: Sequence[int]) -> tuple[Octets, Mask]:
    """The other columns, and the rows that have one and the same of the marks at these places."""
    first = octets[:, places[0]]
    same: Mask = np.isin(first, marks)
    for place in places[1:]:
        same &= octets[:, place] == first
    return np.delete(octets, places, axis=1), same


def _grouped(octets: Octets, groups: dict[int, tuple[int, ...]], marks: Sequence[int]) -> tuple[Octets, Mask]:
    """Digits, and the rows that are nothing else but for the marks at the places usual for their length."""
    places = groups.get(octets.shape[1])
    if places is None:
        return _digits(octets)
    rest, marked = _without(octets, places, marks)
    digits, only = _digits(rest)
    return digits, only & marked


def _card(octets: Octets) -> tuple[Mask, Mask]:
    # Sixteen digits in fours; without marks, any number of them.
    grouped = octets.shape[1] == 19 and not _digits(octets)[1].all()
    digits, known = _grouped(octets, {19: (4, 9, 14)} if grouped else {}, (_HYPHEN, _SPACE))
    # Luhn: from the right, every second digit counts double, by the sum of its digits.
    doubled = digits[:, -2::-2] * 2
    total = digits[:, ::-2].sum(axis=1, dtype=np.int64) + (doubled - 9 * (doubled > 9)).sum(axis=1, dtype=np.int64)
    return known, total % 10 == 0


def _nhs(octets: Octets) -> tuple[Mask, Mask]:
    digits, known = _grouped(octets, {12: (3, 7)}, (_HYPHEN, _SPACE))
    if digits.shape[1] != 10:
        return np.zeros(len(octets), np.bool_), known
    return known, (digits.astype(np.int64) @ np.arange(10, 0, -1)) % 11 == 0


def _medical_license(octets: Octets) -> tuple[Mask, Mask]:
    if octets.shape[1] != 9:
        none = np.zeros(len(octets), np.bool_)
        return none, none
    digits, known = _digits(octets[:, 2:])
    return known, (digits.astype(np.int64) @ np.array([1, 2, 1, 2, 1, 2, -1])) % 10 == 0


def _ssn(octets: Octets) -> tuple[Mask, Mask]:
    digits, known = _grouped(octets, {11: (3, 6)}, (_HYPHEN, _SPACE, ord(".")))
    if digits.shape[1] != 9:
        return np.zeros(len(octets), np.bool_), known
    number = digits.astype(np.int64) @ 10 ** np.arange(8, -1, -1)
    area, group, serial = number // 1_000_000, number // 10_000 % 100, number % 10_000
    invalid = (digits == digits[:, :1]).all(axis=1) | (group == 0) | (serial == 0) | (area == 0) | (area == 666)
    return known, invalid | np.isin(number, [int(sample) for sample in SSN_SAMPLES])


def _iban(octets: Octets) -> tuple[Mask, Mask]:
    """Whether the check digits are right (ISO 7064, MOD 97-10), of capitals and digits without separators."""
    digit, letter = octets - np.uint8(_ZERO), octets - np.uint8(ord("A"))
    usual: Mask = np.all((digit < 10) | (letter < 26), axis=1)
    if octets.shape[1] <= 4:
        return np.zeros_like(usual), usual
    usual &= (digit[:, 2:4] < 10).all(axis=1)
    remainder = np.zeros(len(octets), np.int64)
    for place in (*range(4, octets.shape[1]), 0, 1):
        is_digit = digit[:, place] < 10
        value = np.where(is_digit, digit[:, place], letter[:, place] + np.uint8(10)).astype(np.int64)
        remainder = (remainder * np.where(is_digit, 10, 100) + value) % 97
    due = 98 - remainder * 100 % 97
    return usual, due == digit[:, 2].astype(np.int64) * 10 + digit[:, 3]


_JUDGES: dict[type[EntityRecognizer], _Judge] = {
    CreditCardRecognizer: _card,
    IbanRecognizer: _iban,
    MedicalLicenseRecognizer: _medical_license,
    NhsRecognizer: _nhs,
    UsSsnRecognizer: _ssn,
}
