"""One way to look at values, for the scan that counts and the protection that replaces: what one finds, both find."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from clearance.classifiers.findings import Span
from clearance.classifiers.resolve import blank_tokens, settled, weighed
from clearance.classifiers.traits import is_texty
from clearance.classifiers.whole_values import WholeValues

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine

#: ``token_spans(text) -> [(start, end, type)]``: the verified tokens inside a text, in code points.
TokenSpans = Callable[[str], Sequence[tuple[int, int, str]]]

#: More characters than this are text, and what settles values together takes eight octets a character for a while.
_TOGETHER = 1 << 22


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """What was found in one value.

    ``text`` is the value with verified tokens blanked (same length), ``raw`` all hits in it that count by themselves,
    ``spans`` what they come to and what would be replaced: sorted, not overlapping, none inside a token. It holds the
    value: keep it short-lived.
    """

    text: str
    tokens: tuple[tuple[int, int, str], ...]
    raw: tuple[Span, ...]
    spans: tuple[Span, ...]


@lru_cache(maxsize=8)
def _constants(entity_types: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\[({'|'.join(map(re.escape, (*entity_types, 'TEXT')))})\]")


def _redacted(text: str, constants: re.Pattern[str]) -> list[tuple[int, int, str]]:
    """Where a text was redacted. ``password: [PASSWORD]`` gives nothing away, whatever stands around the constant."""
    return [(*match.span(), match.group(1)) for match in constants.finditer(text)] if "[" in text else []


@dataclass(slots=True, repr=False)
class Hits:
    """Weighed hits in many values, as three lists of the same length; see :class:`Look` for what they hold.

    ``changed`` are the positions of the values that had something blanked. Values in ``wholes`` that are settled have
    no hits here. Keep it short-lived.
    """

    texts: list[str]
    tokens: list[tuple[tuple[int, int, str], ...]]
    raw: list[list[Span]]
    changed: list[int]
    wholes: WholeValues | None = None


def find(
    engine: Engine,
    texts: Sequence[str],
    token_spans: TokenSpans | None = None,
    texty: Sequence[bool] | None = None,
    values: pa.Array | None = None,
) -> Hits:
    """Hits in values in text form, weighed by the engine's rules but not settled.

    The NER model sees those that read like text. ``texty`` says which do, where it is known already. With ``values``,
    the same texts as a string array, those that are settled together have no hits of their own.
    Raises DetectionError when a detector fails.
    """
    tokens: list[tuple[tuple[int, int, str], ...]] = [()] * len(texts)
    if token_spans is not None:
        tokens = [tuple(token_spans(text)) for text in texts]
    constants = _constants(engine.entity_types)
    blanked, changed = list(texts), []
    reads = [is_texty(text) for text in texts] if texty is None else list(texty)
    for position in [position for position, text in enumerate(texts) if "[" in text or tokens[position]]:
        gone = (*tokens[position], *_redacted(texts[position], constants))
        if gone:
            blanked[position] = blank_tokens(texts[position], gone)
            reads[position] = is_texty(blanked[position])
            changed.append(position)
    wholes = None
    if values is not None and not engine.resolution.deny and sum(map(len, blanked)) <= _TOGETHER:
        left_out = np.array(reads, np.bool_) & engine.has_ner
        # What has a token in it is one of the changed.
        left_out[changed] = True
        wholes = WholeValues(values, engine.resolution, left_out)
        raw = engine.spans_beside(wholes, blanked, ner=reads)
    else:
        raw = engine.spans(blanked, ner=reads)
    return Hits(blanked, tokens, _weighed(engine, blanked, raw), changed, wholes)


def _weighed(engine: Engine, texts: Sequence[str], raw: list[list[Span]]) -> list[list[Span]]:
    rules = engine.resolution
    if rules.deny:  # it finds what nothing else does
        return [weighed(text, hits, rules) for text, hits in zip(texts, raw, strict=True)]
    return [weighed(text, hits, rules) if hits else hits for text, hits in zip(texts, raw, strict=True)]


def look(engine: Engine, texts: Sequence[str], token_spans: TokenSpans | None = None) -> list[Look]:
    """Look at values in text form; the NER model sees those that read like text.

    Raises DetectionError when a detector fails.
    """
    hits = find(engine, texts, token_spans)
    return [
        Look(text, inside, tuple(raw), settled(text, raw, engine.resolution, tokens=inside))
        for text, inside, raw in zip(hits.texts, hits.tokens, hits.raw, strict=True)
    ]
