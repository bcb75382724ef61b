"""The detection engine: Presidio's recognizers, our own patterns and the NER model, over batches of texts.

``Engine.spans`` gives raw hits; :func:`clearance.classifiers.resolve.resolve` turns them into the spans that count.
An engine is built at most once a process and configuration. Some texts stay in its memory for speed, none leaves it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import tldextract

from clearance.classifiers.context import Words
from clearance.classifiers.detectors import detectors_digest, load_detectors
from clearance.classifiers.findings import Span
from clearance.classifiers.hit_columns import HitColumns
from clearance.classifiers.known_types import require_known_names
from clearance.classifiers.ner import NerModel, load_ner
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.recognition import Lowered, Recognition, quiet_presidio
from clearance.classifiers.recognizers import build_recognizer, enabled_entries
from clearance.classifiers.resolution import load_resolution, resolution_digest
from clearance.classifiers.sieve import Sieve, Worth
from clearance.classifiers.views import View, views
from clearance.classifiers.whole_values import WholeValues
from clearance.classifiers.windows import OVERLAP, SIZE, in_windows
from clearance.classifiers.yaml_files import RulesFile, read_files
from clearance.errors import ClearanceError, DetectionError, UsageError
from clearance.values import is_readable, texts_of, to_text

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
        files: tuple[RulesFile, ...] = (),
    ) -> None:
        # Presidio's e-mail recognizer would fetch the public suffix list; the packaged one needs no network.
        setattr(tldextract, "extract", tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None))  # noqa: B010
        quiet_presidio()
        self.language = language
        #: What becomes of the hits. It may need weaker ones than the threshold that holds where it says nothing.
        self.resolution = load_resolution(files, threshold=threshold)
        self.threshold = threshold = self.resolution.floor
        #: Presidio's, as they are; for comparing with stock Presidio.
        self.recognizers = [build_recognizer(entry, language, regions) for entry in enabled_entries(language, regions)]
        self.nlp = WordsOnlyNlpEngine(language)
        self._recognition = Recognition(self.recognizers, Words(self.nlp, language), threshold)
        self._own = load_detectors(language, files)
        self._sieve = Sieve(self._recognition, self._own, threshold)
        self._files = files
        self._ner: NerModel | None = load_ner(ner, language) if ner is not None else None
        self.has_ner = self._ner is not None
        if files:
            require_known_names(files, self.entity_types)
        self.digest = self._digest(regions)

    def _digest(self, regions: tuple[str, ...] | None) -> str:
        packages = ("presidio-analyzer", "phonenumbers", "tldextract", "regex", "spacy", "python-stdnum", "hyperscan")
        facts: dict[str, Any] = {
            "language": self.language,
            "regions": None if regions is None else sorted(set(regions)),
            "threshold": self.resolution.threshold,
            "resolution": resolution_digest(),
            "recognizers": sorted(type(recognizer).__name__ for recognizer in self.recognizers),
            "detectors": detectors_digest(self._files),
            "window": [SIZE, OVERLAP],
            "versions": {name: _version(name) for name in packages},
            "ner": None if self._ner is None else {"name": self._ner.name, **self._ner.facts},
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def entity_types(self) -> tuple[str, ...]:
        """Every type that this engine can find, sorted."""
        types = {kind for recognizer in self.recognizers for kind in recognizer.supported_entities}
        types |= {detector.entity_type for detector in self._own}
        types |= set(self._ner.entity_types) if self._ner is not None else set()
        types |= self.resolution.entity_types
        return tuple(sorted(types))

    def spans(
        self, texts: Sequence[str | None] | pa.Array | pa.ChunkedArray, *, ner: bool | Sequence[bool] = True
    ) -> list[list[Span]]:
        """Raw hits of each text, sorted, overlapping ones included; patterns on all, NER where ``ner`` is true.

        ``texts`` are strings, or an Arrow array, of which each distinct value is looked at once, in its text form; a
        null has no hits. ``ner`` is one bool, or for strings one for each. A text's hits don't depend on the texts
        around it. Raises DetectionError when a detector fails, UsageError for what is no text; neither quotes one.
        """
        if isinstance(texts, pa.Array | pa.ChunkedArray):
            return self._spans_of_array(texts, ner)
        strange = set(map(type, texts)) - {str}
        if strange - {type(None)}:
            names = ", ".join(sorted(kind.__name__ for kind in strange))
            raise UsageError(f"texts must be strings, not {names}", hint="an Arrow array may hold other types")
        return self._spans_of_texts([text or "" for text in texts] if strange else cast(Sequence[str], texts), ner)

    def spans_beside(self, wholes: WholeValues, texts: Sequence[str], *, ner: Sequence[bool]) -> list[list[Span]]:
        """The same as ``spans(texts)`` but for the texts that ``wholes`` can settle: those get no spans here.

        ``wholes`` is made of the same values; none of them may have a token in it or be one that ``ner`` says true of.
        """
        if max(map(len, texts), default=0) > SIZE:
            return self._spans_of_texts(texts, ner)
        return self._finished(self._by_patterns(texts, wholes), texts, ner)

    def _spans_of_array(self, values: pa.Array | pa.ChunkedArray, ner: bool | Sequence[bool]) -> list[list[Span]]:
        if not isinstance(ner, bool):
            raise UsageError("with an Arrow array ner must be one bool", hint="pass a list of strings")
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if not (is_readable(values.type) or pa.types.is_dictionary(values.type)):
            raise UsageError(f"a column of {values.type} has no text", hint="pass its leaves one by one")
        encoded = values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(to_text(values))
        found = self._spans_of_texts([text or "" for text in texts_of(to_text(encoded.dictionary))], ner)
        return [[] if index is None else list(found[index]) for index in encoded.indices.to_pylist()]

    def _spans_of_texts(self, texts: Sequence[str], ner: bool | Sequence[bool]) -> list[list[Span]]:
        wanted = [ner] * len(texts) if isinstance(ner, bool) else list(ner)
        if len(wanted) != len(texts):
            raise UsageError(f"ner has {len(wanted)} entries for {len(texts)} texts", hint="give one for each text")
        return self._finished(in_windows(self._by_patterns, texts), texts, wanted)

    def _finished(self, found: list[list[Span]], texts: Sequence[str], wanted: Sequence[bool]) -> list[list[Span]]:
        self._add_names(found, texts, wanted)
        return [self._counting(hits) if hits else hits for hits in found]

    def _by_patterns(self, texts: Sequence[str], wholes: WholeValues | None = None) -> list[list[Span]]:
        """What patterns find in the texts as they are and in their views; less what ``wholes`` settles."""
        worth = self._sieve.sift(texts)
        found = _guarded(self._patterns, texts, worth, wholes)
        hidden = [(row, view) for row in worth.hidden for view in views(texts[row])]
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
        hits = _guarded(self._patterns, texts, self._sieve.sift(texts))
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
        return _guarded(self._patterns, texts, self._sieve.sift(texts)._replace(declared={}))

    def _patterns(self, texts: Sequence[str], worth: Worth, wholes: WholeValues | None = None) -> list[list[Span]]:
        """Each text's hits of all patterns that are worth trying on it."""
        found: list[list[Span]] = [[] for _ in texts]
        lower = Lowered(texts)
        hits = self._hits(texts, worth, lower)
        settled = None if wholes is None else wholes.settle(hits, texts, lower.mentions, worth.hidden)
        for row, some in hits.by_row(settled).items():
            found[row] = self._recognition.finished(lower, row, some)
        return found

    def _hits(self, texts: Sequence[str], worth: Worth, lower: Lowered) -> HitColumns:
        hits = HitColumns()
        self._recognition.add_hits(hits, texts, worth.recognized, lower)
        for index, rows in worth.declared.items():
            self._own[index].add_hits(hits, texts, rows)
        return hits

    def _counting(self, hits: list[Span]) -> list[Span]:
        """Distinct hits above the threshold, in the order that all callers see."""
        if len(hits) == 1:
            return hits if hits[0].score >= self.threshold else []
        threshold = self.threshold
        kept: list[Span] = []
        last: Span | None = None
        # Equal ones are neighbours; hashing them all takes twice as long.
        for span in sorted(hits):
            if span.score >= threshold and span != last:
                kept.append(span)
                last = span
        return kept


