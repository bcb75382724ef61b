"""Rules of a check that look at labels: level, combinations, hosting, regimes, usage."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from clearance.governance.conflicts import Case, Conflict
from clearance.governance.labeling import after_protection
from clearance.governance.suggestion import masks, may_have
from clearance.governance.taxonomy import covers


def _level(case: Case) -> Iterator[Conflict]:
    clearance = case.solution.clearance
    over = sorted(path for path, column in case.columns.items() if case.policy.levels.exceeds(column.level, clearance))
    for path in over:
        facts: dict[str, Any] = {"level": case.columns[path].level, "clearance": clearance}
        names = case.types.get(path, ())
        if names:
            facts["entity_types"] = list(names)
        yield Conflict("level", path, facts, _lowering(case, path, names, clearance), where=_where_level(case, names))
    # A combination that raised the label tells it itself.
    raised = [one.level for one in case.held if one.above]
    if not over and case.label.level not in raised and case.policy.levels.exceeds(case.label.level, clearance):
        facts = {"level": case.label.level, "clearance": clearance}
        yield Conflict("level", None, facts, f"protect the dataset, or use a solution cleared for {case.label.level}")


def _combinations(case: Case) -> Iterator[Conflict]:
    clearance = case.solution.clearance
    for one in case.held:
        # Where a part is as sensitive by itself, the column's own conflict says so.
        if not one.above or not case.policy.levels.exceeds(one.level, clearance):
            continue
        facts = {"combination": one.name, "level": one.level, "clearance": clearance, "columns": one.columns}
        parts = " or ".join(", ".join(filter(None, part)) or "what is declared of the dataset" for part in one.parts)
        remedy = f"redact, suppress or generalize one part of the combination: {parts}"
        yield Conflict("combination", None, facts, remedy, where=one.where)


def _hosting(case: Case) -> Iterator[Conflict]:
    hosting = case.solution.hosting
    maximum: str = getattr(case.policy.rules.hosting, hosting)
    levels = {path: column.level for path, column in case.columns.items()}
    over = sorted(path for path, level in levels.items() if case.policy.levels.exceeds(level, maximum))
    if over or case.policy.levels.exceeds(case.label.level, maximum):
        level = case.policy.levels.highest([case.label.level, *levels.values()])
        raised = [one for one in case.held if one.above and case.policy.levels.exceeds(one.level, maximum)]
        # What no column is by itself is told of those that are together.
        parts = over or sorted({path for one in raised for path in one.columns})
        facts: dict[str, Any] = {"hosting": hosting, "maximum": maximum, "level": level, "columns": parts}
        if raised:
            facts["combinations"] = [one.name for one in raised]
        remedy = f"protect the dataset down to {maximum}, or use a solution that is hosted more closely"
        yield Conflict("hosting", None, facts, remedy, where=case.policy.where("rules", "hosting", hosting))


def _regimes(case: Case) -> Iterator[Conflict]:
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


def _usage(case: Case) -> Iterator[Conflict]:
    holders = _holders({path: column.categories for path, column in case.columns.items()}, case.label.categories)
    for usage in sorted(case.solution.usage):
        for forbidden in sorted(case.policy.rules.usage.get(usage, frozenset())):
            hit = sorted(category for category in holders if covers(forbidden, category))
            if hit:
                columns = sorted({path for category in hit for path in holders[category]})
                facts = {"usage": usage, "forbidden": forbidden, "categories": hit, "columns": columns}
                remedy = f"redact or suppress {', '.join(hit)}; the policy does not let it be used for {usage}"
                yield Conflict(
                    "usage", None, facts, remedy, where=case.policy.where("rules", "usage", usage, forbidden)
                )


def _holders(columns: Mapping[str, frozenset[str]], dataset: frozenset[str]) -> dict[str, list[str]]:
    """Each name of the dataset's or a column's label, with the sorted paths of the columns that have it."""
    names = dataset.union(*columns.values())
    return {name: sorted(path for path, has in columns.items() if name in has) for name in names}


def _where_level(case: Case, types: Iterable[str]) -> str:
    """The line that gives a column its level: that of its most sensitive entity type."""
    policy = case.policy
    ranked = sorted(types, key=lambda name: -policy.levels.rank(policy.label_of(name).level))
    return policy.where_type(ranked[0]) if ranked else ""


def _lowering(case: Case, path: str, types: Iterable[str], clearance: str) -> str:
    """What would bring a column down to the clearance, as exactly as its entity types allow."""
    policy = case.policy
    over = [name for name in types if policy.levels.exceeds(policy.label_of(name).level, clearance)]
    steps = [_step(case, path, entity_type) for entity_type in over]
    return f"protect the column: {', '.join(steps)}" if steps else "protect or suppress the column"


def _step(case: Case, path: str, entity_type: str) -> str:
    """The mildest method after which the solution may have a type, its regimes and categories looked at too."""
    policy, label = case.policy, case.policy.label_of(entity_type)
    # What the column itself is not under, by a person's decision, needs no method.
    before = replace(label, regimes=label.regimes & case.columns[path].regimes)
    # Where the profile does not say which regimes it may have, a rule of its own asks.
    allowed = before.regimes if case.solution.regimes is None else case.solution.regimes
    solution = case.solution.model_copy(update={"regimes": allowed})
    usual, why = policy.method_for(entity_type, path), ""
    for method in (usual, *masks(policy)):
        found = policy.deidentification_rule(method, entity_type)
        if found is None:
            continue
        after = after_protection(before, entity_type=entity_type, method=method, policy=policy, verified=True)
        if may_have(after, solution, policy):
            settings = {} if method is usual else {key: kept for key, kept in method.items() if kept and key != "name"}
            told = "".join(f", {key}: {kept}" for key, kept in settings.items())
            return f"{method['name']} {entity_type}{told} (rule {found[0]} lowers it to {after.level}{why})"
        if method is usual and (stays := sorted(after.regimes - allowed)):
            why = f"; {method['name']}, the policy's own, leaves it under {', '.join(stays)}"
    return f"redact or suppress {entity_type}"


#: In the order in which they are told.
LABEL_RULES = (_level, _combinations, _hosting, _regimes, _usage)
