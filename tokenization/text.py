"""Protecting what was found inside a text, and nothing else of it."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from clearance.generalizing import Generalize
from clearance.method_spec import MethodSpec
from clearance.methods import DateShift, FormatPreserving, Mask, Noise, Redact, Reversible, Surrogate, Token
from clearance.tokenization.canonical import texts_of
from clearance.tokenization.methods import NO_ROWS, RowContext, apply, mask_text, redaction
from clearance.tokenization.tokens import Tokenizer

Span = tuple[int, int, str]
Place = tuple[int, int]
_REDACT = Redact()
_Unmarked = Generalize | DateShift | Noise | Surrogate


class Rewritten(NamedTuple):
    """A text, and where in it stands what looks like any other value: give those places back to the next round."""

    text: str
    written: tuple[Place, ...]


def replace_spans(text: str, spans: Sequence[Span], methods: Mapping[str, MethodSpec], tokenizer: Tokenizer) -> str:
    """``text`` with each (start, end, entity type) replaced by its type's method; offsets in code points.

    Where spans overlap, the longest keeps its extent (of two equal ones the first given) and the others
    protect what sticks out: every found character is covered, blanks at cut ends apart. A type without a
    method is redacted, and so is one whose method leaves no null or mark: inside a text a gap would change what is
    said, and what is not ``self_evident`` would be replaced again at the next run (``rewrite_spans`` can write it).
    ``format_preserving`` makes a reversible token. ``keep`` never shields another span. Tokens of the
    tokenizer's domain and the redaction constants stay, so that protecting a protected text changes nothing.
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
    written: Sequence[Place] = (),
) -> Rewritten:
    """As ``replace_spans``, with surrogates, generalized and shifted values and noise in the text as well.

    ``row`` is the context of the text's row, arrays of one value each; a method that needs more than it says redacts.
    So does one whose value is malformed and must not be: what a detector found in a text is in no declared format.
    ``written`` is what an earlier round returned for this text: those places stay as they are.
    """
    chosen = [
        (max(start, 0), min(end, len(text)), entity_type)
        for start, end, entity_type in spans
        if max(start, 0) < min(end, len(text)) and methods.get(entity_type, _REDACT).name != "keep"
    ]
    if not chosen:
        return Rewritten(text, tuple(written))
    done = _protected(text, chosen, tokenizer, written)
    parts = []
    position = length = 0
    shifts: list[tuple[int, int]] = [(0, 0)]
    places: list[Place] = []
    for start, end, entity_type in _pieces(text, chosen, done):
        method = methods.get(entity_type, _REDACT)
        new = _replace(text[start:end], entity_type, method, tokenizer, row)
        parts += [text[position:start], new]
        length += start - position
        if isinstance(method, _Unmarked) and new != redaction(entity_type):
            places.append((length, length + len(new)))
        length += len(new)
        position = end
        shifts.append((end, length - end))
    parts.append(text[position:])
    for start, end in written:
        # Pieces leave these places out, so the last one before has moved all of it.
        by = shifts[bisect_right(shifts, start, key=lambda shift: shift[0]) - 1][1]
        places.append((start + by, end + by))
    return Rewritten("".join(parts), tuple(sorted(places)))


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
    if isinstance(method, _Unmarked) and _suffices(method, row):
        # A lone surrogate has no UTF-8 and would stop Arrow with an error that shows the value.
        column = pa.array([value.encode("utf-8", "replace").decode()], pa.string())
        written: str = apply(_forgiving(method), column, entity_type, tokenizer, row)[0].as_py()
        return written
    return redaction(entity_type)


def _suffices(method: MethodSpec, row: RowContext) -> bool:
    return (method.subject_column is None or row.subjects is not None) and (
        method.row_key_column is None or (row.row_keys is not None and bool(row.column))
    )


@lru_cache(maxsize=256)
def _forgiving(method: _Unmarked) -> MethodSpec:
    """The method, with a constant for what it can't read where the policy would have the run fail."""
    return replace(method, malformed="redact") if method.on_malformed == "fail" else method  # type: ignore[arg-type]


def _protected(text: str, spans: Sequence[Span], tokenizer: Tokenizer, written: Sequence[Place]) -> list[Place]:
    """Where the text is protected already: verified tokens, what was written, the constants these spans would write."""
    done = [(start, end) for start, end, _ in tokenizer.verified_spans(text)]
    done += written
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
