"""Policies of several files, packs, claims, and tests that a policy carries."""

from pathlib import Path
from typing import Any

import pytest

from clearance.errors import PolicyError
from clearance.governance import policy_sources
from clearance.governance.policy import Policy, load_policy
from clearance.governance.policy_rules import Rules
from clearance.governance.policy_sources import pack_names
from clearance.governance.policy_tests import run_tests

PACKS = ["ccpa", "coppa", "gdpr", "hipaa-safe-harbor", "pci-dss", "pdpa"]
HEAD = "version: 1\nname: ours\nextends: default\n"


def files(folder: Path, **texts: str) -> Policy:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return load_policy(folder / "policy.yaml")


def test_files_are_put_together_and_every_place_keeps_its_own_file_and_line(tmp_path: Path) -> None:
    policy = files(
        tmp_path,
        policy=f"{HEAD}include: [types.yaml]\nentity_types:\n  EMAIL_ADDRESS: {{level: internal, method: token}}\n",
        types="include: [more.yaml]\nentity_types:\n"
        "  EMAIL_ADDRESS: {level: restricted, method: redact}\n  PERSON: {level: restricted, method: redact}\n",
        more="rules: {purposes: true}\ncolumns:\n  a.b: {method: redact}\n",
    )
    assert policy.entity("EMAIL_ADDRESS").level == "internal"  # the policy itself wins
    assert policy.entity("PERSON").level == "restricted"
    assert policy.rules.purposes and policy.column_method("a.b") == {"name": "redact"}
    assert policy.where_type("EMAIL_ADDRESS") == f"{tmp_path}/policy.yaml:6"
    assert policy.where_type("PERSON") == f"{tmp_path}/types.yaml:4"
    assert policy.where("rules", "purposes") == f"{tmp_path}/more.yaml:1"
    assert policy.where_type("US_SSN").startswith("default_policy.yaml:")


def test_the_digest_is_of_what_is_said_not_of_where(tmp_path: Path) -> None:
    rule = "entity_types:\n  PERSON: {level: restricted, method: redact}\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    split = files(tmp_path / "a", policy=f"{HEAD}include: [t.yaml]\n", t=rule)
    assert split.label_digest == files(tmp_path / "b", policy=HEAD + rule).label_digest
    wants = "{hosting: private, clearance: internal, usage: [rag]}"
    tested = f"tests:\n  - {{name: t, columns: {{}}, solution: {wants}, expect: clear}}\n"
    assert split.label_digest == files(tmp_path / "b", policy=HEAD + rule + tested).label_digest


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a": "entity_types: {PERSON: {level: secret, method: redact}}\n"}, r"a\.yaml:1: .*unknown level 'secret'"),
        ({"a": "rulse: {}\n"}, r"a\.yaml:1: rulse: unknown key"),
        ({"a": "rules:\n  purposes: maybe\n"}, r"a\.yaml:2: rules.purposes: true or false"),
        ({"a": "levels: [x, y]\n"}, r"a\.yaml:1: levels is for the policy that includes"),
        ({"a": "extends: default\n"}, r"a\.yaml:1: extends is for"),
        ({"a": "include: [policy.yaml]\n"}, r"a\.yaml:1: policy\.yaml includes itself"),
        ({"a": "x: [\n"}, r"policy\.yaml:4: .*a\.yaml"),
        ({}, r"policy\.yaml:4: .*a\.yaml: no such file"),
    ],
)
def test_an_error_in_an_included_file_names_that_file(texts: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=message):
        files(tmp_path, policy=f"{HEAD}include: [a.yaml]\n", **texts)


def test_two_included_files_must_not_contradict_each_other(tmp_path: Path) -> None:
    one, two = (
        "entity_types:\n  AGE: {level: internal, method: keep}\n",
        "entity_types:\n  AGE: {level: public, method: keep}\n",
    )
    with pytest.raises(PolicyError, match=r"b\.yaml:2: entity_types\.AGE is said otherwise at .*a\.yaml:2"):
        files(tmp_path, policy=f"{HEAD}include: [a.yaml, b.yaml]\n", a=one, b=two)
    settled = files(tmp_path, policy=f"{HEAD}include: [a.yaml]\n{two}", a=one)
    assert settled.entity("AGE").level == "public"


