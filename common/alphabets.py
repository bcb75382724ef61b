"""What format-preserving encryption can protect: alphabets, and how many free symbols a value must have.

Here and not beside the cipher, so that a policy that asks for the impossible fails when it is read.
"""

from collections.abc import Mapping
from types import MappingProxyType

from clearance.errors import PolicyError

_DIGITS, _LOWER, _UPPER = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABETS: Mapping[str, str] = MappingProxyType(
    {
        "digits": _DIGITS,
        "hexadecimal": _DIGITS + "abcdef",
        "lower": _LOWER,
        "upper": _UPPER,
        "lower_alphanumeric": _DIGITS + _LOWER,
        "upper_alphanumeric": _DIGITS + _UPPER,
    }
)
"""Names a policy can use. Lower- and upper-case letters are different symbols."""

SMALLEST_DOMAIN = 1_000_000
"""FF1 over fewer texts can be tried out: SP 800-38G Rev. 1 (draft 2) requires at least so many."""
LONGEST = 4096
"""Texts of more symbols are refused: the arithmetic on halves is quadratic."""

_USUAL_SYMBOLS = MappingProxyType({"CREDIT_CARD": 16, "US_SSN": 9, "US_ITIN": 9, "ABA_ROUTING_NUMBER": 9, "US_NPI": 10})
"""Symbols in a whole value of a type: what is kept of a card must leave enough of the 16 digits most cards have."""


def fewest_symbols(radix: int) -> int:
    """The length from which on an alphabet of ``radix`` symbols spans a domain of a million texts."""
    length = 2
    while radix**length < SMALLEST_DOMAIN:
        length += 1
    return length


def check_format(alphabet: str, separators: str, keep_first: int, keep_last: int, min_length: int) -> None:
    """Raises ``PolicyError`` when values written so can't be encrypted in their format."""
    if alphabet not in ALPHABETS:
        raise PolicyError(f"{alphabet!r} is not an alphabet", hint=f"use one of {', '.join(ALPHABETS)}")
    if not (separators.isascii() and separators.isprintable()) or any(map(str.isalnum, separators)):
        raise PolicyError("separators must be ASCII punctuation or blanks", hint="use characters such as - or .")
    for name, number in (("keep_first", keep_first), ("keep_last", keep_last), ("min_length", min_length)):
        if type(number) is not int or not 0 <= number <= LONGEST:
            raise PolicyError(f"{name} must be a whole number from 0 to {LONGEST}", hint="use a small number")
    if min_length:
        _refuse_few(alphabet, min_length - keep_first - keep_last, f"values of {min_length} characters")


def check_format_of_type(alphabet: str, keep_first: int, keep_last: int, entity_type: str) -> None:
    """Raises ``PolicyError`` when what is kept leaves too few free symbols in usual values of this type."""
    usual = _USUAL_SYMBOLS.get(entity_type)
    if usual is not None:
        _refuse_few(alphabet, usual - keep_first - keep_last, f"a {entity_type} of {usual} characters")


def _refuse_few(alphabet: str, free: int, whose: str) -> None:
    needed = fewest_symbols(len(ALPHABETS[alphabet]))
    if free < needed:
        raise PolicyError(
            f"format-preserving encryption would change {max(free, 0)} characters of {whose} and needs {needed}: "
            "with fewer than a million possible values all of them can be tried",
            hint="keep fewer characters, or use a token or a mask",
        )
