"""Manifests: the standard's files, strictly read, and never a way to say less than what was seen."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import PolicyError
from clearance.governance.decisions import decide, read_facts
from clearance.governance.declarations import declaration_conflicts, disagreements, with_declared
from clearance.governance.labels import Label
from clearance.governance.manifest import Manifest, load_manifest
from clearance.governance.manifest_draft import draft
from clearance.governance.policy import load_policy
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
    found: dict[str, Any] = yaml.safe_load(draft("data/people", "file:///data/people", LABEL, COLUMNS, TYPES, SQL))
    return found


def read(folder: Path, data: dict[str, Any]) -> Manifest:
    file = folder / "people.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True))
    return load_manifest(file, POLICY)


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
    assert read(tmp_path, content()).facts("file:///data/orders") == {}


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


def test_every_disagreement_is_found(tmp_path: Path) -> None:
    data = content()
    mail, ssn, size = data["schema"][0]["properties"]
    ssn["classification"] = "internal"
    size["classification"] = "confidential"
    size["physicalType"] = "string"
    mail["customProperties"] = [{"property": "clearance.entityTypes", "value": ["PERSON"]}]
    data["schema"][0]["properties"].append({"name": "gone"})
    set_property(data, "obsoleteFrom", "2027-01-31")
    data["customProperties"][-1]["value"] = date(2027, 1, 31)
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
    }


def test_a_declaration_raises_and_never_lowers(tmp_path: Path) -> None:
    data = content()
    data["schema"][0]["properties"][1]["classification"] = "public"
    data["schema"][0]["properties"][2]["classification"] = "restricted"
    columns, label = with_declared(read(tmp_path, data), COLUMNS, LABEL, POLICY)
    assert columns["a b.c"].level == "restricted" and columns["größe"].level == "restricted"
    assert label == LABEL


@given(gone=st.lists(st.sampled_from(["classification", "categories", "regimes", "e-mail", "a b.c", "größe"])))
def test_taking_a_declaration_away_never_opens_the_gate(tmp_path_factory: Any, gone: list[str]) -> None:
    data = content()
    for name in gone:
        set_property(data, name, None)
        kept = [column for column in data["schema"][0]["properties"] if column["name"] != name]
        data["schema"][0]["properties"] = kept
    manifest = read(tmp_path_factory.mktemp("m"), data)
    wants = Solution.model_validate(
        {"name": "bot", "owner": "web", "hosting": "private", "clearance": "restricted", "usage": ["inference"],
         "regimes": sorted(LABEL.regimes)}
    )  # fmt: skip
    columns, label = with_declared(manifest, COLUMNS, LABEL, POLICY)
    more = declaration_conflicts(manifest, COLUMNS, TYPES, LABEL, POLICY, today=TODAY)
    verdict = decide(label, {}, wants, POLICY, column_labels=columns, column_types=TYPES, more=more).verdict
    undeclared = set(gone) & set(COLUMNS)
    assert verdict == ("conflict" if undeclared else "clear")
