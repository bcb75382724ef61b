"""Manifests at the gate: one for each dataset that is asked about, and none left out where the policy wants them."""

import errno
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label
from clearance.governance.manifest import load_manifest
from clearance.governance.manifest_draft import draft
from clearance.governance.observation import observe
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.jobs import records
from clearance.jobs.cli import run
from clearance.jobs.manifests import Manifests

SOLUTIONS = """\
solutions:
  - {name: bot, owner: web, hosting: private, clearance: internal, usage: [analytics], regimes: [GDPR],
     inputs_may_train: false}
"""
POLICY = "version: 1\nname: ours\nextends: default\nrules: {manifest: true}\n"
Told = Callable[..., Any]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """A folder with two files that were scanned, and their drafts of a manifest; what calls the command line there."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLEARANCE_HOME", "CLEARANCE_POLICY", "CLEARANCE_SOLUTIONS"):
        monkeypatch.delenv(name, raising=False)
    Path("solutions.yaml").write_text(SOLUTIONS)
    Path("policy.yaml").write_text(POLICY)
    policy, registry = load_policy("policy.yaml"), Registry(tmp_path / ".clearance")

    def call(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(list(arguments)) == code, capsys.readouterr().err
        return "".join(capsys.readouterr())

    for name in ("a", "b"):
        Path(f"{name}.csv").write_text("size\n1\n")
        identity, seen = dataset_identity(f"{name}.csv"), observe(f"{name}.csv")
        looked = {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}}
        row = records.label_row(
            identity.key, seen, {"size": Label("public")}, Label("public"), policy, "policy.yaml",
            kind="source", facts={}, why={}, types={}, looked=looked, roles={},
        )  # fmt: skip
        with Audit(registry).filing("label", [("labels", row)], run_id=name, dataset=identity.key):
            pass
        call("manifest", "new", f"{name}.csv", "--to", f"{name}.yaml")
    return call


def test_a_label_written_past_the_audit_agrees_with_no_manifest(told: Told) -> None:
    registry = Registry(".clearance")
    told("manifest", "compare", "a.yaml")
    row = registry.latest("labels", dataset=dataset_identity("a.csv").key)
    assert row is not None
    row = {name: value for name, value in row.items() if name not in ("run_id", "at", "seq")}
    registry.append("labels", [{**row, "columns": {}}], run_id="forged")
    for command in (
        ("manifest", "compare", "a.yaml"),
        ("manifest", "new", "a.csv"),
        ("explain", "a.csv"),
    ):
        assert "the audit does not stand for the label" in told(*command, code=5)


def test_a_policy_can_make_a_manifest_compulsory(told: Told) -> None:
    missing = json.loads(told("check", "a.csv", "--solution", "bot", "--format", "json", code=5))
    assert [(c["rule"], c["facts"], c["where"]) for c in missing["conflicts"]] == [
        ("declaration", {"missing": "manifest of the dataset"}, "policy.yaml:4")
    ]
    told("check", "a.csv", "--solution", "bot", "--manifest", "a.yaml")
    told("check", "a.csv", "b.csv", "--together", "--solution", "bot", "--manifest", "a.yaml", code=5)
    told("check", "a.csv", "b.csv", "--together", "--solution", "bot", "--manifest", "a.yaml", "--manifest", "b.yaml")


def test_a_manifest_of_another_dataset_or_a_second_one_is_refused(told: Told) -> None:
    assert "b.csv, which is not asked about" in told(
        "check", "a.csv", "--solution", "bot", "--manifest", "b.yaml", code=2
    )
    Path("c.yaml").write_text(Path("a.yaml").read_text())
    assert "both declare" in told(
        "check", "a.csv", "--solution", "bot", "--manifest", "a.yaml", "--manifest", "c.yaml", code=2
    )


def test_manifests_beside_their_data_may_name_them_alike(told: Told) -> None:
    for folder in ("x", "y"):
        Path(folder).mkdir()
        Path(folder, "orders.csv").write_text("size\n1\n")
        Path(folder, "m.yaml").write_text(Path("a.yaml").read_text().replace("a.csv", "orders.csv"))
    found = Manifests(["x/m.yaml", "y/m.yaml"], load_policy("policy.yaml"))
    for folder in ("x", "y"):
        one = found.of(dataset_identity(f"{folder}/orders.csv").key)
        assert one is not None and one.source == f"{folder}/m.yaml"
    assert found.of(dataset_identity("orders.csv").key) is None


def test_a_disk_that_is_full_leaves_no_half_of_a_draft(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("clearance.governance.anchors.os.fsync", full)
    assert "c.yaml can't be written" in told("manifest", "new", "a.csv", "--to", "c.yaml", code=2)
    assert not Path("c.yaml").exists()
    assert "is there already" in told("manifest", "new", "a.csv", "--to", "a.yaml", code=2)


def test_a_draft_names_columns_exactly_and_holds_no_sign_that_a_terminal_obeys(tmp_path: Path) -> None:
    names = ["total\u202etxt.exe", "two\nlines", "\x1b[31mred", "größe 😀", "null"]
    columns = {name: Label("public") for name in names}
    text = draft("a.csv", "file:///a.csv", Label("public"), columns, {}, {}, date(2030, 1, 31))
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    (tmp_path / "a.yaml").write_text(text)
    assert list(load_manifest(str(tmp_path / "a.yaml"), load_policy()).columns) == names
