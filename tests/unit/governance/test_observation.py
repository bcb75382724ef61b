"""A label stops speaking for data exactly when the data or the schema changed."""

import json
import os
import shutil

import pytest
from arro3.core import Array, DataType, Field, Schema, Table
from deltalake import DeltaTable, write_deltalake

from clearance.errors import DatasetError
from clearance.governance.observation import (
    Observation,
    changed,
    compare,
    is_delta,
    observe,
    schema_fingerprint,
)


def rows(*values, name="a"):
    schema = Schema([Field(name, DataType.utf8())])
    return Table.from_pydict({name: Array(list(values), DataType.utf8())}, schema=schema)


@pytest.fixture
def table(tmp_path):
    path = str(tmp_path / "t")
    for value in ("x", "y", "z"):
        write_deltalake(path, rows(value), mode="append")
    return path


def commit(path, *actions):
    """Write a commit as Spark would; return its version."""
    log = os.path.join(path, "_delta_log")
    version = max(int(n[:20]) for n in os.listdir(log) if n.endswith(".json")) + 1
    with open(f"{log}/{version:020d}.json", "w") as file:
        file.writelines(json.dumps(action) + "\n" for action in actions)
    return version


def metadata_of(path):
    with open(f"{path}/_delta_log/{0:020d}.json") as file:
        return next(a["metaData"] for a in map(json.loads, file) if "metaData" in a)


def with_schema(path, change):
    meta = metadata_of(path)
    schema = json.loads(meta["schemaString"])
    change(schema)
    return {"metaData": {**meta, "schemaString": json.dumps(schema)}}


ADD = {"path": "p.parquet", "partitionValues": {}, "size": 1, "modificationTime": 1}


def test_an_observation_survives_json(table):
    seen = observe(table)
    assert seen.kind == "delta"
    assert seen.version == "2"
    assert Observation.from_dict(json.loads(json.dumps(seen.to_dict()))) == seen
    assert Observation.from_dict({**seen.to_dict(), "of_a_later_version": 1}) == seen


def test_untouched_is_current_and_an_append_changes(table):
    seen = observe(table)
    assert changed(seen, table) is False
    write_deltalake(table, rows("new"), mode="append")
    assert compare(seen, table).state == "changed"
    assert "3" in compare(seen, table).reason


def test_a_delete_changes(table):
    seen = observe(table)
    DeltaTable(table).delete("a = 'x'")
    assert changed(seen, table) is True


def test_compaction_and_vacuum_change_nothing(table):
    seen = observe(table)
    DeltaTable(table).optimize.compact()
    DeltaTable(table).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert observe(table).version != seen.version
    assert changed(seen, table) is False


def test_tags_change_nothing(table):
    seen = observe(table)

    def tag(schema):
        schema["fields"][0]["metadata"] = {"clearance.level": "restricted", "comment": "c"}

    action = with_schema(table, tag)
    action["metaData"]["configuration"] = {"clearance.level": "restricted"}
    commit(table, {"commitInfo": {"timestamp": 1, "operation": "SET TBLPROPERTIES"}}, action)
    commit(table, {"txn": {"appId": "x", "version": 1}}, {"domainMetadata": {"domain": "d"}})
    assert changed(seen, table) is False


@pytest.mark.parametrize("kind", ["add", "remove"])
def test_data_change_false_is_housekeeping_and_a_missing_flag_is_not(table, kind):
    seen = observe(table)
    commit(table, {"commitInfo": {"operation": "OPTIMIZE"}}, {kind: {**ADD, "dataChange": False}})
    assert changed(seen, table) is False
    commit(table, {"commitInfo": {"operation": "OPTIMIZE"}}, {kind: ADD})
    assert changed(seen, table) is True


