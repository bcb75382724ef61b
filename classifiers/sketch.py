"""HyperLogLog: how many distinct values, without keeping one.

Our own, because the estimate must not depend on the order of the values or on the partitions: the estimators of
ready-made sketches (HIP) do. Registers as in Flajolet et al. 2007; the estimator is Ertl's (2017, "New cardinality
estimation algorithms for HyperLogLog sketches", algorithm 6), which needs no bias tables.

What is a combination and what is refused for counting hang on the estimate, so the same values give the same one in
every run: the hash is everybody's. A run's salt shuffles the registers instead, which the estimate does not see, and
without it no register can be compared with a guess.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.siphash import siphash
from clearance.values import octets_of

#: Octets up to which a value is hashed together with others.
SHORT = 256

_P = 12
_M = 1 << _P
_Q = 64 - _P
_KEY = b"clearance sketch"


class DistinctSketch:
    """4,096 registers: standard error 1.6 %, nearly exact below 100.

    A hash is SipHash for all short values at once, BLAKE2 for each long one. In which register it is kept is known
    to those who have the run's ``salt``, 16 to 64 bytes.
    """

    def __init__(self, salt: bytes) -> None:
        self._places: npt.NDArray[np.int64] | None = _places(salt)
        self._salt_id = blake2b(b"clearance salt id", digest_size=8, key=salt).hexdigest()
        self._registers: npt.NDArray[np.uint8] = np.zeros(_M, dtype=np.uint8)

    def update(self, values: pa.Array) -> None:
        """Count the values of a string array without nulls; repeated ones cost time and change nothing.

        Not after :meth:`from_dict`: the salt is gone, and ValueError is raised.
        """
        if self._places is None:
            raise ValueError("a sketch that was read back can be merged, not updated")
        short = pc.less_equal(pc.binary_length(values), SHORT)
        all_short = pc.all(short).as_py() is not False
        octets, offsets = octets_of(values if all_short else values.filter(short))
        self._count(siphash(octets, offsets, _KEY), self._places)
        if not all_short:
            all_long = not pc.any(short).as_py()
            long = (values if all_long else values.filter(pc.invert(short))).cast(pa.large_binary())
            digests = b"".join(blake2b(value.as_buffer(), digest_size=8, key=_KEY).digest() for value in long)
            self._count(np.frombuffer(digests, dtype="<u8"), self._places)

    def _count(self, numbers: npt.NDArray[np.uint64], places: npt.NDArray[np.int64]) -> None:
        if not len(numbers):
            return
        index = places[(numbers >> np.uint64(_Q)).astype(np.int64)]
        rest = numbers & np.uint64((1 << _Q) - 1)
        # Position of the first one-bit among the 52 lower bits: frexp is exact for integers below 2**53.
        rank = (_Q + 1 - np.frexp(rest.astype(np.float64))[1]).astype(np.uint8)
        np.maximum.at(self._registers, index, rank)

    def merge(self, other: DistinctSketch) -> None:
        """Union. Both must have the same salt, or the result would count values twice."""
        if other._salt_id != self._salt_id:
            raise ValueError("sketches with different salts can't be merged")
        np.maximum(self._registers, other._registers, out=self._registers)

    def estimate(self) -> int:
        """Number of distinct values, rounded."""
        counts = np.bincount(self._registers, minlength=_Q + 2)
        z = _M * _tau((_M - int(counts[_Q + 1])) / _M)
        for k in range(_Q, 0, -1):
            z = 0.5 * (z + int(counts[k]))
        z += _M * _sigma(int(counts[0]) / _M)
        return 0 if math.isinf(z) else round(_M * _M / (2 * math.log(2)) / z)

    def to_dict(self) -> dict[str, str]:
        """Registers and a name for the salt, JSON-ready. The salt itself stays where the values are."""
        return {
            "salt_id": self._salt_id,
            "registers": base64.b85encode(zlib.compress(self._registers.tobytes())).decode(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> DistinctSketch:
        """Inverse of :meth:`to_dict`, for merging."""
        sketch = cls.__new__(cls)
        sketch._places = None
        sketch._salt_id = data["salt_id"]
        registers = zlib.decompress(base64.b85decode(data["registers"]))
        sketch._registers = np.frombuffer(registers, dtype=np.uint8).copy()
        return sketch


@lru_cache(maxsize=4)
def _places(salt: bytes) -> npt.NDArray[np.int64]:
    """For each register the place at which it is kept."""
    key = blake2b(b"clearance sketch key", digest_size=16, key=salt).digest()
    registers = np.arange(_M, dtype="<u8").view(np.uint8)
    return np.argsort(siphash(registers, np.arange(_M + 1, dtype=np.int64) * 8, key), kind="stable")


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    y, z = 1.0, x
    while True:
        x *= x
        last = z
        z += x * y
        y += y
        if z == last:
            return z


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, z = 1.0, 1 - x
    while True:
        x = math.sqrt(x)
        last = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
        if z == last:
            return z / 3
