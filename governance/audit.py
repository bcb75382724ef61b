"""Who did what, when, to which dataset, and how it ended: a hash chain that can't be rewritten unseen.

Each entry's hash covers its content and the hash before it, so an edit, a deletion or a changed order breaks
every later link. An entry is appended only at the table version whose head was read: of ten writers at once
one is first, and the others read the new head and try again. An intent is written before its deed and an
outcome after; when the intent can't be written, the deed must not happen.
"""

import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clearance.errors import AuditError, RegistryError
from clearance.governance import canonical
from clearance.governance.actors import current_actor
from clearance.governance.registry import Registry, Row, is_conflict
from clearance.governance.tables import TABLES

_TABLE = TABLES["audit"]
_PATIENCE_S = 60.0
_MAX_PAUSE_S = 0.25
_FIRST = ""  # what the first entry has for its predecessor's hash


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry. Kept outside (in a lineage event, a write-once file), it betrays a truncation."""

    index: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What :meth:`Audit.verify` found. ``problems`` is empty when the chain holds.

    ``open_intents`` are ids of deeds without an outcome: still under way, or killed.
    """

    entries: int
    head: Head | None
    problems: tuple[str, ...]
    open_intents: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the chain holds."""
        return not self.problems


def row_digest(table: str, row: Mapping[str, Any]) -> str:
    """The digest of a registry row, for an entry's ``records``: a row written past the audit has none.

    Covers what the caller wrote, not ``seq`` and ``at``, which the registry fills in.
    """
    plain = {k: v for k, v in row.items() if k not in {"seq", "at"} and v is not None}
    times = {k: v.astimezone(UTC).isoformat() for k, v in plain.items() if isinstance(v, datetime)}
    return canonical.digest({"table": table, "row": {**plain, **times}})


class Audit:
    """The audit of one registry. Facts take JSON values and, like everything here, no value of the data."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def intent(
        self, action: str, *, run_id: str, dataset: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> str:
        """Announce a deed; return the id its outcome refers to.

        Raises AuditError when it can't be written: then the deed must not happen.
        """
        identifier = str(uuid.uuid4())
        self._append(
            {
                "id": identifier,
                "kind": "intent",
                "action": action,
                "run_id": run_id,
                "dataset": dataset,
                "facts": dict(facts or {}),
            }
        )
        return identifier

    def outcome(
        self,
        intent_id: str,
        result: str,
        *,
        facts: Mapping[str, Any] | None = None,
        records: Sequence[str] = (),
    ) -> Head:
        """Say how an announced deed ended (``done``, ``failed``, ``refused``); return the new head.

        ``records`` are digests of the registry rows it stands for (:func:`row_digest`). Raises AuditError
        for an intent that is not on record, or when it can't be written.
        """
        announced = self._registry.latest("audit", id=intent_id, kind="intent")
        if announced is None:
            raise AuditError(f"There is no intent {intent_id} on record.")
        return self._append(
            {
                "id": intent_id,
                "kind": "outcome",
                "action": announced["action"],
                "run_id": announced["run_id"],
                "dataset": announced["dataset"],
                "result": result,
                "facts": dict(facts or {}),
                "records": list(records),
            }
        )

    def head(self) -> Head | None:
        """The newest entry, or None before the first."""
        try:
            table = self._registry.open("audit")
            return None if table is None else self._head(table)
        except AuditError:
            raise
        except RegistryError as error:
            raise AuditError(error.message, hint=error.hint) from error

    def entries(self, **equals: str | int) -> list[Row]:
        """Entries in the order of the chain, as written, each with its ``hash``."""
        found = self._registry.rows("audit", None, **equals)
        return [{**row["entry"], "hash": row["hash"]} for row in sorted(found, key=lambda r: int(r["index"]))]

    def verify(self, expected: Head | None = None) -> AuditReport:
        """Recompute the whole chain. ``expected`` is a head kept elsewhere, which must still be in it.

        Raises RegistryError when the table can't be read at all.
        """
        rows = sorted(self._registry.rows("audit"), key=lambda row: (int(row["index"]), row["hash"]))
        problems: list[str] = []
        previous = _FIRST
        waiting: dict[Any, None] = {}
        for position, row in enumerate(rows):
            entry = row["entry"] if isinstance(row["entry"], dict) else {}
            where = f"entry {row['index']}"
            if row["index"] != position or entry.get("index") != position:
                problems.append(f"{where}: out of place, expected entry {position}")
            if entry.get("previous") != previous:
                problems.append(f"{where}: does not follow the entry before it")
            if canonical.digest(entry) != row["hash"]:
                problems.append(f"{where}: its content is not what was hashed")
            if any(row[name] != entry.get(name) for name in _COPIED):
                problems.append(f"{where}: its columns are not its content")
            previous = row["hash"]
            if entry.get("kind") == "intent":
                waiting[entry.get("id")] = None
            elif entry.get("id") in waiting:
                del waiting[entry.get("id")]
            else:
                problems.append(f"{where}: an outcome without an open intent")
        head = Head(int(rows[-1]["index"]), rows[-1]["hash"]) if rows else None
        if expected is not None and not any(
            row["index"] == expected.index and row["hash"] == expected.hash for row in rows
        ):
            problems.append(f"the anchored entry {expected.index} is not in the chain")
        return AuditReport(len(rows), head, tuple(problems), tuple(str(i) for i in waiting))

    def _append(self, content: Mapping[str, Any]) -> Head:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._append_at_head(content)
            except ValueError as error:
                raise AuditError(f"An audit entry can't hold these facts: {error}.") from None
            except AuditError:
                raise
            except RegistryError as error:
                if not is_conflict(error) or time.monotonic() > deadline:
                    raise AuditError("The audit can't be written, so nothing was done.", hint=error.hint) from error
            time.sleep(random.uniform(0.005, _MAX_PAUSE_S))  # noqa: S311 - spreads writers, guards nothing

    def _append_at_head(self, content: Mapping[str, Any]) -> Head:
        table = self._registry.open("audit", create=True)
        before = int(table.version())
        head = self._head(table)
        at = datetime.now(UTC)
        entry = {
            **{k: v for k, v in content.items() if v is not None},
            "index": head.index + 1 if head else 0,
            "previous": head.hash if head else _FIRST,
            "at": at.isoformat(),
            "actor": current_actor().name,
        }
        new = Head(int(entry["index"]), canonical.digest(entry))
        row = {**{name: entry.get(name) for name in _COPIED}, "entry": entry, "hash": new.hash, "at": at}
        metadata = {"clearance.run": str(entry["run_id"]), "clearance.commit": new.hash}
        try:
            # No retry inside deltalake: it would put this entry behind a head it has never seen.
            self._registry.write(table, _TABLE, [row], metadata, retries=0)
        except RegistryError:
            # A failure may come after the commit, from a checkpoint: a second entry would be a lie.
            if self._registry.landed("audit", new.hash, before) is None:
                raise
        return new

    def _head(self, table: Any) -> Head | None:
        # File statistics hold the highest index, so that only the file with the head is read.
        stats = table.get_add_actions(flatten=True)
        if stats.num_rows == 0:
            return None
        known = stats.column("max.index").to_pylist() if "max.index" in stats.column_names else [None]
        if None in known:
            raise AuditError(
                "The audit's file statistics are missing.", hint="Another tool rewrote its table; verify it."
            )
        found = self._registry.scan(table, _TABLE, ["index", "hash"], index=max(known))
        if len(found) != 1:
            raise AuditError("The audit chain has no single head.", hint="Run `clearance audit --verify`.")
        return Head(int(found[0]["index"]), str(found[0]["hash"]))


_COPIED = ("index", "id", "kind", "action", "run_id", "dataset", "result", "previous")
