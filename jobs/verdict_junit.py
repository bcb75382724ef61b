"""Verdicts as JUnit XML, which every build server shows: a suite a dataset, a case a solution."""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from clearance.jobs.check import Checked
from clearance.jobs.verdict_words import printable, told

# XML 1.0 section 2.2 has no place for these, escaped or not; a column's name may hold them.
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Checked]) -> str:
    """A conflict is a failure; what can't be decided is an error: neither lets a build pass. What is clear by waivers
    alone is skipped, and says so.
    """
    root = Element("testsuites", {"name": "clearance", **_counts(results)})
    by_dataset: dict[str, list[Checked]] = {}
    for checked in results:
        by_dataset.setdefault(checked.dataset, []).append(checked)
    for dataset, own in by_dataset.items():
        suite = SubElement(root, "testsuite", {"name": _fit(dataset), **_counts(own)})
        for checked in own:
            case = SubElement(suite, "testcase", classname=_fit(dataset), name=_fit(checked.solution), time="0")
            passed = "skipped" if checked.verdict.conflicts else ""
            kind = {"conflict": "failure", "clear": passed}.get(checked.verdict.verdict, "error")
            if kind:
                rules = ", ".join(sorted({conflict.rule for conflict in checked.verdict.conflicts}))
                message = f"{'waived' if kind == 'skipped' else 'not given'}: {rules}"
                told_why = SubElement(case, kind, type=checked.verdict.verdict, message=_fit(message))
                lines = [
                    f"{told(c)}\n  remedy: {printable(c.remedy)}{_where(c.where)}" for c in checked.verdict.conflicts
                ]
                told_why.text = _fit("\n".join(lines))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _counts(results: Sequence[Checked]) -> dict[str, str]:
    verdicts = [checked.verdict.verdict for checked in results]
    failures = verdicts.count("conflict")
    errors = len(verdicts) - failures - verdicts.count("clear")
    skipped = sum(checked.verdict.verdict == "clear" and bool(checked.verdict.conflicts) for checked in results)
    counts = {"tests": len(verdicts), "failures": failures, "errors": errors, "skipped": skipped}
    return {name: str(count) for name, count in counts.items()}


def _where(where: str) -> str:
    return f"\n  policy: {where}" if where else ""


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
