"""A method that the policy gives one column is carried out, whatever was found in it."""

from pathlib import Path

import pytest

from clearance.classifiers.findings import ColumnReport
from clearance.governance.policy import Policy, load_policy
from clearance.jobs.planning import plan_protection
from clearance.jobs.plans import LeafPlan
from clearance.jobs.protection import planned_roles
from clearance.jobs.schema import SparkLeaf
from clearance.paths import Step


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "version: 1\nname: columns\nextends: default\n"
        "columns:\n  code: {method: token}\n  note: {method: suppress}\n  email: {method: keep}\n"
    )
    return load_policy(file)


def planned(policy: Policy, path: str, dtype: str, kind: str, entity_type: str | None = None) -> LeafPlan:
    leaf = SparkLeaf(path, (Step("name", path),), dtype, True, True)
    report = ColumnReport(path, dtype, kind, 5, 0, 5, entity_type)  # type: ignore[arg-type]
    return plan_protection([leaf], [report], policy).leaves[0]


def test_a_column_in_which_nothing_was_found_is_tokenized_when_the_policy_says_so(policy: Policy) -> None:
    leaf = planned(policy, "code", "bigint", "structured")
    assert (leaf.how, leaf.method["name"], leaf.entity_type, leaf.type_after) == ("cells", "token", "OTHER", "string")


def test_suppress_takes_a_text_column_away_as_a_whole(policy: Policy) -> None:
    assert planned(policy, "note", "string", "text").how == "null"


def test_keep_leaves_the_column_and_its_label(policy: Policy) -> None:
    leaf = planned(policy, "email", "string", "structured", "EMAIL_ADDRESS")
    assert (leaf.changes, leaf.label) == (False, policy.label_of("EMAIL_ADDRESS"))


@pytest.mark.parametrize(
    ("method", "stays"),
    [
        ("{name: mask, keep_first: 3}", True),  # E11.9: diabetes, whatever comes after E11
        ("redact", False),
        ("suppress", False),
        ('"null"', False),
        ("token", False),
    ],
)
def test_a_column_is_what_its_name_says_until_a_rule_or_nothing_is_left(
    tmp_path: Path, method: str, stays: bool
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\nname: own\nextends: default\ncolumns:\n  icd: {{method: {method}}}\n")
    policy = load_policy(file)
    report = ColumnReport("icd", "string", "structured", 5, 0, 5, None, attribute="HEALTH", role="sensitive")
    plan = plan_protection([SparkLeaf("icd", (Step("name", "icd"),), "string", True, True)], [report], policy)
    assert plan.leaves[0].changes
    assert (planned_roles(plan, [report], policy) == {"icd": "MEDICAL_DISEASE_DISORDER"}) is stays
