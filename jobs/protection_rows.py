"""What the registry says of a protection that was published."""

from collections.abc import Mapping
from typing import Any

from clearance.classifiers.findings import ColumnReport
from clearance.governance.identity import dataset_identity
from clearance.governance.observation import Observation
from clearance.governance.policy import Policy
from clearance.jobs import records
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.protection import Work


def rows_of(
    work: Work, record: dict[str, Any], envelope: dict[str, Any], observed: Observation, schema: Mapping[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """What the registry says of a published dataset. The label comes last: without the rest there is none."""
    found, desk, plan, target = work.scanned.scan, work.desk, work.plan, work.target
    reports = {report.path: report for report in found.columns}
    why = {leaf.path: _done(leaf, reports[leaf.path], plan, desk.policy) for leaf in plan.leaves if leaf.changes}
    dataset_row = records.dataset_row(
        dataset_identity(target.text),
        reference=target.text,
        format=target.format,
        rows=record["proof"]["rows"],
        observation=observed,
        schema=schema,
        facts=work.scanned.facts,
    )
    label_row = records.label_row(
        target.key,
        observed,
        {leaf.path: leaf.label for leaf in plan.leaves},
        work.label,
        desk.policy,
        desk.policy_path,
        kind="protected",
        facts=work.scanned.facts,
        why=why,
        types={leaf.path: [leaf.entity_type] if leaf.entity_type else [] for leaf in plan.leaves},
        looked=records.looked_with(desk.detection, found),
        roles=work.roles,
    )
    protection = {
        "dataset": target.key,
        "source": work.dataset.source.key,
        "source_version": found.version,
        "version": observed.version,
        "columns": [leaf.to_dict() for leaf in plan.leaves],
        "statement": record,
        "signature": work.tokens.key.open().sign(SIGNED, canonical(record)),
        "envelope": envelope,
        "policy_digest": desk.policy.label_digest,
        "engine_digest": found.engine_digest,
        "rows": record["proof"]["rows"],
    }
    return [("datasets", dataset_row), ("protections", protection), ("labels", label_row)]


def _done(leaf: LeafPlan, report: ColumnReport, plan: ProtectionPlan, policy: Policy) -> list[dict[str, Any]]:
    """What was done to a leaf and the rule that lowers its label for it, for whoever asks why: a line a type."""
    if leaf.how != "spans":
        return [_reason(leaf.entity_type or leaf.kind, leaf.how, leaf.method, policy)]
    methods = plan.methods_at(leaf.path)
    types = [finding.entity_type for finding in report.findings if finding.form == "raw"]
    return [_reason(kind, leaf.how, methods[kind], policy) for kind in types if kind in methods]


def _reason(kind: str, how: str, method: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    text, where = f"{kind}: {_told(method)}", ""
    lowering = policy.deidentification_rule(method, kind)
    if lowering is not None:
        name, rule = lowering
        where = policy.where("deidentification", name)
        text += f"; {name} lowers it to {rule.lowers_to} ({rule.source}); {where}"
    return {"entity_type": kind, "rule": how, "where": where, "text": text}


def _told(method: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" if key != "name" else str(value) for key, value in method.items())


__all__ = ["rows_of"]
