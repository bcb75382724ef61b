"""Review: a person looks at what a scan found, record by record, and decides. Starts no Spark.

A value is read again only when it is asked for, by a person who is known, and after the audit says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from clearance.errors import ClearanceError, DatasetError, UsageError
from clearance.governance import canonical
from clearance.governance.approvals import Signer
from clearance.governance.audit import Audit
from clearance.governance.chain import is_rested_on
from clearance.governance.envelopes import seal
from clearance.governance.identities import Key
from clearance.governance.identity import DatasetIdentity
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.reviews import (
    DECISIONS,
    REVIEW,
    Held,
    Report,
    Reviewed,
    basis_of,
    lapsed,
    statement_of,
    to_review,
)
from clearance.governance.runs import new_run_id
from clearance.governance.standing import standing
from clearance.jobs.asking import check_reason
from clearance.jobs.record_places import Place, Records, Wanted
from clearance.jobs.reviewed import decisions_on, scan_run
from clearance.jobs.settings import Detection

Known = tuple[Signer, Key | None]
_BY_COLUMN = {"ColumnName", "ValueTraits"}


@dataclass(frozen=True, slots=True)
class Item:
    """One finding, what was decided on it, and why that does not hold any more (empty: it does)."""

    report: Report
    entity_type: str
    held: Held | None
    waiting: Held | None
    lapsed: str
    places: Sequence[Place] = field(default=())

    @property
    def column(self) -> str:
        """The column's path."""
        return str(self.report["path"])

    @property
    def name(self) -> str:
        """How a person names the finding."""
        return f"{self.column}:{self.entity_type}"

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to decide."""
        return self.held is None or bool(self.lapsed)

    def finding(self) -> Mapping[str, Any]:
        """What the scan made of it; empty where the column's name alone told the type."""
        found = self.report["findings"]
        return next((each for each in found if each["entity_type"] == self.entity_type), {})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        found = self.finding()
        return {
            "finding": self.name,
            "column": self.column,
            "entity_type": self.entity_type,
            "kind": self.report["kind"],
            **{name: found.get(name) for name in ("rows_matched", "prevalence", "score", "detectors", "shapes")},
            "decision": self.held.to_dict() if self.held else None,
            "lapsed": self.lapsed or None,
            "waiting": self.waiting.to_dict() if self.waiting else None,
            "records": [place.to_dict() for place in self.places],
        }


