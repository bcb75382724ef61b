"""Check digits and the like: pure functions from a string to a bool. ``CHECKS`` names those a detector may ask for."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from hashlib import sha256

import regex
from phonenumbers import SUPPORTED_REGIONS

from clearance.classifiers.identifiers import (
    australian_medicare_fits,
    german_pension_number_fits,
    hong_kong_identity_fits,
    hungarian_personal_number_fits,
    hungarian_social_security_fits,
    luxembourg_matricule_fits,
    russian_pension_number_fits,
    singapore_nric_fits,
)

# ISO 3779 / FMVSS 115 transliteration; I, O and Q never occur in a VIN.
_VIN_VALUE = {str(digit): digit for digit in range(10)} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHT = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_SEPARATORS = str.maketrans("", "", " -")
_CARD_SEPARATORS = str.maketrans("", "", " -._/")
#: An ASCII digit -> the digit sum of its double.
_LUHN_DOUBLED = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#: First and last issuer prefix of a network (ISO/IEC 7812 ranges, as the networks publish them), and its lengths.
_CARD_RANGES = (
    ("1800", "1800", (15,)),  # JCB
    ("2131", "2131", (15,)),
    ("2200", "2204", range(16, 20)),  # Mir
    ("2221", "2720", (16,)),  # Mastercard
    ("300", "305", range(14, 20)),  # Diners Club
    ("3095", "3095", range(14, 20)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("3528", "3589", range(16, 20)),  # JCB
    ("36", "36", range(14, 20)),  # Diners Club
    ("38", "39", range(14, 20)),
    ("4", "4", (13, 16, 18, 19)),  # Visa
    ("50", "50", range(12, 20)),  # Maestro, Verve, Elo
    ("51", "55", (16,)),  # Mastercard
    ("56", "58", range(12, 20)),  # Maestro
    ("6", "6", range(12, 20)),  # Maestro, Discover, UnionPay, RuPay
    ("81", "81", range(16, 20)),  # UnionPay
    ("9792", "9792", (16,)),  # Troy
)


def vin_check_digit_fits(text: str) -> bool:
    """Vehicle identification number with the North American check digit (49 CFR 565.15)."""
    vin = text.upper()
    if len(vin) != 17 or any(character not in _VIN_VALUE for character in vin):
        return False
    total = sum(_VIN_VALUE[character] * weight for character, weight in zip(vin, _VIN_WEIGHT, strict=True))
    return "0123456789X"[total % 11] == vin[8]


def luhn_fits(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B over ASCII digits; one random number in ten passes."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    octets = digits.encode("ascii")
    kept, doubled = octets[::-2], octets[-2::-2].translate(_LUHN_DOUBLED)
    return (sum(kept) - ord("0") * len(kept) + sum(doubled)) % 10 == 0


def payment_card_fits(text: str) -> bool:
    """Card number with blanks, dashes, points or strokes: a known network's prefix and length, and the Luhn digit."""
    number = text.translate(_CARD_SEPARATORS)
    in_range = any(low <= number[: len(low)] <= high and len(number) in lengths for low, high, lengths in _CARD_RANGES)
    return in_range and luhn_fits(number) and len(set(number)) > 1


def bic_fits(text: str) -> bool:
    """Business identifier code (ISO 9362): capitals, and a country at its fifth place."""
    return text.isupper() and text[4:6] in SUPPORTED_REGIONS


def calendar_date_fits(text: str) -> bool:
    """A day that exists, between 1900 and 2099: year first, or day and month before the year in either order."""
    parts = [int(part) for part in re.findall(r"\d+", text, re.ASCII)]
    if len(parts) != 3:
        return False
    first, second, third = parts
    orders = [(first, second, third)] if first > 31 else [(third, second, first), (third, first, second)]
    for year, month, day in orders:
        try:
            if 1900 <= date(year, month, day).year <= 2099:
                return True
        except ValueError:
            continue
    return False


