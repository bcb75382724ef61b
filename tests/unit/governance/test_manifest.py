"""Manifests: the standard's files, strictly read, and never a way to say less than what was seen."""

import copy
import hashlib
import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from clearance.errors import PolicyError
from clearance.governance import manifest
from clearance.governance.decisions import Verdict, decide, read_facts
from clearance.governance.declarations import declaration_conflicts, disagreements, undeclared, with_declared
from clearance.governance.labels import Label
from clearance.governance.manifest import Manifest, load_manifest
from clearance.governance.manifest_draft import draft
from clearance.governance.policy import Policy, load_policy
from clearance.governance.solutions import Solution

POLICY = load_policy()
TODAY = date(2027, 1, 31)
COLUMNS = {
    "e-mail": POLICY.label_of("EMAIL_ADDRESS"),
    "a b.c": POLICY.label_of("US_SSN"),
    "größe": Label("public"),
}
TYPES = {"e-mail": ("EMAIL_ADDRESS",), "a b.c": ("US_SSN",), "größe": ()}
SQL = {"e-mail": "string", "a b.c": "string", "größe": "decimal(10,2)"}
LABEL = Label(
    "restricted",
    COLUMNS["e-mail"].categories | COLUMNS["a b.c"].categories,
    COLUMNS["e-mail"].regimes | COLUMNS["a b.c"].regimes,
)


def content() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        draft("data/people", "file:///data/people", LABEL, COLUMNS, TYPES, SQL, date(2031, 1, 31))
    )
    return found


def read(folder: Path, data: dict[str, Any], policy: Policy = POLICY) -> Manifest:
    file = folder / "people.yaml"
    file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True))
    return load_manifest(file, policy)


def compared(
    manifest: Manifest, columns: dict[str, Label] = COLUMNS, label: Label = LABEL
) -> set[tuple[str, str | None]]:
    found = disagreements(manifest, columns, TYPES, SQL, label, POLICY, TODAY)
    return {(one.kind, one.column) for one in found}


