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


def judged(
    policy: Policy,
    looked: dict[str, object],
    level: str = "public",
    *,
    given: Policy | None = None,
    kind: str = "source",
) -> Checked:
    """The verdict on a dataset that was labelled under ``given`` (the same policy)."""
    label = Label(level, frozenset(), frozenset(), frozenset())
    row = {
        "dataset": "frame:notes",
        "version": "",
        "kind": kind,
        "label": label.to_dict(),
        "columns": {"note": {**label.to_dict(), "entity_types": []}},
        "policy_digest": (given or policy).label_digest,
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


def test_a_protected_copy_is_judged_by_the_rules_of_the_day_and_stays_what_it_is(tmp_path: Path) -> None:
    default, looked = load_policy(), {"ner": "rampart", "texts": ["note"]}
    file = tmp_path / "policy.yaml"

    def under(more: str) -> Checked:
        file.write_text(f"version: 1\nname: {default.name}\nextends: default\n{more}")
        return judged(load_policy(file), looked, "internal", given=default, kind="protected")

    assert under("").exit_code is ExitCode.CLEAR
    stricter = under("rules: {hosting: {public: public, vendor: public, private: public}}\n")
    assert (stricter.state, stricter.exit_code) == ("current", ExitCode.CONFLICT)
    # What decides what data is, or what is done to it, is another matter: the copy was proved under the policy of then.
    for more in ("columns: {a: {method: redact}}\n", "unknown_type: {level: internal, method: token}\n"):
        assert (under(more).state, under(more).exit_code) == ("other-policy", ExitCode.UNDECIDABLE)


def test_a_definite_conflict_is_a_conflict_all_the_same() -> None:
    checked = judged(load_policy(), {"ner": None, "texts": ["note"]}, level="restricted")
    assert checked.exit_code is ExitCode.CONFLICT
