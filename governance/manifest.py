"""Manifests: what an owner declares of a dataset, as an Open Data Contract Standard v3.1 file.

The standard's own fields say what the dataset is; what it has no field for stands in ``customProperties`` under names
that begin with ``clearance.``. A manifest declares one dataset. Its columns are named by their paths, as findings are.
What is left out is not known, and a rule that needs it says no.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from clearance.errors import ClearanceError, PolicyError
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.solutions import Names, Text
from clearance.governance.strict_yaml import Location, Marks, Model, Strict, parse, read_text, suggest, validate, where
from clearance.governance.taxonomy import CATEGORIES, SUBJECTS

PREFIX = "clearance."
API_VERSION = "v3.1.0"
ROLES = ("author", "approver", "publisher")


class Provenance(Strict):
    """Where the data came from, and how it is kept."""

    source: Text
    received: Text | None = None
    reputation: Literal["trusted", "known", "unknown"] | None = None
    licence: Text | None = None
    storage: Text | None = None
    encryption: Text | None = None


class Declared(Strict):
    """What the owner declares of the whole dataset: the properties ``clearance.*``. ``None``: not declared."""

    classification: Text | None = None
    categories: Names | None = None
    regimes: Names | None = None
    subjects: Names | None = None
    residency: Names | None = None
    legal_basis: Text | None = Field(None, alias="legalBasis")
    consent_reference: Text | None = Field(None, alias="consentReference")
    purposes: Names | None = None
    restricted_uses: Names | None = Field(None, alias="restrictedUses")
    provenance: Provenance | None = None
    sharing_agreement: Text | None = Field(None, alias="sharingAgreement")
    obsolete_from: date | None = Field(None, alias="obsoleteFrom")
    retention_days: Annotated[int, Field(ge=1)] | None = Field(None, alias="retentionDays")
    impact_assessment: Text | None = Field(None, alias="impactAssessment")
    environment: Text | None = None
    age_groups: Names | None = Field(None, alias="ageGroups")


class DeclaredColumn(Strict):
    """What the owner declares of one column; its level is the standard's own ``classification``."""

    entity_types: Names | None = Field(None, alias="entityTypes")
    categories: Names | None = None
    regimes: Names | None = None
    subjects: Names | None = None


@dataclass(frozen=True)
class Column:
    """One column's declaration: its level (None: not declared), its SQL type, and the rest."""

    path: str
    level: str | None
    type: str | None
    declared: DeclaredColumn
    where: str


@dataclass(frozen=True)
class Manifest:
    """A valid manifest. ``dataset`` is the reference it speaks of, ``team`` who is what in it.

    ``places`` says where the dataset lies in each environment, by the standard's ``servers``.
    """

    dataset: str
    domain: str | None
    declared: Declared
    columns: Mapping[str, Column]
    team: Mapping[str, tuple[str, ...]]
    content: Mapping[str, Any]
    source: str
    marks: Marks
    places: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what the file says; layout and comments don't count."""
        text = json.dumps(self.content, sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def environment_of(self, key: str) -> str | None:
        """The environment of the copy with this key. Where places are declared, one that is none of them has none."""
        if not self.places:
            return self.declared.environment
        return next((name for name, place in self.places.items() if dataset_identity(place).key == key), None)

    def facts(self, key: str) -> dict[str, Any]:
        """What a check of the dataset with this key may rely on, by the names of ``Facts``.

        Left out: not declared; an empty list: none.
        """
        own, provenance = self.declared, self.declared.provenance
        told = {
            "purposes": own.purposes,
            "restricted_uses": own.restricted_uses,
            "regions": own.residency,
            "environment": self.environment_of(key),
            "source": provenance.source if provenance else None,
            "reputation": provenance.reputation if provenance else None,
            "legal_basis": own.legal_basis,
            "consent_reference": own.consent_reference,
            "age_groups": own.age_groups,
            "obsolete_from": own.obsolete_from.isoformat() if own.obsolete_from else None,
            "retention_days": own.retention_days,
        }
        known = {key: value for key, value in told.items() if value is not None}
        return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in known.items()}

    def label(self, policy: Policy) -> Label:
        """The declared label of the dataset; the lowest level where none is declared."""
        return declared_label(self.declared.classification, self.declared, policy)

    def strange_types(self, policy: Policy, found: Iterable[str] = ()) -> list[str]:
        """Declared entity types that the policy lacks, each with file, line and what may be meant. No error: a detector
        of the reader's own may find such a type, and ``unknown_type`` says what it means. ``found``: types of which
        that is known.
        """
        known = {*policy.entity_types, *found, "UNKNOWN"}  # what could not be looked at
        return [
            f"{self._where_types(number)}: {column.path}: no entity type '{name}' in the policy; {suggest(name, known)}"
            for number, column in enumerate(self.columns.values())
            for name in sorted((column.declared.entity_types or frozenset()) - known)
        ]

    def _where_types(self, number: int) -> str:
        base: Location = ("schema", 0, "properties", number)
        entry = self.content["schema"][0]["properties"][number]
        return where(self.marks, _location(entry, base, "entityTypes"))

    def where(self, name: str) -> str:
        """ "file:line" of a property of the dataset, by its name without the prefix."""
        return where(self.marks, _location(self.content, (), name))


