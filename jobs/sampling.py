"""Sample: rows drawn so that what they don't show is rare, and more of them where they leave a doubt.

The rows of a dataset, file after file, are cut into strata of equal size, and one row is drawn from each. A type
that is in a share p of all rows, however they lie, is missed by n such rows with a probability of at most
(1 - p)^n: the product of (1 - p_h) over strata with mean p is largest where all are equal. Reading whole row groups
instead would prove this of row groups only, since rows that were written together are alike.

A column whose verdict hangs on which rows were drawn is looked at again with four times as many, until it does not
or all rows are read. Each draw holds the one before, so that stopping early can't choose the luckier of two. What
is drawn depends on the dataset's version alone, not on how Spark cuts it up.
"""

import json
import math
import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from clearance.classifiers.certainty import unsure
from clearance.classifiers.chat import speakers
from clearance.classifiers.profile import LeafProfile
from clearance.governance.coverage import ColumnCoverage, Coverage
from clearance.jobs.data_files import plain_table, read_files
from clearance.jobs.datasets import Dataset
from clearance.jobs.extent import Extent, smallest_found
from clearance.jobs.failures import value_free
from clearance.jobs.scan import Looked, Scan, leaves_to_scan, look_at, scan_of
from clearance.jobs.schema import SparkLeaf, surroundings_of
from clearance.jobs.settings import Detection, Tokens
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: How many times as many rows each further draw has.
DEEPER = 4
#: More rows than these are not drawn one by one: all are read then.
MOST_DRAWN = 200_000


def scan_sample(dataset: Dataset, detection: Detection, tokens: Tokens | None, extent: Extent) -> Scan:
    """Scans as much of a dataset as ``extent`` asks for; raises as :func:`clearance.jobs.scan.scan_dataset`.

    The result's ``rows`` are the dataset's; those of a column are the ones that were looked at.
    """
    leaves, name = leaves_to_scan(dataset), dataset.reference.text
    with value_free(f"scanning {name}", hint="check that all its files can be read"):
        sampler = _sampler(dataset, extent)
    salt = os.urandom(16)
    # Who says what a column holds may stand in another one.
    talks = bool(speakers([leaf.steps for leaf in leaves]))
    profiles: dict[str, LeafProfile] = {}
    columns: dict[str, ColumnCoverage] = {}
    digest, depth, doubtful = "", 0, {leaf.column for leaf in leaves}
    while doubtful:
        drawn = sampler.draw(depth)
        frame, prevalence = (dataset.frame, None) if drawn is None else drawn
        if talks:
            doubtful = {leaf.column for leaf in leaves}
        wanted = [leaf for leaf in leaves if leaf.column in doubtful]
        narrow = frame.select(*(sql_name(column) for column in frame.columns if column in doubtful))
        looked = look_at(narrow, wanted, detection, tokens, salt=salt, name=name)
        digest = looked.digest
        profiles |= looked.profiles
        columns |= {column: ColumnCoverage(looked.rows, prevalence) for column in doubtful}
        doubtful = _doubtful(wanted, looked) if drawn is not None else set()
        depth += 1
    read = max(column.rows_read for column in columns.values())
    bounds = [column.prevalence for column in columns.values() if column.prevalence is not None]
    coverage = Coverage(
        "sample",
        read if not bounds else sampler.rows,
        read,
        max(bounds, default=None),
        extent.confidence if bounds else None,
        {column: columns[column] for column in dict.fromkeys(leaf.column for leaf in leaves)},
        reason=sampler.reason,
    )
    return scan_of(dataset, leaves, Looked(coverage.rows, digest, profiles), coverage)


def _doubtful(leaves: Sequence[SparkLeaf], looked: Looked) -> set[str]:
    """The columns with a leaf whose verdict may be another one in other rows."""
    around = surroundings_of(leaves)
    return {
        leaf.column
        for leaf in leaves
        if leaf.readable
        and unsure(looked.profiles[leaf.path], name=leaf.path, dtype=leaf.type, around=around[leaf.path])
    }


class _Sampler(Protocol):
    """Draws rows. ``rows`` is how many there are; ``reason`` says what it could not do, if anything."""

    @property
    def rows(self) -> int: ...

    @property
    def reason(self) -> str: ...

    def draw(self, depth: int) -> "tuple[DataFrame, float] | None":
        """The rows of one draw and the smallest share of rows they would show; None: all rows are to be read."""


def _sampler(dataset: Dataset, extent: Extent) -> _Sampler:
    return _RowPositions.of(dataset, extent) or _Thinned.of(dataset, extent)


