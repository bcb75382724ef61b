"""From the hits in many values to counts by type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clearance.classifiers.findings import Form, Span
from clearance.classifiers.resolution import Resolution
from clearance.classifiers.resolve import settled
from clearance.classifiers.traits import shape
from clearance.classifiers.type_counts import TypeCounts
from clearance.classifiers.whole_values import WholeValues

Counts = dict[tuple[Form, str], TypeCounts]


class _Kind(NamedTuple):
    """What a hit says, without its place; ``whole``: it covers nine in ten of the letters and digits of its value."""

    entity_type: str
    score: float
    detector: str
    whole: bool = False


class Tally:
    """Counts the hits of one batch into ``counts``."""

    def __init__(self, counts: Counts, rules: Resolution) -> None:
        self._counts = counts
        self._rules = rules

    def add(
        self, text: str, raw: Sequence[Span], tokens: Sequence[tuple[int, int, str]], number: int, texty: bool
    ) -> None:
        """``number`` rows with a value in which there are these weighed hits and verified tokens."""
        if tokens:
            for token_type in {token_type for _, _, token_type in tokens}:
                self.add_token(token_type, number, whole=False)
        if raw:
            kinds = _kinds(text, raw)
            kept = settled(text, raw, self._rules, tokens=tokens)
            form = shape(text.strip()) if any(kind.whole for kind in kinds) else None
            inside = [_Kind(span.entity_type, span.score, span.detector) for span in kept]
            self._count(kinds, inside, number, texty, form)

    def add_wholes(self, wholes: WholeValues, numbers: npt.NDArray[np.int64], texty: npt.NDArray[np.bool_]) -> None:
        """The values that are settled together; of each one ``numbers`` rows, and whether it reads like text."""
        if not wholes.alike:
            return
        shape_of, shapes = wholes.shapes()
        for group in wholes.alike:
            kinds = [_Kind(*said[:3], whole=True) for said in group.said]
            winner = _Kind(*group.winner[:3])
            form = 2 * shape_of[group.rows] + texty[group.rows]
            for each, number in enumerate(np.bincount(form, numbers[group.rows]).astype(np.int64).tolist()):
                if number:
                    self._count(kinds, [winner], number, bool(each % 2), shapes[each // 2])

    def _count(self, kinds: Sequence[_Kind], kept: Iterable[_Kind], number: int, texty: bool, form: str | None) -> None:
        whole: dict[str, _Kind] = {}
        for kind in kinds:
            best = whole.get(kind.entity_type)
            if kind.whole and (best is None or kind.score > best.score):
                whole[kind.entity_type] = kind
        inside: dict[str, _Kind] = {}
        for kind in kept:
            best = inside.get(kind.entity_type)
            if best is None or (kind.score, kind.detector) > (best.score, best.detector):
                inside[kind.entity_type] = kind
        for entity_type in whole.keys() | inside.keys():
            self._add(
                whole.get(entity_type) or inside[entity_type],
                number,
                texty,
                inside=entity_type in inside,
                form=form if entity_type in whole else None,
            )

    def _add(self, kind: _Kind, number: int, texty: bool, *, inside: bool, form: str | None) -> None:
        """Count a type's best hit in ``number`` rows; ``inside``: it is one that counts; ``form``: it is the whole."""
        counts = self._counts.setdefault(("raw", kind.entity_type), TypeCounts())
        whole = form is not None
        counts.rows += number * inside
        counts.whole += number * whole
        counts.embedded += number * (inside and not whole)
        counts.texty += number * (texty and inside)
        counts.scored += number
        counts.score += number * round(kind.score * 10_000)
        counts.detectors[kind.detector] += number
        if form is not None:
            counts.shapes[form] += number

    def add_token(self, entity_type: str, number: int, *, whole: bool) -> None:
        """``number`` rows that hold a verified token of a type, or are one."""
        counts = self._counts.setdefault(("token", entity_type), TypeCounts())
        counts.rows += number
        counts.whole += number * whole
        counts.embedded += number * (not whole)
        counts.scored += number
        counts.score += number * 10_000
        counts.detectors["KeyedCheck"] += number


def _kinds(text: str, raw: Sequence[Span]) -> list[_Kind]:
    # Once for all hits: a huge text may have many.
    half, total = 5 * len(text.strip()), -1
    kinds = []
    for start, end, entity_type, score, detector in raw:
        whole = not start and end == len(text)
        if not whole and 10 * (end - start) >= half:
            total = _letters_and_digits(text) if total < 0 else total
            whole = 10 * _letters_and_digits(text[start:end]) >= 9 * total
        kinds.append(_Kind(entity_type, score, detector, whole))
    return kinds


def _letters_and_digits(text: str) -> int:
    return sum(map(str.isalnum, text))


__all__ = ["Counts", "Tally"]
