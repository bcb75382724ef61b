"""Promotion and rollback, killed at every step: a re-run ends in one correct state, and what nobody approved was never
readable at the target. Without Spark.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from clearance.errors import ClearanceError, ExitCode
from clearance.governance.audit import Audit
from clearance.governance.chain import rests_on
from clearance.governance.content import content_of
from clearance.governance.delta_state import joined, state_at
from clearance.governance.envelopes import seal
from clearance.governance.identity import dataset_identity
from clearance.governance.lineage_spool import LineageSpool
from clearance.governance.manifest import load_manifest
from clearance.governance.observation import observe
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.jobs.approvals import Matter
from clearance.jobs.check import find_solutions
from clearance.jobs.cli import run
from clearance.jobs.desk import Desk
from clearance.jobs.gate import BlockedError, passage
from clearance.jobs.promote import promote
from clearance.jobs.rollback import rollback
from clearance.jobs.signed import enrol, trusted, verify
from clearance.jobs.signers import signer_of
from clearance.tokenization.signing_key import load_signing_key

SOLUTIONS = """\
solutions:
- {name: bot, owner: me, hosting: private, clearance: internal, usage: [analytics], environment: production}
"""
POLICY = """\
version: 1
name: own
extends: default
rules:
  approval: true
  environments: {development: [development, production], production: [production]}
"""
MANIFEST = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
name: orders
customProperties:
- {property: clearance.classification, value: internal}
- {property: clearance.categories, value: []}
- {property: clearance.regimes, value: []}
- {property: clearance.obsoleteFrom, value: 2090-01-01}
servers:
- {server: dev, type: local, environment: development, path: dev/orders, format: delta}
- {server: prod, type: local, environment: production, path: prod/orders, format: delta}
schema:
- name: orders
  physicalName: dev/orders
  properties:
  - &plain
    name: id
    classification: internal
    customProperties: [{property: clearance.categories, value: []}, {property: clearance.regimes, value: []}]
  - {<<: *plain, name: note}
"""
LABEL = {"level": "internal", "categories": [], "regimes": [], "subjects": []}
LOOKED = {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1}}


