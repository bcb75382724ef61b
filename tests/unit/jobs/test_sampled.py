"""A sample may refuse; it clears only where the policy accepts what it proves."""

import json
from pathlib import Path
from typing import Any

import pytest

from clearance.errors import ClearanceError, ExitCode, PolicyError
from clearance.governance.coverage import Coverage
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label
from clearance.governance.policy import Policy, load_policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.governance.standing import Standing
from clearance.jobs.check import Checked, judge

BOT = Solution(
    name="bot",
    owner="me",
    hosting="public",
    clearance="internal",
    usage=frozenset({"inference"}),
    regimes=frozenset({"GDPR"}),
)
SAMPLE = Coverage("sample", 1_000_000, 2995, 0.001, 0.95)


def judged(policy: Policy, coverage: Coverage | None, level: str = "public", **looked: Any) -> Checked:
    looked = {"ner": None, "texts": [], **looked}
    looked |= {"coverage": coverage.to_dict()} if coverage else {}
    found = Standing("current", "", row_of(policy, level, looked))
    return judge(dataset_identity("frame:notes"), found, BOT, policy, Registry("/nowhere"), record=False)


def judged_row(row: dict[str, Any]) -> ExitCode:
    found = Standing("current", "", row)
    return judge(
        dataset_identity("frame:notes"), found, BOT, load_policy(), Registry("/nowhere"), record=False
    ).exit_code


def row_of(policy: Policy, level: str, looked: dict[str, Any]) -> dict[str, Any]:
    label = Label(level)
    return {
        "dataset": "frame:notes",
        "version": "",
        "kind": "source",
        "label": label.to_dict(),
        "columns": {"note": {**label.to_dict(), "entity_types": []}},
        "policy_digest": policy.label_digest,
        "facts": {},
        "looked": looked,
    }


def accepting(folder: Path, bound: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(f"version: 1\nname: accepts\nextends: default\nrules:\n  sampled_scans: {bound}\n")
    return load_policy(file)


def test_a_sample_alone_is_undecidable_and_says_what_it_proves() -> None:
    checked = judged(load_policy(), SAMPLE)
    assert checked.exit_code is ExitCode.UNDECIDABLE
    assert checked.state == "sampled"
    assert "0.1 % of rows with 95 % confidence" in checked.reason
    assert "sampled_scans" in checked.verdict.conflicts[0].remedy


def test_a_sample_refuses_what_it_found() -> None:
    assert judged(load_policy(), SAMPLE, level="restricted").exit_code is ExitCode.CONFLICT


@pytest.mark.parametrize(
    ("bound", "code"),
    [
        ("{prevalence: 0.001, confidence: 0.95}", ExitCode.CLEAR),
        ("{prevalence: 0.01, confidence: 0.9}", ExitCode.CLEAR),
        ("{prevalence: 0.0001, confidence: 0.95}", ExitCode.UNDECIDABLE),
        ("{prevalence: 0.001, confidence: 0.99}", ExitCode.UNDECIDABLE),
    ],
)
def test_the_policy_names_what_must_be_proved(tmp_path: Path, bound: str, code: ExitCode) -> None:
    checked = judged(accepting(tmp_path, bound), SAMPLE)
    assert checked.exit_code is code
    assert "2,995 of 1,000,000 rows" in checked.reason, "what it rests on is told with a yes too"


def test_an_accepted_sample_does_not_excuse_text_without_a_model(tmp_path: Path) -> None:
    policy = accepting(tmp_path, "{prevalence: 0.001, confidence: 0.95}")
    assert judged(policy, SAMPLE, ner=None, texts=["note"]).state == "overlooked"


@pytest.mark.parametrize("coverage", [Coverage("full", 5, 5), Coverage("incremental", 5, 1, since="3")])
def test_what_left_no_row_out_needs_no_acceptance(coverage: Coverage) -> None:
    assert judged(load_policy(), coverage).exit_code is ExitCode.CLEAR


def test_a_label_that_does_not_say_how_much_was_looked_at_is_undecidable(tmp_path: Path) -> None:
    checked = judged(accepting(tmp_path, "{prevalence: 0.9, confidence: 0.5}"), None)
    assert (checked.exit_code, checked.state) == (ExitCode.UNDECIDABLE, "sampled")
    assert "not on record" in checked.reason


@pytest.mark.parametrize("bound", ["{prevalence: 0, confidence: 0.9}", "{prevalence: 0.1}", "true"])
def test_a_policy_that_accepts_anything_is_refused(tmp_path: Path, bound: str) -> None:
    with pytest.raises(PolicyError, match="sampled_scans"):
        accepting(tmp_path, bound)


NOES: list[tuple[Coverage, str, dict[str, Any]]] = [
    (SAMPLE, "public", {}),
    (SAMPLE, "restricted", {}),
    (Coverage("full", 5, 5), "public", {"texts": ["note"]}),
    (Coverage("full", 5, 5), "public", {}),
]


@pytest.mark.parametrize(("coverage", "level", "looked"), NOES)
def test_nothing_taken_out_of_a_label_row_turns_a_no_into_a_yes(
    coverage: Coverage, level: str, looked: dict[str, Any]
) -> None:
    whole = row_of(load_policy(), level, {"ner": None, "texts": [], **looked, "coverage": coverage.to_dict()})
    before = judged_row(whole)
    for path in (("looked", "coverage"), ("looked", "texts"), ("looked", "ner"), ("looked",), ("label", "level"),
                 ("label", "categories"), ("label", "regimes"), ("label", "subjects"), ("label",),
                 ("columns", "note", "level"), ("columns", "note", "regimes"), ("policy_digest",)):  # fmt: skip
        row = json.loads(json.dumps(whole))
        inner = row
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        try:
            after = judged_row(row)
        except (ClearanceError, KeyError):
            continue
        assert after is not ExitCode.CLEAR or before is ExitCode.CLEAR, path
        assert after is not ExitCode.CLEAR or path in {("looked", "ner")}, path
