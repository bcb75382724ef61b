"""What a killed run left is ended on record and removed by the next one: its rows, its deed, its FAIL, its staging."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from clearance.errors import PublishError, RegistryError
from clearance.governance.mending import examine
from clearance.governance.runs import new_run_id
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.leftovers import make_way, sweep
from clearance.jobs.references import Reference
from clearance.jobs.staging import RUN_PROPERTY, SIDECAR, STAGING, Staged, Target

KILLED = """
import os, sys
from clearance.jobs.desk import open_desk
from clearance.jobs.staging import Target
desk, target = open_desk(home=sys.argv[1]), Target(sys.argv[2])
with desk.run("detokenize", "file:///k") as run:
    desk.audit.intent("open", run_id=run.run_id, dataset="file:///k", facts={})
    staged = target.staged(run.run_id)
    if staged.path is not None:
        staged.path.mkdir(parents=True)
        (staged.path / "part-0.parquet").write_text("ann@example.com")
    print(run.run_id, flush=True)
    os._exit(9)
"""

KILLED_AT_ITS_ROW = """
import os, sys
from clearance.governance.registry import Registry
from clearance.jobs.desk import open_desk
append = Registry.append
Registry.append = lambda *given, **named: (append(*given, **named), os._exit(9))
with open_desk(home=sys.argv[1]).run("protect", "file:///k"):
    pass
"""

KILLED_AT_ITS_LAST_EVENT = """
import os, sys
from clearance.governance.lineage import LineageRun
from clearance.jobs.desk import open_desk
LineageRun.complete = lambda *_, **__: os._exit(9)
with open_desk(home=sys.argv[1]).run("protect", "file:///k"):
    pass
