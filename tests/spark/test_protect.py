"""Protect: what must be gone is gone, everything else is as it was, and it appears in one step or not at all."""

import json
import shutil
from pathlib import Path

import pytest

from clearance.errors import AuditError, KeyUnavailableError, ProofError, ProtectionError, PublishError
from clearance.governance.audit import Audit
from clearance.jobs.datasets import Reference, from_frame
from clearance.jobs.desk import open_desk
from clearance.jobs.settings import Detection
from clearance.jobs.staging import SIDECAR, STAGING, Staged, Target
from clearance.jobs.tasks import protect, scan

POLICY = """\
version: 1
name: methods
extends: default
columns:
  masked: {method: {name: mask, keep_last: 4}}
  gone: {method: suppress}
  constant: {method: redact}
  kept: {method: keep}
"""


@pytest.fixture(scope="module")
def world(spark, people, key_file, tmp_path_factory):
    """A rich table, protected once; what the tests below look at."""
    return World(spark, people(40), key_file, tmp_path_factory.mktemp("world"))


class World:
    def __init__(self, spark, crowd, key_file: Path, path: Path) -> None:
        self.spark, self.path, self.crowd = spark, path, crowd
        policy = path / "policy.yaml"
        policy.write_text(POLICY)
        self.desk = open_desk(home=path / "home", detection=Detection(ner=None), key_file=key_file, policy=policy)
        rows = [
            {
                "id": p.id,
                "email": p.email if p.id % 5 else None,
                "card": p.card,
                "born": p.born,
                "note": f"Write to {p.email} about {p.card}." if p.id % 2 else "Nothing to see.",
                "user": {"mail": p.email, "n": p.id, "list": [{"a": p.email}, None, {"a": None}]} if p.id % 7 else None,
                "tags": {p.email: "x", f"y{p.id}": None},
                "e.mail x": p.email,
                "masked": p.card,
                "gone": p.email,
                "constant": p.email,
                "kept": p.email,
                "raw": p.email.encode(),
                "part": f"k {p.id % 2}",
            }
            for p in crowd
        ]
        kind = (
            "id bigint not null, email string, card bigint, born string, note string, "
            "user struct<mail: string, n: bigint, list: array<struct<a: string>>>, tags map<string, string>, "
            "`e.mail x` string, masked bigint, gone string, constant string, kept string, raw binary, part string"
        )
        frame = spark.createDataFrame(rows, kind).selectExpr(
            *(f"`{c}`" for c in [r.split()[0] for r in ("id", "email", "card")]),
            "cast(born as date) as born",
            *(f"`{c}`" for c in ("note", "user", "tags", "e.mail x", "masked", "gone", "constant", "kept", "raw")),
            "part",
        )
        source = path / "source"
        writer = frame.writeTo(f"delta.`{source}`").using("delta").tableProperty("delta.columnMapping.mode", "name")
        from pyspark.sql import functions as F

        writer.partitionedBy(F.col("part")).createOrReplace()
        self.source, self.target = Reference(str(source)), Target(str(path / "out" / "target"))
        self.before = self.read(source)
        self.done = protect(spark, self.source, self.target, self.desk)
        self.after = self.read(path / "out" / "target")

    def read(self, path):
        frame = self.spark.read.format("delta").load(str(path))
        self.schema = frame.schema
        return {row["id"]: row.asDict(recursive=True) for row in frame.collect()}

    def type_of(self, name):
        return self.schema[name].dataType.simpleString()


def test_rows_nulls_and_nesting_are_kept(world):
    assert world.before.keys() == world.after.keys()
    assert list(world.schema.names)[-2:] == ["_clearance_level", "_clearance_entities"]
    for key, old in world.before.items():
        new = world.after[key]
        assert (old["email"] is None) == (new["email"] is None)
        assert (old["user"] is None) == (new["user"] is None)
        assert len(old["tags"]) == len(new["tags"])
        assert sum(v is None for v in old["tags"].values()) == sum(v is None for v in new["tags"].values())
        if old["user"]:
            assert old["user"]["n"] == new["user"]["n"]
            assert [i is None or i["a"] is None for i in old["user"]["list"]] == [
                i is None or i["a"] is None for i in new["user"]["list"]
            ]
            assert [i is None for i in old["user"]["list"]] == [i is None for i in new["user"]["list"]]
        assert (old["id"], old["part"], old["kept"]) == (new["id"], new["part"], new["kept"])


