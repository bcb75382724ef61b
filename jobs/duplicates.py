"""Duplicates dropped without a raw value in a shuffle.

Equal records can only be found by bringing them together, and what is brought together is written to disks and sent
over networks. So a worker first makes of each record a keyed digest of what must be equal (HMAC-SHA256, RFC 2104) and
the record sealed by AES-256-SIV (RFC 5297), both under keys derived for this run; only these two are shuffled, and
workers open them again. ``docs/decisions/0018-prepared-data.md`` has the alternatives.
"""

import hashlib
import hmac
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from clearance.errors import DatasetError, ProtectionError
from clearance.jobs.settings import Tokens
from clearance.jobs.workers import Batches, map_batches

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DIGEST_BYTES = 16
_ROWS = 4096
_SEALED = "digest binary, sealed binary"
Record = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SameRecords:
    """What makes records the same, and which of them stays. Picklable: it says where the key is, and holds none.

    ``columns`` and ``order`` are positions; no columns: all. ``salt``: random bytes of the run.
    """

    tokens: Tokens
    salt: bytes
    columns: tuple[int, ...] = ()
    order: int | None = None
    last: bool = True
    place: str = ""

    def _key(self, purpose: str, length: int) -> bytes:
        return self.tokens.key.open().derive(f"prepare/{purpose}", "", self.salt.hex(), length=length)

    def seal(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        """Batches of records -> digest and sealed record."""
        key, box = self._key("same", 32), AESSIV(self._key("seal", 64))
        for batch in batches:
            digests, sealed = [], []
            for record in records_of(batch):
                digest = self._digest(key, record)
                digests.append(digest)
                sealed.append(box.encrypt(pickle.dumps(record, protocol=5), [digest]))
            yield pa.RecordBatch.from_arrays(
                [pa.array(digests, pa.binary()), pa.array(sealed, pa.binary())], names=["digest", "sealed"]
            )

    def _digest(self, key: bytes, record: Record) -> bytes:
        compared = [record[i] for i in self.columns] if self.columns else record
        # Records with a null among what is compared are the same as nothing: each gets a digest by all it holds.
        if self.columns and any(value is None for value in compared):
            return hmac.digest(key, b"\1" + exact(record), hashlib.sha256)[:DIGEST_BYTES]
        return hmac.digest(key, b"\0" + exact(tuple(compared)), hashlib.sha256)[:DIGEST_BYTES]

    def open(self, batches: Batches, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The same sealed records, all of one digest together -> one record of each digest."""
        box = AESSIV(self._key("seal", 64))

        def each() -> Iterator[tuple[bytes, bytes]]:
            for batch in batches:
                yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)

        kept: list[Record] = []
        for digest, group in groupby(each(), key=lambda pair: pair[0]):
            kept += self._stay((unsealed(box, sealed, digest) for _, sealed in group))
            if len(kept) >= _ROWS:
                yield batch_of(kept, schema)
                kept = []
        if kept:
            yield batch_of(kept, schema)

    def _stay(self, records: Iterator[Record]) -> list[Record]:
        first = next(records)
        if self.order is None:
            return [first]
        if any(first[i] is None for i in self.columns):
            return [first, *records]
        best, tied = first, False
        for record in records:
            mine, its = rank(record[self.order]), rank(best[self.order])
            if mine == its:
                tied = tied or exact(record) != exact(best)
            elif (mine > its) == self.last:
                best, tied = record, False
        if tied:
            raise ProtectionError(
                f"{self.place + ': ' if self.place else ''}two records are equal in columns and in order, and differ",
                hint="name an order that tells them apart, or drop duplicates of whole records first",
            )
        return [best]


def without_duplicates(frame: "DataFrame", same: SameRecords) -> "DataFrame":
    """The frame with one record of those that are the same, in no order."""
    from pyspark.sql.pandas.types import to_arrow_schema

    # Made here, so that workers need no session to know the types.
    schema = to_arrow_schema(frame.schema)
    sealed = map_batches(frame, same.seal, _SEALED, "looking for duplicates")
    together = sealed.repartition("digest").sortWithinPartitions("digest")
    return map_batches(together, Opener(same, schema), frame.schema, "dropping duplicates")


@dataclass(frozen=True, slots=True)
class Opener:
    """The worker's part after the shuffle. Picklable."""

    same: SameRecords
    schema: pa.Schema

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        return self.same.open(batches, self.schema)


def records_of(batch: pa.RecordBatch) -> Iterator[Record]:
    """Records as tuples of Python values; top-level text as its bytes, which need not be UTF-8."""
    columns = [_plain(batch.column(i)).to_pylist() for i in range(batch.num_columns)]
    return zip(*columns, strict=True)


def batch_of(records: Sequence[Record], schema: pa.Schema) -> pa.RecordBatch:
    """The inverse of ``records_of``."""
    arrays = []
    for values, field in zip(zip(*records, strict=True), schema, strict=True):
        if pa.types.is_string(field.type):
            arrays.append(pa.array(values, pa.binary()).view(pa.string()))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(pa.binary()) if pa.types.is_string(values.type) else values


def exact(record: Record) -> bytes:
    """A record as bytes that no other record of the same types has: Python's own notation keeps values apart."""
    return repr(record).encode("utf-8", "surrogatepass")


def rank(value: Any) -> tuple[bool, Any]:
    """Nulls and NaN before everything else."""
    absent = value is None or value != value
    return (not absent, 0 if absent else value)


def unsealed(box: AESSIV, sealed: bytes, digest: bytes) -> Record:
    """The record in a seal. Raises ``DatasetError`` for what this run did not seal."""
    try:
        octets = box.decrypt(sealed, [digest])
    except (InvalidTag, ValueError):
        raise DatasetError("a record was altered on its way between workers", hint="run again") from None
    # What the seal let through is what a worker of this run wrote.
    record: Record = pickle.loads(octets)  # noqa: S301
    return record
