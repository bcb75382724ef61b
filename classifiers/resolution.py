"""What becomes of hits: the rules that :mod:`clearance.classifiers.resolve` follows.

They are read from YAML files, of the form that :mod:`clearance.classifiers.resolution_file` describes, merged and
compiled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import regex
from pydantic import ValidationError

from clearance.classifiers.checks import CHECKS
from clearance.classifiers.detectors import words_pattern
from clearance.classifiers.resolution_file import File, Nonsense, Words
from clearance.classifiers.value_lists import ValueList
from clearance.classifiers.yaml_files import RulesFile, content_of, line_of, read_files
from clearance.errors import UsageError

#: What wins where nothing is said: a type of its own, told by a pattern.
DEFAULT_PRECEDENCE = 100
DENY_DETECTOR = "DenyList"
#: What a selector calls any NER model.
MODEL = "model"
#: Hot words may lift whatever has any score at all.
_LEAST_SCORE = 0.01
_HINT = "docs/how-to/tune-detection.md says what each key means"
#: What pydantic says of a wrong value, in words for whoever wrote the file.
_IN_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    "dict_type": "a mapping is expected",
    "model_type": "a mapping is expected",
    "list_type": "a list is expected",
    "string_type": "text is expected; put it in quotes",
    "int_type": "a whole number is expected",
    "float_type": "a number is expected",
}


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
    check: Callable[[str], bool] | None
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
    #: The rules of nonsense that may hold for a hit that is all of its text: nothing stands before or behind it.
    nonsense_alone: tuple[NonsenseRule, ...]
    #: Whether a hit above the threshold counts whatever it says and wherever it stands.
    plain: bool


class Resolution:
    """The rules of one configuration, files merged. Get one from :func:`load_resolution`."""

    def __init__(self, merged: File, threshold: float) -> None:
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
        nonsense = tuple(rule for of, rule in self._nonsense if meant(of))
        hot = tuple(rule for of, rule in self._hot if meant(of))
        exclusion = tuple(rule for of, rule in self._exclusion if meant(of))
        allow = tuple(values for of, values in self._allow if meant(of))
        return PairRules(
            DEFAULT_PRECEDENCE if precedence is None else precedence,
            self.threshold if threshold is None else threshold,
            nonsense,
            hot,
            exclusion,
            allow,
            tuple(name for name, merge in rules.merge.items() if merge and meant(merge.of)),
            tuple(rule for rule in nonsense if _may_stand_alone(rule)),
            not (nonsense or hot or exclusion or allow),
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
            if key in ("nonsense", "merge"):
                _require_known(file, key, [name for name, rule in value.items() if rule is None], merged.get(key, {}))
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else merged.get(key, []) + value
    return Resolution(File.model_construct(**merged), threshold)


def _require_known(file: RulesFile, key: str, taken: Sequence[str], known: Mapping[str, Any]) -> None:
    """Raises UsageError for a rule that is taken away and was never there: the one that was meant would stay."""
    for name in taken:
        if name not in known:
            line = line_of(file.text, ("resolution", key, name))
            raise UsageError(
                f"{file.name}{line}: resolution.{key}.{name}: there is no rule of this name to take away",
                hint="classifiers/resolution.yaml has the packaged ones",
            )


@lru_cache(maxsize=1)
def _packaged() -> RulesFile:
    text = resources.files("clearance.classifiers").joinpath("resolution.yaml").read_text(encoding="utf-8")
    return RulesFile("resolution.yaml", text)


def _read(file: RulesFile) -> File:
    problem = place = line = ""
    try:
        return File.model_validate(content_of(*file).get("resolution", {}))
    except ValidationError as error:
        # Of several, a misspelt key explains a missing one.
        found = sorted(error.errors(include_url=False, include_input=False), key=lambda one: one["type"] == "missing")
        location = ("resolution", *found[0]["loc"])
        line = line_of(file.text, location)
        place = ".".join(str(part) for part in location if part != "[key]")
        problem = _IN_WORDS.get(found[0]["type"]) or found[0]["msg"].removeprefix("Value error, ")
    # Raised out here: the validation error holds the values of the file's lists.
    raise UsageError(f"{file.name}{line}: {place}: {problem}", hint=_HINT)


def _selectors(entity_type: str, detector: str) -> tuple[str, ...]:
    """Selectors that fit a hit, the most telling first."""
    name = detector.partition(" (")[0]  # in a view it is the same detector
    model = name == "rampart" or name.startswith(("spacy:", "presidio:"))
    detectors = (name, MODEL) if model else (name,)
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
    check = None if rule.check is None else CHECKS[rule.check]
    return NonsenseRule(value, before, behind, check, 2.0 if rule.below is None else rule.below)


def _may_stand_alone(rule: NonsenseRule) -> bool:
    return all(pattern is None or pattern.search("") is not None for pattern in (rule.before, rule.behind))


def _near(rule: Words, *, by: float, to: float | None = None, drops: bool = False) -> NearWords:
    before, behind = (rule.window if rule.side in (side, "both") else 0 for side in ("before", "behind"))
    return NearWords(words_pattern(rule.words), before, behind, by, to, drops)


__all__ = [
    "DEFAULT_PRECEDENCE",
    "DENY_DETECTOR",
    "MODEL",
    "PairRules",
    "Resolution",
    "load_resolution",
    "resolution_digest",
]