@dataclass(frozen=True)
class Review:
    """The findings of a dataset as it is now, and what people decided on them."""

    identity: DatasetIdentity
    policy: Policy
    registry: Registry

    @cached_property
    def row(self) -> Mapping[str, Any]:
        """The label row of the scan. Raises ``DatasetError`` where its findings don't speak for the data."""
        found = standing(self.registry, self.identity)
        if found.label is None or found.state in ("changed", "unvouched"):
            hint = f"clearance scan {self.identity.location}"
            raise DatasetError(f"{self.identity.key} can't be reviewed: {found.reason}", hint=hint)
        if found.label["kind"] != "source":
            raise DatasetError(
                f"{self.identity.key} is a protected copy", hint="review the dataset that it was made from"
            )
        return found.label

    @cached_property
    def reports(self) -> dict[str, Report]:
        """The columns as the scan found them, by path."""
        rows = self.registry.rows("findings", dataset=self.identity.key, run_id=scan_run(self.row))
        if not rows or not is_rested_on(self.row, "findings", rows):
            raise DatasetError(
                f"the findings of {self.identity.key} are not those that its label rests on",
                hint=f"clearance scan {self.identity.location}",
            )
        return {each["column"]: {**each["report"], "path": each["column"]} for each in rows}

    def decided(self) -> Reviewed:
        """What is on record. Raises ``DatasetError`` when the audit does not stand for it."""
        found, problem = decisions_on(self.identity.key, self.policy, self.registry)
        if problem:
            raise DatasetError(f"decisions on {self.identity.key}: {problem}", hint="see `clearance audit verify`")
        return found

    def items(self) -> list[Item]:
        """Every finding, in the order of the columns; what people confirmed and no scan found is there, too."""
        found, now = self.decided(), datetime.now(UTC)
        items = []
        for path, report in self.reports.items():
            types = dict.fromkeys([*to_review(report), *(held.entity_type for held in found.of(path))])
            for kind in types:
                held = found.held.get((path, kind))
                why = lapsed(held, report, self.policy, now) if held else ""
                items.append(Item(report, kind, held, found.waiting.get((path, kind)), why))
        return items

    def detection(self) -> Detection:
        """With what the scan looked."""
        looked = self.row["looked"] or {}
        return Detection(language=looked.get("language", "en"), ner=looked.get("ner"))

    def places(self, items: Sequence[Item], most: int, detection: Detection | None = None) -> dict[str, list[Place]]:
        """Up to ``most`` places of each finding, by its name. Raises ``DatasetError`` where records can't be read."""
        if not items or most < 1:
            return {}
        named = {item.name: bool(_BY_COLUMN & set(item.finding().get("detectors", ()))) for item in items}
        wanted = {Wanted(item.column, item.entity_type, named[item.name]): item.name for item in items}
        found = Records(self.identity).places(list(wanted), (detection or self.detection()).engine(), most)
        return {wanted[one]: places for one, places in found.items()}

    def decide(
        self,
        decisions: Mapping[str, str],
        who: Callable[[], Known],
        *,
        reason: str,
        expires: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Files what a person decides, by finding; all or nothing. Returns what is on record then, JSON-ready.

        Raises ``UsageError`` for what is no finding or no decision, ``RefusedError`` for who may decide nothing.
        """
        check_reason(reason)
        rows = [self._row(name, decision, reason, expires) for name, decision in decisions.items()]
        facts: dict[str, Any] = {"reason": reason, "by": None, "decisions": dict(decisions)}
        signer, key = self._known(who, "review", facts)
        facts |= {"version": self.row["version"]}
        for row in rows:
            row["by"] = signer.to_dict()
            if key is not None:
                told = statement_of(row)
                digest = canonical.digest(told)
                row["envelope"] = seal(self.identity.key, digest, told, key.sign, key.public_pem, REVIEW)
        filed = [("decisions", row) for row in rows]
        with Audit(self.registry).filing("review", filed, run_id=new_run_id(), dataset=self.identity.key, facts=facts):
            pass
        found = self.decided()
        return [self._outcome(str(row["column"]), str(row["entity_type"]), found) for row in rows]

    def reveal(self, name: str, record: str, who: Callable[[], Known], *, reason: str) -> str:
        """The value in which a finding is, in one record: on record before it is returned.

        It is for a person's eyes: never write it anywhere. Raises like :meth:`decide`.
        """
        check_reason(reason)
        column, _ = self._finding(name)
        facts: dict[str, Any] = {"reason": reason, "by": None, "finding": name, "record": record}
        self._known(who, "reveal", facts)
        audit, records = Audit(self.registry), Records(self.identity)
        facts |= {"version": self.row["version"]}
        intent = audit.intent("reveal", run_id=new_run_id(), dataset=self.identity.key, facts=facts)
        try:
            value = records.value(column, record)
        except BaseException:
            audit.outcome(intent, "failed")
            raise
        audit.outcome(intent, "done")
        return value

    def _known(self, who: Callable[[], Known], action: str, facts: dict[str, Any]) -> Known:
        """Who acts; a refusal is on record."""
        try:
            signer, key = who()
        except ClearanceError as error:
            audit = Audit(self.registry)
            intent = audit.intent(action, run_id=new_run_id(), dataset=self.identity.key, facts=facts)
            audit.outcome(intent, "refused", facts={"why": error.message})
            raise
        facts["by"] = signer.to_dict()
        return signer, key

    def _finding(self, name: str) -> tuple[str, str]:
        column, _, entity_type = name.rpartition(":")
        if column not in self.reports:
            known = ", ".join(item.name for item in self.items()[:10]) or "nothing"
            raise UsageError(f"there is no finding {name!r}", hint=f"to be decided on: {known}")
        return column, entity_type

    def _row(self, name: str, decision: str, reason: str, expires: datetime | None) -> dict[str, Any]:
        column, entity_type = self._finding(name)
        if decision not in DECISIONS:
            raise UsageError(f"{decision!r} is no decision", hint=f"one of {', '.join(DECISIONS)}")
        if (decision == "accepted") != (expires is not None):
            what = "needs the day on which it ends" if decision == "accepted" else "does not end by itself"
            raise UsageError(f"a finding that is {decision} {what}", hint="--until belongs to accepted alone")
        if expires is not None and expires <= datetime.now(UTC):
            raise UsageError("--until is past", hint="name a day to come")
        report = self.reports[column]
        held = {item.entity_type for item in self.items() if item.column == column}
        # A person may know of more than was found; set aside is only what was.
        if entity_type not in held and (decision != "confirmed" or entity_type not in self.policy.entity_types):
            known = ", ".join(sorted(held)) or "nothing"
            raise UsageError(f"{entity_type} was not found in {column}", hint=f"found there: {known}")
        return {
            "dataset": self.identity.key,
            "column": column,
            "entity_type": entity_type,
            "decision": decision,
            "basis": basis_of(report, entity_type, str(self.row["version"]), self.policy),
            "reason": reason,
            "expires": expires,
        }

    def _outcome(self, column: str, entity_type: str, found: Reviewed) -> dict[str, Any]:
        key = (column, entity_type)
        held, waiting = found.held.get(key), found.waiting.get(key)
        return {
            "finding": f"{column}:{entity_type}",
            "decision": held.to_dict() if held else None,
            "waiting": waiting.to_dict() if waiting else None,
        }


__all__ = ["Item", "Review"]
