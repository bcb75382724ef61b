"""Access activity gathered: from the audit, from the history of Delta tables, and from access logs. Starts no Spark."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from clearance.errors import DatasetError, UsageError
from clearance.governance.access_log import ELSEWHERE, Access, Action, Places, named, read_log
from clearance.governance.activity import Activity, Unusual
from clearance.governance.audit import Audit
from clearance.governance.chain import people_in
from clearance.governance.identity import dataset_identity
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry, Row

#: Outcomes of the audit that are an access: by action, the result that says it happened, and what it is.
_DEEDS: dict[str, tuple[str, Action]] = {
    "label": ("done", "read"),  # the end of a scan
    "reveal": ("done", "read"),
    "detokenize": ("allowed", "detokenize"),
    "open": ("done", "export"),
    "crosswalk": ("done", "export"),
    "publish": ("done", "write"),
    "promote": ("done", "write"),
    "rollback": ("done", "write"),
    "rekey": ("done", "write"),
}
_LOGS = (".json", ".jsonl", ".ndjson", ".csv", ".log")
_OPERATION = re.compile(r"[A-Z][A-Z ]{0,39}")
_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reported:
    """What was counted, and what of it is unusual since a day."""

    activity: Activity
    levels: Mapping[str, str]
    since: str
    watched: tuple[str, ...]
    unusual: Sequence[Unusual]

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract of ``clearance audit activity`` (``docs/reference/json.md``)."""
        rows = self.activity.rows(self.levels)
        return {
            "since": self.since,
            "watched": list(self.watched),
            "read": dict(self.activity.read),
            "elsewhere": sum(row["events"] + row["denied"] for row in rows if row["dataset"] is None),
            "activity": rows,
            "unusual": [one.to_dict() for one in self.unusual],
        }


def report(
    policy: Policy,
    registry: Registry,
    *,
    logs: Sequence[str | Path] = (),
    histories: Sequence[str] = (),
    since: date | None = None,
    watch: str | None = None,
    factor: float = 4.0,
    now: datetime | None = None,
) -> Reported:
    """Who reached what how often, and what of it is unusual from ``since`` on (a week before the newest access).

    ``now`` is the clock's time: no access counts as newer, and a log's line more than a day ahead of it is an error.

    ``logs`` are files or folders of access logs, ``histories`` Delta tables whose commits count. New readers are told
    of data at the level ``watch`` (the policy's highest) or above. Raises ``DatasetError`` for a log or a table that
    can't be read whole, ``PolicyError`` for a level that is none.
    """
    now = now or datetime.now(UTC)
    lowest = policy.levels.rank(watch if watch is not None else policy.levels.top)
    watched = policy.levels.names[lowest:]
    levels = _levels(policy, registry)
    places, found = Places(levels), Activity()
    found.add(of_audit(Audit(registry).entries()), "audit")
    for reference in histories:
        found.add(of_history(reference), "delta")
    for path in logs:
        for file in _files(Path(path)):
            found.add(_of_file(file, places, now), "log")
    today = now.astimezone(UTC).date()
    newest = max((date.fromisoformat(tally.last[:10]) for tally in found.tallies.values()), default=today)
    day = (since or min(newest, today) - _WINDOW).isoformat()
    unwatched = frozenset(policy.levels.names[:lowest])
    return Reported(found, levels, day, watched, found.unusual(levels, unwatched, day, factor))


def _levels(policy: Policy, registry: Registry) -> dict[str, str]:
    """The level of each dataset on record: its label's, or that of what flowed in by lineage where it is higher. One
    that the policy no longer has is the highest, and so is ``unvouched``: a label that the audit does not stand for.
    """
    vouched = Audit(registry).counting_each("labels")
    found = {key: "unvouched" for key in registry.latest_each("labels", columns=["dataset"]) if key not in vouched}
    ranks = {level: policy.levels.rank(level) for level in policy.levels.names}
    derived = registry.latest_each("derived", columns=["label"])
    # What somebody derived by another policy, for a try, says nothing where this one has spoken.
    derived |= registry.latest_each("derived", columns=["label"], policy_digest=policy.verdict_digest)
    for rows in (vouched, derived):
        for key, row in rows.items():
            told = (found.get(key, policy.levels.bottom), str(row["label"]["level"]))
            found[key] = max(told, key=lambda level: ranks.get(level, len(ranks)))
    return found


def of_audit(entries: Sequence[Row]) -> Iterator[Access]:
    """The accesses that our own audit tells of, refused ones too."""
    scans: set[str] = set()
    people = people_in(entries)
    for entry in entries:
        facts = entry.get("facts") or {}
        if entry["kind"] == "intent":
            # What a protection files of its result, and a label that is given again, read nothing.
            if entry["action"] == "label" and "label" in facts and "declared" not in facts:
                scans.add(str(entry["id"]))
            continue
        happened, action = _DEEDS.get(str(entry["action"]), ("", "read"))
        is_scan = entry["action"] != "label" or entry["id"] in scans
        result = entry.get("result")
        if happened and is_scan and result in (happened, "refused"):
            at = datetime.fromisoformat(str(entry["at"])).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            who = named(people.get(str(entry["id"])) or entry.get("actor"))
            yield Access(at, who, str(entry.get("dataset") or ELSEWHERE), action, 0, result == "refused")


def of_history(reference: str) -> Iterator[Access]:
    """The commits of a Delta table, by who made them. Raises ``DatasetError``.

    ``userName`` is whom the writer names; a ``userMetadata`` that is JSON with a ``user`` names the person behind a
    service. Nothing else of a commit is read: its parameters hold predicates, and these values.
    """
    identity = dataset_identity(reference)
    try:
        from deltalake import DeltaTable

        commits = DeltaTable(identity.location, without_files=True).history()
    except Exception as error:  # deltalake raises bare OSError, ValueError and DeltaError alike
        raise DatasetError(
            f"the history of {reference} can't be read ({type(error).__name__})", hint="name a Delta table"
        ) from None
    for commit in commits:
        if not _OPERATION.fullmatch(str(commit.get("operation", ""))) or not isinstance(commit.get("timestamp"), int):
            continue
        at = datetime.fromtimestamp(commit["timestamp"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        who = _behind(commit.get("userMetadata")) or commit.get("userName") or commit.get("userId")
        yield Access(at, named(who), identity.key, "write")


def _behind(metadata: object) -> str | None:
    try:
        told = json.loads(metadata) if isinstance(metadata, str) else None
    except (ValueError, RecursionError):
        return None
    user = told.get("user") if isinstance(told, dict) else None
    return user if isinstance(user, str) else None


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _is_log(file))
        if not found:
            raise UsageError(
                f"{path}: no access logs here", hint=f"files that end in {', '.join(_LOGS)}, or .gz of these"
            )
        return found
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder", hint="name access logs: docs/how-to/activity.md")
    return [path]


def _is_log(file: Path) -> bool:
    return file.name.removesuffix(".gz").endswith(_LOGS)


def _of_file(file: Path, places: Places, now: datetime) -> Iterator[Access]:
    try:
        with _opened(file) as lines:
            yield from read_log(lines, str(file), places, now)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        # "from None": a decoding error quotes the bytes.
        raise DatasetError(f"{file} can't be read ({type(error).__name__})", hint="name a whole text file") from None


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", newline="")
    return file.open(encoding="utf-8", newline="")


__all__ = ["Reported", "of_audit", "of_history", "report"]
