"""Several datasets for one solution: what they are together, beside what each of them is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clearance.governance.combinations import Source, together
from clearance.governance.conflicts import Case, Conflict, Verdict, outcome_of
from clearance.governance.facts import Facts
from clearance.governance.label_rules import LABEL_RULES
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.jobs.check import Checked, record_verdict

_SUBJECTS = ("regime", "usage", "forbidden", "combination")


def judge_together(
    results: Sequence[Checked], solution: Solution, policy: Policy, registry: Registry, *, record: bool = True
) -> Checked:
    """The verdict on the datasets of ``results`` put together, for the solution they were judged for.

    It tells what none of them is alone: combinations whose parts lie in several of them. It is never clear while one
    of them is not.
    """
    name = " + ".join(result.dataset for result in results)
    found = [_part(result) for result in results if result.verdict.verdict in ("conflict", "undecidable")]
    risen = [_part(result) for result in results if result.verdict.verdict == "escalated"]
    label: Label | None = None
    known = [(result, result.label) for result in results if result.label is not None]
    if len(known) == len(results) and all(level in policy.levels for level in _levels(known)):
        sources = [Source(own, result.columns, result.dataset, result.roles) for result, own in known]
        label, held = together(sources, policy)
        columns = {f"{source.name}#{path}": column for source in sources for path, column in source.columns.items()}
        today = datetime.now(UTC).date()
        case = Case(label, columns, {}, Facts(), solution, policy, None, today, held)
        told = {_subject(conflict) for result in results for conflict in result.verdict.conflicts}
        every = [conflict for rule in LABEL_RULES for conflict in rule(case)]
        found += [each for each in every if each.column is None and _subject(each) not in told]
    verdict = Verdict(outcome_of(found), tuple(found)).escalated(risen)
    checked = Checked(name, solution.name, verdict, label, None, "current", "")
    if record and label is not None:
        record_verdict(checked, solution, policy, registry, {})
    return checked


def _part(result: Checked) -> Conflict:
    facts: dict[str, Any] = {"dataset": result.dataset, "verdict": result.verdict.verdict}
    definite = result.verdict.verdict in ("conflict", "escalated")
    if not definite:
        facts["missing"] = "a clear verdict on it"
    return Conflict("part", None, facts, "what its own verdict says", definite=definite)


def _levels(known: Sequence[tuple[Checked, Label]]) -> set[str]:
    return {label.level for result, own in known for label in (own, *result.columns.values())}


def _subject(conflict: Conflict) -> tuple[Any, ...]:
    facts: Mapping[str, Any] = conflict.facts
    return (conflict.rule, *(facts.get(key) for key in _SUBJECTS))
