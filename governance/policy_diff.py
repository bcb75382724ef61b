"""What two policies decide differently: levels, types, methods, rules, and verdicts on solutions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from clearance.governance.decisions import decide
from clearance.governance.labeling import protected_type
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.solutions import TRAINING, Hosting, Solution, Usage

#: What becomes stricter is safe to take over; what becomes milder is for somebody to look at.
_RANK = {"clear": 0, "undecidable": 1, "conflict": 2}


@dataclass(frozen=True, slots=True)
class Difference:
    """One point: its section, its name, how it was and how it is (``-`` for what is not there), and where that stands.

    ``milder``: the second policy lets through what the first refuses; None where that can't be said.
    """

    section: str
    name: str
    before: str
    after: str
    where: str
    milder: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__}


def differences(before: Policy, after: Policy, solutions: Iterable[Solution] = ()) -> list[Difference]:
    """All of them. Verdicts are on data of each entity type alone, as it is found and after the policy's method.

    Without ``solutions`` they are for one solution of each hosting and usage, cleared for everything.
    """
    found = [*_levels(before, after), *_types(before, after), *_sections(before, after), *_rules(before, after)]
    return [*found, *_verdicts(before, after, list(solutions))]


def _levels(before: Policy, after: Policy) -> Iterator[Difference]:
    if before.levels != after.levels:
        old, new = (" < ".join(policy.levels.names) for policy in (before, after))
        yield Difference("levels", "levels", old, new, after.where("levels"))


def _types(before: Policy, after: Policy) -> Iterator[Difference]:
    for name in sorted({*before.entity_types, *after.entity_types, "(any other)", "(could not be looked at)"}):
        old, new = (_entity(policy, name) for policy in (before, after))
        for key in old:
            if old[key] != new[key]:
                milder = None
                if key == "level" and before.levels == after.levels:
                    milder = after.levels.exceeds(old[key], new[key])
                place = after.where("unknown_leaf") if name == "(could not be looked at)" else after.where_type(name)
                yield Difference("types", f"{name} {key}", old[key], new[key], place, milder)


def _entity(policy: Policy, name: str) -> dict[str, str]:
    rule = policy.unknown_leaf if name == "(could not be looked at)" else policy.entity(name)
    return {
        "level": rule.level,
        "categories": ", ".join(sorted(rule.categories)) or "-",
        "regimes": ", ".join(sorted(rule.regimes)) or "-",
        "subjects": ", ".join(sorted(rule.subjects)) or "-",
        "method": _words(rule.method.settings()),
    }


def _sections(before: Policy, after: Policy) -> Iterator[Difference]:
    for section in ("combinations", "deidentification", "columns", "domains", "reversal"):
        old, new = (getattr(policy.content, section) for policy in (before, after))
        for name in sorted({*old, *new}):
            told = [_words(side[name].model_dump()) if name in side else "-" for side in (old, new)]
            if told[0] != told[1]:
                yield Difference(section, name, told[0], told[1], after.where(section, name))
        if section == "deidentification" and set(old) == set(new) and list(old) != list(new):
            yield Difference(section, "order", ", ".join(old), ", ".join(new), after.where(section))


def _rules(before: Policy, after: Policy) -> Iterator[Difference]:
    old, new = before.rules.model_dump(), after.rules.model_dump()
    for name in old:
        if old[name] != new[name]:
            yield Difference("rules", name, _words(old[name]), _words(new[name]), after.where("rules", name))


def _verdicts(before: Policy, after: Policy, solutions: list[Solution]) -> Iterator[Difference]:
    old_side, new_side = _Side(before, solutions), _Side(after, solutions)
    for name in sorted({*before.entity_types, *after.entity_types}):
        for state in ("as found", "protected"):
            changes: dict[tuple[str, str], list[str]] = {}
            sides = (old_side.names, old_side.told(name, state), new_side.told(name, state))
            for wanted, old, new in zip(*sides, strict=True):
                if old != new:
                    changes.setdefault((old, new), []).append(wanted)
            for (old, new), names in changes.items():
                milder = _RANK.get(new, 2) < _RANK.get(old, 2)
                told = f"{name} {state} for {', '.join(names)}"
                yield Difference("verdicts", told, old, new, after.where_type(name), milder)


class _Side:
    """The verdicts of one policy. Many types have one label, so each label is judged once."""

    def __init__(self, policy: Policy, solutions: list[Solution]) -> None:
        self._policy = policy
        self._solutions = _wanting(policy, solutions)
        self._known: dict[Label, list[str]] = {}
        self.names = [solution.name for solution in self._solutions]

    def told(self, entity_type: str, state: str) -> list[str]:
        """The verdict for each solution."""
        policy = self._policy
        label = policy.label_of(entity_type)
        if state == "protected":
            method = policy.method_for(entity_type)
            label = protected_type(entity_type, policy, method=method, verified=True)
        if label not in self._known:
            self._known[label] = [_verdict(policy, label, solution) for solution in self._solutions]
        return self._known[label]


def _wanting(policy: Policy, solutions: list[Solution]) -> list[Solution]:
    if solutions:
        return solutions
    regimes = frozenset(policy.content.regimes)
    return [
        Solution(
            name=f"{hosting} {usage}",
            owner="-",
            hosting=hosting,
            clearance=policy.levels.top,
            usage=frozenset({usage}),
            regimes=regimes,
            inputs_may_train=usage in TRAINING,
        )
        for hosting in get_args(Hosting)
        for usage in get_args(Usage)
    ]


def _verdict(policy: Policy, label: Label, solution: Solution) -> str:
    if solution.clearance not in policy.levels:
        return "not a level"
    return decide(label, {}, solution, policy, column_labels={"column": label}).verdict


def _words(value: Any) -> str:
    """A setting as text, the same for equal ones."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}: {_words(item)}" for key, item in value.items() if item not in (None, {}, [], ()))
        return inner if set(value) != {"name"} else _words(value["name"])
    if isinstance(value, frozenset | set):
        return "[" + ", ".join(sorted(map(str, value))) + "]"
    if isinstance(value, list | tuple):
        return (
            "[" + ", ".join(f"({_words(item)})" if isinstance(item, Mapping) else _words(item) for item in value) + "]"
        )
    return (
        {True: "on", False: "off", None: "-"}.get(value, str(value)) if isinstance(value, bool | None) else str(value)
    )


__all__ = ["Difference", "differences"]
