"""Where in a dataset's files something is: found again, and read again when a person asks. Needs no Spark.

A record is named by the number of its data file, in the order of their names, and its number in it, both from 1: a
name that says nothing of what is in the record, and that holds for the version that was looked at. Local files only.
"""

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from clearance.classifiers.looking import look
from clearance.errors import DatasetError
from clearance.governance.identity import DatasetIdentity
from clearance.jobs.formats import data_files, detect, sniff_separator
from clearance.leaves import read_leaf
from clearance.paths import Step, parse_path
from clearance.values import texts_of, to_text

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine

#: So many records are looked at for places, from the first on.
LOOKED_AT = 100_000
_BATCH = 4096
_ON_RECORD = "decide on what is on record: --records 0"
_OUTER = ("name", "item", "key", "value")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of characters of one value: in which file, record and, inside lists and maps, which value of it."""

    file: int
    record: int
    value: int
    start: int
    end: int

    @property
    def key(self) -> str:
        """The record's key, as a person gives it back."""
        return f"{self.file}:{self.record}" + (f":{self.value}" if self.value else "")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"record": self.key, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A finding whose places are looked for. ``named``: the column's name or traits told the type, not each value."""

    column: str
    entity_type: str
    named: bool

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way to the value in the file: for a leaf inside a string, to the string."""
        steps = parse_path(self.column)
        inner = next((n for n, step in enumerate(steps) if step.kind not in _OUTER), len(steps))
        return tuple(steps[:inner])


class Records:
    """The records of a dataset in local files, as they are now. Raises ``DatasetError`` where they can't be read so."""

    def __init__(self, identity: DatasetIdentity) -> None:
        if identity.kind != "path" or "://" in identity.location:
            raise DatasetError("records are found in local files only", hint="review a copy of it on this machine")
        self._root = Path(identity.location)
        self.format = detect(self._root)
        self._files = _delta_files(self._root) if self.format == "delta" else _plain_files(self._root)

    def places(self, wanted: Sequence[Wanted], engine: "Engine", most: int) -> dict[Wanted, list[Place]]:
        """Up to ``most`` places of each finding, in order; none where it is not in the records that are looked at."""
        found: dict[Wanted, list[Place]] = {one: [] for one in wanted}
        filled: dict[Wanted, list[Place]] = {one: [] for one in wanted}
        seen = 0
        for file, first, batch in self._batches():
            open_ = [one for one in wanted if len(found[one]) < most]
            if not open_ or seen >= LOOKED_AT:
                break
            seen += batch.num_rows
            for steps in dict.fromkeys(one.steps for one in open_):
                here = [one for one in open_ if one.steps == steps]
                cells = list(_cells(batch, steps, file, first))
                for (place, text), looked in zip(cells, look(engine, [text for _, text in cells]), strict=True):
                    for one in here:
                        spans = [span for span in looked.spans if span.entity_type == one.entity_type]
                        found[one] += [Place(*place, span.start, span.end) for span in spans]
                        if one.named and len(filled[one]) < most:
                            filled[one].append(Place(*place, 0, len(text)))
        return {one: (found[one] or filled[one])[:most] for one in wanted}

    def value(self, column: str, key: str) -> str:
        """The value of a column in a record. Raises ``DatasetError`` for a key of none."""
        steps = Wanted(column, "", named=False).steps
        numbers = tuple(int(part) if part.isdigit() else 0 for part in key.split(":"))
        wanted = numbers if len(numbers) == 3 else (*numbers, 0)
        for file, first, batch in self._batches():
            if len(wanted) == 3 and file == wanted[0] and first < wanted[1] <= first + batch.num_rows:
                for place, text in _cells(batch, steps, file, first):
                    if place == wanted:
                        return text
        raise DatasetError(f"there is no value of {column} in a record {key}", hint="clearance review DATASET --list")

    def _batches(self) -> Iterator[tuple[int, int, pa.RecordBatch]]:
        """Number of the file, how many records of it came before, and the next of them."""
        for number, path in enumerate(self._files, 1):
            first = 0
            try:
                for batch in _READERS["parquet" if self.format == "delta" else self.format](path):
                    yield number, first, batch
                    first += batch.num_rows
            except (OSError, EOFError, ValueError, pa.ArrowException, csv.Error) as error:
                # Its text may quote the data.
                told = f"file {number} can't be read without Spark ({type(error).__name__})"
                raise DatasetError(told, hint=_ON_RECORD) from None