class Project:
    """A dataset in development that people ask for, approve and publish to production."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.registry = folder, Registry(folder / ".clearance")
        self.dev, self.prod = folder / "dev" / "orders", folder / "prod" / "orders"

    def __call__(self, *arguments: str, code: int = 0) -> None:
        assert run(list(arguments)) == code, arguments

    def written(self, *rows: str, **more: Any) -> None:
        data = pa.table({"id": [*range(len(rows))], "note": [*rows]})
        write_deltalake(str(self.dev), data, mode="overwrite", **more)
        self.labelled()

    def labelled(self, level: str = "internal", kind: str = "source") -> None:
        """What a scan leaves, without one."""
        seen, run_id, key = observe(str(self.dev)), new_run_id(), dataset_identity(str(self.dev)).key
        label = {**LABEL, "level": level}
        schema = json.loads(DeltaTable(str(self.dev)).schema().to_json())
        told = {"dataset": key, "namespace": "file", "name": "orders", "observation": seen.to_dict(), "schema": schema}
        row = {
            "dataset": key, "version": seen.version, "kind": kind, "label": label,
            "columns": {name: {**label, "entity_types": []} for name in ("id", "note")},
            "policy_digest": load_policy("policy.yaml").label_digest, "observation": seen.to_dict(), "facts": {},
            "looked": {**LOOKED, "rests_on": rests_on(run_id, {"datasets": [told]})},
        }  # fmt: skip
        with Audit(self.registry).filing("label", [("labels", row)], run_id=run_id, dataset=key):
            self.registry.append("datasets", [told], run_id=run_id)

    def proved(self, key: Path) -> None:
        """What a protection leaves: a label, and a statement that is signed by the jobs' key."""
        self.labelled(kind="protected")
        seen, name, signer = observe(str(self.dev)), dataset_identity(str(self.dev)).key, load_signing_key(key)
        content, digest = content_of(str(self.dev)), load_policy("policy.yaml").label_digest
        columns = [
            {"path": path, "how": "cells", "label": LABEL, "method": {"name": "token"}, "entity_type": "PERSON"}
            for path in ("id", "note")
        ]
        told = {
            "source": {"dataset": "file:///raw", "version": "0"}, "target": {"dataset": name, **content.to_dict()},
            "columns": columns, "policy": {"name": "own", "digest": digest},
            "proof": {"holds": True, "rows": 1, "checked_cells": 2, "checked_texts": 0},
            "keys": {"domain": "default", "ids": ["k1"]},
            "detectors": {"digest": "d"},
            "observation": seen.to_dict(), "at": "2099-01-01T00:00:00+00:00",
        }  # fmt: skip
        enrol(self.registry, Audit(self.registry), signer, run_id="protect")
        envelope = seal(name, content.digest, told, signer.sign, signer.public_pem)
        row = {"dataset": name, "source": "file:///raw", "version": seen.version, "columns": columns}
        rows = [("protections", {**row, "envelope": envelope})]
        with Audit(self.registry).filing("label", rows, run_id="protect", dataset=name):
            pass

    def approved(self, *more: str) -> None:
        common = ("dev/orders", "--reason", "case 7", "--manifest", "orders.yaml")
        self("request", *common, "--publisher", "cyd", "--identity-key", "ann.pem", *more)
        self("approve", *common, "--identity-key", "bob.pem")

    def published(self, note: str, *, days: str | None = None) -> None:
        """One row more, approved and promoted."""
        there = self.dev.exists()
        write_deltalake(str(self.dev), pa.table({"id": [1], "note": [note]}), mode="append" if there else "error")
        self.labelled()
        self.approved(*(("--days", days) if days else ()))
        deed("promote")

    def entries(self, action: str, kind: str) -> list[dict[str, Any]]:
        return Audit(self.registry).entries(action=action, kind=kind)

    def rows(self, version: int | None = None) -> list[str]:
        """What a reader of the target sees."""
        return sorted(DeltaTable(str(self.prod), version=version).to_pyarrow_table().column("note").to_pylist())

    def check(self, code: int) -> None:
        self("check", "prod/orders", "--solution", "bot", "--manifest", "orders.yaml", code=code)

    def as_it_is(self) -> dict[str, Any]:
        """The state that a re-run has to end in, without what differs between runs."""
        approvals, labels = (Audit(self.registry).counted(t, dataset_identity(str(self.prod)).key) for t in
                             ("approvals", "labels"))  # fmt: skip
        assert not approvals[1] and not labels[1]
        now = approvals[0][-1]
        return {
            "rows": self.rows(),
            "content": content_of(str(self.prod)).digest,
            "version": DeltaTable(str(self.prod)).version(),
            "label": (labels[0][-1]["version"], labels[0][-1]["label"], labels[0][-1]["facts"]),
            "publication": (now["state"]["dataset"]["version"], now["by"]["name"], now["state"].get("restores")),
            "level": state_at(self.prod).properties["clearance.level"],
            "staging": (self.folder / "prod" / ".clearance-staging").exists(),
        }


def settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    for name in ("CLEARANCE_HOME", "CLEARANCE_POLICY", "CLEARANCE_SOLUTIONS", "CLEARANCE_IDENTITY_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People, a policy, and a first approved version in development; copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        settings(patch, folder)
        (folder / "solutions.yaml").write_text(SOLUTIONS)
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "orders.yaml").write_text(MANIFEST)
        project = Project(folder)
        for name in ("root", "ann", "bob", "cyd"):
            project("identity", "create", f"{name}.pem")
            project("identity", "enroll", name, "--public-key", f"{name}.pub.pem", "--identity-key", "root.pem")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    settings(monkeypatch, folder)
    return Project(folder)


def deed(name: str, step: Callable[[str], None] = lambda _: None, key: str = "cyd.pem", **more: Any) -> Any:
    """One promotion or rollback in the working directory, as its publisher."""
    policy, registry = load_policy("policy.yaml"), Registry(".clearance")
    manifest = load_manifest("orders.yaml", policy)
    place = manifest.places["development" if name == "promote" else "production"]
    matter = Matter(dataset_identity(place), policy, registry, manifest)
    who = lambda: signer_of(policy, Path(), registry, key_file=Path(key))  # noqa: E731
    desk = Desk(policy, "policy.yaml", registry)
    if name == "rollback":
        return rollback(matter, who, desk, reason="case 7", step=step, **more)
    asked = passage(matter, "development", "production", [find_solutions()["bot"]])
    return promote(asked, who, desk, reason="case 7", step=step)


