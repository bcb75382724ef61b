"""``clearance policy``: what is odd, what is tested, what it does, what another one changes."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clearance.errors import PolicyError
from clearance.governance.audit import Audit
from clearance.governance.policy import load_policy
from clearance.governance.policy_diff import differences
from clearance.governance.policy_lint import lint
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.jobs import policy_views
from clearance.jobs.cli import run

HEAD = "version: 1\nname: ours\nextends: default\n"
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "policy.md"


def policy_of(text: str, folder: Path, name: str = "policy.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def odd(text: str, folder: Path) -> dict[str, str]:
    found = lint(load_policy(policy_of(HEAD + text, folder)), date(2026, 6, 1))
    return {f"{one.kind}:{one.where.removeprefix(f'{folder}/')}": one.text for one in found}


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("entity_types:\n  EMAIL_ADRESS: {level: internal, categories: [user], method: keep}\n",
         "no-detector:policy.yaml:5", "did you mean EMAIL_ADDRESS"),
        ("entity_types:\n  US_SSN: {level: internal, categories: [user], method: token}\n",
         "weaker:policy.yaml:5", "US_SSN is not under CCPA"),
        ("entity_types:\n  PERSON: {level: restricted, method: token}\n", "no-category:policy.yaml:5", "no category"),
        ("entity_types:\n  PERSON: {level: restricted, categories: [user.name], method: keep}\n",
         "kept:policy.yaml:5", "kept as it is"),
        ("regimes:\n  LGPD: {title: t, source: s}\n", "unclaimed-regime:policy.yaml:5", "nothing is claimed for LGPD"),
        ("deidentification:\n"
         "  a: {method: redact, verify: constant, lowers_to: public, why: w, source: s}\n"
         "  b: {method: redact, entity_types: [AGE], verify: constant, lowers_to: internal, why: w, source: s}\n",
         "never-applies:policy.yaml:6", "earlier rules for redact"),
        ("combinations:\n"
         "  c: {together: [{categories: [user.sensor]}, {categories: [user]}], "
         "raises_to: restricted, why: w, source: s}\n",
         "never-applies:policy.yaml:5", "no entity type is user.sensor"),
        ("rules:\n  usage:\n    rag:\n      - user.sensor\n", "never-applies:policy.yaml:7", "only a declaration"),
        ("include: [pack:gdpr]\nrules:\n  retention: false\n", "settled:policy.yaml:6", "GDPR Art. 5(1)(e)"),
        ("reversal:\n  g: {who: [a], purposes: [p], datasets: [d], columns: [c], max_rows: 1, "
         "valid_until: 2026-05-31}\n",
         "ended-grant:policy.yaml:5", "ended on 2026-05-31"),
        ("", "untested:policy.yaml", "no test of its own"),
    ],
)  # fmt: skip
def test_what_is_odd_is_told_with_its_line(text: str, kind: str, told: str, tmp_path: Path) -> None:
    found = odd(text, tmp_path)
    assert any(told in words for key, words in found.items() if key == kind), found


OWN = """version: 1
name: own
levels: [internal, restricted]
regimes: {}
unknown_leaf: {level: restricted, method: suppress}
unknown_type: {level: restricted, method: suppress}
deidentification: {}
combinations: {}
rules: {hosting: {public: internal, vendor: internal, private: restricted}, regimes: true, usage: {}, purposes: false,
  regions: false, environments: {}}
entity_types:
  DATE_TIME: {level: internal, categories: [system.operations], method: keep}