def test_nothing_that_was_found_is_left(world):
    shown = str([{k: v for k, v in row.items() if k != "kept"} for row in world.after.values()])
    for person in world.crowd:
        assert person.email not in shown
        assert str(person.card) not in shown
    row = world.after[1]
    assert row["note"].startswith("Write to tk1h_email_address_") and row["note"].endswith(".")
    assert world.after[2]["note"] == "Nothing to see."
    assert row["gone"] is None and row["raw"] is None
    assert row["constant"] == "[EMAIL_ADDRESS]"
    assert row["masked"] == "*" * 12 + str(world.before[1]["masked"])[-4:]
    assert row["born"] == str(world.before[1]["born"])[:4]


def test_equal_values_give_equal_tokens_wherever_they_stand(world, spark, tmp_path):
    row = world.after[1]
    token = row["email"]
    assert row["e.mail x"] == row["user"]["mail"] == row["user"]["list"][0]["a"] == token
    assert token in row["tags"] and token in row["note"]
    assert row["card"] in row["note"]
    # The same card as text with blanks, the same mail in other letters, in another table.
    person = world.crowd[1]
    digits = str(person.card)
    other = spark.createDataFrame(
        [(person.email.upper(), "-".join(digits[i : i + 4] for i in range(0, 16, 4)))], "contact string, card string"
    )
    target = Target(str(tmp_path / "other"))
    protect(spark, from_frame(other, "other"), target, world.desk)
    joined = spark.read.format("delta").load(str(tmp_path / "other")).head()
    assert (joined["contact"], joined["card"]) == (token, row["card"])


def test_changed_types_are_in_the_plan_and_the_result(world):
    plan = {leaf["path"]: leaf for leaf in world.done.to_dict()["columns"]}
    assert (plan["card"]["type_before"], plan["card"]["type_after"]) == ("bigint", "string")
    assert (plan["born"]["type_before"], plan["born"]["type_after"]) == ("date", "string")
    assert (plan["id"]["how"], plan["id"]["type_after"]) == ("keep", "bigint")
    assert world.type_of("card") == world.type_of("born") == "string"
    assert world.type_of("id") == "bigint"


def test_records_carry_their_level_and_entity_types(world):
    by_id = {key: (row["_clearance_level"], row["_clearance_entities"]) for key, row in world.after.items()}
    level, entities = by_id[1]
    assert level == "confidential"  # the mail that the policy keeps
    assert entities == sorted(entities) and {"CREDIT_CARD", "EMAIL_ADDRESS"} <= set(entities)
    assert all(row[0] in ("public", "internal", "confidential", "restricted") for row in by_id.values())


def test_the_partitioning_is_kept(world, spark):
    detail = spark.sql(f"DESCRIBE DETAIL {world.target.identifier}").head()
    assert detail["partitionColumns"] == ["part"]


def test_labels_are_in_the_commit_that_carries_the_data(world, spark):
    detail = spark.sql(f"DESCRIBE DETAIL {world.target.identifier}").head()
    assert detail["properties"]["clearance.level"] == world.done.label.level == "confidential"
    assert "GDPR" in detail["properties"]["clearance.regimes"]
    assert detail["properties"]["clearance.run"] == world.done.run_id
    schema = spark.read.format("delta").load(str(world.path / "out" / "target")).schema
    assert schema["email"].metadata["clearance.entity_type"] == "EMAIL_ADDRESS"
    assert schema["email"].metadata["clearance.method"] == "token"
    assert schema["e.mail x"].metadata["clearance.level"] == "internal"
    assert schema["user"].metadata["clearance.level"] == "internal"
    assert spark.sql(f"DESCRIBE HISTORY {world.target.identifier}").count() == 1


