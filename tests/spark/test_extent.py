"""How much is read: a sample finds what it promises and reads less; what was added is added to what was known."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from clearance.classifiers.findings import ColumnReport
from clearance.errors import RegistryError
from clearance.governance.registry import Registry
from clearance.jobs import sampling
from clearance.jobs.datasets import Dataset, Reference, from_frame, open_dataset
from clearance.jobs.extent import Extent
from clearance.jobs.settings import Detection
from clearance.jobs.tasks import scan

ROWS = 8_000
#: One row in twenty, all at the end: a sample of the first rows, or of few places, would not see them.
RARE = 400
ADDED = Extent("incremental")
ONE_IN_A_HUNDRED = Extent("sample", 0.01, 0.95)


@pytest.fixture(autouse=True)
def _fixed_seed(monkeypatch):
    """What is drawn follows from the dataset's path and times, which are others in each run of the tests."""
    monkeypatch.setattr(sampling, "_seed", lambda dataset: b"sixteen octets..")


@pytest.fixture
def mixed(spark):
    """Rows with e-mail addresses in every row of one column, in one of 20 of another, in every second of a third."""

    def make(rows: int = ROWS, start: int = 0) -> Any:
        return spark.range(start, start + rows, numPartitions=4).selectExpr(
            "id",
            "concat('u', id, '@mail', id % 97, '.com') as email",
            f"if(id >= {ROWS - RARE}, concat('write to v', id, '@mail.com'), concat('fine weather ', id)) as note",
            "if(id % 2 = 0, concat('w', id, '@mail.com'), concat('zz', id)) as half",
            "concat('p', id) as nothing",
        )

    return make


def types(reports: Any) -> dict[str, set[str]]:
    return {report.path: {finding.entity_type for finding in report.findings} for report in reports}


def plain(reports: Any) -> list[dict[str, Any]]:
    """Reports without what a later scan only knows roughly: distinct values, and shapes that few rows share."""
    told = [report.to_dict() for report in reports]
    for report in told:
        report.pop("distinct")
        for finding in report["findings"]:
            finding.pop("shapes")
    return told


def sample(dataset: Dataset, extent: Extent = ONE_IN_A_HUNDRED) -> Any:
    return sampling.scan_sample(dataset, Detection(ner=None), None, extent)


# ---- samples ----


@pytest.mark.parametrize("kind", ["delta", "parquet"])
def test_a_sample_finds_what_it_promises_in_few_rows(spark, mixed, tmp_path, kind):
    mixed().write.format(kind).save(str(tmp_path / "t"))
    found = sample(open_dataset(spark, Reference(str(tmp_path / "t"))))
    assert types(found.columns)["email"] == types(found.columns)["note"] == {"EMAIL_ADDRESS"}
    assert found.rows == ROWS
    coverage = found.coverage
    assert coverage.mode == "sample" and not coverage.complete and coverage.proves(0.01, 0.95)
    by_path = {report.path: report for report in found.columns}
    for path in ("id", "email", "note", "nothing"):
        assert by_path[path].rows == coverage.columns[path].rows_read == ONE_IN_A_HUNDRED.rows
    rare = by_path["note"].findings[0]
    assert rare.prevalence.low < RARE / ROWS < rare.prevalence.high


def test_a_column_that_hangs_on_the_draw_is_read_further_and_no_other(spark, mixed, tmp_path):
    mixed().write.format("delta").save(str(tmp_path / "t"))
    found = sample(open_dataset(spark, Reference(str(tmp_path / "t"))))
    assert found.coverage.columns["half"].rows_read >= 4 * ONE_IN_A_HUNDRED.rows
    assert found.coverage.columns["email"].rows_read == ONE_IN_A_HUNDRED.rows
    assert found.coverage.rows_read == found.coverage.columns["half"].rows_read


def test_the_rows_drawn_follow_from_the_state_of_the_dataset(spark, mixed, tmp_path, monkeypatch):
    monkeypatch.undo()
    path = tmp_path / "t"
    mixed(10).write.format("delta").save(str(path))
    seeds = [sampling._seed(open_dataset(spark, Reference(str(path)))) for _ in range(2)]
    append(mixed(10), path)
    assert seeds[0] == seeds[1] != sampling._seed(open_dataset(spark, Reference(str(path))))


