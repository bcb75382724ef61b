"""Waivers: one objection passes, for a reason, until a day; and nothing else does."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from clearance.errors import AuditError, PolicyError
from clearance.governance.audit import Audit
from clearance.governance.decisions import Conflict, Verdict, decide
from clearance.governance.identity import dataset_identity
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.governance.standing import Standing
from clearance.governance.waivers import load_waivers, objected, with_waivers
from clearance.jobs.check import Checked, judge
from clearance.jobs.verdict_junit import junit
from clearance.jobs.verdict_markdown import markdown
from clearance.jobs.verdict_sarif import sarif

TODAY = date(2026, 6, 1)
POLICY = load_policy()
LEVEL: dict[str, Any] = {
    "dataset": "s3://lake/orders", "solution": "bot", "rule": "level", "column": "mail",
    "about": ["confidential", "EMAIL_ADDRESS"], "reason": "contract signed", "approver": "dpo",
    "requested_by": "ana", "expires": TODAY,
}  # fmt: skip
HOSTING = {**LEVEL, "rule": "hosting", "about": ["public", "confidential"]}
del HOSTING["column"]
MAIL = POLICY.label_of("EMAIL_ADDRESS")
BOT = Solution.model_validate(
    {"name": "bot", "owner": "o", "hosting": "public", "clearance": "internal", "usage": ["rag"],
     "regimes": ["GDPR", "CCPA"]}
)  # fmt: skip


def given(folder: Path, *waivers: dict[str, Any], policy: Any = POLICY) -> Any:
    path = folder / "waivers.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "waivers": list(waivers)}, sort_keys=False))
    return load_waivers(path, policy, TODAY)


def verdict(**changes: Any) -> Verdict:
    types = {"mail": ["EMAIL_ADDRESS"]}
    return decide(MAIL, {}, BOT, POLICY, column_labels={"mail": MAIL}, column_types=types, **changes)


def after(waivers: Any, before: Verdict | None = None, today: date = TODAY, **asked: str) -> Verdict:
    names = {"dataset": "s3://lake/orders", "solution": "bot", **asked}
    return with_waivers(before or verdict(), names["dataset"], names["solution"], waivers, today)


def test_what_is_waived_passes_and_is_told(tmp_path: Path) -> None:
    done = after(given(tmp_path, LEVEL, HOSTING))
    assert done.verdict == "clear" and done.exit_code == 0
    assert [conflict.rule for conflict in done.conflicts] == ["level", "hosting"]
    assert done.conflicts[0].waived == {
        "reason": "contract signed", "approver": "dpo", "expires": "2026-06-01", "where": f"{tmp_path}/waivers.yaml:3",
    }  # fmt: skip
    assert after(given(tmp_path, LEVEL)).verdict == "conflict"


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"dataset": "s3://lake/orders2"}, None),
        ({"solution": "other"}, None),
        ({"column": "phone"}, None),
        ({"rule": "usage"}, None),
        ({"about": ["confidential"]}, "is not about EMAIL_ADDRESS"),
        ({"about": ["EMAIL_ADDRESS", "internal"]}, "is not about confidential"),
        ({"expires": TODAY - timedelta(days=1)}, "expired on 2026-05-31"),
    ],
)
def test_it_covers_nothing_else(change: dict[str, Any], note: str | None, tmp_path: Path) -> None:
    done = after(given(tmp_path, {**LEVEL, **change}, HOSTING))
    assert done.verdict == "conflict"
    told = done.conflicts[0].facts.get("waiver")
    assert done.conflicts[0].waived is None and (note in told if note else told is None)


def test_a_column_left_out_is_not_every_column(tmp_path: Path) -> None:
    whole = {key: value for key, value in LEVEL.items() if key != "column"}
    assert after(given(tmp_path, whole, HOSTING)).verdict == "conflict"


def test_what_can_not_be_told_is_never_waived(tmp_path: Path) -> None:
    waivers = given(tmp_path, LEVEL, HOSTING, {**HOSTING, "rule": "purpose", "about": ["purposes of the dataset"]})
    missing = Conflict("purpose", None, {"missing": "purposes of the dataset"}, "declare it", definite=False)
    assert after(waivers, verdict(more=[missing])).verdict == "undecidable"
    assert after(waivers, verdict(state="sampled")).verdict == "undecidable"
    assert after(waivers, decide(None, {}, BOT, POLICY)).verdict == "undecidable"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "state"}, "the rule 'state' can't be waived"),
        ({"rule": "part"}, "the rule 'part' can't be waived"),
        ({"rule": "levle"}, "the rule 'levle' can't be waived"),
        ({"approver": "Ana "}, "who asks for a waiver does not approve it"),
        ({"approver": "\uff21na"}, "who asks for a waiver does not approve it"),
        ({"requested_by": None}, "requested_by"),
        ({"expires": TODAY + timedelta(days=366)}, "expires in more than 365 days"),
        ({"expires": "soon"}, "expires"),
        ({"about": []}, "about"),
        ({"reason": ""}, "reason"),
        ({"everything": True}, "unknown key"),
    ],
)
def test_a_waiver_that_makes_no_sense_is_refused_with_its_line(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match=r"waivers\.yaml:\d+: .*" + message):
        given(tmp_path, {**LEVEL, **change})


@pytest.mark.parametrize("key", ["dataset", "solution", "rule", "about", "reason", "approver", "expires"])
def test_nothing_of_a_waiver_may_be_left_out(key: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=f"{key}: missing"):
        given(tmp_path, {name: value for name, value in LEVEL.items() if name != key})


def test_a_policy_says_which_and_how_long(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nname: p\nextends: default\nrules:\n  waivers: {max_days: 0, rules: [level]}\n")
    strict = load_policy(path)
    assert given(tmp_path, LEVEL, policy=strict)
    with pytest.raises(PolicyError, match="'hosting' can't be waived"):
        given(tmp_path, HOSTING, policy=strict)
    with pytest.raises(PolicyError, match="more than 0 days"):
        given(tmp_path, {**LEVEL, "expires": TODAY + timedelta(days=1)}, policy=strict)
    path.write_text("version: 1\nname: p\nextends: default\nrules:\n  waivers: {rules: [levels]}\n")
    with pytest.raises(PolicyError, match=r"policy\.yaml:5: .*unknown rule 'levels'"):
        load_policy(path)


def test_every_output_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from clearance.jobs.commands.output import print_check

    done = after(given(tmp_path, LEVEL, HOSTING))
    checked = Checked("s3://lake/orders", "bot", done, MAIL, "1", "current", "")
    log = sarif([checked], 0)
    results = log["runs"][0]["results"]
    assert [len(result.get("suppressions", [])) for result in results] == [1, 1, 0]
    assert results[0]["suppressions"][0]["status"] == "accepted"
    assert "contract signed" in results[0]["suppressions"][0]["justification"] and results[2]["kind"] == "pass"
    from jsonschema import Draft202012Validator

    schema = json.loads((Path(__file__).parents[1] / "jobs" / "sarif-2.1.0.json").read_text())
    Draft202012Validator(schema).validate(json.loads(json.dumps(log)))
    told = junit([checked])
    assert 'skipped="1"' in told and 'failures="0"' in told and "contract signed" in told
    assert "clear (2 waived)" in markdown([checked]) and "waived by dpo until 2026-06-01" in markdown([checked])
    print_check(checked.to_dict())
    assert "waived by dpo until 2026-06-01: contract signed" in capsys.readouterr().out


def judged(folder: Path, registry: Registry) -> Checked:
    row = {
        "dataset": "frame:mails", "version": "", "kind": "source", "label": MAIL.to_dict(), "facts": {},
        "looked": {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}},
        "columns": {"mail": {**MAIL.to_dict(), "entity_types": ["EMAIL_ADDRESS"]}},
        "policy_digest": POLICY.label_digest,
    }  # fmt: skip
    today = date.today() + timedelta(days=1)
    waivers = [{**each, "dataset": "frame:mails", "expires": today} for each in (LEVEL, HOSTING)]
    path = folder / "waivers.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "waivers": waivers}))
    loaded = tuple(type(one)(one.waiver, "frame:mails", one.where) for one in load_waivers(path, POLICY, date.today()))
    identity = dataset_identity("mails", "frame")
    return judge(identity, Standing("current", "", row), BOT, POLICY, registry, waivers=loaded)


def test_a_verdict_that_rests_on_waivers_is_in_the_audit(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "home")
    assert judged(tmp_path, registry).verdict.verdict == "clear"
    [intent] = Audit(registry).entries(action="waive", kind="intent")
    waived = intent["entry"]["facts"]["waived"] if "entry" in intent else intent["facts"]["waived"]
    assert [each["waived"]["approver"] for each in waived] == ["dpo", "dpo"]
    assert len(list(Audit(registry).entries(action="waive", kind="outcome", result="done"))) == 1
    assert Audit(registry).verify().ok


def test_without_the_audit_nothing_is_waived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise AuditError("the audit can't be written")

    monkeypatch.setattr(Audit, "intent", refuse)
    with pytest.raises(AuditError):
        judged(tmp_path, Registry(tmp_path / "home"))
    assert Registry(tmp_path / "home").latest("verdicts", dataset="frame:mails") is None


def test_what_is_objected_leaves_out_how_it_was_judged() -> None:
    level = verdict().conflicts[0]
    assert objected(level) == {"confidential", "EMAIL_ADDRESS"}
