"""Requests, approvals and rejections of a dataset's state: who may decide what, and which of them hold.

Three people: the author asks, the approver decides, the publisher carries it to where it is used. Each is known by a
signature of the own key or by a verified token of the CI system (:class:`Signer`), and no two of them are one. A
decision is of one state of the dataset, and every look at it checks again who signed what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from clearance.errors import ProofError, RegistryError
from clearance.governance.conflicts import Conflict
from clearance.governance.envelopes import unseal
from clearance.governance.escalation import DatasetState, escalations, lapses, not_approved
from clearance.governance.identities import Person
from clearance.governance.labels import Levels

APPROVAL = "https://pypi.org/project/clearance/approval/v1"
Step = Literal["request", "approve", "reject", "publish"]
ROLE_OF: Mapping[Step, str] = {
    "request": "author",
    "approve": "approver",
    "reject": "approver",
    "publish": "publisher",
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who acts, and how that is known: ``key`` (enrolled, its id) or ``token`` (issuer and subject)."""

    name: str
    how: Literal["key", "token"]
    proof: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"name": self.name, "how": self.how, **self.proof}


@dataclass(frozen=True, slots=True)
class Decided:
    """What is on record of a dataset: the open or last request, the last decision, and the last approval.

    ``published``: what was carried here from elsewhere, oldest first, each as an approval of its state here, with the
    request that it answered (``asked``). ``asked``: requests by their id.
    """

    request: Mapping[str, Any] | None = None
    decision: Mapping[str, Any] | None = None
    approval: Mapping[str, Any] | None = None
    void: tuple[str, ...] = ()
    published: tuple[Mapping[str, Any], ...] = ()
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def separation(
    step: Step, name: str, request: Mapping[str, Any] | None, approver: str | None, team: Mapping[str, Sequence[str]]
) -> str:
    """Why this person may not take this step; empty: she may. ``team``: who has which role by the manifest.

    A person who has one part in a publication has no other in it, whatever keys and tokens she holds.
    """
    role = ROLE_OF[step]
    others = {
        "author": name_of(request) if step != "request" else None,
        "approver": approver if step == "publish" else None,
        "publisher": publisher_of(request) if step != "publish" else None,
    }
    for other, holder in others.items():
        if other != role and holder is not None and holder == name:
            return f"{name} is the {other}: author, approver and publisher are different people"
    for other, names in team.items():
        if other != role and name in names:
            return f"{name} is {other} by the manifest: author, approver and publisher are different people"
    if team.get(role) and name not in team[role]:
        return f"{name} is no {role} by the manifest"
    if step == "publish" and publisher_of(request) != name:
        return f"{name} is not the publisher that the request names"
    return ""


def name_of(row: Mapping[str, Any] | None) -> str | None:
    """Who took a step."""
    return None if row is None else str(row["by"]["name"])


def publisher_of(row: Mapping[str, Any] | None) -> str | None:
    """Who is to publish by a request."""
    return None if row is None else str(row["state"]["publisher"])


def statement_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a step's signature covers: all of the row that decides something."""
    names = ("dataset", "step", "request", "state", "by", "reason")
    expires = row.get("expires")
    told = {name: row.get(name) for name in names}
    return {**told, "expires": expires.astimezone(UTC).isoformat() if isinstance(expires, datetime) else None}