def coordinates_fit(text: str) -> bool:
    """Latitude and longitude in degrees: within ±90 and ±180, and not both all but zero."""
    numbers = re.findall(r"-?\d{1,3}\.\d+", text, re.ASCII)
    if len(numbers) != 2:
        return False
    latitude, longitude = map(float, numbers)
    return abs(latitude) <= 90 and abs(longitude) <= 180 and max(abs(latitude), abs(longitude)) >= 1


def base58check_fits(text: str) -> bool:
    """Base58 with the four bytes of double SHA-256 behind a version byte and 20 bytes: Bitcoin and its kin."""
    number = 0
    for character in text:
        place = _BASE58.find(character)
        if place < 0:
            return False
        number = number * 58 + place
    if number.bit_length() > 25 * 8:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def shannon_entropy(text: str) -> float:
    """Bits a character, of the text's own distribution (Shannon 1948)."""
    length = len(text)
    return -sum(count / length * math.log2(count / length) for count in Counter(text).values()) if text else 0.0


def looks_random(text: str) -> bool:
    """Whether a value is too disorderly for a word or a name: for secrets behind a telling name, never alone.

    The limits are those of Yelp's detect-secrets (high_entropy_strings.py): 3.0 bits for hexadecimal digits, less
    1.2 / log2(length) for decimal ones, 4.5 otherwise. A text shorter than 37 characters hardly reaches 4.5, so there
    85 % of what its length allows are enough, if it has digits as well as letters.
    """
    if len(text) < 12:
        return False
    entropy = shannon_entropy(text)
    if re.fullmatch(r"[0-9a-fA-F]+", text):
        return entropy - (1.2 / math.log2(len(text)) if text.isdigit() else 0.0) > 3.0
    if entropy > 4.5:
        return True
    mixed = any(character.isdigit() for character in text) and any(character.isalpha() for character in text)
    return mixed and len(text) < 37 and entropy >= 0.85 * math.log2(len(text))


def us_ssn_fits(text: str) -> bool:
    """Whether a number of the form 123-45-6789 has an area, group and serial that are given out (SSA POMS RM 10201)."""
    area, group, serial = text[:3], text[4:6], text[7:]
    return area not in ("000", "666") and area[:1] != "9" and group != "00" and serial != "0000"


def is_country(text: str) -> bool:
    """Whether a name in title case or capitals is a country's name in English."""
    # Not at the top: detectors are declared by these checks.
    from clearance.classifiers.detectors import countries

    pattern = countries("en").pattern
    return (pattern.fullmatch(text) or pattern.fullmatch(text.title())) is not None


def is_people(text: str) -> bool:
    """Whether a name is that of a people or a faith, as the detector Nationality knows them."""
    return _nationalities().fullmatch(text) is not None


@lru_cache(maxsize=1)
def _nationalities() -> regex.Pattern[str]:
    from clearance.classifiers.detectors import load_detectors  # they are declared by these checks

    return next(detector.pattern for detector in load_detectors() if detector.name == "Nationality")


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "australian_medicare": australian_medicare_fits,
    "base58check": base58check_fits,
    "bic": bic_fits,
    "calendar_date": calendar_date_fits,
    "coordinates": coordinates_fit,
    "country": is_country,
    "german_pension_number": german_pension_number_fits,
    "hong_kong_identity": hong_kong_identity_fits,
    "hungarian_personal_number": hungarian_personal_number_fits,
    "hungarian_social_security": hungarian_social_security_fits,
    "luxembourg_matricule": luxembourg_matricule_fits,
    "luhn": lambda text: luhn_fits(text.translate(_SEPARATORS)),
    "no_country": lambda text: not is_country(text),
    "payment_card": payment_card_fits,
    "people": is_people,
    "provider_number": lambda text: luhn_fits("80840" + text),
    "random": looks_random,
    "russian_pension_number": russian_pension_number_fits,
    "singapore_nric": singapore_nric_fits,
    "us_ssn": us_ssn_fits,
    "vin": vin_check_digit_fits,
}
