"""The detection engine: Presidio's recognizers, our own patterns and the NER model, over batches of texts.

``Engine.spans`` gives raw hits; :func:`clearance.classifiers.resolve.resolve` turns them into the spans that count.
An engine is built at most once a process and configuration. Some texts stay in its memory for speed, none leaves it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import regex
import tldextract

from clearance.classifiers.context import Words
from clearance.classifiers.detectors import Detector, detectors_digest, load_detectors, stem_of
from clearance.classifiers.findings import Span
from clearance.classifiers.gate_patterns import gate_pattern
from clearance.classifiers.gates import traits_for_gates
from clearance.classifiers.ner import NerModel, load_ner
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.prefilter import Expression, Prefilter
from clearance.classifiers.recognition import Recognition, quiet_presidio
from clearance.classifiers.recognizers import build_recognizer, enabled_entries
from clearance.classifiers.views import VIEW_GATES, View, views
from clearance.classifiers.windows import OVERLAP, SIZE, in_windows
from clearance.errors import ClearanceError, DetectionError

#: So much is looked at in one pass of the gate.
_PASS_TEXTS, _PASS_CHARACTERS = 1 << 14, 1 << 22
#: Building the gate takes longer than trying every pattern on so little.
_WORTH_A_GATE_TEXTS, _WORTH_A_GATE_CHARACTERS = 200, 1 << 17

_Found = TypeVar("_Found")
_engines: dict[tuple[object, ...], Engine] = {}
_lock = threading.Lock()
_builds = 0


class Engine:
    """Recognizers of one configuration. Get one from :func:`load_engine`."""

    def __init__(
        self,
        language: str,
        regions: tuple[str, ...] | None,
        ner: str | None,
        threshold: float,
        detectors: tuple[Path, ...] = (),
    ) -> None:
        # Presidio's e-mail recognizer would fetch the public suffix list; the packaged one needs no network.
        setattr(tldextract, "extract", tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None))  # noqa: B010
        quiet_presidio()
        self.language = language
        self.threshold = threshold
        #: Presidio's, as they are; for comparing with stock Presidio.
        self.recognizers = [build_recognizer(entry, language) for entry in enabled_entries(language, regions)]
        self.nlp = WordsOnlyNlpEngine(language)
        self._recognition = Recognition(self.recognizers, Words(self.nlp, language), threshold)
        self._own = load_detectors(language, detectors)
        self._detectors = detectors
        self._ner: NerModel | None = load_ner(ner, language) if ner is not None else None
        self.has_ner = self._ner is not None
        self.digest = self._digest()

    def _digest(self) -> str:
        packages = ("presidio-analyzer", "phonenumbers", "tldextract", "regex", "spacy")
        facts: dict[str, Any] = {
            "language": self.language,
            "threshold": self.threshold,
            "recognizers": sorted(type(recognizer).__name__ for recognizer in self.recognizers),
            "detectors": detectors_digest(self._detectors),
            "window": [SIZE, OVERLAP],
            "versions": {name: metadata.version(name) for name in packages},
            "ner": None if self._ner is None else {"name": self._ner.name, **self._ner.facts},
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def entity_types(self) -> tuple[str, ...]:
        """Every type that this engine can find, sorted."""
        types = {kind for recognizer in self.recognizers for kind in recognizer.supported_entities}
        types |= {detector.entity_type for detector in self._own}
        types |= set(self._ner.entity_types) if self._ner is not None else set()
        return tuple(sorted(types))

    @cached_property
    def _prefilter(self) -> Prefilter:
        own = (expression for expressions in self._own_expressions if expressions for expression in expressions)
        hidden = (expression for gate in VIEW_GATES.values() for expression in _forms(self._view_key, gate))
        first = self._view_key + 1
        words = (_of_word(first + i, word, free=free) for i, (word, free) in enumerate(self._by_context))
        return Prefilter([*self._recognition.expressions, *own, *hidden, *words], self._recognition.row_gates)

    @cached_property
    def _by_context(self) -> dict[tuple[str, bool], tuple[int, ...]]:
        """A context word, whether it counts as a part of another, and the keys of what finds nothing without it."""
        found: dict[tuple[str, bool], list[int]] = {}
        for i, detector in enumerate(self._own):
            for word in _required_words(detector, self.threshold):
                found.setdefault((word, False), []).append(len(self._recognition) + i)
        for key, words in self._recognition.by_context:
            for word in words:
                found.setdefault((word, True), []).append(key)
        return {word: tuple(keys) for word, keys in found.items()}

    @cached_property
    def _view_key(self) -> int:
        """The key that says: something may be hidden here, look at the views."""
        return len(self._recognition) + len(self._own)

    @cached_property
    def _own_expressions(self) -> list[list[Expression] | None]:
        first = len(self._recognition)
        return [
            [] if _required_words(detector, self.threshold) else _expressions(first + i, detector)
            for i, detector in enumerate(self._own)
        ]

    @cached_property
    def _always(self) -> tuple[int, ...]:
        """Keys of what no gate can speak for."""
        first = len(self._recognition)
        own = (first + i for i, expressions in enumerate(self._own_expressions) if expressions is None)
        return (*self._recognition.always, *own)

    def spans(self, texts: Sequence[str], *, ner: bool | Sequence[bool] = True) -> list[list[Span]]:
        """Raw hits of each text, sorted, overlapping ones included; patterns on all, NER where ``ner`` is true.

        A text's hits don't depend on the texts around it. Raises DetectionError when a detector fails; the message
        holds no text.
        """
        wanted = [ner] * len(texts) if isinstance(ner, bool) else list(ner)
        if len(wanted) != len(texts):
            raise ValueError("ner must be one bool, or one for each text")
        found = in_windows(self._by_patterns, texts)
        self._add_names(found, texts, wanted)
        return [self._counting(hits) if hits else hits for hits in found]

    def _by_patterns(self, texts: Sequence[str]) -> list[list[Span]]:
        """What patterns find in the texts as they are and in their views."""
        rows = self._rows_by_key(texts)
        found = _guarded(self._patterns, texts, rows)
        hidden = [(row, view) for row in rows.get(self._view_key, ()) for view in views(texts[row])]
        for (row, _), hits in zip(hidden, self._in_views([view for _, view in hidden]), strict=True):
            found[row] += hits
        return found

    def _add_names(self, found: list[list[Span]], texts: Sequence[str], wanted: Sequence[bool]) -> None:
        rows = [row for row, use_ner in enumerate(wanted) if use_ner]
        if self._ner is None or not rows:
            return
        for row, spans in zip(rows, _guarded(self._ner.spans, [texts[row] for row in rows]), strict=True):
            found[row] += spans

    def _in_views(self, seen: Sequence[View]) -> Iterator[list[Span]]:
        """For each view, what patterns find in it and not in its original, at its place in the original."""
        texts = [view.text for view in seen]
        hits = _guarded(self._patterns, texts, self._rows_by_key(texts))
        for view, spans in zip(seen, hits, strict=True):
            yield [
                Span(*view.original(start, end), entity_type, score, f"{detector} ({view.name})")
                for start, end, entity_type, score, detector in spans
                if view.touches(start, end)
            ]

    def recognized(self, texts: Sequence[str]) -> list[list[Span]]:
        """Hits of Presidio's recognizers alone: what ``AnalyzerEngine.analyze`` finds with the same ones."""
        return in_windows(self._by_recognizers, texts)

    def _by_recognizers(self, texts: Sequence[str]) -> list[list[Span]]:
        rows = self._rows_by_key(texts)
        return _guarded(
            self._patterns, texts, {key: some for key, some in rows.items() if key < len(self._recognition)}
        )

    def _rows_by_key(self, texts: Sequence[str]) -> dict[int, Sequence[int]]:
        """Keys of what may match, and the indexes of the texts in which it may."""
        few = len(texts) < _WORTH_A_GATE_TEXTS and sum(map(len, texts)) < _WORTH_A_GATE_CHARACTERS
        if not Prefilter.available() or (few and "_prefilter" not in self.__dict__):
            return self._rows_by_traits(texts)
        found: dict[int, list[int]] = {}
        for start, end in _passes(texts):
            for key, passed in self._prefilter.candidates(texts[start:end]).items():
                found.setdefault(key, []).extend([start + row for row in passed])
        return {**self._without_words(found), **dict.fromkeys(self._always, range(len(texts)))}

    def _rows_by_traits(self, texts: Sequence[str]) -> dict[int, Sequence[int]]:
        found: dict[int, list[int]] = {}
        for row, text in enumerate(texts):
            for key in self._keys_by_traits(text):
                found.setdefault(key, []).append(row)
        return dict(found)

    def _without_words(self, found: dict[int, list[int]]) -> dict[int, list[int]]:
        """Keys of patterns, instead of the words that stand for them."""
        meant: dict[int, set[int]] = {}
        for word, keys in enumerate(self._by_context.values(), start=self._view_key + 1):
            for key in keys if word in found else ():
                meant.setdefault(key, set()).update(found[word])
        patterns = {key: rows for key, rows in found.items() if key <= self._view_key}
        return patterns | {key: sorted(rows) for key, rows in meant.items()}

    def _keys_by_traits(self, text: str) -> list[int]:
        traits = traits_for_gates(text)
        first = len(self._recognition)
        own = (first + i for i, detector in enumerate(self._own) if detector.needs.met_by(traits))
        return [*self._recognition.keys_by(traits), *own, self._view_key]

    def _patterns(self, texts: Sequence[str], rows: Mapping[int, Sequence[int]]) -> list[list[Span]]:
        """Each text's hits of all patterns, when a key matches in no other text than those given for it."""
        found: list[list[Span]] = [[] for _ in texts]
        last = len(self._recognition)
        recognizers = {key: some for key, some in rows.items() if key < last}
        for row, spans in self._recognition.spans(texts, recognizers).items():
            found[row] += spans
        for key, some in rows.items():
            if last <= key < self._view_key:
                detector = self._own[key - last]
                for row in some:
                    found[row] += detector.spans(texts[row])
        return found

    def _counting(self, hits: list[Span]) -> list[Span]:
        """Distinct hits above the threshold, in the order that all callers see."""
        if len(hits) == 1:
            return hits if hits[0].score >= self.threshold else []
        counting = {span for span in hits if span.score >= self.threshold}
        return sorted(counting, key=lambda span: (span.start, span.end, span.entity_type, -span.score, span.detector))


