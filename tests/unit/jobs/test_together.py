"""Several datasets for one solution: the worst that stands in the way, and no worse."""

import pytest

from clearance.errors import ExitCode
from clearance.governance.conflicts import Conflict, Verdict, outcome_of
from clearance.governance.escalation import not_approved
from clearance.governance.labels import Label
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.jobs.check import Checked
from clearance.jobs.together import judge_together

POLICY = load_policy(None)
BOT = Solution.model_validate(
    {"name": "bot", "owner": "o", "hosting": "private", "clearance": "restricted", "usage": ["analytics"]}
)
VERDICTS = {
    "clear": Verdict("clear"),
    "escalated": Verdict("clear").escalated([not_approved("not-approved", {})]),
    "undecidable": Verdict(outcome_of([one := Conflict("state", None, {"missing": "x"}, "", definite=False)]), (one,)),
    "conflict": Verdict("conflict", (Conflict("level", None, {}, ""),)),
}


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ("clear clear", ExitCode.CLEAR),
        ("clear escalated", ExitCode.ESCALATED),
        ("escalated undecidable", ExitCode.UNDECIDABLE),
        ("escalated conflict", ExitCode.CONFLICT),
        ("undecidable conflict", ExitCode.CONFLICT),
    ],
)
def test_an_escalation_of_one_is_an_escalation_of_all(parts: str, code: ExitCode) -> None:
    label = Label("internal")
    results = [
        Checked(f"file:///{n}", "bot", VERDICTS[name], label, "1", "current", "", {"a": label})
        for n, name in enumerate(parts.split())
    ]
    found = judge_together(results, BOT, POLICY, Registry("/nowhere"), record=False)
    assert found.exit_code is code
    assert {one.facts["dataset"] for one in found.verdict.conflicts if one.rule == "part"} == {
        result.dataset for result in results if result.verdict.verdict != "clear"
    }
