"""Detokenize as a job: values back from reversible tokens and format-preserving encryption, by grant and on record.

Counting comes before opening: what can't be opened, or may not be, stops the request when nothing was shown or
written yet.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from clearance.errors import DatasetError, ProtectionError
from clearance.governance.reversal import STDIN
from clearance.governance.standing import standing
from clearance.jobs.asking import asking, keys_for
from clearance.jobs.binding import Subject
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk
from clearance.jobs.leftovers import make_way
from clearance.jobs.opened import (
    STAYING,
    counted,
    foreseen_at,
    leaves_to_open,
    opened_frame,
    require_openable,
    require_whole,
)
from clearance.jobs.opening import ERASED, MALFORMED, OPEN, ROWS, SHOWN, Counts, Opener, OpenLeaf, foreseen
from clearance.jobs.reissue import Changed, Reissued, publish_opened, told_of
from clearance.jobs.signed_record import signed_record
from clearance.jobs.staging import Target
from clearance.jobs.subject_keys import SubjectKeys
from clearance.tokenization.canonical import texts_of
from clearance.tokenization.subjects import AnyPerson

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True)
class Detokenized(Reissued):
    """A dataset with values in it again.

    ``erased``: how many tokens of each column stay closed, as the keys of the persons they are bound to are gone.
    ``malformed``: how many constants stay in each column for values that its method could not read.
    """

    opened: Mapping[str, Mapping[str, int]]
    erased: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    malformed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``erased`` and ``malformed`` only where there are some."""
        told = super().to_dict()
        return {name: value for name, value in told.items() if name not in ("erased", "malformed") or value}


@dataclass(frozen=True, slots=True)
class OpenedText:
    """A text with values in it again. ``stayed``: how many of its tokens have no way back, by what they are."""

    text: str = field(repr=False)
    stayed: Mapping[str, int] = field(default_factory=dict)


def detokenize(
    spark: "SparkSession",
    what: Reference | Dataset,
    target: Target,
    desk: Desk,
    *,
    purpose: str,
    reason: str,
    columns: Collection[str] = (),
    types: Collection[str] = (),
    subject_keys: SubjectKeys | None = None,
) -> Detokenized:
    """Writes a copy of a dataset with the values of some columns (paths; none: all), or of some entity types only.

    ``subject_keys``: the table of keys of the persons that tokens are bound to; tokens of erased ones stay.
    The copy has the label that raw data of these types have. Raises ``RefusedError`` when the policy does not allow
    it, ``ProtectionError`` when there is anything among what was asked for that has no way back; nothing is written
    then, and both are on record.
    """
    make_way(desk, target, what.source, spark)
    where = what.key
    keys_for(desk, "detokenize", where, purpose=purpose, reason=reason)
    dataset = open_dataset(spark, what)
    target.require_ours(spark)
    named = sorted(columns)
    with asking(desk, "detokenize", where, purpose=purpose, reason=reason, columns=named, spark=spark) as ask:
        label = _label_on_record(desk, dataset)
        record = signed_record(desk, dataset)
        leaves = leaves_to_open(dataset, desk, record, columns, types)
        subject = Subject.of(record.subject, subject_keys) if record.subject and subject_keys else None
        counts = counted(dataset, leaves, desk.readers(), subject)
        require_openable(counts)
        opened, erased, malformed = (foreseen(counts, (fact,)) for fact in (OPEN, ERASED, MALFORMED))
        leaves = tuple(leaf for leaf in leaves if leaf.path in opened)
        partition = next((leaf.path for leaf in leaves if leaf.steps[0].name in dataset.partitions), None)
        if partition is not None:
            raise ProtectionError(
                f"column {partition} is a partition column: its values would become directory names",
                hint="leave it out of --columns",
            )
        ask.allow(_asked(opened), counts["", SHOWN, ""], opened)
        staged = target.staged(ask.run.run_id)
        expected = target.version(spark)
        with ask.deed("open", opened, target.key) as told:
            try:
                frame = opened_frame(
                    dataset, leaves, desk.readers(), record, subject=subject, stays={*erased, *malformed}
                )
                staged.write(frame, dataset.partitions, dataset.reference.text)
                require_whole(spark, staged, leaves, counts)
                changed = Changed(dataset, target, opened, label, counts["", ROWS, ""], leaves)
                version, new_label = publish_opened(spark, staged, changed, ask, expected, told)
            finally:
                staged.remove(spark)
        ask.run.facts = {"rows": counts["", ROWS, ""], "opened": opened, "erased": erased, "grant": ask.grant}
        outcome = told_of(ask, dataset, target, version, counts["", ROWS, ""], new_label)
        return Detokenized(**outcome, opened=opened, erased=erased, malformed=malformed)


