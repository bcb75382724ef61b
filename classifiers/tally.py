"""From the hits in many values to counts by type: values whose hits say the same are settled and counted together.

In a column of addresses nearly every value has the same hits: one detector sees the whole, another a part, a third the
whole again. What they come to depends on what each is and on how much of the value it covers, not on the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from clearance.classifiers.findings import Form, Span
from clearance.classifiers.resolution import Resolution
from clearance.classifiers.resolve import settled
from clearance.classifiers.traits import shape
from clearance.classifiers.type_counts import TypeCounts
from clearance.classifiers.whole_values import WholeValues

Counts = dict[tuple[Form, str], TypeCounts]
#: How much of its value a hit covers: all of it, nine in ten of its letters and digits, or less.
_Extent = Literal[2, 1, 0]
_WHOLE: _Extent = 2


class _Kind(NamedTuple):
    """What a hit says, without its place."""

    entity_type: str
    score: float
    detector: str
    extent: _Extent


#: The hits in one value, as plain tuples: one is made for every value, and most are known already.
_Kinds = tuple[tuple[str, float, str, _Extent], ...]


class _Alike:
    """Values with the same hits. ``winner`` is what they come to, None where that depends on the value."""

    __slots__ = ("forms", "winner")

    def __init__(self, winner: _Kind | None) -> None:
        self.winner = winner
        #: (reads like text, shape of the value if a hit is the whole of it) -> rows.
        self.forms: dict[tuple[bool, str | None], int] = {}


class Tally:
    """Counts the hits of one batch into ``counts``; :meth:`close` when all are in."""

    def __init__(self, counts: Counts, rules: Resolution) -> None:
        self._counts = counts
        self._rules = rules
        self._alike: dict[_Kinds, _Alike] = {}

    def add(
        self, text: str, raw: Sequence[Span], tokens: Sequence[tuple[int, int, str]], number: int, texty: bool
    ) -> None:
        """``number`` rows with a value in which there are these weighed hits and verified tokens."""
        if tokens:
            for token_type in {token_type for _, _, token_type in tokens}:
                self.add_token(token_type, number, whole=False)
        if not raw:
            return
        kinds = _kinds(text, raw)
        alike = self._alike.get(kinds)
        if alike is None:
            alike = self._alike[kinds] = _Alike(self._winner(kinds))
        if alike.winner is not None and not tokens and (text[0].isalnum() or text[-1].isalnum()):
            form = texty, shape(text.strip())
            alike.forms[form] = alike.forms.get(form, 0) + number
        else:
            kept = settled(text, raw, self._rules, tokens=tokens)
            whole = shape(text.strip()) if any(extent for _, _, _, extent in kinds) else None
            inside = [_Kind(span.entity_type, span.score, span.detector, 0) for span in kept]
            self._count(kinds, inside, number, texty, whole)

    def add_wholes(self, wholes: WholeValues, numbers: npt.NDArray[np.int64], texty: npt.NDArray[np.bool_]) -> None:
        """The values that are settled together; of each one ``numbers`` rows, and whether it reads like text."""
        if not wholes.alike:
            return
        shape_of, shapes = wholes.shapes()
        for group in wholes.alike:
            kinds = tuple((said.entity_type, said.score, said.detector, _WHOLE) for said in group.said)
            winner = _Kind(*group.winner[:3], _WHOLE)
            form = 2 * shape_of[group.rows] + texty[group.rows]
            for each, number in enumerate(np.bincount(form, numbers[group.rows]).astype(np.int64).tolist()):
                if number:
                    self._count(kinds, [winner], number, bool(each % 2), shapes[each // 2])

    def close(self) -> None:
        """Count what was held back because it is alike."""
        for kinds, alike in self._alike.items():
            winner = [alike.winner] if alike.winner is not None else []
            for (texty, form), number in alike.forms.items():
                self._count(kinds, winner, number, texty, form)
        self._alike.clear()

    def _winner(self, kinds: _Kinds) -> _Kind | None:
        """The hit that :func:`settled` leaves alone, as one that ranks first covers the whole; None if none does."""
        first = min(
            map(_Kind._make, kinds),
            key=lambda kind: (
                -self._rules.of(kind.entity_type, kind.detector).precedence,
                -(kind.extent == 2),
                -kind.score,
                kind.entity_type,
                kind.detector,
            ),
        )
        return first if first.extent == 2 else None

    def _count(self, kinds: _Kinds, kept: Iterable[_Kind], number: int, texty: bool, form: str | None) -> None:
        whole: dict[str, _Kind] = {}
        for kind in map(_Kind._make, kinds):
            best = whole.get(kind.entity_type)
            if kind.extent and (best is None or kind.score > best.score):
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


def _kinds(text: str, raw: Sequence[Span]) -> _Kinds:
    length = len(text)
    # Once for all hits: a huge text may have many.
    half = 5 * len(text.strip())
    return tuple(
        [
            (
                kind,
                score,
                detector,
                2 if not start and end == length else 0 if 10 * (end - start) < half else _nearly(text, start, end),
            )
            for start, end, kind, score, detector in raw
        ]
    )


def _nearly(text: str, start: int, end: int) -> Literal[1, 0]:
    """Whether a part of a value is nine in ten of its letters and digits."""
    return 1 if 10 * _letters_and_digits(text[start:end]) >= 9 * _letters_and_digits(text) else 0


def _letters_and_digits(text: str) -> int:
    return sum(map(str.isalnum, text))


__all__ = ["Counts", "Tally"]
