"""From what a job found to rows of the registry and datasets of lineage events."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearance.classifiers.findings import ColumnReport
from clearance.governance.combinations import held
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.labeling import label_column, label_dataset, reasons, role_labels
from clearance.governance.labels import Label
from clearance.governance.lineage_facets import ColumnEdge, ColumnMetrics, LineageDataset, lineage_dataset
from clearance.governance.observation import without_metadata
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.preparation_words import filters, told
from clearance.jobs.schema import RECORD_ENTITIES, RECORD_LEVEL
from clearance.version import __version__

if TYPE_CHECKING:
    from clearance.governance.observation import Observation
    from clearance.governance.policy import Policy
    from clearance.jobs.datasets import Dataset
    from clearance.jobs.preparation import AnyStep
    from clearance.jobs.scan import Scan
    from clearance.jobs.settings import Detection


def dataset_row(
    identity: DatasetIdentity,
    *,
    reference: str,
    format: str,
    rows: int,
    observation: "Observation | None",
    schema: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A row of ``datasets``."""
    return {
        "dataset": identity.key,
        "namespace": identity.namespace,
        "name": identity.name,
        "ref": reference,
        "format": format,
        "version": observation.version if observation else None,
        "observation": observation.to_dict() if observation else {},
        "rows": rows,
        "schema": without_metadata(schema),
        "facts": dict(facts or {}),
    }


def finding_rows(
    dataset: str, version: str | None, reports: Sequence[ColumnReport], digest: str
) -> list[dict[str, Any]]:
    """Rows of ``findings``: one a column."""
    return [
        {
            "dataset": dataset,
            "version": version or "",
            "column": report.path,
            "report": report.to_dict(),
            "kind": report.kind,
            "entity_type": report.entity_type,
            "engine_digest": digest,
        }
        for report in reports
    ]


def profile_rows(scan: "Scan") -> list[dict[str, Any]]:
    """Rows of ``profiles``: one a column of a Delta table, where a later scan can go on from this one."""
    if scan.record is None or scan.observation is None or scan.observation.kind != "delta":
        return []
    return [
        {
            "dataset": scan.dataset,
            "version": scan.version,
            "column": path,
            "profile": profile,
            "engine_digest": scan.engine_digest,
        }
        for path, profile in scan.record.items()
    ]


