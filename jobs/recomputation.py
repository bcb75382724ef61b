"""What a method makes of the source, told without a value of it: sums of keyed digests, the same in any order.

What format-preserving encryption, shifted dates, noise, surrogates and generalization leave looks like any value. So
the proof applies the method to the source once more, and compares what comes out with what was staged: for each leaf
the SipHash-2-4 of every output under two random keys, summed modulo 2^64 each, as a multiset (Clarke and others 2003,
"Incremental multiset hash functions"; here with keys that nobody knows beforehand and that end with the run). No value
is shuffled or collected, and no row has to be found again. docs/decisions/0011-proof-by-recomputation.md says why.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from clearance.classifiers.siphash import Words, siphash
from clearance.jobs.cells import CellMethods, kept_records
from clearance.jobs.failures import value_free
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.schema import readable_frame
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.workers import Batches, map_batches
from clearance.leaves import Rows, read_leaf
from clearance.paths import Step
from clearance.values import octets_of, to_text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COUNTS = "path string, fact string, n bigint"
Counts = Counter[tuple[str, str]]
_SUMS, _ROW_SUMS = ("sum0", "sum1"), ("rows0", "rows1")
_PLAIN = ("tinyint", "smallint", "int", "bigint", "boolean", "date", "float", "double", "timestamp", "timestamp_ntz")
_REPEATED = ("item", "key", "value")
_WORD = 1 << 64


@dataclass(frozen=True, slots=True)
class Digests:
    """The two keys of one run's sums."""

    _keys: tuple[bytes, bytes] = field(repr=False)

    @classmethod
    def new(cls) -> "Digests":
        """With random keys. Nothing keeps them."""
        return cls((os.urandom(16), os.urandom(16)))

    def words(self, path: str, values: pa.Array) -> list[Words]:
        """Under each key the digest of every non-null value in text form; the path is part of what is digested."""
        octets, offsets = octets_of(to_text(values).drop_null())
        prefix = np.frombuffer(f"{path}\0".encode(), np.uint8)
        lengths = np.diff(offsets)
        count = len(lengths)
        starts = np.arange(count + 1, dtype=np.int64) * len(prefix) + (offsets - offsets[0])
        whole = np.empty(int(starts[-1]) if count else 0, np.uint8)
        at = np.repeat(starts[:-1], len(prefix)) + np.tile(np.arange(len(prefix)), count)
        whole[at] = np.tile(prefix, count)
        rest = np.ones(len(whole), np.bool_)
        rest[at] = False
        whole[rest] = octets[offsets[0] : offsets[-1]] if count else octets[:0]
        return [siphash(whole, starts, key) for key in self._keys]

    def of_rows(self, rows: Sequence[Words]) -> dict[str, int]:
        """The sums over digests of whole rows, each of both sums of a row's values."""
        octets = np.ascontiguousarray(np.stack(rows, axis=1)).view(np.uint8).reshape(-1)
        offsets = np.arange(len(rows[0]) + 1, dtype=np.int64) * 16
        return _summed(_ROW_SUMS, [siphash(octets, offsets, key) for key in self._keys])


class RowSums:
    """The sums over the rows of one batch: what of a row is added stays together.

    The places of values in an array count, and those of a map's entries: a value stays with its key.
    """

    def __init__(self, digests: Digests, rows: int) -> None:
        self._digests = digests
        self._rows: list[Words] = [np.zeros(rows, np.uint64) for _ in _SUMS]

    def add(self, steps: Sequence[Step], words: Sequence[Words], values: pa.Array, rows: Rows) -> None:
        """Adds the digests (``Digests.words``) of the values of a leaf, each in its row."""
        there = np.asarray(values.is_valid())
        ordered = any(step.kind in _REPEATED for step in steps)
        # Odd factors are one to one, so that a value in another place is another one.
        places = 2 * (np.arange(len(rows)) - np.searchsorted(rows, rows)) + 1 if ordered else None
        factors = places[there].astype(np.uint64) if places is not None else None
        rows = rows[there]
        for sums, own in zip(self._rows, words, strict=True):
            np.add.at(sums, rows, own if factors is None else own * factors)

    def finish(self, counts: Counts) -> None:
        """Adds the sums of the rows."""
        if len(self._rows[0]):
            for fact, sum_ in self._digests.of_rows(self._rows).items():
                counts["", fact] += sum_


class LeafSums:
    """The sums of one batch's leaves, and of its rows.

    A row's digest is over its replaced values and, so that they can't change places between rows, over its plain kept
    ones.
    """

    def __init__(self, plan: ProtectionPlan, digests: Digests, rows: int) -> None:
        self._plan, self._digests = plan, digests
        self._rows = RowSums(digests, rows)
        self._bound = any(plan.is_recomputed(leaf) for leaf in plan.leaves)

    def add(self, leaf: LeafPlan, values: pa.Array, rows: Rows, counts: Counts) -> None:
        """Adds what a leaf's values, each in its row, sum up to; ``values`` as they are or must be staged."""
        proved = self._plan.is_recomputed(leaf)
        if not proved and not (self._bound and is_plain(leaf)):
            return
        words = self._digests.words(leaf.path, values)
        if proved:
            for fact, sum_ in summed(words).items():
                counts[leaf.path, fact] += sum_
        self._rows.add(leaf.steps, words, values, rows)

    def finish(self, counts: Counts) -> None:
        """Adds the sums of the rows."""
        if self._bound:
            self._rows.finish(counts)