def decided(
    rows: Sequence[Mapping[str, Any]],
    people: Mapping[str, Person],
    subjects: Mapping[str, str],
    elsewhere: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Decided:
    """What holds of the rows of a dataset, in the audit's order. ``subjects``: names by token subject, of the policy.

    ``elsewhere``: the rows of the datasets that this one was carried from (:func:`origins`). A step by someone who is
    not enrolled any more, or whose signature is not of what the row says, is void; and so is what rests on it.
    """
    requests: dict[str, Mapping[str, Any]] = {}
    found = Decided()
    void: list[str] = []
    published: list[Mapping[str, Any]] = []
    for row in rows:
        step: Step = row["step"]
        if step == "publish":
            standing, why = _carried(row, people, subjects, elsewhere or {})
            if standing is None:
                void.append(f"the publication by {row['by'].get('name')} {why}")
                continue
            published.append(standing)
            void.clear()
            found = replace(found, decision=standing, approval=standing)
            continue
        why = unsound(row, people, subjects, statement_of(row), APPROVAL)
        request = requests.get(str(row.get("request"))) if step != "request" else row
        if not why and request is None:
            why = "decides on no request that is on record"
        if not why and request is not row and row["state"] != (request or {}).get("state"):
            why = "is of another state than its request"
        why = why or separation(step, row["by"]["name"], request, None, {})
        if why:
            void.append(f"the {step} of {row['by'].get('name')} {why}")
            continue
        if step == "request":
            requests[str(row["request"])] = row
            found = replace(found, request=row)
        elif step in ("approve", "reject"):
            found = replace(found, decision=row, approval=row if step == "approve" else found.approval)
            if step == "approve":
                # What was void before it is settled by it: a key that is revoked must not block for ever.
                void.clear()
    return replace(found, void=tuple(void), published=tuple(published), asked=requests)


def origins(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The datasets whose approvals the publications among these rows rest on."""
    return frozenset(str(row["state"].get("origin")) for row in rows if row["step"] == "publish")


def _carried(
    row: Mapping[str, Any],
    people: Mapping[str, Person],
    subjects: Mapping[str, str],
    elsewhere: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[Mapping[str, Any] | None, str]:
    """The approval that a publication carried here, as one of the state here; None and why where it carried none."""
    if why := unsound(row, people, subjects, statement_of(row), APPROVAL):
        return None, why
    own = [each for each in elsewhere.get(str(row["state"].get("origin")), ()) if each["step"] != "publish"]
    there = decided([each for each in own if each.get("request") == row.get("request")], people, subjects)
    if there.approval is None or there.request is None:
        return None, "rests on no approval that is on record"
    if there.decision is not None and there.decision["step"] == "reject":
        return None, f"rests on an approval that {name_of(there.decision)} took back"
    if why := separation("publish", row["by"]["name"], there.request, name_of(there.approval), {}):
        return None, why
    approved, now = state_in(there.approval), state_in(row)
    if approved.digest != row["state"].get("approved") or not is_copy(now, approved):
        return None, "is of another state than was approved"
    granted = there.approval
    if (row.get("expires"), row["state"]["allows"]) != (granted.get("expires"), granted["state"]["allows"]):
        return None, "says more than its approval"
    carried = {"dataset": row["dataset"], "state": row["state"], "at": row.get("at"), "asked": there.request}
    return {**granted, **carried}, ""


def is_copy(now: DatasetState, of: DatasetState) -> bool:
    """Whether a state is what another one is at another place. How often things were found is not carried along."""
    return replace(of, dataset=now.dataset, version=now.version, shares=now.shares, lowered=now.lowered) == now


def unsound(
    row: Mapping[str, Any],
    people: Mapping[str, Person],
    subjects: Mapping[str, str],
    statement: Mapping[str, Any],
    kind: str,
) -> str:
    """Why what a person said on record does not count; empty: it does. ``statement``: what its signature must cover,
    as a statement of this ``kind``.
    """
    by = row["by"]
    if by.get("how") == "token":
        # Its token has expired by now: that it was verified is what the audit stands for.
        return "" if subjects.get(str(by.get("subject"))) == by.get("name") else "is by a token that the policy forgot"
    person = people.get(str(by.get("name")))
    if person is None or person.key_id != by.get("key_id"):
        return "is by a key that is not enrolled"
    if person.role == "administrator":
        return "is by an administrator, who enrols people and decides nothing else"
    try:
        told = unseal(row["envelope"], {person.key_id: person.public_key}, kind)
    except ProofError:
        return "is not signed with the key of its name"
    return "" if dict(told.predicate) == dict(statement) and told.dataset == row["dataset"] else "was changed"


def state_in(row: Mapping[str, Any]) -> DatasetState:
    """The dataset's state that a step is of. Raises ``RegistryError`` for a damaged one."""
    try:
        return DatasetState.from_dict(row["state"]["dataset"])
    except (KeyError, TypeError):
        raise RegistryError("an approval on record is damaged", hint="have the dataset approved again") from None


def objections(found: Decided, now: DatasetState, levels: Levels, today: datetime, *, required: bool) -> list[Conflict]:
    """What stands against a dataset as it is now; nothing where nobody approved it and the policy does not ask for it
    (``required``)."""
    objects = [not_approved("approval-void", {"step": why}) for why in dict.fromkeys(found.void)]
    decision, approval = found.decision, found.approval
    if decision is not None and decision["step"] == "reject":
        facts = {"by": name_of(decision), "reason": decision["reason"]}
        objects.append(not_approved("rejected", facts, "see to the reason, then ask again: clearance request"))
    if approval is None:
        if required:
            waits = {"requested_by": name_of(found.request)} if found.request is not None else {}
            objects.append(not_approved("not-approved", waits))
        return objects
    expires = approval.get("expires")
    if isinstance(expires, datetime) and expires <= today:
        objects.append(not_approved("approval-expired", {"on": expires.date().isoformat()}))
    before = state_in(approval)
    objects += lapses(before, now, frozenset(approval["state"]["allows"]))
    return objects + escalations(before, now, levels)


__all__ = [
    "APPROVAL",
    "Decided",
    "Signer",
    "Step",
    "decided",
    "is_copy",
    "name_of",
    "objections",
    "origins",
    "publisher_of",
    "separation",
    "state_in",
    "statement_of",
    "unsound",
]
