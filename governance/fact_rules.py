"""Rules of a check that need what an owner declares. Each is off until the policy turns it on; then a fact that is
missing can't be told from one that objects, and blocks.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from clearance.errors import UsageError
from clearance.governance.conflicts import Case, Conflict
from clearance.governance.identity import dataset_identity
from clearance.governance.solutions import TRAINING
from clearance.governance.taxonomy import PERSONAL, TRAINS, USES, covers


def _missing(rule: str, missing: list[str], where: str) -> Conflict:
    """What can't be told before these are declared."""
    facts = {"missing": ", ".join(missing)}
    return Conflict(rule, None, facts, f"declare {' and '.join(missing)}", definite=False, where=where)


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
        yield _missing(rule, missing, where)
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
        yield _missing("environment", missing, case.policy.where("rules", "environments"))
    elif data is not None and solution not in table[data]:
        facts = {"dataset": data, "solution": solution, "allowed": sorted(table[data])}
        remedy = (
            f"use data of the environment {solution}, or a solution that runs in {' or '.join(sorted(table[data]))}"
        )
        yield Conflict("environment", None, facts, remedy, where=case.policy.where("rules", "environments", data))


def _restricted_uses(case: Case) -> Iterator[Conflict]:
    if not case.policy.rules.restricted_uses:
        return
    where = case.policy.where("rules", "restricted_uses")
    restricted, purposes = case.facts.restricted_uses, case.solution.purposes
    missing = ["restricted_uses of the dataset"] if restricted is None else []
    missing += ["purposes of the solution"] if not purposes else []
    if missing:
        yield _missing("restricted-use", missing, where)
        return
    wanted = (purposes or frozenset()) | ({TRAINS} if case.solution.usage & TRAINING else frozenset())
    # A purpose above a restricted one includes it.
    hit = sorted(name for name in wanted if any(covers(use, name) or covers(name, use) for use in restricted or ()))
    known = USES | case.policy.content.taxonomy.uses
    # A misspelt use would restrict nothing, and a misspelt purpose be restricted by nothing.
    strange = sorted(((restricted or frozenset()) | wanted) - known) if restricted else []
    if strange and not hit:
        unknown = f"what the use {', '.join(strange)} is"
        remedy = "name it as Fideslang does, or add it to the policy (taxonomy: uses)"
        yield Conflict("restricted-use", None, {"missing": unknown}, remedy, definite=False, where=where)
    if hit:
        facts = {"not_allowed": hit, "restricted": sorted(restricted or ())}
        yield Conflict("restricted-use", None, facts, "use a solution without these purposes", where=where)


def _stores(case: Case) -> Iterator[Conflict]:
    stores = case.policy.rules.stores
    if stores and case.dataset is None:
        yield _missing("store", ["where the dataset lies"], case.policy.where("rules", "stores"))
        return
    levels = {path: column.level for path, column in case.columns.items()}
    for store, maximum in stores.items():
        if not lies_in(str(case.dataset), store):
            continue
        over = sorted(path for path, level in levels.items() if case.policy.levels.exceeds(level, maximum))
        if over or case.policy.levels.exceeds(case.label.level, maximum):
            level = case.policy.levels.highest([case.label.level, *levels.values()])
            facts = {"store": store, "maximum": maximum, "level": level, "columns": over}
            remedy = f"move the data to a store that may hold {level}, or protect it down to {maximum}"
            yield Conflict("store", None, facts, remedy, where=case.policy.where("rules", "stores", store))


def lies_in(dataset: str, store: str) -> bool:
    """Whether a dataset's key is the store, a folder or a URI, or lies below it."""
    try:
        key = dataset_identity(store).key.rstrip("/")
    except UsageError:
        key = store.rstrip("/")
    if key.startswith("table:") or dataset.startswith("table:"):
        # To Spark a table is the same however its name is spelled.
        key, dataset = key.casefold(), dataset.casefold()
    return dataset == key or dataset.startswith((f"{key}/", f"{key}."))


def _sources(case: Case) -> Iterator[Conflict]:
    rule = case.policy.rules.sources
    if rule is None:
        return
    for name, allowed, told in (
        ("approved", rule.approved, case.facts.source),
        ("reputation", rule.reputation, case.facts.reputation),
    ):
        if allowed is None:
            continue
        where = case.policy.where("rules", "sources", name)
        fact = "source" if name == "approved" else name
        if told is None:
            yield _missing("source", [f"{fact} of the dataset"], where)
        elif told not in allowed:
            remedy = "use data of an approved source, or have the source approved in the policy"
            yield Conflict("source", None, {fact: told, "allowed": sorted(allowed)}, remedy, where=where)


