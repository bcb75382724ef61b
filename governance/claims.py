"""Claims: which data falls under which regime, said once for many entity types.

A claim adds: a regime, with its article, to each type it speaks of, and a level where it asks for a higher one. So
claims of several files can be put together in any order. What a type's own entry says of a regime stays.
"""

from collections.abc import Iterator, Mapping

from clearance.governance.labels import Levels
from clearance.governance.policy_file import Claim, EntityRule, PolicyFile
from clearance.governance.taxonomy import covers

#: Stand for types that the policy does not name; what they are is not known, so every claim on data of people fits.
UNKNOWN = ("unknown_type", "unknown_leaf")


def with_claims(content: PolicyFile) -> PolicyFile:
    """The policy with its claims in the entries that they speak of."""
    if not content.claims:
        return content
    levels = Levels(tuple(content.levels))
    types = {name: _claimed(name, rule, content.claims, levels) for name, rule in content.entity_types.items()}
    unknown = {name: _claimed(name, getattr(content, name), content.claims, levels) for name in UNKNOWN}
    return content.model_copy(update={"entity_types": types, **unknown})


def claim_of(name: str, rule: EntityRule, regime: str, claims: Mapping[str, list[Claim]]) -> int | None:
    """The number of the first claim of a regime that speaks of an entity type."""
    return next((number for number, claim in _fitting(name, rule, claims.get(regime, []))), None)


def _claimed(name: str, rule: EntityRule, claims: Mapping[str, list[Claim]], levels: Levels) -> EntityRule:
    regimes, asked = dict(rule.regimes), [rule.level]
    for regime, entries in claims.items():
        for _, claim in _fitting(name, rule, entries):
            regimes.setdefault(regime, claim.source)
            asked.append(claim.at_least or levels.bottom)
    return rule.model_copy(update={"regimes": regimes, "level": levels.highest(asked)})


def _fitting(name: str, rule: EntityRule, claims: list[Claim]) -> Iterator[tuple[int, Claim]]:
    for number, claim in enumerate(claims):
        if name not in claim.except_entity_types and (name in claim.entity_types or _fits(name, rule, claim)):
            yield number, claim


def _fits(name: str, rule: EntityRule, claim: Claim) -> bool:
    for own in rule.categories:
        if any(covers(left_out, own) for left_out in claim.except_categories):
            continue
        for wanted in claim.categories:
            if covers(wanted, own) or (name in UNKNOWN and covers(own, wanted)):
                return True
    return False
