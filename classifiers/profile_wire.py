"""How a leaf's profile is written down: for the shuffle of a scan, and on record for a later one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clearance.classifiers.type_counts import TypeCounts

if TYPE_CHECKING:
    from clearance.classifiers.profile import LeafProfile

_NUMBERS = ("rows", "whole", "embedded", "texty", "scored", "score")
#: 2: the sketch hashes with SipHash. Profiles of one run are merged, never those of two versions.
#: 3: it knows the leaves inside its strings. 4 and 5: more traits, for the evidence of ``column_score.py``.
_FORMAT = 5


def numbers_of(profile: LeafProfile, *, shared_by: int = 0) -> dict[str, Any]:
    """All counts, JSON-ready; only the shapes that so many rows share."""
    return {
        "format": _FORMAT,
        "path": profile.path,
        "type": profile.type,
        "rows": profile.rows,
        "nulls": profile.nulls,
        "filled": profile.filled,
        "traits": dict(profile.traits),
        "spoken": dict(profile.spoken),
        "counts": [
            {
                "form": form,
                "entity_type": entity_type,
                "numbers": [getattr(c, name) for name in _NUMBERS],
                "detectors": dict(c.detectors),
                "turns": dict(profile.turns.get((form, entity_type), ())),
                "shapes": {item: number for item, number in c.shapes.items() if number >= shared_by},
            }
            for (form, entity_type), c in sorted(profile.counts.items())
        ],
    }


def read_numbers(profile: LeafProfile, content: Mapping[str, Any]) -> None:
    """Inverse of :func:`numbers_of`, into an empty profile. Raises ValueError for what another version wrote."""
    if content["format"] != _FORMAT:
        raise ValueError("profile of another version")
    profile.path, profile.type = content["path"], content["type"]
    profile.rows, profile.nulls, profile.filled = content["rows"], content["nulls"], content["filled"]
    profile.traits, profile.spoken = Counter(content["traits"]), Counter(content["spoken"])
    profile.turns = {
        (item["form"], item["entity_type"]): Counter(item["turns"]) for item in content["counts"] if item["turns"]
    }
    profile.counts = {
        (item["form"], item["entity_type"]): TypeCounts(
            detectors=Counter(item["detectors"]),
            shapes=Counter(item["shapes"]),
            **dict(zip(_NUMBERS, map(int, item["numbers"]), strict=True)),
        )
        for item in content["counts"]
    }


__all__ = ["numbers_of", "read_numbers"]
