"""The gate: a table of decisions, and that no missing fact is ever read as a yes."""

import random
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clearance.errors import ExitCode, PolicyError
from clearance.governance.decisions import Facts, Verdict, decide
from clearance.governance.labels import Label, combine
from clearance.governance.policy import DeidentificationRule, Policy, PolicyFile, Rules, load_policy
from clearance.governance.policy_rules import SourceRule
from clearance.governance.solutions import Solution, load_solutions

DEFAULT = load_policy()


def with_rules(**rules: Any) -> Policy:
    """The default policy with some of its rules changed."""
    changed = DEFAULT.rules.model_copy(update=rules)
    return Policy(DEFAULT.content.model_copy(update={"rules": changed}), DEFAULT.marks)


ENVIRONMENTS = {
    "production": frozenset({"production"}),
    "development": frozenset({"development", "production"}),
}
PURPOSES = with_rules(purposes=True)
REGIONS = with_rules(regions=True)
PLACES = with_rules(environments=ENVIRONMENTS)
ALL = with_rules(purposes=True, regions=True, environments=ENVIRONMENTS)
DECLARED: dict[str, Any] = {
    "restricted_uses": True,
    "stores": {"s3://landing/": "internal", "table:raw.people": "public"},
    "sources": SourceRule(approved=frozenset({"crm"}), reputation=frozenset({"trusted", "known"})),
    "obsolescence": True,
    "retention": True,
    "consent": {"training": frozenset({"user.contact"})},
    "age_groups": {"training": frozenset({"adults"}), "rag": frozenset({"adults", "teenagers"})},
    "needs": {"functional": frozenset({"user.contact", "user.name"}), "analytics": frozenset({"user.demographic"})},
}
EVERY = with_rules(purposes=True, regions=True, environments=ENVIRONMENTS, **DECLARED)


def only(rule: str) -> Policy:
    """The default with one of the rules that need declared facts."""
    return with_rules(**{rule: DECLARED[rule]})


PUBLIC = Label("public")
TOKENS = Label("internal", frozenset({"user.contact.email"}), frozenset({"GDPR"}))
EMAIL = Label("confidential", frozenset({"user.contact.email"}), frozenset({"GDPR"}))
CARD = Label("restricted", frozenset({"user.financial.credit_card"}), frozenset({"GDPR", "PCI DSS"}))
HEALTH = Label("restricted", frozenset({"user.health_and_medical.record_id"}), frozenset({"HIPAA"}))
HEALTH_TOKENS = Label("internal", frozenset({"user.health_and_medical.record_id"}), frozenset({"HIPAA"}))
PASSWORD = Label("restricted", frozenset({"user.authorization.password"}), frozenset({"GDPR"}))
SECRET = Label("restricted", frozenset({"system.authentication"}))
DATES = Label("internal", frozenset({"system.operations"}))

PUBLIC_BOT: dict[str, Any] = {
    "name": "bot", "owner": "web", "hosting": "public", "clearance": "internal",
    "usage": ["inference"], "regimes": ["GDPR"], "inputs_may_train": False,
}  # fmt: skip
VENDOR_RAG = {**PUBLIC_BOT, "name": "rag", "hosting": "vendor", "clearance": "confidential", "usage": ["rag"]}
PRIVATE = {
    **PUBLIC_BOT, "name": "own", "hosting": "private", "clearance": "restricted", "usage": ["analytics"],
    "regimes": ["GDPR", "HIPAA", "PCI DSS"],
}  # fmt: skip
TRAINER = {**PRIVATE, "name": "trainer", "usage": ["training"]}
TUNER = {**PRIVATE, "name": "tuner", "usage": ["fine-tuning"]}
FULL = {**PRIVATE, "purposes": ["functional.service"], "regions": ["eu"], "environment": "production"}
WRONG_IN_ALL = {**FULL, "hosting": "public", "clearance": "public", "regimes": [], "environment": "development"}
FACTS: dict[str, Any] = {"purposes": ["functional"], "regions": ["eu"], "environment": "production"}