def _guarded(look: Callable[..., _Found], texts: Sequence[str], *more: object) -> _Found:
    """``look(texts, *more)``, with errors that can't quote a text."""
    failed = ""
    try:
        return look(texts, *more)
    except ClearanceError:
        raise
    except Exception as error:
        failed = type(error).__name__
    # Raised out here, so that the error that may quote the value is not even its context.
    raise DetectionError(
        f"a detector failed with {failed} on one of {len(texts)} texts",
        hint="the scan is void; report the shape of the text",
    )


def _required_words(detector: Detector, threshold: float) -> tuple[str, ...]:
    """Words of which one must be there for it to find anything that counts; none if it needs none."""
    if detector.context is None or (detector.base_score is not None and detector.base_score >= threshold):
        return ()
    return detector.context_words


def _expressions(key: int, detector: Detector) -> list[Expression] | None:
    """What to look for before a detector of ours is tried; None where it has to be tried on every text."""
    caseless = bool(detector.pattern.flags & regex.IGNORECASE)
    found: list[Expression] = []
    for gate in detector.gate or (detector.pattern.pattern,):
        forms = _forms(key, gate, caseless=caseless)
        if not forms:
            return None
        found += forms
    return found


def _of_word(key: int, word: str, *, free: bool) -> Expression:
    """A context word; one that is not ``free`` is touched by no letter: at its end only if it is all of a word."""
    stem = regex.escape(word, literal_spaces=True) if free else stem_of(word)
    before = "" if free else "(?:^|[^A-Za-z])"
    behind = "" if free or word.endswith("*") else r"(?:$|[^A-Za-z\n])"
    narrow, wide = gate_pattern(stem, ascii_rows=True), gate_pattern(stem, ascii_rows=False)
    return Expression(key, f"{before}{narrow}{behind}", f"{before}{wide}{behind}", caseless=True)


