"""What the formats for machines and reviewers say of a verdict, in one wording. Facts only: no value of the data."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# Every command prints with these words, and most need no decision.
if TYPE_CHECKING:
    from clearance.governance.decisions import Conflict
    from clearance.jobs.check import Checked

RULES: Mapping[str, str] = {
    "clear": "Every rule of the policy lets the solution have the dataset.",
    "state": "A dataset needs a label that speaks for its present data.",
    "level": "No column is more sensitive than the solution is cleared for.",
    "combination": "What is more sensitive together than apart is not put together beyond the clearance.",
    "part": "Every dataset that is put together with others may be had alone.",
    "hosting": "Data goes no further than its level allows for the solution's hosting.",
    "regime": "A solution processes data under laws and standards it is allowed to.",
    "usage": "Categories that the policy forbids for a usage are not used so.",
    "purpose": "Data is used for the purposes its owner allows.",
    "region": "Data is processed in the regions its owner allows.",
    "declaration": "The data is no more than its owner declares.",
    "restricted-use": "Data is not used for what its owner restricts.",
    "store": "A store holds nothing above the level that the policy allows in it.",
    "source": "Data comes from approved sources.",
    "obsolescence": "Data that its owner calls obsolete is not used.",
    "retention": "A solution keeps data no longer than its owner allows.",
    "consent": "Categories that need consent for a usage have it on record.",
    "age-group": "Data is about people of the age groups that the policy allows for a usage.",
    "need": "Personal data goes only where a purpose needs it.",
    "escalation": "Nothing became more sensitive than what was approved.",
    "approval": "The approval of a dataset holds.",
    "environment": "Data of one environment is used in those that the policy names.",
}


def plain(value: Any) -> str:
    """A fact as words."""
    if value is None or value in ([], ()):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def printable(text: str) -> str:
    """A text with nothing in it that moves a terminal's cursor, begins a line or turns the writing round."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def json_text(told: Any, indent: int | None = None) -> str:
    """JSON in which what a terminal obeys is spelled out, as JSON may: one byte in it may be an escape."""
    text = json.dumps(told, ensure_ascii=False, indent=indent)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def facts_of(conflict: "Conflict") -> str:
    """The facts of a conflict in one line."""
    return "; ".join(f"{key.replace('_', ' ')}: {plain(value)}" for key, value in conflict.facts.items())


def told(conflict: "Conflict") -> str:
    """A conflict in one line, whatever a column is called: its rule, where, the facts."""
    place = f" at {conflict.column}" if conflict.column else ""
    return printable(f"{conflict.rule}{place}: {facts_of(conflict)}{waived(conflict)}")


def waived(conflict: "Conflict") -> str:
    """Who lets a conflict pass, until when and why; empty where nobody does."""
    by = conflict.waived
    return f"; waived by {by['approver']} until {by['expires']}: {by['reason']} ({by['where']})" if by else ""


def fingerprint(checked: "Checked", conflict: "Conflict") -> str:
    """The same for the same objection on another day: to this dataset, solution, rule, column and what is forbidden.

    Levels, counts and the wording of remedies are left out. SHA-256, hex.
    """
    subject = [conflict.facts.get(key) for key in ("regime", "usage", "forbidden", "state", "disagreement")]
    # Added later: fingerprints of before must not change.
    subject += [conflict.facts[key] for key in ("combination", "dataset", "store", "change") if key in conflict.facts]
    if conflict.rule in ("declaration", "environment") and conflict.facts.keys() & {"missing", "parent"}:
        subject += [conflict.facts.get("missing"), conflict.facts.get("parent")]
    if conflict.rule == "source" and "reputation" in conflict.facts:
        subject.append("reputation")
    content = [checked.dataset, checked.solution, conflict.rule, conflict.column, subject]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()
