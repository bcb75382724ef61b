"""Entity types that rules of a user may name: a rule for a type that nobody finds would silently do nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from clearance.classifiers.detectors import packaged_files
from clearance.classifiers.recognizers import build_recognizer, recognizer_entries
from clearance.classifiers.yaml_files import RulesFile, content_of, line_of
from clearance.errors import UsageError


def require_known_types(files: Sequence[RulesFile], found: Iterable[str] = ()) -> None:
    """Raises UsageError, with file, line and key, for a rule whose type nobody finds in any language or region.

    ``files`` were read as valid rules before; types that their own detectors and ``deny`` lists declare are known,
    and so are those ``found``, by the engine that the rules are for: no recognizer is built to know them.
    """
    at_hand = {*found, *declared_types(files), *_types_at_hand()}
    for file in files:
        for kind, place in _named(content_of(*file).get("resolution") or {}):
            if kind in at_hand or kind in _types_of_presidio():
                continue
            close = difflib.get_close_matches(kind, sorted(at_hand | _types_of_presidio()), n=1, cutoff=0.5)
            guess = f"did you mean {close[0]}? " if close else ""
            key = ".".join(map(str, ("resolution", *place)))
            raise UsageError(
                f"{file.name}{line_of(file.text, ('resolution', *place))}: {key}: nothing finds the type {kind}",
                hint=f"{guess}a type of your own needs a detector or a deny list that is given with this file; "
                "clearance detectors list names the others",
            )


def declared_types(files: Iterable[RulesFile]) -> frozenset[str]:
    """The types that these files' own detectors and ``deny`` lists find."""
    return frozenset(kind for file in files for kind in _declared(content_of(*file)))


def _declared(content: dict[str, Any]) -> Iterator[str]:
    yield from (entry["entity_type"] for entry in content.get("detectors", ()))
    resolution = content.get("resolution") or {}
    yield from (entry["entity_type"] for entry in resolution.get("deny", ()))


def _named(resolution: dict[str, Any]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Each type that a rule is for, and where it stands."""
    for key, rules in resolution.items():
        entries = rules.items() if isinstance(rules, dict) else enumerate(rules)
        for name, rule in entries:
            selectors: list[tuple[object, tuple[object, ...]]] = []
            if key in ("precedence", "thresholds"):
                selectors = [(name, (key, name))]
            elif rule:
                selectors = [(selector, (key, name, "of", at)) for at, selector in enumerate(rule.get("of", ()))]
                if key == "merge" and rule["into"] != "first":
                    selectors.append((rule["into"], (key, name, "into")))
            for selector, place in selectors:
                kind = str(selector).partition("/")[0]
                if kind != "*":
                    yield kind, place


@lru_cache(maxsize=1)
def _types_at_hand() -> frozenset[str]:
    """Of our patterns, the packaged model and spaCy's: told without building a thing."""
    from clearance.classifiers.rampart import ENTITY_TYPES
    from clearance.classifiers.spacy_ner import ENTITY_OF_LABEL

    return frozenset({*declared_types(packaged_files()), *ENTITY_TYPES, *ENTITY_OF_LABEL.values()})


@lru_cache(maxsize=1)
def _types_of_presidio() -> frozenset[str]:
    """Of all recognizers that may be on in some language or region: a file of rules may serve several."""
    return frozenset(
        kind
        for entry in recognizer_entries()[0]
        if entry.use != "never"
        for kind in build_recognizer(entry, min(entry.languages or {"en"})).supported_entities
    )


__all__ = ["declared_types", "require_known_types"]
