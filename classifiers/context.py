"""Presidio's context enhancement, hit by hit: the words before a match that lift its score.

Mirrors ``LemmaContextAwareEnhancer`` of presidio-analyzer 2.2.366 with its default settings over a words-only NLP
engine: five key words before the match and the match's own word, a context word found anywhere inside one of them,
0.35 more and at least 0.4. It splits only as much of a text as it needs: spaCy's tokenizer works on one run of
non-space characters at a time, so a run's words don't depend on its neighbours.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import NamedTuple

from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from spacy.tokenizer import Tokenizer

from clearance.classifiers.nlp import WordsOnlyNlpEngine

_PRESIDIO = LemmaContextAwareEnhancer()
BOOST: float = _PRESIDIO.context_similarity_factor
LEAST: float = _PRESIDIO.min_score_with_context_similarity
WORDS_BEFORE: int = _PRESIDIO.context_prefix_count
_RUN = re.compile(r"\S+|\s+")
_COLON_RUN = re.compile(r"\S*:\S*")
#: Runs up to this length are remembered.
_SHORT = 64


def boosted(score: float) -> float:
    """A score after a context word was found."""
    return min(max(score + BOOST, LEAST), 1.0)


class _Word(NamedTuple):
    """A token: its place in its run, its text in lower case, whether it counts as a key word by itself."""

    start: int
    end: int
    lower: str
    is_key: bool


class Words:
    """Splits texts of one language as Presidio's words-only NLP engine does."""

    def __init__(self, nlp: WordsOnlyNlpEngine, language: str) -> None:
        self._nlp = nlp
        self._language = language
        self._pipeline = nlp.nlp[language]
        self._short = lru_cache(maxsize=1 << 15)(self._split)
        self._long = lru_cache(maxsize=4)(self._split)
        tokenizer = self._pipeline.tokenizer
        # Some languages have tokens of two words, or split by a dictionary: there only the whole text will do.
        self._by_run = type(tokenizer) is Tokenizer and not any(len(rule.split()) > 1 for rule in tokenizer.rules)

    def runs(self, text: str) -> list[tuple[int, int]]:
        """Stretches of ``text`` that can be split on their own, in order."""
        return [run.span() for run in _RUN.finditer(text)] if self._by_run else [(0, len(text))]

    def words(self, text: str, start: int, end: int) -> Sequence[_Word]:
        """The tokens of one stretch; places count from the stretch's start."""
        run = text[start:end]
        if self._by_run and run.isspace():
            # spaCy hangs one space on the word before; what is left of a longer gap is a token, and counts as a word.
            gap = 1 if start and run[0] == " " else 0
            return (_Word(gap, len(run), run[gap:], True),) if len(run) > gap else ()
        return self._short(run) if len(run) <= _SHORT else self._long(run)

    def _split(self, run: str) -> tuple[_Word, ...]:
        nlp, language = self._nlp, self._language
        # The zone keeps the data's words out of spaCy's ever-growing store of strings.
        with self._pipeline.memory_zone():
            return tuple(
                _Word(
                    token.idx,
                    token.idx + len(token.text),
                    token.text.lower(),
                    not nlp.is_stopword(token.text, language)
                    and not nlp.is_punct(token.text, language)
                    and token.text not in ("-PRON-", "be"),
                )
                for token in self._pipeline.make_doc(run)
            )


class Surroundings:
    """The key words around places of one text."""

    def __init__(self, text: str, words: Words) -> None:
        self._text = text
        self._words = words

    @cached_property
    def _runs(self) -> list[tuple[int, int]]:
        return self._words.runs(self._text)

    @cached_property
    def _parts(self) -> frozenset[str]:
        """Presidio splits key words at colons, and takes a word for a key word if it equals a part of any of them."""
        if ":" not in self._text:
            return frozenset()
        stretches = (run.span() for run in _COLON_RUN.finditer(self._text)) if len(self._runs) > 1 else self._runs
        return frozenset(
            part
            for start, end in stretches
            for word in self._words.words(self._text, start, end)
            if word.is_key and ":" in word.lower
            for part in word.lower.split(":")
        )

    def near(self, start: int) -> list[str]:
        """Key words in lower case: the one at ``start`` (code points) and up to five before it, nearest first.

        Where the word at ``start`` is no key word, the next one behind it is taken as well: Presidio looks for none
        behind a match, but counts the match's own word in both directions.
        """
        run, upto = self._at(start)
        if run == len(self._runs):
            return []
        before = (word.lower for word in self._backwards(run, upto) if self._is_key(word))
        behind = (word.lower for word in self._forwards(run, upto) if self._is_key(word))
        return [*islice(before, WORDS_BEFORE + 1), *islice(behind, 1)]

    def _is_key(self, word: _Word) -> bool:
        return (word.is_key and ":" not in word.lower) or word.lower in self._parts

    def _in_run(self, run: int) -> Sequence[_Word]:
        return self._words.words(self._text, *self._runs[run])

    def _at(self, start: int) -> tuple[int, int]:
        """Run and place in it of the first token that ends behind ``start``."""
        run = max(0, bisect_right(self._runs, (start, len(self._text))) - 1)
        while run < len(self._runs):
            offset = self._runs[run][0]
            for place, word in enumerate(self._in_run(run)):
                if start < offset + word.end:
                    return run, place
            run += 1
        return run, 0

    def _backwards(self, run: int, place: int) -> Iterator[_Word]:
        yield from reversed(self._in_run(run)[: place + 1])
        for earlier in range(run - 1, -1, -1):
            yield from reversed(self._in_run(earlier))

    def _forwards(self, run: int, place: int) -> Iterator[_Word]:
        yield from self._in_run(run)[place:]
        for later in range(run + 1, len(self._runs)):
            yield from self._in_run(later)
