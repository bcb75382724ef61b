"""One protection: what it is made of, and what came of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clearance.classifiers.findings import ColumnReport
from clearance.governance.combinations import raised
from clearance.governance.labeling import role_labels, role_types, roles_left
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.jobs import records
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.planning import DONE
from clearance.jobs.plans import ProtectionPlan
from clearance.jobs.proof import Proof
from clearance.jobs.scan_task import Scanned
from clearance.jobs.settings import Tokens
from clearance.jobs.staging import Target
from clearance.tokenization.signing_key import SigningKey

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Protected:
    """A protected dataset, as it was published and recorded."""

    source: str
    target: str
    reference: str
    version: str
    rows: int
    label: Label
    plan: ProtectionPlan
    proof: Proof
    run_id: str
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    prepared: tuple[dict[str, Any], ...] = ()
    mapped: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``prepared``, ``subject`` (of bound tokens) and ``column_mapping`` only where there is such."""
        extra: dict[str, Any] = {"prepared": list(self.prepared)} if self.prepared else {}
        if self.plan.subject is not None:
            extra["subject"] = self.plan.subject.to_dict()
        if self.mapped:
            extra["column_mapping"] = True
        return {
            "source": self.source,
            "dataset": self.target,
            "version": self.version,
            "rows": self.rows,
            "columns": [leaf.to_dict() for leaf in self.plan.leaves],
            "label": self.label.to_dict(),
            "proof": self.proof.to_dict(),
            "run_id": self.run_id,
            **extra,
        }


@dataclass(frozen=True)
class Work:
    """One protection under way: all that its steps share."""

    spark: "SparkSession"
    dataset: Dataset
    scanned: Scanned
    target: Target
    plan: ProtectionPlan
    desk: Desk
    tokens: Tokens
    signer: SigningKey
    partitions: tuple[str, ...]
    on_record: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def label(self) -> Label:
        """The label of the result, once it is proved."""
        labels, policy = {leaf.path: leaf.label for leaf in self.plan.leaves}, self.desk.policy
        return raised(records.dataset_label(labels, policy), labels, policy, role_labels(self.roles, policy))

    @property
    def roles(self) -> dict[str, str]:
        """The types that columns of the result which have a role only may be of, by path."""
        return planned_roles(self.plan, self.scanned.scan.columns, self.desk.policy, self.on_record)


def planned_roles(
    plan: ProtectionPlan,
    found: Iterable[ColumnReport],
    policy: Policy,
    on_record: Mapping[str, str | None] | None = None,
) -> dict[str, str]:
    """The types that columns which have a role only may be of, by path, once a plan is carried out.

    ``on_record``: those of texts that were protected before (``Proved.text_roles``).
    """
    # What is not found in text stays in it, whatever else is replaced.
    gone = {leaf.path for leaf in plan.leaves if leaf.how == "null" or (leaf.how != "done" and leaf.note == DONE)}
    there = {leaf.path for leaf in plan.leaves} - gone
    methods = {leaf.path: leaf.method for leaf in plan.leaves if leaf.how in ("cells", "done")}
    on_record = on_record or {}
    looked = (each.to_dict() for each in found if each.path in there - on_record.keys())
    known = {path: name for path, name in on_record.items() if name is not None and path in there}
    return roles_left(role_types(looked, policy) | known, methods, policy)


__all__ = ["Protected", "Work", "planned_roles"]
