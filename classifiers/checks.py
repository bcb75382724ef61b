"""Check digits and the like: pure functions from a string to a bool."""

from __future__ import annotations

# ISO 3779 / FMVSS 115 transliteration; I, O and Q never occur in a VIN.
_VIN_VALUE = {str(digit): digit for digit in range(10)} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHT = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


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
    total = 0
    for place, character in enumerate(reversed(digits)):
        digit = int(character)
        total += digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0
