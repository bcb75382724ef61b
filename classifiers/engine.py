"""The detection engine: Presidio's recognizers, our own patterns and the NER model, over batches of texts.

``Engine.spans`` gives raw hits; :func:`clearance.classifiers.resolve.resolve` turns them into the spans that count.
An engine is built at most once a process and configuration. Some texts stay in its memory for speed, none leaves it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from functools import cached_property, lru_cache
from importlib import metadata
from typing import Any

import tldextract
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer

from clearance.classifiers.detectors import detectors_digest, load_detectors
from clearance.classifiers.findings import Span
from clearance.classifiers.gates import may_match, traits_for_gates
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.rampart import DIGEST as RAMPART_DIGEST
from clearance.classifiers.rampart import RampartRecognizer, windows
from clearance.classifiers.recognizers import build_recognizer, enabled_entries
from clearance.errors import DetectionError, UsageError

#: Presidio's patterns see longer texts in windows: some of them, and its context search, are superlinear.
WINDOW = 4096
OVERLAP = 512
#: Values up to this length are remembered, in this process's memory only.
SHORT = 64

_engines: dict[tuple[object, ...], Engine] = {}
_lock = threading.Lock()
_builds = 0


class _TimeoutWatch(logging.Handler):
    """Presidio logs and skips a pattern that runs out of time; for us that voids the scan."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.timeouts = 0

    def emit(self, record: logging.LogRecord) -> None:
        if "timed out" in str(record.msg):
            self.timeouts += 1


_watch = _TimeoutWatch()
# Pattern recognizers take none; words are split only for texts with hits.
_NO_ARTIFACTS: Any = None


