"""AES-CMAC (RFC 4493, NIST SP 800-38B) of many messages under one key, one OpenSSL call for each block of the chain."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from clearance.tokenization.rows import BLOCK, Bytes, Integers, blocks_of, columns, pieces, put_columns


class BlockCipher:
    """AES on each of many blocks by itself: the permutation that CMAC, SIV and FF1 are defined on.

    Nothing is secret that was encrypted with this alone: ECB shows equal blocks.
    """

    __slots__ = ("_update",)

    def __init__(self, key: bytes) -> None:
        """``key``: 16, 24 or 32 bytes; ``ValueError`` for any other length."""
        self._update = Cipher(AES(key), ECB()).encryptor().update_into  # noqa: S305

    def __call__(self, blocks: Bytes) -> Bytes:
        """(n, 16k) bytes -> their encryption, block by block, in the same shape."""
        # OpenSSL asks for room for one more block.
        out = np.empty(blocks.size + BLOCK - 1, np.uint8)
        written = self._update(np.ascontiguousarray(blocks).reshape(-1).data, out.data)
        return out[:written].reshape(blocks.shape)

    def one(self, block: bytes) -> bytes:
        """One block of 16 bytes."""
        out = bytearray(2 * BLOCK - 1)
        return bytes(out[: self._update(block, out)])

    def __repr__(self) -> str:
        return "<BlockCipher>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a cipher holds its key: it can't be pickled or copied")


class Cmac:
    """One key, ready for many messages. Holds the key: can't be pickled.

    ``ends``: what last blocks are XORed with, by their length; secret like the key.
    """

    __slots__ = ("_cipher", "ends")

    def __init__(self, key: bytes) -> None:
        """``key``: 16, 24 or 32 bytes; ``ValueError`` for any other length."""
        self._cipher = BlockCipher(key)
        whole = double(self._cipher.one(bytes(BLOCK)))
        self.ends = ends(double(whole), whole)

    def macs(self, octets: Bytes, lengths: Integers) -> Bytes:
        """(n, 16): the MAC of each row's first ``length`` bytes. ``octets`` is (n, 16k), zero behind the lengths."""
        blocks = blocks_of(lengths)
        least, most = (int(found) for found in (blocks.min(initial=1 << 30), blocks.max(initial=0)))
        if not most:
            return np.empty((0, BLOCK), np.uint8)
        first = [columns(octets, start * BLOCK, BLOCK) for start in range(least)]
        first[-1] ^= self._ends_at((least - 1) * BLOCK, lengths)
        state = self.chain(first)
        for number in range(least, most):
            rows = np.flatnonzero(blocks > number)
            start = number * BLOCK
            block = pieces(octets.reshape(-1), rows * octets.shape[1] + start, BLOCK)
            block ^= self._ends_at(start, lengths[rows])
            block ^= pieces(state.reshape(-1), rows * BLOCK, BLOCK)
            put_columns(state, 0, self._cipher(block), rows)
        return state

    def _ends_at(self, start: int, lengths: Integers) -> Bytes:
        """What blocks that begin there are XORed with: those that go on behind them with nothing."""
        return self.ends.take(np.minimum(lengths - start, _MORE), axis=0)

    def chain(self, blocks: Sequence[Bytes]) -> Bytes:
        """(n, 16): what AES makes of each block and what it made of the one before. The blocks are changed."""
        state = self._cipher(blocks[0])
        for block in blocks[1:]:
            block ^= state
            state = self._cipher(block)
        return state

    def one(self, message: bytes) -> bytes:
        """The MAC of one message, 16 bytes."""
        width = max(-(-len(message) // BLOCK), 1) * BLOCK
        octets = np.frombuffer(message.ljust(width, b"\0"), np.uint8).reshape(1, width)
        return self.macs(octets, np.array([len(message)])).tobytes()

    def __repr__(self) -> str:
        return "<Cmac>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Cmac holds its key: it can't be pickled or copied")


def double(block: bytes) -> bytes:
    """Multiplication by x in GF(2^128), RFC 4493 section 2.3."""
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = (number & ((1 << 128) - 1)) ^ 0x87
    return number.to_bytes(BLOCK, "big")


def xor(first: bytes, second: bytes) -> bytes:
    """Of two strings of equal length."""
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).to_bytes(len(first), "big")


_MORE = BLOCK + 1
"""The place in the table of ends for a block that is not the last."""


def ends(partial: bytes, whole: bytes) -> Bytes:
    """(18, 16): what a last block with 0 to 16 bytes is XORed with: its padding, and ``partial`` or ``whole``.

    And with nothing what is no last block.
    """
    table = np.zeros((_MORE + 1, BLOCK), np.uint8)
    np.fill_diagonal(table[:BLOCK], 0x80)
    table[:BLOCK] ^= np.frombuffer(partial, np.uint8)
    table[BLOCK] = np.frombuffer(whole, np.uint8)
    return table
