"""A registry as so many scans leave it, written in bulk: labels, findings, and an audit chain that stands for them.

What single commits leave is there as well: a log of as many commits, and the last of them in files of their own.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance import canonical
from clearance.governance.audit import Audit
from clearance.governance.chain import COPIED, FIRST, rests_on, row_digest
from clearance.governance.identity import dataset_identity
from clearance.governance.observation import Observation, observe
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.tables import TABLES
from clearance.jobs import records

_BULK = 20_000  # rows of findings in one commit
_SINGLE = 99  # datasets that were filed last, one by one: no commit of theirs was joined with others yet
_TYPES = ("EMAIL_ADDRESS", "PERSON", "PHONE_NUMBER", "DATE_OF_BIRTH", "IBAN_CODE", "US_SSN")


def fill(home: Path, data: Path, datasets: int, columns: int) -> str:
    """Fills a registry with so many datasets of so many columns; ``data`` is one of them. Returns its key."""
    policy, registry = load_policy(), Registry(home)
    key, seen = dataset_identity(str(data)).key, observe(str(data))
    names = [key if number == datasets // 2 else f"file:///data/{number:06}" for number in range(datasets)]
    chain, held = _Chain(), {"labels": [], "findings": [], "audit": []}
    for number, name in enumerate(names[:-_SINGLE]):
        run = f"run-{number}"
        label, found = _scanned(name, number, columns, seen, policy, run)
        held["labels"].append({**label, "run_id": run, "at": chain.at})
        held["findings"] += [{**row, "run_id": run, "at": chain.at} for row in found]
        held["audit"] += chain.filed(name, run, row_digest("labels", {**label, "run_id": run}))
        if len(held["findings"]) >= _BULK:
            _write(registry, held)
    _write(registry, held)
    for table, commits in (("labels", datasets), ("findings", datasets), ("audit", 2 * datasets)):
        registry.compact(table)
        _pad_log(registry, table, commits)
    for number, name in list(enumerate(names))[-_SINGLE:]:
        run = f"run-{number}"
        label, found = _scanned(name, number, columns, seen, policy, run)
        with Audit(registry).filing("label", [("labels", label)], run_id=run, dataset=name):
            registry.append("findings", found, run_id=run)
    return key


def _scanned(
    name: str, number: int, columns: int, seen: Observation, policy: Any, run: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    reports = [_report(number, column) for column in range(columns)]
    labels = records.column_labels(reports, policy)
    found = records.finding_rows(name, seen.version, reports, "engine")
    label = records.label_row(
        name,
        seen,
        labels,
        records.dataset_label(labels, policy),
        policy,
        "default",
        kind="source",
        facts={},
        why=records.why(reports, policy),
        types=records.types_found(reports),
        looked={
            "ner": None,
            "texts": [],
            "coverage": {"mode": "full", "rows": 1000, "rows_read": 1000},
            "rests_on": rests_on(run, {"findings": found}),
        },
    )
    return label, found


def _report(number: int, column: int) -> ColumnReport:
    rows = 1000 + number
    if (number + column) % 7:
        return ColumnReport(f"column_{column}", "string", "structured", rows, column, rows // 2, None)
    entity_type, matched = _TYPES[(number + column) % len(_TYPES)], rows - column - number % 13
    found = Finding(
        entity_type, matched, Interval.wilson(matched, rows), 0.9, ("Recognizer", "ColumnName"), ("AAA 999",)
    )
    return ColumnReport(f"column_{column}", "string", "structured", rows, column, rows // 2, entity_type, (found,))


class _Chain:
    """Entries of an audit, without a registry."""

    def __init__(self) -> None:
        self.at, self._index, self._previous = datetime.now(UTC), 0, FIRST

    def filed(self, dataset: str, run: str, digest: str) -> list[dict[str, Any]]:
        """The two entries of a filing, as rows."""
        common = {"id": run, "action": "label", "run_id": run, "dataset": dataset, "facts": {}, "records": [digest]}
        return [self._row({**common, "kind": "intent"}), self._row({**common, "kind": "outcome", "result": "done"})]

    def _row(self, content: Mapping[str, Any]) -> dict[str, Any]:
        told = {"index": self._index, "previous": self._previous, "at": self.at.isoformat(), "actor": "benchmark"}
        entry = {**content, **told}
        self._previous, self._index = canonical.digest(entry), self._index + 1
        return {**{n: entry.get(n) for n in COPIED}, "entry": entry, "hash": self._previous, "at": self.at}


def _write(registry: Registry, held: dict[str, list[dict[str, Any]]]) -> None:
    for table, rows in held.items():
        if rows:
            registry.write(registry.open(table, create=True), TABLES[table], rows, {"clearance.run": "benchmark"})
            rows.clear()


def _pad_log(registry: Registry, table: str, commits: int) -> None:
    """The log that single commits would have left before the last checkpoint: it is there, and nobody reads it."""
    opened = registry.open(table)
    log = Path(registry.location(table)) / "_delta_log"
    first = int(opened.version()) + 1
    line = json.dumps({"commitInfo": {"timestamp": 1, "operation": "WRITE", "clearance.run": "benchmark"}})
    for version in range(first, first + commits):
        (log / f"{version:020d}.json").write_text(line)
    registry.open(table).create_checkpoint()
