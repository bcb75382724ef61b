"""Cheap necessary conditions: most values of a table can't match most patterns, and one look tells.

A gate may let anything through, but must never hold back a value that its recognizer would match: a test compares
gated with ungated results. A recognizer without a gate always runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

_DIGITS = regex.compile(r"\d")
_THREE_LETTERS = regex.compile(r"[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class GateTraits:
    """What a text has: its length, its number of decimal digits (Unicode's Nd, as ``\\d``), the ASCII marks in it."""

    length: int
    digits: int
    marks: frozenset[str]
    #: In lower case, where that is enough to find a word in any case; None where only a pattern can tell.
    lower: str | None
    capital: bool


def traits_for_gates(text: str) -> GateTraits:
    """Traits of one text."""
    marks = frozenset(mark for mark in "@.:-" if mark in text)
    ascii_ = text.isascii()
    lower = text.lower() if ascii_ else None
    capital = not ascii_ or (lower != text and _THREE_LETTERS.search(text) is not None)
    return GateTraits(len(text), len(_DIGITS.findall(text)), marks, lower, capital)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a text must have for a pattern of ours to match: loose, never tight. ``any`` are words in lower case."""

    length: int = 0
    digits: int = 0
    any: tuple[str, ...] = ()
    capital: bool = False

    def met_by(self, traits: GateTraits) -> bool:
        """False only when the pattern can't match a text with these traits."""
        if traits.length < self.length or traits.digits < self.digits or (self.capital and not traits.capital):
            return False
        lower = traits.lower
        return not self.any or lower is None or any(word in lower for word in self.any)


#: Recognizer's class -> least length, least digits, marks of which one must be there ("" for none).
#: Read off the patterns of presidio 2.2.366, and meant to be loose.
GATES: dict[str, tuple[int, int, str]] = {
    "CreditCardRecognizer": (12, 12, ""),
    "UsBankRecognizer": (8, 8, ""),
    "UsLicenseRecognizer": (2, 1, ""),
    "UsItinRecognizer": (9, 9, ""),
    "UsPassportRecognizer": (9, 8, ""),
    "UsSsnRecognizer": (9, 9, ""),
    "UsMbiRecognizer": (11, 1, ""),
    "UsHealthInsuranceMemberIdRecognizer": (6, 1, ""),
    "UsPriorAuthorizationNumberRecognizer": (6, 6, ""),
    "UsClaimNumberRecognizer": (6, 6, ""),
    "NhsRecognizer": (10, 10, ""),
    "UkDrivingLicenceRecognizer": (16, 4, ""),
    "UkNinoRecognizer": (9, 6, ""),
    "UkPassportRecognizer": (9, 7, ""),
    "UkPostcodeRecognizer": (5, 1, ""),
    "CryptoRecognizer": (26, 0, ""),
    "DateRecognizer": (4, 1, ""),
    "EmailRecognizer": (3, 0, "@"),
    "IbanRecognizer": (12, 2, ""),
    "IpRecognizer": (2, 0, ".:"),
    "MacAddressRecognizer": (12, 0, ".:-"),
    "MedicalLicenseRecognizer": (9, 7, ""),
    "PhoneRecognizer": (4, 4, ""),
    "UrlRecognizer": (4, 0, "."),
    "UuidRecognizer": (36, 0, "-"),
}


def may_match(recognizer: str, traits: GateTraits) -> bool:
    """False only when ``recognizer`` (its class's name) can't match a text with these traits."""
    gate = GATES.get(recognizer)
    if gate is None:
        return True
    length, digits, marks = gate
    if traits.length < length or traits.digits < digits:
        return False
    return not marks or any(mark in traits.marks for mark in marks)
