"""Scan: one pass over a dataset, one report a leaf, no value anywhere.

Workers send one small, mergeable, value-free profile for each leaf and partition; the driver merges them and
decides. Nothing raw is shuffled, cached or collected.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.chat import Speaker, speakers
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.profile_records import records_of
from clearance.classifiers.reports import reports_of
from clearance.errors import DatasetError, DetectionError
from clearance.governance.coverage import Coverage
from clearance.jobs.datasets import CORRUPT, Dataset
from clearance.jobs.failures import value_free
from clearance.jobs.schema import SparkLeaf, leaves_of, readable_frame, surroundings_of
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.token_texts import strangers_in
from clearance.jobs.workers import Batches, in_even_batches, map_batches, worker_engine
from clearance.paths import Step
from clearance.tokenization.token_format import PREFIX
from clearance.values import texts_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from clearance.classifiers.engine import Engine
    from clearance.governance.observation import Observation
    from clearance.tokenization.tokens import Tokenizer

_SILENT = Speaker("")  # what a leaf holds that nobody says
_UNSEEN = "a {} can't be looked at"
_ROWS = ""  # the path of the entry that counts a partition's records
_PROFILES = "path string, rows bigint, profile binary"


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan found. ``rows`` are the dataset's; ``coverage`` says how many of them were looked at.

    ``malformed`` counts records that the reader could not parse, ``record`` is what a later scan can go on from,
    or None.
    """

    dataset: str
    reference: str
    format: str
    rows: int
    columns: tuple[ColumnReport, ...]
    leaves: tuple[SparkLeaf, ...]
    engine_digest: str
    coverage: Coverage
    observation: "Observation | None" = None
    partitions: tuple[str, ...] = ()
    malformed: int = 0
    aliased: int = 0
    empty_corrupt: bool = False
    record: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

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
            "coverage": self.coverage.to_dict(),
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
        speaking = speakers([steps for _, steps, _ in self.leaves])
        rows = 0
        for batch in in_even_batches(batches):
            if not profiles:
                engine = worker_engine(self.detection)
                tokenizer = self.tokens.open() if self.tokens is not None else None
                profiles = {path: LeafProfile(path, kind, salt=self.salt) for path, _, kind in self.leaves}
            rows += batch.num_rows
            for path, steps, _ in self.leaves:
                for role, values in speaking.get(steps, _SILENT).turns(batch, steps):
                    profiles[path].update(
                        values,
                        engine,
                        tokenizer.verified_types if tokenizer is not None else None,
                        tokenizer.verified_spans if tokenizer is not None else None,
                        role,
                    )
                    _count_unverified(profiles[path], values, tokenizer, engine)
        if rows:
            digest = self.detection.engine().digest.encode()
            yield _batch(
                [(_ROWS, rows, digest)] + [(path, 0, profile.to_bytes()) for path, profile in profiles.items()]
            )


def _count_unverified(profile: LeafProfile, values: pa.Array, tokenizer: "Tokenizer | None", engine: "Engine") -> None:
    """Tells a profile of tokens that can't be verified, for their key is disabled, unknown or not here, or they are of
    no declared domain: what holds one must not pass for a value that says nothing. It is of the type that it names.
    """
    likely = pc.fill_null(pc.match_substring(values, PREFIX, ignore_case=True), False)
    if not pc.any(likely).as_py():
        return
    counted = pc.value_counts(values.filter(likely))
    texts, rows = counted.field("values"), counted.field("counts")
    if tokenizer is not None:  # nearly all of a protected column, and told for all at once
        rest = tokenizer.verified_types(texts).is_null()
        texts, rows = texts.filter(rest), rows.filter(rest)
    for text, number in zip(texts_of(texts), rows.to_pylist(), strict=True):
        found: dict[str, bool] = {}
        for start, end, entity_type in strangers_in(text or "", tokenizer, engine):
            found[entity_type] = found.get(entity_type, False) or end - start == len((text or "").strip())
        for entity_type, whole in found.items():
            profile.add_unverified(entity_type, number, whole=whole)


