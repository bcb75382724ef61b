"""What is drawn is what the proof needs: one row a stratum, nested, the same every time, and rarely a miss."""

import hashlib

import pytest

from clearance.errors import UsageError
from clearance.jobs.extent import Extent, smallest_found
from clearance.jobs.sampling import DEEPER, in_files, positions

SEED = b"0" * 16


def seeds(n: int) -> list[bytes]:
    return [hashlib.blake2b(bytes([i // 256, i % 256]), digest_size=16).digest() for i in range(n)]


def test_how_many_rows_a_proof_needs() -> None:
    assert Extent("sample", 0.001, 0.95).rows == 2995
    assert Extent("sample", 0.05, 0.95).rows == 59
    for extent in (Extent("sample"), Extent("sample", 0.05), Extent("sample", 0.3, 0.999)):
        assert smallest_found(extent.rows, extent.confidence) <= extent.prevalence
        assert smallest_found(extent.rows - 1, extent.confidence) > extent.prevalence


@pytest.mark.parametrize(
    ("mode", "prevalence", "confidence"),
    [("some", 0.1, 0.9), ("sample", 0, 0.9), ("sample", 1, 0.9), ("sample", 0.1, 1), ("sample", 0.1, 0.4),
     ("sample", float("nan"), 0.9), ("sample", 0.1, float("nan"))],
)  # fmt: skip
def test_what_no_sample_can_prove_is_refused(mode, prevalence, confidence) -> None:
    with pytest.raises(UsageError) as caught:
        Extent(mode, prevalence, confidence)
    assert caught.value.hint


@pytest.mark.parametrize(("rows", "strata"), [(1000, 7), (100_003, 299), (50, 10), (48, 12)])
@pytest.mark.parametrize("depth", [0, 1])
def test_one_row_of_each_stratum(rows, strata, depth) -> None:
    parts = strata * DEEPER**depth
    drawn = positions(rows, strata, depth, SEED)
    assert len(drawn) == parts
    assert all(part * rows // parts <= drawn[part] < (part + 1) * rows // parts for part in range(parts))


def test_a_deeper_draw_holds_the_one_before() -> None:
    shallow, deep, deepest = (set(positions(100_003, 299, depth, SEED)) for depth in range(3))
    assert shallow < deep < deepest


def test_the_same_state_gives_the_same_rows_and_another_state_others() -> None:
    assert positions(5000, 59, 1, SEED) == positions(5000, 59, 1, SEED)
    assert positions(5000, 59, 0, SEED) != positions(5000, 59, 0, b"1" * 16)


def test_every_row_is_as_likely_as_any_other() -> None:
    counts = [0] * 40
    for seed in seeds(2000):
        for position in positions(40, 5, 1, seed):
            counts[position] += 1
    # Each is drawn half of the time: 1,000 of 2,000, give or take 22.
    assert max(abs(count - 1000) for count in counts) < 110


LAYOUTS = {
    "at the end": lambda rows, rare: set(range(rows - rare, rows)),
    "in the middle of a file": lambda rows, rare: set(range(rows // 3, rows // 3 + rare)),
    "evenly": lambda rows, rare: set(range(0, rows, rows // rare)),
    "in pairs": lambda rows, rare: {p + d for p in range(0, rows, 2 * rows // rare) for d in (0, 1)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_rare_type_is_missed_no_more_often_than_promised(layout) -> None:
    """At the promised prevalence, wherever its rows lie: one sample in twenty may miss it."""
    extent = Extent("sample", 0.02, 0.95)
    rows = 5000
    having = LAYOUTS[layout](rows, int(extent.prevalence * rows))
    missed = sum(having.isdisjoint(positions(rows, extent.rows, 0, seed)) for seed in seeds(1500))
    # 75 of 1,500 on average at worst, with a standard deviation of 8.4.
    assert missed <= 75 + 3 * 8.4


def test_rows_of_the_whole_are_rows_of_files() -> None:
    files = [("a", 3), ("empty", 0), ("b", 5)]
    assert in_files(files, [0, 2, 3, 7]) == [("a", [0, 2]), ("b", [0, 4])]
    assert in_files(files, [3]) == [("b", [0])]
