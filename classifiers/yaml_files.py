"""YAML of detection rules, read strictly: one mapping a file, of known keys, none of them twice."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from clearance.errors import UsageError

#: What a file of detection rules may hold: patterns to look for, and what becomes of hits.
KEYS = ("detectors", "resolution")


class RulesFile(NamedTuple):
    """A file of detection rules as it was read: what messages call it, and its text. It travels to workers whole."""

    name: str
    text: str


_TWICE = "a key is given twice"
#: The C parser takes a tenth of the time. It does not survive lists in lists without end, which ours do not hold.
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: A text of fewer brackets and shorter lines is not nested deep enough for that.
_BRACKETS, _LINE = 4_000, 4_000


class _Strict:
    """YAML in which a key may be given only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, _TWICE, key.start_mark)
            seen.add(str(key.value))
        made: dict[Any, Any] = super().construct_mapping(node, deep)  # type: ignore[misc]
        return made


class _StrictLoader(_Strict, yaml.SafeLoader):
    """For any text."""


class _FastStrictLoader(_Strict, _FAST):  # type: ignore[misc]
    """For a text that is not nested without end."""


def _read(text: str) -> Any:
    flat = text.count("[") + text.count("{") < _BRACKETS and all(len(line) < _LINE for line in text.splitlines())
    if flat:
        with contextlib.suppress(yaml.YAMLError):  # the other one knows better where it is wrong
            return yaml.load(text, _FastStrictLoader)  # noqa: S506 - a safe loader
    return yaml.load(text, _StrictLoader)  # noqa: S506 - a safe loader


def packaged(name: str) -> Any:
    """What one of the packaged YAML files holds."""
    text = resources.files("clearance.classifiers").joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, _FAST)  # noqa: S506 - a safe loader


def read_files(files: Sequence[str | Path | RulesFile]) -> tuple[RulesFile, ...]:
    """A user's files, those that were read before as they are. Raises UsageError for what can't be read as UTF-8."""
    read = []
    for file in files:
        if isinstance(file, RulesFile):
            read.append(file)
            continue
        try:
            read.append(RulesFile(str(file), Path(file).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"can't read detectors from {file}: {type(error).__name__}", hint="name a YAML file in UTF-8"
            ) from error
    return tuple(read)


def content_of(name: str, text: str) -> dict[str, Any]:
    """The mapping that a file of rules holds.

    Raises UsageError, without a word of the file, for what is not YAML or has other keys than KEYS.
    """
    line, problem = "", "not valid YAML"
    data: Any = None
    try:
        data = _read(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ", line unknown"
        problem = _TWICE if getattr(error, "problem", "") == _TWICE else problem
    except (ValueError, RecursionError):  # a date that does not exist, lists in lists in lists
        line = ", line unknown"
    if line:
        # Raised out here: the YAML error quotes the line, which may hold a value of a list.
        raise UsageError(f"{name}{line}: {problem}", hint="see docs/how-to/tune-detection.md for an example")
    if not isinstance(data, dict) or not data or set(data) - set(KEYS):
        hint = f"its keys are {' and '.join(KEYS)}, one or both"
        if isinstance(data, dict) and data:
            other = next(key for key in data if key not in KEYS)
            # A list that was misplaced has values where keys should be.
            told = f" {other}" if isinstance(other, str) and other.isidentifier() else ""
            raise UsageError(f"{name}{line_of(text, (other,))}: unknown key{told}", hint=hint)
        raise UsageError(f"{name}: no list of detectors, no resolution", hint=hint)
    if not isinstance(data.get("detectors", []), list):
        raise UsageError(f"{name}: no list of detectors", hint="under 'detectors' is a list")
    return data


def line_of(text: str, place: Sequence[object]) -> str:
    """ ", line 4": where a place of a file that was read stands, or the nearest thing around it that has a line."""
    node = yaml.compose(text, yaml.SafeLoader)
    line = 0
    for part in place:
        below: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, below = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            below = node.value[part]
            line = below.start_mark.line + 1
        if below is not None:  # else a part that only names what was tried, such as one of two forms
            node = below
    return f", line {line}" if line else ""


def lines_under(text: str, key: str) -> list[int]:
    """The line of each entry of the list that a key of a file that was read holds; none where it holds none."""
    node = yaml.compose(text, yaml.SafeLoader)
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key and isinstance(value, yaml.SequenceNode):
            return [entry.start_mark.line + 1 for entry in value.value]
    return []
