"""Scan: one pass over a dataset, one report a leaf, no value anywhere.

Workers send one small, mergeable, value-free profile for each leaf and partition; the driver merges them and
decides. Nothing raw is shuffled, cached or collected.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from clearance.classifiers.columns import finish
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.profile import LeafProfile
from clearance.errors import DatasetError, DetectionError
from clearance.jobs.datasets import CORRUPT, Dataset
from clearance.jobs.failures import value_free
from clearance.jobs.schema import SparkLeaf, leaves_of, readable_frame
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.workers import Batches, in_larger_batches, map_batches, worker_engine
from clearance.leaves import read_leaf
from clearance.paths import Step
from clearance.values import to_text

if TYPE_CHECKING:
    from clearance.governance.observation import Observation

_ROWS = ""  # the path of the entry that counts a partition's records
_PROFILES = "path string, rows bigint, profile binary"


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan found. ``malformed`` counts records that the reader could not parse."""

    dataset: str
    reference: str
    format: str
    rows: int
    columns: tuple[ColumnReport, ...]
    leaves: tuple[SparkLeaf, ...]
    engine_digest: str
    observation: "Observation | None" = None
    partitions: tuple[str, ...] = ()
    malformed: int = 0
    aliased: int = 0
    empty_corrupt: bool = field(default=False)

    @property
    def version(self) -> str | None:
        """The version scanned; None for what has none (a DataFrame, a table only Spark can watch)."""
        return self.observation.version if self.observation else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the scan's part of the JSON contract; labels are added by whoever knows the policy."""
        extra = {k: v for k, v in (("malformed", self.malformed), ("renamed_columns", self.aliased)) if v}
        return {
            "dataset": self.dataset,
            "version": self.version,
            "rows": self.rows,
            "columns": [report.to_dict() for report in self.columns],
            **extra,
        }


@dataclass(frozen=True, slots=True)
class _Profiler:
    """The worker's part of a scan. Picklable."""

    leaves: tuple[tuple[str, tuple[Step, ...], str], ...]
    detection: Detection
    tokens: Tokens | None
    salt: bytes

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        profiles: dict[str, LeafProfile] = {}
        rows = 0
        for batch in in_larger_batches(batches):
            if not profiles:
                engine = worker_engine(self.detection)
                tokenizer = self.tokens.open() if self.tokens is not None else None
                profiles = {path: LeafProfile(path, kind, salt=self.salt) for path, _, kind in self.leaves}
            rows += batch.num_rows
            for path, steps, _ in self.leaves:
                values, _ = read_leaf(batch.column(batch.schema.get_field_index(steps[0].name)), steps[1:])
                profiles[path].update(
                    to_text(values),
                    engine,
                    tokenizer.verified_types if tokenizer is not None else None,
                    tokenizer.verified_spans if tokenizer is not None else None,
                )
        if rows:
            digest = self.detection.engine().digest.encode()
            yield _batch(
                [(_ROWS, rows, digest)] + [(path, 0, profile.to_bytes()) for path, profile in profiles.items()]
            )


def _batch(entries: Sequence[tuple[str, int, bytes]]) -> pa.RecordBatch:
    paths, rows, blobs = zip(*entries, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(paths, pa.string()), pa.array(rows, pa.int64()), pa.array(blobs, pa.binary())],
        names=["path", "rows", "profile"],
    )


def scan_dataset(dataset: Dataset, detection: Detection, tokens: Tokens | None = None) -> Scan:
    """Scans a dataset in one pass.

    With ``tokens``, values and spans that are our own tokens with a verified keyed check are counted as such;
    without, nothing is believed to be a token. Raises ``DatasetError`` when the data can't be read to its end,
    ``DetectionError`` when a detector fails: there is no partial result.
    """
    leaves = tuple(leaves_of(dataset.frame.schema))
    if not leaves:
        raise DatasetError(f"{dataset.reference.text} has no columns", hint="check that it is the right dataset")
    readable = tuple((leaf.path, leaf.steps, leaf.type) for leaf in leaves if leaf.readable)
    salt = os.urandom(16)
    profiler = _Profiler(readable, detection, tokens, salt)
    rows = 0
    digests: set[str] = set()
    merged: dict[str, LeafProfile] = {}
    with value_free(f"scanning {dataset.reference.text}", hint="check that all its files can be read"):
        frame = map_batches(readable_frame(dataset.frame), profiler, _PROFILES, "the scan")
        for path, count, blob in frame.collect():
            if path == _ROWS:
                rows += count
                digests.add(bytes(blob).decode())
            elif path in merged:
                merged[path].merge(LeafProfile.from_bytes(bytes(blob)))
            else:
                merged[path] = LeafProfile.from_bytes(bytes(blob))
    if len(digests) > 1:
        raise DetectionError(
            "workers run different detectors", hint="install one version of Clearance and its packages on all of them"
        )
    reports = [
        finish(merged.get(leaf.path) or LeafProfile(leaf.path, leaf.type, salt=salt), name=leaf.path, dtype=leaf.type)
        if leaf.readable
        else ColumnReport.unknown(leaf.path, leaf.type, rows=rows, reason=f"a {leaf.type} can't be looked at")
        for leaf in leaves
    ]
    malformed = next((r.rows - r.nulls for r in reports if dataset.corrupt and r.path == CORRUPT), 0)
    unused = dataset.corrupt and not malformed
    if unused:
        # No record was malformed, so the column that would have held them is no column of the data.
        reports = [report for report in reports if report.path != CORRUPT]
        leaves = tuple(leaf for leaf in leaves if leaf.path != CORRUPT)
    return Scan(
        dataset.reference.key,
        dataset.reference.text,
        dataset.format,
        rows,
        tuple(reports),
        leaves,
        digests.pop() if digests else detection.engine().digest,
        dataset.observation,
        dataset.partitions,
        malformed,
        dataset.aliased,
        unused,
    )
