"""Protection as a job: scan, plan, stage, prove, announce, publish in one step, and leave the record."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from types import EllipsisType
from typing import TYPE_CHECKING

from clearance.governance.envelopes import seal
from clearance.jobs import records
from clearance.jobs.binding import ensure_keys
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.key_check import require_keys_on_workers
from clearance.jobs.leftovers import make_way
from clearance.jobs.planning import plan_protection
from clearance.jobs.prepare import PREPARED, declared
from clearance.jobs.proof import Proof, prove, require, statement
from clearance.jobs.protect import protected_frame, source_frame
from clearance.jobs.protection import Protected, Work
from clearance.jobs.protection_rows import rows_of
from clearance.jobs.proved import proved
from clearance.jobs.published import observe_published, published_schema
from clearance.jobs.reviewed import with_confirmed
from clearance.jobs.scan_task import Scanned, require_unchanged, scan
from clearance.jobs.schema import leaves_of
from clearance.jobs.signed import enrol, published_content
from clearance.jobs.staging import RUN_PROPERTY, Staged, Target, needs_mapping, publish
from clearance.jobs.subject_keys import SubjectKeys
from clearance.jobs.tags import column_properties, table_properties
from clearance.jobs.unmatched import require_meant
from clearance.paths import sql_name
from clearance.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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
        if dataset.origin is not None:
            there |= {leaf.path for leaf in leaves_of(dataset.origin.frame.schema)}
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
    work = Work(spark, dataset, scanned, target, plan, desk, tokens, signer, partitions, known.text_roles())
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


def _stage_and_prove(work: Work, staged: Staged) -> Proof:
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


def _publish(work: Work, staged: Staged, proof: Proof, run: JobRun, expected: int | None) -> Protected:
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
    rows = rows_of(work, record, envelope, observed, schema)
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


def _not_null(work: Work) -> dict[str, str]:
    """The source's NOT NULL columns as CHECK constraints.

    Delta makes every column nullable when it replaces a table in one commit; a constraint in that same commit
    keeps the guarantee, and asks nothing of readers.
    """
    suppressed = {leaf.steps[0].name for leaf in work.plan.leaves if leaf.how == "null"}
    kept = [f.name for f in work.dataset.frame.schema.fields if not f.nullable and f.name not in suppressed]
    return {f"delta.constraints.not_null_{number}": f"{sql_name(name)} IS NOT NULL" for number, name in enumerate(kept)}


__all__ = ["Protected", "protect"]
