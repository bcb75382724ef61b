"""Canonical JSON (RFC 8785): one byte string for one value, so that a hash over it means something."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

# Beyond this, other readers of JSON round integers (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2).
_MAX_INTEGER = 2**53 - 1
# Made once: json.dumps makes an encoder for each call that is not the default.
_PLAIN = json.JSONEncoder(ensure_ascii=False).encode
# Below these, keys sort alike by code points and by UTF-16.
_HIGH = re.compile("[\ud800-\U0010ffff]")
# What may be a number and is no short integer; inside a string it only costs a second look.
_OTHER_NUMBER = re.compile(r"(?:^|[:,\[])-?\d+(?:(?<=\d{16})|[.eE][\d.eE+-]*)(?=[,\]}]|$)")
_FAST = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Any, *, parsed: bool = False) -> bytes:
    """Return ``value`` as RFC 8785 JSON in UTF-8.

    Takes what JSON has: None, booleans, strings, integers up to 2^53-1, finite floats, lists, mappings with
    string keys. Raises ValueError for anything else; the message names the type, not the content. ``parsed``: the value
    comes from JSON, so that its keys are strings.
    """
    return _whole(value, parsed).encode("utf-8", "strict")


def digest(value: Any, *, parsed: bool = False) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(value, parsed=parsed)).hexdigest()


def _whole(value: Any, parsed: bool) -> str:
    """At once, where the standard library's encoder writes what the standard asks for; else piece by piece."""
    try:
        text = _FAST(value)
    except (TypeError, ValueError, RecursionError):
        return _text(value)
    simple = parsed and (text.isascii() or not _HIGH.search(text)) and not _OTHER_NUMBER.search(text)
    alike = simple or _is_plain(value)
    return text if alike else _text(value)


def _is_plain(value: Any) -> bool:
    """Whether all keys sort alike by code points and by UTF-16 (ASCII), and all numbers are written alike."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is dict:
            for key, inner in each.items():
                if type(key) is not str or not key.isascii():
                    return False
                if type(inner) is not str:
                    waiting.append(inner)
        elif kind is list or kind is tuple:
            waiting.extend(inner for inner in each if type(inner) is not str)
        elif kind is int:
            if not -_MAX_INTEGER <= each <= _MAX_INTEGER:
                return False
        elif kind is float:
            # In between, Python and ECMAScript write the same digits without an exponent.
            if each.is_integer() or not 1e-4 <= abs(each) < 1e16:
                return False
        elif not (each is None or kind is bool or kind is str):
            return False
    return True


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
