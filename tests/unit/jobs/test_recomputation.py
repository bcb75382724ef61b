"""Sums of digests: the same for the same values in any order and any cut, others for others."""

import random
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pytest

from clearance.governance.labels import Label
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.recomputation import Digests, LeafSums, counted, same_rows, same_sums, summed
from clearance.leaves import leaves as leaves_of_arrow
from clearance.leaves import read_leaf

DIGESTS = Digests((bytes(range(16)), bytes(range(16, 32))))
VALUES = ["a", "b", "b", None, "", "x" * 40, "\N{GREEK SMALL LETTER ALPHA}", "12.5"]


def of(values, path="p", digests=DIGESTS, kind=None):
    return {
        (path, fact): sum_ for fact, sum_ in summed(digests.words(path, pa.array(values, kind or pa.string()))).items()
    }


def test_order_and_cuts_do_not_matter():
    mixed = random.Random(1).sample(VALUES, len(VALUES))
    assert same_sums("p", of(mixed), of(VALUES))
    first, second = of(VALUES[:3]), of(VALUES[3:])
    together = {key: first[key] + second[key] for key in first}
    assert same_sums("p", together, of(VALUES))
    sliced = pa.array(["q", *VALUES, "q"], pa.string()).slice(1, len(VALUES))
    assert same_sums("p", {("p", k): v for k, v in summed(DIGESTS.words("p", sliced)).items()}, of(VALUES))


@pytest.mark.parametrize(
    "other",
    [
        [*VALUES[:-1], "12.6"],
        [*VALUES, "b"],
        VALUES[1:],
        ["a", "a", "b", *VALUES[3:]],
        ["ab", "", "b", *VALUES[3:]],
    ],
)
def test_every_other_multiset_has_other_sums(other):
    assert not same_sums("p", of(other), of(VALUES))


def test_the_column_is_part_of_it_and_nulls_are_not():
    assert of(["a"], "p")["p", "sum0"] != of(["a"], "q")["q", "sum0"]
    assert same_sums("p", of(["a", None]), of(["a"]))
    assert of([None, None]) == {("p", "sum0"): 0, ("p", "sum1"): 0}


def test_a_number_is_its_text():
    assert same_sums("p", of([7, 12], kind=pa.int64()), of(["12", "7"]))


def test_sums_cross_to_spark_as_signed_and_come_back():
    counts = Counter({("p", "sum0"): (1 << 64) - 3, ("p", "sum1"): 5})
    batch = counted(counts)
    crossed = {(path, fact): n for path, fact, n in zip(*(c.to_pylist() for c in batch.columns), strict=True)}
    assert crossed["p", "sum0"] == -3 and same_sums("p", crossed, counts)


def test_keys_are_new_each_time_and_not_shown():
    assert of(["a"], digests=Digests.new()) != of(["a"], digests=Digests.new())
    assert repr(DIGESTS) == "Digests()"


PLAIN = Label("public")
ROWS = {
    "mask": pa.array(["***1", "***2", None]),
    "price": pa.array([Decimal("1.50"), Decimal("2.50"), None], pa.decimal128(10, 2)),
    "share": pa.array([0.1, float("nan"), None]),
    "seen": pa.array([1, 2, None], pa.timestamp("us", tz="UTC")),
    "pairs": pa.array([[("a", "x"), ("b", None)], [("a", "y")], None], pa.map_(pa.string(), pa.string())),
    "list": pa.array([["x", None], ["y"], None], pa.list_(pa.string())),
    "note": pa.array(["kept", "as", None]),
}


def rows_of(columns):
    batch = pa.RecordBatch.from_pydict(columns)
    types = {"price": "decimal(10,2)", "share": "double", "seen": "timestamp"}
    leaves = []
    for found in leaves_of_arrow(batch.schema):
        how, kind = ("cells", "structured") if found.path == "mask" else ("keep", "structured")
        kind = "text" if found.path == "note" else kind
        dtype = types.get(found.path, "string")
        method = {"name": "mask", "keep_last": 1} if how == "cells" else {"name": "keep"}
        leaves.append(LeafPlan(found.path, found.steps, how, kind, None, method, PLAIN, dtype, dtype))
    plan = ProtectionPlan(tuple(leaves), {}, {}, ("public", "restricted"))
    counts, sums = Counter(), LeafSums(plan, DIGESTS, batch.num_rows)
    for leaf in plan.leaves:
        column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
        sums.add(leaf, *read_leaf(column, leaf.steps[1:]), counts)
    sums.finish(counts)
    return counts


@pytest.mark.parametrize("name", sorted(ROWS))
def test_values_that_change_places_between_rows_give_another_sum(name):
    assert same_rows(rows_of(ROWS), rows_of(ROWS))
    for order in ([1, 0, 2], [0, 2, 1]):  # with another row's, and with a null
        swapped = {**ROWS, name: ROWS[name].take(pa.array(order))}
        assert not same_rows(rows_of(swapped), rows_of(ROWS))
    together = {key: values.take(pa.array([1, 2, 0])) for key, values in ROWS.items()}
    assert same_rows(rows_of(together), rows_of(ROWS))


@pytest.mark.parametrize(
    "other",
    [
        {"pairs": pa.array([[("b", "x"), ("a", None)], [("a", "y")], None], ROWS["pairs"].type)},
        {"pairs": pa.array([[("a", None), ("b", "x")], [("a", "y")], None], ROWS["pairs"].type)},
        {"list": pa.array([[None, "x"], ["y"], None], ROWS["list"].type)},
    ],
)
def test_a_value_stays_with_its_key_and_in_its_place(other):
    assert not same_rows(rows_of({**ROWS, **other}), rows_of(ROWS))
