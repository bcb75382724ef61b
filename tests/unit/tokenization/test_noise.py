"""Keyed noise: bounded or Laplace, the same at every run, other for another column, row, value or declaration."""

import math
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import ProtectionError, UsageError
from clearance.perturbing import Noise
from clearance.tokenization import noise
from clearance.tokenization.choices import choose
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import RowContext, apply
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))
UNIFORM = Noise(distribution="uniform", row_key="id", lower=0, upper=100, amount=5)
LAPLACE = Noise(distribution="laplace", row_key="id", lower=0, upper=100, epsilon=2)
COUNT = 40_000


def noisy(spec: Noise, values: list[str | None], keys: list[str | None], column: str = "pay") -> list[str | None]:
    rows = RowContext(row_keys=pa.array(keys, pa.string()), column=column)
    found: list[str | None] = apply(spec, pa.array(values, pa.string()), "X", TOKENS, rows).to_pylist()
    return found


def drawn(spec: Noise) -> "np.ndarray[Any, Any]":
    """The noise on many rows of one value, in steps of the last decimal."""
    out = noisy(spec, ["50"] * COUNT, [f"row {i}" for i in range(COUNT)])
    return np.rint((np.array(out, np.float64) - 50) * 10**spec.decimals).astype(int)


def fits(observed: "np.ndarray[Any, Any]", expected: "np.ndarray[Any, Any]") -> bool:
    """Chi-square within 4 standard deviations (Wilson and Hilferty): once in 30,000 keys it is not."""
    freedom = len(expected) - 1
    chi_square = float(((observed - expected) ** 2 / expected).sum())
    return (chi_square / freedom) ** (1 / 3) < 1 - 2 / (9 * freedom) + 4 * (2 / (9 * freedom)) ** 0.5


def test_uniform_noise_is_even_and_within_its_amount() -> None:
    spec = replace(UNIFORM, decimals=1)
    counts = np.bincount(drawn(spec) + 50, minlength=101)
    assert len(counts) == 101
    assert fits(counts, np.full(101, COUNT / 101))


