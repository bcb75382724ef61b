"""What a signed record says of a protected dataset: the only thing that tells an encrypted number from a number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clearance.governance.observation import Observation, changed_since, is_same_state
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.proof import SIGNED, canonical


@dataclass(frozen=True)
class SignedRecord:
    """The leaves of the newest protection by path, and the row of the registry they stand in.

    ``subject`` is the column whose persons hold the keys of reversible tokens, where there is one. ``problem`` says why
    there is no record: none was made, a signature that does not hold, data that changed since.
    """

    leaves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)
    kid: str | None = None
    domain: str | None = None
    domains: Mapping[str, str] = field(default_factory=dict)
    subject: Mapping[str, str] | None = None
    problem: str = ""


def signed_record(desk: Desk, dataset: Dataset) -> SignedRecord:
    """The record of a dataset as it was read. Raises ``KeyUnavailableError`` without the key that verifies it."""
    now = dataset.observation
    rows = desk.registry.rows("protections", dataset=dataset.key)
    if not rows or not _speaks(rows[-1]):
        return SignedRecord(problem="there is no record of its protection")
    # What was read may be an older version, under another key: a newer record says nothing of it.
    row = next((row for row in reversed(rows) if _speaks(row) and _observed(row) == now), rows[-1])
    told, signature = row["statement"], row["signature"] or ""
    ring = desk.tokens().key.open()
    if not ring.verify(SIGNED, canonical(told), signature):
        return SignedRecord(problem=f"the record of its protection {ring.unverified(signature)}")
    if not _is_of(_observed(row), dataset):
        return SignedRecord(problem="it changed since it was protected")
    keys = told.get("keys") or {}
    # Older records name their key in the signature alone: it was made with the key that wrote.
    kid = next(iter(keys.get("ids") or [signature.split("_")[1]]))
    return SignedRecord(
        {leaf["path"]: leaf for leaf in told["columns"]},
        row,
        kid,
        keys.get("domain"),
        keys.get("domains") or {},
        told.get("subject"),
    )


def _speaks(row: Mapping[str, Any]) -> bool:
    return isinstance(row["statement"], dict) and isinstance(row["statement"].get("observation"), dict)


def _observed(row: Mapping[str, Any]) -> Observation:
    return Observation.from_dict(row["statement"]["observation"])


def _is_of(recorded: Observation, dataset: Dataset) -> bool:
    """Whether a record speaks of the state that was read: it is that one, or nothing changed since."""
    now = dataset.observation
    if is_same_state(recorded, now):
        return True
    if now is None or recorded.kind != now.kind or (now.kind == "delta" and int(now.version) < int(recorded.version)):
        return False
    return changed_since(recorded, now, dataset.reference.identity.place) is False
