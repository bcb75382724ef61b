"""Declared against observed: where a manifest and what was found in the data disagree, each with its evidence.

``under`` means that the data is more than its owner says: a reason to refuse. ``over`` means less: worth a look, and
no reason to lower anything by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from clearance.governance.decisions import Conflict
from clearance.governance.labels import Label, combine
from clearance.governance.manifest import Column, Manifest, declared_label
from clearance.governance.policy import Policy

Kind = Literal[
    "under-labelled",
    "over-labelled",
    "undeclared-column",
    "missing-column",
    "undeclared-type",
    "undeclared-regime",
    "undeclared-category",
    "changed-type",
    "obsolete",
]
_BLOCKING = frozenset(
    {"under-labelled", "undeclared-column", "undeclared-type", "undeclared-regime", "undeclared-category", "obsolete"}
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One point on which owner and data disagree. ``column`` is None for the dataset, ``where`` the manifest's line."""

    kind: Kind
    column: str | None
    declared: str
    observed: str
    where: str

    @property
    def blocks(self) -> bool:
        """Whether the data is more than was declared."""
        return self.kind in _BLOCKING

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "kind": self.kind,
            "column": self.column,
            "declared": self.declared,
            "observed": self.observed,
            "where": self.where,
            "blocks": self.blocks,
        }


def disagreements(
    manifest: Manifest,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    sql_types: Mapping[str, str],
    label: Label,
    policy: Policy,
    today: date,
) -> list[Disagreement]:
    """All of them, columns in order of their names, the dataset's own last.

    ``columns``, ``types`` (entity types) and ``sql_types`` are what was observed, by path. ``today`` decides whether
    the declaration is obsolete.
    """
    found = [
        one for path in sorted(columns) for one in _of_column(manifest, path, columns[path], types, sql_types, policy)
    ]
    for path in sorted(manifest.columns.keys() - columns.keys()):
        found.append(Disagreement("missing-column", path, "declared", "not in the data", manifest.columns[path].where))
    return found + list(_of_dataset(manifest, label, policy, today))


def declaration_conflicts(
    manifest: Manifest,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    label: Label,
    policy: Policy,
    *,
    today: date | None = None,
) -> list[Conflict]:
    """The blocking ones as objections of a check; ``today`` is the present day (UTC) where it is not given."""
    found = disagreements(manifest, columns, types, {}, label, policy, today or datetime.now(UTC).date())
    return [
        Conflict(
            "declaration",
            one.column,
            {"disagreement": one.kind, "declared": one.declared, "observed": one.observed},
            "have the owner correct the manifest, or protect what it does not declare",
            where=one.where,
        )
        for one in found
        if one.blocks
    ]


def with_declared(
    manifest: Manifest, columns: Mapping[str, Label], label: Label, policy: Policy
) -> tuple[dict[str, Label], Label]:
    """Column labels and label with what is declared on top: a declaration raises, it never lowers."""
    raised = {path: _raised(manifest.columns.get(path), own, policy) for path, own in columns.items()}
    return raised, combine([label, manifest.label(policy), *raised.values()], policy.levels)


def _raised(column: Column | None, observed: Label, policy: Policy) -> Label:
    if column is None:
        return observed
    return combine([observed, declared_label(column.level, column.declared, policy)], policy.levels)


def _of_column(
    manifest: Manifest,
    path: str,
    observed: Label,
    types: Mapping[str, tuple[str, ...]],
    sql_types: Mapping[str, str],
    policy: Policy,
) -> Iterator[Disagreement]:
    kinds = types.get(path, ())
    column = manifest.columns.get(path)
    if column is None:
        evidence = f"{observed.level}{f': {_names(kinds)}' if kinds else ''}"
        yield Disagreement("undeclared-column", path, "not declared", evidence, manifest.source)
        return
    yield from _levels(path, column.level, observed.level, kinds, column.where, policy)
    declared_type = column.type
    if declared_type is not None and path in sql_types and declared_type.lower() != sql_types[path].lower():
        yield Disagreement("changed-type", path, declared_type, sql_types[path], column.where)
    yield from _sets(path, column, observed, kinds)


def _levels(
    path: str | None, declared: str | None, observed: str, kinds: tuple[str, ...], where: str, policy: Policy
) -> Iterator[Disagreement]:
    evidence = f"{observed}{f': {_names(kinds)}' if kinds else ''}"
    if policy.levels.exceeds(observed, declared or policy.levels.bottom):
        yield Disagreement("under-labelled", path, declared or "no classification", evidence, where)
    elif declared is not None and policy.levels.exceeds(declared, observed):
        yield Disagreement("over-labelled", path, declared, evidence, where)


def _sets(path: str, column: Column, observed: Label, kinds: tuple[str, ...]) -> Iterator[Disagreement]:
    own = column.declared
    told: tuple[tuple[Kind, frozenset[str] | None, frozenset[str]], ...] = (
        ("undeclared-type", own.entity_types, frozenset(kinds)),
        ("undeclared-regime", own.regimes, observed.regimes),
        ("undeclared-category", own.categories, observed.categories),
    )
    for kind, declared, seen in told:
        # What is not declared at all is told by the level; a list that is there must be whole.
        if declared is not None and (beyond := seen - declared):
            yield Disagreement(kind, path, _names(declared) or "none", _names(beyond), column.where)


def _of_dataset(manifest: Manifest, label: Label, policy: Policy, today: date) -> Iterator[Disagreement]:
    own = manifest.declared
    if own.classification is not None:
        yield from _levels(None, own.classification, label.level, (), manifest.where("classification"), policy)
    if own.regimes is not None and (beyond := label.regimes - own.regimes):
        yield Disagreement(
            "undeclared-regime", None, _names(own.regimes) or "none", _names(beyond), manifest.where("regimes")
        )
    if own.obsolete_from is not None and own.obsolete_from <= today:
        told = own.obsolete_from.isoformat()
        yield Disagreement("obsolete", None, f"obsolete from {told}", today.isoformat(), manifest.where("obsoleteFrom"))


def _names(names: Any) -> str:
    return ", ".join(sorted(names))
