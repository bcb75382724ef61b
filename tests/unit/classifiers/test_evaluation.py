"""Figures and their intervals."""

import math

import pytest

from clearance.classifiers.evaluation import differences, evaluate
from clearance.classifiers.rulers import compare_column

# 60 right, 20 missed, 10 of another type, 10 false alarms, 100 true negatives.
PAIRS = [("A", "A")] * 60 + [("A", None)] * 20 + [("A", "B")] * 10 + [(None, "A")] * 10 + [(None, None)] * 100
COMPARED = [compare_column(*pair) for pair in PAIRS]


def test_figures_are_what_the_counts_say():
    found = evaluate(COMPARED, "typed")
    score = found.by_type["A"]
    assert (found.items, score.support, score.predicted, score.matched) == (200, 90, 70, 60)
    assert score.precision.estimate == pytest.approx(60 / 70, abs=1e-6)
    assert score.recall.estimate == pytest.approx(60 / 90, abs=1e-6)
    assert score.f1.estimate == pytest.approx(2 * 60 / (90 + 70), abs=1e-6)
    assert score.f2.estimate == pytest.approx(5 * 60 / (4 * 90 + 70), abs=1e-6)
    assert (found.overall.support, found.overall.predicted, found.overall.matched) == (90, 80, 60)
    # The one taken for another type is found, when only sensitivity counts.
    assert (found.binary.support, found.binary.predicted, found.binary.matched) == (90, 80, 70)
    assert found.confusion[0] == ("A", "A", 60)
    assert (None, "A", 10) in found.confusion


def test_intervals_hold_the_figure_and_narrow_with_the_items():
    few, many = evaluate(COMPARED[::10], "typed").overall.f1, evaluate(COMPARED * 10, "typed").overall.f1
    assert few.low < few.estimate < few.high
    assert many.low < many.estimate < many.high
    assert many.high - many.low < (few.high - few.low) / 5
    # Delta method: residuals 2m - F1 (a+p) of 60 x .588, 30 x -.706, 10 x -1.412, squared and summed, over 170.
    error = math.sqrt(60 * 0.588**2 + 30 * 0.706**2 + 10 * 1.412**2) / 170
    once = evaluate(COMPARED, "typed").overall.f1
    assert (once.high - once.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_what_was_neither_there_nor_said_is_not_known():
    score = evaluate([compare_column(None, None)] * 5, "typed").overall
    assert [(each.low, each.high) for each in (score.precision, score.recall, score.f1, score.f2)] == [(0.0, 1.0)] * 4


def test_the_same_counts_give_the_same_figures():
    assert evaluate(COMPARED, "typed").to_dict() == evaluate(list(COMPARED), "typed").to_dict()


def test_a_configuration_does_not_differ_from_itself():
    found = differences(COMPARED, COMPARED)
    for row in ("binary", "typed", "A"):
        assert all((each.estimate, each.low, each.high) == (0, 0, 0) for each in found[row].values())
    # No column is truly a B: its recall is not known, and neither is a difference of it.
    assert (found["B"]["recall"].low, found["B"]["recall"].high) == (-1, 1)


def test_a_difference_on_the_same_items_is_told_from_chance_where_two_intervals_overlap():
    better = [compare_column(true, true if item % 3 == 0 else said) for item, (true, said) in enumerate(PAIRS)]
    apart = differences(better, COMPARED)["typed"]["recall"]
    one, other = evaluate(better, "typed").overall.recall, evaluate(COMPARED, "typed").overall.recall
    assert apart.estimate == pytest.approx(one.estimate - other.estimate, abs=1e-5)
    assert one.low < other.high
    assert apart.low > 0


def test_other_items_are_refused():
    with pytest.raises(ValueError, match="same items"):
        differences(COMPARED, COMPARED[1:])
