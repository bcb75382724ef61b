"""Protect: a dataset and its plan in, a staged, proved and published dataset out.

The source is only read. The key reaches workers by reference: never in SQL, in the plan, or in a closure.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from clearance.errors import ProtectionError
from clearance.jobs.datasets import CORRUPT, Dataset
from clearance.jobs.naming import looks_like_a_value
from clearance.jobs.plans import ProtectionPlan
from clearance.jobs.rewrite import Rewriter
from clearance.jobs.schema import RECORD_ENTITIES, RECORD_LEVEL, readable_frame
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.workers import map_batches
from clearance.paths import ITEM, KEY, VALUE, Step, sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructField, StructType


def protected_frame(
    dataset: Dataset, plan: ProtectionPlan, detection: Detection, tokens: Tokens, *, without_corrupt: bool = False
) -> "DataFrame":
    """The protected dataset as a lazy frame: the source's columns, then the two record columns."""
    source = source_frame(dataset, without_corrupt=without_corrupt)
    frame = readable_frame(source)
    schema = protected_schema(frame.schema, plan)
    rewritten = map_batches(frame, Rewriter(plan, detection, tokens), schema, "protection")
    whole = cast_back(_typed(rewritten, plan), source.schema, {leaf.steps[0].name for leaf in plan.changed})
    gone = [leaf.steps[0].name for leaf in plan.leaves if leaf.drops == "column"]
    return whole.select(*(sql_name(name) for name in whole.columns if name not in gone)) if gone else whole


def _typed(frame: "DataFrame", plan: ProtectionPlan) -> "DataFrame":
    """Whole columns whose method keeps their type, as that type: they left the workers as strings.

    A value that does not fit becomes null, and the proof sees that there is one more.
    """
    from pyspark.sql import functions as F

    kinds = {leaf.steps[0].name: leaf.type_after for leaf in plan.leaves if leaf.how == "cells" and leaf.keeps_type}
    if not kinds:
        return frame
    columns = ((name, F.col(sql_name(name))) for name in frame.columns)
    return frame.select(
        *(column.try_cast(kinds[name]).alias(name) if name in kinds else column for name, column in columns)
    )


def source_frame(dataset: Dataset, *, without_corrupt: bool = False) -> "DataFrame":
    """What is protected of a dataset: all of it, but for the column of malformed records where there are none."""
    return dataset.frame.drop(CORRUPT) if without_corrupt else dataset.frame


def protected_schema(schema: "StructType", plan: ProtectionPlan) -> "StructType":
    """The result's schema: replaced leaves are strings, suppressed ones nullable, the rest is as it was."""
    from pyspark.sql.types import ArrayType, StringType, StructField, StructType

    to_text = {leaf.steps for leaf in plan.leaves if leaf.as_text}
    nulled = {leaf.steps for leaf in plan.leaves if leaf.how == "null"}
    fields = [_field(field, (), to_text, nulled) for field in schema.fields]
    fields.append(StructField(RECORD_LEVEL, StringType(), False))
    fields.append(StructField(RECORD_ENTITIES, ArrayType(StringType(), False), False))
    return StructType(fields)


def _field(
    field: "StructField", above: tuple[Step, ...], to_text: set[tuple[Step, ...]], nulled: set[tuple[Step, ...]]
) -> "StructField":
    from pyspark.sql.types import StructField

    steps = (*above, Step("name", field.name))
    kind = _type(field.dataType, steps, to_text, nulled)
    return StructField(field.name, kind, field.nullable or steps in nulled, kept_metadata(field, kind))


def kept_metadata(field: "StructField", kind: "DataType") -> dict[str, Any]:
    """What of a field's metadata goes into the copy: its comment, and the length of an unchanged varchar.

    The rest may hold values: a column's default, the categories that a model was trained on.
    """
    own = field.metadata or {}
    kept = {"__CHAR_VARCHAR_TYPE_STRING"} if kind == field.dataType else set()
    if isinstance(comment := own.get("comment"), str) and not looks_like_a_value(comment):
        kept.add("comment")
    return {name: value for name, value in own.items() if name in kept}


def _type(
    kind: "DataType", steps: tuple[Step, ...], to_text: set[tuple[Step, ...]], nulled: set[tuple[Step, ...]]
) -> "DataType":
    from pyspark.sql.types import ArrayType, MapType, StringType, StructType

    if steps in to_text:
        return StringType()
    if isinstance(kind, StructType):
        return StructType([_field(field, steps, to_text, nulled) for field in kind.fields])
    if isinstance(kind, ArrayType):
        below = (*steps, ITEM)
        return ArrayType(_type(kind.elementType, below, to_text, nulled), kind.containsNull or below in nulled)
    if isinstance(kind, MapType):
        key, value = (*steps, KEY), (*steps, VALUE)
        return MapType(
            _type(kind.keyType, key, to_text, nulled),
            _type(kind.valueType, value, to_text, nulled),
            kind.valueContainsNull or value in nulled,
        )
    return kind


def cast_back(frame: "DataFrame", source: "StructType", changed: Collection[str]) -> "DataFrame":
    """Types that crossed to Python as text get their own type back where nothing was replaced."""
    from pyspark.sql import functions as F

    # A source that was protected before has record columns of its own: they are made anew.
    before = {f.name: f.dataType for f in source.fields if f.name not in (RECORD_LEVEL, RECORD_ENTITIES)}
    columns = []
    for field in frame.schema.fields:
        column = F.col(sql_name(field.name))
        kind = before.get(field.name)
        if kind is not None and field.name not in changed and kind != field.dataType:
            if type(kind).__name__ == "VariantType":
                column = F.parse_json(column).alias(field.name)
            elif type(kind).__name__.endswith("IntervalType"):
                column = column.cast(kind).alias(field.name)
            elif not kind.simpleString().startswith(("string", "char", "varchar")):
                raise ProtectionError(
                    f"column {field.name} ({kind.simpleString()}) can't be carried unchanged",
                    hint="let the policy suppress columns that can't be looked at, or drop it first",
                )
        columns.append(column)
    return frame.select(*columns)
