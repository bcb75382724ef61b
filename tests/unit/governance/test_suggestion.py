"""What would clear a dataset: the mildest method that does, and the truth where none does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.governance.decisions import decide
from clearance.governance.labeling import label_dataset, protected_column
from clearance.governance.policy import ColumnRule, Policy, load_policy
from clearance.governance.solutions import Solution
from clearance.governance.suggestion import suggest_methods

POLICY = load_policy()


def column(path: str, entity_type: str | None, *others: str, kind: str = "structured") -> dict[str, Any]:
    names = ([entity_type] if entity_type else []) + list(others)
    found = [{"entity_type": name, "form": "raw"} for name in names]
    return {"path": path, "kind": kind, "entity_type": entity_type, "findings": found}


def solution(**facts: Any) -> Solution:
    base = {"name": "bot", "owner": "web", "hosting": "public", "clearance": "internal", "usage": ["inference"],
            "inputs_may_train": False}  # fmt: skip
    return Solution.model_validate({**base, "regimes": ["GDPR", "CCPA"], **facts})


def test_a_column_that_the_policy_brings_down_needs_nothing_else() -> None:
    assert suggest_methods([column("mail", "EMAIL_ADDRESS")], [solution()], POLICY).columns == {}


def test_a_card_keeps_what_the_standard_lets_it_keep() -> None:
    found = suggest_methods([column("card", "CREDIT_CARD")], [solution()], POLICY)
    assert found.columns == {"card": {"name": "mask", "keep_first": 0, "keep_last": 4}}
    allowed = suggest_methods([column("card", "CREDIT_CARD")], [solution(regimes=["GDPR", "CCPA", "PCI DSS"])], POLICY)
    assert allowed.columns == {}


def test_text_is_redacted_where_it_is_under_a_law_the_solution_may_not_work_under() -> None:
    report = column("note", None, "CREDIT_CARD", "EMAIL_ADDRESS", kind="text")
    assert suggest_methods([report], [solution()], POLICY).columns == {"note": {"name": "redact"}}


def test_all_solutions_count() -> None:
    both = [solution(clearance="confidential", hosting="private"), solution(name="open", clearance="public")]
    assert suggest_methods([column("mail", "EMAIL_ADDRESS")], both, POLICY).columns == {"mail": {"name": "redact"}}


@pytest.mark.parametrize("clearance", ["public", "internal", "confidential"])
@given(
    types=st.lists(st.sampled_from([*sorted(POLICY.entity_types), "NOBODY_KNOWS"]), min_size=1, max_size=4),
    usage=st.sampled_from(["training", "rag", "inference", "analytics"]),
)
def test_what_is_suggested_clears_by_the_gates_own_rules(clearance: str, types: list[str], usage: str) -> None:
    wants = solution(clearance=clearance, usage=[usage])
    reports = [column(f"c{i}", name) for i, name in enumerate(types)] + [column("t", None, *types, kind="text")]
    found = suggest_methods(reports, [wants], POLICY)
    columns = {p: ColumnRule.model_validate({"method": m}) for p, m in found.columns.items()}
    policy = Policy(POLICY.content.model_copy(update={"columns": columns}), POLICY.marks)
    labels = {r["path"]: protected_column(r, policy, verified=True) for r in reports if r["path"] not in found.stuck}
    assert found.stuck == ()
    verdict = decide(label_dataset(labels.values(), policy), {}, wants, policy, column_labels=labels)
    assert verdict.verdict == "clear"
