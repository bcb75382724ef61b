"""A suggestion, tried before it is written: planned as protection plans it, and judged as the gate judges.

Methods by label alone don't know what protection refuses (few values in tokens can be counted), nor what stays: a text
of which parts are replaced is still what its column's name says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearance.classifiers.findings import ColumnReport
from clearance.errors import ProtectionError
from clearance.governance.combinations import held, raised
from clearance.governance.conflicts import Conflict
from clearance.governance.decisions import decide
from clearance.governance.labeling import role_labels
from clearance.governance.labels import Label, combine
from clearance.governance.policy import ColumnRule, Policy
from clearance.governance.solutions import Solution
from clearance.jobs.fit import FEW_VALUES
from clearance.jobs.planning import plan_protection
from clearance.jobs.plans import ProtectionPlan
from clearance.jobs.protection import planned_roles
from clearance.jobs.schema import SparkLeaf
from clearance.paths import parse_path

#: What protection can do something about.
_RULES = frozenset({"level", "combination", "hosting", "regime", "usage"})
_REDACT, _SUPPRESS = {"name": "redact"}, {"name": "suppress"}

Methods = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Trial:
    """A scanned dataset, and who wants it. ``columns`` and ``roles``: its labels as a check sees them, with lineage,
    which what stays as it is keeps.
    """

    reports: Sequence[ColumnReport]
    solutions: Sequence[Solution]
    policy: Policy
    columns: Mapping[str, Label] = field(default_factory=dict)
    roles: Mapping[str, Label] = field(default_factory=dict)

    def until_clear(self, methods: Mapping[str, dict[str, Any]]) -> tuple[Methods, list[str]]:
        """The methods by column, with stronger ones where these can't be carried out or don't clear; and the columns
        that stay in the way, whatever is done.
        """
        chosen: Methods = dict(methods)
        stuck: dict[str, None] = {}
        for _ in range(3 * len(self.reports) + 1):
            try:
                plan = self._plan(chosen)
            except ProtectionError:
                blamed = [leaf.path for leaf in self._leaves() if self._refused(leaf, chosen)]
                # All of them at once: a table may have hundreds.
                fewer = [self._fewer(path, chosen) for path in blamed]
                if not any(fewer):
                    return chosen, sorted({*stuck, *blamed})
                continue
            wrong = [path for path in self._in_the_way(plan, chosen) if path not in stuck]
            if not wrong:
                break
            for path in wrong:
                if not self._stronger(path, chosen):
                    stuck[path] = None
        return chosen, list(stuck)

    def _leaves(self) -> list[SparkLeaf]:
        found = []
        for report in self.reports:
            steps = parse_path(report.path)
            if not any(step.kind == "form" for step in steps):
                found.append(SparkLeaf(report.path, steps, report.type, report.kind != "unknown", nullable=True))
        return found

    def _under(self, methods: Methods) -> Policy:
        rules = {path: ColumnRule.model_validate({"method": method}) for path, method in methods.items()}
        content = self.policy.content
        return Policy(content.model_copy(update={"columns": {**content.columns, **rules}}), self.policy.marks)

    def _plan(self, methods: Methods) -> ProtectionPlan:
        return plan_protection(self._leaves(), self.reports, self._under(methods))

    def _refused(self, leaf: SparkLeaf, methods: Methods) -> bool:
        """Whether protection refuses what this leaf gets, for itself."""
        own = {report.path: methods[report.path] for report in self._of(leaf.path) if report.path in methods}
        try:
            plan_protection([leaf], list(self._of(leaf.path)), self._under(own))
        except ProtectionError:
            return True
        return False

    def _fewer(self, path: str, methods: Methods) -> bool:
        """Redacts what has few values in a leaf that protection refuses, and then all of it; False: nothing is left."""
        few = [report.path for report in self._of(path) if report.distinct < FEW_VALUES]
        fresh = [each for each in few if methods.get(each) not in (_REDACT, _SUPPRESS)]
        for each in fresh:
            methods[each] = _REDACT
        return bool(fresh) or self._stronger(path, methods)

    def _of(self, path: str) -> Iterator[ColumnReport]:
        inside = f"{path}{{"
        return (report for report in self.reports if report.path == path or report.path.startswith(inside))

    def _stronger(self, path: str, methods: Methods) -> bool:
        now = methods.get(path)
        if now == _SUPPRESS:
            return False
        text = any(report.kind == "text" for report in self.reports if report.path == path)
        # Redaction inside a text leaves the rest of it.
        methods[path] = _SUPPRESS if text or now == _REDACT else _REDACT
        return True

    def _in_the_way(self, plan: ProtectionPlan, methods: Methods) -> list[str]:
        """The columns to which a gate would object, once this is carried out; of combinations one part."""
        policy = self._under(methods)
        labels, roles = self._after(plan, policy)
        whole = raised(combine(labels.values(), policy.levels), labels, policy, roles)
        found: list[str] = []
        for solution in self.solutions:
            verdict = decide(whole, {}, solution, policy, column_labels=labels, column_roles=roles)
            told = [one for one in verdict.conflicts if one.definite and one.rule in _RULES]
            names = {name for one in told for name in _combinations(one)}
            for combination in held(whole, labels, policy, roles):
                if combination.name in names:
                    parts = [[path for path in part if path] for part in combination.parts]
                    parts.sort(key=lambda part: len(part) or len(labels) + 1)
                    found += parts[0]
            for one in told:
                if not _combinations(one):
                    found += [one.column] if one.column else one.facts.get("columns") or ()
        return list(dict.fromkeys(found))

    def _after(self, plan: ProtectionPlan, policy: Policy) -> tuple[dict[str, Label], dict[str, Label]]:
        """Labels and roles by path of the result."""
        whole = {leaf.path for leaf in plan.leaves if leaf.how in ("cells", "null")}
        labels = {}
        for leaf in plan.leaves:
            before = [self.columns[leaf.path]] if leaf.path in self.columns and not leaf.changes else []
            labels[leaf.path] = combine([leaf.label, *before], policy.levels)
        roles = role_labels(planned_roles(plan, self.reports, policy), policy)
        kept = {path: own for path, own in self.roles.items() if path in labels and path not in whole}
        return labels, {**kept, **roles}


def _combinations(conflict: Conflict) -> list[str]:
    own = conflict.facts.get("combination")
    return [str(own)] if own else [str(name) for name in conflict.facts.get("combinations") or ()]


__all__ = ["Methods", "Trial"]
