"""Promotion: a dataset that is proved and approved goes to its place in another environment, by one commit.

Gate, proof and approval are asked before anything is copied, and again of the very version that waits beside the
target. What the registry will say is announced in the audit before the commit and filed after it. A run that was killed
anywhere is run again: it does what is left to do. No Spark.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearance.errors import ProofError, PublishError, RefusedError
from clearance.governance.approvals import Signer, name_of, separation
from clearance.governance.content import content_of
from clearance.governance.delta_state import TableState, state_at
from clearance.governance.identities import Key
from clearance.governance.labels import Label
from clearance.governance.lineage_facets import LineageDataset, lineage_dataset
from clearance.governance.observation import Observation
from clearance.governance.registry import Row
from clearance.governance.standing import column_labels
from clearance.jobs.approvals import Matter
from clearance.jobs.asking import check_reason
from clearance.jobs.delta_writing import place, planned, put, stage
from clearance.jobs.desk import Desk
from clearance.jobs.gate import Passage, Passed, gate
from clearance.jobs.leftovers import make_way
from clearance.jobs.publications import (
    APPROVED,
    RESTORES,
    Known,
    Promoted,
    Publication,
    Steps,
    cleared,
    committed_by,
    filed,
    is_on_record,
    nothing,
    output_of,
    owned,
    refusals,
)
from clearance.jobs.references import Reference
from clearance.jobs.reviewed import scan_run
from clearance.jobs.staging import RUN_PROPERTY, STAGING, Target
from clearance.jobs.tags import PREFIX, table_properties
from clearance.paths import parse_path


def promote(asked: Passage, who: Callable[[], Known], desk: Desk, *, reason: str, step: Steps = nothing) -> Promoted:
    """Carries a dataset to another environment. ``who``: the publisher, asked when it matters. ``desk``: of the same
    policy and registry as ``asked``.

    Raises ``BlockedError`` with the verdicts when the gate says no, and what else made it impossible; the target is as
    it was then, and the attempt on record. Run again after whatever interrupted it.
    """
    check_reason(reason)
    source, folder = asked.folders
    target, facts = Target(asked.target), _facts(asked, reason)
    with refusals(desk, "promote", asked.identity.key, facts):
        make_way(desk, target, Reference(asked.source))
        step("known")
        signer, signing = who()
        facts["by"] = signer.to_dict()
        step("gate")
        passed = gate(asked)
        team = asked.matter.manifest.team if asked.matter.manifest else {}
        if why := separation("publish", signer.name, passed.request, name_of(passed.approval), team):
            raise RefusedError(why, hint="another person publishes it")
        there = owned(folder)
    facts |= {"request": passed.approval["request"], "version": passed.state.version, "state": passed.state.digest}
    run_on = [_input(asked, passed)], [output_of(asked.identity, asked.matter.identity, passed.row)]
    with desk.run("promote", asked.identity.key, inputs=run_on[0], outputs=run_on[1]) as run:
        waiting = folder.parent / STAGING / run.run_id
        try:
            work = _Work(asked, passed, desk, signer, signing, reason, facts, run.run_id, folder)
            version, done = _carry(work, source, there, waiting, step)
            run.label, run.facts = passed.label.to_dict(), {"version": version, "done": done}
            run.outputs = [output_of(asked.identity, asked.matter.identity, passed.row, version)]
            step("ended")
        finally:
            cleared(waiting)
    return Promoted(
        asked.identity.key, asked.environments[1], version, passed.label, passed.approval["request"], signer.name,
        run.run_id, done, asked.matter.identity.key, passed.state.version, None, passed.verdicts,
    )  # fmt: skip


@dataclass(frozen=True)
class _Work:
    asked: Passage
    passed: Passed
    desk: Desk
    signer: Signer
    signing: Key | None
    reason: str
    facts: Mapping[str, Any]
    run_id: str
    folder: Path


def _carry(work: _Work, source: Path, there: TableState | None, waiting: Path, step: Steps) -> tuple[str, bool]:
    """The version at the target, and whether something was left to do."""
    passed, desk, key = work.passed, work.desk, work.asked.identity.key
    if there is not None and (observed := _carried_already(work, there)) is not None:
        if is_on_record(desk, "promote", key, observed.version, passed.approval["request"]):
            return observed.version, False
        content = passed.content or content_of(str(work.folder)).digest
        rows = filed(publication(work, observed, content))
        with desk.audit.filing("promote", rows, run_id=work.run_id, dataset=key, facts=_at(work, observed)):
            step("announced again")
        return observed.version, True
    with refusals(desk, "promote", key, work.facts):
        step("stage")
        wanted = state_at(source, int(passed.state.version))
        stage(source, wanted, waiting)
        step("prove")
        content = content_of(str(waiting)).digest
        if passed.content not in (None, content):
            raise ProofError("what was copied is not what was signed", hint="protect it again")
        step("ask again")
        again = gate(work.asked, proof=passed.content)
        if again.mark != passed.mark:
            raise PublishError("the dataset or its approval changed meanwhile", hint="run again on the new state")
    commit = planned(
        wanted,
        there,
        properties=_properties(work),
        columns=_column_tags(passed.row, work.asked.matter),
        operation="CLONE",
        parameters={"source": work.asked.matter.identity.key, "sourceVersion": passed.state.version},
    )
    rows = filed(publication(work, commit.observation, content))
    facts = _at(work, commit.observation)
    step("announce")
    with desk.audit.filing("promote", rows, run_id=work.run_id, dataset=key, facts=facts):
        step("place")
        place(waiting, wanted, work.folder)
        step("commit")
        put(commit, work.folder, waiting)
        step("file")
    return str(commit.version), True


def _carried_already(work: _Work, there: TableState) -> Observation | None:
    """The target as it is, if it is what this approval put there and nothing was written to it since."""
    told, state = there.properties, work.passed.state
    if (told.get(APPROVED), told.get(f"{PREFIX}source_version"), told.get(RESTORES)) != (
        work.passed.approval["request"], state.version, None,
    ):  # fmt: skip
        return None
    run_id = told.get(RUN_PROPERTY)
    return committed_by(work.folder, there, str(run_id))


def publication(work: _Work, observed: Observation, content: str) -> "Publication":
    """What is filed of a promotion."""
    passed, asked = work.passed, work.asked
    kept = {name: told for name, told in (passed.row.get("looked") or {}).items() if name != "rests_on"}
    origin = {"dataset": asked.matter.identity.key, "version": passed.state.version}
    label_row: dict[str, Any] = {
        "policy_path": passed.row.get("policy_path"),
        "columns": {path: dict(told) for path, told in passed.state.columns.items()},
        "label": passed.label.to_dict(),
        "policy_digest": asked.matter.policy.label_digest,
        "facts": {**passed.seen.facts, "environment": asked.environments[1]},
        "reasons": {path: why for path, why in (passed.row.get("reasons") or {}).items() if path},
        "looked": {**kept, "promoted": origin},
    }
    told = {
        "allows": passed.approval["state"]["allows"],
        "publisher": work.signer.name,
        "origin": origin["dataset"],
        "approved": passed.state.digest,
        "content": content,
        "signed_by": passed.signed_by,
    }
    return Publication(
        asked.identity, asked.target, observed, label_row, _schema(work), passed.state, told, passed.approval,
        work.signer, work.signing, work.reason,
    )  # fmt: skip


def _schema(work: _Work) -> Mapping[str, Any]:
    """The schema as it is on record of the source: the one that was approved."""
    row = work.passed.row
    told = work.desk.registry.latest("datasets", ["schema"], dataset=row["dataset"], run_id=scan_run(row))
    return (told or {}).get("schema") or {}


def _facts(asked: Passage, reason: str) -> dict[str, Any]:
    manifest = asked.matter.manifest
    return {
        "reason": reason,
        "by": None,
        "source": asked.matter.identity.key,
        "environments": list(asked.environments),
        "solutions": [solution.name for solution in asked.solutions],
        "policy": asked.matter.policy.label_digest,
        "manifest": manifest.digest if manifest else None,
    }


def _at(work: _Work, observed: Observation) -> dict[str, Any]:
    waived = [one.to_dict() for each in work.passed.verdicts for one in each.verdict.conflicts if one.waived]
    return {**work.facts, "at": observed.version, "signed_by": work.passed.signed_by, "waived": waived}


def _properties(work: _Work) -> dict[str, str]:
    passed, asked = work.passed, work.asked
    return {
        **table_properties(passed.label),
        RUN_PROPERTY: work.run_id,
        APPROVED: passed.approval["request"],
        f"{PREFIX}source": asked.matter.identity.key,
        f"{PREFIX}source_version": passed.state.version,
        f"{PREFIX}environment": asked.environments[1],
        f"{PREFIX}policy": asked.matter.policy.label_digest,
    }


def _column_tags(row: Row, matter: Matter) -> dict[str, dict[str, Any]]:
    """Labels as metadata of top-level columns; a protected table has its own, which say more."""
    if row["kind"] == "protected":
        return {}
    from clearance.governance.labels import combine

    below: dict[str, list[Label]] = {}
    for path, label in column_labels(row).items():
        below.setdefault(parse_path(path)[0].name, []).append(label)
    return {name: table_properties(combine(labels, matter.policy.levels)) for name, labels in below.items()}


def _input(asked: Passage, passed: Passed) -> LineageDataset:
    return lineage_dataset(
        asked.matter.identity, version=passed.state.version, label=passed.label.to_dict(), role="input"
    )


__all__ = ["promote"]
