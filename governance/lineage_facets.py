"""OpenLineage facets as plain dictionaries, built from what the jobs know. No facet takes a value of the data.

Minimum, maximum and quantiles exist in OpenLineage's data quality facets and are left out on purpose.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearance.governance.identity import DatasetIdentity
from clearance.governance.lineage_schemas import facet_schema
from clearance.version import __version__

Facet = dict[str, Any]

PRODUCER = f"https://pypi.org/project/clearance/{__version__}"
_SOURCE = "CLEARANCE"


@dataclass(frozen=True, slots=True)
class LineageDataset:
    """One input or output of an event: its name and its facets, by facet name."""

    namespace: str
    name: str
    facets: Mapping[str, Facet] = field(default_factory=dict)
    input_facets: Mapping[str, Facet] = field(default_factory=dict)
    output_facets: Mapping[str, Facet] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnEdge:
    """An output column and one input column that it comes from; both are column paths.

    ``masking`` says that the input's content can't be read from the output; ``description`` names the
    method. An unchanged copy is ``identity``. ``filters`` says that the input decides which records there are:
    ``output`` has no meaning then.
    """

    output: str
    dataset: DatasetIdentity
    column: str
    identity: bool = False
    masking: bool = False
    description: str = ""
    filters: bool = False


@dataclass(frozen=True, slots=True)
class ColumnMetrics:
    """Counts of one column path."""

    rows: int
    nulls: int
    distinct: int | None = None


def lineage_dataset(
    identity: DatasetIdentity,
    *,
    schema: Mapping[str, Any] | None = None,
    version: str | None = None,
    label: Mapping[str, Any] | None = None,
    column_labels: Mapping[str, Mapping[str, Any]] | None = None,
    rows: int | None = None,
    metrics: Mapping[str, ColumnMetrics] | None = None,
    edges: Sequence[ColumnEdge] = (),
    role: str = "input",
    size: int | None = None,
    files: int | None = None,
) -> LineageDataset:
    """Describe a dataset for an event; what is not known is left out.

    ``schema`` is Spark's or Delta's schema JSON, parsed. ``label`` and ``column_labels`` (by column path)
    are labels as dictionaries. ``role`` is "input" or "output"; ``size`` is in bytes.
    """
    facets: dict[str, Facet] = {}
    if schema is not None:
        facets["schema"] = schema_facet(schema)
    if version is not None:
        facets["version"] = _facet("DatasetVersionDatasetFacet", datasetVersion=version)
    if label is not None or column_labels:
        facets["tags"] = tags_facet(label, column_labels or {})
    if edges:
        facets["columnLineage"] = column_lineage_facet(edges)
    inputs: dict[str, Facet] = {}
    outputs: dict[str, Facet] = {}
    if metrics is not None:
        facets["dataQualityMetrics"] = _quality("DataQualityMetricsDatasetFacet", rows, metrics)
        if role == "input":
            inputs["dataQualityMetrics"] = _quality("DataQualityMetricsInputDatasetFacet", rows, metrics)
    statistics = _known(rowCount=rows, size=size, fileCount=files)
    if role == "output" and statistics:
        outputs["outputStatistics"] = _facet("OutputStatisticsOutputDatasetFacet", **statistics)
    return LineageDataset(identity.namespace, identity.name, facets, inputs, outputs)


def schema_facet(schema: Mapping[str, Any]) -> Facet:
    """Nested fields of a Spark or Delta schema; elements are ``_element``, map entries ``key``, ``value``."""
    return _facet("SchemaDatasetFacet", fields=_fields(schema["fields"]))


def _fields(fields: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [_field(f["name"], f["type"]) for f in fields]


def _field(name: str, kind: Any) -> dict[str, Any]:
    if not isinstance(kind, Mapping):
        return {"name": name, "type": str(kind)}
    match kind.get("type"):
        case "struct":
            nested = _fields(kind["fields"])
        case "array":
            nested = [_field("_element", kind["elementType"])]
        case "map":
            nested = [_field("key", kind["keyType"]), _field("value", kind["valueType"])]
        case "udt":
            return _field(name, kind.get("sqlType", "udt"))
        case other:
            return {"name": name, "type": str(other)}
    return {"name": name, "type": str(kind["type"]), "fields": nested}


def column_lineage_facet(edges: Sequence[ColumnEdge]) -> Facet:
    """Column lineage, with masking said twice: in ``transformations`` and in the older fields.

    Some receivers (Marquez) serve only the older ones. They speak for the whole output column: MASKED only
    if every input is masked, IDENTITY only if it is a plain copy.
    """
    outputs: dict[str, list[ColumnEdge]] = {}
    for edge in edges:
        if edge.filters:
            continue
        outputs.setdefault(edge.output, []).append(edge)
    fields = {}
    for output, group in outputs.items():
        entry: dict[str, Any] = {"inputFields": [_input_field(edge) for edge in group]}
        if all(edge.masking for edge in group):
            entry["transformationType"] = "MASKED"
        elif all(edge.identity and not edge.masking for edge in group):
            entry["transformationType"] = "IDENTITY"
        if told := "; ".join(dict.fromkeys(edge.description for edge in group if edge.description)):
            entry["transformationDescription"] = told
        fields[output] = entry
    deciding = [_input_field(edge) for edge in edges if edge.filters]
    return _facet("ColumnLineageDatasetFacet", fields=fields, **({"dataset": deciding} if deciding else {}))


def _input_field(edge: ColumnEdge) -> dict[str, Any]:
    return {
        "namespace": edge.dataset.namespace,
        "name": edge.dataset.name,
        "field": edge.column,
        "transformations": [
            {
                "type": "INDIRECT" if edge.filters else "DIRECT",
                "subtype": "FILTER" if edge.filters else "IDENTITY" if edge.identity else "TRANSFORMATION",
                "description": edge.description,
                "masking": edge.masking,
            }
        ],
    }


def tags_facet(label: Mapping[str, Any] | None, columns: Mapping[str, Mapping[str, Any]]) -> Facet:
    """A dataset's label, and each column's with its path in ``field``."""
    tags = [] if label is None else _tags(label)
    for path, own in columns.items():
        tags += [{**tag, "field": path} for tag in _tags(own)]
    return _facet("TagsDatasetFacet", tags=tags)


def run_tags_facet(label: Mapping[str, Any] | None, head: tuple[int, str] | None = None) -> Facet:
    """The label on the run itself: some receivers drop what stands on datasets. ``head``: the audit's newest entry,
    index and hash, which whoever keeps the events can hold against the audit."""
    own = [("audit.index", str(head[0])), ("audit.head", head[1])] if head else []
    tags = [{"key": f"clearance.{key}", "value": value, "source": _SOURCE} for key, value in own]
    return _facet("TagsRunFacet", tags=[*(_tags(label) if label else ()), *tags])


def head_of(event: Mapping[str, Any]) -> tuple[int, str] | None:
    """The audit's head that an event carries (``run_tags_facet``), or None."""
    facet = event.get("run", {}).get("facets", {}).get("tags", {})
    told = {tag.get("key"): tag.get("value") for tag in facet.get("tags", ()) if tag.get("source") == _SOURCE}
    index, digest = told.get("clearance.audit.index", ""), told.get("clearance.audit.head")
    return (int(index), str(digest)) if digest and index.isdecimal() else None


