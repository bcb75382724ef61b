"""Protecting what was found inside a text, and nothing else of it."""

import re
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from clearance.generalizing import Dates, Generalize, Hierarchy
from clearance.method_spec import MethodSpec
from clearance.methods import (
    SURROGATE_KINDS,
    FormatPreserving,
    Mask,
    Redact,
    Reversible,
    Surrogate,
    Token,
)
from clearance.perturbing import DateShift, Noise
from clearance.tokenization.canonical import texts_of
from clearance.tokenization.methods import NO_ROWS, RowContext, apply, mask_text, redaction
from clearance.tokenization.tokens import Tokenizer
from clearance.tokenization.written_dates import iso_date, only_year

Span = tuple[int, int, str]
Place = tuple[int, int]
_REDACT = Redact()
_Unmarked = DateShift | Noise | Surrogate | Hierarchy
_OWN = re.compile(r"\[[^\[\]()]{1,60}\)|[<>]=?-?[0-9.]+|[0-9]{4}-(?:[0-9]{2}|Q[1-4])(?![0-9-])|[0-9A-Fa-f.:]+/[0-9]+")
"""What a generalized value may look like that is longer than the number in it: ``[40, 50)``, ``>=90``, ``1990-03``."""
_AROUND = 64


class Rewritten(NamedTuple):
    """A text, and what was written into it that looks like any other value: give that back to the next round.

    Of surrogates none stands in the text that ``raw`` was, so that no value is taken for one.
    """

    text: str
    written: frozenset[str]


def replace_spans(text: str, spans: Sequence[Span], methods: Mapping[str, MethodSpec], tokenizer: Tokenizer) -> str:
    """``text`` with each (start, end, entity type) replaced by its type's method; offsets in code points.

    Where spans overlap, the longest keeps its extent (of two equal ones the first given) and the others
    protect what sticks out: every found character is covered, blanks at cut ends apart. A type without a
    method is redacted, and so is one whose method leaves no null or mark: inside a text a gap would change what is
    said, and a surrogate or a shifted date would be replaced again at the next run (``rewrite_spans`` can write them).
    ``format_preserving`` makes a reversible token. ``keep`` never shields another span. Tokens of the
    tokenizer's domain, generalized values and the redaction constants stay, so that protecting a protected text
    changes nothing.
    """
    evident = {kind: _REDACT if isinstance(method, _Unmarked) else method for kind, method in methods.items()}
    return rewrite_spans(text, spans, evident, tokenizer).text


def rewrite_spans(
    text: str,
    spans: Sequence[Span],
    methods: Mapping[str, MethodSpec],
    tokenizer: Tokenizer,
    *,
    row: RowContext = NO_ROWS,
    written: frozenset[str] = frozenset(),
    raw: str | None = None,
) -> Rewritten:
    """As ``replace_spans``, with surrogates, shifted dates and noise in the text as well.

    ``row`` is the context of the text's row, arrays of one value each; a method that needs more than it says redacts.
    So does one whose value is malformed and must not be: what a detector found in a text is in no declared format.
    ``written`` is what an earlier round returned for this text: it stays as it is. ``raw`` is the text before the first
    round; a surrogate that stands in it could not be told from a value, and the constant is written instead.
    """
    chosen = [
        (max(start, 0), min(end, len(text)), entity_type)
        for start, end, entity_type in spans
        if max(start, 0) < min(end, len(text)) and methods.get(entity_type, _REDACT).name != "keep"
    ]
    chosen = [span for span in chosen if not _is_coarse(text, span, methods.get(span[2], _REDACT), tokenizer)]
    if not chosen:
        return Rewritten(text, written)
    source = (text if raw is None else raw).casefold()
    parts, more, position = [], set(), 0
    for start, end, entity_type in _pieces(text, chosen, _protected(text, chosen, tokenizer, written)):
        method = methods.get(entity_type, _REDACT)
        new = _replace(text[start:end], entity_type, method, tokenizer, row)
        if isinstance(method, _Unmarked) and new != redaction(entity_type):
            if isinstance(method, Surrogate) and new.casefold() in source:
                new = redaction(entity_type)
            else:
                more.add(new)
        parts += [text[position:start], new]
        position = end
    return Rewritten("".join([*parts, text[position:]]), written | more)


def written_places(text: str, written: frozenset[str]) -> list[Place]:
    """Where in a text stands, as words of its own, what was written into it."""
    return [
        match.span() for value in written if value for match in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text)
    ]


def reverse_tokens(text: str, tokenizer: Tokenizer) -> str:
    """``text`` with each reversible token of the tokenizer's domain replaced by the value inside it, exactly.

    One-way, foreign and forged tokens stay.
    """
    spans = tokenizer.verified_spans(text)
    opened = tokenizer.reverse(pa.array([text[start:end] for start, end, _ in spans], pa.string()))
    values = iter(texts_of(opened.drop_null()))
    parts = []
    position = 0
    for (start, end, _), reversible in zip(spans, opened.is_valid().to_pylist(), strict=True):
        parts += [text[position:start], next(values) if reversible else text[start:end]]
        position = end
    return "".join([*parts, text[position:]])


