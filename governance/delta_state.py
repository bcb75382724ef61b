"""All that a Delta table is at one version: its protocol, its metadata and its files, as the log itself writes them.

``deltalake`` tells the same in its own words, and drops what it has none for (statistics, physical names of partition
columns). What is carried to another table has to be carried as it stands. Source: Delta Transaction Log Protocol,
"Action Reconciliation" and "Checkpoints".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearance.errors import DatasetError
from clearance.governance import delta_log

Action = dict[str, Any]
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
#: Table features whose tables are whole in these three parts: they ask nothing more of who copies or restores one.
KNOWN_FEATURES = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "columnMapping",
     "identityColumns", "timestampNtz", "typeWidening", "variantType", "vacuumProtocolCheck", "allowColumnDefaults",
     "deletionVectors", "v2Checkpoint"}
)  # fmt: skip
#: What a table of an older protocol has without naming it, by the writer version that brought it.
_IMPLIED = {
    2: {"appendOnly", "invariants"},
    3: {"checkConstraints"},
    4: {"changeDataFeed", "generatedColumns"},
    5: {"columnMapping"},
    6: {"identityColumns"},
}
_READER_FEATURES = frozenset(
    {"columnMapping", "deletionVectors", "timestampNtz", "typeWidening", "v2Checkpoint", "variantType",
     "vacuumProtocolCheck"}
)  # fmt: skip
_WITH_FEATURES = (3, 7)


@dataclass(frozen=True, slots=True)
class TableState:
    """A table at one version. ``files``: the add action of each, by its path in the log. Has statistics: don't log."""

    version: int
    protocol: Mapping[str, Any]
    metadata: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties."""
        return self.metadata.get("configuration") or {}

    @property
    def schema(self) -> dict[str, Any]:
        """The schema, parsed."""
        found: dict[str, Any] = json.loads(self.metadata["schemaString"])
        return found


def state_at(folder: Path, version: int | None = None) -> TableState:
    """The table in a local folder at ``version`` (the newest by default).

    Raises ``DatasetError`` when it is not there, can't be read, or has a feature that this does not know.
    """
    log = delta_log.open_log(str(folder))
    latest = log.latest(0)
    if log.managed_elsewhere():
        raise DatasetError(f"a catalog manages the commits of {folder}", hint="copy it with the catalog's own tool")
    wanted = latest if version is None else version
    if latest is None or wanted is None or not 0 <= wanted <= latest:
        raise DatasetError(f"{folder} has no version {wanted or 0}", hint="check the path and its history")
    protocol: Action = {}
    metadata: Action = {}
    files: dict[str, Action] = {}
    for action in _actions(folder, log, wanted):
        if isinstance(own := action.get("protocol"), dict):
            protocol = own
        elif isinstance(own := action.get("metaData"), dict):
            metadata = own
        elif isinstance(own := action.get("add"), dict):
            files[str(own["path"])] = own
        elif isinstance(own := action.get("remove"), dict):
            files.pop(str(own["path"]), None)
        elif isinstance(own := action.get("domainMetadata"), dict) and not own.get("removed"):
            raise _unknown(folder, f"metadata of the domain {own.get('domain')}")
    if not protocol or "schemaString" not in metadata:
        raise DatasetError(f"the log of {folder} is not whole", hint="restore the table")
    state = TableState(wanted, protocol, metadata, files)
    _require_known(folder, state)
    return state


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The lowest protocol under which a table may be what it was under either: no reader of an old version is lost."""
    if dict(first) == dict(second):
        return dict(first)
    reader = max(first["minReaderVersion"], second["minReaderVersion"])
    writer = max(first["minWriterVersion"], second["minWriterVersion"])
    if writer < _WITH_FEATURES[1] and reader < _WITH_FEATURES[0]:
        return {"minReaderVersion": reader, "minWriterVersion": writer}
    features = _features(first) | _features(second)
    told: dict[str, Any] = {"minReaderVersion": reader, "minWriterVersion": _WITH_FEATURES[1]}
    if reader >= _WITH_FEATURES[0]:
        told["readerFeatures"] = sorted(features & _READER_FEATURES)
    return {**told, "writerFeatures": sorted(features)}


def _features(protocol: Mapping[str, Any]) -> frozenset[str]:
    named = frozenset(protocol.get("writerFeatures") or ()) | frozenset(protocol.get("readerFeatures") or ())
    writer = protocol["minWriterVersion"]
    implied = {name for since, names in _IMPLIED.items() if since <= writer < _WITH_FEATURES[1] for name in names}
    return named | implied


def _require_known(folder: Path, state: TableState) -> None:
    if strange := sorted(_features(state.protocol) - KNOWN_FEATURES):
        raise _unknown(folder, f"the table feature {strange[0]}")
    if state.properties.get("delta.enableInCommitTimestamps", "").lower() == "true":
        raise _unknown(folder, "timestamps in its commits")
    for file in state.files.values():
        if file.get("deletionVector"):
            raise DatasetError(
                f"{folder} has deletion vectors: deleted rows are still in its files",
                hint="purge it first: REORG TABLE ... APPLY (PURGE)",
            )
        if "://" in file["path"] or file["path"].startswith("/"):
            raise DatasetError(
                f"{folder} has files that lie elsewhere, as a shallow clone does", hint="make a deep copy of it first"
            )


def _unknown(folder: Path, what: str) -> DatasetError:
    return DatasetError(f"{folder} has {what}, which can't be carried over", hint="copy or restore it with Spark")


def _actions(folder: Path, log: delta_log.Log, version: int) -> Iterator[Action]:
    """All actions up to a version in their order, from the last checkpoint before it where older commits are gone."""
    start = 0
    if log.read(0) is None:
        start, path = _checkpoint(folder, version)
        yield from _in_checkpoint(path)
        start += 1
    for number in range(start, version + 1):
        commit = delta_log.actions(log, number)
        if commit is None:
            raise DatasetError(f"commit {number} of {folder} is no longer in the log", hint="name a newer version")
        yield from commit


def _checkpoint(folder: Path, version: int) -> tuple[int, Path]:
    found = [
        (int(match[1]), path)
        for path in (folder / "_delta_log").iterdir()
        if (match := _CHECKPOINT.fullmatch(path.name)) and int(match[1]) <= version
    ]
    if not found:
        raise DatasetError(
            f"version {version} of {folder} is older than what its log keeps", hint="name a newer version"
        )
    return max(found)


def _in_checkpoint(path: Path) -> Iterator[Action]:
    import pyarrow.parquet as pq

    wanted = ("protocol", "metaData", "add", "domainMetadata")
    file = pq.ParquetFile(path)
    names = [name for name in file.schema_arrow.names if name in wanted]
    for batch in file.iter_batches(columns=names):
        for row in batch.to_pylist(maps_as_pydicts="strict"):
            for name, told in row.items():
                if told is not None:
                    yield {name: _plain(told)}


def _plain(value: Any) -> Any:
    """As JSON has it: what is null is not there, but for the value of a partition, where null is one."""
    if not isinstance(value, dict):
        return value
    return {
        key: own if key == "partitionValues" else _plain(own)
        for key, own in value.items()
        if own is not None and not key.endswith("_parsed")
    }


__all__ = ["Action", "TableState", "joined", "state_at"]
