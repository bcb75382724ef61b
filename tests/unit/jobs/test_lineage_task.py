"""Foreign events in, labels on record, verdicts that use them: through the command line, without Spark."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from clearance.governance import inherited as governance_inherited
from clearance.governance.audit import Audit
from clearance.governance.conflicts import Conflict
from clearance.governance.content import content_of
from clearance.governance.envelopes import seal
from clearance.governance.identity import dataset_identity
from clearance.governance.inherited import inherited
from clearance.governance.labeling import after_protection
from clearance.governance.labels import Label
from clearance.governance.observation import observe
from clearance.governance.policy import Policy, load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs import lineage_task
from clearance.jobs.cli import run
from clearance.jobs.lineage_parts import with_parts
from clearance.jobs.signed import enrol
from clearance.tokenization.signing_key import default_signing_path, load_signing_key

POLICY = load_policy()
NOTHING = POLICY.levels.bottom
LOOKED = {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}}
SOLUTIONS = """\
solutions:
  - {name: bot, owner: web, hosting: public, clearance: internal, usage: [rag], regimes: [GDPR, CCPA],
     inputs_may_train: false, environment: development}
  - {name: own, owner: data, hosting: private, clearance: restricted, usage: [analytics], regimes: [GDPR, CCPA, HIPAA],
     inputs_may_train: false, environment: production}
