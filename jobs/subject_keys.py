"""The table of subject keys: a small Delta table of wrapped keys, one row a subject, in a place of its own.

Read and written through ``deltalake`` alone, by workers too: keys reach them only from here, wrapped. A commit is made
on top of the version that was read or not at all, so that two writers never make two keys for one subject. No file
statistics are kept (they would stay in the log), and no deletion vectors (they would leave the bytes).
"""

import fcntl
import json
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ClearanceError, KeyUnavailableError, UsageError
from clearance.files import has_room
from clearance.governance.identity import dataset_identity
from clearance.governance.registry import is_conflict
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.subjects import Wrapped, new_wrapped

SCHEMA = pa.schema([("subject", pa.string()), ("kid", pa.string()), ("wrapped", pa.binary())])
_CONFIGURATION = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.enableDeletionVectors": "false",
    "delta.deletedFileRetentionDuration": "interval 0 hours",
}
_MARK = "clearance.subject-keys"
_PATIENCE_S = 120.0
_MAX_PAUSE_S = 0.25
_ABANDONED_S = 600
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: keys deleted, subjects that had none, data files removed, files looked through after it."""

    keys: int
    without_key: int
    files_removed: int
    files_checked: int
    version: int


@dataclass(frozen=True, slots=True)
class SubjectKeys:
    """Where a table of subject keys is. Safe to pickle and log: it holds a path.

    A folder on this machine or on a file system that all workers share.
    """

    path: str

    @classmethod
    def at(cls, place: str, *, home: str | Path | None = None, beside: Iterable[str] = ()) -> "SubjectKeys":
        """The table at a place. Raises ``UsageError`` for one that is not local, in the home, or beside data.

        ``beside``: references of the data whose tokens the keys open. Who copies, backs up or gives away that folder
        must not take the keys along.
        """
        path = dataset_identity(place).local_path
        if path is None:
            raise UsageError(
                f"the table of subject keys can't be at {place}: only a folder of a file system can",
                hint="name a folder that this machine and all workers see",
            )
        others = [("the registry's home", Path(home).resolve())] if home and "://" not in str(home) else []
        for reference in beside:
            local = dataset_identity(reference).local_path
            if local is not None:
                others.append((reference, local))
                # Beside, too: the folder that holds the data is what gets copied.
                others.append((f"the folder of {reference}", local.parent))
        for told, other in others:
            if path == other or path.is_relative_to(other) or other.is_relative_to(path):
                raise UsageError(
                    f"the table of subject keys at {place} would lie with {told}",
                    hint="keep keys away from data and registry: a folder with permissions and backups of its own",
                )
        return cls(str(path))

    def create(self) -> None:
        """Makes the table, empty, where there is none. Raises ``KeyUnavailableError``."""
        from deltalake import DeltaTable

        if self._is_there():
            self._table()
            return
        try:
            Path(self.path).mkdir(parents=True, exist_ok=True, mode=0o700)
            DeltaTable.create(self.path, SCHEMA, mode="ignore", configuration=_CONFIGURATION, description=_MARK)
        except Exception as error:
            if not (is_conflict(error) and self._is_there()):
                raise self._unusable("made", error) from None

    def ensure(self, ring: KeyRing, domain: str, subjects: Iterable[str]) -> int:
        """Keys for all these subjects (one-way tokens) that have none; how many were made.

        Raises ``KeyUnavailableError`` when the table can't be written; nothing was added then.
        """
        wanted = dict.fromkeys(subjects)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with self._alone():
                table = self._table()
                there = set(self._rows(table).column("subject").to_pylist())
                missing = [subject for subject in wanted if subject not in there]
                if not missing:
                    return 0
                made = [(subject, *new_wrapped(ring, domain, subject)) for subject in missing]
                if self._commit(table, _batch(made), "append", deadline):
                    return len(missing)
            _pause()

    def wrapped(self, subjects: Iterable[str]) -> dict[str, Wrapped]:
        """The wrapped keys of those of these subjects that have one, as the table is now."""
        found = _index(self.path, int(self._table().version()))
        return {subject: found[subject] for subject in subjects if subject in found}

    def everyone(self) -> Mapping[str, Wrapped]:
        """The wrapped keys of all subjects, as the table is now."""
        return _index(self.path, int(self._table().version()))

    def count(self, kid: str | None = None) -> int:
        """How many subjects have a key; with ``kid`` one that this key of the ring wraps."""
        rows = self._rows(self._table())
        return int(rows.num_rows if kid is None else pc.sum(pc.equal(rows.column("kid"), kid)).as_py() or 0)

    def having(self, subjects: Iterable[str]) -> list[str]:
        """Those of these subjects that have a key."""
        there = set(self._rows(self._table()).column("subject").to_pylist())
        return [subject for subject in dict.fromkeys(subjects) if subject in there]

    def erase(self, people: Iterable[frozenset[str]]) -> Erased:
        """Deletes the keys of these people, then every file of the table that still holds one, and looks again.

        Each person is a set of subject tokens: one for each key id that it may have been made under. All rows that stay
        are written anew, with no predicate in the log. Raises ``KeyUnavailableError`` when a byte may be left.
        """
        asked = list(people)
        doomed: frozenset[str] = frozenset().union(*asked)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with self._alone():
                table = self._table()
                rows = self._rows(table)
                gone = pa.array([subject in doomed for subject in rows.column("subject").to_pylist()], pa.bool_())
                out, stay = rows.filter(gone), rows.filter(pc.invert(gone))
                if not out.num_rows or self._commit(table, stay, "overwrite", deadline):
                    wrapped = set(out.column("wrapped").to_pylist())
                    removed = self._remove(wrapped, set(stay.column("wrapped").to_pylist()))
                    checked = self._look(wrapped)
                    break
            _pause()
        _index.cache_clear()
        had = set(out.column("subject").to_pylist())
        return Erased(out.num_rows, sum(not tokens & had for tokens in asked), removed, checked, int(table.version()))

    def _remove(self, wrapped: set[bytes], there: set[bytes]) -> int:
        """Removes the files of older versions, and those that no commit ever named, that hold an erased key.

        Those that hold any other key that is gone go too, for an erasure before this one may have been killed: where a
        commit replaced them, and of the rest, which may be another's at work, old ones.
        """
        removed, replaced = 0, self._replaced()
        for file in self._files():
            cells = set(_cells(file))
            over = file.name in replaced or file.stat().st_mtime < time.time() - _ABANDONED_S
            if wrapped & cells or (cells - there and over):
                file.unlink(missing_ok=True)
                removed += 1
        return removed

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time where the file system locks; where it does not, the commit's version decides alone."""
        self._table()
        with (Path(self.path) / _LOCK).open("a") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _look(self, wrapped: set[bytes]) -> int:
        """Looks through all bytes of all files, the log too. Raises ``KeyUnavailableError`` when a key is left."""
        looked = 0
        for file in sorted(Path(self.path).rglob("*")):
            if not file.is_file():
                continue
            looked += 1
            cells = _cells(file) if file.suffix == ".parquet" and "_delta_log" not in file.parts else ()
            octets = file.read_bytes()
            if any(key in octets for key in wrapped) or wrapped & set(cells):
                raise KeyUnavailableError(
                    f"an erased key is still in {file}", hint="run the erasure again when nobody writes the table"
                )
        return looked

    def _files(self) -> list[Path]:
        return [file for file in sorted(Path(self.path).rglob("*.parquet")) if "_delta_log" not in file.parts]

    def _commit(self, table: Any, rows: pa.Table, mode: Any, deadline: float) -> bool:
        """Whether the rows were committed on top of the version that was read; False when another was first."""
        from deltalake import CommitProperties, WriterProperties, write_deltalake

        before = set(self._files())
        if not has_room(self.path, rows.nbytes):
            raise self._unusable("written", OSError(28, "No space left on device"))
        try:
            write_deltalake(
                table,
                rows,
                mode=mode,
                # Written as they are: a compressed or dictionary page must not hide a key from who looks for it.
                writer_properties=WriterProperties(compression="UNCOMPRESSED"),
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except Exception as error:  # deltalake raises bare OSError, ValueError and DeltaError alike
            if not is_conflict(error) or time.monotonic() > deadline:
                raise self._unusable("written", error) from None
            self._remove_own(set(self._files()) - before, rows)
            return False
        return True

    def _remove_own(self, files: set[Path], rows: pa.Table) -> None:
        """Removes what a lost race left of our own: its keys were never used."""
        mine = set(rows.column("wrapped").to_pylist())
        for file in files:
            cells = set(_cells(file))
            if cells and cells == mine and file.name not in self._named():
                file.unlink(missing_ok=True)

    def _named(self) -> set[str]:
        return {Path(str(uri)).name for uri in self._table().file_uris()}

    def _replaced(self) -> set[str]:
        """Data files that a commit took out of the table."""
        found: set[str] = set()
        for log in (Path(self.path) / "_delta_log").glob("*.json"):
            actions = (json.loads(line) for line in log.read_text().splitlines() if line.strip())
            found |= {Path(unquote(action["remove"]["path"])).name for action in actions if "remove" in action}
        return found - self._named()

    def _is_there(self) -> bool:
        log = Path(self.path) / "_delta_log"
        return log.is_dir() and any(log.iterdir())

    def _table(self) -> Any:
        from deltalake import DeltaTable

        if not self._is_there():
            raise KeyUnavailableError(
                f"there is no table of subject keys at {self.path}", hint="check the path; SubjectKeys.create makes it"
            )
        try:
            table = DeltaTable(self.path)
            ours = table.metadata().description == _MARK
        except Exception as error:
            raise self._unusable("read", error) from None
        if not ours:
            raise KeyUnavailableError(
                f"the table at {self.path} is not one of subject keys",
                hint="name the table that SubjectKeys.create made",
            )
        return table

    def _rows(self, table: Any) -> pa.Table:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                # Not to_pyarrow_table: a thread of its own that is still running at exit aborts the process.
                return pa.table(table.scan(columns=SCHEMA.names).read_all()).select(SCHEMA.names).cast(SCHEMA)
            except Exception as error:
                # An erasure took the files of the version that was opened: read the one after it.
                if isinstance(error, ClearanceError) or time.monotonic() > deadline or not _moved(table):
                    raise self._unusable("read", error) from None

    def _unusable(self, done: str, error: BaseException) -> KeyUnavailableError:
        return KeyUnavailableError(
            f"the table of subject keys at {self.path} can't be {done} ({type(error).__name__})",
            hint="check permissions and space, and that every worker sees the same folder",
        )


def _moved(table: Any) -> bool:
    before = table.version()
    table.update_incremental()
    return bool(table.version() != before)


def _batch(rows: list[tuple[str, str, bytes]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def _pause() -> None:
    time.sleep(random.uniform(0.01, _MAX_PAUSE_S))  # noqa: S311 - spreads writers, guards nothing


def _cells(file: Path) -> Iterator[bytes]:
    """The wrapped keys in a data file, whatever its encoding; of one that is half written, none."""
    import pyarrow.parquet as pq

    try:
        yield from pq.read_table(file, columns=["wrapped"], partitioning=None).column(0).to_pylist()
    except (pa.ArrowInvalid, FileNotFoundError):
        return


@lru_cache(maxsize=2)
def _index(path: str, _version: int) -> Mapping[str, Wrapped]:
    """All rows of one version, read once a process. Wrapped: what is held here opens nothing without the ring."""
    keys = SubjectKeys(path)
    columns = keys._rows(keys._table()).to_pydict()
    return dict(zip(columns["subject"], zip(columns["kid"], columns["wrapped"], strict=True), strict=True))


def named_table(place: str | None, *, home: str | Path | None = None, beside: Iterable[str] = ()) -> SubjectKeys:
    """The table that an option or ``$CLEARANCE_SUBJECT_KEYS`` names. There is no default: see ``SubjectKeys.at``."""
    chosen = place or os.environ.get("CLEARANCE_SUBJECT_KEYS")
    if not chosen:
        raise UsageError(
            "no table of subject keys is named",
            hint="--subject-keys DIR or CLEARANCE_SUBJECT_KEYS: away from the data and the registry",
        )
    return SubjectKeys.at(chosen, home=home, beside=beside)
