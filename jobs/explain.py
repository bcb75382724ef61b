"""Why a dataset has its label: finding, rule, policy line, run. From the registry alone."""

from typing import Any

from clearance.errors import AuditError, DatasetError, UsageError
from clearance.governance.identity import dataset_identity
from clearance.governance.registry import Registry
from clearance.governance.standing import vouched_label
from clearance.jobs.on_record import names, nearest
from clearance.jobs.reviewed import scan_run
from clearance.jobs.states import unrested

#: Roles in the words of ISO/IEC 20889.
ROLES = {"direct": "direct identifier", "quasi": "quasi-identifier", "sensitive": "sensitive attribute"}


def explain(registry: Registry, reference: str, column: str | None = None, *, every: bool = False) -> dict[str, Any]:
    """The label of a dataset or column and what it rests on.

    Columns with nothing to explain are left out unless asked for by path, or ``every`` one is wanted. Raises
    ``DatasetError`` for a dataset that is not in the registry, ``UsageError`` for a column it does not have,
    ``AuditError`` as ``vouched_label``, and for findings that are not those of the scan.
    """
    key = dataset_identity(reference).key
    row = vouched_label(registry, key)
    if row is None:
        hint = f"scan it: clearance scan {reference}"
        if registry.latest("derived", ["dataset"], dataset=key) is not None:
            hint += f"; what its lineage says: clearance lineage trace {reference}"
        near = nearest(key, names(registry), registry.home)
        raise DatasetError(f"{key} has no label", hint=f"{near} or {hint}" if near else hint)
    if why_not := unrested(row, registry, scan_run(row)):
        raise AuditError(f"{key}: {why_not}", hint="clearance audit verify; then scan it again")
    paths = list(row["columns"])
    if column is not None and column not in paths:
        raise UsageError(f"{key} has no column {column!r}", hint=f"it has: {', '.join(paths[:20])}")
    found = {
        entry["column"]: entry["report"]
        for entry in registry.rows("findings", ["column", "report"], dataset=key, run_id=scan_run(row))
    }
    protection = registry.latest("protections", dataset=key) if row["kind"] == "protected" else None
    before = _source_reports(registry, protection) if protection else {}
    why = row["reasons"] or {}
    columns = [
        {
            "path": path,
            "label": {k: v for k, v in row["columns"][path].items() if k != "entity_types"},
            "findings": found.get(path, {}).get("findings", []),
            "findings_in_source": before.get(path, {}).get("findings", []),
            "evidence": found.get(path, {}).get("evidence", []),
            "terms": found.get(path, {}).get("terms", []),
            "role": found.get(path, {}).get("role", "unknown"),
            "attribute": found.get(path, {}).get("attribute"),
            "rules": why.get(path, []),
        }
        for path in paths
        if (path == column if column is not None else every or why.get(path) or found.get(path, {}).get("findings"))
    ]
    return {
        "dataset": key,
        "label": row["label"],
        "kind": row["kind"],
        "version": row["version"],
        "policy": row["policy_path"],
        "run_id": row["run_id"],
        "at": row["at"].isoformat(),
        "source": protection["source"] if protection else None,
        "combinations": [reason for reason in why.get("", []) if "combination" in reason],
        "columns": columns,
    }


def _source_reports(registry: Registry, protection: dict[str, Any]) -> dict[str, Any]:
    """The reports of the scan that a protection rests on, by column path."""
    scans = registry.rows("labels", dataset=protection["source"])
    row = next((row for row in reversed(scans) if row["version"] == protection["source_version"]), None)
    if row is None:
        return {}
    found = registry.rows("findings", ["column", "report"], dataset=protection["source"], run_id=scan_run(row))
    return {entry["column"]: entry["report"] for entry in found}
