"""Numbers with keyed noise, on the grid of the declared decimals, so that no binary fraction tells the value.

``uniform``: equally likely steps, at most ``amount`` either way. It hides a number among its neighbours and guarantees
nothing more. ``laplace``: the discrete Laplace distribution (two-sided geometric: Ghosh, Roughgarden and Sundararajan,
2009) at a scale whose epsilon OpenDP's measurement map computes. The noise itself comes from HMAC-SHA256 over the row
key and the value, for OpenDP's own sampler can't be seeded and a second run would give a second look at the value.

What it guarantees, and against whom: ``docs/decisions/0010-keyed-noise.md``. Who holds the key can take it off again.
"""

import json
import math
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import PolicyError, UsageError
from clearance.perturbing import Noise
from clearance.tokenization.choices import Words, choose, words_of
from clearance.tokenization.malformed import readable, without_malformed
from clearance.tokenization.ring import encode_info
from clearance.tokenization.row_context import RowContext
from clearance.tokenization.rows import Bytes, Integers
from clearance.tokenization.tokens import Tokenizer

_NUMBER = r"^[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?$"
_BASE = 4096
"""The geometric distribution is drawn digit by digit in this base: its digits are independent of each other."""
_MOST_STEPS = 4 * _BASE
"""Of the table of the first digit, which has no largest value."""
_PRECISION = 80
_WORD = 1 << 64


def add_noise(spec: Noise, values: pa.Array, entity_type: str, tokenizer: Tokenizer, rows: RowContext) -> pa.Array:
    """Numbers -> numbers with ``decimals`` digits behind the point. A value without a row key is malformed."""
    keys = rows.row_keys
    assert keys is not None  # RowContext.check has seen to it
    texts = readable(values)
    formed = pc.and_(pc.fill_null(pc.match_substring_regex(texts, _NUMBER), False), keys.is_valid())
    numbers = pc.utf8_ltrim(texts.filter(formed), "+").cast(pa.float64())
    unit = 10**spec.decimals
    steps = on_grid(spec, np.asarray(numbers))
    prefix = encode_info("noise/1", json.dumps(_distribution(spec), sort_keys=True), rows.column)
    octets = pa.large_binary()
    count = pa.Array.from_buffers(pa.binary(8), len(steps), [None, pa.py_buffer(steps.astype(">i8"))])
    # The value is in the message too: a changed value gets other noise, or the change would show without any.
    texts = pc.binary_join_element_wise(keys.filter(formed).cast(octets), count.cast(octets), pa.scalar(b"", octets))
    digests = tokenizer.keyed_hash("noise").digests(texts, prefix)
    noisy = steps + (steps_of_uniform(spec, digests) if spec.distribution == "uniform" else laplace_of(spec, digests))
    place = np.cumsum(np.asarray(formed)) - 1
    changed = _texts(noisy, unit, spec.decimals).take(pa.array(place, mask=~np.asarray(formed)))
    return without_malformed(changed, values, spec.malformed, entity_type, tokenizer, "number of a row with a key")


def on_grid(spec: Noise, numbers: "np.ndarray[Any, np.dtype[np.float64]]") -> Integers:
    """Numbers clamped to the declared bounds, in steps of the last decimal. Larger numbers never give fewer steps."""
    steps: Integers = np.rint(np.clip(numbers, spec.lower, spec.upper) * 10**spec.decimals).astype(np.int64)
    return steps


def steps_of_uniform(spec: Noise, digests: Bytes) -> Integers:
    """For each digest a number of steps, uniform from minus to plus the amount."""
    most = math.floor(Decimal(str(spec.amount)) * 10**spec.decimals)
    steps: Integers = choose(digests, 2 * most + 1) - most
    return steps


def laplace_of(spec: Noise, digests: Bytes) -> Integers:
    """For each digest a number of steps from the discrete Laplace distribution at ``scale_of(spec)``."""
    return _Laplace.of(scale_of(spec)).draw(words_of(digests))


def distance_of(spec: Noise) -> int:
    """The most steps between two values that the stated epsilon is about."""
    low, high = on_grid(spec, np.array([spec.lower, spec.upper], np.float64)).tolist()
    if spec.sensitivity is None:
        return int(high - low)
    # Rounding to the grid can take two values one step further apart.
    return int(min(high - low, math.ceil(Decimal(str(spec.sensitivity)) * 10**spec.decimals) + 1))


