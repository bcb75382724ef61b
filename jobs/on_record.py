"""Whether a dataset is on record at all, and what was meant where it is not: most likely another spelling."""

import difflib
from collections.abc import Collection

from clearance.governance.registry import Registry

_TABLES = ("labels", "derived")


def is_known(key: str, registry: Registry, also: Collection[str] = ()) -> bool:
    """Whether a dataset (its key) was labelled here, is in lineage, or is one of ``also``."""
    return key in also or any(registry.latest(table, ["dataset"], dataset=key) is not None for table in _TABLES)


def names(registry: Registry, also: Collection[str] = ()) -> set[str]:
    """All datasets on record. Thousands are read: ask once, for as many as are looked for."""
    return {row["dataset"] for table in _TABLES for row in registry.rows(table, ["dataset"])} | set(also) - {""}


def nearest(key: str, known: Collection[str]) -> str:
    """Hint for a dataset that is not ``known``: those that are spelled nearly so (at most 3); empty where none is."""
    if not (close := difflib.get_close_matches(key, _likely(key, known), n=3, cutoff=0.8)):
        return ""
    return f"did you mean {' or '.join(close)}?"


def _likely(key: str, known: Collection[str]) -> list[str]:
    # Comparing with each of many thousands takes seconds: what differs much in length is not the same, misspelt.
    most = max(3, len(key) // 5)
    return sorted(one for one in known if abs(len(one) - len(key)) <= most and one != key)[:2_000]


__all__ = ["is_known", "names", "nearest"]
