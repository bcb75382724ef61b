"""Approvals at the command line: asked, approved, checked; what rises exits 4 until it is approved again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from clearance.governance.audit import Audit
from clearance.governance.chain import rests_on
from clearance.governance.identity import dataset_identity
from clearance.governance.observation import observe
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs.cli import run

SOLUTION = "solutions:\n- {name: bot, owner: me, hosting: private, clearance: restricted, usage: [analytics]}\n"


class Desk:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.registry = Registry(folder / ".clearance")
        (folder / "solutions.yaml").write_text(SOLUTION)
        (folder / "t.csv").write_text("a\n1\n")
        self.key = dataset_identity(str(folder / "t.csv")).key

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert run(list(arguments)) == code, self._capsys.readouterr().err
        return self._capsys.readouterr().out

    def labelled(self, level: str, **more: str) -> None:
        """What a scan leaves, without one."""
        run_id, seen = new_run_id(), observe(str(self.folder / "t.csv"))
        columns = {"a": level, **more}
        label = {"level": level, "categories": [], "regimes": [], "subjects": []}
        schema = {"type": "struct", "fields": [{"name": name, "type": "string"} for name in columns]}
        rows: dict[str, list[dict[str, Any]]] = {
            "datasets": [
                {"dataset": self.key, "namespace": "file", "name": "t", "observation": seen.to_dict(), "schema": schema}
            ]
        }
        row = {
            "dataset": self.key, "version": seen.version, "kind": "source", "label": label,
            "columns": {name: {**label, "level": own, "entity_types": []} for name, own in columns.items()},
            "policy_digest": load_policy().label_digest, "observation": seen.to_dict(), "facts": {},
            "looked": {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1},
                       "rests_on": rests_on(run_id, rows)},
        }  # fmt: skip
        with Audit(self.registry).filing("label", [("labels", row)], run_id=run_id, dataset=self.key):
            self.registry.append("datasets", rows["datasets"], run_id=run_id)

    def check(self, *more: str, code: int) -> str:
        return self("check", "t.csv", "--solution", "bot", *more, code=code)

    def step(self, what: str, name: str, *more: str, code: int = 0) -> str:
        return self(what, "t.csv", "--reason", "case 7", "--identity-key", f"{name}.pem", *more, code=code)


@pytest.fixture
def desk(tmp_path: Path, with_people: Callable[[Callable[..., str]], None], capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path, capsys)
    with_people(made)
    return made


def test_what_rises_is_escalated_until_another_person_approves_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.labelled("internal")
    desk.check(code=0)
    desk.step("approve", "bob", code=3)  # nobody asked
    desk.step("request", "ann", "--publisher", "ann", code=3)
    desk.step("request", "ann", "--publisher", "root", code=3)  # administrators publish nothing
    desk.step("request", "ann", "--publisher", "cyd")
    desk.step("approve", "ann", code=3)
    desk.step("approve", "root", code=3)
    monkeypatch.setenv("CLEARANCE_IDENTITY", "bob")  # a name in the environment is nobody
    desk("approve", "t.csv", "--reason", "case 7", code=5)
    desk.step("approve", "bob")
    desk.check(code=0)
    assert "the approval holds" in desk("approvals", "t.csv")

    desk.labelled("confidential", b="public")
    desk.check("--alert", "alerts.jsonl", code=4)
    (event,) = map(json.loads, Path("alerts.jsonl").read_text().splitlines())
    assert (event["specversion"], event["subject"]) == ("1.0", desk.key)
    assert {"id", "source", "type", "time"} <= event.keys()
    changes = {(each["facts"]["change"], each["column"]) for each in event["data"]["changes"]}
    assert changes == {
        ("level-raised", None), ("level-raised", "a"), ("new-column", "b"), ("schema-changed", None)
    }  # fmt: skip
    desk.step("request", "ann", "--publisher", "cyd")
    desk.check(code=4)
    desk.step("reject", "bob")
    assert "rejected" in desk("approvals", "t.csv", code=4)
    desk.step("request", "ann", "--publisher", "cyd")
    desk.step("approve", "bob")
    desk.check(code=0)
    # Without what the scan found nothing can be compared with what was approved.
    rows = DeltaTable(desk.registry.location("datasets"))
    version = rows.version()
    rows.delete()
    assert "approval-void" in desk.check(code=4)
    rows.restore(version)
    desk.check(code=0)
    refused = [each["action"] for each in Audit(desk.registry).entries() if each.get("result") == "refused"]
    assert refused == ["approve", "request", "request", "approve", "approve", "approve"]
    assert "holds" in desk("audit", "verify")


def test_an_approval_is_taken_back_whatever_became_of_the_data(desk: Desk) -> None:
    desk.labelled("internal")
    desk.step("request", "ann", "--publisher", "cyd", "--allow", "version")
    desk.step("approve", "bob")
    desk.check(code=0)
    desk.step("reject", "ann", code=3)  # it is not for the author to say
    (desk.folder / "t.csv").write_text("a\n2\n3\n")
    desk.step("reject", "bob")
    desk.labelled("internal")
    assert "rejected" in desk.check(code=4)
    desk.step("approve", "bob", code=3)
    desk.step("reject", "bob", code=3)
    desk.step("request", "ann", "--publisher", "cyd")
    desk.step("approve", "bob")
    desk.check(code=0)


def test_an_approval_lapses_with_a_new_grant_of_values_back(desk: Desk) -> None:
    desk.labelled("internal")
    policy = f"version: 1\nname: {load_policy().name}\nextends: default\n"
    (desk.folder / "policy.yaml").write_text(policy)
    desk.step("request", "ann", "--publisher", "cyd")
    desk.step("approve", "bob")
    desk.check(code=0)
    grant = "{who: [eve], purposes: [p], datasets: [t.csv], columns: [a], max_rows: 1, valid_until: 2030-01-01}"
    (desk.folder / "policy.yaml").write_text(f"{policy}reversal: {{one: {grant}}}\n")
    assert "policy-changed" in desk.check(code=4)


def test_a_folder_and_a_quoted_glob_are_the_datasets_in_them(desk: Desk) -> None:
    desk.labelled("internal")
    (desk.folder / "u.txt").write_text("nobody looked at it\n")
    (desk.folder / "more").mkdir()
    (desk.folder / "more" / "t.csv").write_text("a\n1\n")
    two = desk("check", "t.csv", "./t.csv", "--solution", "bot", "--format", "json", code=0)
    assert len(two.splitlines()) == 1  # one dataset, however it is spelled
    for told, code in (("*.csv", 0), ("?.*", 5), ("more", 5), (".", 5), ("none/*", 5)):
        desk("check", told, "--solution", "bot", code=code)
    (desk.folder / "more" / "t.xlsx").write_text("no scan can look at it, and who gets the folder gets it")
    for told, names in (("?.*", ["t.csv", "u.txt"]), ("more", ["t.csv", "t.xlsx"])):
        lines = desk("check", told, "--solution", "bot", "--format", "json", code=5).splitlines()
        assert [Path(json.loads(line)["dataset"]).name for line in lines] == names


def test_who_forgot_the_manifest_is_told_to_give_it(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.labelled("internal")
    (desk.folder / "m.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: m\nname: m\nversion: 1.0.0\nstatus: active\n"
        "schema:\n- name: t\n  physicalName: t.csv\n  properties:\n  - {name: a, classification: internal}\n"
    )
    desk.step("request", "ann", "--publisher", "cyd", "--manifest", "m.yaml")
    assert run(["approve", "t.csv", "--reason", "r", "--identity-key", "bob.pem"]) == 3
    assert "--manifest FILE" in capsys.readouterr().err
    refused = desk("audit", "show", "--last", "1")
    assert "manifest-changed" in refused
