"""From a scan's reports and a policy to what is done to each leaf: the plan that protection carries out.

A plan holds paths, types, methods and labels; it can be shown, stored and compared, and holds no value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from clearance.classifiers.findings import ColumnReport
from clearance.errors import ProtectionError
from clearance.governance.labeling import label_column, protected_column, protected_type, whole_cell_method
from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy
from clearance.jobs.schema import SparkLeaf
from clearance.paths import KEY, Step, format_path, parse_path

How = Literal["cells", "spans", "null", "keep"]
Settings = Mapping[str, Any]
_Make = Callable[..., "LeafPlan"]
OTHER = "OTHER"
KEEP: Settings = {"name": "keep"}
TOKEN: Settings = {"name": "token"}
#: Methods that make equal what was not.
_COLLAPSING = ("mask", "redact", "suppress")


@dataclass(frozen=True, slots=True)
class InsidePlan:
    """What is done to one leaf inside a string leaf's values: all of it, by the method of ``entity_type``.

    ``steps`` lead there from the string.
    """

    path: str
    steps: tuple[Step, ...]
    entity_type: str
    method: Settings

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"path": self.path, "entity_type": self.entity_type, "method": dict(self.method)}


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """What is done to one leaf.

    ``how``: whole ``cells`` by the method of ``entity_type``, ``spans`` inside text each by its type's method,
    ``null`` (suppressed), or ``keep``. ``inside``: the leaves inside its strings that have a method, which goes before
    what is found in them. ``label`` is what the leaf has once this is done and proved.
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
    inside: tuple[InsidePlan, ...] = ()

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
            **({"inside": [leaf.to_dict() for leaf in self.inside]} if self.inside else {}),
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
    below = _below(by_path.values())
    methods = {name: policy.method_for(name) if protect else KEEP for name in policy.entity_types}
    plans = []
    for leaf in leaves:
        report = by_path.get(leaf.path)
        if report is None:
            raise ProtectionError(f"column {leaf.path} is not in the scan", hint="scan the dataset again")
        plan = _plan_leaf(leaf, report, below.get(leaf.path, ()), policy, protect=protect)
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


def _below(reports: Iterable[ColumnReport]) -> dict[str, list[ColumnReport]]:
    """Reports of leaves inside strings, by the path of the leaf of the schema whose strings they are."""
    found: dict[str, list[ColumnReport]] = {}
    for report in reports:
        steps = parse_path(report.path)
        depth = _depth(steps)
        if depth < len(steps):
            found.setdefault(format_path(steps[:depth]), []).append(report)
    return found


def _depth(steps: Sequence[Step]) -> int:
    """How many steps lead to the string that holds the leaf; all of them if none does."""
    return next((number for number, step in enumerate(steps) if step.kind == "form"), len(steps))


def _plans_inside(path: str, reports: Iterable[ColumnReport], policy: Policy) -> Iterator[InsidePlan]:
    """What is done to the leaves inside one column's strings. A method that the policy gives the column goes before
    their types' methods, and one that it gives the leaf itself before both."""
    column = policy.column_method(path)
    for report in reports:
        own = policy.column_method(report.path)
        method: Settings | None = whole_cell_method(report.to_dict(), policy)
        if own == KEEP:
            method = own
        elif own is None and column is not None and method is not None:
            method = None if column == KEEP else column
        if method is not None:
            steps = parse_path(report.path)
            if steps[-1] == KEY and method["name"] in _COLLAPSING:
                method = TOKEN
            yield InsidePlan(report.path, steps[_depth(steps) :], report.entity_type or OTHER, method)


def _plan_leaf(
    leaf: SparkLeaf, report: ColumnReport, below: Sequence[ColumnReport], policy: Policy, *, protect: bool
) -> LeafPlan:
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
    inside = tuple(_plans_inside(leaf.path, below, policy))
    if report.findings or inside:
        # A leaf inside may have a method of its own, so that less falls than the text's types would let fall.
        labels = [protected_column(each.to_dict(), policy, verified=True) for each in (report, *below)]
        done = plan("spans", {"name": "by entity type"}, combine(labels, policy.levels))
        return replace(done, inside=inside)
    return plan("keep", KEEP, label_column(facts, policy))


def _whole_cells(leaf: SparkLeaf, report: ColumnReport, policy: Policy, method: Settings, plan: _Make) -> LeafPlan:
    # A column that only the policy names has no type of its own, and a token needs one.
    entity_type = report.entity_type or OTHER
    note = ""
    if leaf.steps[-1] == KEY and method["name"] in _COLLAPSING:
        # Equal keys would collapse the map's entries: keys are tokenized or kept.
        method, note = TOKEN, "a map's keys must stay distinct: tokenized instead"
    label = protected_column(report.to_dict(), policy, methods={entity_type: method}, verified=True)
    how: How = "null" if method["name"] == "suppress" else "cells"
    return plan(how, method, label, note, unnamed=OTHER)
