"""The rewriting of batches: each leaf by its plan, and each record's level and entity types beside it.

Arrow batch in, Arrow batch out, of the same rows in the same order, but for records that the plan suppresses. Runs in
Spark's workers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clearance.governance.labels import Label
from clearance.jobs.cells import CellMethods, kept_records
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.schema import RECORD_ENTITIES, RECORD_LEVEL
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.workers import Batches, in_even_batches
from clearance.leaves import read_leaf, replace_leaves
from clearance.paths import Step
from clearance.values import texts_of, to_text

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.tokenization.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Rewriter:
    """What a worker needs to rewrite batches. Picklable: it holds where the key is, not the key."""

    plan: ProtectionPlan
    detection: Detection
    tokens: Tokens

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        state: _Worker | None = None
        for batch in in_even_batches(batches):
            if state is None:
                state = _Worker(self)
            yield state.rewrite(batch)


class _Worker:
    """One task's tools: opened on its first batch, so that an empty partition costs nothing."""

    def __init__(self, job: Rewriter) -> None:
        self.plan = job.plan
        self.tokenizer: Tokenizer = job.tokens.open()
        self.binding = job.plan.binding(job.tokens)
        self._detection = job.detection
        self._engine: Engine | None = None
        levels = job.plan.levels
        self._rank = {name: rank for rank, name in enumerate(levels)}

    @property
    def engine(self) -> "Engine":
        if self._engine is None:
            self._engine = self._detection.engine()
        return self._engine

    def rewrite(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with its leaves replaced, and the two record columns after them."""
        batch = kept_records(batch, self.plan)
        marks = _RecordMarks(batch.num_rows, self._rank)
        cells = CellMethods(self.plan, batch, self.tokenizer, self.binding)
        arrays = []
        for position, name in enumerate(batch.schema.names):
            column = cells.column(position)
            under = [leaf for leaf in self.plan.leaves if leaf.steps[0].name == name]
            replacements = {
                leaf.steps[1:]: self._replacement(leaf, cells) for leaf in under if leaf.how in ("cells", "null")
            }
            for leaf in under:
                if leaf.how == "spans":
                    replacements.update(self._spans(leaf, column, cells, marks))
            replaced = replace_leaves(column, {k: v for k, v in replacements.items() if v is not None})
            for leaf in under:
                if leaf.how in ("cells", "done", "keep"):
                    self._mark_cells(leaf, replaced, marks)
            arrays.append(replaced)
        names = [*batch.schema.names, RECORD_LEVEL, RECORD_ENTITIES]
        return pa.RecordBatch.from_arrays([*arrays, *marks.columns()], names=names)

    def _replacement(self, leaf: LeafPlan, cells: CellMethods) -> Callable[[pa.Array], pa.Array]:
        if leaf.how == "null":
            as_text = leaf.type_after != leaf.type_before
            return lambda values: pa.nulls(len(values), pa.string() if as_text else values.type)
        return lambda values: cells.apply(leaf, values)

    def _mark_cells(self, leaf: LeafPlan, column: pa.Array, marks: "_RecordMarks") -> None:
        if leaf.entity_type is None or not tells_something(leaf.label, self.plan.levels):
            return
        values, rows = read_leaf(column, leaf.steps[1:])
        marks.add(rows[np.asarray(values.is_valid())], leaf.entity_type, leaf.label.level)

    def _spans(
        self, leaf: LeafPlan, column: pa.Array, cells: CellMethods, marks: "_RecordMarks"
    ) -> Mapping[tuple[Step, ...], Callable[[pa.Array], pa.Array]]:
        """Protects the text of a leaf, marks its records, and returns the replacement by distinct value."""
        values, rows = read_leaf(column, leaf.steps[1:])
        texts = cells.texts(leaf, values, self.engine)
        for entity_type in sorted(frozenset().union(*texts.types)) if texts.types else ():
            label = self.plan.span_labels.get(entity_type)
            if label is not None and not tells_something(label, self.plan.levels):
                continue
            holds = np.array([*(entity_type in found for found in texts.types), False])
            level = label.level if label is not None else self.plan.levels[-1]
            marks.add(rows[holds[texts.index]], entity_type, level)
        if not leaf.changes:
            return {}
        if texts.by_row:
            return {leaf.steps[1:]: lambda _: texts.values()}
        lookup = dict(zip(texts.before, texts.after, strict=True))

        def replace(array: pa.Array) -> pa.Array:
            # The array may hold values under null parents that read_leaf left out: those have no use.
            found = [None if text is None else lookup.get(text) for text in texts_of(to_text(array))]
            return pa.array(found, pa.string())

        return {leaf.steps[1:]: replace}


def tells_something(label: Label, levels: Sequence[str]) -> bool:
    """Whether a label says more than that there is nothing to protect."""
    return label.level != levels[0] or bool(label.categories or label.regimes)


class _RecordMarks:
    """Level and entity types of each record of a batch."""

    def __init__(self, rows: int, rank: Mapping[str, int]) -> None:
        self._names = list(rank)
        self._rank = rank
        self._level: npt.NDArray[np.int8] = np.zeros(rows, np.int8)
        self._holds: dict[str, npt.NDArray[np.bool_]] = {}

    def add(self, rows: npt.NDArray[np.int64], entity_type: str, level: str) -> None:
        if not len(rows):
            return
        # A row that is there twice gets the same both times.
        self._level[rows] = np.maximum(self._level[rows], np.int8(self._rank[level]))
        self._holds.setdefault(entity_type, np.zeros(len(self._level), np.bool_))[rows] = True

    def columns(self) -> list[pa.Array]:
        """``_clearance_level`` and ``_clearance_entities`` (sorted), in this order."""
        levels = pa.array(self._names, pa.string()).take(pa.array(self._level, pa.int8()))
        kinds = sorted(self._holds)
        holds = np.stack([self._holds[kind] for kind in kinds], axis=1) if kinds else np.zeros((len(self._level), 0))
        offsets = np.concatenate([[0], np.cumsum(holds.sum(axis=1))]).astype(np.int32)
        entities = pa.array(kinds, pa.string()).take(pa.array(np.nonzero(holds)[1], pa.int64()))
        return [levels, pa.ListArray.from_arrays(pa.array(offsets), entities)]


__all__ = ["RECORD_ENTITIES", "RECORD_LEVEL", "Rewriter", "tells_something"]
