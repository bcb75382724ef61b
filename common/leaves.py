"""The walk over nested Arrow data: what the leaves of a schema are, how to read them and how to replace them.

A leaf is anything that is no struct, array or map. Reading flattens a leaf to one array and tells the row each
value came from; replacing puts arrays of the same lengths back where the old ones stood, nulls and nesting kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.paths import ITEM, KEY, VALUE, Step, format_path
from clearance.values import is_readable

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a schema: its path, the steps to it, its Arrow type, and whether its values have a text form."""

    path: str
    steps: tuple[Step, ...]
    type: pa.DataType
    readable: bool


def leaves(schema: pa.Schema) -> list[Leaf]:
    """All leaves of a schema, in its order. A struct without fields is a leaf that can't be read."""
    return [leaf for field in schema for leaf in _below(field.type, (Step("name", field.name),))]


def _below(kind: pa.DataType, steps: tuple[Step, ...]) -> Iterator[Leaf]:
    if pa.types.is_struct(kind) and kind.num_fields:
        for i in range(kind.num_fields):
            field = kind.field(i)
            yield from _below(field.type, (*steps, Step("name", field.name)))
    elif _is_list(kind):
        yield from _below(kind.value_type, (*steps, ITEM))
    elif pa.types.is_map(kind):
        yield from _below(kind.key_type, (*steps, KEY))
        yield from _below(kind.item_type, (*steps, VALUE))
    else:
        yield Leaf(format_path(steps), steps, kind, is_readable(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def read_leaf(column: pa.Array, steps: Sequence[Step]) -> tuple[pa.Array, Rows]:
    """The values of one leaf and the row of ``column`` that each stands in.

    ``steps`` are the steps below the column (without its own name). A null struct gives a null value; a null or
    empty array or map gives no value at all.
    """
    rows: Rows = np.arange(len(column), dtype=np.int64)
    for step in steps:
        if step.kind == "name":
            column = pc.struct_field(column, [_index_of(column.type, step.name)])
        else:
            as_list = column if step.kind == "item" else _entries(column, step)
            rows = rows[np.asarray(pc.list_parent_indices(as_list), dtype=np.int64)]
            column = as_list.flatten()
    return column, rows


def _index_of(kind: pa.DataType, name: str) -> int:
    return next(i for i in range(kind.num_fields) if kind.field(i).name == name)


def _entries(column: pa.Array, step: Step) -> pa.Array:
    """Keys or values of a map as a list array over the same offsets."""
    column = _unsliced(column)
    child = column.keys if step.kind == "key" else column.items
    mask = column.is_null() if column.null_count else None
    return pa.ListArray.from_arrays(column.offsets, child, mask=mask)


def _unsliced(array: pa.Array) -> pa.Array:
    return array.take(pa.array(np.arange(len(array)))) if array.offset else array


Replacement = Callable[[pa.Array], pa.Array]


def replace_leaves(column: pa.Array, replacements: Mapping[tuple[Step, ...], Replacement]) -> pa.Array:
    """The column with each addressed leaf replaced by what its function returns.

    Keys of ``replacements`` are steps below the column, ``()`` for the column itself. A function gets the
    leaf's array and must return one of the same length; the type may change. Nulls of structs, arrays and maps
    stay; what a function makes of a null inside them is its own affair.
    """
    if not replacements:
        return column
    if () in replacements:
        return replacements[()](column)
    kind = column.type
    if pa.types.is_struct(kind):
        return _replace_in_struct(column, replacements)
    column = _unsliced(column)
    mask = column.is_null() if column.null_count else None
    if pa.types.is_map(kind):
        keys = replace_leaves(column.keys, _under(replacements, KEY))
        items = replace_leaves(column.items, _under(replacements, VALUE))
        offsets = column.offsets
        if mask is not None:
            # MapArray.from_arrays takes nulls through the offsets, not through a mask.
            padded = np.append(np.asarray(mask), False)
            offsets = pa.array(np.asarray(offsets), offsets.type, mask=padded)
        return pa.MapArray.from_arrays(offsets, keys, items)
    rebuild = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
    values = replace_leaves(column.values, _under(replacements, ITEM))
    return rebuild.from_arrays(column.offsets, values, mask=mask)


def _replace_in_struct(column: pa.Array, replacements: Mapping[tuple[Step, ...], Replacement]) -> pa.Array:
    # flatten() pushes the struct's own nulls into its fields, so that nothing hides under a null.
    fields, arrays = [], []
    for i, child in enumerate(column.flatten()):
        field = column.type.field(i)
        array = replace_leaves(child, _under(replacements, Step("name", field.name)))
        arrays.append(array)
        fields.append(pa.field(field.name, array.type, True, field.metadata))
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=column.is_null())


def _under(replacements: Mapping[tuple[Step, ...], Replacement], step: Step) -> dict[tuple[Step, ...], Replacement]:
    return {steps[1:]: function for steps, function in replacements.items() if steps and steps[0] == step}
