"""Review at the command line: found again in the records, shown on record, decided by two, honoured until it lapses."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.errors import DatasetError
from clearance.governance.audit import Audit
from clearance.governance.chain import rests_on
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import whole_cell_method
from clearance.governance.observation import observe
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs import records as rows_of
from clearance.jobs.cli import run
from clearance.jobs.reviewed import with_confirmed

SOLUTION = """\
solutions:
- {name: bot, owner: me, hosting: private, clearance: public, usage: [analytics], regimes: [GDPR, CCPA]}
"""
SSN, MAIL = "refs:US_SSN", "note:EMAIL_ADDRESS"
NOTE = "write to zelda.quirk@example.org today"


def report(path: str, kind: Any, entity_type: str, rows: int, total: int, *detectors: str) -> ColumnReport:
    found = Finding(entity_type, rows, Interval.wilson(rows, total), 0.9, detectors)
    return ColumnReport(path, "string", kind, total, 0, total, entity_type if kind == "structured" else None, (found,))


class Desk:
    """A project with a table of two findings, and three people."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.registry = Registry(folder / ".clearance")
        (folder / "solutions.yaml").write_text(SOLUTION)
        rows = [
            {"refs": f"{n:03}-45-6789" if n % 2 else f"R{n}", "note": NOTE if n == 7 else "fine"} for n in range(1, 11)
        ]
        write_deltalake("t", pa.Table.from_pylist(rows))
        self.key = dataset_identity("t").key
        self.scanned()

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert run(list(arguments)) == code, self._capsys.readouterr().err
        return self._capsys.readouterr().out

    def scanned(self, ssn: int = 500, *detectors: str, kind: str = "structured") -> None:
        """What a scan leaves, without one."""
        policy, seen, run_id = load_policy(), observe("t"), new_run_id()
        reports = [
            report("refs", kind, "US_SSN", ssn, 1000, *(detectors or ("UsSsnRecognizer",))),
            report("note", "text", "EMAIL_ADDRESS", 1, 1000, "EmailRecognizer"),
        ]
        labels = rows_of.column_labels(reports, policy)
        found = rows_of.finding_rows(self.key, seen.version, reports, "e")
        row = rows_of.label_row(
            self.key, seen, labels, rows_of.dataset_label(labels, policy), policy, "default",
            kind="source", facts={}, why=rows_of.why(reports, policy), types=rows_of.types_found(reports),
            looked={"ner": "none", "rests_on": rests_on(run_id, {"findings": found})},
        )  # fmt: skip
        row["looked"]["ner"] = None
        row["looked"] |= {"texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}}
        with Audit(self.registry).filing("label", [("labels", row)], run_id=run_id, dataset=self.key):
            self.registry.append("findings", found, run_id=run_id)

    def decide(self, name: str, *decisions: str, code: int = 0, more: tuple[str, ...] = ()) -> str:
        wanted = [part for each in decisions for part in ("--decide", each)]
        return self("review", "t", *wanted, *more, "--reason", "case 7", "--identity-key", f"{name}.pem", code=code)

    def level(self, code: int) -> str:
        told = json.loads(self("check", "t", "--solution", "bot", "--format", "json", code=code))
        return str((told["label"] or {"level": None})["level"])

    def findings(self) -> dict[str, Any]:
        told = json.loads(self("review", "t", "--list", "--records", "0", "--format", "json"))
        return {each["finding"]: each for each in told["findings"]}


@pytest.fixture
def desk(tmp_path: Path, with_people: Callable[[Callable[..., str]], None], capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path, capsys)
    with_people(made)
    return made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def move(days: int) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> "Later":
                return super().now(tz) + timedelta(days=days)

        monkeypatch.setattr("clearance.jobs.reviewed.datetime", Later)

    return move


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_what_lowers_needs_two_people_and_lapses(desk: Desk, later: Callable[[int], None]) -> None:
    assert desk.level(3) == "restricted"
    assert "waits" in desk.decide("ann", f"{SSN}=false-positive")
    assert "waits" in desk.decide("ann", f"{SSN}=false-positive")  # twice the same person is one
    assert desk.level(3) == "restricted"
    assert "ann and bob" in desk.decide("bob", f"{SSN}=false-positive")
    mail = desk.level(3)
    assert mail != "restricted"

    for name in ("ann", "bob"):
        desk.decide(name, f"{MAIL}=accepted", more=("--until", day(3)))
    assert desk.level(0) == "public"
    desk("label", "t")  # labelled again, it says so, too
    assert desk.registry.latest("labels", dataset=desk.key)["label"]["level"] == "public"  # type: ignore[index]
    later(5)
    assert desk.level(3) == mail  # the acceptance has ended; the false positive has not
    later(0)
    assert desk.level(0) == "public"
    # One person's word is enough to take it back.
    desk.decide("ann", f"{SSN}=confirmed")
    assert desk.level(3) == "restricted"
    assert "holds" in desk("audit", "verify")


@pytest.mark.parametrize(
    ("again", "holds"),
    [
        ((520,), True),
        ((90,), True),
        ((960,), False),
        ((500, "UsSsnRecognizer", "ColumnName"), False),
    ],
)
def test_later_scans_honour_a_decision_until_the_finding_is_another(desk: Desk, again: Any, holds: bool) -> None:
    for name in ("ann", "bob"):
        desk.decide(name, f"{SSN}=false-positive", f"{MAIL}=false-positive")
    write_deltalake("t", pa.table({"refs": ["1"], "note": ["x"]}), mode="append")
    desk("check", "t", "--solution", "bot", code=5)  # the data changed
    desk.scanned(*again)
    assert (desk.level(0 if holds else 3) == "public") == holds
    assert bool(desk.findings()[SSN]["lapsed"]) != holds
    desk.scanned(500)
    assert desk.level(0) == "public"  # nothing that a scan files takes the decision away


def test_what_one_confirmed_counts_where_a_scan_overlooks_it(desk: Desk) -> None:
    before = desk.level(3)
    desk.decide("ann", f"{SSN}=false-positive", "note:US_PASSPORT=confirmed")
    desk.decide("bob", f"{SSN}=false-positive")
    assert desk.level(3) == before  # for the passport
    assert "US_PASSPORT" in json.dumps(desk.findings())
    desk.decide("ann", "note:NO_SUCH_TYPE=confirmed", code=2)
    desk.decide("ann", "note:CRYPTO=false-positive", code=2)


def test_a_protection_replaces_what_one_confirmed_and_no_detector_finds(desk: Desk) -> None:
    """Nobody knows where in the text it stands, so the column goes whole; and what was set aside goes all the same."""
    reports = [ColumnReport.from_dict(r["report"]) for r in desk.registry.rows("findings", dataset=desk.key)]
    assert with_confirmed(reports, desk.key, load_policy(), desk.registry) == tuple(reports)
    for name in ("ann", "bob"):
        desk.decide(name, f"{SSN}=false-positive")
    desk.decide("ann", "note:US_PASSPORT=confirmed")
    made = {r.path: r for r in with_confirmed(reports, desk.key, load_policy(), desk.registry)}
    assert made["refs"] in reports
    method = whole_cell_method(made["note"].to_dict(), load_policy())
    assert method is not None and method["name"] == "token" and made["note"].entity_type == "US_PASSPORT"
    row = desk.registry.latest("decisions", dataset=desk.key) or {}
    desk.registry.append("decisions", [{k: v for k, v in row.items() if k not in ("run_id", "at", "seq")}], run_id="x")
    with pytest.raises(DatasetError, match="can't be relied on"):
        with_confirmed(reports, desk.key, load_policy(), desk.registry)


def test_the_audit_tells_the_person_behind_the_account(desk: Desk) -> None:
    desk.decide("ann", f"{SSN}=false-positive")
    desk.decide("bob", f"{SSN}=false-positive")
    told = desk("audit", "show", "--actor", "bob")
    assert told.count(" bob (") == 2 and " ann (" not in told  # the intent and its outcome
    assert " ann (" in desk("audit", "show", "--action", "review")


def test_the_policy_is_explained_with_what_people_decided(desk: Desk) -> None:
    def told() -> tuple[str, list[str]]:
        found = json.loads(desk("policy", "explain", "--dataset", "t", "--format", "json"))
        return found["label"]["level"], found["reviewed"]

    assert told() == ("restricted", [])
    desk.decide("ann", "refs:US_SSN=false-positive")
    assert told() == ("restricted", [])
    desk.decide("bob", "refs:US_SSN=false-positive")
    assert told() == ("confidential", ["refs"])
    desk.decide("ann", "note:US_SSN=confirmed")
    assert told() == ("restricted", ["refs", "note"])
    desk("policy", "explain", "--dataset", "t")
    row = desk.registry.latest("decisions", dataset=desk.key) or {}
    copy = {k: v for k, v in row.items() if k not in ("run_id", "at", "seq")}
    desk.registry.append("decisions", [copy | {"decision": "false-positive"}], run_id="x")
    desk("policy", "explain", "--dataset", "t", code=5)


def test_who_may_not_decide(desk: Desk) -> None:
    for name in ("ann", "bob"):
        desk.decide(name, f"{SSN}=false-positive")
    desk.decide("root", f"{MAIL}=false-positive", code=3)
    desk("review", "t", "--decide", f"{MAIL}=confirmed", code=2)
    desk.decide("ann", f"{MAIL}=accepted", code=2)
    desk.decide("ann", f"{MAIL}=accepted", code=2, more=("--until", day(-1)))
    assert "revoked" in desk("identity", "revoke", "bob", "--identity-key", "root.pem")
    assert desk.level(3) == "restricted"  # bob's word has gone with his key
    # What is written past the audit stops the gate, and decides nothing.
    row = desk.registry.latest("decisions", dataset=desk.key)
    assert row is not None
    copy = {k: v for k, v in row.items() if k not in ("run_id", "at", "seq")}
    desk.registry.append("decisions", [copy], run_id="x")
    assert desk.level(5) == "None"
    assert "decisions" in desk("audit", "verify", code=5)


def test_values_are_found_again_and_shown_on_record_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(desk("review", "t", "--list", "--format", "json"))
    records = {each["finding"]: each["records"] for each in told["findings"]}
    assert records[MAIL] == [{"record": "1:7", "start": 9, "end": 32}]
    assert [each["record"] for each in records[SSN]] == ["1:1", "1:3", "1:5"]
    reveal = ("review", "t", "--reveal", f"{MAIL}@1:7", "--reason", "case 7", "--identity-key")
    desk(*reveal, "ann.pem", code=3)  # no terminal
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    desk(*reveal, "root.pem", code=3)
    monkeypatch.setattr(Audit, "_append", lambda *_: (_ for _ in ()).throw(RuntimeError))
    assert NOTE not in desk(*reveal, "ann.pem", code=1)  # not on record, not shown
    monkeypatch.undo()
    monkeypatch.chdir(desk.folder)
    monkeypatch.delenv("CLEARANCE_HOME", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert desk(*reveal, "ann.pem") == f"{NOTE}\n"
    desk("review", "t", "--reveal", f"{MAIL}@1:99", "--reason", "case 7", "--identity-key", "ann.pem", code=5)
    entries = [e for e in Audit(desk.registry).entries() if e["action"] == "reveal" and e["kind"] == "outcome"]
    assert [e["result"] for e in entries] == ["refused", "refused", "done", "failed"]
    left = b"".join(path.read_bytes() for path in (desk.folder / ".clearance").rglob("*") if path.is_file())
    assert b"zelda" not in left


def test_a_walk_asks_and_decides(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["r", "n", "f", "s"])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    said = desk("review", "t", "--reason", "case 7", "--identity-key", "ann.pem")
    assert "001-45-6789" in said
    assert "record 1:3" in said
    assert desk.findings()[SSN]["waiting"]["by"] == ["ann"]
    assert desk.findings()[MAIL]["decision"] is None


def test_a_walk_whose_answers_end_keeps_what_was_decided(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(""))
    desk("review", "t", "--reason", "case 7", "--identity-key", "ann.pem", code=2)
    assert all(each["waiting"] is None for each in desk.findings().values())
    monkeypatch.setattr("sys.stdin", StringIO("f\n"))
    said = desk("review", "t", "--reason", "case 7", "--identity-key", "ann.pem")
    assert "1 decided, 1 left" in said
    assert desk.findings()[SSN]["waiting"]["by"] == ["ann"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "txt"])
def test_records_of_every_form_of_file(tmp_path: Path, form: str) -> None:
    import pyarrow.parquet as pq

    from clearance.jobs.record_places import Records, Wanted
    from clearance.jobs.settings import Detection

    texts, folder = ["", "a,b", NOTE], tmp_path / "d"
    folder.mkdir()
    lines = {
        "csv": ["value", '""', '"a,b"', f'"{NOTE}"'],
        "jsonl": [json.dumps({"value": t}) for t in texts],
        "txt": texts,
    }
    for name in ("a", "b"):
        if form == "parquet":
            pq.write_table(pa.table({"value": texts}), folder / f"{name}.parquet")
        else:
            (folder / f"{name}.{form}").write_text("\n".join(lines[form]) + "\n")
    records = Records(dataset_identity(str(folder)))
    one = Wanted("value", "EMAIL_ADDRESS", named=False)
    places = records.places([one], Detection(ner=None).engine(), 5)[one]
    assert [(each.key, each.start, each.end) for each in places] == [("1:3", 9, 32), ("2:3", 9, 32)]
    assert records.value("value", "2:3") == NOTE
