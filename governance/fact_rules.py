"""Rules of a check that need what an owner declares. Each is off until the policy turns it on; then a fact that is
missing can't be told from one that objects, and blocks.
"""

from collections.abc import Iterator

from clearance.governance.conflicts import Case, Conflict


def _purposes(case: Case) -> Iterator[Conflict]:
    if case.policy.rules.purposes:
        remedy = "use a solution with a purpose the data may be used for, or have the owner allow this one"
        yield from _within(case, "purpose", "purposes", case.facts.purposes, case.solution.purposes, remedy, ".")


def _regions(case: Case) -> Iterator[Conflict]:
    if case.policy.rules.regions:
        remedy = "use a solution that processes data in the allowed regions only"
        yield from _within(case, "region", "regions", case.facts.regions, case.solution.regions, remedy, "-")


def _within(
    case: Case,
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


def _environments(case: Case) -> Iterator[Conflict]:
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


#: In the order in which they are told.
FACT_RULES = (_purposes, _regions, _environments)
