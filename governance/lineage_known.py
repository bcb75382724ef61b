"""What labels through lineage are worked out from (what is known of datasets, and proofs), and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clearance.governance.labels import Label


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record of a dataset. ``unknown``: why its label does not speak for its data, empty where it does.

    ``doubt``: why the label may refuse but not clear, such as a scan of a sample. ``roles``: labels of columns that
    have a role only, were they what they may be.
    """

    label: Label
    columns: Mapping[str, Label]
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: str = ""
    doubt: str = ""
    environment: str | None = None
    roles: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProvedLeaf:
    """A column of a signed statement: how it was replaced, and the label it has by that."""

    how: str
    label: Label
    method: Mapping[str, object]
    entity_type: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified statement that a dataset is a protected version of another, under the present policy.

    ``before``, ``types_before`` and ``roles_before`` are the source's column labels, entity types and roles when it was
    made.
    """

    source: str
    leaves: Mapping[str, ProvedLeaf]
    before: Mapping[str, Label]
    types_before: Mapping[str, tuple[str, ...]]
    roles_before: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a column (or, with ``column`` "", all of them) has its label: one source, the job, and how it gets in."""

    column: str
    source: str
    field: str
    job: str
    how: str


@dataclass(frozen=True, slots=True)
class Derived:
    """What lineage says of one dataset. ``rest`` is of columns that have no name here, and of all that have one."""

    label: Label
    columns: Mapping[str, Label]
    rest: Label
    reasons: tuple[Reason, ...]
