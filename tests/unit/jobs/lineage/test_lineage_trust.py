"""Lineage that was deleted, changed or written past the audit lowers nothing and is told."""

from collections.abc import Callable
from typing import Any

import pytest
from deltalake import DeltaTable

from clearance.governance.identity import dataset_identity
from clearance.governance.inherited import inherited
from clearance.governance.labels import Label
from clearance.governance.policy import load_policy
from clearance.jobs import lineage_task

POLICY = load_policy()
NOTHING = POLICY.levels.bottom


def test_a_policy_may_clear_by_lineage_alone_but_never_by_doubtful_one(
    project: Any, accepting: Callable[[str], None]
) -> None:
    accepting("{derived_labels: true}")
    project.data("raw.csv", n=None)
    project.imports(project.event(["raw.csv"], "mart.csv", {"n": [("raw.csv", "n")]}))
    assert project.check("mart.csv", "bot", 0)["state"] == "current"
    (project.folder / "raw.csv").write_text("a\n1\n2\n")
    project.imports(project.event(["raw.csv"], "again.csv", {"n": [("raw.csv", "n")]}))
    assert project.check("again.csv", "bot", 3)["label"]["level"] == "restricted"
    project.imports(project.event(["raw.csv", "never-scanned.csv"], "both.csv"))
    assert project.check("both.csv", "bot", 3)["label"]["level"] == "restricted"


def test_lineage_that_was_worked_out_under_milder_rules_is_no_answer_under_stricter_ones(
    project: Any, accepting: Callable[[str], None]
) -> None:
    project.looked["texts"] = ["n"]  # nobody looked for names in it
    accepting("{derived_labels: true, text_without_model: true}")
    project.data("raw.csv", n=None)
    project.imports(project.event(["raw.csv"], "mart.csv", {"n": [("raw.csv", "n")]}))
    assert project.check("mart.csv", "bot", 0)["state"] == "current"
    accepting("{derived_labels: true}")
    assert project.check("mart.csv", "bot", 5)["state"] == "derived"


@pytest.mark.parametrize("lineage", [False, True])
@pytest.mark.parametrize("rows", ["all", "newest"])
def test_lineage_that_was_deleted_is_missed(project: Any, rows: str, lineage: bool) -> None:
    """A scan found nothing in a copy, lineage knows better; without its rows it is worked out again, or no one can."""
    project.data("raw.csv", email="EMAIL_ADDRESS"), project.data("ids.csv", id=None)
    project.data("copy.csv", c1=None)
    events = [project.event([n], "copy.csv", {"c1": [(n, c)]}) for n, c in (("ids.csv", "id"), ("raw.csv", "email"))]
    for event, code in zip(events, (0, 3), strict=True):
        project.imports(event)
        project.check("copy.csv", "bot", code)
    key = dataset_identity(str(project.folder / "copy.csv")).key
    for table in ("derived", "lineage") if lineage else ("derived",):
        delta = DeltaTable(project.registry.location(table))
        newest = project.registry.rows(table, ["seq"], dataset=key)[-1]["seq"]
        delta.delete(f"dataset = '{key}'" + (f" AND seq = {newest}" if rows == "newest" else ""))
    told = project.check("copy.csv", "bot", 5 if lineage else 3)
    if lineage:
        assert told["state"] == "unvouched" and "lineage" in told["reason"]
        project.imports(*events)
        project.check("copy.csv", "bot", 3)
    assert not project("audit", "verify", "--format", "json", code=5)["ok"]


def test_an_import_whose_entry_was_changed_is_missed(project: Any) -> None:
    """The newest rows are gone, and the entry that names them says that there were none."""
    project.data("raw.csv", email="EMAIL_ADDRESS"), project.data("ids.csv", id=None)
    project.data("copy.csv", c1=None)
    for (name, column), code in ((("ids.csv", "id"), 0), (("raw.csv", "email"), 3)):
        project.imports(project.event([name], "copy.csv", {"c1": [(name, column)]}))
        project.check("copy.csv", "bot", code)
    for table in ("derived", "lineage"):
        newest = project.registry.rows(table, ["seq"])[-1]["seq"]
        DeltaTable(project.registry.location(table)).delete(f"seq = {newest}")
    row = [row for row in project.registry.rows("audit") if row["action"] == "import-lineage"][-2]
    DeltaTable(project.registry.location("audit")).delete(f"index = {row['index']}")
    told = {name: row[name] for name in row if name not in ("seq", "at")}
    entry = {**row["entry"], "facts": {**(row["entry"].get("facts") or {}), "of": []}}
    project.registry.append("audit", [{**told, "entry": entry}], run_id="x")
    assert project.check("copy.csv", "bot", 5)["state"] == "unvouched"


