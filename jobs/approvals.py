"""Steps of an approval: asked, approved, rejected; each by a known person, of one state of the dataset, on record.

A step that is refused is on record, too. Starts no Spark.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.errors import ClearanceError, DatasetError, RefusedError, UsageError
from clearance.governance.approvals import (
    APPROVAL,
    Decided,
    Signer,
    Step,
    name_of,
    separation,
    state_in,
    statement_of,
)
from clearance.governance.audit import Audit
from clearance.governance.envelopes import seal
from clearance.governance.escalation import BOUND, DatasetState
from clearance.governance.identities import Key, people
from clearance.governance.identity import DatasetIdentity
from clearance.governance.manifest import Manifest
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.governance.standing import standing
from clearance.jobs.asking import check_reason
from clearance.jobs.check import dataset_state, see
from clearance.jobs.states import against, steps_of

Known = tuple[Signer, Key | None]


@dataclass(frozen=True)
class Matter:
    """What is decided on: a dataset as policy, manifest and registry have it."""

    identity: DatasetIdentity
    policy: Policy
    registry: Registry
    manifest: Manifest | None = None
    facts: Mapping[str, Any] | None = None

    def state(self) -> DatasetState:
        """The dataset's state now. Raises ``DatasetError`` while its label does not speak for the data."""
        found = standing(self.registry, self.identity)
        seen = see(
            self.identity.key, found, self.policy, self.registry, facts=self.facts, manifest=self.manifest, record=False
        )
        state = dataset_state(seen, self.policy, self.registry, self.manifest)
        if state is None:
            why = seen.reason or "it has no label under this policy"
            other = seen.state == "other-policy"
            raise DatasetError(
                f"{self.identity.key} can't be approved as it is: {why}",
                hint="give that policy: --policy FILE" if other else "scan and label it first",
            )
        return state

    def decided(self) -> Decided:
        """What is on record of it. Raises ``RefusedError`` when the audit does not stand for it."""
        found, problem = steps_of(self.identity.key, self.policy, self.registry)
        if problem:
            raise RefusedError(
                f"the record of approvals can't be relied on: {problem}", hint="see `clearance audit verify`"
            )
        return found


def request(
    matter: Matter,
    who: Callable[[], Known],
    *,
    reason: str,
    publisher: str | None = None,
    allows: Sequence[str] = (),
    expires: datetime | None = None,
) -> dict[str, Any]:
    """Asks for an approval of the dataset as it is now. ``allows``: what may change without another one (``BOUND``).

    ``publisher``: who is to carry it out; without it the manifest's only one. Returns the step, JSON-ready.
    """
    if strange := sorted(set(allows) - set(BOUND)):
        raise UsageError(f"an approval can't allow that {strange[0]} changes", hint=f"one of {', '.join(BOUND)}")
    named = tuple(matter.manifest.team["publisher"]) if matter.manifest else ()
    chosen = publisher or (named[0] if len(named) == 1 else None)
    if chosen is None or (named and chosen not in named):
        raise UsageError(
            "who is to publish is not said, or is no publisher by the manifest", hint="name one: --publisher NAME"
        )
    asked = {"allows": sorted(set(allows)), "publisher": chosen}

    def content(_: Decided) -> tuple[dict[str, Any], str, datetime | None]:
        named = people(matter.registry, matter.policy.content.identities.administrators).get(chosen)
        if named is not None and named.role == "administrator":
            raise RefusedError(
                f"{chosen} is an administrator, who enrols people and publishes nothing", hint="name another publisher"
            )
        return asked, str(uuid.uuid4()), expires

    return _step("request", matter, who, reason, content)


def decide(matter: Matter, who: Callable[[], Known], *, approve: bool, reason: str) -> dict[str, Any]:
    """Approves what was asked for last, of the dataset as it was then and still is; or rejects it, whatever became of
    the dataset, and also where it was approved before.
    """

    def content(found: Decided) -> tuple[dict[str, Any], str, datetime | None]:
        asked = found.request
        if asked is None:
            raise RefusedError("nobody asked for an approval of it", hint="first: clearance request DATASET")
        last = found.decision
        takes_back = not approve and last is not None and last["step"] == "approve"
        if last is not None and last["request"] == asked["request"] and not takes_back:
            raise RefusedError(
                f"the last request was decided already: {last['step']} by {name_of(last)}",
                hint="ask again: clearance request DATASET",
            )
        state = asked["state"]
        return {"allows": state["allows"], "publisher": state["publisher"]}, asked["request"], asked["expires"]

    return _step("approve" if approve else "reject", matter, who, reason, content)


