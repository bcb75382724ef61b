"""Preparation in words, for the lineage and the record: what is done to which column, and what decides on records."""

from collections.abc import Sequence
from typing import Any

from clearance.jobs.preparation import AnyStep, Case, Duplicates, OnColumns, Range, Unicode


def told(steps: Sequence[AnyStep]) -> dict[str, list[str]]:
    """What is done to each column, in words for the lineage."""
    found: dict[str, list[str]] = {}
    for step in steps:
        if isinstance(step, OnColumns):
            for column in step.columns:
                found.setdefault(column, []).append(words(step))
    return found


def filters(steps: Sequence[AnyStep]) -> list[tuple[str, str]]:
    """The columns that decide which records are left, and the step: not those of duplicates of whole records."""
    found = []
    for step in steps:
        if isinstance(step, Duplicates):
            found += [(name, words(step)) for name in (*(step.columns or ()), *((step.order,) if step.order else ()))]
        elif isinstance(step, OnColumns) and "drop_record" in (
            getattr(step, "unreadable", ""),
            getattr(step, "outside", ""),
        ):
            found += [(name, words(step)) for name in step.columns]
    return found


def words(step: Any) -> str:
    """A step in a few words. No marker and no bound: whoever wrote them may have taken them from the data."""
    match step:
        case Case():
            return f"case {step.to}"
        case Unicode():
            return f"unicode {step.form}"
        case Range():
            return f"range {step.outside}"
        case _:
            return str(step.step)


__all__ = ["filters", "told", "words"]
