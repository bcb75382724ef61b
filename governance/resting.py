"""What a label rests on: one digest over all rows that its scan filed in a table, whatever their order.

A row is a line of names and values, each value with its length, in which a column of JSON stands as the text that the
registry stores. So a verification of millions of rows hashes what it reads, and parses none of it. Digests of before
(no ``2:``) are over parsed rows.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clearance.governance.tables import TABLES

_NOT_IN_IT = frozenset({"seq", "at", "run_id"})
_SECOND = "2:"
# Made once: json.dumps makes an encoder for each call that is not the default.
_SORTED = json.JSONEncoder(default=str, sort_keys=True).encode
_STORED = json.JSONEncoder(default=str, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
_COLUMNS = {
    name: [(column, spec.columns[column] == "json") for column in sorted(spec.columns.keys() - _NOT_IN_IT)]
    for name, spec in TABLES.items()
}
#: Columns that a line is made of, and what tells whose it is.
NEEDED = {name: ("run_id", *(column for column, _ in columns)) for name, columns in _COLUMNS.items()}


def rests_on(run_id: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """What a label row says of the rows of its scan (in ``looked``)."""
    return {"run": run_id, **{table: rows_digest(table, rows) for table, rows in tables.items()}}


def is_rested_on(label: Mapping[str, Any], table: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a label row rests on exactly these rows of a table."""
    told = ((label.get("looked") or {}).get("rests_on") or {}).get(table)
    return isinstance(told, str) and told == _digest_as(told, table, [normal(table, row) for row in rows])


def rows_digest(table: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The digest over rows of one table and run. Run, ``seq`` and ``at`` don't count."""
    return _digest_as(_SECOND, table, [normal(table, row) for row in rows])


def normal(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it comes back from the registry: tuples and keys that are numbers have gone through JSON once."""
    kinds = TABLES[table].columns
    return {
        name: json.loads(value if isinstance(value, str) else json.dumps(value, default=str))
        if kinds.get(name) == "json"
        else value
        for name, value in row.items()
        if value is not None
    }


def holds(told: str, table: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a digest is over exactly these rows; their JSON may be the text that is stored, or parsed."""
    if _digest_as(told, table, rows) == told:
        return True
    try:
        # Another writer may have spelled the same JSON anew.
        return _digest_as(told, table, [normal(table, row) for row in rows]) == told
    except ValueError:
        return False  # what stands there is no JSON any more


def _digest_as(told: str, table: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The digest over rows in the form that ``told`` is of."""
    if told.startswith(_SECOND):
        columns = _COLUMNS[table]
        return _SECOND + _hashed([_line(row, columns) for row in rows])
    plain = (normal(table, row) for row in rows)
    return _hashed([_SORTED({k: v for k, v in row.items() if k not in _NOT_IN_IT}) for row in plain])


def _line(row: Mapping[str, Any], columns: Sequence[tuple[str, bool]]) -> str:
    parts = []
    for name, is_json in columns:
        value = row.get(name)
        if value is not None:
            text = value if isinstance(value, str) else _STORED(value) if is_json else str(value)
            parts.append(f"{name}={len(text)}:{text};")
    return "".join(parts)


def _hashed(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
