"""From findings to labels, before and after protection.

Reports come in as plain mappings in the form of ``ColumnReport.to_dict()``: ``kind``, ``entity_type`` and
``findings`` with ``entity_type`` and ``form``. Every finding counts, so what detection does not believe it must
not report. What is not understood counts as a column that could not be looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clearance.governance.combinations import raised
from clearance.governance.labels import Label, combine
from clearance.governance.policy import DeidentificationRule, Policy
from clearance.governance.taxonomy import covers

_KINDS = frozenset({"structured", "text", "mixed", "empty"})
#: The method that a verified token in the data was made with.
_TOKEN = {"name": "token"}
#: How a report's evidence begins that tells of documents inside a column's strings.
HOLDS = "values hold "
#: What a column of an attribute (``classifiers/quasi_identifiers.yaml``) would be, were it found by its values.
STANDS_FOR = {
    "BIRTH_DATE": "DATE_OF_BIRTH",
    "GENDER": "GENDER",
    "POSTAL_CODE": "ZIP_CODE",
    "CITY": "CITY",
    "COORDINATES": "GEOLOCATION",
    "HEALTH": "MEDICAL_DISEASE_DISORDER",
}
#: Methods after which nothing of a value is left.
_NOTHING_LEFT = frozenset({"redact", "suppress", "null"})
#: Share of the values that must be found to be what the column's name says.
_MOSTLY = 0.5
#: Stands for the entity type of a column that could not be looked at.
UNKNOWN_LEAF = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a column has its label: one finding, what the policy says of it, and where it says so."""

    entity_type: str
    form: str
    label: Label
    rule: str
    where: str
    text: str


def label_column(report: Mapping[str, Any], policy: Policy) -> Label:
    """Label of a column as it was found.

    High-water mark over the column's entity type and every finding. Tokens whose keyed check verified
    (``form: token``) are labelled as tokenised data; a column that could not be looked at gets
    ``unknown_leaf``; one with no findings the lowest level.
    """
    return combine((reason.label for reason in reasons(report, policy)), policy.levels)


def label_dataset(labels: Iterable[Label], policy: Policy) -> Label:
    """Label of a dataset from its columns' labels: the high-water mark, and what the policy's combinations add."""
    labels = tuple(labels)
    columns = {str(number): label for number, label in enumerate(labels)}
    return raised(combine(labels, policy.levels), columns, policy)


def roles_in(reports: Iterable[Mapping[str, Any]], policy: Policy) -> dict[str, Label]:
    """The labels that columns which have a role only would have, by path (``role_types``)."""
    return role_labels(role_types(reports, policy), policy)


def role_labels(types: Mapping[str, str], policy: Policy) -> dict[str, Label]:
    """Labels by path for types by path. For combinations only: by itself such a column says no one."""
    return {path: policy.label_of(name) for path, name in types.items()}


def role_types(reports: Iterable[Mapping[str, Any]], policy: Policy) -> dict[str, str]:
    """Of columns that by their name are quasi-identifiers, or of a person's health, and were not found to be, by path:
    the type that says the same.

    Something else that was found in such a column makes it no less of one.
    """
    found = {}
    for report in reports:
        stands_for = role_type(report)
        if stands_for is None:
            continue
        label = policy.label_of(stands_for)
        if not any(_says(finding, label, policy) for finding in report.get("findings") or ()):
            found[str(report["path"])] = stands_for
    return found


def roles_left(types: Mapping[str, str], methods: Mapping[str, Mapping[str, Any]], policy: Policy) -> dict[str, str]:
    """Of columns that have a role only, those that have it still once whole cells were replaced by ``methods``.

    As labels do, a role falls only by a named rule of the policy, or where nothing is left: the first letters of a
    diagnosis still say it.
    """
    return {path: name for path, name in types.items() if path not in methods or _stays(name, methods[path], policy)}


def _stays(entity_type: str, method: Mapping[str, Any], policy: Policy) -> bool:
    left = protected_type(entity_type, policy, method=method, verified=True)
    return method.get("name") not in _NOTHING_LEFT and left == policy.label_of(entity_type)


def role_type(report: Mapping[str, Any]) -> str | None:
    """The type that a column of no type is of by its name, whatever else is found in it."""
    untyped = report.get("entity_type") is None and report.get("kind") in _KINDS - {"empty"}
    return STANDS_FOR.get(str(report.get("attribute"))) if untyped and report.get("role") != "none" else None


def _says(finding: Mapping[str, Any], label: Label, policy: Policy) -> bool:
    """Whether most values are found to be what a column's name says; then they are judged, and replaced, as that."""
    own = policy.label_of(str(finding.get("entity_type"))).categories
    same = any(covers(one, other) or covers(other, one) for one in own for other in label.categories)
    return same and float((finding.get("prevalence") or {}).get("estimate", 0)) >= _MOSTLY


def after_protection(
    label: Label, *, entity_type: str, method: Mapping[str, Any], policy: Policy, verified: bool
) -> Label:
    """The label once ``method`` was applied to data of ``entity_type`` that had ``label``.

    It falls only by a named rule of the policy, and only when the result was ``verified`` by the proof that
    rule asks for. It never rises: protecting public data leaves it public.
    """
    found = policy.deidentification_rule(method, entity_type) if verified else None
    return label if found is None else _lower(label, found[1], policy)


def protected_type(entity_type: str, policy: Policy, *, method: Mapping[str, Any], verified: bool) -> Label:
    """Label of verified protected data of one entity type; what a record's cells and spans combine to."""
    return after_protection(
        policy.label_of(entity_type), entity_type=entity_type, method=method, policy=policy, verified=verified
    )


