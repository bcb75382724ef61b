"""Canonical JSON (RFC 8785): one byte string for one value, so that a hash over it means something."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

# Beyond this, other readers of JSON round integers (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2).
_MAX_INTEGER = 2**53 - 1
# Made once: json.dumps makes an encoder for each call that is not the default.
_PLAIN = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: Any) -> bytes:
    """Return ``value`` as RFC 8785 JSON in UTF-8.

    Takes what JSON has: None, booleans, strings, integers up to 2^53-1, finite floats, lists, mappings with
    string keys. Raises ValueError for anything else; the message names the type, not the content.
    """
    return _text(value).encode("utf-8", "strict")


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return _PLAIN(value)
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise ValueError("an integer beyond 2^53-1 has no canonical JSON form")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("canonical JSON takes only strings as keys")
        # Section 3.2.3: keys in the order of their UTF-16 code units.
        ordered = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(key)}:{_text(value[key])}" for key in ordered) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    raise ValueError(f"{type(value).__name__} has no canonical JSON form")


def _number(value: float) -> str:
    """ECMAScript's Number::toString: Python finds the same shortest digits, and writes them otherwise."""
    if not math.isfinite(value):
        raise ValueError("a float that is not finite has no canonical JSON form")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    # value = 0.digits * 10^point
    digits, point = whole + fraction, len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    sign, count = "-" if value < 0 else "", len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
