"""Whole cells of a batch by their plan: each method with what it must know of the rows its values stand in.

The rewriting and the proof's recomputation both go through here, so that they can't come apart.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.leaves import Rows, read_leaf
from clearance.method_spec import MethodSpec
from clearance.methods import Reversible
from clearance.paths import parse_path
from clearance.tokenization.methods import NO_ROWS, RowContext, apply
from clearance.values import to_text

if TYPE_CHECKING:
    from clearance.jobs.binding import Binding
    from clearance.tokenization.tokens import Tokenizer


class CellMethods:
    """The methods for whole cells of one batch of the source. ``binding``: where the plan has a subject."""

    def __init__(
        self,
        plan: ProtectionPlan,
        batch: pa.RecordBatch,
        tokenizer: "Tokenizer",
        binding: "Binding | None" = None,
    ) -> None:
        if (binding is None) != (plan.subject is None):
            raise ProtectionError("a plan with a subject is carried out with its keys", hint="report this")
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
        return apply(spec, to_text(values), leaf.entity_type or "", own, self._context(leaf, spec, values))

    def _needs_rows(self, leaf: LeafPlan) -> bool:
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


__all__ = ["CellMethods", "kept_records"]