def test_of_rules_that_are_included_the_strictest_holds(tmp_path: Path) -> None:
    policy = files(
        tmp_path,
        policy=f"{HEAD}include: [a.yaml, b.yaml]\n",
        a="rules:\n  hosting: {public: public, vendor: restricted}\n  regimes: false\n"
        "  usage:\n    rag: [user.location]\n"
        "  age_groups: {training: [adults, teenagers]}\n  text_without_model: true\n",
        b="rules:\n  usage:\n    rag:\n      - user.behavior\n"
        "  age_groups: {training: [adults]}\n  text_without_model: false\n  purposes: true\n",
    )
    rules = policy.rules
    assert (rules.hosting.public, rules.hosting.vendor, rules.regimes, rules.purposes) == (
        "public",
        "confidential",
        True,
        True,
    )
    assert {"user.location", "user.behavior", "system.authentication"} <= rules.usage["rag"]
    assert rules.age_groups == {"training": frozenset({"adults"})} and not rules.text_without_model
    assert policy.where("rules", "usage", "rag", "user.location") == f"{tmp_path}/a.yaml:5"
    assert policy.where("rules", "usage", "rag", "user.behavior") == f"{tmp_path}/b.yaml:4"
    assert policy.where("rules", "usage", "rag", "system.authentication").startswith("default_policy.yaml:")
    with pytest.raises(PolicyError, match=r"b\.yaml:1: rules\.stores\.s3://x is said otherwise at .*a\.yaml:1"):
        files(
            tmp_path,
            policy=f"{HEAD}include: [a.yaml, b.yaml]\n",
            a='rules: {stores: {"s3://x": public}}\n',
            b='rules: {stores: {"s3://x": internal}}\n',
        )


# ---- packs ----


def test_the_packs_are_there_and_pass_their_own_tests() -> None:
    assert pack_names() == PACKS
    for name in PACKS:
        tried = list(run_tests(load_policy(f"pack:{name}")))
        assert len(tried) >= 4 and not any(one.problem or one.skipped for one in tried), name
        assert {"clear", "conflict", "undecidable"} <= {one.expected for one in tried} | {"undecidable"}
        assert any(one.expected == "clear" for one in tried) and any(one.expected == "conflict" for one in tried)


@pytest.mark.parametrize("name", PACKS)
def test_every_rule_of_a_pack_cites_its_article(name: str) -> None:
    policy = load_policy(f"pack:{name}")
    claims = [claim.source for entries in policy.content.claims.values() for claim in entries]
    assert claims and all(any(mark.isdigit() for mark in source) for source in claims)
    turned_on = {place[1] for place, line in policy.marks.items() if place[:1] == ("rules",) and len(place) > 1
                 and line.startswith(f"packs/{name}.yaml")}  # fmt: skip
    assert turned_on and turned_on <= policy.content.basis.keys()


def test_safe_harbor_claims_all_eighteen_identifiers() -> None:
    claims = load_policy("pack:hipaa-safe-harbor").content.claims["HIPAA"]
    cited = {claim.source.rpartition("(")[2].rstrip(")") for claim in claims if "164.514(b)(2)(i)" in claim.source}
    assert cited == set("ABCDEFGHIJKLMNOPQR")


def test_all_packs_go_together(tmp_path: Path) -> None:
    policy = files(tmp_path, policy=f"{HEAD}include: [{', '.join(f'pack:{name}' for name in PACKS)}]\n")
    mail = policy.entity("EMAIL_ADDRESS").regimes
    assert {"GDPR", "CCPA", "COPPA", "HIPAA", "PDPA"} == mail.keys() and "PCI DSS" in policy.entity(
        "CREDIT_CARD"
    ).regimes
    assert policy.where_regime("EMAIL_ADDRESS", "HIPAA").startswith("packs/hipaa-safe-harbor.yaml:")
    assert policy.content.basis["retention"].count(";") == 4
    # What nobody classified is personal data until somebody says otherwise.
    assert {"GDPR", "HIPAA"} <= policy.entity("SOMETHING_NEW").regimes.keys()
    reversed_order = files(
        tmp_path, policy=f"{HEAD}include: [{', '.join(f'pack:{name}' for name in reversed(PACKS))}]\n"
    )
    assert {n: r.regimes.keys() for n, r in policy.entity_types.items()} == {
        n: r.regimes.keys() for n, r in reversed_order.entity_types.items()
    }


def test_a_conflict_says_which_article_it_rests_on() -> None:
    from clearance.governance.decisions import decide
    from clearance.governance.solutions import Solution

    policy = load_policy("pack:gdpr")
    wants = Solution.model_validate(
        {"name": "s", "owner": "o", "hosting": "private", "clearance": "restricted", "usage": ["rag"]}
    )
    verdict = decide(policy.label_of("PERSON"), {}, wants, policy)
    assert {c.rule: c.facts.get("basis") for c in verdict.conflicts}["purpose"] == "GDPR Art. 5(1)(b)"
    [purpose] = [conflict for conflict in verdict.conflicts if conflict.rule == "purpose"]
    assert purpose.where.startswith("packs/gdpr.yaml:")


def test_an_unknown_pack_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml:4: there is no pack 'gdrp'") as caught:
        files(tmp_path, policy=f"{HEAD}include: [pack:gdrp]\n")
    assert "did you mean 'gdpr'" in caught.value.hint


