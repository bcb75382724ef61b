"""The trace of a run: OpenLineage START, then COMPLETE or FAIL, each naming inputs and outputs."""

import os
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clearance.errors import ClearanceError, LineageError
from clearance.governance import lineage_facets as facets
from clearance.governance.lineage_facets import LineageDataset
from clearance.governance.lineage_schemas import RUN_EVENT, validate
from clearance.governance.lineage_spool import LineageSpool, OpenRun
from clearance.governance.runs import new_run_id as new_run_id

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ParentRun:
    """A run that others belong to. ``root`` is its own topmost parent, None when it has none."""

    run_id: str
    namespace: str
    job: str
    root: "ParentRun | None" = None

    @classmethod
    def from_environment(cls) -> "ParentRun | None":
        """The scheduler's task, from OPENLINEAGE_PARENT_ID (``namespace/job/run id``), or None.

        Raises LineageError when the variable is set to something else.
        """
        if not (text := os.environ.get("OPENLINEAGE_PARENT_ID")):
            return None
        place, _, run_id = text.rpartition("/")
        namespace, _, job = place.rpartition("/")
        try:
            return cls(str(uuid.UUID(run_id)), namespace or "default", job)
        except ValueError:
            raise LineageError(
                "OPENLINEAGE_PARENT_ID is not namespace/job/run-id.", hint="Correct the variable or unset it."
            ) from None


class LineageRun:
    """One run of one job. Call :meth:`start` once, then :meth:`complete` or :meth:`fail` once.

    Every event is validated, then on disk, then sent. LineageError means that it is not on record.
    """

    def __init__(
        self,
        job: str,
        spool: LineageSpool,
        *,
        run_id: str | None = None,
        parent: ParentRun | None = None,
        engine: tuple[str, str] | None = None,
        clock: Clock = _now,
    ) -> None:
        """``engine`` is the processing engine's name and version; ``clock`` gives aware datetimes."""
        self.job = job
        self.run_id = run_id or new_run_id()
        self.namespace = os.environ.get("OPENLINEAGE_NAMESPACE") or "clearance"
        self._parent = parent
        self._engine = engine
        self._spool = spool
        self._clock = clock
        self._inputs: Sequence[LineageDataset] = ()
        self._outputs: Sequence[LineageDataset] = ()
        self._open: OpenRun | None = None
        self._ended = False

    @property
    def as_parent(self) -> ParentRun:
        """What to give to runs that belong to this one."""
        root = None if self._parent is None else (self._parent.root or self._parent)
        return ParentRun(self.run_id, self.namespace, self.job, root)

    def start(self, inputs: Sequence[LineageDataset] = (), outputs: Sequence[LineageDataset] = ()) -> None:
        """Say that the run begins. Name the outputs now: a run that dies is ended with them."""
        if self._open is not None or self._ended:
            raise LineageError("A lineage run starts only once.")
        self._inputs, self._outputs = inputs, outputs
        event = self._event("START", {})
        validate(event)
        self._open = self._spool.hold(self.run_id, event)
        self._write(event)

    def complete(
        self,
        inputs: Sequence[LineageDataset] | None = None,
        outputs: Sequence[LineageDataset] | None = None,
        *,
        label: Mapping[str, Any] | None = None,
        head: tuple[int, str] | None = None,
    ) -> None:
        """Say that the run is done. Datasets given here replace those of the start; ``label`` tags the run, and
        ``head`` anchors the audit: index and hash of its newest entry."""
        self._end("COMPLETE", _run_tags(label, head), inputs, outputs)

    def fail(
        self,
        error: BaseException,
        inputs: Sequence[LineageDataset] | None = None,
        outputs: Sequence[LineageDataset] | None = None,
        *,
        head: tuple[int, str] | None = None,
    ) -> None:
        """Say that the run failed. Only our own errors' messages are known to hold no data; of any other
        error the event carries the class alone."""
        told = error.message if isinstance(error, ClearanceError) else type(error).__name__
        self._end("FAIL", {"errorMessage": facets.error_facet(told), **_run_tags(None, head)}, inputs, outputs)

    def touch(self) -> None:
        """Leave a sign of life on the run's mark, for those who can't see its process."""
        if self._open is not None:
            self._open.touch()

    def _end(
        self,
        kind: str,
        run_facets: Mapping[str, Any],
        inputs: Sequence[LineageDataset] | None,
        outputs: Sequence[LineageDataset] | None,
    ) -> None:
        if self._open is None or self._ended:
            raise LineageError("A lineage run ends only once, and only after its start.")
        self._inputs = self._inputs if inputs is None else inputs
        self._outputs = self._outputs if outputs is None else outputs
        event = self._event(kind, run_facets)
        validate(event)
        self._write(event)
        self._ended = True
        self._open.close()

    def _write(self, event: dict[str, Any]) -> None:
        self._spool.append(event)
        self._spool.deliver()

    def _event(self, kind: str, run_facets: Mapping[str, Any]) -> dict[str, Any]:
        own = dict(run_facets)
        if self._engine is not None:
            own["processing_engine"] = facets.engine_facet(*self._engine)
        if self._parent is not None:
            own["parent"] = facets.parent_facet(_triple(self._parent), _triple(self._parent.root or self._parent))
        return {
            "eventType": kind,
            "eventTime": _stamp(self._clock),
            "producer": facets.PRODUCER,
            "schemaURL": RUN_EVENT,
            "run": {"runId": self.run_id, "facets": own},
            "job": {
                "namespace": self.namespace,
                "name": self.job,
                "facets": {"jobType": facets.job_type_facet()},
            },
            "inputs": [_dataset(d, "inputFacets", d.input_facets) for d in self._inputs],
            "outputs": [_dataset(d, "outputFacets", d.output_facets) for d in self._outputs],
        }


