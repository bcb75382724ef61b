"""Waivers: a person lets one objection pass, for a reason, until a day.

A waiver speaks of one dataset, one solution, one rule and one column, and of what was objected when it was given
(``about``): more of it is not covered. What can't be told is never waived: a missing fact is declared, not argued away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from unicodedata import normalize

from pydantic import Field, model_validator

from clearance.errors import PolicyError
from clearance.governance.conflicts import Conflict, Verdict, outcome_of
from clearance.governance.identity import dataset_identity
from clearance.governance.policy import Policy
from clearance.governance.policy_rules import WAIVABLE
from clearance.governance.solutions import Names, Text
from clearance.governance.strict_yaml import Strict, Version, parse, read_text, suggest, validate, where

#: Facts of a conflict that say how it was judged rather than what was objected to.
_JUDGING = frozenset({"clearance", "allowed", "restricted", "maximum", "columns", "combinations", "basis", "today",
                      "purposes", "waiver"})  # fmt: skip


class Waiver(Strict):
    """One waiver as it is written. Without ``column``: what is objected to the dataset as a whole."""

    dataset: Text
    solution: Text
    rule: Text
    column: Text | None = None
    about: Annotated[Names, Field(min_length=1)]
    reason: Text
    approver: Text
    requested_by: Text
    expires: date

    @model_validator(mode="after")
    def _is_by_two(self) -> Self:
        if _name(self.requested_by) == _name(self.approver):
            raise ValueError("who asks for a waiver does not approve it")
        return self


def _name(written: str) -> str:
    """A name as it is compared: width, case and spaces make nobody another person."""
    return "".join(normalize("NFKC", written).casefold().split())


class WaiverFile(Strict):
    """The file as it is written."""

    version: Version
    waivers: list[Waiver]


@dataclass(frozen=True, slots=True)
class Given:
    """A waiver, the key of its dataset, and where it stands."""

    waiver: Waiver
    dataset: str
    where: str

    def told(self) -> dict[str, str]:
        """What is shown of it beside the conflict."""
        own = self.waiver
        return {"reason": own.reason, "approver": own.approver, "expires": own.expires.isoformat(), "where": self.where}


def load_waivers(path: str | Path, policy: Policy, today: date) -> tuple[Given, ...]:
    """The waivers of a file; datasets in it are named from the working directory.

    Raises PolicyError with file and line for what is not valid, a rule that can't be waived, and a day that is further
    away than the policy allows.
    """
    data, marks = parse(read_text(Path(path)), str(path))
    content = validate(WaiverFile, data, marks)
    settings = policy.rules.waivers
    allowed = WAIVABLE if settings.rules is None else WAIVABLE & settings.rules
    latest = today + timedelta(days=settings.max_days)
    found = []
    for number, waiver in enumerate(content.waivers):
        place = where(marks, ("waivers", number))
        if waiver.rule not in allowed:
            spot = where(marks, ("waivers", number, "rule"))
            raise PolicyError(f"{spot}: the rule '{waiver.rule}' can't be waived", hint=suggest(waiver.rule, allowed))
        if waiver.expires > latest:
            spot = where(marks, ("waivers", number, "expires"))
            raise PolicyError(
                f"{spot}: expires in more than {settings.max_days} days",
                hint=f"the policy lets a waiver last until {latest}: {policy.where('rules', 'waivers')}",
            )
        found.append(Given(waiver, dataset_identity(waiver.dataset).key, place))
    return tuple(found)


def with_waivers(verdict: Verdict, dataset: str, solution: str, waivers: Sequence[Given], today: date) -> Verdict:
    """The verdict after the waivers that fit. Nothing is taken out: a conflict that is waived says so.

    One that a waiver was meant for and does not cover (it expired, or more is objected to now) names it in its facts.
    """
    mine = [given for given in waivers if (given.dataset, given.waiver.solution) == (dataset, solution)]
    if not mine:
        return verdict
    judged = tuple(_judged(conflict, mine, today) for conflict in verdict.conflicts)
    return Verdict(outcome_of(judged), judged)


def objected(conflict: Conflict) -> frozenset[str]:
    """What a conflict is about, in the words of its facts: what a waiver has to name under ``about``."""
    return frozenset(
        str(item)
        for key, value in conflict.facts.items()
        if key not in _JUDGING
        for item in (value if isinstance(value, list | tuple) else [value])
    )


def _judged(conflict: Conflict, mine: Iterable[Given], today: date) -> Conflict:
    if not conflict.definite:
        return conflict
    notes = []
    for given in mine:
        own = given.waiver
        if (own.rule, own.column) != (conflict.rule, conflict.column):
            continue
        if beyond := sorted(objected(conflict) - own.about):
            notes.append(f"{given.where} is not about {', '.join(beyond)}")
        elif own.expires < today:
            notes.append(f"{given.where} expired on {own.expires}")
        else:
            return replace(conflict, waived=given.told())
    facts: dict[str, Any] = {**conflict.facts, "waiver": "; ".join(notes)} if notes else conflict.facts
    return replace(conflict, facts=facts)
