"""Grants: one must allow the whole request, and whatever is missing is a no."""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import PolicyError
from clearance.governance.policy import Policy, load_policy
from clearance.governance.reversal import Grant, Request, decide, may_be_allowed

GRANT = {
    "who": frozenset({"ana", "bo"}),
    "purposes": frozenset({"fraud"}),
    "datasets": frozenset({"/data/orders", "/lake/", "stdin"}),
    "columns": frozenset({"email", "user.mail"}),
    "entity_types": frozenset({"EMAIL_ADDRESS"}),
    "max_rows": 100,
    "valid_from": date(2026, 1, 1),
    "valid_until": date(2026, 12, 31),
}
ASKED = Request(
    "detokenize",
    "ana",
    "fraud",
    "file:///data/orders",
    {"email": frozenset({"EMAIL_ADDRESS"})},
    100,
    date(2026, 6, 1),
)


def grants(**changes):
    return {"fraud-desk": Grant(**{**GRANT, **changes})}


def test_what_is_granted_is_allowed_by_name():
    assert decide(grants(), ASKED).grant == "fraud-desk"
    assert decide(grants(), replace(ASKED, dataset="file:///lake/a/b")).allowed
    assert decide(grants(columns=None), replace(ASKED, columns={"x": frozenset({"EMAIL_ADDRESS"})})).allowed


@pytest.mark.parametrize(
    "change",
    [
        {"operation": "crosswalk"},
        {"who": "eve"},
        {"purpose": "marketing"},
        {"dataset": "file:///data/orders2"},
        {"dataset": "file:///lakes/a"},
        {"dataset": "stdin2"},
        {"columns": {"email": frozenset({"EMAIL_ADDRESS", "US_SSN"})}},
        {"columns": {"email": frozenset({"EMAIL_ADDRESS"}), "phone": frozenset({"EMAIL_ADDRESS"})}},
        {"columns": {"": frozenset({"EMAIL_ADDRESS"})}},
        {"rows": 101},
        {"rows": -1},
        {"on": date(2025, 12, 31)},
        {"on": date(2027, 1, 1)},
    ],
)
def test_what_is_not_granted_is_refused_with_a_reason(change):
    told = decide(grants(), replace(ASKED, **change))
    assert not told.allowed
    assert "fraud-desk" in told.reason


def test_a_refusal_names_a_column_that_is_not_covered_and_its_types():
    held = frozenset({"EMAIL_ADDRESS", "URL"})
    for path, told in (("note", r"columns or entity types (note: EMAIL_ADDRESS, URL)"), ("", "entity types (EMAIL_A")):
        assert told in decide(grants(), replace(ASKED, columns={path: held})).reason


@given(st.sets(st.sampled_from([f.name for f in fields(Request)]), min_size=1))
def test_a_request_that_lacks_any_fact_is_refused(missing):
    asked = replace(ASKED, **{name: {} if name == "columns" else None for name in missing})
    assert not decide(grants(), asked).allowed
    assert may_be_allowed(grants(), asked).allowed == missing.issubset({"columns", "rows"})


@given(st.sets(st.sampled_from(sorted(GRANT)), min_size=1))
def test_a_grant_that_leaves_anything_out_allows_nothing_more(missing):
    """It is not valid, or what it leaves out was a further limit and the request fits the other."""
    told = {name: value for name, value in GRANT.items() if name not in missing}
    limits = {"columns", "entity_types"}
    if missing <= {*limits, "valid_from"} and not limits <= missing:
        assert decide({"g": Grant(**told)}, ASKED).allowed
        assert not decide({"g": Grant(**told)}, replace(ASKED, columns={"phone": frozenset({"US_SSN"})})).allowed
    else:
        with pytest.raises(ValueError, match=r"missing|columns, entity_types"):
            Grant(**told)


def test_types_that_are_unknown_do_not_fit_a_grant_by_types():
    assert not decide(grants(), replace(ASKED, columns={"email": frozenset()})).allowed


def test_one_grant_must_allow_all_of_it():
    both = {
        "mail": Grant(**{**GRANT, "columns": frozenset({"email"})}),
        "phone": Grant(**{**GRANT, "columns": frozenset({"phone"})}),
    }
    types = frozenset({"EMAIL_ADDRESS"})
    assert not decide(both, replace(ASKED, columns={"email": types, "phone": types})).allowed


def test_without_grants_nobody_may():
    assert decide({}, ASKED).reason == "the policy grants nobody reversal"
    assert load_policy().content.reversal == {}


def policy(path: Path, grant: str) -> Policy:
    file = path / "policy.yaml"
    file.write_text(f"version: 1\nname: t\nextends: default\nreversal:\n  desk: {grant}\n")
    return load_policy(file)


FULL = "who: [ana], purposes: [p], datasets: [stdin], entity_types: [EMAIL_ADDRESS], max_rows: 1"


def test_a_policy_says_it_in_yaml_and_what_is_approved_covers_it(tmp_path):
    one = policy(tmp_path, f"{{{FULL}, valid_until: 2026-12-31}}")
    other = policy(tmp_path, f"{{{FULL}, valid_until: 2027-12-31}}")
    assert one.content.reversal["desk"].valid_until == date(2026, 12, 31)
    assert one.approval_digest != other.approval_digest


@pytest.mark.parametrize(
    ("grant", "told"),
    [
        (f"{{{FULL}}}", "valid_until: missing"),
        (f"{{{FULL}, valid_until: 2026-12-31, valid_from: 2027-01-01}}", "valid_from is after"),
        (f"{{{FULL}, valid_until: soon}}", "valid_until"),
        (f"{{{FULL}, valid_until: 2026-12-31, unlimited: true}}", "unknown key"),
        ("{who: [], purposes: [p], datasets: [d], columns: [c], max_rows: 1, valid_until: 2026-12-31}", "who"),
        ("{who: [a], purposes: [p], datasets: [d], max_rows: 1, valid_until: 2026-12-31}", "columns, entity_types"),
    ],
)
def test_a_grant_that_is_not_whole_is_told_with_its_line(tmp_path, grant, told):
    with pytest.raises(PolicyError, match=told) as caught:
        policy(tmp_path, grant)
    assert "policy.yaml:" in caught.value.message
