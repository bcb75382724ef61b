"""What is more sensitive together than apart: the combination rules of a policy, over columns and over datasets.

A part of a combination is there when a column has one of its categories at its level or above. So raising a label or
adding data can only make more combinations hold, and a column that a de-identification rule lowered is no part of
those that ask for more. Categories that a dataset's label has and none of its columns does (declared by its owner)
count as a column of the dataset's own level: where they are is not known.

Columns may have a role only (``labeling.role_types``): they are parts of combinations, as if they were of the type that
they may be, and raise nothing by themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy
from clearance.governance.policy_file import Combination, Part
from clearance.governance.taxonomy import covers


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset's label and its columns' labels by path. ``name`` tells several datasets apart. ``roles`` are labels by
    path of columns that have a role, were they of the type that they may be.
    """

    label: Label
    columns: Mapping[str, Label]
    name: str = ""
    roles: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A combination that holds. ``parts``: the columns of each part, by path (``dataset#path`` of several datasets).

    The path is empty for what the dataset's label alone says.
    """

    name: str
    level: str
    parts: tuple[tuple[str, ...], ...]
    datasets: int
    where: str
    text: str
    above: bool

    @property
    def columns(self) -> list[str]:
        """All columns that are part of it."""
        return sorted({path for part in self.parts for path in part if path})

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, in the form of a label's reasons."""
        return {"combination": self.name, "level": self.level, "columns": self.columns, "where": self.where,
                "text": self.text}  # fmt: skip


def raised(
    label: Label, columns: Mapping[str, Label], policy: Policy, roles: Mapping[str, Label] | None = None
) -> Label:
    """A dataset's label with what its combinations make of it. Done twice it changes nothing more."""
    return together([Source(label, columns, roles=roles or {})], policy)[0]


def with_roles(columns: Mapping[str, Label], roles: Mapping[str, Label], policy: Policy) -> dict[str, Label]:
    """The columns' labels as combinations see them: what was found in a column counts beside its role."""
    return {**columns, **{p: combine((columns.get(p, own), own), policy.levels) for p, own in roles.items()}}


def held(
    label: Label, columns: Mapping[str, Label], policy: Policy, roles: Mapping[str, Label] | None = None
) -> tuple[Held, ...]:
    """The combinations that hold in one dataset, in the policy's order."""
    return together([Source(label, columns, roles=roles or {})], policy)[1]


def together(sources: Sequence[Source], policy: Policy) -> tuple[Label, tuple[Held, ...]]:
    """The label of datasets that are put together: their high-water mark, and what their combinations add."""
    every = [label for source in sources for label in (source.label, *source.columns.values())]
    label = combine(every, policy.levels)
    in_roles = frozenset().union(*(own.categories for source in sources for own in source.roles.values()))
    found: dict[str, Held] = {}
    while True:
        entries = list(_columns(sources, label, policy))
        fresh = {}
        for name, rule in policy.combinations.items():
            if (
                name not in found
                and (one := _holds(name, rule, entries, label.categories | in_roles, policy)) is not None
            ):
                fresh[name] = one
        if not fresh:
            return label, tuple(found[name] for name in policy.combinations if name in found)
        found |= fresh
        # What a combination adds may complete another one.
        label = combine([label, *(_added(policy.combinations[name]) for name in fresh)], policy.levels)


def _added(rule: Combination) -> Label:
    return Label(rule.raises_to, rule.adds.categories, frozenset(rule.adds.regimes), rule.adds.subjects)


class _Entry(NamedTuple):
    """A column, or what no column is known to hold: its dataset's number, its name, its label as combinations see it,
    and the level that it has by itself.
    """

    dataset: int
    name: str
    label: Label
    level: str


def _columns(sources: Sequence[Source], label: Label, policy: Policy) -> Iterable[_Entry]:
    placed: set[str] = set()
    for number, source in enumerate(sources):
        own = frozenset().union(*(column.categories for column in source.columns.values()))
        for path, column in with_roles(source.columns, source.roles, policy).items():
            level = source.columns[path].level if path in source.columns else policy.levels.bottom
            yield _Entry(number, "#".join(filter(None, (source.name, path))), column, level)
        rest = source.label.categories - own
        if rest:
            yield _Entry(number, source.name, Label(source.label.level, rest), source.label.level)
        placed |= own | rest
    added = label.categories - placed
    if added:
        yield _Entry(0, "", Label(label.level, added), label.level)


def _holds(
    name: str,
    rule: Combination,
    columns: Sequence[_Entry],
    categories: frozenset[str],
    policy: Policy,
) -> Held | None:
    # Most combinations fail here, without a look at any column.
    if not all(_covered(part, categories) for part in rule.together):
        return None
    parts = [[entry for entry in columns if _is_part(part, entry.label, policy)] for part in rule.together]
    datasets = {entry.dataset for part in parts for entry in part}
    if not all(parts) or len(datasets) < rule.min_datasets:
        return None
    paths = tuple(tuple(sorted(entry.name for entry in part)) for part in parts)
    where = policy.where("combinations", name)
    highest = policy.levels.highest(entry.level for part in parts for entry in part)
    text = f"together {rule.raises_to}: {rule.why} ({rule.source}); {where}"
    above = policy.levels.exceeds(rule.raises_to, highest)
    return Held(name, rule.raises_to, paths, len(datasets), where, text, above)


def _is_part(part: Part, label: Label, policy: Policy) -> bool:
    if part.at_least is not None and policy.levels.exceeds(part.at_least, label.level):
        return False
    return _covered(part, label.categories)


def _covered(part: Part, categories: frozenset[str]) -> bool:
    return any(covers(wanted, category) for wanted in part.categories for category in categories)
