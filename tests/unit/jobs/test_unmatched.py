"""Columns that a policy names and nobody has."""

import pytest

from clearance.errors import PolicyError
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.jobs.unmatched import columns_nowhere, require_meant

POLICY = """\
version: 1
name: p
extends: default
columns:
  emial: {method: redact}
  email: {method: redact}
  elsewhere: {method: redact}
domains:
  marketing: {columns: ["users[].mial", zzz]}
"""


def test_only_columns_that_no_scan_saw_are_told_and_what_was_meant(tmp_path):
    (tmp_path / "p.yaml").write_text(POLICY)
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")
    row = {"dataset": "other", "version": "0", "column": "elsewhere", "report": {}}
    registry.append("findings", [row], run_id="r")
    assert columns_nowhere(policy, registry, ["id", "E-Mial", "email", "users[].mail"]) == [
        {"column": "emial", "perhaps": "E-Mial"},
        {"column": "users[].mial", "perhaps": "users[].mail"},
        {"column": "zzz", "perhaps": ""},
    ]
    assert columns_nowhere(load_policy(None), registry, []) == []


def test_a_column_that_was_renamed_since_an_earlier_scan_is_told(tmp_path):
    (tmp_path / "p.yaml").write_text("version: 1\nname: p\nextends: default\ncolumns: {remarks: {method: redact}}\n")
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")

    def scanned(run: str, dataset: str, *columns: str) -> None:
        rows = [{"dataset": dataset, "version": "0", "column": column, "report": {}} for column in columns]
        registry.append("findings", rows, run_id=run)

    scanned("r0", "yet another", "id")
    assert columns_nowhere(policy, registry, ["id"]) == [{"column": "remarks", "perhaps": ""}]
    scanned("r1", "mine", "id", "remarks")
    assert columns_nowhere(policy, registry, ["id", "remark"]) == []  # another dataset's, as far as is known
    scanned("r2", "mine", "id", "remark")
    assert columns_nowhere(policy, registry, ["id", "remark"]) == [{"column": "remarks", "perhaps": "remark"}]
    with pytest.raises(PolicyError, match="no dataset on record has the column remarks; here is remark"):
        require_meant(policy, registry, ["id", "remark"])
    scanned("r3", "another", "remarks")
    assert columns_nowhere(policy, registry, ["id", "remark"]) == []


def test_a_column_with_a_dot_that_lacks_its_quotes_is_the_one_that_was_meant(tmp_path):
    (tmp_path / "p.yaml").write_text("version: 1\nname: p\nextends: default\ncolumns: {e.mail: {method: redact}}\n")
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")
    assert columns_nowhere(policy, registry, ["email", "`e.mail`"]) == [{"column": "e.mail", "perhaps": "`e.mail`"}]


@pytest.mark.parametrize(
    ("named", "there", "meant"),
    [
        ("SSN", "ssn", "ssn"),
        ("tax_id", "tax id", "tax id"),
        ("emial", "email", "email"),
        ("user.adress.zip", "user.address.zip", "user.address.zip"),
        ("payload{json}.mial", "payload{json}.mail", "payload{json}.mail"),
        ("payload{json}.user.ssn", "payload{json}.user.sex", ""),
        ("users[].mail", "mail", ""),
        ("salary", "city", ""),
    ],
)
def test_a_column_nearly_named_is_not_published_as_the_policy_leaves_it(tmp_path, named, there, meant):
    (tmp_path / "p.yaml").write_text(
        f"version: 1\nname: p\nextends: default\ncolumns:\n  '{named}': {{method: redact}}\n"
    )
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")
    assert columns_nowhere(policy, registry, [there]) == [{"column": named, "perhaps": meant}]
    if not meant:
        return require_meant(policy, registry, [there])
    with pytest.raises(
        PolicyError, match=rf"p\.yaml:5: no dataset on record has the column {named}; here is {meant}, "
    ):
        require_meant(policy, registry, [there])
    # Another dataset of the same run has it, or one that was scanned.
    require_meant(policy, registry, [there], lambda: [named.partition("{")[0]])
    registry.append("findings", [{"dataset": "x", "version": "0", "column": named, "report": {}}], run_id="r")
    return require_meant(policy, registry, [there])


@pytest.mark.parametrize(
    ("named", "leaf"),
    [
        ("user", "user.mail"),
        ("tags", "tags[]"),
        ("m", "m{value}"),
        ("p{json}.user", "p{json}.user.ssn"),
        ("a", "a[].b"),
    ],
)
def test_a_method_for_what_holds_other_columns_is_not_taken_for_done(tmp_path, named, leaf):
    """Whoever writes ``user: redact`` got a copy in which nothing of the struct was redacted."""
    (tmp_path / "p.yaml").write_text(
        f"version: 1\nname: p\nextends: default\ncolumns:\n  '{named}': {{method: redact}}\n"
    )
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")
    with pytest.raises(PolicyError) as caught:
        require_meant(policy, registry, ["id", leaf, f"{named}x"])
    assert f"{named} has no values of its own, and of {leaf} in it" in caught.value.message
    # Where it is a column of values, or another dataset has it so, nothing is amiss.
    require_meant(policy, registry, ["id", named, leaf])
    require_meant(policy, registry, ["id", leaf], lambda: [named.partition("{")[0]])


def test_a_column_that_the_policy_names_too_was_not_meant(tmp_path):
    (tmp_path / "p.yaml").write_text(POLICY)
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")
    require_meant(policy, registry, ["email"])
    with pytest.raises(PolicyError, match=r"p\.yaml:9: .* users\[\]\.mial"):
        require_meant(policy, registry, ["email", "users[].mail"])