def declared_label(level: str | None, own: Declared | DeclaredColumn, policy: Policy) -> Label:
    """What is declared as a label; the lowest level, and nothing more, for what is not."""
    parts = (own.categories, own.regimes, own.subjects)
    return Label(level or policy.levels.bottom, *(part or frozenset() for part in parts))


def load_manifest(path: str | Path, policy: Policy) -> Manifest:
    """The manifest in a file. Raises ``PolicyError`` with file and line for what is not ODCS v3.1, not one dataset,
    not a property of ours, or a name that the policy or the taxonomy does not know.
    """
    data, marks = parse(read_text(Path(path)), str(path))
    _check_standard(data, marks)
    objects = data.get("schema") or []
    if len(objects) != 1:
        place = where(marks, ("schema",))
        raise PolicyError(f"{place}: a manifest declares one dataset, this has {len(objects)}", hint="one file each")
    dataset = objects[0].get("physicalName") or objects[0]["name"]
    declared = _ours(Declared, data, (), marks)
    _known(declared, policy, marks, data, ())
    columns: dict[str, Column] = {}
    for number, entry in enumerate(objects[0].get("properties") or []):
        base: Location = ("schema", 0, "properties", number)
        column = Column(
            entry["name"],
            entry.get("classification"),
            entry.get("physicalType"),
            _ours(DeclaredColumn, entry, base, marks),
            where(marks, base),
        )
        if column.level is not None and column.level not in policy.levels:
            raise PolicyError(
                f"{where(marks, (*base, 'classification'))}: unknown level '{column.level}'",
                hint=suggest(column.level, policy.levels.names),
            )
        if column.path in columns:
            raise PolicyError(f"{column.where}: {column.path} is declared twice", hint="declare each column once")
        _known(column.declared, policy, marks, entry, base)
        columns[column.path] = column
    team, places = _team(data, marks), _places(data, declared, marks)
    return Manifest(dataset, data.get("domain"), declared, columns, team, data, str(path), marks, places)


def _check_standard(data: Mapping[str, Any], marks: Marks) -> None:
    if data.get("apiVersion") != API_VERSION:
        place = where(marks, ("apiVersion",))
        raise PolicyError(f"{place}: apiVersion is not {API_VERSION}", hint=f"write apiVersion: {API_VERSION}")
    # YAML reads 2027-01-31 as a date, where the standard's schema, which is JSON's, has text.
    plain = json.loads(json.dumps(data, default=str))
    errors = sorted(_validator().iter_errors(plain), key=lambda error: (-len(error.absolute_path), str(error.path)))
    if errors:
        location: Location = tuple(errors[0].absolute_path)
        place = ".".join(map(str, location))
        told = errors[0].message if len(errors[0].message) < 200 else f"is not as the standard has it ({place})"
        raise PolicyError(
            f"{where(marks, location)}: {place + ': ' if place else ''}{told}",
            hint="see the Open Data Contract Standard v3.1",
        )