"""


def killed(home: Path, target: str) -> str:
    command = [sys.executable, "-c", KILLED, str(home), target]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    return done.stdout.strip()


def events(desk: Desk, run_id: str) -> list[str]:
    return [event["eventType"] for event in desk.spool.events() if event["run"]["runId"] == run_id]


def test_any_next_run_ends_what_was_killed_on_every_record(tmp_path: Path) -> None:
    desk = open_desk(home=tmp_path / "home")
    dead = killed(tmp_path / "home", str(tmp_path / "out" / "t"))
    with desk.run("erase", "file:///other") as alive:
        assert [row["status"] for row in desk.registry.rows("runs", run_id=dead)] == ["running", "failed"]
        assert events(desk, dead) == ["START", "FAIL"]
        last = desk.audit.entries()[-1]
        assert (last["kind"], last["result"]) == ("outcome", "failed")
        assert examine(desk.registry).whole
        assert desk.bury_the_dead() == []  # once, and not the one that is under way
        assert desk.spool.is_open(alive.run_id)


def test_a_run_is_known_as_soon_as_it_has_a_row(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_AT_ITS_ROW, str(tmp_path / "home")]
    assert subprocess.run(command, check=False).returncode == 9
    desk = open_desk(home=tmp_path / "home")
    assert len(desk.bury_the_dead()) == 1
    assert [row["status"] for row in desk.registry.rows("runs")] == ["running", "failed"]


def test_a_run_that_owed_its_last_event_only_is_complete_in_the_lineage_too(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_AT_ITS_LAST_EVENT, str(tmp_path / "home")]
    assert subprocess.run(command, check=False).returncode == 9
    desk = open_desk(home=tmp_path / "home")
    (dead,) = desk.bury_the_dead()
    assert [row["status"] for row in desk.registry.rows("runs")] == ["running", "complete"]
    assert events(desk, dead) == ["START", "COMPLETE"]


def test_a_run_ends_in_the_lineage_where_the_audit_can_t_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(home=tmp_path / "home")

    def unreadable(_: object) -> None:
        raise RegistryError("the audit can't be read", hint="look at it")

    with desk.run("scan", "file:///k") as run:
        monkeypatch.setattr("clearance.governance.audit.Audit.head", unreadable)
    assert events(desk, run.run_id) == ["START", "COMPLETE"]


def test_what_could_not_be_ended_is_ended_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = open_desk(home=tmp_path / "home")
    dead = killed(tmp_path / "home", str(tmp_path / "out" / "t"))
    with monkeypatch.context() as broken:
        broken.setattr("clearance.governance.mending._end", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.bury_the_dead()
    assert events(desk, dead) == ["START"]
    assert desk.bury_the_dead() == [dead]
    assert events(desk, dead) == ["START", "FAIL"]


def test_what_a_killed_run_staged_goes_and_nothing_else(tmp_path: Path) -> None:
    desk, target = open_desk(home=tmp_path / "home"), Target(str(tmp_path / "out" / "t"))
    dead = killed(tmp_path / "home", target.text)
    others = tmp_path / "out" / STAGING / "0190aaaa-0000-7000-8000-000000000000"
    others.mkdir(parents=True)
    with desk.run("protect", "file:///p") as alive:
        own = target.staged(alive.run_id).path
        assert own is not None
        own.mkdir()
        sweep(desk, target)
        assert {path.name for path in (tmp_path / "out" / STAGING).iterdir()} == {others.name, alive.run_id}
    assert dead not in json.dumps([str(path) for path in tmp_path.rglob("*")])


def test_what_a_run_of_another_machine_stages_is_left_until_it_ended_or_is_a_day_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its mark is in a spool of its own: all that is shared is the row.
    desk, target, other = open_desk(home=tmp_path / "home"), Target(str(tmp_path / "out" / "t")), new_run_id()
    row = {"job": "protect", "dataset": "file:///p", "status": "running", "facts": {"pid": 1, "host": "elsewhere"}}
    desk.registry.append("runs", [row], run_id=other)
    staged = target.staged(other).path
    assert staged is not None

    def is_swept() -> bool:
        staged.mkdir(parents=True, exist_ok=True)
        sweep(desk, target)
        return not staged.exists()

    assert not is_swept()
    with monkeypatch.context() as later:
        later.setattr("clearance.governance.mending.PATIENCE", timedelta(0))
        assert is_swept()
    desk.registry.append("runs", [{**row, "status": "failed"}], run_id=other)
    assert is_swept()


def test_what_a_killed_run_staged_is_no_source_of_what_would_clear_it(tmp_path: Path) -> None:
    desk, target = open_desk(home=tmp_path / "home"), Target(str(tmp_path / "out" / "t"))
    staged = tmp_path / "out" / STAGING / killed(tmp_path / "home", target.text)
    with pytest.raises(PublishError, match="which is cleared"):
        make_way(desk, target, Reference(str(staged / "part-0.parquet")))
    assert (staged / "part-0.parquet").exists()
    make_way(desk, target, Reference(str(tmp_path / "in")))
    assert not staged.exists()


def test_parquet_that_was_renamed_and_never_labelled_makes_way(tmp_path: Path) -> None:
    desk, target = open_desk(home=tmp_path / "home"), Target(str(tmp_path / "out" / "t"), "parquet")
    dead = killed(tmp_path / "home", target.text)

    def published(run_id: str) -> None:
        folder = tmp_path / "out" / "t"
        folder.mkdir(parents=True)
        (folder / SIDECAR).write_text(json.dumps({RUN_PROPERTY: run_id}))

    published(dead)
    for source in (target.text, f"{target.text}/part-0.parquet"):
        with pytest.raises(PublishError, match="the source"):
            make_way(desk, target, Reference(source))
    assert (tmp_path / "out" / "t" / SIDECAR).exists()
    make_way(desk, target, Reference(str(tmp_path / "in")))
    assert not list((tmp_path / "out").iterdir())
    with desk.run("protect", target.key) as alive:
        published(alive.run_id)
        with pytest.raises(PublishError, match="exists"):
            make_way(desk, target, None)
    (tmp_path / "out" / STAGING).mkdir()  # what was staged in it became the target
    with pytest.raises(PublishError, match="exists"):  # it ended well
        make_way(desk, target, None)
    assert not (tmp_path / "out" / STAGING).exists()
    (tmp_path / "out" / "t" / SIDECAR).write_text(json.dumps({RUN_PROPERTY: dead}))
    desk.registry.append(
        "labels",
        [
            {
                "dataset": target.key,
                "version": "x",
                "kind": "protected",
                "columns": {},
                "label": {},
                "policy_digest": "x",
            }
        ],
        run_id=dead,
    )
    with pytest.raises(PublishError, match="exists"):  # killed later, with its label on record
        make_way(desk, target, None)


@pytest.mark.parametrize(("name", "quoted"), [("db.people", "people"), ("db.`odd name`", "odd name")])
def test_beside_a_table_the_staged_one_is_dropped(tmp_path: Path, name: str, quoted: str) -> None:
    desk, target = open_desk(home=tmp_path / "home"), Target(f"table:{name}")
    dead = killed(tmp_path / "home", target.text)
    staged = f"{quoted}__clearance_staging_{dead.replace('-', '')}"
    tables, said = [quoted, staged, f"{quoted}__clearance_staging_{'0' * 32}", "x" + staged], list[str]()

    class Session:
        def sql(self, text: str) -> Any:
            said.append(text)
            return SimpleNamespace(collect=lambda: [{"tableName": table} for table in tables])

    sweep(desk, target, Session())  # type: ignore[arg-type]
    assert said == [
        "SHOW TABLES IN spark_catalog.db LIKE '*__clearance_staging_*'",
        f"DROP TABLE IF EXISTS spark_catalog.db.`{staged}`",
    ]


def test_what_another_user_has_under_way_in_a_shared_home_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, opened = open_desk(home=tmp_path / "home"), os.open
    theirs = killed(tmp_path / "home", str(tmp_path / "out" / "t"))

    def refusing(path: Any, *rest: Any) -> int:
        if str(path).endswith(f"{theirs}.json"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest)

    monkeypatch.setattr("clearance.governance.lineage_spool.os.open", refusing)
    with desk.run("scan", "file:///mine"):
        assert desk.spool.is_open(theirs)


def test_a_store_that_can_not_be_published_to_is_named_before_spark_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(home=tmp_path / "home")
    with pytest.raises(PublishError, match=r"^wasbs: is no storage") as caught:
        make_way(desk, Target("wasbs://c@acc.blob.core.windows.net/out/people"), None)
    assert "s3a" in (caught.value.hint or "")

    def failing(uri: str) -> Any:
        raise pa.ArrowException("az: not found; key=SECRET")  # no OSError, and no ValueError either

    monkeypatch.setattr("clearance.jobs.leftovers.object_store", failing)
    with pytest.raises(PublishError, match="can't be looked into") as caught:
        make_way(desk, Target("abfss://c@acc.dfs.core.windows.net/out/people"), None, object())  # type: ignore[arg-type]
    assert "credentials of abfss" in (caught.value.hint or "") and "SECRET" not in str(caught.value)


KILLED_BEFORE_ITS_COMMIT = """
import os, sys
from pathlib import Path
from clearance.jobs.desk import open_desk
from clearance.jobs.staging import Target
desk, target = open_desk(home=sys.argv[1]), Target(sys.argv[2])
with desk.run("detokenize", "file:///k") as run:
    desk.audit.intent("open", run_id=run.run_id, dataset=target.key, facts={})
    target.local_path.mkdir(parents=True)
    (target.local_path / "part-00000-0a1b-c000.snappy.parquet").write_text("ann@example.com")
    os._exit(9)
