"""One way to look at values, for the scan that counts and the protection that replaces: what one finds, both find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import Span
from clearance.classifiers.resolve import blank_tokens, resolve
from clearance.classifiers.traits import is_texty

#: ``token_spans(text) -> [(start, end, type)]``: the verified tokens inside a text, in code points.
TokenSpans = Callable[[str], Sequence[tuple[int, int, str]]]


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """What was found in one value.

    ``text`` is the value with verified tokens blanked (same length), ``raw`` all hits in it, ``spans`` the ones that
    count and would be replaced: sorted, not overlapping, none inside a token. It holds the value: keep it short-lived.
    """

    text: str
    tokens: tuple[tuple[int, int, str], ...]
    raw: tuple[Span, ...]
    spans: tuple[Span, ...]


def look(engine: Engine, texts: Sequence[str], token_spans: TokenSpans | None = None) -> list[Look]:
    """Look at values in text form; the NER model sees those that read like text.

    Raises DetectionError when a detector fails.
    """
    tokens = [tuple(token_spans(text)) if token_spans is not None else () for text in texts]
    blanked = [blank_tokens(text, inside) if inside else text for text, inside in zip(texts, tokens, strict=True)]
    hits = engine.spans(blanked, ner=[is_texty(text) for text in blanked])
    return [
        Look(text, inside, tuple(raw), resolve(text, raw, tokens=inside))
        for text, inside, raw in zip(blanked, tokens, hits, strict=True)
    ]
