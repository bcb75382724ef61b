"""Whether a plan fits its dataset: what can't be known before the columns are, told before anything is written."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from clearance.classifiers.findings import ColumnReport
from clearance.errors import PolicyError, ProtectionError
from clearance.governance.policy import Policy
from clearance.governance.policy_checks import FOR_SECRETS
from clearance.jobs.binding import Subject
from clearance.jobs.schema import SparkLeaf
from clearance.jobs.settings import Tokens
from clearance.jobs.subject_keys import SubjectKeys
from clearance.method_spec import MethodSpec
from clearance.paths import KEY

if TYPE_CHECKING:
    from clearance.jobs.plans import LeafPlan
    from clearance.jobs.text_methods import InText

#: Methods that keep equal values equal: on few values, how often each occurs tells which is which.
_DETERMINISTIC = ("token", "reversible", "format_preserving", "surrogate")
#: Fewer distinct values than this over at least so many cells (docs/decisions/0011-proof-by-recomputation.md).
FEW_VALUES, MANY_CELLS = 50, 500


def require_fit(plan: "LeafPlan", report: ColumnReport, policy: Policy, leaves: Sequence[SparkLeaf]) -> None:
    """Raises ``ProtectionError`` when the method does not fit the column's type, values or neighbours."""
    spec, kind = policy.spec(plan.method), plan.entity_type or "OTHER"
    try:
        spec.check_type(kind)
    except PolicyError as error:
        raise ProtectionError(f"column {plan.path}: {error.message}", hint=error.hint) from None
    require_no_secrets(plan, report, spec, policy)
    for needed, what in ((spec.subject_column, "subject"), (spec.row_key_column, "row key")):
        there = needed is None or any(leaf.path == needed and _one_a_row(leaf) for leaf in leaves)
        if not there:
            raise ProtectionError(
                f"column {plan.path}: {spec.name} needs the {what} {needed}, and no such column has one value a row",
                hint="name a column of the dataset, or a field of a struct",
            )
    require_many_values(report, spec.name, policy)


def require_no_secrets(plan: "LeafPlan", report: ColumnReport, spec: MethodSpec, policy: Policy) -> None:
    """Raises ``ProtectionError`` when something of secrets would be left, and nobody said why it may."""
    # A map's keys must stay distinct, so they are tokenized. In a column of no one type any value may be a secret.
    if spec.name in FOR_SECRETS or (spec.name == "token" and plan.steps[-1] == KEY):
        return
    raw = {finding.entity_type for finding in report.findings if finding.form == "raw"}
    kinds = {plan.entity_type} if report.entity_type else raw
    secrets = sorted(kind for kind in kinds if kind is not None and policy.is_secret(kind))
    if not secrets or (policy.allows_secrets(plan.path) and not spec.has_way_back):
        return
    left = "let come back" if spec.has_way_back else "leave something of"
    otherwise = f', or say why not: columns: {{"{plan.path}": {{secrets: {{allow: true, reason: "..."}}}}}}'
    raise ProtectionError(
        f"column {plan.path} holds secrets ({', '.join(secrets)}), which {spec.name} would {left}",
        hint=f"redact or suppress it{'' if spec.has_way_back else otherwise}",
    )


def require_many_values(report: ColumnReport, method: str, policy: Policy) -> None:
    """Raises ``ProtectionError`` when a column, or a leaf inside strings, has few values and they would stay apart."""
    cells = report.rows - report.nulls
    raw = any(finding.form != "token" for finding in report.findings) or not report.findings
    if raw and cells >= MANY_CELLS:
        _refuse_few(report, f"values in {cells:,} cells", method, policy)


def require_many_texts(plan: "LeafPlan", reports: Iterable[ColumnReport], policy: Policy, in_text: "InText") -> None:
    """The same of text and mixed columns, in which only what was found is replaced: few texts hold few values.

    A type that fewer cells hold than make a column of many is left: so little can't be counted.
    """
    whole = {leaf.path for leaf in plan.inside}
    for report in reports:
        for finding in report.findings if report.path not in whole else ():
            if finding.form == "token" or finding.rows_matched < MANY_CELLS:
                continue
            kind = finding.entity_type
            method = str(in_text.method(policy.method_for(kind, report.path), kind)["name"])
            _refuse_few(report, f"values, and {finding.rows_matched:,} cells hold {kind}", method, policy)


def _refuse_few(report: ColumnReport, told: str, method: str, policy: Policy) -> None:
    if report.distinct < FEW_VALUES and method in _DETERMINISTIC and not policy.allows_few_values(report.path):
        raise ProtectionError(
            f"column {report.path} has {report.distinct} distinct {told}: after {method}, counting tells which is "
            "which",
            hint="generalize or redact it, or say why not: "
            f'columns: {{"{report.path}": {{low_cardinality: {{allow: true, reason: "..."}}}}}}',
        )


def subject_of(plans: Sequence["LeafPlan"], column: str, keys: SubjectKeys, tokens: Tokens) -> Subject:
    """The subject of a plan. Raises ``ProtectionError`` when it names nobody's column, or binds what can't be bound."""
    leaf = next((each for each in plans if each.path == column), None)
    if leaf is None or not _one_a_row(leaf):
        raise ProtectionError(
            f"the subject {column} is no column with one value a row",
            hint="name a column of the dataset, or a field of a struct",
        )
    if leaf.how != "cells" or leaf.method.get("name") != "token":
        raise ProtectionError(
            f"the subject column {column} is not tokenized one-way here, and its tokens say whose key opens what",
            hint=f'protect its source, under a policy with columns: {{"{column}": {{method: token}}}}',
        )
    other = [each.path for each in plans if each.method.get("name") == "format_preserving"]
    if other:
        raise ProtectionError(
            f"format-preserving encryption can't be bound to a person: {', '.join(other)}",
            hint="give these columns the method reversible or token, or leave --subject out",
        )
    kind = leaf.entity_type or "OTHER"
    return Subject(column, kind, tokens.domain_of(column, kind), keys)


def _one_a_row(leaf: "SparkLeaf | LeafPlan") -> bool:
    return all(step.kind == "name" for step in leaf.steps)


def require_types(plans: Sequence["LeafPlan"], policy: Policy) -> None:
    """Raises ``ProtectionError`` when a column would get another type and the policy forbids that."""
    if not policy.content.forbid_type_changes:
        return
    other = [f"{leaf.path} ({leaf.type_before} to {leaf.type_after})" for leaf in plans if _retyped(leaf)]
    if other:
        raise ProtectionError(
            f"the policy forbids type changes, and there would be {', '.join(other[:5])}",
            hint="suppress these columns, or use a method that keeps their type",
        )


def _retyped(leaf: "LeafPlan") -> bool:
    return leaf.changes and leaf.type_after != leaf.type_before