@cache
def _validator() -> Any:
    from jsonschema import Draft201909Validator

    return Draft201909Validator(json.loads(Path(__file__).with_name("odcs_schema.json").read_text(encoding="utf-8")))


def _properties(entry: Mapping[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """(number, name without our prefix, value) of the custom properties that are ours."""
    for number, item in enumerate(entry.get("customProperties") or []):
        if item["property"].startswith(PREFIX):
            yield number, item["property"].removeprefix(PREFIX), item["value"]


def _ours(model: type[Model], entry: Mapping[str, Any], base: Location, marks: Marks) -> Model:
    values: dict[str, Any] = {}
    places: dict[Location, str] = {(): where(marks, (*base, "customProperties"))}
    for number, name, value in _properties(entry):
        location: Location = (*base, "customProperties", number)
        if name in values:
            raise PolicyError(f"{where(marks, location)}: {PREFIX}{name} is there twice", hint="declare it once")
        values[name] = value
        places[(name,)] = where(marks, location)
        inner = (*location, "value")
        places |= {(name, *place[len(inner) :]): line for place, line in marks.items() if place[: len(inner)] == inner}
    return validate(model, values, places)


def _location(entry: Mapping[str, Any], base: Location, name: str) -> Location:
    number = next((number for number, own, _ in _properties(entry) if own == name), None)
    return (*base, "customProperties") if number is None else (*base, "customProperties", number)


def _known(
    own: Declared | DeclaredColumn, policy: Policy, marks: Marks, entry: Mapping[str, Any], base: Location
) -> None:
    taxonomy = policy.content.taxonomy
    allowed = {
        "categories": CATEGORIES | taxonomy.categories,
        "regimes": frozenset(policy.content.regimes),
        "subjects": SUBJECTS | taxonomy.subjects,
        "classification": frozenset(policy.levels.names),
    }
    for key, names in allowed.items():
        value = getattr(own, key, None)
        told = [value] if isinstance(value, str) else sorted(value or ())
        for name in told:
            if name not in names:
                place = where(marks, _location(entry, base, key))
                raise PolicyError(f"{place}: {PREFIX}{key}: unknown name '{name}'", hint=suggest(name, names))


def _team(data: Mapping[str, Any], marks: Marks) -> dict[str, tuple[str, ...]]:
    """Who has which of our roles. Raises ``PolicyError`` where one person has two: each looks at another's work."""
    team = data.get("team") or {}
    members = team.get("members") or [] if isinstance(team, Mapping) else team
    found: dict[str, tuple[str, ...]] = {}
    for role in ROLES:
        found[role] = tuple(member["username"] for member in members if member.get("role") == role)
    for name in sorted({name for names in found.values() for name in names}):
        roles = [role for role in ROLES if name in found[role]]
        if len(roles) > 1:
            raise PolicyError(
                f"{where(marks, ('team',))}: {name} is {' and '.join(roles)}",
                hint="author, approver and publisher are different people",
            )
    return found


def _places(data: Mapping[str, Any], declared: Declared, marks: Marks) -> dict[str, str]:
    """Where the dataset lies in each environment. A server without one, or without a place of data, is not ours."""
    found: dict[str, str] = {}
    keys: dict[str, str] = {}
    for number, server in enumerate(data.get("servers") or []):
        name, place = server.get("environment"), server.get("path") or server.get("location")
        if name is None or place is None:
            continue
        spot = where(marks, ("servers", number))
        if declared.environment is not None:
            told = where(marks, _location(data, (), "environment"))
            raise PolicyError(
                f"{told}: {PREFIX}environment and the servers ({spot}) both say where the dataset belongs",
                hint=f"leave {PREFIX}environment out: each copy belongs where its server says",
            )
        if name in found:
            raise PolicyError(f"{spot}: the environment {name} is there twice", hint="one place for each environment")
        try:
            key = dataset_identity(str(place)).key
        except ClearanceError as error:
            raise PolicyError(f"{spot}: {error.message}", hint=error.hint) from None
        if key in keys:
            raise PolicyError(
                f"{spot}: {name} and {keys[key]} are the same place", hint="a place of its own for each environment"
            )
        found[str(name)], keys[key] = str(place), str(name)
    return found
