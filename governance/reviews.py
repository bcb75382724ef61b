"""What people decided on findings, which of it holds, and what a label is made from then.

A decision is of one finding: a column and an entity type. ``confirmed`` raises: one person's word is enough, and it
counts on when a later scan overlooks what was confirmed. ``false-positive`` and ``accepted`` lower, so that they hold
when two people, each known by a key or token of their own, decided the same of the same finding. What is found is never
changed by them, only what the label is made from.

A decision that lowers is of the finding as it was looked at. It holds in later versions of the data for as long as the
finding is such a one; what became of another kind, or of much more, counts again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from clearance.governance.approvals import unsound
from clearance.governance.escalation import has_jumped
from clearance.governance.identities import Person
from clearance.governance.labeling import STANDS_FOR, role_type
from clearance.governance.labels import Label
from clearance.governance.policy import Policy

REVIEW = "https://pypi.org/project/clearance/review/v1"
Decision = Literal["false-positive", "confirmed", "accepted"]
DECISIONS: tuple[Decision, ...] = ("false-positive", "confirmed", "accepted")

#: A finding that a person knows of, and the last scan did not make.
CONFIRMED: dict[str, Any] = {
    "rows_matched": 0,
    "prevalence": {"estimate": 0.0, "low": 0.0, "high": 1.0},
    "score": 1.0,
    "detectors": ["Review"],
    "shapes": [],
    "form": "raw",
}

Report = Mapping[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """A decision on one finding, and by whom."""

    column: str
    entity_type: str
    decision: Decision
    by: tuple[str, ...]
    basis: Mapping[str, Any]
    reason: str
    expires: datetime | None = None

    @property
    def lowers(self) -> bool:
        """Whether the finding is left out by it."""
        return self.decision != "confirmed"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "decision": self.decision,
            "by": list(self.by),
            "reason": self.reason,
            "expires": self.expires.isoformat() if self.expires else None,
            "version": self.basis.get("version"),
        }


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What is on record of a dataset: what holds, what waits for a second person, and what is void and why."""

    held: Mapping[Key, Held] = field(default_factory=dict)
    waiting: Mapping[Key, Held] = field(default_factory=dict)
    void: tuple[str, ...] = ()

    def of(self, column: str) -> list[Held]:
        """What holds of one column."""
        return [held for (path, _), held in sorted(self.held.items()) if path == column]


def statement_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision's signature covers: all of its row that decides something."""
    told = {name: row.get(name) for name in ("dataset", "column", "entity_type", "decision", "by", "basis", "reason")}
    expires = row.get("expires")
    return {**told, "expires": expires.astimezone(UTC).isoformat() if isinstance(expires, datetime) else None}


def reviewed(rows: Sequence[Mapping[str, Any]], people: Mapping[str, Person], subjects: Mapping[str, str]) -> Reviewed:
    """What holds of a dataset's rows, in the audit's order. ``subjects``: names by subject of a token."""
    held: dict[Key, Held] = {}
    waiting: dict[Key, Held] = {}
    void = []
    for row in rows:
        key = (str(row["column"]), str(row["entity_type"]))
        if why := unsound(row, people, subjects, statement_of(row), REVIEW):
            void.append(f"the decision of {row['by'].get('name')} on {key[0]}:{key[1]} {why}")
            continue
        own = Held(*key, row["decision"], (str(row["by"]["name"]),), row["basis"], row["reason"], row.get("expires"))
        before = waiting.pop(key, None)
        if not own.lowers:
            held[key] = own
        elif before is not None and _agree(before, own):
            ends = min((each.expires for each in (before, own) if each.expires is not None), default=None)
            held[key] = replace(own, by=(*before.by, *own.by), expires=ends)
        else:
            # One's own word again takes the place of the first, and stays one person's.
            waiting[key] = own
    return Reviewed(held, waiting, tuple(void))


def _agree(first: Held, second: Held) -> bool:
    same = first.decision == second.decision and dict(first.basis) == dict(second.basis)
    return same and first.by != second.by


