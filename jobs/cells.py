"""Cells and texts of a batch by their plan: each method with what it must know of the rows its values stand in.

The rewriting and the proof's recomputation both go through here, so that they can't come apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.texts import Inside, TextProtector, Types
from clearance.jobs.workers import distinct_of
from clearance.leaves import Rows, read_leaf
from clearance.method_spec import MethodSpec
from clearance.methods import Reversible
from clearance.paths import parse_path
from clearance.tokenization.methods import NO_ROWS, RowContext, apply
from clearance.values import to_text

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.jobs.binding import Binding
    from clearance.tokenization.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts before and after, the entity types in each, and for each value of the leaf its place here (-1 for null)."""

    before: list[str]
    after: list[str]
    types: list[Types]
    index: Rows
    by_row: bool

    def values(self) -> pa.Array:
        """The leaf's values, replaced."""
        return pa.array(self.after, pa.string()).take(pa.array(self.index, mask=self.index < 0))


class CellMethods:
    """The methods for cells and texts of one batch of the source. ``binding``: where the plan has a subject."""

    def __init__(
        self,
        plan: ProtectionPlan,
        batch: pa.RecordBatch,
        tokenizer: "Tokenizer",
        binding: "Binding | None" = None,
    ) -> None:
        if (binding is None) != (plan.subject is None):
            raise ProtectionError("a plan with a subject is carried out with its keys", hint="report this")
        self._plan = plan
        self._batch = batch
        self._tokenizer = tokenizer
        self._binding = binding
        self._specs = {leaf.path: plan.spec(leaf.method) for leaf in plan.leaves if leaf.how == "cells"}
        self._near = {leaf.steps[0].name for leaf in plan.leaves if self._needs_rows(leaf)}

    def column(self, position: int) -> pa.Array:
        """A column of the batch, laid out so that ``read_leaf`` and ``replace_leaves`` see the same values.

        A null list may hide values that only the second sees; copied by rows it holds none.
        """
        column = self._batch.column(position)
        hidden = self._batch.schema.names[position] in self._near and pa.types.is_nested(column.type)
        return column.take(pa.array(np.arange(len(column)))) if hidden else column

    def apply(self, leaf: LeafPlan, values: pa.Array) -> pa.Array:
        """The values of a leaf as its method makes them, as strings."""
        spec = self._specs[leaf.path]
        own = self._tokenizer.at(leaf.path)
        if self._binding is not None and isinstance(spec, Reversible):
            owners = self._binding.owners_in(self._batch, self._rows_of(leaf, values))
            return self._binding.encrypt(to_text(values), owners, leaf.entity_type or "", leaf.path)
        try:
            return apply(spec, to_text(values), leaf.entity_type or "", own, self._context(leaf, spec, values))
        except ProtectionError as error:
            raise ProtectionError(f"column {leaf.path}: {error.message}", hint=error.hint) from None

    def texts(self, leaf: LeafPlan, values: pa.Array, engine: "Engine") -> "Texts":
        """What is found inside the values of a leaf replaced, each distinct one once (for each subject, where dates
        move by that)."""
        texts, places = distinct_of(to_text(values))
        index = np.asarray(places.fill_null(-1)).astype(np.int64)
        subjects = None
        if self._plan.subject_at(leaf) is not None:
            texts, index, subjects = self._by_subject(leaf, values, texts, index)
        methods = {name: self._plan.spec(settings) for name, settings in self._plan.methods_at(leaf.path).items()}
        protector = TextProtector(methods, Inside.of(leaf.inside), engine, self._tokenizer.at(leaf.path))
        return Texts(texts, *protector.protect(texts, subjects), index, by_row=subjects is not None)

    def _by_subject(
        self, leaf: LeafPlan, values: pa.Array, texts: list[str], index: Rows
    ) -> tuple[list[str], Rows, pa.Array]:
        owners = self._beside(self._plan.subject_at(leaf), self._rows_of(leaf, values))
        assert owners is not None
        encoded = owners.cast(pa.string()).dictionary_encode()
        owner = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64)
        filled = np.flatnonzero(index >= 0)
        pairs, found = np.unique(np.stack([index, owner], axis=1)[filled], axis=0, return_inverse=True)
        of_pair = np.full(len(index), -1, np.int64)
        of_pair[filled] = found.reshape(-1)
        subjects = encoded.dictionary.take(pa.array(pairs[:, 1], pa.int64(), mask=pairs[:, 1] < 0))
        return [texts[number] for number in pairs[:, 0].tolist()], of_pair, subjects

    def _needs_rows(self, leaf: LeafPlan) -> bool:
        if leaf.how == "spans":
            return leaf.changes and self._plan.subject_at(leaf) is not None
        spec = self._specs.get(leaf.path)
        bound = self._binding is not None and isinstance(spec, Reversible)
        return spec is not None and (bound or (spec.subject_column or spec.row_key_column) is not None)

    def _context(self, leaf: LeafPlan, spec: MethodSpec, values: pa.Array) -> RowContext:
        if not self._needs_rows(leaf):
            return NO_ROWS
        rows = self._rows_of(leaf, values)
        return RowContext(self._beside(spec.subject_column, rows), self._beside(spec.row_key_column, rows), leaf.path)

    def _rows_of(self, leaf: LeafPlan, values: pa.Array) -> Rows:
        _, rows = read_leaf(self.column(self._position(leaf.steps[0].name)), leaf.steps[1:])
        if len(rows) != len(values):
            raise ProtectionError(
                f"column {leaf.path}: the rows of its values can't be told", hint="flatten the column first"
            )
        return rows

    def _beside(self, path: str | None, rows: Rows) -> pa.Array | None:
        if path is None:
            return None
        first, *rest = parse_path(path)
        values, _ = read_leaf(self._batch.column(self._position(first.name)), rest)
        return to_text(values).take(pa.array(rows))

    def _position(self, name: str) -> int:
        return int(self._batch.schema.get_field_index(name))


def kept_records(batch: pa.RecordBatch, plan: ProtectionPlan) -> pa.RecordBatch:
    """The batch without the records that the plan suppresses: those with a value in a column of scope ``record``."""
    holds = [_holds(batch, leaf) for leaf in plan.leaves if leaf.drops == "record"]
    if not holds:
        return batch
    return batch.filter(pc.invert(pa.array(np.logical_or.reduce(holds))))


def _holds(batch: pa.RecordBatch, leaf: LeafPlan) -> Sequence[bool]:
    values, rows = read_leaf(batch.column(batch.schema.get_field_index(leaf.steps[0].name)), leaf.steps[1:])
    found = np.zeros(batch.num_rows, np.bool_)
    found[rows[np.asarray(values.is_valid())]] = True
    return found  # type: ignore[return-value]


__all__ = ["CellMethods", "Texts", "kept_records"]
