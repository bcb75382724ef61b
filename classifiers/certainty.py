"""Whether a sample's verdict on a leaf would be another one had other rows been drawn.

Each count of a profile stands for a share of all rows that is only known to an interval. The verdict is asked again
with each share at either end of its interval (Wilson, 95 %): where it stays, more rows would not tell more.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from clearance.classifiers.column_score import model
from clearance.classifiers.columns import finish
from clearance.classifiers.findings import ColumnReport, Interval
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import ALONE, Surroundings
from clearance.classifiers.type_counts import TypeCounts
from clearance.paths import format_path


def unsure(profile: LeafProfile, *, name: str, dtype: str, around: Surroundings = ALONE) -> bool:
    """Whether a leaf's kind or type, or what else is reported in it, hangs on which rows were drawn.

    A type that was found stays found: that another draw might have missed it is no doubt. The same is asked of each
    leaf inside its strings. ``name``, ``dtype`` and ``around`` as for :func:`clearance.classifiers.columns.finish`.
    """
    if _is_unsure(profile, name, dtype, around):
        return True
    below = profile.inside.leaves() if profile.inside is not None else ()
    return any(unsure(inner, name=name + format_path(steps), dtype=dtype) for steps, inner in below)


def _is_unsure(profile: LeafProfile, name: str, dtype: str, around: Surroundings) -> bool:
    found = finish(profile, name=name, dtype=dtype, around=around)
    types = _types(found)
    for other in _variants(profile):
        report = finish(other, name=name, dtype=dtype, around=around)
        if (report.kind, report.entity_type) != (found.kind, found.entity_type) or _types(report) - types:
            return True
    return False


def _types(report: ColumnReport) -> frozenset[tuple[str, str]]:
    return frozenset((finding.entity_type, finding.form) for finding in report.findings)


def _variants(profile: LeafProfile) -> Iterator[LeafProfile]:
    """The profile with one type's or one trait's counts at an end of their interval, one after the other, and with
    those of the same values together: of cards that draw more, more pass the check digit."""
    for key, counts in profile.counts.items():
        counts = counts.within(profile.filled)
        for factor in _ends(max(counts.rows, counts.whole), profile.filled):
            other = copy.copy(profile)
            other.counts = {**profile.counts, key: _scaled(counts, factor, profile.filled)}
            yield other
    for trait, number in profile.traits.items():
        for factor in _ends(number, profile.filled):
            other = copy.copy(profile)
            other.traits = Counter({**profile.traits, trait: _times(number, factor, profile.filled)})
            yield other
    for kind, (passes, among) in model().check_digits.items():
        for factor in _ends(profile.traits[among], profile.filled):
            other = copy.copy(profile)
            moved = {trait: _times(profile.traits[trait], factor, profile.filled) for trait in (passes, among)}
            other.traits = Counter({**profile.traits, **moved})
            if ("raw", kind) in profile.counts:
                scaled = _scaled(profile.counts[("raw", kind)], factor, profile.filled)
                other.counts = {**profile.counts, ("raw", kind): scaled}
            yield other


def _ends(number: int, total: int) -> tuple[float, ...]:
    """By what a count is to be multiplied to come to the lower and the upper end of its interval."""
    if not number:
        return ()
    share = Interval.wilson(number, total)
    return share.low * total / number, share.high * total / number


def _scaled(counts: TypeCounts, factor: float, total: int) -> TypeCounts:
    return replace(
        counts,
        rows=_times(counts.rows, factor, total),
        whole=_times(counts.whole, factor, total),
        embedded=_times(counts.embedded, factor, total),
        texty=_times(counts.texty, factor, total),
    )


def _times(number: int, factor: float, total: int) -> int:
    """At least one where there was one: the lower end says fewer, not none."""
    return min(total, max(1, round(number * factor))) if number else 0
