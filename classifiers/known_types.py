"""Entity types and detectors that rules of a user may name: a rule for any other would silently do nothing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from clearance.classifiers.detectors import countries, packaged_files
from clearance.classifiers.recognizers import build_recognizer, recognizer_entries
from clearance.classifiers.resolution import DENY_DETECTOR, MODEL
from clearance.classifiers.yaml_files import RulesFile, content_of, line_of
from clearance.errors import UsageError

#: How the names of models begin that are loaded by their name: which ones there are, nobody knows before.
_PLUGGED_IN = ("spacy:", "presidio:")


def require_known_names(files: Sequence[RulesFile], found: Iterable[str] = ()) -> None:
    """Raises UsageError, with file, line and key, for a rule whose type nobody finds in any language or region, or
    whose detector nobody is.

    ``files`` were read as valid rules before; types that their own detectors and ``deny`` lists declare are known,
    and so are those ``found``, by the engine that the rules are for: no recognizer is built to know them. Any name of a
    spaCy model or a plugged-in recognizer is known, too.
    """
    at_hand = {*found, *declared_types(files), *_types_at_hand()}
    detectors = {*_detectors_at_hand(), *_declared_detectors(files)}
    for file in files:
        for kind, detector, place in _named(content_of(*file).get("resolution") or {}):
            if kind != "*" and kind not in at_hand and kind not in _types_of_presidio():
                hint = "a type of your own needs a detector or a deny list that is given with this file"
                raise _unknown(
                    file, place, f"nothing finds the type {kind}", kind, at_hand | _types_of_presidio(), hint
                )
            if detector and detector not in detectors and not detector.startswith(_PLUGGED_IN):
                hint = "a detector of your own has to be given with this file"
                raise _unknown(file, place, f"no detector is called {detector}", detector, detectors, hint)


def _unknown(
    file: RulesFile, place: tuple[object, ...], problem: str, name: str, known: Collection[str], hint: str
) -> UsageError:
    by_small = {each.lower(): each for each in sorted(known)}
    close = difflib.get_close_matches(name.lower(), sorted(by_small), n=1, cutoff=0.5)
    guess = f"did you mean {by_small[close[0]]}? " if close else ""
    key = ".".join(map(str, ("resolution", *place)))
    return UsageError(
        f"{file.name}{line_of(file.text, ('resolution', *place))}: {key}: {problem}",
        hint=f"{guess}{hint}; clearance detectors list names the others",
    )


def declared_types(files: Iterable[RulesFile]) -> frozenset[str]:
    """The types that these files' own detectors and ``deny`` lists find."""
    return frozenset(kind for file in files for kind in _declared(content_of(*file)))


def _declared(content: dict[str, Any]) -> Iterator[str]:
    yield from (entry["entity_type"] for entry in content.get("detectors", ()))
    resolution = content.get("resolution") or {}
    yield from (entry["entity_type"] for entry in resolution.get("deny", ()))


def _declared_detectors(files: Iterable[RulesFile]) -> Iterator[str]:
    return (entry["name"] for file in files for entry in content_of(*file).get("detectors", ()))


def _named(resolution: dict[str, Any]) -> Iterator[tuple[str, str, tuple[object, ...]]]:
    """Each type that a rule is for, the detector ("" for any), and where it stands."""
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
                kind, _, detector = str(selector).partition("/")
                yield kind, detector, place


@lru_cache(maxsize=1)
def _types_at_hand() -> frozenset[str]:
    """Of our patterns, the packaged model and spaCy's: told without building a thing."""
    from clearance.classifiers.rampart import ENTITY_TYPES
    from clearance.classifiers.spacy_ner import ENTITY_OF_LABEL

    return frozenset({*declared_types(packaged_files()), *ENTITY_TYPES, *ENTITY_OF_LABEL.values()})


@lru_cache(maxsize=1)
def _detectors_at_hand() -> frozenset[str]:
    """Names of our patterns, of Presidio's recognizers for any language, and of what stands for models and lists."""
    ours = {*_declared_detectors(packaged_files()), countries("en").name, "rampart", MODEL, DENY_DETECTOR}
    return frozenset({*ours, *(entry.name for entry in recognizer_entries()[0] if entry.use != "never")})


@lru_cache(maxsize=1)
def _types_of_presidio() -> frozenset[str]:
    """Of all recognizers that may be on in some language or region: a file of rules may serve several."""
    return frozenset(
        kind
        for entry in recognizer_entries()[0]
        if entry.use != "never"
        for kind in build_recognizer(entry, min(entry.languages or {"en"})).supported_entities
    )


__all__ = ["declared_types", "require_known_names"]
