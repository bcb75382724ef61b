"""Sums of digests: the same for the same values in any order and any cut, others for others."""

import random

import pyarrow as pa
import pytest

from clearance.jobs.recomputation import Digests, counted, same_sums

DIGESTS = Digests((bytes(range(16)), bytes(range(16, 32))))
VALUES = ["a", "b", "b", None, "", "x" * 40, "\N{GREEK SMALL LETTER ALPHA}", "12.5"]


def of(values, path="p", digests=DIGESTS, kind=None):
    return {(path, fact): sum_ for fact, sum_ in digests.sums(path, pa.array(values, kind or pa.string())).items()}


def test_order_and_cuts_do_not_matter():
    mixed = random.Random(1).sample(VALUES, len(VALUES))
    assert same_sums("p", of(mixed), of(VALUES))
    first, second = of(VALUES[:3]), of(VALUES[3:])
    together = {key: first[key] + second[key] for key in first}
    assert same_sums("p", together, of(VALUES))
    sliced = pa.array(["q", *VALUES, "q"], pa.string()).slice(1, len(VALUES))
    assert same_sums("p", {("p", k): v for k, v in DIGESTS.sums("p", sliced).items()}, of(VALUES))


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
    from collections import Counter

    counts = Counter({("p", "sum0"): (1 << 64) - 3, ("p", "sum1"): 5})
    batch = counted(counts)
    crossed = {(path, fact): n for path, fact, n in zip(*(c.to_pylist() for c in batch.columns), strict=True)}
    assert crossed["p", "sum0"] == -3 and same_sums("p", crossed, counts)


def test_keys_are_new_each_time_and_not_shown():
    assert of(["a"], digests=Digests.new()) != of(["a"], digests=Digests.new())
    assert repr(DIGESTS) == "Digests()"
