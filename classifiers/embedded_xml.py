"""The places of an XML document. No entity but the five of XML itself is ever expanded, and no DTD is read.

expat, which is C and knows the rules, decides whether a text is XML; then the places are found by their tags.
"""

from __future__ import annotations

import re
from html import unescape
from xml.parsers import expat
from xml.sax.saxutils import escape

from clearance.classifiers.places import MAX_DEPTH, MAX_PLACES, Notation, Place, key_steps, step_of
from clearance.paths import FORMS, Step

_PART = re.compile(
    r"<!--(?P<comment>.*?)-->|<!\[CDATA\[(?P<cdata>.*?)\]\]>|<\?.*?\?>|</(?P<closes>[^\s>]+)\s*>"
    r"""|<(?P<opens>[^\s/>!?]+)(?P<attributes>(?:\s+[^\s=>]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(?P<empty>/?)>"""
    r"|(?P<text>[^<]+)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_REFERENCE = re.compile(r"&#?\w+;")


def _escape(text: str) -> str:
    return escape(text, {'"': "&quot;", "'": "&apos;"})


TEXT = Notation(unescape, _escape, _REFERENCE)
#: Inside CDATA and comments nothing is escaped, and their ends must not occur.
RAW = Notation(str, lambda text: text.replace("]]>", "]] >").replace("--", "- -"))


class _NotXmlError(Exception):
    """The text is something else, or asks for more than is safe."""


def _refuse(*_: object) -> None:
    raise _NotXmlError


def xml_places(text: str) -> list[Place] | None:
    """Every attribute and piece of text of an XML document, in order.

    None if the text is not well-formed, has a DTD (an entity may stand for gigabytes, or for a file), or is too deep or
    too long. An attribute's step is its name behind an ``@``.
    """
    try:
        _check(text)
        return _places(text)
    except (_NotXmlError, expat.ExpatError, UnicodeEncodeError):
        return None


def _check(text: str) -> None:
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.Parse(text.encode(), True)


def _places(text: str) -> list[Place]:
    found: list[Place] = []
    open_: list[tuple[Step, ...]] = [(FORMS["xml"],)]
    at = 0
    for part in _PART.finditer(text):
        if part.start() != at or len(found) > MAX_PLACES or len(open_) > MAX_DEPTH:
            raise _NotXmlError
        at = part.end()
        if part["text"] is not None:
            found += _filled(text, open_[-1], *part.span("text"), TEXT)
        elif part["opens"]:
            steps = (*open_[-1], step_of(part["opens"]))
            if key_steps((), part["opens"]):
                # A name that may be a value is looked at as one, but can't be replaced: a tag has two ends.
                raise _NotXmlError
            found += _attributes(text, steps, part)
            if not part["empty"]:
                open_.append(steps)
        elif part["closes"]:
            open_.pop()
        elif part["cdata"] is not None:
            found += _filled(text, open_[-1], *part.span("cdata"), RAW)
        elif part["comment"] is not None:
            found.append(Place((), *part.span("comment"), part["comment"], RAW))
    if at != len(text) or len(open_) != 1:
        raise _NotXmlError
    return found


def _filled(text: str, steps: tuple[Step, ...], start: int, end: int, notation: Notation) -> list[Place]:
    """The place of what stands there, without the blanks around it; none for blanks alone."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return []
    start += len(piece) - len(piece.lstrip())
    return [Place(steps, start, start + len(stripped), notation.read(stripped), notation)]


def _attributes(text: str, steps: tuple[Step, ...], tag: re.Match[str]) -> list[Place]:
    found = []
    for attribute in _ATTRIBUTE.finditer(text, *tag.span("attributes")):
        group = 2 if attribute[2] is not None else 3
        below = (*steps, step_of("@" + attribute[1]))
        found.append(Place(below, *attribute.span(group), TEXT.read(attribute[group]), TEXT))
    return found


__all__ = ["xml_places"]
