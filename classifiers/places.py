"""Where a value stands inside a string that holds JSON, XML, a query string or key=value pairs.

A place knows its path, its offsets in the source and the value they spell, so that one can be looked at, and replaced,
without touching a character of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from clearance.classifiers.names import fitting_rules
from clearance.paths import KEY, VALUE, Step, quote

#: Deeper or longer lists of values are text, not documents: what one value costs is bounded.
MAX_DEPTH, MAX_PLACES = 32, 20_000

_MARKS = r"_\-.:$/# "
_KEY = re.compile(rf"[@$]?[^\W\d_][\w{_MARKS}]{{0,63}}|[_$][\w{_MARKS}]{{1,63}}")
_TITLE_CASED = re.compile(r"[A-Z][^\W\d_]*[.'’]?(?:[ -][A-Z][^\W\d_]*[.'’]?){1,3}")
_LONGEST_WORD = 30


@dataclass(frozen=True, slots=True)
class Notation:
    """How a value is spelled in its source: ``read`` and ``write`` are inverse, ``escape`` is what stands for a letter.

    ``write`` may not be given back what it wrote: it spells a value as it stands between its delimiters.
    """

    read: Callable[[str], str]
    write: Callable[[str], str]
    escape: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """One value, or one key: ``source[start:end]`` spells ``text`` in its ``notation``.

    ``steps`` lead to it from the string that holds it, and begin with the form; a key that names a field has none: it
    is no value of its own. ``text`` is None for a null. ``role``: who speaks, where it is part of a chat's message. It
    holds the value: keep it short-lived.
    """

    steps: tuple[Step, ...]
    start: int
    end: int
    text: str | None
    notation: Notation
    role: str = ""


@lru_cache(maxsize=8192)
def names_a_field(key: str) -> bool:
    """Whether a key is the name of a field, and no value itself, as in ``{"ana@example.org": {...}}``.

    Decided by the key alone, so that every part of a dataset decides alike.
    """
    if not _KEY.fullmatch(key) or sum(character.isdigit() for character in key) >= 4:
        return False
    if any(len(word) > _LONGEST_WORD for word in re.split(rf"[{_MARKS}]+|(?<=[a-z])(?=[A-Z])", key)):
        return False
    # "Date Of Birth" says what it is; "Mary Smith" says nothing but a name.
    return not _TITLE_CASED.fullmatch(key) or bool(fitting_rules(quote(key)))


@lru_cache(maxsize=8192)
def step_of(key: str) -> Step:
    """The step to the value under a key: its name, or the value of some entry."""
    return Step("name", key) if names_a_field(key) else VALUE


def key_steps(above: tuple[Step, ...], key: str) -> tuple[Step, ...]:
    """The steps to a key itself: none if it names a field."""
    return () if names_a_field(key) else (*above, KEY)
