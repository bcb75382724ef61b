"""What stands around a column: its comment, and what the names of the columns beside it are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearance.classifiers.names import look_alike, name_evidence, names_a_part, names_house_numbers

#: Types whose columns are about a person; a table of goods has addresses, IP addresses and secrets too.
_PERSONAL = frozenset(
    {"PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "DATE_OF_BIRTH", "AGE", "GENDER", "US_SSN", "NATIONAL_ID", "NRP"}
)
_GOODS, _PLACES = "products", "places"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The comment on a column, and how many columns beside it are, by name, about a person, about goods, of places.

    ``in_parts``: one beside it holds first names, or family names; ``numbered``: one holds house numbers.
    """

    comment: str = ""
    people: int = 0
    things: int = 0
    places: int = 0
    in_parts: bool = False
    numbered: bool = False


ALONE = Surroundings()


def surroundings(paths: Sequence[str], comments: Mapping[str, str] | None = None) -> dict[str, Surroundings]:
    """The surroundings of each of a dataset's leaves, by column path. ``comments`` are those of some of them."""
    people = {path: name_evidence(path) in _PERSONAL for path in paths}
    things = {path: look_alike(path) == _GOODS for path in paths}
    places = {path: look_alike(path) == _PLACES for path in paths}
    parts = {path: names_a_part(path) for path in paths}
    all_people, all_things, all_places, all_parts = (sum(marks.values()) for marks in (people, things, places, parts))
    numbered = any(map(names_house_numbers, paths))
    said = comments or {}
    return {
        path: Surroundings(
            said.get(path, ""),
            people=all_people - people[path],
            things=all_things - things[path],
            places=all_places - places[path],
            in_parts=all_parts > parts[path],
            numbered=numbered,
        )
        for path in paths
    }


__all__ = ["ALONE", "Surroundings", "surroundings"]