def _forms(key: int, pattern: str, *, caseless: bool = False) -> list[Expression]:
    """The gate of one pattern; none if it has none."""
    narrow, wide = gate_pattern(pattern, ascii_rows=True), gate_pattern(pattern, ascii_rows=False)
    return [] if narrow is None or wide is None else [Expression(key, narrow, wide, caseless)]


def _passes(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Bounds of consecutive parts of ``texts``, none of more characters than one pass takes but for a single text."""
    start, characters = 0, 0
    for i, text in enumerate(texts):
        if i > start and (i - start >= _PASS_TEXTS or characters + len(text) > _PASS_CHARACTERS):
            yield start, i
            start, characters = i, 0
        characters += len(text)
    if start < len(texts):
        yield start, len(texts)


def load_engine(
    *,
    language: str = "en",
    regions: tuple[str, ...] | None = None,
    ner: str | None = "rampart",
    threshold: float = 0.35,
    detectors: Sequence[str | Path] = (),
) -> Engine:
    """The engine of a configuration, built at most once a process.

    ``detectors`` are YAML files of further patterns. ``regions`` are ISO 3166 codes in lower case (``us``, ``uk``,
    ``in``, ...); None takes the language's usual ones. ``ner`` names a model (``rampart``, ``spacy:<package>``,
    ``presidio:<module>:<class>``); None leaves names and places in text out: say so to whoever reads the findings.
    Raises UsageError for an unknown language or region or a file that can't be read, DetectionError for a missing or
    altered model and for a detector that fails on its own examples.
    """
    global _builds
    paths = tuple(Path(path) for path in detectors)
    written = detectors_digest(paths) if paths else ""
    key = (language, None if regions is None else tuple(sorted(set(regions))), ner, threshold, paths, written)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(language, regions, ner, threshold, paths)
            _builds += 1
        return engine


def engine_builds() -> int:
    """How often an engine was really built in this process."""
    return _builds


__all__ = ["Engine", "engine_builds", "load_engine"]
