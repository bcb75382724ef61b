"""The hits in many texts, column by column: what they say once, their rows and places in lists of numbers.

A hit in each of a hundred thousand values is three numbers in three lists; an object for each would take longer to make
than the hit takes to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clearance.classifiers.findings import Span

#: The source of the hits of our own detectors.
OWN = -1


class Said(NamedTuple):
    """What a hit says, without its place.

    ``context``: words that lift its score where they are near. ``source``: the number of the recognizer that it is
    from, ``OWN`` if it is from none.
    """

    entity_type: str
    score: float
    detector: str
    context: tuple[str, ...] = ()
    source: int = OWN


class Places(NamedTuple):
    """Where a hit was found: row, start and end, each in a list of its own; offsets in code points."""

    rows: list[int]
    starts: list[int]
    ends: list[int]


class HitColumns:
    """Hits of a batch of texts. It holds no text, only places."""

    def __init__(self) -> None:
        self._places: dict[Said, Places] = {}

    def of(self, said: Said) -> Places:
        """The lists to add to for hits that say this."""
        places = self._places.get(said)
        if places is None:
            places = self._places[said] = Places([], [], [])
        return places

    def __iter__(self) -> Iterator[tuple[Said, Places]]:
        return ((said, places) for said, places in self._places.items() if places.rows)

    def by_row(self, settled: npt.NDArray[np.bool_] | None = None) -> dict[int, list[tuple[Said, Span]]]:
        """Row -> its hits, for those that have any, but for the rows that are ``settled``."""
        found: dict[int, list[tuple[Said, Span]]] = {}
        make = tuple.__new__  # a named tuple's own constructor takes twice as long
        for said, places in self:
            entity_type, score, detector, _, _ = said
            for row, start, end in zip(*(places if settled is None else _less(places, settled)), strict=True):
                hit = said, make(Span, (start, end, entity_type, score, detector))
                if row in found:
                    found[row].append(hit)
                else:
                    found[row] = [hit]
        return found


def _less(places: Places, settled: npt.NDArray[np.bool_]) -> Places:
    """The places in rows that are not settled."""
    left = ~settled[places.rows]
    if left.all():
        return places
    return Places(*([one for one, stays in zip(some, left.tolist(), strict=True) if stays] for some in places))
