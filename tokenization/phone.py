"""Phone numbers as E.164 (ITU-T), by frozen arithmetic on prefixes.

Not libphonenumber: its metadata changes every few weeks, and each change would move some tokens. This reads
how numbers are written, not whether a carrier assigned them.
"""

import re

from clearance.tokenization.regions import REGIONS

_EXTENSION = re.compile(
    r"(.*?)[\s,;]*(?:;ext=|ext(?:ension)?\.?|x\.?|#)\s*:?\s*([0-9]{1,7})", re.IGNORECASE | re.DOTALL
)
_WRITTEN = re.compile(r"(\+?)([0-9 ().\-/\u2010-\u2015\u2212\t\u00a0]+)")
# `+44 (0)20 ...`: the zero is for callers inside the country only.
_INNER_TRUNK = re.compile(r"\(0\)")
_NOT_DIGITS = re.compile(r"[^0-9]")
_LONGEST = 15  # E.164 section 6.1: country code and national number together
_SHORTEST = 7
_WITH_CODE = 11


def e164(text: str, region: str) -> str | None:
    """``+`` and digits, with ``;ext=`` (RFC 3966) when there is an extension; None if it is not a phone
    number.

    ``text`` holds ASCII digits; ``region`` is where a number without a country code is dialled (unknown:
    None).
    """
    text = text.strip()
    # A number has at most 15 digits; much longer text is none, and the patterns need not try.
    if len(text) > 64:
        return None
    text = re.sub(r"^tel:", "", text, flags=re.IGNORECASE)
    extension = ""
    split = _EXTENSION.fullmatch(text)
    if split:
        text, extension = split[1].strip(), f";ext={split[2]}"
    written = _WRITTEN.fullmatch(text)
    if not written:
        return None
    plus = bool(written[1])
    digits = _NOT_DIGITS.sub("", _INNER_TRUNK.sub("", text) if plus else text)
    number = digits if plus else _international(digits, region)
    if number is None or not _SHORTEST <= len(number) <= _LONGEST or number.startswith("0"):
        return None
    return f"+{number}{extension}"


def _international(digits: str, region: str) -> str | None:
    """Digits dialled inside ``region``, with the country code in front and the prefixes for dialling gone."""
    code, trunk = REGIONS.get(region, ("", ""))
    if code == "1":
        return _north_american(digits)
    if digits.startswith("00"):
        return digits[2:]
    if not code:
        return None
    if trunk and digits.startswith(trunk):
        return code + digits.removeprefix(trunk)
    # A numeric column keeps neither the plus nor the zero in front: the length tells one from the other.
    return digits if digits.startswith(code) and len(digits) >= _WITH_CODE else code + digits


def _north_american(digits: str) -> str | None:
    """The plan of code 1: ten digits, the first 2-9; 011 dials abroad."""
    if digits.startswith("011"):
        return digits[3:]
    national = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return "1" + national if len(national) == 10 and national[0] in "23456789" else None
