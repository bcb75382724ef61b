"""Columns that a policy names and nobody has: most likely another spelling, and a rule that holds for nothing.

A policy may serve many datasets, so one that lacks a column is no error. One that none on record has is worth a word.
"""

import difflib
from collections.abc import Collection, Sequence

from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.paths import Step, format_path


def columns_nowhere(policy: Policy, registry: Registry, there: Collection[str]) -> list[dict[str, str]]:
    """The columns under ``columns`` and ``domains`` of a policy that no scan on record saw, each with what was meant.

    ``there``: columns of the datasets at hand; the nearest of them is ``perhaps`` (empty: none is near).
    """
    content = policy.content
    named = {*content.columns, *(path for rule in content.domains.values() for path in rule.columns)}
    missing = sorted(named - set(there))
    if not missing:
        return []
    seen = {row["column"] for row in registry.rows("findings", ["column"], column=missing)}
    return [{"column": path, "perhaps": _near(path, sorted(there))} for path in missing if path not in seen]


def _near(path: str, there: Sequence[str]) -> str:
    # `e.mail` without its quotes is a field `mail` of a column `e`: the column is nearer than any spelling.
    if (quoted := format_path([Step("name", path)])) in there:
        return quoted
    return next(iter(difflib.get_close_matches(path, there, n=1, cutoff=0.75)), "")


__all__ = ["columns_nowhere"]
