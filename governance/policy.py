"""The policy: what each entity type means, how it is protected, and what a solution may have.

A policy is one YAML file, read once into frozen values; an error in it names the file, the line and the known
names. ``docs/concepts/policy.md`` describes every key. Without a file the packaged ``default_policy.yaml``
applies; ``extends: default`` starts from it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationInfo

from clearance.errors import PolicyError
from clearance.governance.domains import DomainName, DomainRule, named_twice
from clearance.governance.labels import Label, Levels
from clearance.governance.reversal import Grant
from clearance.governance.solutions import Names, Text, Usage
from clearance.governance.strict_yaml import Location, Marks, Strict, parse, read_text, suggest, validate, where
from clearance.governance.taxonomy import CATEGORIES, SUBJECTS
from clearance.methods import METHODS, MethodSpec, parse_method

DEFAULT_NAME = "default_policy.yaml"
#: Categories of secrets: what opens something for whoever has it.
_SECRETS = ("system.authentication", "user.authorization")


def _names_or_all(value: object) -> object:
    return frozenset({"*"}) if value == "all" else value


def _declared(value: object, info: ValidationInfo) -> MethodSpec:
    """A method as it is written, with all its parameters checked."""
    if isinstance(value, MethodSpec):
        return value
    if not isinstance(value, str | dict) or not all(isinstance(key, str) for key in value):
        raise ValueError("a method is a name, or a mapping with name and its parameters")
    try:
        return parse_method(value, folder=(info.context or {}).get("folder"))
    except PolicyError as error:
        raise ValueError(str(error)) from None
    except TypeError:
        # A list where one value is expected, inside a parameter.
        raise ValueError("a parameter of the method has the wrong type") from None


MethodField = Annotated[
    MethodSpec,
    PlainValidator(_declared),
    PlainSerializer(lambda spec: spec.settings(), return_type=dict[str, Any]),
]


class EntityRule(Strict):
    """What one entity type means. ``regimes`` maps each regime to the article or section that says so."""

    level: Text
    categories: Names = frozenset()
    regimes: dict[Text, Text] = Field(default_factory=dict)
    subjects: Names = frozenset()
    method: MethodField

    def label(self) -> Label:
        """The label of data of this type."""
        return Label(self.level, self.categories, frozenset(self.regimes), self.subjects)


class RegimeRule(Strict):
    """A law or standard that labels can name."""

    title: Text
    source: Text


class Drops(Strict):
    """What a de-identification rule takes out of a label: lists of names, or ``all``."""

    categories: Annotated[Names, BeforeValidator(_names_or_all)] = frozenset()
    regimes: Annotated[Names, BeforeValidator(_names_or_all)] = frozenset()
    subjects: Annotated[Names, BeforeValidator(_names_or_all)] = frozenset()


class DeidentificationRule(Strict):
    """The only reason for a label to fall. The first rule of the file that applies is the one."""

    method: Text
    verify: Text
    why: Text
    source: Text
    lowers_to: Text
    drops: Drops = Drops()
    entity_types: Names | None = None
    except_entity_types: Names = frozenset()
    max_keep_first: Annotated[int, Field(ge=0)] | None = None
    max_keep_last: Annotated[int, Field(ge=0)] | None = None
    kinds: Names | None = None
    at_least: dict[Text, int] = Field(default_factory=dict)
    at_most: dict[Text, int] = Field(default_factory=dict)

    def applies(self, method: Mapping[str, Any], entity_type: str) -> bool:
        """Does the rule speak of this method, with these settings, on this entity type?"""
        if method.get("name") != self.method or entity_type in self.except_entity_types:
            return False
        if self.entity_types is not None and entity_type not in self.entity_types:
            return False
        if self.kinds is not None and method.get("kind") not in self.kinds:
            return False
        # A mask that keeps a class of characters keeps an unknown number of them.
        if method.get("keep") and self.method == "mask":
            return False
        if any(key in method and method[key] < least for key, least in self.at_least.items()):
            return False
        if any(key in method and method[key] > most for key, most in self.at_most.items()):
            return False
        limits = (("keep_first", self.max_keep_first), ("keep_last", self.max_keep_last))
        return all(limit is None or method.get(key, 0) <= limit for key, limit in limits)


class LowCardinality(Strict):
    """That a method which keeps equal values equal may be used on a column of few values, and why."""

    allow: bool
    reason: Text


class ColumnRule(Strict):
    """Another method for one column path, whatever is found in it. It never changes the label.

    ``low_cardinality`` lets a column of few values have a method that keeps equal values equal.
    """

    method: MethodField | None = None
    low_cardinality: LowCardinality | None = None


class HostingRule(Strict):
    """The highest level each kind of hosting may be given."""

    public: Text
    vendor: Text
    private: Text


class SampledScans(Strict):
    """What a scan of a sample must at least have proved: to find what is in such a share of rows, how surely."""

    prevalence: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(ge=0.5, lt=1)]


class Rules(Strict):
    """The closed set of rules of a check. ``level`` has no settings and can't be turned off.

    ``text_without_model``: text in which no model looked for names and places may be cleared all the same.
    ``sampled_scans``: a dataset of which only a sample was scanned may be cleared if the sample proved this much.
    """

    hosting: HostingRule
    regimes: bool
    usage: dict[Usage, Names]
    regions: bool = False
    purposes: bool = False
    text_without_model: bool = False
    sampled_scans: SampledScans | None = None
    environments: dict[Text, Names] = Field(default_factory=dict)


class Taxonomy(Strict):
    """Keys of the reader's own beside Fideslang's."""

    categories: Names = frozenset()
    subjects: Names = frozenset()


class PolicyFile(Strict):
    """The file as it is written."""

    version: Literal[1]
    name: Text
    extends: Literal["default"] | None = None
    levels: Annotated[list[Text], Field(min_length=2)]
    taxonomy: Taxonomy = Taxonomy()
    regimes: dict[Text, RegimeRule]
    unknown_type: EntityRule
    unknown_leaf: EntityRule
    entity_types: dict[Text, EntityRule]
    deidentification: dict[Text, DeidentificationRule]
    rules: Rules
    columns: dict[Text, ColumnRule] = Field(default_factory=dict)
    domains: dict[DomainName, DomainRule] = Field(default_factory=dict)
    reversal: dict[Text, Grant] = Field(default_factory=dict)
    forbid_type_changes: bool = False


@dataclass(frozen=True, eq=False)
class Policy:
    """A valid policy. Ask it; nothing in it needs to be checked again. Compare policies by ``digest``."""

    content: PolicyFile
    marks: Marks

    @cached_property
    def levels(self) -> Levels:
        """The levels, least sensitive first."""
        return Levels(tuple(self.content.levels))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what the policy says: layout, comments and the file's name don't count."""
        return hashlib.sha256(json.dumps(_canonical(self.content), ensure_ascii=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """The policy's own name."""
        return self.content.name

    @property
    def rules(self) -> Rules:
        """The rules of a check."""
        return self.content.rules

    @property
    def entity_types(self) -> Mapping[str, EntityRule]:
        """What the policy says of each entity type it names; ask ``entity`` for any type."""
        return self.content.entity_types

    def entity(self, entity_type: str) -> EntityRule:
        """What an entity type means. A type the policy does not name gets ``unknown_type``: fail closed."""
        return self.content.entity_types.get(entity_type, self.content.unknown_type)

    def label_of(self, entity_type: str) -> Label:
        """Label of raw data of an entity type."""
        return self.entity(entity_type).label()

    @property
    def unknown_leaf(self) -> EntityRule:
        """What a column means that could not be looked at."""
        return self.content.unknown_leaf

    def method_for(self, entity_type: str | None, path: str | None = None) -> dict[str, Any]:
        """Method settings, ``{"name": "token"}`` or ``{"name": "mask", "keep_first": 0, ...}``.

        ``columns`` of the policy wins over the entity type; None stands for a column that could not be
        looked at.
        """
        own = self.column_method(path)
        if own is not None:
            return own
        rule = self.unknown_leaf if entity_type is None else self.entity(entity_type)
        return rule.method.settings()

    def column_method(self, path: str | None) -> dict[str, Any] | None:
        """The method that the policy gives one column, or None."""
        rule = self.content.columns.get(path) if path is not None else None
        return None if rule is None or rule.method is None else rule.method.settings()

    def spec(self, settings: Mapping[str, Any]) -> MethodSpec:
        """The declaration behind settings that this policy gave; others are read anew."""
        return self._specs.get(_key(settings)) or parse_method(settings)

    @cached_property
    def _specs(self) -> Mapping[str, MethodSpec]:
        content = self.content
        rules = (*content.entity_types.values(), content.unknown_type, content.unknown_leaf)
        own = [rule.method for rule in rules] + [rule.method for rule in content.columns.values() if rule.method]
        return {_key(spec.settings()): spec for spec in own}

    def is_secret(self, entity_type: str) -> bool:
        """Whether values of this type open something for whoever has them."""
        return _is_secret(self.entity(entity_type))

    def allows_few_values(self, path: str) -> bool:
        """Whether a column of few values may keep equal values equal: somebody said so, and why."""
        rule = self.content.columns.get(path)
        return rule is not None and rule.low_cardinality is not None and rule.low_cardinality.allow

    def deidentification_rule(
        self, method: Mapping[str, Any], entity_type: str
    ) -> tuple[str, DeidentificationRule] | None:
        """Name and rule that lowers the label of this type after this method, or None: the label stays."""
        for name, rule in self.content.deidentification.items():
            if rule.applies(method, entity_type):
                return name, rule
        return None

    def where(self, *location: str | int) -> str:
        """ "file:line" of a place: ``where("entity_types", "US_SSN")``."""
        return where(self.marks, location)

    def where_type(self, entity_type: str) -> str:
        """ "file:line" of the rule that gives an entity type its label."""
        known = entity_type in self.content.entity_types
        return self.where("entity_types", entity_type) if known else self.where("unknown_type")

    def explain_type(self, entity_type: str) -> str:
        """One line: what the type means, by which article, and where the policy says so."""
        rule = self.entity(entity_type)
        known = "" if entity_type in self.content.entity_types else " (not in the policy: unknown_type applies)"
        claims = ", ".join(f"{regime} ({source})" for regime, source in sorted(rule.regimes.items()))
        parts = [f"{entity_type}{known} is {rule.level}", ", ".join(sorted(rule.categories)), claims]
        return f"{'; '.join(part for part in parts if part)}; {self.where_type(entity_type)}"


def load_policy(path: str | Path | None = None) -> Policy:
    """The policy of a file, or the packaged default. Raises PolicyError for a file that is not valid."""
    if path is None:
        return _default()
    data, marks = parse(read_text(Path(path)), str(path))
    if data.get("extends") == "default":
        data, marks = _extend(data, marks)
    return _build(data, marks, Path(path).parent)


@lru_cache(maxsize=1)
def _default() -> Policy:
    return _build(*_default_source())


def _default_source() -> tuple[dict[str, Any], Marks]:
    return parse(read_text(Path(__file__).with_name(DEFAULT_NAME)), DEFAULT_NAME)


def _extend(data: dict[str, Any], marks: Marks) -> tuple[dict[str, Any], Marks]:
    """The default with the file's entries in place of its own; the file's de-identification rules come first."""
    base, base_marks = _default_source()
    merged = {**base, **data}
    for section in ("regimes", "entity_types", "deidentification", "rules"):
        own = data.get(section)
        if isinstance(own, dict):
            merged[section] = {**own, **{key: value for key, value in base[section].items() if key not in own}}
    # An entry that is replaced keeps none of the default's marks: they are of lines it no longer has.
    replaced = {place[:2] for place in marks if len(place) >= 2}
    kept = {place: line for place, line in base_marks.items() if place[:2] not in replaced}
    return merged, {**kept, **marks}


def _build(data: dict[str, Any], marks: Marks, folder: Path | None = None) -> Policy:
    content = validate(PolicyFile, data, marks, context={"folder": folder})
    _check_names(content, marks)
    _check_methods(content, marks)
    return Policy(content, marks)


def _check_names(content: PolicyFile, marks: Marks) -> None:
    """Every level, category, subject and regime that is used must be one that is known."""

    def known(names: Iterable[str], allowed: Iterable[str], what: str, *place: str) -> None:
        allowed = frozenset(allowed)
        for name in sorted(names):
            if name not in allowed:
                location: Location = place
                raise PolicyError(
                    f"{where(marks, location)}: {'.'.join(place)}: unknown {what} '{name}'",
                    hint=suggest(name, allowed),
                )

    if twice := named_twice(content.domains):
        raise PolicyError(
            f"{where(marks, ('domains',))}: domains: {twice} is in two domains", hint="name it in one: it has one token"
        )
    if len(set(content.levels)) != len(content.levels):
        raise PolicyError(f"{where(marks, ('levels',))}: levels: a level is there twice", hint="name each once")
    levels = frozenset(content.levels)
    categories = CATEGORIES | content.taxonomy.categories
    subjects = SUBJECTS | content.taxonomy.subjects
    entries: list[tuple[tuple[str, ...], EntityRule]] = [
        (("unknown_type",), content.unknown_type),
        (("unknown_leaf",), content.unknown_leaf),
        *((("entity_types", name), rule) for name, rule in content.entity_types.items()),
    ]
    for place, rule in entries:
        known([rule.level], levels, "level", *place, "level")
        known(rule.categories, categories, "category", *place, "categories")
        known(rule.regimes, content.regimes, "regime", *place, "regimes")
        known(rule.subjects, subjects, "subject", *place, "subjects")
    for name, lowering in content.deidentification.items():
        place = ("deidentification", name)
        known([lowering.lowers_to], levels, "level", *place, "lowers_to")
        known([lowering.method], METHODS.keys() - {"keep"}, "method", *place, "method")
        proof = METHODS[lowering.method].proof
        known([lowering.verify], [proof], f"proof of {lowering.method}", *place, "verify")
        known(lowering.drops.categories, categories | {"*"}, "category", *place, "drops", "categories")
        known(lowering.drops.regimes, content.regimes.keys() | {"*"}, "regime", *place, "drops", "regimes")
        known(lowering.drops.subjects, subjects | {"*"}, "subject", *place, "drops", "subjects")
        typed = (lowering.entity_types or frozenset()) | lowering.except_entity_types
        known(typed, content.entity_types, "entity type", *place)
    for hosting, level in content.rules.hosting.model_dump().items():
        known([level], levels, "level", "rules", "hosting", hosting)
    for usage, forbidden in content.rules.usage.items():
        known(forbidden, categories, "category", "rules", "usage", usage)


def _check_methods(content: PolicyFile, marks: Marks) -> None:
    """What depends on the entity type that a method is for."""
    for name, rule in content.entity_types.items():
        place = ("entity_types", name, "method")
        try:
            rule.method.check_type(name)
        except PolicyError as error:
            raise PolicyError(f"{where(marks, place)}: {'.'.join(place)}: {error.message}", hint=error.hint) from None
        if _is_secret(rule) and rule.method.name not in _FOR_SECRETS:
            raise PolicyError(
                f"{where(marks, place)}: {'.'.join(place)}: a secret can't be left to the method {rule.method.name}",
                hint="use redact or suppress: nobody should join on it, and nobody have it back",
            )


#: ``token`` stays allowed: it lowers no label of a secret, and has no way back.
_FOR_SECRETS = ("redact", "suppress", "null", "mask", "token")


def _is_secret(rule: EntityRule) -> bool:
    return any(category.startswith(_SECRETS) for category in rule.categories)


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, default=str)


def _canonical(content: PolicyFile) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(value[key]) for key in sorted(value)}
        if isinstance(value, frozenset):
            return sorted(value)
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    data = content.model_dump()
    # The order of these rules decides which one applies, so it is part of what the policy says.
    data["deidentification"] = list(data["deidentification"].items())
    return plain(data)