def _cells(
    batch: pa.RecordBatch, steps: Sequence[Step], file: int, first: int
) -> Iterator[tuple[tuple[int, int, int], str]]:
    index = batch.schema.get_field_index(steps[0].name)
    if index < 0:
        return  # a column of the folders' names, or of a later schema
    values, rows = read_leaf(batch.column(index), steps[1:])
    repeated = any(step.kind != "name" for step in steps)
    last, ordinal = -1, 0
    for row, text in zip(rows.tolist(), texts_of(to_text(values)), strict=True):
        last, ordinal = row, ordinal + 1 if row == last else 1
        if text:
            yield (file, first + row + 1, ordinal if repeated else 0), text


def _plain_files(root: Path) -> list[Path]:
    return [root] if root.is_file() else data_files(root)


def _delta_files(root: Path) -> list[Path]:
    from urllib.parse import unquote

    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(root)
        mapped = table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none"
        paths = table.get_add_actions().column("path").to_pylist()
        deleted = table.deletion_vectors().read_all().num_rows
    except (DeltaError, OSError, ValueError) as error:
        raise DatasetError(f"the table can't be read without Spark ({type(error).__name__})", hint=_ON_RECORD) from None
    if mapped or deleted:
        what = "other names for its columns" if mapped else "deletion vectors"
        raise DatasetError(f"the table has {what}: its records are found by Spark only", hint=_ON_RECORD)
    return [root / unquote(path) for path in sorted(paths)]


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    yield from pq.ParquetFile(path).iter_batches(_BATCH)


def _orc(path: Path) -> Iterator[pa.RecordBatch]:
    from pyarrow import orc

    file = orc.ORCFile(path)
    for stripe in range(file.nstripes):
        yield file.read_stripe(stripe)


def _text_of(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    with _text_of(path) as file:
        rows = csv.reader(file, delimiter=sniff_separator(path))
        names = next(rows, [])
        for held in _in_batches(rows):
            padded = [[*row, *[None] * (len(names) - len(row))] for row in held]
            columns = [pa.array([row[n] for row in padded], pa.string()) for n in range(len(names))]
            yield pa.RecordBatch.from_arrays(columns, names=names)


def _text(path: Path) -> Iterator[pa.RecordBatch]:
    with _text_of(path) as file:
        for held in _in_batches(line.rstrip("\r\n") for line in file):
            yield pa.RecordBatch.from_arrays([pa.array(held, pa.string())], names=["value"])


def _jsonl(path: Path) -> Iterator[pa.RecordBatch]:
    with _text_of(path) as file:
        for held in _in_batches(json.loads(line) for line in file if line.strip()):
            yield pa.RecordBatch.from_pylist(held)


def _json(path: Path) -> Iterator[pa.RecordBatch]:
    with _text_of(path) as file:
        told = json.load(file)
    for held in _in_batches(iter(told if isinstance(told, list) else [told])):
        yield pa.RecordBatch.from_pylist(held)


def _in_batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    held = []
    for row in rows:
        held.append(row)
        if len(held) == _BATCH:
            yield held
            held = []
    if held:
        yield held


_READERS = {"parquet": _parquet, "orc": _orc, "csv": _csv, "text": _text, "jsonl": _jsonl, "json": _json}

__all__ = ["LOOKED_AT", "Place", "Records", "Wanted"]
