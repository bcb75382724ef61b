"""The places of a query string, alone or in a URL, and of key=value pairs, as logs have them (logfmt)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_plus

from clearance.classifiers.places import MAX_PLACES, Notation, Place, key_steps, step_of
from clearance.paths import FORMS, Form

_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]{1,15}:)?//[^\s?#]{1,2048}|/[^\s?#]{0,2048}", re.ASCII)
_QUERY_PAIR = re.compile(r"([^\s=&;#]{1,128})=([^\s&;#]*)")
_KV_PAIR = re.compile(
    r"""(?<![^\s,;|({\[])([^\W\d][\w.\-]{0,63})=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|'([^']*)'"""
    r"""|((?!["'=])[^\s;|,]+(?:,(?!\s|[^\W\d][\w.\-]{0,63}=)[^\s;|,]+)*))""",
    re.DOTALL,
)
_NEEDS_QUOTES = re.compile(r"[\s\"=,;|]")
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)


def _percent(text: str) -> str:
    # Brackets are for the constants that redaction writes.
    return quote(text, safe="[]*")


def _in_quotes(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


QUERY = Notation(unquote_plus, _percent, re.compile(r"(?:%[0-9A-Fa-f]{2})+|\+"))
QUOTED = Notation(lambda source: _BACKSLASH.sub(r"\1", source), _in_quotes, _BACKSLASH)
SINGLE = Notation(str, lambda text: text.replace("'", "’"))
BARE = Notation(str, lambda text: f'"{_in_quotes(text)}"' if _NEEDS_QUOTES.search(text) else text)


def query_places(text: str) -> list[Place] | None:
    """The values of a query string, or of the query of a URL; none for a URL without one, None for anything else.

    Without a URL before it, a query string has two pairs or more, or one behind a question mark.
    """
    url = _URL.match(text)
    if url is None:
        start, least = (1, 1) if text.startswith("?") else (0, 2)
    elif url.end() == len(text) or text[url.end()] == "#":
        return None if any(character.isspace() for character in text) or "//" not in text else []
    else:
        start, least = url.end() + 1, 1
    found: list[Place] = []
    pairs, at = 0, start
    while at < len(text) and text[at] != "#":
        pair = _QUERY_PAIR.match(text, at)
        if pair is None or pairs > MAX_PLACES:
            return None
        found += _pair("query", unquote_plus(pair[1]), pair, 2, QUERY)
        pairs, at = pairs + 1, pair.end()
        if at < len(text) and text[at] in "&;":
            at += 1
    if any(character.isspace() for character in text[at:]):
        return None
    return found if pairs >= least else None


def kv_places(text: str) -> list[Place] | None:
    """The values of the key=value pairs in a text, quoted or not; None where there are fewer than two."""
    found: list[Place] = []
    pairs = 0
    for pair in _KV_PAIR.finditer(text):
        pairs += 1
        if pairs > MAX_PLACES:
            return None
        group, notation = next((g, n) for g, n in ((2, QUOTED), (3, SINGLE), (4, BARE)) if pair[g] is not None)
        found += _pair("kv", pair[1], pair, group, notation)
    return found if pairs >= 2 else None


def _pair(form: Form, key: str, pair: re.Match[str], group: int, notation: Notation) -> list[Place]:
    above = (FORMS[form],)
    places = [Place(key_steps(above, key), *pair.span(1), key, QUERY if form == "query" else BARE)]
    if pair[group]:
        places.append(Place((*above, step_of(key)), *pair.span(group), notation.read(pair[group]), notation))
    return places


__all__ = ["kv_places", "query_places"]
