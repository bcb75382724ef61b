"""Is a string of digits a phone number as dialled in a region? libphonenumber's own rules, without its objects.

``Region.accepts`` gives what ``phonenumbers.parse`` followed by the leniency VALID decides for a text that holds ASCII
digits and plain punctuation only: no letter, so no extension, carrier code or vanity number. All facts come from the
metadata of the phonenumbers package; names in backquotes are its functions (module ``phonenumberutil`` or
``phonenumbermatcher``) that a step mirrors. Compiling is left until it is needed: most regions' rules never are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE, _formatting_rule_has_first_group_only

from clearance.errors import UsageError

#: No number that is valid anywhere is dialled with fewer digits.
LEAST_DIGITS = 4
#: ``_MIN_LENGTH_FOR_NSN`` and ``_MAX_LENGTH_FOR_NSN``: bounds on a national significant number.
_SHORTEST, _LONGEST = 2, 17
_LONGEST_COUNTRY_CODE = 3
#: The descriptions ``_number_type_helper`` tries; the order is free here, and most numbers are of the first two.
_TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)


class NumberingPlan:
    """The numbers of one country calling code, which several regions may share (+1: the US, Canada, ...)."""

    def __init__(self, country_code: int) -> None:
        regions = COUNTRY_CODE_TO_REGION_CODE[country_code]
        members = [PhoneMetadata.metadata_for_region_or_calling_code(country_code, region) for region in regions]
        self._members: list[Any] = [metadata for metadata in members if metadata is not None]
        self._valid: dict[int, re.Pattern[str] | None] = {}
        #: The rules of the calling code's main region (``region_code_for_country_code``).
        self.prefix = NationalPrefix(self._members[0])
        self.number_formats: list[Any] = list(self._members[0].number_format)

    def is_valid(self, national: str) -> bool:
        """``is_valid_number`` of a national significant number."""
        length = len(national)
        try:
            pattern = self._valid[length]
        except KeyError:
            pattern = self._valid[length] = self._valid_pattern(length)
        return pattern is not None and pattern.fullmatch(national) is not None

    def accepts(self, digits: str) -> bool:
        """What becomes of the digits after the country calling code of a number written in international form."""
        return len(digits) >= _SHORTEST and self.is_valid(self.prefix.national(digits))

    def descriptions(self) -> Iterator[tuple[str, frozenset[int]]]:
        """(pattern, lengths) of which every valid number matches one and has one."""
        for metadata in self._members:
            yield from _descriptions(metadata)

    def first_region_patterns(self, length: int) -> tuple[str, ...]:
        """Patterns that a number of this length is valid by, if it matches them all; none where they can't tell."""
        first = self._members[0]
        types = _types_of(first, length)
        general = first.general_desc.national_number_pattern
        if not _SHORTEST <= length <= _LONGEST or first.leading_digits or not general or not types:
            return ()
        return general, "|".join(types)

    def _valid_pattern(self, length: int) -> re.Pattern[str] | None:
        """One pattern for ``_region_code_for_number_from_list``, then ``is_valid_number_for_region``.

        Regions are tried in order. One with leading digits claims every number that begins with them, valid or not;
        one without claims the numbers valid in it. A calling code of one region needs no claim.
        """
        if not _SHORTEST <= length <= _LONGEST:
            return None
        pattern = ""
        for metadata in reversed(self._members):
            own = _type_pattern(metadata, length)
            leading = metadata.leading_digits if len(self._members) > 1 else None
            if leading:
                options = [f"(?={leading}){own}" if own else "", f"(?!{leading})(?:{pattern})" if pattern else ""]
            else:
                options = [own, pattern]
            pattern = "|".join(filter(None, options))
        return re.compile(pattern) if pattern else None


@cache
def numbering_plan(country_code: int) -> NumberingPlan:
    """The plan of a country calling code that is assigned."""
    return NumberingPlan(country_code)


def _descriptions(metadata: Any) -> Iterator[tuple[str, frozenset[int]]]:
    """The types that ``_number_type_helper`` tries in a region: (pattern, lengths) of each that has numbers."""
    general = frozenset(metadata.general_desc.possible_length)
    for name in _TYPES:
        description = getattr(metadata, name)
        if name == "mobile" and metadata.same_mobile_and_fixed_line_pattern:
            continue
        if description is not None and description.national_number_pattern:
            lengths = frozenset(description.possible_length)
            yield description.national_number_pattern, lengths & general if lengths and general else lengths or general


def _type_pattern(metadata: Any, length: int) -> str:
    """The numbers of this length that ``_number_type_helper`` knows in a region; empty where there are none."""
    general = metadata.general_desc.national_number_pattern
    patterns = _types_of(metadata, length)
    return rf"(?=(?:{general})\Z)(?:{'|'.join(patterns)})\Z" if general and patterns else ""


def _types_of(metadata: Any, length: int) -> list[str]:
    return list(dict.fromkeys(pattern for pattern, lengths in _descriptions(metadata) if length in lengths))


