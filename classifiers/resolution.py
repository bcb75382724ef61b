"""What becomes of hits: the rules that :mod:`clearance.classifiers.resolve` follows, read from YAML.

``resolution.yaml`` is the packaged file; a user's file has the same form and is laid over it. Its one key is
``resolution``, a mapping with any of these keys. Entries of a mapping replace the ones of the same name in the files
before (null takes one away), lists are added to.

A *selector* says which hits: ``TYPE``, ``TYPE/detector``, ``*/detector`` or ``*``. The detector ``model`` stands for
any NER model. Where several fit, a detector's name says more than ``model``, and both say more than none.

``precedence``: selector -> number
    On the same characters the higher number wins, whatever the lengths. Without an entry it is DEFAULT_PRECEDENCE.
``thresholds``: selector -> score
    Hits with a lower score don't count. Without an entry it is the engine's threshold.
``nonsense``: name -> ``of`` (selectors) and one or more of ``value``, ``before``, ``behind``
    Patterns that the hit's text, what stands right before it and what stands right behind it must match, all three,
    for the hit to be dropped. Case counts. ``below``: only hits with a lower score.
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

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import regex
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from clearance.classifiers.detectors import LONGEST_WORD, words_pattern
from clearance.classifiers.value_lists import MOST_WORDS, ValueList, phrases_of
from clearance.classifiers.yaml_files import RulesFile, content_of, read_files
from clearance.errors import UsageError

#: What wins where nothing is said: a type of its own, told by a pattern.
DEFAULT_PRECEDENCE = 100
DENY_DETECTOR = "DenyList"
_MODEL = "model"
#: Hot words may lift whatever has any score at all.
_LEAST_SCORE = 0.01


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


Selector = Annotated[str, AfterValidator(_selector)]
Pattern = Annotated[str, AfterValidator(_pattern)]
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
    below: Score | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Nonsense:
        if self.value is None and self.before is None and self.behind is None:
            raise ValueError("it needs value, before or behind")
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


class _Words(_Strict):
    of: Annotated[list[Selector], Field(min_length=1)]
    words: Annotated[list[Word], Field(min_length=1)]
    window: Annotated[int, Field(ge=1, le=1000)] = 50
    side: Literal["before", "behind", "both"] = "both"


class HotWords(_Words):
    """Words that make a hit more credible."""

    raise_by: Score | None = None
    raise_to: Score | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> HotWords:
        if (self.raise_by is None) == (self.raise_to is None):
            raise ValueError("it needs raise_by or raise_to, one of the two")
        return self


class ExclusionWords(_Words):
    """Words that make a hit less credible, or none at all."""

    lower_by: Score | None = None


class _File(_Strict):
    precedence: dict[Selector, int | None] = {}
    thresholds: dict[Selector, Score | None] = {}
    nonsense: dict[str, Nonsense | None] = {}
    merge: dict[str, Merge | None] = {}
    allow: list[Allow] = []
    deny: list[Deny] = []
    hot_words: list[HotWords] = []
    exclusion_words: list[ExclusionWords] = []


@dataclass(frozen=True, slots=True)
class NearWords:
    """Words beside a hit and what they do to its score: ``to`` replaces it from below, ``by`` is added."""

    words: regex.Pattern[str]
    before: int
    behind: int
    by: float = 0.0
    to: float | None = None
    drops: bool = False


@dataclass(frozen=True, slots=True)
class NonsenseRule:
    """A compiled :class:`Nonsense`; ``below`` is above 1 where every score is meant."""

    value: regex.Pattern[str] | None
    before: regex.Pattern[str] | None
    behind: regex.Pattern[str] | None
    below: float


@dataclass(frozen=True, slots=True)
class PairRules:
    """What holds for the hits of one detector for one type."""

    precedence: int
    threshold: float
    nonsense: tuple[NonsenseRule, ...]
    hot: tuple[NearWords, ...]
    exclusion: tuple[NearWords, ...]
    allow: tuple[ValueList, ...]
    merges: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Whether a hit above the threshold counts whatever it says and wherever it stands."""
        return not (self.nonsense or self.hot or self.exclusion or self.allow)


