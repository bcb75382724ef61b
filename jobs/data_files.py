"""The Parquet files behind a dataset, read by themselves: some of them, or some of their rows, without the rest.

Delta's reader opens every file of a table, whichever rows are asked for. Where a table uses nothing but plain files
(no deletion vectors, no column mapping, no other feature that changes what a file means), Spark's Parquet reader
reads the same rows and leaves files out.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clearance.jobs.completeness import literal
from clearance.jobs.datasets import Dataset
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: Features with which a Delta table's files hold its rows as any Parquet reader sees them.
PLAIN_FEATURES = frozenset(
    {
        "appendOnly",
        "changeDataFeed",
        "checkConstraints",
        "generatedColumns",
        "identityColumns",
        "inCommitTimestamp",
        "invariants",
        "timestampNtz",
        "v2Checkpoint",
        "vacuumProtocolCheck",
    }
)
_LOCAL_SCHEME = re.compile(r"file:/+(?=[^/])")


def plain_table(dataset: Dataset) -> str | None:
    """The folder of a Delta table whose files can be read by themselves, else None."""
    if dataset.format != "delta" or dataset.aliased:
        return None
    reference = dataset.reference
    name = reference.location if reference.identity.kind == "table" else f"delta.{sql_name(reference.location)}"
    details = dataset.frame.sparkSession.sql(f"DESCRIBE DETAIL {name}").head()
    if details is None or not set(details["tableFeatures"]) <= PLAIN_FEATURES:
        return None
    return str(reference.location if reference.identity.kind != "table" else details["location"])


def read_files(dataset: Dataset, folder: str, files: Sequence[str]) -> "DataFrame":
    """Some data files of a plain Delta table in ``folder``, with the table's own schema and partition columns."""
    reader = dataset.frame.sparkSession.read.schema(dataset.frame.schema).option("basePath", folder)
    return reader.parquet(*(literal(_LOCAL_SCHEME.sub("/", file), local="://" not in file) for file in files))
