"""National identifiers: structure and check digits by python-stdnum, and those that it does not have."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from stdnum import luhn, verhoeff
from stdnum.exceptions import ValidationError

_MODULE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?")


@lru_cache(maxsize=256)
def stdnum_check(module: str) -> Callable[[str], bool] | None:
    """``validate`` of a module of python-stdnum (``de.idnr``) as a test of a text; None where there is no such module.

    Texts with anything but ASCII in them never pass. Some modules compare a birth date with today.
    """
    if _MODULE.fullmatch(module) is None:
        return None
    try:
        validate = import_module(f"stdnum.{module}").validate
    except (ModuleNotFoundError, AttributeError):
        return None

    def fits(text: str) -> bool:
        if not text.isascii():
            return False
        try:
            validate(text)
        except ValidationError:
            return False
        return True

    return fits


def german_pension_number_fits(text: str) -> bool:
    """Rentenversicherungsnummer: area, birth date, letter, serial, check digit (VKVV § 2 and its annex)."""
    number = re.sub(r"[ /]", "", text).upper()
    match = re.fullmatch(r"(\d{2})(\d{2})(\d{2})\d{2}([A-Z])\d{3}", number, re.ASCII)
    if match is None:
        return False
    # Days of people who would share a number are raised by 33, months of unknown birth dates are 0.
    if not 1 <= int(match[2]) % 33 <= 31 or int(match[3]) > 12:
        return False
    digits = [int(digit) for digit in number[:8] + f"{ord(match[4]) - 64:02d}" + number[9:11]]
    products = (digit * weight for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sum(product // 10 + product % 10 for product in products) % 10 == int(number[11])


def singapore_nric_fits(text: str) -> bool:
    """NRIC and FIN: a letter for the series, seven digits, a check letter. The algorithm is public, not official."""
    number = text.upper()
    if re.fullmatch(r"[STFGM]\d{7}[A-Z]", number, re.ASCII) is None:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}[number[0]]
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "KLJNPQRTUWX"}
    place = total % 11
    # The M series counts from the other end.
    return letters[number[0]][10 - place if number[0] == "M" else place] == number[8]


def australian_medicare_fits(text: str) -> bool:
    """Medicare card number: eight digits beginning with 2 to 6, a check digit, an issue number, perhaps a person's."""
    number = re.sub(r"[ /\-]", "", text)
    if re.fullmatch(r"[2-6]\d{9,10}", number, re.ASCII) is None:
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9)
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False)) % 10 == int(number[8])


def hungarian_social_security_fits(text: str) -> bool:
    """TAJ: eight digits with weights 3 and 7 in turn, and their sum's last digit (Act XX of 1996, annex)."""
    number = re.sub(r"[ \-]", "", text)
    if re.fullmatch(r"\d{9}", number, re.ASCII) is None:
        return False
    return sum(int(digit) * (3, 7)[place % 2] for place, digit in enumerate(number[:8])) % 10 == int(number[8])


def hungarian_personal_number_fits(text: str) -> bool:
    """Személyi szám: a digit for sex and century, birth date, serial, and a check digit (Act XX of 1996, annex).

    That is modulo 11, by weights 1 to 10, and 10 to 1 for those born from 1997 on.
    """
    number = re.sub(r"[ \-]", "", text)
    match = re.fullmatch(r"([1-8])(\d{2})(\d{2})(\d{2})\d{4}", number, re.ASCII)
    if match is None or not (1 <= int(match[3]) <= 12 and 1 <= int(match[4]) <= 31):
        return False
    late = match[1] in "34" or (match[1] in "12" and int(match[2]) >= 97)
    weights = range(10, 0, -1) if late else range(1, 11)
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False)) % 11 == int(number[10])


def luxembourg_matricule_fits(text: str) -> bool:
    """Matricule: birth date, serial, a digit by Luhn and one by Verhoeff, each over the first eleven.

    Law of 19 June 2013 on the identification of natural persons, grand-ducal regulation of 28 November 2013.
    """
    number = text.replace(" ", "")
    match = re.fullmatch(r"(?:18|19|20)\d{2}(\d{2})(\d{2})\d{5}", number, re.ASCII)
    if match is None or not (1 <= int(match[1]) <= 12 and 1 <= int(match[2]) <= 31):
        return False
    return luhn.is_valid(number[:12]) and verhoeff.is_valid(number[:11] + number[12])


def hong_kong_identity_fits(text: str) -> bool:
    """HKID: one or two letters, six digits, a check digit in brackets; weights 9 to 1, no second letter is 36."""
    number = re.sub(r"[ ()]", "", text)
    if re.fullmatch(r"[A-Z]{1,2}\d{6}[0-9A]", number, re.ASCII) is None:
        return False
    values = [int(character, 36) for character in number]
    if len(number) == 8:
        values.insert(0, 36)
    return sum(value * weight for value, weight in zip(values, (9, 8, 7, 6, 5, 4, 3, 2, 1), strict=True)) % 11 == 0


def russian_pension_number_fits(text: str) -> bool:
    """SNILS: nine digits with weights 9 to 1, and their sum modulo 101, where 100 is written 00."""
    number = re.sub(r"[ \-]", "", text)
    if re.fullmatch(r"\d{11}", number, re.ASCII) is None:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, range(9, 0, -1), strict=False))
    return total % 101 % 100 == int(number[9:])
