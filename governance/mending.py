"""Half-written runs: found, and ended as what they came to. Nothing that was written is changed or taken away.

A process that is killed leaves a run that never ended, a deed that was announced and has no outcome, and lineage
without its last event. A deed whose rows are all there was done; any other one failed. What may still be under way is
left alone: a run whose process lives, and where that can't be told from here whatever gave a sign of life less than
``patience`` ago (``jobs/heartbeat.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from clearance.governance.audit import Audit
from clearance.governance.chain import CHAINED, row_digest
from clearance.governance.lineage import end_dead_runs
from clearance.governance.lineage_spool import LineageSpool
from clearance.governance.processes import lives
from clearance.governance.registry import Registry, Row
from clearance.governance.tables import TABLES

PATIENCE = timedelta(hours=24)
ENDED = "the process ended before the run did"
#: A table of more small files than this is worth joining; writers do so by themselves every hundred commits.
_FILES = 110
_OF_A_RUN = ("run_id", "job", "status", "dataset", "parent", "at", "facts", "policy_digest")
_CHECKED = (*CHAINED, "datasets", "verdicts")


@dataclass(frozen=True, slots=True)
class Health:
    """What is half-written, and what no mending changes. ``deeds``: intents without an outcome, ``done`` of them those
    whose rows are all there. ``scattered``: tables in many small files. ``problems``: what the audit says.
    """

    runs: tuple[Row, ...] = field(repr=False)
    deeds: tuple[Row, ...] = field(repr=False)
    done: frozenset[str]
    lineage: int
    scattered: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.runs or self.deeds or self.lineage or self.scattered)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "runs": [{name: row[name] for name in ("run_id", "job", "dataset")} for row in self.runs],
            "deeds": [
                {
                    **{name: entry.get(name) for name in ("id", "action", "run_id", "dataset")},
                    "result": "done" if entry["id"] in self.done else "failed",
                }
                for entry in self.deeds
            ],
            "lineage": self.lineage,
            "scattered": list(self.scattered),
            "problems": list(self.problems),
        }


def examine(registry: Registry, *, patience: timedelta = PATIENCE, verify: bool = True) -> Health:
    """Looks for what killed processes left. ``verify``: recompute the audit's chain, too; reads everything.

    Raises RegistryError for a registry that can't be read.
    """
    now = datetime.now(UTC)
    running = _those(_latest(registry), "running")
    spool = LineageSpool.for_home(registry.home)
    unheld = spool.dead()
    alive = {
        run
        for run, row in running.items()
        if spool.is_held(run) or (run not in unheld and not _is_dead(row, now, patience))
    }
    dead = tuple(row for run, row in running.items() if run not in alive)
    over = {row["run_id"] for row in dead}
    deeds = [
        entry
        for entry in _without_outcome(registry)
        if entry["run_id"] in over or (entry["run_id"] not in alive and _is_old(entry["at"], now, patience))
    ]
    return Health(
        dead,
        tuple(deeds),
        _done(registry, deeds),
        len(unheld),
        tuple(name for name in TABLES if registry.files(name) > _FILES),
        Audit(registry).verify().problems if verify else (),
    )


def mend(registry: Registry, health: Health) -> None:
    """Ends what is half-written, and joins small files. Raises RegistryError, AuditError or LineageError."""
    _end(registry, health.runs, health.deeds, health.done)
    spool = LineageSpool.for_home(registry.home)
    end_dead_runs(spool, first=lambda runs: _those(_latest(registry, run_id=runs), "complete"))
    for name in health.scattered:
        registry.compact(name)


def bury(registry: Registry) -> list[str]:
    """Ends the runs of this home whose process is gone, in the registry, the audit and the lineage; returns their ids.

    Cheap where there are none: a look into one folder. What it can't know of, such as runs of other machines, is left
    to ``examine``. Raises like ``mend``; what is not ended then is ended the next time.
    """

    def settle(runs: Sequence[str]) -> dict[str, Row]:
        deeds, latest = [e for e in _without_outcome(registry) if e["run_id"] in runs], _latest(registry, run_id=runs)
        _end(registry, _those(latest, "running").values(), deeds, _done(registry, deeds))
        return _those(latest, "complete")

    return end_dead_runs(LineageSpool.for_home(registry.home), first=settle)


def are_over(registry: Registry, runs: Sequence[str]) -> set[str]:
    """Those of the runs that the registry knows and that are not under way anywhere: ended, dead, or out of sight and
    without a sign of life for longer than ``PATIENCE``.
    """
    latest, now = _latest(registry, run_id=runs) if runs else {}, datetime.now(UTC)
    return {run for run, row in latest.items() if row["status"] != "running" or _is_dead(row, now, PATIENCE)}


def _latest(registry: Registry, **equals: Sequence[str]) -> dict[str, Row]:
    """The latest row of each run, by run."""
    return {row["run_id"]: row for row in registry.rows("runs", _OF_A_RUN, **equals)}


def _those(latest: Mapping[str, Row], status: str) -> dict[str, Row]:
    """The runs of one status. Complete ones that died owe the lineage an event only."""
    return {run: row for run, row in latest.items() if row["status"] == status}


def _without_outcome(registry: Registry) -> list[Row]:
    """The audit's intents that nobody has said the outcome of."""
    waiting: dict[str, Row] = {}
    for entry in Audit(registry).entries():
        if entry["kind"] == "intent":
            waiting[entry["id"]] = entry
        else:
            waiting.pop(entry["id"], None)
    return list(waiting.values())


def _end(registry: Registry, runs: Iterable[Row], deeds: Iterable[Row], done: frozenset[str]) -> None:
    audit = Audit(registry)
    for entry in deeds:
        was_done = entry["id"] in done
        records = entry.get("records", ()) if was_done else ()
        audit.outcome(entry["id"], "done" if was_done else "failed", facts={"mended": ENDED}, records=records)
    for row in runs:
        told = {name: row[name] for name in ("job", "dataset", "parent", "policy_digest")}
        ended = {**told, "status": "failed", "error": ENDED, "ended": datetime.now(UTC)}
        registry.append("runs", [ended], run_id=row["run_id"])


def _is_dead(row: Mapping[str, Any], now: datetime, patience: timedelta) -> bool:
    alive = lives(row["facts"] or {})
    return bool(now - row["at"] > patience) if alive is None else not alive


def _is_old(at: str, now: datetime, patience: timedelta) -> bool:
    return now - datetime.fromisoformat(at) > patience


def _done(registry: Registry, deeds: list[Row]) -> frozenset[str]:
    """The deeds that announced rows which are all there."""
    there: set[str] = set()
    for table in _CHECKED:
        runs = sorted({e["run_id"] for e in deeds if any(d.startswith(f"{table}:") for d in e.get("records", ()))})
        if runs:
            there |= {row_digest(table, row) for row in registry.rows(table, None, run_id=runs)}
    return frozenset(e["id"] for e in deeds if e.get("records") and set(e["records"]) <= there)


__all__ = ["ENDED", "PATIENCE", "Health", "are_over", "bury", "examine", "mend"]
