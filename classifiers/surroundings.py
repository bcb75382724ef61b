"""What stands around a column: its comment, and what the names of the columns beside it are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearance.classifiers.names import look_alike, name_evidence

#: Types whose columns are about a person; a table of goods has addresses, IP addresses and secrets too.
_PERSONAL = frozenset(
    {"PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "DATE_OF_BIRTH", "AGE", "GENDER", "US_SSN", "NATIONAL_ID", "NRP"}
)
_GOODS = "products"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The comment on a column, and how many columns beside it are, by name, about a person or about goods."""

    comment: str = ""
    people: int = 0
    things: int = 0


ALONE = Surroundings()


def surroundings(paths: Sequence[str], comments: Mapping[str, str] | None = None) -> dict[str, Surroundings]:
    """The surroundings of each of a dataset's leaves, by column path. ``comments`` are those of some of them."""
    people = {path: name_evidence(path) in _PERSONAL for path in paths}
    things = {path: look_alike(path) == _GOODS for path in paths}
    all_people, all_things = sum(people.values()), sum(things.values())
    said = comments or {}
    return {
        path: Surroundings(said.get(path, ""), all_people - people[path], all_things - things[path]) for path in paths
    }


__all__ = ["ALONE", "Surroundings", "surroundings"]
