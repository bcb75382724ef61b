"""Registry rows to Arrow and back, through arro3, which ``deltalake`` brings: pyarrow is slow to import."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from clearance.errors import RegistryError
from clearance.governance.tables import Kind, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PYTHON: Mapping[Kind, type] = {"str": str, "int": int, "bool": bool, "time": datetime}
_DELTA: Mapping[Kind, str] = {
    "str": "string",
    "int": "long",
    "bool": "boolean",
    "time": "timestamp",
    "json": "string",
}


def delta_schema(spec: Table) -> Any:
    """The table's ``deltalake.Schema``. Everything is nullable: columns may be added later."""
    from deltalake import Field, Schema
    from deltalake.schema import PrimitiveType

    return Schema([Field(name, PrimitiveType(_DELTA[kind])) for name, kind in spec.columns.items()])


def encode(spec: Table, rows: Sequence[Mapping[str, Any]]) -> Any:
    """An ``arro3.core.Table`` of the rows. Raises RegistryError for a row that does not fit the table."""
    from arro3.core import Array, DataType, Field, Schema
    from arro3.core import Table as ArrowTable

    physical = {"str": DataType.utf8(), "int": DataType.int64(), "bool": DataType.bool()}
    stamp = DataType.timestamp("us", tz="UTC")
    for row in rows:
        _check(spec, row)
    arrays: dict[str, Any] = {}
    fields = []
    for name, kind in spec.columns.items():
        values = [_plain(spec, name, kind, row.get(name)) for row in rows]
        stored = physical["int" if kind == "time" else "str" if kind == "json" else kind]
        array = Array(values, stored)
        arrays[name] = array.cast(stamp) if kind == "time" else array
        fields.append(Field(name, stamp if kind == "time" else stored))
    return ArrowTable.from_pydict(arrays, schema=Schema(fields))


def _check(spec: Table, row: Mapping[str, Any]) -> None:
    for name in row:
        spec.check_column(name)
    missing = sorted(name for name in spec.required if row.get(name) is None)
    if missing:
        raise RegistryError(f"A row for the registry table {spec.name} lacks {', '.join(missing)}.")


def _plain(spec: Table, name: str, kind: Kind, value: Any) -> str | int | bool | None:
    if value is None:
        return None
    # The message names the column and never the content.
    wrong = RegistryError(f"The column {name} of the registry table {spec.name} takes {kind}.")
    if kind == "json":
        try:
            return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError):
            raise wrong from None
    if not isinstance(value, _PYTHON[kind]) or (kind == "int" and isinstance(value, bool)):
        raise wrong
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise wrong
        return (value - _EPOCH) // timedelta(microseconds=1)
    return cast("str | int | bool", value)


def decode(spec: Table, table: Any, *, stored: bool = False) -> list[dict[str, Any]]:
    """Rows of an ``arro3.core.Table``, JSON columns parsed (but for ``stored``). Raises ValueError for damaged JSON."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = column.to_pylist()
        if spec.columns.get(name) == "json" and not stored:
            values = [None if v is None else json.loads(v) for v in values]
        elif spec.columns.get(name) == "time":
            values = [None if v is None else v.astimezone(UTC) for v in values]
        columns.append(values)
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def predicate(equals: Mapping[str, str | int | bool | Sequence[str]]) -> str | None:
    """The SQL condition for these equalities; quotes in strings are doubled, names come from our schemas.

    Several values: any of them.
    """
    terms = []
    for name, value in equals.items():
        if isinstance(value, str | int):
            terms.append(f'"{name}" = {_literal(value)}')
        else:
            terms.append(f'"{name}" IN ({", ".join(_literal(one) for one in value)})')
    return " AND ".join(terms) or None


def _literal(value: str | int | bool) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value).lower()
