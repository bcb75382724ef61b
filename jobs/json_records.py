"""JSON whose field names are data (objects keyed by e-mail): read so that no name reaches a file scan's description.

Spark writes the schema that a file is read with into its event log, whole. Here the file is read as text, and its
records are parsed in an expression.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


def read_as_text(
    spark: "SparkSession",
    location: str,
    schema: "StructType",
    options: Mapping[str, str],
    *,
    multi_line: bool,
    corrupt: str,
) -> "DataFrame":
    """The records that Spark's JSON reader gives with this schema; malformed ones as text in ``corrupt``.

    Partition columns of the folder follow those of the records.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, StructType

    text = spark.read.options(**options).text(location, wholetext=multi_line)
    parts = [F.col(sql_name(name)) for name in text.columns if name != "value"]
    known = {name.lower() for name in text.columns if name != "value"}
    fields = [field for field in schema.fields if field.name.lower() not in known]
    filled = text.where(F.trim(F.col("value")) != "")
    if not multi_line:
        parsed = F.from_json("value", StructType(fields), dict(options))
        rows = filled.select(parsed.alias("record"), *parts)
    else:
        # A document is one record or an array of them; an array that does not parse has no column for its text.
        fields = [field for field in fields if field.name != corrupt]
        parsed = F.from_json("value", ArrayType(StructType(fields)), dict(options))
        with_text = filled.select("value", parsed.alias("records"), *parts)
        broken = F.when(F.col("records").isNull(), F.col("value")).alias(corrupt)
        rows = with_text.select(F.explode_outer("records").alias("record"), broken, *parts)
    own = [F.col("record").getField(field.name).alias(field.name) for field in fields]
    return rows.select(*own, *([F.col(corrupt)] if multi_line else []), *parts)
