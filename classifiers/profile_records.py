"""What a scan leaves for a later one that looks at new rows only: counts, by leaf, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.type_counts import SHAPE_ROWS


def records_of(profiles: Mapping[str, LeafProfile]) -> dict[str, Any] | None:
    """The profiles, by path, as they may be kept, or None where they may not.

    The name of a field inside strings is kept only if as many rows share it as must share a shape: a rarer one may
    be data that somebody used as a name.
    """
    if not all(map(_is_shared, profiles.values())):
        return None
    return {path: profile.to_record() for path, profile in profiles.items()}


def _is_shared(profile: LeafProfile) -> bool:
    if profile.inside is None:
        return True
    return all(part.rows >= SHAPE_ROWS and _is_shared(part) for _, part in profile.inside.leaves())


def with_records(
    profiles: Mapping[str, LeafProfile], records: Mapping[str, Mapping[str, Any]], *, salt: bytes
) -> dict[str, LeafProfile]:
    """New profiles with those on record added; ``salt`` is the new run's.

    Raises ValueError for records of another version or of other leaves; ``profiles`` must not be used afterwards.
    """
    if profiles.keys() != records.keys():
        raise ValueError("records of other leaves")
    for path, record in records.items():
        profiles[path].merge(LeafProfile.from_record(record, salt=salt))
    return dict(profiles)
