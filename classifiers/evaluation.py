"""From counts to figures: precision, recall, F1 and F2 with 95 % intervals, by type and in all, and differences.

Precision and recall have Wilson intervals (Wilson 1927). F1 and F2, and differences of two configurations, have
percentile intervals of a bootstrap over the items (Efron 1979): whole texts or columns are drawn again, since errors in
one text hang together. The seed is fixed: the same counts give the same figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from clearance.classifiers.findings import Interval
from clearance.classifiers.rulers import Compared, Outcome

SEED = 20_170_927
DRAWS = 1000
MEASURES = ("precision", "recall", "f1", "f2")
Headline = Literal["binary", "typed"]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """Figures over the items. ``support`` true ones, ``predicted`` said, ``matched`` both.

    A share of nothing is not known: its interval is all of [0, 1].
    """

    support: int
    predicted: int
    matched: int
    precision: Interval
    recall: Interval
    f1: Interval
    f2: Interval

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        counts = {"support": self.support, "predicted": self.predicted, "matched": self.matched}
        return counts | {name: getattr(self, name).to_dict() for name in MEASURES}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one configuration: ``binary`` (sensitive or not), ``typed`` (all types together), ``by_type``.

    ``headline`` names the one of the first two that the ruler is known by. ``confusion`` holds (true type, predicted
    type, count), None for nothing there.
    """

    items: int
    headline: Headline
    binary: Score
    typed: Score
    by_type: Mapping[str, Score]
    confusion: tuple[tuple[str | None, str | None, int], ...]

    @property
    def overall(self) -> Score:
        """The ruler's own figure."""
        return self.binary if self.headline == "binary" else self.typed

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "items": self.items,
            "headline": self.headline,
            "binary": self.binary.to_dict(),
            "typed": self.typed.to_dict(),
            "by_type": {kind: score.to_dict() for kind, score in self.by_type.items()},
            "confusion": [{"true": true, "predicted": said, "count": n} for true, said, n in self.confusion],
        }


def evaluate(compared: Sequence[Compared], headline: Headline) -> Evaluation:
    """The figures of one configuration over the compared items."""
    rows = _rows(compared)
    counts = _counts(compared, rows)
    totals, drawn = counts.sum(axis=0), _measures(_draw(counts))
    scores = {row: _score(totals[i], drawn[:, i]) for i, row in enumerate(rows)}
    confusion: Counter[tuple[str | None, str | None]] = Counter()
    for each in compared:
        confusion.update(each.typed.confusion)
    return Evaluation(
        items=len(compared),
        headline=headline,
        binary=scores[_BINARY],
        typed=scores[_TYPED],
        by_type={kind: scores[kind] for kind in rows if isinstance(kind, str)},
        confusion=tuple(
            (true, said, number)
            for (true, said), number in sorted(confusion.items(), key=lambda pair: (-pair[1], str(pair[0])))
        ),
    )


def differences(first: Sequence[Compared], second: Sequence[Compared]) -> dict[str, dict[str, Interval]]:
    """``first`` minus ``second`` over the same items: an interval for each measure of ``binary``, ``typed``, each type.

    A paired bootstrap: both configurations are drawn the same items. An interval without 0 is a difference that the
    labelled set can tell from chance. Raises ValueError when the items differ in number.
    """
    if len(first) != len(second):
        raise ValueError("both configurations must be compared on the same items")
    rows = _rows([*first, *second])
    one, other = _counts(first, rows), _counts(second, rows)
    drawn = _draw(np.concatenate([one, other], axis=1))
    apart = _measures(drawn[:, : len(rows)]) - _measures(drawn[:, len(rows) :])
    exact = _measures(one.sum(axis=0)) - _measures(other.sum(axis=0))
    return {
        _name(row): {name: _percentiles(exact[i, m], apart[:, i, m], -1.0) for m, name in enumerate(MEASURES)}
        for i, row in enumerate(rows)
    }


class _All:
    """A row of counts that is no type."""

    def __init__(self, name: Headline) -> None:
        self.name = name


_BINARY, _TYPED = _All("binary"), _All("typed")
_Row = str | _All


def _name(row: _Row) -> str:
    return row if isinstance(row, str) else row.name


def _rows(compared: Sequence[Compared]) -> list[_Row]:
    kinds = {kind for each in compared for counter in (each.typed.annotated, each.typed.predicted) for kind in counter}
    return [_BINARY, _TYPED, *sorted(kinds)]


def _counts(compared: Sequence[Compared], rows: Sequence[_Row]) -> _Floats:
    """Shape (items, rows, 3): matched, predicted, annotated."""
    counts = np.zeros((len(compared), len(rows), 3))
    for item, each in enumerate(compared):
        for at, row in enumerate(rows):
            if isinstance(row, str):
                counts[item, at] = [each.typed.matched[row], each.typed.predicted[row], each.typed.annotated[row]]
            else:
                counts[item, at] = _sums(each.binary if row is _BINARY else each.typed)
    return counts


def _sums(outcome: Outcome) -> list[int]:
    return [outcome.matched.total(), outcome.predicted.total(), outcome.annotated.total()]


def _draw(counts: _Floats) -> _Floats:
    """Totals of ``DRAWS`` samples of as many items, with replacement: shape (draws, rows, 3)."""
    random, items = np.random.default_rng(SEED), len(counts)
    flat = counts.reshape(items, -1)
    drawn = [
        np.bincount(random.integers(items, size=items), minlength=items).astype(np.float64) @ flat for _ in range(DRAWS)
    ]
    return np.stack(drawn).reshape(DRAWS, *counts.shape[1:])


def _measures(counts: _Floats) -> _Floats:
    """Precision, recall, F1 and F2 in the last axis; NaN where there is nothing to divide by."""
    matched, predicted, annotated = counts[..., 0], counts[..., 1], counts[..., 2]
    with np.errstate(invalid="ignore"):
        # F_beta in counts (van Rijsbergen 1979): 0 where nothing matched, as far as there was anything to find or say.
        return np.stack(
            [
                matched / predicted,
                matched / annotated,
                2 * matched / (annotated + predicted),
                5 * matched / (4 * annotated + predicted),
            ],
            axis=-1,
        )


def _score(totals: _Floats, drawn: _Floats) -> Score:
    matched, predicted, support = (int(number) for number in totals)
    exact = _measures(totals)
    return Score(
        support,
        predicted,
        matched,
        Interval.wilson(matched, predicted),
        Interval.wilson(matched, support),
        _percentiles(exact[2], drawn[:, 2], 0.0),
        _percentiles(exact[3], drawn[:, 3], 0.0),
    )


def _percentiles(exact: float, drawn: _Floats, least: float) -> Interval:
    """The middle 95 % of the draws in which the measure is defined; all of [least, 1] where it is not."""
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(exact) or not defined.size:
        return Interval(0.0, least, 1.0)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Interval(round(float(exact), 6), round(float(low), 6), round(float(high), 6))
