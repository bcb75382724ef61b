"""Verdicts as Markdown, for the description of a pull request or a build's summary."""

import re
from collections.abc import Sequence

from clearance.jobs.check import Checked
from clearance.jobs.verdict_words import facts_of, plain, printable, waived

_MARKS = {"clear": "✅", "conflict": "⛔", "escalated": "⚠️", "undecidable": "❔"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(results: Sequence[Checked]) -> str:
    """A table of verdicts, then one of objections for each dataset and solution that has any."""
    lines = [
        "## Clearance",
        "",
        "| dataset | solution | verdict | level | regimes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for checked in results:
        label, verdict = checked.label, checked.verdict.verdict
        level, regimes = (label.level, plain(sorted(label.regimes))) if label else ("-", "")
        cells = [
            _text(checked.dataset),
            _text(checked.solution),
            f"{_MARKS[verdict]} {verdict}{_by_waiver(checked)}",
            level,
            _text(regimes),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for checked in results:
        if not checked.verdict.conflicts:
            continue
        lines += ["", f"### {_text(checked.solution)}: {_text(checked.dataset)}", ""]
        lines += ["| rule | column | facts | what would resolve it | policy |", "| --- | --- | --- | --- | --- |"]
        for conflict in checked.verdict.conflicts:
            cells = [
                conflict.rule,
                conflict.column or "",
                facts_of(conflict) + waived(conflict),
                conflict.remedy,
                conflict.where,
            ]
            lines.append(f"| {' | '.join(map(_text, cells))} |")
    return "\n".join(lines) + "\n"


def _by_waiver(checked: Checked) -> str:
    count = sum(conflict.waived is not None for conflict in checked.verdict.conflicts)
    return f" ({count} waived)" if count else ""


def _text(text: str) -> str:
    """As it is read, whatever a name holds: no markup, no line breaks, no cell's end, and nobody is called by an @."""
    return _SPECIAL.sub(r"\\\1", printable(" ".join(text.split()))).replace("@", "@&#8203;")
