"""Dates as people write them, read where only one day can be meant.

``03/04/1990`` is two days, so it is none, but what both have in common can be told. Months are named in the languages
whose dates the detectors find: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish and Swedish. No
name means two months.
"""

import re
import unicodedata
from datetime import date

_NAMES = """
january jan januar janner januari janvier janv enero ene gennaio gen janeiro stycznia
february feb februar februari fevrier fevr febrero febbraio fevereiro fev lutego
march mar marz mars marzo marco maart mrt marca
april apr avril avr abril abr aprile kwietnia
may mai mayo maggio mag maio mei maj maja
june jun juni juin junio giugno giu junho czerwca
july jul juli juillet juil julio luglio lug julho lipca
august aug aout agosto ago augustus augusti sierpnia
september sept sep septembre septiembre settembre set setembro wrzesnia
october oct oktober okt octobre octubre ottobre ott outubro out pazdziernika
november nov novembre noviembre novembro listopada
december dec dezember dez decembre diciembre dic dicembre dezembro grudnia
"""
_MONTHS = {name: number for number, line in enumerate(_NAMES.split("\n")) for name in line.split()}
_NAME = rf"(?P<name>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
# 1st, 2., 1er, 1º (which folds to 1o); "of", "de", "di" and "del" between the parts.
_DAY, _YEAR = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th|er|re|e|o|a|\.|°)?", r"(?P<year>[12][0-9]{3})"
_WORDED = [
    re.compile(rf"{_DAY}(?:\s+(?:of|de|di))?[\s-]*(?<![0-9a-z]){_NAME},?(?:\s+(?:of|del?|di))?[\s-]+{_YEAR}", re.ASCII),
    re.compile(rf"{_NAME}\s+{_DAY},?\s+{_YEAR}", re.ASCII),
]
_YEAR_FIRST = re.compile(r"([12][0-9]{3})([/.])([0-9]{1,2})\2([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([12][0-9]{3})")
_TIME = re.compile(r",?[\sT]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:\s?[ap]\.?m\.?)?$", re.ASCII | re.I)
_LONGEST = 100
"""Characters of the longest date in words with its time, and more: what is longer is not looked through."""
_ALONE = re.compile(r"(?<![0-9])(?:1[0-9]|20)[0-9]{2}(?![0-9])")


def iso_date(text: str) -> str | None:
    """``March 12th, 1990``, ``12. März 1990``, ``1990/3/12`` or ``13/03/1990`` as ``1990-03-12``; None for all else."""
    text = text.strip()
    words = _folded(text)
    for pattern in _WORDED:
        if found := pattern.fullmatch(words):
            return _iso(found["year"], _MONTHS[found["name"]], found["day"])
    if found := _YEAR_FIRST.fullmatch(text):
        return _iso(found[1], found[3], found[4])
    if found := _YEAR_LAST.fullmatch(text):
        first, separator, second, year = found.groups()
        # With dots the day goes first everywhere. Otherwise only a number above 12 tells.
        day_first, month_first = _iso(year, second, first), _iso(year, first, second)
        if separator == "." or day_first is None or month_first is None or day_first == month_first:
            return day_first if separator == "." or month_first is None else month_first
    return None


def days_of(text: str) -> list[date]:
    """The days that a value which is one date as people write them may mean, with its time or without: two for
    ``03/04/1990``, one for what ``iso_date`` reads, none for all else.
    """
    if len(text) > _LONGEST:
        return []
    text = _TIME.sub("", text.strip())
    if day := iso_date(text):
        return [date.fromisoformat(day)]
    if found := _YEAR_LAST.fullmatch(text):
        first, _, second, year = found.groups()
        days = (_iso(year, second, first), _iso(year, first, second))
        return [date.fromisoformat(day) for day in days if day]
    return []


def only_year(text: str) -> str | None:
    """The year in what was found as a date, where there is one and nothing else of four digits."""
    found = _ALONE.findall(text)
    return found[0] if len(found) == 1 else None


def _folded(text: str) -> str:
    """In small letters without accents, however these are written."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _iso(year: str, month: int | str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
