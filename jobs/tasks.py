"""The jobs as functions: scan, label, protect. Commands, plans and notebooks call these.

Each takes an open session and a desk, does one thing, and leaves its record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clearance.classifiers.findings import ColumnReport
from clearance.errors import DatasetError, PublishError
from clearance.governance.audit import row_digest
from clearance.governance.decisions import read_facts
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import after_protection
from clearance.governance.labels import Label
from clearance.governance.observation import Observation, changed, observe
from clearance.jobs import records
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.plans import LeafPlan, ProtectionPlan, plan_protection
from clearance.jobs.proof import Proof, canonical, prove, require, statement
from clearance.jobs.protect import protected_frame
from clearance.jobs.scan import Scan, scan_dataset
from clearance.jobs.settings import Tokens
from clearance.jobs.staging import STAGING, Staged, Target, publish
from clearance.jobs.tags import column_properties, table_properties, tag_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SIGNED = "protection"
"""The purpose under which statements are signed with the key ring."""


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


@dataclass(frozen=True)
class Protected:
    """A protected dataset, as it was published and recorded."""

    source: str
    target: str
    reference: str
    version: str
    rows: int
    label: Label
    plan: ProtectionPlan
    proof: Proof
    run_id: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "source": self.source,
            "dataset": self.target,
            "version": self.version,
            "rows": self.rows,
            "columns": [leaf.to_dict() for leaf in self.plan.leaves],
            "label": self.label.to_dict(),
            "proof": self.proof.to_dict(),
            "run_id": self.run_id,
        }


def scan(
    spark: "SparkSession", what: Reference | Dataset, desk: Desk, *, facts: Mapping[str, Any] | None = None
) -> Scanned:
    """Scans a dataset, labels it by the desk's policy, and records both. ``facts``: what its owner declares."""
    declared = dict(facts or {})
    read_facts(declared)
    dataset = open_dataset(spark, what) if isinstance(what, Reference) else what
    key = dataset.reference.key
    with desk.run("scan", key, spark=spark, inputs=[records.source_of(dataset)]) as run:
        found = scan_dataset(dataset, desk.detection, desk.tokens_if_any())
        _unchanged_meanwhile(dataset)
        columns = _labels(found, desk)
        label = records.dataset_label(columns, desk.policy)
        run.inputs = [records.scanned_input(dataset, found, label, columns)]
        run.label = label.to_dict()
        run.facts = {"rows": found.rows, "malformed": found.malformed}
        _record_scan(desk, run, dataset, found, columns, label, declared)
    return Scanned(found, columns, label, run.run_id, declared)


def _unchanged_meanwhile(dataset: Dataset) -> None:
    observed = dataset.observation
    if observed is not None and observed.kind == "files" and changed(observed, dataset.reference.location):
        raise DatasetError(
            f"{dataset.reference.text} changed while it was read", hint="scan it again when nobody writes to it"
        )


