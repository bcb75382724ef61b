"""Which patterns are worth trying on which texts: Presidio's, our own, and the views in which values hide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import regex

from clearance.classifiers.detectors import Detector, stem_of
from clearance.classifiers.gate_patterns import gate_pattern
from clearance.classifiers.gates import traits_for_gates
from clearance.classifiers.prefilter import Expression, Prefilter
from clearance.classifiers.recognition import Recognition
from clearance.classifiers.views import VIEW_GATES

#: So much is looked at in one pass of the gate.
_PASS_TEXTS, _PASS_CHARACTERS = 1 << 14, 1 << 22
#: Building the gate takes longer than trying every pattern on so little.
_WORTH_A_GATE_TEXTS, _WORTH_A_GATE_CHARACTERS = 200, 1 << 17
#: The gate of patterns of other scripts, and where those begin: behind Latin letters and their marks.
_ANY_OTHER, _OTHER_SCRIPTS = r"[^\x00-\x7f]", "\u0370"


class Worth(NamedTuple):
    """Indexes of the texts in which something may match; in no other text does it.

    ``recognized``: for each key of a :class:`Recognition`; ``declared``: for each of our detectors, by its index;
    ``hidden``: for the views.
    """

    recognized: Mapping[int, Sequence[int]]
    declared: Mapping[int, Sequence[int]]
    hidden: Sequence[int]


class Sieve:
    """Keys stand for what may match: Recognition's own first, then our detectors, the views, and context words."""

    def __init__(self, recognition: Recognition, detectors: Sequence[Detector], threshold: float) -> None:
        self._recognition = recognition
        self._detectors = tuple(detectors)
        self._threshold = threshold
        self._first_own = len(recognition)
        self._views = self._first_own + len(self._detectors)
        self._first_word = self._views + 1

    def sift(self, texts: Sequence[str]) -> Worth:
        """What is worth trying on each of ``texts``; a text's neighbours make no difference."""
        rows = self._rows_by_key(texts)
        recognized = {key: some for key, some in rows.items() if key < self._first_own}
        declared = {key - self._first_own: some for key, some in rows.items() if self._first_own <= key < self._views}
        declared |= self._with_words(declared, texts)
        return Worth(recognized, declared, rows.get(self._views, ()))

    def _with_words(
        self, declared: Mapping[int, Sequence[int]], texts: Sequence[str]
    ) -> Iterator[tuple[int, Sequence[int]]]:
        """Of what would be tried on every text with a curly quote: the rows that hold a word which it needs."""
        folded: dict[int, str] = {}
        for index, words in self._words_of_scripts.items():
            kept = []
            for row in declared.get(index, ()):
                text = folded.get(row)
                if text is None:
                    text = folded[row] = texts[row].casefold()
                if any(word in text for word in words):
                    kept.append(row)
            yield index, kept

    @cached_property
    def _words_of_scripts(self) -> dict[int, tuple[str, ...]]:
        """For each detector whose gate is any non-ASCII character: words of other scripts, one of which it needs.

        Case folding, and not lower case, is what a pattern that ignores case compares by.
        """
        return {
            index: tuple(word.casefold() for word in detector.needs.any)
            for index, detector in enumerate(self._detectors)
            if _ANY_OTHER in detector.gate
            and all(max(word) >= _OTHER_SCRIPTS for word in detector.needs.any)
            and detector.needs.any
        }

    def _rows_by_key(self, texts: Sequence[str]) -> Mapping[int, Sequence[int]]:
        few = len(texts) < _WORTH_A_GATE_TEXTS and sum(map(len, texts)) < _WORTH_A_GATE_CHARACTERS
        if not Prefilter.available() or (few and "_prefilter" not in self.__dict__):
            return self._rows_by_traits(texts)
        found: dict[int, list[int]] = {}
        for start, end in _passes(texts):
            for key, passed in self._prefilter.candidates(texts[start:end]).items():
                found.setdefault(key, []).extend([start + row for row in passed])
        return {**self._without_words(found), **dict.fromkeys(self._always, range(len(texts)))}

    def _rows_by_traits(self, texts: Sequence[str]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for row, text in enumerate(texts):
            for key in self._keys_by_traits(text):
                found.setdefault(key, []).append(row)
        return found

    def _keys_by_traits(self, text: str) -> list[int]:
        traits = traits_for_gates(text)
        own = (key for key, detector in self._own() if detector.needs.met_by(traits))
        return [*self._recognition.keys_by(traits), *own, self._views]

    def _without_words(self, found: dict[int, list[int]]) -> dict[int, list[int]]:
        """Keys of patterns, instead of the words that stand for them; both word and gate, where there are both."""
        meant: dict[int, set[int]] = {}
        for word, keys in enumerate(self._by_context.values(), start=self._first_word):
            for key in keys if word in found else ():
                meant.setdefault(key, set()).update(found[word])
        gated = self._gated_besides
        for key in gated & meant.keys():
            meant[key].intersection_update(found.get(key, ()))
        patterns = {key: rows for key, rows in found.items() if key < self._first_word and key not in gated}
        return patterns | {key: sorted(rows) for key, rows in meant.items() if rows}

    @cached_property
    def _gated_besides(self) -> frozenset[int]:
        """Keys of our detectors that find nothing without one of their words, nor where their gate is not met."""
        return frozenset(
            key
            for key, detector in self._own()
            if self._own_expressions[key] and _required_words(detector, self._threshold)
        )

    def _own(self) -> Iterator[tuple[int, Detector]]:
        return enumerate(self._detectors, start=self._first_own)

    @cached_property
    def _prefilter(self) -> Prefilter:
        own = (expression for expressions in self._own_expressions.values() for expression in expressions or ())
        hidden = (expression for gate in VIEW_GATES.values() for expression in _forms(self._views, gate))
        words = (
            _of_word(key, word, free=free) for key, (word, free) in enumerate(self._by_context, start=self._first_word)
        )
        return Prefilter([*self._recognition.expressions, *own, *hidden, *words], self._recognition.row_gates)

    @cached_property
    def _by_context(self) -> dict[tuple[str, bool], tuple[int, ...]]:
        """A context word, whether it counts as a part of another, and the keys of what finds nothing without it."""
        found: dict[tuple[str, bool], list[int]] = {}
        for key, detector in self._own():
            for word in _required_words(detector, self._threshold):
                found.setdefault((word, False), []).append(key)
        for key, words in self._recognition.by_context:
            for word in words:
                found.setdefault((word, True), []).append(key)
        return {word: tuple(keys) for word, keys in found.items()}

    @cached_property
    def _own_expressions(self) -> dict[int, list[Expression] | None]:
        return {
            key: _gate_beside_words(key, detector)
            if _required_words(detector, self._threshold)
            else _expressions(key, detector)
            for key, detector in self._own()
        }

    @cached_property
    def _always(self) -> tuple[int, ...]:
        """Keys of what no gate can speak for."""
        own = (key for key, expressions in self._own_expressions.items() if expressions is None)
        return (*self._recognition.always, *own)


def _required_words(detector: Detector, threshold: float) -> tuple[str, ...]:
    """Words of which one must be there for it to find anything that counts; none if it needs none."""
    if detector.context is None or (detector.base_score is not None and detector.base_score >= threshold):
        return ()
    return detector.context_words


def _gate_beside_words(key: int, detector: Detector) -> list[Expression]:
    """A gate that was declared is looked for beside the words: most texts of a court hold those, and few a "v."."""
    return (_expressions(key, detector) if detector.gate else None) or []


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
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    start, characters = 0, 0
    while start < len(texts):
        fitting = int(np.searchsorted(ends, characters + _PASS_CHARACTERS, side="right"))
        stop = min(max(fitting, start + 1), start + _PASS_TEXTS)
        yield start, stop
        start, characters = stop, int(ends[stop - 1])
