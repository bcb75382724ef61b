"""From a scan's reports and a policy to the plan of a protection (:mod:`clearance.jobs.plans`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clearance.classifiers.findings import ColumnReport
from clearance.errors import ProtectionError
from clearance.governance.labeling import label_column, protected_column, protected_type, whole_cell_method
from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy
from clearance.jobs.fit import (
    require_fit,
    require_many_texts,
    require_many_values,
    require_no_secrets,
    require_types,
    subject_of,
)
from clearance.jobs.plans import How, InsidePlan, LeafPlan, ProtectionPlan
from clearance.jobs.schema import SparkLeaf
from clearance.jobs.settings import Tokens
from clearance.jobs.subject_keys import SubjectKeys
from clearance.jobs.text_methods import KEEP, OTHER, REDACT, TOKEN, InText, Settings, unmarked, unnamed_note
from clearance.method_spec import MethodSpec
from clearance.methods import METHODS
from clearance.paths import KEY, Step, format_path, parse_path
from clearance.perturbing import Noise

_Make = Callable[..., LeafPlan]
DONE = "done before, as its signed record says"
_BITS = {"tinyint": 7, "smallint": 15, "int": 31, "bigint": 63}
_SCALES = 30
"""How far Laplace noise reaches: one value in ten to the thirteenth lies further out."""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is known of a dataset's leaves besides what was found in them, each by path.

    ``methods``: those that a signed record says were applied to whole cells; one that can't tell its own output is not
    applied again. ``texts``: the same of the methods inside texts (``LeafPlan.unmarked``). ``labels``: those that
    leaves keep whatever is still found in them. ``scanned``: those that the scan gave, below which nothing falls that
    stays as it is.
    """

    methods: Mapping[str, Settings] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, Settings]] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)
    scanned: Mapping[str, Label] = field(default_factory=dict)

    def settled(self, plan: LeafPlan, policy: Policy) -> LeafPlan:
        """The same plan, less what was done before."""
        if plan.how == "spans" and plan.unmarked and self.texts.get(plan.path) == plan.unmarked:
            return replace(plan, method=KEEP, note=DONE)
        same = plan.how == "cells" and self.methods.get(plan.path) == plan.method
        if same and not policy.spec(plan.method).self_evident:
            return replace(plan, how="done", type_after=plan.type_before, note=DONE)
        return plan

    def floors(self, plan: LeafPlan) -> list[Label]:
        """Labels that a leaf has at least once its plan is carried out."""
        stays = {} if plan.how in ("cells", "null") else self.labels
        as_scanned = {} if plan.changes else self.scanned
        return [labels[plan.path] for labels in (stays, as_scanned) if plan.path in labels]


