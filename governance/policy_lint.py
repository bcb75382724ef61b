"""What is odd in a valid policy: entries that never apply, and those that make it weaker than what it starts from.

Only what the reader's own files say is looked at, not the packaged default and packs.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from clearance.classifiers.quasi_identifiers import PERSONAL_DATE
from clearance.governance.policy import DeidentificationRule, Policy, load_policy
from clearance.governance.policy_sources import DEFAULT_NAME
from clearance.governance.taxonomy import covers

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Oddity:
    """One thing worth a look, by kind, place ("file:line") and what is odd in it."""

    kind: str
    where: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """JSON-ready."""
        return {"kind": self.kind, "where": self.where, "text": self.text}


def lint(policy: Policy, today: date, found_too: Collection[str] = ()) -> list[Oddity]:
    """All of them, in the order of their places. ``today`` decides which grants have ended; ``found_too``: types that
    detectors of the reader's own find.
    """
    checks = (_levels, _regimes, _lowering, _combinations, _usage, _settled, _grants)
    found = [
        *_types(policy, found_too),
        *_unnamed(policy, found_too),
        *(one for check in checks for one in check(policy)),
    ]
    found += [
        Oddity("ended-grant", policy.where("reversal", name), f"the grant {name} ended on {grant.valid_until}")
        for name, grant in policy.content.reversal.items()
        if grant.valid_until < today
    ]
    if not any(policy.says("tests", number) for number in range(len(policy.content.tests))):
        found.append(Oddity("untested", policy.source, "no test of its own says what it is meant to decide"))
    own = [one for one in found if not one.where.startswith((f"{DEFAULT_NAME}:", "packs/"))]
    return sorted(own, key=lambda one: (one.where.rpartition(":")[0], _line(one.where), one.kind))


def _line(where: str) -> int:
    tail = where.rpartition(":")[2]
    return int(tail) if tail.isdigit() else 0


def _types(policy: Policy, found_too: Collection[str]) -> Iterator[Oddity]:
    default = load_policy()
    for name, rule in policy.entity_types.items():
        place = policy.where("entity_types", name)
        if name not in default.entity_types:
            if name not in found_too:
                close = get_close_matches(name, {*default.entity_types, *found_too}, n=1)
                told = f"; did you mean {close[0]}?" if close else ""
                finder = "neither a packaged detector nor one of these files" if found_too else "no packaged detector"
                yield Oddity("no-detector", place, f"{finder} finds {name}{told}")
        elif set(default.levels.names) <= set(policy.levels.names):
            before = default.entity(name)
            if policy.levels.exceeds(before.level, rule.level):
                yield Oddity("weaker", place, f"{name} is {rule.level}, in the default {before.level}")
            if gone := sorted(before.regimes.keys() - rule.regimes.keys()):
                yield Oddity("weaker", place, f"{name} is not under {', '.join(gone)}, as in the default")
        if not rule.categories:
            yield Oddity("no-category", place, f"{name} has no category: no rule about categories applies to it")
        if rule.method.name == "keep" and policy.levels.exceeds(rule.level, policy.rules.hosting.public):
            yield Oddity("kept", place, f"{name} is {rule.level}, and kept as it is")


def _unnamed(policy: Policy, found_too: Collection[str]) -> Iterator[Oddity]:
    """What is found and has no entry: a policy that does not extend the default has none but its own."""
    unnamed = sorted({*load_policy().entity_types, *found_too} - policy.entity_types.keys())
    rule, place = policy.content.unknown_type, policy.where("unknown_type")
    then = f"{rule.level}, {rule.method.name} by unknown_type"
    if PERSONAL_DATE in unnamed and not {"DATE_TIME", "DATE_OF_BIRTH"}.isdisjoint(policy.entity_types):
        unnamed.remove(PERSONAL_DATE)
        told = "dates in a column whose name says that they are of somebody's life, care or work, such as hire_date"
        yield Oddity("unnamed", place, f"{PERSONAL_DATE} has no entry: {told}, are {then}, whatever DATE_TIME says")
    if unnamed:
        more = f" and {len(unnamed) - _SHOWN} more" if len(unnamed) > _SHOWN else ""
        told = f"{', '.join(unnamed[:_SHOWN])}{more}"
        yield Oddity("unnamed", place, f"what is found as a type without an entry is {then}: {told}")


def _levels(policy: Policy) -> Iterator[Oddity]:
    content = policy.content
    rules = [*content.entity_types.values(), content.unknown_type, content.unknown_leaf]
    used = {rule.level for rule in rules} | {rule.lowers_to for rule in content.deidentification.values()}
    used |= {rule.raises_to for rule in content.combinations.values()} | set(content.rules.stores.values())
    for number, level in enumerate(content.levels):
        if level not in used:
            yield Oddity("unused-level", policy.where("levels", number), f"nothing is {level}")


def _regimes(policy: Policy) -> Iterator[Oddity]:
    claimed = {regime for rule in policy.entity_types.values() for regime in rule.regimes}
    claimed |= {regime for rule in policy.combinations.values() for regime in rule.adds.regimes}
    for regime in policy.content.regimes:
        if regime not in claimed:
            yield Oddity("unclaimed-regime", policy.where("regimes", regime), f"nothing is claimed for {regime}")


def _lowering(policy: Policy) -> Iterator[Oddity]:
    every = frozenset(policy.entity_types)
    taken: dict[str, set[str]] = {}
    for name, rule in policy.content.deidentification.items():
        types = (rule.entity_types if rule.entity_types is not None else every) - rule.except_entity_types
        before = taken.setdefault(rule.method, set())
        if types <= before:
            place = policy.where("deidentification", name)
            yield Oddity("never-applies", place, f"earlier rules for {rule.method} apply to all that {name} is about")
        if not _limited(rule):
            before |= types


def _limited(rule: DeidentificationRule) -> bool:
    limits = (rule.max_keep_first, rule.max_keep_last, rule.kinds)
    return any(limit is not None for limit in limits) or bool(rule.at_least or rule.at_most or rule.settings)


def _combinations(policy: Policy) -> Iterator[Oddity]:
    levels = policy.levels
    for name, rule in policy.combinations.items():
        for part in rule.together:
            fits = [
                each
                for each in policy.entity_types.values()
                if any(covers(wanted, own) for wanted in part.categories for own in each.categories)
                and (part.at_least is None or not levels.exceeds(part.at_least, each.level))
            ]
            if not fits:
                told = f"no entity type is {', '.join(sorted(part.categories))}"
                told += f" at {part.at_least} or above" if part.at_least else ""
                yield Oddity("never-applies", policy.where("combinations", name), f"{name}: {told}")


def _usage(policy: Policy) -> Iterator[Oddity]:
    categories = {own for rule in policy.entity_types.values() for own in rule.categories}
    for section, table in (("usage", policy.rules.usage), ("consent", policy.rules.consent)):
        for usage, named in table.items():
            for name in sorted(named):
                if not any(covers(name, own) for own in categories):
                    place = policy.where("rules", section, usage, name)
                    yield Oddity("never-applies", place, f"no entity type is {name}: only a declaration can be")


def _settled(policy: Policy) -> Iterator[Oddity]:
    for name, basis in policy.content.basis.items():
        if policy.says("rules", name) and not policy.says("basis", name):
            told = (
                f"what is included bases {name} on {basis}; what stands here holds instead, and its tests are not run"
            )
            yield Oddity("settled", policy.where("rules", name), told)


def _grants(policy: Policy) -> Iterator[Oddity]:
    for name, grant in policy.content.reversal.items():
        unknown = sorted((grant.entity_types or frozenset()) - policy.entity_types.keys())
        if unknown:
            place = policy.where("reversal", name)
            yield Oddity(
                "never-applies", place, f"the grant {name} is about {', '.join(unknown)}, which the policy lacks"
            )
