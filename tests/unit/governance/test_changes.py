"""What was added since a scan, by the log alone; everything but additions ends in reading all."""

import json
import os
from pathlib import Path

import pytest
from arro3.core import Array, DataType, Field, Schema, Table
from deltalake import DeltaTable, write_deltalake

from clearance.governance.changes import additions
from clearance.governance.observation import Observation, observe


def append(path, value):
    schema = Schema([Field("a", DataType.utf8())])
    write_deltalake(path, Table.from_pydict({"a": Array([value], DataType.utf8())}, schema=schema), mode="append")


def commit(path, *actions):
    log = os.path.join(path, "_delta_log")
    version = max(int(n[:20]) for n in os.listdir(log) if n.endswith(".json")) + 1
    with open(f"{log}/{version:020d}.json", "w") as file:
        file.writelines(json.dumps(action) + "\n" for action in actions)


@pytest.fixture
def table(tmp_path):
    path = str(tmp_path / "t")
    append(path, "x")
    append(path, "y")
    return path


def since(table, before):
    return additions(before, observe(table), table)


def test_added_files_are_named_as_they_are_on_disk(table):
    before = observe(table)
    append(table, "z")
    commit(table, {"add": {"path": "day=a%20b%252F/p.parquet", "dataChange": True}})
    found = since(table, before).files
    assert found is not None and len(found) == 2
    assert os.path.exists(f"{table}/{found[0]}")
    assert found[1] == "day=a b%2F/p.parquet"


def test_nothing_new_is_nothing_added(table):
    before = observe(table)
    assert since(table, before).files == ()
    commit(table, {"commitInfo": {"operation": "SET TBLPROPERTIES"}}, {"txn": {"appId": "a", "version": 1}})
    assert since(table, before).files == ()


def test_compaction_adds_nothing_and_hides_nothing(table):
    before = observe(table)
    append(table, "z")
    DeltaTable(table).optimize.compact()
    found = since(table, before).files
    assert found is not None and len(found) == 1, "the appended file, under the name it was appended with"


@pytest.mark.parametrize("info", [[{"commitInfo": {"operation": "WRITE"}}], []])
def test_a_commit_that_claims_to_change_nothing_is_not_passed_over(table, info):
    before = observe(table)
    commit(table, {"add": {"path": "p", "dataChange": False}}, *info)
    found = since(table, before)
    assert found.files is None and "hold nothing new" in found.reason


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"remove": {"path": "p", "dataChange": True}}, "removed or rewrote"),
        ({"remove": {"path": "p"}}, "removed or rewrote"),
        ({"add": {"path": "s3://elsewhere/p", "dataChange": True}}, "elsewhere"),
        ({"add": {"path": "/elsewhere/p", "dataChange": True}}, "elsewhere"),
        ({"add": {"path": "p", "dataChange": True, "deletionVector": {"storageType": "u"}}}, "deleted"),
        ({"metaData": {"id": "x", "schemaString": "{}"}}, "schema"),
    ],
)
def test_more_than_additions_is_told(table, action, why):
    before, present = observe(table), observe(table)
    commit(table, action)
    present = Observation(**{**present.to_dict(), "version": str(int(present.version) + 1)})
    found = additions(before, present, table)
    assert found.files is None and why in found.reason


def test_what_was_done_and_undone_still_counts(table):
    """A column that was there for one commit only: its rows may lie in files that were added then."""
    before = observe(table)
    first = Path(f"{table}/_delta_log/{0:020d}.json").read_text().splitlines()
    meta = next(action["metaData"] for action in map(json.loads, first) if "metaData" in action)
    wide = json.loads(meta["schemaString"])
    wide["fields"].append({"name": "b", "type": "string", "nullable": True, "metadata": {}})
    commit(table, {"metaData": {**meta, "schemaString": json.dumps(wide)}})
    commit(table, {"metaData": meta})
    found = since(table, before)
    assert found.files is None and "schema" in found.reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "files"}, "only Delta"),
        ({"table_id": "another"}, "another table"),
        ({"table_id": None}, "another table"),
        ({"schema_fingerprint": "another"}, "schema"),
        ({"version": "9"}, "older version"),
        ({"committed": 1}, "history"),
    ],
)
def test_what_is_not_the_recorded_table_is_told(table, change, why):
    present = observe(table)
    recorded = Observation(**{**present.to_dict(), **change})
    found = additions(recorded, present, table)
    assert found.files is None and why in found.reason


def test_a_log_with_a_gap_is_told(table):
    before = observe(table)
    append(table, "z")
    append(table, "z")
    present = observe(table)
    os.remove(f"{table}/_delta_log/{int(before.version) + 1:020d}.json")
    found = additions(before, present, table)
    assert found.files is None and "no longer in the log" in found.reason
