"""What a column's name says: rules from ``names.yaml`` over the words of a column path or comment."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from clearance.classifiers.yaml_files import packaged

# The form of what a string holds, as in payload{json}.user, names nothing.
_SEGMENT = re.compile(r"`((?:[^`]|``)*)`|\{(?:json|xml|query|kv)\}|([^.`\[\]{}]+)")
_LATIN = r"A-Za-z\u00df-\u024f"
_WORD = re.compile(rf"[{_LATIN}]+|(?:(?![{_LATIN}])[^\W\d_])+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: Scripts written without spaces: a phrase may stand inside what looks like one word.
_UNSPACED = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
#: Segments that name nothing by themselves: the parent's name speaks.
_HOLLOW = frozenset(["value", "key", "element", "item", "entry", "text", "val", "data", "string"])
#: Segments that say only how the parent is written down: phone.number, emails[].address.
_HALF_HOLLOW = frozenset(["address", "number", "no", "num", "nr"])
#: Words of phrases are looked for inside a word written without marks only if they have so many letters.
_LEAST_GLUED = 4
#: Words so long are taken apart.
_GLUED = range(6, 41)
_COMMENT_WORDS = 40

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameRule:
    """One rule: which names it fits, and the trait that ``share`` of the filled values must have.

    ``each_person``: it holds only where each row is about a person and has a value of its own.
    """

    entity_type: str
    phrases: tuple[Words, ...]
    exact: frozenset[str]
    unless: frozenset[str]
    unless_parent: frozenset[str]
    trait: str
    share: float
    never_among_people: bool = False
    each_person: bool = False

    def coverage(self, words: Words, parents: frozenset[str] = frozenset()) -> float:
        """Share of a name's letters that the longest fitting phrase accounts for; 0 where the rule does not fit."""
        if self.unless & (set(words) | parents) or self.unless_parent & parents:
            return 0.0
        if len(words) == 1 and words[0] in self.exact:
            return 1.0
        return _coverage(words, self.phrases)


@dataclass(frozen=True, slots=True)
class NameMatch:
    """A rule that fits, and the share of the name, in (0, 1], that speaks for it.

    ``in_parent``: only together with the name of what it stands in.
    """

    rule: NameRule
    coverage: float
    in_parent: bool = False


@dataclass(frozen=True, slots=True)
class _Names:
    """``names.yaml``, read."""

    rules: tuple[NameRule, ...]
    aspects: frozenset[str]
    bare_names: frozenset[str]
    name_parts: tuple[Words, ...]
    house_numbers: tuple[Words, ...]
    look_alikes: Mapping[str, tuple[Words, ...]]
    vocabulary: frozenset[str]
    whole: frozenset[str]


@lru_cache(maxsize=1)
def _names() -> _Names:
    content = packaged("names.yaml")
    rules = tuple(_rule(rule) for rule in content["rules"])
    aspects, whole = _plain(content["aspects"]), _plain(content["whole"])
    parts = {word for rule in rules for phrase in rule.phrases for word in phrase}
    parts |= {word for rule in rules for word in rule.unless} | aspects
    return _Names(
        rules=rules,
        aspects=aspects,
        bare_names=_plain(content["bare_names"]),
        name_parts=_phrases(content["name_parts"]),
        house_numbers=_phrases(content["house_numbers"]),
        look_alikes={what: _phrases(phrases) for what, phrases in content["look_alikes"].items()},
        vocabulary=frozenset(word for word in parts if len(word) >= _LEAST_GLUED) | _plain(content["glue"]) | whole,
        whole=whole,
    )


def _rule(rule: Mapping[str, Any]) -> NameRule:
    return NameRule(
        entity_type=rule["entity_type"],
        phrases=_phrases(phrase for phrases in rule["phrases"].values() for phrase in phrases),
        exact=_plain(rule.get("exact", ())),
        unless=_plain(rule["unless"]),
        unless_parent=_plain(rule.get("unless_parent", ())),
        trait=rule["trait"],
        share=float(rule["share"]),
        never_among_people=rule.get("never_among_people", False),
        each_person=rule.get("each_person", False),
    )


def _phrases(phrases: Iterable[str]) -> tuple[Words, ...]:
    return tuple(dict.fromkeys(_marked_words(phrase) for phrase in phrases))


def _plain(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in words for word in _marked_words(text))


@lru_cache(maxsize=4096)
def name_matches(path: str) -> tuple[NameMatch, ...]:
    """Rules that fit a column path, in the order of ``names.yaml``."""
    segments = _speaking(path)
    if not segments:
        return ()
    last = segments[-1]
    parents = frozenset(word for segment in segments[:-1] for word in segment)
    matches = [NameMatch(rule, share) for rule in _names().rules if (share := rule.coverage(last, parents))]
    if not matches and len(segments) > 1:
        # name.first, phone.number: the parent's words help, but can't speak for address.city alone.
        both, turned = segments[-2] + last, last + segments[-2]
        matches = [
            NameMatch(rule, 1.0, in_parent=True)
            for rule in _names().rules
            if not rule.unless & set(both)
            and any(
                _found(order, phrase) and (set(phrase) & set(last) or set(last) <= _HALF_HOLLOW)
                for phrase in rule.phrases
                for order in (both, turned)
            )
        ]
    return tuple(matches)


def fitting_rules(path: str) -> tuple[NameRule, ...]:
    """Rules that fit a column path, in the order of ``names.yaml``."""
    return tuple(match.rule for match in name_matches(path))


def name_evidence(path: str) -> str | None:
    """Entity type that a column path's name speaks for most plainly, or None. The values have yet to agree."""
    best = max(name_matches(path), key=lambda match: match.coverage, default=None)
    return best.rule.entity_type if best is not None else None