def watched(name: str, at: int | str, seen: list[str], kill: bool) -> None:
    """The deed with every step and every durable write counted: it ends at one of them, as by SIGKILL or an error."""

    def step(what: str) -> None:
        seen.append(what)
        if at in (len(seen) - 1, what):
            if kill:
                os._exit(9)
            raise OSError(28, "No space left on device")

    write, append = Registry.write, LineageSpool.append

    def written(self: Registry, table: Any, spec: Any, *rest: Any, **more: Any) -> int:
        step(f"write {spec.name}")
        return write(self, table, spec, *rest, **more)

    def told(self: LineageSpool, event: Any) -> None:
        step(f"event {event['eventType']}")
        append(self, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "write", written)
        patch.setattr(LineageSpool, "append", told)
        deed(name, step)


def killed(folder: str, name: str, at: int) -> None:
    """In a process of its own."""
    os.chdir(folder)
    os.environ.pop("CLEARANCE_HOME", None)
    watched(name, at, [], kill=True)


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["clearance.jobs.promote", "clearance.jobs.rollback", "deltalake", "pyarrow", "pytest"]
)


def killed_at(folder: Path, name: str, at: int) -> int | None:
    process = PROCESSES.Process(target=killed, args=(str(folder), name, at))
    process.start()
    process.join(120)
    return process.exitcode


def enumerated(project: Project, name: str, allowed: set[tuple[str, ...]]) -> None:
    """Kills the deed at each of its steps in turn, each in a copy of the project, and runs it again."""
    copied(project)
    steps: list[str] = []
    watched(name, -1, steps, kill=False)
    wanted = project.as_it_is()
    assert wanted["staging"] is False
    assert {"commit", "file", "write labels", "write approvals", "write audit", "event COMPLETE"} <= {*steps}
    for at, what in enumerate(steps):
        copied(project)
        before = project.rows()
        if what in ("commit", "file", "write labels"):  # an error in the same process comes to the same end
            with pytest.raises((OSError, ClearanceError)):
                watched(name, at, [], kill=False)
            copied(project)
        assert killed_at(project.folder, name, at) == 9, what
        assert project.rows() in (before, wanted["rows"])
        for version in range(DeltaTable(str(project.prod)).version() + 1):
            assert tuple(project.rows(version)) in allowed, (what, version)
        deed(name)
        assert project.as_it_is() == wanted, what
        if at >= steps.index("announce"):
            project.check(0)
            project("audit", "verify")


def copied(project: Project) -> None:
    """The same project at the same place again: at another place it would be another dataset."""
    kept = project.folder.with_name("kept")
    if not kept.exists():
        project.folder.rename(kept)
    elif project.folder.exists():
        shutil.rmtree(project.folder)
    shutil.copytree(kept, project.folder)
    os.chdir(project.folder)


def test_killed_at_every_step_of_promote(project: Project) -> None:
    project.published("first")
    project.published("second")
    project.written("third", "fourth")
    project.approved()
    enumerated(project, "promote", {("first",), ("first", "second"), ("fourth", "third")})


def test_killed_at_every_step_of_rollback(project: Project) -> None:
    project.published("first")
    project.published("second")
    enumerated(project, "rollback", {("first",), ("first", "second")})


def test_a_first_promotion_that_was_killed_before_its_commit(project: Project) -> None:
    project.written("first")
    project.approved()
    for step in ("place", "commit"):
        steps: list[str] = []
        with pytest.raises(OSError):
            watched("promote", step, steps, kill=False)
        assert step in steps and not list((project.prod / "_delta_log").glob("*.json"))
    assert deed("promote").version == "0" and project.rows() == ["first"]
    project.check(0)
    again = deed("promote")
    assert (again.version, again.done) == ("0", False)
    assert DeltaTable(str(project.prod)).version() == 0
    assert [each["result"] for each in project.entries("promote", "outcome")] == ["failed", "failed", "done"]


# ---- what stops it ----


def no(name: str, code: ExitCode, match: str, **more: Any) -> ClearanceError:
    with pytest.raises(ClearanceError, match=match) as caught:
        deed(name, **more)
    assert caught.value.exit_code is code
    return caught.value