def whole_cell_method(report: Mapping[str, Any], policy: Policy) -> dict[str, Any] | None:
    """The method that replaces every cell of a column, or None: only what was found inside cells is replaced.

    Columns of one entity type and columns no one could look at are replaced whole. Text and mixed columns are
    not, and neither is a column whose type is kept: what else was found in it must still go. A method that the
    policy gives the column itself replaces whole cells whatever was found, nothing included: in a mixed column too,
    whose short values may each be somebody's though only some look it. In text, and where the strings hold documents
    whose leaves take the method one by one, only ``suppress`` does.
    """
    path, entity_type = _path(report), report.get("entity_type")
    if _found(report) is None:
        return policy.method_for(None, path)
    own = policy.column_method(path)
    if own is not None and own["name"] != "keep" and (_is_of_cells(report) or own["name"] == "suppress"):
        return own
    if report["kind"] != "structured" or not isinstance(entity_type, str):
        return None
    method = policy.method_for(entity_type, path)
    return None if method["name"] == "keep" else method


def protected_column(
    report: Mapping[str, Any],
    policy: Policy,
    *,
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    cells: Mapping[str, Any] | None = None,
    verified: bool,
) -> Label:
    """Label of a column after protection by the policy: ``whole_cell_method``, or each type's own method.

    ``methods`` (by entity type) says what was really done where that differs from the policy, ``cells`` what was done
    to whole cells. For a structured column the method of its own type is that, so it speaks for all that was found in
    it; ``UNKNOWN_LEAF`` stands for the type of a column that could not be looked at.
    """
    done, path = methods or {}, _path(report)
    whole: Mapping[str, Any] | None = whole_cell_method(report, policy)
    if cells is not None:
        whole = cells
    elif _found(report) is None:
        whole = done.get(UNKNOWN_LEAF, whole)
    elif report["kind"] == "structured":
        whole = done.get(str(report.get("entity_type")), whole)
    labels = []
    for reason in reasons(report, policy):
        method = whole or done.get(reason.entity_type) or policy.method_for(reason.entity_type, path)
        # A verified token passes through every method unchanged, so only its own rule speaks of it.
        labels.append(
            reason.label
            if reason.form == "token"
            else after_protection(
                reason.label, entity_type=reason.entity_type, method=method, policy=policy, verified=verified
            )
        )
    return combine(labels, policy.levels)


def reasons(report: Mapping[str, Any], policy: Policy) -> list[Reason]:
    """Why a column has its label, one reason for each entity type and form, in a stable order."""
    found = _found(report)
    if found is None:
        label = policy.unknown_leaf.label()
        where = policy.where("unknown_leaf")
        text = f"the column could not be looked at, so it is {label.level}; {where}"
        return [Reason(UNKNOWN_LEAF, "raw", label, "unknown_leaf", where, text)]
    return [_reason(entity_type, form, policy) for entity_type, form in sorted(found)]


def _reason(entity_type: str, form: str, policy: Policy) -> Reason:
    label = policy.label_of(entity_type)
    where = policy.where_type(entity_type)
    rule = "entity_types" if entity_type in policy.entity_types else "unknown_type"
    text = policy.explain_type(entity_type)
    found = policy.deidentification_rule(_TOKEN, entity_type) if form == "token" else None
    if found is not None:
        name, lowering = found
        label, rule, where = _lower(label, lowering, policy), name, policy.where("deidentification", name)
        text += f"; verified tokens, lowered to {label.level} by {name} ({lowering.source}); {where}"
    return Reason(entity_type, form, label, rule, where, text)


def _found(report: Mapping[str, Any]) -> set[tuple[str, str]] | None:
    """(entity type, form) of everything found; None when the report does not say what is in the column."""
    findings = report.get("findings")
    if report.get("kind") not in _KINDS or not isinstance(findings, list | tuple):
        return None
    found: set[tuple[str, str]] = set()
    for finding in findings:
        entity_type = finding.get("entity_type") if isinstance(finding, Mapping) else None
        if not isinstance(entity_type, str):
            return None
        # Only the exact word for a verified token lowers anything; any other form is raw data.
        found.add((entity_type, "token" if finding.get("form") == "token" else "raw"))
    column_type = report.get("entity_type")
    if isinstance(column_type, str) and column_type not in {entity_type for entity_type, _ in found}:
        # Named by evidence without a finding, such as the name of an empty column.
        found.add((column_type, "raw"))
    return found


def _is_of_cells(report: Mapping[str, Any]) -> bool:
    """Whether a column is one of values rather than of text or of documents."""
    evidence = report.get("evidence") or ()
    documents = any(str(line).startswith(HOLDS) for line in evidence)
    return report["kind"] == "structured" or (report["kind"] == "mixed" and not documents)


def _path(report: Mapping[str, Any]) -> str | None:
    path = report.get("path")
    return path if isinstance(path, str) else None


def _lower(label: Label, rule: DeidentificationRule, policy: Policy) -> Label:
    drops = rule.drops
    return Label(
        policy.levels.lowest((label.level, rule.lowers_to)),
        _without(label.categories, drops.categories),
        _without(label.regimes, drops.regimes),
        _without(label.subjects, drops.subjects),
    )


def _without(names: frozenset[str], dropped: frozenset[str]) -> frozenset[str]:
    return frozenset() if "*" in dropped else names - dropped