@pytest.mark.parametrize("info", [{"operation": "WRITE"}, {"operation": "Manual Update"}, {"operation": "MERGE"}, {}])
@pytest.mark.parametrize("first", ["commitInfo", "add"])
def test_what_claims_to_change_nothing_changes_unless_it_only_moves_rows(table, first, info):
    seen = observe(table)
    actions = [{"commitInfo": {"operation": "OPTIMIZE"}}, {"add": {**ADD, "dataChange": False}}]
    commit(table, *actions)
    assert changed(seen, table) is False
    # As df.write.option("dataChange", "false") does, whatever is in it, and as any other writer can.
    actions[0]["commitInfo"] = info
    commit(table, *(actions if first == "commitInfo" else reversed(actions)))
    assert changed(seen, table) is True


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["fields"].append({"name": "b", "type": "long", "nullable": True, "metadata": {}}),
        lambda s: s["fields"][0].update(type="long"),
        lambda s: s["fields"][0].update(name="renamed"),
        lambda s: s["fields"][0].update(nullable=False),
    ],
)
def test_another_schema_changes(table, change):
    seen = observe(table)
    commit(table, with_schema(table, change))
    assert compare(seen, table).reason == "the schema is another one"


def test_a_schema_changed_and_changed_back_is_current(table):
    seen = observe(table)
    commit(table, with_schema(table, lambda s: s["fields"][0].update(nullable=False)))
    commit(table, with_schema(table, lambda s: None))
    assert changed(seen, table) is False


def test_a_table_made_anew_at_the_same_place_changes(table):
    seen = observe(table)
    shutil.rmtree(table)
    for value in ("x", "y", "z", "more"):
        write_deltalake(table, rows(value), mode="append")
    assert compare(seen, table).reason == "another table was made at this place"
    shutil.rmtree(table)
    write_deltalake(table, rows("x"))
    assert changed(seen, table) is True


def test_a_recorded_commit_that_was_cleaned_away_is_told_by_the_table_id(table):
    seen = observe(table)
    DeltaTable(table).create_checkpoint()
    commit(table, {"commitInfo": {"timestamp": 5, "operation": "OPTIMIZE"}}, {"add": {**ADD, "dataChange": False}})
    for version in range(3):
        os.remove(f"{table}/_delta_log/{version:020d}.json")
    assert changed(seen, table) is False
    other = Observation.from_dict({**seen.to_dict(), "table_id": "another"})
    assert changed(other, table) is True


def test_a_gap_in_the_log_is_undecidable(table):
    seen = observe(table)
    commit(table, {"commitInfo": {"timestamp": 5}})
    commit(table, {"commitInfo": {"timestamp": 6}})
    os.remove(f"{table}/_delta_log/{3:020d}.json")
    assert changed(seen, table) is None
    assert "commit 3" in compare(seen, table).reason


def test_a_damaged_commit_is_undecidable_and_quotes_nothing(table):
    seen = observe(table)
    version = commit(table)
    with open(f"{table}/_delta_log/{version:020d}.json", "w") as file:
        file.write('{"add": {"stats": "jane.q.canary@example.org')
    change = compare(seen, table)
    assert change.state == "unreadable"
    assert "canary" not in change.reason
    with pytest.raises(DatasetError) as raised:
        observe(table, version=version)
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_table_gone_is_undecidable(table):
    seen = observe(table)
    shutil.rmtree(table)
    assert changed(seen, table) is None


def test_commits_handed_out_by_a_catalog_are_undecidable(table):
    seen = observe(table)
    staged = os.path.join(table, "_delta_log", "_staged_commits")
    os.mkdir(staged)
    assert changed(seen, table) is False
    open(f"{staged}/00000000000000000003.x.json", "w").close()
    assert changed(seen, table) is None


def test_an_older_version_can_be_observed(table):
    old = observe(table, version=1)
    assert old.version == "1"
    assert changed(old, table) is True


def test_readers_features_that_deltalake_refuses_are_no_obstacle(tmp_path):
    path = tmp_path / "t"
    (path / "_delta_log").mkdir(parents=True)
    schema = {"type": "struct", "fields": [{"name": "a", "type": "variant", "nullable": True, "metadata": {}}]}
    features = ["typeWidening", "columnMapping", "v2Checkpoint", "unheardOf"]
    actions = [
        {"commitInfo": {"timestamp": 7}},
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features}},
        {"metaData": {"id": "i", "schemaString": json.dumps(schema), "partitionColumns": []}},
    ]
    lines = "".join(json.dumps(a) + "\n" for a in actions)
    (path / "_delta_log" / f"{0:020d}.json").write_text(lines)
    seen = observe(str(path))
    assert (seen.table_id, seen.committed) == ("i", 7)
    commit(str(path), {"commitInfo": {"timestamp": 8, "operation": "OPTIMIZE"}}, {"add": {**ADD, "dataChange": False}})
    assert changed(seen, str(path)) is False


