"""YAML files read into strict pydantic models, with one clear error that names file and line.

YAML itself keeps the last of two equal keys in silence. In a policy that would be a rule nobody sees, so a
repeated key is refused. Unknown keys, wrong types and unknown names are refused by the models; this module
finds the line they are on.
"""

import difflib
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from clearance.errors import PolicyError

# The C parser is some ten times faster and is in every wheel of PyYAML; the fallback reads the same YAML.
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = tuple[str | int, ...]
Marks = Mapping[Location, str]
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Base of everything read from a file: frozen, no unknown keys, no conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _is_number(value: object) -> object:
    if isinstance(value, bool | float):  # to Python, true and 1.0 are 1
        raise ValueError("1 is expected\nhint: write version: 1")
    return value


#: The version of what a file may hold.
Version = Annotated[Literal[1], BeforeValidator(_is_number)]


class _Loader(_BASE):  # type: ignore[misc]
    """Safe loader that refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | None):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)  # type: ignore[no-any-return]


def read_text(path: Path) -> str:
    """Text of a configuration file. Raises PolicyError when it can't be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PolicyError(f"{path}: no such file", hint="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise PolicyError(f"{path}: can't be read: {reason}", hint="give a readable YAML file") from None


def parse(text: str, source: str) -> tuple[dict[str, Any], Marks]:
    """Content of one YAML document, and "file:line" of each of its keys and items by location.

    ``source`` names the file in messages. Raises PolicyError for YAML that is broken, repeats a key, uses
    a tag beyond plain YAML, or is not a mapping with text keys.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}" if mark else source
        raise PolicyError(f"{where}: {error.problem or 'not valid YAML'}", hint="correct the YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a date or number that looks right and is not, such as 2024-13-01.
        problem = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise PolicyError(f"{source}: not valid YAML: {problem}", hint="correct the YAML") from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise PolicyError(f"{source}: a mapping of keys to values is expected", hint="see the documentation")
    marks: dict[Location, str] = {(): source}
    _mark(node, (), source, marks, set())
    return data, marks


def validate(model: type[Model], data: object, marks: Marks, *, context: Mapping[str, Any] | None = None) -> Model:
    """``data`` as a ``model``. Raises one PolicyError: file, line, place, what is wrong, what would be right.

    ``context`` is for the model's own validators.
    """
    try:
        return model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        raise _explain(error, model, marks) from None


def where(marks: Marks, location: Location) -> str:
    """ "file:line" of a place, or of the nearest thing around it that has one."""
    while location and location not in marks:
        location = location[:-1]
    return marks.get(location, "")


def suggest(name: str, known: Iterable[str]) -> str:
    """Hint for an unknown name: the closest known one, then all of them (at most 12)."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"{guess}known: {listed or 'none'}"


def _mark(node: yaml.Node, location: Location, source: str, marks: dict[Location, str], seen: set[int]) -> None:
    # A node met again is an alias: its content stands elsewhere, so the key's own line is the useful one.
    # Not walking it twice also keeps aliases of aliases from growing without bound.
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*location, key.value)
            marks[place] = f"{source}:{key.start_mark.line + 1}"
            _mark(value, place, source, marks, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            marks[(*location, index)] = f"{source}:{item.start_mark.line + 1}"
            _mark(item, (*location, index), source, marks, seen)


def _explain(error: ValidationError, model: type[BaseModel], marks: Marks) -> PolicyError:
    details = error.errors(include_url=False)
    # A misspelt key is also a missing one; the misspelling is what helps.
    first = next((detail for detail in details if detail["type"] != "missing"), details[0])
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    message, hint = _words(first, model)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return PolicyError(f"{where(marks, first['loc'])}: {place + ': ' if place else ''}{message}{more}", hint=hint)


#: The hint where a key is missing.
MISSING = "add it"
_EXPECTED = {
    "dict_type": "a mapping is expected",
    "model_type": "a mapping is expected",
    "model_attributes_type": "a mapping is expected",
    "list_type": "a list is expected",
    "string_type": "text is expected",
    "int_type": "a whole number is expected",
    "bool_type": "true or false is expected",
    "date_type": "a date such as 2026-12-31 is expected",
}
_GOT = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}


def _words(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            message, _, hint = str(context.get("error")).partition("\nhint: ")
            return message, hint or "correct the value"
        case "extra_forbidden":
            return "unknown key", suggest(str(detail["loc"][-1]), _keys(model, detail["loc"][:-1]))
        case "missing":
            return "missing", MISSING
        case "literal_error":
            known = [name.strip("' ") for name in context["expected"].replace(" or ", ", ").split(",")]
            if str(detail["input"]) in known:
                return f"{detail['input']} is expected as a number", "take it out of its quotes"
            return f"unknown name '{detail['input']}'", suggest(str(detail["input"]), known)
        case "union_tag_invalid" | "union_tag_not_found":
            key, known = context["discriminator"].strip("'"), context.get("expected_tags", "")
            if not known:
                return f"{key} is missing", MISSING
            names = [name.strip("' ") for name in known.split(",")]
            return f"unknown {key} '{context['tag']}'", suggest(context["tag"], names)
        case kind if kind in _EXPECTED:
            got = _GOT.get(type(detail["input"]), "a number or date")
            quote = "; put text that reads as something else in quotes" if kind == "string_type" else ""
            return _EXPECTED[kind], f"this is {got}{quote}"
        case _:
            return detail["msg"].lower().removesuffix(" after validation"), "correct the value"


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """Keys a model knows at a place, found by walking the annotations of its fields."""
    current: Any = model
    for part in location:
        current = _bare(current)
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            # dict[str, X], list[X] and tuple[X, ...]: the part is a key or an index, and what it holds comes last.
            current = next((held for held in reversed(get_args(current)) if held is not Ellipsis), None)
    current = _bare(current)
    if not isinstance(current, type) or not issubclass(current, BaseModel):
        return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _bare(annotation: Any) -> Any:
    """An annotation without ``Annotated`` and ``| None`` around it."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation
