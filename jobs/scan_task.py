"""The scan as a job: look, label, and leave the record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.errors import DatasetError
from clearance.governance.chain import rests_on
from clearance.governance.decisions import read_facts
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import after_protection, reasons
from clearance.governance.labels import Label, combine
from clearance.governance.observation import Observation, changed
from clearance.governance.policy import Policy
from clearance.jobs import records
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.extent import FULL, Extent
from clearance.jobs.failures import value_free
from clearance.jobs.incremental import scan_added
from clearance.jobs.key_check import require_keys_on_workers
from clearance.jobs.plans import OTHER
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.reviewed import decisions_on, with_decisions
from clearance.jobs.sampling import scan_sample
from clearance.jobs.scan import Scan, scan_dataset
from clearance.jobs.schema import require_record_columns
from clearance.jobs.text_methods import lowered_by

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
    dataset = open_dataset(spark, what) if isinstance(what, Reference) else what
    key = dataset.reference.key
    declared = {**_declared_before(desk, key), **(facts or {})}
    with desk.run("scan", key, spark=spark, inputs=[records.source_of(dataset)]) as run:
        with value_free(f"scanning {dataset.reference.text}", hint="check that all its files can be read"):
            require_record_columns(dataset.frame, desk.policy.levels.names, [*desk.policy.entity_types, OTHER])
        found = _look(dataset, desk, extent)
        require_unchanged(dataset)
        made, touched = _decided(found, desk)
        columns = _labels(found, made, touched, desk)
        label = records.dataset_label(columns, desk.policy)
        run.inputs = [records.scanned_input(dataset, found, label, columns)]
        run.label = label.to_dict()
        run.facts = {"rows": found.rows, "malformed": found.malformed, "coverage": found.coverage.to_dict()}
        if dataset.prepared:
            run.facts["prepared"] = list(dataset.prepared)
        labels = _label_row(desk, found, made, columns, label, declared)
        labels["looked"]["reviewed"] = touched
        _record_scan(desk, run, dataset, found, labels, declared)
    return Scanned(found, columns, label, run.run_id, declared)


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
    kind: str = "source",
) -> dict[str, Any]:
    return records.label_row(
        found.dataset,
        found.observation,
        columns,
        label,
        desk.policy,
        desk.policy_path,
        kind=kind,
        facts=facts,
        why=records.why(made, desk.policy),
        types=records.types_found(made),
        looked=records.looked_with(desk.detection, found),
    )


def _decided(found: Scan, desk: Desk) -> tuple[list[ColumnReport], list[str]]:
    """The reports as people's decisions leave them, and the columns of which these say something else.

    Decisions that can't be relied on lower nothing; a check says so.
    """
    decided, _ = decisions_on(found.dataset, desk.policy, desk.registry)
    made, touched = with_decisions([report.to_dict() for report in found.columns], decided, desk.policy)
    return [ColumnReport.from_dict(report) for report in made] if touched else list(found.columns), touched


def _labels(found: Scan, made: Sequence[ColumnReport], touched: Collection[str], desk: Desk) -> dict[str, Label]:
    """Labels from the findings; for columns that a signed, passed proof speaks of, from what was done to them.

    A masked or redacted column can't be told from a raw one by looking: the record of column, method and
    version, made when it was proved, can.
    """
    labels = records.column_labels(made, desk.policy)
    texts = proved_texts(found, desk)
    for report in found.columns:
        if report.path in texts and report.path not in touched:
            labels[report.path] = _label_of_proved_text(report, texts[report.path], desk.policy)
    for leaf in _proved_leaves(found, desk):
        path, entity_type, method = leaf["path"], leaf["entity_type"], leaf["method"]
        if path in touched or path not in labels:
            continue
        if entity_type and leaf["how"] in ("cells", "null", "done") and method["name"] != "keep":
            labels[path] = after_protection(
                desk.policy.label_of(entity_type),
                entity_type=entity_type,
                method=method,
                policy=desk.policy,
                verified=True,
            )
    for path, label in proved_text_labels(found, desk).items():
        if path in labels and path not in touched:
            labels[path] = combine((labels[path], label), desk.policy.levels)
    return labels


def proved_text_labels(found: Scan, desk: Desk) -> dict[str, Label]:
    """What a signed record says of texts in which values were replaced, by path: a floor under what is found in them.

    A year that was a birth date, or the end of a number, is not found again as what it was. A level that the policy no
    longer has counts as its highest.
    """
    text = {report.path for report in found.columns if report.kind in ("text", "mixed")}
    labels: dict[str, Label] = {}
    for leaf in _proved_leaves(found, desk):
        done = leaf["how"] == "keep" or leaf.get("unmarked") or leaf["method"]["name"] != "keep"
        if leaf["path"] in text and leaf["how"] in ("spans", "keep") and done:
            label = Label.from_dict(leaf["label"])
            known = label.level in desk.policy.levels
            labels[leaf["path"]] = label if known else replace(label, level=desk.policy.levels.names[-1])
    return labels


def as_proved(found: Scan, desk: Desk) -> tuple[ColumnReport, ...]:
    """The reports for a plan: a column that a signed, passed proof speaks of is what the proof says.

    The ends of masked card numbers may look like something else, and must not be protected again as that.
    """
    proved = {leaf["path"]: leaf for leaf in _proved_leaves(found, desk) if leaf["how"] in ("cells", "done")}
    return tuple(_as_proved(report, proved.get(report.path)) for report in found.columns)


def proved_methods(found: Scan, desk: Desk) -> dict[str, Mapping[str, Any]]:
    """The method that was applied to each whole column, by path, where a signed record says so and its proof passed.

    Without such a record data are raw, whatever they look like.
    """
    leaves = _proved_leaves(found, desk)
    return {leaf["path"]: leaf["method"] for leaf in leaves if leaf["how"] in ("cells", "done")}


def proved_texts(found: Scan, desk: Desk, *, by_policy: bool = False) -> dict[str, Mapping[str, Any]]:
    """The methods that left what looks like any value inside a column's texts, by path, where a signed record says so.

    Only as long as the detectors are those that looked then: others may find what was never replaced. ``by_policy``:
    and as long as the policy is, for another may replace what this one kept.
    """
    record = desk.registry.latest("protections", dataset=found.dataset)
    if record is None or record["engine_digest"] != found.engine_digest:
        return {}
    if by_policy and record["policy_digest"] != desk.policy.digest:
        return {}
    return {leaf["path"]: leaf["unmarked"] for leaf in _proved_leaves(found, desk) if leaf.get("unmarked")}


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


def _as_proved(report: ColumnReport, leaf: Mapping[str, Any] | None) -> ColumnReport:
    filled = report.rows - report.nulls
    # Tokens are known by their keyed check, whatever the record says; a column without a type is what is found in it.
    untyped = leaf is None or leaf["entity_type"] in (None, "", OTHER)
    if leaf is None or untyped or not filled or leaf["method"]["name"] in ("token", "keep"):
        return report
    known = Finding(leaf["entity_type"], filled, Interval.wilson(filled, filled), 1.0, ("SignedRecord",), ())
    return replace(report, kind="structured", entity_type=leaf["entity_type"], findings=(known,))


def _proved_leaves(found: Scan, desk: Desk) -> list[dict[str, Any]]:
    record = desk.registry.latest("protections", dataset=found.dataset)
    tokens = desk.tokens_if_any()
    if record is None or tokens is None or found.observation is None:
        return []
    told = record["statement"]
    if not isinstance(told, dict) or not tokens.key.open().verify(SIGNED, canonical(told), record["signature"] or ""):
        return []
    observed = Observation.from_dict(told["observation"])
    location = dataset_identity(found.reference).location
    return list(told["columns"]) if changed(observed, location) is False else []
