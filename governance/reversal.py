"""Who may have values back: grants of a policy, and the decision about one request.

Without a grant nobody may. One grant must allow the whole request: nothing is put together from several, and a fact
that the request lacks is a no.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from clearance.errors import UsageError
from clearance.governance import canonical
from clearance.governance.column_paths import SomePaths
from clearance.governance.identity import dataset_identity
from clearance.governance.solutions import Names, as_names
from clearance.governance.strict_yaml import Strict

Operation = Literal["detokenize", "crosswalk", "rekey"]

STDIN = "stdin"
"""The name under which values and texts that belong to no dataset are asked for."""

_Day = Annotated[date, PlainSerializer(lambda day: day.isoformat(), return_type=str)]
_Some = Annotated[Names, Field(min_length=1)]
_Operations = Annotated[frozenset[Operation], BeforeValidator(as_names), Field(min_length=1)]


class Grant(Strict):
    """Allows some people something for some purposes until a day. There is no "all" in any field.

    ``datasets``: references; one that ends in a slash means everything below it; ``stdin`` means values that belong to
    no dataset. ``columns`` (paths) and ``entity_types``: where both stand, both must fit. ``max_rows``: of one request.
    """

    who: _Some
    purposes: _Some
    datasets: _Some
    columns: SomePaths | None = None
    entity_types: _Some | None = None
    max_rows: Annotated[int, Field(ge=1)]
    valid_from: _Day | None = None
    valid_until: _Day
    operations: _Operations = frozenset({"detokenize"})

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if self.columns is None and self.entity_types is None:
            raise ValueError("a grant names columns, entity_types, or both")
        if self.valid_from is not None and self.valid_from > self.valid_until:
            raise ValueError("valid_from is after valid_until")
        return self

    def speaks_of(self, asked: "Request") -> list[str]:
        """What the grant lacks for the request whatever its columns hold; empty when it may allow it."""
        return [
            name
            for name, fits in (
                ("person", asked.who is not None and asked.who in self.who),
                ("purpose", asked.purpose is not None and asked.purpose in self.purposes),
                ("dataset", asked.dataset is not None and any(_covers(own, asked.dataset) for own in self.datasets)),
                ("operation", asked.operation is not None and asked.operation in self.operations),
                ("day", asked.on is not None and self._valid_on(asked.on)),
            )
            if not fits
        ]

    def lacks(self, asked: "Request") -> list[str]:
        """What the grant lacks for the whole request, columns, entity types and rows included."""
        found = self.speaks_of(asked)
        if not asked.columns:
            found.append("columns or entity types")
        for path, types in sorted(asked.columns.items()):
            if not self._allows(path, types):
                # One of them is told: whoever mends the grant asks again.
                held = ", ".join(sorted(types)) or "no known type"
                found.append(f"columns or entity types ({path}: {held})" if path else f"entity types ({held})")
                break
        if asked.rows is None or asked.rows < 0:
            found.append("rows")
        elif asked.rows > self.max_rows:
            found.append(f"rows ({asked.rows} of {self.max_rows})")
        return found

    def _valid_on(self, day: date) -> bool:
        return day <= self.valid_until and (self.valid_from is None or self.valid_from <= day)

    def _allows(self, path: str, types: Collection[str]) -> bool:
        if self.columns is not None and path not in self.columns:
            return False
        return self.entity_types is None or (bool(types) and self.entity_types.issuperset(types))


Grants = Mapping[str, Grant]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for. ``columns``: entity types by column path, ``""`` for what is in no column.

    A field that is None, or empty, is a fact that is missing.
    """

    operation: Operation | None
    who: str | None
    purpose: str | None
    dataset: str | None
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rows: int | None = None
    on: date | None = None

    def facts(self) -> dict[str, Any]:
        """As it goes into the audit: names and counts, no value."""
        return {
            "operation": self.operation,
            "who": self.who,
            "purpose": self.purpose,
            "columns": {path: sorted(types) for path, types in sorted(self.columns.items())},
            "rows": self.rows,
            "on": self.on.isoformat() if self.on else None,
        }

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the whole request."""
        return canonical.digest({**self.facts(), "dataset": self.dataset})


@dataclass(frozen=True, slots=True)
class Decision:
    """The grant that allows a request, or why none does."""

    grant: str | None
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether there is such a grant."""
        return self.grant is not None


def may_be_allowed(grants: Grants, asked: Request) -> Decision:
    """Whether a grant speaks of this person, purpose, dataset, operation and day; columns and rows come later."""
    return _decide(grants, [(name, grant.speaks_of(asked)) for name, grant in grants.items()])


def decide(grants: Grants, asked: Request) -> Decision:
    """Whether one grant allows the whole request."""
    return _decide(grants, [(name, grant.lacks(asked)) for name, grant in grants.items()])


def _decide(grants: Grants, lacking: Sequence[tuple[str, list[str]]]) -> Decision:
    if not grants:
        return Decision(None, "the policy grants nobody reversal")
    name, lacks = min(lacking, key=lambda each: len(each[1]))
    if not lacks:
        return Decision(name)
    return Decision(None, f"no grant fits: the nearest, {name}, does not cover the {', '.join(lacks)}")


def _covers(own: str, dataset: str) -> bool:
    if own == STDIN or dataset == STDIN:
        return own == dataset
    try:
        key = dataset_identity(own).key
    except UsageError:
        return False
    return dataset == key or (own.endswith("/") and dataset.startswith(f"{key}/"))


__all__ = ["STDIN", "Decision", "Grant", "Grants", "Operation", "Request", "decide", "may_be_allowed"]
