"""Foreign events in, labels on record, verdicts that use them: through the command line, without Spark."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from clearance.governance import inherited as governance_inherited
from clearance.governance.audit import Audit
from clearance.governance.conflicts import Conflict
from clearance.governance.identity import dataset_identity
from clearance.governance.inherited import inherited
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs.lineage_parts import with_parts

NOTHING = load_policy().levels.bottom


def test_a_foreign_output_is_refused_by_what_it_was_made_from(project: Any) -> None:
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


def test_columns_of_a_role_only_are_together_what_they_are_wherever_they_go(
    project: Any, accepting: Callable[[str], None]
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
    project: Any, accepting: Callable[[str], None], scanned: bool
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


def test_a_scan_and_lineage_combine_to_the_higher(project: Any) -> None:
    project.data("raw.csv", ssn="US_SSN", n=None)
    project.data("mart.csv", code=None, n="EMAIL_ADDRESS")
    assert project.check("mart.csv", "own", 0)["label"]["level"] == "confidential"
    project.imports(project.event(["raw.csv"], "mart.csv", {"code": [("raw.csv", "ssn")], "n": [("raw.csv", "n")]}))
    told = project.check("mart.csv", "bot", 3)
    assert told["label"]["level"] == "restricted"
    assert {c["column"] for c in told["conflicts"] if c["rule"] == "level"} == {"code", "n"}
    assert "its lineage says more of code than its scan" in told["reason"]


def test_a_label_that_rises_upstream_rises_downstream_without_another_import(project: Any) -> None:
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


def test_what_lineage_knows_of_a_source_follows_through_our_own_protection(project: Any) -> None:
    project.data("hr.csv", ssn="US_SSN")
    project.data("raw.csv", code=None)
    project.imports(project.event(["hr.csv"], "raw.csv", {"code": [("hr.csv", "ssn")]}))
    project.protected("safe.csv", "raw.csv", {"code": ("keep", None)})
    assert project.check("safe.csv", "bot", 3)["label"]["level"] == "restricted"


def test_a_suggestion_takes_out_what_flowed_in_and_that_clears(project: Any) -> None:
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
    project: Any, accepting: Callable[[str], None]
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


def test_importing_again_files_nothing_and_bad_files_write_nothing(project: Any) -> None:
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


def test_trace_impact_and_export_show_the_way_in_every_form(project: Any) -> None:
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


def test_exported_events_follow_the_specification(project: Any) -> None:
    from clearance.governance.lineage_schemas import check_dataset

    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["raw.csv"], "mid.csv", {"mail": [("raw.csv", "email")]}))
    (line,) = project("lineage", "export", "--format", "openlineage").splitlines()
    check_dataset(json.loads(line)["dataset"])


def test_events_are_read_from_standard_input(project: Any) -> None:
    project.data("raw.csv", n=None)
    answer = json.dumps({"events": [project.event(["raw.csv"], "mart.csv")], "totalCount": 1})
    command = [sys.executable, "-m", "clearance.jobs.cli", "lineage", "import", "-"]
    done = subprocess.run(command, input=answer, capture_output=True, text=True, cwd=project.folder)
    assert done.returncode == 0, done.stderr
    assert "1 events read, 1 of 1 steps new" in done.stdout


def test_many_origins_are_looked_up_a_wave_at_a_time(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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
    project: Any, monkeypatch: pytest.MonkeyPatch
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
