"""Which state of a dataset was looked at, and whether it is still that state.

A label speaks for what was scanned. It keeps speaking after housekeeping (tags, OPTIMIZE, VACUUM) and stops
with the first commit that changes data, or with another schema. Plain files are known by path, size and
time of change. Whatever can't be told without Spark is undecidable, never "unchanged".
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from clearance.errors import DatasetError
from clearance.governance import delta_log

State = Literal["current", "changed", "unreadable"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One state of a dataset.

    ``kind`` is ``delta``, ``files`` or ``none`` (a table or data frame that only Spark can watch).
    ``version`` is the Delta version, or a digest over the files' names, sizes and times (never contents).
    ``table_id`` and ``committed`` tell a table from another one made later at the same place.
    """

    kind: Literal["delta", "files", "none"]
    version: str
    schema_fingerprint: str | None = None
    table_id: str | None = None
    committed: int | None = None
    files: int | None = None
    size: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what is not known."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Observation":
        """The inverse of :meth:`to_dict`; unknown keys of a later version are left out."""
        return cls(**{k: data[k] for k in cls.__dataclass_fields__ if k in data})


@dataclass(frozen=True, slots=True)
class Change:
    """Whether a dataset is as it was scanned, and why not."""

    state: State
    reason: str


def is_delta(location: str) -> bool:
    """Whether a Delta log lies at this path or URI."""
    return delta_log.open_log(location).latest(0) is not None


def observe(location: str, format: str | None = None, *, version: int | None = None) -> Observation:
    """Return the present state of the data at a local path or a URI.

    ``format`` "delta" or None (told by the log) reads the Delta log; every other one lists the files.
    ``version`` observes an older Delta version. Raises DatasetError when nothing is there or it can't be
    read. Observe before a scan and again after it: a difference means that the scan saw a mixture.
    """
    if format == "delta" or (format is None and is_delta(location)):
        shot = delta_log.snapshot(delta_log.open_log(location), location, version)
        return Observation("delta", str(shot.version), schema_fingerprint(shot.schema), shot.table_id, shot.committed)
    return _observe_files(location)


def changed(recorded: Observation, location: str) -> bool | None:
    """Whether the data at ``location`` changed since ``recorded``; None when that can't be told."""
    state = compare(recorded, location).state
    return None if state == "unreadable" else state == "changed"


def changed_since(recorded: Observation, read: Observation | None, location: str | None) -> bool | None:
    """Whether the data changed since ``recorded``; None when that can't be told.

    ``location`` is None for a catalog table, whose name is no place to look at. The version of it that was ``read`` is
    the recorded one, or nobody knows.
    """
    if location is not None:
        return changed(recorded, location)
    return False if is_same_state(recorded, read) else None


def is_same_state(recorded: Observation, read: Observation | None) -> bool:
    """Whether both are one state: of the same files, or the same version of the same table and not of its namesake."""
    return read == recorded and (recorded.kind == "files" or recorded.table_id is not None)


def compare(recorded: Observation, location: str) -> Change:
    """Say whether the data at ``location`` is in the recorded state. Never raises for the data's sake."""
    try:
        if recorded.kind == "delta":
            return _compare_delta(recorded, location)
        if recorded.kind == "files":
            if delta_log.open_log(location).latest(0) is not None:
                return Change("changed", "the files became a Delta table")
            if _observe_files(location).version != recorded.version:
                return Change("changed", "files were added, changed or taken away")
            return Change("current", "")
    except DatasetError as error:
        return Change("unreadable", error.message)
    except OSError as error:
        return Change("unreadable", type(error).__name__)
    return Change("unreadable", "changes to this kind of dataset can't be told without Spark")


def _compare_delta(recorded: Observation, location: str) -> Change:
    known = int(recorded.version)
    log = delta_log.open_log(location)
    if log.managed_elsewhere():
        return Change("unreadable", "a catalog manages this table's commits")
    latest = log.latest(known)
    if latest is None:
        if log.latest(0) is None:
            return Change("unreadable", "no Delta table is there any more")
        return Change("changed", "the table was restored or made anew: its version is lower")
    if not _same_table(recorded, log, location, latest):
        return Change("changed", "another table was made at this place")
    fingerprint = recorded.schema_fingerprint
    for version in range(known + 1, latest + 1):
        steps = delta_log.actions(log, version)
        if steps is None:
            return Change("unreadable", f"commit {version} is no longer in the log")
        if delta_log.claims_nothing_new(steps):
            return Change("changed", f"commit {version} added files, and says that they hold nothing new")
        for action in steps:
            if delta_log.counts(action.get("add")) or delta_log.counts(action.get("remove")):
                return Change("changed", f"commit {version} changed data")
            if isinstance(meta := action.get("metaData"), dict):
                fingerprint = schema_fingerprint(str(meta.get("schemaString")))
    if fingerprint != recorded.schema_fingerprint:
        return Change("changed", "the schema is another one")
    return Change("current", "")