def set_property(data: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    kept = [item for item in data["customProperties"] if item["property"] != f"clearance.{name}"]
    data["customProperties"] = kept + ([] if value is None else [{"property": f"clearance.{name}", "value": value}])
    return data


def test_a_draft_is_valid_and_agrees_with_its_scan(tmp_path: Path) -> None:
    manifest = read(tmp_path, content())
    assert manifest.dataset == "data/people" and set(manifest.columns) == set(COLUMNS)
    assert manifest.label(POLICY) == LABEL
    assert compared(manifest) == set()


def test_the_standard_is_held_to_as_it_was_published() -> None:
    """ODCS v3.1.0, as `datacontract lint` has it (datacontract-cli 1.2.8, which lets a schema be a blob besides)."""
    schema = json.loads(Path(manifest.__file__).with_name("odcs_schema.json").read_text(encoding="utf-8"))
    told = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
    assert told == "e0cc9f6a891f881aab9cd3c1b2ad76f85334cae6715feb9e614d9b12dc75f852"


def test_what_is_declared_is_a_fact(tmp_path: Path) -> None:
    data = set_property(set_property(content(), "purposes", ["functional.service"]), "residency", ["eu"])
    data = set_property(data, "provenance", {"source": "CRM export", "reputation": "trusted"})
    data = set_property(data, "obsoleteFrom", date(2031, 1, 31))
    data = set_property(set_property(data, "ageGroups", ["adults"]), "restrictedUses", [])
    found = read(tmp_path, data).facts("file:///data/orders")
    assert found == {
        "purposes": ["functional.service"], "regions": ["eu"], "source": "CRM export", "reputation": "trusted",
        "obsolete_from": "2031-01-31", "age_groups": ["adults"], "restricted_uses": [],
    }  # fmt: skip
    assert read_facts(found).obsolete_from == "2031-01-31"
    assert read(tmp_path, content()).facts("file:///data/orders") == {"obsolete_from": "2031-01-31"}


def broken(change: Any) -> dict[str, Any]:
    data = content()
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(apiVersion="v3.0.0"), r"people\.yaml:1: apiVersion"),
        (lambda d: d.pop("status"), "status"),
        (lambda d: d.update(colour="red"), "colour"),
        (lambda d: d["schema"].append({"name": "second"}), "declares one dataset, this has 2"),
        (lambda d: set_property(d, "residancy", ["eu"]), r"people\.yaml:\d+: residancy: unknown key"),
        (lambda d: set_property(d, "obsoletFrom", "2027-01-01"), r"unknown key\nhint: did you mean 'obsoleteFrom'"),
        (lambda d: set_property(d, "obsoleteFrom", "soon"), r"a date such as 2026-12-31 is expected"),
        (lambda d: set_property(d, "retentionDays", "a year"), r"people\.yaml:\d+: retentionDays: a whole number"),
        (lambda d: set_property(d, "classification", "secret"), "clearance.classification: unknown name 'secret'"),
        (lambda d: set_property(d, "categories", ["user.nmae"]), "unknown name 'user.nmae'"),
        (lambda d: d["schema"][0]["properties"][0].update(classification="secret"), r"people\.yaml:\d+: unknown level"),
        (lambda d: d["schema"][0]["properties"].append({"name": "e-mail"}), "e-mail is declared twice"),
        (
            lambda d: d.update(
                team={"members": [{"username": "ana", "role": "author"}, {"username": "ana", "role": "approver"}]}
            ),
            "ana is author and approver",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        read(tmp_path, broken(change))


def test_an_entity_type_that_the_policy_lacks_is_told_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    data = content()
    for entry, name in zip(data["schema"][0]["properties"], ("EMAIL_ADRESS", "UNKNOWN", "PERSON"), strict=True):
        entry["customProperties"] = [{"property": "clearance.entityTypes", "value": [name]}]
    (told,) = read(tmp_path, data).strange_types(POLICY)
    lines = (tmp_path / "people.yaml").read_text().splitlines()
    assert lines[int(told.split(":")[1]) - 1].strip() == "- property: clearance.entityTypes"
    assert "e-mail: no entity type 'EMAIL_ADRESS' in the policy; did you mean 'EMAIL_ADDRESS'?" in told


def test_every_disagreement_is_found(tmp_path: Path) -> None:
    data = content()
    mail, ssn, size = data["schema"][0]["properties"]
    ssn["classification"] = "internal"
    size["classification"] = "confidential"
    size["physicalType"] = "string"
    mail["customProperties"] = [{"property": "clearance.entityTypes", "value": ["PERSON"]}]
    data["schema"][0]["properties"].append({"name": "gone"})
    set_property(data, "obsoleteFrom", date(2027, 1, 31))
    set_property(data, "regimes", ["CCPA"])
    set_property(data, "classification", "confidential")
    found = compared(read(tmp_path, data), {**COLUMNS, "new": Label("public")})
    assert found == {
        ("under-labelled", "a b.c"),
        ("over-labelled", "größe"),
        ("changed-type", "größe"),
        ("undeclared-type", "e-mail"),
        ("undeclared-column", "new"),
        ("missing-column", "gone"),
        ("obsolete", None),
        ("undeclared-regime", None),
        ("under-labelled", None),
        ("not-declared", "e-mail"),
    }


def test_a_declaration_raises_and_never_lowers(tmp_path: Path) -> None:
    data = content()
    data["schema"][0]["properties"][1]["classification"] = "public"
    data["schema"][0]["properties"][2]["classification"] = "restricted"
    columns, label = with_declared(read(tmp_path, data), COLUMNS, LABEL, POLICY)
    assert columns["a b.c"].level == "restricted" and columns["größe"].level == "restricted"
    assert label == LABEL


# ---- what is left out ----


def solutions() -> list[Solution]:
    """Of each hosting and usage, for everything, for little, and for the regimes that were observed."""
    common = {"name": "bot", "owner": "web", "inputs_may_train": False, "purposes": ["functional"]}
    every, own = sorted(POLICY.content.regimes), sorted(LABEL.regimes)
    wanted: list[dict[str, Any]] = [
        {"hosting": "private", "clearance": "restricted", "usage": ["inference"], "regimes": own},
        {"hosting": "private", "clearance": "restricted", "usage": ["analytics"], "regimes": every},
        {"hosting": "private", "clearance": "restricted", "usage": ["training"], "regimes": every},
        {"hosting": "vendor", "clearance": "confidential", "usage": ["rag"], "regimes": own},
        {"hosting": "private", "clearance": "public", "usage": ["inference"]},
        {"hosting": "public", "clearance": "restricted", "usage": ["fine-tuning"], "regimes": []},
        {"hosting": "private", "clearance": "restricted", "usage": ["inference"], "regimes": own,
         "inputs_may_train": None},
    ]  # fmt: skip
    return [Solution.model_validate({**common, **each}) for each in wanted]


SCANS: list[tuple[dict[str, Label], dict[str, tuple[str, ...]], Label]] = [
    (COLUMNS, TYPES, LABEL),
    ({path: Label("public") for path in COLUMNS}, dict.fromkeys(COLUMNS, ()), Label("public")),
]
WRONG: dict[str, Any] = {
    "classification": "restricted", "categories": ["user.health_and_medical"], "regimes": ["HIPAA"],
    "entityTypes": [], "obsoleteFrom": date(2027, 1, 31), "provenance": {"source": "web"}, "subjects": ["patient"],
    "purposes": [], "residency": [], "restrictedUses": ["functional"], "ageGroups": ["children"], "retentionDays": 1,
    "environment": "attic", "legalBasis": "contract",
}  # fmt: skip
TOLD: dict[str, Any] = {
    "purposes": ["functional"], "residency": ["eu"], "retentionDays": 30, "restrictedUses": ["marketing"],
    "environment": "production", "provenance": {"source": "crm"}, "ageGroups": ["adults"], "legalBasis": "consent",
}  # fmt: skip
STRICT = Policy(
    POLICY.content.model_copy(
        update={
            "rules": POLICY.rules.model_copy(
                update={
                    "obsolescence": True,
                    "restricted_uses": True,
                    "age_groups": {"training": frozenset({"adults"})},
                }
            )
        }
    ),
    POLICY.marks,
)


def facts_of(data: dict[str, Any]) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Each thing that is declared: the list that it is in, and its place there."""
    for entry in (data, *data["schema"][0]["properties"]):
        own = entry["customProperties"]
        yield from ((own, number) for number in range(len(own)))
    yield from ((data["schema"][0]["properties"], number) for number in range(len(data["schema"][0]["properties"])))


def answers(folder: Path, data: dict[str, Any], policy: Policy) -> Iterator[str]:
    manifest = read(folder, data, policy)
    for columns, types, label in SCANS:
        beyond = declaration_conflicts(manifest, columns, types, label, policy, today=TODAY)
        left_out = undeclared(manifest, columns, types, label, policy, TODAY)
        with_own, whole = with_declared(manifest, columns, label, policy)
        for solution in solutions():
            yield decide(
                whole, manifest.facts("file:///data/people"), solution, policy, column_labels=with_own,
                column_types=types, more=beyond, undeclared=left_out, today=TODAY,
            ).verdict  # fmt: skip


@pytest.mark.parametrize("policy", [POLICY, STRICT], ids=["default", "strict"])
def test_taking_a_declaration_away_never_turns_a_no_into_a_yes(
    tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was declared of whatever was found: each declared thing in turn, at times with another one."""
    # What is left of a valid contract is one: the standard's schema is most of the time, and of no account here.
    monkeypatch.setattr("clearance.governance.manifest._check_standard", lambda data, marks: None)
    chance, answered = random.Random(6), dict.fromkeys(("clear", "conflict", "undecidable"), 0)
    for share in (0.0, 0.1, 0.1):
        data = content()
        data["customProperties"] += [{"property": f"clearance.{name}", "value": value} for name, value in TOLD.items()]
        for own, number in list(facts_of(data)):
            name = own[number].get("property", "").removeprefix("clearance.")
            if name in WRONG and chance.random() < share:
                own[number] = {**own[number], "value": WRONG[name]}
        for column in data["schema"][0]["properties"]:
            if chance.random() < 2 * share:
                column["classification"] = chance.choice(["public", "restricted"])
        if share == 0.1:
            own, number = chance.choice(list(facts_of(data)))
            del own[number]
        before = list(answers(tmp_path, data, policy))
        for place in range(len(list(facts_of(data))) + len(COLUMNS)):
            less = copy.deepcopy(data)
            for spot in (place, *([chance.randrange(20)] if chance.random() < 0.3 else [])):
                every = list(facts_of(less))
                if spot < len(every):
                    own, number = every[spot]
                    del own[number]
                else:
                    less["schema"][0]["properties"][spot - len(every) - 1].pop("classification", None)
            for then, now in zip(before, answers(tmp_path, less, policy), strict=True):
                answered[then] += 1
                assert then == "clear" or now != "clear", less
    assert min(answered.values()) > 10, answered


@pytest.mark.parametrize(
    ("name", "asked"), [("classification", True), ("categories", True), ("regimes", True), ("subjects", False)]
)
def test_what_a_rule_can_refuse_by_is_asked_for_and_an_empty_list_is_an_answer(
    tmp_path: Path, name: str, asked: bool
) -> None:
    bot = solutions()[4]
    columns, types, label = SCANS[1]
    plain = {"classification": "public", "categories": [], "regimes": [], "subjects": []}
    data = content()
    for entry in (data, *data["schema"][0]["properties"]):
        kept = [item for item in entry["customProperties"] if item["property"] == "clearance.obsoleteFrom"]
        entry["customProperties"] = kept + [{"property": f"clearance.{k}", "value": v} for k, v in plain.items()]
        if entry is not data:
            entry["customProperties"] = [e for e in entry["customProperties"] if "classification" not in e["property"]]
            entry["classification"] = "public"
            entry["customProperties"].append({"property": "clearance.entityTypes", "value": []})

    def judged() -> Verdict:
        manifest = read(tmp_path, data)
        left_out = undeclared(manifest, columns, types, label, POLICY, TODAY)
        more = declaration_conflicts(manifest, columns, types, label, POLICY, today=TODAY)
        return decide(label, {}, bot, POLICY, column_labels=columns, more=more, undeclared=left_out, today=TODAY)

    assert judged().verdict == "clear"
    set_property(data, name, None)
    verdict = judged()
    assert verdict.verdict == ("undecidable" if asked else "clear")
    if asked:
        [conflict] = verdict.conflicts
        assert (conflict.rule, conflict.facts["missing"]) == ("declaration", f"{name} of the dataset")
