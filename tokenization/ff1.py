"""FF1, format-preserving encryption of NIST SP 800-38G: a text over an alphabet becomes another of the same length.

One text at a time for any length, and whole arrays where half a text fits 32 bits (18 digits, 12 of base 36): there a
Feistel round of a batch is one OpenSSL call. No library has FF1 in the shape needed, so both are ours around OpenSSL's
AES; published vectors (ACVP, Wycheproof) hold both, and tests hold them equal.

FF1 has no tag: whatever is decrypted gives some text. Equal texts give equal texts, and nothing tells a result from
an original. A small domain can be tried out: fewer than a million texts are refused (SP 800-38G revision 1, draft 2).
"""

from typing import NamedTuple, NoReturn

import numpy as np

from clearance.alphabets import LONGEST, SMALLEST_DOMAIN
from clearance.errors import PolicyError, ProtectionError
from clearance.tokenization.cmac import BlockCipher, xor
from clearance.tokenization.rows import BLOCK, Bytes, Numbers

_ROUNDS = 10
_BATCHED = 1 << 32
"""The largest domain of half a text whose arithmetic stays within 64 bits."""


class _Shape(NamedTuple):
    """What all texts of one length have in common, in the names of SP 800-38G algorithm 7."""

    u: int
    v: int
    b: int
    d: int
    p: bytes
    zeros: bytes
    """Between the tweak and the round's number in Q."""


