"""Walks through lineage: where a column comes from, and what comes from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clearance.governance.lineage_events import NOWHERE, Hop
from clearance.governance.lineage_flows import OTHERS, flows, plain, related


@dataclass(frozen=True, slots=True)
class Step:
    """One column that flows into another. ``field`` and ``column`` "": any column of source and dataset."""

    depth: int
    source: str
    field: str
    dataset: str
    column: str
    job: str
    how: str


class Graph:
    """All edges between columns, to be walked either way."""

    def __init__(self, hops: Iterable[Hop]) -> None:
        self._into: dict[str, list[Step]] = {}
        self._from: dict[str, list[Step]] = {}
        for step in dict.fromkeys(step for hop in hops for step in _edges(hop)):
            self._into.setdefault(step.dataset, []).append(step)
            self._from.setdefault(step.source, []).append(step)

    def upstream(self, dataset: str, column: str = "") -> list[Step]:
        """Everything that a dataset or column comes from, nearest first; each edge once."""
        return self._walk(dataset, column, up=True)

    def downstream(self, dataset: str, column: str = "") -> list[Step]:
        """Everything that comes from a dataset or column, nearest first; each edge once."""
        return self._walk(dataset, column, up=False)

    def all(self) -> list[Step]:
        """Every edge."""
        return [step for group in self._into.values() for step in group]

    def _walk(self, dataset: str, column: str, *, up: bool) -> list[Step]:
        found: dict[Step, Step] = {}
        seen = {(dataset, column)}
        front = [(dataset, column)]
        depth = 0
        while front:
            depth, behind, front = depth + 1, front, []
            for here, path in behind:
                for step in (self._into if up else self._from).get(here, ()):
                    near, far = (step.column, step.field) if up else (step.field, step.column)
                    if step in found or not _meet(near, path):
                        continue
                    # The same data under another name has the same columns.
                    far = path if step.how == "COPY" else far
                    found[step] = Step(depth, step.source, step.field, step.dataset, step.column, step.job, step.how)
                    place = (step.source if up else step.dataset, far)
                    if place not in seen and place[0] != NOWHERE:
                        seen.add(place)
                        front.append(place)
        return list(found.values())


def _meet(one: str, other: str) -> bool:
    return not one or not other or OTHERS in (one, other) or related(plain(one), plain(other))


def _edges(hop: Hop) -> Iterator[Step]:
    if hop.copy:
        yield from (Step(0, source, "", hop.output, "", hop.job, "COPY") for source in hop.inputs)
        return
    for column, origins in flows(hop):
        for one in origins:
            yield Step(0, one.dataset, one.column, hop.output, column, hop.job, one.how)
