"""Rekey from the source: what can't be opened is protected again, when that is sure to give what is on record."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearance.errors import KeyUnavailableError, ProtectionError
from clearance.governance.standing import column_types
from clearance.jobs.asking import Asking
from clearance.jobs.binding import Subject, require_nobody_erased
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk
from clearance.jobs.planning import plan_protection
from clearance.jobs.preparation import AnyStep
from clearance.jobs.prepare import PREPARED, declared, prepare
from clearance.jobs.protect_task import protect
from clearance.jobs.proved import proved
from clearance.jobs.rekeyed import Before, Rekeyed, rekeyed
from clearance.jobs.scan_task import Scanned, scan
from clearance.jobs.signed_record import SignedRecord
from clearance.jobs.subject_keys import SubjectKeys
from clearance.methods import METHODS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def from_source(
    spark: "SparkSession",
    before: Before,
    source: Reference | Dataset,
    desk: Desk,
    ask: Asking,
    subject_keys: SubjectKeys | None,
    steps: Sequence[AnyStep],
) -> Rekeyed:
    """Protects the source again, when that is sure to give the dataset that is on record, under another key.

    Where it was prepared first, by the same ``steps``; where its tokens are bound to persons, by the table of their
    keys, which those who were erased have no place in again.
    """
    dataset = open_dataset(spark, source)
    row = before.record.row
    if row["source"] != dataset.key:
        raise ProtectionError(
            f"{before.dataset.reference.text} was not made from {dataset.reference.text}",
            hint=f"it was made from {row['source']}",
        )
    if str(row["source_version"]) != str(dataset.version):
        raise ProtectionError(
            f"{dataset.reference.text} changed since it was protected", hint="protect it again: clearance protect"
        )
    dataset = _prepared(spark, dataset, steps, row, desk.under(ask.run))
    subject = _bound(before.record, dataset, desk, subject_keys)
    scanned = scan(spark, dataset, desk.under(ask.run))
    _require_same_plan(scanned, row, dataset, desk, subject)
    columns = to_be_granted(row["columns"], column_types(before.label))
    ask.allow(columns, int(row["rows"]), {})
    with ask.deed("rekey", {}, before.target.key) as told:
        done = protect(
            spark, dataset, before.target, desk.under(ask.run), scanned=scanned, subject=subject, over=before.over
        )
        told["facts"] = {"version": done.version, "protected_by": done.run_id}
    ask.run.facts = {"rows": done.rows, "grant": ask.grant}
    return rekeyed(before, desk, ask, done.version, done.rows, {}, done.label)


def to_be_granted(
    columns: Sequence[Mapping[str, Any]], types: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """The columns of a record in which a key wrote, with the entity types that it wrote for; where it wrote in none,
    all that were changed. ``types``: those of the label, by path.
    """
    written, changed = {}, {}
    for leaf in columns:
        if leaf["how"] not in ("cells", "spans") or leaf["method"]["name"] == "keep":
            continue
        path, own = leaf["path"], frozenset(types.get(leaf["path"], ())) | ({leaf["entity_type"]} - {None})
        parts = [*leaf.get("by_type", {}).items()]
        parts += [(each["entity_type"], each["method"]) for each in leaf.get("inside", ())]
        changed[path] = own | {kind for kind, _ in parts}
        keyed = frozenset(kind for kind, method in parts if _writes_with_key(method))
        if leaf["how"] == "cells" and _writes_with_key(leaf["method"]):
            written[path] = own
        elif keyed or (leaf["how"] == "spans" and "by_type" not in leaf):  # an older record does not say it of texts
            written[path] = keyed | own
    return written or changed


def _writes_with_key(method: Mapping[str, Any]) -> bool:
    declared = METHODS.get(str(method["name"]))
    return declared is None or declared.needs_key or method.get("malformed") == "token"


def _prepared(
    spark: "SparkSession", dataset: Dataset, steps: Sequence[AnyStep], row: Mapping[str, Any], desk: Desk
) -> Dataset:
    """The source as it was prepared then. Raises ``ProtectionError`` where these steps are not sure to give that."""
    then, signature = row["statement"].get("prepared") or [], row["statement"].get("preparation") or ""
    if not steps and not then:
        return dataset
    if not steps:
        raise ProtectionError(
            f"what was protected is {dataset.reference.text} as it was prepared",
            hint="name the steps, --prepare; or run its plan again: clearance run",
        )
    if not desk.tokens().key.open().verify(PREPARED, declared(steps), signature):
        raise ProtectionError(
            f"{dataset.reference.text} was not prepared by these steps, as far as the record tells",
            hint="name those of then, or protect it again: clearance protect --prepare",
        )
    found = prepare(spark, dataset, steps, desk)
    if list(found.prepared) != then:
        raise ProtectionError(
            f"the steps do not do to {dataset.reference.text} what they did",
            hint="the source changed since: protect it again: clearance protect --prepare",
        )
    return found


def _bound(
    record: SignedRecord, dataset: Dataset, desk: Desk, keys: SubjectKeys | None
) -> tuple[str, SubjectKeys] | None:
    """The subject column and the table of keys, where the record has a subject."""
    if record.subject is None:
        return None
    if keys is None:
        raise ProtectionError(
            "tokens are bound to persons, and no table of their keys is named",
            hint="the table it was protected with: --subject-keys or CLEARANCE_SUBJECT_KEYS",
        )
    if record.kid not in desk.tokens().key.open().kids:
        raise KeyUnavailableError(
            f"without the key {record.kid} nobody can tell who was erased since",
            hint="delete the erased persons from the source and protect it again: clearance protect --subject",
        )
    subject = Subject.of(record.subject, keys)
    require_nobody_erased(dataset, subject, desk.tokens(), record.kid)
    return subject.column, keys


def _require_same_plan(
    scanned: Scanned,
    row: Mapping[str, Any],
    dataset: Dataset,
    desk: Desk,
    subject: tuple[str, SubjectKeys] | None,
) -> None:
    known = proved(scanned.scan, desk)
    plan = plan_protection(
        scanned.scan.leaves,
        known.reports(),
        desk.policy,
        partitions=dataset.partitions,
        known=known.for_plan(scanned.columns),
        subject=(*subject, desk.tokens_to_write()) if subject is not None else None,
    )
    if other := others_than([leaf.to_dict() for leaf in plan.leaves], row["columns"]):
        raise ProtectionError(
            f"protecting {dataset.reference.text} today would not give what is on record: {', '.join(other[:5])}",
            hint="policy or detectors are others now: give those of then (--policy, --ner or --no-ner, --detectors), "
            "or protect it again with clearance protect",
        )


def others_than(planned: Sequence[Mapping[str, Any]], recorded: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paths of columns with which a plan does something else than a record says."""
    now, then = ({leaf["path"]: dict(leaf) for leaf in leaves} for leaves in (planned, recorded))
    for leaf in (*now.values(), *then.values()):
        leaf.pop("note", None)  # words for who reads it
    for path, leaf in now.items():
        if "by_type" not in then.get(path, {}):  # an older record, or no changed text
            leaf.pop("by_type", None)
    return sorted(path for path in now.keys() | then.keys() if now.get(path) != then.get(path))


__all__ = ["from_source", "others_than", "to_be_granted"]
