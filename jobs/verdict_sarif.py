"""Verdicts as SARIF 2.1.0 (OASIS Static Analysis Results Interchange Format), for code scanning and review tools.

A definite conflict is an ``error``, one for a missing fact a ``warning``: both fail the gate, whatever a viewer makes
of them. A clear verdict is a result of kind ``pass``. The place of a result is the policy's line that objects; dataset
and column are its logical location (section 3.33), for they lie in no file of a repository.
"""

import json
from collections.abc import Mapping, Sequence, Set
from pathlib import Path, PurePath
from typing import Any

from clearance.errors import UsageError
from clearance.governance.decisions import Conflict
from clearance.governance.policy_sources import DEFAULT_NAME, pack_names
from clearance.jobs.check import Checked
from clearance.jobs.verdict_words import RULES, fingerprint, told
from clearance.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "clearanceConflict/v1"
_PACKAGE = "PACKAGE"
_HELP = (
    "A result's message ends with its remedy. `clearance check DATASET --solution NAME --suggest DIR` writes a policy"
    " and a plan that do what can be done by protection; an exception with an end is a waiver (`--waivers`)."
)
_NOTHING = "There is nothing to do."
#: As the places of a pack are told.
_PACKS = frozenset(f"packs/{name}.yaml" for name in pack_names())


def sarif(results: Sequence[Checked], exit_code: int, baseline: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One log with one run. With ``baseline`` (an earlier log) each result says whether it is new, unchanged or
    updated, and those that are gone are listed as absent (section 3.27.24): of what was asked now, for nobody looked
    whether an objection to another dataset or solution is gone.
    """
    found = [_result(checked, conflict) for checked in results for conflict in checked.verdict.conflicts]
    found += [_passed(checked) for checked in results if checked.verdict.verdict == "clear"]
    if baseline is not None:
        found = _compared(found, baseline, {(checked.dataset, checked.solution) for checked in results})
    names = sorted(RULES)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "clearance",
                "semanticVersion": __version__,
                "rules": [_rule(name) for name in names],
            }
        },
        "invocations": [{"executionSuccessful": True, "exitCode": exit_code}],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_PACKAGE: {"description": {"text": "The installed package clearance.governance."}}},
        "results": found,
    }
    for result in found:
        result["ruleIndex"] = names.index(result["ruleId"].partition("/")[2])
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def read_baseline(path: str | Path) -> dict[str, Any]:
    """An earlier log of ours. Raises ``UsageError`` for anything else."""
    hint = "give the file an earlier check wrote"
    wrong = UsageError(f"{path} is not a SARIF 2.1.0 log of clearance", hint=hint)
    try:
        log = json.loads(Path(path).read_text(encoding="utf-8"))
        runs = log["runs"]
        ours = log["version"] == "2.1.0" and all(run["tool"]["driver"]["name"] == "clearance" for run in runs)
        well = ours and all(isinstance(result["ruleId"], str) for run in runs for result in run["results"])
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror}", hint="give the file an earlier check wrote"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise wrong from None
    if not well:
        raise wrong
    return dict(log)


def _rule(name: str) -> dict[str, Any]:
    """Section 3.49, with what GitHub's code scanning asks of a rule: it shows ``help`` beside each result."""
    what = f"{RULES[name]} A result names dataset, column, solution, and the line of the policy that objects."
    return {
        "id": f"clearance/{name}",
        "shortDescription": {"text": RULES[name]},
        "fullDescription": {"text": what},
        "help": {"text": _NOTHING if name == "clear" else _HELP},
    }


def _result(checked: Checked, conflict: Conflict) -> dict[str, Any]:
    result = _base(checked, conflict.rule, conflict.column, conflict.where)
    result |= {
        "kind": "fail",
        "level": "error" if conflict.definite else "warning",
        "message": {"text": f"{checked.solution} may not have {checked.dataset}. {told(conflict)}. {conflict.remedy}."},
        "partialFingerprints": {FINGERPRINT: fingerprint(checked, conflict)},
    }
    if (by := conflict.waived) is not None:
        # Section 3.35: somebody suppressed it, and it is still told.
        why = f"{by['reason']} (approved by {by['approver']}, until {by['expires']}; {by['where']})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
        text = f"{checked.solution} has a waiver for {checked.dataset}. {told(conflict)}."
        result["message"] = {"text": text}
    result["properties"] |= {"facts": conflict.facts, "remedy": conflict.remedy, "definite": conflict.definite}
    return result


def _passed(checked: Checked) -> dict[str, Any]:
    result = _base(checked, "clear", None, "")
    text = f"{checked.solution} may have {checked.dataset}."
    clear = Conflict("clear", None, {}, "")
    prints = {FINGERPRINT: fingerprint(checked, clear)}
    return result | {"kind": "pass", "level": "none", "message": {"text": text}, "partialFingerprints": prints}


def _base(checked: Checked, rule: str, column: str | None, where: str) -> dict[str, Any]:
    name = f"{checked.dataset}#{column}" if column else checked.dataset
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]}
    file, _, line = where.rpartition(":")
    if file and line.isdigit():
        location["physicalLocation"] = {"artifactLocation": _artifact(file), "region": {"startLine": int(line)}}
    properties = {"dataset": checked.dataset, "solution": checked.solution, "verdict": checked.verdict.verdict}
    return {"ruleId": f"clearance/{rule}", "locations": [location], "properties": {**properties}}


def _artifact(file: str) -> dict[str, str]:
    path = PurePath(file)
    if file == DEFAULT_NAME or file in _PACKS:
        return {"uri": file, "uriBaseId": _PACKAGE}
    return {"uri": path.as_uri() if path.is_absolute() else _quoted(path)}


def _quoted(path: PurePath) -> str:
    from urllib.parse import quote

    return quote(path.as_posix())


def _compared(
    found: list[dict[str, Any]], baseline: Mapping[str, Any], asked: Set[tuple[str, str]]
) -> list[dict[str, Any]]:
    earlier: dict[str, list[dict[str, Any]]] = {}
    for run in baseline["runs"]:
        for result in run["results"]:
            told = result.get("properties") or {}
            about = (told.get("dataset"), told.get("solution"))
            if result.get("baselineState") != "absent" and about in asked:
                earlier.setdefault(_print(result), []).append(result)
    for result in found:
        # One fact may be missing for two usages: the same objection twice, each with one of before.
        same_print = earlier.get(_print(result))
        before = same_print.pop(0) if same_print else None
        same = before is not None and before["message"] == result["message"]
        result["baselineState"] = "new" if before is None else "unchanged" if same else "updated"
    gone = [result for results in earlier.values() for result in results]
    return found + [{**result, "baselineState": "absent"} for result in gone]


def _print(result: Mapping[str, Any]) -> str:
    return str(result.get("partialFingerprints", {}).get(FINGERPRINT))
