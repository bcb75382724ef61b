"""SipHash-2-4 over many short byte strings at once.

Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF". One step of the algorithm is taken for all strings
together, eight bytes of each; the cost of the interpreter is shared by all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]


def siphash(octets: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], key: bytes) -> Words:
    """The 64-bit SipHash-2-4 of each string ``octets[offsets[i]:offsets[i + 1]]``; ``key`` has 16 bytes.

    Meant for strings of up to some hundred bytes: a longer one costs a step in Python for each eight bytes.
    Raises ValueError for a key of another length.
    """
    if len(key) != 16:
        raise ValueError("the key of SipHash has 16 bytes")
    k0, k1 = np.frombuffer(key, dtype="<u8")
    lengths = np.diff(offsets)
    blocks = lengths // 8 + 1
    # Longest first: the strings that still have a block are the first ones, and a slice reaches them all.
    order = np.argsort(-blocks, kind="stable")
    starts, lengths, blocks = offsets[:-1][order], lengths[order], blocks[order]
    state = np.empty((4, len(order)), dtype=np.uint64)
    constants = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    for row, (constant, part) in enumerate(zip(constants, (k0, k1, k0, k1), strict=True)):
        state[row] = np.uint64(constant) ^ part
    # A view of the eight bytes from any position on; the padding lets the last block reach beyond the end.
    padded = np.concatenate([octets, np.zeros(8, dtype=np.uint8)])
    eight: Words = np.ndarray(len(octets) + 1, dtype="<u8", buffer=padded, strides=(1,))
    for block in range(int(blocks[0]) if len(blocks) else 0):
        active = int(np.searchsorted(-blocks, -block))
        longer = int(np.searchsorted(-blocks, -block - 1))
        message = eight[starts[:active] + 8 * block]
        tail = lengths[longer:active].astype(np.uint64)
        kept = (np.uint64(1) << (tail % np.uint64(8) * np.uint64(8))) - np.uint64(1)
        message[longer:] = message[longer:] & kept | tail << np.uint64(56)
        now = state[:, :active]
        now[3] ^= message
        _rounds(now, 2)
        now[0] ^= message
    state[2] ^= np.uint64(0xFF)
    _rounds(state, 4)
    hashes = np.empty(len(order), dtype=np.uint64)
    hashes[order] = state[0] ^ state[1] ^ state[2] ^ state[3]
    return hashes


def _rounds(state: Words, number: int) -> None:
    v0, v1, v2, v3 = state
    for _ in range(number):
        v0 += v1
        _rotate(v1, 13)
        v1 ^= v0
        _rotate(v0, 32)
        v2 += v3
        _rotate(v3, 16)
        v3 ^= v2
        v0 += v3
        _rotate(v3, 21)
        v3 ^= v0
        v2 += v1
        _rotate(v1, 17)
        v1 ^= v2
        _rotate(v2, 32)


def _rotate(words: Words, by: int) -> None:
    high = words >> np.uint64(64 - by)
    words <<= np.uint64(by)
    words |= high