def but(base: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with changes; None takes the key out."""
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


DAY = date(2026, 6, 1)
TOLD: dict[str, Any] = {
    **FACTS, "restricted_uses": ["marketing"], "source": "crm", "reputation": "trusted", "legal_basis": "consent",
    "consent_reference": "C-17", "age_groups": ["adults"], "obsolete_from": "2026-06-02", "retention_days": 30,
}  # fmt: skip
LEARNER = {**FULL, "usage": ["training"], "retention_days": 30}
LAKE, LANDING, RAW = "s3://lake/orders", "s3://landing/orders", "table:spark_catalog.raw.people"
NAME = Label("confidential", frozenset({"user.name"}), frozenset({"GDPR"}))
GENDER = Label("internal", frozenset({"user.demographic.gender"}), frozenset({"GDPR"}))


# label, facts, solution, policy, state -> verdict and the rules that speak, in order
YES: list[tuple[Any, ...]] = [
    (PUBLIC, {}, PUBLIC_BOT, DEFAULT),
    (PUBLIC, {}, but(PUBLIC_BOT, clearance="public"), DEFAULT),
    (PUBLIC, {}, but(PUBLIC_BOT, regimes=None), DEFAULT),
    (PUBLIC, {}, but(PUBLIC_BOT, regimes=[]), DEFAULT),
    (PUBLIC, {}, TRAINER, DEFAULT),
    (DATES, {}, PUBLIC_BOT, DEFAULT),
    (DATES, {}, but(PUBLIC_BOT, regimes=None), DEFAULT),
    (DATES, {}, but(PUBLIC_BOT, usage=["training", "rag"]), DEFAULT),
    (TOKENS, {}, PUBLIC_BOT, DEFAULT),
    (TOKENS, {}, but(PUBLIC_BOT, clearance="restricted"), DEFAULT),
    (TOKENS, {}, VENDOR_RAG, DEFAULT),
    (TOKENS, {}, TRAINER, DEFAULT),
    (HEALTH, {}, but(PRIVATE, inputs_may_train=False), DEFAULT),
    (EMAIL, {}, but(PRIVATE, inputs_may_train=None), DEFAULT),
    (TOKENS, {}, but(PUBLIC_BOT, usage=["training"]), DEFAULT),
    (EMAIL, {}, VENDOR_RAG, DEFAULT),
    (EMAIL, {}, PRIVATE, DEFAULT),
    (EMAIL, {}, but(VENDOR_RAG, hosting="private"), DEFAULT),
    (EMAIL, {}, TRAINER, DEFAULT),
    (CARD, {}, PRIVATE, DEFAULT),
    (CARD, {}, TRAINER, DEFAULT),
    (CARD, {}, but(PUBLIC_BOT, regimes=[], clearance="restricted", hosting="private"), with_rules(regimes=False)),
    (HEALTH, {}, PRIVATE, DEFAULT),
    (HEALTH, {}, but(PRIVATE, usage=["rag", "inference"]), DEFAULT),
    (HEALTH, {}, TRAINER, with_rules(usage={})),
    (EMAIL, FACTS, FULL, ALL),
    (EMAIL, {"purposes": ["functional"]}, FULL, PURPOSES),
    (EMAIL, {"purposes": ["functional.service"]}, FULL, PURPOSES),
    (EMAIL, {"purposes": ["analytics", "functional"]}, FULL, PURPOSES),
    (EMAIL, {"purposes": ["analytics", "functional"]}, but(FULL, purposes=["functional", "analytics"]), PURPOSES),
    (EMAIL, {"regions": ["eu", "us"]}, FULL, REGIONS),
    (EMAIL, {"regions": ["eu"]}, but(FULL, regions=["eu-central-1", "eu"]), REGIONS),
    (EMAIL, {"environment": "production"}, FULL, PLACES),
    (EMAIL, {"environment": "development"}, FULL, PLACES),
    (EMAIL, {"environment": "development"}, but(FULL, environment="development"), PLACES),
    (EMAIL, {}, FULL, DEFAULT),
    (EMAIL, FACTS, PRIVATE, DEFAULT),
]
NO: list[tuple[Any, ...]] = [
    # level and hosting
    (DATES, {}, but(PUBLIC_BOT, clearance="public"), DEFAULT, "level"),
    (EMAIL, {}, PUBLIC_BOT, DEFAULT, "level hosting"),
    (EMAIL, {}, but(PUBLIC_BOT, clearance="restricted"), DEFAULT, "hosting"),
    (EMAIL, {}, but(VENDOR_RAG, clearance="internal"), DEFAULT, "level"),
    (EMAIL, {}, but(PRIVATE, clearance="internal"), DEFAULT, "level"),
    (CARD, {}, VENDOR_RAG, DEFAULT, "level hosting regime"),
    (CARD, {}, but(VENDOR_RAG, clearance="restricted", regimes=["GDPR", "PCI DSS"]), DEFAULT, "hosting"),
    (CARD, {}, but(PRIVATE, clearance="confidential"), DEFAULT, "level"),
    # regimes
    (TOKENS, {}, but(PUBLIC_BOT, regimes=[]), DEFAULT, "regime"),
    (TOKENS, {}, but(PUBLIC_BOT, regimes=["CCPA"]), DEFAULT, "regime"),
    (TOKENS, {}, but(PUBLIC_BOT, regimes=["gdpr"]), DEFAULT, "regime"),
    (CARD, {}, but(PRIVATE, regimes=["GDPR"]), DEFAULT, "regime"),
    (CARD, {}, but(PRIVATE, regimes=["HIPAA"]), DEFAULT, "regime regime"),
    (HEALTH_TOKENS, {}, PUBLIC_BOT, DEFAULT, "regime"),
    # usage
    (HEALTH, {}, TRAINER, DEFAULT, "usage"),
    (HEALTH, {}, TUNER, DEFAULT, "usage"),
    (HEALTH_TOKENS, {}, TRAINER, DEFAULT, "usage"),
    (HEALTH, {}, but(PRIVATE, usage=["rag", "training"]), DEFAULT, "usage"),
    (HEALTH, {}, but(PRIVATE, usage=["fine-tuning", "training"]), DEFAULT, "usage usage"),
    (PASSWORD, {}, PRIVATE, DEFAULT, "usage"),
    (PASSWORD, {}, but(PRIVATE, usage=["rag"]), DEFAULT, "usage"),
    (PASSWORD, {}, but(PRIVATE, usage=["inference"]), DEFAULT, "usage"),
    (SECRET, {}, PRIVATE, DEFAULT, "usage"),
    (SECRET, {}, but(PRIVATE, regimes=None), DEFAULT, "usage"),
    (TOKENS, {}, TRAINER, with_rules(usage={"training": frozenset({"user"})}), "usage"),
    # purposes, regions, environments
    (EMAIL, {"purposes": ["analytics"]}, FULL, PURPOSES, "purpose"),
    (EMAIL, {"purposes": []}, FULL, PURPOSES, "purpose"),
    (EMAIL, {"purposes": ["functional.service.improve"]}, FULL, PURPOSES, "purpose"),
    (EMAIL, {"purposes": ["function"]}, FULL, PURPOSES, "purpose"),
    (EMAIL, {"purposes": ["functional"]}, but(FULL, purposes=["functional", "marketing"]), PURPOSES, "purpose"),
    (PUBLIC, {"purposes": ["analytics"]}, FULL, PURPOSES, "purpose"),
    (EMAIL, {"regions": ["us"]}, FULL, REGIONS, "region"),
    (EMAIL, {"regions": []}, FULL, REGIONS, "region"),
    (EMAIL, {"regions": ["eu-central-1"]}, FULL, REGIONS, "region"),
    (EMAIL, {"regions": ["eu"]}, but(FULL, regions=["europe"]), REGIONS, "region"),
    (EMAIL, {"regions": ["eu"]}, but(FULL, regions=["eu", "us"]), REGIONS, "region"),
    (EMAIL, {"environment": "production"}, but(FULL, environment="development"), PLACES, "environment"),
    (EMAIL, {"environment": "development"}, but(FULL, environment="staging"), PLACES, "environment"),
    # every rule that applies, and a definite conflict wins over a missing fact
    (CARD, {**FACTS, "purposes": ["sales"], "regions": ["us"]}, WRONG_IN_ALL, ALL,
     "level hosting regime regime purpose region environment"),
    (EMAIL, {}, but(PUBLIC_BOT, regimes=None), DEFAULT, "level hosting regime"),
    (EMAIL, {}, but(PRIVATE, clearance="internal"), ALL, "level purpose region environment"),
    (HEALTH, but(FACTS, regions=None), but(FULL, usage=["training"]), ALL, "usage region"),
    (EMAIL, but(FACTS, regions=["us"], purposes=None), FULL, ALL, "purpose region"),
]  # fmt: skip
CANT_TELL: list[tuple[Any, ...]] = [
    (TOKENS, {}, but(PUBLIC_BOT, regimes=None), DEFAULT, "regime"),
    (EMAIL, but(FACTS, purposes=None), FULL, ALL, "purpose"),
    (EMAIL, but(FACTS, regions=None), FULL, ALL, "region"),
    (EMAIL, but(FACTS, environment=None), FULL, ALL, "environment"),
    (EMAIL, {}, FULL, ALL, "purpose region environment"),
    (EMAIL, FACTS, but(FULL, purposes=None), ALL, "purpose"),
    (EMAIL, FACTS, but(FULL, purposes=[]), ALL, "purpose"),
    (EMAIL, FACTS, but(FULL, regions=None), ALL, "region"),
    (EMAIL, FACTS, but(FULL, regions=[]), ALL, "region"),
    (EMAIL, FACTS, but(FULL, environment=None), ALL, "environment"),
    (EMAIL, FACTS, but(FULL, regimes=None), ALL, "regime"),
    (HEALTH, {}, but(PRIVATE, inputs_may_train=None), DEFAULT, "usage"),
    (EMAIL, {}, but(LEARNER, usage=["rag"], inputs_may_train=None), only("consent"), "consent"),
    (EMAIL, but(FACTS, environment="attic"), FULL, ALL, "environment"),
    (EMAIL, {}, PRIVATE, ALL, "purpose region environment"),
    (PUBLIC, {}, PUBLIC_BOT, REGIONS, "region"),
    (None, FACTS, FULL, ALL, "state"),
    (None, {}, PUBLIC_BOT, DEFAULT, "state"),
    (Label("secret"), {}, PRIVATE, DEFAULT, "state"),
]


# The rules that need declared facts: label, facts, solution, policy, where the dataset lies -> rules that speak
DECLARED_YES: list[tuple[Any, ...]] = [
    (EMAIL, TOLD, LEARNER, EVERY, LAKE),
    (NAME, TOLD, LEARNER, EVERY, LAKE),
    (DATES, TOLD, LEARNER, EVERY, LANDING),
    (DATES, but(TOLD, age_groups=None, legal_basis=None, consent_reference=None), LEARNER, EVERY, LAKE),
    (EMAIL, {"restricted_uses": []}, FULL, only("restricted_uses"), LAKE),
    (EMAIL, {"restricted_uses": ["functional.storage", "train_ai_system"]}, FULL, only("restricted_uses"), LAKE),
    (EMAIL, {}, FULL, only("stores"), LAKE),
    (EMAIL, {}, FULL, only("stores"), "s3://landing-zone/orders"),
    (TOKENS, {}, FULL, only("stores"), LANDING),
    (PUBLIC, {}, FULL, only("stores"), RAW),
    (EMAIL, {"source": "crm", "reputation": "known"}, FULL, only("sources"), LAKE),
    (EMAIL, {"obsolete_from": "2026-06-02"}, FULL, only("obsolescence"), LAKE),
    (EMAIL, {"retention_days": 31}, LEARNER, only("retention"), LAKE),
    (EMAIL, {"retention_days": 1}, but(FULL, retention_days=0), only("retention"), LAKE),
    (EMAIL, {"legal_basis": "consent", "consent_reference": "C-17"}, LEARNER, only("consent"), LAKE),
    (EMAIL, {}, FULL, only("consent"), LAKE),
    (NAME, {}, LEARNER, only("consent"), LAKE),
    (EMAIL, {"age_groups": ["adults"]}, LEARNER, only("age_groups"), LAKE),
    (EMAIL, {"age_groups": ["adults", "teenagers"]}, but(FULL, usage=["rag"]), only("age_groups"), LAKE),
    (EMAIL, {}, FULL, only("age_groups"), LAKE),
    (DATES, {}, LEARNER, only("age_groups"), LAKE),
    (EMAIL, {}, FULL, only("needs"), LAKE),
    (GENDER, {}, but(FULL, purposes=["functional", "analytics"]), only("needs"), LAKE),
    (DATES, {}, FULL, only("needs"), LAKE),
]
DECLARED_NO: list[tuple[Any, ...]] = [
    (EMAIL, {"restricted_uses": ["functional"]}, FULL, only("restricted_uses"), LAKE, "restricted-use"),
    (EMAIL, {"restricted_uses": ["train_ai_system"]}, LEARNER, only("restricted_uses"), LAKE, "restricted-use"),
    (EMAIL, {"restricted_uses": ["functional.service.x"]}, FULL, only("restricted_uses"), LAKE, "restricted-use"),
    (EMAIL, {}, FULL, only("stores"), LANDING, "store"),
    (EMAIL, {}, FULL, only("stores"), "s3://landing", "store"),
    (TOKENS, {}, FULL, only("stores"), RAW, "store"),
    (TOKENS, {}, FULL, only("stores"), RAW.replace("raw.p", "RAW.P"), "store"),
    (EMAIL, {"source": "web", "reputation": "trusted"}, FULL, only("sources"), LAKE, "source"),
    (EMAIL, {"source": "crm", "reputation": "unknown"}, FULL, only("sources"), LAKE, "source"),
    (EMAIL, {"source": "web"}, FULL, only("sources"), LAKE, "source source"),
    (EMAIL, {"obsolete_from": "2026-06-01"}, FULL, only("obsolescence"), LAKE, "obsolescence"),
    (EMAIL, {"retention_days": 29}, LEARNER, only("retention"), LAKE, "retention"),
    (EMAIL, {"legal_basis": "contract"}, LEARNER, only("consent"), LAKE, "consent"),
    (EMAIL, {"legal_basis": "contract", "consent_reference": "C-17"}, LEARNER, only("consent"), LAKE, "consent"),
    (EMAIL, {"age_groups": ["adults", "children"]}, LEARNER, only("age_groups"), LAKE, "age-group"),
    (EMAIL, {"age_groups": ["Adults"]}, LEARNER, only("age_groups"), LAKE, "age-group"),
    (EMAIL, {"age_groups": ["teenagers"]}, but(FULL, usage=["rag", "training"]), only("age_groups"), LAKE, "age-group"),
    (GENDER, {}, FULL, only("needs"), LAKE, "need"),
    (EMAIL, {}, but(FULL, purposes=["analytics"]), only("needs"), LAKE, "need"),
    # What objects wins over what is not known.
    (EMAIL, but(TOLD, retention_days=None, legal_basis="contract"), LEARNER, EVERY, LAKE, "retention consent"),
    (EMAIL, {}, FULL, EVERY, LANDING,
     "purpose restricted-use region environment store source source obsolescence retention"),
    (NAME, but(TOLD, age_groups=["children"], source=None), LEARNER, EVERY, LAKE, "source age-group"),
]  # fmt: skip
DECLARED_CANT_TELL: list[tuple[Any, ...]] = [
    (EMAIL, {"restricted_uses": ["marketting"]}, FULL, only("restricted_uses"), LAKE, "restricted-use"),
    (
        EMAIL,
        {"restricted_uses": ["sales"]},
        but(FULL, purposes=["Sales"]),
        only("restricted_uses"),
        LAKE,
        "restricted-use",
    ),
    # Each fact of the dataset in turn, where all the rest is well.
    (EMAIL, but(TOLD, purposes=None), LEARNER, EVERY, LAKE, "purpose"),
    (EMAIL, but(TOLD, restricted_uses=None), LEARNER, EVERY, LAKE, "restricted-use"),
    (EMAIL, but(TOLD, regions=None), LEARNER, EVERY, LAKE, "region"),
    (EMAIL, but(TOLD, environment=None), LEARNER, EVERY, LAKE, "environment"),
    (EMAIL, but(TOLD, source=None), LEARNER, EVERY, LAKE, "source"),
    (EMAIL, but(TOLD, reputation=None), LEARNER, EVERY, LAKE, "source"),
    (EMAIL, but(TOLD, obsolete_from=None), LEARNER, EVERY, LAKE, "obsolescence"),
    (EMAIL, but(TOLD, retention_days=None), LEARNER, EVERY, LAKE, "retention"),
    (EMAIL, but(TOLD, legal_basis=None), LEARNER, EVERY, LAKE, "consent"),
    (EMAIL, but(TOLD, consent_reference=None), LEARNER, EVERY, LAKE, "consent"),
    (EMAIL, but(TOLD, age_groups=None), LEARNER, EVERY, LAKE, "age-group"),
    (EMAIL, TOLD, LEARNER, EVERY, None, "store"),
    (None, TOLD, LEARNER, EVERY, LAKE, "state"),
    # Each of the solution's, and what the policy does not say.
    (EMAIL, TOLD, but(LEARNER, regimes=None), EVERY, LAKE, "regime"),
    (EMAIL, TOLD, but(LEARNER, purposes=None), EVERY, LAKE, "purpose restricted-use need"),
    (EMAIL, TOLD, but(LEARNER, regions=None), EVERY, LAKE, "region"),
    (EMAIL, TOLD, but(LEARNER, environment=None), EVERY, LAKE, "environment"),
    (EMAIL, TOLD, but(LEARNER, retention_days=None), EVERY, LAKE, "retention"),
    (EMAIL, {}, but(FULL, purposes=["personalise"]), only("needs"), LAKE, "need"),
    (GENDER, {}, but(FULL, purposes=["functional", "personalise"]), only("needs"), LAKE, "need"),
]


def judge(case: tuple[Any, ...], **more: Any) -> Verdict:
    label, facts, solution, policy = case[:4]
    return decide(label, facts, Solution.model_validate(solution), policy, today=DAY, **more)


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        *((case, "clear") for case in DECLARED_YES),
        *((case, "conflict") for case in DECLARED_NO),
        *((case, "undecidable") for case in DECLARED_CANT_TELL),
    ],
)
def test_what_an_owner_declares_decides(case: tuple[Any, ...], outcome: str) -> None:
    verdict = judge(case, dataset=case[4])
    rules = case[5] if len(case) > 5 else ""
    assert (verdict.verdict, " ".join(conflict.rule for conflict in verdict.conflicts)) == (outcome, rules)
    assert all(conflict.remedy and conflict.where for conflict in verdict.conflicts if conflict.rule != "state")
    assert all(conflict.definite != ("missing" in conflict.facts) for conflict in verdict.conflicts)


def test_a_column_that_no_purpose_needs_is_named() -> None:
    verdict = judge((NAME, {}, FULL, only("needs")), column_labels={"who": NAME, "sex": GENDER, "day": DATES})
    assert [(conflict.rule, conflict.column) for conflict in verdict.conflicts] == [("need", "sex")]


def test_the_table_is_large_enough_to_mean_something() -> None:
    assert len(YES) >= 20 and len(YES) + len(NO) + len(CANT_TELL) >= 60


@pytest.mark.parametrize("case", YES)
def test_yes(case: tuple[Any, ...]) -> None:
    verdict = judge(case)
    assert (verdict.verdict, verdict.conflicts, verdict.exit_code) == ("clear", (), ExitCode.CLEAR)


@pytest.mark.parametrize("case", NO)
def test_no(case: tuple[Any, ...]) -> None:
    verdict = judge(case)
    assert (verdict.verdict, verdict.exit_code) == ("conflict", ExitCode.CONFLICT)
    assert " ".join(conflict.rule for conflict in verdict.conflicts) == case[4]
    assert all(conflict.remedy for conflict in verdict.conflicts)


@pytest.mark.parametrize("case", CANT_TELL)
def test_cant_tell(case: tuple[Any, ...]) -> None:
    verdict = judge(case)
    assert (verdict.verdict, verdict.exit_code) == ("undecidable", ExitCode.UNDECIDABLE)
    assert " ".join(conflict.rule for conflict in verdict.conflicts) == case[4]
    assert all(conflict.facts["missing"] and conflict.remedy for conflict in verdict.conflicts)


@pytest.mark.parametrize(
    "state", ["changed", "unlabelled", "unreadable", "unproved", "other-policy", "a state of tomorrow"]
)
@pytest.mark.parametrize("case", [YES[0], NO[1], CANT_TELL[0]])
def test_a_label_that_no_longer_speaks_for_the_data_decides_nothing(case: tuple[Any, ...], state: Any) -> None:
    verdict = judge(case, state=state)
    assert verdict.verdict == "undecidable"
    assert [conflict.rule for conflict in verdict.conflicts] == ["state"]


def test_a_sample_may_refuse_but_not_clear() -> None:
    assert judge(YES[0], state="sampled").verdict == "undecidable"
    assert judge(NO[1], state="sampled").verdict == "conflict"


# ---- columns ----

COLUMNS = {"id": PUBLIC, "email": EMAIL, "card": CARD}


def test_each_column_above_the_clearance_is_its_own_conflict() -> None:
    verdict = decide(
        combine(COLUMNS.values(), DEFAULT.levels), {}, Solution.model_validate(PUBLIC_BOT), DEFAULT,
        column_labels=COLUMNS, column_types={"email": ["EMAIL_ADDRESS"], "card": ["CREDIT_CARD"], "id": []},
    )  # fmt: skip
    level = {conflict.column: conflict for conflict in verdict.conflicts if conflict.rule == "level"}
    assert sorted(level, key=str) == ["card", "email"]
    assert "token EMAIL_ADDRESS (rule tokenised lowers it to internal)" in level["email"].remedy
    [hosting] = [conflict for conflict in verdict.conflicts if conflict.rule == "hosting"]
    assert hosting.facts["columns"] == ["card", "email"] and hosting.facts["level"] == "restricted"
    [regime] = [conflict for conflict in verdict.conflicts if conflict.rule == "regime"]
    assert regime.facts["columns"] == ["card"]
    assert regime.remedy.startswith("redact or suppress, mask as in rule truncated-pan what falls under PCI DSS")


@pytest.mark.parametrize(
    ("regimes", "remedy"),
    [
        (["GDPR", "CCPA", "PCI DSS"], "token CREDIT_CARD (rule tokenised lowers it to internal)"),
        (
            ["GDPR", "CCPA"],
            "mask CREDIT_CARD, keep_last: 4 (rule truncated-pan lowers it to internal; token, the policy's own, leaves "
            "it under PCI DSS)",
        ),
        (["PCI DSS"], "redact or suppress CREDIT_CARD"),
        (None, "token CREDIT_CARD (rule tokenised lowers it to internal)"),
    ],
)
def test_the_remedy_of_a_column_is_one_that_the_solutions_regimes_let_it_have(
    regimes: list[str] | None, remedy: str
) -> None:
    solution = Solution.model_validate({**PUBLIC_BOT, "regimes": regimes})
    card = DEFAULT.label_of("CREDIT_CARD")
    verdict = decide(card, {}, solution, DEFAULT, column_labels={"c": card}, column_types={"c": ["CREDIT_CARD"]})
    [level] = [conflict for conflict in verdict.conflicts if conflict.rule == "level"]
    assert level.remedy == f"protect the column: {remedy}"


def test_a_column_above_its_datasets_label_still_counts() -> None:
    verdict = judge((PUBLIC, {}, PUBLIC_BOT, DEFAULT), column_labels={"card": CARD})
    assert [conflict.rule for conflict in verdict.conflicts] == ["level", "hosting", "regime"]


def test_a_dataset_above_all_its_columns_still_counts() -> None:
    verdict = judge((CARD, {}, PUBLIC_BOT, DEFAULT), column_labels={"id": PUBLIC})
    assert ("level", None) in [(conflict.rule, conflict.column) for conflict in verdict.conflicts]


def test_a_column_with_a_level_of_another_policy_is_undecidable() -> None:
    verdict = judge((PUBLIC, {}, PUBLIC_BOT, DEFAULT), column_labels={"x": Label("secret")})
    assert verdict.verdict == "undecidable"


def test_the_remedy_does_not_promise_what_the_method_does_not_do() -> None:
    solution = Solution.model_validate({**PUBLIC_BOT, "clearance": "public"})
    verdict = decide(EMAIL, {}, solution, DEFAULT, column_labels={"e": EMAIL}, column_types={"e": ["EMAIL_ADDRESS"]})
    assert verdict.conflicts[0].remedy == "protect the column: redact or suppress EMAIL_ADDRESS"


# ---- form ----


DOCS = Path(__file__).parents[3] / "docs" / "concepts"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("labels-and-verdicts.md", [*Solution.model_fields, *Facts.model_fields]),
        ("policy.md", [*PolicyFile.model_fields, *Rules.model_fields, *DeidentificationRule.model_fields]),
    ],
)
def test_every_key_a_reader_may_write_is_documented(page: str, names: list[str]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_examples_in_the_documentation_load(tmp_path: Path) -> None:
    examples = re.findall(
        r"^```yaml title=(\w+)\n(.*?)^```", "".join(page.read_text() for page in sorted(DOCS.glob("*.md"))), re.M | re.S
    )
    kinds = [kind for kind, _ in examples]
    assert {"policy", "solution"} <= set(kinds)
    for number, (kind, text) in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        if kind == "policy":
            load_policy(path)
        elif kind == "solution":
            load_solutions(path)


def test_the_json_contract() -> None:
    assert judge(YES[0]).to_dict() == {"verdict": "clear", "conflicts": []}
    [conflict] = judge(NO[0]).to_dict()["conflicts"]
    assert sorted(conflict) == ["column", "definite", "facts", "remedy", "rule", "waived", "where"]
    assert conflict["facts"] == {"level": "internal", "clearance": "public"}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"region": ["eu"]}, "unknown key"),
        ({"regions": [1]}, "a list of names"),
        ({"regions": {"eu": True}}, "a list of names"),
        ({"environment": ["production"]}, "environment"),
        ({"environment": ""}, "environment"),
    ],
)
def test_a_fact_that_is_not_one_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        judge((PUBLIC, facts, PUBLIC_BOT, DEFAULT))


def test_a_clearance_that_is_no_level_is_refused() -> None:
    with pytest.raises(PolicyError, match="bot is cleared for top, no level of clearance-default"):
        judge((PUBLIC, {}, {**PUBLIC_BOT, "clearance": "top"}, DEFAULT))


# ---- properties ----

LABELS = [None, PUBLIC, TOKENS, EMAIL, CARD, HEALTH, HEALTH_TOKENS, PASSWORD, SECRET, DATES, NAME, GENDER]
POLICIES = [DEFAULT, PURPOSES, REGIONS, PLACES, ALL, EVERY, *map(only, DECLARED)]
STATES: list[Any] = ["current", "current", "current", "changed", "sampled"]
PURPOSE_NAMES = ["functional", "functional.service", "analytics", "marketing"]
FACT_VALUES: dict[str, Any] = {
    "purposes": PURPOSE_NAMES, "restricted_uses": PURPOSE_NAMES, "regions": ["eu", "us", "eu-central-1"],
    "environment": ("production", "development", "attic"), "source": ("crm", "web"),
    "reputation": ("trusted", "unknown"), "legal_basis": ("consent", "contract"), "consent_reference": ("C-17",),
    "age_groups": ["adults", "teenagers", "children"], "obsolete_from": ("2026-05-31", "2026-06-02"),
    "retention_days": (1, 30, 40),
}  # fmt: skip
WANTED: dict[str, Any] = {
    "purposes": PURPOSE_NAMES, "regions": ["eu", "us", "eu-central-1"], "regimes": ["GDPR", "HIPAA", "PCI DSS"],
    "environment": ("production", "development"), "retention_days": (0, 30, 40), "inputs_may_train": (False,),
}  # fmt: skip


def some(values: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """Each fact in four of five cases: one of a tuple, a few of a list."""
    return {
        key: chance.choice(of) if isinstance(of, tuple) else chance.sample(of, chance.randint(0, len(of)))
        for key, of in values.items()
        if chance.random() < 0.8
    }


def made_up(chance: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    solution = {
        "name": "s",
        "owner": "o",
        "hosting": chance.choice(["public", "vendor", "private", "private"]),
        "clearance": chance.choice([*DEFAULT.levels.names, "restricted"]),
        "usage": chance.sample(["training", "rag", "analytics"], chance.randint(1, 2)),
        **some(WANTED, chance),
    }
    case = (chance.choice(LABELS), some(FACT_VALUES, chance), solution, chance.choice(POLICIES))
    return case, {"state": chance.choice(STATES), "dataset": chance.choice([LAKE, LAKE, LANDING, None])}


def with_less(case: tuple[Any, ...], more: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The case without each of its declared facts in turn."""
    label, facts, solution, policy = case[:4]
    for key in facts:
        yield (label, but(facts, **{key: None}), solution, policy), more
    for key in WANTED.keys() & solution.keys():
        yield (label, facts, but(solution, **{key: None}), policy), more
    yield (None, facts, solution, policy), more
    yield (label, facts, solution, policy), {**more, "dataset": None}


def test_taking_a_fact_away_never_turns_a_no_into_a_yes() -> None:
    chance = random.Random(6)
    tables = [(case, {"dataset": LAKE}) for case in (*YES, *NO, *CANT_TELL)]
    tables += [(case, {"dataset": case[4]}) for case in (*DECLARED_YES, *DECLARED_NO, *DECLARED_CANT_TELL)]
    counts = dict.fromkeys(("clear", "conflict", "undecidable"), 0)
    for case, more in [*tables, *(made_up(chance) for _ in range(250))]:
        before = judge(case, **more)
        counts[before.verdict] += 1
        if before.verdict == "clear":
            continue
        for less, rest in with_less(case, more):
            # Of what is left, more may be taken away still.
            for fewer, least in [(less, rest), *with_less(less, rest)][: 2 if chance.random() < 0.9 else None]:
                assert judge(fewer, **least).verdict != "clear", (case, fewer)
    assert min(counts.values()) > 50, counts


def test_adding_data_never_turns_a_no_into_a_yes() -> None:
    chance = random.Random(7)
    for _ in range(400):
        (label, facts, solution, policy), more = made_up(chance)
        extra = chance.choice(LABELS)
        if label is None or extra is None:
            continue
        after = judge((combine([label, extra], policy.levels), facts, solution, policy), **more)
        if judge((label, facts, solution, policy), **more).verdict != "clear":
            assert after.verdict != "clear"


def test_clear_means_nothing_to_object_and_only_clear_exits_0() -> None:
    chance = random.Random(8)
    for _ in range(300):
        case, more = made_up(chance)
        verdict = judge(case, **more)
        assert (verdict.verdict == "clear") == (not verdict.conflicts) == (verdict.exit_code == 0)
        if verdict.verdict == "conflict":
            assert any(conflict.definite for conflict in verdict.conflicts)
        assert judge((case[0], Facts.model_validate(case[1]), *case[2:]), **more) == verdict
