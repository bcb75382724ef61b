"""Column paths: how a leaf of a nested schema is addressed, in one canonical string.

``user.emails[].address`` is the field ``address`` of each element of ``user.emails``; ``tags{key}`` and
``tags{value}`` are the keys and the values of a map; ``payload{json}.user.email`` is a leaf of the JSON inside the
string ``payload``, and so are ``{xml}``, ``{query}`` of a URL, and ``{kv}`` for key=value logs. A name that holds
``.``, a bracket, a brace or a backtick (or is empty) stands in backticks, a backtick inside it doubled, as in Spark
SQL: ``` `e.mail` ```. Spaces and non-ASCII letters need no quotes. A map's keys are data: a path names the *kind* of
step, never a key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from clearance.errors import UsageError

#: What may be written inside a string: JSON, XML, the query of a URL, key=value pairs of a log.
Form = Literal["json", "xml", "query", "kv"]

_NEEDS_QUOTES = re.compile(r"[.\[\]{}`]|^$")
_TOKEN = re.compile(r"`((?:[^`]|``)*)`|(\[\])|\{(key|value|json|xml|query|kv)\}|(\.)|([^.\[\]{}`]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: a field by name, each item of an array, each key or value of a map, or into what a string holds.

    ``name`` is the field's name, or the form of what the string holds.
    """

    kind: Literal["name", "item", "key", "value", "form"]
    name: str = ""


ITEM = Step("item")
KEY = Step("key")
VALUE = Step("value")
FORMS: dict[Form, Step] = {form: Step("form", form) for form in get_args(Form)}
_ENTRIES: dict[str, Step] = {"key": KEY, "value": VALUE} | dict(FORMS.items())


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
        elif step.kind == "item":
            parts.append("[]")
        else:
            parts.append("{" + (step.name or step.kind) + "}")
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
            steps.append(_ENTRIES[entry])
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
        hint="write user.email, user.emails[].address, tags{key}, payload{json}.user, or `odd.name` in backticks",
    )
