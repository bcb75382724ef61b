"""What ``AnalyzerEngine.analyze`` finds with a set of recognizers, text by text: types, places and scores are equal.

The order of steps is Presidio's: each recognizer's hits, context words, threshold, and hits inside others removed.
A pattern whose score can't reach the threshold without a context word is not tried where there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from clearance.classifiers.context import Surroundings, Words, boosted
from clearance.classifiers.findings import Span
from clearance.classifiers.folding import Buffer
from clearance.classifiers.gates import GateTraits, may_match
from clearance.classifiers.phones import PhoneFinder
from clearance.classifiers.prefilter import Expression, RowGate
from clearance.classifiers.presidio_patterns import Hit, PatternRunner, runner_for, without_contained
from clearance.errors import DetectionError

# Pattern recognizers take no artifacts; words are split only for texts with hits.
_NO_ARTIFACTS: Any = None


class _TimeoutWatch(logging.Handler):
    """Presidio logs and skips a pattern that runs out of time; for us that voids the scan."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.timeouts = 0

    def emit(self, record: logging.LogRecord) -> None:
        if "timed out" in str(record.msg):
            self.timeouts += 1


_watch = _TimeoutWatch()


def quiet_presidio() -> None:
    """Presidio's own log quotes the words around a match: none of it gets out."""
    logger = logging.getLogger("presidio-analyzer")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    if _watch not in logger.handlers:
        logger.addHandler(_watch)


class _Found(NamedTuple):
    """A hit and what Presidio's later steps need to know of the recognizer it came from."""

    hit: Hit
    entity_type: str
    detector: str
    context: tuple[str, ...]


class _Called:
    """A recognizer with an analysis of its own: it is asked, text by text."""

    def __init__(self, recognizer: EntityRecognizer) -> None:
        self.recognizer = recognizer
        self.name = str(recognizer.name)  # type: ignore[has-type]
        self.kind = type(recognizer).__name__
        self.useful: tuple[int, ...] = (0,)
        self.context = tuple(word.lower() for word in recognizer.context or ())

    def found(self, text: str, lower: str, indexes: Sequence[int]) -> list[_Found]:
        """Its hits in ``text``; it has no patterns to choose from."""
        timeouts = _watch.timeouts
        results = self.recognizer.analyze(text, self.recognizer.supported_entities, _NO_ARTIFACTS) or []
        if _watch.timeouts != timeouts:
            raise TimeoutError
        enhanced = RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY
        return [
            _Found(
                Hit(result.start, result.end, float(result.score)),
                result.entity_type,
                self.name,
                () if (result.recognition_metadata or {}).get(enhanced) else self.context,
            )
            for result in results
        ]


class _Phones(_Called):
    """Presidio's phone recognizer, by the same library's metadata instead of its matcher."""

    def __init__(self, recognizer: PhoneRecognizer) -> None:
        super().__init__(recognizer)
        self.finder = PhoneFinder(tuple(recognizer.supported_regions))
        self._score = float(recognizer.SCORE)

    def candidates(self, buffer: Buffer) -> npt.NDArray[np.int64]:
        """Texts of a buffer that may hold a phone number."""
        data = np.frombuffer(buffer.data, np.uint8)
        return self.finder.candidate_rows(data, buffer.ends, ascii_digits=buffer.is_ascii)

    def found(self, text: str, lower: str, indexes: Sequence[int]) -> list[_Found]:
        """Its hits in ``text``."""
        entity_type, name = self.recognizer.supported_entities[0], self.name
        return [
            _Found(Hit(start, end, self._score), entity_type, name, self.context)
            for start, end in self.finder.spans(text)
        ]


class _Patterns:
    """A recognizer that is nothing but patterns, of which the useless ones are left out."""

    def __init__(self, kind: str, runner: PatternRunner, threshold: float) -> None:
        self.kind = kind
        self.runner = runner
        self.context = runner.context
        indexes = range(len(runner.patterns))
        #: Patterns whose matches may count without a context word.
        self.strong = frozenset(index for index in indexes if runner.reaches(index, threshold))
        self.useful = tuple(index for index in indexes if index in self.strong or runner.context)

    def is_weak(self, index: int) -> bool:
        """Whether a match of a pattern counts only in a text that has a letter."""
        return index not in self.strong and all(any(map(str.isalpha, word)) for word in self.context)

    def found(self, text: str, lower: str, indexes: Sequence[int]) -> list[_Found]:
        """Hits of the patterns ``indexes`` that may count."""
        if not self.strong.issuperset(indexes) and not _mentions(lower, self.context):
            indexes = [index for index in indexes if index in self.strong]
        runner = self.runner
        return [_Found(hit, runner.entity_type, runner.name, self.context) for hit in runner.hits(text, indexes)]