def test_the_same_version_gives_the_same_sample_however_it_is_cut(spark, mixed, tmp_path):
    mixed().write.format("delta").save(str(tmp_path / "t"))
    told = []
    for octets in ("128m", "20k"):
        spark.conf.set("spark.sql.files.maxPartitionBytes", octets)
        try:
            told.append(plain(sample(open_dataset(spark, Reference(str(tmp_path / "t")))).columns))
        finally:
            spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert told[0] == told[1]


def test_files_without_a_drawn_row_are_not_read(spark, mixed, tmp_path):
    mixed(400).repartition(40).write.parquet(str(tmp_path / "t"))
    dataset = open_dataset(spark, Reference(str(tmp_path / "t")))
    drawn = Extent("sample", 0.3, 0.9)
    assert drawn.rows < 40
    positions = sampling._RowPositions.of(dataset, drawn)
    assert positions is not None
    frame, _ = positions.draw(0) or pytest.fail("all rows were to be read")
    wanted = {row["file"] for row in frame.select(frame.metadataColumn("_metadata").file_path.alias("file")).collect()}
    assert 0 < len(wanted) <= drawn.rows
    for file in (tmp_path / "t").glob("*.parquet"):
        if not any(name.endswith(file.name) for name in wanted):
            # Its footer says how many rows it has and what they look like; its rows are gone.
            content = file.read_bytes()
            footer = int.from_bytes(content[-8:-4], "little") + 8
            file.write_bytes(content[:4] + b"\0" * (len(content) - 4 - footer) + content[-footer:])
    assert frame.count() == len(frame.collect()) == drawn.rows


@pytest.mark.parametrize("kind", ["csv", "json", "orc", "frame"])
def test_rows_without_a_number_are_sampled_all_the_same(spark, mixed, tmp_path, kind):
    if kind == "frame":
        dataset = from_frame(mixed(), "mixed")
    else:
        writer = mixed().write.format(kind)
        (writer.option("header", True) if kind == "csv" else writer).save(str(tmp_path / "t"))
        dataset = open_dataset(spark, Reference(str(tmp_path / "t"), "jsonl" if kind == "json" else kind))
    found = sample(dataset)
    assert types(found.columns)["email"] == {"EMAIL_ADDRESS"}
    assert found.rows == ROWS and found.coverage.columns["email"].rows_read < ROWS / 20
    assert found.coverage.proves(0.01, 0.95) and "all were read" in found.coverage.reason


def test_a_small_dataset_is_read_whole_and_says_so(spark, mixed, tmp_path):
    mixed(300).write.format("delta").save(str(tmp_path / "t"))
    found = sample(open_dataset(spark, Reference(str(tmp_path / "t"))))
    assert found.coverage.complete and found.coverage.rows_read == found.rows == 300
    assert "nothing was left out" in found.coverage.words()


def test_a_table_with_deletion_vectors_is_sampled_through_delta(spark, mixed, tmp_path):
    table = str(tmp_path / "t")
    properties = {"delta.enableDeletionVectors": "true", "delta.columnMapping.mode": "name"}
    mixed(4000).write.format("delta").options(**properties).save(table)
    spark.sql(f"DELETE FROM delta.`{table}` WHERE id % 10 = 0")
    found = sample(open_dataset(spark, Reference(table)), Extent("sample", 0.05))
    assert found.rows == 3600, "deleted rows are no rows"
    assert types(found.columns)["email"] == {"EMAIL_ADDRESS"}


def test_a_sample_is_on_record_and_no_copy_is_made_from_it(spark, desk, mixed, tmp_path):
    from clearance.jobs.staging import Target
    from clearance.jobs.tasks import protect

    mixed().write.format("delta").save(str(tmp_path / "t"))
    reference = Reference(str(tmp_path / "t"))
    done = scan(spark, reference, desk, extent=ONE_IN_A_HUNDRED, facts={"regions": ["eu"]})
    row = desk.registry.latest("labels", dataset=done.scan.dataset)
    assert row["looked"]["coverage"]["prevalence"] <= 0.01
    assert json.loads(json.dumps(done.to_dict()))["coverage"]["mode"] == "sample"
    made = protect(spark, reference, Target(str(tmp_path / "safe")), desk, scanned=done)
    assert made.rows == ROWS
    row = desk.registry.latest("labels", dataset=done.scan.dataset)
    assert (row["looked"]["coverage"]["mode"], row["facts"]) == ("full", {"regions": ["eu"]})
    rare = f"id >= {ROWS - RARE} AND note LIKE '%@mail.com%'"
    assert spark.read.format("delta").load(str(tmp_path / "safe")).where(rare).count() == 0


