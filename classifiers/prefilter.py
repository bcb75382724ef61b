"""One pass over a batch of texts that tells which patterns are worth trying on which text.

Hyperscan looks for all expressions of :mod:`clearance.classifiers.gate_patterns` at once in the joined texts. Where
there is no Hyperscan for the platform, there is no pass: every pattern is tried, which is slower and finds the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from clearance.cache import cache_home, read_own, write_own
from clearance.classifiers.folding import Buffer
from clearance.errors import DetectionError

hyperscan: Any
try:
    hyperscan = importlib.import_module("hyperscan")
except ImportError:  # a platform without a wheel
    hyperscan = None

#: Which texts of a buffer a gate of another kind lets through: their indexes.
RowGate = Callable[[Buffer], npt.NDArray[np.int64]]

#: So many octets of compiled databases are kept: three of up to 4 MB for each configuration in use.
_KEPT = 128 << 20
#: A row's index needs no more: Hyperscan takes less than 4 GiB at once.
_ROW_BITS = 32
_LETTERS = np.array([chr(byte).isalpha() and byte < 128 for byte in range(256)])


@dataclass(frozen=True, slots=True)
class Expression:
    """Something to look for.

    ``key`` is what the caller knows it by. A ``weak`` one matters only next to a context word, so it is not looked
    for in texts without a letter. ``wide`` is its form for texts with non-ASCII characters.
    """

    key: int
    narrow: str
    wide: str
    caseless: bool
    weak: bool = False


class Prefilter:
    """Which expressions occur in which text. Thread-safe."""

    def __init__(self, expressions: Sequence[Expression], row_gates: Sequence[tuple[int, RowGate]] = ()) -> None:
        self._row_gates = tuple(row_gates)
        self._expressions = tuple(expressions)
        self._scratch = threading.Lock()

    # Each is compiled, which takes a second, when the first text of its kind comes.
    @cached_property
    def _plain(self) -> Any:
        return _database((e.key, e.narrow, e.caseless) for e in self._expressions if not e.weak)

    @cached_property
    def _narrow(self) -> Any:
        return _database((e.key, e.narrow, e.caseless) for e in self._expressions)

    @cached_property
    def _wide(self) -> Any:
        return _database((e.key, e.wide, e.caseless) for e in self._expressions)

    @staticmethod
    def available() -> bool:
        """Whether this platform has Hyperscan."""
        return hyperscan is not None

    def candidates(self, texts: Sequence[str]) -> dict[int, list[int]]:
        """Key -> indexes of the texts in which it occurs, ascending; keys that occur in none are left out."""
        found: dict[int, list[npt.NDArray[np.int64]]] = {}
        is_ascii = list(map(str.isascii, texts))
        all_ascii = all(is_ascii)
        ascii_texts = range(len(texts)) if all_ascii else [i for i, ascii_only in enumerate(is_ascii) if ascii_only]
        others = [] if all_ascii else [i for i, ascii_only in enumerate(is_ascii) if not ascii_only]
        if ascii_texts:
            buffer = Buffer.of(list(texts) if all_ascii else [texts[i] for i in ascii_texts])
            has_letter = buffer.rows_with(_LETTERS)
            rows = np.array(ascii_texts, dtype=np.int64)
            for database, some in (("_narrow", rows[has_letter]), ("_plain", rows[~has_letter])):
                if len(some):
                    self._add(found, database, some, texts, buffer if len(some) == len(rows) else None)
        if others:
            self._add(found, "_wide", np.array(others, dtype=np.int64), texts, None)
        return {key: np.sort(np.concatenate(some)).tolist() for key, some in found.items()}

    def _add(
        self,
        found: dict[int, list[npt.NDArray[np.int64]]],
        database: str,
        rows: npt.NDArray[np.int64],
        texts: Sequence[str],
        buffer: Buffer | None,
    ) -> None:
        buffer = buffer if buffer is not None else Buffer.of([texts[i] for i in rows.tolist()])
        for key, gate in self._row_gates:
            passed = gate(buffer)
            if len(passed):
                found.setdefault(key, []).append(rows[passed])
        for key, some in _scan(getattr(self, database), buffer, self._scratch):
            found.setdefault(key, []).append(rows[some])


def _database(expressions: Iterable[tuple[int, str, bool]]) -> Any:
    """A compiled database: from the cache if it was compiled on this platform before, which takes seconds."""
    listed = list(expressions)
    path = cache_home() / "gates" / f"{_digest(listed)}.hs"
    kept = read_own(path)
    if kept is not None:
        with contextlib.suppress(hyperscan.HyperscanError):
            database = hyperscan.loadb(kept, mode=hyperscan.HS_MODE_BLOCK)
            # Compiling makes one; loading does not.
            database.scratch = hyperscan.Scratch(database)
            return database
    database = _compiled(listed)
    write_own(path, hyperscan.dumpb(database), keep=_KEPT)
    return database


def _compiled(expressions: Sequence[tuple[int, str, bool]]) -> Any:
    flags = hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_DOTALL
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode("latin-1") for _, expression, _ in expressions],
        ids=[key for key, _, _ in expressions],
        elements=len(expressions),
        flags=[flags | (hyperscan.HS_FLAG_CASELESS if caseless else 0) for _, _, caseless in expressions],
    )
    return database


def _digest(expressions: Sequence[tuple[int, str, bool]]) -> str:
    """What a database depends on: its expressions, and Hyperscan's version and the processor's features."""
    platform = str(_compiled([(0, "a", False)]).info())
    facts = json.dumps([platform, metadata.version("hyperscan"), expressions])
    return hashlib.sha256(facts.encode()).hexdigest()


def _scan(database: Any, buffer: Buffer, scratch: threading.Lock) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each key that occurs, with the rows of the buffer that it occurs in."""
    keys: list[int] = []
    ends: list[int] = []
    add_key, add_end = keys.append, ends.append

    def on_match(key: int, _start: int, end: int, _flags: int, _context: object) -> None:
        add_key(key)
        add_end(end)

    try:
        with scratch:
            database.scan(buffer.data, match_event_handler=on_match)
    except hyperscan.HyperscanError as error:
        raise DetectionError(
            f"the pattern gate failed with {type(error).__name__}", hint="the scan is void; report it"
        ) from None
    if not keys:
        return
    # A match ends behind its last character, so the offset before it is inside the row.
    rows: npt.NDArray[np.int64] = buffer.rows_of(np.array(ends, dtype=np.int64) - 1)
    pairs = np.unique((np.array(keys, dtype=np.int64) << _ROW_BITS) | rows)
    found, first = np.unique(pairs >> _ROW_BITS, return_index=True)
    yield from zip(found.tolist(), np.split(pairs & ((1 << _ROW_BITS) - 1), first[1:]), strict=True)
