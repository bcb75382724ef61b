"""The registry keeps what was written, whoever else writes, and says clearly when it can't."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from deltalake import DeltaTable, Field

from clearance import files
from clearance.errors import RegistryError
from clearance.governance import registry as registry_module
from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.governance.observation import observe
from clearance.governance.registry import Registry, clearance_home
from clearance.governance.standing import standing
from clearance.governance.tables import TABLES

LEVEL = {"level": "restricted", "categories": ["user.contact.email"], "regimes": ["GDPR"], "subjects": []}


def label(dataset="file:///a", **more):
    return {
        "dataset": dataset,
        "version": "1",
        "kind": "source",
        "label": LEVEL,
        "columns": {"a": LEVEL},
        "policy_digest": "d",
        **more,
    }


def filed(registry, row):
    """A label that the audit stands for."""
    with Audit(registry).filing("label", [("labels", row)], run_id="r", dataset=row["dataset"]):
        pass


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "home")


def test_what_was_written_is_read(registry):
    started = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    facts = {"n": [1, 2.5, None, True], "quote": "it's", "Ünïcode": "\U0001f600"}
    row = {"job": "scan", "status": "running", "dataset": "o'clock", "started": started, "facts": facts}
    assert registry.append("runs", [row], run_id="r1") == 1
    found = registry.latest("runs", dataset="o'clock")
    assert found.items() >= {**row, "run_id": "r1"}.items()
    assert found["error"] is None
    assert found["at"].tzinfo is not None
    assert registry.latest("runs", dataset="' OR 1=1 --") is None


def test_reading_creates_nothing(registry, tmp_path):
    assert registry.rows("labels") == []
    assert registry.latest("labels", dataset="x") is None
    assert registry.latest_each("labels") == {}
    assert registry.counts() == {}
    assert registry.compact("labels") == 0
    assert os.listdir(tmp_path) == []


def test_the_latest_row_counts_even_when_a_clock_is_behind(registry):
    old, new = datetime(2030, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    registry.append("labels", [label(at=old, version="first")], run_id="r1")
    registry.append("labels", [label("file:///b")], run_id="r2")
    registry.append("labels", [label(at=new, version="second")], run_id="r3")
    assert registry.latest("labels", dataset="file:///a")["version"] == "second"
    assert [row["version"] for row in registry.rows("labels", dataset="file:///a")] == ["first", "second"]
    newest = registry.latest_each("labels", columns=["version"])
    assert newest == {
        "file:///a": {"dataset": "file:///a", "version": "second"},
        "file:///b": {"dataset": "file:///b", "version": "1"},
    }


def test_names_that_differ_late_are_told_apart(registry):
    # File statistics may be cut short: a look-up must not skip the file it wants.
    names = [f"file:///{'a' * 200}{end}" for end in ("é", "z", "\U0001f600", "~", "")]
    for name in names:
        registry.append("labels", [label(name)], run_id="r")
    for name in names:
        assert [row["dataset"] for row in registry.rows("labels", dataset=name)] == [name]


def test_one_commit_a_run_that_names_it(registry):
    registry.append("labels", [label(), label("file:///b")], run_id="run-7")
    commit = DeltaTable(registry.location("labels")).history(1)[0]
    assert commit["clearance.run"] == "run-7"
    assert commit["version"] == 1


@pytest.mark.parametrize(
    "row",
    [
        {**label(), "colour": "red"},
        {k: v for k, v in label().items() if k != "policy_digest"},
        label(version=7),
        label(label={"at": object()}),
        label(label={"score": float("nan")}),
        label(at=datetime(2026, 1, 1)),
    ],
    ids=["unknown column", "missing column", "wrong type", "not json", "nan", "naive time"],
)
def test_a_row_that_does_not_fit_is_refused_whole(registry, row):
    with pytest.raises(RegistryError):
        registry.append("labels", [label(), row], run_id="r")
    assert registry.rows("labels") == []


def test_a_refusal_never_quotes_the_content(registry):
    with pytest.raises(RegistryError) as raised:
        registry.append("labels", [label(version=["canary@example.org"])], run_id="r")
    assert "canary" not in str(raised.value)


def test_unknown_names_are_told_with_the_known_ones(registry):
    with pytest.raises(RegistryError, match="labels"):
        registry.rows("lables")
    registry.append("labels", [label()], run_id="r")
    with pytest.raises(RegistryError, match="policy_digest"):
        registry.rows("labels", ["nope"])
    with pytest.raises(RegistryError, match="policy_digest"):
        registry.rows("labels", nope="x")


def test_tables_of_an_older_and_a_newer_clearance(registry, monkeypatch):
    registry.append("labels", [label(version="old")], run_id="r")
    spec = TABLES["labels"]
    newer = type(spec)(spec.name, {**spec.columns, "extra": "str"}, spec.required, spec.indexed)
    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "TABLES", {**TABLES, "labels": newer})
        registry.append("labels", [label(version="new", extra="x")], run_id="r")
        assert [row["extra"] for row in registry.rows("labels")] == [None, "x"]
    registry.append("labels", [label(version="old again")], run_id="r")
    assert [row["version"] for row in registry.rows("labels")] == ["old", "new", "old again"]
    DeltaTable(registry.location("labels")).alter.add_columns([Field("unheard", "string")])
    registry.append("labels", [label(version="last")], run_id="r")
    assert registry.latest("labels", dataset="file:///a")["version"] == "last"


def test_compacting_keeps_every_row(registry):
    for number in range(4):
        registry.append("labels", [label(version=str(number))], run_id="r")
    assert registry.compact("labels") == 4
    assert [row["version"] for row in registry.rows("labels")] == ["0", "1", "2", "3"]
    registry.append("labels", [label(version="4")], run_id="r")
    assert registry.latest("labels", dataset="file:///a")["version"] == "4"
    assert registry.counts() == {"labels": 5}


def _append(home, number, count):
    for turn in range(count):
        Registry(home).append("labels", [label(f"d{number}", version=str(turn))], run_id=f"r{number}")


def test_ten_writers_at_once_lose_nothing(tmp_path):
    home, count = str(tmp_path / "home"), 3
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_append, args=(home, n, count)) for n in range(10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=90)
    assert [writer.exitcode for writer in writers] == [0] * 10
    found = [(row["dataset"], row["version"]) for row in Registry(home).rows("labels")]
    assert sorted(found) == sorted((f"d{n}", str(t)) for n in range(10) for t in range(count))
    for number in range(10):
        assert Registry(home).latest("labels", dataset=f"d{number}")["version"] == str(count - 1)


def test_a_failure_after_the_commit_does_not_double_the_rows(registry, monkeypatch):
    registry.append("labels", [label(version="0")], run_id="r")
    write = Registry.write

    def written_then_failed(self, *args, **kwargs):
        write(self, *args, **kwargs)
        raise RegistryError("the checkpoint after the commit failed")

    monkeypatch.setattr(Registry, "write", written_then_failed)
    assert registry.append("labels", [label(version="1")], run_id="r") == 2
    monkeypatch.undo()
    assert [row["version"] for row in registry.rows("labels")] == ["0", "1"]


@pytest.mark.parametrize("kind", ["a file in the way", "a folder without permission"])
def test_a_home_that_can_not_be_written(tmp_path, kind):
    home = tmp_path / "home"
    if kind == "a file in the way":
        home.write_text("")
    else:
        home.mkdir(mode=0o500)
        if os.access(home, os.W_OK):
            pytest.skip("this user may write anywhere")
    with pytest.raises(RegistryError) as raised:
        Registry(home).append("labels", [label()], run_id="r")
    assert "CLEARANCE_HOME" in raised.value.hint
    assert Registry(home).rows("labels") == []


def test_a_registry_on_a_read_only_folder_is_read_and_not_written(registry, tmp_path):
    registry.append("labels", [label()], run_id="r")
    folders = [f for f in (tmp_path / "home").rglob("*") if f.is_dir()]
    try:
        for folder in folders:
            folder.chmod(0o500)
        if os.access(folders[0], os.W_OK):
            pytest.skip("this user may write anywhere")
        assert registry.latest("labels", dataset="file:///a")["label"] == LEVEL
        with pytest.raises(RegistryError):
            registry.append("labels", [label()], run_id="r")
        with pytest.raises(RegistryError):
            registry.append("runs", [{"job": "scan", "status": "running"}], run_id="r")
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert registry.counts() == {"labels": 1}


def test_a_home_that_can_not_be_read(registry, tmp_path):
    registry.append("labels", [label()], run_id="r")
    table = tmp_path / "home" / "registry" / "labels"
    table.chmod(0)
    try:
        if os.access(table, os.R_OK):
            pytest.skip("this user may read anything")
        with pytest.raises(RegistryError):
            registry.rows("labels")
    finally:
        table.chmod(0o700)


def _cut_a_commit(table):
    (table / "_delta_log" / f"{1:020d}.json").write_text('{"add":{"path"')


def _lose_a_commit(table):
    (table / "_delta_log" / f"{1:020d}.json").unlink()


def _cut_data(table):
    for file in table.glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:100])


def _lose_data(table):
    for file in table.glob("*.parquet"):
        file.unlink()


@pytest.mark.parametrize("damage", [_cut_a_commit, _lose_a_commit, _cut_data, _lose_data])
def test_a_damaged_table_is_an_error_and_never_empty(registry, tmp_path, damage):
    for _ in range(3):
        registry.append("labels", [label()], run_id="r")
    damage(tmp_path / "home" / "registry" / "labels")
    with pytest.raises(RegistryError) as raised:
        registry.latest("labels", dataset="file:///a")
    assert "labels" in raised.value.message
    assert raised.value.hint


def test_json_that_is_damaged_is_an_error(registry, monkeypatch):
    registry.append("labels", [label()], run_id="r")
    spec = TABLES["labels"]
    wrong = type(spec)(spec.name, {**spec.columns, "version": "json", "kind": "json"}, spec.required, ())
    monkeypatch.setattr(registry_module, "TABLES", {**TABLES, "labels": wrong})
    with pytest.raises(RegistryError):
        registry.rows("labels")


def test_home_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARANCE_HOME", raising=False)
    assert clearance_home() == str(tmp_path / ".clearance")
    monkeypatch.setenv("CLEARANCE_HOME", "s3://bucket/governance/")
    assert Registry().home == "s3://bucket/governance"
    assert Registry().location("labels") == "s3://bucket/governance/registry/labels"
    assert Registry().remote


def test_a_home_may_be_a_uri(tmp_path):
    registry = Registry(f"file://{tmp_path}/home")
    assert registry.rows("labels") == []
    registry.append("labels", [label()], run_id="r")
    assert Registry(tmp_path / "home").counts() == {"labels": 1}
    assert registry.latest("labels", dataset="file:///a")["label"] == LEVEL


def test_a_cold_read_loads_neither_pyarrow_nor_spark(registry):
    filed(registry, label())
    code = (
        "import sys; from clearance.governance.standing import standing;"
        "from clearance.governance.identity import dataset_identity;"
        "from clearance.governance.registry import Registry; from clearance.governance.audit import Audit;"
        "print(standing(Registry(sys.argv[1]), dataset_identity('/a')).state);"
        "print(sorted({'pyarrow','pandas','numpy','pyspark','openlineage','jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, registry.home], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:2] == ["unreadable", "[]"]


def test_a_dataset_s_standing(registry, tmp_path):
    data = tmp_path / "orders.csv"
    data.write_text("a\n1\n")
    dataset = dataset_identity(str(data))
    assert standing(registry, dataset).state == "unlabelled"

    seen = observe(str(data)).to_dict()
    filed(registry, label(dataset.key, observation=seen))
    found = standing(registry, dataset)
    assert (found.state, found.label["label"]) == ("current", LEVEL)

    data.write_text("a\n1\n2\n")
    assert standing(registry, dataset).state == "changed"
    data.unlink()
    assert standing(registry, dataset).state == "unreadable"


def test_a_label_without_an_observation_or_of_a_table_is_unreadable(registry):
    filed(registry, label())
    assert standing(registry, dataset_identity("/a")).state == "unreadable"
    table = dataset_identity("main.sales.orders")
    seen = {"kind": "delta", "version": "3"}
    filed(registry, label(table.key, observation=seen))
    assert standing(registry, table).state == "unreadable"


def test_a_registry_left_half_made_reads_as_empty_and_mends(registry):
    shutil.rmtree(registry.home, ignore_errors=True)
    os.makedirs(f"{registry.location('labels')}/_delta_log")
    assert registry.rows("labels") == []
    registry.append("labels", [label()], run_id="r")
    assert registry.counts() == {"labels": 1}


def test_on_a_full_disk_nothing_is_begun(registry, monkeypatch, capfd):
    """Deltalake's threads would panic on standard error."""
    registry.append("labels", [label()], run_id="r")
    monkeypatch.setattr(files, "SPARE_OCTETS", 1 << 80)
    with pytest.raises(RegistryError, match="can't be written") as caught:
        registry.append("labels", [label()], run_id="r")
    assert caught.value.hint == "No space is left on its disk: make some."
    with pytest.raises(RegistryError, match=r"table runs at .* can't be written"):
        registry.append("runs", [{"job": "scan", "status": "running"}], run_id="r")
    assert len(registry.rows("labels")) == 1 and registry.open("runs") is None
    assert capfd.readouterr().err == ""
