"""The reports of one leaf: its own, and one for each leaf inside its strings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from clearance.classifiers.chat import ROLES
from clearance.classifiers.columns import finish
from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import ALONE, Surroundings
from clearance.paths import FORMS, Step, format_path

#: Share of the filled values that must be documents of a form for its leaves to be listed whatever is in them.
MOSTLY = 0.5
#: Of these, few values are enough to list the leaves in which something was found: nothing else looks like them.
UNMISTAKABLE = frozenset({"json", "xml"})
#: Leaves in which nothing was found are listed only if they are no more than this.
MAX_SILENT = 100
_CALLED = {"json": "JSON", "xml": "XML", "query": "query strings", "kv": "key=value pairs"}


def reports_of(
    profile: LeafProfile, steps: Sequence[Step], dtype: str, around: Surroundings = ALONE
) -> list[ColumnReport]:
    """The report of a leaf, then those of the leaves inside its strings, by path.

    What is found inside is a finding of the leaf itself as well, so that its label covers all that it holds. A pure
    function of the merged profile: the same on any number of partitions.
    """
    own = _with_turns(finish(profile, name=format_path(steps), dtype=dtype, around=around), profile)
    below = list(_below(profile, steps))
    return [_covering(own, profile, below), *below]


def _with_turns(report: ColumnReport, profile: LeafProfile) -> ColumnReport:
    """The report of what is said in a chat, with who says it."""
    roles = [role for role in ROLES if profile.spoken[role]]
    if not roles:
        return report
    findings = []
    for finding in report.findings:
        rows = profile.turns.get((finding.form, finding.entity_type), Counter())
        findings.append(replace(finding, turns=tuple((role, rows[role]) for role in roles if rows[role])))
    return replace(report, findings=tuple(findings), evidence=(*report.evidence, f"turns of {', '.join(roles)}"))


def _below(profile: LeafProfile, steps: Sequence[Step]) -> Iterator[ColumnReport]:
    """Reports of the leaves inside the strings of a leaf that are worth being listed."""
    if profile.inside is None:
        return
    shares = {FORMS[form]: count / profile.filled for form, count in profile.inside.forms.items()}  # type: ignore[index]
    found = []
    for below, part in profile.inside.leaves():
        share = shares[below[0]]
        if share >= MOSTLY or below[0].name in UNMISTAKABLE:
            some = reports_of(part, (*steps, *below), below[0].name)
            found += [(report, share >= MOSTLY) for report in some]
    silent = sum(not report.findings for report, listed in found if listed)
    for report, listed in found:
        if report.findings or (listed and silent <= MAX_SILENT):
            yield report


def _covering(own: ColumnReport, profile: LeafProfile, below: Sequence[ColumnReport]) -> ColumnReport:
    """The leaf's own report with what was found only inside its strings."""
    inside = profile.inside
    if inside is None or not profile.filled:
        return own
    known = {(finding.form, finding.entity_type) for finding in own.findings}
    more: dict[tuple[str, str], Finding] = {}
    for finding in (finding for report in below for finding in report.findings):
        key = (finding.form, finding.entity_type)
        if key not in known and (key not in more or finding.rows_matched > more[key].rows_matched):
            # An array inside a string may hold more of it than there are strings.
            rows = min(finding.rows_matched, profile.filled)
            more[key] = replace(finding, rows_matched=rows, prevalence=Interval.wilson(rows, profile.filled), shapes=())
    kind = "mixed" if more and own.kind == "structured" and own.entity_type is None else own.kind
    held = [_CALLED[form] for form in sorted(inside.forms) if inside.forms[form] >= MOSTLY * profile.filled]
    evidence = [*own.evidence, *(f"values hold {what}" for what in held)]
    if inside.too_many:
        evidence.append("leaves inside its strings are too many to be told apart")
    return replace(own, kind=kind, findings=(*own.findings, *more.values()), evidence=tuple(evidence))


__all__ = ["reports_of"]
