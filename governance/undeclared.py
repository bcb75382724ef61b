"""What an owner left out may be anything, so it is judged at its worst.

Where the worst that could have been declared would object and what is declared does not, the answer hangs on what is
missing: it can't be told. So taking a declaration away never opens a gate, and what no rule asks for may be left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from clearance.governance.conflicts import Conflict
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.solutions import TRAINING, Solution
from clearance.governance.taxonomy import PERSONAL

#: What a manifest is asked for: the parts of a label that a rule can refuse by (none does by subjects), and what is
#: compared with the data and the day.
Part = Literal["classification", "categories", "regimes", "entityTypes", "obsoleteFrom"]
Judge = Callable[[Label, Mapping[str, Label], Solution], Iterable[Conflict]]


@dataclass(frozen=True, slots=True)
class Undeclared:
    """One thing that a manifest says nothing of: of a column, or of the dataset (``path`` is None).

    ``observed`` is what it would have been compared with; empty where nothing was found.
    """

    part: Part
    path: str | None
    where: str
    observed: str = ""


def undecided(
    missing: Sequence[Undeclared],
    label: Label,
    columns: Mapping[str, Label],
    solution: Solution,
    policy: Policy,
    told: Sequence[Conflict],
    judge: Judge,
) -> Iterator[Conflict]:
    """What hangs on facts that are missing. ``told`` are the conflicts without them, ``judge`` found them."""

    def objects(some: Sequence[Undeclared], whose: Solution, beside: Sequence[Conflict]) -> list[Conflict]:
        return [each for each in judge(*_worst(label, columns, some, policy), whose) if each not in beside]

    beyond = objects(missing, solution, told) if missing else []
    if beyond:
        parts = {one.part: [each for each in missing if each.part == one.part] for one in missing}
        # Some object only together: then all of them are asked for.
        asked = {part: some for part, some in parts.items() if objects(some, solution, told)} or parts
        yield from (_not_declared(part, some) for part, some in asked.items())
    if solution.inputs_may_train is None and not solution.usage & TRAINING:
        learning = solution.model_copy(update={"usage": solution.usage | TRAINING})
        if more := objects(missing, learning, [*told, *beyond]):
            facts = {"missing": "inputs_may_train of the solution", "usage": sorted(TRAINING)}
            remedy = "declare in the solution's profile whether inputs may train it"
            yield Conflict(more[0].rule, None, facts, remedy, definite=False, where=more[0].where)


def _not_declared(part: Part, some: Sequence[Undeclared]) -> Conflict:
    paths = sorted(one.path for one in some if one.path is not None)
    whose = "of the dataset" if len(paths) < len(some) else "of columns"
    facts = {"missing": f"{part} {whose}", "columns": paths}
    remedy = (
        f"declare {part} in the manifest{'' if part == 'classification' else ', an empty list where there are none'}"
    )
    return Conflict("declaration", None, facts, remedy, definite=False, where=some[0].where)


def _worst(
    label: Label, columns: Mapping[str, Label], missing: Sequence[Undeclared], policy: Policy
) -> tuple[Label, dict[str, Label]]:
    """The labels with what is missing at its worst."""
    found: dict[str | None, Label] = {None: label}
    for path, own in columns.items():
        found[path] = own
    categories = _asked(policy)
    for one in missing:
        own = found[one.path]
        if one.part == "classification":
            found[one.path] = replace(own, level=policy.levels.top)
        elif one.part == "regimes":
            found[one.path] = replace(own, regimes=own.regimes | frozenset(policy.content.regimes))
        elif one.part == "categories":
            found[one.path] = replace(own, categories=own.categories | categories)
    return found[None], {path: own for path, own in found.items() if path is not None}


def _asked(policy: Policy) -> frozenset[str]:
    """Categories such that where any could object, one of these does: those that rules name, and a person's."""
    rules = policy.rules
    named = [*rules.usage.values(), *rules.consent.values()]
    named += [part.categories for rule in policy.combinations.values() for part in rule.together]
    return frozenset({PERSONAL}).union(*named)