def basis_of(report: Report, entity_type: str, version: str, policy: Policy) -> dict[str, Any]:
    """The finding as it is decided on: what of it must stay so. Holds no value."""
    found = _finding(report, entity_type) or {}
    share = found.get("prevalence")
    return {
        "version": version,
        "type": report["type"],
        "kind": report["kind"],
        "detectors": sorted(found.get("detectors", ())),
        "prevalence": [share[name] for name in ("low", "estimate", "high")] if share else None,
        "label": policy.label_of(entity_type).to_dict(),
    }


def lapsed(held: Held, report: Report, policy: Policy, now: datetime) -> str:
    """Why a decision does not hold of a column as it was found by the last scan; empty: it does."""
    if not held.lowers:
        return ""
    if held.expires is not None and held.expires <= now:
        return f"expired on {held.expires.date().isoformat()}"
    basis, found = held.basis, _finding(report, held.entity_type) or {}
    if report["type"] != basis["type"]:
        return "the column is of another type since"
    if report["kind"] != basis["kind"]:
        return "the column holds something of another kind since"
    if set(found.get("detectors", ())) - set(basis["detectors"]):
        return "found by other detectors since"
    share = found.get("prevalence")
    if share and has_jumped(basis["prevalence"] or [0.0, 0.0, 0.0], [share[n] for n in ("low", "estimate", "high")]):
        return "found in many more rows since"
    if held.decision == "accepted" and not _within(policy.label_of(held.entity_type), basis["label"], policy):
        return "the policy says more of it since"
    return ""


def _within(now: Label, then: Mapping[str, Any], policy: Policy) -> bool:
    """Whether a label says no more than it did."""
    before = Label.from_dict(then)
    same = before.level in policy.levels and not policy.levels.exceeds(now.level, before.level)
    return same and all(getattr(now, n) <= getattr(before, n) for n in ("categories", "regimes", "subjects"))


def settled(report: Report, found: Reviewed, policy: Policy, now: datetime) -> Report:
    """The report of a column as its label is made from it: what was set aside is not in it, what was confirmed is.

    The same object where no decision has a say. A column that nobody could look at stays so.
    """
    decided = [held for held in found.of(str(report["path"])) if not lapsed(held, report, policy, now)]
    if report.get("kind") == "unknown" or not decided:
        return report
    aside = {held.entity_type for held in decided if held.lowers}
    there = {each["entity_type"] for each in report["findings"]}
    # Our own tokens are known by their keyed check: no one is asked about them.
    kept = [each for each in report["findings"] if each.get("form") == "token" or each["entity_type"] not in aside]
    more = [CONFIRMED | {"entity_type": h.entity_type} for h in decided if not h.lowers and h.entity_type not in there]
    own = None if report["entity_type"] in aside else report["entity_type"]
    # A name that says it is set aside with what it says.
    attribute = None if STANDS_FOR.get(str(report.get("attribute"))) in aside else report.get("attribute")
    before = (len(report["findings"]), report["entity_type"], report.get("attribute"))
    if not more and (len(kept), own, attribute) == before:
        return report
    return {**report, "findings": [*kept, *more], "entity_type": own, "attribute": attribute}


def to_review(report: Report) -> list[str]:
    """The entity types of a column's findings that a person may decide on, and what its name alone says it is."""
    if report.get("kind") == "unknown":
        return []
    found = [each["entity_type"] for each in report["findings"] if each.get("form", "raw") != "token"]
    own = report["entity_type"]
    tokens = {each["entity_type"] for each in report["findings"]} - set(found)
    by_name = role_type(report)
    return list(dict.fromkeys([*([own] if own and own not in tokens else []), *found, *([by_name] if by_name else [])]))


def _finding(report: Report, entity_type: str) -> Mapping[str, Any] | None:
    found = report["findings"]
    return next((f for f in found if f["entity_type"] == entity_type and f.get("form", "raw") != "token"), None)


__all__ = [
    "CONFIRMED",
    "DECISIONS",
    "REVIEW",
    "Decision",
    "Held",
    "Reviewed",
    "basis_of",
    "lapsed",
    "reviewed",
    "settled",
    "statement_of",
    "to_review",
]