def test_only_what_is_approved_exactly_as_it_is(project: Project) -> None:
    project.written("first")
    assert changes(no("promote", ExitCode.ESCALATED, "may not go")) == {"not-approved"}
    project.approved("--allow", "version", "--allow", "manifest")
    no("promote", ExitCode.CONFLICT, "bob is the approver", key="bob.pem")
    no("promote", ExitCode.CONFLICT, "ann is the author", key="ann.pem")
    no("promote", ExitCode.CONFLICT, "administrator", key="root.pem")
    kept = Path("orders.yaml").read_text()
    Path("orders.yaml").write_text(kept + "  description: other\n")
    # At a check the approval lets this pass; to be published it has to be of exactly this.
    assert changes(no("promote", ExitCode.ESCALATED, "may not go")) == {"manifest-changed"}
    Path("orders.yaml").write_text(kept)
    project.written("second")
    assert changes(no("promote", ExitCode.ESCALATED, "may not go")) == {"version-changed"}
    write_deltalake(str(project.dev), pa.table({"id": [9], "note": ["third"]}), mode="append")
    no("promote", ExitCode.UNDECIDABLE, "may not go")
    assert not project.prod.exists()
    refused = project.entries("promote", "outcome")
    assert len(refused) == 7 and {each["result"] for each in refused} == {"refused"}
    project("audit", "verify")


def changes(error: ClearanceError) -> set[str]:
    assert isinstance(error, BlockedError)
    return {one.facts["change"] for each in error.verdicts for one in each.verdict.conflicts}


def at_step(wanted: str, what: Callable[[], object]) -> Callable[[str], None]:
    return lambda name: what() if name == wanted else None  # type: ignore[func-returns-value]


def test_what_changes_under_way_stops_it(project: Project) -> None:
    """The gate is asked again of the very version that waits beside the target."""
    project.published("first")
    project.written("second")
    project.approved()
    common = ("dev/orders", "--reason", "case 8", "--manifest", "orders.yaml")

    def rejected() -> None:
        project("request", *common, "--publisher", "cyd", "--identity-key", "ann.pem")
        project("reject", *common, "--identity-key", "bob.pem")

    def added() -> None:
        write_deltalake(str(project.dev), pa.table({"id": [9], "note": ["third"]}), mode="append")

    def tampered() -> None:
        (staged,) = (project.folder / "prod" / ".clearance-staging").iterdir()
        next(staged.glob("*.parquet")).write_bytes(b"PAR1")

    def moved() -> None:
        write_deltalake(str(project.prod), pa.table({"id": [9], "note": ["foreign"]}), mode="append")

    for step, what, match in (
        ("prove", rejected, "may not go"),
        ("stage", lambda: project.labelled("restricted"), "may not go"),
        ("prove", added, "may not go"),
    ):
        copied(project)
        no("promote", ExitCode.ESCALATED if what is rejected else ExitCode.CONFLICT
           if step == "stage" else ExitCode.UNDECIDABLE, match, step=at_step(step, what))  # fmt: skip
        assert project.rows() == ["first"]
    copied(project)
    no("promote", ExitCode.UNDECIDABLE, "someone else", step=at_step("commit", moved))
    assert project.rows() == ["first", "foreign"] and DeltaTable(str(project.prod)).version() == 1
    project.check(5)


def test_the_gate_is_that_of_the_target(project: Project) -> None:
    """Environment and store are those where the data will be, whoever wants it."""
    project.written("first")
    project.approved()
    own = Path("policy.yaml").read_text()
    told = "stores: {prod: public}\n" + "  approval"
    for rules, rule in ((own.replace("approval", told), "store"),
                        (own.replace("[development, production], p", "[development], p"), "environment")):  # fmt: skip
        Path("policy.yaml").write_text(rules)
        project.labelled()
        error = no("promote", ExitCode.CONFLICT, "may not go")
        assert isinstance(error, BlockedError)
        assert rule in {one.rule for each in error.verdicts for one in each.verdict.conflicts}
    assert not project.prod.exists()


def test_a_table_of_others_is_never_replaced(project: Project) -> None:
    project.written("first")
    project.approved()
    project.prod.parent.mkdir()
    project.prod.symlink_to(project.folder / "elsewhere")  # the manifest names it, and nobody where it leads
    no("promote", ExitCode.UNDECIDABLE, "is a link to a place that is not there")
    assert not (project.folder / "elsewhere").exists()
    project.prod.unlink()
    write_deltalake(str(project.prod), pa.table({"id": [1], "note": ["theirs"]}))
    no("promote", ExitCode.UNDECIDABLE, "was not promoted")
    assert project.rows() == ["theirs"]


