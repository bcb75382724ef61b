"""What the record says of a dataset: its label by the policy in force, with what flowed in by lineage."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from clearance.errors import AuditError
from clearance.governance.decisions import State
from clearance.governance.inherited import Inherited, inherited, lost
from clearance.governance.labeling import role_labels
from clearance.governance.labels import Label
from clearance.governance.lineage_places import overlaps
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.reviews import Reviewed
from clearance.governance.standing import Standing, column_labels, column_roles, column_types
from clearance.jobs.looked import accepts, overlooked, sampled
from clearance.jobs.reviewed import decisions_on, is_reviewed, labelled_again


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the record says of a dataset under a policy, and whether that speaks for its data (``state``).

    ``roles``: labels of columns that have a role only, were they what they may be.
    """

    state: State
    reason: str
    columns: dict[str, Label]
    label: Label | None
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roles: dict[str, Label] = field(default_factory=dict)


def speak(found: Standing, policy: Policy, registry: Registry) -> Spoken:
    """What a standing says under this policy: labels given under another one, and those of which people decided
    something, are given again from their findings.
    """
    row = found.label or {}
    label = Label.from_dict(row["label"]) if row else None
    columns, types, roles = column_labels(row), column_types(row), column_roles(row)
    state: State = found.state
    reason = found.reason
    other = row.get("policy_digest") != policy.label_digest
    decided, problem = decisions_on(row["dataset"], policy, registry) if row else (Reviewed(), "")
    if problem:
        return Spoken("unvouched", f"what people decided on its findings can't be relied on: {problem}", {}, None)
    if state == "current" and (other or (row["kind"] == "source" and is_reviewed(row, decided))):
        again = labelled_again(policy, row, registry, decided)
        if again is not None:
            columns, label, types, roles = again.columns, again.label, again.types, again.roles
        elif other:
            state, reason = "other-policy", "the dataset was labelled and proved under another policy"
        else:
            return Spoken("unvouched", "what people decided can't be applied: its findings are not on record", {}, None)
    if state == "current" and (unseen := sampled(row)) and not accepts(policy, row):
        state, reason = "sampled", unseen
    if state == "current" and (unread := overlooked(row)) and not policy.rules.text_without_model:
        state, reason = "overlooked", unread
    return Spoken(state, reason, columns, label, types, role_labels(roles, policy))


def with_lineage(spoken: Spoken, flowed: Inherited, policy: Policy) -> Spoken:
    """The same with what flowed in by lineage: the higher of both."""
    if spoken.label is None and spoken.state != "unlabelled":
        return spoken  # somebody looked, and what came of it can't be relied on: lineage does not stand in for it
    if spoken.label is None:
        enough = policy.rules.derived_labels and not flowed.doubts
        reason = "; ".join(["nobody scanned it: its label is what its lineage says", *flowed.doubts[:1]])
        columns = dict(flowed.columns)
        roles = flowed.with_roles(columns, {}, policy)
        return Spoken("current" if enough else "derived", reason, columns, flowed.label, roles=roles)
    if spoken.state in ("changed", "unreadable", "other-policy"):
        return spoken
    columns, label = flowed.raises(spoken.columns, spoken.label, policy)
    reason = spoken.reason or flowed.why(spoken.columns, spoken.label, policy)
    roles = flowed.with_roles(columns, spoken.roles, policy)
    return replace(spoken, reason=reason, columns=columns, label=label, roles=roles)


def current_lineage(
    key: str, row: Mapping[str, Any], policy: Policy, registry: Registry, record: bool
) -> Inherited | None:
    """What lineage says of a dataset now: as it is on record, or worked out again where that is out of date."""
    found = inherited(registry, key, policy)
    # What we wrote ourselves since lineage was read last is not on record yet.
    made = found is None and row.get("kind", "source") != "source" and registry.open("lineage") is not None
    # Nor is what was written into it, around it or under another spelling before it had a label.
    made = made or (
        found is None
        and bool(row)
        and overlaps(key, {each["dataset"] for each in registry.rows("derived", ["dataset"])})
    )
    # Where lineage alone may clear, what was scanned since inside a folder on the way counts: no mark tells of it.
    made = made or (found is not None and not row and policy.rules.derived_labels)
    if not made and (found is None or not found.stale):
        return found
    from clearance.jobs.lineage_task import derive

    try:
        told: dict[str, Inherited] = registry.once(
            ("derive", policy.verdict_digest, record), lambda: derive(policy, registry, record=record)
        )
        now = told.get(key)
    except AuditError as error:
        return lost(policy, error.message)
    if now is None and found is not None and found.filed:
        return lost(policy, "the audit stands for lineage of this dataset that is gone")
    return now
