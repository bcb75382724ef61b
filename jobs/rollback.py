"""Rolling back: a target becomes again what was published there before, with the label and the approval of then.

It is a Delta restore: one commit whose files are those of the older version. Only a version that is on record as a
publication comes back, and only while the approval that it had holds: what nobody approves of any more is not made
readable again. No Spark.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.errors import DatasetError, RefusedError, UsageError
from clearance.governance.approvals import Decided, name_of, objections, separation, state_in
from clearance.governance.audit import Audit
from clearance.governance.conflicts import Verdict
from clearance.governance.content import content_of
from clearance.governance.delta_state import TableState, state_at
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label
from clearance.governance.lineage_facets import LineageDataset, lineage_dataset
from clearance.governance.observation import Observation, compare
from clearance.governance.registry import Row
from clearance.jobs.approvals import Matter
from clearance.jobs.asking import check_reason
from clearance.jobs.check import Checked
from clearance.jobs.delta_writing import Commit, planned, put, require_files
from clearance.jobs.desk import Desk
from clearance.jobs.gate import BlockedError
from clearance.jobs.leftovers import sweep
from clearance.jobs.publications import (
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
from clearance.jobs.reviewed import scan_run
from clearance.jobs.staging import RUN_PROPERTY, STAGING, Target
from clearance.jobs.states import steps_of
from clearance.jobs.tags import PREFIX

_KEPT = ("label", "columns", "policy_digest", "policy_path", "facts", "reasons", "looked")


@dataclass(frozen=True)
class Published:
    """One publication at a target: its version, the older one that it brought back (or itself), and what is on record
    of it.
    """

    version: str
    first: str
    approval: Row
    request: Row
    label_row: Row

    @property
    def origin(self) -> str:
        """The dataset that was promoted."""
        return str(self.approval["state"]["origin"])


@dataclass(frozen=True)
class _Plan:
    """What is to be done: bring back ``goal``; ``observed`` where a run that was killed did so already."""

    goal: Published
    there: TableState
    observed: Observation | None = None


def rollback(
    matter: Matter,
    who: Callable[[], Known],
    desk: Desk,
    *,
    reason: str,
    version: int | None = None,
    step: Steps = nothing,
) -> Promoted:
    """Brings back what was published before what is there now, or the publication of ``version``.

    ``matter``: the target, with the manifest that was approved with it; ``desk``: of the same policy and registry.
    Without a version a rollback that was killed is finished first; with one nothing is done where it is there already.
    Raises ``BlockedError`` when its approval does not hold any more; the target is as it was, and the attempt on
    record.
    """
    check_reason(reason)
    key, folder = matter.identity.key, matter.identity.local_path
    if folder is None:
        raise UsageError(f"{key} is no path on this machine", hint="mount the store, and name the path")
    facts: dict[str, Any] = {"reason": reason, "by": None, "policy": matter.policy.label_digest}
    with refusals(desk, "rollback", key, facts):
        sweep(desk, Target(str(folder)))
        step("known")
        signer, signing = who()
        facts["by"] = signer.to_dict()
        step("choose")
        plan = _plan(matter, desk, folder, version)
        goal = plan.goal
        facts |= {"restores": goal.first, "request": goal.approval["request"]}
        step("approved")
        require_approved(matter, goal)
        team = matter.manifest.team if matter.manifest else {}
        if why := separation("publish", signer.name, goal.request, name_of(goal.approval), team):
            raise RefusedError(why, hint="another person rolls it back")
        step("files")
        wanted = state_at(folder, int(goal.first))
        require_files(folder, wanted)
        if content_of(str(folder), int(goal.first)).digest != goal.approval["state"]["content"]:
            raise DatasetError(f"the files of version {goal.first} are not what was approved", hint="promote it again")
    inputs, outputs = [_source(goal)], [_output(matter, goal)]
    with desk.run("rollback", key, inputs=inputs, outputs=outputs) as run:
        waiting = folder.parent / STAGING / run.run_id
        commit = _commit(plan, wanted, run.run_id) if plan.observed is None else None
        observed = commit.observation if commit is not None else plan.observed
        assert observed is not None
        done = not is_on_record(desk, "rollback", key, observed.version, goal.approval["request"])
        try:
            if done:
                kept = {name: told for name, told in goal.approval["state"].items() if name != "dataset"}
                told = {**kept, "publisher": signer.name, "restores": goal.first}
                what = Publication(
                    matter.identity, str(folder), observed, {name: goal.label_row.get(name) for name in _KEPT},
                    _schema(desk, goal), state_in(goal.approval), told, goal.approval, signer, signing, reason,
                )  # fmt: skip
                step("announce")
                rows, about = filed(what), {**facts, "at": observed.version}
                with desk.audit.filing("rollback", rows, run_id=run.run_id, dataset=key, facts=about):
                    step("commit")
                    if commit is not None:
                        require_approved(matter, goal)
                        put(commit, folder, waiting)
                    step("file")
            label = Label.from_dict(goal.label_row["label"])
            run.label, run.facts = label.to_dict(), {"version": observed.version, "restores": goal.first, "done": done}
            run.outputs = [_output(matter, goal, observed.version)]
            step("ended")
        finally:
            cleared(waiting)
    return Promoted(
        key, str((goal.label_row.get("facts") or {}).get("environment")), observed.version, label,
        goal.approval["request"], signer.name, run.run_id, done, goal.origin, None, goal.first,
    )  # fmt: skip


def published(matter: Matter) -> list[Published]:
    """All publications at the target that the record stands for, oldest first."""
    registry, key = matter.registry, matter.identity.key
    decided, problem = steps_of(key, matter.policy, registry)
    rows, strange = Audit(registry).counted("labels", key)
    if problem or strange:
        raise RefusedError(
            f"the record of what was published can't be relied on: {problem or strange}",
            hint="see `clearance audit verify`",
        )
    labels = {row["version"]: row for row in rows if row["kind"] == "promoted"}
    found = []
    for approval in decided.published:
        version = str(approval["state"]["dataset"]["version"])
        first = str(approval["state"].get("restores") or version)
        if version in labels:
            found.append(Published(version, first, dict(approval), approval["asked"], labels[version]))
    return found


def _plan(matter: Matter, desk: Desk, folder: Path, version: int | None) -> _Plan:
    there = owned(folder)
    if there is None:
        raise DatasetError(f"there is no table at {folder}", hint="check the path")
    found = published(matter)
    restored = there.properties.get(RESTORES)
    by = committed_by(folder, there, str(there.properties.get(RUN_PROPERTY))) if restored is not None else None
    if by is not None and (version is None or str(version) == restored) and not _told(desk, matter, by.version):
        goal = next((each for each in reversed(found) if each.version == restored), None)
        if goal is not None:
            return _Plan(goal, there, by)
    current = found[-1] if found and _is_there(found[-1], folder) else None
    if version is not None:
        wanted = [each for each in found if each.version == str(version)]
        if wanted and current is not None and wanted[-1].first == current.first:
            return _Plan(wanted[-1], there, Observation.from_dict(current.label_row["observation"]))
    elif current is None:
        wanted = found
    else:
        older = [each for each in found if each.version == each.first and int(each.first) < int(current.first)]
        wanted = sorted(older, key=lambda each: int(each.first))
    if not wanted:
        what = f"no version {version}" if version is not None else "nothing before what is there now"
        told = ", ".join(dict.fromkeys(each.version for each in found)) or "none"
        raise RefusedError(f"{what} was published at {folder}", hint=f"on record as published: {told}")
    return _Plan(wanted[-1], there)


def _is_there(what: Published, folder: Path) -> bool:
    return compare(Observation.from_dict(what.label_row["observation"]), str(folder)).state == "current"


def _told(desk: Desk, matter: Matter, version: str) -> bool:
    """Whether a rollback to this version told of its end, which is the last that it does."""
    own = matter.identity
    for event in desk.spool.events():
        if event.get("eventType") == "COMPLETE" and event.get("job", {}).get("name") == "clearance.rollback":
            for output in event.get("outputs", ()):
                facet = output.get("facets", {}).get("version", {})
                named = output.get("namespace"), output.get("name"), facet.get("datasetVersion")
                if named == (own.namespace, own.name, version):
                    return True
    return False


def require_approved(matter: Matter, goal: Published) -> None:
    """Raises ``BlockedError`` unless the approval that a publication had holds, under this policy and manifest."""
    policy, manifest = matter.policy, matter.manifest
    state = state_in(goal.approval)
    now = replace(state, policy=policy.approval_digest, manifest=manifest.digest if manifest else None)
    decided = Decided(approval=goal.approval, decision=goal.approval)
    objects = objections(decided, now, policy.levels, datetime.now(UTC), required=True)
    if state.policy != policy.approval_digest and not objects:
        # It may be allowed to lapse for a check, which judges anew; nobody judges what comes back.
        raise DatasetError(
            f"version {goal.first} was approved under another policy", hint="promote it again under this one"
        )
    if objects:
        verdict = Verdict("clear").escalated(objects)
        label = Label.from_dict(goal.label_row["label"])
        checked = Checked(matter.identity.key, "-", verdict, label, goal.first, "current", "")
        raise BlockedError(f"version {goal.first} of {matter.identity.key} is not approved any more", [checked])


def _commit(plan: _Plan, wanted: TableState, run_id: str) -> Commit:
    own = {key: told for key, told in wanted.properties.items() if key.startswith(PREFIX)}
    properties = {**own, RUN_PROPERTY: run_id, RESTORES: plan.goal.first}
    parameters = {"version": plan.goal.first}
    return planned(wanted, plan.there, properties=properties, columns={}, operation="RESTORE", parameters=parameters)


def _schema(desk: Desk, goal: Published) -> Mapping[str, Any]:
    row = goal.label_row
    told = desk.registry.latest("datasets", ["schema"], dataset=row["dataset"], run_id=scan_run(row))
    return (told or {}).get("schema") or {}


def _source(goal: Published) -> LineageDataset:
    told = (goal.label_row.get("looked") or {}).get("promoted") or {}
    return lineage_dataset(dataset_identity(goal.origin), version=told.get("version"), role="input")


def _output(matter: Matter, goal: Published, version: str | None = None) -> LineageDataset:
    return output_of(matter.identity, dataset_identity(goal.origin), goal.label_row, version)


__all__ = ["Published", "published", "require_approved", "rollback"]
