"""Registry tables read whole, once, for whoever looks at every dataset: a look-up for each costs more than all rows."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from clearance.governance.tables import Table

Row = dict[str, Any]
#: Tables of which a row is large and asked for once: it is parsed when it is asked for, each time.
_UNPARSED = frozenset({"findings", "profiles"})


class Held:
    """Rows of the tables that were asked for, by dataset. ``read`` gives all of a table, oldest first, JSON as text.

    What was read stays as it was then. ``once``: what was worked out from it.
    """

    def __init__(self, read: Callable[[str], Sequence[Row]]) -> None:
        self._read = read
        self._all: dict[str, Sequence[Row]] = {}
        self._by_dataset: dict[str, dict[Any, list[Row]]] = {}
        self._parsed: dict[tuple[int, str], Any] = {}
        self.once: dict[Any, Any] = {}

    def rows(self, spec: Table, wanted: Iterable[str], equals: Mapping[str, Any]) -> list[Row]:
        """As ``Registry.rows``. Raises ``ValueError`` for a damaged row."""
        if spec.name not in self._all:
            self._all[spec.name] = self._read(spec.name)
            for row in self._all[spec.name]:
                self._by_dataset.setdefault(spec.name, {}).setdefault(row.get("dataset"), []).append(row)
        asked = {name: (value,) if isinstance(value, str | int) else tuple(value) for name, value in equals.items()}
        found = self._of(spec.name, asked.pop("dataset")) if "dataset" in asked else self._all[spec.name]
        found = [row for row in found if all(row.get(name) in values for name, values in asked.items())]
        names = tuple(wanted)
        return [{name: self._value(spec, row, name) for name in names} for row in found]

    def _of(self, table: str, datasets: Sequence[Any]) -> list[Row]:
        there = self._by_dataset.get(table, {})
        found = [row for name in dict.fromkeys(datasets) for row in there.get(name, ())]
        return sorted(found, key=lambda row: (row["seq"], row["at"])) if len(datasets) > 1 else found

    def _value(self, spec: Table, row: Row, name: str) -> Any:
        value = row.get(name)
        if value is None or spec.columns[name] != "json":
            return value
        if spec.name in _UNPARSED:
            return json.loads(value)
        place = (id(row), name)
        if place not in self._parsed:
            self._parsed[place] = json.loads(value)
        return self._parsed[place]


__all__ = ["Held"]
