"""Counts of one entity type at one leaf: they add up, whatever the batches and partitions, and hold no value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import blake2b

#: Shapes are shown and kept only if at least so many rows share them.
SHAPE_ROWS = 20
#: Shapes kept for each type while a scan runs. Which ones is decided by a hash of the shape, not by arrival.
MAX_SHAPES = 50


@dataclass(slots=True)
class TypeCounts:
    """``rows`` hold the type after overlaps are resolved; in ``whole`` rows one raw hit covers the whole value; in
    ``embedded`` rows it is only a part; ``texty`` rows read like text.

    ``score`` is the sum of scores in 1/10,000, so that it adds up exactly.
    """

    rows: int = 0
    whole: int = 0
    embedded: int = 0
    texty: int = 0
    scored: int = 0
    score: int = 0
    detectors: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)

    def add(self, other: TypeCounts) -> None:
        """Add another part's counts."""
        self.rows += other.rows
        self.whole += other.whole
        self.embedded += other.embedded
        self.texty += other.texty
        self.scored += other.scored
        self.score += other.score
        self.detectors.update(other.detectors)
        self.shapes.update(other.shapes)
        self.cut()

    def cut(self) -> None:
        """Keep the MAX_SHAPES shapes of smallest hash: every part keeps all that the whole will keep, so counts are
        exact in any order of merging."""
        if len(self.shapes) > MAX_SHAPES:
            ranked = sorted(self.shapes, key=lambda item: blake2b(item.encode(), digest_size=8).digest())
            self.shapes = Counter({item: self.shapes[item] for item in ranked[:MAX_SHAPES]})

    def within(self, rows: int) -> TypeCounts:
        """The same in no more than so many rows: one that holds a value and an unverified token of its type counts as
        two until then, for who finds the one knows nothing of the other."""
        if max(self.rows, self.whole, self.embedded, self.texty) <= rows:
            return self
        own = {name: min(getattr(self, name), rows) for name in ("rows", "whole", "embedded", "texty")}
        return replace(self, **own)

    def mean_score(self) -> float:
        """Mean score of the best hits in the rows that have one."""
        return round(self.score / self.scored / 10_000, 4) if self.scored else 0.0


__all__ = ["MAX_SHAPES", "SHAPE_ROWS", "TypeCounts"]
