"""Tokens inside texts: which are ours, and the text with something else in their places.

A text that holds JSON or XML is still that afterwards: what comes out of a token is spelled as its place asks.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from clearance.classifiers.embedded import MAX_NESTING, read_document
from clearance.governance.policy import load_policy
from clearance.jobs.text_methods import OTHER
from clearance.tokenization.token_format import CANDIDATE, PREFIX, unverified_spans

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.classifiers.places import Place
    from clearance.tokenization.tokens import Tokenizer

# In a query or a log line, what one notation and no other gives a meaning. A percent sign was part of what was found.
_SPELLED = re.compile(r"[\s&;#\"\\,|=]")


class Token(NamedTuple):
    """A token in a text: offsets in code points, kind (``h`` or ``r``), entity type, and whose it is.

    ``reader`` is the place of the tokenizer that verified it; None where it only looks like a token: another domain's
    or key's, or a forged one. ``kid`` is the key that such a one names, and ``state`` that key's, where it may not be
    used.
    """

    start: int
    end: int
    kind: str
    entity_type: str
    reader: int | None
    kid: str = ""
    state: str = ""


def tokens_in(text: str, readers: "Sequence[Tokenizer]") -> list[Token]:
    """The tokens of a text, and what looks like one, in order."""
    if PREFIX not in text.lower():
        return []
    found = [
        Token(start, end, text[start + len(PREFIX)].lower(), kind, number)
        for number, reader in enumerate(readers)
        for start, end, kind in reader.verified_spans(text)
    ]
    found.sort()
    unusable = {kid: state for reader in readers for kid, state in reader.unusable.items()}
    strangers = [
        Token(start, end, text[start + len(PREFIX)].lower(), kind, None, *_named(text, start, unusable))
        for start, end, kind in unverified_spans(text, [(token.start, token.end, "") for token in found])
    ]
    return sorted([*found, *strangers])


def _named(text: str, start: int, unusable: Mapping[str, str]) -> tuple[str, str]:
    """The key that a candidate names and its state, if it is one of these: any other may be anything, a value too."""
    match = CANDIDATE.match(text, start)
    kid = match["kid"].lower() if match else ""
    return (kid, unusable[kid]) if kid in unusable else ("", "")


def strangers_in(text: str, tokenizer: "Tokenizer | None", engine: "Engine") -> list[tuple[int, int, str]]:
    """(start, end, entity type) of what looks like a token and can't be verified: it counts as a value of that type.

    A type that neither the detectors nor Clearance's own policy knows is ``OTHER``: whoever writes the data writes that
    name too, and a finding shows it.
    """
    if PREFIX not in text.lower():
        return []
    found = unverified_spans(text, tokenizer.verified_spans(text) if tokenizer is not None else ())
    return [(start, end, kind if _is_known(kind, engine) else OTHER) for start, end, kind in found if kind]


def _is_known(entity_type: str, engine: "Engine") -> bool:
    return entity_type in engine.entity_types or entity_type in _own_types()


@lru_cache(maxsize=1)
def _own_types() -> frozenset[str]:
    return frozenset(load_policy(None).entity_types)


Change = Callable[[Token, str], "str | None"]


def changed_tokens(
    text: str, readers: "Sequence[Tokenizer]", change: Change, *, spelled: bool, nesting: int = MAX_NESTING
) -> str:
    """``text`` with what ``change`` says in each token's place; None leaves it.

    ``spelled``: what comes out may need the notation of the JSON, XML, query or log line that the text holds. Tokens
    never do.
    """
    tokens = tokens_in(text, readers)
    if not tokens:
        return text
    document = read_document(text) if spelled and nesting else None
    places: list[tuple[Place, str]] = []
    rest: list[Token] = []
    open_ = deque(tokens)
    for place in document.places if document else ():
        while open_ and open_[0].start < place.start:
            rest.append(open_.popleft())
        if not open_ or open_[0].end > place.end or place.text is None:
            continue
        while open_ and open_[0].end <= place.end:
            open_.popleft()
        new = changed_tokens(place.text, readers, change, spelled=True, nesting=nesting - 1)
        if new != place.text:
            places.append((place, new))
    rest.extend(open_)
    pieces = [(token.start, token.end, change(token, text[token.start : token.end])) for token in rest]
    if document is None or not places:
        return _with(text, pieces)
    exact = document.form in ("json", "xml")
    pieces += [
        (place.start, place.end, new if not exact and _plain(new) else place.notation.write(new))
        for place, new in places
    ]
    return _with(text, sorted(pieces))


def _plain(value: str) -> bool:
    return value.isascii() and not _SPELLED.search(value)


def _with(text: str, pieces: Sequence[tuple[int, int, str | None]]) -> str:
    parts, at = [], 0
    for start, end, new in pieces:
        if new is not None:
            parts += [text[at:start], new]
            at = end
    return "".join([*parts, text[at:]])
