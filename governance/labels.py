"""Levels, labels, and the one way labels combine: the high-water mark.

A label says how sensitive data is and why. Combining labels takes the highest level and the union of the
rest, so the order of combining never matters and adding data never lowers a label. Lowering is not done
here: see ``after_protection`` in ``labeling``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clearance.errors import PolicyError, RegistryError


@dataclass(frozen=True, slots=True)
class Levels:
    """Sensitivity levels, the least sensitive first.

    ``Levels(("public", "internal"))``; raises PolicyError for fewer than two names or a repeated one.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(set(self.names)) != len(self.names) or not all(self.names):
            raise PolicyError(
                f"levels must be at least two different names, got {list(self.names)}",
                hint="write them from the least to the most sensitive: [public, internal, restricted]",
            )

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def rank(self, name: str) -> int:
        """Position of a level, 0 is the least sensitive. Raises PolicyError for an unknown name."""
        try:
            return self.names.index(name)
        except ValueError:
            raise PolicyError(
                f"unknown level '{name}'", hint=f"known levels, least sensitive first: {', '.join(self.names)}"
            ) from None

    def exceeds(self, level: str, limit: str) -> bool:
        """Is ``level`` more sensitive than ``limit`` allows?"""
        return self.rank(level) > self.rank(limit)

    def highest(self, names: Iterable[str]) -> str:
        """The most sensitive of the names; the lowest level when there are none."""
        return self.names[max((self.rank(name) for name in names), default=0)]

    def lowest(self, names: Iterable[str]) -> str:
        """The least sensitive of the names; raises ValueError when there are none."""
        return self.names[min(self.rank(name) for name in names)]

    @property
    def bottom(self) -> str:
        """What data with nothing sensitive in it has."""
        return self.names[0]

    @property
    def top(self) -> str:
        """What data has that could not be looked at."""
        return self.names[-1]


@dataclass(frozen=True, slots=True)
class Label:
    """Level, Fideslang categories, regimes (laws, standards) and Fideslang subjects of some data."""

    level: str
    categories: frozenset[str] = frozenset()
    regimes: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, lists sorted: equal labels give equal text."""
        return {
            "level": self.level,
            "categories": sorted(self.categories),
            "regimes": sorted(self.regimes),
            "subjects": sorted(self.subjects),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Label":
        """Reverse of ``to_dict``. Raises RegistryError when a key is missing, unknown or of another type.

        A half-read label would be a lower label, so nothing is defaulted.
        """
        parts = ("categories", "regimes", "subjects")
        if set(data) != {"level", *parts}:
            raise RegistryError(
                f"a label has the keys level, {', '.join(parts)}; got {', '.join(sorted(map(str, data))) or 'none'}",
                hint="label the dataset again: its stored label is damaged or from another version",
            )
        level = data["level"]
        sets = [_names(data[part]) for part in parts]
        if not isinstance(level, str) or not level or any(names is None for names in sets):
            raise RegistryError(
                "a label's level is a name and its other parts are lists of names",
                hint="label the dataset again: its stored label is damaged",
            )
        categories, regimes, subjects = (names or frozenset() for names in sets)
        return cls(level, categories, regimes, subjects)


def combine(labels: Iterable[Label], levels: Levels) -> Label:
    """High-water mark: the highest level, and the union of categories, regimes and subjects.

    No labels at all combine to the lowest level with nothing in it. Raises PolicyError when a label's level
    is not one of ``levels``.
    """
    labels = tuple(labels)
    return Label(
        levels.highest(label.level for label in labels),
        frozenset().union(*(label.categories for label in labels)),
        frozenset().union(*(label.regimes for label in labels)),
        frozenset().union(*(label.subjects for label in labels)),
    )


def _names(value: object) -> frozenset[str] | None:
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    return None
