"""Access activity: who reaches which data how often, and what of it is unusual.

Counts are kept for each identity, dataset, kind of access and day, so that memory grows with these and not with events.
What is recent is held against what was before: an identity against its own past, never against others'.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from clearance.governance.access_log import ELSEWHERE, Access

#: So many events in a day, or so many bytes, are never a jump.
_FEW, _SMALL = 20, 1_000_000
_DENIED = 5
#: Days of an identity's own past that a jump is measured against, at the least.
_DAYS = 3


@dataclass
class Tally:
    """What one identity did to one dataset in one way. ``days``: events by day; ``sizes``: bytes by day."""

    first: str = ""
    last: str = ""
    denied: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)

    @property
    def events(self) -> int:
        """How many there were, without those that were denied."""
        return sum(self.days.values())


@dataclass(frozen=True, slots=True)
class Unusual:
    """One pattern that somebody should look at."""

    kind: str
    who: str
    dataset: str | None
    level: str | None
    day: str
    seen: int
    usual: float | None
    why: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__}


class Activity:
    """Accesses, counted as they come."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str, str], Tally] = {}
        self.read: dict[str, int] = {}

    def add(self, accesses: Iterable[Access], source: str) -> None:
        """Counts accesses of one source: ``audit``, ``delta`` or ``log``."""
        number, tallies = 0, self.tallies
        for one in accesses:
            number += 1
            key = (one.who, one.dataset, one.action)
            tally = tallies.get(key)
            if tally is None:
                tally = tallies[key] = Tally(one.at, one.at)
            tally.sources.add(source)
            day = one.at[:10]
            if one.at < tally.first:
                tally.first = one.at
            if one.at > tally.last:
                tally.last = one.at
            if one.denied:
                tally.denied[day] = tally.denied.get(day, 0) + 1
                continue
            tally.days[day] = tally.days.get(day, 0) + 1
            if one.size:
                tally.sizes[day] = tally.sizes.get(day, 0) + one.size
        self.read[source] = self.read.get(source, 0) + number

    def rows(self, levels: Mapping[str, str]) -> list[dict[str, Any]]:
        """One a row of identity, dataset and kind of access, JSON-ready, in the order of their names."""
        return [
            {
                "who": who,
                "dataset": dataset or None,
                "level": levels.get(dataset),
                "action": action,
                "events": tally.events,
                "days": len(tally.days),
                "per_day": round(tally.events / len(tally.days), 1) if tally.days else 0.0,
                "bytes": sum(tally.sizes.values()),
                "denied": sum(tally.denied.values()),
                "first": tally.first,
                "last": tally.last,
                "sources": sorted(tally.sources),
            }
            for (who, dataset, action), tally in sorted(self.tallies.items())
        ]

    def unusual(self, levels: Mapping[str, str], unwatched: frozenset[str], since: str, factor: float) -> list[Unusual]:
        """What is unusual from the day ``since`` on, by identity.

        ``levels``: of each dataset on record that has a label; ``unwatched``: those whose new readers nobody is told.
        A dataset with no label, or with a level that no policy has any more, is watched. A jump is a day of more than
        ``factor`` times the median of the identity's own days before, and more than any of them.
        """
        reads: dict[tuple[str, str], list[Tally]] = {}
        for (who, dataset, action), tally in self.tallies.items():
            if action != "write":
                reads.setdefault((who, dataset), []).append(tally)
        found: list[Unusual] = []
        for (who, dataset), tallies in reads.items():
            level, days = levels.get(dataset), _together(tally.days for tally in tallies)
            is_watched = dataset != ELSEWHERE and level not in unwatched
            if is_watched and days and min(days) >= since:
                why = "did not read it before"
                found.append(Unusual("new-reader", who, dataset, level, min(days), sum(days.values()), None, why))
            found += _jumps(who, dataset or None, level, tallies, since, factor)
        every: dict[str, list[Tally]] = {}
        for (who, _), tallies in reads.items():
            every.setdefault(who, []).extend(tallies)
        for who, tallies in every.items():
            denied = _together(tally.denied for tally in tallies)
            found += [
                Unusual("denied", who, None, None, day, count, None, "was refused so often in a day")
                for day, count in denied.items()
                if day >= since and count >= _DENIED
            ]
            if len(tallies) > 1:
                # A little of everything is much.
                found += _jumps(who, None, None, tallies, since, factor)
        return sorted(dict.fromkeys(found), key=lambda one: (one.day, one.who, one.dataset or "", one.kind))


def _together(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for day, number in each.items():
            found[day] = found.get(day, 0) + number
    return found


def _jumps(
    who: str, dataset: str | None, level: str | None, tallies: Iterable[Tally], since: str, factor: float
) -> Iterable[Unusual]:
    """Days on which an identity took more than it ever did, each measured against its own days before ``since``."""
    held = list(tallies)
    for kind, least, counts in (
        ("volume-jump", _FEW, _together(tally.days for tally in held)),
        ("bytes-jump", _SMALL, _together(tally.sizes for tally in held)),
    ):
        before = [number for day, number in counts.items() if day < since]
        if len(before) < _DAYS:
            continue
        usual = median(before)
        limit = max(least, factor * usual, max(before))
        for day, number in counts.items():
            if day >= since and number > limit:
                why = f"{number / usual:.0f} times what is usual on one of its days"
                yield Unusual(kind, who, dataset, level, day, number, usual, why)