"""


def test_what_a_policy_of_its_own_does_not_name_is_told(tmp_path: Path) -> None:
    found = lint(load_policy(policy_of(OWN, tmp_path)), date(2026, 6, 1))
    dates, others = [one.text for one in found if one.kind == "unnamed"]
    # A type that is found by the column's name alone: whoever names DATE_TIME thinks of hire_date too.
    assert dates.startswith("PERSONAL_DATE has no entry") and "hire_date" in dates
    assert "restricted, suppress by unknown_type" in dates
    assert "more" in others and "restricted, suppress" in others and "PERSONAL_DATE" not in others
    assert not [one for one in lint(load_policy(policy_of(HEAD, tmp_path)), date(2026, 6, 1)) if one.kind == "unnamed"]


def test_a_type_that_an_own_detector_finds_has_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "entity_types:\n  BADGE: {level: internal, categories: [user.unique_id], method: token}\n"
    policy, own = str(policy_of(HEAD + text, tmp_path)), tmp_path / "own.yaml"
    own.write_text(
        "detectors:\n- {name: Badge, entity_type: BADGE, score: 0.9, "
        "pattern: '\\bBDG-\\d{6}\\b', match: [BDG-123456], no_match: [BDG-1]}\n"
    )
    assert run(["policy", "lint", policy]) == 0
    assert "no packaged detector finds BADGE" in capsys.readouterr().out
    assert run(["policy", "lint", policy, "--detectors", str(own)]) == 0
    assert "BADGE" not in capsys.readouterr().out
    # A manifest declares such a type as it does any other.
    scanned = tmp_path / "m.yaml"
    scanned.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: a\nname: a\nversion: 1.0.0\nstatus: draft\n"
        "schema:\n- name: a\n  physicalName: a\n  logicalType: object\n  properties:\n  - name: badge\n"
        "    customProperties: [{property: clearance.entityTypes, value: [BADGE]}]\n"
    )
    assert run(["manifest", "lint", str(scanned)]) == 0
    assert "no entity type 'BADGE'" in capsys.readouterr().err
    assert run(["manifest", "lint", str(scanned), "--detectors", str(own)]) == 0
    assert capsys.readouterr().err == ""


def test_a_sound_policy_has_nothing_odd(tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml title=policy\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    [example] = [text for text in examples if "tests:" in text]
    path = policy_of(example, tmp_path)
    assert lint(load_policy(path), date(2026, 6, 1)) == []


def test_the_examples_of_the_page_load(tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml title=policy\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(examples) >= 2
    for text in examples:
        load_policy(policy_of(text, tmp_path))


def test_the_commands_say_what_the_exit_code_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = str(policy_of(HEAD, tmp_path))
    wants = "{hosting: public, clearance: internal, usage: [rag], regimes: [GDPR, CCPA]}"
    failing = f"{HEAD}tests:\n  - {{name: mail, columns: {{m: EMAIL_ADDRESS}}, solution: {wants}, expect: clear}}\n"
    bad = str(policy_of(failing, tmp_path, "bad.yaml"))
    milder = str(policy_of(f"{HEAD}rules: {{regimes: false}}\n", tmp_path, "milder.yaml"))
    assert run(["policy", "lint", good]) == 0
    assert run(["policy", "lint", good, "--strict"]) == 3
    assert run(["policy", "lint", bad]) == 2
    assert run(["policy", "test", "pack:gdpr"]) == 0
    capsys.readouterr()
    assert run(["policy", "test", bad, "--format", "json"]) == 2
    [told] = json.loads(capsys.readouterr().out)["tests"]
    assert told["where"] == f"{bad}:5" and told["problem"] == "expected clear, got conflict (hosting, level)"
    assert run(["policy", "diff", good, milder]) == 0
    assert run(["policy", "diff", good, good, "--no-milder"]) == 0
    assert run(["policy", "diff", "default", "default", "--no-milder"]) == 0
    assert run(["policy", "explain", "US_SSN", "--policy", "pack:gdpr"]) == 0
    assert "packs/gdpr.yaml:" in capsys.readouterr().out
    assert run(["policy", "explain", "email_adress"]) == 0
    assert "did you mean EMAIL_ADDRESS?" in capsys.readouterr().out
    with pytest.raises(PolicyError):
        load_policy(bad)


def test_a_difference_says_what_becomes_milder(tmp_path: Path) -> None:
    default = load_policy()
    text = (
        "entity_types:\n  AGE: {level: public, categories: [user.demographic.age_range], method: keep}\n"
        "deidentification:\n  x: {method: token, verify: keyed-check, lowers_to: public, why: w, source: s}\n"
        "rules: {purposes: true}\n"
    )
    other = load_policy(policy_of(HEAD + text, tmp_path))
    found = {(one.section, one.name): one for one in differences(default, other)}
    age = found["types", "AGE level"]
    assert (age.before, age.after, age.milder, age.where) == ("internal", "public", True, f"{tmp_path}/policy.yaml:5")
    assert found["rules", "purposes"].after == "on"
    assert found["deidentification", "x"].before == "-"
    # Purposes that nobody declared make everything undecidable: nothing is milder.
    verdicts = [one for key, one in found.items() if key[0] == "verdicts"]
    assert verdicts and not any(one.milder for one in verdicts)
    back = differences(other, default)
    assert any(one.milder for one in back if one.section == "verdicts")
    assert differences(default, default) == []


def test_verdicts_that_change_alike_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "diff", "default", "pack:gdpr"]) == 0
    told = capsys.readouterr().out.split("\nverdicts\n")[1]
    changed = [one for one in differences(load_policy(), load_policy("pack:gdpr")) if one.section == "verdicts"]
    assert len(told.splitlines()) < 30 < len(changed)
    assert all(re.search(rf"\b{one.name.split()[0]}\b", told) for one in changed)


def test_a_difference_is_told_for_the_readers_own_solutions(tmp_path: Path) -> None:
    wants = Solution.model_validate(
        {"name": "bot", "owner": "o", "hosting": "public", "clearance": "internal", "usage": ["rag"], "regimes": []}
    )
    other = load_policy(policy_of(f"{HEAD}entity_types:\n  URL: {{level: restricted, method: redact}}\n", tmp_path))
    [one] = [each for each in differences(load_policy(), other, [wants]) if each.section == "verdicts"]
    assert (one.name, one.before, one.after, one.milder) == ("URL as found for bot", "clear", "conflict", False)


def test_what_a_solution_may_have_is_what_a_check_would_say() -> None:
    policy = load_policy()
    wants = Solution.model_validate(
        {"name": "bot", "owner": "o", "hosting": "public", "clearance": "internal", "usage": ["training"],
         "regimes": ["GDPR", "CCPA"]}
    )  # fmt: skip
    told = policy_views.of_solution(wants, policy)
    assert told["highest_level"] == "internal" and "user.health_and_medical" in told["not_for"]
    assert (
        "AGE" in told["as_found"] and "EMAIL_ADDRESS" in told["protected"] and "MEDICAL_RECORD_NUMBER" in told["never"]
    )
    assert len(told["as_found"]) + len(told["protected"]) + len(told["never"]) == len(policy.entity_types)
    asking = load_policy("pack:gdpr")
    assert policy_views.of_solution(wants, asking)["needs"] == [
        "purposes of the dataset, purposes of the solution",
        "regions of the dataset, regions of the solution",
        "retention_days of the dataset, retention_days of the solution",
    ]


def test_a_dataset_on_record_is_explained_without_a_scan(tmp_path: Path) -> None:
    data = tmp_path / "people.csv"
    data.write_text("born,zip,sex\n")
    registry = Registry(tmp_path / "home")
    key = f"file://{data}"
    types = {"born": "DATE_OF_BIRTH", "zip": "ZIP_CODE", "sex": "GENDER"}

    def found(run: str, reports: dict[str, dict[str, Any]]) -> None:
        rows = [{"dataset": key, "version": "1", "column": path, "report": one} for path, one in reports.items()]
        registry.append("findings", rows, run_id=run)

    plain = {"kind": "structured", "entity_type": None, "findings": [], "role": "quasi"}
    typed = {
        path: {**plain, "entity_type": kind, "findings": [{"entity_type": kind, "form": "raw"}]}
        for path, kind in types.items()
    }
    found("r", typed)
    label: dict[str, Any] = {"level": "public", "categories": [], "regimes": [], "subjects": []}
    row = {"dataset": key, "version": "1", "kind": "source", "label": label, "columns": {}, "policy_digest": "0"}
    with Audit(registry).filing("label", [("labels", row)], run_id="r", dataset=key):
        pass
    told = policy_views.of_dataset(str(data), load_policy(), registry)
    assert (told["label"]["level"], told["protected"]["level"]) == ("restricted", "internal")
    assert [one["combination"] for one in told["combinations"]] == ["birth-date-place-gender"]
    assert [column["methods"] for column in told["columns"]] == [["generalize"], ["token"], ["keep"]]
    # Known by their names alone: as a check has them, and what nothing was found in stays as it is.
    with Audit(registry).filing("label", [("labels", row)], run_id="s", dataset=key):
        pass
    found("s", {**typed, "zip": {**plain, "attribute": "POSTAL_CODE"}, "sex": {**plain, "attribute": "GENDER"}})
    told = policy_views.of_dataset(str(data), load_policy(), registry)
    assert (told["label"]["level"], told["protected"]["level"]) == ("restricted", "internal")
    found("t", dict.fromkeys(types, plain) | {"born": {**plain, "attribute": "BIRTH_DATE"},
          "zip": {**plain, "attribute": "POSTAL_CODE"}, "sex": {**plain, "attribute": "GENDER"}})  # fmt: skip
    with Audit(registry).filing("label", [("labels", row)], run_id="t", dataset=key):
        pass
    told = policy_views.of_dataset(str(data), load_policy(), registry)
    assert told["protected"]["level"] == told["label"]["level"] == "restricted"
    assert told["combinations"][0]["columns"] == ["born", "sex", "zip"]
    # A whole cell that is replaced says no less by that: only a rule makes it.
    for method, level in (("{name: mask, keep_first: 4}", "restricted"), ("redact", "public")):
        file = tmp_path / "policy.yaml"
        file.write_text(f"version: 1\nname: own\nextends: default\ncolumns:\n  born: {{method: {method}}}\n")
        assert policy_views.of_dataset(str(data), load_policy(file), registry)["protected"]["level"] == level


def test_a_first_policy_without_a_head_is_told_how_to_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("rules:\n  purposes: true\n")
    assert run(["policy", "lint", str(file)]) == 2
    assert "extends: default" in capsys.readouterr().err
