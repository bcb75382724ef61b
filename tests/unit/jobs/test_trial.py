"""What is suggested is carried out as it stands, and clears: tried on datasets as scans tell them."""

import random
from typing import Any

import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance.combinations import raised
from clearance.governance.decisions import decide
from clearance.governance.labeling import role_labels
from clearance.governance.labels import Label, combine
from clearance.governance.policy import ColumnRule, Policy, load_policy
from clearance.governance.solutions import Solution
from clearance.governance.suggestion import suggest_methods
from clearance.jobs.planning import plan_protection
from clearance.jobs.protection import planned_roles
from clearance.jobs.schema import SparkLeaf
from clearance.jobs.trial import Methods, Trial
from clearance.paths import parse_path

POLICY = load_policy()
TYPES = ("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "PERSON", "DATE_OF_BIRTH", "ZIP_CODE", "GENDER", "PASSWORD", "CITY",
         "MEDICAL_DISEASE_DISORDER", "URL")  # fmt: skip
ATTRIBUTES = ("BIRTH_DATE", "GENDER", "POSTAL_CODE", "COORDINATES", "HEALTH", None, None)


def report(path: str, kind: str, *types: str, distinct: int = 900, attribute: str | None = None) -> ColumnReport:
    found = tuple(Finding(name, 900, Interval.wilson(900, 1000), 0.9, ("X",)) for name in types)
    own = types[0] if types and kind == "structured" else None
    return ColumnReport(
        path, "string", kind, 1000, 0, distinct, own, found, role="quasi" if attribute else "none", attribute=attribute
    )


def solution(hosting: str = "public", clearance: str = "internal", usage: str = "inference", *regimes: str) -> Solution:
    told = {"name": "bot", "owner": "web", "hosting": hosting, "clearance": clearance, "usage": [usage]}
    return Solution.model_validate({**told, "regimes": list(regimes), "inputs_may_train": False})


def suggested(reports: list[ColumnReport], wants: Solution, **seen: dict[str, Label]) -> tuple[Methods, list[str]]:
    first = suggest_methods([each.to_dict() for each in reports], [wants], POLICY).columns
    return Trial(reports, [wants], POLICY, **seen).until_clear(first)


def objections(reports: list[ColumnReport], methods: Methods, wants: Solution) -> list[str]:
    """What a gate has against the result; ``ProtectionError`` where there would be none."""
    rules = {path: ColumnRule.model_validate({"method": method}) for path, method in methods.items()}
    policy = Policy(POLICY.content.model_copy(update={"columns": rules}), POLICY.marks)
    leaves = [SparkLeaf(r.path, parse_path(r.path), r.type, True, True) for r in reports if "{" not in r.path]
    plan = plan_protection(leaves, reports, policy)
    labels = {leaf.path: leaf.label for leaf in plan.leaves}
    roles = role_labels(planned_roles(plan, reports, policy), policy)
    whole = raised(combine(labels.values(), policy.levels), labels, policy, roles)
    return [one.rule for one in decide(whole, {}, wants, policy, column_labels=labels, column_roles=roles).conflicts]


def test_a_suggestion_can_be_carried_out_and_clears() -> None:
    rng = random.Random(6)
    for _ in range(12):
        reports = [
            report(path, rng.choice(("structured", "structured", "text", "mixed")),
                   *rng.sample(TYPES, rng.choice((0, 1, 1, 2))), distinct=rng.choice((3, 900)),
                   attribute=rng.choice(ATTRIBUTES))
            for path in rng.sample(["a", "c.d", "e[]", "f[].g", "p", "p{json}.x", "p{json}.y.z"], rng.randint(2, 5))
            if path != "p"
        ]  # fmt: skip
        reports.append(report("p", "text"))
        wants = solution(rng.choice(("public", "vendor")), rng.choice(("public", "internal")),
                         rng.choice(("training", "rag")), *rng.choice(([], ["GDPR", "CCPA"])))  # fmt: skip
        methods, left = suggested(reports, wants)
        assert left == [] and objections(reports, methods, wants) == [], reports


@pytest.mark.parametrize(
    ("reports", "methods"),
    [
        # Tokens of few values can be counted: protection refuses them.
        ([report("mail", "structured", "EMAIL_ADDRESS", distinct=3)], {"mail": "redact"}),
        (
            [report("p", "text"), report("p{json}.m", "structured", "EMAIL_ADDRESS", distinct=3)],
            {"p{json}.m": "redact"},
        ),
        ([report("who", "structured", "PERSON")], {}),
    ],
)
def test_no_more_is_taken_than_has_to_go(reports: list[ColumnReport], methods: dict[str, str]) -> None:
    wants = solution("public", "internal", "inference", "GDPR", "CCPA")
    found, left = suggested(reports, wants)
    assert left == [] and {path: method["name"] for path, method in found.items()} == methods


def test_what_only_lineage_knows_of_a_column_counts() -> None:
    reports = [report("a", "structured"), report("who", "structured", "PERSON")]
    wants = solution("public", "internal", "inference", "GDPR", "CCPA")
    secret = {"a": Label("restricted")}
    assert suggested(reports, wants, columns=secret)[0]["a"] == {"name": "redact"}
    more = [report("b", "structured", attribute="GENDER"), report("c", "structured", attribute="POSTAL_CODE")]
    born = {"a": POLICY.label_of("DATE_OF_BIRTH")}
    assert suggested([*reports, *more], wants, roles=born)[0] and suggested([*reports, *more], wants)[0] == {}


def test_wide_tables_take_no_time_by_the_square_of_their_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each column that protection refuses was tried with a plan of all the others, and one was mended at a time."""
    planned: list[int] = []

    def counting(leaves: list[SparkLeaf], *rest: Any) -> Any:
        planned.append(len(leaves))
        return plan_protection(leaves, *rest)

    monkeypatch.setattr("clearance.jobs.trial.plan_protection", counting)
    reports = [report(f"c{number}", "structured", "EMAIL_ADDRESS", distinct=3) for number in range(40)]
    methods, left = suggested(reports, solution("public", "internal", "inference", "GDPR", "CCPA"))
    assert left == [] and {method["name"] for method in methods.values()} == {"redact"}
    assert sum(planned) <= 6 * len(reports)
