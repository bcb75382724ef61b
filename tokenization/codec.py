"""Base32 text of a whole batch at once, on numpy arrays: RFC 4648 section 6 in lower case without padding.

Eight characters or five bytes are one 64-bit number, and all eight are worked on at a time ("SWAR"): a table would be
looked into once for each character. ``tests/unit/tokenization`` compares with the standard library.
"""

import numpy as np

from clearance.tokenization.rows import Booleans, Bytes, Integers, Numbers, within

OVER = 3
"""Bytes that are read with each five and left out: a number has eight."""
# (shift, which bits move up by it, which stay): 40 bits become 2 x 20, 4 x 10, 8 x 5, each in a lane of its own.
_STEPS = tuple(
    (np.uint64(shift), np.uint64(moves), np.uint64(stays))
    for shift, moves, stays in (
        (12, 0x000FFFFF00000000, 0x00000000000FFFFF),
        (6, 0x03FF000003FF0000, 0x000003FF000003FF),
        (3, 0x1F001F001F001F00, 0x001F001F001F001F),
    )
)


def _each(octet: int) -> np.uint64:
    """The same octet in all eight lanes."""
    return np.uint64(octet * 0x0101010101010101)


def base32_encode(data: Bytes) -> Bytes:
    """(n, 5k) bytes -> (n, 8k) ASCII characters."""
    rows, width = data.shape
    padded = np.zeros(data.size + OVER, np.uint8)
    padded[: data.size] = data.reshape(-1)
    return base32_of(padded, (data.size // 5,), (5,)).view(np.uint8).reshape(rows, width // 5 * 8)


def base32_of(octets: Bytes, shape: tuple[int, ...], strides: tuple[int, ...], start: int = 0) -> Numbers:
    """The eight characters of each five bytes, as one big-endian number: those at ``start`` and in ``strides`` from it.

    ``octets`` is flat, and read up to ``OVER`` bytes behind the last five.
    """
    numbers = np.ndarray(shape, ">u8", octets.data, start, strides).astype(np.uint64)
    numbers >>= np.uint64(24)
    other = np.empty_like(numbers)
    for shift, moves, stays in _STEPS:
        np.bitwise_and(numbers, stays, out=other)
        numbers <<= shift
        numbers &= moves
        numbers |= other
    # 0 to 25 are a to z, 26 to 31 are 2 to 7: where adding 102 sets the highest bit, 73 less.
    np.add(numbers, _each(128 - 26), out=other)
    other &= _each(128)
    other >>= np.uint64(7)
    other *= np.uint64(ord("a") + 26 - ord("2"))
    numbers += _each(ord("a"))
    numbers -= other
    return numbers.astype(">u8", copy=False)


def base32_decode(text: Bytes) -> Bytes:
    """(n, 8k) ASCII characters -> (n, 5k) bytes. What is no base32 gives bytes that encode to another text."""
    rows, width = text.shape
    numbers = np.ascontiguousarray(text).view(">u8").ravel().astype(np.uint64)
    letters = numbers >> np.uint64(6)
    letters &= _each(1)
    letters *= np.uint64(ord("a") + 26 - ord("2"))
    numbers -= letters
    numbers -= _each(ord("2") - 26)
    numbers &= _each(31)
    for shift, moves, stays in reversed(_STEPS):
        low = numbers & stays
        numbers &= moves
        numbers >>= shift
        numbers |= low
    octets = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:]
    return np.ascontiguousarray(octets).reshape(rows, width // 8 * 5)


def encoded_length(lengths: Integers) -> Integers:
    """Characters that this many bytes are written in."""
    return (lengths * 8 + 4) // 5


def decode_rows(text: Bytes, lengths: Integers) -> tuple[Bytes, Integers, Booleans]:
    """(n, 8k) characters, each row up to its length -> bytes (n, 5k), zero behind their lengths; those lengths; and
    whether the row is base32 as ``base32_encode`` would write it. Where it is not, the bytes mean nothing.
    """
    characters = np.where(within(text.shape[1], lengths), text, np.uint8(ord("a")))
    octets = base32_decode(characters)
    sizes = lengths * 5 // 8
    octets *= within(octets.shape[1], sizes)
    # Bits beyond the last byte must be zero, or one body would have several spellings.
    same = base32_encode(octets).view(np.uint64) == characters.view(np.uint64)
    return octets, sizes, same.all(axis=1) & (encoded_length(sizes) == lengths)
