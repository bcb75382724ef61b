"""How much of a dataset a scan looked at, and what that proves.

A sample of rows says nothing of the rest but this: a type that is present in at least so large a share of the rows
would have been found with such a confidence. Needs no Spark, so that a check can ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Any, Literal

Mode = Literal["full", "sample", "incremental"]


@dataclass(frozen=True, slots=True)
class ColumnCoverage:
    """Of one column: rows looked at, and the smallest share of rows that would have been found (None: every one)."""

    rows_read: int
    prevalence: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"rows_read": self.rows_read, "prevalence": self.prevalence}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one scan read of a dataset.

    ``rows`` are the dataset's, ``rows_read`` those that this scan looked at (in the column it looked at most).
    ``prevalence`` is the smallest share of rows, in (0, 1), in which a type would have been found in whatever
    column with ``confidence``; None where no row was left out. ``since`` is the version whose scan an incremental
    one goes on from, ``asked`` the mode that was asked for and ``reason`` why another one was used.
    """

    mode: Mode
    rows: int
    rows_read: int
    prevalence: float | None = None
    confidence: float | None = None
    columns: Mapping[str, ColumnCoverage] = field(default_factory=dict, hash=False)
    since: str | None = None
    asked: Mode | None = None
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether every row is accounted for, by this scan or by the one that it goes on from."""
        return self.prevalence is None

    def proves(self, prevalence: float, confidence: float) -> bool:
        """Whether a type in at least this share of rows would have been found with at least this confidence."""
        return self.prevalence is None or (
            self.confidence is not None and self.prevalence <= prevalence and self.confidence >= confidence
        )

    def words(self) -> str:
        """One sentence for people."""
        if self.mode == "sample":
            told = f"looked at {self._least_read():,} of {self.rows:,} rows{self._deeper()}"
            if self.prevalence is None or self.confidence is None:
                return f"{told}: nothing was left out"
            return f"{told}: {bound_in_words(self.prevalence, self.confidence)}"
        if self.mode == "incremental":
            return f"looked at {self.rows_read:,} rows added since version {self.since}, of {self.rows:,}"
        why = f" ({self.reason})" if self.reason else ""
        return f"looked at all {self.rows:,} rows{why}"

    def _least_read(self) -> int:
        return min((own.rows_read for own in self.columns.values()), default=self.rows_read)

    def _deeper(self) -> str:
        """In how many columns more rows were looked at than in the others, and how many at most."""
        deeper = [own.rows_read for own in self.columns.values() if own.rows_read > self._least_read()]
        return f", in {len(deeper)} of {len(self.columns)} columns at up to {max(deeper):,}" if deeper else ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the ``coverage`` of a scan (``docs/reference/json.md``)."""
        found: dict[str, Any] = {"mode": self.mode, "rows": self.rows, "rows_read": self.rows_read}
        if self.prevalence is not None:
            found |= {"prevalence": self.prevalence, "confidence": self.confidence}
        if self.columns:
            found["columns"] = {path: own.to_dict() for path, own in self.columns.items()}
        found |= {k: v for k, v in (("since", self.since), ("asked", self.asked), ("reason", self.reason)) if v}
        return {**found, "statement": self.words()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Coverage":
        """Inverse of :meth:`to_dict`; unknown keys of a later version are left out."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data and name != "columns"}
        columns = {path: ColumnCoverage(**own) for path, own in (data.get("columns") or {}).items()}
        return cls(**known, columns=columns)


def bound_in_words(prevalence: float, confidence: float) -> str:
    """What a sample proves, as a person would say it."""
    return (
        f"would have found a type present in at least {_percent(prevalence, ROUND_CEILING)} of rows "
        f"with {_percent(confidence, ROUND_FLOOR)} confidence"
    )


def _percent(share: float, rounding: str) -> str:
    """Three figures, rounded to the safe side: a sample must not be told to prove more than it does."""
    figures = Context(prec=3, rounding=rounding).create_decimal(repr(share))
    return f"{(figures * 100).normalize():f} %"
