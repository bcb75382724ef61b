"""Datasets: a reference as a person types it, opened as a DataFrame that every job can read.

A reference is a path, a URI or a catalog table, its format found or given. A DataFrame is a dataset too, under a
name of the caller's choosing. Opening reads metadata only; nothing is inferred from values but the schema of JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import DatasetError
from clearance.governance.observation import Observation, observe
from clearance.jobs import completeness
from clearance.jobs.failures import value_free
from clearance.jobs.formats import (
    data_files,
    detect,
    format_of_name,
    sniff_separator,
)
from clearance.jobs.json_records import read_as_text
from clearance.jobs.naming import safe_names, safe_schema
from clearance.jobs.observing import observe_newest, observe_version
from clearance.jobs.references import Reference, expand, expand_database
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

    from clearance.jobs.preparation import AnyStep

CORRUPT = "_corrupt_record"
_CORRUPT_OPTION = "columnNameOfCorruptRecord"
# What the reader calls it: a field of that name in the data would be taken for it, and read as null.
_MALFORMED = "_clearance_malformed_record"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset opened for reading.

    ``frame`` has safe column names: ``aliased`` counts those that looked like values and are ``column_<n>`` now.
    ``corrupt`` is true where malformed records come as text in the column ``_corrupt_record``. ``origin`` is the
    dataset that this one was prepared from, by the steps ``preparation``, and ``prepared`` what these did: counts.
    """

    reference: Reference
    frame: "DataFrame"
    format: str
    observation: Observation | None
    partitions: tuple[str, ...] = ()
    corrupt: bool = False
    aliased: int = 0
    origin: "Dataset | None" = None
    preparation: "tuple[AnyStep, ...]" = ()
    prepared: tuple[dict[str, Any], ...] = ()

    @property
    def source(self) -> Reference:
        """What is read, wherever it was prepared since."""
        return self.origin.reference if self.origin is not None else self.reference

    @property
    def key(self) -> str:
        """The one string that the registry files it under."""
        return self.reference.key

    @property
    def version(self) -> str | None:
        """The version read: Delta's number, or a fingerprint of names, sizes and times of the files."""
        return self.observation.version if self.observation else None


def open_dataset(spark: "SparkSession", reference: Reference | Dataset) -> Dataset:
    """Opens a dataset; one that is open stays as it is.

    Raises ``DatasetError`` for what is missing or unreadable, ``UsageError`` for a bad request.
    """
    if isinstance(reference, Dataset):
        return reference
    if reference.identity.kind == "table":
        return _open_table(spark, reference)
    kind = reference.format or _find_format(spark, reference)
    reference.check_as(kind)
    local = reference.local_path
    if local is not None and not local.exists():
        raise DatasetError(f"there is nothing at {reference.text}", hint="check the path")
    observed = observe(reference.location, kind) if local is not None else _observe_remote(reference.location, kind)
    if kind == "delta":
        return _open_delta(spark, reference, observed)
    if local is not None and kind in ("csv", "json", "jsonl", "text"):
        completeness.require_utf8(data_files(local) if local.is_dir() else [local], reference.text, reference.options)
    frame, corrupt, in_reading = _read(spark, reference, kind)
    completeness.require_all_files(frame, observed, reference.text)
    frame, aliased = safe_names(frame)
    return Dataset(reference, frame, kind, observed, _partitions_of(local, frame), corrupt, in_reading + aliased)


def _observe_remote(location: str, kind: str) -> Observation | None:
    """The state of a dataset in an object store, or None where only Spark has the way to it (its own credentials)."""
    try:
        return observe(location, kind)
    except (DatasetError, OSError):
        return None


def from_frame(frame: "DataFrame", name: str) -> Dataset:
    """A DataFrame as a dataset, known as ``name``; it has no version, so it is always read as it is now."""
    frame, aliased = safe_names(frame)
    return Dataset(Reference(f"frame:{name}"), frame, "frame", None, aliased=aliased)


