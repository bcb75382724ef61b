"""Labels from the findings on record, under a policy and with what people decided on them. Imports nothing heavy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clearance.errors import DatasetError
from clearance.governance.audit import Audit
from clearance.governance.chain import is_rested_on
from clearance.governance.combinations import raised
from clearance.governance.identities import people
from clearance.governance.labeling import label_column, label_dataset, role_labels, role_types
from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.reviews import CONFIRMED, Report, Reviewed, reviewed, settled
from clearance.governance.standing import column_labels, column_roles, column_types

if TYPE_CHECKING:
    from clearance.classifiers.findings import ColumnReport

_VERIFY = "see `clearance audit verify`"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A dataset's labels and the entity types of each column, its own type first. ``roles``: the types that columns
    which have a role only may be of. ``touched``: columns of which people decided something that changes what their
    label is made from.
    """

    columns: dict[str, Label]
    label: Label
    types: dict[str, tuple[str, ...]]
    roles: dict[str, str]
    touched: tuple[str, ...] = ()


def subjects(policy: Policy) -> dict[str, str]:
    """Names by subject of a token, of all issuers of the policy."""
    return {sub: name for issuer in policy.content.identities.tokens.values() for sub, name in issuer.people.items()}


def decisions_on(dataset: str, policy: Policy, registry: Registry) -> tuple[Reviewed, str]:
    """What people decided on a dataset's findings, and why none of it may be used (empty: it may)."""
    rows, problem = Audit(registry).counted("decisions", dataset)
    if problem or not rows:
        return Reviewed(), problem
    known = people(registry, policy.content.identities.administrators)
    return reviewed(rows, known, subjects(policy)), ""


def with_decisions(
    reports: Iterable[Report], found: Reviewed, policy: Policy
) -> tuple[list[Report], list[str], set[str]]:
    """The reports as labels are made from them, the columns in which that is not what was found, and those of them in
    which something was set aside. Only there may a label be lower than without: what is confirmed raises.
    """
    now = datetime.now(UTC)
    given = list(reports)
    made = [settled(report, found, policy, now) for report in given]
    other = [(old, new) for old, new in zip(given, made, strict=True) if new is not old]
    return made, [str(new["path"]) for _, new in other], {str(new["path"]) for old, new in other if _less(old, new)}


def _less(old: Report, new: Report) -> bool:
    gone = any(finding not in new["findings"] for finding in old["findings"])
    return gone or new["entity_type"] != old["entity_type"]


def labelled_again(policy: Policy, row: Mapping[str, Any], registry: Registry, found: Reviewed) -> Labelled | None:
    """The labels under this policy and these decisions, from the findings of the same run.

    None where findings alone don't give the label: what was protected was proved under its own policy, and what a scan
    knew of such a dataset by its record it knew under the policy of then.
    """
    if row["kind"] != "source":
        return None
    looked = row.get("looked") or {}
    proved = looked.get("proved") or {}
    if row.get("policy_digest") != policy.label_digest:
        # A row of before does not say what came from a record.
        said = "proved" in looked or registry.latest("protections", dataset=row["dataset"]) is None
        if proved or not said:
            return None
    rows = registry.rows("findings", dataset=row["dataset"], run_id=scan_run(row))
    if not is_rested_on(row, "findings", rows) or {entry["column"] for entry in rows} != set(row["columns"]):
        return None
    reports, touched, lowered = with_decisions(({**e["report"], "path": e["column"]} for e in rows), found, policy)
    columns = {report["path"]: label_column(report, policy) for report in reports}
    types = {report["path"]: types_in(report) for report in reports}
    roles = role_types(reports, policy)
    if row.get("policy_digest") == policy.label_digest:
        # What the scan knew beside its findings, such as a proof, stays where no decision has a say, then or now.
        decided, own_types = {*touched, *(looked.get("reviewed") or ())}, column_types(row)
        if "roles" in looked:
            told = column_roles(row)
            found_again = {path: name for path, name in roles.items() if path in decided}
            roles = {path: name for path, name in told.items() if path not in decided or path in proved} | found_again
        for path, own in column_labels(row).items():
            if path not in decided:
                columns[path], types[path] = own, own_types[path]
            elif path not in lowered:
                columns[path] = combine((columns[path], own), policy.levels)
                types[path] = tuple(dict.fromkeys((*types[path], *own_types[path])))
            elif path in proved:
                columns[path] = combine((columns[path], Label.from_dict(proved[path])), policy.levels)
    label = raised(label_dataset(columns.values(), policy), columns, policy, role_labels(roles, policy))
    return Labelled(columns, label, types, roles, tuple(touched))


def with_confirmed(
    reports: Iterable["ColumnReport"], dataset: str, policy: Policy, registry: Registry
) -> tuple["ColumnReport", ...]:
    """The reports as a protection goes by them: what people confirmed and the scan overlooked is in them.

    No detector knows where such values stand, so the column is one of that type as a whole. What people set aside stays
    in: to be replaced needlessly harms nobody. Raises ``DatasetError`` where the decisions can't be relied on.
    """
    from clearance.classifiers.findings import ColumnReport

    decided, problem = decisions_on(dataset, policy, registry)
    if problem:
        raise DatasetError(f"what people decided on its findings can't be relied on: {problem}", hint=_VERIFY)
    made = []
    for report in reports:
        told = report.to_dict()
        confirmed = confirmed_report(told, decided, policy)
        made.append(report if confirmed is told else ColumnReport.from_dict(dict(confirmed)))
    return tuple(made)


def confirmed_report(report: Report, decided: Reviewed, policy: Policy) -> Report:
    """One of them; the same object where nothing was confirmed that the scan did not find."""
    there = {finding["entity_type"] for finding in report["findings"]}
    held = decided.of(str(report["path"]))
    more = sorted(one.entity_type for one in held if not one.lowers and one.entity_type not in there)
    if not more or report.get("kind") == "unknown":
        return report
    worst = max(more, key=lambda name: policy.levels.rank(policy.label_of(name).level))
    found = [*report["findings"], *(CONFIRMED | {"entity_type": name} for name in more)]
    return {**report, "kind": "structured", "entity_type": report["entity_type"] or worst, "findings": found}


def labels_under(policy: Policy, row: Mapping[str, Any], registry: Registry) -> Labelled | None:
    """:func:`labelled_again` with the decisions on record; None, too, where these can't be relied on."""
    found, problem = decisions_on(row["dataset"], policy, registry)
    return None if problem else labelled_again(policy, row, registry, found)


def is_reviewed(row: Mapping[str, Any], found: Reviewed) -> bool:
    """Whether a label has to be made again from its findings: people decided something, or had when it was made."""
    return bool(found.held) or bool((row.get("looked") or {}).get("reviewed"))


def types_in(report: Report) -> tuple[str, ...]:
    """The entity types of a column, its own first."""
    own = [report["entity_type"]] if report["entity_type"] else []
    return tuple(dict.fromkeys([*own, *(each["entity_type"] for each in report["findings"])]))


def scan_run(row: Mapping[str, Any]) -> str:
    """The run whose findings a label row rests on: its own, or for a label given again the scan's."""
    told = (row.get("reasons") or {}).get("") or []
    return next((str(reason["scan"]) for reason in told if "scan" in reason), str(row["run_id"]))


__all__ = [
    "Labelled",
    "confirmed_report",
    "decisions_on",
    "is_reviewed",
    "labelled_again",
    "labels_under",
    "scan_run",
    "subjects",
    "types_in",
    "with_confirmed",
    "with_decisions",
]
