"""Half-written runs are found and ended, a registry is moved whole, and object stores do as disks do."""

import errno
import gzip
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clearance.errors import RegistryError, UsageError
from clearance.governance import registry as registry_module
from clearance.governance.anchors import new_file
from clearance.governance.audit import Audit, row_digest
from clearance.governance.chain import rests_on
from clearance.governance.mending import are_over, examine, mend
from clearance.governance.processes import lives, this_process
from clearance.governance.registry import Registry
from clearance.governance.transfer import export_registry, import_registry
from clearance.jobs.cli import run
from clearance.jobs.desk import open_desk

LEVEL = {"level": "restricted", "categories": ["user.contact.email"], "regimes": ["GDPR"], "subjects": []}
NOW = timedelta(0)


def label(dataset: str, run_id: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "version": "1",
        "kind": "source",
        "label": LEVEL,
        "columns": {"a": LEVEL},
        "policy_digest": "d",
        "looked": {"rests_on": rests_on(run_id, {"findings": found})},
    }


def finding(dataset: str) -> dict[str, Any]:
    return {"dataset": dataset, "version": "1", "column": "a", "report": {"path": "a", "Ünïcode": ["\U0001f600", 1.5]}}


def scanned(registry: Registry, dataset: str, run_id: str) -> None:
    found = [finding(dataset)]
    row = label(dataset, run_id, found)
    with Audit(registry).filing("label", [("labels", row)], run_id=run_id, dataset=dataset):
        registry.append("findings", found, run_id=run_id)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path / "home")
    for number in range(3):
        scanned(made, f"file:///{number}", f"run-{number}")
    return made


KILLED = """
import os, sys
from clearance.governance.anchors import new_file
from clearance.governance.audit import Audit, row_digest
from clearance.jobs.desk import open_desk
desk = open_desk(home=sys.argv[1])
with desk.run("scan", "file:///k") as run:
    row = {"dataset": "file:///k", "version": "1", "kind": "source", "label": {}, "columns": {}, "policy_digest": "d"}
    audit = Audit(desk.registry)
    digest = row_digest("labels", {**row, "run_id": run.run_id})
    audit.intent("label", run_id=run.run_id, dataset="file:///k", records=[digest])
    if sys.argv[2] == "after":
        desk.registry.append("labels", [row], run_id=run.run_id)
    os._exit(9)
"""


@pytest.mark.parametrize(("killed", "result"), [("before", "failed"), ("after", "done")])
def test_a_killed_run_is_ended_as_what_it_came_to(registry: Registry, killed: str, result: str) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, registry.home, killed], check=False).returncode == 9
    health = examine(registry)
    assert (len(health.runs), len(health.deeds), health.lineage, health.problems) == (1, 1, 1, ())
    assert run(["registry", "doctor", "--home", registry.home]) == 5  # told, and nothing done
    assert len(examine(registry).deeds) == 1
    assert run(["registry", "doctor", "--home", registry.home, "--mend"]) == 0
    assert examine(registry).whole
    last = Audit(registry).entries()[-1]
    assert (last["kind"], last["result"], last["id"]) == ("outcome", result, health.deeds[0]["id"])
    ended = registry.latest("runs")
    assert ended is not None and (ended["status"], ended["run_id"]) == ("failed", health.runs[0]["run_id"])
    events = [json.loads(line) for line in (Path(registry.home) / "lineage/events.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "FAIL"]
    assert Audit(registry).verify().ok
    assert run(["registry", "doctor", "--home", registry.home]) == 0


def test_what_may_be_under_way_is_left_alone(registry: Registry) -> None:
    Audit(registry).intent("review", run_id="elsewhere", dataset="file:///0")
    registry.append("runs", [{"job": "scan", "status": "running", "facts": {"pid": 1, "host": "another"}}], run_id="r")
    assert examine(registry).whole
    later = examine(registry, patience=NOW)
    assert (len(later.runs), len(later.deeds)) == (1, 1)
    mend(registry, later)
    assert examine(registry, patience=NOW).whole


def test_a_process_is_told_from_its_successor_and_from_what_is_out_of_sight() -> None:
    own = this_process()
    assert lives(own) is True
    assert (
        lives({**own, "began": own["began"] - 1}) is False
    )  # a container that was restarted: the same host and number
    for other in ({"kernel": "another"}, {"space": "pid:[1]"}, {"kernel": None}, {"began": None}, {"pid": None}):
        assert lives({**own, **other}) is None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stat = Path(f"/proc/{child.pid}/stat")
    told = {**own, "pid": child.pid, "began": int(stat.read_text().rpartition(")")[2].split()[19])}
    assert lives(told) is True
    child.kill()
    while stat.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert lives(told) is False  # nobody waited for it yet
    child.wait()
    assert lives(told) is False


def test_a_restarted_container_does_not_keep_the_run_of_before_alive(registry: Registry) -> None:
    own = this_process()
    for run_id, other in (("before", {"began": own["began"] - 1}), ("elsewhere", {"kernel": "another"}), ("now", {})):
        row = {"job": "scan", "status": "running", "facts": {**own, **other}}
        registry.append("runs", [row], run_id=run_id)
    assert [row["run_id"] for row in examine(registry).runs] == ["before"]
    assert are_over(registry, ["before", "elsewhere", "now"]) == {"before"}
    assert [row["run_id"] for row in examine(registry, patience=NOW).runs] == ["before", "elsewhere"]


def test_a_run_out_of_sight_that_holds_its_mark_no_more_is_ended_whole(registry: Registry) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, registry.home, "before"], check=False).returncode == 9
    row = {name: value for name, value in registry.rows("runs")[-1].items() if name not in ("run_id", "at", "seq")}
    run_id = str(registry.rows("runs")[-1]["run_id"])
    # As from another container of the same machine.
    registry.append("runs", [{**row, "facts": {**row["facts"], "space": "pid:[1]"}}], run_id=run_id)
    health = examine(registry)
    assert ([row["run_id"] for row in health.runs], len(health.deeds), health.lineage) == ([run_id], 1, 1)
    mend(registry, health)
    assert examine(registry).whole


