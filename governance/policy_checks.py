"""What must hold between the parts of a policy: every name known, every method fit for what it is for."""

from collections.abc import Iterable, Mapping
from typing import Any

from clearance.errors import PolicyError
from clearance.governance.domains import named_twice
from clearance.governance.policy_file import EntityRule, PolicyFile
from clearance.governance.policy_rules import WAIVABLE, Rules
from clearance.governance.strict_yaml import Location, Marks, suggest, where
from clearance.governance.taxonomy import CATEGORIES, SUBJECTS
from clearance.methods import METHODS

#: Categories of secrets: what opens something for whoever has it.
_SECRETS = ("system.authentication", "user.authorization")


def check_policy(content: PolicyFile, marks: Marks) -> None:
    """Raises PolicyError with file, line and the known names for the first thing that does not hold."""
    _check_names(content, marks)
    _check_methods(content, marks)


def _check_hosting(content: PolicyFile, marks: Marks) -> None:
    """What anyone hosts may not have more than what a supplier does, nor that more than your own: levels that are
    written from the most sensitive on turn every rule about them round, and show here.
    """
    maximum = content.rules.hosting.model_dump()
    for wider, closer in (("public", "vendor"), ("vendor", "private")):
        if content.levels.index(maximum[wider]) > content.levels.index(maximum[closer]):
            place, order = where(marks, ("rules", "hosting")), where(marks, ("levels",))
            raise PolicyError(
                f"{place}: rules.hosting: {wider} may have {maximum[wider]} and {closer} only {maximum[closer]}, "
                f"which is less sensitive by the order of levels ({order})",
                hint="levels go from the least sensitive to the most, hosting from public to private",
            )


def _check_names(content: PolicyFile, marks: Marks) -> None:
    """Every level, category, subject and regime that is used must be one that is known."""

    def known(names: Iterable[str], allowed: Iterable[str], what: str, *place: str | int) -> None:
        allowed = frozenset(allowed)
        for name in sorted(names):
            if name not in allowed:
                location: Location = place
                raise PolicyError(
                    f"{where(marks, location)}: {'.'.join(map(str, place))}: unknown {what} '{name}'",
                    hint=suggest(name, allowed),
                )

    if twice := named_twice(content.domains):
        raise PolicyError(
            f"{where(marks, ('domains',))}: domains: {twice} is in two domains", hint="name it in one: it has one token"
        )
    if len(set(content.levels)) != len(content.levels):
        raise PolicyError(f"{where(marks, ('levels',))}: levels: a level is there twice", hint="name each once")
    levels = frozenset(content.levels)
    categories = CATEGORIES | content.taxonomy.categories
    subjects = SUBJECTS | content.taxonomy.subjects
    entries: list[tuple[tuple[str, ...], EntityRule]] = [
        (("unknown_type",), content.unknown_type),
        (("unknown_leaf",), content.unknown_leaf),
        *((("entity_types", name), rule) for name, rule in content.entity_types.items()),
    ]
    for place, rule in entries:
        known([rule.level], levels, "level", *place, "level")
        known(rule.categories, categories, "category", *place, "categories")
        known(rule.regimes, content.regimes, "regime", *place, "regimes")
        known(rule.subjects, subjects, "subject", *place, "subjects")
    for name, lowering in content.deidentification.items():
        place = ("deidentification", name)
        known([lowering.lowers_to], levels, "level", *place, "lowers_to")
        known([lowering.method], METHODS.keys() - {"keep"}, "method", *place, "method")
        proof = METHODS[lowering.method].proof
        known([lowering.verify], [proof], f"proof of {lowering.method}", *place, "verify")
        known(lowering.drops.categories, categories | {"*"}, "category", *place, "drops", "categories")
        known(lowering.drops.regimes, content.regimes.keys() | {"*"}, "regime", *place, "drops", "regimes")
        known(lowering.drops.subjects, subjects | {"*"}, "subject", *place, "drops", "subjects")
        typed = (lowering.entity_types or frozenset()) | lowering.except_entity_types
        known(typed, content.entity_types, "entity type", *place)
    for hosting, level in content.rules.hosting.model_dump().items():
        known([level], levels, "level", "rules", "hosting", hosting)
    _check_hosting(content, marks)
    for name, combination in content.combinations.items():
        place = ("combinations", name)
        known([combination.raises_to], levels, "level", *place, "raises_to")
        known(combination.adds.categories, categories, "category", *place, "adds", "categories")
        known(combination.adds.regimes, content.regimes, "regime", *place, "adds", "regimes")
        known(combination.adds.subjects, subjects, "subject", *place, "adds", "subjects")
        for part in combination.together:
            known(part.categories, categories, "category", *place, "together")
            known([part.at_least] if part.at_least else [], levels, "level", *place, "together")
    for regime, claims in content.claims.items():
        known([regime], content.regimes, "regime", "claims", regime)
        for number, claim in enumerate(claims):
            spot = ("claims", regime, number)
            known(claim.categories | claim.except_categories, categories, "category", *spot)
            known(claim.entity_types | claim.except_entity_types, content.entity_types, "entity type", *spot)
            known([claim.at_least] if claim.at_least else [], levels, "level", *spot)
    for number, test in enumerate(content.tests):
        for path, column in test.columns.items():
            # A misspelt type would be one that nobody classified, and pass for restricted.
            known(column.types, {*content.entity_types, "UNKNOWN"}, "entity type", "tests", number, "columns", path)
        known([test.solution.clearance], levels, "level", "tests", number, "solution", "clearance")
        known([test.level] if test.level else [], levels, "level", "tests", number, "level")
    known(content.rules.waivers.rules or (), WAIVABLE, "rule", "rules", "waivers", "rules")
    known(content.basis, Rules.model_fields, "rule", "basis")
    for store, level in content.rules.stores.items():
        known([level], levels, "level", "rules", "stores", store)
    tables: list[tuple[str, Mapping[Any, frozenset[str]]]] = [
        ("usage", content.rules.usage),
        ("consent", content.rules.consent),
        ("needs", content.rules.needs),
    ]
    for section, table in tables:
        for key, named in table.items():
            known(named, categories, "category", "rules", section, key)


def _check_methods(content: PolicyFile, marks: Marks) -> None:
    """What depends on the entity type that a method is for."""
    for name, rule in content.entity_types.items():
        place = ("entity_types", name, "method")
        try:
            rule.method.check_type(name)
        except PolicyError as error:
            raise PolicyError(f"{where(marks, place)}: {'.'.join(place)}: {error.message}", hint=error.hint) from None
        if is_secret(rule) and rule.method.name not in FOR_SECRETS:
            raise PolicyError(
                f"{where(marks, place)}: {'.'.join(place)}: a secret can't be left to the method {rule.method.name}",
                hint="use redact or suppress: nobody should join on it, guess it, or have it back; "
                "one column may be an exception, with its reason (secrets)",
            )


#: A token shows who has the same password and falls to whoever has the key and a list of passwords; a mask its length.
FOR_SECRETS = ("redact", "suppress", "null")


def is_secret(rule: EntityRule) -> bool:
    """Whether values of a type open something for whoever has them."""
    return any(category.startswith(_SECRETS) for category in rule.categories)
