"""Keyed choices: from HMACs to numbers that are uniform, the same at every run, and without bias to small ones."""

from typing import Any, TypeAlias

import numpy as np

from clearance.tokenization.rows import Bytes, Integers

Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]
WORDS = 4
"""64-bit words in an HMAC-SHA256."""
MOST = 1 << 40
"""The most numbers to choose from: of so many, all four words of a digest are refused less than once in 2^90."""


def words_of(digests: Bytes) -> Words:
    """(n, 4): the 64-bit words of digests (n, 32), big-endian."""
    return np.ascontiguousarray(digests).view(">u8").astype(np.uint64)


def choose(digests: Bytes, count: int) -> Integers:
    """For each of n digests, (n, 32), a number from 0 to ``count - 1``, at most ``MOST`` of them.

    A word below the largest multiple of ``count`` is taken modulo ``count``; of the others there would be some small
    numbers too many, so the next word is tried (rejection sampling, as in SP 800-90A appendix A.5.1).
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"can't choose among {count}")
    words = words_of(digests)
    limit = np.uint64((1 << 64) // count * count - 1)
    first = np.argmax(words <= limit, axis=1)
    chosen: Integers = (words[np.arange(len(words)), first] % np.uint64(count)).astype(np.int64)
    return chosen
