"""What a label does not speak for: rows that nobody looked at, and text in which no model looked for names.

Both are facts of the scan. A label that does not say is one that does not speak for them: nothing is made up.
"""

from collections.abc import Mapping
from typing import Any

from clearance.governance.coverage import Coverage
from clearance.governance.policy import Policy


def sampled(row: Mapping[str, Any]) -> str:
    """Why a label row does not speak for every row of its dataset; empty where it does."""
    coverage = _coverage(row)
    if coverage is None:
        return "how many of its rows were looked at is not on record"
    return "" if coverage.complete else coverage.words()


def accepts(policy: Policy, row: Mapping[str, Any]) -> bool:
    """Whether the policy accepts so many unseen rows."""
    coverage, accepted = _coverage(row), policy.rules.sampled_scans
    return coverage is not None and accepted is not None and coverage.proves(accepted.prevalence, accepted.confidence)


def overlooked(row: Mapping[str, Any]) -> str:
    """Why a label row does not speak for names and places in text; empty where it does."""
    looked = row.get("looked") or {}
    if looked.get("ner") is not None:
        return ""
    texts = looked.get("texts")
    if texts is None:
        return "which of its columns hold text, where no one looked for names and places, is not on record"
    return f"scanned without the model: no one looked for names and places in {', '.join(texts)}" if texts else ""


def _coverage(row: Mapping[str, Any]) -> Coverage | None:
    told = (row.get("looked") or {}).get("coverage")
    return Coverage.from_dict(told) if told else None