@lru_cache(maxsize=4096)
def comment_rules(comment: str) -> tuple[NameRule, ...]:
    """Rules that fit the beginning of a column's comment. Single common words such as "name" say nothing there."""
    words = name_words(comment)[:_COMMENT_WORDS]
    return tuple(rule for rule in _names().rules if not rule.unless & set(words) and _coverage(words, rule.phrases))


@lru_cache(maxsize=4096)
def look_alike(path: str) -> str | None:
    """What a column path names, if that is no personal data: "order and document numbers", "times", ..."""
    words = last_words(path)
    found = {what: _coverage(words, phrases) for what, phrases in _names().look_alikes.items()}
    best = max(found, key=lambda what: found[what])
    return best if found[best] else None


@lru_cache(maxsize=4096)
def names_an_aspect(path: str) -> bool:
    """Whether a name is about a thing rather than the thing: email_sent, address_type."""
    words = last_words(path)
    return len(words) > 1 and bool(_names().aspects & set(words))


@lru_cache(maxsize=4096)
def names_no_owner(path: str) -> bool:
    """Whether a column path says that these are names, and not whose or of what: "name", but not "customer.name"."""
    segments = _speaking(path)
    if not segments or not set(segments[-1]) <= _names().bare_names:
        return False
    of_people = (rule for rule in _names().rules if rule.entity_type in ("PERSON", "USERNAME"))
    return not any(rule.coverage(words) for rule in of_people for words in segments[:-1])


@lru_cache(maxsize=4096)
def names_a_part(path: str) -> bool:
    """Whether a column path names first names or family names, so that one beside it may hold the rest of the name."""
    return bool(_coverage(last_words(path), _names().name_parts))


@lru_cache(maxsize=4096)
def names_house_numbers(path: str) -> bool:
    """Whether a column path names the numbers of houses, so that one of streets beside it has none in it."""
    return last_words(path) in _names().house_numbers


def last_words(path: str) -> Words:
    """Words of what a column path names in the end."""
    segments = _speaking(path)
    return segments[-1] if segments else ()


def name_words(name: str) -> Words:
    """Words of one name: split at case changes, digits, marks and scripts, and between words that were glued together.

    Lower case, accents and plural s removed. Halves of a word that mean nothing alone are one: "geburts_datum".
    """
    return tuple(part for word in _mended(_marked_words(name)) for part in _unglued(word))


def name_coverage(path: str, phrases: tuple[Words, ...]) -> float:
    """Share of the letters of a column path's own name that the longest of some phrases in it accounts for."""
    return _coverage(last_words(path), phrases)


#: Letters with a stroke, or without their dot, have no accent that could be removed.
_STROKES = str.maketrans("đĐłŁøØı", "dDlLoOi")


def _marked_words(name: str) -> Words:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).translate(_STROKES)
    return tuple(_singular(word.lower()) for part in _WORD.findall(plain) for word in _CAMEL.split(part))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _mended(words: Words) -> Words:
    """The words, two or three that the vocabulary knows only together as one."""
    vocabulary = _names().vocabulary
    mended: list[str] = []
    while words:
        taken, whole = 1, words[0]
        for number in (3, 2):
            parts = words[:number]
            # With the s that joins them, which was taken for a plural.
            joined = next((text for text in ("".join(parts), "s".join(parts)) if text in vocabulary), None)
            if len(parts) == number and joined and not set(parts) <= vocabulary:
                taken, whole = number, joined
                break
        mended.append(whole)
        words = words[taken:]
    return tuple(mended)


@lru_cache(maxsize=4096)
def _unglued(word: str) -> Words:
    """The fewest words of the vocabulary that a word is made of; the word itself where it is one, or is not made of
    such words from end to end."""
    vocabulary = _names().vocabulary
    if word in vocabulary or len(word) not in _GLUED or not word.isascii():
        return (word,)
    best: list[Words | None] = [()] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(end - 1):
            before, part = best[start], _singular(word[start:end])
            if before is None or (part not in vocabulary and word[start:end] not in vocabulary):
                continue
            known = best[end]
            if known is None or len(before) + 1 < len(known):
                best[end] = (*before, part)
    return best[len(word)] or (word,)


def _speaking(path: str) -> list[Words]:
    """The words of each segment of a path, without what names nothing at its end."""
    segments = [words for words in map(name_words, _segments(path)) if words]
    while len(segments) > 1 and set(segments[-1]) <= _HOLLOW:
        segments.pop()
    return segments


def _segments(path: str) -> list[str]:
    return [quoted.replace("``", "`") if quoted else plain for quoted, plain in _SEGMENT.findall(path)]


def _coverage(words: Words, phrases: Iterable[Words]) -> float:
    found = max((sum(map(len, phrase)) for phrase in phrases if _found(words, phrase)), default=0)
    return min(1.0, found / sum(map(len, words))) if found else 0.0


def _found(words: Words, phrase: Words) -> bool:
    """Whether the phrase's words occur in a row, or glued together as one word."""
    size = len(phrase)
    if any(words[i : i + size] == phrase for i in range(len(words) - size + 1)):
        return True
    glued = "".join(phrase)
    if size > 1:
        return (glued in words or "".join(words) == glued) and glued not in _names().whole
    return _UNSPACED.match(glued) is not None and any(glued in word for word in words)


__all__ = [
    "NameMatch",
    "NameRule",
    "Words",
    "comment_rules",
    "fitting_rules",
    "last_words",
    "look_alike",
    "name_coverage",
    "name_evidence",
    "name_matches",
    "name_words",
    "names_a_part",
    "names_an_aspect",
    "names_house_numbers",
    "names_no_owner",
]