def _step(
    step: Step,
    matter: Matter,
    who: Callable[[], Known],
    reason: str,
    content: Callable[[Decided], tuple[dict[str, Any], str, datetime | None]],
) -> dict[str, Any]:
    check_reason(reason)
    audit, run_id, key = Audit(matter.registry), new_run_id(), matter.identity.key
    facts: dict[str, Any] = {"reason": reason, "by": None}
    try:
        signer, signing = who()
        facts["by"] = signer.to_dict()
        found = matter.decided()
        # To say no, nobody has to wait for a scan: what was asked for is what is rejected.
        rejected = found.request if step == "reject" else None
        state = matter.state() if rejected is None else state_in(rejected)
        told, identifier, expires = content(found)
        row = {
            "dataset": key,
            "step": step,
            "request": identifier,
            "state": {"dataset": state.to_dict(), **told},
            "by": signer.to_dict(),
            "reason": reason,
            "expires": expires,
        }
        team = matter.manifest.team if matter.manifest else {}
        asked = row if step == "request" else found.request
        if why := separation(step, signer.name, asked, name_of(found.approval), team):
            raise RefusedError(why, hint="another person takes this step")
        if asked is not None and state_in(asked).digest != state.digest:
            changes = [each.facts for each in _between(state_in(asked), state, matter)]
            ungiven = matter.manifest is None and state_in(asked).manifest is not None
            raise RefusedError(
                f"{key} is not what was asked for any more: {'; '.join(str(each.get('change')) for each in changes)}",
                hint="give the manifest it was asked for with: --manifest FILE"
                if ungiven
                else "ask again: clearance request DATASET",
            )
    except ClearanceError as error:
        intent = audit.intent(step, run_id=run_id, dataset=key, facts=facts)
        audit.outcome(intent, "refused", facts={"why": error.message})
        raise
    if signing is not None:
        row["envelope"] = seal(key, state.digest, statement_of(row), signing.sign, signing.public_pem, APPROVAL)
    facts |= {"request": identifier, "version": state.version, "state": state.digest, **told}
    with audit.filing(step, [("approvals", row)], run_id=run_id, dataset=key, facts=facts):
        pass
    return {**statement_of(row), "state": state.digest, "version": state.version, **told}


def _between(before: DatasetState, now: DatasetState, matter: Matter) -> list[Any]:
    from clearance.governance.escalation import escalations, lapses

    return [*lapses(before, now, frozenset()), *escalations(before, now, matter.policy.levels)]


def outlook(matter: Matter) -> dict[str, Any]:
    """What is on record of a dataset's approval, and what stands against it now. JSON-ready."""
    found = matter.decided()
    objects = against(matter.state(), matter.policy, matter.registry)
    steps = {"request": found.request, "decision": found.decision, "approval": found.approval}
    return {
        "dataset": matter.identity.key,
        **{name: _short(row) for name, row in steps.items()},
        "void": list(found.void),
        "holds": found.approval is not None and not objects,
        "against": [each.to_dict() for each in objects],
    }


def _short(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    told = {name: row[name] for name in ("step", "request", "by", "reason")}
    state = row["state"]
    at = row["at"].astimezone(UTC).isoformat(timespec="seconds")
    return {**told, "at": at, "version": state["dataset"]["version"], "allows": state["allows"]} | {
        "publisher": state["publisher"],
        "expires": row["expires"].isoformat() if row.get("expires") else None,
    }


def policy_folder(path: str | Path | None) -> Path:
    """Where a policy lies, and the files that it names."""
    return Path(path).parent if path is not None else Path()


__all__ = ["Matter", "decide", "outlook", "policy_folder", "request"]
