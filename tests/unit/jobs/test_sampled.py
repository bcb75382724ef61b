"""A sample may refuse; it clears only where the policy accepts what it proves."""

from pathlib import Path
from typing import Any

import pytest

from clearance.errors import ExitCode, PolicyError
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
    label = Label(level)
    looked |= {"coverage": coverage.to_dict()} if coverage else {}
    row = {
        "dataset": "frame:notes",
        "version": "",
        "kind": "source",
        "label": label.to_dict(),
        "columns": {"note": {**label.to_dict(), "entity_types": []}},
        "policy_digest": policy.digest,
        "facts": {},
        "looked": looked,
    }
    found = Standing("current", "", row)
    return judge(dataset_identity("frame:notes"), found, BOT, policy, Registry("/nowhere"), record=False)


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


@pytest.mark.parametrize("coverage", [None, Coverage("full", 5, 5), Coverage("incremental", 5, 1, since="3")])
def test_what_left_no_row_out_needs_no_acceptance(coverage: Coverage | None) -> None:
    assert judged(load_policy(), coverage).exit_code is ExitCode.CLEAR


@pytest.mark.parametrize("bound", ["{prevalence: 0, confidence: 0.9}", "{prevalence: 0.1}", "true"])
def test_a_policy_that_accepts_anything_is_refused(tmp_path: Path, bound: str) -> None:
    with pytest.raises(PolicyError, match="sampled_scans"):
        accepting(tmp_path, bound)
