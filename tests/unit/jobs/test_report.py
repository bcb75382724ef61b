"""The report: it shows what check and explain say, all of it, and nothing that a name in the data could make of it."""

import itertools
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.errors import UsageError
from clearance.governance.audit import Audit
from clearance.governance.content import content_of
from clearance.governance.coverage import Coverage
from clearance.governance.envelopes import seal
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import after_protection
from clearance.governance.labels import Label
from clearance.governance.observation import observe
from clearance.governance.policy import Policy, load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs import records
from clearance.jobs.check import check, find_solutions
from clearance.jobs.cli import run
from clearance.jobs.lineage_task import derive, import_events
from clearance.jobs.report import Report, report
from clearance.jobs.report_lineage import draw
from clearance.jobs.signed import enrol
from clearance.jobs.verdict_words import printable
from clearance.tokenization.signing_key import default_signing_path, load_signing_key

SOLUTIONS = """\
solutions:
  - {name: public-bot, owner: web@example.org, hosting: public, clearance: internal, usage: [rag, inference],
     regimes: [GDPR, CCPA], inputs_may_train: false}
  - {name: private-model, owner: ml@example.org, hosting: private, clearance: restricted, usage: [analytics],
     regimes: [GDPR, CCPA, PCI DSS], inputs_may_train: false}
"""
ROWS = 1000
#: Names that would do harm if they came into a page, a terminal or a drawing as they are.
HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(2)>",
    "invoice\u202efdp.exe",
    "two\nlines\r\tand a tab",
    "{{ 7 * 7 }} {% raw %} <!-- -->",
    "emoji 🦊👩‍🚀 and עברית",
    "&lt;b&gt; &amp; \x00\x1b[31m",
    "x" * 300,
)


