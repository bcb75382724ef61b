"""A whole registry as one file of JSON lines, and back: to another place, another store, or into safe keeping.

Rows keep their run, time and number, so that the audit's chain holds over the copy as it did over the original. The
audit is written last: a copy that broke off has none, and nothing in it clears anything.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from clearance.errors import RegistryError, UsageError
from clearance.governance.anchors import new_file
from clearance.governance.audit import Audit
from clearance.governance.registry import Registry
from clearance.governance.tables import TABLES
from clearance.version import __version__

_FORM = "clearance-registry"
_BATCH = 20_000
_TRIES = 20
_ORDER = (*(name for name in TABLES if name != "audit"), "audit")


def export_registry(registry: Registry, file: Path) -> dict[str, int]:
    """Writes all tables, as they are at one time, to a new file (``.gz``: compressed); rows by table.

    Raises ``UsageError`` where a file is already, RegistryError for a registry that can't be read or never rests.
    """
    tables = _at_one_time(registry)
    if not tables:
        raise RegistryError(f"there is no registry at {registry.home}", hint="name another one: --home")
    counts = dict.fromkeys(tables, 0)
    with new_file(file, compressed=file.suffix == ".gz") as out:
        print(json.dumps({"kind": _FORM, "version": 1, "clearance": __version__, "tables": list(tables)}), file=out)
        for name, table in tables.items():
            for row in registry.stream(table, TABLES[name]):
                print(json.dumps({"table": name, "row": row}, default=_time, ensure_ascii=False), file=out)
                counts[name] += 1
        print(json.dumps({"end": counts}), file=out)
    return counts


def _at_one_time(registry: Registry) -> dict[str, Any]:
    """All tables, opened while nobody wrote to the audit: what it stands for is in them, and nothing else."""
    for _ in range(_TRIES):
        before = registry.open("audit")
        opened = {name: registry.open(name) for name in _ORDER}
        after = opened["audit"]
        if (before and before.version()) == (after and after.version()):
            return {name: table for name, table in opened.items() if table is not None}
    raise RegistryError("the registry is written to all the time", hint="export it when fewer jobs run")


def import_registry(registry: Registry, file: Path) -> dict[str, int]:
    """Writes an exported registry to a home that has none, and verifies it; rows by table.

    Raises ``UsageError`` for another file, one that is not whole, and a home with a registry; ``RegistryError`` when
    what was written does not hold.
    """
    if registry.counts():
        raise UsageError(f"{registry.home} has a registry already", hint="name an empty home: --home")
    told = _whole(file)
    held: list[dict[str, Any]] = []
    name, counts = "", dict.fromkeys(told, 0)
    for table, row in _rows(file):
        if held and (table != name or len(held) >= _BATCH):
            _write(registry, name, held)
            held = []
        name = table
        held.append(row)
        counts[table] += 1
    if held:
        _write(registry, name, held)
    report = Audit(registry).verify()
    if not report.ok:
        raise RegistryError(
            f"the registry was imported, and does not hold: {report.problems[0]}",
            hint="clearance audit verify says more; export it again where it holds",
        )
    return counts


def _write(registry: Registry, name: str, rows: list[dict[str, Any]]) -> None:
    registry.write(registry.open(name, create=True), TABLES[name], rows, {"clearance.run": "import"})


def _whole(file: Path) -> dict[str, int]:
    """Rows by table that the file says it has; looked at before anything is written."""
    lines = _lines(file)
    first = next(lines, {})
    if first.get("kind") != _FORM or first.get("version") != 1:
        raise UsageError(f"{file} is no exported registry", hint="name what `clearance registry export` wrote")
    counts: dict[str, int] = {}
    end = None
    for told in lines:
        if end is not None:
            end = None
            break
        if "end" in told:
            end = told["end"]
        elif told.get("table") in TABLES and isinstance(told.get("row"), dict):
            counts[told["table"]] = counts.get(told["table"], 0) + 1
        else:
            raise UsageError(
                f"{file} holds what is no row of a registry", hint="it was changed, or is of a later version"
            )
    if end is None or counts != {name: n for name, n in end.items() if n}:
        raise UsageError(f"{file} is not whole", hint="export the registry again")
    return counts


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for told in _lines(file):
        if "table" in told:
            spec, row = TABLES[told["table"]], told["row"]
            times = {
                n: datetime.fromisoformat(row[n]) for n, kind in spec.columns.items() if kind == "time" and row.get(n)
            }
            yield spec.name, {**row, **times}


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as text:
            for line in text:
                told = json.loads(line)
                yield told if isinstance(told, dict) else {}
    except (OSError, EOFError, ValueError):
        raise UsageError(
            f"{file} can't be read as JSON lines", hint="name what `clearance registry export` wrote"
        ) from None


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


__all__ = ["export_registry", "import_registry"]
