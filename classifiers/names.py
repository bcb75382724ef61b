"""What a column's name says: rules from ``names.yaml`` over the words of a column path."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import yaml

# The form of what a string holds, as in payload{json}.user, names nothing.
_SEGMENT = re.compile(r"`((?:[^`]|``)*)`|\{(?:json|xml|query|kv)\}|([^.`\[\]{}]+)")
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: Segments that name nothing by themselves: the parent's name speaks.
_HOLLOW = frozenset(["value", "key", "element", "item", "entry", "text", "val", "data", "string"])
#: Segments that say only how the parent is written down: phone.number, emails[].address.
_HALF_HOLLOW = frozenset(["address", "number", "no", "num", "nr"])


@dataclass(frozen=True, slots=True)
class NameRule:
    """One rule: which names it fits, and the trait that ``share`` of the filled values must have."""

    entity_type: str
    phrases: tuple[tuple[str, ...], ...]
    exact: frozenset[str]
    unless: frozenset[str]
    unless_parent: frozenset[str]
    trait: str
    share: float

    def fits(self, words: tuple[str, ...], parents: frozenset[str]) -> bool:
        """Whether the rule fits the words of a name."""
        if self.unless & (set(words) | parents) or self.unless_parent & parents:
            return False
        if len(words) == 1 and words[0] in self.exact:
            return True
        return any(_contains(words, phrase) for phrase in self.phrases)


@lru_cache(maxsize=1)
def name_rules() -> tuple[NameRule, ...]:
    """The packaged rules, in order."""
    text = resources.files("clearance.classifiers").joinpath("names.yaml").read_text(encoding="utf-8")
    return tuple(
        NameRule(
            entity_type=rule["entity_type"],
            phrases=tuple(tuple(phrase.split()) for phrase in rule["phrases"]),
            exact=frozenset(rule.get("exact", ())),
            unless=frozenset(rule["unless"]),
            unless_parent=frozenset(rule.get("unless_parent", ())),
            trait=rule["trait"],
            share=float(rule["share"]),
        )
        for rule in yaml.safe_load(text)["rules"]
    )


@lru_cache(maxsize=4096)
def fitting_rules(path: str) -> tuple[NameRule, ...]:
    """Rules that fit a column path, the likeliest first."""
    segments = [words for words in map(name_words, _segments(path)) if words]
    while len(segments) > 1 and set(segments[-1]) <= _HOLLOW:
        segments.pop()
    if not segments:
        return ()
    last = segments[-1]
    parents = frozenset(word for segment in segments[:-1] for word in segment)
    rules = [rule for rule in name_rules() if rule.fits(last, parents)]
    if not rules and len(segments) > 1:
        # name.first, phone.number: the parent's words help, but can't speak for address.city alone.
        both = segments[-2] + last
        turned = last + segments[-2]
        rules = [
            rule
            for rule in name_rules()
            if not rule.unless & set(both)
            and any(
                _contains(order, phrase) and (set(phrase) & set(last) or set(last) <= _HALF_HOLLOW)
                for phrase in rule.phrases
                for order in (both, turned)
            )
        ]
    return tuple(rules)


def name_evidence(path: str) -> str | None:
    """Entity type that a column path's name speaks for, or None. The values have yet to agree."""
    rules = fitting_rules(path)
    return rules[0].entity_type if rules else None


def name_words(name: str) -> tuple[str, ...]:
    """Words of one name: split at case changes, digits and marks; lower case, accents and plural s removed."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = []
    for part in _WORD.findall(plain):
        words += [_singular(word.lower()) for word in _CAMEL.split(part)]
    return tuple(words)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _segments(path: str) -> list[str]:
    found = []
    for quoted, plain in _SEGMENT.findall(path):
        found.append(quoted.replace("``", "`") if quoted else plain)
    return found


def _contains(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether the phrase's words occur in a row, or glued together as one word."""
    size = len(phrase)
    if any(words[i : i + size] == phrase for i in range(len(words) - size + 1)):
        return True
    glued = "".join(phrase)
    return size > 1 and (glued in words or "".join(words) == glued)
