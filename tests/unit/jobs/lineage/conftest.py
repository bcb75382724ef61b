"""A project with scanned and protected files and events of foreign jobs: what tests of lineage work on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clearance.governance.audit import Audit
from clearance.governance.content import content_of
from clearance.governance.envelopes import seal
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import after_protection
from clearance.governance.labels import Label
from clearance.governance.observation import observe
from clearance.governance.policy import Policy, load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs.cli import run
from clearance.jobs.signed import enrol
from clearance.tokenization.signing_key import default_signing_path, load_signing_key

POLICY = load_policy()
NOTHING = POLICY.levels.bottom
LOOKED = {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}}
SOLUTIONS = """\
solutions:
  - {name: bot, owner: web, hosting: public, clearance: internal, usage: [rag], regimes: [GDPR, CCPA],
     inputs_may_train: false, environment: development}
  - {name: own, owner: data, hosting: private, clearance: restricted, usage: [analytics], regimes: [GDPR, CCPA, HIPAA],
     inputs_may_train: false, environment: production}
"""


class Project:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.looked: dict[str, Any] = dict(LOOKED)
        self.registry = Registry(folder / ".clearance")
        (folder / "solutions.yaml").write_text(SOLUTIONS)

    @property
    def policy(self) -> Policy:
        own = self.folder / "policy.yaml"
        return load_policy(own if own.exists() else None)

    def data(self, name: str, **types: str | None) -> str:
        """A file that was scanned: columns with the entity type that was found in each."""
        (self.folder / name).write_text("a\n1\n")
        self.scanned(name, **types)
        return name

    def scanned(self, name: str, facts: Any = None, roles: Any = None, **types: str | None) -> None:
        path = str(self.folder / name)
        labels = {c: POLICY.label_of(t) if t else Label(NOTHING) for c, t in types.items()}
        whole = max(labels.values(), key=lambda label: POLICY.levels.rank(label.level))
        row = {
            "dataset": dataset_identity(path).key,
            "version": observe(path).version,
            "kind": "source",
            "label": whole.to_dict(),
            "columns": {
                c: {**label.to_dict(), "entity_types": [types[c]] if types[c] else []} for c, label in labels.items()
            },
            "policy_digest": self.policy.label_digest,
            "policy_path": "default",
            "observation": observe(path).to_dict(),
            "facts": facts or {},
            "looked": {**self.looked, "roles": roles or {}},
        }
        with Audit(self.registry).filing("label", [("labels", row)], run_id=new_run_id(), dataset=row["dataset"]):
            pass

    def protected(self, name: str, source: str, leaves: dict[str, tuple[str, str | None]], method: Any = None) -> None:
        """A protected dataset with its signed statement, as publishing leaves it. ``leaves``: how, entity type."""
        path = self.folder / name
        path.write_text("a\ntk\n")
        key, origin = dataset_identity(str(path)).key, dataset_identity(str(self.folder / source)).key
        observed, method = observe(str(path)), method or {"name": "token"}
        columns = []
        for column, (how, kind) in leaves.items():
            label = POLICY.label_of(kind) if kind else Label(NOTHING)
            if how == "cells" and kind:
                label = after_protection(label, entity_type=kind, method=method, policy=POLICY, verified=True)
            columns.append(
                {"path": column, "how": how, "label": label.to_dict(), "method": method, "entity_type": kind}
            )
        scan = self.registry.latest("labels", dataset=origin)
        assert scan is not None
        record = {
            "source": {"dataset": origin, "version": scan["version"]},
            "target": {"dataset": key, **content_of(str(path)).to_dict()},
            "columns": columns,
            "policy": {"name": "default", "digest": self.policy.label_digest},
            "proof": {"holds": True},
            "observation": observed.to_dict(),
            "at": "2099-01-01T00:00:00+00:00",
        }
        signer = load_signing_key(default_signing_path())
        enrol(self.registry, Audit(self.registry), signer, run_id="protect")
        envelope = seal(key, content_of(str(path)).digest, record, signer.sign, signer.public_pem)
        row = {"dataset": key, "source": origin, "version": observed.version, "columns": columns, "envelope": envelope}
        with Audit(self.registry).filing("label", [("protections", row)], run_id="protect", dataset=row["dataset"]):
            pass
        whole = max((c["label"] for c in columns), key=lambda label: POLICY.levels.rank(label["level"]))
        label_row = {
            "dataset": key,
            "version": observed.version,
            "kind": "protected",
            "label": whole,
            "columns": {c["path"]: {**c["label"], "entity_types": []} for c in columns},
            "policy_digest": self.policy.label_digest,
            "observation": observed.to_dict(),
            "looked": self.looked,
        }
        filed = [("labels", label_row)]
        with Audit(self.registry).filing("label", filed, run_id="protect", dataset=label_row["dataset"]):
            pass

    def event(self, inputs: list[str], output: str, columns: dict[str, list[tuple[str, str]]] | None = None) -> Any:
        told: dict[str, Any] = {"namespace": "file", "name": str(self.folder / output), "facets": {}}
        if columns is not None:
            fields = {
                column: {
                    "inputFields": [{"namespace": "file", "name": str(self.folder / n), "field": f} for n, f in origins]
                }
                for column, origins in columns.items()
            }
            told["facets"] = {
                "schema": {"fields": [{"name": column} for column in columns]},
                "columnLineage": {"fields": fields},
            }
        return {
            "eventType": "COMPLETE", "eventTime": "2026-11-28T06:00:00Z", "producer": "x", "schemaURL": "x",
            "run": {"runId": f"run-{output}"}, "job": {"namespace": "dbt", "name": f"model.{output}"},
            "inputs": [{"namespace": "file", "name": str(self.folder / n)} for n in inputs], "outputs": [told],
        }  # fmt: skip

    def imports(self, *events: Any) -> Any:
        (self.folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
        return self("lineage", "import", "events.jsonl", "--format", "json")

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        self._capsys.readouterr()
        assert run(list(arguments)) == code, self._capsys.readouterr().err
        out = self._capsys.readouterr().out
        return json.loads(out) if "json" in arguments else out

    def check(self, dataset: str, solution: str, code: int, *more: str) -> Any:
        return self("check", dataset, "--solution", solution, "--format", "json", *more, code=code)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARANCE_HOME")
    return Project(tmp_path, capsys)


@pytest.fixture
def accepting(project: Project) -> Callable[[str], None]:
    def write(rules: str) -> None:
        (project.folder / "policy.yaml").write_text(f"version: 1\nname: own\nextends: default\nrules: {rules}\n")

    return write
