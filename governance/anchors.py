"""Heads of the audit that are kept elsewhere, and the audit as a file for whoever may not see the registry.

A head in a file on write-once storage, or in a lineage event at its receiver, is what a truncation or a chain that was
written anew does not agree with. A file is written once: an existing one is never touched.
"""

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from clearance.errors import UsageError
from clearance.governance import canonical
from clearance.governance.chain import COPIED, Head
from clearance.governance.lineage_facets import head_of

_ANCHOR = "clearance-audit-head"


def write_anchor(path: Path, head: Head) -> None:
    """The head as a new file. Raises ``UsageError`` where a file is already, or none can be written."""
    told = {"kind": _ANCHOR, "index": head.index, "hash": head.hash, "at": datetime.now(UTC).isoformat()}
    write_new(path, json.dumps(told) + "\n")


def write_new(path: Path, text: str) -> None:
    """A file that was not there. Raises ``UsageError``."""
    with new_file(path) as file:
        file.write(text)


@contextmanager
def new_file(path: Path, *, compressed: bool = False) -> Iterator[IO[str]]:
    """A file that was not there, and is on disk at the end; one that can't be written whole is taken away again, for a
    chain that breaks off early looks like one that is whole. Raises ``UsageError``.
    """
    try:
        raw = path.open("xb")
    except FileExistsError:
        raise UsageError(f"{path} is there already, and is never written over", hint="name another file") from None
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        with raw:
            packed = gzip.GzipFile(fileobj=raw, mode="wb") if compressed else None
            text = TextIOWrapper(packed or raw, encoding="utf-8")
            yield text
            text.flush()
            text.detach()
            if packed is not None:
                packed.close()
            raw.flush()
            os.fsync(raw.fileno())
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unwritten(path, error) from None
        raise


def _unwritten(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} can't be written: {error.strerror}", hint="name another place")


def read_anchors(path: Path) -> list[Head]:
    """Heads in a file: an anchor, or lineage events, one a line. Raises ``UsageError`` where there is none."""
    found: list[Head] = []
    for told in _lines(path):
        if told.get("kind") == _ANCHOR and isinstance(told.get("index"), int) and isinstance(told.get("hash"), str):
            found.append(Head(told["index"], told["hash"]))
        else:
            found += anchored([told])
    if not found:
        raise UsageError(
            f"{path} holds no head of an audit", hint="name what `clearance audit anchor` wrote, or events"
        )
    return found


def anchored(events: Iterable[Mapping[str, Any]]) -> list[Head]:
    """The heads that lineage events carry."""
    return [Head(*head) for head in map(head_of, events) if head is not None]


def export_text(entries: Iterable[Mapping[str, Any]]) -> str:
    """Entries as canonical JSON, one a line, each with its ``hash``."""
    return "".join(canonical.canonical(entry).decode() + "\n" for entry in entries)


def read_export(path: Path) -> Sequence[dict[str, Any]]:
    """The rows of a chain from what ``export_text`` gave. Raises ``UsageError`` for another file."""
    rows = []
    for told in _lines(path):
        digest = told.pop("hash", None)
        if not isinstance(digest, str) or not isinstance(told.get("index"), int):
            raise UsageError(f"{path} is no exported audit", hint="name what `clearance audit export` wrote")
        rows.append({**{name: told.get(name) for name in COPIED}, "entry": told, "hash": digest})
    return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise UsageError(f"{path} can't be read", hint="name a file of JSON lines") from None
    for text in texts:
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise UsageError(f"{path} is no file of JSON lines", hint="name a file of JSON lines")
        yield told


__all__ = ["anchored", "export_text", "new_file", "read_anchors", "read_export", "write_anchor", "write_new"]