def _same_table(recorded: Observation, log: delta_log.Log, location: str, latest: int) -> bool:
    committed = delta_log.commit_time(log, int(recorded.version))
    if committed is not None:
        return committed == recorded.committed
    # The recorded commit was cleaned away, or does not say when it was made.
    return delta_log.snapshot(log, location, latest).table_id == recorded.table_id


_BINDING = "delta.columnMapping.physicalName"


def schema_fingerprint(schema: Mapping[str, Any] | str) -> str:
    """SHA-256 over names, types and nullability of a Spark or Delta schema (as JSON or parsed).

    Metadata is left out, so that tags and comments change nothing; but for what binds a name to its data: two
    columns can be renamed into each other without a file being touched. Raises DatasetError for anything else.
    """
    try:
        parsed = json.loads(schema) if isinstance(schema, str) else schema
        plain = json.dumps(without_metadata(parsed, keep=_BINDING), sort_keys=True, separators=(",", ":"))
    except (ValueError, TypeError):
        raise DatasetError("The schema can't be read.", hint="Restore the table's log.") from None
    return hashlib.sha256(plain.encode()).hexdigest()


def without_metadata(node: Any, *, keep: str | None = None) -> Any:
    """A parsed schema as names, types and nullability: comments and column defaults may hold values.

    ``keep`` names one key of the metadata that stays, where a field has it.
    """
    if isinstance(node, list | tuple):
        return [without_metadata(item, keep=keep) for item in node]
    if not isinstance(node, Mapping):
        return node
    # Only a field's own "metadata" goes: a column may well be named so.
    is_field = "name" in node
    plain = {k: without_metadata(v, keep=keep) for k, v in node.items() if not (k == "metadata" and is_field)}
    metadata = node.get("metadata") if is_field else None
    if keep is not None and isinstance(metadata, Mapping) and keep in metadata:
        plain["metadata"] = {keep: metadata[keep]}
    return plain


def _observe_files(location: str) -> Observation:
    listing = data_files(location)
    if not listing:
        raise DatasetError(f"No data files at {location}.", hint="Check the path and the format.")
    digest = hashlib.sha256()
    for name, size, stamp in listing:
        # surrogateescape: file names are bytes on Linux, and need not be UTF-8.
        digest.update(json.dumps([name, size, stamp]).encode("utf-8", "surrogateescape"))
        digest.update(b"\n")
    return Observation(
        "files", f"sha256:{digest.hexdigest()}", files=len(listing), size=sum(size for _, size, _ in listing)
    )


def data_files(location: str) -> list[tuple[str, int, int]]:
    """Name, size and time of each file that a reader of this path or URI would read. Raises ``DatasetError``."""
    return sorted(_remote_files(location) if "://" in location else _local_files(Path(location)))


def _hidden(name: str) -> bool:
    """Spark skips these; a partition folder `_day=1` is data all the same."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _local_files(root: Path) -> Iterator[tuple[str, int, int]]:
    if not root.exists():
        raise DatasetError(f"Nothing at {root}.", hint="Check the path.")
    if root.is_file():
        stat = root.stat()
        yield root.name, stat.st_size, stat.st_mtime_ns
        return

    def refuse(error: OSError) -> None:
        raise DatasetError(f"{root} can't be listed.", hint="Check the folder's permissions.") from error

    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        # Spark reads through links, so they count; one that leads back must not go round for ever.
        seen.add(os.path.realpath(folder))
        folders[:] = [f for f in folders if not _hidden(f) and os.path.realpath(Path(folder, f)) not in seen]
        for name in names:
            if not _hidden(name):
                path = Path(folder, name)
                stat = path.stat()
                yield path.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns


def _remote_files(uri: str) -> Iterator[tuple[str, int, int]]:
    # The listing imports pyarrow: only datasets of plain files in an object store pay for that.
    from deltalake._internal import DeltaFileSystemHandler

    try:
        found = DeltaFileSystemHandler(uri, None).get_file_info_selector("", True, True)
    except Exception as error:  # deltalake raises bare OSError, ValueError and DeltaError alike
        raise DatasetError(f"{uri} can't be listed.", hint="Check the URI, the network and the credentials.") from error
    for info in found:
        if info.is_file and not any(_hidden(part) for part in info.path.split("/")):
            yield info.path, int(info.size or 0), int(info.mtime_ns or 0)
