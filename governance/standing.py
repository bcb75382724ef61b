"""What the registry says of a dataset, and whether that still speaks for the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clearance.errors import AuditError
from clearance.governance.audit import Audit
from clearance.governance.identity import DatasetIdentity
from clearance.governance.labels import Label
from clearance.governance.observation import Observation, compare
from clearance.governance.registry import Registry


@dataclass(frozen=True, slots=True)
class Standing:
    """The label row of a dataset that counts, and its state.

    ``current``: the label speaks for the data as they are. ``changed``: they changed since the scan.
    ``unlabelled``: nobody scanned them. ``unreadable``: whether they changed can't be told from here.
    ``unvouched``: the audit does not stand for the label. Only the first can lead to a yes; ``reason`` says why it is
    another one.
    """

    state: Literal["current", "changed", "unlabelled", "unreadable", "unvouched"]
    reason: str
    label: dict[str, Any] | None


def not_vouched(why: str) -> str:
    """What is said of a label that does not count, and why."""
    return f"the audit does not stand for the label: {why}"


def standing(registry: Registry, dataset: DatasetIdentity) -> Standing:
    """Look a dataset up and compare it with its data, without Spark.

    Raises RegistryError for a registry that can't be read; a missing one knows no labels.
    """
    row, problem = Audit(registry).counting("labels", dataset.key)
    if problem:
        return Standing("unvouched", not_vouched(problem), None)
    return standing_of(row, dataset)


def vouched_label(registry: Registry, dataset: str) -> dict[str, Any] | None:
    """The label row of a dataset (its key) that counts, whatever became of the data; None where nobody scanned it.

    Raises ``AuditError`` where the audit does not stand for it: one written row would say anything.
    """
    row, problem = Audit(registry).counting("labels", dataset)
    if problem:
        raise AuditError(
            f"{dataset}: {not_vouched(problem)}",
            hint="clearance audit verify; then scan it again",
        )
    return row


def standing_of(row: dict[str, Any] | None, dataset: DatasetIdentity) -> Standing:
    """The same for a label row that was read already, and that counts by the audit."""
    if row is None:
        return Standing("unlabelled", "the registry has no label for this dataset", None)
    if not isinstance(row["observation"], dict):
        return Standing("unreadable", "the label does not say which state of the data it speaks for", row)
    if dataset.kind in {"table", "frame"}:
        # The name may stand for other data by now, and only a session can tell.
        return Standing("unreadable", "changes to this kind of dataset can't be told without Spark", row)
    change = compare(Observation.from_dict(row["observation"]), dataset.location)
    return Standing(change.state, change.reason, row)


def column_labels(row: Mapping[str, Any]) -> dict[str, Label]:
    """The label of each column in a row of ``labels``, by path. Raises ``RegistryError`` for a damaged one."""
    return {
        path: Label.from_dict({key: value for key, value in own.items() if key != "entity_types"})
        for path, own in (row.get("columns") or {}).items()
    }


def column_roles(row: Mapping[str, Any]) -> dict[str, str]:
    """The types that columns which have a role only may be of (``labeling.role_types``), by path, as a row of
    ``labels`` tells them. The row's own label has in it what combinations make of them.
    """
    return dict((row.get("looked") or {}).get("roles") or {})


def column_types(row: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The entity types of each column in a row of ``labels``, by path."""
    return {path: tuple(own.get("entity_types", ())) for path, own in (row.get("columns") or {}).items()}
