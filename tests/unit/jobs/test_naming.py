"""What a schema is called and typed before anything is looked at. No session: types alone."""

from pyspark.sql.types import (
    ArrayType,
    DataType,
    IntegerType,
    MapType,
    NullType,
    StringType,
    StructField,
    StructType,
)

from clearance.jobs.naming import safe_schema


def test_what_has_no_type_is_a_string_at_any_depth_and_all_else_is_as_it_was() -> None:
    def schema(unknown: DataType) -> StructType:
        return StructType(
            [
                StructField("id", IntegerType(), False, {"comment": "a key"}),
                StructField("v", unknown),
                StructField("a", ArrayType(ArrayType(unknown, False))),
                StructField("m", MapType(StringType(), unknown)),
                StructField("s", StructType([StructField("n", unknown, False), StructField("i", IntegerType())])),
            ]
        )

    assert safe_schema(schema(NullType())) == (schema(StringType()), 0)
    assert safe_schema(schema(IntegerType())) == (schema(IntegerType()), 0)


def test_a_name_that_is_a_value_is_aliased_and_counted() -> None:
    told, count = safe_schema(StructType([StructField("ana.silva@example.com", ArrayType(NullType()))]))
    assert (told.names, count) == (["column_1"], 1)
    assert told[0].dataType == ArrayType(StringType())
