"""AES-CMAC (RFC 4493, NIST SP 800-38B) of many messages under one key, one OpenSSL call for each block of the chain."""

from typing import NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from clearance.tokenization.rows import BLOCK, Bytes, Integers


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
    """One key, ready for many messages. Holds the key: can't be pickled."""

    __slots__ = ("_cipher", "_ends")

    def __init__(self, key: bytes) -> None:
        """``key``: 16, 24 or 32 bytes; ``ValueError`` for any other length."""
        self._cipher = BlockCipher(key)
        whole = double(self._cipher.one(bytes(BLOCK)))
        self._ends = ends(double(whole), whole)

    def macs(self, octets: Bytes, lengths: Integers) -> Bytes:
        """(n, 16): the MAC of each row's first ``length`` bytes. ``octets`` is (n, 16k), zero behind the lengths."""
        if len(lengths) and lengths[0] == lengths[-1] and (lengths == lengths[0]).all():
            # One length for all: nothing to sort, and one end for all rows.
            length = int(lengths[0])
            return self._chain(octets, lengths[:1], max(-(-length // BLOCK), 1))
        blocks = np.maximum((lengths + BLOCK - 1) // BLOCK, 1)
        counts = np.flatnonzero(np.bincount(blocks))
        if len(counts) == 1:
            return self._chain(octets, lengths, int(counts[0]))
        found = np.empty((len(octets), BLOCK), np.uint8)
        for count in counts:
            rows = np.flatnonzero(blocks == count)
            found[rows] = self._chain(octets[rows], lengths[rows], int(count))
        return found

    def _chain(self, octets: Bytes, lengths: Integers, blocks: int) -> Bytes:
        """The MACs of messages that all have this many blocks."""
        end = (blocks - 1) * BLOCK
        last = octets[:, end : end + BLOCK] ^ self._ends[lengths - end]
        if not end:
            return self._cipher(last)
        state = self._cipher(octets[:, :BLOCK])
        for start in range(BLOCK, end, BLOCK):
            state = self._cipher(octets[:, start : start + BLOCK] ^ state)
        return self._cipher(last ^ state)

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


def ends(partial: bytes, whole: bytes) -> Bytes:
    """(17, 16): what a last block with 0 to 16 bytes is XORed with: its padding, and ``partial`` or ``whole``."""
    table = np.zeros((BLOCK + 1, BLOCK), np.uint8)
    np.fill_diagonal(table, 0x80)
    table[:BLOCK] ^= np.frombuffer(partial, np.uint8)
    table[BLOCK] = np.frombuffer(whole, np.uint8)
    return table
