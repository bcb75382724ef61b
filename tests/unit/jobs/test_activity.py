"""Access activity: counted from three sources, unusual by one's own past, and nothing of an object's key kept."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from clearance.errors import DatasetError
from clearance.governance.access_log import Places, read_log
from clearance.governance.activity import Activity
from clearance.governance.audit import Audit
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.jobs import activity_task
from clearance.jobs.activity_task import report
from clearance.jobs.cli import run

POLICY = load_policy()
SECRET = "zelda.quirk@example.org"
ORDERS, MAILS = "s3://lake/orders", "s3://lake/mails"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Clock(datetime):
    """Stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> "Clock":
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLEARANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(activity_task, "datetime", Clock)
    found = Registry(tmp_path / "home")
    for key, level in ((ORDERS, "restricted"), (MAILS, "internal")):
        label = {"level": level, "categories": [], "regimes": [], "subjects": []}
        row = {"dataset": key, "version": "1", "kind": "source", "label": label, "columns": {}, "policy_digest": "d"}
        with Audit(found).filing("label", [("labels", row)], run_id="r", dataset=key, facts={"version": "1"}):
            pass
    return found


def trail(day: int, who: str, key: str, name: str = "GetObject", size: int = 10, **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:sts::123456789012:assumed-role/reader/{who}"
    return {
        "eventTime": f"2026-11-{day:02}T08:00:00Z", "eventName": name, "eventSource": "s3.amazonaws.com",
        "userIdentity": {"type": "AssumedRole", "arn": arn, "accountId": "123456789012"},
        "requestParameters": {"bucketName": "lake", "key": key},
        "additionalEventData": {"bytesTransferredOut": size}, **more,
    }  # fmt: skip


def usual(who: str, days: range, times: int, folder: str = "orders") -> list[dict[str, Any]]:
    return [trail(day, who, f"{folder}/mail={SECRET}/part-{n}") for day in days for n in range(times)]


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_what_is_unusual_is_told_and_nothing_else(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    records = usual("ann", range(1, 28), 10) + usual("bob", range(1, 28), 3, "mails")
    written(Path("calm.jsonl"), records)
    assert run(["audit", "activity", "--log", "calm.jsonl", "--since", "2026-11-20"]) == 0
    assert "nothing unusual since 2026-11-20" in capsys.readouterr().out
    records += usual("eve", range(27, 28), 1)  # never before
    records += usual("bob", range(26, 27), 200, "mails")  # 203 instead of 3
    records += usual("carl", range(1, 4), 400, "mails") + usual("carl", range(26, 27), 500, "mails")  # as it ever was
    records += usual("dora", range(27, 28), 500, "mails")  # has no past, and what she reads nobody watches
    records += [trail(27, "fred", "mails/x", errorCode="AccessDenied") for _ in range(6)]
    since = date(2026, 11, 20)
    found = report(POLICY, registry, logs=[written(Path("all.jsonl"), records)], since=since)
    assert [(one.kind, one.who.rpartition("/")[2], one.dataset, one.day, one.seen) for one in found.unusual] == [
        ("volume-jump", "bob", MAILS, "2026-11-26", 203),
        ("new-reader", "eve", ORDERS, "2026-11-27", 1),
        ("denied", "fred", None, "2026-11-27", 6),
    ]
    command = ["audit", "activity", "--log", "all.jsonl", "--since", "2026-11-20"]
    assert run(command) == 3
    assert "volume-jump: 123456789012/reader/bob" in capsys.readouterr().out
    assert run([*command, "--watch", "internal", "--format", "json"]) == 3
    told = json.loads(capsys.readouterr().out)["unusual"]
    assert {each["who"].rpartition("/")[2] for each in told} == {"bob", "eve", "fred", "dora"}
    assert report(POLICY, registry, logs=["all.jsonl"], since=date(2026, 11, 28)).unusual == []


def test_no_key_of_an_object_is_kept(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    records = [*usual("ann", range(1, 3), 2), trail(3, "ann", f"other/{SECRET}"), trail(3, "ann", f"{SECRET}/x")]
    Path("trail").mkdir()
    with gzip.open("trail/a.json.gz", "wt") as file:
        json.dump({"Records": records}, file, indent=1)
    for output in ("table", "json"):
        run(["audit", "activity", "--log", "trail", "--format", output])
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err and "reader/ann" in told.out
    found = report(POLICY, registry, logs=["trail"]).to_dict()
    assert found["elsewhere"] == 2 and found["read"]["log"] == 6
    # One character of a line is lost: the line is named, and nothing in it.
    Path("bad.jsonl").write_text(json.dumps(records[0]) + "\n" + json.dumps(records[0])[:-1] + "\n")
    assert run(["audit", "activity", "--log", "bad.jsonl"]) == 5
    told = capsys.readouterr()
    assert "bad.jsonl:2" in told.err and SECRET not in told.err + told.out


@pytest.mark.parametrize(
    "lines",
    [
        ["time,who,dataset,action,bytes,denied", f"2026-11-27T09:00:00+01:00,ann,{ORDERS},export,7,true"],
        ["who,action,dataset,time", f"ann,export,{ORDERS}/mail={SECRET}/x,2026-11-27 08:00:00"],
        [
            json.dumps(
                {"time": "2026-11-27T08:00:00Z", "who": "ann", "dataset": "s3a://lake/orders", "action": "export"}
            )
        ],
    ],
)
def test_the_plain_form(lines: list[str]) -> None:
    (found,) = read_log(lines, "x", Places([ORDERS]), NOW)
    assert (found.at, found.who, found.dataset, found.action) == ("2026-11-27T08:00:00Z", "ann", ORDERS, "export")


@pytest.mark.parametrize(
    "lines",
    [
        ["time,who,dataset,action,key", "x"],
        ["time,who,dataset,action", f"yesterday,ann,{SECRET},read"],
        ["time,who,dataset,action", f"2026-11-27,ann,{SECRET}"],
        [json.dumps({"time": "2026-11-27T08:00:00Z", "who": "ann", "dataset": SECRET, "action": "look"})],
        [json.dumps({"time": "2026-11-27T08:00:00Z", "who": "ann", "dataset": SECRET, "action": "read", "x": 1})],
        [json.dumps({"Records": [trail(1, "ann", SECRET) | {"eventTime": None}]})],
        ["{", SECRET],
        ["time,who,dataset,action,denied", f'2026-11-27,ann,{SECRET},read,"\n', f"2026-11-27,ann,{SECRET},read,\n"],
        ["time,who,dataset,action", f"2026-11-27,{SECRET * 6000},d,read"],
        *(
            [json.dumps({"time": time, "who": "ann", "dataset": SECRET, "action": "read"})]
            for time in ("2026-13-45T00:00:00Z", f"2026-ab-{SECRET[:9]}Z", "2026-11-27T24:61:00Z", 20261127)
        ),
        ['{"time": "0001-01-01T00:00:00+09:00", "who": "ann", "dataset": "d", "action": "read"}'],
        *(
            [f'{{"time": "2026-11-27T08:00:00Z", "who": "ann", "dataset": "d", "action": "read", "bytes": {size}}}']
            for size in ("1e999", "NaN", "-5", str(2**63))
        ),
        [json.dumps(trail(1, "ann", SECRET, size=-5))],
    ],
)
def test_what_cannot_be_read_is_never_left_out(lines: list[str]) -> None:
    with pytest.raises(DatasetError) as caught:
        list(read_log(lines, "x", Places([]), NOW))
    assert SECRET not in str(caught.value) and caught.value.__cause__ is None


def plain(at: datetime, who: str = "eve") -> str:
    return json.dumps({"time": at.isoformat(), "who": who, "dataset": MAILS, "action": "read"}) + "\n"


def test_no_wrong_clock_hides_what_is_recent(registry: Registry) -> None:
    """What is recent is counted from the newest access: one of the year 2030 would make all of today long ago."""
    lines = [plain(NOW - timedelta(days=day)) for day in range(8, 20) for _ in range(3)]
    lines += [plain(NOW - timedelta(days=1))] * 500 + [plain(NOW + timedelta(hours=23), "ann")]
    Path("a.jsonl").write_text("".join(lines))
    found = report(POLICY, registry, logs=["a.jsonl"], now=NOW)
    assert (found.since, [one.kind for one in found.unusual]) == ("2026-11-21", ["volume-jump"])
    Path("b.jsonl").write_text("".join([*lines, plain(NOW + timedelta(days=2), "ann")]))
    with pytest.raises(DatasetError, match=rf"b\.jsonl:{len(lines) + 1}: .*ahead of now"):
        report(POLICY, registry, logs=["b.jsonl"], now=NOW)


def test_a_level_that_the_policy_no_longer_has_is_watched() -> None:
    counted = Activity()
    counted.add(read_log([plain(NOW)], "x", Places([MAILS]), NOW), "log")
    for level, kinds in (("secret-of-old", ["new-reader"]), ("restricted", ["new-reader"]), ("internal", [])):
        found = counted.unusual({MAILS: level}, frozenset({"public", "internal"}), "2026-11-21", 4.0)
        assert [one.kind for one in found] == kinds


def test_a_damaged_archive_is_named(registry: Registry) -> None:
    Path("bad.jsonl.gz").write_bytes(b"\x1f\x8b\x08" + bytes(6) + b"\x03" + b"\xff" * 50)
    with pytest.raises(DatasetError, match=r"bad\.jsonl\.gz can't be read"):
        report(POLICY, registry, logs=["bad.jsonl.gz"], now=NOW)


def test_who_it_was_is_the_same_in_each_session_of_a_machine() -> None:
    sessions = ["botocore-session-1700000000", "i-0abc123", "1732000000", "ann@corp"]
    lines = [json.dumps(trail(1, session, "orders/x")) for session in sessions]
    lines.append(json.dumps(trail(1, "x", "orders/x") | {"userIdentity": {"type": "IAMUser", "userName": "a\x1b[2Jb"}}))
    lines.append(json.dumps(trail(1, "x", "orders/x", "HeadBucket")))
    copy = trail(1, "x", "mails/y", "CopyObject")
    copy["requestParameters"]["x-amz-copy-source"] = "lake/orders/x"
    found = list(read_log([*lines, json.dumps(copy)], "x", Places([ORDERS, MAILS]), NOW))
    assert [one.who for one in found][:5] == [*["123456789012/reader"] * 3, "123456789012/reader/ann@corp", "a?[2Jb"]
    assert (found[-1].dataset, found[-1].action, len(found)) == (ORDERS, "read", 6)


def test_our_own_audit_tells_of_scans_requests_and_refusals(registry: Registry) -> None:
    audit = Audit(registry)
    for facts in ({"label": {}, "version": "1"}, {"label": {}, "declared": []}):  # a scan, and a label given again
        audit.outcome(audit.intent("label", run_id="1", dataset=ORDERS, facts=facts), "done")
    for result in ("allowed", "refused", "failed"):
        audit.outcome(audit.intent("detokenize", run_id="3", dataset=ORDERS), result)
    audit.outcome(audit.intent("open", run_id="3", dataset=MAILS, facts={"by": {"name": "ann"}}), "done")
    audit.outcome(audit.intent("enrol", run_id="4", dataset="people", facts={"by": "a key id"}), "done")
    rows = report(POLICY, registry).to_dict()["activity"]
    assert sorted((row["action"], row["dataset"], row["level"], row["events"], row["denied"]) for row in rows) == [
        ("detokenize", ORDERS, "restricted", 1, 1),
        ("export", MAILS, "internal", 1, 0),
        ("read", ORDERS, "restricted", 1, 0),
    ]
    assert [row["who"] for row in rows if row["action"] == "export"] == ["ann"]


def test_what_is_known_by_lineage_only_is_watched_too(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [("copy", ORDERS, "s3://lake/copy"), ("mix", ORDERS, MAILS)]
    events = [
        {"eventType": "COMPLETE", "eventTime": "2026-11-27T00:00:00Z", "run": {"runId": job}, "producer": "x",
         "job": {"namespace": "dbt", "name": job}, "inputs": [{"namespace": "s3://lake", "name": source[10:]}],
         "outputs": [{"namespace": "s3://lake", "name": target[10:]}]}
        for job, source, target in steps
    ]  # fmt: skip
    Path("events.json").write_text(json.dumps(events))
    assert run(["lineage", "import", "events.json"]) == 0
    # Derived later by a milder policy, for a try: it says nothing of what this policy watches.
    label = {"level": "public", "categories": [], "regimes": [], "subjects": []}
    tried = {"dataset": MAILS, "label": label, "columns": {}, "rest": label, "basis": {}, "policy_digest": "another"}
    registry.append("derived", [tried], run_id="t")
    log = [trail(27, "eve", "copy/part-0"), trail(27, "eve", "mails/part-0")]
    Path("log.json").write_text(json.dumps({"Records": log}))
    capsys.readouterr()
    assert run(["audit", "activity", "--log", "log.json", "--format", "json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert {(each["dataset"], each["level"]) for each in told["unusual"]} == {
        ("s3://lake/copy", "restricted"),
        (MAILS, "restricted"),
    }


def test_a_label_written_past_the_audit_hides_no_reader(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    label = {"level": "public", "categories": [], "regimes": [], "subjects": []}
    forged = {"dataset": ORDERS, "version": "1", "kind": "source", "label": label, "columns": {}, "policy_digest": "d"}
    registry.append("labels", [forged], run_id="f")
    written(Path("log.jsonl"), usual("eve", range(27, 28), 1))
    assert run(["audit", "activity", "--log", "log.jsonl", "--format", "json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert {(each["dataset"], each["level"]) for each in told["unusual"]} == {(ORDERS, "unvouched")}


def test_the_history_of_a_table_tells_who_wrote_and_no_predicate(registry: Registry) -> None:
    told = {"userName": "spark-service", "userMetadata": json.dumps({"user": "ann", "note": SECRET})}
    data = pa.table({"mail": [SECRET, "x"]})
    write_deltalake("t", data, commit_properties=CommitProperties(custom_metadata=told))
    write_deltalake("t", data, mode="append", commit_properties=CommitProperties(custom_metadata={"userName": "bob"}))
    DeltaTable("t").delete(f"mail = '{SECRET}'")
    found = report(POLICY, registry, histories=["t"]).to_dict()
    assert {(row["who"], row["action"], row["events"]) for row in found["activity"]} == {
        ("ann", "write", 1), ("bob", "write", 1), ("unknown", "write", 1),
    }  # fmt: skip
    assert SECRET not in json.dumps(found)
    with pytest.raises(DatasetError):
        report(POLICY, registry, histories=["nothing"])
