"""A policy's own test cases: facts in, verdict expected. A policy whose tests fail does not load.

Tests of an included file were written for that file alone. The policy that includes it may refuse more, so of those
only the refusals are tried; and not where the policy itself settles a rule that they are about.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from clearance.errors import PolicyError
from clearance.governance.decisions import decide
from clearance.governance.labeling import UNKNOWN_LEAF, after_protection, label_dataset
from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy
from clearance.governance.policy_file import PolicyTest, TestColumn
from clearance.governance.policy_rules import RULE_SECTIONS


@dataclass(frozen=True, slots=True)
class Tried:
    """A test and how it came out. ``problem`` is empty where it passed; ``inherited``: from an included file."""

    name: str
    where: str
    expected: str
    got: str
    problem: str
    inherited: bool
    skipped: bool = False

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__}


def require_passing(policy: Policy) -> None:
    """Raises PolicyError for the first test that fails, with its file and line."""
    for tried in run_tests(policy):
        if tried.problem:
            raise PolicyError(
                f"{tried.where}: the policy's own test '{tried.name}' fails: {tried.problem}",
                hint="correct the policy, or the test if it asks for the wrong thing: clearance policy test shows all",
            )


def run_tests(policy: Policy) -> Iterator[Tried]:
    """Every test of the policy, in order."""
    for number, test in enumerate(policy.content.tests):
        place = policy.where("tests", number)
        inherited = place.rpartition(":")[0] != policy.source
        if inherited and (test.expect == "clear" or _settled(test, policy)):
            yield Tried(test.name, place, test.expect, "", "", inherited, skipped=True)
            continue
        got, problem = _tried(test, policy, inherited)
        yield Tried(test.name, place, test.expect, got, problem, inherited)


def _settled(test: PolicyTest, policy: Policy) -> bool:
    """Whether the policy itself says what holds of a rule that an inherited test is about."""
    own = {name for name in policy.content.rules.model_fields_set if policy.says("rules", name)}
    return any(RULE_SECTIONS.get(rule) in own for rule in test.rules or ())


def _tried(test: PolicyTest, policy: Policy, inherited: bool) -> tuple[str, str]:
    columns = {path: _label(column, policy) for path, column in test.columns.items()}
    label = label_dataset(columns.values(), policy)
    verdict = decide(
        label,
        test.facts,
        test.solution,
        policy,
        column_labels=columns,
        column_types={path: sorted(column.types) for path, column in test.columns.items()},
        dataset=test.dataset,
        today=date.fromisoformat(test.today) if test.today else None,
    )
    spoke = sorted({conflict.rule for conflict in verdict.conflicts})
    got = f"{verdict.verdict} ({', '.join(spoke)})" if spoke else verdict.verdict
    if inherited:
        return got, "" if verdict.verdict != "clear" else f"expected {test.expect}, got clear"
    if verdict.verdict != test.expect:
        return got, f"expected {test.expect}, got {got}"
    if test.rules is not None and sorted(test.rules) != spoke:
        return got, f"expected the rules {', '.join(sorted(test.rules)) or 'none'}, got {', '.join(spoke) or 'none'}"
    if test.level is not None and label.level != test.level:
        return got, f"expected the level {test.level}, got {label.level}"
    return got, ""


def _label(column: TestColumn, policy: Policy) -> Label:
    method = column.method.settings() if column.method else None
    labels = []
    for kind in sorted(column.types):
        raw = policy.unknown_leaf.label() if kind == UNKNOWN_LEAF else policy.label_of(kind)
        labels.append(
            raw
            if method is None
            else after_protection(raw, entity_type=kind, method=method, policy=policy, verified=True)
        )
    return combine(labels, policy.levels)
