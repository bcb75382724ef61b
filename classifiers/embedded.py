"""What a string holds that is more than text: JSON, XML, the query of a URL, key=value pairs of a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clearance.classifiers.embedded_json import json_places
from clearance.classifiers.embedded_pairs import kv_places, query_places
from clearance.classifiers.embedded_xml import xml_places
from clearance.classifiers.places import Place
from clearance.paths import Form
from clearance.values import octets_of

#: Longer values are text: the places of one value must fit into memory.
LONGEST = 1 << 22
#: A string inside a string inside a string is looked into, no further one.
MAX_NESTING = 2
_OPENING = np.frombuffer(b"{[< \t\r\n", dtype=np.uint8)
_EQUALS = ord("=")


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The places in one string, in order and apart. It holds the value: keep it short-lived."""

    form: Form
    places: tuple[Place, ...]


def read_document(text: str) -> Document | None:
    """The places of what a string holds; None if it is text. Takes time linear in the text's length."""
    first = text[:64].lstrip()[:1]
    if not first or len(text) > LONGEST:
        return None
    if first in "{[":
        return _document("json", json_places(text))
    if first == "<":
        return _document("xml", xml_places(text))
    if "=" not in text:
        return None
    return _document("query", query_places(text)) or _document("kv", kv_places(text))


def _document(form: Form, places: list[Place] | None) -> Document | None:
    return None if places is None else Document(form, tuple(places))


def may_be_documents(values: pa.Array) -> npt.NDArray[np.bool_]:
    """A quick look at a string array without nulls: False where :func:`read_document` would say None."""
    octets, offsets = octets_of(values)
    starts, lengths = offsets[:-1], np.diff(offsets)
    found = np.zeros(len(starts), dtype=np.bool_)
    short = lengths <= 4 * LONGEST
    if not short.all():
        # Not one look at a huge value: a position for each of its characters would not fit into memory.
        found[short] = may_be_documents(values.filter(pa.array(short)))
        return found
    filled = lengths > 0
    found[filled] = np.isin(octets[starts[filled]], _OPENING)
    equals = np.flatnonzero(octets == _EQUALS)
    if len(equals):
        found[np.unique(np.searchsorted(offsets, equals, side="right") - 1)] = True
    return found


def replaced(text: str, places: Mapping[Place, str] | Sequence[tuple[Place, str]]) -> str:
    """``text`` with other values at some places, each spelled as its place asks; every other character stays."""
    pairs = places.items() if isinstance(places, Mapping) else places
    parts: list[str] = []
    at = 0
    for place, value in sorted(pairs, key=lambda pair: pair[0].start):
        parts += [text[at : place.start], place.notation.write(value)]
        at = place.end
    parts.append(text[at:])
    return "".join(parts)


__all__ = ["Document", "may_be_documents", "read_document", "replaced"]
