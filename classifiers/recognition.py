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
from clearance.classifiers.hit_columns import OWN, HitColumns, Said
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


class Lowered(dict[int, str]):
    """Row -> its text in lower case, made when it is asked for; ``around``: row -> the words around its hits."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.texts = texts
        self.around: dict[int, Surroundings] = {}

    def __missing__(self, row: int) -> str:
        lower = self[row] = self.texts[row].lower()
        return lower

    def mentions(self, row: int, words: Iterable[str]) -> bool:
        """Whether a row's text has one of the words in it."""
        return _has_one(self[row], words)


class _Called:
    """A recognizer with an analysis of its own: it is asked, text by text."""

    def __init__(self, recognizer: EntityRecognizer, source: int) -> None:
        self.source = source
        self.recognizer = recognizer
        self.name = str(recognizer.name)  # type: ignore[has-type]
        self.kind = type(recognizer).__name__
        self.useful: tuple[int, ...] = (0,)
        self.context = tuple(word.lower() for word in recognizer.context or ())

    def add_hits(
        self, hits: HitColumns, texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: Lowered
    ) -> None:
        """Adds its hits; it has no patterns to choose from."""
        for row in rows[0]:
            for said, start, end in self._in_text(texts[row]):
                found = hits.of(said)
                found.rows.append(row)
                found.starts.append(start)
                found.ends.append(end)

    def _in_text(self, text: str) -> Iterator[tuple[Said, int, int]]:
        timeouts = _watch.timeouts
        results = self.recognizer.analyze(text, self.recognizer.supported_entities, _NO_ARTIFACTS) or []
        if _watch.timeouts != timeouts:
            raise TimeoutError
        enhanced = RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY
        for result in results:
            done = (result.recognition_metadata or {}).get(enhanced)
            score = round(float(result.score), 4)
            said = Said(result.entity_type, score, self.name, () if done else self.context, self.source)
            yield said, result.start, result.end


class _Phones(_Called):
    """Presidio's phone recognizer, by the same library's metadata instead of its matcher."""

    def __init__(self, recognizer: PhoneRecognizer, source: int) -> None:
        super().__init__(recognizer, source)
        self.finder = PhoneFinder(tuple(recognizer.supported_regions))
        self._score = float(recognizer.SCORE)

    def candidates(self, buffer: Buffer) -> npt.NDArray[np.int64]:
        """Texts of a buffer that may hold a phone number."""
        data = np.frombuffer(buffer.data, np.uint8)
        return self.finder.candidate_rows(data, buffer.ends, ascii_digits=buffer.is_ascii)

    def add_hits(
        self, hits: HitColumns, texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: Lowered
    ) -> None:
        """Adds its hits."""
        said = Said(self.recognizer.supported_entities[0], self._score, self.name, self.context, self.source)
        found = hits.of(said)
        asked = rows[0]
        for row, spans in zip(asked, self.finder.spans_of_all([texts[row] for row in asked]), strict=True):
            for start, end in spans:
                found.rows.append(row)
                found.starts.append(start)
                found.ends.append(end)


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
        self, hits: HitColumns, texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: Lowered
    ) -> None:
        """Adds the hits of the patterns ``rows``, each in the texts given for it."""
        for index, some in rows.items():
            if index not in self.strong:
                some = [row for row in some if lower.mentions(row, self.context)]
            self.runner.add_hits(hits, texts, some, index)


class Recognition:
    """Recognizers of one configuration. What a gate has ruled out is passed over."""

    def __init__(self, recognizers: Sequence[EntityRecognizer], words: Words, threshold: float) -> None:
        self.threshold = threshold
        self._words = words
        self._sources = [_source(recognizer, threshold, source) for source, recognizer in enumerate(recognizers)]
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

    def add_hits(
        self, hits: HitColumns, texts: Sequence[str], rows: Mapping[int, Sequence[int]], lower: Lowered
    ) -> None:
        """Adds what the recognizers find themselves; ``rows`` are a key's texts: it matches in no other.

        Raises DetectionError when a pattern runs out of time.
        """
        asked: dict[int, dict[int, Sequence[int]]] = {}
        for key, some in rows.items():
            number, index = self._keys[key]
            asked.setdefault(number, {})[index] = some
        try:
            for number, by_pattern in asked.items():
                self._sources[number].add_hits(hits, texts, by_pattern, lower)
        except TimeoutError:
            raise DetectionError(
                f"a pattern ran out of time on one of {len(texts)} texts",
                hint="the scan is void; report the shape of the texts",
            ) from None

    def finished(self, lower: Lowered, row: int, found: Sequence[tuple[Said, Span]]) -> list[Span]:
        """The hits in one text that count: context words, threshold, and hits inside others of their type.

        Those of our own detectors stay as they are.
        """
        if len(found) == 1:
            ((said, span),) = found
            return [span] if said.source == OWN else self._counting(lower, row, said.context, [span])
        own: list[Span] = []
        by_source: dict[tuple[int, tuple[str, ...]], list[Span]] = {}
        for said, span in found:
            if said.source == OWN:
                own.append(span)
            else:
                by_source.setdefault((said.source, said.context), []).append(span)
        by_type: dict[str, list[Span]] = {}
        for (source, context), spans in by_source.items():
            distinct = without_contained(spans) if isinstance(self._sources[source], _Patterns) else spans
            for span in self._counting(lower, row, context, distinct):
                by_type.setdefault(span.entity_type, []).append(span)
        for spans in by_type.values():
            own += without_contained(spans)
        return own

    def _counting(self, lower: Lowered, row: int, context: tuple[str, ...], spans: Sequence[Span]) -> list[Span]:
        """Hits of one recognizer with the scores that words near them give, less those that don't count."""
        if context and not _are_certain(spans) and lower.mentions(row, context):
            surroundings = lower.around.get(row)
            if surroundings is None:
                surroundings = lower.around[row] = Surroundings(lower.texts[row], self._words)
            spans = [_in_context(span, context, surroundings) for span in spans]
        threshold = self.threshold
        return [span for span in spans if span.score >= threshold]


def _are_certain(spans: Iterable[Span]) -> bool:
    # A loop, here and below, since these are asked for every hit: a generator inside any() takes three times as long.
    for span in spans:  # noqa: SIM110
        if span.score < 1.0:
            return False
    return True


def _has_one(text: str, words: Iterable[str]) -> bool:
    for word in words:  # noqa: SIM110
        if word in text:
            return True
    return False


def _in_context(span: Span, context: Iterable[str], surroundings: Surroundings) -> Span:
    if span.score < 1.0 and any(_has_one(word, context) for word in surroundings.near(span.start)):
        return span._replace(score=round(boosted(span.score), 4))
    return span


def _matches_words(gate: str, *, caseless: bool) -> bool:
    """Whether a gate would let through nearly every text."""
    flags = regex.DOTALL | regex.MULTILINE | (regex.IGNORECASE if caseless else 0)
    return regex.search(gate, _PLAIN_WORDS, flags) is not None


def _source(recognizer: EntityRecognizer, threshold: float, source: int) -> _Patterns | _Called:
    if type(recognizer) is PhoneRecognizer and recognizer.leniency == 1:
        return _Phones(recognizer, source)
    runner = runner_for(recognizer, source)
    return _Called(recognizer, source) if runner is None else _Patterns(type(recognizer).__name__, runner, threshold)
