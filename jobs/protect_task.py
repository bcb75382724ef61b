"""Protection as a job: scan, plan, stage, prove, announce, publish in one step, and leave the record."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from clearance.classifiers.findings import ColumnReport
from clearance.governance.combinations import raised
from clearance.governance.envelopes import seal
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import role_labels, role_types, roles_left
from clearance.governance.labels import Label
from clearance.governance.observation import Observation
from clearance.governance.policy import Policy
from clearance.jobs import records
from clearance.jobs.binding import ensure_keys
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.key_check import require_keys_on_workers
from clearance.jobs.leftovers import make_way
from clearance.jobs.planning import DONE, plan_protection
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.prepare import PREPARED, declared
from clearance.jobs.proof import SIGNED, Proof, canonical, prove, require, statement
from clearance.jobs.protect import protected_frame, source_frame
from clearance.jobs.proved import proved
from clearance.jobs.published import observe_published, published_schema
from clearance.jobs.reviewed import with_confirmed
from clearance.jobs.scan_task import Scanned, require_unchanged, scan
from clearance.jobs.settings import Tokens
from clearance.jobs.signed import enrol, published_content
from clearance.jobs.staging import RUN_PROPERTY, Staged, Target, needs_mapping, publish
from clearance.jobs.subject_keys import SubjectKeys
from clearance.jobs.tags import column_properties, table_properties
from clearance.jobs.unmatched import require_meant
from clearance.paths import sql_name
from clearance.tokenization.signing_key import SigningKey
from clearance.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    prepared: tuple[dict[str, Any], ...] = ()
    mapped: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``prepared``, ``subject`` (of bound tokens) and ``column_mapping`` only where there is such."""
        extra: dict[str, Any] = {"prepared": list(self.prepared)} if self.prepared else {}
        if self.plan.subject is not None:
            extra["subject"] = self.plan.subject.to_dict()
        if self.mapped:
            extra["column_mapping"] = True
        return {
            "source": self.source,
            "dataset": self.target,
            "version": self.version,
            "rows": self.rows,
            "columns": [leaf.to_dict() for leaf in self.plan.leaves],
            "label": self.label.to_dict(),
            "proof": self.proof.to_dict(),
            "run_id": self.run_id,
            **extra,
        }


@dataclass(frozen=True)
class _Work:
    """One protection under way: all that its steps share."""

    spark: "SparkSession"
    dataset: Dataset
    scanned: Scanned
    target: Target
    plan: ProtectionPlan
    desk: Desk
    tokens: Tokens
    signer: SigningKey
    partitions: tuple[str, ...]
    on_record: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def label(self) -> Label:
        """The label of the result, once it is proved."""
        labels, policy = {leaf.path: leaf.label for leaf in self.plan.leaves}, self.desk.policy
        return raised(records.dataset_label(labels, policy), labels, policy, role_labels(self.roles, policy))

    @property
    def roles(self) -> dict[str, str]:
        """The types that columns of the result which have a role only may be of, by path."""
        return planned_roles(self.plan, self.scanned.scan.columns, self.desk.policy, self.on_record)


def planned_roles(
    plan: ProtectionPlan,
    found: Iterable[ColumnReport],
    policy: Policy,
    on_record: Mapping[str, str | None] | None = None,
) -> dict[str, str]:
    """The types that columns which have a role only may be of, by path, once a plan is carried out.

    ``on_record``: those of texts that were protected before (``Proved.text_roles``).
    """
    # What is not found in text stays in it, whatever else is replaced.
    gone = {leaf.path for leaf in plan.leaves if leaf.how == "null" or (leaf.how != "done" and leaf.note == DONE)}
    there = {leaf.path for leaf in plan.leaves} - gone
    methods = {leaf.path: leaf.method for leaf in plan.leaves if leaf.how in ("cells", "done")}
    on_record = on_record or {}
    looked = (each.to_dict() for each in found if each.path in there - on_record.keys())
    known = {path: name for path, name in on_record.items() if name is not None and path in there}
    return roles_left(role_types(looked, policy) | known, methods, policy)


