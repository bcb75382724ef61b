"""Publishing a dataset whose tokens were opened: with the label that raw data of these types have, in one step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from clearance.governance.combinations import raised
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.labeling import role_labels
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_facets import ColumnEdge, lineage_dataset
from clearance.governance.observation import Observation
from clearance.governance.policy import Policy
from clearance.governance.standing import column_labels, column_roles, column_types
from clearance.jobs import records
from clearance.jobs.asking import Asking
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.opening import OpenLeaf
from clearance.jobs.published import observe_published, published_schema
from clearance.jobs.schema import leaves_of
from clearance.jobs.staging import RUN_PROPERTY, Staged, Target, publish
from clearance.jobs.tags import table_properties
from clearance.paths import parse_path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True)
class Reissued:
    """What a grant made of a dataset's tokens, as it was published and recorded. Each job adds what is its own."""

    source: str
    target: str
    version: str
    rows: int
    label: Mapping[str, Any]
    grant: str
    run_id: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {_IN_JSON.get(name, name): value for name, value in asdict(self).items()}


_IN_JSON = {"target": "dataset", "kid": "key_id"}


def told_of(ask: Asking, dataset: Dataset, target: Target, version: str, rows: int, label: Label) -> dict[str, Any]:
    """The fields of ``Reissued``."""
    return {
        "source": dataset.key,
        "target": target.key,
        "version": version,
        "rows": rows,
        "label": label.to_dict(),
        "grant": ask.grant or "",
        "run_id": ask.run.run_id,
    }


@dataclass(frozen=True)
class Changed:
    """A dataset, where its copy goes, what is opened in it, and the label row that spoke for it before."""

    dataset: Dataset
    target: Target
    opened: Mapping[str, Mapping[str, int]]
    label: Mapping[str, Any]
    rows: int
    leaves: tuple[OpenLeaf, ...]


def labels_with_values(changed: Changed, policy: Policy) -> dict[str, Label]:
    """Label of each leaf of the copy: what it was, and where values are back what raw data of their types have."""
    told = column_labels(changed.label)
    found = {}
    for leaf in leaves_of(changed.dataset.frame.schema):
        # A leaf that the label does not speak of is unknown, and unknown is restricted.
        before = told.get(leaf.path) or policy.unknown_leaf.label()
        now = [policy.label_of(kind) for kind in changed.opened.get(leaf.path, ())]
        found[leaf.path] = combine([before, *now], policy.levels)
    return found


def label_with_values(row: Mapping[str, Any], labels: Mapping[str, Label], policy: Policy) -> Label:
    """Label of the copy as a whole: what it was (``row``), its leaves, and what these are in combination."""
    whole = combine([Label.from_dict(row["label"]), *labels.values()], policy.levels)
    return raised(whole, labels, policy, role_labels(column_roles(row), policy))


@dataclass(frozen=True)
class Publication:
    """What is published and filed beside the data: labels by path, the label of all, and why.

    ``policy``: digest and path of the policy that gave the labels, where it is not the desk's. ``properties``: of the
    table, beside those of its label.
    """

    target: Target
    kind: str
    labels: Mapping[str, Label]
    label: Label
    rows: int
    source: DatasetIdentity
    partitions: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    looked: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    edges: Sequence[ColumnEdge] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


def publish_opened(
    spark: "SparkSession", staged: Staged, changed: Changed, ask: Asking, expected: int | None, told: dict[str, Any]
) -> tuple[str, Label]:
    """Publishes what was staged and files it; returns the version and the label. ``told`` gets what the audit needs."""
    source, policy, row = changed.dataset.reference.identity, ask.desk.policy, changed.label
    types = column_types(row)
    labels = labels_with_values(changed, policy)
    publication = Publication(
        changed.target,
        "restored",
        labels,
        label_with_values(row, labels, policy),
        changed.rows,
        source,
        changed.dataset.partitions,
        row["facts"] or {},
        row["looked"] or {},
        {path: [_why(kind, policy) for kind in sorted(kinds)] for path, kinds in changed.opened.items()},
        {path: sorted({*types.get(path, ()), *changed.opened.get(path, ())}) for path in labels},
        [
            ColumnEdge(path, source, path, identity=path not in changed.opened, description=_done(path, changed))
            for path in labels
        ],
    )
    ask.run.inputs = [records.source_of(changed.dataset)]
    return publish_as(spark, staged, publication, ask.desk, ask.run, expected, told), publication.label


def publish_as(
    spark: "SparkSession",
    staged: Staged,
    what: Publication,
    desk: Desk,
    run: JobRun,
    expected: int | None,
    told: dict[str, Any],
    more: Callable[[Observation], list[tuple[str, dict[str, Any]]]] | None = None,
) -> str:
    """Publishes in one step with labels, files the rows, and returns the version. ``more``: further rows to file."""
    target, policy, label = what.target, desk.policy, what.label
    by_column: dict[str, list[Label]] = {}
    for path, own in what.labels.items():
        by_column.setdefault(parse_path(path)[0].name, []).append(own)
    origin = {RUN_PROPERTY: run.run_id, "clearance.source": what.source.key, "clearance.policy": policy.label_digest}
    version = publish(
        spark,
        staged,
        target,
        partitions=what.partitions,
        properties={**table_properties(label), **origin, **what.properties},
        column_metadata={name: table_properties(combine(below, policy.levels)) for name, below in by_column.items()},
        expected_version=expected,
        sidecar={"label": label.to_dict(), **origin},
    )
    observed = observe_published(spark, target, version)
    schema = published_schema(spark, target)
    identity = dataset_identity(target.text)
    dataset_row = records.dataset_row(
        identity,
        reference=target.text,
        format=target.format,
        rows=what.rows,
        observation=observed,
        schema=schema,
        facts=what.facts,
    )
    label_row = records.label_row(
        target.key,
        observed,
        what.labels,
        label,
        policy,
        desk.policy_path,
        kind=what.kind,
        facts=what.facts,
        why=what.why,
        types=what.types,
        # Who looked, and with what, is true of the copy as well; the rows of that scan are the source's.
        looked={name: told for name, told in what.looked.items() if name != "rests_on"},
    )
    label_row |= what.policy
    # The label comes last: without the rest there is none.
    rows = [("datasets", dataset_row), *(more(observed) if more else ()), ("labels", label_row)]
    with desk.audit.filing("label", rows, run_id=run.run_id, dataset=target.key, facts={"version": version}):
        pass
    told["facts"] = {"version": version}
    run.outputs = [
        lineage_dataset(
            identity,
            schema=schema,
            version=version,
            label=label.to_dict(),
            column_labels={path: own.to_dict() for path, own in what.labels.items()},
            rows=what.rows,
            edges=what.edges,
            role="output",
        )
    ]
    run.label = label.to_dict()
    return version


def _why(kind: str, policy: Policy) -> dict[str, str]:
    return {
        "entity_type": kind,
        "rule": "detokenize",
        "where": policy.where_type(kind),
        "text": f"{kind}: values are back; {policy.explain_type(kind)}",
    }


def _done(path: str, changed: Changed) -> str:
    return f"detokenized ({', '.join(sorted(changed.opened[path]))})" if path in changed.opened else ""


__all__ = [
    "Changed",
    "Publication",
    "Reissued",
    "label_with_values",
    "labels_with_values",
    "publish_as",
    "publish_opened",
    "told_of",
]
