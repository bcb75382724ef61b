"""Presidio's own checks of a match, in equal and faster forms for the recognizers that match most.

Each is the recognizer's method for ASCII matches of the usual form, and calls the method itself for any other; a
differential test holds them together. Those of presidio-analyzer 2.2.366.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import tldextract
from presidio_analyzer import EntityRecognizer, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    MedicalLicenseRecognizer,
    NhsRecognizer,
    UsSsnRecognizer,
)
from presidio_analyzer.predefined_recognizers.generic.iban_patterns import regex_per_country

from clearance.classifiers.checks import luhn_fits

#: ``check(matched text) -> None`` to keep the pattern's score, True for certainty, False for none at all.
Check = Callable[[str], bool | None]

#: What these recognizers take out of a match before they look at it (``replacement_pairs``).
_USUAL_REPLACEMENTS = [("-", ""), (" ", "")]
_IBAN_FORMS = {
    country: re.compile(form, re.DOTALL | re.MULTILINE) for country, form in regex_per_country.items() if form
}
_IBAN_VALUES = {ord(letter): str(value) for value, letter in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_SSN_SEPARATORS = str.maketrans("", "", ".- ")
SSN_SAMPLES = frozenset(["123456789", "987654320", "078051120"])
_NHS_WEIGHTS = range(10, -1, -1)


def validation(recognizer: PatternRecognizer) -> Check | None:
    """What confirms or refuses a match of ``recognizer``; None where nothing does."""
    return _form(recognizer, "validate_result", _VALIDATIONS)


def invalidation(recognizer: PatternRecognizer) -> Check | None:
    """What refuses a match of ``recognizer``; None where nothing does."""
    return _form(recognizer, "invalidate_result", _INVALIDATIONS)


def _form(
    recognizer: PatternRecognizer, method: str, faster: dict[type[EntityRecognizer], Callable[[Check], Check]]
) -> Check | None:
    if getattr(type(recognizer), method) is getattr(PatternRecognizer, method):
        return None
    own: Check = getattr(recognizer, method)
    replacements = getattr(recognizer, "replacement_pairs", _USUAL_REPLACEMENTS)
    if replacements != _USUAL_REPLACEMENTS or getattr(recognizer, "exact_match", False):
        return own
    make = faster.get(type(recognizer))
    return own if make is None else make(own)


def _without_separators(text: str) -> str:
    return text.replace("-", "").replace(" ", "")


def _card(check: Check) -> Check:
    def valid(text: str) -> bool | None:
        digits = _without_separators(text)
        return luhn_fits(digits) if digits and digits.isascii() else check(text)

    return valid


def _email(check: Check) -> Check:
    def valid(text: str) -> bool | None:
        local, _, domain = text.rpartition("@")
        # tldextract takes these for the end of a host.
        if text.isascii() and not any(mark in local for mark in "/?#:"):
            return _has_public_suffix(domain)
        return check(text)

    return valid


@lru_cache(maxsize=1 << 14)
def _has_public_suffix(domain: str) -> bool:
    return bool(tldextract.extract(domain).fqdn)


def _iban(check: Check) -> Check:
    def valid(text: str) -> bool | None:
        if not text.isascii():
            return check(text)
        written = _without_separators(text)
        upper = written.upper()
        number = (upper[4:] + upper[:2] + "00").translate(_IBAN_VALUES)
        if not number.isdigit() or f"{98 - int(number) % 97:02}" != written[2:4]:
            return False
        return has_iban_form(written)

    return valid


def has_iban_form(written: str) -> bool | None:
    """What the check says of a number without separators whose check digits are right: has it its country's form?"""
    if _fits(written):
        return True
    return None if _fits(written.upper()) else False


def _fits(iban: str) -> bool:
    form = _IBAN_FORMS.get(iban[:2])
    return form is not None and form.match(iban) is not None


def _nhs(check: Check) -> Check:
    def valid(text: str) -> bool | None:
        digits = _without_separators(text)
        if not (digits.isascii() and digits.isdigit()):
            return check(text)
        return sum(map(int.__mul__, map(int, digits), _NHS_WEIGHTS)) % 11 == 0

    return valid


def _medical_license(check: Check) -> Check:
    def valid(text: str) -> bool | None:
        digits = text[2:]
        # The last digit is that of the sum of the others, every second one doubled (no digit sums, unlike Luhn's).
        if len(text) == 9 and digits.isascii() and digits.isdigit():
            first, second, third, fourth, fifth, sixth, last = map(int, digits)
            return (first + third + fifth + 2 * (second + fourth + sixth) - last) % 10 == 0
        return check(text)

    return valid


def _ssn(check: Check) -> Check:
    def invalid(text: str) -> bool | None:
        digits = text.translate(_SSN_SEPARATORS)
        if not (digits.isascii() and digits.isdigit()):
            return check(text)
        return (
            ("-" in text) + ("." in text) + (" " in text) > 1
            or digits == digits[0] * len(digits)
            or digits[3:5] == "00"
            or digits[5:] == "0000"
            or digits[:3] in ("000", "666")
            or digits in SSN_SAMPLES
        )

    return invalid


_VALIDATIONS: dict[type[EntityRecognizer], Callable[[Check], Check]] = {
    CreditCardRecognizer: _card,
    EmailRecognizer: _email,
    IbanRecognizer: _iban,
    MedicalLicenseRecognizer: _medical_license,
    NhsRecognizer: _nhs,
}
_INVALIDATIONS: dict[type[EntityRecognizer], Callable[[Check], Check]] = {UsSsnRecognizer: _ssn}
