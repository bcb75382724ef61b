"""Who did what, when, to which dataset, and how it ended: a hash chain that can't be rewritten unseen.

Each entry's hash covers its content and the hash before it, so an edit, a deletion or a changed order breaks
every later link. An entry is appended only at the table version whose head was read: of ten writers at once
one is first, and the others read the new head and try again. An intent is written before its deed and an
outcome after; when the intent can't be written, the deed must not happen.
"""

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from clearance.errors import AuditError, RegistryError
from clearance.governance import canonical
from clearance.governance.actors import current_actor
from clearance.governance.chain import (
    CHAINED,
    COPIED,
    FIRST,
    RESTED_ON,
    AuditReport,
    Head,
    check_entries,
    check_rows,
    counted_rows,
    row_digest,
)
from clearance.governance.registry import Equal, Registry, Row, is_conflict
from clearance.governance.resting import NEEDED
from clearance.governance.tables import TABLES

_TABLE = TABLES["audit"]
_PATIENCE_S = 60.0
_MAX_PAUSE_S = 0.25
#: What entries are filed under that stand for rows of many datasets, so that a gate finds them in the look at its own.
MANY = "(many)"


class Audit:
    """The audit of one registry. Facts take JSON values and, like everything here, no value of the data."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def intent(
        self,
        action: str,
        *,
        run_id: str,
        dataset: str | None = None,
        facts: Mapping[str, Any] | None = None,
        records: Sequence[str] = (),
    ) -> str:
        """Announce a deed; return the id its outcome refers to.

        ``records`` are digests of the registry rows that will be written (:func:`row_digest`). Raises AuditError
        when it can't be written: then the deed must not happen.
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
                "records": list(records) or None,
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

    def entries(self, **equals: Equal) -> list[Row]:
        """Entries in the order of the chain, as written, each with its ``hash``."""
        return [entry for _, entry in self._filed(**equals)]

    def _filed(self, **equals: Equal) -> list[tuple[str | None, Row]]:
        """Entries, each behind the dataset that it is filed under: it is found by it, whatever it says."""
        found = sorted(self._registry.rows("audit", None, **equals), key=lambda row: int(row["index"]))
        return [(row["dataset"], {**row["entry"], "hash": row["hash"]}) for row in found]

    @contextmanager
    def filing(
        self,
        action: str,
        rows: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        run_id: str,
        dataset: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Iterator[None]:
        """Write registry rows, each with its table, so that the chain stands for them.

        They are announced first, then what the ``with`` block writes, then they, neighbours of one table in one
        commit; last, that it is done.
        """
        digests = [row_digest(table, {**row, "run_id": run_id}) for table, row in rows]
        intent = self.intent(action, run_id=run_id, dataset=dataset, facts=facts, records=digests)
        try:
            yield
            for table, some in groupby(rows, key=itemgetter(0)):
                self._registry.append(table, [row for _, row in some], run_id=run_id)
        except BaseException:
            self.outcome(intent, "failed")
            raise
        self.outcome(intent, "done", records=digests)

    def counted(self, table: str, dataset: str) -> tuple[list[Row], str]:
        """The rows of a dataset that count in a chained table, in the audit's order, and why none may be used.

        The look of a gate: only what speaks of this dataset is read, and the chain is not recomputed. A table without
        datasets is read whole.
        """
        own = {"dataset": dataset} if "dataset" in TABLES[table].columns else {}
        rows = self._registry.rows(table, None, **own)
        found, problem = counted_rows(table, rows, [e for name, e in self._about(dataset) if name == dataset])
        return [dict(row) for row in found], problem

    def of_many(self, action: str, dataset: str | None = None) -> list[Row]:
        """Entries of deeds of this kind that stand for rows of many datasets; with one, in the same look as its own."""
        about = self._filed(dataset=MANY) if dataset is None else self._about(dataset)
        return [entry for name, entry in about if name == MANY and entry["action"] == action]

    def _about(self, dataset: str) -> list[tuple[str | None, Row]]:
        return self._filed(dataset=(dataset, MANY))

    def counting(self, table: str, dataset: str) -> tuple[Row | None, str]:
        """The last of :meth:`counted`: the one that counts."""
        found, problem = self.counted(table, dataset)
        return (found[-1] if found else None), problem

    def counting_each(self, table: str) -> dict[str, Row]:
        """:meth:`counting` for every dataset at once; one of which none may be used is not there."""
        return {dataset: counted[-1] for dataset, (counted, _) in self.counted_each(table).items() if counted}

    def counted_each(self, table: str) -> dict[str, tuple[list[Row], str]]:
        """:meth:`counted` for every dataset that has rows, at once."""
        rows: dict[str, list[Row]] = {}
        for row in self._registry.rows(table):
            rows.setdefault(row["dataset"], []).append(row)
        entries: dict[str, list[Row]] = {}
        for entry in self.entries():
            entries.setdefault(str(entry.get("dataset")), []).append(entry)
        found = {dataset: counted_rows(table, own, entries.get(dataset, ())) for dataset, own in rows.items()}
        return {dataset: ([dict(row) for row in counted], why) for dataset, (counted, why) in found.items()}

    def verify(self, *anchors: Head | None) -> AuditReport:
        """Recompute the whole chain, and compare with it all registry rows that it stands for.

        ``anchors`` are heads kept elsewhere, which must still be in it. Raises RegistryError when a table can't be
        read at all.
        """
        settled = len(self._registry.rows("audit", ["index"]))
        tables: dict[str, Iterable[Row]] = {name: self._registry.rows(name) for name in CHAINED}
        for name in RESTED_ON:
            table = self._registry.open(name)
            tables[name] = () if table is None else self._stored(table, name)
        # Read after the rows: what was written meanwhile has its announcement here.
        rows = sorted(self._registry.rows("audit"), key=lambda row: int(row["index"]))
        report = check_entries(rows, [anchor for anchor in anchors if anchor is not None])
        entries = [row["entry"] for row in rows if isinstance(row["entry"], dict)]
        problems = check_rows(entries, tables, settled)
        return replace(report, problems=(*report.problems, *problems))

    def _stored(self, table: Any, name: str) -> Iterator[Row]:
        return self._registry.stream(table, TABLES[name], NEEDED[name], stored=True)

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
            "previous": head.hash if head else FIRST,
            "at": at.isoformat(),
            "actor": current_actor().name,
        }
        new = Head(int(entry["index"]), canonical.digest(entry))
        row = {**{name: entry.get(name) for name in COPIED}, "entry": entry, "hash": new.hash, "at": at}
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
            raise AuditError("The audit chain has no single head.", hint="Run `clearance audit verify`.")
        return Head(int(found[0]["index"]), str(found[0]["hash"]))


__all__ = ["Audit", "AuditReport", "Head", "row_digest"]
