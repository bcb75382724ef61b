"""A first manifest from what a scan found: the owner completes it, and says what no scan can see."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from clearance.governance.labels import Label
from clearance.governance.manifest import API_VERSION, PREFIX
from clearance.governance.yaml_text import yaml_text

_LOGICAL = {
    "string": "string", "char": "string", "varchar": "string", "boolean": "boolean", "date": "date", "time": "time",
    "timestamp": "timestamp", "timestamp_ntz": "timestamp", "tinyint": "integer", "smallint": "integer",
    "int": "integer", "bigint": "integer", "float": "number", "double": "number", "decimal": "number",
}  # fmt: skip

_OPEN = """
# The label of the dataset and of each column is declared whole: an empty list says that there are none. A declaration
# holds for a time: obsoleteFrom is in a year, unless you say another day.
#
# What no scan can see; what is left out is not known, and a rule that needs it says no. Under customProperties:
#   - {property: clearance.purposes, value: [functional.service]}       Fideslang uses the data may be put to
#   - {property: clearance.restrictedUses, value: [marketing]}
#   - {property: clearance.residency, value: [eu]}                      where it may be processed
#   - {property: clearance.environment, value: production}
#   - {property: clearance.legalBasis, value: contract}
#   - {property: clearance.consentReference, value: ...}
#   - property: clearance.provenance
#     value: {source: ..., received: ..., reputation: trusted, licence: ..., storage: ..., encryption: ...}
#   - {property: clearance.sharingAgreement, value: ...}
#   - {property: clearance.ageGroups, value: [adults]}
#   - {property: clearance.retentionDays, value: 365}
#   - {property: clearance.impactAssessment, value: ...}
# And who answers for it, three different people:
# team:
#   name: ...
#   members:
#     - {username: ..., role: author}
#     - {username: ..., role: approver}
#     - {username: ..., role: publisher}
"""


def draft(
    dataset: str,
    identifier: str,
    label: Label,
    columns: Mapping[str, Label],
    types: Mapping[str, Iterable[str]],
    sql_types: Mapping[str, str],
    obsolete_from: date,
) -> str:
    """The text of a manifest of ``dataset`` with what was observed, and comments for the rest.

    ``identifier`` is what the contract is called: the dataset's key. A fresh draft has no disagreement with the scan it
    was made from until it is ``obsolete_from`` a day.
    """
    content: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": identifier,
        "name": dataset.rstrip("/").rpartition("/")[2] or dataset,
        "version": "1.0.0",
        "status": "draft",
        "schema": [
            {
                "name": dataset.rstrip("/").rpartition("/")[2] or dataset,
                "physicalName": dataset,
                "logicalType": "object",
                "physicalType": "table",
                "properties": [
                    _column(path, own, sorted(types.get(path, ())), sql_types.get(path))
                    for path, own in columns.items()
                ],
            }
        ],
        "customProperties": _custom(label, {"classification": label.level, "obsoleteFrom": obsolete_from}),
    }
    return yaml_text(content, width=110, default_flow_style=None) + _OPEN


def _column(path: str, label: Label, types: list[str], sql_type: str | None) -> dict[str, Any]:
    column: dict[str, Any] = {"name": path}
    if sql_type is not None:
        column |= {"logicalType": _LOGICAL.get(sql_type.partition("(")[0], "object"), "physicalType": sql_type}
    column["classification"] = label.level
    return {**column, "customProperties": _custom(label, {"entityTypes": types})}


def _custom(label: Label, first: Mapping[str, Any]) -> list[dict[str, Any]]:
    sets = {"categories": label.categories, "regimes": label.regimes, "subjects": label.subjects}
    told = {**first, **{name: sorted(names) for name, names in sets.items()}}
    return [{"property": PREFIX + name, "value": value} for name, value in told.items()]
