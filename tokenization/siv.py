"""AES-SIV (RFC 5297) on whole arrays: deterministic authenticated encryption, the tag in front.

Equal values under one key and associated data give equal ciphertexts, which is what makes a join possible and what
leaks: equality, and the length. Short values take the batched path, long or lonely ones the library's AESSIV; both
give the same bytes, and ``tests/unit/tokenization/test_siv.py`` holds that on random values and published vectors.
"""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from clearance.tokenization.cmac import BlockCipher, Cmac, double, ends, xor
from clearance.tokenization.rows import (
    BLOCK,
    Booleans,
    Bytes,
    Integers,
    Rows,
    binary_of,
    clear_ends,
    columns,
    in_order,
    in_rows,
    put_columns,
)

TAG_BYTES = BLOCK
_CLEARED = np.uint64(0x7FFFFFFF7FFFFFFF)


class Siv:
    """One key with one list of associated data, ready for many values. Holds the key: can't be pickled.

    Use a key for this alone. Never take a null of ``decrypt`` for an empty value: it means forged or foreign.
    """

    __slots__ = ("_associated", "_keystream", "_lasts", "_mac", "_scalar", "_short", "_tails")

    def __init__(self, key: bytes, associated: Sequence[bytes] = ()) -> None:
        """``key``: 32, 48 or 64 bytes, half for the tag and half for the encryption (AES-128, -192, -256).

        Raises ``ValueError`` for any other length and for more than 126 items of associated data.
        """
        if len(associated) > 126:
            raise ValueError("AES-SIV takes at most 126 items of associated data")
        self._scalar = AESSIV(key)
        self._associated = list(associated)
        half = len(key) // 2
        self._mac = Cmac(key[:half])
        self._keystream = BlockCipher(key[half:])
        state = self._mac.one(bytes(BLOCK))
        for item in associated:
            state = xor(double(state), self._mac.one(item))
        # What a value's only, last, and last but one block are XORed with: S2V's and CMAC's own in one.
        self._short = ends(double(state), state) ^ self._mac.ends[BLOCK]
        tails = _tails(state)
        self._tails = tails[:, :BLOCK].copy()
        self._lasts = tails[:, BLOCK:] ^ self._mac.ends[[BLOCK, *range(1, BLOCK)]]

    def encrypt(self, values: pa.Array) -> pa.Array:
        """Binary or text values -> ``large_binary`` of tag and ciphertext, 16 bytes longer. Nulls stay null."""
        present = values.drop_null() if values.null_count else values
        groups, rest = in_rows(present)
        parts = [(rows.positions, binary_of(self.encrypt_rows(rows), rows.lengths + TAG_BYTES)) for rows in groups]
        parts.append((rest, pa.array([self.encrypt_one(value) for value in _octets(present, rest)], pa.large_binary())))
        return _among_nulls(in_order(parts, pa.large_binary()), values)

    def decrypt(self, values: pa.Array) -> pa.Array:
        """The inverse, as ``large_binary``. Null for null, and for what this key and associated data did not make."""
        present = values.drop_null() if values.null_count else values
        groups, rest = in_rows(present)
        parts = []
        for rows in groups:
            plain, lengths, holds = self.decrypt_rows(rows)
            opened = binary_of(plain, lengths)
            parts.append((rows.positions, opened if holds.all() else _null_unless(opened, holds)))
        parts.append((rest, pa.array([self.decrypt_one(value) for value in _octets(present, rest)], pa.large_binary())))
        return _among_nulls(in_order(parts, pa.large_binary()), values)

    def encrypt_rows(self, rows: Rows) -> Bytes:
        """(n, width) -> (n, 16 + width): tag and ciphertext, zero behind ``length + 16`` bytes."""
        tags = self._synthetic_ivs(rows.octets, rows.lengths)
        found = np.empty((len(tags), TAG_BYTES + rows.octets.shape[1]), np.uint8)
        put_columns(found, 0, tags)
        put_columns(found, TAG_BYTES, self._crypt(tags, rows.octets, rows.lengths))
        return found

    def decrypt_rows(self, rows: Rows) -> tuple[Bytes, Integers, Booleans]:
        """Tags with ciphertexts -> plain values (n, width) zero behind their lengths, those lengths, and whether each
        is genuine. Where it is not the value is zeros: no unverified plaintext leaves.
        """
        tags, width = columns(rows.octets, 0, TAG_BYTES), rows.octets.shape[1] - TAG_BYTES
        holds = rows.lengths >= TAG_BYTES
        lengths = np.where(holds, rows.lengths - TAG_BYTES, 0)
        hidden = columns(rows.octets, TAG_BYTES, width) if width else np.zeros_like(tags)
        plain = self._crypt(tags, hidden, lengths)
        # All 16 bytes of all rows are compared, whatever differs first: the time tells nothing.
        differ = (self._synthetic_ivs(plain, lengths) ^ tags).view(np.uint64)
        holds &= (differ[:, 0] | differ[:, 1]) == 0
        if not holds.all():
            plain *= holds[:, None]
        return plain, np.where(holds, lengths, 0), holds

    def encrypt_one(self, value: bytes) -> bytes:
        """One value by the library."""
        return self._scalar.encrypt(value, self._associated)

    def decrypt_one(self, value: bytes) -> bytes | None:
        """One value by the library; None for what is not genuine."""
        try:
            return self._scalar.decrypt(value, self._associated)
        except (InvalidTag, ValueError):
            return None

    def _synthetic_ivs(self, octets: Bytes, lengths: Integers) -> Bytes:
        """S2V of RFC 5297 section 2.4, whose last string is the value."""
        width = octets.shape[1]
        if width == BLOCK:
            return self._mac.chain([octets ^ self._short.take(lengths, axis=0)])
        blocks = [columns(octets, start, BLOCK) for start in range(0, width, BLOCK)]
        beyond = lengths % BLOCK
        blocks[-2] ^= self._tails.take(beyond, axis=0)
        blocks[-1] ^= self._lasts.take(beyond, axis=0)
        return self._mac.chain(blocks)

    def _crypt(self, tags: Bytes, octets: Bytes, lengths: Integers) -> Bytes:
        """AES in counter mode from the tag, RFC 5297 section 2.5. Its own inverse."""
        halves = tags.view(">u8")
        # The bits 31 and 63 are cleared: the counter's lower half never carries into its upper one.
        low = halves[:, 1].astype(np.uint64) & _CLEARED
        counters = np.empty((len(tags), octets.shape[1] // BLOCK, 2), ">u8")
        for number in range(counters.shape[1]):
            counters[:, number, 0] = halves[:, 0]
            counters[:, number, 1] = low + np.uint64(number)
        mixed = self._keystream(counters.view(np.uint8).reshape(octets.shape))
        mixed ^= octets
        clear_ends(mixed, lengths)
        return mixed

    def __repr__(self) -> str:
        return "<Siv>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Siv holds its key: it can't be pickled or copied")


def _tails(state: bytes) -> Bytes:
    """(16, 32): what the last two blocks of a value of ``16k + n`` bytes, k > 0, are XORed with: xorend of S2V."""
    table = np.zeros((BLOCK, 2 * BLOCK), np.uint8)
    for beyond in range(BLOCK):
        # The last 16 bytes of the value: they start ``beyond`` bytes into its last block but one.
        start = beyond or BLOCK
        table[beyond, start : start + BLOCK] = np.frombuffer(state, np.uint8)
    return table


def _octets(values: pa.Array, positions: Integers) -> list[bytes]:
    chosen: list[bytes] = values.take(pa.array(positions)).cast(pa.large_binary()).to_pylist()
    return chosen


def _null_unless(values: pa.Array, holds: Booleans) -> pa.Array:
    return values.take(pa.array(np.arange(len(values)), mask=~holds))


def _among_nulls(present: pa.Array, values: pa.Array) -> pa.Array:
    """The results for the values that are not null, with nulls where ``values`` has them."""
    if not values.null_count:
        return present
    held = np.asarray(values.is_valid())
    return present.take(pa.array(np.cumsum(held) - 1, mask=~held))
