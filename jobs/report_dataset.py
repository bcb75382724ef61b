"""One dataset as the report tells it: what check, explain, approvals and lineage say of it, side by side, JSON-ready.

Nothing is decided here. What one of them can't tell is told as missing, with their reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearance.errors import ClearanceError, ProofError
from clearance.governance.audit import Audit
from clearance.governance.coverage import Coverage
from clearance.governance.decisions import REMEDIES
from clearance.governance.envelopes import unseal
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.manifest import Manifest
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry, Row
from clearance.governance.solutions import Solution
from clearance.governance.standing import standing
from clearance.jobs.approvals import Matter, outlook
from clearance.jobs.check import Seen, judge_seen, see
from clearance.jobs.explain import ROLES, explain
from clearance.jobs.lineage_views import Lineage
from clearance.jobs.manifests import compare
from clearance.jobs.on_record import history
from clearance.jobs.report_lineage import draw
from clearance.jobs.reviewed import scan_run
from clearance.jobs.states import is_asked
from clearance.jobs.verdict_words import facts_of

#: So many of the newest things on record are listed.
_EVENTS = 12


@dataclass(frozen=True)
class Record:
    """Where a report looks. ``lineage`` None: it can't be relied on, and ``lineage_problem`` says why."""

    registry: Registry
    policy: Policy
    solutions: Sequence[Solution]
    manifest_of: Callable[[str], Manifest | None]
    lineage: Lineage | None
    lineage_problem: str = ""
    #: Public keys that are believed here, by id.
    keys: Mapping[str, str] = field(default_factory=dict)


def tell(key: str, record: Record) -> dict[str, Any]:
    """All that the page shows of one dataset (its key). ``problem``: why nothing more can be told of it."""
    told: dict[str, Any] = {"key": key, "name": short_name(key), "problem": ""}
    try:
        with record.registry.at_one_time():
            return told | _tell(dataset_identity(key), record)
    except ClearanceError as error:
        return told | _nothing() | {"problem": f"{error.message} ({error.hint})" if error.hint else error.message}


def short_name(key: str) -> str:
    """The end of a dataset's key, by which people tell it from its neighbours."""
    place = key.partition("://")[2] or key.partition(":")[2] or key
    if key.startswith(("table:", "frame:")):
        return place.removeprefix("spark_catalog.")
    return "/".join(part for part in place.split("/")[-2:] if part)


def _nothing() -> dict[str, Any]:
    return {
        "state": "unreadable", "note": "", "remedy": "", "kind": None, "label": None, "scan": None, "columns": [],
        "combinations": [], "verdicts": [], "protection": None, "lineage": None, "declared": None, "approval": None,
        "events": [], "earlier": 0, "failed": None, "recorded": None, "facts": {}, "missing": "",
    }  # fmt: skip


def _tell(identity: DatasetIdentity, record: Record) -> dict[str, Any]:
    registry, policy = record.registry, record.policy
    manifest = record.manifest_of(identity.key)
    found = standing(registry, identity)
    seen = see(identity.key, found, policy, registry, facts=None, manifest=manifest, record=False)
    checks = [
        judge_seen(identity, seen, one, policy, registry, manifest=manifest, record=False) for one in record.solutions
    ]
    why, missing = _explained(identity.key, seen, registry)
    is_copy = seen.row.get("kind") == "protected"
    made, unmade = Audit(registry).counting("protections", identity.key) if is_copy else (None, "")
    label = seen.label.to_dict() if seen.label else None
    recorded = seen.row.get("label")
    return {
        "state": seen.state,
        "note": seen.note,
        "remedy": REMEDIES.get(seen.state, ""),
        "kind": seen.row.get("kind"),
        "label": label,
        "recorded": recorded if recorded not in (None, label) else None,
        "scan": _scan(seen.row, registry) if seen.row else None,
        "facts": {name: value for name, value in sorted(seen.facts.items()) if value is not None},
        "columns": _columns(identity.key, seen, why, made, registry),
        "missing": missing,
        "combinations": why["combinations"] if why else [],
        "verdicts": [
            {"checked": each.to_dict(), "facts": [facts_of(conflict) for conflict in each.verdict.conflicts]}
            for each in checks
        ],
        "protection": _protection(identity.key, seen, made, unmade, record.keys),
        "lineage": _lineage(identity.key, record),
        "declared": _declared(identity.key, manifest, policy, registry),
        "approval": _approval(identity, manifest, policy, registry),
        **_events(identity.key, registry),
    }