# ---- claims ----


def test_a_claim_adds_and_never_takes_away(tmp_path: Path) -> None:
    claims = "claims:\n  GDPR:\n    - {categories: [user.contact], at_least: public, source: Art. 99}\n"
    claims += "    - {entity_types: [UUID], at_least: confidential, source: Art. 98}\n"
    policy = files(tmp_path, policy=HEAD + claims)
    assert policy.entity("EMAIL_ADDRESS").regimes["GDPR"] == "Art. 4(1)"  # its own entry said so
    assert policy.entity("EMAIL_ADDRESS").level == "confidential"
    assert policy.entity("UUID").level == "confidential" and policy.entity("UUID").regimes == {"GDPR": "Art. 98"}
    assert f"Art. 98; {tmp_path}/policy.yaml:7" in policy.explain_type("UUID")
    for wrong, message in (
        ("claims: {XYZ: [{categories: [user], source: s 1}]}", "unknown regime 'XYZ'"),
        ("claims: {GDPR: [{categories: [usr], source: s 1}]}", "unknown category 'usr'"),
        ("claims: {GDPR: [{entity_types: [EMAIL_ADRESS], source: s 1}]}", "unknown entity type 'EMAIL_ADRESS'"),
        ("claims: {GDPR: [{source: s 1}]}", "a claim names categories"),
        ("claims: {GDPR: [{categories: [user]}]}", "source: missing"),
    ):
        with pytest.raises(PolicyError, match=r"policy\.yaml:4: .*" + message):
            files(tmp_path, policy=f"{HEAD}{wrong}\n")


# ---- tests of a policy ----


def case(**changes: Any) -> str:
    import yaml

    wants = {"hosting": "public", "clearance": "internal", "usage": ["inference"], "regimes": ["GDPR", "CCPA"]}
    base = {"name": "mail", "columns": {"mail": "EMAIL_ADDRESS"}, "solution": wants, "expect": "conflict"}
    return yaml.safe_dump({"tests": [{**base, **changes}]})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rules": ["level", "hosting"]},
        {"level": "confidential"},
        {"columns": {"mail": {"types": ["EMAIL_ADDRESS"], "method": "token"}}, "expect": "clear", "level": "internal"},
        {"columns": {"odd": "UNKNOWN"}, "level": "restricted"},
        {"columns": {}, "expect": "clear"},
    ],
)
def test_a_policy_whose_tests_pass_loads(changes: dict[str, Any], tmp_path: Path) -> None:
    assert files(tmp_path, policy=HEAD + case(**changes)).content.tests


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expect": "clear"}, "test 'mail' fails: expected clear, got conflict"),
        ({"rules": ["level"]}, "expected the rules level, got hosting, level"),
        ({"level": "restricted"}, "expected the level restricted, got confidential"),
        ({"columns": {"mail": "EMAIL_ADRESS"}}, "unknown entity type 'EMAIL_ADRESS'"),
        ({"facts": {"region": "eu"}}, "unknown key"),
        ({"solution": {"hosting": "public"}}, "missing"),
        ({"today": "tomorrow"}, "a day is expected"),
    ],
)
def test_a_policy_whose_tests_fail_does_not_load(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml:\d+: .*" + message):
        files(tmp_path, policy=HEAD + case(**changes))


def test_what_a_pack_refuses_stays_refused_unless_the_policy_settles_it(tmp_path: Path) -> None:
    settled = files(tmp_path, policy=f"{HEAD}include: [pack:gdpr]\nrules: {{retention: false}}\n")
    tried = {one.name: one for one in run_tests(settled)}
    assert tried["what may be kept a month is not kept a year"].skipped
    assert tried["without a declared region nothing is given"].got == "undecidable (region)"
    # A type that lost its categories, and a method that lets go of the standard, are seen by the packs' tests.
    bare = "entity_types:\n  US_SSN: {level: restricted, method: token}\n"
    with pytest.raises(PolicyError, match=r"packs/gdpr\.yaml:\d+: .*an identifier of another country"):
        files(tmp_path, policy=f"{HEAD}include: [pack:gdpr]\n{bare}")
    cards = "deidentification:\n  free: {method: token, verify: keyed-check, lowers_to: public, drops: {regimes: all},"
    with pytest.raises(PolicyError, match=r"packs/pci-dss\.yaml:\d+: .*a token of a number stays in scope"):
        files(tmp_path, policy=f"{HEAD}include: [pack:pci-dss]\n{cards} why: w, source: s}}\n")


def test_of_two_policies_the_stricter_switch_holds_whatever_it_is_called() -> None:
    switches = {name for name, field in Rules.model_fields.items() if field.annotation is bool}
    assert switches == policy_sources._EITHER | policy_sources._BOTH
