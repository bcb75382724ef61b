"""What a Delta table's log says happened since a version, read without Spark.

The commits are plain JSON (Delta protocol, "Delta Log Entries"), so this works on every table, also on those
whose reader features ``deltalake`` refuses. Local logs are listed; remote ones are probed through
``deltalake``'s own object store, which needs no pyarrow for reading.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clearance.errors import DatasetError

# What only moves rows, by Delta's DeltaOperations (delta-spark 4.3) and delta-rs: its files hold nothing new.
_MOVES = frozenset(
    {
        "OPTIMIZE",
        "REORG",
        "REORG TABLE UPGRADE UNIFORM",
        "REMOVE COLUMN MAPPING",
        "ROW TRACKING BACKFILL",
        "ROW TRACKING UNBACKFILL",
        "COMPUTE STATS",
    }
)
_COMMIT = re.compile(r"(\d{20})\.json")


class Log(Protocol):
    """The commits of one table. ``read`` gives a commit's bytes, or None where there is no such commit."""

    def latest(self, at_least: int) -> int | None:
        """The newest version, looked for from ``at_least`` upwards; None where there is none."""

    def read(self, version: int) -> bytes | None:
        """The JSON lines of one commit."""

    def managed_elsewhere(self) -> bool:
        """Whether a catalog hands out commits, so that the folder may lag behind the table."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table at one version. ``schema`` is Delta's schema JSON, ``committed`` the commit's own time (ms)."""

    version: int
    table_id: str | None
    schema: dict[str, Any]
    committed: int | None


def open_log(location: str) -> Log:
    """Return the log of the table at a local path or a URI, whether or not there is one."""
    return RemoteLog(location) if "://" in location else LocalLog(Path(location))


class LocalLog:
    """A log folder on this machine."""

    def __init__(self, table: Path) -> None:
        self._folder = table / "_delta_log"

    def latest(self, at_least: int) -> int | None:
        if not self._folder.is_dir():
            return None
        versions = (int(m[1]) for p in self._folder.iterdir() if (m := _COMMIT.fullmatch(p.name)))
        return max((v for v in versions if v >= at_least), default=None)

    def read(self, version: int) -> bytes | None:
        try:
            return (self._folder / f"{version:020d}.json").read_bytes()
        except FileNotFoundError:
            return None

    def managed_elsewhere(self) -> bool:
        return any(
            folder.is_dir() and any(folder.iterdir())
            for folder in (self._folder / "_staged_commits", self._folder / "_commits")
        )


class RemoteLog:
    """A log in an object store: no listing, only one read for each version after the known one."""

    def __init__(self, uri: str) -> None:
        from deltalake._internal import DeltaFileSystemHandler

        self._uri = uri
        try:
            self._files = DeltaFileSystemHandler(uri, None)
        except Exception as error:  # deltalake raises bare OSError, ValueError and DeltaError alike
            raise _unreachable(uri) from error

    def latest(self, at_least: int) -> int | None:
        if at_least == 0:
            return self._from_deltalake()
        version = at_least
        while self.read(version) is not None:
            version += 1
        return version - 1 if version > at_least else None

    def _from_deltalake(self) -> int | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            return int(DeltaTable(self._uri, without_files=True).version())
        except TableNotFoundError:
            return None
        except Exception as error:  # as above
            raise _unreachable(self._uri) from error

    def read(self, version: int) -> bytes | None:
        try:
            file = self._files.open_input_file(f"_delta_log/{version:020d}.json")
            return bytes(file.read(file.size()))
        except FileNotFoundError:
            return None
        except Exception as error:  # as above
            raise _unreachable(self._uri) from error

    def managed_elsewhere(self) -> bool:
        return False


def actions(log: Log, version: int) -> list[dict[str, Any]] | None:
    """The actions of one commit, or None where it is gone. Raises DatasetError when it is damaged."""
    raw = log.read(version)
    return None if raw is None else list(_parse(raw, version))


def _parse(raw: bytes, version: int) -> Iterator[dict[str, Any]]:
    for line in raw.splitlines():
        if not line.strip():
            continue
        try:
            action = json.loads(line)
        except ValueError:
            action = None
        if not isinstance(action, dict):
            # "from None": the parser's message quotes the line, and a commit's statistics hold values.
            raise DatasetError(
                f"Commit {version} of the Delta log is damaged.",
                hint="Restore the table and scan again.",
            ) from None
        yield action


def counts(file: object) -> bool:
    """Whether an ``add`` or ``remove`` changed data; a writer that does not say gets no benefit of the doubt."""
    return isinstance(file, Mapping) and file.get("dataChange", True) is not False


def claims_nothing_new(steps: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a commit added files of which it says that they hold nothing new, and is none that only moves rows.

    Spark's option ``dataChange`` makes that claim of whatever is written.
    """
    claims, moves = False, False
    for action in steps:
        if isinstance(info := action.get("commitInfo"), Mapping):
            moves = str(info.get("operation")).upper() in _MOVES
        claims = claims or (isinstance(file := action.get("add"), Mapping) and not counts(file))
    return claims and not moves


def snapshot(log: Log, location: str, version: int | None = None) -> Snapshot:
    """Return the table at ``version`` (the newest by default). Raises DatasetError when it can't be told."""
    newest = log.latest(0) if version is None else version
    if newest is None:
        raise DatasetError(f"No Delta table at {location}.", hint="Check the path; _delta_log has no commit.")
    committed = commit_time(log, newest)
    for earlier in range(newest, -1, -1):
        raw = log.read(earlier)
        if raw is None:
            break
        if b'"metaData"' not in raw:
            continue
        for action in _parse(raw, earlier):
            if isinstance(meta := action.get("metaData"), dict):
                return Snapshot(newest, meta.get("id"), _schema(meta.get("schemaString")), committed)
    return _from_checkpoint(location, newest, committed)


def commit_time(log: Log, version: int) -> int | None:
    """When a commit says it was made, in ms; None when it is gone or does not say."""
    for action in actions(log, version) or ():
        if isinstance(info := action.get("commitInfo"), dict):
            stamp = info.get("timestamp")
            return stamp if isinstance(stamp, int) else None
    return None


def _schema(text: object) -> dict[str, Any]:
    try:
        schema = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise DatasetError("The Delta log holds no readable schema.", hint="Restore the table's log.")
    return schema


def _from_checkpoint(location: str, version: int, committed: int | None) -> Snapshot:
    """Commits older than the last checkpoint may be gone: then only a checkpoint knows the schema."""
    from deltalake import DeltaTable

    try:
        table = DeltaTable(location, version=version, without_files=True)
        schema, table_id = table.schema().to_json(), str(table.metadata().id)
    except Exception as error:  # deltalake raises bare OSError, ValueError and DeltaError alike
        raise DatasetError(
            f"The Delta log at {location} can't be read at version {version}.",
            hint="The table is damaged, or uses a feature that only Spark reads.",
        ) from error
    return Snapshot(version, table_id, _schema(schema), committed)


def _unreachable(uri: str) -> DatasetError:
    return DatasetError(f"{uri} can't be reached.", hint="Check the URI, the network and the credentials.")
