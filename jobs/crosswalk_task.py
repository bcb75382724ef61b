"""Crosswalk as a job: which token of one domain or key is which of another, as a table of its own, by grant.

It links what was unlinkable, so it is as restricted as anything can be. Reversible tokens are opened and made again, in
the workers. One-way tokens can't be: the values that they were made from give both, when their source is named.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from clearance.errors import UsageError
from clearance.governance.labels import Label, combine
from clearance.jobs import records
from clearance.jobs.asking import Asking, asking, keys_for
from clearance.jobs.crosswalk_source import COLUMNS, PAIRS, FromValues, from_source, pairs_of, require_theirs
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk
from clearance.jobs.leftovers import make_way
from clearance.jobs.opened import counted, leaves_to_open, require_openable
from clearance.jobs.opening import OPEN, SHOWN, Opener, OpenLeaf, foreseen
from clearance.jobs.published import require_apart
from clearance.jobs.reissue import Publication, Reissued, publish_as, told_of
from clearance.jobs.scan_task import require_unchanged
from clearance.jobs.schema import readable_frame
from clearance.jobs.settings import Tokens
from clearance.jobs.signed_record import SignedRecord
from clearance.jobs.staging import Target
from clearance.jobs.workers import Batches, map_batches
from clearance.leaves import read_leaf
from clearance.values import to_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Crosswalk(Reissued):
    """A mapping."""


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A worker that pairs tokens. Picklable: it holds where keys are, no key."""

    leaves: tuple[OpenLeaf, ...]
    tokens: tuple[Tokens, ...]
    to: Tokens

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        opener: Opener | None = None
        for batch in batches:
            opener = opener or Opener([each.open() for each in self.tokens], self.to.open())
            pairs: set[tuple[str, str, str]] = set()
            for leaf in self.leaves:
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                pairs |= opener.pairs(leaf, to_text(read_leaf(column, leaf.steps[1:])[0]))
            yield pairs_of(pairs)


def written_with(desk: Desk, to_domain: str | None, to_key: str | None) -> Tokens:
    """Where the other tokens are made. Raises ``UsageError`` when that is where they are from, or not a key."""
    tokens = desk.tokens()
    if to_domain is None and to_key is None:
        raise UsageError("say where the other tokens are made", hint="--to-domain NAME, --to-key ID, or both")
    if to_key is not None and to_key not in tokens.key.open().kids:
        raise UsageError(f"there is no key {to_key!r} that may be used", hint="clearance keys list")
    key = replace(tokens.key, kid=to_key) if to_key is not None else tokens.key
    to = Tokens(key, to_domain or tokens.domain, tokens.region)
    to.open()
    to.key.open().require(to.domain, reversal=True)
    return to


def crosswalk(
    spark: "SparkSession",
    what: Reference | Dataset,
    target: Target,
    desk: Desk,
    *,
    purpose: str,
    reason: str,
    to_domain: str | None = None,
    to_key: str | None = None,
    columns: Collection[str] = (),
    types: Collection[str] = (),
    source: Reference | Dataset | None = None,
) -> Crosswalk:
    """Writes a table (``entity_type``, ``token_from``, ``token_to``) of the reversible tokens in a dataset's columns.

    ``source``: what the dataset was protected from, unchanged since; the tokens of its whole columns are mapped then,
    one-way ones too. Needs a grant whose operations name ``crosswalk``. Raises like ``detokenize``.
    """
    make_way(desk, target, what.source, spark)
    where = what.key
    keys_for(desk, "crosswalk", where, purpose=purpose, reason=reason)
    to = written_with(desk, to_domain, to_key)
    dataset = open_dataset(spark, what)
    target.require_ours(spark)
    named = sorted(columns)
    with asking(desk, "crosswalk", where, purpose=purpose, reason=reason, columns=named, spark=spark) as ask:
        work: _Mapping | FromValues
        if source is None:
            work, opened = _from_tokens(dataset, desk, to, columns, types, ask)
            values = dataset
        else:
            values = open_dataset(spark, source)
            require_apart(values.reference, target)
            work, opened = from_source(dataset, values, desk, to, columns, types, ask)
        staged = target.staged(ask.run.run_id)
        expected = target.version(spark)
        with ask.deed("crosswalk", opened, target.key) as told:
            try:
                pairs = map_batches(readable_frame(values.frame), work, PAIRS, "mapping tokens")
                staged.write(pairs.distinct(), (), dataset.reference.text)
                rows = staged.read(spark).count()
                if isinstance(work, FromValues):
                    require_theirs(staged.read(spark), dataset, work)
                    require_unchanged(values)
                publication = _publication(desk, dataset, target, opened, rows)
                ask.run.inputs = [
                    records.source_of(each) for each in {dataset.key: dataset, values.key: values}.values()
                ]
                version = publish_as(spark, staged, publication, desk, ask.run, expected, told)
            finally:
                staged.remove(spark)
        ask.run.facts = {"rows": rows, "to_domain": to.domain, "to_key": to.key.kid, "grant": ask.grant}
        return Crosswalk(**told_of(ask, dataset, target, version, rows, publication.label))


def _from_tokens(
    dataset: Dataset, desk: Desk, to: Tokens, columns: Collection[str], types: Collection[str], ask: Asking
) -> tuple[_Mapping, dict[str, dict[str, int]]]:
    # Without its record a column encrypted in its format is no token, and is not mapped.
    leaves = leaves_to_open(dataset, desk, SignedRecord(), columns, types)
    counts = counted(dataset, leaves, desk.readers())
    require_openable(counts)
    opened = foreseen(counts, (OPEN,))
    leaves = tuple(leaf for leaf in leaves if leaf.path in opened)
    ask.allow({path: frozenset(kinds) for path, kinds in opened.items()}, counts["", SHOWN, ""], opened)
    return _Mapping(leaves, desk.readers(), to), opened


def _publication(
    desk: Desk, dataset: Dataset, target: Target, opened: "dict[str, dict[str, int]]", rows: int
) -> Publication:
    policy, source = desk.policy, dataset.reference.identity
    kinds = sorted({kind for found in opened.values() for kind in found})
    personal = combine([policy.label_of(kind) for kind in kinds], policy.levels)
    label = Label(policy.levels.top, personal.categories, personal.regimes, personal.subjects)
    why = {"entity_type": "", "rule": "crosswalk", "where": "", "text": "it links tokens that nobody could link before"}
    return Publication(
        target,
        "crosswalk",
        dict.fromkeys(COLUMNS, label),
        label,
        rows,
        source,
        why={name: [why] for name in COLUMNS},
        types=dict.fromkeys(COLUMNS[1:], kinds),
    )


__all__ = ["Crosswalk", "crosswalk", "written_with"]
