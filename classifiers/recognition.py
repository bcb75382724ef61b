"""What ``AnalyzerEngine.analyze`` finds with a set of recognizers in many texts: types, places and scores are equal.

The order of steps is Presidio's: each recognizer's hits, context words, threshold, and hits inside others removed.
A pattern whose score can't reach the threshold without a context word is not tried where there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from clearance.classifiers.context import Surroundings, Words, boosted
from clearance.classifiers.findings import Span
from clearance.classifiers.folding import Buffer
from clearance.classifiers.gates import GateTraits, may_match
from clearance.classifiers.phones import PhoneFinder
from clearance.classifiers.prefilter import Expression, RowGate
from clearance.classifiers.presidio_patterns import PatternRunner, runner_for, without_contained
from clearance.errors import DetectionError

# Pattern recognizers take no artifacts; words are split only for texts with hits.
_NO_ARTIFACTS: Any = None
#: A pattern whose gate matches here matches in nearly every text.
_PLAIN_WORDS = "some plain words, Written and WRITTEN"


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


#: Hits of one recognizer in one text, and the words that lift their scores where they stand before them.
_Found = tuple[tuple[str, ...], Sequence[Span]]


class _Lowered(dict[int, str]):
    """Row -> its text in lower case, made when it is asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self._texts = texts

    def __missing__(self, row: int) -> str:
        lower = self[row] = self._texts[row].lower()
        return lower


class _Called:
    """A recognizer with an analysis of its own: it is asked, text by text."""

    def __init__(self, recognizer: EntityRecognizer) -> None:
        self.recognizer = recognizer
        self.name = str(recognizer.name)  # type: ignore[has-type]
        self.kind = type(recognizer).__name__
        self.useful: tuple[int, ...] = (0,)
        self.context = tuple(word.lower() for word in recognizer.context or ())

    def add_hits(
        self, found: dict[int, list[_Found]], texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: _Lowered
    ) -> None:
        """Adds to ``found``, by row; it has no patterns to choose from."""
        for row in rows[0]:
            for some in self._in_text(texts[row]):
                found.setdefault(row, []).append(some)

    def _in_text(self, text: str) -> Iterator[_Found]:
        timeouts = _watch.timeouts
        results = self.recognizer.analyze(text, self.recognizer.supported_entities, _NO_ARTIFACTS) or []
        if _watch.timeouts != timeouts:
            raise TimeoutError
        enhanced = RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY
        for result in results:
            done = (result.recognition_metadata or {}).get(enhanced)
            span = Span(result.start, result.end, result.entity_type, round(float(result.score), 4), self.name)
            yield () if done else self.context, [span]


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

    def add_hits(
        self, found: dict[int, list[_Found]], texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: _Lowered
    ) -> None:
        """Adds to ``found``, by row."""
        entity_type = self.recognizer.supported_entities[0]
        score, name = self._score, self.name
        for row in rows[0]:
            places = self.finder.spans(texts[row])
            if places:
                spans = [Span(start, end, entity_type, score, name) for start, end in places]
                found.setdefault(row, []).append((self.context, spans))


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

    def add_hits(
        self, found: dict[int, list[_Found]], texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: _Lowered
    ) -> None:
        """Adds hits to ``found``, by row: of the patterns ``rows``, each in the texts given for it."""
        hits: dict[int, list[Span]] = {}
        for index, some in rows.items():
            if index not in self.strong:
                some = [row for row in some if _mentions(lower[row], self.context)]
            self.runner.add_hits(hits, texts, some, index)
        context = self.context
        for row, spans in hits.items():
            found.setdefault(row, []).append((context, spans if len(spans) == 1 else without_contained(spans)))


class Recognition:
    """Recognizers of one configuration. What a gate has ruled out is passed over."""

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
        #: Keys of patterns that would match any word, with the words of which a text must have one for them to count.
        self.by_context: list[tuple[int, tuple[str, ...]]] = []
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
                if weak and all(map(str.isascii, source.context)) and _matches_words(expression, caseless=caseless):
                    self.by_context.append((key, source.context))
                else:
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

    def spans(self, texts: Sequence[str], rows: Mapping[int, Sequence[int]]) -> dict[int, Sequence[Span]]:
        """Row -> spans in its text, for those that have any; ``rows`` are a key's texts: it matches in no other.

        Raises DetectionError when a pattern runs out of time.
        """
        asked: dict[int, dict[int, Sequence[int]]] = {}
        for key, some in rows.items():
            number, index = self._keys[key]
            asked.setdefault(number, {})[index] = some
        lower = _Lowered(texts)
        found: dict[int, list[_Found]] = {}
        try:
            for number, by_pattern in asked.items():
                self._sources[number].add_hits(found, texts, by_pattern, lower)
        except TimeoutError:
            raise DetectionError(
                f"a pattern ran out of time on one of {len(texts)} texts",
                hint="the scan is void; report the shape of the texts",
            ) from None
        return {row: self._finished(texts[row], lower, row, hits) for row, hits in found.items()}

    def _finished(self, text: str, lower: _Lowered, row: int, found: Sequence[_Found]) -> Sequence[Span]:
        """Context words, threshold, and hits inside others of their type."""
        surroundings: Surroundings | None = None
        threshold = self.threshold
        counting: dict[str, list[Span]] = {}
        for context, spans in found:
            if context and not _are_certain(spans) and _mentions(lower[row], context):
                surroundings = surroundings or Surroundings(text, self._words)
                spans = [_in_context(span, context, surroundings) for span in spans]
            spans = [span for span in spans if span.score >= threshold]
            if len(found) == 1:
                return without_contained(spans)
            for span in spans:
                if span.entity_type in counting:
                    counting[span.entity_type].append(span)
                else:
                    counting[span.entity_type] = [span]
        return [span for spans in counting.values() for span in without_contained(spans)]


def _are_certain(spans: Iterable[Span]) -> bool:
    # A loop, here and below, since these are asked for every hit: a generator inside any() takes three times as long.
    for span in spans:  # noqa: SIM110
        if span.score < 1.0:
            return False
    return True


def _mentions(text: str, words: Iterable[str]) -> bool:
    for word in words:  # noqa: SIM110
        if word in text:
            return True
    return False


def _in_context(span: Span, context: Iterable[str], surroundings: Surroundings) -> Span:
    if span.score < 1.0 and any(_mentions(word, context) for word in surroundings.near(span.start)):
        return span._replace(score=round(boosted(span.score), 4))
    return span


def _matches_words(gate: str, *, caseless: bool) -> bool:
    """Whether a gate would let through nearly every text."""
    flags = regex.DOTALL | regex.MULTILINE | (regex.IGNORECASE if caseless else 0)
    return regex.search(gate, _PLAIN_WORDS, flags) is not None


def _source(recognizer: EntityRecognizer, threshold: float) -> _Patterns | _Called:
    if type(recognizer) is PhoneRecognizer and recognizer.leniency == 1:
        return _Phones(recognizer)
    runner = runner_for(recognizer)
    return _Called(recognizer) if runner is None else _Patterns(type(recognizer).__name__, runner, threshold)