class Home:
    """A folder with a registry, data that was looked at, and solutions."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.registry = folder, Registry(folder / ".clearance")
        (folder / "solutions.yaml").write_text(SOLUTIONS)

    @property
    def policy(self) -> Policy:
        own = self.folder / "policy.yaml"
        return load_policy(own if own.exists() else None)

    def key(self, name: str) -> str:
        """What a file here is called on record."""
        return dataset_identity(str(self.folder / name)).key

    def scanned(self, name: str, coverage: Coverage | None = None, /, **given: str | None) -> str:
        """A file with a column for each of ``given``: the entity type that was found in it, or None."""
        return self.looked_at(name, [column(path, kind) for path, kind in given.items()], coverage)

    def looked_at(self, name: str, reports: Sequence[ColumnReport], coverage: Coverage | None = None) -> str:
        """The same with these reports of its columns. Returns the file's name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n1\n")
        key, seen, run = self.key(name), observe(str(path)), new_run_id()
        labels = records.column_labels(reports, self.policy)
        looked = {
            "ner": "rampart", "texts": [], "proved": {}, "reviewed": [], "roles": {},
            "coverage": (coverage or Coverage("full", ROWS, ROWS)).to_dict(),
        }  # fmt: skip
        row = records.label_row(
            key, seen, labels, records.dataset_label(labels, self.policy), self.policy, "default", kind="source",
            facts={}, why=records.why(reports, self.policy), types=records.types_found(reports), looked=looked,
        )  # fmt: skip
        whole = records.dataset_row(
            dataset_identity(str(path)), reference=name, format="csv", rows=ROWS, observation=seen, schema={}
        )
        rows = [("labels", row), ("datasets", whole)]
        rows += [("findings", each) for each in records.finding_rows(key, seen.version, reports, "engine")]
        with Audit(self.registry).filing("label", rows, run_id=run, dataset=key):
            pass
        return name

    def failed(self, name: str) -> None:
        """A scan that failed: there is a run, and no label."""
        row = {"job": "scan", "status": "failed", "dataset": self.key(name), "error": "a data file can't be read"}
        self.registry.append("runs", [row], run_id=new_run_id())

    def protected(self, name: str, source: str, kinds: Mapping[str, str | None], *, holds: bool = True) -> None:
        """A copy in which all that was found is tokens, with its signed statement."""
        path, run, policy = self.folder / name, new_run_id(), self.policy
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\ntk\n")
        key, origin, observed = self.key(name), self.key(source), observe(str(path))
        columns: list[dict[str, Any]] = []
        for own, kind in kinds.items():
            label = policy.label_of(kind) if kind else Label(policy.levels.bottom)
            if kind:
                label = after_protection(
                    label, entity_type=kind, method={"name": "token"}, policy=policy, verified=True
                )
            told = {"how": "cells" if kind else "keep", "method": {"name": "token" if kind else "keep"}}
            types = {"type_before": "string", "type_after": "string"}
            columns.append({"path": own, **told, **types, "label": label.to_dict(), "entity_type": kind})
        scan = self.registry.latest("labels", dataset=origin)
        assert scan is not None
        content = content_of(str(path))
        record = {
            "source": {"dataset": origin, "version": scan["version"]},
            "target": {"dataset": key, **content.to_dict()},
            "columns": columns,
            "policy": {"name": "default", "digest": policy.label_digest},
            "proof": {"holds": holds, "rows": ROWS, "checked_cells": 3 * ROWS, "checked_texts": 17},
            "detectors": {"digest": "d" * 64},
            "observation": observed.to_dict(),
            "at": "2026-11-29T09:00:00+00:00",
        }
        signer = load_signing_key(default_signing_path())
        enrol(self.registry, Audit(self.registry), signer, run_id=run)
        envelope = seal(key, content.digest, record, signer.sign, signer.public_pem)
        row = {"dataset": key, "source": origin, "source_version": scan["version"], "version": observed.version,
               "columns": columns, "envelope": envelope, "rows": ROWS}  # fmt: skip
        why = {
            each["path"]: [{"entity_type": each["entity_type"], "rule": "cells", "where": "default_policy.yaml:352",
                            "text": f"{each['entity_type']}: token; tokenised lowers it to internal"}]
            for each in columns if each["entity_type"]
        }  # fmt: skip
        labels = {each["path"]: Label.from_dict(each["label"]) for each in columns}
        label = records.label_row(
            key, observed, labels, records.dataset_label(labels, policy), policy, "default", kind="protected",
            facts={}, why=why, types={},
            looked={"ner": "rampart", "texts": [], "roles": {}, "coverage": Coverage("full", ROWS, ROWS).to_dict()},
        )  # fmt: skip
        with Audit(self.registry).filing("publish", [("protections", row), ("labels", label)], run_id=run, dataset=key):
            pass

    def flows(self, *steps: tuple[str, Sequence[str], str]) -> None:
        """Lineage of foreign jobs: name of the job, what it read, what it wrote."""
        events = [
            {
                "eventType": "COMPLETE", "eventTime": "2026-11-28T06:00:00Z", "producer": "x", "schemaURL": "x",
                "run": {"runId": f"run-{number}"}, "job": {"namespace": "dbt", "name": job},
                "inputs": [{"namespace": "file", "name": str(self.folder / name)} for name in inputs],
                "outputs": [{"namespace": "file", "name": str(self.folder / output), "facets": {}}],
            }
            for number, (job, inputs, output) in enumerate(steps)
        ]  # fmt: skip
        import_events(json.dumps(events), self.registry)
        derive(self.policy, self.registry)

    def showcase(self) -> None:
        """One of everything."""
        kinds = {"id": None, "name": "PERSON", "email": "EMAIL_ADDRESS", "card": "CREDIT_CARD"}
        self.scanned("crm/customers.csv", **kinds)
        self.protected("safe/customers.csv", "crm/customers.csv", {**kinds, "card": None})
        self.scanned("crm/regions.csv", region=None, code=None)
        self.scanned("crm/sampled.csv", Coverage("sample", ROWS, 400, 0.0075, 0.95), email="EMAIL_ADDRESS", note=None)
        self.scanned("crm/stale.csv", phone="PHONE_NUMBER")
        (self.folder / "crm" / "stale.csv").write_text("a\n1\n2\n")
        self.scanned("crm/unvouched.csv", email="EMAIL_ADDRESS")
        row = self.registry.latest("labels", dataset=self.key("crm/unvouched.csv"))
        assert row is not None
        self.registry.append("labels", [{**row, "label": {**row["label"], "level": "public"}}], run_id="past-the-audit")
        self.failed("crm/broken.csv")
        self.looked_at("crm/hostile.csv", [column(name, "EMAIL_ADDRESS") for name in HOSTILE])
        self.flows(("warehouse.daily", ["crm/customers.csv", "crm/regions.csv"], "mart/by_region.csv"))


