"""What a signed record says of a dataset that was protected: it can't be told by looking.

Without such a record, a passed proof and unchanged data, data are raw, whatever they look like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance.changes import may_hold
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import protected_type
from clearance.governance.labels import Label, Levels, combine
from clearance.governance.observation import Observation, changed_since
from clearance.governance.policy import Policy
from clearance.governance.standing import column_roles
from clearance.jobs.desk import Desk
from clearance.jobs.planning import OnRecord
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.scan import Scan
from clearance.jobs.text_methods import OTHER

_WHOLE = ("cells", "done")


@dataclass(frozen=True)
class Proved:
    """The record of a scanned dataset, read and verified once; without ``leaves`` where there is none that holds.

    ``same_detectors``, ``same_policy``: whether it was made with those of today. ``doubted`` are the leaves of one that
    can't be verified here, for there is no key or not the one that signed it, or that may speak of other data.
    ``roles`` are those of the label that was filed with it; None where the audit stands for none.
    """

    columns: Sequence[ColumnReport]
    policy: Policy = field(repr=False)
    leaves: Sequence[Mapping[str, Any]] = ()
    same_detectors: bool = False
    same_policy: bool = False
    doubted: Sequence[Mapping[str, Any]] = ()
    roles: Mapping[str, str] | None = None

    def reports(self) -> tuple[ColumnReport, ...]:
        """The reports for a plan: a column that the proof speaks of is what the proof says.

        The ends of masked card numbers may look like something else, and must not be protected again as that.
        """
        whole = {leaf["path"]: leaf for leaf in self.leaves if leaf["how"] in _WHOLE}
        return tuple(_as_proved(report, whole.get(report.path)) for report in self.columns)

    def methods(self) -> dict[str, Mapping[str, Any]]:
        """The method that was applied to each whole column, by path."""
        return {leaf["path"]: leaf["method"] for leaf in self.leaves if leaf["how"] in _WHOLE}

    def texts(self, *, by_policy: bool = False) -> dict[str, Mapping[str, Any]]:
        """The methods that left what looks like any value inside a column's texts, by path.

        Only as long as the detectors are those that looked then: others may find what was never replaced.
        ``by_policy``: and as long as the policy is, for another may replace what this one kept.
        """
        if not self.same_detectors or (by_policy and not self.same_policy):
            return {}
        return {leaf["path"]: leaf["unmarked"] for leaf in self.leaves if leaf.get("unmarked")}

    def text_roles(self) -> dict[str, str | None]:
        """Of the same columns the types that those which have a role only may be of, by path; None for the others.

        What was replaced in them can't tell: birth dates of which years are left are not found again, and surrogates of
        a diagnosis are.
        """
        return {} if self.roles is None else {path: self.roles.get(path) for path in self.texts()}

    def text_labels(self) -> dict[str, Label]:
        """Labels of texts in which values were replaced, by path: a floor under what is found in them.

        A year that was a birth date, or the end of a number, is not found again as what it was. A level that the policy
        no longer has counts as its highest.
        """
        text = {report.path for report in self.columns if report.kind in ("text", "mixed")}
        levels = self.policy.levels
        labels: dict[str, Label] = {}
        for leaf in (*self.leaves, *self.doubted):
            done = leaf["how"] == "keep" or leaf.get("unmarked") or leaf["method"]["name"] != "keep"
            if leaf["path"] in text and leaf["how"] in ("spans", "keep") and done:
                labels[leaf["path"]] = _label_in(leaf, levels)
        return labels

    def kept_labels(self) -> dict[str, Label]:
        """Labels by path for a plan: what stays of a column that was protected keeps the label that this gave it.

        Whether the record can be verified or not: only raw values that are found again may get another one.
        """
        levels = self.policy.levels
        whole = (leaf for leaf in (*self.leaves, *self.doubted) if leaf["how"] in _WHOLE)
        return {**{leaf["path"]: _label_in(leaf, levels) for leaf in whole}, **self.text_labels()}

    def for_plan(self, scanned: Mapping[str, Label]) -> OnRecord:
        """What ``plan_protection`` has to know of the record, and of the labels that the scan gave."""
        return OnRecord(self.methods(), self.texts(by_policy=True), self.kept_labels(), scanned)

    def whole_labels(self) -> dict[str, Label]:
        """Labels by path of columns that were replaced as a whole: by this policy, whatever is found in them."""
        return {
            # Of a column without a type only the record knows what it was.
            leaf["path"]: _label_in(leaf, self.policy.levels)
            if leaf["entity_type"] == OTHER
            else protected_type(leaf["entity_type"], self.policy, method=leaf["method"], verified=True)
            for leaf in self.leaves
            if leaf["entity_type"] and leaf["how"] in (*_WHOLE, "null") and leaf["method"]["name"] != "keep"
        }

    def labels(self) -> dict[str, Label]:
        """All that the record says of labels, by path, and looking does not."""
        return {**self.whole_labels(), **self.text_labels(), **self.floors()}

    def floors(self) -> dict[str, Label]:
        """Labels by path below which nothing falls for whoever can't verify the record: a mask looks like nothing.

        A column that is not there any more may have another name now: those that the record does not know.
        """
        told = {leaf["path"]: _label_in(leaf, self.policy.levels) for leaf in self.doubted}
        there = {report.path for report in self.columns}
        if gone := [label for path, label in told.items() if path not in there]:
            told |= {path: combine(gone, self.policy.levels) for path in there - told.keys()}
        return told

    def why(self) -> dict[str, dict[str, str]]:
        """The reason, by path, for labels that the record gives and no one here can hold against the data."""
        text = "what was protected here is on record, and may be among the data as they are now: at least"
        there = {report.path for report in self.columns}
        return {
            path: {"entity_type": "", "rule": "signed record", "where": "", "text": f"{text} {own.level}"}
            for path, own in self.floors().items()
            if path in there and own != Label(self.policy.levels.bottom)
        }


def proved(found: Scan, desk: Desk) -> Proved:
    """Reads and verifies what is on record of a dataset that was just scanned."""
    nothing = Proved(found.columns, desk.policy)
    record = desk.registry.latest("protections", dataset=found.dataset)
    tokens = desk.tokens_if_any()
    if record is None or not isinstance(record["statement"], dict):
        return nothing
    told = record["statement"]
    observed = Observation.from_dict(told["observation"])
    identity = dataset_identity(found.reference)
    other = changed_since(observed, found.observation, identity.place)
    there = {leaf["path"] for leaf in told["columns"]} <= {report.path for report in found.columns}
    if other and not may_hold(observed, found.observation, identity.location, same_columns=there):
        return nothing
    # Rows that were proved may be among others now: no label falls.
    if other is not False or found.observation is None or tokens is None:
        return replace(nothing, doubted=tuple(told["columns"]))
    if not tokens.key.open().verify(SIGNED, canonical(told), record["signature"] or ""):
        return replace(nothing, doubted=tuple(told["columns"]))
    return replace(
        nothing,
        leaves=tuple(told["columns"]),
        same_detectors=record["engine_digest"] == found.engine_digest,
        same_policy=record["policy_digest"] == desk.policy.label_digest,
        roles=_roles(record, desk),
    )


def _roles(record: Mapping[str, Any], desk: Desk) -> dict[str, str] | None:
    """The roles of the columns as they were when this record was made."""
    rows, _ = desk.audit.counted("labels", record["dataset"])
    made = [row for row in rows if row["run_id"] == record["run_id"] and row["kind"] == "protected"]
    return column_roles(made[-1]) if made and "roles" in (made[-1]["looked"] or {}) else None


def _label_in(leaf: Mapping[str, Any], levels: Levels) -> Label:
    label = Label.from_dict(leaf["label"])
    return label if label.level in levels else replace(label, level=levels.top)


def _as_proved(report: ColumnReport, leaf: Mapping[str, Any] | None) -> ColumnReport:
    filled = report.rows - report.nulls
    # Tokens are known by their keyed check, whatever the record says; a column without a type is what is found in it.
    untyped = leaf is None or leaf["entity_type"] in (None, "", OTHER)
    if leaf is None or untyped or not filled or leaf["method"]["name"] in ("token", "keep"):
        return report
    known = Finding(leaf["entity_type"], filled, Interval.wilson(filled, filled), 1.0, ("SignedRecord",), ())
    return replace(report, kind="structured", entity_type=leaf["entity_type"], findings=(known,))


__all__ = ["Proved", "proved"]
