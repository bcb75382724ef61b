"""Columns that a policy names and nobody has."""

from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.jobs.unmatched import columns_nowhere

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
    assert columns_nowhere(policy, registry, ["id", "email", "users[].mail"]) == [
        {"column": "emial", "perhaps": "email"},
        {"column": "users[].mial", "perhaps": "users[].mail"},
        {"column": "zzz", "perhaps": ""},
    ]
    assert columns_nowhere(load_policy(None), registry, []) == []


def test_a_column_with_a_dot_that_lacks_its_quotes_is_the_one_that_was_meant(tmp_path):
    (tmp_path / "p.yaml").write_text("version: 1\nname: p\nextends: default\ncolumns: {e.mail: {method: redact}}\n")
    policy, registry = load_policy(tmp_path / "p.yaml"), Registry(tmp_path / "home")
    assert columns_nowhere(policy, registry, ["email", "`e.mail`"]) == [{"column": "e.mail", "perhaps": "`e.mail`"}]
