"""Protecting what was found inside a text, and nothing else of it."""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

import pyarrow as pa

from clearance.tokenization.canonical import texts_of
from clearance.tokenization.methods import Method, mask_text, redaction
from clearance.tokenization.tokens import Tokenizer

Span = tuple[int, int, str]
_REDACT = Method("redact")


def replace_spans(text: str, spans: Sequence[Span], methods: Mapping[str, Method], tokenizer: Tokenizer) -> str:
    """``text`` with each (start, end, entity type) replaced by its type's method; offsets in code points.

    Where spans overlap, the longest keeps its extent (of two equal ones the first given) and the others
    protect what sticks out: every found character is covered, blanks at cut ends apart. A type without a
    method is redacted, and ``suppress`` redacts too: inside a text a gap would change what is said.
    ``format_preserving`` makes a reversible token. ``keep`` never shields another span. Tokens of the
    tokenizer's domain and the redaction constants stay, so that protecting a protected text changes nothing.
    """
    chosen = [
        (max(start, 0), min(end, len(text)), entity_type)
        for start, end, entity_type in spans
        if max(start, 0) < min(end, len(text)) and methods.get(entity_type, _REDACT).name != "keep"
    ]
    if not chosen:
        return text
    done = _protected(text, chosen, tokenizer)
    parts = []
    position = 0
    for start, end, entity_type in _pieces(text, chosen, done):
        parts.append(text[position:start])
        parts.append(_replace(text[start:end], entity_type, methods.get(entity_type, _REDACT), tokenizer))
        position = end
    parts.append(text[position:])
    return "".join(parts)


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


def _replace(value: str, entity_type: str, method: Method, tokenizer: Tokenizer) -> str:
    if method.name == "token":
        return tokenizer.token(value, entity_type)
    # In a text nothing records what was encrypted in its format: the next run would do it again.
    if method.name in ("reversible", "format_preserving"):
        return tokenizer.reversible_token(value, entity_type)
    if method.name == "mask":
        return mask_text(method, value)
    return redaction(entity_type)


def _protected(text: str, spans: Sequence[Span], tokenizer: Tokenizer) -> list[tuple[int, int]]:
    """Where the text is protected already: verified tokens, and the constants these spans would write."""
    done = [(start, end) for start, end, _ in tokenizer.verified_spans(text)]
    for constant in {redaction(entity_type) for _, _, entity_type in spans}:
        start = text.find(constant)
        while start >= 0:
            done.append((start, start + len(constant)))
            start = text.find(constant, start + len(constant))
    # A type's name may hold brackets, and one constant another: keep the outer ones, disjoint.
    disjoint: list[tuple[int, int]] = []
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
