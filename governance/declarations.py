"""Declared against observed: where a manifest and what was found in the data disagree, each with its evidence.

``under`` means that the data is more than its owner says: a reason to refuse. ``over`` means less: worth a look, and
no reason to lower anything by itself. What is left out can't be compared: beside something that was found it can't be
told whether that was meant.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from clearance.governance.decisions import Conflict
from clearance.governance.labels import Label, combine
from clearance.governance.manifest import Column, Manifest, declared_label
from clearance.governance.policy import Policy
from clearance.governance.undeclared import Part, Undeclared

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
    "not-declared",
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
        """Whether the data is more than was declared, or that can't be told."""
        return self.kind in _BLOCKING or not self.definite

    @property
    def definite(self) -> bool:
        """Whether it is a disagreement, and not something left out."""
        return self.kind != "not-declared"

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
    found = _definite(manifest, columns, types, sql_types, label, policy, today)
    left_out = undeclared(manifest, columns, types, label, policy, today)
    for place in dict.fromkeys(one.path for one in left_out):
        mine = [one for one in left_out if one.path == place]
        seen = "; ".join(dict.fromkeys(one.observed for one in mine if one.observed)) or "nothing"
        told = f"no {', '.join(one.part for one in mine)}"
        found.append(Disagreement("not-declared", place, told, seen, mine[0].where))
    return found


def _definite(
    manifest: Manifest,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    sql_types: Mapping[str, str],
    label: Label,
    policy: Policy,
    today: date,
) -> list[Disagreement]:
    """Those that are about what was declared, not about what was left out."""
    found = [
        one for path in sorted(columns) for one in _of_column(manifest, path, columns[path], types, sql_types, policy)
    ]
    for path in sorted(manifest.columns.keys() - columns.keys()):
        found.append(Disagreement("missing-column", path, "declared", "not in the data", manifest.columns[path].where))
    found += _of_dataset(manifest, label, policy, today)
    return found


def undeclared(
    manifest: Manifest,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    label: Label,
    policy: Policy,
    today: date,
) -> list[Undeclared]:
    """What a rule or a comparison could ask for and the manifest leaves out, the dataset's own first.

    ``columns``, ``types`` and ``label`` are what was observed. Of columns that are in the data and in the manifest.
    """
    own = manifest.declared
    found = [
        *_left_out("classification", None, own.classification, _above(label, policy), manifest.source),
        *_left_out("categories", None, own.categories, (), manifest.source),
        *_left_out("regimes", None, own.regimes, label.regimes, manifest.source),
        *_left_out("obsoleteFrom", None, own.obsolete_from, (today.isoformat(),), manifest.source),
    ]
    for path in sorted(columns.keys() & manifest.columns.keys()):
        column, seen = manifest.columns[path], columns[path]
        told, where = column.declared, column.where
        found += _left_out("classification", path, column.level, _above(seen, policy), where)
        found += _left_out("categories", path, told.categories, seen.categories, where)
        found += _left_out("regimes", path, told.regimes, seen.regimes, where)
        # Entity types raise no label: they are only compared.
        if types.get(path):
            found += _left_out("entityTypes", path, told.entity_types, types[path], where)
    return found


def _left_out(part: Part, path: str | None, told: object, seen: Iterable[str], where: str) -> list[Undeclared]:
    return [] if told is not None else [Undeclared(part, path, where, _names(seen))]


def _above(label: Label, policy: Policy) -> tuple[str, ...]:
    return (label.level,) if policy.levels.exceeds(label.level, policy.levels.bottom) else ()


def declaration_conflicts(
    manifest: Manifest,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    label: Label,
    policy: Policy,
    *,
    today: date | None = None,
) -> list[Conflict]:
    """The blocking ones as objections of a check; ``today`` is the present day (UTC) where it is not given.

    What was left out, and would have been compared with something, can't be told. What would not is for ``decide``
    (``undeclared``): whether anybody asks for it depends on the solution.
    """
    day = today or datetime.now(UTC).date()
    found = _definite(manifest, columns, types, {}, label, policy, day)
    left_out = [one for one in undeclared(manifest, columns, types, label, policy, day) if one.observed]
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
    ] + [
        Conflict(
            "declaration",
            one.path,
            {"missing": one.part, "observed": one.observed},
            f"declare {one.part} in the manifest",
            definite=False,
            where=one.where,
        )
        for one in left_out
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
        # A list that is there must be whole; one that is not is told as such.
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