@lru_cache(maxsize=64)
def scale_of(spec: Noise) -> float:
    """The scale, in steps, at which OpenDP says that noise on values so far apart has at most the stated epsilon.

    Call it on the driver before anything is read: raises ``UsageError`` when the extra ``noise`` is not installed.
    """
    distance, epsilon = distance_of(spec), float(spec.epsilon or 0)
    scale = distance / epsilon
    for _ in range(100):
        if epsilon_of(scale, distance) <= epsilon:
            return scale
        scale = math.nextafter(scale * (1 + 2**-50), math.inf)
    raise PolicyError(f"no scale of noise has an epsilon of {epsilon}", hint="use one between 0.001 and 10")


def epsilon_of(scale: float, distance: int) -> float:
    """What OpenDP's measurement map says of the discrete Laplace mechanism."""
    try:
        import opendp.prelude as dp
    except ImportError:
        raise UsageError(
            "laplace noise needs OpenDP, which computes what it guarantees", hint="pip install 'clearance[noise]'"
        ) from None
    dp.enable_features("contrib")
    whole = dp.atom_domain(T="i64"), dp.absolute_distance(T="i64")
    return float(dp.m.make_laplace(*whole, scale=scale).map(distance))  # type: ignore[no-untyped-call]


class _Laplace(NamedTuple):
    """Tables of one scale: ``negative`` is the bound of a word below which the number is; ``digits`` the largest first.

    With q = exp(-1 / scale), P(n) is (1 - q) / (1 + q) q^|n|. The number is negative with q / (1 + q), and then
    -1 - G, else G, where P(G = n) = (1 - q) q^n: that gives P exactly. Digits of G in any base are independent, the
    one at B^i geometric with ratio q^(B^i), cut at B but for the first. All probabilities are multiples of 2^-64.
    """

    negative: np.uint64
    digits: tuple[Words, ...]

    @classmethod
    def of(cls, scale: float) -> "_Laplace":
        return _tables(scale)

    def draw(self, words: Words) -> Integers:
        found = np.zeros(len(words), np.int64)
        for place, thresholds in enumerate(self.digits, 1):
            found = found * _BASE + np.searchsorted(thresholds, words[:, place], side="right")
        return np.where(words[:, 0] < self.negative, -1 - found, found)


@lru_cache(maxsize=64)
def _tables(scale: float) -> _Laplace:
    with localcontext() as context:
        context.prec = _PRECISION
        ratio = (-1 / Decimal(scale)).exp()
        negative = np.uint64(int((ratio / (1 + ratio) * _WORD).to_integral_value(ROUND_FLOOR)))
        digits: list[Words] = []
        while (last := _thresholds(ratio, _MOST_STEPS)) is None:
            digits.append(_cut(ratio))
            ratio **= _BASE
        return _Laplace(negative, (last, *reversed(digits)))


def _thresholds(ratio: Decimal, most: int) -> Words | None:
    """P(G <= n) times 2^64 for each n until that is all; None where ``most`` do not suffice."""
    found: list[int] = []
    power = ratio
    while (bound := int(((1 - power) * _WORD).to_integral_value(ROUND_FLOOR))) < _WORD - 1:
        if len(found) == most:
            return None
        found.append(bound)
        power *= ratio
    return np.array(found, np.uint64)


def _cut(ratio: Decimal) -> Words:
    """The same for G < B."""
    whole = 1 - ratio**_BASE
    found, power = [], ratio
    for _ in range(_BASE - 1):
        found.append(int(((1 - power) / whole * _WORD).to_integral_value(ROUND_FLOOR)))
        power *= ratio
    return np.array(found, np.uint64)


def _distribution(spec: Noise) -> dict[str, Any]:
    """What the noise depends on. Two distributions must not share their randomness, or one would tell the other."""
    names = ("distribution", "lower", "upper", "amount", "epsilon", "sensitivity", "decimals")
    return {name: None if getattr(spec, name) is None else str(getattr(spec, name)) for name in names}


def _texts(steps: Integers, unit: int, decimals: int) -> pa.Array:
    if not decimals:
        return pa.array(steps).cast(pa.string())
    sign = pa.array(np.where(steps < 0, "-", ""), pa.string())
    whole, rest = np.divmod(np.abs(steps), unit)
    fraction = pc.utf8_lpad(pa.array(rest).cast(pa.string()), decimals, "0")
    number = pc.binary_join_element_wise(pa.array(whole).cast(pa.string()), fraction, ".")
    return pc.binary_join_element_wise(sign, number, "")