def test_a_uri_is_observed_like_a_path(table):
    uri = f"file://{table}"
    seen = observe(uri)
    assert seen == observe(table)
    DeltaTable(table).optimize.compact()
    assert changed(seen, uri) is False
    write_deltalake(table, rows("new"), mode="append")
    assert changed(seen, uri) is True


def test_files_are_known_by_name_size_and_time(tmp_path):
    folder = tmp_path / "csv"
    (folder / "day=1").mkdir(parents=True)
    first = folder / "day=1" / "a.csv"
    first.write_text("x,y\n1,2\n")
    seen = observe(str(folder), "csv")
    assert (seen.kind, seen.files, seen.size) == ("files", 1, 8)
    assert observe(f"file://{folder}", "csv") == seen
    (folder / "_SUCCESS").write_text("")
    (folder / "_clearance.json").write_text("{}")
    (folder / ".a.csv.crc").write_text("c")
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "b.csv").write_text("1")
    assert changed(seen, str(folder)) is False

    os.utime(first, ns=(1, 1))
    assert changed(seen, str(folder)) is True
    again = observe(str(folder), "csv")
    (folder / "_day=2").mkdir()
    (folder / "_day=2" / "b.csv").write_text("3")
    assert changed(again, str(folder)) is True


def test_files_behind_links_count_and_a_circle_ends(tmp_path):
    (tmp_path / "far").mkdir()
    far = tmp_path / "far" / "a.csv"
    far.write_text("1")
    data = tmp_path / "data"
    data.mkdir()
    (data / "near").symlink_to("../far")
    (data / "round").symlink_to(".")
    seen = observe(str(data), "csv")
    assert seen.files == 1
    far.write_text("22")
    assert changed(seen, str(data)) is True


def test_a_single_file(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("{}\n")
    seen = observe(str(file))
    assert changed(seen, str(file)) is False
    file.write_text("{} \n")
    assert changed(seen, str(file)) is True
    file.unlink()
    assert changed(seen, str(file)) is None


def test_files_that_became_a_delta_table_changed(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").write_text("1")
    seen = observe(str(tmp_path / "d"), "csv")
    write_deltalake(str(tmp_path / "d"), rows("x"), mode="append")
    assert changed(seen, str(tmp_path / "d")) is True


def test_nothing_there_is_a_clear_error(tmp_path):
    for location in (tmp_path / "nope", tmp_path):
        with pytest.raises(DatasetError) as raised:
            observe(str(location))
        assert raised.value.hint
    with pytest.raises(DatasetError):
        observe(str(tmp_path), "delta")
    assert not is_delta(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_only_spark_can_watch_is_undecidable(tmp_path):
    assert changed(Observation("none", "5"), str(tmp_path)) is None


def test_the_fingerprint_keeps_a_column_that_is_named_metadata():
    def schema(*names, note=""):
        fields = [{"name": n, "type": "string", "nullable": True, "metadata": {"n": note}} for n in names]
        return {"type": "struct", "fields": fields}

    assert schema_fingerprint(schema("a", "metadata")) != schema_fingerprint(schema("a"))
    assert schema_fingerprint(schema("a", note="x")) == schema_fingerprint(json.dumps(schema("a")))
    with pytest.raises(DatasetError):
        schema_fingerprint("{")


def test_columns_renamed_into_each_other_are_another_schema() -> None:
    def schema(first: str, second: str) -> dict[str, object]:
        return {
            "type": "struct",
            "fields": [
                {
                    "name": name,
                    "type": "string",
                    "nullable": True,
                    "metadata": {"comment": name, "delta.columnMapping.physicalName": physical},
                }
                for name, physical in (("email", first), ("code", second))
            ],
        }

    assert schema_fingerprint(schema("col-1", "col-2")) != schema_fingerprint(schema("col-2", "col-1"))
