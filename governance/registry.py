"""What Clearance knows: small append-only Delta tables, read and written through ``deltalake`` alone.

One commit a run and table; rows are never changed, the latest one counts. Every row carries ``seq``, one more
than the table version its writer saw: an append that begins after another has ended gets the higher one,
whatever the two machines' clocks say. Reading never creates anything.
"""

import os
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.errors import RegistryError
from clearance.files import has_room
from clearance.governance import rows as _rows
from clearance.governance.held import Held
from clearance.governance.tables import TABLES, Table

Row = dict[str, Any]
Equal = str | int | bool | Sequence[str]

# deltalake's own retries come without a pause: ten writers at once ran out of them.
_OWN_RETRIES = 5
_PATIENCE_S = 60.0
_MAX_PAUSE_S = 0.5
# Every so many commits their small files are joined: a look-up costs as much as there are files.
_TIDY_EVERY = 100
# Joined files of this size are left alone, so that the work does not grow with what is on record.
_JOINED_OCTETS = 32 << 20
# Whoever opens a table reads each commit since its checkpoint, in a file of its own: a hundred of them took 40 ms.
_PROPERTIES = {"delta.checkpointInterval": "10"}


def clearance_home() -> str:
    """Where the registry and the lineage spool lie: ``$CLEARANCE_HOME``, else ``./.clearance``."""
    return os.environ.get("CLEARANCE_HOME") or str(Path.cwd() / ".clearance")


