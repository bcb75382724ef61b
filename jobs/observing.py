"""What state a Delta table is in, asked of Spark: for those that only Spark has the way to."""

from typing import TYPE_CHECKING

from clearance.governance.observation import Observation

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def observe_table(spark: "SparkSession", name: str, version: int) -> Observation:
    """One version of the table that SQL calls ``name``: its id and when that version was made tell it from a table
    that was made anew under the same name.

    Without a time, which a history that was cleaned can't tell, and without an id it equals no other state.
    """
    details = spark.sql(f"DESCRIBE DETAIL {name}").head()
    history = spark.sql(f"DESCRIBE HISTORY {name}").where(f"version = {version}")
    made = history.selectExpr("unix_millis(timestamp)").head()
    if details is None or made is None:
        return Observation("delta", str(version))
    return Observation("delta", str(version), table_id=details["id"], committed=made[0])