def test_rows_written_past_the_audit_lower_nothing(project: Any, accepting: Callable[[str], None]) -> None:
    """Neither a made-up label of the source nor a made-up derived label, and the audit tells of both."""
    accepting("{derived_labels: true}")
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["raw.csv"], "mart.csv", {"contact": [("raw.csv", "email")]}))
    assert project.check("mart.csv", "bot", 3)["label"]["level"] == "confidential"
    assert project("audit", "verify", "--format", "json")["ok"]
    for table, name in (("derived", "mart.csv"), ("labels", "raw.csv")):
        row = project.registry.latest(table, dataset=dataset_identity(name).key)
        assert row is not None
        harmless = {
            "label": Label(NOTHING).to_dict(),
            "columns": {path: {**own, **Label(NOTHING).to_dict()} for path, own in row["columns"].items()},
        }
        forged = {k: v for k, v in {**row, **harmless}.items() if k not in ("at", "seq", "run_id")}
        project.registry.append(table, [forged], run_id=row["run_id"])
        told = project.check("mart.csv", "bot", 3)
        assert told["label"]["level"] in ("confidential", "restricted")
        problems = project("audit", "verify", "--format", "json", code=5)["problems"]
        assert any(problem.startswith(f"{table}, ") and "past the audit" in problem for problem in problems)


def test_a_label_that_the_audit_does_not_stand_for_is_not_replaced_by_lineage(
    project: Any, accepting: Callable[[str], None]
) -> None:
    accepting("{derived_labels: true}")
    project.data("plain.csv", a=None)
    project.data("people.csv", a="US_SSN")
    project.imports(project.event(["plain.csv"], "people.csv", {"a": [("plain.csv", "a")]}))
    project.check("people.csv", "bot", 3)
    key = dataset_identity(str(project.folder / "people.csv")).key
    row = project.registry.latest("labels", dataset=key)
    assert row is not None
    past = {name: value for name, value in row.items() if name not in ("run_id", "at", "seq")}
    project.registry.append("labels", [past], run_id="past")
    assert project.check("people.csv", "bot", 5)["state"] == "unvouched"


def test_only_a_signed_proof_that_holds_lowers_what_flows_on(project: Any) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS", n=None)
    project.data("mart.csv", email=None, n=None)
    project.protected("safe.csv", "raw.csv", {"email": ("cells", "EMAIL_ADDRESS"), "n": ("keep", None)})
    project.imports(
        project.event(["safe.csv"], "mart.csv", {"email": [("safe.csv", "email")], "n": [("safe.csv", "n")]}),
        # Somebody else who watched our own run saw no columns: what was proved is not in question by that.
        project.event(["raw.csv"], "safe.csv"),
    )
    assert project.check("mart.csv", "bot", 0)["label"]["level"] == "internal"
    assert project.check("mart.csv", "bot", 0)["label"]["regimes"] == ["CCPA", "GDPR"]
    project.check("safe.csv", "bot", 0)
    (project.folder / "safe.csv").write_text("a\nplain again\n")
    told = project.imports(project.event(["safe.csv"], "late.csv"))
    assert told["datasets"][dataset_identity("late.csv").key]["level"] == "restricted"


def test_a_statement_that_nobody_signed_lowers_nothing(project: Any) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.protected("safe.csv", "raw.csv", {"email": ("cells", "EMAIL_ADDRESS")})
    key = dataset_identity("safe.csv").key
    row = project.registry.latest("protections", dataset=key)
    assert row is not None
    row["envelope"]["signatures"][0]["sig"] = "AAAA"
    project.registry.append("protections", [{k: v for k, v in row.items() if k not in ("seq", "at")}], run_id="forged")
    told = project.imports(project.event(["safe.csv"], "late.csv"))
    assert told["datasets"][dataset_identity("late.csv").key]["level"] == "confidential"
    assert project.check("safe.csv", "bot", 3)["label"]["level"] == "confidential"


def test_a_source_s_label_written_past_the_audit_leaves_its_proof_without_effect(project: Any) -> None:
    """It could say that what a later scan found was known when the plan was made."""
    project.data("raw.csv", n=None)
    project.protected("safe.csv", "raw.csv", {"n": ("keep", None)})
    project.imports(project.event(["elsewhere.csv"], "other.csv"))
    project.check("safe.csv", "bot", 0)
    scan = project.registry.latest("labels", dataset=dataset_identity("raw.csv").key)
    assert scan is not None
    label = {**POLICY.label_of("EMAIL_ADDRESS").to_dict(), "entity_types": ["EMAIL_ADDRESS"]}
    forged = {key: told for key, told in scan.items() if key not in ("seq", "at", "run_id") and told is not None}
    project.registry.append("labels", [{**forged, "columns": {"n": label}}], run_id="forged")
    assert project.check("safe.csv", "bot", 3)["label"]["level"] == "restricted"


def test_labels_that_an_earlier_version_filed_are_filed_once_more(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their entries name no datasets: each check worked all of the lineage out again, and a deletion went unnoticed."""
    key, now = dataset_identity("mart.csv").key, lineage_task._file

    def then(registry: Any, table: str, rows: Any, action: str, facts: Any, about: str | None = None) -> None:
        now(registry, table, rows, action, {name: told for name, told in facts.items() if name != "of"})

    project.data("raw.csv", email="EMAIL_ADDRESS")
    monkeypatch.setattr(lineage_task, "_file", then)
    project.imports(project.event(["raw.csv"], "mart.csv"))
    monkeypatch.setattr(lineage_task, "_file", now)
    for _ in range(2):
        project.check("mart.csv", "bot", 3)
    found = inherited(project.registry, key, project.policy)
    assert found is not None and found.filed and not found.stale
    assert len(project.registry.rows("derived", dataset=key)) == 2