class Registry:
    """The registry under one home, a local folder or an object-store prefix.

    ``storage_options`` go to ``deltalake`` (object stores only). Methods raise RegistryError for a registry
    that can't be read or written; one that is not there yet reads as empty.
    """

    def __init__(self, home: str | Path | None = None, *, storage_options: Mapping[str, str] | None = None) -> None:
        self.home = str(home or clearance_home()).rstrip("/") or "/"
        self._options = dict(storage_options or {}) or None
        self._read: dict[Any, Any] | None = None
        self._held: Held | None = None

    def __repr__(self) -> str:
        return f"Registry({self.home!r})"

    @contextmanager
    def at_one_time(self) -> Iterator[None]:
        """What is read inside, again and again, is read once and as it was then. A write ends that."""
        outer, self._read = self._read, {} if self._read is None else self._read
        try:
            yield
        finally:
            self._read = outer

    @contextmanager
    def held(self) -> Iterator[None]:
        """The same for whoever looks at every dataset: each table is read whole. A write ends that."""
        outer, self._held = self._held, self._held or Held(self._whole)
        try:
            yield
        finally:
            self._held = outer

    def once(self, name: Any, work: Callable[[], Any]) -> Any:
        """What ``work`` gives; inside of :meth:`held` it is done once for each ``name``."""
        if self._held is None:
            return work()
        made = self._held.once
        if name not in made:
            made[name] = work()
        return made[name]

    def _whole(self, table: str) -> list[Row]:
        opened = self.open(table)
        rows = () if opened is None else self.stream(opened, _known(table), stored=True)
        return sorted(rows, key=lambda row: (row["seq"], row["at"]))

    def apart(self) -> "Registry":
        """The same registry for another thread."""
        return Registry(self.home, storage_options=self._options)

    @property
    def remote(self) -> bool:
        """Whether the home is an object-store prefix, where no file can be appended to."""
        return "://" in self.home

    def location(self, table: str) -> str:
        """The path or URI of one table; any Delta reader opens it."""
        return f"{self.home}/registry/{_known(table).name}"

    def append(self, table: str, rows: Sequence[Mapping[str, Any]], *, run_id: str) -> int:
        """Add rows in one commit that carries ``run_id``, creating the table first if need be.

        Returns the table's version after the commit. Columns: see ``governance/tables.py``; ``run_id``,
        ``at`` and ``seq`` are filled in. Raises RegistryError for an unknown column, a missing or mistyped
        one, and for a table that can't be written; then nothing was added.
        """
        if not rows:
            raise RegistryError(f"No rows to add to the registry table {table}.")
        spec = _known(table)
        at = datetime.now(UTC)
        filled = [{"run_id": run_id, "at": at, **row} for row in rows]
        return self._commit(spec, filled, run_id, time.monotonic() + _PATIENCE_S)

    def _commit(self, spec: Table, rows: list[Row], run_id: str, deadline: float) -> int:
        marker = uuid.uuid4().hex
        while True:
            table = self.open(spec.name, create=True)
            before = int(table.version())
            try:
                return self.write(table, spec, rows, {"clearance.run": run_id, "clearance.commit": marker})
            except RegistryError as error:
                # A failure may come after the commit, from the checkpoint that follows every tenth one:
                # writing again would double the rows.
                if (version := self.landed(spec.name, marker, before)) is not None:
                    return version
                if not is_conflict(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.01, _MAX_PAUSE_S))  # noqa: S311 - spreads writers, guards nothing

    def write(
        self,
        table: Any,
        spec: Table,
        rows: list[Row],
        metadata: Mapping[str, str],
        *,
        retries: int = _OWN_RETRIES,
    ) -> int:
        """Commit rows on top of the table as it was opened. For :meth:`append` and the audit only."""
        from deltalake import CommitProperties, write_deltalake

        self._held = None
        if self._read is not None:
            self._read.clear()
        seq = int(table.version()) + 1
        data = _rows.encode(spec, [{"seq": seq, **row} for row in rows])
        # Written by an older Clearance (a column is missing) or a newer one (we miss a column).
        other = {f.name for f in table.schema().fields} != set(spec.columns)
        self._require_space(spec.name, data.nbytes)
        try:
            write_deltalake(
                table,
                data,
                mode="append",
                schema_mode="merge" if other else None,
                commit_properties=CommitProperties(custom_metadata=dict(metadata), max_commit_retries=retries),
            )
        except Exception as error:  # deltalake raises bare OSError, ValueError and DeltaError alike
            raise self._unwritable(spec.name, error) from error
        version = int(table.version())
        if version % _TIDY_EVERY == 0:
            # What was written is written: where this fails the next hundredth commit tries again.
            with suppress(RegistryError):
                self.compact(spec.name)
        return version

    def open(self, table: str, *, create: bool = False) -> Any:
        """The ``DeltaTable``, or None where there is none. ``create=True`` makes it, empty."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        spec, location = _known(table), self.location(table)
        try:
            # Looked at first: deltalake takes a folder without a log for a broken table.
            if self.remote or _has_commits(Path(location)):
                return DeltaTable(location, storage_options=self._options)
        except TableNotFoundError:
            pass
        except Exception as error:  # as above
            raise self._unreadable(table) from error
        if not create:
            return None
        self._require_space(table, 0)
        try:
            return DeltaTable.create(
                location,
                _rows.delta_schema(spec),
                mode="ignore",
                configuration={"delta.dataSkippingStatsColumns": ",".join(spec.indexed), **_PROPERTIES},
                storage_options=self._options,
            )
        except Exception as error:  # as above
            # Two first writers: one of them made it.
            if is_conflict(error) and (made := self.open(table)) is not None:
                return made
            raise self._unwritable(table, error) from error

    def landed(self, table: str, marker: str, before: int) -> int | None:
        """The version after ``before`` whose commit carries this ``clearance.commit``, or None."""
        if (now := self.open(table)) is None:
            return None
        newer = int(now.version()) - before
        for commit in now.history(newer) if newer > 0 else ():
            if commit.get("clearance.commit") == marker:
                return int(commit["version"])
        return None

    def rows(self, table: str, columns: Iterable[str] | None = None, **equals: Equal) -> list[Row]:
        """Rows whose columns equal the given ones (of several: any), oldest first; ``[]`` where there is no table.

        ``columns`` narrows what is read. JSON columns come back parsed, times as aware datetimes in UTC.
        """
        spec = _known(table)
        wanted = None if columns is None else (*columns,)
        told = (table, wanted, *sorted((k, v if isinstance(v, str | int) else (*v,)) for k, v in equals.items()))
        if self._read is not None and told in self._read:
            return [dict(row) for row in self._read[told]]
        found = self._look(spec, wanted, equals)
        if self._read is not None:
            self._read[told] = [dict(row) for row in found]
        return found

    def _look(self, spec: Table, wanted: tuple[str, ...] | None, equals: Mapping[str, Equal]) -> list[Row]:
        if self._held is None:
            opened = self._opened(spec.name)
            return [] if opened is None else self.scan(opened, spec, wanted, **equals)
        names = tuple(spec.columns) if wanted is None else wanted
        for name in (*names, *equals):
            spec.check_column(name)
        try:
            return self._held.rows(spec, names, equals)
        except ValueError as error:
            raise self._unreadable(spec.name) from error

    def _opened(self, table: str) -> Any:
        if self._read is None:
            return self.open(table)
        if table not in self._read:
            self._read[table] = self.open(table)
        return self._read[table]

    def scan(self, table: Any, spec: Table, columns: Iterable[str] | None = None, **equals: Equal) -> list[Row]:
        """:meth:`rows` of a table that is open already, at the version it was opened at."""
        wanted = list(spec.columns) if columns is None else [*columns]
        for name in [*wanted, *equals]:
            spec.check_column(name)
        try:
            there = {f.name for f in table.schema().fields}
            needed = [c for c in dict.fromkeys([*wanted, "seq", "at"]) if c in there]
            found = table.scan(columns=needed, predicate=_rows.predicate(equals)).read_all()
            decoded = _rows.decode(spec, found)
        except Exception as error:  # as above; a decoding error means a damaged row
            raise self._unreadable(spec.name) from error
        decoded.sort(key=lambda row: (row["seq"], row["at"]))
        # A column that came with a later version of Clearance is empty in older rows.
        return [{name: row.get(name) for name in wanted} for row in decoded]

    def latest(self, table: str, columns: Iterable[str] | None = None, **equals: Equal) -> Row | None:
        """The newest row whose columns equal the given ones, or None."""
        found = self.rows(table, columns, **equals)
        return found[-1] if found else None

    def latest_each(
        self,
        table: str,
        key: str = "dataset",
        columns: Iterable[str] | None = None,
        **equals: Equal,
    ) -> dict[str, Row]:
        """The newest row for each value of ``key``, in the order of the keys."""
        wanted = None if columns is None else dict.fromkeys([key, *columns])
        newest = {row[key]: row for row in self.rows(table, wanted, **equals)}
        return dict(sorted(newest.items()))

    def counts(self) -> dict[str, int]:
        """Rows in each table that is there, for ``registry show`` and ``doctor``."""
        opened = ((name, self.open(name)) for name in TABLES)
        return {name: int(table.count()) for name, table in opened if table is not None}

    def files(self, table: str) -> int:
        """How many data files a table has; 0 where there is none."""
        opened = self.open(table)
        return 0 if opened is None else int(opened.get_add_actions().num_rows)

    def stream(
        self, table: Any, spec: Table, columns: Iterable[str] | None = None, *, stored: bool = False
    ) -> Iterator[Row]:
        """All rows of a table that is open already, as they lie there, without what is empty; never all at once.

        ``stored``: JSON as the text that stands there, parsed by nobody.
        """
        from arro3.core import Table as ArrowTable

        there = [field.name for field in table.schema().fields if field.name in spec.columns]
        if columns is not None:
            wanted = frozenset(columns)
            there = [name for name in there if name in wanted]
        try:
            for batch in table.scan(columns=there):
                for row in _rows.decode(spec, ArrowTable.from_batches([batch]), stored=stored):
                    yield {name: value for name, value in row.items() if value is not None}
        except Exception as error:  # as above
            raise self._unreadable(spec.name) from error

    def compact(self, table: str) -> int:
        """Join a table's small files, a run's worth each, into few; return how many went away.

        Changes no row and takes no lock: writers go on meanwhile. Raises RegistryError when it can't.
        """
        opened = self.open(table)
        if opened is None:
            return 0
        try:
            return int(opened.optimize.compact(target_size=_JOINED_OCTETS)["numFilesRemoved"])
        except Exception as error:  # as above
            raise self._unwritable(table, error) from error

    def _require_space(self, table: str, octets: int) -> None:
        """Raises ``RegistryError`` where a commit won't fit."""
        if not self.remote and not has_room(self.home, octets):
            raise self._unwritable(table, full=True)

    def _unreadable(self, table: str) -> RegistryError:
        return RegistryError(
            f"The registry table {table} at {self.home} can't be read.",
            hint="Check permissions; if it is damaged, move it away and scan the datasets again.",
        )

    def _unwritable(self, table: str, error: BaseException | None = None, *, full: bool = False) -> RegistryError:
        full = full or "os error 28" in str(error)  # ENOSPC, as deltalake tells it
        return RegistryError(
            f"The registry table {table} at {self.home} can't be written.",
            hint="No space is left on its disk: make some."
            if full
            else "Set CLEARANCE_HOME to a folder or prefix that you may write to.",
        )


def is_conflict(error: BaseException | None) -> bool:
    """Whether deltalake failed because another writer was first, so that trying again makes sense."""
    from deltalake.exceptions import CommitFailedError

    while error is not None:
        text = str(error).lower()
        if isinstance(error, CommitFailedError) or "already exists" in text or "version 0" in text:
            return True
        error = error.__cause__
    return False


def _has_commits(table: Path) -> bool:
    log = table / "_delta_log"
    return log.is_dir() and any(p.suffix in {".json", ".parquet"} for p in log.iterdir())


def _known(name: str) -> Table:
    if name not in TABLES:
        raise RegistryError(f"The registry has no table {name!r}.", hint=f"It has: {', '.join(sorted(TABLES))}.")
    return TABLES[name]
