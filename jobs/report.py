"""The report: what is on record of datasets as one page for people, who read it, sign it, attach it to a pull request.

It reads the registry and decides nothing: labels and verdicts are those of ``clearance check``. The same registry gives
the same page, octet for octet, but for the day that it is stated to be of. What lies at a dataset's place is only
compared with what was scanned, as a check does it; no data is read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Any

from clearance.errors import ClearanceError, UsageError
from clearance.files import write_whole
from clearance.governance.audit import Audit
from clearance.governance.manifest import Manifest
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.jobs.inventory import profile
from clearance.jobs.lineage_task import derivation
from clearance.jobs.lineage_views import Lineage
from clearance.jobs.on_record import names
from clearance.jobs.report_dataset import Record, tell
from clearance.jobs.signed import trusted
from clearance.version import __version__

#: What blocks, the worst first, as of several verdicts a check exits with the worst.
BLOCKING = ("undecidable", "conflict", "escalated")
OUTCOMES = ("clear", *BLOCKING)
#: Of more datasets than these the registry is read whole.
_FEW = 4


@dataclass(frozen=True)
class Report:
    """What is told, JSON-ready. A notebook shows it; :meth:`write` makes a file of it."""

    told: Mapping[str, Any]

    def html(self) -> str:
        """The page: one HTML file that asks for nothing else."""
        from clearance.jobs.report_page import page

        return page(self.told)

    def write(self, path: Path) -> None:
        """Writes the page as a whole or not at all. Raises ``UsageError`` for a place where no file can be."""
        if not path.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent}", hint="make it first, or name another place")
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint=f"name a file: {path / 'report.html'}")
        try:
            write_whole(path, self.html())
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}", hint="name another place") from None

    def _repr_html_(self) -> str:
        # In a frame of its own: the page's style would be the notebook's, too.
        return f'<iframe title="Clearance report" srcdoc="{escape(self.html())}" width="100%" height="720"></iframe>'


def report(
    registry: Registry,
    policy: Policy,
    solutions: Iterable[Solution] = (),
    datasets: Iterable[str] | None = None,
    *,
    manifest_of: Callable[[str], Manifest | None] = lambda _: None,
    today: date | None = None,
) -> Report:
    """What is on record of ``datasets`` (keys; None: of all), with the verdict for each of ``solutions``.

    ``manifest_of`` gives what the owner of a dataset declares, by its key. ``today`` is the day that the page says it
    is of (UTC). Nothing is recorded. Raises ``RegistryError`` for a registry that can't be read.
    """
    chosen = tuple(solutions)
    keys = on_record(registry) if datasets is None else list(dict.fromkeys(datasets))
    with registry.held() if len(keys) > _FEW else nullcontext():
        lineage, problem = _lineage(policy, registry)
        record = Record(registry, policy, chosen, manifest_of, lineage, problem, trusted(registry))
        found = [tell(key, record) for key in keys]
    return Report(
        {
            "day": (today or datetime.now(UTC).date()).isoformat(),
            "version": __version__,
            "policy": {"name": policy.name, "digest": policy.verdict_digest[:16]},
            "levels": list(policy.levels.names),
            "solutions": [profile(one) for one in chosen],
            "audit": _head(registry),
            "datasets": found,
            "summary": summary(found, policy.levels.names, [one.name for one in chosen]),
        }
    )


def summary(found: Sequence[Mapping[str, Any]], levels: Sequence[str], solutions: Sequence[str]) -> dict[str, Any]:
    """Datasets by level (None: no label that counts), verdicts by solution, and what needs action, the worst first."""
    by_level = Counter(each["label"]["level"] if each["label"] else None for each in found)
    strange = sorted(level for level in by_level if level is not None and level not in levels)
    verdicts = {name: Counter[str]() for name in solutions}
    for each in found:
        for told in each["verdicts"]:
            verdicts[told["checked"]["solution"]][told["checked"]["verdict"]] += 1
    waiting = [(_urgency(each, levels), number) for number, each in enumerate(found) if needs_action(each)]
    return {
        "levels": [{"level": name, "count": by_level[name]} for name in [*reversed(levels), *strange, None]],
        "verdicts": [
            {"solution": name, "counts": {outcome: counts[outcome] for outcome in OUTCOMES}}
            for name, counts in verdicts.items()
        ],
        "waiting": [number for _, number in sorted(waiting)],
    }


def needs_action(told: Mapping[str, Any]) -> bool:
    """Whether a solution may not have the dataset, or its label does not speak for it."""
    refused = any(each["checked"]["verdict"] != "clear" for each in told["verdicts"])
    return refused or _in_doubt(told)


def _in_doubt(told: Mapping[str, Any]) -> bool:
    """Whether its label, or what it rests on, can't be relied on as it is."""
    return bool(told["problem"] or told["missing"] or told["failed"]) or told["state"] != "current"


def _urgency(told: Mapping[str, Any], levels: Sequence[str]) -> tuple[int, int, str]:
    """First what nobody can decide on, then what is refused; in either the most sensitive first."""
    verdicts = {each["checked"]["verdict"] for each in told["verdicts"]}
    rank = 0 if _in_doubt(told) else next((n for n, one in enumerate(BLOCKING) if one in verdicts), len(BLOCKING))
    level = told["label"]["level"] if told["label"] else None
    return rank, -(levels.index(level) if level in levels else len(levels)), told["key"]


def on_record(registry: Registry) -> list[str]:
    """The keys of all that is labelled or in lineage, and of what was looked at in vain: that has no label."""
    tried = {row["dataset"] for row in registry.rows("runs", ["dataset"], job="scan") if row["dataset"]}
    return sorted(names(registry, tried))


def _lineage(policy: Policy, registry: Registry) -> tuple[Lineage | None, str]:
    try:
        return Lineage(derivation(policy, registry)), ""
    except ClearanceError as error:
        return None, error.message


def _head(registry: Registry) -> dict[str, Any] | None:
    """The audit's newest entry, and when it was made; None before the first."""
    audit = Audit(registry)
    head = audit.head()
    if head is None:
        return None
    at = [str(entry.get("at"))[:19] for entry in audit.entries(index=head.index)]
    return {"index": head.index, "hash": head.hash, "at": at[0] if at else None}


__all__ = ["BLOCKING", "OUTCOMES", "Report", "needs_action", "on_record", "report", "summary"]