def is_plain(leaf: LeafPlan) -> bool:
    """Whether a leaf stays as it is and reads the same from any storage."""
    kind = leaf.type_before
    # The length of a char or varchar, and the precision of a decimal, stand in brackets behind its name.
    known = kind in _PLAIN or kind.startswith(("string", "varchar", "decimal"))
    return known and kind == leaf.type_after and leaf.kind != "unknown" and not leaf.changes


def summed(words: Sequence[Words]) -> dict[str, int]:
    """The sums of a leaf's values, from ``Digests.words``."""
    return _summed(_SUMS, words)


def _summed(facts: Sequence[str], words: Sequence[Words]) -> dict[str, int]:
    return {name: int(own.sum(dtype=np.uint64)) for name, own in zip(facts, words, strict=True)}


def counted(counts: Counts) -> pa.RecordBatch:
    """Counts as a batch of ``COUNTS``; sums are taken modulo 2^64 and cross as signed."""
    keys = sorted(counts)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([path for path, _ in keys], pa.string()),
            pa.array([fact for _, fact in keys], pa.string()),
            pa.array([_signed(counts[key]) for key in keys], pa.int64()),
        ],
        names=["path", "fact", "n"],
    )


def collect(frame: "DataFrame") -> Counts:
    """The counts of all partitions together."""
    counts: Counts = Counter()
    for path, fact, n in frame.collect():
        counts[path, fact] += n
    return counts


def same_sums(path: str, found: Mapping[tuple[str, str], int], expected: Mapping[tuple[str, str], int]) -> bool:
    """Whether a leaf's values are the same multiset on both sides."""
    return _same(path, _SUMS, found, expected)


def same_rows(found: Mapping[tuple[str, str], int], expected: Mapping[tuple[str, str], int]) -> bool:
    """Whether the rows are: the same values beside each other."""
    return _same("", _ROW_SUMS, found, expected)


def _same(
    path: str,
    facts: Sequence[str],
    found: Mapping[tuple[str, str], int],
    expected: Mapping[tuple[str, str], int],
) -> bool:
    return all((found.get((path, fact), 0) - expected.get((path, fact), 0)) % _WORD == 0 for fact in facts)


def recomputed(
    source: "DataFrame", plan: ProtectionPlan, tokens: Tokens, digests: Digests, detection: Detection
) -> Counts | None:
    """What must have been staged: rows, values, nulls and sums of each leaf; None where nothing has to be recomputed.

    Reads the source once.
    """
    if not plan.loses_records and not any(plan.is_recomputed(leaf) for leaf in plan.leaves):
        return None
    with value_free("recomputing what was staged", hint="nothing was published; run again"):
        work = _Recomputation(plan, tokens, digests, detection)
        return collect(map_batches(readable_frame(source), work, COUNTS, "the proof"))


@dataclass(frozen=True, slots=True)
class _Recomputation:
    """The worker's part. Picklable: it holds where the token key is, and this run's keys of the sums."""

    plan: ProtectionPlan
    tokens: Tokens
    digests: Digests
    detection: Detection

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        counts: Counts = Counter()
        tokenizer, binding = None, None
        for source in batches:
            tokenizer = tokenizer or self.tokens.open()
            binding = binding or self.plan.binding(self.tokens)
            batch = kept_records(source, self.plan)
            cells = CellMethods(self.plan, batch, tokenizer, binding)
            counts["", "rows"] += batch.num_rows
            sums = LeafSums(self.plan, self.digests, batch.num_rows)
            for leaf in self.plan.leaves:
                position = batch.schema.get_field_index(leaf.steps[0].name)
                values, rows = read_leaf(cells.column(position), leaf.steps[1:])
                counts[leaf.path, "rows"] += len(values)
                counts[leaf.path, "nulls"] += values.null_count
                if self.plan.is_recomputed(leaf):
                    values = self._made(cells, leaf, values)
                sums.add(leaf, values, rows, counts)
            sums.finish(counts)
        if counts:
            yield counted(counts)

    def _made(self, cells: CellMethods, leaf: LeafPlan, values: pa.Array) -> pa.Array:
        if leaf.how == "spans":
            return cells.texts(leaf, values, self.detection.engine()).values()
        return cells.apply(leaf, values)


def _signed(number: int) -> int:
    low = number % _WORD
    return low - _WORD if low >= _WORD // 2 else low


__all__ = [
    "COUNTS",
    "Counts",
    "Digests",
    "LeafSums",
    "RowSums",
    "collect",
    "counted",
    "recomputed",
    "same_rows",
    "same_sums",
    "summed",
]