def _tags(label: Mapping[str, Any]) -> list[dict[str, str]]:
    tags = [("level", str(label["level"]))]
    for key, plural in (("category", "categories"), ("regime", "regimes"), ("subject", "subjects")):
        tags += [(key, str(value)) for value in sorted(label.get(plural, ()))]
    return [{"key": f"clearance.{key}", "value": value, "source": _SOURCE} for key, value in tags]


def _quality(name: str, rows: int | None, metrics: Mapping[str, ColumnMetrics]) -> Facet:
    columns = {path: _known(nullCount=m.nulls, distinctCount=m.distinct, count=m.rows) for path, m in metrics.items()}
    return _facet(name, columnMetrics=columns, **_known(rowCount=rows))


def error_facet(message: str) -> Facet:
    """What went wrong. No stack trace: its lines can quote data."""
    return _facet("ErrorMessageRunFacet", message=message, programmingLanguage="PYTHON")


def engine_facet(name: str, version: str) -> Facet:
    """The engine that did the work, e.g. ``spark`` and its version."""
    return _facet("ProcessingEngineRunFacet", name=name, version=version, openlineageAdapterVersion=__version__)


def job_type_facet() -> Facet:
    """A batch job of ours."""
    return _facet("JobTypeJobFacet", processingType="BATCH", integration="CLEARANCE", jobType="JOB")


def parent_facet(parent: tuple[str, str, str], root: tuple[str, str, str]) -> Facet:
    """Parent and root run, each as (run id, job namespace, job name)."""

    def run(of: tuple[str, str, str]) -> dict[str, Any]:
        return {"run": {"runId": of[0]}, "job": {"namespace": of[1], "name": of[2]}}

    return _facet("ParentRunFacet", **run(parent), root=run(root))


def _facet(schema: str, **content: Any) -> Facet:
    return {"_producer": PRODUCER, "_schemaURL": facet_schema(schema), **content}


def _known(**values: int | None) -> dict[str, int]:
    return {key: value for key, value in values.items() if value is not None}
