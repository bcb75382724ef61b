"""Dates as people write them in a text, read where only one day can be meant.

``03/04/1990`` is two days, so it is none. Month names are English ones, whole or of three letters.
"""

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _YEAR = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?", r"(?P<year>[12][0-9]{3})"
_WORDED = [
    re.compile(rf"{_DAY}(?:\s+of)?[\s-]+{_NAME},?[\s-]+{_YEAR}", re.IGNORECASE | re.ASCII),
    re.compile(rf"{_NAME}\s+{_DAY},?\s+{_YEAR}", re.IGNORECASE | re.ASCII),
]
_YEAR_FIRST = re.compile(r"([12][0-9]{3})([/.])([0-9]{1,2})\2([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([12][0-9]{3})")
_ALONE = re.compile(r"(?<![0-9])(?:1[0-9]|20)[0-9]{2}(?![0-9])")


def iso_date(text: str) -> str | None:
    """``March 12th, 1990``, ``12 Mar 1990``, ``1990/3/12`` or ``13/03/1990`` as ``1990-03-12``; None for all else."""
    text = text.strip()
    for pattern in _WORDED:
        if found := pattern.fullmatch(text):
            return _iso(found["year"], _MONTHS.index(found["name"][:3].lower()) + 1, found["day"])
    if found := _YEAR_FIRST.fullmatch(text):
        return _iso(found[1], found[3], found[4])
    if found := _YEAR_LAST.fullmatch(text):
        first, separator, second, year = found.groups()
        # With dots the day goes first everywhere. Otherwise only a number above 12 tells.
        day_first, month_first = _iso(year, second, first), _iso(year, first, second)
        if separator == "." or day_first is None or month_first is None or day_first == month_first:
            return day_first if separator == "." or month_first is None else month_first
    return None


def only_year(text: str) -> str | None:
    """The year in what was found as a date, where there is one and nothing else of four digits."""
    found = _ALONE.findall(text)
    return found[0] if len(found) == 1 else None


def _iso(year: str, month: int | str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