def _replace(value: str, entity_type: str, method: MethodSpec, tokenizer: Tokenizer, row: RowContext) -> str:
    if isinstance(method, Token):
        return tokenizer.token(value, entity_type)
    # In a text nothing records what was encrypted in its format: the next run would do it again.
    if isinstance(method, Reversible | FormatPreserving):
        return tokenizer.reversible_token(value, entity_type)
    if isinstance(method, Mask):
        return mask_text(method, value)
    if isinstance(method, Surrogate) and entity_type not in SURROGATE_KINDS:
        return redaction(entity_type)
    if isinstance(method, _Unmarked | Generalize) and _suffices(method, row):
        return _in_words(value, entity_type, method, tokenizer, row)
    return redaction(entity_type)


def _in_words(value: str, entity_type: str, method: MethodSpec, tokenizer: Tokenizer, row: RowContext) -> str:
    """What a method for cells makes of one value; dates may be written as people write them."""
    if isinstance(method, DateShift | Dates) and (day := iso_date(value)):
        value = day
    elif isinstance(method, Dates) and method.to == "year":
        value = only_year(value) or value
    # A lone surrogate has no UTF-8 and would stop Arrow with an error that shows the value.
    column = pa.array([value.encode("utf-8", "replace").decode()], pa.string())
    written: str = apply(forgiving(method), column, entity_type, tokenizer, row)[0].as_py()
    return written


def _is_coarse(text: str, span: Span, method: MethodSpec, tokenizer: Tokenizer) -> bool:
    """Whether a find is part of what its own method leaves: the 40 of ``[40, 50)``."""
    if not isinstance(method, Generalize) or isinstance(method, Hierarchy):
        return False
    start, end, entity_type = span
    if end - start > _AROUND:  # no coarser value is so long, and looking through a long number for one takes minutes
        return False
    low = max(start - _AROUND, 0)
    for match in _OWN.finditer(text, low, min(end + _AROUND, len(text))):
        if match.start() <= start and end <= match.end() and match.end() - match.start() > end - start:
            return _in_words(match[0], entity_type, method, tokenizer, NO_ROWS) == match[0]
    return False


def _suffices(method: MethodSpec, row: RowContext) -> bool:
    return (method.subject_column is None or row.subjects is not None) and (
        method.row_key_column is None or (row.row_keys is not None and bool(row.column))
    )


@lru_cache(maxsize=256)
def forgiving(method: MethodSpec) -> MethodSpec:
    """The method, with a constant for what it can't read where the policy would have the run fail."""
    strict = getattr(method, "malformed", "") == "fail"
    return replace(method, malformed="redact") if strict else method  # type: ignore[call-arg]


def _protected(text: str, spans: Sequence[Span], tokenizer: Tokenizer, written: frozenset[str]) -> list[Place]:
    """Where the text is protected already: verified tokens, what was written, the constants these spans would write."""
    done = [(start, end) for start, end, _ in tokenizer.verified_spans(text)]
    done += written_places(text, written)
    for constant in {redaction(entity_type) for _, _, entity_type in spans}:
        start = text.find(constant)
        while start >= 0:
            done.append((start, start + len(constant)))
            start = text.find(constant, start + len(constant))
    # A type's name may hold brackets, and one constant another: keep the outer ones, disjoint.
    disjoint: list[Place] = []
    for start, end in sorted(done):
        if not disjoint or start >= disjoint[-1][1]:
            disjoint.append((start, end))
    return disjoint


def _pieces(text: str, spans: Sequence[Span], done: Sequence[tuple[int, int]]) -> list[Span]:
    """Spans that don't overlap, in order, covering all characters of ``spans`` but those of ``done``."""
    starts, ends = {start for start, _ in done}, {end for _, end in done}
    # Disjoint and in order all the time, so that a million-character text with many finds stays fast.
    taken = sorted(done)
    pieces: list[Span] = []
    for start, end, entity_type in sorted(spans, key=lambda span: span[0] - span[1]):
        for left, right in _gaps(start, end, taken):
            insort(taken, (left, right))
            piece = text[left:right]
            cut = (left, right) != (start, end) and (left in ends or right in starts)
            # A comma cut off beside a token is no find: protecting it would grow the text at every run.
            if not piece.strip() or (cut and not _has_content(piece)):
                continue
            left += len(piece) - len(piece.lstrip())
            right -= len(piece) - len(piece.rstrip())
            pieces.append((left, right, entity_type))
    return sorted(pieces)


def _gaps(start: int, end: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of ``start`` to ``end`` is not taken; ``taken`` is disjoint and in order."""
    gaps = []
    first = bisect_left(taken, (start, start))
    if first and taken[first - 1][1] > start:
        first -= 1
    for index in range(first, len(taken)):
        left, right = taken[index]
        if left >= end:
            break
        if left > start:
            gaps.append((start, left))
        start = max(start, right)
    if start < end:
        gaps.append((start, end))
    return gaps


def _has_content(piece: str) -> bool:
    return any(c.isalnum() for c in piece)