def test_the_copy_is_the_table_as_it_stands(project: Project) -> None:
    """Partitions, statistics, properties and constraints: read by another reader, and in the log itself."""
    data = pa.table({"id": [1, 2], "note": ["a b", None]})
    properties = {"delta.logRetentionDuration": "interval 7 days", "delta.checkpointInterval": "20"}
    write_deltalake(str(project.dev), data, partition_by=["note"], configuration=properties)
    DeltaTable(str(project.dev)).alter.add_constraint({"positive": "id > 0"})
    project.labelled()
    project.approved()
    deed("promote")
    before, after = state_at(project.dev), state_at(project.prod)
    assert after.files == before.files and after.protocol == before.protocol
    told = {key: value for key, value in after.properties.items() if not key.startswith("clearance.")}
    assert told == before.properties and after.properties["clearance.environment"] == "production"
    assert DeltaTable(str(project.prod)).to_pyarrow_table().sort_by("id").equals(data)
    with pytest.raises(DeltaError, match="validation"):
        write_deltalake(str(project.prod), pa.table({"id": [-1], "note": ["x"]}), mode="append")
    (field, _) = after.schema["fields"]
    assert field["metadata"]["clearance.level"] == "internal"


def test_rollback_goes_further_back_each_time_or_to_a_version(project: Project) -> None:
    for name in ("first", "second", "third"):
        project.published(name)
    assert (deed("rollback").restores, project.rows()) == ("1", ["first", "second"])
    assert (deed("rollback").restores, project.rows()) == ("0", ["first"])
    project.check(0)
    no("rollback", ExitCode.CONFLICT, "before what is there now")
    assert (deed("rollback", version=2).restores, project.rows()) == ("2", ["first", "second", "third"])
    again = deed("rollback", version=2)
    assert (again.version, again.done) == ("5", False)
    no("rollback", ExitCode.CONFLICT, "no version 9 was published", version=9)
    no("rollback", ExitCode.CONFLICT, "bob is the approver", key="bob.pem", version=0)
    write_deltalake(str(project.prod), pa.table({"id": [9], "note": ["foreign"]}), mode="append")
    project.check(5)
    # What is there now nobody published: the last publication comes back.
    assert (deed("rollback").restores, project.rows()) == ("2", ["first", "second", "third"])
    project.check(0)
    project("audit", "verify")


def test_an_approval_that_is_taken_back_ends_where_the_dataset_went(project: Project) -> None:
    project.published("first")
    project.check(0)
    rejected = ("dev/orders", "--reason", "case 8", "--manifest", "orders.yaml", "--identity-key", "bob.pem")
    project("reject", *rejected)
    project.check(4)
    no("promote", ExitCode.ESCALATED, "may not go to production")
    assert project.rows() == ["first"]


def test_nothing_comes_back_under_other_rules_whatever_the_approval_allows(project: Project) -> None:
    write_deltalake(str(project.dev), pa.table({"id": [1], "note": ["first"]}))
    project.labelled()
    project.approved("--allow", "policy")
    deed("promote")
    project.published("second")
    Path("policy.yaml").write_text(POLICY + "  hosting: {public: public, vendor: public, private: public}\n")
    project.check(3)
    no("rollback", ExitCode.UNDECIDABLE, "under another policy")
    assert project.rows() == ["first", "second"]


def test_what_is_not_approved_any_more_does_not_come_back(project: Project) -> None:
    project.published("first", days="1")
    project.published("second")
    kept = Path("orders.yaml").read_text()
    Path("orders.yaml").write_text(kept + "  description: other\n")
    assert changes(no("rollback", ExitCode.ESCALATED, "not approved any more")) == {"manifest-changed"}
    Path("orders.yaml").write_text(kept)
    (path,) = state_at(project.prod, 0).files
    (project.prod / path).unlink()
    no("rollback", ExitCode.UNDECIDABLE, "are gone")
    project("identity", "revoke", "bob", "--identity-key", "root.pem")
    no("rollback", ExitCode.CONFLICT, "nothing before what is there now was published")
    project.check(4)  # nor does anything that the approver let pass stand any more
    assert project.entries("rollback", "outcome")[-1]["result"] == "refused"


