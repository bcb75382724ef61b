"""The proof of a move to another key: what can be opened is the same on both sides, and so is all the rest.

For each leaf of both datasets the values, opened where they can be, as sums of keyed digests (``recomputation.py``),
and for each row what stands in it together: values of two rows can't have changed places unseen. The moved side is read
with the key that writes now alone: a token that stayed behind does not open, and differs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from clearance.errors import ProofError
from clearance.jobs.failures import value_free
from clearance.jobs.opening import Opener, OpenLeaf
from clearance.jobs.recomputation import (
    COUNTS,
    Counts,
    Digests,
    RowSums,
    collect,
    counted,
    same_rows,
    same_sums,
    summed,
)
from clearance.jobs.schema import RECORD_ENTITIES, RECORD_LEVEL, is_record_column, leaves_of, readable_frame
from clearance.jobs.settings import Tokens
from clearance.jobs.workers import Batches, map_batches
from clearance.leaves import read_leaf
from clearance.paths import ITEM, Step
from clearance.values import is_readable, to_text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


_RECORD = (
    OpenLeaf(RECORD_LEVEL, (Step("name", RECORD_LEVEL),)),
    OpenLeaf(f"{RECORD_ENTITIES}[]", (Step("name", RECORD_ENTITIES), ITEM)),
)
"""What each record says of itself: no leaf of the data, and moved with it."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A worker that sums what the leaves hold, those in ``opened`` by what is inside. Picklable: it holds no key."""

    leaves: tuple[OpenLeaf, ...]
    opened: frozenset[str]
    tokens: tuple[Tokens, ...]
    digests: Digests

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        counts: Counts = Counter()
        opener: Opener | None = None
        for batch in batches:
            opener = opener or Opener([each.open() for each in self.tokens])
            counts["", "rows"] += batch.num_rows
            whole = RowSums(self.digests, batch.num_rows)
            for leaf in self.leaves:
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                values, rows = read_leaf(column, leaf.steps[1:])
                counts[leaf.path, "rows"] += len(values)
                counts[leaf.path, "nulls"] += values.null_count
                if is_readable(values.type):
                    texts = to_text(values)
                    found = opener.changed(leaf, texts) if leaf.path in self.opened else texts
                    words = self.digests.words(leaf.path, found)
                    for fact, sum_ in summed(words).items():
                        counts[leaf.path, fact] += sum_
                    whole.add(leaf.steps, words, found, rows)
            whole.finish(counts)
        if counts:
            yield counted(counts)


def require_moved(before: "DataFrame", after: "DataFrame", moved: Sequence[OpenLeaf], tokens: Sequence[Tokens]) -> int:
    """Raises ``ProofError`` unless ``after`` is ``before`` under the key that writes now. Says how many rows it has.

    Reads both once. No value leaves the workers.
    """
    digests, opened = Digests.new(), {leaf.path: leaf for leaf in moved}
    rest = [OpenLeaf(leaf.path, leaf.steps) for leaf in leaves_of(before.schema) if leaf.path not in opened]
    records = {field.name for field in before.schema.fields if is_record_column(field)}
    rest += [leaf for leaf in _RECORD if leaf.steps[0].name in records]
    alone = tuple(replace(each, alone=True) for each in tokens)
    now = {domain.domain: domain.key.open().primary for domain in tokens}

    def look(frame: "DataFrame", leaves: Sequence[OpenLeaf], readers: tuple[Tokens, ...]) -> Counts:
        work = _Opened((*leaves, *rest), frozenset(opened), readers, digests)
        return collect(map_batches(readable_frame(frame, with_records=True), work, COUNTS, "the proof"))

    with value_free("reading back what was staged", hint="nothing was published; run again"):
        expected = look(before, moved, tuple(tokens))
        new = [replace(leaf, kid=now[tokens[leaf.reader].domain]) if leaf.method else leaf for leaf in moved]
        found = look(after, new, alone)
    wrong = [
        path
        for path in ["", *(leaf.path for leaf in (*moved, *rest))]
        if any(found[path, fact] != expected[path, fact] for fact in ("rows", "nulls"))
        or not same_sums(path, found, expected)
    ]
    if wrong:
        raise ProofError(
            f"{wrong[0] or 'the dataset'} was not moved whole: it is not the same under the new key",
            hint="nothing was published; report the plan",
        )
    if not same_rows(found, expected):
        raise ProofError(
            "the rows were not moved whole: what stands in one row is not what stood in one row",
            hint="nothing was published; report the plan",
        )
    return found["", "rows"]


__all__ = ["require_moved"]