def column(path: str, kind: str | None, role: str | None = None) -> ColumnReport:
    """The report of a column of strings, of which nearly all values are of an entity type, or none."""
    if kind is None:
        return ColumnReport(path, "string", "structured", ROWS, 12, 480, None, role="none")
    share = Interval.wilson(ROWS - 30, ROWS - 12)
    found = Finding(kind, ROWS - 30, share, 0.97, ("Recognizer", "ColumnName"), ("AAA 999",))
    return ColumnReport(
        path, "string", "structured", ROWS, 12, 480, kind, (found,), ("column name",), role=role or "direct"
    )


VOID = {"meta", "link", "br", "img", "input"}
#: Elements whose end tag HTML lets one leave out, as far as the page does.
OPEN = {"th", "td", "tr", "p", "li", "dt", "dd", "option"}


class Page(HTMLParser):
    """What a browser sees: elements with their attributes, and the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.within, self.wrong = "", [""], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID | OPEN:
            self.within.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in OPEN and self.within.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.within[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARANCE_HOME")
    return Home(tmp_path)


@pytest.fixture(scope="module")
def _showcase(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("showcase"))
    home.showcase()
    return home


@pytest.fixture
def showcase(_showcase: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One of everything, to be read and not written."""
    monkeypatch.chdir(_showcase.folder)
    return _showcase


def made(home: Home, *names: str, **more: Any) -> Report:
    keys = [home.key(name) for name in names] or None
    return report(home.registry, home.policy, find_solutions().values(), keys, **more)


def of(told: Report, home: Home, name: str) -> Any:
    (found,) = [each for each in told.told["datasets"] if each["key"] == home.key(name)]
    return found


def test_every_verdict_and_conflict_is_that_of_check(showcase: Home) -> None:
    told = made(showcase)
    text = Page(told.html()).text
    conflicts = 0
    for each in told.told["datasets"]:
        assert [one["checked"]["solution"] for one in each["verdicts"]] == ["public-bot", "private-model"]
        for one in each["verdicts"]:
            solution = find_solutions()[one["checked"]["solution"]]
            said = check(each["key"], solution, showcase.policy, showcase.registry, record=False).to_dict()
            assert one["checked"] == said
            for conflict in said["conflicts"]:
                conflicts += 1
                assert printable(conflict["remedy"]) in text
                assert conflict["where"] in text
    assert conflicts > 15


def test_what_is_missing_is_told_as_missing(showcase: Home) -> None:
    told = made(showcase)
    page = told.html()
    names = ("stale", "unvouched", "broken", "sampled")
    states = {name: of(told, showcase, f"crm/{name}.csv")["state"] for name in names}
    assert states == {"stale": "changed", "unvouched": "unvouched", "broken": "unlabelled", "sampled": "sampled"}
    assert of(told, showcase, "mart/by_region.csv")["state"] == "derived"
    # The row that was written past the audit says public: it must be nowhere.
    unvouched = of(told, showcase, "crm/unvouched.csv")
    assert unvouched["label"] is None and unvouched["columns"] == [] and unvouched["scan"] is None
    assert "a row was written past the audit" in page
    assert "The last scan failed</b>" in page and "a data file can&#39;t be read" in page
    assert "at least 0.75 % of rows with 95 % confidence" in page
    first = [told.told["datasets"][number]["key"] for number in told.told["summary"]["waiting"]]
    doubtful = {showcase.key(f"crm/{name}.csv") for name in states} | {showcase.key("mart/by_region.csv")}
    assert set(first[: len(doubtful)]) == doubtful
    assert showcase.key("crm/regions.csv") not in first


