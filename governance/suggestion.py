"""Which method on which column would clear a dataset for a solution, by the policy's own rules.

Asked of findings alone: what a method does to a label is what the policy says of it, and protection proves it before
anything is published.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clearance.governance.labeling import protected_column
from clearance.governance.labels import Label
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
    for report in reports:
        path = str(report["path"])
        for method in _candidates(report, policy):
            label = protected_column(report, policy if method is None else _with(policy, path, method), verified=True)
            if all(_may_have(label, solution, policy) for solution in wanted):
                if method is not None:
                    columns[path] = method
                break
        else:
            stuck.append(path)
    return Suggestion(columns, tuple(stuck))


def _candidates(report: Mapping[str, Any], policy: Policy) -> Iterator[dict[str, Any] | None]:
    """None stands for what the policy does anyway. Then each rule's method, as far as it may keep something."""
    yield None
    if report.get("kind") != "text":
        for rule in policy.content.deidentification.values():
            if rule.method == "mask":
                yield {"name": "mask", "keep_first": rule.max_keep_first or 0, "keep_last": rule.max_keep_last or 0}
    yield {"name": "redact"}
    yield {"name": "suppress"}


def _with(policy: Policy, path: str, method: dict[str, Any]) -> Policy:
    columns = {**policy.content.columns, path: ColumnRule.model_validate({"method": method})}
    return Policy(policy.content.model_copy(update={"columns": columns}), policy.marks)


def _may_have(label: Label, solution: Solution, policy: Policy) -> bool:
    """What the rules on a label say: level, hosting, regimes and usage."""
    levels, rules = policy.levels, policy.rules
    maximum: str = getattr(rules.hosting, solution.hosting)
    if levels.exceeds(label.level, solution.clearance) or levels.exceeds(label.level, maximum):
        return False
    if rules.regimes and not label.regimes <= (solution.regimes or frozenset()):
        return False
    forbidden = {name for usage in solution.usage for name in rules.usage.get(usage, frozenset())}
    return not any(covers(name, category) for name in forbidden for category in label.categories)
