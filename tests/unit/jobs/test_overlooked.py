"""Text in which no model looked for names is not cleared unless the policy accepts that."""

from pathlib import Path

import pytest

from clearance.errors import ExitCode
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label
from clearance.governance.policy import Policy, load_policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.governance.standing import Standing
from clearance.jobs.check import Checked, judge

SOLUTION = Solution(
    name="bot",
    owner="me",
    hosting="public",
    clearance="internal",
    usage=frozenset({"inference"}),
    regimes=frozenset({"GDPR"}),
)


def judged(policy: Policy, looked: dict[str, object], level: str = "public") -> Checked:
    label = Label(level, frozenset(), frozenset(), frozenset())
    row = {
        "dataset": "frame:notes",
        "version": "",
        "kind": "source",
        "label": label.to_dict(),
        "columns": {"note": {**label.to_dict(), "entity_types": []}},
        "policy_digest": policy.digest,
        "facts": {},
        "looked": {"coverage": {"mode": "full", "rows": 5, "rows_read": 5}, **looked},
    }
    found = Standing("current", "", row)
    return judge(dataset_identity("frame:notes"), found, SOLUTION, policy, Registry("/nowhere"), record=False)


def accepting(folder: Path) -> Policy:
    file = folder / "policy.yaml"
    file.write_text("version: 1\nname: accepts\nextends: default\nrules:\n  text_without_model: true\n")
    return load_policy(file)


def test_text_without_the_model_is_undecidable_and_says_why() -> None:
    checked = judged(load_policy(), {"ner": None, "texts": ["note"]})
    assert checked.exit_code is ExitCode.UNDECIDABLE
    assert "note" in checked.reason
    assert "text_without_model" in checked.verdict.conflicts[0].remedy


@pytest.mark.parametrize("looked", [{"ner": "rampart", "texts": ["note"]}, {"ner": None, "texts": []}])
def test_a_model_or_no_text_at_all_is_enough(looked: dict[str, object]) -> None:
    assert judged(load_policy(), looked).exit_code is ExitCode.CLEAR


def test_the_policy_may_accept_it(tmp_path: Path) -> None:
    assert judged(accepting(tmp_path), {"ner": None, "texts": ["note"]}).exit_code is ExitCode.CLEAR


def test_a_definite_conflict_is_a_conflict_all_the_same() -> None:
    checked = judged(load_policy(), {"ner": None, "texts": ["note"]}, level="restricted")
    assert checked.exit_code is ExitCode.CONFLICT