def test_findings_that_are_not_those_of_the_scan_are_not_shown(home: Home) -> None:
    home.scanned("a.csv", email="EMAIL_ADDRESS")
    row = home.registry.latest("labels", dataset=home.key("a.csv"))
    assert row is not None
    # As a label says that it rests on its findings.
    from clearance.governance.audit import Audit

    looked = {**row["looked"], "rests_on": {"run": row["run_id"], "findings": "2:" + "0" * 64}}
    again = {name: value for name, value in row.items() if name not in ("seq", "at")} | {"looked": looked}
    with Audit(home.registry).filing("label", [("labels", again)], run_id=row["run_id"], dataset=row["dataset"]):
        pass
    told = of(made(home), home, "a.csv")
    assert "not what the label rests on" in told["missing"]
    assert all(not each["found"] for each in told["columns"])


@pytest.mark.parametrize("proved", [True, False])
def test_a_proof_is_told_as_one_only_where_its_signature_holds(home: Home, proved: bool) -> None:
    kinds = {"id": None, "email": "EMAIL_ADDRESS"}
    home.scanned("a.csv", **kinds)
    home.protected("b.csv", "a.csv", kinds, holds=proved)
    page = made(home, "b.csv").html()
    assert ("Proved, and the signature holds." in page) is proved
    assert ("No proof that holds." in page) is not proved
    assert "tokenised lowers it to internal" in page
    assert "EMAIL_ADDRESS" in page  # what it was in the source


def test_a_statement_of_a_stranger_is_no_proof(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.scanned("a.csv", email="EMAIL_ADDRESS")
    home.protected("b.csv", "a.csv", {"email": "EMAIL_ADDRESS"})
    monkeypatch.setattr("clearance.jobs.report.trusted", lambda _: {})
    page = made(home, "b.csv").html()
    assert "signed with a key that is not trusted here" in page
    assert "Proved, and" not in page


def test_names_in_data_are_harmless(home: Home) -> None:
    (home.folder / "solutions.yaml").write_text(
        "solutions:\n  - {name: '<b>\"bot\"</b>', owner: '<i>x', hosting: public, clearance: public, usage: [rag]}\n"
    )
    home.looked_at("<u>&'d\".csv", [column(name, "EMAIL_ADDRESS") for name in HOSTILE])
    home.flows(("<script>job", ["<u>&'d\".csv"], "out</svg>.csv"))
    text = made(home).html()
    page = Page(text)
    kinds = {tag for tag, _ in page.elements}
    assert not kinds & {"img", 'b"bot"', "u", "i", "iframe", "object", "embed"}
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert all(not name.startswith("on") and name != "style" for _, attrs in page.elements for name in attrs)
    assert not [sign for sign in text if not sign.isprintable() and sign != "\n"]
    for name in HOSTILE:
        assert printable(name) in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert page.wrong == [] and page.within == [""]


def test_the_page_asks_for_nothing_and_runs_only_its_own_script(showcase: Home) -> None:
    import base64
    import hashlib

    text = made(showcase).html()
    page = Page(text)
    for _, attrs in page.elements:
        assert all(
            value and value.startswith(("#", "data:,")) for name, value in attrs.items() if name in ("href", "src")
        )
    assert "url(" not in re.sub(r"url\(#arrow\)", "", text) and "@import" not in text
    (policy,) = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'")
    for tag, source in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy


def test_the_page_can_be_read_without_eyes_and_without_a_mouse(showcase: Home) -> None:
    page = Page(made(showcase).html())
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for tag, attrs in page.elements if tag == "a" and attrs["href"]}
    assert targets <= set(ids)
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.elements if tag == "th")
    assert all("tabindex" in a and a.get("aria-label") for _, a in page.elements if a.get("class") == "wide")
    assert all(a.get("aria-label") or a.get("aria-hidden") for tag, a in page.elements if tag == "svg")
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


def test_the_same_registry_gives_the_same_octets_but_for_the_day(showcase: Home) -> None:
    one, again = (made(showcase, today=date(2026, 11, 29)).html() for _ in range(2))
    assert one == again
    later = made(showcase, today=date(2026, 11, 30)).html()
    assert later.replace("2026-11-30 (UTC)", "2026-11-29 (UTC)") == one


def test_a_report_records_nothing(showcase: Home) -> None:
    before = Registry(showcase.registry.home).counts()
    made(showcase).html()
    assert Registry(showcase.registry.home).counts() == before


