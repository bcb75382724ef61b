"""Format-preserving encryption of columns: values keep their length, their separators and what is kept on purpose.

FF1 changes the symbols, the characters of the declared alphabet, and nothing else; the symbols kept in front and at
the end are its tweak, as SP 800-38G advises, so that equal middles beside different ends don't look equal. A value
that holds any other character, or too few free symbols, is malformed and never passes.

What it leaks: equality, length and layout, the kept symbols. Nothing tells a result from an original, so a second run
would encrypt it again: only a record of what was done can prevent that.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from clearance.alphabets import ALPHABETS, LONGEST, check_format, check_format_of_type, fewest_symbols
from clearance.tokenization.ff1 import Ff1
from clearance.tokenization.rows import Bytes, Integers, flat, translated

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
        check_format(self.alphabet, self.separators, self.keep_first, self.keep_last, self.min_length)

    def check_type(self, entity_type: str) -> None:
        """Raises ``PolicyError`` when what is kept leaves too few free symbols in usual values of this type."""
        check_format_of_type(self.alphabet, self.keep_first, self.keep_last, entity_type)

    @property
    def symbols(self) -> str:
        """The alphabet's characters, in the order of their numerals."""
        return ALPHABETS[self.alphabet]

    @property
    def fewest(self) -> int:
        """Symbols of the shortest value that is well-formed."""
        return max(self.min_length, self.keep_first + self.keep_last + fewest_symbols(len(self.symbols)))

    @cached_property
    def _numerals(self) -> bytes:
        """For each of 256 octets its numeral, or what else it is."""
        table = np.full(256, _FOREIGN, np.uint8)
        table[np.frombuffer(self.separators.encode(), np.uint8)] = _SEPARATOR
        table[np.frombuffer(self.symbols.encode(), np.uint8)] = np.arange(len(self.symbols))
        return table.tobytes()

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
        numerals = translated(data, self._numerals)
        out = data.copy()
        characters = self.symbols.encode().ljust(256, b"\0")
        columns = self._columns(numerals, bounds)
        if columns is not None:
            rows, free = numerals.reshape(len(values), -1), columns[self.keep_first : len(columns) - self.keep_last]
            for start in range(0, len(rows), _ROWS):
                part = slice(start, start + _ROWS)
                changed = self._crypt_rows(rows[part, columns], cipher, decrypting=decrypting)
                out.reshape(rows.shape)[part, free] = translated(changed, characters)
            return _text(out, bounds)
        symbols = np.flatnonzero(numerals < _SEPARATOR)
        firsts = np.searchsorted(symbols, bounds)
        counts = np.diff(firsts)
        foreign = np.diff(np.searchsorted(np.flatnonzero(numerals == _FOREIGN), bounds))
        formed = (foreign == 0) & self._fits(counts)
        for count in np.unique(counts[formed]):
            members = firsts[:-1][formed & (counts == count)]
            for start in range(0, len(members), _ROWS):
                places = symbols[members[start : start + _ROWS, None] + np.arange(count)]
                changed = self._crypt_rows(numerals[places], cipher, decrypting=decrypting)
                out[places[:, self.keep_first : count - self.keep_last]] = translated(changed, characters)
        return _text(out, bounds).take(pa.array(np.arange(len(values)), mask=~formed))

    def _columns(self, numerals: Bytes, bounds: Integers) -> Integers | None:
        """Where the symbols of each value stand, if all values are well-formed and laid out alike, as most columns are.

        Then no value needs places of its own, which cost as much as half of FF1.
        """
        width = int(bounds[1]) if len(bounds) > 1 else 0
        if not width or (np.diff(bounds) != width).any():
            return None
        layouts = np.maximum(numerals, _SEPARATOR - 1).reshape(-1, width)
        columns = np.flatnonzero(layouts[0] < _SEPARATOR)
        alike = not (layouts[0] == _FOREIGN).any() and self._fits(len(columns)) and (layouts == layouts[0]).all()
        return columns if alike else None

    def _fits(self, symbols: Any) -> Any:
        """Whether FF1 takes values of so many symbols."""
        return (symbols >= self.fewest) & (symbols - self.keep_first - self.keep_last <= LONGEST)

    def _crypt_rows(self, rows: Bytes, cipher: Ff1, *, decrypting: bool) -> Bytes:
        """The free numerals of rows with all their numerals, encrypted under the kept ones."""
        end = rows.shape[1] - self.keep_last
        kept = np.concatenate([rows[:, : self.keep_first], rows[:, end:]], axis=1)
        tweaks = kept if kept.shape[1] else kept[:1]
        return (cipher.decrypt_rows if decrypting else cipher.encrypt_rows)(rows[:, self.keep_first : end], tweaks)


def _text(octets: Bytes, bounds: Integers) -> pa.Array:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers)
