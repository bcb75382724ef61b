"""Format-preserving encryption of columns: values keep their length, their separators and what is kept on purpose.

FF1 changes the symbols, the characters of the declared alphabet, and nothing else; the symbols kept in front and at
the end are its tweak, as SP 800-38G advises, so that equal middles beside different ends don't look equal. A value
that holds any other character, or too few free symbols, is malformed and never passes.

What it leaks: equality, length and layout, the kept symbols. Nothing tells a result from an original, so a second run
would encrypt it again: only a record of what was done can prevent that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from clearance.errors import PolicyError
from clearance.tokenization.ff1 import LONGEST, Ff1, fewest_symbols
from clearance.tokenization.rows import Bytes, Integers, flat

_DIGITS, _LOWER, _UPPER = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABETS: Mapping[str, str] = MappingProxyType(
    {
        "digits": _DIGITS,
        "hexadecimal": _DIGITS + "abcdef",
        "lower": _LOWER,
        "upper": _UPPER,
        "lower_alphanumeric": _DIGITS + _LOWER,
        "upper_alphanumeric": _DIGITS + _UPPER,
    }
)
"""Names a policy can use. Lower- and upper-case letters are different symbols."""

_USUAL_SYMBOLS = MappingProxyType({"CREDIT_CARD": 16, "US_SSN": 9, "US_ITIN": 9, "ABA_ROUTING_NUMBER": 9, "US_NPI": 10})
"""Symbols in a whole value of a type: what is kept of a card must leave enough of the 16 digits most cards have."""

_FOREIGN, _SEPARATOR = 255, 254
_ROWS = 1 << 12


@dataclass(frozen=True)
class Format:
    """How a column's values are written. Raises ``PolicyError`` when FF1 can't protect such values.

    ``alphabet``: a key of ``ALPHABETS``. ``separators``: characters that may stand anywhere and stay. ``keep_first``
    and ``keep_last``: symbols that stay, separators not counted. ``min_length``: symbols of the shortest value that is
    well-formed; 0 means as many as FF1 needs.
    """

    alphabet: str = "digits"
    separators: str = " -"
    keep_first: int = 0
    keep_last: int = 0
    min_length: int = 0

    def __post_init__(self) -> None:
        if self.alphabet not in ALPHABETS:
            raise PolicyError(f"{self.alphabet!r} is not an alphabet", hint=f"use one of {', '.join(ALPHABETS)}")
        if not (self.separators.isascii() and self.separators.isprintable()) or any(map(str.isalnum, self.separators)):
            raise PolicyError("separators must be ASCII punctuation or blanks", hint="use characters such as - or .")
        for name in ("keep_first", "keep_last", "min_length"):
            number = getattr(self, name)
            if type(number) is not int or not 0 <= number <= LONGEST:
                raise PolicyError(f"{name} must be a whole number from 0 to {LONGEST}", hint="use a small number")
        if self.min_length:
            self._refuse_few(self.min_length, f"values of {self.min_length} characters")

    def check_type(self, entity_type: str) -> None:
        """Raises ``PolicyError`` when what is kept leaves too few free symbols in usual values of this type."""
        usual = _USUAL_SYMBOLS.get(entity_type)
        if usual is not None:
            self._refuse_few(usual, f"a {entity_type} of {usual} characters")

    @property
    def symbols(self) -> str:
        """The alphabet's characters, in the order of their numerals."""
        return ALPHABETS[self.alphabet]

    @property
    def fewest(self) -> int:
        """Symbols of the shortest value that is well-formed."""
        return max(self.min_length, self.keep_first + self.keep_last + fewest_symbols(len(self.symbols)))

    def _refuse_few(self, length: int, whose: str) -> None:
        free, needed = length - self.keep_first - self.keep_last, fewest_symbols(len(self.symbols))
        if free < needed:
            raise PolicyError(
                f"format-preserving encryption would change {max(free, 0)} characters of {whose} and needs {needed}: "
                "with fewer than a million possible values all of them can be tried",
                hint="keep fewer characters, or use a token or a mask",
            )

    @cached_property
    def _numerals(self) -> Bytes:
        """(256,): for each octet its numeral, or what else it is."""
        table = np.full(256, _FOREIGN, np.uint8)
        table[np.frombuffer(self.separators.encode(), np.uint8)] = _SEPARATOR
        table[np.frombuffer(self.symbols.encode(), np.uint8)] = np.arange(len(self.symbols))
        return table

    def encrypt(self, values: pa.Array, cipher: Ff1) -> pa.Array:
        """Text values without nulls -> ``large_string`` of the same lengths; null where a value is malformed.

        ``cipher`` must be of this format's alphabet.
        """
        return self._crypt(values, cipher, decrypting=False)

    def decrypt(self, values: pa.Array, cipher: Ff1) -> pa.Array:
        """The inverse of ``encrypt``. A wrong key gives other values, not an error."""
        return self._crypt(values, cipher, decrypting=True)

    def _crypt(self, values: pa.Array, cipher: Ff1, *, decrypting: bool) -> pa.Array:
        data, bounds = flat(values)
        numerals = self._numerals[data]
        symbols = np.flatnonzero(numerals < _SEPARATOR)
        firsts = np.searchsorted(symbols, bounds)
        counts = np.diff(firsts)
        foreign = np.diff(np.searchsorted(np.flatnonzero(numerals == _FOREIGN), bounds))
        free = counts - self.keep_first - self.keep_last
        formed = (foreign == 0) & (counts >= self.fewest) & (free <= LONGEST)
        out = data.copy()
        characters = np.frombuffer(self.symbols.encode(), np.uint8)
        for count in np.unique(counts[formed]):
            members = firsts[:-1][formed & (counts == count)]
            for start in range(0, len(members), _ROWS):
                places = symbols[members[start : start + _ROWS, None] + np.arange(count)]
                changed = self._crypt_rows(numerals[places], cipher, decrypting=decrypting)
                out[places[:, self.keep_first : count - self.keep_last]] = characters[changed]
        return _text(out, bounds).take(pa.array(np.arange(len(values)), mask=~formed))

    def _crypt_rows(self, rows: Bytes, cipher: Ff1, *, decrypting: bool) -> Bytes:
        """The free numerals of rows with all their numerals, encrypted under the kept ones."""
        end = rows.shape[1] - self.keep_last
        kept = np.concatenate([rows[:, : self.keep_first], rows[:, end:]], axis=1)
        tweaks = kept if kept.shape[1] else kept[:1]
        return (cipher.decrypt_rows if decrypting else cipher.encrypt_rows)(rows[:, self.keep_first : end], tweaks)


def _text(octets: Bytes, bounds: Integers) -> pa.Array:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers)
