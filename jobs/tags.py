"""Labels where the data is: table properties, column metadata, and a sidecar beside formats that have neither.

The registry is the authority; what stands on a table is a copy for readers who never heard of it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearance.errors import DatasetError
from clearance.governance.labeling import label_dataset
from clearance.governance.labels import Label
from clearance.jobs.failures import value_free

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clearance.governance.policy import Policy
    from clearance.jobs.plans import LeafPlan

PREFIX = "clearance."


def table_properties(label: Label) -> dict[str, str]:
    """A label as table properties: lists comma-separated and sorted."""
    parts = {"categories": label.categories, "regimes": label.regimes, "subjects": label.subjects}
    return {
        f"{PREFIX}level": label.level,
        **{f"{PREFIX}{name}": ",".join(sorted(told)) for name, told in parts.items()},
    }


def column_properties(leaves: "Sequence[LeafPlan]", policy: "Policy") -> dict[str, dict[str, Any]]:
    """Metadata of each top-level column: its label, and its entity type and method where it is one leaf."""
    by_column: dict[str, list[LeafPlan]] = {}
    for leaf in leaves:
        by_column.setdefault(leaf.steps[0].name, []).append(leaf)
    found: dict[str, dict[str, Any]] = {}
    for name, below in by_column.items():
        metadata: dict[str, Any] = dict(table_properties(label_dataset([leaf.label for leaf in below], policy)))
        if len(below) == 1 and below[0].entity_type:
            metadata[f"{PREFIX}entity_type"] = below[0].entity_type
        if len(below) == 1 and below[0].changes:
            metadata[f"{PREFIX}method"] = str(below[0].method.get("name"))
        found[name] = metadata
    return found


def tag_table(spark: "SparkSession", identifier: str, label: Label) -> None:
    """Writes a label into an existing Delta table's properties with ALTER TABLE, which changes nothing else.

    Neither the data nor the table's protocol change. Raises ``DatasetError`` when it is no Delta table or can't
    be altered.
    """
    assignments = ", ".join(f"'{key}' = '{_escaped(value)}'" for key, value in table_properties(label).items())
    before = protocol(spark, identifier)
    with value_free(f"tagging {identifier}", hint="check that you may alter the table"):
        spark.sql(f"ALTER TABLE {identifier} SET TBLPROPERTIES ({assignments})")
    after = protocol(spark, identifier)
    if before != after:
        raise DatasetError(
            f"tagging {identifier} changed its protocol from {before} to {after}",
            hint="report this with Delta's version",
        )


def protocol(spark: "SparkSession", identifier: str) -> tuple[int, int, tuple[str, ...]]:
    """Minimum reader and writer version and table features. Raises ``DatasetError`` if it is no Delta table."""
    with value_free(f"reading the protocol of {identifier}", hint="only Delta tables can be tagged"):
        row = spark.sql(f"DESCRIBE DETAIL {identifier}").head()
    if row is None or row["format"] != "delta":
        raise DatasetError(f"{identifier} is no Delta table", hint="only Delta tables carry labels in their properties")
    return row["minReaderVersion"], row["minWriterVersion"], tuple(sorted(row["tableFeatures"] or ()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def read_tags(properties: Mapping[str, str]) -> dict[str, str]:
    """The label that stands on a table, as its properties say it."""
    return {key.removeprefix(PREFIX): value for key, value in properties.items() if key.startswith(PREFIX)}
