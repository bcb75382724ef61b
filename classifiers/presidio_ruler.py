"""The public ruler: what ``SpanEvaluator`` of presidio-evaluator 0.3.2 counts, without its dependencies.

Source: https://github.com/data-privacy-stack/presidio-research (MIT), ``evaluation/span_evaluator.py``,
``evaluation/skipwords.py`` and ``span_to_tag.py``. Spans are laid over spaCy's tokens; a run of tokens of one type is a
group; groups of nothing but skip words vanish; groups of one type with only skip words between them become one; a
group's extent goes from its first to its last token that is no skip word. A true group is found if its intersection
over union (IoU) with the predicted ones is large enough. All its habits are kept, the odd ones too, so that figures
compare: a prediction that touches two true groups counts twice, and a span ends before one that begins where it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import spacy
from spacy.lang.en.stop_words import STOP_WORDS
from spacy.language import Language

from clearance.classifiers.findings import Span
from clearance.classifiers.rulers import SENSITIVE, Compared, Outcome

_WORDS = """
's street st. st de rue via and a the or do as of day address country state city zip po apt unit corner p.o. box suite
mr. mrs. miss year years y/o month months old morning noon afternoon night evening this first last week weeks weekend
days age ago inc inc. ltd >> >>> >>>> >>>>> >>>>>>
"""
_MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_BLANKS = ("", *" \t\n\r\x0b\x0c", *("\n" * n for n in (2, 3, 4)), *("\t" * n for n in (2, 3, 4)))
#: Tokens, in lower case, that neither separate two groups nor count in a group's extent.
SKIP_WORDS = frozenset([*_WORDS.split(), *_MARKS, *_BLANKS, *STOP_WORDS])


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(slots=True)
class _Piece:
    """A span while overlaps are cut."""

    start: int
    end: int
    entity_type: str
    score: float


@dataclass(frozen=True, slots=True)
class _Group:
    """Tokens [first, after) of one type; ``low`` and ``high`` are its extent in characters."""

    entity_type: str
    low: int
    high: int
    first: int
    after: int


class PresidioRuler:
    """presidio-evaluator's ruler, character-based. The figure it is known by is the binary one."""

    headline = "binary"

    def __init__(self, language: str = "en", *, iou: float = 0.75) -> None:
        self._tokenize = _tokenizer(language)
        self._iou = iou

    def __call__(self, text: str, truth: Sequence[Span], found: Sequence[Span]) -> Compared:
        """Counts of one text."""
        tokens = [_Token(token.idx, token.text) for token in self._tokenize.make_doc(text)]
        true, said = token_types(tokens, truth), token_types(tokens, found)
        binary = self._compare(tokens, [kind and SENSITIVE for kind in true], [kind and SENSITIVE for kind in said])
        return Compared(binary, self._compare(tokens, true, said))

    def _compare(self, tokens: Sequence[_Token], true: Sequence[str | None], said: Sequence[str | None]) -> Outcome:
        outcome, touched = Outcome(), set()
        predicted = _merged(tokens, _groups(tokens, said))
        for group in _merged(tokens, _groups(tokens, true)):
            outcome.annotated[group.entity_type] += 1
            over = [number for number, other in enumerate(predicted) if _iou(group, other) > 0]
            touched.update(over)
            self._judge(outcome, group, [predicted[number] for number in over])
        for number, other in enumerate(predicted):
            if number not in touched:
                outcome.predicted[other.entity_type] += 1
                outcome.confusion[None, other.entity_type] += 1
        return outcome

    def _judge(self, outcome: Outcome, group: _Group, over: Sequence[_Group]) -> None:
        """One true group and the predicted groups that overlap it; those of one type count as one prediction."""
        true = group.entity_type
        if not over:
            outcome.confusion[true, None] += 1
        missed = False
        for kind in dict.fromkeys(other.entity_type for other in over):
            same = [other for other in over if other.entity_type == kind]
            share = _iou(group, same[0]) if len(over) == 1 else _combined_iou(group, same)
            outcome.predicted[kind] += 1
            if share >= self._iou:
                outcome.matched[true] += kind == true
                outcome.confusion[true, kind] += 1
                missed = missed or kind != true
                continue
            if kind != true or not missed:
                outcome.confusion[true, None] += 1
            outcome.confusion[None, kind] += 1
            missed = True


@lru_cache(maxsize=8)
def _tokenizer(language: str) -> Language:
    """spaCy's rules alone: its models come with the same tokenizer."""
    return spacy.blank(language)


def token_types(tokens: Sequence[_Token], spans: Iterable[Span]) -> list[str | None]:
    """The type of each token: of the first span that it begins in, or that lies within it."""
    pieces = _without_overlaps(spans)
    types: list[str | None] = []
    for token in tokens:
        within = (
            piece.entity_type
            for piece in pieces
            if piece.start <= token.start < piece.end
            or (token.start <= piece.start <= token.end and token.start <= piece.end <= token.end)
        )
        types.append(next(within, None))
    return types


def _without_overlaps(spans: Iterable[Span]) -> list[_Piece]:
    """Spans cut so that of two that overlap the one with the higher score keeps its place, else the later one."""
    pieces = sorted((_Piece(s.start, s.end, s.entity_type, s.score) for s in spans), key=lambda piece: piece.start)
    at = 0
    while at < len(pieces) - 1:
        one = pieces[at]
        for other in pieces[at + 1 :]:
            if not one.start <= other.start <= one.end:
                continue
            if one.score > other.score:
                if one.start <= other.end <= one.end:
                    other.score = 0
                else:
                    other.start = one.end + 1
            else:
                if other.end < one.end:
                    pieces.append(_Piece(other.end + 1, one.end, one.entity_type, one.score))
                one.end = other.start - 1
        at += 1
    return sorted(pieces, key=lambda piece: piece.start)


def _groups(tokens: Sequence[_Token], types: Sequence[str | None]) -> list[_Group]:
    groups, first = [], 0
    for at in range(1, len(tokens) + 1):
        if at < len(tokens) and types[at] == types[first]:
            continue
        kind = types[first]
        counting = [token for token in tokens[first:at] if token.text.lower() not in SKIP_WORDS]
        if kind is not None and counting:
            groups.append(_Group(kind, counting[0].start, max(map(_lower_end, counting)), first, at))
        first = at
    return groups


def _lower_end(token: _Token) -> int:
    # The original measures tokens in lower case, which for a few letters is longer.
    return token.start + len(token.text.lower())


def _merged(tokens: Sequence[_Token], groups: Iterable[_Group]) -> list[_Group]:
    merged: list[_Group] = []
    for group in groups:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.entity_type == group.entity_type
            and all(token.text.lower().strip() in SKIP_WORDS for token in tokens[last.after : group.first])
        ):
            merged[-1] = _Group(group.entity_type, last.low, max(last.high, group.high), last.first, group.after)
        else:
            merged.append(group)
    return merged


def _iou(one: _Group, other: _Group) -> float:
    inside = min(one.high, other.high) - max(one.low, other.low)
    return inside / (max(one.high, other.high) - min(one.low, other.low)) if inside > 0 else 0.0


def _combined_iou(group: _Group, others: Sequence[_Group]) -> float:
    """As the original counts it: extents one character longer, each prediction but the first one character earlier."""
    characters = set(range(group.low, group.high + 1))
    covered: set[int] = set()
    for number, other in enumerate(others):
        covered.update(range(other.low - (number > 0), other.high + (number == 0)))
    return len(characters & covered) / len(characters | covered)