def test_a_publication_that_says_more_than_was_approved_is_void(project: Project) -> None:
    """Written by whoever may write the registry, through the audit, and rightly signed by the publisher."""
    from clearance.governance.approvals import APPROVAL, statement_of
    from clearance.jobs.signers import open_key
    from clearance.jobs.states import steps_of

    project.published("first")
    key = dataset_identity(str(project.prod)).key
    row = Audit(project.registry).counted("approvals", key)[0][-1]
    signing = open_key(Path("cyd.pem"))
    policy = load_policy("policy.yaml")
    assert steps_of(key, policy, project.registry)[0].approval is not None
    for what in ("level", "allows", "request", "origin"):
        forged = json.loads(json.dumps({n: row[n] for n in ("dataset", "step", "request", "state", "by", "reason")}))
        if what == "level":
            forged["state"]["dataset"]["label"]["level"] = "public"
        elif what == "request":
            forged["request"] = "another"
        else:
            forged["state"][what] = ["version"] if what == "allows" else key
        forged["envelope"] = seal(key, "0" * 64, statement_of(forged), signing.sign, signing.public_pem, APPROVAL)
        with Audit(project.registry).filing("promote", [("approvals", forged)], run_id=new_run_id(), dataset=key):
            pass
        found, problem = steps_of(key, policy, project.registry)
        assert found.void and not problem, what
        project.check(4)


def test_the_signed_proof_holds_of_the_copy_or_nothing_goes(project: Project, signing_key_file: Path) -> None:
    """Every byte is what was signed: a file changed in place, at the source or on its way, stops it."""
    write_deltalake(str(project.dev), pa.table({"id": [1], "note": ["tk"]}))
    project.proved(signing_key_file)
    project.approved()
    (path,) = state_at(project.dev).files
    whole = (project.dev / path).read_bytes()
    copied(project)
    (project.dev / path).write_bytes(whole[:-9] + b"x" + whole[-8:])
    no("promote", ExitCode.UNDECIDABLE, "its files are others")

    def changed() -> None:
        (project.dev / path).write_bytes(whole[:-9] + b"x" + whole[-8:])

    copied(project)
    no("promote", ExitCode.UNDECIDABLE, "not what was signed", step=at_step("stage", changed))
    assert not has_table(project.prod)
    copied(project)
    done = deed("promote")
    assert done.done and content_of(str(project.prod)).digest == content_of(str(project.dev)).digest
    project.check(0)
    intent = project.entries("promote", "intent")[-1]
    assert intent["facts"]["signed_by"] in trusted(project.registry)
    # Who reads the copy can verify it there, also when its origin has gone on since.
    project("verify", "prod/orders", "--write", "statement.json")
    write_deltalake(str(project.dev), pa.table({"id": [2], "note": ["tk2"]}), mode="append")
    project.proved(signing_key_file)
    told = verify("prod/orders", project.registry).to_dict()
    assert (told["dataset"], told["promoted_from"]) == tuple(
        dataset_identity(str(place)).key for place in (project.prod, project.dev)
    )
    project("verify", "prod/orders", "--statement", "statement.json")
    (copy,) = state_at(project.prod).files
    (project.prod / copy).unlink()
    (project.prod / copy).write_bytes(whole[:-9] + b"x" + whole[-8:])
    project("verify", "prod/orders", code=5)
    project("verify", "prod/orders", "--statement", "statement.json", code=5)


def has_table(folder: Path) -> bool:
    return any((folder / "_delta_log").glob("*.json"))


def test_protocols_join_to_what_both_need() -> None:
    plain, mapped = {"minReaderVersion": 1, "minWriterVersion": 2}, {"minReaderVersion": 2, "minWriterVersion": 5}
    assert joined(plain, mapped) == mapped
    featured = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz"],
                "writerFeatures": ["timestampNtz"]}  # fmt: skip
    assert joined(featured, mapped) == {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["columnMapping", "timestampNtz"],
        "writerFeatures": ["appendOnly", "changeDataFeed", "checkConstraints", "columnMapping", "generatedColumns",
                           "invariants", "timestampNtz"],
    }  # fmt: skip


def test_at_the_command_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("--manifest", "orders.yaml", "--reason", "case 7", "--identity-key", "cyd.pem")
    ways = ("promote", "dev/orders", "--from", "development", "--to", "production", "--solution", "bot", *common)
    project.written("first")
    project(*ways, code=4)
    told = capsys.readouterr()
    assert "not-approved" in told.out and "may not go to production" in told.err
    project.approved()
    project(*ways)
    project.written("second")
    project.approved()
    project(*ways)
    project("rollback", "dev/orders", "--environment", "production", *common)
    assert "version 0 again" in capsys.readouterr().out and project.rows() == ["first"]
    project("rollback", "prod/orders", *common, code=3)
    project(*ways[:5], "nowhere", *ways[6:], code=2)
    assert "declares no place in the environment" in capsys.readouterr().err
