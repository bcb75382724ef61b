"""The results of detection. None of these types has a field that could hold a value of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

Kind = Literal["structured", "text", "mixed", "empty", "unknown"]
Form = Literal["raw", "token"]
#: What a column tells of a person, in the words of ISO/IEC 20889: who it is (direct), who it may be together with other
#: columns (quasi, an indirect identifier), something worth protecting about them (sensitive), or nothing of these.
Role = Literal["direct", "quasi", "sensitive", "none", "unknown"]

#: Two-sided 95 % quantile of the normal distribution.
_Z = 1.959963984540054


class Span(NamedTuple):
    """A place in one text: offsets in Python code points, end exclusive; score in (0, 1]."""

    start: int
    end: int
    entity_type: str
    score: float
    detector: str


class Term(NamedTuple):
    """A piece of evidence for or against a column's type: its name, its weight in log-odds, and the same in words."""

    evidence: str
    weight: float
    why: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class Interval:
    """A share in [0, 1] with its 95 % confidence interval."""

    estimate: float
    low: float
    high: float

    @classmethod
    def wilson(cls, matched: int, total: int) -> Interval:
        """Wilson score interval (Wilson 1927) of ``matched`` rows out of ``total``.

        With ``total`` 0 nothing is known: the interval is all of [0, 1].
        """
        if total <= 0:
            return cls(0.0, 0.0, 1.0)
        share = matched / total
        square = _Z * _Z
        middle = (share + square / (2 * total)) / (1 + square / total)
        half = _Z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
        low = 0.0 if matched == 0 else max(0.0, middle - half)
        high = 1.0 if matched == total else min(1.0, middle + half)
        return cls(round(share, 6), round(low, 6), round(high, 6))

    def to_dict(self) -> dict[str, float]:
        """JSON-ready form."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Finding:
    """One entity type at one leaf.

    ``rows_matched`` counts rows that hold it at least once, of the rows that are not null. ``score`` is, for the type
    of a structured column, the probability that the column is of this type; else the mean score of the hits.
    ``form`` is ``token`` where the matches are our own tokens with a verified keyed check.
    ``detectors`` starts with the one that matched most rows; ``name`` among them is the column's name. ``turns`` are
    the rows by the role of who speaks, in a chat's messages; a role is one of ``chat.ROLES``.
    """

    entity_type: str
    rows_matched: int
    prevalence: Interval
    score: float
    detectors: tuple[str, ...]
    shapes: tuple[str, ...] = ()
    form: Form = "raw"
    turns: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "entity_type": self.entity_type,
            "rows_matched": self.rows_matched,
            "prevalence": self.prevalence.to_dict(),
            "score": self.score,
            "detectors": list(self.detectors),
            "shapes": list(self.shapes),
            "form": self.form,
            **({"turns": dict(self.turns)} if self.turns else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Inverse of :meth:`to_dict`."""
        return cls(
            entity_type=str(data["entity_type"]),
            rows_matched=int(data["rows_matched"]),
            prevalence=Interval(**data["prevalence"]),
            score=float(data["score"]),
            detectors=tuple(data["detectors"]),
            shapes=tuple(data["shapes"]),
            form=cast(Form, data.get("form", "raw")),
            turns=tuple((str(role), int(rows)) for role, rows in data.get("turns", {}).items()),
        )


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """What one leaf holds.

    ``kind``: ``structured`` (at most one entity type), ``text`` (findings are spans), ``mixed`` (short values
    with sensitive parts: treat like text), ``empty`` (nothing but nulls and blanks), ``unknown`` (could not be
    looked at). ``rows`` includes nulls; for a leaf inside an array or map it counts the elements.
    ``evidence`` says in words why the type was chosen, ``terms`` what each piece of it counted: their sum, calibrated,
    is the score of its finding. ``role`` says what the column tells of a person, ``attribute`` what it is about
    where that is known, such as ``POSTAL_CODE``; it may have a role and an attribute without an entity type.
    """

    path: str
    type: str
    kind: Kind
    rows: int
    nulls: int
    distinct: int
    entity_type: str | None
    findings: tuple[Finding, ...] = ()
    evidence: tuple[str, ...] = field(default=())
    terms: tuple[Term, ...] = ()
    role: Role = "unknown"
    attribute: str | None = None

    @classmethod
    def unknown(cls, path: str, dtype: str, *, rows: int = 0, reason: str = "unsupported type") -> ColumnReport:
        """Report of a leaf that could not be looked at. ``reason`` must not hold a value."""
        return cls(path, dtype, "unknown", rows, 0, 0, None, (), (reason,))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: one entry of ``columns`` in the scan's JSON contract, without the label."""
        return {
            "path": self.path,
            "type": self.type,
            "kind": self.kind,
            "rows": self.rows,
            "nulls": self.nulls,
            "distinct": self.distinct,
            "entity_type": self.entity_type,
            "findings": [finding.to_dict() for finding in self.findings],
            "evidence": list(self.evidence),
            "terms": [term.to_dict() for term in self.terms],
            "role": self.role,
            "attribute": self.attribute,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ColumnReport:
        """Inverse of :meth:`to_dict`; further keys (such as ``label``) are ignored."""
        return cls(
            path=str(data["path"]),
            type=str(data["type"]),
            kind=cast(Kind, data["kind"]),
            rows=int(data["rows"]),
            nulls=int(data["nulls"]),
            distinct=int(data["distinct"]),
            entity_type=data["entity_type"],
            findings=tuple(Finding.from_dict(item) for item in data["findings"]),
            evidence=tuple(data.get("evidence", ())),
            terms=tuple(Term(**term) for term in data.get("terms", ())),
            role=cast(Role, data.get("role", "unknown")),
            attribute=data.get("attribute"),
        )
