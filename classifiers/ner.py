"""Models that find names and places in text, behind one interface: ``load_ner(name, language)``.

Known names: ``rampart``; ``spacy:<model package>``; ``presidio:<module>:<class>``, any Presidio EntityRecognizer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Protocol

from presidio_analyzer import EntityRecognizer

from clearance.classifiers.findings import Span
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.errors import DetectionError, UsageError

KNOWN = "rampart, spacy:<model package>, presidio:<module>:<class of an EntityRecognizer>"


class NerModel(Protocol):
    """A loaded model. A text's spans depend on that text alone, never on the others in the call."""

    name: str
    entity_types: tuple[str, ...]
    #: JSON-ready: what, when changed, makes this another model (hashes, versions).
    facts: Mapping[str, Any]

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Spans of each text, in the order of ``texts``; offsets in code points."""
        ...


def check_name(name: str) -> None:
    """Raises UsageError for what can't be the name of a model, without loading anything."""
    kind, _, rest = name.partition(":")
    if not (name == "rampart" or (kind == "spacy" and rest) or (kind == "presidio" and rest.count(":") == 1)):
        raise UsageError(f"unknown NER model {name!r}", hint=f"known: {KNOWN}")


def load_ner(name: str, language: str) -> NerModel:
    """The model called ``name``; loading takes time, so keep it.

    Raises UsageError for a name that is not known or can't be a model's, DetectionError for a missing or altered one.
    """
    check_name(name)
    kind, _, rest = name.partition(":")
    if name == "rampart":
        from clearance.classifiers.rampart import RampartNer

        return RampartNer()
    if kind == "spacy":
        from clearance.classifiers.spacy_ner import SpacyNer

        return SpacyNer(rest, language)
    module, _, class_name = rest.partition(":")
    return PresidioNer(module, class_name, language)


class PresidioNer:
    """Any Presidio ``EntityRecognizer`` as a model; it gets the words of a text as its NLP artifacts.

    A recognizer that wants more of a text than its words (lemmas, entities) finds nothing here.
    """

    def __init__(self, module: str, class_name: str, language: str) -> None:
        self.name = f"presidio:{module}:{class_name}"
        try:
            kind = getattr(importlib.import_module(module), class_name, None)
        except ImportError as error:
            raise DetectionError(
                f"the recognizer's module {module} can't be imported", hint="install the package it is part of"
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, EntityRecognizer)):
            raise UsageError(
                f"{module} has no Presidio EntityRecognizer {class_name}", hint="name it presidio:<module>:<class>"
            )
        make: Any = kind
        self._recognizer: EntityRecognizer = make(supported_language=language)
        self._words = WordsOnlyNlpEngine(language)
        self._language = language
        self.entity_types = tuple(sorted(self._recognizer.supported_entities))
        package = module.partition(".")[0]
        distributions = sorted(metadata.packages_distributions().get(package, []))
        self.facts: Mapping[str, Any] = {
            "recognizer": self._recognizer.version,
            "versions": {found: metadata.version(found) for found in [*distributions, "presidio-analyzer"]},
        }

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """What the recognizer returns for each text, one text at a time."""
        return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> list[Span]:
        artifacts = self._words.process_text(text, self._language)
        results = self._recognizer.analyze(text, list(self.entity_types), artifacts) or []
        return sorted(
            (Span(hit.start, hit.end, hit.entity_type, round(float(hit.score), 4), self.name) for hit in results),
            key=lambda span: (span.start, span.end, span.entity_type, -span.score),
        )
