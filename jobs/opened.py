"""From a dataset to its copy with tokens opened: which leaves, how much, the frame, and that nothing is lost."""

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from clearance.errors import ProofError, ProtectionError, UsageError
from clearance.jobs.binding import Subject
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.failures import value_free
from clearance.jobs.opening import (
    BOUND,
    COUNTS,
    DESTROYED,
    DISABLED,
    ERASED,
    FINAL,
    LOST,
    NULLS,
    OPEN,
    ROWS,
    STRANGE,
    VALUES,
    Counting,
    Counts,
    Opening,
    OpenLeaf,
)
from clearance.jobs.protect import cast_back, kept_metadata
from clearance.jobs.schema import SparkLeaf, leaves_of, readable_frame
from clearance.jobs.settings import Tokens
from clearance.jobs.signed_record import SignedRecord
from clearance.jobs.staging import Staged
from clearance.jobs.workers import map_batches
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FPE = "format_preserving"
STAYING = (
    (FINAL, "one-way tokens"),
    (DESTROYED, "tokens of destroyed keys"),
    (ERASED, "tokens of persons whose keys are gone"),
)
"""What has no way back, whoever asks, and may stay in a text beside what opens."""


def leaves_to_open(
    dataset: Dataset, desk: Desk, record: SignedRecord, columns: Collection[str], types: Collection[str]
) -> tuple[OpenLeaf, ...]:
    """The leaves that were asked for, as they can be opened. Raises ``UsageError`` for one that is not there."""
    there = {leaf.path: leaf for leaf in leaves_of(dataset.frame.schema)}
    missing = [path for path in columns if path not in there]
    if missing:
        raise UsageError(
            f"{dataset.reference.text} has no column {missing[0]}", hint=f"it has: {', '.join(sorted(there))}"
        )
    chosen = [there[path] for path in (columns or there)]
    # What is asked for by name and is no token may be encrypted in its format: only the record can tell.
    known = _label_columns(desk, dataset)
    for leaf in chosen:
        if record.problem and (known.get(leaf.path) == FPE):
            raise ProtectionError(f"{leaf.path}: {record.problem}", hint="without it nothing says how to open it")
    return tuple(_open_leaf(leaf, record, frozenset(types) or None, desk) for leaf in chosen if leaf.readable)


def _label_columns(desk: Desk, dataset: Dataset) -> dict[str, str]:
    """The method of each column of the newest record, signed or not: to refuse by, never to open by."""
    row = desk.registry.latest("protections", dataset=dataset.key)
    return {leaf["path"]: str(leaf["method"].get("name")) for leaf in row["columns"]} if row else {}


def _open_leaf(leaf: SparkLeaf, record: SignedRecord, types: frozenset[str] | None, desk: Desk) -> OpenLeaf:
    told = record.leaves.get(leaf.path)
    if told is None or told["how"] not in ("cells", "done") or told["method"].get("name") != FPE:
        bound = record.subject is not None and told is not None and told["how"] == "cells"
        return OpenLeaf(leaf.path, leaf.steps, types, bound=bound)
    if told["how"] == "done":
        raise ProtectionError(
            f"{leaf.path} was copied as it had been encrypted before, and this record does not say with which key",
            hint=f"open it in the dataset that it was copied from: {record.row.get('source')}",
        )
    domain = record.domains.get(leaf.path, record.domain)
    readers = [tokens.domain for tokens in desk.readers()]
    if domain is not None and domain not in readers:
        raise ProtectionError(f"{leaf.path} was encrypted in the domain {domain}", hint="name it with --domain")
    entity_type = str(told["entity_type"])
    if types is not None and entity_type not in types:
        return OpenLeaf(leaf.path, leaf.steps, frozenset())
    reader = readers.index(domain) if domain is not None else 0
    return OpenLeaf(leaf.path, leaf.steps, types, told["method"], entity_type, record.kid, reader)


def counted(
    dataset: Dataset, leaves: tuple[OpenLeaf, ...], tokens: tuple[Tokens, ...], subject: Subject | None = None
) -> Counts:
    """What the leaves hold. Reads the dataset once and shows nothing of it."""
    counts: Counts = Counter()
    with value_free(f"counting tokens of {dataset.reference.text}", hint="nothing was opened"):
        frame = map_batches(readable_frame(dataset.frame), Counting(leaves, tokens, subject), COUNTS, "counting tokens")
        for path, fact, entity_type, n in frame.collect():
            counts[path, fact, entity_type] += n
    return counts


