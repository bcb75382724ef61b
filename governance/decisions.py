"""May this dataset be given to this solution? Every rule that applies answers, not only the first.

A rule has three answers: nothing to object, a conflict, or "can't tell" because a fact is missing. A definite
conflict wins over a missing fact, and both block. So a rule may use a fact to object or to have nothing to
object, but never reads an absent fact as a yes: taking a fact away can only block more.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clearance.errors import ExitCode
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.solutions import Names, Solution, Text
from clearance.governance.strict_yaml import Strict, validate
from clearance.governance.taxonomy import covers

State = Literal["current", "changed", "unlabelled", "unreadable", "sampled", "overlooked", "unproved", "other-policy"]
Outcome = Literal["clear", "conflict", "escalated", "undecidable"]

_EXIT_CODES: dict[Outcome, ExitCode] = {
    "clear": ExitCode.CLEAR,
    "conflict": ExitCode.CONFLICT,
    "escalated": ExitCode.ESCALATED,
    "undecidable": ExitCode.UNDECIDABLE,
}
_STATES: dict[str, str] = {
    "changed": "the dataset changed since its scan: scan and label it again",
    "unlabelled": "the dataset has no label: scan and label it first",
    "unreadable": "the dataset's state could not be read: make it readable, or scan it again",
    "other-policy": "the label was given under another policy: label the dataset again with this one",
    "overlooked": "no model looked for names and places in its text: scan it with the model, "
    "or accept that in the policy (rules: text_without_model)",
    "sampled": "only a sample was scanned, which can refuse but not clear: scan all of it, "
    "or accept what such a sample proves in the policy (rules: sampled_scans)",
    "unproved": "the protection of this dataset has no passed proof: protect it again",
}
#: States in which the stored label still speaks for the data, so that a conflict on it is definite.
_LABEL_HOLDS = frozenset({"current", "sampled", "overlooked"})


class Facts(Strict):
    """What the owner declares of a dataset. Left out means unknown; an empty list means none."""

    purposes: Names | None = None
    regions: Names | None = None
    environment: Text | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """What stands between a dataset and a solution, and what would resolve it.

    ``definite`` is false when a fact is missing rather than wrong; then ``facts["missing"]`` names it. ``where`` is
    the policy's file and line that objects ("policy.yaml:12"), empty where no line of a policy does.
    """

    rule: str
    column: str | None
    facts: dict[str, Any] = field(hash=False)
    remedy: str
    definite: bool = True
    where: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: rule, column, facts, remedy, where, definite."""
        return {
            "rule": self.rule,
            "column": self.column,
            "facts": self.facts,
            "remedy": self.remedy,
            "where": self.where,
            "definite": self.definite,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, with every reason for a no."""

    verdict: Outcome
    conflicts: tuple[Conflict, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """0 only when clear."""
        return _EXIT_CODES[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: verdict and conflicts."""
        return {"verdict": self.verdict, "conflicts": [conflict.to_dict() for conflict in self.conflicts]}


@dataclass(frozen=True, slots=True)
class _Case:
    label: Label
    columns: Mapping[str, Label]
    types: Mapping[str, tuple[str, ...]]
    facts: Facts
    solution: Solution
    policy: Policy


def decide(
    label: Label | None,
    facts: Facts | Mapping[str, Any],
    solution: Solution,
    policy: Policy,
    *,
    state: State = "current",
    column_labels: Mapping[str, Label] | None = None,
    column_types: Mapping[str, Iterable[str]] | None = None,
    more: Iterable[Conflict] = (),
) -> Verdict:
    """The verdict on one dataset and one solution.

    ``label`` and ``column_labels`` (by path) are what the registry holds; ``column_types`` (entity types by
    path) makes remedies more exact. ``more`` are objections found elsewhere, such as those of a manifest.
    ``facts`` are read by ``Facts``. Raises PolicyError for a fact that is not known or of the wrong type, and for a
    clearance that is not a level of the policy.
    """
    facts = facts if isinstance(facts, Facts) else read_facts(facts)
    policy.levels.rank(solution.clearance)
    if label is None and state == "current":
        state = "unlabelled"
    found: list[Conflict] = []
    if state != "current":
        remedy = _STATES.get(state, "the dataset's state is not known: scan and label it again")
        found.append(Conflict("state", None, {"state": state, "missing": "current label"}, remedy, definite=False))
    if label is not None and (state in _LABEL_HOLDS):
        found += _judge(label, column_labels or {}, column_types or {}, facts, solution, policy)
    found += more
    if any(conflict.definite for conflict in found):
        return Verdict("conflict", tuple(found))
    return Verdict("undecidable" if found else "clear", tuple(found))


def read_facts(data: Mapping[str, Any], source: str = "facts") -> Facts:
    """Facts from a mapping. Raises PolicyError for an unknown name (listing the known) or a wrong type."""
    return validate(Facts, dict(data), {(): source})


def _judge(
    label: Label,
    columns: Mapping[str, Label],
    types: Mapping[str, Iterable[str]],
    facts: Facts,
    solution: Solution,
    policy: Policy,
) -> Iterator[Conflict]:
    used = sorted({label.level, *(column.level for column in columns.values())})
    strange = [level for level in used if level not in policy.levels]
    if strange:
        remedy = "the label was given under other levels: label the dataset again with this policy"
        yield Conflict("state", None, {"missing": "current label", "levels": strange}, remedy, definite=False)
        return
    case = _Case(label, columns, {path: tuple(names) for path, names in types.items()}, facts, solution, policy)
    for rule in (_level, _hosting, _regimes, _usage, _purposes, _regions, _environments):
        yield from rule(case)


def _level(case: _Case) -> Iterator[Conflict]:
    clearance = case.solution.clearance
    over = sorted(path for path, column in case.columns.items() if case.policy.levels.exceeds(column.level, clearance))
    for path in over:
        facts: dict[str, Any] = {"level": case.columns[path].level, "clearance": clearance}
        names = case.types.get(path, ())
        if names:
            facts["entity_types"] = list(names)
        yield Conflict("level", path, facts, _lowering(case, path, names, clearance), where=_where_level(case, names))
    if not over and case.policy.levels.exceeds(case.label.level, clearance):
        facts = {"level": case.label.level, "clearance": clearance}
        yield Conflict("level", None, facts, f"protect the dataset, or use a solution cleared for {case.label.level}")


def _hosting(case: _Case) -> Iterator[Conflict]:
    hosting = case.solution.hosting
    maximum: str = getattr(case.policy.rules.hosting, hosting)
    levels = {path: column.level for path, column in case.columns.items()}
    over = sorted(path for path, level in levels.items() if case.policy.levels.exceeds(level, maximum))
    if over or case.policy.levels.exceeds(case.label.level, maximum):
        level = case.policy.levels.highest([case.label.level, *levels.values()])
        facts = {"hosting": hosting, "maximum": maximum, "level": level, "columns": over}
        remedy = f"protect the dataset down to {maximum}, or use a solution that is hosted more closely"
        yield Conflict("hosting", None, facts, remedy, where=case.policy.where("rules", "hosting", hosting))


def _regimes(case: _Case) -> Iterator[Conflict]:
    if not case.policy.rules.regimes:
        return
    holders = _holders({path: column.regimes for path, column in case.columns.items()}, case.label.regimes)
    allowed, where = case.solution.regimes, case.policy.where("rules", "regimes")
    if holders and allowed is None:
        facts = {"missing": "regimes of the solution", "regimes": sorted(holders)}
        remedy = "declare in the solution's profile which regimes it is allowed to process data under"
        yield Conflict("regime", None, facts, remedy, definite=False, where=where)
        return
    for regime in sorted(holders.keys() - (allowed or frozenset())):
        facts = {"regime": regime, "allowed": sorted(allowed or ()), "columns": holders[regime]}
        rules = case.policy.content.deidentification.items()
        enough = [f"{rule.method} as in rule {name}" for name, rule in rules if regime in rule.drops.regimes]
        ways = ", ".join(["redact or suppress", *enough])
        remedy = f"{ways} what falls under {regime}, or use a solution allowed to process it"
        yield Conflict("regime", None, facts, remedy, where=where)


def _usage(case: _Case) -> Iterator[Conflict]:
    holders = _holders({path: column.categories for path, column in case.columns.items()}, case.label.categories)
    for usage in sorted(case.solution.usage):
        for forbidden in sorted(case.policy.rules.usage.get(usage, frozenset())):
            hit = sorted(category for category in holders if covers(forbidden, category))
            if hit:
                columns = sorted({path for category in hit for path in holders[category]})
                facts = {"usage": usage, "forbidden": forbidden, "categories": hit, "columns": columns}
                remedy = f"redact or suppress {', '.join(hit)}; the policy does not let it be used for {usage}"
                yield Conflict("usage", None, facts, remedy, where=case.policy.where("rules", "usage", usage))


def _purposes(case: _Case) -> Iterator[Conflict]:
    if case.policy.rules.purposes:
        remedy = "use a solution with a purpose the data may be used for, or have the owner allow this one"
        yield from _within(case, "purpose", "purposes", case.facts.purposes, case.solution.purposes, remedy, ".")


def _regions(case: _Case) -> Iterator[Conflict]:
    if case.policy.rules.regions:
        remedy = "use a solution that processes data in the allowed regions only"
        yield from _within(case, "region", "regions", case.facts.regions, case.solution.regions, remedy, "-")


def _within(
    case: _Case,
    rule: str,
    fact: str,
    allowed: frozenset[str] | None,
    wanted: frozenset[str] | None,
    remedy: str,
    separator: str,
) -> Iterator[Conflict]:
    """All that the solution wants must be allowed for the data; a name allows what is below it."""
    where = case.policy.where("rules", fact)
    # A solution that names nothing has not said that it wants nothing.
    missing = [f"{fact} of the dataset"] if allowed is None else []
    missing += [f"{fact} of the solution"] if not wanted else []
    if missing:
        told = f"declare {' and '.join(missing)}"
        yield Conflict(rule, None, {"missing": ", ".join(missing)}, told, definite=False, where=where)
        return
    outside = sorted(
        name
        for name in wanted or ()
        if not any(name == key or name.startswith(key + separator) for key in allowed or ())
    )
    if outside:
        yield Conflict(rule, None, {"not_allowed": outside, "allowed": sorted(allowed or ())}, remedy, where=where)


def _environments(case: _Case) -> Iterator[Conflict]:
    table = case.policy.rules.environments
    if not table:
        return
    data, solution = case.facts.environment, case.solution.environment
    missing = ["environment of the dataset"] if data is None else []
    missing += ["environment of the solution"] if solution is None else []
    if data is not None and data not in table:
        missing.append(f"a rule for data of the environment '{data}' in the policy")
    if missing:
        remedy = f"declare {' and '.join(missing)}"
        where = case.policy.where("rules", "environments")
        yield Conflict("environment", None, {"missing": ", ".join(missing)}, remedy, definite=False, where=where)
    elif data is not None and solution not in table[data]:
        facts = {"dataset": data, "solution": solution, "allowed": sorted(table[data])}
        remedy = (
            f"use data of the environment {solution}, or a solution that runs in {' or '.join(sorted(table[data]))}"
        )
        yield Conflict("environment", None, facts, remedy, where=case.policy.where("rules", "environments", data))


def _holders(columns: Mapping[str, frozenset[str]], dataset: frozenset[str]) -> dict[str, list[str]]:
    """Each name of the dataset's or a column's label, with the sorted paths of the columns that have it."""
    names = dataset.union(*columns.values())
    return {name: sorted(path for path, has in columns.items() if name in has) for name in names}


def _where_level(case: _Case, types: Iterable[str]) -> str:
    """The line that gives a column its level: that of its most sensitive entity type."""
    policy = case.policy
    ranked = sorted(types, key=lambda name: -policy.levels.rank(policy.label_of(name).level))
    return policy.where_type(ranked[0]) if ranked else ""


def _lowering(case: _Case, path: str, types: Iterable[str], clearance: str) -> str:
    """What would bring a column down to the clearance, as exactly as its entity types allow."""
    policy = case.policy
    steps = []
    for entity_type in types:
        if not policy.levels.exceeds(policy.label_of(entity_type).level, clearance):
            continue
        method = policy.method_for(entity_type, path)
        found = policy.deidentification_rule(method, entity_type)
        if found and not policy.levels.exceeds(found[1].lowers_to, clearance):
            steps.append(f"{method['name']} {entity_type} (rule {found[0]} lowers it to {found[1].lowers_to})")
        else:
            steps.append(f"redact or suppress {entity_type}")
    return f"protect the column: {', '.join(steps)}" if steps else "protect or suppress the column"
