"""Tags: a label goes into an existing table's properties, and nothing else about the table changes."""

import duckdb
import polars
import pytest
from deltalake import DeltaTable

from clearance.errors import DatasetError
from clearance.governance.standing import standing
from clearance.jobs.datasets import Reference
from clearance.jobs.relabel import relabel
from clearance.jobs.tags import protocol, read_tags, table_properties
from clearance.jobs.tasks import scan, write_to_table

VARIANTS = {
    "plain": "",
    "deletion vectors": "delta.enableDeletionVectors = true",
    "column mapping": "delta.columnMapping.mode = 'name'",
    "row tracking": "delta.enableRowTracking = true",
    "change data feed": "delta.enableChangeDataFeed = true",
    "column defaults": "delta.feature.allowColumnDefaults = 'supported'",
    "type widening": "delta.enableTypeWidening = true",
    "in-commit timestamps": "delta.enableInCommitTimestamps = true",
    "v2 checkpoints": "delta.checkpointPolicy = 'v2'",
}


@pytest.mark.parametrize("name", VARIANTS)
def test_tagging_changes_nothing_else(name, spark, desk, people, tmp_path):
    path = tmp_path / "t"
    table = f"delta.`{path}`"
    properties = f"TBLPROPERTIES ({VARIANTS[name]})" if VARIANTS[name] else ""
    email = "email STRING DEFAULT 'x'" if name == "column defaults" else "email STRING"
    spark.sql(f"CREATE TABLE {table} (n INT, {email}) USING delta {properties}")
    rows = ", ".join(f"({p.id}, '{p.email}')" for p in people(10))
    spark.sql(f"INSERT INTO {table} VALUES {rows}")
    if name == "plain":
        spark.sql(f"ALTER TABLE {table} ADD CONSTRAINT positive CHECK (n >= 0)")
    if name == "deletion vectors":
        spark.sql(f"DELETE FROM {table} WHERE n = 3")
    before = sorted(map(tuple, spark.read.format("delta").load(str(path)).collect()))
    files = sorted((str(p), p.stat().st_mtime_ns) for p in path.glob("*.parquet"))
    known = protocol(spark, table)

    reference = Reference(str(path))
    scanned = scan(spark, reference, desk)
    assert scanned.scan.rows == len(before)
    write_to_table(spark, reference, desk, relabel(desk, reference.identity, {}).label)

    assert protocol(spark, table) == known
    assert sorted(map(tuple, spark.read.format("delta").load(str(path)).collect())) == before
    assert sorted((str(p), p.stat().st_mtime_ns) for p in path.glob("*.parquet")) == files
    detail = spark.sql(f"DESCRIBE DETAIL {table}").head()
    told = read_tags(detail["properties"])
    assert told["level"] == "confidential" and "GDPR" in told["regimes"].split(",")
    assert table_properties(scanned.label).items() <= detail["properties"].items()
    # A tag is no change of the data: the label still speaks for it.
    assert standing(desk.registry, reference.identity).state == "current"
    if name == "plain":
        opened = DeltaTable(path)
        assert opened.metadata().configuration["clearance.level"] == "confidential"
        assert sorted(polars.read_delta(str(path)).rows()) == before
        with duckdb.connect() as db:
            db.register("t", opened.to_pyarrow_dataset())
            assert sorted(db.execute("SELECT * FROM t").fetchall()) == before
        assert [e.get("result") for e in desk.audit.entries(action="tag")] == [None, "done"]
        spark.sql(f"INSERT INTO {table} VALUES (99, 'new@mail.com')")
        assert standing(desk.registry, reference.identity).state == "changed"


def test_only_delta_can_be_tagged(spark, desk, write_csv, tmp_path):
    reference = Reference(str(write_csv(tmp_path / "t.csv", 5)))
    done = scan(spark, reference, desk)
    with pytest.raises(DatasetError):
        write_to_table(spark, reference, desk, done.label)
    assert [e.get("result") for e in desk.audit.entries(action="tag")] == [None, "failed"]


def test_labels_with_quotes_are_written_as_they_are(spark, tmp_path):
    from clearance.governance.labels import Label
    from clearance.jobs.tags import tag_table

    table = f"delta.`{tmp_path / 't'}`"
    spark.range(1).write.format("delta").save(str(tmp_path / "t"))
    odd = Label("public", frozenset({"it's", 'a "b" \\ c'}), frozenset(), frozenset())
    tag_table(spark, table, odd)
    assert spark.sql(f"DESCRIBE DETAIL {table}").head()["properties"]["clearance.categories"] == 'a "b" \\ c,it\'s'


def test_optimize_is_no_change_and_another_schema_is(spark, desk, crowd, tmp_path):
    path = tmp_path / "t"
    crowd(10).repartition(4).write.format("delta").save(str(path))
    reference = Reference(str(path))
    scan(spark, reference, desk)
    spark.sql(f"OPTIMIZE delta.`{path}`")
    assert standing(desk.registry, reference.identity).state == "current"
    spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMN phone STRING")
    assert standing(desk.registry, reference.identity).state == "changed"