# ---- what was added ----


@pytest.fixture
def table(mixed, tmp_path):
    mixed().write.format("delta").save(str(tmp_path / "t"))
    return tmp_path / "t"


def append(frame: Any, table: Path) -> None:
    frame.write.format("delta").mode("append").save(str(table))


def test_only_what_was_added_is_read_and_the_result_is_that_of_all(spark, desk, mixed, table):
    reference = Reference(str(table))
    scan(spark, reference, desk)
    old = set(table.glob("*.parquet"))
    append(mixed(500, start=ROWS), table)
    kept = table.parent / "kept"
    shutil.copytree(table, kept)
    for file in old:
        file.write_bytes(b"no Parquet")  # whoever opens one of them fails
    added = scan(spark, reference, desk, extent=ADDED)
    assert (added.scan.coverage.mode, added.scan.coverage.rows_read, added.scan.rows) == (
        "incremental",
        500,
        ROWS + 500,
    )
    whole = scan(spark, Reference(str(kept)), desk)
    assert plain(added.scan.columns) == plain(whole.scan.columns)
    assert added.columns == whole.columns
    # And again from there, with what was compacted since under its first name.
    append(mixed(100, start=ROWS + 500), table)
    again = scan(spark, reference, desk, extent=ADDED)
    assert (again.scan.coverage.rows_read, again.scan.coverage.since, again.scan.rows) == (100, "1", ROWS + 600)


def test_housekeeping_is_nothing_to_read(spark, desk, mixed, table):
    scan(spark, Reference(str(table)), desk)
    append(mixed(50, start=ROWS), table)
    spark.sql(f"OPTIMIZE delta.`{table}`")
    spark.sql(f"ALTER TABLE delta.`{table}` SET TBLPROPERTIES ('team' = 'us')")
    first = scan(spark, Reference(str(table)), desk, extent=ADDED)
    assert (first.scan.coverage.mode, first.scan.coverage.rows_read) == ("incremental", 50)
    assert scan(spark, Reference(str(table)), desk, extent=ADDED).scan.coverage.rows_read == 0


def test_names_in_partitions_are_found_on_disk(spark, desk, mixed, tmp_path):
    table = tmp_path / "a b%c"
    frame = mixed(400).selectExpr("*", "concat('x/y %', id % 2) as part")
    frame.write.format("delta").partitionBy("part").save(str(table))
    scan(spark, Reference(str(table)), desk)
    append(frame.where("id < 10"), table)
    added = scan(spark, Reference(str(table)), desk, extent=ADDED).scan
    assert (added.coverage.mode, added.coverage.rows_read) == ("incremental", 10)
    assert {report.path: report.nulls for report in added.columns}["part"] == 0


def test_a_table_that_only_delta_can_read_is_gone_on_with(spark, desk, mixed, tmp_path):
    table = tmp_path / "t"
    properties = {"delta.enableDeletionVectors": "true", "delta.columnMapping.mode": "name"}
    mixed(400).write.format("delta").options(**properties).save(str(table))
    scan(spark, Reference(str(table)), desk)
    append(mixed(30, start=400), table)
    added = scan(spark, Reference(str(table)), desk, extent=ADDED).scan
    assert (added.coverage.mode, added.coverage.rows_read, added.rows) == ("incremental", 30, 430)


def read_whole(spark: Any, table: Path, desk: Any, why: str) -> None:
    coverage = scan(spark, Reference(str(table)), desk, extent=ADDED).scan.coverage
    assert coverage.mode == "full" and coverage.asked == "incremental" and why in coverage.reason