def test_columns_stand_in_the_order_of_the_data_and_quiet_ones_apart_where_they_are_many(home: Home) -> None:
    home.looked_at("a.csv", [column("z", None), column("a", "PERSON"), column("m", None, "none")])
    assert [each["path"] for each in of(made(home), home, "a.csv")["columns"]] == ["z", "a", "m"]
    home.looked_at("wide.csv", [column(f"c{n}", "PERSON" if n == 700 else None) for n in range(1000)])
    page = made(home, "wide.csv").html()
    assert "999 columns in which nothing was found" in page
    assert len(re.findall(r'<th scope="row" class="n">c\d+<', page)) == 1000


def test_without_solutions_the_page_says_that_nobody_was_asked_about(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.scanned("a.csv", email="EMAIL_ADDRESS")
    (home.folder / "solutions.yaml").unlink()
    assert run(["report", "a.csv", "--to", "r.html"]) == 0
    assert "No verdicts." in Path("r.html").read_text()
    assert run(["report", "--to", "r.html", "--solution", "bot"]) == 2
    assert "no solution profiles" in capsys.readouterr().err


def test_an_approval_and_a_manifest_are_told_as_their_own_commands_tell_them(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.scanned("a.csv", email="EMAIL_ADDRESS", note=None)
    assert run(["manifest", "new", "a.csv", "--to", "a.odcs.yaml"]) == 0
    declared = Path("a.odcs.yaml").read_text().replace("classification: confidential", "classification: public")
    Path("a.odcs.yaml").write_text(declared)
    assert run(["report", "a.csv", "--to", "r.html", "--manifest", "a.odcs.yaml"]) == 0
    capsys.readouterr()
    assert run(["manifest", "compare", "a.odcs.yaml", "--format", "json"]) == 3
    said = json.loads(capsys.readouterr().out)["disagreements"]
    page = Page(Path("r.html").read_text()).text
    assert said and all(one["kind"] in page and one["declared"] in page for one in said)
    Path("policy.yaml").write_text("version: 1\nname: own\nextends: default\nrules: {approval: true}\n")
    home.scanned("a.csv", email="EMAIL_ADDRESS", note=None)
    assert run(["report", "a.csv", "--to", "r.html"]) == 0
    assert "No approval holds." in Path("r.html").read_text()


def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.scanned("a.csv", email="EMAIL_ADDRESS")
    target = Path("r.html")
    target.write_text("before")
    target.chmod(0o640)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert run(["report", "--to", "r.html"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert target.read_text() == "before"
    assert sorted(os.listdir()) == [".clearance", "a.csv", "r.html", "solutions.yaml"]
    assert run(["report", "--to", "r.html"]) == 0
    assert target.read_text().startswith("<!doctype html>") and target.stat().st_mode & 0o777 == 0o640
    assert run(["report", "--to", "not/there/r.html"]) == 2
    assert "there is no folder not/there" in capsys.readouterr().err
    with pytest.raises(UsageError):
        made(home).write(home.folder)


def view(*steps: tuple[str, str, str]) -> Any:
    names = {name for source, _, target in steps for name in (source, target)}
    return {
        "steps": [{"source": s, "job": j, "dataset": t} for s, j, t in steps],
        "datasets": dict.fromkeys(names, "public"),
    }


def test_a_drawing_of_lineage_puts_no_two_datasets_in_one_place_and_tells_what_it_leaves_out() -> None:
    assert draw("x", view(), view()) is None
    up = view(*[(f"source/{n}", "load", "x") for n in range(30)], ("far", "copy", "source/3"), ("x", "loop", "far"))
    down = view(("x", "train", "model"), ("x", "again", "model"))
    found = draw("x", up, down)
    assert found is not None
    places = [(node["x"], node["y"]) for node in found["nodes"]]
    assert len(set(places)) == len(places)
    box = found["box"]
    assert all(0 <= x <= found["width"] - box["width"] and 0 <= y <= found["height"] - box["height"] for x, y in places)
    assert len(found["nodes"]) + sum(more["count"] for more in found["more"]) == 33
    assert len(found["steps"]) == 34
    at = {node["key"]: node["x"] for node in found["nodes"]}
    assert at["far"] < at["source/3"] < at["x"] < at["model"]