def protect(
    spark: "SparkSession",
    what: Reference | Dataset,
    target: Target,
    desk: Desk,
    *,
    scanned: Scanned | None = None,
    unpartitioned: bool = False,
    only_label: bool = False,
    subject: tuple[str, SubjectKeys] | None = None,
    over: int | EllipsisType | None = ...,
    elsewhere: Callable[[], Collection[str]] = tuple,
) -> Protected:
    """Protects a dataset by the desk's policy into ``target``; with ``only_label`` it only labels its records.

    Scans first unless the caller just did, and more than a sample. Staged, proved, announced in the audit,
    published in one step with its labels. ``subject``: the column that says whose a row is, and the table of the keys
    that reversible tokens are bound to (docs/how-to/erase.md). ``over``: the one version of the target that may be
    replaced, None where there may be none; without it what is there when this begins. ``elsewhere``: columns of
    datasets that the policy serves too and no scan saw yet. Raises what made it impossible; the target is as it was
    then.
    """
    make_way(desk, target, what.source, spark)
    tokens, signer = desk.tokens_to_write(), desk.signing_key()
    require_keys_on_workers(spark, tokens, reversal=desk.policy.has_way_back)
    dataset = open_dataset(spark, what)
    target.require_ours(spark)
    if scanned is None or not scanned.scan.coverage.complete:
        # What a sample did not show would be copied as it is.
        scanned = scan(spark, dataset, desk, facts=scanned.facts if scanned else None)
    if not only_label:
        there = {leaf.path for leaf in scanned.scan.leaves} | {report.path for report in scanned.scan.columns}
        require_meant(desk.policy, desk.registry, there, elsewhere)
    partitions = () if unpartitioned else dataset.partitions
    known = proved(scanned.scan, desk)
    reports = with_confirmed(
        scanned.scan.columns if only_label else known.reports(), dataset.key, desk.policy, desk.registry
    )
    plan = plan_protection(
        scanned.scan.leaves,
        reports,
        desk.policy,
        partitions=partitions,
        protect=not only_label,
        known=known.for_plan(scanned.columns),
        subject=(*subject, tokens) if subject is not None else None,
    )
    work = _Work(spark, dataset, scanned, target, plan, desk, tokens, signer, partitions, known.text_roles())
    planned = records.protected_output(target.text, dataset.source.identity, plan, preparation=dataset.preparation)
    job = "label" if only_label else "protect"
    with desk.run(job, target.key, spark=spark, inputs=[records.source_of(dataset)], outputs=[planned]) as run:
        expected = target.version(spark) if over is ... else over
        staged = target.staged(run.run_id)
        if plan.subject is not None:
            ensure_keys(dataset, plan.subject, tokens, desk.audit, run.run_id)
        try:
            proof = _stage_and_prove(work, staged)
            return _publish(work, staged, proof, run, expected)
        finally:
            staged.remove(spark)


def _stage_and_prove(work: _Work, staged: Staged) -> Proof:
    found, name = work.scanned.scan, work.dataset.reference.text
    detection = work.desk.detection
    frame = protected_frame(work.dataset, work.plan, detection, work.tokens, without_corrupt=found.empty_corrupt)
    staged.write(frame, work.partitions, name)
    require_unchanged(work.dataset)
    reports = {report.path: report for report in found.columns}
    source = source_frame(work.dataset, without_corrupt=found.empty_corrupt)
    proof = prove(staged.read(work.spark), source, work.plan, reports, found.rows, detection, work.tokens)
    require(proof, name)
    return proof