def _version(package: str) -> str | None:
    """The version of a package; None where it is not installed: Hyperscan has no wheel for some platforms."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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


def load_engine(
    *,
    language: str = "en",
    regions: tuple[str, ...] | None = None,
    ner: str | None = "rampart",
    threshold: float = 0.35,
    detectors: Sequence[str | Path | RulesFile] = (),
) -> Engine:
    """The engine of a configuration, built at most once a process.

    ``detectors`` are YAML files of further patterns and of rules for hits, by path or as they were read.
    ``regions`` are ISO 3166 codes in lower case (``us``, ``uk``, ``in``, ...); None takes the language's usual ones.
    ``ner`` names a model (``rampart``, ``spacy:<package>``,
    ``presidio:<module>:<class>``); None leaves names and places in text out: say so to whoever reads the findings.
    Raises UsageError for an unknown language or region or a file that can't be read, DetectionError for a missing or
    altered model and for a detector that fails on its own examples.
    """
    global _builds
    files = read_files(detectors)
    key = (language, None if regions is None else tuple(sorted(set(regions))), ner, threshold, files)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(language, regions, ner, threshold, files)
            _builds += 1
        return engine


def engine_builds() -> int:
    """How often an engine was really built in this process."""
    return _builds


__all__ = ["Engine", "engine_builds", "load_engine"]
