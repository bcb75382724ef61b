"""Rulers: what was found, compared with what is true, as counts by entity type. No count holds a value.

The public ruler of presidio-evaluator is in :mod:`clearance.classifiers.presidio_ruler`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clearance.classifiers.findings import Span

#: The one type there is when only "sensitive or not" is asked.
SENSITIVE = "SENSITIVE"


@dataclass(slots=True)
class Outcome:
    """What one item (a text, a column) adds to the counts, by entity type.

    ``confusion`` counts (true type, predicted type); None stands for nothing there.
    """

    annotated: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    matched: Counter[str] = field(default_factory=Counter)
    confusion: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Compared:
    """One item, compared twice: with all types taken for one (``binary``), and by type (``typed``)."""

    binary: Outcome
    typed: Outcome


class SpanRuler(Protocol):
    """Compares the spans found in a text with the true ones."""

    #: Which of the two comparisons is the ruler's figure: ``binary`` or ``typed``.
    headline: str

    def __call__(self, text: str, truth: Sequence[Span], found: Sequence[Span]) -> Compared:
        """Counts of one text. ``found`` has at most one span a place: overlaps are resolved before."""
        ...


class StrictRuler:
    """A span is right if both its offsets are, and by type only if its type is too. Nothing is merged or skipped."""

    headline = "typed"

    def __call__(self, text: str, truth: Sequence[Span], found: Sequence[Span]) -> Compared:
        """Counts of one text; the same span given twice counts once."""
        true = {(span.start, span.end, span.entity_type) for span in truth}
        said = {(span.start, span.end, span.entity_type) for span in found}
        binary = _compare_exactly({(*span[:2], SENSITIVE) for span in true}, {(*span[:2], SENSITIVE) for span in said})
        return Compared(binary, _compare_exactly(true, said))


def _compare_exactly(true: set[tuple[int, int, str]], said: set[tuple[int, int, str]]) -> Outcome:
    outcome = Outcome(
        Counter(kind for _, _, kind in true),
        Counter(kind for _, _, kind in said),
        Counter(kind for _, _, kind in true & said),
        Counter((kind, kind) for _, _, kind in true & said),
    )
    wrong: dict[tuple[int, int], list[str]] = {}
    for start, end, kind in sorted(said - true):
        wrong.setdefault((start, end), []).append(kind)
    for start, end, kind in sorted(true - said):
        instead = wrong.get((start, end))
        outcome.confusion[kind, instead.pop(0) if instead else None] += 1
    outcome.confusion.update((None, kind) for kinds in wrong.values() for kind in kinds)
    return outcome


def compare_column(truth: str | None, found: str | None) -> Compared:
    """One column, which has one type or none: a column without truth is a negative."""
    as_one = (SENSITIVE if truth else None, SENSITIVE if found else None)
    return Compared(_compare_types(*as_one), _compare_types(truth, found))


def _compare_types(truth: str | None, found: str | None) -> Outcome:
    outcome = Outcome()
    if truth is not None:
        outcome.annotated[truth] += 1
    if found is not None:
        outcome.predicted[found] += 1
    if truth is not None and truth == found:
        outcome.matched[truth] += 1
    if truth is not None or found is not None:
        outcome.confusion[truth, found] += 1
    return outcome