def require_openable(counts: Counts, what: str = "what was asked for", *, partly: bool = False) -> None:
    """Raises ``ProtectionError`` when there is anything that has no way back, or nothing that has one.

    ``partly``: one-way tokens, and those of keys that are destroyed, may stay beside what opens.
    """
    told = []
    opens = any(n for (_, fact, _), n in counts.items() if fact == OPEN)
    if bound := foreseen_at(counts, BOUND):
        (path, _), n = bound[0]
        raise ProtectionError(
            f"{what} can't be opened: {n} tokens{f' in {path}' if path else ''} are bound to persons, or not whole",
            hint="open them in their dataset, with the table of its persons' keys: --subject-keys",
        )
    if disabled := foreseen_at(counts, DISABLED):
        (path, kid), n = disabled[0]
        where = f" in {path}" if path else ""
        raise ProtectionError(
            f"{what} can't be opened: {n} tokens{where} are of the key {kid}, which is disabled",
            hint=f"clearance keys enable {kid}, and disable it again afterwards",
        )
    for fact, name in (
        (FINAL, "one-way tokens of type"),
        (DESTROYED, "tokens of a key that is destroyed,"),
        (STRANGE, "tokens of another key or domain, or forged ones, of type"),
        (LOST, "values that don't have the recorded format of type"),
    ):
        if not (partly and opens and fact in dict(STAYING)):
            found = foreseen_at(counts, fact)
            told += [f"{n} {name} {kind or '?'}{f' in {path}' if path else ''}" for (path, kind), n in found]
    if told:
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        paths = any(path for (path, _, _), n in counts.items() if n)
        remedy = "ask for reversible columns with --columns, or for" if paths else "leave these out, or ask for"
        # What no key opens any more is in the source alone, whatever else is asked for.
        lost = not opens and len(told) == len(foreseen_at(counts, DESTROYED))
        raise ProtectionError(
            f"{what} can't be opened: {'; '.join(told[:3])}{more}",
            hint="nothing opens them any more: go to the source that they were made from"
            if lost
            else f"nothing was opened; {remedy} entity types with --types",
        )
    if not opens:
        if erased := sum(n for _, n in foreseen_at(counts, ERASED)):
            raise ProtectionError(
                f"{what} can't be opened: the keys of its {erased} tokens' persons are not in the table",
                hint="they were erased, or it is the table of other data",
            )
        raise ProtectionError(
            f"{what} holds no reversible token of this key file", hint="check --key-file and --domain"
        )


def foreseen_at(counts: Counts, fact: str) -> list[tuple[tuple[str, str], int]]:
    """Counts of one fact by path and type, without zeros."""
    return sorted(((path, kind), n) for (path, each, kind), n in counts.items() if each == fact and n)


def opened_frame(
    dataset: Dataset,
    leaves: tuple[OpenLeaf, ...],
    readers: tuple[Tokens, ...],
    record: SignedRecord,
    *,
    again: bool = False,
    subject: Subject | None = None,
    stays: Collection[str] = (),
) -> "DataFrame":
    """The dataset with its leaves opened, or with ``again`` under the key that writes now: lazy.

    Types are as they were before protection; under another key they stay as they are, and so does that of leaves in
    ``stays``: what they hold is opened in part, and a token is no number.

    Values take the record columns away, which speak of protected records; other tokens keep them.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructField, StructType

    source = dataset.frame
    frame = readable_frame(source, with_records=again)
    plain = StructType(
        [StructField(f.name, f.dataType, f.nullable, kept_metadata(f, f.dataType)) for f in frame.schema.fields]
    )
    work = Opening(leaves, readers, again, subject)
    opened = map_batches(frame, work, plain, "opening")
    opened = cast_back(opened, source.schema, {leaf.steps[0].name for leaf in leaves})
    if again:
        return opened
    before = {leaf.path: record.leaves[leaf.path]["type_before"] for leaf in leaves if leaf.path in record.leaves}
    whole = [leaf for leaf in leaves if len(leaf.steps) == 1 and leaf.path in before and leaf.path not in stays]
    types = {leaf.steps[0].name: before[leaf.path] for leaf in whole}
    return opened.select(*(_as_before(F.col(sql_name(name)), types.get(name), name) for name in opened.columns))


def _as_before(column: Any, kind: str | None, name: str) -> Any:
    if kind is None or kind.startswith(("string", "char", "varchar", "binary")):
        return column
    return column.try_cast(kind).alias(name)


def require_whole(spark: "SparkSession", staged: Staged, leaves: tuple[OpenLeaf, ...], counts: Counts) -> None:
    """Raises ``ProofError`` unless rows, values and nulls are those of the source."""
    found: Counts = Counter()
    with value_free("reading back what was staged", hint="nothing was published; run again"):
        frame = readable_frame(staged.read(spark))
        for path, fact, _, n in map_batches(frame, Counting(leaves), COUNTS, "the proof").collect():
            found[path, fact, ""] += n
    wrong = [
        path or "the dataset"
        for path, fact in [("", ROWS), *((leaf.path, fact) for leaf in leaves for fact in (VALUES, NULLS))]
        if found[path, fact, ""] != counts[path, fact, ""]
    ]
    if wrong:
        raise ProofError(
            f"{wrong[0]} was not opened whole: values or nulls differ", hint="the target is as it was; report the plan"
        )
