"""The digest of a dataset's content: one SHA-256 over its data files, so that a statement can name what it speaks of.

Local files are read and digested byte by byte; of files elsewhere the names and sizes are taken, and the result says so
(Spark writes each file under a name of its own and never again). A Delta table's content is the files that its log
names, each with the partition that the log gives it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from clearance.errors import DatasetError
from clearance.governance import canonical
from clearance.governance.observation import data_files, is_delta

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """``by`` is ``bytes`` when the files were read, ``names`` when only their names and sizes were."""

    digest: str
    by: Literal["bytes", "names"]
    files: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"sha256": self.digest, "by": self.by, "files": self.files}


def content_of(location: str, version: int | None = None) -> Content:
    """The content at a local path or a URI as it is now, or of a Delta table as it was at ``version``.

    Raises ``DatasetError`` where nothing can be read.
    """
    entries = sorted(_delta(location, version) if is_delta(location) else _files(location))
    local = "://" not in location
    told: list[list[Any]] = []
    for name, size, partition in entries:
        digest = _digest(Path(location), name) if local else None
        told.append([name, size, partition, digest])
    return Content(canonical.digest(told), "bytes" if local else "names", len(told))


def _delta(location: str, version: int | None) -> Iterator[tuple[str, int, str]]:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(location, version=version)
        actions = table.get_add_actions(flatten=False)
        partitions = actions.column("partition").to_pylist() if "partition" in actions.column_names else None
        rows = zip(actions.column("path").to_pylist(), actions.column("size_bytes").to_pylist(), strict=True)
        for number, (path, size) in enumerate(rows):
            values = sorted((partitions[number] or {}).items()) if partitions else []
            yield unquote(path), int(size), json.dumps(values, default=str)
        deleted = table.deletion_vectors().read_all().num_rows
    except (DeltaError, OSError, ValueError) as error:
        raise DatasetError(
            f"the files of {location} can't be listed ({type(error).__name__})", hint="check the path and permissions"
        ) from None
    if deleted:
        raise DatasetError("the table has deletion vectors", hint="purge it first: REORG TABLE ... APPLY (PURGE)")


def _files(location: str) -> Iterator[tuple[str, int, str]]:
    for name, size, _ in data_files(location):
        yield name, size, ""


def _digest(root: Path, name: str) -> str:
    path = root if root.is_file() else root / name
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError as error:
        raise DatasetError(
            f"a data file of {root} can't be read ({error.strerror})", hint="the dataset is not whole: restore it"
        ) from None
    return found.hexdigest()
