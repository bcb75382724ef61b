"""Progress on standard error: for people a line a step, for schedulers a JSON object a line."""

import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import click

from clearance.jobs.verdict_words import printable


class Progress:
    """Says what is being done. Fields are names, counts and states, never values; safe to share by threads."""

    def __init__(self, style: str = "text") -> None:
        self._json = style == "json"
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def say(self, event: str, *, dataset: str | None = None, **fields: Any) -> None:
        """One step. ``dataset`` is how the user named it."""
        with self._lock:
            if self._json:
                told = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
                told |= {"dataset": dataset} if dataset else {}
                sys.stderr.write(json.dumps({**told, **fields}, ensure_ascii=False, default=str) + "\n")
                sys.stderr.flush()
                return
            elapsed = f"{time.monotonic() - self._start:5.1f}s"
            details = "  ".join(f"{key} {value}" for key, value in fields.items())
            line = "  ".join(part for part in (dataset, event, details) if part)
            click.echo(f"{click.style(elapsed, dim=True)}  {printable(line)}", err=True)
