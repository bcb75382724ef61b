"""Column paths: how a leaf of a nested schema is addressed, in one canonical string.

``user.emails[].address`` is the field ``address`` of each element of ``user.emails``; ``tags{key}`` and
``tags{value}`` are the keys and the values of a map. A name that holds ``.``, a bracket, a brace or a backtick
(or is empty) stands in backticks, a backtick inside it doubled, as in Spark SQL: ``` `e.mail` ```. Spaces and
non-ASCII letters need no quotes. A map's keys are data: a path names the *kind* of step, never a key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clearance.errors import UsageError

_NEEDS_QUOTES = re.compile(r"[.\[\]{}`]|^$")
_TOKEN = re.compile(r"`((?:[^`]|``)*)`|(\[\])|\{(key|value)\}|(\.)|([^.\[\]{}`]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: a field by name, each item of an array, or each key or value of a map."""

    kind: Literal["name", "item", "key", "value"]
    name: str = ""


ITEM = Step("item")
KEY = Step("key")
VALUE = Step("value")


def sql_name(name: str) -> str:
    """A name in backticks, as Spark SQL takes any name: a column's, or the path of a table."""
    return "`" + name.replace("`", "``") + "`"


def quote(name: str) -> str:
    """One field name as it stands in a path: in backticks only where it needs them."""
    return sql_name(name) if _NEEDS_QUOTES.search(name) else name


def format_path(steps: Sequence[Step]) -> str:
    """The canonical string of a path."""
    parts: list[str] = []
    for step in steps:
        if step.kind == "name":
            parts.append(("." if parts else "") + quote(step.name))
        else:
            parts.append({"item": "[]", "key": "{key}", "value": "{value}"}[step.kind])
    return "".join(parts)


def parse_path(path: str) -> tuple[Step, ...]:
    """The steps of a path. Raises ``UsageError`` for anything ``format_path`` can't have written."""
    steps: list[Step] = []
    position = 0
    expects_name = True
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise _bad(path)
        quoted, item, entry, dot, plain = match.groups()
        is_name = quoted is not None or plain is not None
        if is_name is not expects_name:
            raise _bad(path)
        expects_name = False
        if quoted is not None:
            steps.append(Step("name", quoted.replace("``", "`")))
        elif plain is not None:
            steps.append(Step("name", plain))
        elif item:
            steps.append(ITEM)
        elif entry:
            steps.append(KEY if entry == "key" else VALUE)
        elif dot:
            expects_name = True
        position = match.end()
    if expects_name:
        raise _bad(path)
    return tuple(steps)


def top_level(path: str) -> str:
    """The name of the top-level column that a path starts in."""
    return parse_path(path)[0].name


def _bad(path: str) -> UsageError:
    return UsageError(
        f"not a column path: {path[:80]!r}",
        hint="write user.email, user.emails[].address, tags{key}, tags{value}, or `odd.name` in backticks",
    )