def test_a_long_run_gives_signs_of_life_and_none_behind_its_end(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearance.jobs.heartbeat._MARK_S", 0.01)
    monkeypatch.setattr("clearance.jobs.heartbeat._ROW_S", 0.0)
    desk = open_desk(home=registry.home)
    with desk.run("scan", "file:///k") as under_way:
        mark = Path(registry.home) / "lineage" / "open" / f"{under_way.run_id}.json"
        os.utime(mark, (0, 0))
        while len(registry.rows("runs", run_id=under_way.run_id)) < 3 or not mark.stat().st_mtime:
            time.sleep(0.01)
    rows = registry.rows("runs", run_id=under_way.run_id)
    assert {row["status"] for row in rows[:-1]} == {"running"} and rows[-1]["status"] == "complete"
    assert rows[-2]["at"] > rows[0]["at"]


def test_what_does_not_hold_is_told_and_not_written_on(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    Audit(registry).intent("review", run_id="elsewhere", dataset="file:///0")
    registry.append("labels", [label("file:///0", "x", [])], run_id="x")
    entries = len(Audit(registry).entries())
    assert run(["registry", "doctor", "--home", registry.home, "--mend", "--hours", "0"]) == 5
    assert "past the audit" in capsys.readouterr().out
    assert len(Audit(registry).entries()) == entries


def test_a_chain_that_is_broken_from_its_start_is_told_in_short(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(8):
        scanned(registry, f"file:///more/{number}", f"more-{number}")
    file = tmp_path / "chain.jsonl"
    assert run(["audit", "export", str(file), "--home", registry.home]) == 0
    file.write_text(file.read_text().replace('"actor":', '"actor":"mallory","by":'))
    capsys.readouterr()
    assert run(["audit", "verify", "--export", str(file)]) == 5
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21 and lines[-1] == "and 2 more: --format json has all"
    assert run(["audit", "verify", "--export", str(file), "--format", "json"]) == 5
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 22


def test_small_files_are_joined_by_the_writers(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_TIDY_EVERY", 5)
    for number in range(12):
        scanned(registry, f"file:///more/{number}", f"more-{number}")
    assert registry.files("labels") <= 5
    assert registry.files("audit") <= 5
    assert Audit(registry).verify().ok
    assert Audit(registry).counting("labels", "file:///more/3")[0] is not None


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_a_registry_is_moved_whole(registry: Registry, tmp_path: Path, name: str) -> None:
    registry.append("runs", [{"job": "scan", "status": "complete", "facts": {}}], run_id="r")
    file, other = tmp_path / name, Registry(tmp_path / "other")
    assert run(["registry", "export", str(file), "--home", registry.home]) == 0
    assert run(["registry", "import", str(file), "--home", other.home]) == 0
    assert other.counts() == registry.counts()
    for table in registry.counts():
        assert other.rows(table) == registry.rows(table)
    assert Audit(other).verify().ok
    assert Audit(other).head() == Audit(registry).head()
    scanned(other, "file:///0", "again")
    assert Audit(other).verify().ok
    with pytest.raises(UsageError, match="already"):
        export_registry(registry, file)
    with pytest.raises(UsageError, match="already"):
        import_registry(other, file)


@pytest.mark.parametrize("change", ["cut", "a row less", "a row changed", "another file"])
def test_an_export_that_is_not_what_was_written_is_refused(registry: Registry, tmp_path: Path, change: str) -> None:
    file, other = tmp_path / "r.jsonl", Registry(tmp_path / "other")
    export_registry(registry, file)
    lines = file.read_text().splitlines(keepends=True)
    if change == "a row changed":
        lines = [line.replace('"restricted"', '"public"') if '"labels"' in line else line for line in lines]
    changed = {"cut": lines[:-1], "a row less": [*lines[:3], *lines[4:]], "another file": ["{}\n"]}.get(change, lines)
    file.write_text("".join(changed))
    with pytest.raises(RegistryError if change == "a row changed" else UsageError):
        import_registry(other, file)
    # A row that was changed is found when all is there: it clears nothing.
    assert (other.counts() == {}) == (change != "a row changed")
    assert change != "a row changed" or not Audit(other).verify().ok


def test_a_copy_that_broke_off_clears_nothing(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = tmp_path / "r.jsonl.gz", Registry(tmp_path / "other")
    export_registry(registry, file)
    write = Registry.write

    def broken(self: Registry, table: Any, spec: Any, *rest: Any, **more: Any) -> int:
        if spec.name == "audit":
            raise RegistryError("the disk is full")
        return write(self, table, spec, *rest, **more)

    monkeypatch.setattr(Registry, "write", broken)
    with pytest.raises(RegistryError, match="full"):
        import_registry(other, file)
    monkeypatch.undo()
    assert Audit(other).counting("labels", "file:///0") == (None, "a row was written past the audit")
    with gzip.open(file) as text:
        assert b"restricted" in text.read()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket as moto imitates S3, its credentials in the environment, where a user has them."""
    import boto3

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rpartition(":")[2]]
    # A process of its own: deltalake's threads and a server in this one wait for each other.
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, "moto did not start"
                time.sleep(0.1)
        boto3.client("s3", "us-east-1", endpoint_url=url).create_bucket(Bucket="governance")
        yield "s3://governance/clearance"
    finally:
        server.kill()
        server.wait()


def test_an_object_store_does_as_a_disk_does(bucket: str, registry: Registry, tmp_path: Path) -> None:
    """The same code over S3: writers at once lose nothing and make one chain, and a registry moves there and back."""
    stored = Registry(bucket)
    with ThreadPoolExecutor(3) as writers:
        list(writers.map(lambda n: scanned(Registry(bucket), f"s3://data/{n}", f"run-{n}"), range(3)))
    report = Audit(stored).verify()
    assert (report.ok, report.entries, report.open_intents) == (True, 6, ())
    assert {row["dataset"] for row in stored.rows("labels")} == {f"s3://data/{n}" for n in range(3)}
    assert Audit(stored).counting("labels", "s3://data/2")[0] is not None
    assert stored.compact("labels") == 3
    assert examine(stored, patience=NOW).whole

    export_registry(registry, tmp_path / "disk.jsonl")
    elsewhere = Registry(f"{bucket}-2")
    import_registry(elsewhere, tmp_path / "disk.jsonl")
    assert elsewhere.rows("labels") == registry.rows("labels")
    export_registry(elsewhere, tmp_path / "store.jsonl")
    import_registry(Registry(tmp_path / "back"), tmp_path / "store.jsonl")
    assert Registry(tmp_path / "back").rows("audit") == registry.rows("audit")
    assert row_digest("labels", elsewhere.rows("labels")[0]) == row_digest("labels", registry.rows("labels")[0])


def test_where_nothing_is_nothing_is_said_to_hold(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "misspelt")
    (tmp_path / "none.jsonl").touch()
    assert run(["registry", "doctor", "--home", nowhere]) == 5
    assert run(["audit", "verify", "--home", nowhere]) == 5
    assert run(["audit", "verify", "--export", str(tmp_path / "none.jsonl")]) == 5


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_cannot_be_written_whole_is_not_left(compressed: bool, tmp_path: Path) -> None:
    """A chain that breaks off early looks like one that is whole."""
    path = tmp_path / "export"
    with pytest.raises(UsageError, match="No space left"), new_file(path, compressed=compressed) as file:
        file.write("a line\n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not path.exists()
    with new_file(path, compressed=compressed) as file:
        file.write("a line\n")
    assert (gzip.decompress(path.read_bytes()) if compressed else path.read_bytes()) == b"a line\n"
    with pytest.raises(UsageError, match="there already"), new_file(path):
        pass
    assert path.exists()