"""


def test_files_of_a_publication_that_was_killed_before_its_commit_make_way(tmp_path: Path) -> None:
    desk, target = open_desk(home=tmp_path / "home"), Target(str(tmp_path / "out" / "t"))
    folder = tmp_path / "out" / "t"
    command = [sys.executable, "-c", KILLED_BEFORE_ITS_COMMIT, str(tmp_path / "home"), target.text]
    assert subprocess.run(command, check=False).returncode == 9
    (folder / "notes.txt").write_text("somebody's own")
    with pytest.raises(PublishError, match="is no Delta table"):
        make_way(desk, target, None)
    (folder / "notes.txt").unlink()
    with desk.run("protect", target.key) as run:  # another is about to publish there: these may be its files
        intent = desk.audit.intent("publish", run_id=run.run_id, dataset=target.key, facts={})
        with pytest.raises(PublishError, match="is no Delta table"):
            make_way(desk, target, None)
        desk.audit.outcome(intent, "failed")
    assert list(folder.iterdir())
    (folder / "part-00000-0a1b-c000.snappy.parquet").unlink()
    folder.rmdir()
    assert subprocess.run(command, check=False).returncode == 9
    (folder / "_delta_log" / "_staged_commits").mkdir(parents=True)
    make_way(desk, target, None)
    assert not folder.exists() and not (tmp_path / "out" / STAGING).exists()


def test_files_that_another_home_publishes_where_a_run_of_this_one_was_killed_stay(tmp_path: Path) -> None:
    desk, target = open_desk(home=tmp_path / "home"), Target(str(tmp_path / "out" / "t"))
    folder, staging = tmp_path / "out" / "t", tmp_path / "out" / STAGING
    command = [sys.executable, "-c", KILLED_BEFORE_ITS_COMMIT, str(tmp_path / "home"), target.text]
    assert subprocess.run(command, check=False).returncode == 9
    with open_desk(home=tmp_path / "another").run("protect", target.key) as theirs:
        (staging / theirs.run_id).mkdir(parents=True)  # until it is committed
        with pytest.raises(PublishError, match="is no Delta table"):
            make_way(desk, target, None)
        assert list(folder.iterdir()) and (staging / theirs.run_id).is_dir()
        (staging / theirs.run_id).rmdir()
    (left,) = folder.iterdir()
    written = left.stat().st_mtime
    os.utime(left, (written + 60, written + 60))  # after the run was found dead: not its work
    with pytest.raises(PublishError, match="is no Delta table"):
        make_way(desk, target, None)
    os.utime(left, (written, written))
    make_way(desk, target, None)
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["delta", "parquet"])
def test_no_run_beside_takes_the_folder_away_in_which_one_begins_to_write(tmp_path: Path, kind: str) -> None:
    staging = tmp_path / STAGING
    staged = Staged(f"{kind}.`x`", staging / "run", kind)
    written = []

    class Frame:
        """What Spark is asked for, with a run beside it that has just ended."""

        schema = None

        def writeTo(self, *told: str) -> "Frame":
            return self

        using = writeTo

        @property
        def write(self) -> "Frame":
            return self

        def mode(self, mode: str) -> "Frame":
            if mode == "overwrite":  # as Spark does before it writes files
                (staging / "run").rmdir()
            return self

        def createOrReplace(self, path: str = "") -> None:
            with pytest.raises(OSError, match=r"(?i)not empty"):
                staging.rmdir()
            written.append(path)

        parquet = createOrReplace

    Frame.partitionBy = Frame.writeTo  # type: ignore[attr-defined]
    staged.write(Frame(), (), "people")  # type: ignore[arg-type]
    Staged("delta.`y`", staging / "other", "delta").remove(None)
    assert written and (staging / "run").is_dir()


@pytest.mark.parametrize("text", ["link", "link/people", "{}/link", "file://{}/link/people", "file:{}/link"])
def test_a_link_to_nothing_is_no_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """It would be written wherever the link points, which nobody named."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PublishError, match="link is a link to a place that is not there"):
        Target(text.format(tmp_path)).check_writable()
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
    (tmp_path / "elsewhere").mkdir()
    Target(text.format(tmp_path)).check_writable()
