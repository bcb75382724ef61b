"""Where a protected copy may go, and what of the source's description goes with it."""

import pytest

from clearance.errors import DatasetError, PublishError
from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.signed_record import signed_record
from clearance.jobs.staging import STAGING, Staged, Target, publish
from clearance.jobs.tasks import protect

MAIL = "mara.kowalski@mail.com"


@pytest.fixture
def source(spark, tmp_path):
    path = str(tmp_path / "source")
    spark.sql(
        f"CREATE TABLE delta.`{path}` (id INT, mail STRING COMMENT 'such as {MAIL}', note STRING COMMENT 'a remark', "
        f"other STRING DEFAULT '{MAIL}') USING delta COMMENT '{MAIL}' "
        f"TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported', 'owner.mail' = '{MAIL}')"
    )
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1, '{MAIL}', 'x', 'y')")
    return Reference(path)


def test_values_in_a_tables_description_stay_behind(spark, source, desk, tmp_path):
    protect(spark, source, Target(str(tmp_path / "t")), desk)
    files = [path for path in (tmp_path / "t").rglob("*") if path.is_file()]
    assert not [path for path in files if MAIL.encode() in path.read_bytes()]
    registered = desk.registry.rows("datasets", ["schema"]), desk.registry.rows("labels")
    assert MAIL not in str(registered)
    fields = spark.read.format("delta").load(str(tmp_path / "t")).schema
    assert fields["note"].metadata["comment"] == "a remark"


def test_a_table_of_somebody_elses_is_not_replaced(spark, source, desk, tmp_path):
    spark.range(3).write.format("delta").save(str(tmp_path / "theirs"))
    with pytest.raises(PublishError, match="did not publish"):
        protect(spark, source, Target(str(tmp_path / "theirs")), desk)
    assert spark.read.format("delta").load(str(tmp_path / "theirs")).count() == 3
    protect(spark, source, Target(str(tmp_path / "ours")), desk)
    assert protect(spark, source, Target(str(tmp_path / "ours")), desk).version == "1"


@pytest.mark.parametrize("place", ["source/below", "."])
def test_source_and_target_lie_apart(spark, source, desk, tmp_path, place):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PublishError, match=r"source|no Delta table"):
        protect(spark, source, Target(str(tmp_path / place)), desk)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_first_publication_leaves_no_folder(spark, tmp_path, monkeypatch):
    target, own = Target(str(tmp_path / "t")), tmp_path / STAGING / "run"
    staged = Staged(f"delta.`{own}`", own, "delta")
    staged.write(spark.range(1), (), "t")

    def half(*_):
        (tmp_path / "t" / "_delta_log").mkdir(parents=True)
        (tmp_path / "t" / "part-0.parquet").write_text("x")
        raise OSError

    monkeypatch.setattr("clearance.jobs.staging._with_layout", half)
    with pytest.raises(DatasetError):
        publish(
            spark, staged, target, partitions=(), properties={}, column_metadata={}, expected_version=None, sidecar={}
        )
    assert not (tmp_path / "t").exists()


def test_a_catalog_table_is_known_by_its_record_until_it_is_another(spark, source, desk):
    """Its name is no place to look at: the record speaks of the very table and version that it was made for."""
    spark.sql("CREATE DATABASE IF NOT EXISTS copies")
    spark.sql("DROP TABLE IF EXISTS copies.people")
    copy = Reference("copies.people")
    assert protect(spark, source, Target(copy.text), desk).version == "0"
    record = signed_record(desk, open_dataset(spark, copy))
    assert (record.problem, record.leaves["mail"]["method"]["name"]) == ("", "token")
    spark.sql("INSERT INTO copies.people SELECT * FROM copies.people")
    assert signed_record(desk, open_dataset(spark, copy)).problem == "it changed since it was protected"
    assert not signed_record(desk, open_dataset(spark, Reference(copy.text, version=0))).problem
    spark.sql("DROP TABLE copies.people")
    spark.sql(f"CREATE TABLE copies.people USING delta AS SELECT id, mail, note FROM delta.`{source.text}`")
    assert open_dataset(spark, copy).version == "0"
    assert signed_record(desk, open_dataset(spark, copy)).problem == "it changed since it was protected"
