"""Scan: one pass, the same result however the data is cut, and the JSON that others build on."""

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest

from clearance.errors import DatasetError, DetectionError
from clearance.governance.approvals import Signer
from clearance.governance.envelopes import key_id
from clearance.governance.identities import Key, enrol
from clearance.jobs.datasets import Reference, from_frame, open_dataset
from clearance.jobs.report import report
from clearance.jobs.review_task import Review
from clearance.jobs.settings import Detection
from clearance.jobs.tasks import scan
from clearance.jobs.workers import map_batches
from clearance.tokenization.signing_key import create_signing_key

CONTRACT = {"dataset", "version", "rows", "coverage", "columns", "label", "run_id"}
COLUMN = {"path", "type", "kind", "rows", "nulls", "distinct", "entity_type", "findings", "label"}
FINDING = {"entity_type", "rows_matched", "prevalence", "score", "detectors", "shapes"}
LABEL = {"level", "categories", "regimes", "subjects"}


def test_findings_are_the_same_on_any_number_of_partitions(crowd, looked_at):
    frame = crowd(400).selectExpr(
        "*", "concat('write to ', email, ' on ', born) as note", "array(email, null) as list", "id % 3 = 0 as third"
    )
    told = []
    for partitions in (1, 2, 7):
        scan, _ = looked_at(from_frame(frame.repartition(partitions), "crowd"))
        told.append(scan.to_dict())
        # An estimate under a random salt of each run: near, not equal.
        distinct = {column["path"]: column.pop("distinct") for column in told[-1]["columns"]}
        assert abs(distinct["email"] - 400) < 20 and distinct["third"] == 2
    assert told[0] == told[1] == told[2]
    assert "EMAIL_ADDRESS" in json.dumps(told[0])


def test_the_json_contract(spark, desk, crowd, tmp_path):
    crowd(40).write.format("delta").save(str(tmp_path / "t"))
    done = scan(spark, Reference(str(tmp_path / "t")), desk)
    told = json.loads(json.dumps(done.to_dict()))
    assert set(told) == CONTRACT
    assert (told["rows"], told["version"]) == (40, "0")
    for column in told["columns"]:
        assert set(column) >= COLUMN
        assert set(column["label"]) == LABEL
        for finding in column["findings"]:
            assert set(finding) >= FINDING
            assert set(finding["prevalence"]) == {"estimate", "low", "high"}
            low, estimate, high = (finding["prevalence"][k] for k in ("low", "estimate", "high"))
            assert 0 <= low <= estimate <= high <= 1
    assert told["label"]["level"] == "restricted"
    assert "PCI DSS" in told["label"]["regimes"]
    by_path = {column["path"]: column for column in told["columns"]}
    assert by_path["id"]["findings"] == [] and by_path["id"]["label"]["level"] == "public"
    assert by_path["email"]["findings"][0]["rows_matched"] == 40


def test_a_scan_is_on_record(spark, desk, crowd, tmp_path):
    crowd(10).write.format("delta").save(str(tmp_path / "t"))
    done = scan(spark, Reference(str(tmp_path / "t")), desk, facts={"regions": ["eu"]})
    key = done.scan.dataset
    label = desk.registry.latest("labels", dataset=key)
    assert (label["run_id"], label["version"], label["facts"]) == (done.run_id, "0", {"regions": ["eu"]})
    assert {r["column"] for r in desk.registry.rows("findings", dataset=key)} == {"id", "email", "card", "born"}
    assert [r["status"] for r in desk.registry.rows("runs", run_id=done.run_id)] == ["running", "complete"]
    events = [e for e in desk.spool.events() if e["run"]["runId"] == done.run_id]
    assert [e["eventType"] for e in events] == ["START", "COMPLETE"]
    assert events[1]["inputs"][0]["inputFacets"]["dataQualityMetrics"]["rowCount"] == 10


def test_an_engine_is_built_at_most_once_a_worker(spark, people):
    """Two scans, many tasks and batches: each worker process that looked says how many engines it ever built."""
    from clearance.jobs.scan import scan_dataset

    # A threshold that no other test uses: this engine was not built before.
    detection = Detection(ner=None, threshold=0.36)
    frame = spark.createDataFrame([(p.email,) for p in people(300)], "email string").repartition(8)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "10")
    try:
        for _ in range(2):
            scan_dataset(from_frame(frame, "many"), detection)

        def builds(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            import os

            from clearance.classifiers.engine import engine_builds

            before = engine_builds()
            for batch in batches:
                detection.engine().spans(batch.column(0).to_pylist(), ner=False)
            yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "built": [engine_builds() - before]})

        rows = map_batches(frame, builds, "pid bigint, built bigint", "counting").collect()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    built: dict[int, int] = {}
    for row in rows:
        built[row["pid"]] = built.get(row["pid"], 0) + row["built"]
    assert len(rows) == 8 and len(built) < 8, "workers were not reused"
    assert max(built.values()) <= 1
    # The scans before ran in the same workers, so most of them built nothing any more.
    assert sum(built.values()) < len(built)