class NationalPrefix:
    """How the national prefix (a trunk prefix like 0, maybe a carrier's code) is taken off, by one metadata's rules."""

    def __init__(self, metadata: Any) -> None:
        general = metadata.general_desc
        self.pattern: str = metadata.national_prefix_for_parsing or ""
        self.transform: str = metadata.national_prefix_transform_rule or ""
        self._prefix = re.compile(self.pattern) if self.pattern else None
        self.general = re.compile(general.national_number_pattern or r"(?!)")
        self._lengths = frozenset(general.possible_length)
        self._local_only = frozenset(general.possible_length_local_only)
        self._longest: int = max(general.possible_length, default=0)

    def strip(self, digits: str) -> tuple[str, bool]:
        """``_maybe_strip_national_prefix_carrier_code``: what is left, and whether a prefix was there."""
        match = self._prefix.match(digits) if self._prefix is not None and digits else None
        if match is None:
            return digits, False
        if self.transform and match.groups()[-1] is not None:
            rest = match.expand(self.transform) + digits[match.end() :]
        else:
            rest = digits[match.end() :]
        if self.general.fullmatch(rest) is None and self.general.fullmatch(digits) is not None:
            return digits, False
        return rest, True

    def national(self, digits: str) -> str:
        """The last step of ``parse``: the prefix goes unless what is left is too short, local or of no known length."""
        rest, _ = self.strip(digits)
        length = len(rest)
        possible = length not in self._local_only and (length in self._lengths or length > self._longest)
        return rest if possible else digits

    def is_too_long(self, digits: str) -> bool:
        """``_test_number_length`` gives TOO_LONG."""
        return len(digits) > self._longest and len(digits) not in self._local_only

    @property
    def rules(self) -> tuple[object, ...]:
        """All that decides: prefixes with the same rules do the same."""
        return (
            self.pattern,
            self.transform,
            self.general.pattern,
            self._lengths,
            self._local_only,
        )


class Region:
    """How digits are understood when they are dialled in a region.

    ``code``: an upper-case ISO 3166-1 code that phonenumbers supports. Raises UsageError on another.
    """

    def __init__(self, code: str) -> None:
        if code not in phonenumbers.SUPPORTED_REGIONS:
            raise UsageError(f"no phone numbers known of region {code}", hint="name an ISO country code, like SG")
        metadata: Any = PhoneMetadata.metadata_for_region(code, None)
        self.code = code
        self.country_code: int = metadata.country_code
        self.calling_code = str(metadata.country_code)
        self.plan = numbering_plan(metadata.country_code)
        self.prefix = NationalPrefix(metadata)
        #: The international prefix (IDD), such as 00 or 011.
        self.idd = re.compile(metadata.international_prefix or r"(?!)")
        #: (leading digits or None, pattern, is the national prefix required), in order.
        self.formats = [_format(number_format) for number_format in self.plan.number_formats]
        self.any_needs_prefix = any(needs_prefix for _, _, needs_prefix in self.formats)

    @property
    def rules(self) -> tuple[object, ...]:
        """All that decides: regions with the same rules accept the same numbers."""
        return (self.country_code, self.idd.pattern, *self.prefix.rules)

    def accepts(self, digits: str, *, plus: bool = False) -> bool:
        """Whether ``digits`` (ASCII) are a valid number here; ``plus``: they stood after one plus sign."""
        international = _after_plus(digits) if plus else None
        if international is None:
            international = self._after_idd(digits)
        if international is None:
            international = self._after_calling_code(digits)
        if international is not None:
            return international
        return not plus and self._accepts_national(digits)

    def _after_idd(self, digits: str) -> bool | None:
        """``_parse_prefix_as_idd``, and the decision if there is one; None where the number has no such prefix."""
        match = self.idd.match(digits)
        if match is None or digits[match.end() : match.end() + 1] == "0":
            return None
        return _after_plus(digits[match.end() :]) or False

    def _after_calling_code(self, digits: str) -> bool | None:
        """The end of ``_maybe_extract_country_code``: the calling code of the region itself, without a plus sign."""
        if not digits.startswith(self.calling_code):
            return None
        rest, _ = self.prefix.strip(digits[len(self.calling_code) :])
        general = self.prefix.general
        better = general.fullmatch(digits) is None and general.fullmatch(rest) is not None
        return self.plan.accepts(rest) if better or self.prefix.is_too_long(digits) else None

    def _accepts_national(self, digits: str) -> bool:
        if len(digits) < _SHORTEST:
            return False
        national = self.prefix.national(digits)
        if not self.plan.is_valid(national):
            return False
        return not self._needs_prefix(national) or self.plan.prefix.strip(digits)[1]

    def _needs_prefix(self, national: str) -> bool:
        """``_is_national_prefix_present_if_required``: is the number usually written with its national prefix?"""
        if not self.any_needs_prefix:
            return False
        for leading, pattern, needs_prefix in self.formats:
            if (leading is None or leading.match(national)) and pattern.fullmatch(national):
                return needs_prefix
        return False


def _after_plus(digits: str) -> bool | None:
    """``_extract_country_code``, and the decision on the rest; None where there is no such country calling code."""
    if len(digits) <= _SHORTEST:
        return False
    country_code = country_code_of(digits)
    return None if country_code is None else numbering_plan(country_code).accepts(digits[len(str(country_code)) :])


def country_code_of(digits: str) -> int | None:
    """The country calling code that a number in international form begins with; None if it begins with none."""
    if digits[0] != "0":
        for length in range(1, _LONGEST_COUNTRY_CODE + 1):
            if int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE:
                return int(digits[:length])
    return None


def _format(number_format: Any) -> tuple[re.Pattern[str] | None, re.Pattern[str], bool]:
    """What ``_choose_formatting_pattern_for_number`` looks at, and whether a number so formatted needs its prefix."""
    leading = number_format.leading_digits_pattern
    rule = number_format.national_prefix_formatting_rule
    needs_prefix = (
        bool(rule)
        and not number_format.national_prefix_optional_when_formatting
        and not _formatting_rule_has_first_group_only(rule)
    )
    return re.compile(leading[-1]) if leading else None, re.compile(number_format.pattern), needs_prefix
