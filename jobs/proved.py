"""What a signed record says of a dataset that was protected: it can't be told by looking.

Without such a record, a passed proof and unchanged data, data are raw, whatever they look like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label, Levels
from clearance.governance.observation import Observation, changed
from clearance.governance.policy import Policy
from clearance.jobs.desk import Desk
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.scan import Scan
from clearance.jobs.text_methods import OTHER

_WHOLE = ("cells", "done")


@dataclass(frozen=True)
class Proved:
    """The record of a scanned dataset, read and verified once; without ``leaves`` where there is none that holds.

    ``same_detectors``, ``same_policy``: whether it was made with those of today. ``doubted`` are the leaves of one that
    can't be verified here, for there is no key or not the one that signed it.
    """

    columns: Sequence[ColumnReport]
    policy: Policy = field(repr=False)
    leaves: Sequence[Mapping[str, Any]] = ()
    same_detectors: bool = False
    same_policy: bool = False
    doubted: Sequence[Mapping[str, Any]] = ()

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

    def text_labels(self) -> dict[str, Label]:
        """Labels of texts in which values were replaced, by path: a floor under what is found in them.

        A year that was a birth date, or the end of a number, is not found again as what it was. A level that the policy
        no longer has counts as its highest.
        """
        text = {report.path for report in self.columns if report.kind in ("text", "mixed")}
        levels = self.policy.levels
        labels: dict[str, Label] = {}
        for leaf in self.leaves:
            done = leaf["how"] == "keep" or leaf.get("unmarked") or leaf["method"]["name"] != "keep"
            if leaf["path"] in text and leaf["how"] in ("spans", "keep") and done:
                labels[leaf["path"]] = _label_in(leaf, levels)
        return labels

    def floors(self) -> dict[str, Label]:
        """Labels by path below which nothing falls for whoever can't verify the record: a mask looks like nothing."""
        return {leaf["path"]: _label_in(leaf, self.policy.levels) for leaf in self.doubted}


def proved(found: Scan, desk: Desk) -> Proved:
    """Reads and verifies what is on record of a dataset that was just scanned."""
    nothing = Proved(found.columns, desk.policy)
    record = desk.registry.latest("protections", dataset=found.dataset)
    tokens = desk.tokens_if_any()
    if record is None or found.observation is None or not isinstance(record["statement"], dict):
        return nothing
    told = record["statement"]
    observed = Observation.from_dict(told["observation"])
    if changed(observed, dataset_identity(found.reference).location) is not False:
        return nothing
    if tokens is None or not tokens.key.open().verify(SIGNED, canonical(told), record["signature"] or ""):
        return replace(nothing, doubted=tuple(told["columns"]))
    return replace(
        nothing,
        leaves=tuple(told["columns"]),
        same_detectors=record["engine_digest"] == found.engine_digest,
        same_policy=record["policy_digest"] == desk.policy.digest,
    )


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