def plan_protection(
    leaves: Iterable[SparkLeaf],
    reports: Iterable[ColumnReport],
    policy: Policy,
    *,
    partitions: tuple[str, ...] = (),
    protect: bool = True,
    known: OnRecord | None = None,
    subject: tuple[str, SubjectKeys, Tokens] | None = None,
) -> ProtectionPlan:
    """The plan for a scanned dataset; with ``protect=False`` everything is kept and only labelled.

    ``subject``: path of the column that says whose a row is, where the keys of persons are, and what its tokens are
    made with. Reversible tokens of whole columns are bound then; inside text, where no row is known, they are one-way.

    Raises ``ProtectionError`` when a partition column would have to change (its values are directory names), a leaf of
    the frame was not scanned, a method needs a column that is not there, would leave few values open to counting, or
    changes a type where the policy forbids it.
    """
    by_path = {report.path: report for report in reports}
    below = _below(by_path.values())
    known, plans, leaves = known or OnRecord(), [], list(leaves)
    texts = InText.of(policy, leaves, bound=subject is not None)
    methods = {name: texts.method(policy.method_for(name), name) if protect else KEEP for name in policy.entity_types}
    overrides = {path: own.method.settings() for path, own in policy.content.columns.items() if own.method}
    for leaf in leaves:
        report = by_path.get(leaf.path)
        if report is None:
            raise ProtectionError(f"column {leaf.path} is not in the scan", hint="scan the dataset again")
        inside = below.get(leaf.path, ())
        plan = _plan_leaf(leaf, report, inside, policy, texts, protect=protect)
        if plan.how == "spans" and plan.changes:
            apart, own = {each.path: each.method for each in plan.inside}, overrides.get(leaf.path)
            plan = replace(
                plan,
                unmarked=unmarked(methods, texts.method(own) if own else None, apart),
                by_type=_by_type((report, *(each for each in inside if each.path not in apart)), own, methods, texts),
            )
        plan = known.settled(plan, policy)
        plan = replace(plan, label=combine((plan.label, *known.floors(plan)), policy.levels))
        if plan.how == "cells":
            require_fit(plan, report, policy, leaves)
        elif plan.how == "keep" and protect and policy.column_method(leaf.path) == KEEP:
            require_no_secrets(plan, report, policy.spec(KEEP), policy)
        elif plan.how == "spans" and plan.changes:
            require_many_texts(plan, (report, *inside), policy, texts)
        _require_movable(plan, report, leaf.column in partitions)
        plans.append(plan)
    if plans and all(plan.drops == "column" for plan in plans):
        raise ProtectionError(
            "every column would be dropped: nothing is left to publish",
            hint="suppress cells instead (scope: cell), or leave a column",
        )
    require_types(plans, policy)
    return ProtectionPlan(
        tuple(plans),
        methods,
        {name: protected_type(name, policy, method=methods[name], verified=True) for name in methods},
        tuple(policy.levels.names),
        partitions,
        {path: {kind: texts.method(own, kind) for kind in methods} for path, own in overrides.items() if protect},
        tuple(policy.spec(leaf.method) for leaf in plans if leaf.how == "cells"),
        subject_of(plans, *subject) if subject is not None else None,
    )


def _by_type(
    reports: Iterable[ColumnReport], own: Settings | None, methods: Mapping[str, Settings], texts: InText
) -> dict[str, Settings]:
    """The method of each entity type that was found in some texts, raw or as tokens; ``own`` is the column's."""
    found = sorted({finding.entity_type for report in reports for finding in report.findings})
    return {kind: texts.method(own, kind) if own else methods.get(kind, REDACT) for kind in found}


def _require_movable(plan: LeafPlan, report: ColumnReport, partition: bool) -> None:
    if partition and plan.changes:
        raise ProtectionError(
            f"partition column {plan.steps[0].name} is sensitive ({report.entity_type or report.kind}): "
            "its values would stay in the directory names",
            hint="write the protected copy without partitions: --unpartitioned",
        )


def _type_after(leaf: SparkLeaf, spec: MethodSpec) -> str:
    """The type of whole cells: a string, but for dates that are shifted and whole numbers that get whole noise."""
    if len(leaf.steps) == 1 and getattr(spec, "malformed", "") == "fail":
        if spec.name == "date_shift" and leaf.type == "date":
            return leaf.type
        if isinstance(spec, Noise) and spec.decimals == 0 and _holds(leaf.type, spec):
            return leaf.type
    return "string"


def _holds(kind: str, noise: Noise) -> bool:
    """Whether a type of whole numbers holds what the noise makes, which lies beyond the bounds too."""
    spread = noise.upper - noise.lower if noise.sensitivity is None else noise.sensitivity
    far = noise.amount if noise.amount is not None else _SCALES * spread / (noise.epsilon or 1)
    end = 1 << _BITS.get(kind, 0)
    return kind in _BITS and -end <= noise.lower - far and noise.upper + far < end


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


def _plans_inside(
    path: str, reports: Iterable[ColumnReport], policy: Policy, texts: InText
) -> Iterator[tuple[InsidePlan, Settings]]:
    """What is done to the leaves inside one column's strings, and what was asked for. A method that the policy gives
    the column goes before their types' methods, and one that it gives the leaf itself before both.
    """
    column = policy.column_method(path)
    for report in reports:
        own, kind = policy.column_method(report.path), report.entity_type or OTHER
        asked: Settings | None = whole_cell_method(report.to_dict(), policy)
        of_column = own is None and column is not None and asked is not None
        asked = own if own == KEEP else column if of_column else asked
        if asked is None:
            continue
        method = texts.method(asked, kind)
        if of_column and method == KEEP:
            continue
        steps = parse_path(report.path)
        if steps[-1] == KEY and _collapses(method):
            method = TOKEN
        require_many_values(report, str(method["name"]), policy)
        yield InsidePlan(report.path, steps[_depth(steps) :], kind, method), asked


