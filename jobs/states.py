"""A dataset's state as an approval binds it, from what a check looked at. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Any

from clearance.governance import canonical
from clearance.governance.approvals import Decided, decided, objections, origins
from clearance.governance.audit import Audit
from clearance.governance.conflicts import Conflict
from clearance.governance.escalation import DatasetState, not_approved
from clearance.governance.identities import people
from clearance.governance.labels import Label
from clearance.governance.manifest import Manifest
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.resting import is_rested_on
from clearance.jobs.reviewed import subjects


def state_of(
    row: Mapping[str, Any],
    label: Label,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    facts: Mapping[str, Any],
    policy: Policy,
    manifest: Manifest | None,
    registry: Registry,
    run_id: str,
) -> DatasetState:
    """The state that a label row speaks for, labelled as the check does it. ``run_id``: the scan's."""
    seen = row.get("observation") or {}
    told = registry.latest("datasets", ["schema"], dataset=row["dataset"], run_id=run_id)
    schema = (told or {}).get("schema") or {}
    found = registry.rows("findings", ["column", "report"], dataset=row["dataset"], run_id=run_id)
    why = row.get("reasons") or {}
    return DatasetState(
        row["dataset"],
        str(row["version"]),
        str(seen.get("schema_fingerprint") or canonical.digest(schema)),
        policy.approval_digest,
        manifest.digest if manifest else None,
        label.to_dict(),
        {path: {**own.to_dict(), "entity_types": list(types.get(path, ()))} for path, own in columns.items()},
        {str(each["name"]): _type(each["type"]) for each in schema.get("fields", ())},
        {entry["column"]: _shares(entry["report"]) for entry in found if entry["report"].get("findings")},
        sorted(facts["regions"]) if facts.get("regions") else None,
        sorted(path for path in columns if why.get(path)) if row["kind"] == "protected" else [],
    )


def unrested(row: Mapping[str, Any], registry: Registry, run_id: str) -> str:
    """Why what a scan found can't be compared with what was approved: rows of it are gone or changed. Empty: it can."""
    told = ((row.get("looked") or {}).get("rests_on") or {}) if row["kind"] == "source" else {}
    for table in ("datasets", "findings"):
        if table in told:
            rows = registry.rows(table, dataset=row["dataset"], run_id=run_id)
            if not is_rested_on(row, table, rows):
                return f"{table} of the scan are not what the label rests on"
    return ""


def _type(told: Any) -> str:
    return told if isinstance(told, str) else f"{told.get('type', 'nested')}:{canonical.digest(told)[:16]}"


def _shares(report: Mapping[str, Any]) -> dict[str, list[float]]:
    return {
        each["entity_type"]: [each["prevalence"][name] for name in ("low", "estimate", "high")]
        for each in report["findings"]
        if each.get("form", "raw") == "raw"
    }


def is_asked(dataset: str, policy: Policy, registry: Registry) -> bool:
    """Whether approvals have a say: someone took a step for this dataset, or the policy wants one for each."""
    return policy.rules.approval or Audit(registry).counted("approvals", dataset) != ([], "")


def against(state: DatasetState, policy: Policy, registry: Registry) -> list[Conflict]:
    """What the record of approvals has against a dataset as it is now. See ``approvals.objections``."""
    from datetime import UTC, datetime

    found, problem = steps_of(state.dataset, policy, registry)
    if problem:
        return [not_approved("approval-void", {"why": problem}, "see `clearance audit verify`, then ask again")]
    return objections(found, state, policy.levels, datetime.now(UTC), required=policy.rules.approval)


def steps_of(dataset: str, policy: Policy, registry: Registry) -> tuple[Decided, str]:
    """What holds of the steps that were taken for a dataset, and why none of them may be used (empty: they may)."""
    audit = Audit(registry)
    rows, problem = audit.counted("approvals", dataset)
    if problem or not rows:
        return Decided(), problem
    elsewhere = {}
    for origin in origins(rows):
        # One that can't be relied on carries nothing: the publication says then that it rests on no approval.
        elsewhere[origin] = audit.counted("approvals", origin)[0]
    known = people(registry, policy.content.identities.administrators)
    return decided(rows, known, subjects(policy), elsewhere), ""


__all__ = ["against", "is_asked", "state_of", "steps_of", "unrested"]
