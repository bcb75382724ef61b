"""The scan as a job: look, label, and leave the record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clearance.classifiers.findings import ColumnReport
from clearance.errors import DatasetError
from clearance.governance.chain import rests_on
from clearance.governance.combinations import raised
from clearance.governance.decisions import read_facts
from clearance.governance.labeling import after_protection, reasons, role_labels, role_types, roles_left
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_facets import lineage_dataset
from clearance.governance.observation import changed
from clearance.governance.policy import Policy
from clearance.jobs import records
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.extent import FULL, Extent
from clearance.jobs.failures import value_free
from clearance.jobs.incremental import scan_added
from clearance.jobs.key_check import require_keys_on_workers
from clearance.jobs.proved import Proved, proved
from clearance.jobs.reviewed import decisions_on, with_decisions
from clearance.jobs.sampling import scan_sample
from clearance.jobs.scan import Scan, scan_dataset
from clearance.jobs.schema import require_record_columns
from clearance.jobs.text_methods import OTHER, lowered_by

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Scanned:
    """A scan with its labels, as it was recorded."""

    scan: Scan
    columns: Mapping[str, Label]
    label: Label
    run_id: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract of ``clearance scan`` (``docs/reference/json.md``)."""
        found = self.scan.to_dict()
        for column in found["columns"]:
            column["label"] = self.columns[column["path"]].to_dict()
        return {**found, "label": self.label.to_dict(), "run_id": self.run_id}


def scan(
    spark: "SparkSession",
    what: Reference | Dataset,
    desk: Desk,
    *,
    facts: Mapping[str, Any] | None = None,
    extent: Extent = FULL,
) -> Scanned:
    """Scans a dataset, labels it by the desk's policy, and records both.

    ``facts``: what its owner declares, beside what was declared before: a scan takes back nothing that a person said.
    ``extent``: how much of it is read.
    """
    read_facts(facts or {})
    dataset = _opened(spark, what, desk)
    key = dataset.key
    declared = {**_declared_before(desk, key), **(facts or {})}
    with desk.run("scan", key, spark=spark, inputs=[records.source_of(dataset)]) as run:
        with value_free(f"scanning {dataset.reference.text}", hint="check that all its files can be read"):
            require_record_columns(dataset.frame, desk.policy.levels.names, [*desk.policy.entity_types, OTHER])
        found = _look(dataset, desk, extent)
        require_unchanged(dataset)
        made, touched = _decided(found, desk)
        known = proved(found, desk)
        columns = _labels(found, made, touched, desk, known)
        roles = _roles(made, touched, desk, known)
        label = raised(
            records.dataset_label(columns, desk.policy), columns, desk.policy, role_labels(roles, desk.policy)
        )
        run.inputs = [records.scanned_input(dataset, found, label, columns)]
        run.label = label.to_dict()
        run.facts = {"rows": found.rows, "malformed": found.malformed, "coverage": found.coverage.to_dict()}
        if dataset.prepared:
            run.facts["prepared"] = list(dataset.prepared)
        labels = _label_row(desk, found, made, columns, label, declared, roles)
        labels["looked"]["reviewed"] = touched
        labels["looked"]["proved"] = {path: own.to_dict() for path, own in known.labels().items()}
        for path, reason in known.why().items():
            labels["reasons"].setdefault(path, []).append(reason)
        _record_scan(desk, run, dataset, found, labels, declared)
    return Scanned(found, columns, label, run.run_id, declared)


def _opened(spark: "SparkSession", what: Reference | Dataset, desk: Desk) -> Dataset:
    """The dataset; one that can't be opened leaves on record that it was asked for, and why it was not looked at."""
    try:
        return open_dataset(spark, what)
    except DatasetError:
        if isinstance(what, Dataset) or (what.local_path is not None and not what.local_path.exists()):
            raise  # a slip of the pen is nobody's dataset
        with desk.run("scan", what.key, spark=spark, inputs=[lineage_dataset(what.identity, role="input")]):
            raise


def _look(dataset: Dataset, desk: Desk, extent: Extent) -> Scan:
    if extent.mode == "incremental":
        return scan_added(dataset, desk)
    tokens = desk.tokens_if_any()
    if tokens is not None:
        require_keys_on_workers(dataset.frame.sparkSession, tokens)
    if extent.mode == "sample":
        return scan_sample(dataset, desk.detection, tokens, extent)
    return scan_dataset(dataset, desk.detection, tokens)


def _declared_before(desk: Desk, key: str) -> dict[str, Any]:
    row, _ = desk.audit.counting("labels", key)
    return dict(row["facts"] or {}) if row else {}


def require_unchanged(dataset: Dataset) -> None:
    """Raises ``DatasetError`` when files changed since the dataset was opened: what was read is a mixture then."""
    observed = dataset.observation
    if observed is not None and observed.kind == "files" and changed(observed, dataset.source.location):
        raise DatasetError(
            f"{dataset.source.text} changed while it was read", hint="scan it again when nobody writes to it"
        )


def _record_scan(
    desk: Desk,
    run: JobRun,
    dataset: Dataset,
    found: Scan,
    labels: dict[str, Any],
    facts: Mapping[str, Any],
) -> None:
    identity, registry, run_id = dataset.reference.identity, desk.registry, run.run_id
    schema = dataset.frame.schema.jsonValue()
    row = records.dataset_row(
        identity,
        reference=dataset.reference.text,
        format=found.format,
        rows=found.rows,
        observation=found.observation,
        schema=schema,
        facts=facts,
    )
    found_rows = records.finding_rows(identity.key, found.version, found.columns, found.engine_digest)
    rows = {"datasets": [row], "findings": found_rows, "profiles": records.profile_rows(found)}
    labels["looked"]["rests_on"] = rests_on(run_id, rows)
    # The label comes last: a run that was killed before left none, and nothing to go on from.
    with desk.audit.filing("label", [("labels", labels)], run_id=run_id, dataset=identity.key, facts=_on(labels)):
        for table, content in rows.items():
            if content:
                registry.append(table, content, run_id=run_id)


def _on(labels: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit says of a label: of which version, and what it is."""
    return {"version": labels["version"], "label": labels["label"], "policy": labels["policy_digest"]}


def _label_row(
    desk: Desk,
    found: Scan,
    made: Sequence[ColumnReport],
    columns: Mapping[str, Label],
    label: Label,
    facts: Mapping[str, Any],
    roles: Mapping[str, str],
) -> dict[str, Any]:
    return records.label_row(
        found.dataset,
        found.observation,
        columns,
        label,
        desk.policy,
        desk.policy_path,
        kind="source",
        facts=facts,
        why=records.why(made, desk.policy),
        types=records.types_found(made),
        looked=records.looked_with(desk.detection, found),
        roles=roles,
    )


def _decided(found: Scan, desk: Desk) -> tuple[list[ColumnReport], list[str]]:
    """The reports as people's decisions leave them, and the columns of which these say something else.

    Decisions that can't be relied on lower nothing; a check says so.
    """
    decided, _ = decisions_on(found.dataset, desk.policy, desk.registry)
    made, touched, _ = with_decisions([report.to_dict() for report in found.columns], decided, desk.policy)
    return [ColumnReport.from_dict(report) for report in made] if touched else list(found.columns), touched


def _roles(made: Sequence[ColumnReport], touched: Collection[str], desk: Desk, known: Proved) -> dict[str, str]:
    """The types that columns which have a role only may be of: of texts in which values were replaced, those on record.

    Where people decided something, what they left counts beside the record.
    """
    on_record = known.text_roles()
    looked = [report.to_dict() for report in made if report.path not in on_record or report.path in touched]
    roles = roles_left(role_types(looked, desk.policy), known.methods(), desk.policy)
    return {**roles, **{path: name for path, name in on_record.items() if name is not None}}


def _labels(
    found: Scan, made: Sequence[ColumnReport], touched: Collection[str], desk: Desk, known: Proved
) -> dict[str, Label]:
    """Labels from the findings; for columns that a signed, passed proof speaks of, from what was done to them.

    A masked or redacted column can't be told from a raw one by looking: the record of column, method and
    version, made when it was proved, can. In columns of which people decided something (``touched``)
    it counts beside what they left: a decision is of a finding, not of the record.
    """
    labels = records.column_labels(made, desk.policy)
    texts = known.texts()
    for report in found.columns:
        if report.path in texts and report.path not in touched:
            labels[report.path] = _label_of_proved_text(report, texts[report.path], desk.policy)
    whole = known.whole_labels()
    for path, label in known.labels().items():
        if path in whole and path not in touched and path in labels:
            labels[path] = label
        elif path in labels:
            labels[path] = combine((labels[path], label), desk.policy.levels)
    return labels


def _label_of_proved_text(report: ColumnReport, methods: Mapping[str, Any], policy: Policy) -> Label:
    """Label of a text whose surrogates and shifted dates are found in it as if they were values."""
    told = []
    for reason in reasons(report.to_dict(), policy):
        done = lowered_by(methods, reason.entity_type) if reason.form == "raw" else None
        label = reason.label
        if done is not None:
            label = after_protection(label, entity_type=reason.entity_type, method=done, policy=policy, verified=True)
        told.append(label)
    return combine(told, policy.levels)
