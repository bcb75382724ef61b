"""The form of a file of resolution rules, as strict models: what is not as described here is refused.

``resolution.yaml`` is the packaged file; a user's file has the same form and is laid over it. Its one key is
``resolution``, a mapping with any of these keys. Entries of a mapping replace the ones of the same name in the files
before (null takes one away), lists are added to.

A *selector* says which hits: ``TYPE``, ``TYPE/detector``, ``*/detector`` or ``*``. The detector ``model`` stands for
any NER model. Where several fit, a detector's name says more than ``model``, and both say more than none.

``precedence``: selector -> number
    On the same characters the higher number wins, whatever the lengths. Without an entry it is DEFAULT_PRECEDENCE.
``thresholds``: selector -> score
    Hits with a lower score don't count. Without an entry it is the engine's threshold.
``nonsense``: name -> ``of`` (selectors) and one or more of ``value``, ``before``, ``behind``, ``check``
    Patterns that the hit's text, what stands right before it and what stands right behind it must match, all three,
    for the hit to be dropped. Case counts. ``check``: a name of :data:`clearance.classifiers.checks.CHECKS`, which the
    hit's text has to pass as well. ``below``: only hits with a lower score.
``merge``: name -> ``of`` (selectors), ``into``, ``between``
    Neighbours of these kinds become one span of type ``into`` where what is between them matches ``between``, as long
    as one of them is of that type already. ``into: first`` takes the first one's type instead.
``allow``: ``of`` (selectors; all), ``values``, ``patterns``, ``hashed``
    Hits whose whole text is in the list are no findings.
``deny``: ``entity_type``, ``values``, ``patterns``, ``hashed``
    What is in the list is a finding of that type wherever it stands, with score 1.
``hot_words``: ``of``, ``words``, ``window`` (50), ``side`` (both), and ``raise_by`` or ``raise_to``
    Words that raise a hit's score when they stand within so many characters ``before`` it, ``behind`` it, or either.
``exclusion_words``: the same with ``lower_by``; without, the hit is dropped.

``values`` are compared as :mod:`clearance.classifiers.value_lists` says, ``patterns`` without regard to case.
``hashed`` has ``salt`` (16 characters or more), ``digests``, and ``words``, the most words that a value has (1).
"""

from __future__ import annotations

from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from clearance.classifiers.checks import CHECKS
from clearance.classifiers.detectors import LONGEST_WORD
from clearance.classifiers.value_lists import MOST_WORDS, ValueList, phrases_of


def _selector(text: str) -> str:
    kind, slash, detector = text.partition("/")
    if not (kind == "*" or regex.fullmatch(r"[A-Z][A-Z0-9_]*", kind)) or (slash and not detector):
        raise ValueError("not TYPE, TYPE/detector, */detector or *")
    return text


def _pattern(text: str) -> str:
    try:
        regex.compile(text)
    except regex.error as error:
        raise ValueError(f"not a valid pattern at {error.pos}") from None
    return text


def _word(text: str) -> str:
    if not text.strip("* ") or len(text) > LONGEST_WORD:
        raise ValueError(f"a word is neither empty nor longer than {LONGEST_WORD}")
    return text


def _check(name: str) -> str:
    if name not in CHECKS:
        raise ValueError(f"no check of this name; known: {', '.join(sorted(CHECKS))}")
    return name


Selector = Annotated[str, AfterValidator(_selector)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Check = Annotated[str, AfterValidator(_check)]
Word = Annotated[str, AfterValidator(_word)]
EntityType = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
Score = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nonsense(_Strict):
    """Hits that can't be what they were taken for."""

    of: Annotated[list[Selector], Field(min_length=1)]
    value: Pattern | None = None
    before: Pattern | None = None
    behind: Pattern | None = None
    check: Check | None = None
    below: Score | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Nonsense:
        if self.value is None and self.before is None and self.behind is None and self.check is None:
            raise ValueError("it needs value, before, behind or check")
        return self


class Merge(_Strict):
    """Neighbours that are one thing."""

    of: Annotated[list[Selector], Field(min_length=1)]
    into: EntityType | Literal["first"]
    between: Pattern


class Hashed(_Strict):
    """Values of a list, each as HMAC-SHA256 under a salt."""

    salt: Annotated[str, Field(min_length=16)]
    digests: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    words: Annotated[int, Field(ge=1, le=MOST_WORDS)] = 1


class _Values(_Strict):
    values: list[str] = []
    patterns: list[Pattern] = []
    hashed: Hashed | None = None

    @model_validator(mode="after")
    def _says_something(self) -> _Values:
        if not self.values and not self.patterns and (self.hashed is None or not self.hashed.digests):
            raise ValueError("it needs values, patterns or hashed")
        phrases_of(self.values)
        return self

    def compiled(self) -> ValueList:
        hashed = self.hashed or Hashed(salt="-" * 16, digests=[])
        return ValueList(
            phrases_of(self.values),
            tuple(regex.compile(pattern, regex.IGNORECASE) for pattern in self.patterns),
            hashed.salt,
            frozenset(hashed.digests),
            hashed.words,
        )


class Allow(_Values):
    """Values that are no findings."""

    of: Annotated[list[Selector], Field(min_length=1)] = ["*"]


class Deny(_Values):
    """Values that always are."""

    entity_type: EntityType


class Words(_Strict):
    """Words beside a hit, and how near."""

    of: Annotated[list[Selector], Field(min_length=1)]
    words: Annotated[list[Word], Field(min_length=1)]
    window: Annotated[int, Field(ge=1, le=1000)] = 50
    side: Literal["before", "behind", "both"] = "both"


class HotWords(Words):
    """Words that make a hit more credible."""

    raise_by: Score | None = None
    raise_to: Score | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> HotWords:
        if (self.raise_by is None) == (self.raise_to is None):
            raise ValueError("it needs raise_by or raise_to, one of the two")
        return self


class ExclusionWords(Words):
    """Words that make a hit less credible, or none at all."""

    lower_by: Score | None = None


class File(_Strict):
    """One file's rules, as they stand there."""

    precedence: dict[Selector, int | None] = {}
    thresholds: dict[Selector, Score | None] = {}
    nonsense: dict[str, Nonsense | None] = {}
    merge: dict[str, Merge | None] = {}
    allow: list[Allow] = []
    deny: list[Deny] = []
    hot_words: list[HotWords] = []
    exclusion_words: list[ExclusionWords] = []


__all__ = ["Allow", "Deny", "ExclusionWords", "File", "Hashed", "HotWords", "Merge", "Nonsense", "Words"]
