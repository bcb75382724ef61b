"""Verdicts for machines and reviewers: valid, stable, complete, and whole whatever a column is called."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from clearance.errors import UsageError
from clearance.governance.decisions import Conflict, Verdict
from clearance.governance.labels import Label
from clearance.jobs.check import Checked
from clearance.jobs.commands.output import emit, print_check
from clearance.jobs.verdict_junit import junit
from clearance.jobs.verdict_markdown import markdown
from clearance.jobs.verdict_sarif import FINGERPRINT, read_baseline, sarif

#: As the npm package @microsoft/sarif-multitool 5.7.0 has it (MIT).
SCHEMA = json.loads(Path(__file__).with_name("sarif-2.1.0.json").read_text(encoding="utf-8"))
ODD = 'a|b`c\x00<d>\n"e" é'

LEVEL = Conflict("level", ODD, {"level": "restricted", "entity_types": ["US_SSN"]}, "redact it", where="policy.yaml:12")
USAGE = Conflict("usage", None, {"usage": "rag", "forbidden": "user"}, "drop it", where="default_policy.yaml:3")
MISSING = Conflict("purpose", None, {"missing": "purposes of the dataset"}, "declare it", definite=False)


def checked(*conflicts: Conflict, dataset: str = "file:///d/t") -> Checked:
    outcome = "clear" if not conflicts else "conflict" if any(c.definite for c in conflicts) else "undecidable"
    label = Label("restricted", frozenset({"user"}), frozenset({"GDPR", "HIPAA"}))
    return Checked(dataset, "bot", Verdict(outcome, conflicts), label, "3", "current", "")  # type: ignore[arg-type]


RESULTS = [checked(LEVEL, USAGE, MISSING), checked(MISSING, dataset="file:///d/u"), checked(dataset="file:///d/v")]


def results_of(log: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log["runs"][0]["results"]
    return found


def test_sarif_is_valid_and_says_all() -> None:
    log = sarif(RESULTS, 3)
    Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(log)))
    found = results_of(log)
    assert [(r["ruleId"], r["kind"], r["level"]) for r in found] == [
        ("clearance/level", "fail", "error"),
        ("clearance/usage", "fail", "error"),
        ("clearance/purpose", "fail", "warning"),
        ("clearance/purpose", "fail", "warning"),
        ("clearance/clear", "pass", "none"),
    ]
    place = found[0]["locations"][0]
    assert place["physicalLocation"] == {"artifactLocation": {"uri": "policy.yaml"}, "region": {"startLine": 12}}
    assert place["logicalLocations"][0]["fullyQualifiedName"] == f"file:///d/t#{ODD}"
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in found)
    # GitHub's code scanning requires them (GH2012 of the multitool) and shows the last beside a result.
    asked = ("shortDescription", "fullDescription", "help")
    assert all(rule[part]["text"].endswith(".") for rule in rules for part in asked)


def test_a_fingerprint_outlives_what_changes_from_day_to_day() -> None:
    def prints(*conflicts: Conflict) -> list[str]:
        return [r["partialFingerprints"][FINGERPRINT] for r in results_of(sarif([checked(*conflicts)], 3))]

    later = replace(LEVEL, facts={"level": "confidential"}, remedy="mask it", where="policy.yaml:90")
    assert prints(LEVEL) == prints(later)
    different = [replace(LEVEL, column="x"), replace(LEVEL, column=None), replace(USAGE, facts={"usage": "training"})]
    assert len({*prints(LEVEL), *prints(*different), *prints(USAGE)}) == 5
    others = [
        Conflict(rule, None, facts, "")
        for rule, facts in [
            ("declaration", {"missing": "classification"}), ("declaration", {"missing": "categories"}),
            ("environment", {"parent": "a", "dataset": "dev"}), ("environment", {"parent": "b", "dataset": "dev"}),
            ("source", {"source": "x", "allowed": []}), ("source", {"reputation": "known", "allowed": []}),
        ]
    ]  # fmt: skip
    assert len(set(prints(*others))) == len(others)


def test_a_baseline_tells_new_from_known_and_gone(tmp_path: Path) -> None:
    first = tmp_path / "first.sarif"
    first.write_text(json.dumps(sarif([checked(LEVEL, USAGE)], 3)))
    worse = replace(USAGE, facts={**USAGE.facts, "categories": ["user.name"]})
    log = sarif([checked(MISSING, worse)], 3, read_baseline(first))
    Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(log)))
    states = {r["ruleId"]: r["baselineState"] for r in results_of(log)}
    assert states == {"clearance/purpose": "new", "clearance/usage": "updated", "clearance/level": "absent"}
    second = tmp_path / "second.sarif"
    second.write_text(json.dumps(log))
    again = results_of(sarif([checked(MISSING, worse)], 3, read_baseline(second)))
    assert [r["baselineState"] for r in again] == ["unchanged", "unchanged"]
    twice = tmp_path / "twice.sarif"
    twice.write_text(json.dumps(sarif([checked(MISSING, MISSING)], 5)))
    again = results_of(sarif([checked(MISSING)], 5, read_baseline(twice)))
    assert [r["baselineState"] for r in again] == ["unchanged", "absent"]


def test_what_nobody_asked_for_is_not_told_as_gone(tmp_path: Path) -> None:
    both = tmp_path / "both.sarif"
    other, elsewhere = replace(checked(USAGE), solution="other"), replace(checked(USAGE), dataset="file:///elsewhere")
    both.write_text(json.dumps(sarif([checked(LEVEL, USAGE), other, elsewhere], 3)))
    log = results_of(sarif([checked(LEVEL)], 3, read_baseline(both)))
    assert [(r["ruleId"], r["baselineState"]) for r in log] == [
        ("clearance/level", "unchanged"),
        ("clearance/usage", "absent"),
    ]


@pytest.mark.parametrize("content", ["", "[]", '{"version": "2.1.0"}', '{"version": "2.1.0", "runs": [{}]}', None])
def test_a_baseline_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "x.sarif"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=r"x\.sarif"):
        read_baseline(file)


def test_junit_fails_on_every_no_and_only_there() -> None:
    root = ElementTree.fromstring(junit(RESULTS))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    cases = {suite.get("name"): suite.find("testcase") for suite in root}
    kinds = {name: [(child.tag, child.get("type")) for child in case or ()] for name, case in cases.items()}
    assert kinds == {
        "file:///d/t": [("failure", "conflict")],
        "file:///d/u": [("error", "undecidable")],
        "file:///d/v": [],
    }
    told = root.findtext("testsuite/testcase/failure") or ""
    assert "US_SSN" in told and "remedy: drop it" in told and "policy: policy.yaml:12" in told
    assert len(told.splitlines()) == 3 + 3 + 2  # a column's name begins no line


def test_markdown_keeps_its_tables_whatever_a_column_is_called() -> None:
    text = markdown(RESULTS)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3 + (2 + 3) + (2 + 1)
    # A pipe that is not escaped would make a cell of its own.
    assert {line.replace("\\\\", "").replace("\\|", "").count("|") for line in rows} == {6}
    assert "<d>" not in text and "\\<d\\>" in text


def test_no_column_s_name_steers_a_page_or_calls_anybody() -> None:
    text = markdown([checked(replace(LEVEL, column="@timestamp")), checked(replace(LEVEL, column="a\x1b[2J\u202eb"))])
    assert "@timestamp" not in text and "@&#8203;timestamp" in text
    assert "a\\\\x1b\\[2J\\\\u202eb" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_no_column_s_name_writes_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\nclear  everything\x1b[2J\u202e"
    emit(checked(replace(LEVEL, column=name)).to_dict(), "table", print_check)
    told = capsys.readouterr().out
    assert "at a\\nclear  everything\\x1b[2J\\u202e" in told
    assert not any(line.startswith("clear") for line in told.splitlines())


def test_no_column_s_name_steers_a_terminal_by_json(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x9b2J\u202e\x07数\U000e0041"
    emit({"column": name}, "json", print_check)
    told = capsys.readouterr().out
    assert told.rstrip("\n").isprintable() and "数" in told and json.loads(told) == {"column": name}
