"""The token's bytes, for a whole batch at once: base32 text and the keyed check, on numpy arrays.

Base32 is RFC 4648 section 6 in lower case without padding. The check is AES-256-CMAC (RFC 4493, NIST SP
800-38B) over one complete block; for such a message CMAC is one AES call on ``message XOR K1``, so a batch is
one OpenSSL call. ``tests/unit/tokenization`` compares each function with the library's scalar one.
"""

from typing import Any, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
_VALUES = np.full(256, 255, dtype=np.uint8)
_VALUES[_ALPHABET] = np.arange(32, dtype=np.uint8)
_SHIFTS = np.arange(35, -5, -5, dtype=np.uint64)
# Two characters at a time: the table is small enough for the cache, and the work is halved.
_PAIRS = np.stack([np.repeat(_ALPHABET, 32), np.tile(_ALPHABET, 32)], axis=1).view(np.uint16).ravel()
_PAIR_SHIFTS = np.arange(30, -10, -10, dtype=np.uint64)


def base32_encode(data: Bytes) -> Bytes:
    """(n, 5k) bytes -> (n, 8k) ASCII characters."""
    rows, width = data.shape
    groups = np.zeros((rows * width // 5, 8), dtype=np.uint8)
    groups[:, 3:] = data.reshape(-1, 5)
    numbers = groups.view(">u8").astype(np.uint64)
    pairs = (numbers >> _PAIR_SHIFTS) & np.uint64(1023)
    characters: Bytes = _PAIRS[pairs].view(np.uint8).reshape(rows, width // 5 * 8)
    return characters


def is_base32(text: Bytes) -> Booleans:
    """For each row of characters, whether all of them belong to the alphabet."""
    return np.asarray((_VALUES[text] < 32).all(axis=1), dtype=np.bool_)


def base32_decode(text: Bytes) -> Bytes:
    """(n, 8k) ASCII characters of the base32 alphabet (the caller's pattern made sure) -> (n, 5k) bytes."""
    rows, width = text.shape
    numbers = (_VALUES[text].reshape(-1, 8).astype(np.uint64) << _SHIFTS).sum(axis=1, dtype=np.uint64)
    octets = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:]
    return np.ascontiguousarray(octets).reshape(rows, width // 8 * 5)


def check_characters(key: bytes, blocks: Bytes) -> Bytes:
    """AES-256-CMAC of each row of ``blocks`` (n, 16), its first 30 bits as (n, 6) base32 characters."""
    # ECB is the raw block cipher here, the building block CMAC is defined on; no data is encrypted with it.
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305
    subkey = np.frombuffer(_double(encryptor.update(bytes(16))), dtype=np.uint8)
    macs = np.frombuffer(encryptor.update((blocks ^ subkey).tobytes()), dtype=np.uint8).reshape(-1, 16)
    return base32_encode(np.ascontiguousarray(macs[:, :5]))[:, :6]


def _double(block: bytes) -> bytes:
    """Multiplication by x in GF(2^128), RFC 4493 section 2.3: the subkey K1 from the encrypted zero block."""
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = (number & ((1 << 128) - 1)) ^ 0x87
    return number.to_bytes(16, "big")
