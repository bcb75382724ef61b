"""May this dataset be given to this solution? Every rule that applies answers, not only the first.

A rule has three answers: nothing to object, a conflict, or "can't tell" because a fact is missing. A definite
conflict wins over a missing fact, and both block. So a rule may use a fact to object or to have nothing to
object, but never reads an absent fact as a yes: taking a fact away can only block more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from clearance.errors import PolicyError
from clearance.governance.combinations import Source, together
from clearance.governance.conflicts import Case, Conflict, Outcome, State, Verdict, outcome_of
from clearance.governance.fact_rules import FACT_RULES
from clearance.governance.facts import Facts, read_facts
from clearance.governance.label_rules import LABEL_RULES
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.policy_rules import RULE_SECTIONS
from clearance.governance.solutions import Solution
from clearance.governance.undeclared import Undeclared, undecided

#: What is to be done about a state, in the words of a verdict.
REMEDIES: dict[str, str] = {
    "changed": "the dataset changed since its scan: scan and label it again",
    "unlabelled": "the dataset has no label: check its name, or scan and label it first",
    "unreadable": "the dataset's state could not be read: make it readable, or scan it again",
    "unvouched": "the registry was written past the audit: see `clearance audit verify`, then scan the dataset again",
    "other-policy": "the label was given under another policy: protect or scan the dataset again with this one",
    "overlooked": "no model looked for names and places in its text: scan it with the model, "
    "or accept that in the policy (rules: text_without_model)",
    "sampled": "only a sample was scanned, which can refuse but not clear: scan all of it, "
    "or accept what such a sample proves in the policy (rules: sampled_scans)",
    "derived": "nobody scanned it: its lineage can refuse but not clear it: scan it, "
    "or accept labels from complete lineage in the policy (rules: derived_labels)",
    "unproved": "the protection of this dataset has no passed proof: protect it again",
}
#: States in which the stored label still speaks for the data, so that a conflict on it is definite.
_LABEL_HOLDS = frozenset({"current", "sampled", "overlooked", "derived"})


def decide(
    label: Label | None,
    facts: Facts | Mapping[str, Any],
    solution: Solution,
    policy: Policy,
    *,
    state: State = "current",
    column_labels: Mapping[str, Label] | None = None,
    column_types: Mapping[str, Iterable[str]] | None = None,
    column_roles: Mapping[str, Label] | None = None,
    more: Iterable[Conflict] = (),
    undeclared: Sequence[Undeclared] = (),
    dataset: str | None = None,
    today: date | None = None,
) -> Verdict:
    """The verdict on one dataset and one solution.

    ``label`` and ``column_labels`` (by path) are what the registry holds; ``column_types`` (entity types by
    path) makes remedies more exact; ``column_roles`` (``labeling.roles_in``) count in combinations. ``more`` are
    objections found elsewhere, such as those of a manifest, and ``undeclared`` the parts of a label that it leaves out,
    which must not decide anything.
    ``facts`` are read by ``Facts``; ``dataset`` is the dataset's key, for the rule about stores; ``today`` is the
    present day (UTC) where it is not given. Raises PolicyError for a fact that is not known or of the wrong type, and
    for a clearance that is not a level of the policy.
    """
    facts = facts if isinstance(facts, Facts) else read_facts(facts)
    if solution.clearance not in policy.levels:
        raise PolicyError(
            f"{solution.name} is cleared for {solution.clearance}, no level of {policy.name}",
            hint=f"its levels: {', '.join(policy.levels.names)}",
        )
    day = today or datetime.now(UTC).date()
    if label is None and state == "current":
        state = "unlabelled"
    found: list[Conflict] = []
    if state != "current":
        remedy = REMEDIES.get(state, "the dataset's state is not known: scan and label it again")
        found.append(Conflict("state", None, {"state": state, "missing": "current label"}, remedy, definite=False))
    if label is not None and (state in _LABEL_HOLDS):
        columns, types, roles = column_labels or {}, column_types or {}, column_roles or {}

        def judge(label: Label, columns: Mapping[str, Label], solution: Solution) -> list[Conflict]:
            return list(_judge(label, columns, types, roles, facts, solution, policy, dataset, day))

        told = judge(label, columns, solution)
        found += told
        found += undecided(undeclared, label, columns, solution, policy, told, judge)
    found += more
    return Verdict(outcome_of(found), tuple(found))


def _judge(
    label: Label,
    columns: Mapping[str, Label],
    types: Mapping[str, Iterable[str]],
    roles: Mapping[str, Label],
    facts: Facts,
    solution: Solution,
    policy: Policy,
    dataset: str | None,
    today: date,
) -> Iterator[Conflict]:
    used = sorted({label.level, *(column.level for column in columns.values())})
    strange = [level for level in used if level not in policy.levels]
    if strange:
        remedy = "the label was given under other levels: label the dataset again with this policy"
        yield Conflict("state", None, {"missing": "current label", "levels": strange}, remedy, definite=False)
        return
    raised, found = together([Source(label, columns, roles=roles)], policy)
    named = {path: tuple(names) for path, names in types.items()}
    case = Case(raised, columns, named, facts, solution, policy, dataset, today, found)
    basis = policy.content.basis
    for rule in (*LABEL_RULES, *FACT_RULES):
        for conflict in rule(case):
            told = basis.get(RULE_SECTIONS.get(conflict.rule, ""))
            yield replace(conflict, facts={**conflict.facts, "basis": told}) if told else conflict


__all__ = ["REMEDIES", "Conflict", "Facts", "Outcome", "State", "Verdict", "decide", "read_facts"]
