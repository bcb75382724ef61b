"""Phone numbers by the thousand: the usual decisions of :mod:`~clearance.classifiers.phone_rules`, in RE2.

A number written without any prefix is valid where the first region of its calling code knows it. That is two patterns
for thousands of numbers at once. What they don't accept may still be a number: then the rules themselves are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.phone_rules import NumberingPlan, Region, country_code_of, numbering_plan

Mask = npt.NDArray[np.bool_]


def surely_dialled(region: Region, numbers: Sequence[str]) -> Mask:
    """Numbers of which this alone tells that ``region.accepts`` them; digits only, all of the same length."""
    if region.any_needs_prefix:
        return np.zeros(len(numbers), np.bool_)
    values = pa.array(numbers, pa.string())
    prefixed = [region.calling_code, region.idd.pattern, region.prefix.pattern]
    return _surely_valid(region.plan, values) & ~_begins(values, prefixed)


def surely_international(numbers: Sequence[str]) -> Mask:
    """Numbers of which this alone tells that they are valid behind a plus sign; digits only, all of the same length."""
    found = np.zeros(len(numbers), np.bool_)
    by_code: dict[int, list[int]] = {}
    for row, number in enumerate(numbers):
        code = country_code_of(number)
        if code is not None:
            by_code.setdefault(code, []).append(row)
    for code, rows in by_code.items():
        plan = numbering_plan(code)
        values = pa.array([numbers[row][len(str(code)) :] for row in rows], pa.string())
        found[rows] = _surely_valid(plan, values) & ~_begins(values, [plan.prefix.pattern])
    return found


def _surely_valid(plan: NumberingPlan, values: pa.Array) -> Mask:
    patterns = _patterns(plan, len(values[0].as_py()))
    if not patterns:
        return np.zeros(len(values), np.bool_)
    valid = np.ones(len(values), np.bool_)
    for pattern in patterns:
        valid &= _matches(values, f"^(?:{pattern})$")
    return valid


@lru_cache(maxsize=1 << 10)
def _patterns(plan: NumberingPlan, length: int) -> tuple[str, ...]:
    return plan.first_region_patterns(length)


def _begins(values: pa.Array, patterns: Sequence[str]) -> Mask:
    some = "|".join(filter(None, patterns))
    return _matches(values, f"^(?:{some})") if some else np.zeros(len(values), np.bool_)


def _matches(values: pa.Array, pattern: str) -> Mask:
    mask: Mask = pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False)
    return mask