def label_row(
    dataset: str,
    observation: "Observation | None",
    columns: Mapping[str, Label],
    label: Label,
    policy: "Policy",
    policy_path: str,
    *,
    kind: str,
    facts: Mapping[str, Any],
    why: Mapping[str, Any],
    types: Mapping[str, Sequence[str]],
    looked: Mapping[str, Any] | None = None,
    roles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A row of ``labels``. ``columns`` in the row also name each column's entity types, for remedies.

    ``looked``: with what the data was looked at (``looked_with``). ``roles``: the types that columns which have a role
    only may be of; without them what ``looked`` says.
    """
    looked = dict(looked or {}) if roles is None else {**(looked or {}), "roles": dict(roles)}
    return {
        "dataset": dataset,
        "version": observation.version if observation else "",
        "kind": kind,
        "label": label.to_dict(),
        "columns": {
            path: {**own.to_dict(), "entity_types": list(types.get(path, ()))} for path, own in columns.items()
        },
        "policy_digest": policy.label_digest,
        "policy_path": policy_path,
        "observation": observation.to_dict() if observation else None,
        "facts": dict(facts),
        "reasons": {**why, **dataset_reasons(label, columns, policy, looked.get("roles") or {})},
        "looked": looked,
    }


def dataset_reasons(
    label: Label, columns: Mapping[str, Label], policy: "Policy", roles: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """What the dataset's own label rests on beside its columns: the combinations that hold. Filed under no column."""
    found = [one.to_dict() for one in held(label, columns, policy, role_labels(roles, policy))]
    return {"": found} if found else {}


def looked_with(detection: "Detection", scan: "Scan") -> dict[str, Any]:
    """With what a scan looked, and at how much.

    ``texts`` are the columns of text: without a model no one looked for names in them.
    """
    texts = [report.path for report in scan.columns if report.kind == "text"]
    return {
        "language": detection.language,
        "ner": detection.ner,
        "texts": texts,
        "engine_digest": scan.engine_digest,
        "clearance": __version__,
        "coverage": scan.coverage.to_dict(),
    }


def column_labels(reports: Sequence[ColumnReport], policy: "Policy") -> dict[str, Label]:
    """The label of each column as it was found."""
    return {report.path: label_column(report.to_dict(), policy) for report in reports}


def dataset_label(labels: Mapping[str, Label], policy: "Policy") -> Label:
    """High-water mark over columns."""
    return label_dataset(labels.values(), policy)


def why(reports: Sequence[ColumnReport], policy: "Policy") -> dict[str, list[dict[str, str]]]:
    """For each labelled column, the rule and place in the policy that gave the label."""
    return {
        report.path: [
            {"entity_type": r.entity_type, "rule": r.rule, "where": r.where, "text": r.text}
            for r in reasons(report.to_dict(), policy)
        ]
        for report in reports
        if report.findings or report.entity_type or report.kind == "unknown"
    }


def types_found(reports: Sequence[ColumnReport]) -> dict[str, list[str]]:
    """Entity types of each column, its own type first."""
    found = {}
    for report in reports:
        own = [report.entity_type] if report.entity_type else []
        found[report.path] = list(dict.fromkeys([*own, *(f.entity_type for f in report.findings)]))
    return found


def source_of(dataset: "Dataset") -> LineageDataset:
    """An input as it is known before it was read."""
    opened = dataset.origin or dataset
    return lineage_dataset(
        opened.reference.identity, schema=opened.frame.schema.jsonValue(), version=opened.version, role="input"
    )


def scanned_input(dataset: "Dataset", scan: "Scan", label: Label, columns: Mapping[str, Label]) -> LineageDataset:
    """An input with what the scan found: counts, label, column labels.

    What was found in prepared data is not said of its source.
    """
    if dataset.origin is not None:
        return source_of(dataset)
    return lineage_dataset(
        dataset.reference.identity,
        schema=dataset.frame.schema.jsonValue(),
        version=scan.version,
        label=label.to_dict(),
        column_labels=_telling(columns),
        rows=scan.rows,
        # Counts of a sample are not the dataset's.
        metrics=metrics_of(scan.columns) if scan.coverage.complete else None,
        role="input",
    )


def metrics_of(reports: Sequence[ColumnReport]) -> dict[str, ColumnMetrics]:
    """Rows, nulls and distinct values of each column."""
    return {report.path: ColumnMetrics(report.rows, report.nulls, report.distinct) for report in reports}


def _telling(columns: Mapping[str, Label]) -> dict[str, dict[str, Any]]:
    return {path: label.to_dict() for path, label in columns.items()}


def protected_output(
    target: str,
    source: DatasetIdentity,
    plan: ProtectionPlan,
    *,
    schema: Mapping[str, Any] | None = None,
    version: str | None = None,
    label: Label | None = None,
    rows: int | None = None,
    preparation: "Sequence[AnyStep]" = (),
) -> LineageDataset:
    """An output with its column lineage: what came from where, and whether it was prepared or masked on the way."""
    prepared = told(preparation)
    edges = [_edge(leaf, source, prepared.get(leaf.steps[0].name, ())) for leaf in plan.leaves]
    edges += [ColumnEdge("", source, column, filters=True, description=why) for column, why in filters(preparation)]
    edges += [
        ColumnEdge(name, source, leaf.path, masking=True, description="what the record holds")
        for name in (RECORD_LEVEL, RECORD_ENTITIES)
        for leaf in plan.leaves
        if leaf.entity_type or leaf.how == "spans"
    ]
    return lineage_dataset(
        dataset_identity(target),
        schema=schema,
        version=version,
        label=label.to_dict() if label else None,
        column_labels=_telling({leaf.path: leaf.label for leaf in plan.leaves}) if label else None,
        rows=rows,
        edges=edges,
        role="output",
    )


def _edge(leaf: LeafPlan, source: DatasetIdentity, prepared: "Sequence[str]") -> ColumnEdge:
    before = ", ".join(prepared)
    if not leaf.changes:
        return ColumnEdge(leaf.path, source, leaf.path, identity=not before, description=before)
    method = str(leaf.method.get("name", leaf.how))
    what = f"{method} ({leaf.entity_type})" if leaf.entity_type else method
    return ColumnEdge(leaf.path, source, leaf.path, masking=True, description=f"{before}, {what}" if before else what)
