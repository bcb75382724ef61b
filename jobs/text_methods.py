"""What a method does to a value inside a text, where a detector says what is a value and no column has a format.

Tokens, masks, constants and coarser values are known by their look when the text is read again. Surrogates and shifted
dates are not: the proof makes them again from the source, and the signed record keeps a next run from doing so. What
makes no sense in a text becomes something stricter, and the plan says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clearance.classifiers.findings import ColumnReport
from clearance.governance.policy import Policy
from clearance.governance.policy_checks import FOR_SECRETS
from clearance.jobs.schema import SparkLeaf
from clearance.methods import METHODS, SURROGATE_KINDS

Settings = Mapping[str, Any]
KEEP: Settings = {"name": "keep"}
TOKEN: Settings = {"name": "token"}
REDACT: Settings = {"name": "redact"}
REVERSIBLE: Settings = {"name": "reversible"}
ALL = "*"
OTHER = "OTHER"
"""The entity type of what is no known one."""
_UNMARKED = ("surrogate", "date_shift")
_COARSE = ("bins", "top_bottom", "date", "postal", "ip")
"""Kinds of ``generalize`` that take their own output as it is."""


@dataclass(frozen=True, slots=True)
class InText:
    """What methods become inside the texts of one dataset.

    ``subject``: the column that dates in text are shifted by. A text has one subject, so where a policy names several
    columns, the first in order is it. ``bound``: no way back that a person's key does not close. ``secrets``: types
    of which nothing is left, whatever method a column has.
    """

    subject: str | None
    bound: bool = False
    secrets: frozenset[str] = frozenset()

    @classmethod
    def of(cls, policy: Policy, leaves: Iterable[SparkLeaf], *, bound: bool) -> "InText":
        """For a dataset with these leaves: a subject must be one of them, with one value a row."""
        there = {leaf.path for leaf in leaves if all(step.kind == "name" for step in leaf.steps)}
        methods = [rule.method for rule in policy.content.entity_types.values()]
        methods += [rule.method for rule in policy.content.columns.values() if rule.method is not None]
        wanted = sorted({method.subject_column or "" for method in methods} & there)
        return cls(wanted[0] if wanted else None, bound, frozenset(filter(policy.is_secret, policy.entity_types)))

    def method(self, settings: Settings, entity_type: str | None = None) -> Settings:
        """What stands for a method in text."""
        name = str(settings["name"])
        if entity_type in self.secrets and name not in FOR_SECRETS:
            return REDACT
        if name in ("format_preserving", "reversible"):
            return TOKEN if self.bound else REVERSIBLE
        if name == "date_shift":
            return settings if settings["subject"] == self.subject else REDACT
        if name == "generalize":
            return settings if settings["kind"] in _COARSE else REDACT
        if name == "surrogate":
            return settings if entity_type is None else fitting(settings, entity_type)
        declared = METHODS.get(name)
        return settings if declared is None or declared.self_evident else REDACT

    def note(self, report: ColumnReport, policy: Policy) -> str:
        """What a plan says of methods that become others in this leaf's text; empty where none do."""
        changed: dict[tuple[str, str], list[str]] = {}
        raw = {finding.entity_type for finding in report.findings if finding.form == "raw"}
        for kind in sorted(raw):
            asked = policy.method_for(kind, report.path)
            done = self.method(asked, kind)
            if done != asked and asked["name"] not in ("suppress", "null"):
                changed.setdefault((str(asked["name"]), str(done["name"])), []).append(kind)
        told = [f"in text {', '.join(kinds)}: {done}, not {asked}" for (asked, done), kinds in changed.items()]
        told += [unnamed] if (unnamed := unnamed_note(sorted(raw), policy, report.path)) else []
        # One true date of a subject beside the shifted ones gives all of them away.
        if self.subject is not None and "DATE_TIME" in raw and policy.method_for("DATE_TIME", report.path) == KEEP:
            told.append("in text true dates stay, by which shifted ones can be told: shift DATE_TIME too")
        return "; ".join(told)


def unnamed_note(types: Iterable[str | None], policy: Policy, path: str) -> str:
    """What a plan says of types that the policy does not name; empty where it names all, or the column's method."""
    unnamed = [kind for kind in types if kind is not None and kind not in policy.entity_types]
    if not unnamed or policy.column_method(path) is not None:
        return ""
    return f"by unknown_type: the policy does not name {', '.join(unnamed)}"


def fitting(settings: Settings, entity_type: str) -> Settings:
    """The method, or the constant where there are no surrogates of the type."""
    return REDACT if settings["name"] == "surrogate" and entity_type not in SURROGATE_KINDS else settings


def unmarked(
    by_type: Mapping[str, Settings], override: Settings | None, inside: Mapping[str, Settings]
) -> dict[str, Settings]:
    """The methods of a leaf that leave in its texts what looks like any value: by entity type (``*``: a column's own
    method, for all) and by path inside.
    """
    types = by_type if override is None else {ALL: override}
    return {name: method for name, method in {**types, **inside}.items() if method["name"] in _UNMARKED}


def lowered_by(found: Mapping[str, Settings], entity_type: str) -> Settings | None:
    """The unmarked method (``unmarked``) that finds of a type in a proved text are the work of; None for none."""
    own = found.get(entity_type) or found.get(ALL)
    return own if own is not None and fitting(own, entity_type) == own else None


__all__ = [
    "ALL",
    "KEEP",
    "OTHER",
    "REDACT",
    "REVERSIBLE",
    "TOKEN",
    "InText",
    "Settings",
    "fitting",
    "lowered_by",
    "unmarked",
    "unnamed_note",
]
