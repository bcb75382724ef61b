"""Lineage events on disk first, then to whatever receiver OpenLineage's own configuration names.

``<home>/lineage/events.jsonl`` is the file transport of every run: one event a line, locked and synced, which
OpenLineage's own file transport is not. Events leave it in order for the receiver, and a receiver that can't
be reached finds them there next time. A run that is under way holds a lock on a file in ``open/``: the lock
goes with the process, so another run can tell the dead from the slow and end them. Not every file system that machines
share passes locks on: a run under another kernel is dead only when it has not touched its file for minutes.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clearance.errors import LineageError
from clearance.governance.identity import dataset_identity
from clearance.governance.processes import kernel

Event = dict[str, Any]

_log = logging.getLogger(__name__)
_BACK_OFF_S = 60.0
_CLOSE_S = 30.0
_STALE_S = 180.0
# When to try a spool's receiver again. One for the process: each of a hundred runs has a spool of its own, and
# waiting for a dead receiver takes seconds.
_wait_until: dict[Path, float] = {}


class OpenRun:
    """The mark of a run under way. Its START event is kept in it, so that others can end the run."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    @property
    def run_id(self) -> str:
        """The run that it is of."""
        return self._path.stem

    def close(self) -> None:
        """The run has ended and said so."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        self.leave()

    def touch(self) -> None:
        """Say that the run still lives."""
        with suppress(OSError):
            os.utime(self._descriptor)

    def leave(self) -> None:
        """Let go of it, and let it stay."""
        with suppress(OSError):
            os.close(self._descriptor)


class LineageSpool:
    """Events of one folder on this machine. Raises LineageError when it can't be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "events.jsonl"
        self._cursor = folder / "delivered.json"

    @classmethod
    def for_home(cls, home: str) -> "LineageSpool":
        """The spool of a home; where the home is an object store, a folder of its own in ``./.clearance`` keeps it.

        What another home wrote is not this one's: its heads are in another chain, its runs in another registry. By
        ``s3a`` it is the home that it is by ``s3``, with the same live runs. Raises ``UsageError`` for a URI that
        carries a credential.
        """
        if "://" not in home:
            return cls(Path(home) / "lineage")
        return cls(Path.cwd() / ".clearance" / quote(dataset_identity(home).key, safe="") / "lineage")

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event and wait until it is on disk."""
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                end = file.seek(0, os.SEEK_END)
                if end:
                    # A process killed while writing leaves half a line: it must not swallow this one.
                    file.seek(end - 1)
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LineageError(
                f"Lineage can't be written to {self.folder}.", hint="Set CLEARANCE_HOME to a writable folder."
            ) from error

    def events(self) -> Iterator[Event]:
        """Every event, oldest first; nothing where there is no spool. Raises LineageError where it can't be read."""
        for _, event in self._read(0):
            if event is not None:
                yield event

    def _read(self, offset: int) -> Iterator[tuple[int, Event | None]]:
        """Events from a byte offset, each with the offset behind it; None for half a line."""
        if not self.path.exists():
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise LineageError(
                f"Lineage can't be read from {self.path} ({type(error).__name__}).",
                hint="Ask the owner of the home for the right to read it.",
            ) from error
        with file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                try:
                    event = json.loads(line)
                except ValueError:
                    event = None
                yield offset, event if isinstance(event, dict) else None

    def deliver(self, *, force: bool = False) -> int:
        """Send what the configured receiver has not got yet; return how many events went out.

        Sends nothing without a receiver, or when OPENLINEAGE_DISABLED is set. A receiver that fails is left
        alone for a minute (unless ``force``), and the events stay. Never raises for the receiver's sake: the
        file is the record, and a dead receiver must not fail a job.
        """
        if not _receiver_configured() or not self.path.exists():
            return 0
        if not force and time.monotonic() < _wait_until.get(self.folder, 0.0):
            return 0
        with self._only_one() as alone:
            sent = more = self._send() if alone else 0
            # Others that wrote meanwhile found the lock taken, and count on us.
            while more and self.folder not in _wait_until and self._delivered() < self.path.stat().st_size:
                more = self._send()
                sent += more
            return sent

    @contextmanager
    def _only_one(self) -> Iterator[bool]:
        with (self.folder / "deliver.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False  # another process sends, and will send ours too
            else:
                yield True

    def _send(self) -> int:
        sent, offset = 0, self._delivered()
        _wait_until.pop(self.folder, None)
        try:
            client = _client()
            try:
                for offset_behind, event in self._read(offset):
                    if event is not None:
                        client.emit(_to_client_event(event))
                        sent += 1
                    offset = offset_behind
            finally:
                # Some transports send in the background: not delivered until they say so.
                if client.close(_CLOSE_S) is False:
                    raise TimeoutError
                self._cursor.write_text(json.dumps({"offset": offset}))
        except Exception as error:
            # Any transport raises what it likes, and its message may quote the event.
            _wait_until[self.folder] = time.monotonic() + _BACK_OFF_S
            _log.warning("lineage receiver not reached (%s); events stay in the spool", type(error).__name__)
        return sent

    def _delivered(self) -> int:
        try:
            offset = int(json.loads(self._cursor.read_text())["offset"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0
        # Somebody began a new file.
        return offset if offset <= self.path.stat().st_size else 0

    def hold(self, run_id: str, start: Mapping[str, Any]) -> OpenRun:
        """Mark a run as under way for as long as this process lives."""
        folder = self.folder / "open"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Locked before it gets its name, or a sweep could take it for a dead one.
            fresh = folder / f".{run_id}"
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, json.dumps({"start": start, "kernel": kernel()}, ensure_ascii=False).encode())
            return OpenRun(fresh.rename(folder / f"{run_id}.json"), descriptor)
        except OSError as error:
            raise LineageError(
                f"Lineage can't be written to {self.folder}.", hint="Set CLEARANCE_HOME to a writable folder."
            ) from error

    def is_open(self, run_id: str) -> bool:
        """Whether a run has started here and not yet ended, alive or not."""
        return (self.folder / "open" / f"{run_id}.json").exists()

    def is_held(self, run_id: str) -> bool:
        """Whether the process of a run that started here holds its mark, as far as locks reach."""
        try:
            descriptor = os.open(self.folder / "open" / f"{run_id}.json", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def dead(self) -> list[str]:
        """The ids of runs whose processes are gone; nothing is changed."""
        found = []
        for _, mark in self.dead_runs():
            found.append(mark.run_id)
            mark.leave()
        return found

    def dead_runs(self) -> Iterator[tuple[Event, OpenRun]]:
        """START events of runs whose process is gone. Close each once its end is written."""
        for path in sorted((self.folder / "open").glob("*.json")):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except (FileNotFoundError, PermissionError):
                continue  # it has ended, or is another user's in a home that is shared: theirs to end
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)  # alive
                continue
            mark = OpenRun(path, descriptor)
            if os.fstat(descriptor).st_nlink == 0:
                mark.close()  # it ended between our two steps
                continue
            state = os.fstat(descriptor)
            try:
                told = json.loads(os.read(descriptor, state.st_size))
            except ValueError:
                told = {}
            told = told if isinstance(told, dict) else {}
            if told.get("kernel") != kernel() and time.time() - state.st_mtime < _STALE_S and "start" in told:
                mark.leave()  # another machine's, perhaps: its lock may not reach here
                continue
            start = told.get("start", told)
            yield start if isinstance(start, dict) else {}, mark


def _receiver_configured() -> bool:
    """Whether the user named a receiver, by any of the ways OpenLineage's client knows."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    if any(name == "OPENLINEAGE_URL" or name.startswith("OPENLINEAGE__TRANSPORT") for name in os.environ):
        return True
    files = [Path("openlineage.yml"), Path.home() / ".openlineage" / "openlineage.yml"]
    if named := os.environ.get("OPENLINEAGE_CONFIG"):
        files.append(Path(named))
    return any(file.is_file() for file in files)


def _client() -> Any:
    from openlineage.client import OpenLineageClient

    client = OpenLineageClient()
    wanted = (client.config.transport or {}).get("type")
    # A configuration the client can't use makes it print to a log: that is nobody having got the events.
    if client.transport.kind == "noop" or (client.transport.kind == "console" and wanted != "console"):
        raise LineageError("OpenLineage's configuration names no usable transport.")
    return client


def _to_client_event(event: Event) -> Any:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import tags_run

    run_facets = dict(event["run"].get("facets", {}))
    if tags := run_facets.get("tags"):
        # The one facet that the client adds to, and wants as its own class.
        fields = [tags_run.TagsRunFacetFields(**tag) for tag in tags["tags"]]
        run_facets["tags"] = tags_run.TagsRunFacet(tags=fields, producer=tags["_producer"])
    return RunEvent(
        eventType=RunState[event["eventType"]],
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(runId=event["run"]["runId"], facets=run_facets),
        job=Job(**event["job"]),
        inputs=[InputDataset(**dataset) for dataset in event.get("inputs", ())],
        outputs=[OutputDataset(**dataset) for dataset in event.get("outputs", ())],
    )
