"""Asking for values: who asks, for what and why, what the policy says, and the record of it before anything is shown.

Each request leaves an intent when it is made and an outcome when it is decided, refused ones too; what is then done
has an intent of its own, with the counts. When either can't be written nothing is shown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clearance.errors import ClearanceError, RefusedError, UsageError
from clearance.governance.actors import current_actor
from clearance.governance.reversal import Decision, Operation, Request, decide, may_be_allowed
from clearance.jobs.desk import Desk, JobRun
from clearance.jobs.settings import Tokens

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clearance.governance.lineage_facets import LineageDataset

LONGEST_REASON = 500
# An address or handle, or a number as long as those of persons are: what people paste. Detectors would take seconds.
_PERSONAL = re.compile(r"@|\d(?:[ .()/-]?\d){8,}")


@dataclass
class Asking:
    """One request under way. ``allow`` it before ``deed``; a request that was never allowed ends as refused."""

    desk: Desk
    run: JobRun
    request: Request
    intent: str
    decided: bool = False
    grant: str | None = None

    def allow(self, columns: Mapping[str, frozenset[str]], rows: int, counts: Mapping[str, Any]) -> None:
        """Decides, now that it is known what would be shown. Raises ``RefusedError`` when no grant allows it."""
        self.request = replace(self.request, columns=columns, rows=rows)
        told = decide(self.desk.policy.content.reversal, self.request)
        facts = {**self.request.facts(), "request": self.request.digest, "counts": dict(counts)}
        if not told.allowed:
            self.refuse(told.reason, facts)
            raise _refused(told)
        self.grant = told.grant
        self.desk.audit.outcome(self.intent, "allowed", facts={**facts, "grant": told.grant})
        self.decided = True

    def refuse(self, reason: str, facts: Mapping[str, Any] | None = None) -> None:
        """Puts a no on record."""
        if not self.decided:
            self.decided = True
            self.desk.audit.outcome(self.intent, "refused", facts={**(facts or {}), "why": reason})

    @contextmanager
    def deed(self, action: str, counts: Mapping[str, Any], dataset: str | None = None) -> Iterator[dict[str, Any]]:
        """What was allowed, announced before it is done. Facts and records of its outcome go into what this yields."""
        if self.grant is None:
            raise RefusedError("nothing was allowed", hint="report this")
        facts = {"request": self.request.digest, "grant": self.grant, "counts": dict(counts)}
        audit, told = self.desk.audit, dict[str, Any]()
        where = dataset if dataset is not None else self.request.dataset
        intent = audit.intent(action, run_id=self.run.run_id, dataset=where, facts=facts)
        try:
            yield told
        except BaseException:
            audit.outcome(intent, "failed")
            raise
        audit.outcome(intent, "done", facts=told.get("facts"), records=told.get("records", ()))


@contextmanager
def asking(
    desk: Desk,
    operation: Operation,
    dataset: str,
    *,
    purpose: str,
    reason: str,
    columns: Sequence[str] = (),
    spark: "SparkSession | None" = None,
    inputs: "Sequence[LineageDataset]" = (),
    outputs: "Sequence[LineageDataset]" = (),
) -> Iterator[Asking]:
    """A request of this process's account, on record from here on.

    Raises ``UsageError`` without a purpose or a reason, ``RefusedError`` when no grant speaks of it, ``AuditError``
    when it can't be put on record.
    """
    check_reason(purpose, "purpose")
    check_reason(reason)
    actor = current_actor()
    request = Request(operation, actor.name, purpose, dataset, on=datetime.now(UTC).date())
    with desk.run(operation, dataset, spark=spark, inputs=inputs, outputs=outputs) as run:
        facts = {
            **request.facts(),
            "identity": actor.source,
            "reason": reason,
            "named": sorted(columns),
            "policy": desk.policy.approval_digest,
            "request": request.digest,
        }
        intent = desk.audit.intent(operation, run_id=run.run_id, dataset=dataset, facts=facts)
        under_way = Asking(desk, run, request, intent)
        try:
            told = may_be_allowed(desk.policy.content.reversal, request)
            if not told.allowed:
                raise _refused(told)
            for tokens in desk.readers():
                tokens.key.open().require(tokens.domain, reversal=True)
            yield under_way
        except BaseException as error:
            under_way.refuse(error.message if isinstance(error, ClearanceError) else type(error).__name__)
            raise


def keys_for(desk: Desk, operation: Operation, dataset: str, *, purpose: str, reason: str) -> Tokens:
    """The desk's keys, before anything is read. Where they can't be had the request is on record as a refused one."""
    try:
        return desk.tokens()
    except ClearanceError:
        with asking(desk, operation, dataset, purpose=purpose, reason=reason):
            raise


def _refused(told: Decision) -> RefusedError:
    return RefusedError(
        told.reason, hint="ask the owner of the policy for a grant under `reversal`; this request is on record"
    )


def check_reason(reason: str, name: str = "reason") -> None:
    """Raises ``UsageError`` for what can't be put on record: it is for people, and must hold no one's data."""
    if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise UsageError(
            f"--{name} must be one line of 1 to {LONGEST_REASON} characters",
            hint="say what it is for, as a case or ticket: it goes into the audit",
        )
    if _PERSONAL.search(reason):
        raise UsageError(
            f"the {name} seems to hold personal data, and it would stay in the audit", hint="name a case or ticket"
        )


__all__ = ["Asking", "asking", "check_reason", "keys_for"]
