"""The form of a candidate, as libphonenumber's matcher judges it before any region's rules are asked."""

from __future__ import annotations

from functools import lru_cache

from phonenumbers import PhoneNumberMatcher
from phonenumbers.phonenumbermatcher import (
    _INNER_MATCHES,
    _LEAD_PATTERN,
    _MATCHING_BRACKETS,
    _PUB_PAGES,
    _SLASH_SEPARATED_DATES,
    _TIME_STAMPS,
    _TIME_STAMPS_SUFFIX,
)
from phonenumbers.phonenumberutil import _UNWANTED_END_CHAR_PATTERN

#: What stands between the digits of a plain candidate, to be left out.
WITHOUT_PUNCTUATION = {ord(mark): None for mark in " ()-./[]+"}
#: Where parts of a plain candidate begin (``_INNER_MATCHES``); a hyphen only does beside a space.
SEPARATORS = frozenset(" (/.")
_BRACKETS = frozenset("()[]")


def is_plain(candidate: str, digits: str) -> bool:
    """Whether the digits, and a plus sign before them, are all that counts in a candidate."""
    return digits.isascii() and digits.isdecimal() and candidate.count("+") <= 1 and len(candidate) <= 250


def is_date(text: str, candidate: str, start: int) -> bool:
    """The dates and timestamps that ``_extract_match`` skips."""
    if "/" in candidate and _SLASH_SEPARATED_DATES.search(candidate):
        return True
    end = start + len(candidate)
    if not text.startswith(":", end) or not _TIME_STAMPS.search(candidate):
        return False
    return _TIME_STAMPS_SUFFIX.match(text, end) is not None


def inner_parts(candidate: str) -> list[str]:
    """What ``_extract_inner_match`` tries of a candidate, in its order."""
    parts = []
    for pattern in _INNER_MATCHES:
        match = pattern.search(candidate)
        if match is not None:
            parts.append(candidate[: match.start()])
        while match is not None:
            parts.append(match.group(1))
            match = pattern.search(candidate, match.start() + 1)
    return [_UNWANTED_END_CHAR_PATTERN.sub("", part) for part in parts]


def stands_alone(text: str, candidate: str, start: int) -> bool:
    """The first half of ``_parse_and_verify``: brackets match, no page reference, no letter or such next to it."""
    if not _BRACKETS.isdisjoint(candidate) and (
        _MATCHING_BRACKETS.fullmatch(candidate) is None or _PUB_PAGES.search(candidate)
    ):
        return False
    if start > 0 and _LEAD_PATTERN.match(candidate) is None and _is_bad_neighbour(text[start - 1]):
        return False
    end = start + len(candidate)
    return end >= len(text) or not _is_bad_neighbour(text[end])


@lru_cache(maxsize=4096)
def _is_bad_neighbour(character: str) -> bool:
    return PhoneNumberMatcher._is_invalid_punctuation_symbol(character) or PhoneNumberMatcher._is_latin_letter(
        character
    )


__all__ = ["SEPARATORS", "WITHOUT_PUNCTUATION", "inner_parts", "is_date", "is_plain", "stands_alone"]
