"""Which method on which column would clear a dataset for a solution, by the policy's own rules.

Asked of findings alone: what a method does to a label is what the policy says of it, and protection proves it before
anything is published.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clearance.governance.combinations import Held, held, with_roles
from clearance.governance.labeling import protected_column, roles_in
from clearance.governance.labels import Label, combine
from clearance.governance.policy import ColumnRule, Policy
from clearance.governance.solutions import Solution
from clearance.governance.taxonomy import covers


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``columns``: those that need another method than the policy's own, by path. ``stuck``: those that nothing the
    policy knows brings far enough down.
    """

    columns: dict[str, dict[str, Any]]
    stuck: tuple[str, ...]


def suggest_methods(reports: Iterable[Mapping[str, Any]], solutions: Iterable[Solution], policy: Policy) -> Suggestion:
    """The mildest method for each column that lets all ``solutions`` have it, in the order of the policy's rules.

    ``reports`` are column reports as mappings. A column that the policy's own method brings down needs none.
    """
    wanted = tuple(solutions)
    columns: dict[str, dict[str, Any]] = {}
    stuck = []
    by_path = {str(report["path"]): report for report in reports}
    labels: dict[str, Label] = {}
    for path, report in by_path.items():
        for method, label in _outcomes(path, report, policy):
            if all(may_have(label, solution, policy) for solution in wanted):
                labels[path] = label
                if method is not None:
                    columns[path] = method
                break
        else:
            stuck.append(path)
    # What breaks one combination may complete another, so there is an end to it.
    for _ in range(2 * len(policy.combinations)):
        broken = _objected(_seen(labels, columns, by_path, policy), wanted, policy)
        if broken is None:
            break
        done = min(
            (_apart(part, broken, by_path, _seen(labels, columns, by_path, policy), policy) for part in broken.parts),
            key=lambda each: len(each) or len(by_path) + 1,
        )
        if not done:
            return Suggestion(columns, (*stuck, *broken.columns))
        for path, (method, label) in done.items():
            columns[path], labels[path] = method, label
    left = _objected(_seen(labels, columns, by_path, policy), wanted, policy)
    return Suggestion(columns, (*stuck, *(left.columns if left else ())))


def _seen(
    labels: Mapping[str, Label],
    columns: Mapping[str, object],
    reports: Mapping[str, Mapping[str, Any]],
    policy: Policy,
) -> dict[str, Label]:
    """The labels as combinations see them: a column that has a role only and stays as it is may be what it says."""
    kept = [report for path, report in reports.items() if path not in columns and path in labels]
    return with_roles(labels, roles_in(kept, policy), policy)


def _outcomes(path: str, report: Mapping[str, Any], policy: Policy) -> Iterator[tuple[dict[str, Any] | None, Label]]:
    """Each candidate with the label it leaves."""
    for method in _candidates(report, policy):
        used = policy if method is None else _with(policy, path, method)
        yield method, protected_column(report, used, verified=True)


def _objected(labels: Mapping[str, Label], wanted: Iterable[Solution], policy: Policy) -> Held | None:
    """The first combination that makes the columns together more than a solution may have."""
    whole = combine(labels.values(), policy.levels)
    for one in held(whole, labels, policy):
        adds = policy.combinations[one.name].adds
        label = Label(one.level, adds.categories, frozenset(adds.regimes), adds.subjects)
        if not all(may_have(label, solution, policy) for solution in wanted):
            return one
    return None


def _apart(
    part: Iterable[str],
    broken: Held,
    reports: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, Label],
    policy: Policy,
) -> dict[str, tuple[dict[str, Any], Label]]:
    """For each column of a part the mildest method after which it is no part any more; empty where one has none."""
    found: dict[str, tuple[dict[str, Any], Label]] = {}
    for path in part:
        for method, label in _outcomes(path, reports[path], policy):
            alone = {**labels, **{each: Label(policy.levels.bottom) for each in part}, path: label}
            names = [one.name for one in held(combine(alone.values(), policy.levels), alone, policy)]
            if method is not None and broken.name not in names:
                found[path] = (method, label)
                break
        else:
            return {}
    return found


def _candidates(report: Mapping[str, Any], policy: Policy) -> Iterator[dict[str, Any] | None]:
    """None stands for what the policy does anyway. Then each rule's method, as far as it may keep something."""
    yield None
    if report.get("kind") != "text":
        yield from masks(policy)
    yield {"name": "redact"}
    yield {"name": "suppress"}


def masks(policy: Policy) -> Iterator[dict[str, Any]]:
    """The masks that the policy's rules let lower a label, each keeping as much as its rule allows."""
    for rule in policy.content.deidentification.values():
        if rule.method == "mask":
            yield {"name": "mask", "keep_first": rule.max_keep_first or 0, "keep_last": rule.max_keep_last or 0}


def _with(policy: Policy, path: str, method: dict[str, Any]) -> Policy:
    columns = {**policy.content.columns, path: ColumnRule.model_validate({"method": method})}
    return Policy(policy.content.model_copy(update={"columns": columns}), policy.marks)


def may_have(label: Label, solution: Solution, policy: Policy) -> bool:
    """Whether the rules on a label let a solution have it: level, hosting, regimes and usage."""
    levels, rules = policy.levels, policy.rules
    maximum: str = getattr(rules.hosting, solution.hosting)
    if levels.exceeds(label.level, solution.clearance) or levels.exceeds(label.level, maximum):
        return False
    if rules.regimes and not label.regimes <= (solution.regimes or frozenset()):
        return False
    forbidden = {name for usage in solution.usage for name in rules.usage.get(usage, frozenset())}
    return not any(covers(name, category) for name in forbidden for category in label.categories)
