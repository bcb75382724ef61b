"""Protecting what was found inside a text, and nothing else of it."""

from collections.abc import Mapping, Sequence

from clearance.tokenization.methods import Method, mask_text, redaction
from clearance.tokenization.tokens import Tokenizer

Span = tuple[int, int, str]
_REDACT = Method("redact")


def replace_spans(text: str, spans: Sequence[Span], methods: Mapping[str, Method], tokenizer: Tokenizer) -> str:
    """``text`` with each (start, end, entity type) replaced by its type's method; offsets in code points.

    Where spans overlap, the longest keeps its extent (of two equal ones the first given) and the others
    protect what sticks out: every found character is covered, blanks at cut ends apart. A type without a
    method is redacted, and ``suppress`` redacts too: inside a text a gap would change what is said. ``keep``
    never shields another span. Tokens of the tokenizer's domain and the redaction constants stay, so that
    protecting a protected text changes nothing.
    """
    chosen = [
        (max(start, 0), min(end, len(text)), entity_type)
        for start, end, entity_type in spans
        if methods.get(entity_type, _REDACT).name != "keep"
    ]
    if not chosen:
        return text
    done = _protected(text, chosen, tokenizer)
    pieces = _resolve(text, chosen, done)
    parts = []
    position = 0
    for start, end, entity_type in pieces:
        parts.append(text[position:start])
        parts.append(_replace(text[start:end], entity_type, methods.get(entity_type, _REDACT), tokenizer))
        position = end
    parts.append(text[position:])
    return "".join(parts)


def _replace(value: str, entity_type: str, method: Method, tokenizer: Tokenizer) -> str:
    if method.name == "token":
        return tokenizer.token(value, entity_type)
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
    return done


def _resolve(text: str, spans: Sequence[Span], done: Sequence[tuple[int, int]]) -> list[Span]:
    """Spans that don't overlap, in order, covering all characters of ``spans`` but those of ``done``."""
    taken = sorted(done)
    pieces: list[Span] = []
    for start, end, entity_type in sorted(spans, key=lambda span: span[0] - span[1]):
        for left, right in _gaps(start, end, taken):
            piece = text[left:right]
            # A comma cut off beside a token is no find: protecting it would grow the text at every run.
            if not piece.strip() or (_touches(left, right, done, (start, end)) and not _has_content(piece)):
                continue
            left += len(piece) - len(piece.lstrip())
            right -= len(piece) - len(piece.rstrip())
            pieces.append((left, right, entity_type))
        taken = sorted([*taken, (start, end)])
    return sorted(pieces)


def _gaps(start: int, end: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    gaps = []
    for left, right in taken:
        if right <= start:
            continue
        if left >= end:
            break
        if left > start:
            gaps.append((start, left))
        start = max(start, right)
    if start < end:
        gaps.append((start, end))
    return gaps


def _touches(left: int, right: int, done: Sequence[tuple[int, int]], span: tuple[int, int]) -> bool:
    """Whether the piece was cut out of its span by something that is protected already."""
    return (left, right) != span and any(left == end or right == start for start, end in done)


def _has_content(piece: str) -> bool:
    return any(c.isalnum() for c in piece)
