"""From a scan's reports and a policy to what is done to each leaf: the plan that protection carries out.

A plan holds paths, types, methods and labels; it can be shown, stored and compared, and holds no value.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clearance.classifiers.findings import ColumnReport
from clearance.errors import ProtectionError
from clearance.governance.labeling import label_column, protected_column, protected_type, whole_cell_method
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.jobs.schema import SparkLeaf
from clearance.paths import Step

How = Literal["cells", "spans", "null", "keep"]
Settings = Mapping[str, Any]
_Make = Callable[..., "LeafPlan"]
OTHER = "OTHER"
KEEP: Settings = {"name": "keep"}
TOKEN: Settings = {"name": "token"}


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """What is done to one leaf.

    ``how``: whole ``cells`` by the method of ``entity_type``, ``spans`` inside text each by its type's method,
    ``null`` (suppressed), or ``keep``. ``label`` is what the leaf has once this is done and proved.
    """

    path: str
    steps: tuple[Step, ...]
    how: How
    kind: str
    entity_type: str | None
    method: Settings
    label: Label
    type_before: str
    type_after: str
    note: str = ""

    @property
    def changes(self) -> bool:
        """Whether values of this leaf are replaced."""
        return self.how in ("cells", "null") or (self.how == "spans" and self.method.get("name") != "keep")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: what the registry, the lineage and the statement say of this leaf."""
        return {
            "path": self.path,
            "how": self.how,
            "entity_type": self.entity_type,
            "method": dict(self.method),
            "type_before": self.type_before,
            "type_after": self.type_after,
            "label": self.label.to_dict(),
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True, slots=True)
class ProtectionPlan:
    """What is done to a dataset. ``span_methods`` and ``span_labels`` are by entity type, for text."""

    leaves: tuple[LeafPlan, ...]
    span_methods: Mapping[str, Settings]
    span_labels: Mapping[str, Label]
    levels: tuple[str, ...]
    partitions: tuple[str, ...] = ()
    overrides: Mapping[str, Settings] = field(default_factory=dict)

    @property
    def changed(self) -> tuple[LeafPlan, ...]:
        """Leaves whose values are replaced."""
        return tuple(leaf for leaf in self.leaves if leaf.changes)

    def methods_at(self, path: str) -> Mapping[str, Settings]:
        """Method of each entity type inside the text of one leaf."""
        if path in self.overrides:
            return dict.fromkeys(self.span_methods, self.overrides[path])
        return self.span_methods


def plan_protection(
    leaves: Iterable[SparkLeaf],
    reports: Iterable[ColumnReport],
    policy: Policy,
    *,
    partitions: tuple[str, ...] = (),
    protect: bool = True,
) -> ProtectionPlan:
    """The plan for a scanned dataset; with ``protect=False`` everything is kept and only labelled.

    Raises ``ProtectionError`` when a partition column would have to change (its values are directory names), or
    a leaf of the frame was not scanned.
    """
    by_path = {report.path: report for report in reports}
    methods = {name: policy.method_for(name) if protect else KEEP for name in policy.entity_types}
    plans = []
    for leaf in leaves:
        report = by_path.get(leaf.path)
        if report is None:
            raise ProtectionError(f"column {leaf.path} is not in the scan", hint="scan the dataset again")
        plan = _plan_leaf(leaf, report, policy, protect=protect)
        if plan.changes and leaf.column in partitions:
            raise ProtectionError(
                f"partition column {leaf.column} is sensitive ({report.entity_type or report.kind}): "
                "its values would stay in the directory names",
                hint="write the protected copy without partitions: --unpartitioned",
            )
        plans.append(plan)
    return ProtectionPlan(
        tuple(plans),
        methods,
        {name: protected_type(name, policy, method=methods[name], verified=True) for name in methods},
        tuple(policy.levels.names),
        partitions,
        {path: rule.method.settings() for path, rule in policy.content.columns.items()} if protect else {},
    )


def _plan_leaf(leaf: SparkLeaf, report: ColumnReport, policy: Policy, *, protect: bool) -> LeafPlan:
    facts = report.to_dict()

    def plan(how: How, method: Settings, label: Label, note: str = "", *, unnamed: str | None = None) -> LeafPlan:
        becomes_text = how in ("cells", "spans") and method.get("name") != "keep"
        # What Arrow can't carry comes back as a string without values; binary stays binary.
        uncarried = how == "null" and not leaf.readable and leaf.type != "binary"
        after = "string" if becomes_text or uncarried else leaf.type
        return LeafPlan(
            leaf.path,
            leaf.steps,
            how,
            report.kind,
            report.entity_type or unnamed,
            method,
            label,
            leaf.type,
            after,
            note,
        )

    if not protect or report.kind == "empty":
        how: How = "spans" if not protect and report.kind in ("text", "mixed") else "keep"
        return plan(how, KEEP, label_column(facts, policy))
    if report.kind == "unknown":
        method: Settings = policy.method_for(None, leaf.path)
        kept = method["name"] == "keep"
        label = protected_column(facts, policy, methods={"UNKNOWN": method}, verified=True)
        return plan("keep" if kept else "null", method if kept else {"name": "suppress"}, label)
    whole = whole_cell_method(facts, policy)
    if whole is not None:
        return _whole_cells(leaf, report, policy, whole, plan)
    others = {finding.entity_type for finding in report.findings} - {report.entity_type}
    methods = {policy.method_for(finding.entity_type, leaf.path)["name"] for finding in report.findings}
    # Where nothing is to be replaced, a timestamp stays a timestamp.
    untouched = leaf.type != "string" and methods == {"keep"}
    if untouched or (report.kind == "structured" and not others):
        return plan("keep", KEEP, protected_column(facts, policy, verified=True))
    if report.findings:
        return plan("spans", {"name": "by entity type"}, protected_column(facts, policy, verified=True))
    return plan("keep", KEEP, label_column(facts, policy))


def _whole_cells(leaf: SparkLeaf, report: ColumnReport, policy: Policy, method: Settings, plan: _Make) -> LeafPlan:
    # A column that only the policy names has no type of its own, and a token needs one.
    entity_type = report.entity_type or OTHER
    note = ""
    if leaf.steps[-1].kind == "key" and method["name"] in ("mask", "redact", "suppress"):
        # Equal keys would collapse the map's entries: keys are tokenized or kept.
        method, note = TOKEN, "a map's keys must stay distinct: tokenized instead"
    label = protected_column(report.to_dict(), policy, methods={entity_type: method}, verified=True)
    how: How = "null" if method["name"] == "suppress" else "cells"
    return plan(how, method, label, note, unnamed=OTHER)
