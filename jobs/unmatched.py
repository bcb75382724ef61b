"""Columns that a policy names and nobody has: most likely another spelling, and a rule that holds for nothing.

A policy may serve many datasets, so one that lacks a column is no error. One that none on record has is worth a word,
and where the dataset at hand has a column of nearly that name which the policy leaves out, no copy is made: it would
hold what its owner meant to have protected.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence

from clearance.errors import PolicyError
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.paths import Step, format_path, parse_path

_NEAR = 0.75


def columns_nowhere(policy: Policy, registry: Registry, there: Collection[str]) -> list[dict[str, str]]:
    """The columns under ``columns`` and ``domains`` of a policy that no dataset has by its newest scan on record, each
    with what was meant: one that was renamed since is as gone as one that never was.

    ``there``: columns of the datasets at hand; the nearest of them that the policy does not name itself is ``perhaps``
    (empty: none is near).
    """
    named = _named(policy)
    missing = sorted(named.keys() - set(there))
    if not missing:
        return []
    seen = _seen(registry, missing)
    left = sorted(set(there) - named.keys())
    return [{"column": path, "perhaps": _near(path, left)} for path in missing if path not in seen]


def _seen(registry: Registry, columns: Sequence[str]) -> set[str]:
    """Those of the columns that some dataset had when it was last scanned."""
    rows = registry.rows("findings", ["dataset", "run_id", "column"], column=columns)
    if not rows:
        return set()
    scans = registry.latest_each("findings", columns=["run_id"], dataset=sorted({row["dataset"] for row in rows}))
    return {row["column"] for row in rows if row["run_id"] == scans[row["dataset"]]["run_id"]}


def require_meant(
    policy: Policy,
    registry: Registry,
    there: Collection[str],
    elsewhere: Callable[[], Collection[str]] = tuple,
) -> None:
    """Raises ``PolicyError`` where the policy names nearly a column of ``there``, and no dataset on record has that.

    ``elsewhere``: columns of datasets that are about to be scanned too; asked only where it matters.
    """
    near = [each for each in columns_nowhere(policy, registry, there) if each["perhaps"]]
    if near:
        known = frozenset(elsewhere())
        near = [each for each in near if known.isdisjoint((each["column"], _string_of(each["column"])))]
    if near:
        column, meant = near[0]["column"], near[0]["perhaps"]
        place = policy.where(*_named(policy)[column])
        if _lies_in(meant, column):
            raise PolicyError(
                f"{place}: {column} has no values of its own, and of {meant} in it the policy says nothing",
                hint="name each column in it by its path, `keep` for those that may stay",
            )
        raise PolicyError(
            f"{place}: no dataset on record has the column {column}; here is {meant}, of which the policy says nothing",
            hint=f"if {meant} is meant, write it so; if not, scan the dataset that has {column} first, "
            "or take it out of the policy",
        )


def _named(policy: Policy) -> dict[str, tuple[str | int, ...]]:
    """The columns that a policy names, and where."""
    content = policy.content
    domains = {
        path: ("domains", name, "columns", number)
        for name, rule in content.domains.items()
        for number, path in enumerate(rule.columns)
    }
    return {**domains, **{path: ("columns", path) for path in content.columns}}


def _string_of(path: str) -> str:
    """The column whose strings hold what a path names, if it names something inside a string; else the path."""
    steps = parse_path(path)
    depth = next((number for number, step in enumerate(steps) if step.kind == "form"), len(steps))
    return format_path(steps[:depth])


def _near(path: str, there: Iterable[str]) -> str:
    there = list(there)
    # `e.mail` without its quotes is a field `mail` of a column `e`: the column is nearer than any spelling.
    if (quoted := format_path([Step("name", path)])) in there:
        return quoted
    # A struct, an array, an object in JSON: a method goes to the leaves in it, each by its path.
    if within := next((other for other in there if _lies_in(other, path)), ""):
        return within
    likeness = {other: _likeness(parse_path(path), parse_path(other)) for other in there}
    best = max(there, key=lambda other: likeness[other], default="")
    return best if best and likeness[best] >= _NEAR else ""


def _lies_in(path: str, other: str) -> bool:
    steps, around = parse_path(path), parse_path(other)
    return len(steps) > len(around) and steps[: len(around)] == around


def _likeness(steps: Sequence[Step], others: Sequence[Step]) -> float:
    """How like two paths are, 0 to 1, by the one name in which they differ: what they share says nothing."""
    apart = [(one, other) for one, other in zip(steps, others, strict=False) if one != other]
    if len(steps) != len(others) or len(apart) != 1 or {step.kind for step in apart[0]} != {"name"}:
        return 0.0
    one, other = (_letters(step.name) for step in apart[0])
    return 1.0 if one == other else difflib.SequenceMatcher(None, one, other).ratio()


def _letters(name: str) -> str:
    """Without what people spell at will: case, and signs between words."""
    return "".join(filter(str.isalnum, name)).casefold() or name


__all__ = ["columns_nowhere", "require_meant"]
