"""The policy: what each entity type means, how it is protected, and what a solution may have.

A policy is YAML, read once into frozen values; an error in it names the file, the line and the known names.
``docs/concepts/policy.md`` describes every key. Without a file the packaged ``default_policy.yaml`` applies;
``extends: default`` starts from it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from clearance.errors import PolicyError
from clearance.governance.claims import claim_of, with_claims
from clearance.governance.labels import Label, Levels
from clearance.governance.policy_checks import check_policy, is_secret
from clearance.governance.policy_file import (
    ColumnRule,
    Combination,
    DeidentificationRule,
    EntityRule,
    IdentityRules,
    PolicyFile,
)
from clearance.governance.policy_rules import Rules
from clearance.governance.policy_sources import DEFAULT_NAME, default_source, read_sources
from clearance.governance.strict_yaml import MISSING, Marks, validate, where
from clearance.methods import MethodSpec, parse_method

#: What is read when a dataset is judged, from the policy of that day, and never when it is labelled or protected.
_JUDGING = frozenset({"rules", "basis"})


@dataclass(frozen=True, eq=False)
class Policy:
    """A valid policy. Ask it; nothing in it needs to be checked again. Compare two by the digest for the use."""

    content: PolicyFile
    marks: Marks

    @cached_property
    def levels(self) -> Levels:
        """The levels, least sensitive first."""
        return Levels(tuple(self.content.levels))

    # A digest for each use, none for all: what rests on too little of a policy outlives a change that matters to it.
    @cached_property
    def label_digest(self) -> str:
        """SHA-256 (hex) of what labels and proofs rest on: all that the policy says, but not the rules of a check, nor
        who may have values back or approve. Layout, comments and the file's name don't count.
        """
        return _digest(
            {name: said for name, said in self._canonical.items() if name not in _JUDGING} | {"reversal": {}}
        )

    @cached_property
    def verdict_digest(self) -> str:
        """The same with the rules of a check: what a verdict rests on, and what lineage is worked out under."""
        return _digest(self._canonical | {"reversal": {}})

    @cached_property
    def approval_digest(self) -> str:
        """That and who may have values back: what a person approves, and what a request for values is held to."""
        return _digest(self._canonical)

    @cached_property
    def _canonical(self) -> dict[str, Any]:
        return _canonical(self.content)

    @property
    def name(self) -> str:
        """The policy's own name."""
        return self.content.name

    @property
    def source(self) -> str:
        """The file it was read from; what it includes and extends has its own."""
        return self.where()

    def says(self, *location: str | int) -> bool:
        """Whether the policy's own file says this, rather than one that it includes or extends."""
        return self.marks.get(location, "").rpartition(":")[0] == self.source

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
    def combinations(self) -> Mapping[str, Combination]:
        """What is more sensitive together than apart, by name."""
        return self.content.combinations

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

    @property
    def has_way_back(self) -> bool:
        """Whether any of its methods lets values come back to whoever holds the key."""
        return any(spec.has_way_back for spec in self._specs.values())

    def is_secret(self, entity_type: str) -> bool:
        """Whether values of this type open something for whoever has them."""
        return is_secret(self.entity(entity_type))

    def allows_few_values(self, path: str) -> bool:
        """Whether a column of few values may keep equal values equal: somebody said so, and why."""
        rule = self.content.columns.get(path)
        return rule is not None and rule.low_cardinality is not None and rule.low_cardinality.allow

    def allows_secrets(self, path: str) -> bool:
        """Whether something of the secrets in a column may be left: somebody said so, and why."""
        rule = self.content.columns.get(path)
        return rule is not None and rule.secrets is not None and rule.secrets.allow

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

    def where_regime(self, entity_type: str, regime: str) -> str:
        """ "file:line" of what puts a type under a regime: its own entry, or a claim."""
        name = entity_type if entity_type in self.content.entity_types else "unknown_type"
        number = claim_of(name, self.entity(entity_type), regime, self.content.claims)
        claims = self.content.claims.get(regime, [])
        if number is None or claims[number].source != self.entity(entity_type).regimes.get(regime):
            return self.where_type(entity_type)
        return self.where("claims", regime, number)

    def explain_type(self, entity_type: str) -> str:
        """One line: what the type means, by which article, and where the policy says so."""
        rule = self.entity(entity_type)
        known = "" if entity_type in self.content.entity_types else " (not in the policy: unknown_type applies)"
        claims = ", ".join(
            f"{regime} ({source}; {self.where_regime(entity_type, regime)})"
            if self.where_regime(entity_type, regime) != self.where_type(entity_type)
            else f"{regime} ({source})"
            for regime, source in sorted(rule.regimes.items())
        )
        parts = [f"{entity_type}{known} is {rule.level}", ", ".join(sorted(rule.categories)), claims]
        return f"{'; '.join(part for part in parts if part)}; {self.where_type(entity_type)}"


def load_policy(path: str | Path | None = None, *, tested: bool = True) -> Policy:
    """The policy of a file, of a pack (``pack:NAME``), or the packaged default.

    Raises PolicyError for a file that is not valid, and for a policy that fails its own tests; ``tested=False`` leaves
    them to the caller.
    """
    if path is None:
        return _default()
    data, marks = read_sources(path)
    try:
        policy = _build(data, marks, Path(path).parent)
    except PolicyError as error:
        if error.hint != MISSING or ("extends",) in marks:
            raise
        raise PolicyError(
            error.message, hint=f"{MISSING}, or begin with version: 1, a name and extends: default"
        ) from None
    if tested and policy.content.tests:
        from clearance.governance.policy_tests import require_passing

        require_passing(policy)
    return policy


@lru_cache(maxsize=1)
def _default() -> Policy:
    return _build(*default_source())


def _build(data: dict[str, Any], marks: Marks, folder: Path | None = None) -> Policy:
    content = validate(PolicyFile, data, marks, context={"folder": folder})
    check_policy(content, marks)
    return Policy(with_claims(content), marks)


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, default=str)


def _digest(canonical: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(canonical, ensure_ascii=True).encode()).hexdigest()


def _canonical(content: PolicyFile) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(value[key]) for key in sorted(value)}
        if isinstance(value, frozenset):
            return sorted(value)
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    # How it is put together from files, and how it is tested, is not what it says.
    data = content.model_dump(exclude={"extends", "include", "claims", "tests"})
    # Who may approve neither: no label, proof or verdict rests on it, and each step is held against who is named now.
    # People come and go, and data are not protected anew for that.
    data["identities"] = IdentityRules().model_dump()
    # The order of these rules decides which one applies, so it is part of what the policy says.
    data["deidentification"] = list(data["deidentification"].items())
    told: dict[str, Any] = plain(data)
    return told


__all__ = [
    "DEFAULT_NAME",
    "ColumnRule",
    "Combination",
    "DeidentificationRule",
    "EntityRule",
    "Policy",
    "PolicyFile",
    "Rules",
    "load_policy",
]