class Resolution:
    """The rules of one configuration, files merged. Get one from :func:`load_resolution`."""

    def __init__(self, merged: _File, threshold: float) -> None:
        self._rules = merged
        self.threshold = threshold
        self.deny = tuple((entry.entity_type, entry.compiled()) for entry in merged.deny)
        self.merges = {
            name: (merge.into, regex.compile(merge.between)) for name, merge in merged.merge.items() if merge
        }
        self._nonsense = [(rule.of, _compiled(rule)) for rule in merged.nonsense.values() if rule]
        self._hot = [(rule.of, _near(rule, by=rule.raise_by or 0.0, to=rule.raise_to)) for rule in merged.hot_words]
        self._exclusion = [
            (rule.of, _near(rule, by=-(rule.lower_by or 0.0), drops=rule.lower_by is None))
            for rule in merged.exclusion_words
        ]
        self._allow = [(rule.of, rule.compiled()) for rule in merged.allow]
        self._pairs: dict[tuple[str, str], PairRules] = {}

    @property
    def floor(self) -> float:
        """The least score a hit needs for these rules to let it count: what the engine has to report."""
        if self._hot:
            return min(self.threshold, _LEAST_SCORE)
        return min([self.threshold, *(score for score in self._rules.thresholds.values() if score is not None)])

    @property
    def entity_types(self) -> frozenset[str]:
        """Types that only these rules find."""
        return frozenset(kind for kind, _ in self.deny)

    def of(self, entity_type: str, detector: str) -> PairRules:
        """The rules for the hits of a detector for a type."""
        found = self._pairs.get((entity_type, detector))
        if found is None:
            found = self._pairs[entity_type, detector] = self._pair(entity_type, detector)
        return found

    def _pair(self, entity_type: str, detector: str) -> PairRules:
        names = _selectors(entity_type, detector)
        rules = self._rules

        def meant(of: Sequence[str]) -> bool:
            return any(name in of for name in names)

        precedence = _first(rules.precedence, names)
        threshold = _first(rules.thresholds, names)
        return PairRules(
            DEFAULT_PRECEDENCE if precedence is None else precedence,
            self.threshold if threshold is None else threshold,
            tuple(rule for of, rule in self._nonsense if meant(of)),
            tuple(rule for of, rule in self._hot if meant(of)),
            tuple(rule for of, rule in self._exclusion if meant(of)),
            tuple(values for of, values in self._allow if meant(of)),
            tuple(name for name, merge in rules.merge.items() if merge and meant(merge.of)),
        )


def load_resolution(files: Sequence[str | Path | RulesFile] = (), *, threshold: float = 0.0) -> Resolution:
    """The packaged rules with those of the user's files over them. ``threshold`` holds where no rule gives one.

    Raises UsageError, with file and entry but no value of a list, for what is not as this module describes.
    """
    return _loaded(read_files(files), threshold)


def resolution_digest() -> str:
    """SHA-256 of the packaged rules."""
    return hashlib.sha256(_packaged().text.encode()).hexdigest()


@lru_cache(maxsize=8)
def _loaded(files: tuple[RulesFile, ...], threshold: float) -> Resolution:
    merged: dict[str, Any] = {}
    for file in (_packaged(), *files):
        read = _read(file)
        if file is _packaged():  # a rule of ours is no reason to look at less than was asked for
            higher = {name: max(score or 0.0, threshold) for name, score in read.thresholds.items()}
            read = read.model_copy(update={"thresholds": higher})
        for key in type(read).model_fields:
            value = getattr(read, key)
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else merged.get(key, []) + value
    return Resolution(_File.model_construct(**merged), threshold)


@lru_cache(maxsize=1)
def _packaged() -> RulesFile:
    text = resources.files("clearance.classifiers").joinpath("resolution.yaml").read_text(encoding="utf-8")
    return RulesFile("resolution.yaml", text)


def _read(file: RulesFile) -> _File:
    problem = place = ""
    try:
        return _File.model_validate(content_of(*file).get("resolution", {}))
    except ValidationError as error:
        # Of several, a misspelt key explains a missing one.
        found = sorted(error.errors(include_url=False, include_input=False), key=lambda one: one["type"] == "missing")
        place = ".".join(("resolution", *(str(part) for part in found[0]["loc"] if part != "[key]")))
        problem = found[0]["msg"].removeprefix("Value error, ")
    # Raised out here: the validation error holds the values of the file's lists.
    raise UsageError(f"{file.name}: {place}: {problem}", hint="docs/how-to/tune-detection.md says what each key means")


def _selectors(entity_type: str, detector: str) -> tuple[str, ...]:
    """Selectors that fit a hit, the most telling first."""
    name = detector.partition(" (")[0]  # in a view it is the same detector
    model = name == "rampart" or name.startswith(("spacy:", "presidio:"))
    detectors = (name, _MODEL) if model else (name,)
    return (
        *(f"{entity_type}/{each}" for each in detectors),
        entity_type,
        *(f"*/{each}" for each in detectors),
        "*",
    )


def _first(entries: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((entries[name] for name in names if entries.get(name) is not None), None)


def _compiled(rule: Nonsense) -> NonsenseRule:
    value, before, behind = (
        None if pattern is None else regex.compile(form.format(pattern))
        for form, pattern in (("{}", rule.value), (r"(?:{})\Z", rule.before), ("{}", rule.behind))
    )
    return NonsenseRule(value, before, behind, 2.0 if rule.below is None else rule.below)


def _near(rule: _Words, *, by: float, to: float | None = None, drops: bool = False) -> NearWords:
    before, behind = (rule.window if rule.side in (side, "both") else 0 for side in ("before", "behind"))
    return NearWords(words_pattern(rule.words), before, behind, by, to, drops)


__all__ = ["DEFAULT_PRECEDENCE", "DENY_DETECTOR", "PairRules", "Resolution", "load_resolution", "resolution_digest"]
