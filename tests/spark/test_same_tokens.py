"""Equal values give equal tokens however Spark cuts the rows: on any number of partitions, in batches of any size."""

import pytest
from pyspark.sql import functions as F

from clearance.governance.labels import Label
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.protect import protected_schema
from clearance.jobs.rewrite import Rewriter
from clearance.jobs.settings import Detection
from clearance.jobs.workers import map_batches
from clearance.methods import parse_method
from clearance.paths import parse_path
from clearance.tokenization.methods import apply

ROWS = 3_000
METHODS = {
    "email": ("EMAIL_ADDRESS", {"name": "token"}),
    "mail": ("EMAIL_ADDRESS", {"name": "reversible"}),
    "ssn": ("US_SSN", {"name": "format_preserving"}),
    "card": ("CREDIT_CARD", {"name": "token"}),
    "phone": ("PHONE_NUMBER", {"name": "token"}),
}


@pytest.fixture(scope="module")
def source(spark, tmp_path_factory):
    """Distinct, repeated, missing and odd values."""
    number = F.col("id")
    mail = F.when(number % 7 == 0, None).when(number % 5 == 0, "Same@Example.com")
    frame = spark.range(ROWS).select(
        "id",
        mail.otherwise(F.concat(F.lit("User"), number, F.lit("@example.org"))).alias("email"),
        F.concat(F.lit("é"), number % 900, F.lit("@example.net ")).alias("mail"),
        F.format_string("%03d-%02d-%04d", number % 800 + 1, number % 90 + 1, number % 9000 + 1).alias("ssn"),
        (F.lit(4111111111111111) + number % 1000).alias("card"),
        F.format_string("(212) 555-%04d", number % 2000).alias("phone"),
    )
    path = str(tmp_path_factory.mktemp("same") / "source")
    frame.repartition(17).write.parquet(path)
    return spark.read.parquet(path)


@pytest.fixture(scope="module")
def rewriter(source, key_file):
    from clearance.jobs.settings import Tokens
    from clearance.tokenization.keys import FileKeyProvider

    leaves = [
        LeafPlan(
            name, parse_path(name), "cells", "structured", entity_type, settings, Label("internal"),
            source.schema[name].dataType.simpleString(), "string",
        )
        for name, (entity_type, settings) in METHODS.items()
    ]  # fmt: skip
    plan = ProtectionPlan(tuple(leaves), {}, {}, ("public", "internal"))
    return Rewriter(plan, Detection(ner=None), Tokens(FileKeyProvider(key_file).reference()))


@pytest.fixture(scope="module")
def expected(source, rewriter):
    """What the methods give without Spark, in one batch."""
    table = source.toArrow().sort_by("id").combine_chunks()
    tokenizer = rewriter.tokens.open()
    done = {"id": table["id"].to_pylist()}
    for name, (entity_type, settings) in METHODS.items():
        values = table[name].cast("string").combine_chunks()
        done[name] = apply(parse_method(settings), values, entity_type, tokenizer).to_pylist()
    return done


@pytest.mark.parametrize(("partitions", "batch"), [(1, 10_000), (2, 7), (17, 500), (200, 10_000)])
def test_partitions_and_batches_never_show(spark, source, rewriter, expected, partitions, batch):
    setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(setting)
    spark.conf.set(setting, str(batch))
    try:
        cut = source.repartition(partitions)
        assert cut.select(F.spark_partition_id()).distinct().count() == partitions
        schema = protected_schema(source.schema, rewriter.plan)
        found = map_batches(cut, rewriter, schema, "protection").toArrow().sort_by("id")
    finally:
        spark.conf.set(setting, before)
    assert {name: found[name].to_pylist() for name in expected} == expected