def open_values(
    values: Sequence[str],
    desk: Desk,
    *,
    purpose: str,
    reason: str,
    types: Collection[str] = (),
    column: tuple[Dataset, str] | None = None,
    subject_keys: SubjectKeys | None = None,
) -> list[str]:
    """The values inside tokens, one each and nothing around it; with ``column`` (dataset and path) they are cells of
    that column, which may be texts.

    ``subject_keys``: opens tokens that are bound to persons, by trying everyone's key in the table.
    Raises like ``detokenize``: one that can't be opened, or may not be, and none is.
    """
    return _opened(list(values), desk, purpose, reason, types, column, subject_keys, whole=True)[0]


def open_text(
    text: str,
    desk: Desk,
    *,
    purpose: str,
    reason: str,
    types: Collection[str] = (),
    subject_keys: SubjectKeys | None = None,
) -> OpenedText:
    """A text with values in the places of its reversible tokens; each counts as a row.

    ``subject_keys``: as in ``open_values``. What has no way back stays and is counted. Raises like ``detokenize`` for
    all else, and where nothing opens.
    """
    (opened,), stayed = _opened([text], desk, purpose, reason, types, None, subject_keys, whole=False)
    return OpenedText(opened, stayed)


def _opened(
    texts: list[str],
    desk: Desk,
    purpose: str,
    reason: str,
    types: Collection[str],
    column: tuple[Dataset, str] | None,
    subject_keys: SubjectKeys | None,
    *,
    whole: bool,
) -> tuple[list[str], dict[str, int]]:
    where, path = (column[0].reference.key, column[1]) if column else (STDIN, "")
    tokens = keys_for(desk, "detokenize", where, purpose=purpose, reason=reason)
    with asking(desk, "detokenize", where, purpose=purpose, reason=reason, columns=[path] if path else []) as ask:
        leaf = OpenLeaf(path, (), frozenset(types) or None)
        if column:
            leaf = leaves_to_open(column[0], desk, signed_record(desk, column[0]), [path], types)[0]
        anyone = None
        if subject_keys is not None:
            domains = [each.domain for each in desk.readers()]
            anyone = AnyPerson(tokens.key.open(), subject_keys.everyone(), domains)
        opener = Opener([each.open() for each in desk.readers()], anyone=anyone)
        counts = Counter[tuple[str, str, str]]()
        cells = pa.array([text.encode("utf-8", "surrogateescape") for text in texts], pa.binary()).view(pa.string())
        shown = opener.count(leaf, cells, counts)
        require_openable(counts, what="this", partly=not whole)
        if whole and not shown.all():
            told = f"{len(texts) - int(shown.sum())} of {len(texts)} values hold no reversible token of this key file"
            raise ProtectionError(
                told + (" and these types" if types else ""),
                hint="nothing was opened; give whole tokens, one a line",
            )
        # A column's cells may be texts. Any other value that holds more than its token was cut or joined on its way.
        more = len(texts) - sum(map(opener.is_token, texts)) if whole and not column else 0
        if more:
            raise ProtectionError(
                f"{more} of {len(texts)} values are more than a token",
                hint="nothing was opened; give one token a line and nothing else, or a text that holds some: --text -",
            )
        opened = foreseen_anywhere(counts)
        ask.allow(_asked({path: opened}), len(texts) if whole else sum(opened.values()), {path: opened})
        with ask.deed("show", {path: opened}):
            found = opener.changed(leaf, cells)
        stayed = {name: sum(n for _, n in foreseen_at(counts, fact)) for fact, name in STAYING}
        return texts_of(found), {name: n for name, n in stayed.items() if n}


def foreseen_anywhere(counts: Counts) -> dict[str, int]:
    """How many values of each type could be opened, over all paths."""
    found: Counter[str] = Counter()
    for (_, fact, entity_type), n in sorted(counts.items()):
        if fact == OPEN and n:
            found[entity_type] += n
    return dict(found)


def _asked(opened: Mapping[str, Mapping[str, int]]) -> dict[str, frozenset[str]]:
    return {path: frozenset(types) for path, types in opened.items()}


def _label_on_record(desk: Desk, dataset: Dataset) -> Mapping[str, Any]:
    """The dataset's label row: the copy is at least as sensitive. Raises ``DatasetError`` without a current one."""
    told = standing(desk.registry, dataset.reference.identity)
    if told.label is None or told.state == "changed":
        raise DatasetError(
            f"{dataset.reference.text} has no label that speaks for it ({told.reason})",
            hint="scan it first: a copy with values in it needs a label",
        )
    return told.label


__all__ = ["Detokenized", "OpenedText", "detokenize", "open_text", "open_values"]