class Engine:
    """Recognizers of one configuration. Get one from :func:`load_engine`."""

    def __init__(self, language: str, regions: tuple[str, ...] | None, ner: str | None, threshold: float) -> None:
        if ner not in (None, "rampart"):
            raise UsageError(f"unknown NER model {ner!r}", hint="known: rampart, or none at all")
        # Presidio's e-mail recognizer would fetch the public suffix list; the packaged one needs no network.
        setattr(tldextract, "extract", tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None))  # noqa: B010
        logger = logging.getLogger("presidio-analyzer")
        logger.setLevel(logging.WARNING)  # below, it logs the words around a match
        logger.propagate = False
        if _watch not in logger.handlers:
            logger.addHandler(_watch)
        self.language = language
        self.threshold = threshold
        entries = enabled_entries(language, regions)
        self._recognizers = [build_recognizer(entry, language) for entry in entries]
        self._own = load_detectors(language)
        self._ner: RampartRecognizer | None = RampartRecognizer(language) if ner == "rampart" else None
        self._nlp = WordsOnlyNlpEngine(language)
        self._enhancer = LemmaContextAwareEnhancer()
        # Long texts repeat themselves, and what is slow for a pattern is mostly a repetition.
        self._window = lru_cache(maxsize=256)(self._presidio)
        # Columns repeat their values from batch to batch.
        self._short = lru_cache(maxsize=1 << 16)(self._hits)
        self.has_ner = self._ner is not None
        self.digest = self._digest(ner)

    def _digest(self, ner: str | None) -> str:
        packages = ("presidio-analyzer", "phonenumbers", "tldextract", "regex", "spacy")
        facts: dict[str, Any] = {
            "language": self.language,
            "threshold": self.threshold,
            "recognizers": sorted(type(recognizer).__name__ for recognizer in self._recognizers),
            "detectors": detectors_digest(),
            "window": [WINDOW, OVERLAP],
            "versions": {name: metadata.version(name) for name in packages},
            "ner": None,
        }
        if ner is not None:
            runtime = {name: metadata.version(name) for name in ("onnxruntime", "tokenizers")}
            facts["ner"] = {"name": ner, "model": RAMPART_DIGEST, "versions": runtime}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def entity_types(self) -> tuple[str, ...]:
        """Every type that this engine can find, sorted."""
        types = {kind for recognizer in self._recognizers for kind in recognizer.supported_entities}
        types |= {detector.entity_type for detector in self._own}
        types |= set(self._ner.supported_entities) if self._ner is not None else set()
        return tuple(sorted(types))

    def spans(self, texts: Sequence[str], *, ner: bool | Sequence[bool] = True) -> list[list[Span]]:
        """Raw hits of each text, sorted, overlapping ones included; patterns on all, NER where ``ner`` is true.

        Raises DetectionError when a detector fails; the message holds no text.
        """
        wanted = [ner] * len(texts) if isinstance(ner, bool) else list(ner)
        if len(wanted) != len(texts):
            raise ValueError("ner must be one bool, or one for each text")
        return [
            list((self._short if len(text) <= SHORT else self._hits)(text, use_ner))
            for text, use_ner in zip(texts, wanted, strict=True)
        ]

    def _hits(self, text: str, use_ner: bool) -> tuple[Span, ...]:
        found: set[Span] = set()
        failed = ""
        try:
            found.update(self._presidio(text) if len(text) <= WINDOW else self._windowed(text))
            traits = traits_for_gates(text)
            for detector in self._own:
                if detector.needs.met_by(traits):
                    found.update(detector.spans(text))
            if use_ner and self._ner is not None:
                found.update(_to_span(result) for result in self._ner.analyze(text, []))
        except DetectionError:
            raise
        except Exception as error:
            failed = type(error).__name__
        if failed:
            # Raised out here, so that the error that may quote the value is not even its context.
            raise DetectionError(
                f"a detector failed with {failed} on a text of {len(text)} characters",
                hint="the scan is void; report the shape of the text",
            )
        hits = (span for span in found if span.score >= self.threshold)
        return tuple(
            sorted(hits, key=lambda span: (span.start, span.end, span.entity_type, -span.score, span.detector))
        )

    def _windowed(self, text: str) -> set[Span]:
        """Presidio's hits window by window; one cut short at a window's edge gives way to its longer self."""
        found: dict[tuple[str, str], set[Span]] = {}
        for start, end in windows(text, WINDOW, OVERLAP):
            for span in self._window(text[start:end]):
                moved = Span(span.start + start, span.end + start, span.entity_type, span.score, span.detector)
                found.setdefault((span.entity_type, span.detector), set()).add(moved)
        kept: set[Span] = set()
        for spans in found.values():
            reach = -1
            for span in sorted(spans, key=lambda span: (span.start, -span.end, -span.score)):
                if span.end > reach:
                    kept.add(span)
                    reach = span.end
        return kept

    def _presidio(self, text: str) -> list[Span]:
        """What ``AnalyzerEngine.analyze`` finds with the same recognizers, without its copying of everything."""
        gate = traits_for_gates(text)
        timeouts = _watch.timeouts
        results: list[RecognizerResult] = []
        for recognizer in self._recognizers:
            if may_match(type(recognizer).__name__, gate):
                results.extend(recognizer.analyze(text, recognizer.supported_entities, _NO_ARTIFACTS) or [])
        if _watch.timeouts != timeouts:
            raise DetectionError(
                f"a pattern ran out of time on a text of {len(text)} characters",
                hint="raise REGEX_TIMEOUT_SECONDS; the scan is void",
            )
        if not results:
            return []
        artifacts = self._nlp.artifacts(text, self.language)
        results = self._enhancer.enhance_using_context(
            text=text, raw_results=results, nlp_artifacts=artifacts, recognizers=self._recognizers
        )
        results = [result for result in results if result.score >= self.threshold]
        return [_to_span(result) for result in EntityRecognizer.remove_duplicates(results)]


def _to_span(result: RecognizerResult) -> Span:
    name = result.recognition_metadata[RecognizerResult.RECOGNIZER_NAME_KEY]
    return Span(result.start, result.end, result.entity_type, round(float(result.score), 4), name)


def load_engine(
    *,
    language: str = "en",
    regions: tuple[str, ...] | None = None,
    ner: str | None = "rampart",
    threshold: float = 0.35,
) -> Engine:
    """The engine of a configuration, built at most once a process.

    ``regions`` are ISO 3166 codes in lower case (``us``, ``uk``, ``in``, ...); None takes the language's usual ones.
    ``ner=None`` leaves names and places in text out: say so to whoever reads the findings.
    Raises UsageError for an unknown language or region, DetectionError for a missing or altered model.
    """
    global _builds
    key = (language, None if regions is None else tuple(sorted(set(regions))), ner, threshold)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(language, regions, ner, threshold)
            _builds += 1
        return engine


def engine_builds() -> int:
    """How often an engine was really built in this process."""
    return _builds


__all__ = ["Engine", "engine_builds", "load_engine"]