def _batch(entries: Sequence[tuple[str, int, bytes]]) -> pa.RecordBatch:
    paths, rows, blobs = zip(*entries, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(paths, pa.string()), pa.array(rows, pa.int64()), pa.array(blobs, pa.binary())],
        names=["path", "rows", "profile"],
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in the rows of one frame: their number, the detectors' digest, a profile for each leaf."""

    rows: int
    digest: str
    profiles: dict[str, LeafProfile]


def look_at(
    frame: "DataFrame",
    leaves: Sequence[SparkLeaf],
    detection: Detection,
    tokens: Tokens | None,
    *,
    salt: bytes,
    name: str,
) -> Looked:
    """Looks at all rows of a frame in one pass, at those ``leaves`` that can be looked at.

    ``salt``: random bytes of the run, the same for all frames whose profiles are to be merged. ``name`` is the
    dataset's, for errors: ``DatasetError`` when the data can't be read to its end, ``DetectionError`` when a
    detector fails.
    """
    readable = tuple((leaf.path, leaf.steps, leaf.type) for leaf in leaves if leaf.readable)
    profiler = _Profiler(readable, detection, tokens, salt)
    rows = 0
    digests: set[str] = set()
    merged: dict[str, LeafProfile] = {}
    with value_free(f"scanning {name}", hint="check that all its files can be read"):
        for path, count, blob in map_batches(readable_frame(frame), profiler, _PROFILES, "the scan").collect():
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
    for leaf in leaves:
        if leaf.readable and leaf.path not in merged:
            merged[leaf.path] = LeafProfile(leaf.path, leaf.type, salt=salt)
    return Looked(rows, digests.pop() if digests else detection.engine().digest, merged)


def leaves_to_scan(dataset: Dataset) -> tuple[SparkLeaf, ...]:
    """The leaves of a dataset. Raises ``DatasetError`` when it has none."""
    leaves = tuple(leaves_of(dataset.frame.schema))
    if not leaves:
        raise DatasetError(f"{dataset.reference.text} has no columns", hint="check that it is the right dataset")
    return leaves


def scan_dataset(dataset: Dataset, detection: Detection, tokens: Tokens | None = None) -> Scan:
    """Scans all of a dataset in one pass.

    With ``tokens``, values and spans that are our own tokens with a verified keyed check are counted as such;
    without, nothing is believed to be a token. Raises ``DatasetError`` when the data can't be read to its end,
    ``DetectionError`` when a detector fails: there is no partial result.
    """
    leaves = leaves_to_scan(dataset)
    looked = look_at(dataset.frame, leaves, detection, tokens, salt=os.urandom(16), name=dataset.reference.text)
    return scan_of(dataset, leaves, looked, Coverage("full", looked.rows, looked.rows))


def scan_of(dataset: Dataset, leaves: tuple[SparkLeaf, ...], looked: Looked, coverage: Coverage) -> Scan:
    """The verdict on each leaf of a dataset from what was seen of it."""
    # Before the reports are made: they use the profiles up.
    record = records_of(looked.profiles) if coverage.complete else None
    around = surroundings_of(leaves)
    reports = [
        report
        for leaf in leaves
        for report in (
            reports_of(looked.profiles[leaf.path], leaf.steps, leaf.type, around[leaf.path])
            if leaf.readable
            else [ColumnReport.unknown(leaf.path, leaf.type, rows=coverage.rows, reason=_UNSEEN.format(leaf.type))]
        )
    ]
    malformed = next((r.rows - r.nulls for r in reports if dataset.corrupt and r.path == CORRUPT), 0)
    unused = dataset.corrupt and not malformed and coverage.complete
    if unused:
        # No record was malformed, so the column that would have held them is no column of the data.
        reports = [report for report in reports if report.path != CORRUPT]
        leaves = tuple(leaf for leaf in leaves if leaf.path != CORRUPT)
    return Scan(
        dataset.key,
        dataset.reference.text,
        dataset.format,
        coverage.rows,
        tuple(reports),
        leaves,
        looked.digest,
        coverage,
        dataset.observation,
        dataset.partitions,
        malformed,
        dataset.aliased,
        unused,
        record,
    )
