"""A Delta table carried to another place as it stands, and put there by one commit. No Spark, local paths.

Files keep their names and bytes, so that what was signed of them holds of the copy, too. They wait beside the target
until all of them were looked at; that a reader sees them is one file in the target's log, which is either there or not.
Why not ``deltalake`` or Spark: docs/decisions/0021-promotion-carries-files.md.
"""

import filecmp
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from clearance.errors import DatasetError, PublishError
from clearance.files import sync
from clearance.governance.delta_state import Action, TableState, joined
from clearance.governance.observation import Observation, schema_fingerprint
from clearance.version import __version__

_LOG = "_delta_log"


@dataclass(frozen=True)
class Commit:
    """A commit that is ready to be put into a log as ``version``. ``committed``: its time, in ms."""

    version: int
    committed: int
    metadata: Mapping[str, Any]
    actions: tuple[Action, ...]

    @property
    def observation(self) -> Observation:
        """The table as it will be, as a check will compare it."""
        fingerprint = schema_fingerprint(str(self.metadata["schemaString"]))
        return Observation("delta", str(self.version), fingerprint, self.metadata["id"], self.committed)


def planned(
    wanted: TableState,
    there: TableState | None,
    *,
    properties: Mapping[str, str],
    columns: Mapping[str, Mapping[str, Any]],
    operation: str,
    parameters: Mapping[str, str],
) -> Commit:
    """The commit that makes of the table that is ``there`` (None: no table) the one that is ``wanted``.

    ``properties`` and ``columns`` (metadata by top-level name) are ours, and take the place of all others that begin
    with ``clearance.``. Raises ``PublishError`` where the target takes additions only.
    """
    if there is not None and there.properties.get("delta.appendOnly", "").lower() == "true":
        raise PublishError("the target takes additions only (delta.appendOnly)", hint="name another target")
    now = time.time_ns() // 1_000_000
    metadata = {
        **wanted.metadata,
        "id": there.metadata["id"] if there is not None else str(uuid.uuid4()),
        "schemaString": json.dumps(_with_metadata(wanted.schema, columns), separators=(",", ":")),
        "configuration": {**_others(wanted.properties), **properties},
        "createdTime": there.metadata.get("createdTime", now) if there is not None else now,
    }
    before = there.files if there is not None else {}
    protocol = joined(wanted.protocol, there.protocol) if there is not None else dict(wanted.protocol)
    info = {
        "timestamp": now,
        "operation": operation,
        "operationParameters": dict(parameters),
        "isBlindAppend": False,
        "engineInfo": f"clearance/{__version__}",
        "txnId": str(uuid.uuid4()),
    }
    actions: list[Action] = [{"commitInfo": info}]
    if there is None or protocol != dict(there.protocol):
        actions.append({"protocol": protocol})
    actions.append({"metaData": metadata})
    actions += [{"remove": _removal(file, now)} for path, file in before.items() if path not in wanted.files]
    actions += [{"add": {**file, "dataChange": True}} for path, file in wanted.files.items() if path not in before]
    return Commit(there.version + 1 if there is not None else 0, now, metadata, tuple(actions))


def _removal(file: Mapping[str, Any], now: int) -> Action:
    told = {name: file[name] for name in ("path", "partitionValues", "size") if name in file}
    return {**told, "deletionTimestamp": now, "dataChange": True, "extendedFileMetadata": True}


def _others(properties: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in properties.items() if not key.startswith("clearance.")}


def _with_metadata(schema: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    fields = []
    for field in schema["fields"]:
        told = columns.get(field["name"])
        metadata = field.get("metadata") or {}
        fields.append({**field, "metadata": {**_others(metadata), **told} if told is not None else metadata})
    return {**schema, "fields": fields}


def stage(source: Path, state: TableState, folder: Path) -> None:
    """A whole copy of the table at this state, as version 0 of a table of its own. Raises ``DatasetError``."""
    try:
        for file in state.files.values():
            name = unquote(file["path"])
            to = folder / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, to)
            if to.stat().st_size != file["size"]:
                raise DatasetError(f"a file of {source} is not as long as its log says", hint="restore the table")
            sync(to)
        log = folder / _LOG
        log.mkdir(parents=True, exist_ok=True)
        actions = [{"protocol": dict(state.protocol)}, {"metaData": dict(state.metadata)}]
        _write(log / f"{0:020d}.json", [*actions, *({"add": dict(file)} for file in state.files.values())])
    except OSError as error:
        raise DatasetError(
            f"{source} can't be copied ({error.strerror})", hint="its files must be there, and space for them"
        ) from None


def place(staged: Path, state: TableState, target: Path) -> None:
    """Moves staged files to where the target's log will name them; nobody reads them before it does.

    Raises ``PublishError``.
    """
    try:
        # First of all: without it the folder would be no table to the next run.
        (target / _LOG).mkdir(parents=True, exist_ok=True)
        for file in state.files.values():
            name = unquote(file["path"])
            own, to = staged / name, target / name
            if to.exists():
                if filecmp.cmp(own, to, shallow=False):
                    continue
                raise PublishError(f"another file of the same name is in {target}", hint="look at who wrote it there")
            to.parent.mkdir(parents=True, exist_ok=True)
            own.replace(to)
            sync(to.parent)
    except OSError as error:
        raise _unwritable(target, error) from None


def require_files(table: Path, state: TableState) -> None:
    """Raises ``DatasetError`` unless all files of a state are still there."""
    for file in state.files.values():
        path = table / unquote(file["path"])
        if not path.is_file() or path.stat().st_size != file["size"]:
            raise DatasetError(
                f"files of version {state.version} of {table} are gone (VACUUM removes them)",
                hint="name a newer version, or promote it again from where it came from",
            )


def put(commit: Commit, target: Path, waiting: Path) -> None:
    """Makes the commit the target's next version in one step. ``waiting``: a folder beside it for the moment before.

    Raises ``PublishError`` when someone else was first; the target is as they left it then.
    """
    final = target / _LOG / f"{commit.version:020d}.json"
    own = waiting / f"commit-{uuid.uuid4().hex}.json"
    try:
        waiting.mkdir(parents=True, exist_ok=True)
        _write(own, commit.actions)
        # A link comes to be whole or not at all, and never in the place of another file; a rename would replace it.
        os.link(own, final)
        sync(final.parent)
        own.unlink()
    except FileExistsError:
        raise PublishError(
            f"{target} was changed by someone else meanwhile", hint="run again on the new state"
        ) from None
    except OSError as error:
        raise _unwritable(target, error) from None


def _write(path: Path, actions: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for action in actions:
            file.write(json.dumps(action, ensure_ascii=False, separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _unwritable(target: Path, error: OSError) -> PublishError:
    return PublishError(
        f"{target} can't be written ({error.strerror})",
        hint="check permissions and space; the file system must know hard links",
    )


__all__ = ["Commit", "place", "planned", "put", "require_files", "stage"]
