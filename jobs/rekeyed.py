"""A dataset before its move to another key, and after it."""

from dataclasses import dataclass
from typing import Any

from clearance.governance.labels import Label
from clearance.jobs.asking import Asking
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.reissue import Reissued, told_of
from clearance.jobs.signed_record import SignedRecord
from clearance.jobs.staging import Target


@dataclass(frozen=True, kw_only=True)
class Rekeyed(Reissued):
    """A dataset under the key that writes now.

    ``moved``: how much was made again, by column and entity type; empty where the source was protected again.
    """

    kid: str
    moved: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Before:
    """The dataset as it is: its signed record, the row of its label, and where it goes over which version."""

    dataset: Dataset
    record: SignedRecord
    label: dict[str, Any]
    target: Target
    over: int | None


def rekeyed(
    before: Before, desk: Desk, ask: Asking, version: str, rows: int, moved: dict[str, dict[str, int]], label: Label
) -> Rekeyed:
    """What a move came to; ``moved`` is empty where the source was protected again."""
    told = told_of(ask, before.dataset, before.target, version, rows, label)
    return Rekeyed(**told, kid=desk.tokens().key.open().primary, moved=moved)


__all__ = ["Before", "Rekeyed", "rekeyed"]