def end_dead_runs(
    spool: LineageSpool, *, clock: Clock = _now, first: Callable[[Sequence[str]], Collection[str]] | None = None
) -> list[str]:
    """Write the last event of every run whose process is gone; return their run ids.

    Call it before a run: what the dead ones staged can be removed by these ids. ``first`` is called with the ids before
    their ends are written, and returns those that were complete but for that event; all others failed. What it raises
    leaves all of them for another time.
    """
    dead: list[tuple[dict[str, Any], OpenRun]] = []
    for start, mark in spool.dead_runs():
        try:
            validate(start)
            dead.append((start, mark))
        except LineageError:
            # Not our START event: nothing to end, and no reason to stop a run that is well.
            mark.close()
    ended = [str(start["run"]["runId"]) for start, _ in dead]
    try:
        complete = first(ended) if ended and first is not None else ()
        for start, mark in dead:
            spool.append(_end_of(start, clock, complete=start["run"]["runId"] in complete))
            mark.close()
    except BaseException:
        for _, mark in dead:
            mark.leave()
        raise
    if ended:
        spool.deliver()
    return ended


def _end_of(start: Mapping[str, Any], clock: Clock, *, complete: bool) -> dict[str, Any]:
    """What the process had not yet said stays unsaid: neither columns nor labels, so a reader takes the maximum."""
    run = start["run"]
    if not complete:
        told = facets.error_facet("The process ended before the run did.")
        run = {**run, "facets": {**run.get("facets", {}), "errorMessage": told}}
    return {**start, "eventType": "COMPLETE" if complete else "FAIL", "eventTime": _stamp(clock), "run": run}


def _run_tags(label: Mapping[str, Any] | None, head: tuple[int, str] | None) -> dict[str, Any]:
    return {"tags": facets.run_tags_facet(label, head)} if label is not None or head is not None else {}


def _triple(run: ParentRun) -> tuple[str, str, str]:
    return run.run_id, run.namespace, run.job


def _stamp(clock: Clock) -> str:
    return clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dataset(dataset: LineageDataset, own_name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "namespace": dataset.namespace,
        "name": dataset.name,
        "facets": dict(dataset.facets),
    }
    return {**plain, own_name: dict(own)} if own else plain
