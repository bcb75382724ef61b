"""What a check speaks in: the facts an owner declares, conflicts, verdicts, and the case that rules look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from clearance.errors import ExitCode
from clearance.governance.combinations import Held
from clearance.governance.facts import Facts
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.solutions import Solution

State = Literal[
    "current",
    "changed",
    "unlabelled",
    "unreadable",
    "unvouched",
    "sampled",
    "overlooked",
    "unproved",
    "other-policy",
    "derived",
]
Outcome = Literal["clear", "conflict", "escalated", "undecidable"]

_EXIT_CODES: dict[Outcome, ExitCode] = {
    "clear": ExitCode.CLEAR,
    "conflict": ExitCode.CONFLICT,
    "escalated": ExitCode.ESCALATED,
    "undecidable": ExitCode.UNDECIDABLE,
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """What stands between a dataset and a solution, and what would resolve it.

    ``definite`` is false when a fact is missing rather than wrong; then ``facts["missing"]`` names it. ``where`` is
    the policy's file and line that objects ("policy.yaml:12"), empty where no line of a policy does. ``waived`` says
    who lets it pass, why and until when; then it does not block.
    """

    rule: str
    column: str | None
    facts: dict[str, Any] = field(hash=False)
    remedy: str
    definite: bool = True
    where: str = ""
    waived: Mapping[str, str] | None = field(default=None, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: rule, column, facts, remedy, where, definite, waived."""
        return {
            "rule": self.rule,
            "column": self.column,
            "facts": self.facts,
            "remedy": self.remedy,
            "where": self.where,
            "definite": self.definite,
            "waived": dict(self.waived) if self.waived else None,
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

    def escalated(self, risen: Iterable[Conflict]) -> "Verdict":
        """The same with what rose since the last approval: it turns a yes into a no, and no other answer."""
        more = tuple(risen)
        outcome: Outcome = "escalated" if more and self.verdict == "clear" else self.verdict
        return replace(self, verdict=outcome, conflicts=(*self.conflicts, *more))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: verdict and conflicts."""
        return {"verdict": self.verdict, "conflicts": [conflict.to_dict() for conflict in self.conflicts]}


def outcome_of(conflicts: Iterable[Conflict]) -> Outcome:
    """A definite conflict wins over what can't be told, and both block; what is waived does not."""
    blocking = [conflict for conflict in conflicts if conflict.waived is None]
    if any(conflict.definite for conflict in blocking):
        return "conflict"
    return "undecidable" if blocking else "clear"


@dataclass(frozen=True, slots=True)
class Case:
    """What every rule is asked about. ``label`` has in it what the combinations that are ``held`` make of it."""

    label: Label
    columns: Mapping[str, Label]
    types: Mapping[str, tuple[str, ...]]
    facts: Facts
    solution: Solution
    policy: Policy
    dataset: str | None
    today: date
    held: tuple[Held, ...] = ()