@pytest.mark.parametrize("epsilon", [50.0, 2.0, 0.5])
def test_laplace_noise_has_the_distribution_of_its_epsilon(epsilon: float) -> None:
    spec = replace(LAPLACE, epsilon=epsilon)
    steps = drawn(spec)
    ratio = math.exp(-epsilon / 100)
    reach = int(5 / (1 - ratio)) + 1
    numbers = np.arange(-reach, reach + 1)
    expected = (1 - ratio) / (1 + ratio) * ratio ** np.abs(numbers)
    width = max(1, reach // 12)
    edges = np.arange(-reach, reach + 2, width)
    observed = np.histogram(steps, edges)[0]
    cells = np.array([expected[(numbers >= a) & (numbers < b)].sum() for a, b in pairwise(edges)])
    cells[-1] = expected[(numbers >= edges[-2]) & (numbers <= edges[-1])].sum()
    kept = cells * COUNT > 20
    assert kept.sum() >= 5
    assert fits(observed[kept], cells[kept] / cells[kept].sum() * observed[kept].sum())
    # The size of the noise is what the epsilon says: E|X| = 2q / (1 - q^2).
    assert abs(np.abs(steps).mean() / (2 * ratio / (1 - ratio**2)) - 1) < 0.05
    assert abs(steps.mean()) < 4 * steps.std() / COUNT**0.5


@pytest.mark.parametrize("scale", [0.3, 7.5, 300.0, 5e4, 2e9])
def test_the_tables_are_the_distribution(scale: float) -> None:
    """Digit by digit: what a table gives a number, and what the geometric distribution does."""
    tables = noise._tables(scale)
    ratio = math.exp(-1 / scale)
    assert float(tables.negative) / 2**64 == pytest.approx(ratio / (1 + ratio), rel=1e-12)
    for place, thresholds in enumerate(reversed(tables.digits)):
        base = math.exp(-(4096**place) / scale)
        shares = np.diff(np.concatenate([[0.0], thresholds.astype(float) / 2.0**64]))
        whole = 1 - base**4096 if place < len(tables.digits) - 1 else 1.0
        exact = np.array([(-math.expm1(-(4096**place) / scale)) * base**n / whole for n in range(len(shares))])
        np.testing.assert_allclose(shares, exact, rtol=1e-6, atol=2**-52)


def test_opendp_says_that_the_epsilon_holds() -> None:
    for epsilon in (0.1, 1, 3.7):
        for sensitivity in (None, 10, 0.3):
            spec = replace(LAPLACE, epsilon=epsilon, sensitivity=sensitivity, decimals=1)
            distance = noise.distance_of(spec)
            assert noise.epsilon_of(noise.scale_of(spec), distance) <= epsilon
            assert distance == {None: 1000, 10: 101, 0.3: 4}[sensitivity]


@given(st.lists(st.floats(-200, 300), min_size=2, max_size=2), st.floats(0.01, 100))
def test_values_so_near_are_at_most_the_distance_apart(values: list[float], sensitivity: float) -> None:
    low, high = sorted(values)
    spec = replace(LAPLACE, sensitivity=sensitivity, decimals=2)
    high = min(high, low + sensitivity)
    steps = noise.on_grid(spec, np.array([low, high]))
    assert 0 <= steps[1] - steps[0] <= noise.distance_of(spec)


def test_a_rerun_a_split_and_an_order_change_nothing() -> None:
    values: list[str | None] = [f"{i % 97}.{i % 10}" for i in range(300)]
    keys: list[str | None] = [str(i) for i in range(300)]
    for spec in (UNIFORM, LAPLACE):
        whole = noisy(spec, values, keys)
        parts = [noisy(spec, values[i : i + 11], keys[i : i + 11]) for i in range(0, 300, 11)]
        assert [text for part in parts for text in part] == whole
        assert noisy(spec, values[::-1], keys[::-1]) == whole[::-1]


def test_noise_is_another_in_another_column_row_value_and_declaration() -> None:
    values, keys = ["50"] * 200, [str(i) for i in range(200)]
    spec = replace(LAPLACE, epsilon=0.1)
    base = noisy(spec, values, keys)
    others = [
        noisy(spec, values, keys, "bonus"),
        noisy(replace(spec, epsilon=0.2), values, keys),
        noisy(spec, values, [f"{key}x" for key in keys]),
    ]
    more = noisy(spec, ["51"] * 200, keys)
    others.append([None if text is None else str(int(text) - 1) for text in more])
    for other in others:
        assert sum(a == b for a, b in zip(base, other, strict=True)) < 10


def test_values_are_clamped_before_the_noise() -> None:
    keys = [str(i) for i in range(200)]
    assert noisy(UNIFORM, ["1000"] * 200, keys) == noisy(UNIFORM, ["100"] * 200, keys)
    assert max(int(text or 0) for text in noisy(UNIFORM, ["1e9"] * 200, keys)) <= 105


def test_numbers_are_written_with_their_decimals() -> None:
    spec = replace(UNIFORM, lower=-100, decimals=2)
    out = noisy(spec, ["-3", "-0.004", "7.5", "+1", ".5", "5."] * 30, [str(i) for i in range(180)])
    assert all(text and len(text.rpartition(".")[2]) == 2 for text in out)
    near = np.array([float(text or "nan") for text in out]) - np.array([-3, 0, 7.5, 1, 0.5, 5] * 30)
    assert np.abs(near).max() <= 5.01


@pytest.mark.parametrize("value", ["", " ", "n/a", "nan", "inf", "1,000", "12€", "0x10", "--1"])
def test_what_is_no_number_and_a_row_without_a_key_never_pass(value: str) -> None:
    redact = replace(UNIFORM, malformed="redact")
    with pytest.raises(ProtectionError):
        noisy(UNIFORM, [value], ["1"])
    assert noisy(redact, [value, "5", None], ["1", None, "1"]) == ["[X]", "[X]", None]


def test_without_row_keys_or_column_it_does_not_run() -> None:
    with pytest.raises(ProtectionError, match="row key"):
        apply(UNIFORM, pa.array(["1"]), "X", TOKENS)
    with pytest.raises(ProtectionError, match="column"):
        apply(UNIFORM, pa.array(["1"]), "X", TOKENS, RowContext(row_keys=pa.array(["1"])))


def test_without_opendp_laplace_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp", None)
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(UsageError, match=r"clearance\[noise\]"):
        noise.scale_of(replace(LAPLACE, epsilon=1.2345))


def test_choices_have_no_bias_to_small_numbers() -> None:
    """Of 3 * 2^38 numbers the first third would come up four times for three without the rejection."""
    count = 3 << 38
    largest = (1 << 64) // count * count
    refused, taken = largest.to_bytes(8, "big"), (5).to_bytes(8, "big")
    assert choose(np.frombuffer(refused + taken + bytes(16), np.uint8).reshape(1, 32), count).tolist() == [5]
    assert choose(
        np.frombuffer((largest - 1).to_bytes(8, "big") + bytes(24), np.uint8).reshape(1, 32), count
    ).tolist() == [count - 1]