def _obsolescence(case: Case) -> Iterator[Conflict]:
    if not case.policy.rules.obsolescence:
        return
    where, told = case.policy.where("rules", "obsolescence"), case.facts.obsolete_from
    if told is None:
        yield _missing("obsolescence", ["obsolete_from of the dataset"], where)
    elif date.fromisoformat(told) <= case.today:
        facts = {"obsolete_from": told, "today": case.today.isoformat()}
        yield Conflict("obsolescence", None, facts, "use newer data, or have the owner set another date", where=where)


def _retention(case: Case) -> Iterator[Conflict]:
    if not case.policy.rules.retention:
        return
    where = case.policy.where("rules", "retention")
    allowed, wanted = case.facts.retention_days, case.solution.retention_days
    missing = ["retention_days of the dataset"] if allowed is None else []
    missing += ["retention_days of the solution"] if wanted is None else []
    if allowed is None or wanted is None:
        yield _missing("retention", missing, where)
    elif wanted > allowed:
        facts = {"dataset_days": allowed, "solution_days": wanted}
        yield Conflict("retention", None, facts, f"have the solution keep it {allowed} days at most", where=where)


def _consent(case: Case) -> Iterator[Conflict]:
    for usage, categories in _usages(case, case.policy.rules.consent):
        hit = sorted(each for each in _all_categories(case) if any(covers(name, each) for name in categories))
        if not hit:
            continue
        where, basis = case.policy.where("rules", "consent", usage), case.facts.legal_basis
        if basis is not None and basis != "consent":
            facts: dict[str, Any] = {"usage": usage, "legal_basis": basis, "categories": hit}
            remedy = f"redact or suppress {', '.join(hit)}, or use data that was collected by consent"
            yield Conflict("consent", None, facts, remedy, where=where)
        elif basis is None or case.facts.consent_reference is None:
            missing = ["legal_basis of the dataset"] if basis is None else []
            missing += ["consent_reference of the dataset"] if case.facts.consent_reference is None else []
            yield _missing("consent", missing, where)


def _age_groups(case: Case) -> Iterator[Conflict]:
    if not any(covers(PERSONAL, category) for category in _all_categories(case)):
        return
    for usage, allowed in _usages(case, case.policy.rules.age_groups):
        where, told = case.policy.where("rules", "age_groups", usage), case.facts.age_groups
        if not told:
            yield _missing("age-group", ["age_groups of the dataset"], where)
        elif beyond := sorted(told - allowed):
            facts = {"usage": usage, "not_allowed": beyond, "allowed": sorted(allowed)}
            yield Conflict("age-group", None, facts, f"leave out records of {', '.join(beyond)}", where=where)


def _needs(case: Case) -> Iterator[Conflict]:
    """Data minimisation: no personal column that no purpose of the solution needs."""
    table = case.policy.rules.needs
    if not table:
        return
    where = case.policy.where("rules", "needs")
    purposes = case.solution.purposes
    if not purposes:
        yield _missing("need", ["purposes of the solution"], where)
        return
    unknown = sorted(purpose for purpose in purposes if not any(covers(name, purpose) for name in table))
    if unknown:
        yield _missing("need", [f"what the purpose {purpose} needs, in the policy" for purpose in unknown], where)
    known = {name for name in table if any(covers(name, purpose) for purpose in purposes)}
    needed = {category for name in known for category in table[name]}
    columns = {path: column.categories for path, column in case.columns.items()}
    placed = frozenset().union(*columns.values())
    entries: list[tuple[str | None, frozenset[str]]] = [
        *sorted(columns.items()),
        (None, case.label.categories - placed),
    ]
    for path, categories in entries:
        own = {category for category in categories if covers(PERSONAL, category)}
        beyond = sorted(category for category in own if not any(covers(name, category) for name in needed))
        # What a purpose that the policy does not know needs can't be told.
        if beyond and not unknown:
            facts = {"categories": beyond, "purposes": sorted(purposes)}
            remedy = "leave the column out: suppress it with scope: column"
            yield Conflict("need", path, facts, remedy, where=where)


def _usages(case: Case, table: Mapping[Any, frozenset[str]]) -> list[tuple[str, frozenset[str]]]:
    return [(usage, table[usage]) for usage in sorted(case.solution.usage) if usage in table]


def _all_categories(case: Case) -> frozenset[str]:
    return case.label.categories.union(*(column.categories for column in case.columns.values()))


#: In the order in which they are told.
FACT_RULES = (
    _purposes,
    _restricted_uses,
    _regions,
    _environments,
    _stores,
    _sources,
    _obsolescence,
    _retention,
    _consent,
    _age_groups,
    _needs,
)