def _record_scan(
    desk: Desk,
    run: JobRun,
    dataset: Dataset,
    found: Scan,
    columns: Mapping[str, Label],
    label: Label,
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
    labels = _label_row(desk, found, columns, label, facts)
    registry.append("datasets", [row], run_id=run_id)
    registry.append(
        "findings",
        records.finding_rows(identity.key, found.version, found.columns, found.engine_digest),
        run_id=run_id,
    )
    registry.append("labels", [labels], run_id=run_id)


def _label_row(
    desk: Desk, found: Scan, columns: Mapping[str, Label], label: Label, facts: Mapping[str, Any], kind: str = "source"
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
        why=records.why(found.columns, desk.policy),
        types=records.types_found(found.columns),
    )


def _labels(found: Scan, desk: Desk) -> dict[str, Label]:
    """Labels from the findings; for columns that a signed, passed proof speaks of, from what was done to them.

    A masked or redacted column can't be told from a raw one by looking: the record of column, method and
    version, made when it was proved, can.
    """
    labels = records.column_labels(found.columns, desk.policy)
    for leaf in _proved_leaves(found, desk):
        path, entity_type, method = leaf["path"], leaf["entity_type"], leaf["method"]
        if path in labels and entity_type and leaf["how"] in ("cells", "null") and method["name"] != "keep":
            labels[path] = after_protection(
                desk.policy.label_of(entity_type),
                entity_type=entity_type,
                method=method,
                policy=desk.policy,
                verified=True,
            )
    return labels


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


def protect(
    spark: "SparkSession",
    what: Reference | Dataset,
    target: Target,
    desk: Desk,
    *,
    scanned: Scanned | None = None,
    unpartitioned: bool = False,
    only_label: bool = False,
) -> Protected:
    """Protects a dataset by the desk's policy into ``target``; with ``only_label`` it only labels its records.

    Scans first unless the caller just did. Staged, proved, announced in the audit, published in one step with
    its labels. Raises what made it impossible; the target is as it was then.
    """
    target.check_writable()
    tokens = desk.tokens()
    dataset = open_dataset(spark, what) if isinstance(what, Reference) else what
    if dataset.reference.key == target.key:
        raise PublishError(
            f"{target.text} is the source itself", hint="the source is never written: name another place"
        )
    sweep(desk, target)
    if scanned is None:
        scanned = scan(spark, dataset, desk)
    partitions = () if unpartitioned else dataset.partitions
    plan = plan_protection(
        scanned.scan.leaves, scanned.scan.columns, desk.policy, partitions=partitions, protect=not only_label
    )
    source = dataset.reference.identity
    planned = records.protected_output(target.text, source, plan)
    job = "label" if only_label else "protect"
    with desk.run(job, target.key, spark=spark, inputs=[records.source_of(dataset)], outputs=[planned]) as run:
        expected = target.version(spark)
        staged = target.staged(run.run_id)
        try:
            proof = _stage_and_prove(spark, dataset, scanned.scan, plan, staged, desk, tokens, partitions)
            return _publish(
                spark, dataset, scanned, target, staged, plan, proof, desk, tokens, run, expected, partitions
            )
        finally:
            staged.remove(spark)


def _stage_and_prove(
    spark: "SparkSession",
    dataset: Dataset,
    found: Scan,
    plan: ProtectionPlan,
    staged: Staged,
    desk: Desk,
    tokens: Tokens,
    partitions: tuple[str, ...],
) -> Proof:
    frame = protected_frame(dataset, plan, desk.detection, tokens, without_corrupt=found.empty_corrupt)
    staged.write(frame, partitions, dataset.reference.text)
    _unchanged_meanwhile(dataset)
    reports = {report.path: report for report in found.columns}
    proof = prove(staged.read(spark), plan, reports, found.rows, desk.detection, tokens)
    require(proof, dataset.reference.text)
    return proof


def _publish(
    spark: "SparkSession",
    dataset: Dataset,
    scanned: Scanned,
    target: Target,
    staged: Staged,
    plan: ProtectionPlan,
    proof: Proof,
    desk: Desk,
    tokens: Tokens,
    run: JobRun,
    expected: int | None,
    partitions: tuple[str, ...],
) -> Protected:
    source, found = dataset.reference.identity, scanned.scan
    columns = {leaf.path: leaf.label for leaf in plan.leaves}
    label = records.dataset_label(columns, desk.policy)
    digests = {"policy": desk.policy.digest, "engine": found.engine_digest}
    audit = desk.audit
    intent = audit.intent(
        "publish",
        run_id=run.run_id,
        dataset=target.key,
        facts={"source": source.key, "source_version": found.version, "label": label.to_dict(), **digests},
    )
    facts = {
        "clearance.run": run.run_id,
        "clearance.source": source.key,
        "clearance.policy": desk.policy.digest,
    }
    try:
        version = publish(
            spark,
            staged,
            target,
            partitions=partitions,
            properties={**table_properties(label), **facts},
            column_metadata=column_properties(plan.leaves, desk.policy),
            expected_version=expected,
            sidecar={"label": label.to_dict(), "columns": [leaf.to_dict() for leaf in plan.leaves], **facts},
        )
    except BaseException:
        audit.outcome(intent, "failed")
        raise
    observed = _observe(target, version)
    record = statement(
        source={"dataset": source.key, "version": found.version},
        target=target.key,
        plan=plan,
        proof=proof,
        digests=digests,
    )
    record["observation"] = observed.to_dict()
    rows = _publication_rows(spark, dataset, scanned, target, plan, record, observed, columns, label, desk, tokens)
    for table, row in rows:
        desk.registry.append(table, [row], run_id=run.run_id)
    # The digests are of the rows as they were filed: the audit stands for them, a row without it clears nothing.
    audit.outcome(
        intent,
        "done",
        facts={"version": version},
        records=[row_digest(t, {**r, "run_id": run.run_id}) for t, r in rows],
    )
    schema = spark_schema(spark, target)
    run.inputs = [records.scanned_input(dataset, found, scanned.label, scanned.columns)]
    run.outputs = [
        records.protected_output(
            target.text, source, plan, schema=schema, version=version, label=label, rows=proof.rows
        )
    ]
    run.label = label.to_dict()
    run.facts = {"rows": proof.rows, "proof": proof.to_dict()}
    return Protected(source.key, target.key, target.text, version, proof.rows, label, plan, proof, run.run_id)


def _publication_rows(
    spark: "SparkSession",
    dataset: Dataset,
    scanned: Scanned,
    target: Target,
    plan: ProtectionPlan,
    record: dict[str, Any],
    observed: Observation,
    columns: Mapping[str, Label],
    label: Label,
    desk: Desk,
    tokens: Tokens,
) -> list[tuple[str, dict[str, Any]]]:
    found = scanned.scan
    identity = dataset_identity(target.text)
    reports = {report.path: report for report in found.columns}
    why = {leaf.path: _done(leaf, reports[leaf.path], plan) for leaf in plan.leaves if leaf.changes}
    dataset_row = records.dataset_row(
        identity,
        reference=target.text,
        format=target.format,
        rows=record["proof"]["rows"],
        observation=observed,
        schema=spark_schema(spark, target),
        facts=scanned.facts,
    )
    label_row = records.label_row(
        target.key,
        observed,
        columns,
        label,
        desk.policy,
        desk.policy_path,
        kind="protected",
        facts=scanned.facts,
        why=why,
        types={leaf.path: [leaf.entity_type] if leaf.entity_type else [] for leaf in plan.leaves},
    )
    protection = {
        "dataset": target.key,
        "source": dataset.reference.key,
        "source_version": found.version,
        "version": observed.version,
        "columns": [leaf.to_dict() for leaf in plan.leaves],
        "statement": record,
        "signature": tokens.key.open().sign(SIGNED, canonical(record)),
        "policy_digest": desk.policy.digest,
        "engine_digest": found.engine_digest,
        "rows": record["proof"]["rows"],
    }
    return [("datasets", dataset_row), ("protections", protection), ("labels", label_row)]


def write_to_table(spark: "SparkSession", reference: Reference, desk: Desk, label: Label) -> None:
    """Writes a label into the properties of an existing Delta table; its data and protocol stay as they are."""
    identity = reference.identity
    target = Target(reference.text)
    with desk.run("tag", identity.key, spark=spark) as run:
        audit = desk.audit
        intent = audit.intent("tag", run_id=run.run_id, dataset=identity.key, facts={"label": label.to_dict()})
        try:
            tag_table(spark, target.identifier, label)
        except BaseException:
            audit.outcome(intent, "failed")
            raise
        audit.outcome(intent, "done")
        run.label = label.to_dict()


def _done(leaf: LeafPlan, report: ColumnReport, plan: ProtectionPlan) -> list[dict[str, Any]]:
    """What was done to a leaf, for whoever asks why it has its label: in text one line an entity type."""
    if leaf.how != "spans":
        kind = leaf.entity_type or leaf.kind
        return [{"entity_type": kind, "rule": leaf.how, "where": "", "text": f"{kind}: {_told(leaf.method)}"}]
    methods = plan.methods_at(leaf.path)
    types = [finding.entity_type for finding in report.findings if finding.form == "raw"]
    return [
        {"entity_type": kind, "rule": leaf.how, "where": "", "text": f"{kind}: {_told(methods[kind])}"}
        for kind in types
        if kind in methods
    ]


def _told(method: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" if key != "name" else str(value) for key, value in method.items())


def _observe(target: Target, version: str) -> Observation:
    """The published state, as a later check will compare it."""
    local = target.local_path
    if local is None:
        return Observation("delta", version)
    if target.format == "delta":
        return observe(str(local), "delta", version=int(version))
    return observe(str(local), target.format)


def spark_schema(spark: "SparkSession", target: Target) -> dict[str, Any]:
    """The published schema as Spark's JSON."""
    if target.format == "parquet":
        return spark.read.parquet(str(target.local_path)).schema.jsonValue()
    return spark.read.table(target.identifier).schema.jsonValue()


def sweep(desk: Desk, target: Target) -> None:
    """Ends what killed runs left: their FAIL events, and what they had staged beside this target."""
    import shutil

    dead = set(desk.bury_the_dead())
    local = target.local_path
    if local is None or not dead:
        return
    for run_id in dead:
        shutil.rmtree(local.parent / STAGING / run_id, ignore_errors=True)


__all__ = ["Protected", "Scanned", "protect", "scan", "sweep", "write_to_table"]