def _note_inside(done: InsidePlan, asked: Settings) -> str:
    """What a plan says of a leaf inside strings that gets another method than was asked for; empty for all others."""
    if done.method == asked or asked["name"] in ("suppress", "null"):
        return ""
    return f"{done.path}: {done.method['name']}, not {asked['name']}"


def _collapses(method: Settings) -> bool:
    """Whether the method may make equal what was not."""
    declared = METHODS.get(str(method["name"]))
    return declared is None or declared.collapses


def _plan_leaf(
    leaf: SparkLeaf,
    report: ColumnReport,
    below: Sequence[ColumnReport],
    policy: Policy,
    texts: InText,
    *,
    protect: bool,
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
        if kept or method["name"] in ("suppress", "null"):
            return plan("keep" if kept else "null", method, label)
        note = f"its values can't be looked at: made null, not {method['name']}"
        return plan("null", {"name": "suppress", "scope": "cell"}, label, note)
    whole = whole_cell_method(facts, policy)
    if whole is not None:
        return _whole_cells(leaf, report, policy, whole, plan)
    others = {finding.entity_type for finding in report.findings} - {report.entity_type}
    methods = {policy.method_for(finding.entity_type, leaf.path)["name"] for finding in report.findings}
    # Where nothing is to be replaced, a timestamp stays a timestamp.
    untouched = leaf.type != "string" and methods == {"keep"}
    if untouched or (report.kind == "structured" and not others):
        return plan("keep", KEEP, protected_column(facts, policy, verified=True))
    planned = tuple(_plans_inside(leaf.path, below, policy, texts))
    inside = tuple(each for each, _ in planned)
    if report.findings or inside:
        # A leaf inside may have a method of its own, so that less falls than the text's types would let fall.
        labels = [_label_of_text(each, policy, texts) for each in (report, *below)]
        told = [texts.note(report, policy), *(_note_inside(each, asked) for each, asked in planned)]
        note = "; ".join(filter(None, told))
        done = plan("spans", {"name": "by entity type"}, combine(labels, policy.levels), note)
        return replace(done, inside=inside)
    return plan("keep", KEEP, label_column(facts, policy))


def _label_of_text(report: ColumnReport, policy: Policy, texts: InText) -> Label:
    types = {finding.entity_type for finding in report.findings} | ({report.entity_type} - {None})
    methods = {kind: texts.method(policy.method_for(kind, report.path), kind) for kind in types if kind}
    whole = whole_cell_method(report.to_dict(), policy)
    cells = texts.method(whole, report.entity_type or OTHER) if whole is not None else None
    return protected_column(report.to_dict(), policy, methods=methods, cells=cells, verified=True)


def _whole_cells(leaf: SparkLeaf, report: ColumnReport, policy: Policy, method: Settings, plan: _Make) -> LeafPlan:
    note = unnamed_note([report.entity_type], policy, leaf.path)
    if leaf.steps[-1] == KEY and _collapses(method):
        # Equal keys would collapse the map's entries: keys are tokenized or kept.
        method, note = TOKEN, "a map's keys must stay distinct: tokenized instead"
    label = protected_column(report.to_dict(), policy, cells=method, verified=True)
    if method["name"] in ("suppress", "null"):
        if method.get("scope") == "column" and len(leaf.steps) > 1:
            note = "it lies inside another column: made null"
        return plan("null", method, label, note, unnamed=OTHER)
    # A column that only the policy names has no type of its own, and a token needs one.
    done = plan("cells", method, label, note, unnamed=OTHER)
    return replace(done, type_after=_type_after(leaf, policy.spec(method)))