"""


class Project:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.registry = Registry(folder / ".clearance")
        (folder / "solutions.yaml").write_text(SOLUTIONS)

    @property
    def policy(self) -> Policy:
        own = self.folder / "policy.yaml"
        return load_policy(own if own.exists() else None)

    def data(self, name: str, **types: str | None) -> str:
        """A file that was scanned: columns with the entity type that was found in each."""
        (self.folder / name).write_text("a\n1\n")
        self.scanned(name, **types)
        return name

    def scanned(self, name: str, facts: Any = None, roles: Any = None, **types: str | None) -> None:
        path = str(self.folder / name)
        labels = {c: POLICY.label_of(t) if t else Label(NOTHING) for c, t in types.items()}
        whole = max(labels.values(), key=lambda label: POLICY.levels.rank(label.level))
        row = {
            "dataset": dataset_identity(path).key,
            "version": observe(path).version,
            "kind": "source",
            "label": whole.to_dict(),
            "columns": {
                c: {**label.to_dict(), "entity_types": [types[c]] if types[c] else []} for c, label in labels.items()
            },
            "policy_digest": self.policy.label_digest,
            "policy_path": "default",
            "observation": observe(path).to_dict(),
            "facts": facts or {},
            "looked": {**LOOKED, "roles": roles or {}},
        }
        with Audit(self.registry).filing("label", [("labels", row)], run_id=new_run_id(), dataset=row["dataset"]):
            pass

    def protected(self, name: str, source: str, leaves: dict[str, tuple[str, str | None]], method: Any = None) -> None:
        """A protected dataset with its signed statement, as publishing leaves it. ``leaves``: how, entity type."""
        path = self.folder / name
        path.write_text("a\ntk\n")
        key, origin = dataset_identity(str(path)).key, dataset_identity(str(self.folder / source)).key
        observed, method = observe(str(path)), method or {"name": "token"}
        columns = []
        for column, (how, kind) in leaves.items():
            label = POLICY.label_of(kind) if kind else Label(NOTHING)
            if how == "cells" and kind:
                label = after_protection(label, entity_type=kind, method=method, policy=POLICY, verified=True)
            columns.append(
                {"path": column, "how": how, "label": label.to_dict(), "method": method, "entity_type": kind}
            )
        scan = self.registry.latest("labels", dataset=origin)
        assert scan is not None
        record = {
            "source": {"dataset": origin, "version": scan["version"]},
            "target": {"dataset": key, **content_of(str(path)).to_dict()},
            "columns": columns,
            "policy": {"name": "default", "digest": self.policy.label_digest},
            "proof": {"holds": True},
            "observation": observed.to_dict(),
            "at": "2099-01-01T00:00:00+00:00",
        }
        signer = load_signing_key(default_signing_path())
        enrol(self.registry, Audit(self.registry), signer, run_id="protect")
        envelope = seal(key, content_of(str(path)).digest, record, signer.sign, signer.public_pem)
        row = {"dataset": key, "source": origin, "version": observed.version, "columns": columns, "envelope": envelope}
        with Audit(self.registry).filing("label", [("protections", row)], run_id="protect", dataset=row["dataset"]):
            pass
        whole = max((c["label"] for c in columns), key=lambda label: POLICY.levels.rank(label["level"]))
        label_row = {
            "dataset": key,
            "version": observed.version,
            "kind": "protected",
            "label": whole,
            "columns": {c["path"]: {**c["label"], "entity_types": []} for c in columns},
            "policy_digest": self.policy.label_digest,
            "observation": observed.to_dict(),
            "looked": LOOKED,
        }
        filed = [("labels", label_row)]
        with Audit(self.registry).filing("label", filed, run_id="protect", dataset=label_row["dataset"]):
            pass

    def event(self, inputs: list[str], output: str, columns: dict[str, list[tuple[str, str]]] | None = None) -> Any:
        told: dict[str, Any] = {"namespace": "file", "name": str(self.folder / output), "facets": {}}
        if columns is not None:
            fields = {
                column: {
                    "inputFields": [{"namespace": "file", "name": str(self.folder / n), "field": f} for n, f in origins]
                }
                for column, origins in columns.items()
            }
            told["facets"] = {
                "schema": {"fields": [{"name": column} for column in columns]},
                "columnLineage": {"fields": fields},
            }
        return {
            "eventType": "COMPLETE", "eventTime": "2026-11-28T06:00:00Z", "producer": "x", "schemaURL": "x",
            "run": {"runId": f"run-{output}"}, "job": {"namespace": "dbt", "name": f"model.{output}"},
            "inputs": [{"namespace": "file", "name": str(self.folder / n)} for n in inputs], "outputs": [told],
        }  # fmt: skip

    def imports(self, *events: Any) -> Any:
        (self.folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
        return self("lineage", "import", "events.jsonl", "--format", "json")

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        self._capsys.readouterr()
        assert run(list(arguments)) == code, self._capsys.readouterr().err
        out = self._capsys.readouterr().out
        return json.loads(out) if "json" in arguments else out

    def check(self, dataset: str, solution: str, code: int, *more: str) -> Any:
        return self("check", dataset, "--solution", solution, "--format", "json", *more, code=code)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARANCE_HOME")
    return Project(tmp_path, capsys)


@pytest.fixture
def accepting(project: Project) -> Callable[[str], None]:
    def write(rules: str) -> None:
        (project.folder / "policy.yaml").write_text(f"version: 1\nname: own\nextends: default\nrules: {rules}\n")

    return write


def test_a_foreign_output_is_refused_by_what_it_was_made_from(project: Project) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS", n=None)
    project.imports(project.event(["raw.csv"], "mart.csv", {"contact": [("raw.csv", "email")]}))
    told = project.check("mart.csv", "bot", 3)
    (conflict,) = [c for c in told["conflicts"] if c["rule"] == "level"]
    assert (conflict["column"], conflict["facts"]["level"]) == ("contact", "confidential")
    # It may have what it was made from, and yet nobody looked: refused until the policy says that lineage is enough.
    assert project.check("mart.csv", "own", 5)["state"] == "derived"
    filed = project.registry.latest("derived", dataset=dataset_identity("mart.csv").key)
    assert filed is not None
    assert filed["reasons"][0] == {
        "column": "contact", "source": dataset_identity("raw.csv").key, "field": "email",
        "job": "dbt/model.mart.csv", "how": "TRANSFORMATION",
    }  # fmt: skip


@pytest.mark.parametrize("written", ["many/part-1.csv", "many/day=1", "many/day=1/part-1.csv", "many/*.csv"])
def test_what_is_written_into_a_dataset_flows_into_it(project: Project, written: str) -> None:
    (project.folder / "many").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.data("many/part-0.csv", code=None)
    project.scanned("many", code=None)
    project.scanned("raw.csv", email="EMAIL_ADDRESS")
    # A job that reads the whole and writes a part of it, as a compaction does, makes it nothing else.
    project.imports(project.event(["many"], "many/part-0.csv"))
    assert project.check("many", "bot", 0)["label"]["level"] == NOTHING
    project.imports(project.event(["raw.csv"], written))
    told = project.check("many", "bot", 3)
    assert told["label"]["level"] == "confidential"
    assert project.check("raw.csv", "own", 0)["label"]["level"] == "confidential"


@pytest.mark.parametrize("scanned_first", [True, False])
@pytest.mark.parametrize(
    ("dataset", "written"),
    [
        ("lake/users.csv", "lake"),
        ("lake/users.csv", "."),
        ("lake/new users.csv", "lake/new%20users.csv"),
        ("lake/new%20users.csv", "lake/new users.csv"),
        ("lake/new users/a.csv", "lake/new%20users"),
    ],
)
def test_what_is_written_around_a_dataset_or_in_another_spelling_flows_into_it(
    project: Project, dataset: str, written: str, scanned_first: bool
) -> None:
    path = project.folder / dataset
    path.parent.mkdir(parents=True)
    project.data("raw.csv", email="EMAIL_ADDRESS")
    path.write_text("a\n1\n")
    event = project.event(["raw.csv"], written, {"contact": [("raw.csv", "email")]})
    if scanned_first:
        project.scanned(dataset, code=None)
        assert project.check(dataset, "bot", 0)["label"]["level"] == NOTHING
        project.imports(event)
    else:
        project.imports(event)
        project.scanned(dataset, code=None)
    assert project.check(dataset, "bot", 3)["label"]["level"] == "confidential"


@pytest.mark.parametrize("written", ["lake", "lake/users/day=1", "lake/user%73", "lake/%75sers/day=1"])
def test_what_is_cleared_by_lineage_alone_has_what_was_written_near_it(
    project: Project, accepting: Callable[[str], None], written: str
) -> None:
    accepting("{derived_labels: true}")
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.data("plain.csv", code=None)
    project.imports(project.event(["plain.csv"], "lake/users"))
    assert project.check("lake/users", "bot", 0)["label"]["level"] == NOTHING
    project.imports(project.event(["raw.csv"], written))
    assert project.check("lake/users", "bot", 3)["label"]["level"] == "confidential"


def test_a_folder_that_a_job_wrote_holds_what_was_scanned_in_it(
    project: Project, accepting: Callable[[str], None]
) -> None:
    accepting("{derived_labels: true}")
    (project.folder / "lake").mkdir()
    project.data("plain.csv", code=None)
    project.data("lake/users.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["plain.csv"], "lake"), project.event(["lake"], "mart.csv"))
    assert project.check("mart.csv", "bot", 3)["label"]["level"] == "confidential"
    # What is scanned later, too.
    project.data("lake/cards.csv", card="CREDIT_CARD")
    assert project.check("mart.csv", "bot", 3)["label"]["level"] == "restricted"


def test_another_name_of_a_place_counts_where_a_job_wrote_it(project: Project) -> None:
    (project.folder / "lake").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.data("lake/users.csv", code=None)
    project.scanned("lake", code=None)
    inside = {"identifiers": [{"namespace": "file", "name": str(project.folder / "lake/day=1"), "type": "LOCATION"}]}
    read, wrote = project.event([], "mart.csv"), project.event(["raw.csv"], "unused.csv")
    read["inputs"] = [{"namespace": "metastore", "name": "t", "facets": {"symlinks": inside}}]
    project.imports(read)
    assert project.check("lake", "bot", 0)["label"]["level"] == NOTHING
    wrote["outputs"] = read["inputs"]
    project.imports(wrote)
    assert project.check("lake", "bot", 3)["label"]["level"] == "confidential"


@pytest.mark.parametrize("near", ["lake/part.csv", "l%61ke", "."])
def test_what_lies_near_is_no_origin_of_what_was_only_made_of_itself(
    project: Project, accepting: Callable[[str], None], near: str
) -> None:
    accepting("{derived_labels: true}")
    project.data("plain.csv", code=None)
    project.imports(project.event(["lake"], "lake"), project.event(["plain.csv"], near))
    assert project.check("lake", "bot", 3)["label"]["level"] == "restricted"


def test_what_lies_beside_a_dataset_flows_only_into_what_holds_both(project: Project) -> None:
    (project.folder / "lake").mkdir()
    for name in ("raw.csv", "lake/a.csv", "lake/b.csv"):
        project.data(name, **({"email": "EMAIL_ADDRESS"} if name == "raw.csv" else {"code": None}))
    project.scanned("lake", code=None)
    project.imports(project.event(["raw.csv"], "lake/a.csv"), project.event(["lake/b.csv"], "lake"))
    levels = {name: project.check(name, "own", 0)["label"]["level"] for name in ("lake", "lake/a.csv", "lake/b.csv")}
    assert levels == {"lake": "confidential", "lake/a.csv": "confidential", "lake/b.csv": NOTHING}


def test_what_is_written_over_a_folder_of_a_proved_copy_is_not_in_it(project: Project) -> None:
    (project.folder / "safe").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.protected("safe/raw.csv", "raw.csv", {"email": ("cells", "EMAIL_ADDRESS")})
    project.imports(project.event(["raw.csv"], "safe"))
    assert project.check("safe/raw.csv", "own", 0)["label"]["level"] == "internal"


def test_files_of_other_machines_are_told_and_lineage_goes_through_them(project: Project) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS")
    away = {"namespace": "file://worker1", "name": "/out/x.csv"}
    out, back = project.event(["raw.csv"], "unused.csv"), project.event([], "mart.csv")
    out["outputs"], back["inputs"] = [away], [away]
    told = project.imports(out, back)
    assert told["machines"] == ["worker1"]
    assert told["datasets"][dataset_identity("mart.csv").key]["level"] == "confidential"
    assert "worker1" in project("lineage", "import", "events.jsonl")
    project("lineage", "export", "--format", "openlineage")
    project("lineage", "trace", "lineage:/file/worker1/out/x.csv")


def test_what_was_written_into_a_dataset_before_its_scan_flows_into_it_too(project: Project) -> None:
    (project.folder / "many").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["raw.csv"], "many/part-0.csv"))
    (project.folder / "many" / "part-0.csv").write_text("a\n1\n")
    project.scanned("many", code=None)
    assert project.check("many", "bot", 3)["label"]["level"] == "confidential"


def test_a_policy_may_clear_by_lineage_alone_but_never_by_doubtful_one(
    project: Project, accepting: Callable[[str], None]
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
    project: Project, accepting: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOOKED, "texts", ["n"])  # nobody looked for names in it
    accepting("{derived_labels: true, text_without_model: true}")
    project.data("raw.csv", n=None)
    project.imports(project.event(["raw.csv"], "mart.csv", {"n": [("raw.csv", "n")]}))
    assert project.check("mart.csv", "bot", 0)["state"] == "current"
    accepting("{derived_labels: true}")
    assert project.check("mart.csv", "bot", 5)["state"] == "derived"


def test_columns_of_a_role_only_are_together_what_they_are_wherever_they_go(
    project: Project, accepting: Callable[[str], None]
) -> None:
    accepting("{derived_labels: true}")
    for name, roles in (("a", {"yob": "DATE_OF_BIRTH", "sex": "GENDER"}), ("b", {"plz": "ZIP_CODE"})):
        project.data(f"{name}.csv", id=None, **dict.fromkeys(roles))
        project.scanned(f"{name}.csv", roles=roles, id=None, **dict.fromkeys(roles))
        project.check(f"{name}.csv", "bot", 0)
    told = project("check", "a.csv", "b.csv", "--together", "--solution", "bot", "--format", "markdown", code=3)
    assert all(name in told for name in ("yob", "sex", "plz", "birth-date-place-gender"))
    parts = {"c1": [("a.csv", "yob")], "c2": [("a.csv", "sex")], "c3": [("b.csv", "plz")]}
    copies = {"joined.csv": parts, "half.csv": {"c1": parts["c1"], "c3": parts["c3"]}, "copied.csv": None}
    for name, columns in copies.items():
        (project.folder / name).write_text("c1,c2,c3\n1,2,3\n")
        project.imports(project.event(["a.csv", "b.csv"], name, columns))
    found = {}
    for name, code in (("joined.csv", 3), ("half.csv", 0), ("copied.csv", 3)):
        found[name] = {one["rule"]: one["facts"] for one in project.check(name, "bot", code)["conflicts"]}
    assert found["joined.csv"]["combination"]["columns"] == ["c1", "c2", "c3"]
    # Of a copy whose columns lineage does not name, those of what it was made from.
    keys = {name: dataset_identity(str(project.folder / name)).key for name in ("a.csv", "b.csv")}
    where = [f"{keys[name]}#{column}" for name, column in (*parts["c2"], *parts["c1"], *parts["c3"])]
    assert all(found["copied.csv"][rule]["origins"] == where for rule in ("combination", "hosting"))
    # So it is where the label itself was raised.
    project.data("c.csv", yob="DATE_OF_BIRTH", sex="GENDER", plz="ZIP_CODE")
    (project.folder / "d.csv").write_text("z\n1\n")
    project.imports(project.event(["c.csv"], "d.csv"))
    level = {one["rule"]: one["facts"] for one in project.check("d.csv", "bot", 3)["conflicts"]}["level"]
    assert level["combinations"] == ["birth-date-place-gender"] and len(level["origins"]) == 3
    roles = {"yob": "DATE_OF_BIRTH", "sex": "GENDER", "plz": "ZIP_CODE"}
    project.scanned("a.csv", roles=roles, id=None, **dict.fromkeys(roles))
    [why] = [c for c in project.check("a.csv", "bot", 3)["conflicts"] if c["rule"] == "combination"]
    assert why["facts"]["columns"] == ["plz", "sex", "yob"]


@pytest.mark.parametrize("scanned", [True, False])
def test_a_role_that_came_by_lineage_counts_beside_another_dataset(
    project: Project, accepting: Callable[[str], None], scanned: bool
) -> None:
    accepting("{derived_labels: true}")
    project.data("a.csv", diagnosis=None)
    project.scanned("a.csv", roles={"diagnosis": "MEDICAL_DISEASE_DISORDER"}, diagnosis=None)
    project.data("c.csv", who="PERSON")
    for name, columns in (("b.csv", {"c7": [("a.csv", "diagnosis")]}), ("copied.csv", None)):
        if scanned:
            project.data(name, c7=None)
        else:
            (project.folder / name).write_text("c7\n1\n")
        project.imports(project.event(["a.csv"], name, columns))
        assert project.check(name, "own", 0)["label"]["level"] == NOTHING
    # Filed by one who knew no roles: worked out again, and the audit stands for both.
    rows = project.registry.rows("derived", dataset=dataset_identity(str(project.folder / "b.csv")).key)
    old = {k: v for k, v in rows[-1].items() if k not in ("at", "seq", "run_id", "roles")}
    with Audit(project.registry).filing("derive-labels", [("derived", old)], run_id=new_run_id()):
        pass
    for name in ("a.csv", "b.csv", "copied.csv"):
        told = project("check", name, "c.csv", "--together", "--solution", "bot", "--format", "markdown", code=3)
        assert "person-and-health" in told, name
    assert project("audit", "verify", "--format", "json")["ok"]


@pytest.mark.parametrize("lineage", [False, True])
@pytest.mark.parametrize("rows", ["all", "newest"])
def test_lineage_that_was_deleted_is_missed(project: Project, rows: str, lineage: bool) -> None:
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


def test_an_import_whose_entry_was_changed_is_missed(project: Project) -> None:
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


def test_rows_written_past_the_audit_lower_nothing(project: Project, accepting: Callable[[str], None]) -> None:
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
    project: Project, accepting: Callable[[str], None]
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


def test_a_scan_and_lineage_combine_to_the_higher(project: Project) -> None:
    project.data("raw.csv", ssn="US_SSN", n=None)
    project.data("mart.csv", code=None, n="EMAIL_ADDRESS")
    assert project.check("mart.csv", "own", 0)["label"]["level"] == "confidential"
    project.imports(project.event(["raw.csv"], "mart.csv", {"code": [("raw.csv", "ssn")], "n": [("raw.csv", "n")]}))
    told = project.check("mart.csv", "bot", 3)
    assert told["label"]["level"] == "restricted"
    assert {c["column"] for c in told["conflicts"] if c["rule"] == "level"} == {"code", "n"}
    assert "its lineage says more of code than its scan" in told["reason"]


def test_a_label_that_rises_upstream_rises_downstream_without_another_import(project: Project) -> None:
    project.data("raw.csv", n=None)
    project.data("mart.csv", n=None)
    project.imports(
        project.event(["raw.csv"], "mid.csv", {"n": [("raw.csv", "n")]}),
        project.event(["mid.csv"], "mart.csv", {"n": [("mid.csv", "n")]}),
    )
    project.check("mart.csv", "bot", 0)
    project.scanned("raw.csv", n="US_SSN")
    assert project.check("mart.csv", "bot", 3)["label"]["level"] == "restricted"
    project.scanned("raw.csv", n=None)
    project.check("mart.csv", "bot", 0)


def test_only_a_signed_proof_that_holds_lowers_what_flows_on(project: Project) -> None:
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


def test_a_statement_that_nobody_signed_lowers_nothing(project: Project) -> None:
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


def test_what_lineage_knows_of_a_source_follows_through_our_own_protection(project: Project) -> None:
    project.data("hr.csv", ssn="US_SSN")
    project.data("raw.csv", code=None)
    project.imports(project.event(["hr.csv"], "raw.csv", {"code": [("hr.csv", "ssn")]}))
    project.protected("safe.csv", "raw.csv", {"code": ("keep", None)})
    assert project.check("safe.csv", "bot", 3)["label"]["level"] == "restricted"


def test_a_suggestion_takes_out_what_flowed_in_and_that_clears(project: Project) -> None:
    project.data("hr.csv", ssn="US_SSN")
    project.data("raw.csv", code=None, n=None)
    project.imports(project.event(["hr.csv"], "raw.csv", {"code": [("hr.csv", "ssn")], "n": []}))
    assert project.check("raw.csv", "bot", 3)["label"]["level"] == "restricted"
    project.imports(project.event(["hr.csv"], "some.csv", {"code": [("hr.csv", "ssn")]}))
    project.data("some.csv", code=None, n=None)
    project("check", "some.csv", "--solution", "bot", "--suggest", "plan", code=3)
    suggested = load_policy(project.folder / "plan" / "policy.yaml")
    assert (suggested.column_method("code") or {})["name"] == "suppress"
    # What that plan publishes: the column nulled, by the signed record. What lineage said of it went with it.
    project.protected("safe.csv", "some.csv", {"code": ("null", None), "n": ("keep", None)}, {"name": "suppress"})
    project.check("safe.csv", "bot", 0)


TABLE = "{environments: {production: [production], development: [development, production]}}"


def test_production_data_in_a_development_dataset_is_a_conflict_unless_deidentified(
    project: Project, accepting: Callable[[str], None]
) -> None:
    accepting(TABLE)
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.scanned("raw.csv", {"environment": "production"}, email="EMAIL_ADDRESS")
    project.data("dev.csv", n=None)
    project.scanned("dev.csv", {"environment": "development"}, n=None)
    project.check("dev.csv", "bot", 0)
    project.imports(project.event(["raw.csv"], "mid.csv"), project.event(["mid.csv"], "dev.csv"))
    told = [c for c in project.check("dev.csv", "bot", 3)["conflicts"] if c["rule"] == "environment"]
    assert [(c["facts"].get("dataset"), c["facts"].get("solution")) for c in told] == [
        ("development", None), (None, "development")]  # fmt: skip
    assert all(c["facts"]["parent"] == dataset_identity("raw.csv").key and c["definite"] for c in told)
    # A parent that declares nothing is a missing fact, not a yes.
    project.scanned("raw.csv", n=None)
    told = project.check("dev.csv", "bot", 5)["conflicts"]
    assert any(c["facts"].get("missing") == "environment of a parent" for c in told)


def test_importing_again_files_nothing_and_bad_files_write_nothing(project: Project) -> None:
    project.data("raw.csv", n=None)
    event = project.event(["raw.csv"], "mart.csv")
    assert project.imports(event)["new"] == 1
    before = project.registry.counts()
    assert project.imports(event, event)["new"] == 0
    assert project.registry.counts() == before
    (project.folder / "bad.jsonl").write_text(json.dumps(project.event(["raw.csv"], "x.csv")) + "\n{broken")
    project("lineage", "import", "bad.jsonl", code=5)
    (project.folder / "empty.jsonl").write_text("\n")
    project("lineage", "import", "empty.jsonl", code=5)
    project("lineage", "import", "missing.jsonl", code=5)
    assert project.registry.counts() == before
    # What was filed is announced in the audit, row by row.
    done = Audit(project.registry).entries(kind="outcome", result="done")
    assert {entry["action"] for entry in done} == {"label", "import-lineage", "derive-labels"}
    assert all(entry["records"] for entry in done)
    assert Audit(project.registry).verify().ok


def test_trace_impact_and_export_show_the_way_in_every_form(project: Project) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS", n=None)
    project.imports(
        project.event(["raw.csv"], "mid.csv", {"mail": [("raw.csv", "email")], "n": [("raw.csv", "n")]}),
        project.event(["mid.csv"], 'a "b" <c>.csv'),
    )
    raw, mid, end = (dataset_identity(name).key for name in ("raw.csv", "mid.csv", 'a "b" <c>.csv'))
    steps = project("lineage", "trace", "mid.csv#mail", "--format", "json")["steps"]
    assert [(s["source"], s["field"], s["level"], s["column"]) for s in steps] == [
        (raw, "email", "confidential", "mail")]  # fmt: skip
    assert [s["dataset"] for s in project("lineage", "impact", "raw.csv#n", "--format", "json")["steps"]] == [mid, end]
    assert "raw.csv#email" in project("lineage", "trace", "mid.csv")
    chart = project("lineage", "export", "--format", "mermaid")
    assert chart.startswith("flowchart LR\n") and chart.count("-->") == 2
    assert "#quot;b#quot; #60;c#62;" in chart
    project("lineage", "show", "mid.csv", "--format", "mermaid")
    assert len(project("lineage", "show", "mid.csv", "--format", "json")["imported"]) == 2
    project("lineage", "export", "--format", "openlineage", "--to", "out.jsonl")
    events = [json.loads(line) for line in (project.folder / "out.jsonl").read_text().splitlines()]
    tags = {e["dataset"]["name"]: e["dataset"]["facets"]["tags"]["tags"] for e in events}
    assert {"key": "clearance.level", "value": "confidential", "source": "CLEARANCE"} in tags[
        str(project.folder / 'a "b" <c>.csv')
    ]
    project("lineage", "trace", "nobody.csv", code=5)


def test_exported_events_follow_the_specification(project: Project) -> None:
    from clearance.governance.lineage_schemas import check_dataset

    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["raw.csv"], "mid.csv", {"mail": [("raw.csv", "email")]}))
    (line,) = project("lineage", "export", "--format", "openlineage").splitlines()
    check_dataset(json.loads(line)["dataset"])


def test_events_are_read_from_standard_input(project: Project) -> None:
    project.data("raw.csv", n=None)
    answer = json.dumps({"events": [project.event(["raw.csv"], "mart.csv")], "totalCount": 1})
    command = [sys.executable, "-m", "clearance.jobs.cli", "lineage", "import", "-"]
    done = subprocess.run(command, input=answer, capture_output=True, text=True, cwd=project.folder)
    assert done.returncode == 0, done.stderr
    assert "1 events read, 1 of 1 steps new" in done.stdout


def test_a_source_s_label_written_past_the_audit_leaves_its_proof_without_effect(project: Project) -> None:
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
    project: Project, monkeypatch: pytest.MonkeyPatch
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


def test_many_origins_are_looked_up_a_wave_at_a_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look for each took 80 ms, at every check and for every solution."""
    project.data("a.csv", yob=None, sex=None, plz=None)
    project.scanned(
        "a.csv", roles={"yob": "DATE_OF_BIRTH", "sex": "GENDER", "plz": "ZIP_CODE"}, yob=None, sex=None, plz=None
    )
    sources = [f"s{number}.csv" for number in range(30)]
    project.imports(*(project.event(["a.csv"], name) for name in sources), project.event(sources, "mart.csv"))
    key, looks = dataset_identity("mart.csv").key, list[str]()
    flowed, real = inherited(project.registry, key, project.policy), Registry.rows

    def counted(registry: Registry, table: str, *rest: Any, **equals: Any) -> Any:
        looks.append(table)
        return real(registry, table, *rest, **equals)

    monkeypatch.setattr(Registry, "rows", counted)
    whole = Conflict("level", None, {"level": "confidential", "clearance": "internal"}, "")
    assert flowed is not None
    (told,) = with_parts([whole], flowed, project.policy, project.registry)
    a = dataset_identity("a.csv").key
    assert told.facts["origins"] == [f"{a}#{path}" for path in ("plz", "sex", "yob")]
    assert len(looks) <= 6


def test_entries_of_many_datasets_are_recomputed_once_for_all_that_are_checked(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS")
    names = [f"m{number}.csv" for number in range(10)]
    project.imports(*(project.event(["raw.csv"], name) for name in names))
    recomputed = list[str]()
    real = governance_inherited.is_as_written
    monkeypatch.setattr(governance_inherited, "_last", [])
    monkeypatch.setattr(governance_inherited, "is_as_written", lambda e: recomputed.append(e["id"]) or real(e))
    for name in (*names, "raw.csv"):
        found = inherited(project.registry, dataset_identity(name).key, project.policy)
        assert (found is not None and not found.stale) == (name != "raw.csv")
    assert len(recomputed) == 2  # an intent and its outcome
    project.data("raw.csv", email="US_SSN")
    project.check(names[0], "bot", 3)
    after = inherited(project.registry, dataset_identity(names[0]).key, project.policy)
    assert after is not None and not after.stale and len(recomputed) == 2 + 4