def _explained(key: str, seen: Seen, registry: Registry) -> tuple[dict[str, Any] | None, str]:
    """What ``clearance explain`` says of every column; None and why where it says nothing."""
    if not seen.row:
        return None, ""
    try:
        return explain(registry, key, every=True), ""
    except ClearanceError as error:
        return None, error.message


def _scan(row: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """When and how much of the data was looked at, and by what."""
    looked = row.get("looked") or {}
    seen = registry.latest("datasets", dataset=row["dataset"], run_id=scan_run(row)) or {}
    coverage = Coverage.from_dict(looked["coverage"]) if looked.get("coverage") else None
    return {
        "at": _time(seen.get("at") or row["at"]),
        "labelled": _time(row["at"]),
        "version": row["version"],
        "rows": seen.get("rows"),
        "format": seen.get("format"),
        "mode": coverage.mode if coverage else None,
        "proves": coverage.words() if coverage else "how many of its rows were looked at is not on record",
        "model": looked.get("ner"),
        "policy": row.get("policy_path"),
        "run_id": row["run_id"],
    }


def _columns(
    key: str, seen: Seen, why: Mapping[str, Any] | None, made: Row | None, registry: Registry
) -> list[dict[str, Any]]:
    """Each column: its shape, what was found in it and what was done, its label as a check sees it. ``made``: the
    protection on record.
    """
    explained = {column["path"]: column for column in why["columns"]} if why else {}
    run = scan_run(seen.row) if why else ""
    rows = registry.rows("findings", ["column", "report"], dataset=key, run_id=run) if why else []
    reports = {row["column"]: row["report"] for row in rows}
    leaves = {leaf["path"]: leaf for leaf in made["columns"]} if made else {}
    # The label is filed with its columns by name; these two know in which order the data has them.
    known = [path for path in (*reports, *leaves) if path in explained]
    return [
        _column(path, seen, explained.get(path, {}), reports.get(path, {}), leaves.get(path, {}))
        for path in dict.fromkeys([*known, *seen.columns, *explained])
    ]


def _column(
    path: str, seen: Seen, told: Mapping[str, Any], report: Mapping[str, Any], leaf: Mapping[str, Any]
) -> dict[str, Any]:
    label = seen.columns[path].to_dict() if path in seen.columns else told.get("label")
    recorded = told.get("label", {}).get("level")
    level = label["level"] if label else None
    looked_at = bool(report) and report["kind"] != "unknown"
    return {
        "path": path,
        "type": report.get("type") or leaf.get("type_after"),
        "kind": report.get("kind"),
        "nulls": report["nulls"] / report["rows"] if looked_at and report["rows"] else None,
        "distinct": report["distinct"] if looked_at else None,
        "label": label,
        "recorded": recorded if recorded != level else None,
        "found": told.get("findings", []),
        "was": told.get("findings_in_source", []),
        "role": ROLES.get(told.get("role", "")),
        "attribute": told.get("attribute"),
        "rules": told.get("rules", []),
        "because": told.get("evidence", []) if told.get("findings") else [],
    }


def _protection(key: str, seen: Seen, row: Row | None, problem: str, keys: Mapping[str, str]) -> dict[str, Any] | None:
    """From what a protected dataset was made, and what its signed statement says; None where it is none. ``row``: its
    protection on record; None and ``problem`` where none counts.
    """
    origin = ((seen.row.get("looked") or {}).get("promoted") or {}).get("dataset")
    if seen.row.get("kind") == "promoted" and origin:
        return {"promoted": origin, "source": None, "statement": None}
    if seen.row.get("kind") != "protected":
        return None
    if row is None:
        why = problem or "no protection of it is on record"
        return {"promoted": None, "source": None, "statement": {"holds": False, "why": why}}
    return {
        "promoted": None,
        "source": row["source"],
        "source_version": row["source_version"],
        "at": _time(row["at"]),
        "statement": _statement(key, row, keys),
    }


def _statement(key: str, row: Row, keys: Mapping[str, str]) -> dict[str, Any]:
    """Whether the statement is signed by a key that is believed here, and what it says. No data is read."""
    if row["envelope"] is None:
        return {"holds": False, "why": "it was protected before statements were signed for others"}
    try:
        signed = unseal(row["envelope"], keys)
    except ProofError as error:
        return {"holds": False, "why": error.message}
    proof, detectors = signed.predicate["proof"], signed.predicate.get("detectors") or {}
    if signed.dataset != key or proof["holds"] is not True:
        return {"holds": False, "why": "the statement is of another dataset, or says that its proof failed"}
    told = {name: proof.get(name) for name in ("rows", "checked_cells", "checked_texts")}
    at = str(signed.predicate.get("at"))[:19]
    return {"holds": True, "signed_by": signed.key_id, "at": at, "detectors": detectors.get("digest"), **told}


def _lineage(key: str, record: Record) -> dict[str, Any]:
    if record.lineage is None:
        return {"problem": record.lineage_problem, "drawing": None}
    graph = record.lineage.graph
    up, down = graph.upstream(key), graph.downstream(key)
    return {"problem": "", "drawing": draw(key, record.lineage.view(up), record.lineage.view(down))}


def _declared(key: str, manifest: Manifest | None, policy: Policy, registry: Registry) -> dict[str, Any] | None:
    """Where its owner and the data disagree; None where no manifest was given."""
    if manifest is None:
        return None
    told: dict[str, Any] = {"manifest": manifest.source, "problem": "", "disagreements": []}
    try:
        return told | {"disagreements": [one.to_dict() for one in compare(manifest, policy, registry, key)]}
    except ClearanceError as error:
        return told | {"problem": error.message}


def _approval(
    identity: DatasetIdentity, manifest: Manifest | None, policy: Policy, registry: Registry
) -> dict[str, Any] | None:
    """What ``clearance approvals`` says; None where nobody asked for one and the policy wants none."""
    if not is_asked(identity.key, policy, registry):
        return None
    try:
        return {"problem": "", **outlook(Matter(identity, policy, registry, manifest))}
    except ClearanceError as error:
        return {"problem": error.message}


def _events(key: str, registry: Registry) -> dict[str, Any]:
    """The newest things on record, newest first: labels, protections, failed runs, the last verdict of each solution.
    ``failed``: the last scan, if it failed.
    """
    told = history(key, registry)
    runs = told["runs"] if told else [_plain(row) for row in registry.rows("runs", dataset=key)]
    found = [
        (row["at"], f"{row['kind']} label", row["label"]["level"] if row["counts"] else "unvouched", row["version"])
        for row in told.get("labels", ())
    ]
    found += [
        (row["at"], f"protected from {row['source']}", "" if row["counts"] else "unvouched", "")
        for row in told.get("protections", ())
    ]
    found += [
        (row["at"], f"{row['job']} failed", str(row["error"] or ""), "") for row in runs if row["status"] == "failed"
    ]
    newest = {row["solution"]: row for row in told.get("verdicts", ())}
    found += [(row["at"], f"last verdict for {name}", row["verdict"], "") for name, row in newest.items()]
    found.sort(reverse=True)
    ended = [row for row in runs if row["job"] == "scan" and row["status"] in ("complete", "failed")]
    last = ended[-1] if ended and ended[-1]["status"] == "failed" else None
    shown = [
        {"at": at[:19], "what": what, "outcome": outcome, "version": version} for at, what, outcome, version in found
    ]
    failed = {"at": last["at"][:19], "error": last["error"]} if last else None
    return {"events": shown[:_EVENTS], "earlier": max(0, len(found) - _EVENTS), "failed": failed}


def _plain(row: Row) -> dict[str, Any]:
    return {**row, "at": row["at"].isoformat()}


def _time(at: Any) -> str:
    return str(at.isoformat(timespec="seconds"))[:19]


__all__ = ["Record", "short_name", "tell"]
