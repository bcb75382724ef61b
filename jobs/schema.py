"""The leaves of a Spark schema, and the form in which a frame crosses to Python.

Types that Arrow can't carry (intervals, variants) are read as their text; where they are nested inside a column
the column can't be looked at, and unknown is restricted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearance.classifiers.surroundings import Surroundings, surroundings
from clearance.errors import DatasetError
from clearance.paths import ITEM, KEY, VALUE, Step, format_path, sql_name

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType, StructField, StructType

RECORD_LEVEL = "_clearance_level"
RECORD_ENTITIES = "_clearance_entities"
_READABLE = [
    "StringType",
    "CharType",
    "VarcharType",
    "ByteType",
    "ShortType",
    "IntegerType",
    "LongType",
    "FloatType",
    "DoubleType",
    "DecimalType",
    "DateType",
    "TimestampType",
    "TimestampNTZType",
    "TimeType",
    "BooleanType",
    "NullType",
]
_AS_TEXT = ("YearMonthIntervalType", "DayTimeIntervalType", "CalendarIntervalType", "VariantType")


@dataclass(frozen=True, slots=True)
class SparkLeaf:
    """A leaf of a Spark schema: its path, the steps to it, its SQL type, whether it can be looked at, its comment."""

    path: str
    steps: tuple[Step, ...]
    type: str
    readable: bool
    nullable: bool
    comment: str = ""

    @property
    def column(self) -> str:
        """The top-level column it stands in."""
        return self.steps[0].name


def is_record_column(field: "StructField") -> bool:
    """Whether a column has the name and type of one that protection writes; what is in it is another question."""
    kind = field.dataType.simpleString()
    return (field.name, kind) in ((RECORD_LEVEL, "string"), (RECORD_ENTITIES, "array<string>"))


def leaves_of(schema: "StructType") -> list[SparkLeaf]:
    """All leaves of a schema but the two record columns.

    Raises ``DatasetError`` where two share a path, or one has the name of a record column and is none.
    """
    for field in schema.fields:
        if field.name.lower() in (RECORD_LEVEL, RECORD_ENTITIES) and not is_record_column(field):
            raise DatasetError(
                f"column {field.name} has a name that Clearance gives to its own columns", hint="rename it first"
            )
    found = [leaf for field in schema.fields if not is_record_column(field) for leaf in _of_column(field)]
    paths = [leaf.path for leaf in found]
    twice = next((path for path in paths if paths.count(path) > 1), None) if len(set(paths)) < len(paths) else None
    if twice is not None:
        raise DatasetError(f"two columns are called {twice}", hint="rename one: a finding must name one column")
    return found


def surroundings_of(leaves: Sequence[SparkLeaf]) -> dict[str, Surroundings]:
    """What stands around each leaf of a dataset, by path."""
    return surroundings([leaf.path for leaf in leaves], {leaf.path: leaf.comment for leaf in leaves})


def require_record_columns(frame: "DataFrame", levels: Iterable[str], entity_types: Iterable[str]) -> None:
    """Raises ``DatasetError`` when record columns hold anything but levels and entity types.

    They are neither looked at nor protected, so that no one may hide data under their names.
    """
    from pyspark.sql import functions as F

    known_levels, known_types = list(levels), list(entity_types)
    strange = []
    for field in filter(is_record_column, frame.schema.fields):
        column = F.col(field.name)
        if field.name == RECORD_LEVEL:
            strange.append(~column.isin(known_levels))
        else:
            strange.append(F.exists(column, lambda item: ~item.isin(known_types)))
    for test in strange:
        if frame.where(F.coalesce(test, F.lit(False))).limit(1).count():
            raise DatasetError(
                f"{RECORD_LEVEL} or {RECORD_ENTITIES} holds what is no level or entity type of this policy",
                hint="rename the column, or use the policy that its records were labelled by",
            )


def _of_column(field: "StructField") -> Iterator[SparkLeaf]:
    steps = (Step("name", field.name),)
    if carried(field.dataType) or type(field.dataType).__name__ in _AS_TEXT:
        yield from _below(field.dataType, steps, field.nullable, _comment(field))
    else:
        # One part that Arrow can't carry keeps the whole column from crossing: it is one leaf that no one saw.
        yield SparkLeaf(format_path(steps), steps, field.dataType.simpleString(), False, field.nullable)


def _comment(field: "StructField") -> str:
    return str((field.metadata or {}).get("comment", ""))


def _below(kind: "DataType", steps: tuple[Step, ...], nullable: bool, comment: str) -> Iterator[SparkLeaf]:
    name = type(kind).__name__
    if name == "StructType" and kind.fields:  # type: ignore[attr-defined]
        for field in kind.fields:  # type: ignore[attr-defined]
            yield from _below(field.dataType, (*steps, Step("name", field.name)), field.nullable, _comment(field))
    elif name == "ArrayType":
        yield from _below(kind.elementType, (*steps, ITEM), True, comment)  # type: ignore[attr-defined]
    elif name == "MapType":
        yield from _below(kind.keyType, (*steps, KEY), False, comment)  # type: ignore[attr-defined]
        yield from _below(kind.valueType, (*steps, VALUE), True, comment)  # type: ignore[attr-defined]
    else:
        readable = name in _READABLE or (name in _AS_TEXT and len(steps) == 1)
        yield SparkLeaf(format_path(steps), steps, kind.simpleString(), readable, nullable, comment)


def readable_frame(frame: "DataFrame", *, with_records: bool = False) -> "DataFrame":
    """The frame as Python workers get it: without the record columns, unsupported types as text or left out."""
    from pyspark.sql import functions as F

    columns: list[Column] = []
    for field in frame.schema.fields:
        if is_record_column(field) and not with_records:
            continue
        name = type(field.dataType).__name__
        column = F.col(sql_name(field.name))
        if name == "VariantType":
            column = F.to_json(column).alias(field.name)
        elif name in _AS_TEXT:
            column = column.cast("string").alias(field.name)
        elif not carried(field.dataType):
            # Its leaves are reported as unknown; its values must not break the whole call.
            column = F.lit(None).cast("string").alias(field.name)
        columns.append(column)
    return frame.select(*columns)


def carried(kind: "DataType") -> bool:
    """Whether Arrow can carry a type."""
    name = type(kind).__name__
    if name == "StructType":
        return all(carried(field.dataType) for field in kind.fields)  # type: ignore[attr-defined]
    if name == "ArrayType":
        return carried(kind.elementType)  # type: ignore[attr-defined]
    if name == "MapType":
        return carried(kind.keyType) and carried(kind.valueType)  # type: ignore[attr-defined]
    return name in _READABLE or name == "BinaryType"


__all__ = ["RECORD_ENTITIES", "RECORD_LEVEL", "SparkLeaf", "leaves_of", "readable_frame", "surroundings_of"]