def test_a_failing_detector_fails_the_scan_without_its_words(spark, desk, people, monkeypatch):
    secret = people(1)[0].email

    def fails(batches):
        for _ in batches:
            raise ValueError(f"could not parse {secret}")
        yield from ()

    frame = spark.createDataFrame([(secret,)], "email string")
    with pytest.raises(Exception) as caught:
        map_batches(frame, fails, "x string", "the scan").collect()
    assert secret not in str(caught.value)
    assert "ValueError" in str(caught.value)

    import clearance.jobs.scan as scanning

    class Failing(scanning._Profiler):
        def __call__(self, batches):
            return fails(batches)

    monkeypatch.setattr(scanning, "_Profiler", Failing)
    with pytest.raises(DetectionError, match="the scan stopped with ValueError"):
        scan(spark, from_frame(frame, "failing"), desk)
    assert desk.registry.rows("labels") == []
    assert [r["status"] for r in desk.registry.rows("runs")] == ["running", "failed"]
    assert [e["eventType"] for e in desk.spool.events()] == ["START", "FAIL"]


def test_what_can_not_be_opened_is_on_record_as_asked_for_in_vain(spark, desk, tmp_path):
    broken = Reference(str(tmp_path / "broken.parquet"))
    with pytest.raises(DatasetError):  # a name where nothing is
        scan(spark, broken, desk)
    assert desk.registry.rows("runs") == []
    (tmp_path / "broken.parquet").write_text("PAR1 nothing PAR1")
    with pytest.raises(DatasetError, match=r"broken\.parquet"):
        scan(spark, broken, desk)
    assert [(row["dataset"], row["status"]) for row in desk.registry.rows("runs")] == [
        (broken.key, "running"),
        (broken.key, "failed"),
    ]
    assert [event["eventType"] for event in desk.spool.events()] == ["START", "FAIL"]
    (told,) = report(desk.registry, desk.policy).told["datasets"]
    assert (told["key"], told["label"]) == (broken.key, None) and "broken.parquet" in str(told["failed"])


def test_a_cast_that_fails_is_told_without_the_value(spark, desk, people):
    from clearance.errors import DatasetError

    secret = people(1)[0].email
    spark.createDataFrame([(secret,)], "email string").createOrReplaceTempView("raw_people")
    frame = spark.sql("select cast(email as int) as n from raw_people")
    with pytest.raises(DatasetError) as caught:
        scan(spark, from_frame(frame, "casted"), desk)
    assert secret not in str(caught.value)
    assert "CAST_INVALID_INPUT" in caught.value.message
    assert secret not in str(desk.registry.rows("runs")) + str(list(desk.spool.events()))


def test_files_that_change_during_the_scan_are_told(spark, desk, tmp_path, write_csv):
    path = write_csv(tmp_path / "t.csv", 10)
    dataset = open_dataset(spark, Reference(str(path)))
    write_csv(path, 11)
    from clearance.errors import DatasetError

    with pytest.raises(DatasetError, match="changed while it was read"):
        scan(spark, dataset, desk)
    assert desk.registry.rows("labels") == []


def test_names_in_text_are_found_by_the_model(spark, desk):
    texts = [
        "My name is Margaret Whitfield and I moved to Portland last year.",
        "Please tell Jonathan Abernathy that his parcel is here.",
    ]
    frame = spark.createDataFrame([(text,) for text in texts], "message string")
    found = scan(spark, from_frame(frame, "texts"), desk.with_detection(Detection())).scan.columns[0]
    assert found.kind == "text"
    assert "PERSON" in [f.entity_type for f in found.findings]


def test_a_later_scan_honours_what_two_people_decided(spark, desk, crowd, tmp_path):
    """By the key of each: it lowers the label of the next version too, and not the findings."""
    crowd(40).select("id", "email").write.format("delta").save(str(tmp_path / "t"))
    reference = Reference(str(tmp_path / "t"))
    assert scan(spark, reference, desk).label.level == "confidential"
    made = {name: create_signing_key(tmp_path / f"{name}.pem") for name in ("root", "ann", "bob")}
    keys = {name: Key(one.public_pem, one.sign) for name, one in made.items()}
    for name, key in keys.items():
        enrol(desk.registry, name, key.public_pem, keys["root"], run_id="r")
    for name in ("ann", "bob"):
        by = Signer(name, "key", {"key_id": key_id(keys[name].public_pem)}), keys[name]
        review = Review(reference.identity, desk.policy, desk.registry)
        review.decide({"email:EMAIL_ADDRESS": "false-positive"}, lambda by=by: by, reason="made up")
    crowd(50).select("id", "email").write.format("delta").mode("append").save(str(tmp_path / "t"))
    again = scan(spark, reference, desk)
    assert (again.label.level, again.scan.version) == ("public", "1")
    assert "EMAIL_ADDRESS" in {each.entity_type for column in again.scan.columns for each in column.findings}
    row = desk.registry.latest("labels", dataset=again.scan.dataset)
    assert row["looked"]["reviewed"] == ["email"]
    assert desk.audit.verify().ok
