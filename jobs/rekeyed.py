"""A dataset before its move to another key, and after it."""

from dataclasses import dataclass
from typing import Any

from clearance.governance.labels import Label
from clearance.jobs.asking import Asking
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.signed_record import SignedRecord
from clearance.jobs.staging import Target


@dataclass(frozen=True)
class Rekeyed:
    """A dataset under the key that writes now, as it was published and recorded.

    ``moved``: how much was made again, by column and entity type; empty where the source was protected again.
    """

    source: str
    target: str
    version: str
    rows: int
    kid: str
    moved: dict[str, dict[str, int]]
    label: dict[str, Any]
    grant: str
    run_id: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "source": self.source,
            "dataset": self.target,
            "version": self.version,
            "rows": self.rows,
            "key_id": self.kid,
            "moved": self.moved,
            "label": self.label,
            "grant": self.grant,
            "run_id": self.run_id,
        }


@dataclass(frozen=True)
class Before:
    """The dataset as it is: its signed record, the row of its label, and where it goes."""

    dataset: Dataset
    record: SignedRecord
    label: dict[str, Any]
    target: Target


def rekeyed(
    before: Before, desk: Desk, ask: Asking, version: str, rows: int, moved: dict[str, dict[str, int]], label: Label
) -> Rekeyed:
    """What a move came to; ``moved`` is empty where the source was protected again."""
    kid, grant = desk.tokens().key.open().primary, ask.grant or ""
    where = before.dataset.reference.key
    return Rekeyed(where, before.target.key, version, rows, kid, moved, label.to_dict(), grant, ask.run.run_id)


__all__ = ["Before", "Rekeyed", "rekeyed"]
