"""Escalations as CloudEvents 1.0 (https://github.com/cloudevents/spec, v1.0.2), in the JSON format, structured mode.

To a webhook, a file that is appended to, or standard output. An event says what changed in names, levels and shares,
never in values. That an alert does not arrive changes no verdict: what it tells of is blocked anyway.
"""

import json
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clearance.errors import UsageError
from clearance.jobs.check import Checked

TYPE = "org.pypi.clearance.escalation.v1"
SOURCE = "https://pypi.org/project/clearance"
_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_PATIENCE_S = 10.0
RULES = ("escalation", "approval")


def events(results: Sequence[Checked]) -> list[dict[str, Any]]:
    """One event for each verdict in which something rose since the last approval."""
    found = []
    for checked in results:
        risen = [each.to_dict() for each in checked.verdict.conflicts if each.rule in RULES]
        if risen:
            found.append(_event(checked, risen))
    return found


def _event(checked: Checked, risen: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "type": TYPE,
        "subject": checked.dataset,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "dataset": checked.dataset,
            "version": checked.version,
            "solution": checked.solution,
            "verdict": checked.verdict.verdict,
            "changes": risen,
        },
    }


def check_target(target: str) -> None:
    """Raises ``UsageError`` for what no alert can be sent to, before anything is checked."""
    parts = urlsplit(target)
    if "://" in target and parts.scheme not in ("http", "https"):
        raise UsageError(f"an alert can't be sent by {parts.scheme}", hint="name an http(s) URL, a file, or -")
    if "://" not in target and target != "-" and not Path(target).absolute().parent.is_dir():
        raise UsageError("the folder of the alerts' file does not exist", hint="name a file in an existing folder")


def send(found: Sequence[dict[str, Any]], target: str) -> str:
    """Sends events to a URL, a file or ``-`` (standard output). Returns why some did not arrive; empty: all did.

    A URL may carry a secret: it is never quoted.
    """
    lines = [json.dumps(event, ensure_ascii=False) for event in found]
    if target == "-":
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return ""
    if "://" not in target:
        try:
            with Path(target).open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        except OSError as error:
            return f"the file can't be written: {error.strerror}"
        return ""
    return "; ".join(dict.fromkeys(filter(None, (_post(target, line.encode()) for line in lines))))


def _post(url: str, body: bytes) -> str:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(url, data=body, headers={"Content-Type": _CONTENT_TYPE}, method="POST")  # noqa: S310 - see check_target
    try:
        with urlopen(request, timeout=_PATIENCE_S):  # noqa: S310
            return ""
    except HTTPError as error:
        return f"the receiver answered {error.code}"
    except (URLError, OSError, ValueError) as error:
        return f"the receiver can't be reached ({type(error).__name__})"


__all__ = ["SOURCE", "TYPE", "check_target", "events", "send"]
