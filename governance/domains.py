"""Declared join scopes: which columns and entity types get tokens of which domain.

Equal values of one domain give equal tokens; across domains nobody without the keys can tell that they are equal.
What no domain names is in the domain of the run.
"""

from collections.abc import Mapping
from itertools import takewhile
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from clearance.governance.column_paths import ColumnPaths
from clearance.governance.solutions import Names, Text
from clearance.governance.strict_yaml import Strict
from clearance.paths import format_path, parse_path


def _name(text: str) -> str:
    import re

    # As in tokenization/ring.py, which this layer does not import; a test holds them equal.
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", text):
        raise ValueError("a domain's name is 1 to 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first")
    return text


DomainName = Annotated[Text, AfterValidator(_name)]


class DomainRule(Strict):
    """One domain: column paths, entity types, or both. A column goes before an entity type."""

    columns: ColumnPaths = frozenset()
    entity_types: Names = frozenset()

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.columns and not self.entity_types:
            raise ValueError("a domain names columns, entity_types, or both")
        for path in sorted(self.columns):
            steps = parse_path(path)
            column = format_path(tuple(takewhile(lambda step: step.kind != "form", steps)))
            if column != path:
                raise ValueError(
                    f"{path} lies inside {column}, which is of one domain: name {column} or an entity type"
                )
        return self


Domains = Mapping[str, DomainRule]


def named_twice(domains: Domains) -> str:
    """A column or entity type that two domains name; empty when there is none."""
    seen: set[tuple[str, str]] = set()
    for rule in domains.values():
        for place in [("columns", name) for name in rule.columns] + [("types", name) for name in rule.entity_types]:
            if place in seen:
                return place[1]
            seen.add(place)
    return ""


def by_column(domains: Domains) -> dict[str, str]:
    """The domain of each column that one names."""
    return {path: name for name, rule in domains.items() for path in sorted(rule.columns)}


def by_entity_type(domains: Domains) -> dict[str, str]:
    """The domain of each entity type that one names."""
    return {kind: name for name, rule in domains.items() for kind in sorted(rule.entity_types)}


__all__ = ["DomainName", "DomainRule", "Domains", "by_column", "by_entity_type", "named_twice"]
