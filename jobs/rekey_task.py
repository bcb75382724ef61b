"""Rekey as a job: a protected dataset under the key that writes now, in one pass, by grant, proved and published.

Reversible tokens and columns encrypted in their format are opened and made again in the workers; no value is shown or
written. One-way tokens, and what other keyed methods made, can't be opened: the source that they were made from gives
them, or they are refused by name.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clearance.errors import ProtectionError, PublishError
from clearance.governance.envelopes import seal
from clearance.governance.labels import Label
from clearance.governance.lineage_facets import ColumnEdge
from clearance.governance.observation import Observation
from clearance.governance.standing import column_labels, column_types, standing
from clearance.jobs import records
from clearance.jobs.asking import Asking, asking, keys_for
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk
from clearance.jobs.failures import value_free
from clearance.jobs.key_check import require_keys_on_workers
from clearance.jobs.leftovers import make_way
from clearance.jobs.opened import counted, leaves_to_open, opened_frame, require_openable
from clearance.jobs.opening import FINAL, OPEN, SHOWN, Counts, OpenLeaf, foreseen
from clearance.jobs.preparation import AnyStep
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.reissue import Publication, publish_as
from clearance.jobs.rekey_source import from_source
from clearance.jobs.rekeyed import Before, Rekeyed, rekeyed
from clearance.jobs.rekeying import require_moved
from clearance.jobs.signed import enrol, published_content
from clearance.jobs.signed_record import SignedRecord, signed_record
from clearance.jobs.staging import Target
from clearance.jobs.subject_keys import SubjectKeys
from clearance.jobs.unfinished import as_recorded
from clearance.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_KEYED = ("date_shift", "noise", "surrogate")
_CONSTRAINT = "delta.constraints.not_null_"


def rekey(
    spark: "SparkSession",
    what: Reference | Dataset,
    desk: Desk,
    *,
    purpose: str,
    reason: str,
    target: Target | None = None,
    source: Reference | Dataset | None = None,
    subject_keys: SubjectKeys | None = None,
    steps: Sequence[AnyStep] = (),
) -> Rekeyed:
    """Moves a protected dataset to the key that writes now: to ``target``, or (a Delta table) where it is.

    Needs a grant whose operations name ``rekey``. ``source``: what it was protected from, for one-way tokens; it must
    be as it was then, and is protected again by the same methods. ``subject_keys``: the table of persons' keys, where
    tokens are bound to persons; ``steps``: those that the source was prepared by. Run again it gives the same. Raises
    ``RefusedError`` without a grant, ``ProtectionError`` for what can't be moved; the target is as it was then.
    """
    where = what.key
    tokens = keys_for(desk, "rekey", where, purpose=purpose, reason=reason)
    desk.signing_key()
    target = target or Target(what.source.text)
    in_place = target.key == where
    make_way(desk, target, None if in_place else what.source, spark)
    target.require_ours(spark)
    last = as_recorded(what, desk) if isinstance(what, Reference) else what
    dataset = open_dataset(spark, last)
    require_keys_on_workers(spark, tokens)
    with asking(desk, "rekey", where, purpose=purpose, reason=reason, spark=spark) as ask:
        over = target.version(spark)
        if in_place and str(over) != dataset.version and last is what:
            raise PublishError(f"{target.text} is not read at its newest version", hint="leave out --version")
        before = _before(desk, dataset, target, over)
        if source is not None:
            return from_source(spark, before, source, desk, ask, subject_keys, steps)
        if before.record.subject:
            # Persons are named by one-way tokens, and those no key can open.
            raise ProtectionError(
                f"{dataset.reference.text} has tokens that are bound to persons: only its source says who they are",
                hint="name the source that it was made from, and the table of persons' keys: --source, --subject-keys",
            )
        return _moved(spark, before, desk, ask)


def _before(desk: Desk, dataset: Dataset, target: Target, over: int | None) -> Before:
    """Raises ``ProtectionError`` without a signed record or a label that speaks for the data."""
    record = signed_record(desk, dataset)
    if record.problem:
        raise ProtectionError(
            f"{dataset.reference.text}: {record.problem}", hint="protect its source again: clearance protect"
        )
    told = standing(desk.registry, dataset.reference.identity)
    if told.label is None or (told.state == "changed" and told.label["version"] != dataset.version):
        raise ProtectionError(f"{dataset.reference.text} has no label that speaks for it", hint="scan it first")
    return Before(dataset, record, told.label, target, over)


def _moved(spark: "SparkSession", before: Before, desk: Desk, ask: Asking) -> Rekeyed:
    dataset, readers = before.dataset, desk.readers()
    _require_no_other_methods(before.record)
    leaves = leaves_to_open(dataset, desk, before.record, (), ())
    counts = _without_current(dataset, leaves, desk, counted(dataset, leaves, readers))
    require_openable(counts, what=dataset.reference.text)
    opened = foreseen(counts, (OPEN,))
    leaves = tuple(leaf for leaf in leaves if leaf.path in opened)
    ask.allow({path: frozenset(kinds) for path, kinds in opened.items()}, counts["", SHOWN, ""], opened)
    staged = before.target.staged(ask.run.run_id)
    with ask.deed("rekey", opened, before.target.key) as told:
        try:
            frame = opened_frame(dataset, leaves, readers, before.record, again=True)
            staged.write(frame, dataset.partitions, dataset.reference.text)
            rows = require_moved(dataset.frame, staged.read(spark), leaves, readers)
            ask.run.inputs = [records.source_of(dataset)]

            def more(observed: Observation) -> list[tuple[str, dict[str, Any]]]:
                return [("protections", _record(spark, before, desk, ask, opened, rows, observed))]

            publication = _publication(spark, before, opened, rows)
            version = publish_as(spark, staged, publication, desk, ask.run, before.over, told, more)
        finally:
            staged.remove(spark)
    ask.run.facts = {"rows": rows, "moved": opened, "grant": ask.grant}
    return rekeyed(before, desk, ask, version, rows, opened, publication.label)


def _require_no_other_methods(record: SignedRecord) -> None:
    # In texts too, where the record says that there may be some (``LeafPlan.unmarked``).
    methods = {path: [leaf["method"], *leaf.get("unmarked", {}).values()] for path, leaf in record.leaves.items()}
    columns = sorted(path for path, used in methods.items() if any(each.get("name") in _KEYED for each in used))
    if columns:
        raise ProtectionError(
            f"columns whose method can't be opened stay under their key: {', '.join(columns)}",
            hint="name the source that they were made from: --source",
        )


def _without_current(dataset: Dataset, leaves: tuple[OpenLeaf, ...], desk: Desk, counts: Counts) -> Counts:
    """The counts without one-way tokens of the key that writes now. Raises ``ProtectionError`` for those of others."""
    if not any(n for (_, fact, _), n in counts.items() if fact == FINAL):
        return counts
    tokens = tuple(leaf for leaf in leaves if leaf.method is None)
    current = counted(dataset, tokens, desk.readers(alone=True))
    left: Counts = Counter(counts)
    for (path, fact, kind), n in current.items():
        if fact == FINAL:
            left[path, fact, kind] -= n
    stuck = sorted({path for (path, fact, _), n in left.items() if fact == FINAL and n})
    if stuck:
        raise ProtectionError(
            f"one-way tokens can't be moved to another key: {', '.join(stuck)}",
            hint="name the source that they were made from: --source",
        )
    return left


def _publication(spark: "SparkSession", before: Before, opened: dict[str, dict[str, int]], rows: int) -> Publication:
    source, row = before.dataset.reference.identity, before.label
    labels = column_labels(row)
    return Publication(
        before.target,
        row["kind"],
        labels,
        Label.from_dict(row["label"]),
        rows,
        source,
        before.dataset.partitions,
        row["facts"] or {},
        row["looked"] or {},
        row["reasons"] or {},
        column_types(row),
        [
            ColumnEdge(
                path,
                source,
                path,
                identity=path not in opened,
                masking=path in opened,
                description="under another key" if path in opened else "",
            )
            for path in labels
        ],
        {name: row[name] for name in ("policy_digest", "policy_path")},
        _constraints(spark, before.dataset),
    )


def _constraints(spark: "SparkSession", dataset: Dataset) -> dict[str, str]:
    """What keeps nulls out of its columns, as a protection wrote it (``protect_task.py``)."""
    if dataset.format != "delta":
        return {}
    with value_free(f"looking at {dataset.reference.text}", hint="check the dataset"):
        details = spark.sql(f"DESCRIBE DETAIL {Target(dataset.reference.text).identifier}").head()
    told = (details["properties"] if details is not None else None) or {}
    return {name: value for name, value in told.items() if name.startswith(_CONSTRAINT)}


def _record(
    spark: "SparkSession",
    before: Before,
    desk: Desk,
    ask: Asking,
    opened: dict[str, dict[str, int]],
    rows: int,
    observed: Observation,
) -> dict[str, Any]:
    """The row of ``protections``: the statement it had, of the same source, with the key and proof of today."""
    ring, signer, old, then = desk.tokens().key.open(), desk.signing_key(), before.record.row, before.dataset
    told = old["statement"]
    statement = {
        **told,
        "target": {"dataset": before.target.key, **published_content(spark, before.target, observed)},
        "keys": {**(told.get("keys") or {}), "ids": [ring.primary]},
        "proof": {
            "rows": rows,
            "checked_cells": sum(n for kinds in opened.values() for n in kinds.values()),
            "checked_texts": 0,
            "recomputed": sorted(opened),
            "suppressed_records": 0,
            "holds": True,
            "failures": [],
        },
        "digests": {**told.get("digests", {}), "clearance": __version__},
        "observation": observed.to_dict(),
        "run_id": ask.run.run_id,
        "at": datetime.now(UTC).isoformat(),
        "rekeyed": {"dataset": then.key, "version": str(then.version or ""), "ids": [before.record.kid]},
    }
    enrol(desk.registry, desk.audit, signer, run_id=ask.run.run_id)
    content = str(statement["target"]["sha256"])
    kept = ("source", "source_version", "columns", "policy_digest", "engine_digest")
    return {
        **{name: old[name] for name in kept},
        "dataset": before.target.key,
        "version": observed.version,
        "statement": statement,
        "signature": ring.sign(SIGNED, canonical(statement)),
        "envelope": seal(before.target.key, content, statement, signer.sign, signer.public_pem),
        "rows": rows,
    }


__all__ = ["Rekeyed", "rekey"]