class Ff1:
    """One key and alphabet, ready for many texts. Holds the key: can't be pickled."""

    __slots__ = ("_alphabet", "_cipher", "_index", "radix")

    def __init__(self, key: bytes, alphabet: str) -> None:
        """``key``: 16, 24 or 32 bytes (``ValueError`` else). ``alphabet``: 2 to 256 different characters, whose
        places are their numerals; ``PolicyError`` else.
        """
        if not 2 <= len(alphabet) <= 256 or len(set(alphabet)) != len(alphabet):
            raise PolicyError(
                "an alphabet of FF1 must have 2 to 256 different characters", hint="list each character once"
            )
        self._cipher = BlockCipher(key)
        self._alphabet = alphabet
        self._index = {character: numeral for numeral, character in enumerate(alphabet)}
        self.radix = len(alphabet)

    def encrypt(self, text: str, tweak: bytes = b"") -> str:
        """The ciphertext of one text. ``tweak``: public bytes that make equal texts differ from place to place.

        Raises ``ProtectionError`` for a character outside the alphabet, a domain below a million and a text of more
        than 4,096 characters.
        """
        return self._crypt(text, tweak, decrypting=False)

    def decrypt(self, text: str, tweak: bytes = b"") -> str:
        """The inverse; raises like ``encrypt``. A wrong key or tweak gives another text, not an error."""
        return self._crypt(text, tweak, decrypting=True)

    def encrypt_rows(self, numerals: Bytes, tweaks: Bytes) -> Bytes:
        """(n, length) numerals, each below the radix -> their ciphertexts, in the same shape.

        ``tweaks`` is (n, t) bytes, a tweak for each row, or (1, t), one for all. Raises ``ProtectionError`` like
        ``encrypt``.
        """
        return self._crypt_rows(numerals, tweaks, decrypting=False)

    def decrypt_rows(self, numerals: Bytes, tweaks: Bytes) -> Bytes:
        """The inverse of ``encrypt_rows``; raises like it."""
        return self._crypt_rows(numerals, tweaks, decrypting=True)

    def is_batched(self, length: int) -> bool:
        """Whether rows of this length take the batched path; the others are worked on one by one."""
        return bool(self.radix ** (length - length // 2) <= _BATCHED)

    def _crypt(self, text: str, tweak: bytes, *, decrypting: bool) -> str:
        try:
            numerals = [self._index[character] for character in text]
        except KeyError:
            raise _outside() from None
        return "".join(self._alphabet[n] for n in self._crypt_numerals(numerals, tweak, decrypting=decrypting))

    def _crypt_numerals(self, numerals: list[int], tweak: bytes, *, decrypting: bool) -> list[int]:
        """Algorithms 7 and 8, one text. The halves are numbers all the way: NUM and STR are needed at the ends only."""
        shape = self._shape(len(numerals), len(tweak))
        fixed = shape.p + tweak + shape.zeros
        whole = len(fixed) // BLOCK * BLOCK
        state = self._chain(bytes(BLOCK), fixed[:whole])
        first, second = self._number(numerals[: shape.u]), self._number(numerals[shape.u :])
        moduli = self.radix**shape.u, self.radix**shape.v
        for i in reversed(range(_ROUNDS)) if decrypting else range(_ROUNDS):
            half = (first if decrypting else second).to_bytes(shape.b, "big")
            y = self._stretched(self._chain(state, fixed[whole:] + bytes([i]) + half), shape.d)
            if decrypting:
                first, second = (second - y) % moduli[i % 2], first
            else:
                first, second = second, (first + y) % moduli[i % 2]
        return self._numerals(first, shape.u) + self._numerals(second, shape.v)

    def _chain(self, state: bytes, message: bytes) -> bytes:
        """PRF of algorithm 6, going on from ``state``."""
        for start in range(0, len(message), BLOCK):
            state = self._cipher.one(xor(state, message[start : start + BLOCK]))
        return state

    def _stretched(self, state: bytes, d: int) -> int:
        """Step 6.iii: the PRF's block and as many more as ``d`` bytes need, as a number."""
        stream = state
        for j in range(1, -(-d // BLOCK)):
            stream += self._cipher.one(xor(state, j.to_bytes(BLOCK, "big")))
        return int.from_bytes(stream[:d], "big")

    def _crypt_rows(self, numerals: Bytes, tweaks: Bytes, *, decrypting: bool) -> Bytes:
        if not len(numerals):
            return numerals.copy()
        if (numerals >= self.radix).any():
            raise _outside()
        shape = self._shape(numerals.shape[1], tweaks.shape[1])
        if not self.is_batched(numerals.shape[1]):
            each = [row.tobytes() for row in np.broadcast_to(tweaks, (len(numerals), tweaks.shape[1]))]
            pairs = zip(numerals.tolist(), each, strict=True)
            texts = [self._crypt_numerals(row, tweak, decrypting=decrypting) for row, tweak in pairs]
            return np.array(texts, np.uint8)
        upper, lower = self._fixed_blocks(shape, tweaks)
        first, second = self._numbers(numerals[:, : shape.u]), self._numbers(numerals[:, shape.u :])
        moduli = np.uint64(self.radix**shape.u), np.uint64(self.radix**shape.v)
        blocks = np.empty((len(numerals), 2), ">u8")
        blocks[:, 0] = upper
        for i in reversed(range(_ROUNDS)) if decrypting else range(_ROUNDS):
            modulus = moduli[i % 2]
            blocks[:, 1] = (first if decrypting else second) ^ (lower ^ np.uint64(i << 8 * shape.b))
            # d is 8: y is the upper half of the block.
            y = self._cipher(blocks.view(np.uint8)).view(">u8")[:, 0].astype(np.uint64)
            quotient = y // modulus
            quotient *= modulus
            y -= quotient
            if decrypting:
                first, second = second - y, first
                # Below zero it is huge, and the other one is the smaller.
                np.minimum(first, first + modulus, out=first)
            else:
                y += first
                first, second = second, np.minimum(y, y - modulus)
        found = np.empty(numerals.shape, np.uint8)
        self._write(first, found[:, : shape.u])
        self._write(second, found[:, shape.u :])
        return found

    def _fixed_blocks(self, shape: _Shape, tweaks: Bytes) -> tuple[Numbers, Numbers]:
        """The last block of P || Q for each tweak, with the chain before it worked in, as two numbers.

        The round's number and half a text, which end that block, are zero in it: they have at most 5 bytes.
        """
        front, zeros = (np.frombuffer(part, np.uint8) for part in (shape.p, shape.zeros + bytes(1 + shape.b)))
        whole = [np.broadcast_to(part, (len(tweaks), len(part))) for part in (front, zeros)]
        message = np.concatenate([whole[0], tweaks, whole[1]], axis=1)
        state = np.zeros((len(tweaks), BLOCK), np.uint8)
        for start in range(0, message.shape[1] - BLOCK, BLOCK):
            state = self._cipher(state ^ message[:, start : start + BLOCK])
        last = (state ^ message[:, -BLOCK:]).view(">u8").astype(np.uint64)
        return last[:, 0], last[:, 1]

    def _shape(self, length: int, tweak_length: int) -> _Shape:
        """Steps 1 to 5, and what of P and Q no round changes."""
        if length < 2 or self.radix**length < SMALLEST_DOMAIN:
            raise ProtectionError(
                "a text is too short for FF1: its domain has fewer than a million texts",
                hint="use a token or a mask for this column",
            )
        if length > LONGEST:
            raise ProtectionError(
                f"a text is too long for FF1: more than {LONGEST} characters", hint="use a token for this column"
            )
        u = length // 2
        v = length - u
        b = ((self.radix**v - 1).bit_length() + 7) // 8
        p = bytes([1, 2, 1]) + self.radix.to_bytes(3, "big") + bytes([_ROUNDS, u % 256])
        p += length.to_bytes(4, "big") + tweak_length.to_bytes(4, "big")
        return _Shape(u, v, b, 4 * -(-b // 4) + 4, p, bytes((-tweak_length - b - 1) % BLOCK))

    def _number(self, numerals: list[int]) -> int:
        number = 0
        for numeral in numerals:
            number = number * self.radix + numeral
        return number

    def _numerals(self, number: int, length: int) -> list[int]:
        numerals = []
        for _ in range(length):
            number, numeral = divmod(number, self.radix)
            numerals.append(numeral)
        return numerals[::-1]

    def _numbers(self, numerals: Bytes) -> Numbers:
        found = np.zeros(len(numerals), np.uint64)
        for column in numerals.T:
            found *= np.uint64(self.radix)
            found += column
        return found

    def _write(self, numbers: Numbers, numerals: Bytes) -> None:
        """The numerals of each number into its row, which is as wide as they need."""
        radix = np.uint64(self.radix)
        for column in reversed(range(numerals.shape[1])):
            rest = numbers // radix
            numerals[:, column] = numbers - rest * radix
            numbers = rest

    def __repr__(self) -> str:
        return f"<Ff1 of radix {self.radix}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an Ff1 holds its key: it can't be pickled or copied")


def _outside() -> ProtectionError:
    return ProtectionError("a text has a character outside the alphabet of FF1", hint="check the column's format")
