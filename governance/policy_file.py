"""The policy as it is written: strict models of every section, the rules of a check apart (``policy_rules``).

``docs/concepts/policy.md`` describes every key.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from clearance.errors import PolicyError
from clearance.governance.column_paths import ColumnPath
from clearance.governance.domains import DomainName, DomainRule
from clearance.governance.facts import Day, Facts
from clearance.governance.labels import Label
from clearance.governance.oidc import Issuer
from clearance.governance.policy_rules import Rules
from clearance.governance.reversal import Grant
from clearance.governance.solutions import Names, Solution, Text
from clearance.governance.strict_yaml import Strict, Version
from clearance.methods import MethodSpec, parse_method


def _names_or_all(value: object) -> object:
    return frozenset({"*"}) if value == "all" else value


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("a reason says something")
    return reason


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
    settings: dict[Text, Names] = Field(default_factory=dict)

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
        if any(method.get(key) not in allowed for key, allowed in self.settings.items()):
            return False
        limits = (("keep_first", self.max_keep_first), ("keep_last", self.max_keep_last))
        return all(limit is None or method.get(key, 0) <= limit for key, limit in limits)


class Claim(Strict):
    """That data of some categories or entity types falls under a regime, by this article or section.

    ``except_categories`` and ``except_entity_types`` are left out of it. ``at_least`` raises the level of what it is
    said of; a claim never lowers one.
    """

    categories: Names = frozenset()
    entity_types: Names = frozenset()
    except_categories: Names = frozenset()
    except_entity_types: Names = frozenset()
    at_least: Text | None = None
    source: Text

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if not self.categories and not self.entity_types:
            raise ValueError("a claim names categories, entity_types, or both")
        return self


class Part(Strict):
    """One part of a combination: data of one of these categories (or below), at this level or above.

    Without ``at_least`` any level counts. What a de-identification rule lowered below it is no part any more.
    """

    categories: Annotated[Names, Field(min_length=1)]
    at_least: Text | None = None


class Adds(Strict):
    """What a combination puts into a label; ``regimes`` maps each to the article or section that says so."""

    categories: Names = frozenset()
    regimes: dict[Text, Text] = Field(default_factory=dict)
    subjects: Names = frozenset()


class Combination(Strict):
    """What is more sensitive together than apart: where every part is there, the label rises.

    ``min_datasets``: only where the parts lie in so many datasets that are put together.
    """

    together: Annotated[list[Part], Field(min_length=1)]
    raises_to: Text
    adds: Adds = Adds()
    min_datasets: Annotated[int, Field(ge=1)] = 1
    why: Text
    source: Text

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.together) < 2 and self.min_datasets < 2:
            raise ValueError("one part alone is no combination: name two, or min_datasets")
        return self


class Exemption(Strict):
    """That a column may have a method which is refused otherwise, and why."""

    allow: bool
    reason: Annotated[Text, AfterValidator(_said)]


class ColumnRule(Strict):
    """Another method for one column path, whatever is found in it. It never changes the label.

    ``low_cardinality`` lets a column of few values have a method that keeps equal values equal, ``secrets`` one of
    secrets a method that leaves something of them.
    """

    method: MethodField | None = None
    low_cardinality: Exemption | None = None
    secrets: Exemption | None = None

    @field_validator("method", mode="before")
    @classmethod
    def _is_said(cls, value: object) -> object:
        # An unquoted null is YAML's for nothing, and would be a rule that holds for nothing.
        if value is None:
            raise ValueError('a method is missing: leave the line out, or write "null" in quotes')
        return value


class TestColumn(Strict):
    """A column of a test: what is in it, as it is found, or after a method whose proof passed."""

    __test__ = False  # not one of pytest's

    types: Annotated[Names, Field(min_length=1)]
    method: MethodField | None = None


def _column(value: object) -> object:
    return {"types": value} if isinstance(value, str | list) else value


def _solution(value: object) -> object:
    """A solution of which the test only says what matters to it."""
    unsaid = {"name": "test", "owner": "test", "inputs_may_train": False}
    return {**unsaid, **value} if isinstance(value, dict) else value


class PolicyTest(Strict):
    """Facts in, verdict expected. ``rules``: all that speak, in any order; ``level``: the dataset's."""

    name: Text
    columns: dict[Text, Annotated[TestColumn, BeforeValidator(_column)]]
    facts: Facts = Facts()
    dataset: Text | None = None
    today: Day | None = None
    solution: Annotated[Solution, BeforeValidator(_solution)]
    expect: Literal["clear", "conflict", "undecidable"]
    rules: Names | None = None
    level: Text | None = None


class IdentityRules(Strict):
    """Whose word counts beside enrolled keys. ``administrators``: the ids of the only keys that may enrol people.

    ``tokens``: issuers of identity tokens, by a name of the reader's.
    """

    administrators: Names | None = None
    tokens: dict[Text, Issuer] = Field(default_factory=dict)


class Taxonomy(Strict):
    """Keys of the reader's own beside Fideslang's."""

    categories: Names = frozenset()
    subjects: Names = frozenset()
    uses: Names = frozenset()


class PolicyFile(Strict):
    """The file as it is written."""

    version: Version
    name: Text
    extends: Literal["default"] | None = None
    include: list[Text] = Field(default_factory=list)
    levels: Annotated[list[Text], Field(min_length=2)]
    taxonomy: Taxonomy = Taxonomy()
    regimes: dict[Text, RegimeRule]
    unknown_type: EntityRule
    unknown_leaf: EntityRule
    entity_types: dict[Text, EntityRule]
    claims: dict[Text, list[Claim]] = Field(default_factory=dict)
    combinations: dict[Text, Combination] = Field(default_factory=dict)
    deidentification: dict[Text, DeidentificationRule]
    rules: Rules
    basis: dict[Text, Text] = Field(default_factory=dict)
    columns: dict[ColumnPath, ColumnRule] = Field(default_factory=dict)
    domains: dict[DomainName, DomainRule] = Field(default_factory=dict)
    reversal: dict[Text, Grant] = Field(default_factory=dict)
    identities: IdentityRules = IdentityRules()
    forbid_type_changes: bool = False
    tests: list[PolicyTest] = Field(default_factory=list)