@dataclass(frozen=True)
class _RowPositions:
    """Rows of Parquet files by their place: of the other rows none leaves the JVM, of files without one not even a
    page is read."""

    frame: "DataFrame"
    files: tuple[tuple[str, int], ...]
    extent: Extent
    seed: bytes
    reason: str = ""

    @classmethod
    def of(cls, dataset: Dataset, extent: Extent) -> "_RowPositions | None":
        """None for a dataset whose rows have no place that can be asked for."""
        from pyspark.errors import AnalysisException
        from pyspark.sql import functions as F

        if dataset.reference.identity.kind == "frame" or dataset.format not in ("parquet", "delta"):
            return None
        frame = dataset.frame
        if dataset.format == "delta":
            folder = plain_table(dataset)
            if folder is None:
                return None
            frame = read_files(dataset, folder, frame.inputFiles())
        place = frame.metadataColumn("_metadata")
        try:
            listed = (
                frame.groupBy(place.file_path.alias("file"))
                .agg(F.count("*").alias("rows"), F.max(place.row_index).alias("last"))
                .orderBy("file")
                .collect()
            )
        except AnalysisException:  # a reader that gives rows no number
            return None
        files = tuple((row["file"], row["rows"]) for row in listed)
        rows = sum(number for _, number in files)
        numbered = all(row["last"] == row["rows"] - 1 for row in listed)
        if not numbered or (dataset.format == "delta" and rows != dataset.frame.count()):
            return None
        return cls(frame, files, extent, _seed(dataset))

    @property
    def rows(self) -> int:
        return sum(number for _, number in self.files)

    def draw(self, depth: int) -> "tuple[DataFrame, float] | None":
        from pyspark.sql import functions as F

        strata = self.extent.rows * DEEPER**depth
        if strata > min(MOST_DRAWN, self.rows // 2):
            return None
        chosen = in_files(self.files, positions(self.rows, self.extent.rows, depth, self.seed))
        frame = self.frame
        if len(chosen) < len(self.files):
            frame = frame.where(frame.metadataColumn("_metadata").file_path.isin([file for file, _ in chosen]))
        wanted = frame.sparkSession.createDataFrame(chosen, "file string, rows array<bigint>")
        wanted = wanted.select("file", F.explode("rows").alias("row"))
        place = frame.metadataColumn("_metadata")
        here = (place.file_path == wanted["file"]) & (place.row_index == wanted["row"])
        # Broadcast: the rows themselves stay where they are read.
        frame = frame.join(F.broadcast(wanted), here, "left_semi")
        return frame, smallest_found(strata, self.extent.confidence)


def positions(rows: int, strata: int, depth: int, seed: bytes) -> list[int]:
    """One row number from each of ``strata * DEEPER**depth`` equal strata of ``rows`` rows, in order.

    A draw at depth ``d + 1`` holds every row of the one at ``d``: each stratum's row is as likely to be in any of
    its parts, and the other parts get a row of their own. Needs ``strata * DEEPER**depth <= rows``.
    """
    drawn = [_within(rows, strata, part, 0, seed) for part in range(strata)]
    for level in range(1, depth + 1):
        parts = strata * DEEPER**level
        finer = [_within(rows, parts, part, level, seed) for part in range(parts)]
        for position in drawn:
            finer[((position + 1) * parts - 1) // rows] = position
        drawn = finer
    return drawn


def _within(rows: int, parts: int, part: int, level: int, seed: bytes) -> int:
    """A row of one part, by a keyed hash: the same wherever and whenever it is drawn."""
    first, behind = part * rows // parts, (part + 1) * rows // parts
    digest = blake2b(f"{level}/{part}".encode(), digest_size=8, key=seed).digest()
    return first + int.from_bytes(digest, "big") % (behind - first)


def in_files(files: Sequence[tuple[str, int]], drawn: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Row numbers of the whole as row numbers in its files (name and rows each), without files that have none."""
    ends = list(accumulate(number for _, number in files))
    found: dict[str, list[int]] = {}
    for position in drawn:
        index = bisect_right(ends, position)
        name, number = files[index]
        found.setdefault(name, []).append(position - (ends[index] - number))
    return list(found.items())


@dataclass(frozen=True)
class _Thinned:
    """Each row is taken or not, by Spark's own seeded draw: for what has no numbered rows. All of it is read, and
    which rows are looked at depends on how Spark cuts the files up."""

    frame: "DataFrame"
    rows: int
    extent: Extent
    seed: bytes
    reason: str = "rows of this format have no number: all were read, some were looked at"

    @classmethod
    def of(cls, dataset: Dataset, extent: Extent) -> "_Thinned":
        """Counts the rows, which reads them once."""
        return cls(dataset.frame, dataset.frame.count(), extent, _seed(dataset))

    def draw(self, depth: int) -> "tuple[DataFrame, float] | None":
        # With a share f drawn, all of T rows are left out with probability (1 - f)^T.
        rare = self.extent.prevalence * self.rows
        if rare < 1:
            return None
        fraction = -math.expm1(math.log(1 - self.extent.confidence) / math.floor(rare)) * DEEPER**depth
        if fraction > 0.5:
            return None
        seen = math.ceil(math.log(1 - self.extent.confidence) / math.log1p(-fraction))
        # One seed for every depth: the rows of a smaller share are among those of a larger one.
        return self.frame.sample(fraction, seed=int.from_bytes(self.seed[:7], "big")), seen / self.rows


def _seed(dataset: Dataset) -> bytes:
    """Sixteen bytes that follow from the dataset's name and the state it is in."""
    state = dataset.observation.to_dict() if dataset.observation else {}
    told = json.dumps([dataset.key, state], sort_keys=True)
    return blake2b(told.encode(), digest_size=16).digest()
