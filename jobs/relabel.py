"""Label again: the present policy and facts over the findings on record. Needs no Spark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearance.errors import DatasetError
from clearance.governance.decisions import read_facts
from clearance.governance.identity import DatasetIdentity
from clearance.governance.labels import Label
from clearance.governance.standing import column_labels, column_roles, column_types, standing
from clearance.jobs.desk import Desk
from clearance.jobs.records import dataset_reasons
from clearance.jobs.reviewed import Labelled, decisions_on, labelled_again, scan_run


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A dataset's label under the present policy, as it was recorded."""

    dataset: str
    version: str | None
    label: Label
    columns: Mapping[str, Label]
    run_id: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "dataset": self.dataset,
            "version": self.version,
            "label": self.label.to_dict(),
            "columns": [{"path": path, "label": label.to_dict()} for path, label in self.columns.items()],
            "run_id": self.run_id,
        }


def relabel(desk: Desk, identity: DatasetIdentity, facts: Mapping[str, Any]) -> Relabelled:
    """Labels a dataset from its findings on record and records the result.

    ``facts`` replace those declared before under the same name. Raises ``DatasetError`` when there is nothing
    to label from: never scanned, changed since, or protected under another policy.
    """
    read_facts(facts)
    found = standing(desk.registry, identity)
    hint = f"scan it: clearance scan {identity.location}"
    if found.state == "unvouched":
        raise DatasetError(f"{identity.key}: {found.reason}", hint="clearance audit verify; then scan it again")
    if found.label is None:
        raise DatasetError(f"{identity.key} was never scanned", hint=hint)
    if found.state == "changed":
        raise DatasetError(f"{identity.key} changed since its scan: {found.reason}", hint=hint)
    row = found.label
    declared = {**(row["facts"] or {}), **facts}
    read_facts(declared)
    with desk.run("label", identity.key) as run:
        decided, problem = decisions_on(identity.key, desk.policy, desk.registry)
        if problem:
            raise DatasetError(f"{identity.key}: {problem}", hint="see `clearance audit verify`")
        again = labelled_again(desk.policy, row, desk.registry, decided)
        if again is None and row["policy_digest"] != desk.policy.label_digest:
            again_by = hint if row["kind"] == "source" else "protect it again under the present one"
            raise DatasetError(f"{identity.key} was protected and proved under another policy", hint=again_by)
        if again is None:
            again = Labelled(column_labels(row), Label.from_dict(row["label"]), column_types(row), column_roles(row))
        columns, label, types = again.columns, again.label, again.types
        copy = {k: v for k, v in row.items() if k not in ("run_id", "at", "seq")}
        copy |= {
            "label": label.to_dict(),
            "columns": {
                path: {**own.to_dict(), "entity_types": list(types.get(path, ()))} for path, own in columns.items()
            },
            "policy_digest": desk.policy.label_digest,
            "policy_path": desk.policy_path,
            "facts": declared,
            "looked": {**(row["looked"] or {}), "reviewed": list(again.touched), "roles": again.roles},
        }
        # The findings that it rests on are filed under the scan's run: refer to it.
        own = dataset_reasons(label, columns, desk.policy, again.roles).get("", [])
        copy["reasons"] = {**(row["reasons"] or {}), "": [{"scan": scan_run(row)}, *own]}
        told = {
            "version": row["version"],
            "label": copy["label"],
            "policy": desk.policy.label_digest,
            "declared": sorted(facts),
        }
        with desk.audit.filing("label", [("labels", copy)], run_id=run.run_id, dataset=identity.key, facts=told):
            pass
        run.label = label.to_dict()
    return Relabelled(identity.key, row["version"], label, columns, run.run_id)
