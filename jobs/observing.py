"""What state a Delta table is in, asked of Spark: for those that only Spark has the way to."""

from typing import TYPE_CHECKING

from clearance.governance.observation import Observation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def observe_version(spark: "SparkSession", name: str, version: int) -> Observation:
    """One version of the table that SQL calls ``name``: its id and when that version was made tell it from a table
    that was made anew under the same name.

    Without them, where the history was cleaned, it equals no other state.
    """
    found = _newest(spark, name, _history(spark, name).where(f"version = {version}"))
    return found or Observation("delta", str(version))


def observe_newest(spark: "SparkSession", name: str, *, until: str | None = None) -> Observation | None:
    """The same of the newest version, or the newest one of a time; None where the history knows of none."""
    from pyspark.sql import functions as F

    history = _history(spark, name)
    if until is not None:
        history = history.where(F.col("timestamp") <= F.to_timestamp(F.lit(until)))
    return _newest(spark, name, history)


def _history(spark: "SparkSession", name: str) -> "DataFrame":
    return spark.sql(f"DESCRIBE HISTORY {name}")


def _newest(spark: "SparkSession", name: str, history: "DataFrame") -> Observation | None:
    made = history.selectExpr("max(struct(version, unix_millis(timestamp) AS at)) AS last").selectExpr("last.*").head()
    if made is None or made["version"] is None:
        return None
    details = spark.sql(f"DESCRIBE DETAIL {name}").head()
    if details is None:
        return Observation("delta", str(made["version"]))
    return Observation("delta", str(made["version"]), table_id=details["id"], committed=made["at"])
