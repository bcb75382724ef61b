"""Lineage for people and for other tools: steps as dictionaries, as a Mermaid chart, as OpenLineage events."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from clearance.governance import lineage_facets as facets
from clearance.governance.identity import dataset_identity
from clearance.governance.inherited import Inherited
from clearance.governance.lineage_graph import Graph, Step
from clearance.governance.lineage_labels import Derivation
from clearance.jobs.verdict_words import printable

DATASET_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent"
_INDIRECT = {"JOIN", "GROUP_BY", "FILTER", "SORT", "WINDOW", "CONDITIONAL", "INDIRECT"}
_UNKNOWN = "(unknown)"


class Lineage:
    """The lineage on record with the labels that it gives."""

    def __init__(self, derivation: Derivation) -> None:
        self._labels = derivation
        derivation.run()
        self.graph = Graph(derivation.steps)

    def view(self, steps: Iterable[Step], **about: Any) -> dict[str, Any]:
        """JSON-ready: the steps, and the level of each dataset that they touch."""
        steps = list(steps)
        names = dict.fromkeys(name for step in steps for name in (step.source, step.dataset))
        return {
            **about,
            "steps": [
                {
                    "depth": step.depth,
                    "source": step.source or _UNKNOWN,
                    "field": step.field,
                    "level": self._labels.level(step.source, step.field),
                    "dataset": step.dataset,
                    "column": step.column,
                    "job": step.job,
                    "how": step.how,
                }
                for step in steps
            ],
            "datasets": {name or _UNKNOWN: self._labels.level(name) for name in names},
        }


def mermaid(view: Mapping[str, Any]) -> str:
    """A flow chart of a view: datasets with their levels, an arrow for each job between two of them."""
    names = {name: f"d{number}" for number, name in enumerate(view["datasets"])}
    lines = ["flowchart LR"]
    lines += [f'  {names[name]}["{_quoted(name)}<br/>{level}"]' for name, level in view["datasets"].items()]
    arrows = dict.fromkeys((step["source"], step["job"], step["dataset"]) for step in view["steps"])
    lines += [f'  {names[source]} -->|"{_quoted(job)}"| {names[dataset]}' for source, job, dataset in arrows]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A text inside a node: what Mermaid or HTML would read becomes an entity code."""
    plain = printable(text).replace("#", "#35;").replace("&", "#38;").replace('"', "#quot;")
    return plain.replace("<", "#60;").replace(">", "#62;").replace("`", "#96;").replace("|", "#124;")


def openlineage(view: Mapping[str, Any], labels: Mapping[str, Inherited]) -> list[dict[str, Any]]:
    """A DatasetEvent for each dataset that something flows into, with its derived label as tags and its columns."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    events = []
    for dataset in sorted({step["dataset"] for step in view["steps"]}):
        identity = dataset_identity(dataset)
        told = labels[dataset]
        own: dict[str, Any] = {
            "tags": facets.tags_facet(told.label.to_dict(), {p: la.to_dict() for p, la in told.columns.items()})
        }
        known = [s for s in view["steps"] if s["dataset"] == dataset and s["source"] != _UNKNOWN and s["field"]]
        edges = [
            facets.ColumnEdge(
                step["column"],
                dataset_identity(step["source"]),
                step["field"],
                identity=step["how"] == "IDENTITY",
                description=step["how"].lower(),
                filters=not step["column"] or step["how"] in _INDIRECT,
            )
            for step in known
        ]
        if edges:
            own["columnLineage"] = facets.column_lineage_facet(edges)
        events.append(
            {
                "eventTime": now,
                "producer": facets.PRODUCER,
                "schemaURL": DATASET_EVENT,
                "dataset": {"namespace": identity.namespace, "name": identity.name, "facets": own},
            }
        )
    return events