class Recognition:
    """Recognizers of one configuration. Texts are looked at one by one; what a gate has ruled out is passed over."""

    def __init__(self, recognizers: Sequence[EntityRecognizer], words: Words, threshold: float) -> None:
        self.threshold = threshold
        self._words = words
        self._sources = [_source(recognizer, threshold) for recognizer in recognizers]
        #: Key -> (source, pattern).
        self._keys: list[tuple[int, int]] = []
        #: Keys of what no gate can speak for.
        self.always: list[int] = []
        self.expressions: list[Expression] = []
        self.row_gates: list[tuple[int, RowGate]] = []
        for number, source in enumerate(self._sources):
            self._add_gates(number, source)

    def _add_gates(self, number: int, source: _Patterns | _Called) -> None:
        if isinstance(source, _Phones):
            self.row_gates.append((self._key(number, 0), source.candidates))
            return
        narrow = wide = None
        if isinstance(source, _Patterns):
            narrow, wide = source.runner.gates(ascii_rows=True), source.runner.gates(ascii_rows=False)
        if not isinstance(source, _Patterns) or narrow is None or wide is None:
            self.always += [self._key(number, index) for index in source.useful]
            return
        for (index, expression), (_, wider) in zip(narrow, wide, strict=True):
            if index in source.useful:
                key = self._key(number, index)
                caseless, weak = source.runner.caseless, source.is_weak(index)
                self.expressions.append(Expression(key, expression, wider, caseless, weak))

    def _key(self, source: int, pattern: int) -> int:
        self._keys.append((source, pattern))
        return len(self._keys) - 1

    def __len__(self) -> int:
        """How many keys there are: 0 to this, exclusive."""
        return len(self._keys)

    def keys_by(self, traits: GateTraits) -> list[int]:
        """Keys worth trying on a text of these traits, when no gate has looked at it."""
        fitting = {i for i, source in enumerate(self._sources) if may_match(source.kind, traits)}
        return [key for key, (source, _) in enumerate(self._keys) if source in fitting]

    def spans(self, text: str, keys: Iterable[int]) -> list[Span]:
        """Spans in ``text``, when nothing but ``keys`` can match in it.

        Raises DetectionError when a pattern runs out of time.
        """
        patterns: dict[int, list[int]] = {}
        for key in keys:
            number, index = self._keys[key]
            patterns.setdefault(number, []).append(index)
        lower = text.lower()
        found: list[_Found] = []
        try:
            for number, indexes in patterns.items():
                found += self._sources[number].found(text, lower, indexes)
        except TimeoutError:
            raise DetectionError(
                f"a pattern ran out of time on a text of {len(text)} characters",
                hint="the scan is void; report the shape of the text",
            ) from None
        return self._finished(text, lower, found) if found else []

    def _finished(self, text: str, lower: str, found: list[_Found]) -> list[Span]:
        """Context words, threshold, and hits inside others of their type."""
        surroundings = Surroundings(text, self._words)
        by_type: dict[str, dict[Hit, str]] = {}
        for hit, entity_type, detector, context in found:
            if hit.score < 1.0 and _mentions(lower, context):
                near = surroundings.near(hit.start)
                if any(_mentions(word, context) for word in near):
                    hit = hit._replace(score=boosted(hit.score))
            if hit.score >= self.threshold:
                detectors = by_type.setdefault(entity_type, {})
                detectors[hit] = min(detector, detectors.get(hit, detector))
        return [
            Span(hit.start, hit.end, entity_type, round(hit.score, 4), detectors[hit])
            for entity_type, detectors in by_type.items()
            for hit in (without_contained(detectors) if len(detectors) > 1 else detectors)
        ]


def _mentions(text: str, words: Iterable[str]) -> bool:
    # A loop, since this is asked for every hit: a generator inside any() takes three times as long.
    for word in words:  # noqa: SIM110
        if word in text:
            return True
    return False


def _source(recognizer: EntityRecognizer, threshold: float) -> _Patterns | _Called:
    if type(recognizer) is PhoneRecognizer and recognizer.leniency == 1:
        return _Phones(recognizer)
    runner = runner_for(recognizer)
    return _Called(recognizer) if runner is None else _Patterns(type(recognizer).__name__, runner, threshold)
