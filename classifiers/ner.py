"""Models that find names and places in text, behind one interface: ``load_ner(name, language)``.

Known names: ``rampart``; ``spacy:<model package>``; ``presidio:<module>:<class>``, any Presidio EntityRecognizer.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from presidio_analyzer import EntityRecognizer
from presidio_analyzer.nlp_engine import NlpArtifacts

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


def require_installed(name: str) -> None:
    """Raises DetectionError where what ``name`` stands for is not installed here, without loading it.

    UsageError, too, as :func:`check_name`.
    """
    check_name(name)
    kind, _, rest = name.partition(":")
    if kind == "spacy" and not (rest.isidentifier() and _is_there(rest)):
        raise DetectionError(
            f"the spaCy model {rest} is not installed",
            hint=f"pip install {rest}, or its wheel from the releases of explosion/spacy-models",
        )
    module = rest.partition(":")[0]
    if kind == "presidio" and not _is_there(module):
        raise DetectionError(
            f"the recognizer's module {module} can't be found",
            hint="install the package it is part of, or set PYTHONPATH to the folder it is in, for Spark's workers too",
        )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a package around it that is none, a name that can't be one
        return False


def load_ner(name: str, language: str) -> NerModel:
    """The model called ``name``; loading takes time, so keep it.

    Raises UsageError for a name that is not known or can't be a model's, DetectionError for a missing or altered one.
    """
    require_installed(name)
    kind, _, rest = name.partition(":")
    if name == "rampart":
        from clearance.classifiers.rampart import RampartNer

        return RampartNer()
    if kind == "spacy":
        from clearance.classifiers.spacy_ner import SpacyNer

        return SpacyNer(rest, language)
    module, _, class_name = rest.partition(":")
    return PresidioNer(module, class_name, language)


class _WordsAlone(NlpArtifacts):
    """What is known of a text where no model of Presidio's has looked at it."""

    def __init__(self, words: NlpArtifacts) -> None:
        self.__dict__.update({key: value for key, value in vars(words).items() if key != "entities"})

    def __getattr__(self, name: str) -> Any:
        if name in ("entities", "scores"):
            raise DetectionError(
                "the recognizer asks for what another model found, and there is none",
                hint="for a spaCy model say spacy:<model package>",
            )
        raise AttributeError(name)


class PresidioNer:
    """Any Presidio ``EntityRecognizer`` as a model; it gets the words of a text as its NLP artifacts.

    One that wants the entities of Presidio's own model (as SpacyRecognizer) would find nothing: it is an error.
    """

    def __init__(self, module: str, class_name: str, language: str) -> None:
        self.name = f"presidio:{module}:{class_name}"
        imported = _guarded(f"importing {module}", importlib.import_module, module)
        kind = getattr(imported, class_name, None)
        if not (isinstance(kind, type) and issubclass(kind, EntityRecognizer)):
            raise UsageError(
                f"{module} has no Presidio EntityRecognizer {class_name}", hint="name it presidio:<module>:<class>"
            )
        self._recognizer: EntityRecognizer = _guarded(f"making a {class_name}", kind, supported_language=language)
        self._words = WordsOnlyNlpEngine(language)
        self._language = language
        self.entity_types = tuple(sorted(self._recognizer.supported_entities))
        self._known = frozenset(self.entity_types)
        package, file = module.partition(".")[0], imported.__file__
        distributions = sorted(metadata.packages_distributions().get(package, []))
        self.facts: Mapping[str, Any] = {
            "recognizer": self._recognizer.version,
            # Who writes one seldom counts its versions.
            "module": hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None,
            "versions": {found: metadata.version(found) for found in [*distributions, "presidio-analyzer"]},
        }

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """What the recognizer returns for each text, one text at a time."""
        return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> list[Span]:
        artifacts = _WordsAlone(self._words.process_text(text, self._language))
        results = self._recognizer.analyze(text, list(self.entity_types), artifacts) or []
        for hit in results:
            if not (0 <= hit.start < hit.end <= len(text) and 0 <= hit.score <= 1 and hit.entity_type in self._known):
                raise DetectionError(
                    f"{self.name} found what can't be: a place outside of the text, a score above 1 or another type",
                    hint="mend the recognizer: its results are characters of the text, of its supported entities",
                )
        return sorted(
            (Span(hit.start, hit.end, hit.entity_type, round(float(hit.score), 4), self.name) for hit in results),
            key=lambda span: (span.start, span.end, span.entity_type, -span.score),
        )


def _guarded(what: str, do: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What ``do`` returns. Raises DetectionError, with the kind of its error only, for somebody's code that fails."""
    try:
        return do(*args, **named)
    except Exception as error:
        raise DetectionError(
            f"{what} failed with {type(error).__name__}",
            hint="a recognizer is made with supported_language alone; try it in Python",
        ) from error
