"""The places of a JSON text (RFC 8259, and NaN and raw control characters, which many writers leave in)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from clearance.classifiers.chat import Message, message_of, role_named
from clearance.classifiers.places import MAX_DEPTH, MAX_PLACES, Notation, Place, key_steps, step_of
from clearance.paths import FORMS, ITEM, Step

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:("[^"\\]*(?:\\.[^"\\]*)*")|([\[{])|([\]}])|([:,])'
    r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity)(?![\w.+-]))",
    re.DOTALL,
)
_BLANK = re.compile(r"[ \t\r\n]*")


def _read(source: str) -> str:
    text: str = json.loads(f'"{source}"', strict=False)
    # Half a surrogate pair is no character that could be written anywhere.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _write(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _write_quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


STRING = Notation(_read, _write, re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\.", re.DOTALL))
#: A number or a truth value; what replaces it is a string, and needs quotes.
BARE = Notation(str, _write_quoted)


class _NotJsonError(Exception):
    """The text is something else."""


def json_places(text: str) -> list[Place] | None:
    """Every key and scalar of a JSON object or array, in order; None if the text is none, too deep or too long."""
    try:
        return _Reader(text).places()
    except (_NotJsonError, ValueError):
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[Place] = []
        self._at = 0

    def places(self) -> list[Place]:
        match = self._next()
        if not match[2]:
            raise _NotJsonError
        # Containers under way, so that no nesting can exhaust the interpreter's stack.
        open_ = [self._container(match[2], (FORMS["json"],))]
        while open_:
            below = next(open_[-1], None)
            if below is None:
                open_.pop()
            elif len(open_) == MAX_DEPTH:
                raise _NotJsonError
            else:
                open_.append(self._container(*below))
        if _BLANK.match(self._text, self._at).end() != len(self._text):  # type: ignore[union-attr]
            raise _NotJsonError
        return self._found

    def _next(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._at)
        if match is None or len(self._found) > MAX_PLACES:
            raise _NotJsonError
        self._at = match.end()
        return match

    def _container(self, bracket: str, steps: tuple[Step, ...]) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Reads an object or array; yields bracket and steps of each one inside it, to be read before it goes on."""
        return self._object(steps) if bracket == "{" else self._array(steps)

    def _array(self, steps: tuple[Step, ...]) -> Iterator[tuple[str, tuple[Step, ...]]]:
        below = (*steps, ITEM)
        match = self._next()
        if match[3] == "]":
            return
        while True:
            if match[2]:
                yield match[2], below
            else:
                self._scalar(match, below)
            match = self._next()
            if match[3] == "]":
                return
            if match[4] != ",":
                raise _NotJsonError
            match = self._next()

    def _object(self, steps: tuple[Step, ...]) -> Iterator[tuple[str, tuple[Step, ...]]]:
        fields: list[tuple[str, int]] = []
        match = self._next()
        if match[3] == "}":
            return
        while True:
            if not match[1]:
                raise _NotJsonError
            key = self._string(match)
            self._found.append(Place(key_steps(steps, key), match.start(1) + 1, match.end(1) - 1, key, STRING))
            fields.append((key, len(self._found)))
            if self._next()[4] != ":":
                raise _NotJsonError
            below = (*steps, step_of(key))
            match = self._next()
            if match[2]:
                yield match[2], below
            else:
                self._scalar(match, below)
            match = self._next()
            if match[3] == "}":
                break
            if match[4] != ",":
                raise _NotJsonError
            match = self._next()
        if (message := message_of([name for name, _ in fields])) is not None:
            self._set_role(message, fields)

    def _set_role(self, message: Message, fields: list[tuple[str, int]]) -> None:
        """Tells what is said in an object that is a chat's message who says it."""
        ends = [first - 1 for _, first in fields[1:]] + [len(self._found)]
        who = next(self._found[first].text for name, first in fields if name == message.who)
        for (name, first), end in zip(fields, ends, strict=True):
            if name in message.said:
                for position in range(first, end):
                    place = self._found[position]
                    if place.steps and not place.role:
                        self._found[position] = replace(place, role=role_named(who))

    def _scalar(self, match: re.Match[str], steps: tuple[Step, ...]) -> None:
        if match[1]:
            self._found.append(Place(steps, match.start(1) + 1, match.end(1) - 1, self._string(match), STRING))
        elif match[5]:
            text = None if match[5] == "null" else match[5]
            self._found.append(Place(steps, *match.span(5), text, BARE))
        else:
            raise _NotJsonError

    def _string(self, match: re.Match[str]) -> str:
        source = match[1][1:-1]
        return _read(source) if "\\" in source else source


__all__ = ["BARE", "STRING", "json_places"]