def _find_format(spark: "SparkSession", reference: Reference) -> str:
    local = reference.local_path
    if local is not None:
        return detect(local)
    named = format_of_name(reference.text)
    if named:
        return named
    for candidate in ("delta", "parquet"):
        try:
            spark.read.format(candidate).load(reference.location).schema  # noqa: B018 - analysis is the question
        except Exception:  # noqa: S112 - a format that does not fit; the next one is asked
            continue
        return candidate
    raise DatasetError(f"can't tell what {reference.text} is", hint="say it with --input-format")


def _open_delta(spark: "SparkSession", reference: Reference, observed: Observation | None) -> Dataset:
    newest = reference.version is None and reference.timestamp is None
    with value_free(f"reading {reference.text} as Delta", hint="check the path, the version and Delta's log"):
        if newest and observed is None:
            observed = _observe_through_spark(spark, reference, None)
        frame = _reader(spark.read.format("delta"), reference, observed).load(reference.location)
        frame.schema  # noqa: B018 - forces analysis, so that a broken log fails here
        details = spark.sql(f"DESCRIBE DETAIL delta.{sql_name(reference.location)}").head()
    partitions = tuple(details["partitionColumns"]) if details is not None else ()
    if not newest:
        observed = _observe_through_spark(spark, reference, observed)
    frame, aliased = safe_names(frame)
    return Dataset(reference, frame, "delta", observed, partitions, aliased=aliased)


def _reader(reader: "DataFrameReader", reference: Reference, observed: Observation | None) -> "DataFrameReader":
    """Reads the version that is asked for, or the one that was observed: a writer may commit between look and read."""
    if reference.timestamp is not None:
        return reader.option("timestampAsOf", reference.timestamp)
    if reference.version is not None:
        return reader.option("versionAsOf", reference.version)
    return reader if observed is None else reader.option("versionAsOf", observed.version)


def _observe_through_spark(
    spark: "SparkSession", reference: Reference, observed: Observation | None
) -> Observation | None:
    where = reference.location if reference.identity.kind == "table" else f"delta.{sql_name(reference.location)}"
    version = reference.version
    if version is None:
        seen = observe_newest(spark, where, until=reference.timestamp)
        if seen is None or observed is None:
            return seen or observed
        version = int(seen.version)
    if observed is not None:
        return observe(reference.location, "delta", version=version)
    return observe_version(spark, where, version)


def _open_table(spark: "SparkSession", reference: Reference) -> Dataset:
    with value_free(f"reading table {reference.text}", hint="check the catalog and the name"):
        if not spark.catalog.tableExists(reference.location):
            raise DatasetError(
                f"there is no table or path {reference.text!r}",
                hint="a path starts with ./ or /, a table is schema.table",
            )
        try:
            details = spark.sql(f"DESCRIBE DETAIL {reference.location}").head()
        except Exception:
            details = None
        delta = details is not None and details["format"] == "delta"
        observed = _observe_through_spark(spark, reference, None) if delta else None
        frame = _reader(spark.read, reference, observed).table(reference.location)
        frame.schema  # noqa: B018 - forces analysis
        columns = spark.catalog.listColumns(reference.location)
        partitions = tuple(column.name for column in columns if column.isPartition)
    frame, aliased = safe_names(frame)
    return Dataset(reference, frame, "delta" if delta else "table", observed, partitions, aliased=aliased)


def _read(spark: "SparkSession", reference: Reference, kind: str) -> tuple["DataFrame", bool, int]:
    """The frame, whether it has malformed records in a column, and how many names were aliased in reading."""
    hint = "check the file, or name another format with --input-format"
    with value_free(f"reading {reference.text} as {kind}", hint=hint):
        if kind == "csv":
            return _read_csv(spark, reference)
        if kind in ("json", "jsonl"):
            return *_read_json(spark, reference, multi_line=kind == "json"), 0
        options = {**_layout(reference, kind), **reference.options}
        frame = spark.read.format(kind).options(**options).load(_location(reference))
        frame.schema  # noqa: B018 - forces analysis
        return frame, False, 0


def _location(reference: Reference) -> str:
    return completeness.literal(reference.location, local=reference.local_path is not None)


def _layout(reference: Reference, kind: str) -> dict[str, str]:
    return completeness.layout_options(kind, reference.local_path, bool(_hive_keys(reference.local_path)))


def _without_corrupt(names: list[str], reference: Reference) -> None:
    if CORRUPT in names:
        raise DatasetError(
            f"{reference.text} has a column called {CORRUPT}, where malformed records would go", hint="rename it first"
        )


def _read_csv(spark: "SparkSession", reference: Reference) -> tuple["DataFrame", bool, int]:
    """As strings, never inferred; quotes doubled as RFC 4180 has them, and line breaks inside quotes."""
    from pyspark.sql.types import StringType, StructField, StructType

    options = {"header": "true", "escape": '"', "multiLine": "true", "mode": "PERMISSIVE", **_layout(reference, "csv")}
    local, location = reference.local_path, _location(reference)
    if local is not None and "sep" not in reference.options:
        first = (
            local if local.is_file() else next((file for file in data_files(local) if file.match("*.[ct]sv*")), None)
        )
        if first is not None:
            options["sep"] = sniff_separator(first)
    options.update(reference.options)
    if local is not None and local.is_dir() and options["header"].lower() == "true":
        completeness.require_one_header(data_files(local), reference.text)
    header = spark.read.options(**options, **{_CORRUPT_OPTION: _MALFORMED}).csv(location)
    names = header.schema.names
    _without_corrupt(names, reference)
    if not names:
        return header, False, 0
    # The schema must name the column for malformed records, or Spark drops what does not fit. Columns are read by
    # position, so that a header that is data is in no plan.
    inferred = StructType([StructField(name, StringType()) for name in names if name not in _hive_keys(local)])
    schema, aliased = safe_schema(inferred)
    schema.add(CORRUPT, StringType())
    reader = spark.read.options(**options, columnNameOfCorruptRecord=CORRUPT).schema(schema)
    return reader.csv(location), True, aliased


def _read_json(spark: "SparkSession", reference: Reference, *, multi_line: bool) -> tuple["DataFrame", bool]:
    options = {
        "multiLine": str(multi_line).lower(),
        "mode": "PERMISSIVE",
        _CORRUPT_OPTION: _MALFORMED,
        **_layout(reference, "json"),
    }
    options |= reference.options
    local, location = reference.local_path, _location(reference)
    if not multi_line:
        completeness.require_one_record_a_line(spark, location, options, reference.text)
    elif local is not None:
        completeness.require_one_document(data_files(local) if local.is_dir() else [local], reference.text)
    frame = spark.read.options(**options).json(location)
    if frame.columns == [_MALFORMED]:
        raise DatasetError(
            f"{reference.text} holds no whole JSON record", hint="check the file, or name another --input-format"
        )
    if safe_schema(frame.schema)[1]:
        frame = read_as_text(
            spark, location, frame.schema, options, multi_line=multi_line, corrupt=options[_CORRUPT_OPTION]
        )
    _without_corrupt(frame.columns, reference)
    return frame.withColumnRenamed(_MALFORMED, CORRUPT), _MALFORMED in frame.columns


def _hive_keys(local: Path | None) -> set[str]:
    """The partition columns that a folder's ``key=value`` names give."""
    if local is None or not local.is_dir():
        return set()
    keys: set[str] = set()
    level = local
    while True:
        named = [child for child in level.iterdir() if child.is_dir() and "=" in child.name]
        if not named:
            return keys
        keys.add(named[0].name.split("=", 1)[0])
        level = named[0]


def _partitions_of(local: Path | None, frame: "DataFrame") -> tuple[str, ...]:
    keys = _hive_keys(local)
    return tuple(name for name in frame.columns if name in keys)


__all__ = ["CORRUPT", "Dataset", "Reference", "expand", "expand_database", "from_frame", "open_dataset"]
