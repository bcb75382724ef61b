"""Every event is checked against OpenLineage's own schemas before it is written or sent.

The schemas lie beside this file, unchanged and under their ``$id``, so nothing is fetched. The event schema
alone lets any facet through, so each facet is checked against the schema it names, too.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from clearance.errors import LineageError

RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


@cache
def _bundle() -> Mapping[str, Any]:
    text = files("clearance.governance").joinpath("openlineage_schemas.json").read_text("utf-8")
    schemas: Mapping[str, Any] = json.loads(text)["schemas"]
    return schemas


@cache
def facet_schema(name: str) -> str:
    """The ``_schemaURL`` of a facet, by its definition's name (``SchemaDatasetFacet``)."""
    for identifier, document in _bundle().items():
        if name in document["$defs"] and not identifier.endswith("/OpenLineage.json"):
            return f"{identifier}#/$defs/{name}"
    raise LineageError(f"OpenLineage's facet {name} is not among the packaged schemas.")


@cache
def _validator(reference: str) -> Any:
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry, Resource

    formats = FormatChecker(formats=())
    formats.checks("uuid", raises=ValueError)(lambda text: bool(uuid.UUID(text)))
    formats.checks("uri", raises=ValueError)(lambda text: bool(urlsplit(text).scheme))
    formats.checks("date-time", raises=ValueError)(lambda text: datetime.fromisoformat(text).tzinfo is not None)
    resources = Registry().with_resources(
        (name, Resource.from_contents(content)) for name, content in _bundle().items()
    )
    return Draft202012Validator({"$ref": reference}, registry=resources, format_checker=formats)


def validate(event: Mapping[str, Any]) -> None:
    """Raise LineageError unless this run event and each of its facets follow the specification.

    The message says where and which rule, never what stood there.
    """
    # The specification lets a run event say nothing of the run's state; ours always do.
    if "eventType" not in event:
        raise LineageError("The lineage event says neither START nor how the run ended.")
    _check(RUN_EVENT, event, "event")
    for where, facet in _facets(event):
        reference = facet.get("_schemaURL")
        if not isinstance(reference, str) or reference.partition("#")[0] not in _bundle():
            raise LineageError(f"The lineage facet {where} names no schema that Clearance knows.")
        _check(reference, facet, where)


def _check(reference: str, instance: object, where: str) -> None:
    error = next(iter(_validator(reference).iter_errors(instance)), None)
    if error is not None:
        path = "/".join(str(step) for step in error.absolute_path)
        raise LineageError(f"The lineage {where} breaks OpenLineage's rule {error.validator} at /{path}.")


def check_dataset(dataset: Mapping[str, Any]) -> None:
    """Raise LineageError unless each facet of a dataset follows the schema it names."""
    for name, facet in dataset.get("facets", {}).items():
        _check(facet["_schemaURL"], facet, name)


def _facets(event: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for owner in ("run", "job"):
        for name, facet in event[owner].get("facets", {}).items():
            yield f"{owner}.{name}", facet
    for side, own in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
        for dataset in event.get(side, ()):
            for name, facet in {**dataset.get("facets", {}), **dataset.get(own, {})}.items():
                yield f"{side}.{name}", facet
            # The same name in both groups (dataQualityMetrics) is two facets.
            for name in dataset.get("facets", {}).keys() & dataset.get(own, {}).keys():
                yield f"{side}.{name}", dataset["facets"][name]
