"""What a column tells of a person: who it is, who it may be together with others, or something worth protecting.

Roles are those of ISO/IEC 20889:2018, 3: direct identifier, indirect identifier (quasi-identifier), sensitive
attribute. Roles raise no label: they are for whoever judges combinations of columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

from clearance.classifiers.column_score import Column
from clearance.classifiers.findings import ColumnReport, Role
from clearance.classifiers.names import Words, last_words, name_coverage, name_words
from clearance.classifiers.yaml_files import packaged

#: Of the roles of several findings in one column the first counts.
_STRONGEST: tuple[Role, ...] = ("direct", "sensitive", "quasi", "none")
#: How often values repeat is judged from so many rows on.
_LEAST_REPEATING = 100
#: Share of the values that must be places for the column to be one of places.
_MOSTLY = 0.6
_DATE = "DATE_TIME"
#: A date of somebody's life, care or work, as the column's name says: no detector can tell it from any other.
PERSONAL_DATE = "PERSONAL_DATE"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a column may be about by its name; the fields are those of ``quasi_identifiers.yaml``."""

    attribute: str
    role: Role
    phrases: tuple[Words, ...]
    unless: frozenset[str]
    repeats: float = 0.0
    about_person: bool = False

    def fits(self, column: Column) -> bool:
        """Whether a column's name says it, and its values and surroundings do not say otherwise."""
        if self.unless & set(last_words(column.name)) or not name_coverage(column.name, self.phrases):
            return False
        if self.about_person and not column.around.people:
            return False
        profile = column.profile
        if profile.filled >= _LEAST_REPEATING and self.repeats * profile.distinct > profile.filled:
            return False
        return not column.has("long", 0.5)


@dataclass(frozen=True, slots=True)
class _Roles:
    """``quasi_identifiers.yaml``, read."""

    roles: Mapping[str, Role]
    attributes: tuple[Attribute, ...]
    by_entity_type: Mapping[str, str]
    by_value: Mapping[str, str]
    personal: frozenset[str]
    beside_people: tuple[Words, ...]


@lru_cache(maxsize=1)
def _roles() -> _Roles:
    content = packaged("quasi_identifiers.yaml")
    return _Roles(
        roles={kind: cast(Role, role) for role, kinds in content["entity_types"].items() for kind in kinds},
        attributes=tuple(
            Attribute(
                attribute=item["attribute"],
                role=item["role"],
                phrases=tuple(name_words(phrase) for phrase in item["phrases"]),
                unless=frozenset(word for text in item.get("unless", ()) for word in name_words(text)),
                repeats=float(item.get("repeats", 0)),
                about_person=item.get("about_person", False),
            )
            for item in content["attributes"]
        ),
        by_entity_type=content["by_entity_type"],
        by_value=content["by_value"],
        personal=frozenset(content["personal_dates"]["attributes"]),
        beside_people=tuple(name_words(phrase) for phrase in content["personal_dates"]["beside_people"]),
    )


def role_of_type(entity_type: str) -> Role:
    """The role of an entity type; one that nobody has thought of counts as a direct identifier."""
    return _roles().roles.get(entity_type, "direct")


def with_role(report: ColumnReport, column: Column) -> ColumnReport:
    """A report with the role and attribute of its column.

    The entity type decides where there is one, but an attribute that is sensitive by its name stays sensitive. In text
    and mixed columns the strongest role of what was found, and of what the name says, counts.
    """
    if report.kind == "empty":
        return replace(report, role="none")
    named = None
    if report.kind != "unknown":
        named = next((item for item in _roles().attributes if item.fits(column)), None)
    if report.kind != "structured":
        roles = {role_of_type(finding.entity_type) for finding in report.findings} | ({named.role} if named else set())
        strongest: Role = next((role for role in _STRONGEST if role in roles), "none")
        return replace(report, role=strongest, attribute=named.attribute if named else None)
    if report.entity_type is None:
        if named is not None:
            return replace(report, role=named.role, attribute=named.attribute)
        for kind, attribute in _roles().by_value.items():
            if column.whole(kind) >= _MOSTLY * column.profile.filled:
                return replace(report, role=role_of_type(kind), attribute=attribute)
        return replace(report, role="none")
    if named is not None and _is_somebodys_date(report, named, column):
        report = _as_personal_date(report)
    role = role_of_type(report.entity_type or "")
    about = _roles().by_entity_type.get(report.entity_type or "")
    if named is not None and role == "quasi":
        return replace(report, role=named.role, attribute=named.attribute)
    return replace(report, role=role, attribute=about)


def _is_somebodys_date(report: ColumnReport, named: Attribute, column: Column) -> bool:
    if report.entity_type != _DATE or named.attribute not in _roles().personal:
        return False
    return bool(column.around.people) or not name_coverage(column.name, _roles().beside_people)


def _as_personal_date(report: ColumnReport) -> ColumnReport:
    """The same dates, as somebody's: when a record was written and when a person died are not protected alike."""
    findings = tuple(
        replace(each, entity_type=PERSONAL_DATE) if (each.entity_type, each.form) == (_DATE, "raw") else each
        for each in report.findings
    )
    told = (*report.evidence, "column name says a date of somebody's life, care or work")
    return replace(report, entity_type=PERSONAL_DATE, findings=findings, evidence=told)


__all__ = ["Attribute", "role_of_type", "with_role"]