def test_other_readers_can_open_the_target(world):
    from deltalake import DeltaTable

    table = DeltaTable(str(world.path / "out" / "target"))
    assert set(table.protocol().reader_features or []) <= {"columnMapping"}
    # A name with a space: some of them give nulls without a word, so the result says it.
    assert world.done.to_dict()["column_mapping"] is True
    # The labels are there for who reads without Spark.
    assert table.metadata().configuration["clearance.level"] == "confidential"
    fields = {field.name: field.metadata for field in table.schema().fields}
    assert fields["email"]["clearance.level"] == "internal"
    assert fields["email"]["clearance.method"] == "token"


def test_nothing_staged_is_left(world):
    assert not (world.path / "out" / STAGING).exists()


def test_the_record_is_complete(world):
    desk, key = world.desk, world.done.target
    label = desk.registry.latest("labels", dataset=key)
    assert (label["kind"], label["version"]) == ("protected", "0")
    assert desk.registry.latest("protections", dataset=key)["source"] == world.done.source
    entries = [(e["kind"], e["action"], e.get("result")) for e in desk.audit.entries(run_id=world.done.run_id)]
    # The first protection of a home also says whose signature it believes.
    enrolled = [("intent", "trust-signer", None), ("outcome", "trust-signer", "done")]
    filed = [("intent", "label", None), ("outcome", "label", "done")]
    assert entries == [("intent", "publish", None), *enrolled, ("outcome", "publish", "done"), *filed]
    assert desk.audit.verify().ok
    events = [e for e in desk.spool.events() if e["run"]["runId"] == world.done.run_id]
    assert [e["eventType"] for e in events] == ["START", "COMPLETE"]
    assert all(event["outputs"][0]["name"] == str(world.path / "out" / "target") for event in events)
    lineage = events[1]["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert lineage["email"]["inputFields"][0]["transformations"][0]["masking"] is True
    assert lineage["id"]["inputFields"][0]["transformations"][0].get("masking") in (None, False)


def test_once_more_gives_the_same_bytes(world, spark, tmp_path):
    protect(spark, world.source, Target(str(tmp_path / "again")), world.desk)
    again = world.read(tmp_path / "again")
    assert again == world.after


def test_protecting_what_is_protected_changes_nothing(world, spark, tmp_path):
    first = world.path / "out" / "target"
    protect(spark, Reference(str(first)), Target(str(tmp_path / "twice")), world.desk)
    twice = world.read(tmp_path / "twice")
    changed = {
        (key, name): (value, twice[key][name])
        for key, row in world.after.items()
        for name, value in row.items()
        if twice[key][name] != value
    }
    assert changed == {}


def test_a_second_publication_is_the_next_version(world, spark, crowd, desk, tmp_path):
    source, target = tmp_path / "s", Target(str(tmp_path / "t"))
    crowd(10).write.format("delta").save(str(source))
    assert protect(spark, Reference(str(source)), target, desk).version == "0"
    crowd(12).write.format("delta").mode("overwrite").save(str(source))
    second = protect(spark, Reference(str(source)), target, desk)
    assert (second.version, second.rows) == ("1", 12)
    assert spark.read.format("delta").load(target.text).count() == 12


@pytest.fixture
def small(crowd, spark, tmp_path) -> Reference:
    """A small Delta table with mail addresses."""
    path = tmp_path / "small"
    crowd(8).select("id", "email").coalesce(1).write.format("delta").save(str(path))
    return Reference(str(path))


def test_parquet_is_published_by_rename_with_its_label_beside(spark, desk, small, tmp_path):
    target = Target(str(tmp_path / "out" / "p"), "parquet")
    done = protect(spark, small, target, desk)
    sidecar = json.loads((tmp_path / "out" / "p" / SIDECAR).read_text())
    assert sidecar["label"] == done.label.to_dict()
    assert spark.read.parquet(str(tmp_path / "out" / "p")).count() == 8
    assert not (tmp_path / "out" / STAGING).exists()
    from clearance.governance.standing import standing

    assert standing(desk.registry, Reference(target.text).identity).state == "current"
    with pytest.raises(PublishError, match="can't be replaced"):
        protect(spark, small, target, desk)
    assert spark.read.parquet(str(tmp_path / "out" / "p")).count() == 8


def test_a_sensitive_partition_column_is_refused(spark, desk, crowd, tmp_path):
    crowd(4).select("id", "email").write.format("delta").partitionBy("email").save(str(tmp_path / "s"))
    target = Target(str(tmp_path / "t"))
    with pytest.raises(ProtectionError, match="partition column email is sensitive") as caught:
        protect(spark, Reference(str(tmp_path / "s")), target, desk)
    assert "--unpartitioned" in caught.value.hint
    assert not (tmp_path / "t").exists()
    protect(spark, Reference(str(tmp_path / "s")), target, desk, unpartitioned=True)
    assert "@" not in " ".join(str(p) for p in (tmp_path / "t").rglob("*"))


def published(tmp_path, desk) -> list[str]:
    """What a failed protection may not leave."""
    left = [str(p) for p in (tmp_path / "out").glob("*")] if (tmp_path / "out").exists() else []
    return left + [r["kind"] for r in desk.registry.rows("labels") if r["kind"] == "protected"]


def test_a_failed_proof_publishes_nothing(spark, desk, small, people, tmp_path, monkeypatch):
    """Someone puts raw data into what is staged: the proof, which reads it back, must see it."""
    write = Staged.write

    def poisoned(self, frame, partitions, description):
        write(self, frame, partitions, description)
        raw = spark.createDataFrame([(0, people(1)[0].email, "public", [])], frame.schema)
        spark.read.table(self.identifier).limit(7).unionByName(raw).write.format("delta").mode("overwrite").save(
            str(self.path)
        )

    monkeypatch.setattr(Staged, "write", poisoned)
    with pytest.raises(ProofError, match="email: 1 cells") as caught:
        protect(spark, small, Target(str(tmp_path / "out" / "t")), desk)
    assert people(1)[0].email not in str(caught.value)
    assert published(tmp_path, desk) == []
    assert [e["eventType"] for e in desk.spool.events()][-1] == "FAIL"


def test_lost_rows_fail_the_proof(spark, desk, small, tmp_path, monkeypatch):
    write = Staged.write
    monkeypatch.setattr(Staged, "write", lambda self, frame, *rest: write(self, frame.limit(5), *rest))
    with pytest.raises(ProofError, match="5 rows were staged of 8"):
        protect(spark, small, Target(str(tmp_path / "out" / "t")), desk)
    assert published(tmp_path, desk) == []


def test_without_a_key_nothing_is_read(spark, small, tmp_path):
    desk = open_desk(home=tmp_path / "home", key_file=tmp_path / "none.json")
    with pytest.raises(KeyUnavailableError) as caught:
        protect(spark, small, Target(str(tmp_path / "out" / "t")), desk)
    assert caught.value.exit_code == 5
    assert published(tmp_path, desk) == [] and not (tmp_path / "home").exists()


def test_without_an_audit_nothing_is_published(spark, desk, small, tmp_path, monkeypatch):
    def fails(self, *rest, **facts):
        raise AuditError("The audit can't be written, so nothing was done.")

    monkeypatch.setattr(Audit, "intent", fails)
    with pytest.raises(AuditError):
        protect(spark, small, Target(str(tmp_path / "out" / "t")), desk)
    assert published(tmp_path, desk) == []


def test_a_target_that_moved_meanwhile_is_left_alone(spark, desk, small, tmp_path, monkeypatch):
    """Somebody else publishes between our look at the target and our commit: theirs stays."""
    target = Target(str(tmp_path / "out" / "t"))
    protect(spark, small, target, desk)
    write = Staged.write

    def overtaken(self, *rest):
        write(self, *rest)
        spark.range(3).write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(target.text)

    monkeypatch.setattr(Staged, "write", overtaken)
    with pytest.raises(PublishError, match="changed by someone else"):
        protect(spark, small, target, desk)
    assert spark.read.format("delta").load(target.text).count() == 3
    assert not (tmp_path / "out" / STAGING).exists()


def test_targets_that_can_not_be_published_to(spark, desk, small, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thing").write_text("x")
    for name in ("file", "folder", "file/below"):
        with pytest.raises(PublishError):
            protect(spark, small, Target(str(tmp_path / name)), desk)
    with pytest.raises(PublishError, match="is the source itself"):
        protect(spark, small, Target(small.text + "/"), desk)
    with pytest.raises(PublishError, match="can't be published in one step"):
        Target("s3://bucket/x", "parquet")
    assert (tmp_path / "folder" / "thing").read_text() == "x"


def test_only_labelling_keeps_the_data_and_marks_the_records(spark, desk, crowd, tmp_path):
    crowd(12).selectExpr("id", "if(id % 2 = 0, email, null) as email").write.format("delta").save(str(tmp_path / "s"))
    target = Target(str(tmp_path / "t"))
    done = protect(spark, Reference(str(tmp_path / "s")), target, desk, only_label=True)
    rows = {r["id"]: r for r in spark.read.format("delta").load(target.text).collect()}
    people_before = {r["id"]: r["email"] for r in spark.read.format("delta").load(str(tmp_path / "s")).collect()}
    assert {i: r["email"] for i, r in rows.items()} == people_before
    assert (rows[0]["_clearance_level"], rows[0]["_clearance_entities"]) == ("confidential", ["EMAIL_ADDRESS"])
    assert (rows[1]["_clearance_level"], rows[1]["_clearance_entities"]) == ("public", [])
    assert done.label.level == "confidential"


def test_empty_tables_tables_of_nulls_and_odd_types(spark, desk, tmp_path):
    kinds = "a string, m map<string, int>, d decimal(38,10), t timestamp_ntz, i interval day to second, v variant"
    frame = spark.createDataFrame([], kinds)
    rows = spark.sql(
        "select cast(null as string) a, map('k', 1) m, cast('1.5' as decimal(38,10)) d, "
        "timestamp_ntz'2020-01-01 00:00:00' t, interval '1' day as i, parse_json('{\"x\": [1]}') v"
    )
    for name, source in (("empty", frame), ("one", rows)):
        target = Target(str(tmp_path / name))
        # Delta stores no intervals: they are looked at, and can't be published.
        done = protect(spark, from_frame(source.drop("i"), name), target, desk)
        after = spark.read.format("delta").load(target.text)
        assert after.count() == done.rows == source.count()
        assert [kind for _, kind in after.dtypes[:-2]] == [kind for _, kind in source.drop("i").dtypes]
    assert after.selectExpr("to_json(v) as v", "d", "t").head().asDict()["v"] == '{"x":[1]}'


def test_columns_without_a_type_come_back_as_strings(spark, desk, tmp_path):
    """Parquet has them where a writer saw missing values alone; Delta shows them to nobody, or refuses them."""
    columns = "id", "void as v", "array(void) as a", "map('k', void) as m", "struct(id as i, void as n) as s"
    frame = spark.sql(f"SELECT {', '.join(columns)} FROM (SELECT 7 AS id, null AS void)")
    done = protect(spark, from_frame(frame, "untyped"), Target(str(tmp_path / "t")), desk)
    back = spark.read.format("delta").load(str(tmp_path / "t")).select("id", "v", "a", "m", "s")
    kinds = {field.name: field.dataType.simpleString() for field in back.schema.fields}
    assert kinds["v"] == "string" and kinds["s"] == "struct<i:int,n:string>"
    assert back.collect()[0].asDict(recursive=True) == {
        "id": 7, "v": None, "a": [None], "m": {"k": None}, "s": {"i": 7, "n": None}
    }  # fmt: skip
    assert done.label.level == "public" and "column_mapping" not in done.to_dict()


def test_a_million_characters_in_a_cell(spark, desk, people, tmp_path):
    mail = people(1)[0].email
    filler = "lorem ipsum dolor sit amet " * 40_000
    frame = spark.createDataFrame([(f"{filler} {mail} {filler}",), (filler,)], "body string")
    target = Target(str(tmp_path / "t"))
    protect(spark, from_frame(frame, "long"), target, desk)
    rows = [r["body"] for r in spark.read.format("delta").load(target.text).collect()]
    assert filler in rows and not any(mail in row for row in rows)


def test_a_killed_run_is_buried_by_the_next(spark, desk, small, tmp_path):
    """A run that left a START and something staged, and no more: its FAIL is written, its staging removed."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_start_and_die, args=(desk.registry.home, queue))
    process.start()
    run_id = queue.get(timeout=60)
    process.join()
    staged = tmp_path / "out" / STAGING / run_id
    staged.mkdir(parents=True)
    (staged / "part-0.parquet").write_text("half")
    protect(spark, small, Target(str(tmp_path / "out" / "t")), desk)
    assert not staged.exists()
    kinds = [e["eventType"] for e in desk.spool.events() if e["run"]["runId"] == run_id]
    assert kinds == ["START", "FAIL"]


def _start_and_die(home, queue):
    import os

    from clearance.governance.lineage import LineageRun
    from clearance.governance.lineage_spool import LineageSpool

    run = LineageRun("clearance.protect", LineageSpool.for_home(home))
    run.start()
    queue.put(run.run_id)
    queue.close()
    queue.join_thread()
    os._exit(9)


def test_a_full_folder_of_leftovers_is_not_touched(spark, desk, small, tmp_path):
    """Staging of a run that is not known to be dead may be another's, at work this minute."""
    other = tmp_path / "out" / STAGING / "0190aaaa-0000-7000-8000-000000000000"
    other.mkdir(parents=True)
    (other / "x").write_text("x")
    protect(spark, small, Target(str(tmp_path / "out" / "t")), desk)
    assert (other / "x").exists()
    shutil.rmtree(other)


def test_the_source_is_only_read(spark, desk, small, tmp_path):
    before = sorted((str(p), p.stat().st_mtime_ns) for p in Path(small.text).rglob("*"))
    scan(spark, small, desk)
    protect(spark, small, Target(str(tmp_path / "t")), desk)
    assert sorted((str(p), p.stat().st_mtime_ns) for p in Path(small.text).rglob("*")) == before


def test_two_writers_to_one_target_never_mix(spark, crowd, key_file, tmp_path):
    """One wins or both succeed one after the other; what stands on record as current is what lies there."""
    from concurrent.futures import ThreadPoolExecutor

    from clearance.errors import ClearanceError
    from clearance.governance.standing import standing

    target = Target(str(tmp_path / "out" / "t"))
    desk = open_desk(home=tmp_path / "home", detection=Detection(ner=None), key_file=key_file)
    for name, rows in (("a", 6), ("b", 9)):
        crowd(rows).selectExpr("id", f"email as mail_{name}").write.format("delta").save(str(tmp_path / name))

    def write(name: str) -> int | None:
        try:
            return protect(spark, Reference(str(tmp_path / name)), target, desk).rows
        except ClearanceError as error:
            assert error.hint
            return None

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(write, ("a", "b")))
    frame = spark.read.format("delta").load(target.text)
    rows, names = frame.count(), frame.schema.names[:2]
    assert (rows, names) in ((6, ["id", "mail_a"]), (9, ["id", "mail_b"]))
    assert any(done)
    found = standing(desk.registry, Reference(target.text).identity)
    if found.state == "current":
        assert f"mail_{'a' if rows == 6 else 'b'}" in found.label["columns"]
    assert desk.audit.verify().ok and not desk.audit.verify().open_intents