def _publish(work: _Work, staged: Staged, proof: Proof, run: JobRun, expected: int | None) -> Protected:
    source, found, target, plan = work.dataset.source.identity, work.scanned.scan, work.target, work.plan
    desk, label = work.desk, work.label
    digests = {"policy": desk.policy.label_digest, "engine": found.engine_digest, "clearance": __version__}
    facts = {"source": source.key, "source_version": found.version, "label": label.to_dict(), **digests}
    audit = desk.audit
    intent = audit.intent("publish", run_id=run.run_id, dataset=target.key, facts=facts)
    origin = {RUN_PROPERTY: run.run_id, "clearance.source": source.key, "clearance.policy": desk.policy.label_digest}
    try:
        version = publish(
            work.spark,
            staged,
            target,
            partitions=work.partitions,
            properties={**table_properties(label), **origin, **_not_null(work)},
            column_metadata=column_properties(plan.leaves, desk.policy),
            expected_version=expected,
            sidecar={"label": label.to_dict(), "columns": [leaf.to_dict() for leaf in plan.leaves], **origin},
        )
    except BaseException:
        audit.outcome(intent, "failed")
        raise
    observed = observe_published(work.spark, target, version)
    content = published_content(work.spark, target, observed)
    record = statement(
        source={"dataset": source.key, "version": found.version},
        target={"dataset": target.key, **content},
        plan=plan,
        proof=proof,
        keys={
            "domain": work.tokens.domain,
            "ids": [work.tokens.key.open().primary],
            "domains": {
                leaf.path: domain
                for leaf in plan.changed
                if (domain := work.tokens.domain_of(leaf.path, leaf.entity_type)) != work.tokens.domain
            },
        },
        policy={"name": desk.policy.name, "digest": desk.policy.label_digest},
        detectors={**records.looked_with(desk.detection, found), "digest": found.engine_digest},
        digests=digests,
    )
    record |= {"observation": observed.to_dict(), "run_id": run.run_id, "at": datetime.now(UTC).isoformat()}
    if plan.subject is not None:
        record["subject"] = plan.subject.to_dict()
    if work.dataset.prepared:
        record["prepared"] = list(work.dataset.prepared)
        record["preparation"] = work.tokens.key.open().sign(PREPARED, declared(work.dataset.preparation))
    schema = published_schema(work.spark, target)
    enrol(desk.registry, audit, work.signer, run_id=run.run_id)
    envelope = seal(target.key, content["sha256"], record, work.signer.sign, work.signer.public_pem)
    rows = _rows(work, record, envelope, observed, schema)
    audit.outcome(intent, "done", facts={"version": version})
    with audit.filing("label", rows, run_id=run.run_id, dataset=target.key, facts={"version": version}):
        pass
    run.inputs = [records.scanned_input(work.dataset, found, work.scanned.label, work.scanned.columns)]
    run.outputs = [
        records.protected_output(
            target.text,
            source,
            plan,
            schema=schema,
            version=version,
            label=label,
            rows=proof.rows,
            preparation=work.dataset.preparation,
        )
    ]
    run.label = label.to_dict()
    run.facts = {"rows": proof.rows, "proof": proof.to_dict()}
    prepared = work.dataset.prepared
    if prepared:
        run.facts["prepared"] = list(prepared)
    told = (source.key, target.key, target.text, version, proof.rows, label, plan, proof, run.run_id, envelope)
    names = (step.name for leaf in plan.leaves if leaf.drops != "column" for step in leaf.steps)
    mapped = target.format == "delta" and needs_mapping(names)
    return Protected(*told, prepared, mapped)


def _not_null(work: _Work) -> dict[str, str]:
    """The source's NOT NULL columns as CHECK constraints.

    Delta makes every column nullable when it replaces a table in one commit; a constraint in that same commit
    keeps the guarantee, and asks nothing of readers.
    """
    suppressed = {leaf.steps[0].name for leaf in work.plan.leaves if leaf.how == "null"}
    kept = [f.name for f in work.dataset.frame.schema.fields if not f.nullable and f.name not in suppressed]
    return {f"delta.constraints.not_null_{number}": f"{sql_name(name)} IS NOT NULL" for number, name in enumerate(kept)}


def _rows(
    work: _Work, record: dict[str, Any], envelope: dict[str, Any], observed: Observation, schema: Mapping[str, Any]
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