def test_all_is_read_when_what_is_known_does_not_do(spark, desk, mixed, table, tmp_path):
    reference = Reference(str(table))
    read_whole(spark, table, desk, "never scanned")
    append(mixed(20, start=ROWS), table)
    read_whole(spark, table, desk.with_detection(Detection(ner=None, threshold=0.4)), "detectors changed")
    append(mixed(20, start=ROWS), table)
    (tmp_path / "policy.yaml").write_text("version: 1\nname: other\nextends: default\nrules:\n  purposes: true\n")
    from clearance.jobs.desk import open_desk

    other = open_desk(policy=tmp_path / "policy.yaml", home=desk.registry.home, detection=desk.detection)
    scan(spark, reference, desk)
    read_whole(spark, table, other, "policy changed")
    scan(spark, reference, desk, extent=ONE_IN_A_HUNDRED)
    read_whole(spark, table, desk, "a sample")
    spark.sql(f"DELETE FROM delta.`{table}` WHERE id = 5")
    read_whole(spark, table, desk, "removed or rewrote")
    mixed(10).selectExpr("*", "'x' as more").write.format("delta").mode("append").option("mergeSchema", True).save(
        str(table)
    )
    read_whole(spark, table, desk, "schema changed")


def test_files_are_read_whole(spark, desk, mixed, tmp_path):
    mixed(100).write.parquet(str(tmp_path / "t"))
    scan(spark, Reference(str(tmp_path / "t")), desk)
    read_whole(spark, tmp_path / "t", desk, "only Delta tables")


def test_a_run_that_was_killed_before_its_label_is_as_if_it_had_not_been(spark, desk, mixed, table, monkeypatch):
    reference = Reference(str(table))
    scan(spark, reference, desk)
    append(mixed(40, start=ROWS), table)
    append_rows = Registry.append

    def killed(self: Registry, name: str, rows: Any, *, run_id: str) -> int:
        if name == "labels":
            raise RegistryError("the machine is gone")
        return append_rows(self, name, rows, run_id=run_id)

    with monkeypatch.context() as patch, pytest.raises(RegistryError):
        patch.setattr(Registry, "append", killed)
        scan(spark, reference, desk, extent=ADDED)
    again = scan(spark, reference, desk, extent=ADDED).scan
    assert (again.coverage.rows_read, again.coverage.since, again.rows) == (40, "0", ROWS + 40)


def test_what_was_found_is_not_taken_back_by_more_rows(spark, desk, tmp_path):
    """Some values in a hundred are told; the same ones among a hundred times as many rows would not be."""
    table, reference = tmp_path / "t", Reference(str(tmp_path / "t"))
    spark.range(200).selectExpr(
        "if(id % 8 = 0, concat('call +1 212 555 01', 10 + id % 80), concat('k', id)) as c"
    ).write.format("delta").save(str(table))
    first = scan(spark, reference, desk)
    append(spark.range(20_000).selectExpr("concat('k', id) as c"), table)
    added = scan(spark, reference, desk, extent=ADDED)
    assert added.scan.coverage.mode == "incremental"
    assert types(first.scan.columns)["c"] and types(first.scan.columns)["c"] <= types(added.scan.columns)["c"]
    assert added.label.level == first.label.level


def test_what_is_kept_for_later_holds_no_value(spark, desk, people, tmp_path):
    crowd = people(60)
    secrets = {person.email.split("@")[0] for person in crowd}
    rows = [(person.email, f"my key is {person.email}", str(person.card)) for person in crowd]
    frame = spark.createDataFrame(rows, "email string, note string, card string")
    frame.write.format("delta").save(str(tmp_path / "t"))
    scan(spark, Reference(str(tmp_path / "t")), desk)
    kept = json.dumps(desk.registry.rows("profiles", ["column", "profile"]))
    assert "EMAIL_ADDRESS" in kept
    assert not [secret for secret in secrets if secret in kept]
    assert not [person.card for person in crowd if str(person.card) in kept]
    assert "registers" not in kept and "salt" not in kept


@pytest.mark.parametrize("extent", [Extent(), ONE_IN_A_HUNDRED, ADDED], ids=lambda extent: extent.mode)
def test_what_a_person_declared_outlives_every_later_scan(spark, desk, table, extent):
    reference = Reference(str(table))
    scan(spark, reference, desk, facts={"regions": ["eu"], "environment": "production"})
    done = scan(spark, reference, desk, extent=extent, facts={"environment": "development"})
    assert done.facts == {"regions": ["eu"], "environment": "development"}
    assert desk.registry.latest("labels", dataset=done.scan.dataset)["facts"] == done.facts


def test_a_report_of_before_is_read_as_it_was_written(looked_at, people, spark):
    """What an incremental scan compares with comes from the registry."""
    frame = spark.createDataFrame([(person.email,) for person in people(30)], "email string")
    found, _ = looked_at(from_frame(frame, "crowd"))
    report = found.columns[0]
    assert ColumnReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
