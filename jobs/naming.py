"""Column names that look like values are aliased.

A headerless CSV makes its first record the header, and JSON objects keyed by e-mail make a column of each person:
such names are data. They become ``column_<n>`` before anything is reported, labelled or written.
"""

import re
from typing import TYPE_CHECKING

from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType

# Cheap signs that a name could be a value; only then is the engine asked.
_SUSPECT = re.compile(r"@|\d\D*\d\D*\d\D*\d\D*\d|^[A-Za-z0-9+/_\-]{20,}$")
_HARMLESS = {"DATE_TIME", "URL", "NRP", "PERSON", "LOCATION", "ORGANIZATION", "US_DRIVER_LICENSE", "UUID"}


def looks_like_a_value(name: str) -> bool:
    """Whether a detector takes this name for sensitive data."""
    if not _SUSPECT.search(name):
        return False
    from clearance.classifiers.engine import load_engine

    spans = load_engine(ner=None).spans([name])[0]
    return any(span.entity_type not in _HARMLESS for span in spans)


def safe_names(frame: "DataFrame") -> tuple["DataFrame", int]:
    """The frame with every value-like name at any depth aliased, and how many there were.

    What has no type at all (Parquet's null, which pandas writes where every value is missing) becomes a string: Delta
    has no place for it inside arrays and maps, and shows it to no reader elsewhere.
    """
    from pyspark.sql import functions as F

    schema, count = safe_schema(frame.schema)
    if schema == frame.schema:
        return frame, 0
    # By position: two value-like names may become equal to nothing else, but the old ones may hold dots.
    columns = [
        frame[sql_name(old.name)].cast(new.dataType).alias(new.name)
        if old.dataType != new.dataType
        else F.col(sql_name(old.name)).alias(new.name)
        for old, new in zip(frame.schema.fields, schema.fields, strict=True)
    ]
    return frame.select(*columns), count


def safe_schema(kind: "StructType") -> tuple["StructType", int]:
    """The schema with every value-like name at any depth aliased and void as string, and how many names there were."""
    from pyspark.sql.types import StructField, StructType

    fields, count = [], 0
    taken = set(kind.names)
    for position, field in enumerate(kind.fields, start=1):
        below, inside = _safe_type(field.dataType)
        name = field.name
        if looks_like_a_value(name):
            name = f"column_{position}"
            while name in taken:
                name += "_"
            taken.add(name)
            count += 1
        fields.append(StructField(name, below, field.nullable, field.metadata))
        count += inside
    return StructType(fields), count


def _safe_type(kind: "DataType") -> tuple["DataType", int]:
    from pyspark.sql.types import ArrayType, MapType, NullType, StringType, StructType

    if isinstance(kind, StructType):
        return safe_schema(kind)
    if isinstance(kind, ArrayType):
        below, count = _safe_type(kind.elementType)
        return ArrayType(below, kind.containsNull), count
    if isinstance(kind, MapType):
        key, in_key = _safe_type(kind.keyType)
        value, in_value = _safe_type(kind.valueType)
        return MapType(key, value, kind.valueContainsNull), in_key + in_value
    return (StringType() if isinstance(kind, NullType) else kind), 0
