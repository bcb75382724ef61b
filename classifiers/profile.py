"""What is known of one leaf: counts that add up, whatever the batches and partitions. It holds no value."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.column_traits import column_traits
from clearance.classifiers.embedded import MAX_NESTING
from clearance.classifiers.findings import Form
from clearance.classifiers.looking import TokenSpans, find
from clearance.classifiers.profile_wire import numbers_of, read_numbers
from clearance.classifiers.sketch import DistinctSketch
from clearance.classifiers.subleaves import SubLeaves
from clearance.classifiers.tally import Counts, Tally
from clearance.classifiers.traits import traits
from clearance.classifiers.type_counts import SHAPE_ROWS, TypeCounts
from clearance.values import texts_of

if TYPE_CHECKING:
    # Whoever only merges profiles needs no engine, which takes a second to import.
    from clearance.classifiers.engine import Engine

#: The detector of tokens whose key is disabled.
UNVERIFIED = "UnverifiedToken"
#: ``verified(values) -> types``: upper-case entity type where the whole value is a verified token, else null.
Verified = Callable[[pa.Array], pa.Array]


class LeafProfile:
    """Accumulator of one leaf.

    ``salt``: 16 to 64 random bytes of the run, the same for all its parts. Feed batches with :meth:`update`, ship with
    :meth:`to_bytes`, combine with :meth:`merge` (commutative and associative), read with
    :func:`clearance.classifiers.columns.finish`. ``nesting``: how deep strings inside strings are looked into.
    """

    def __init__(self, path: str, type: str, *, salt: bytes, nesting: int = MAX_NESTING) -> None:
        self.path = path
        self.type = type
        self.rows = 0
        self.nulls = 0
        self.filled = 0
        self.traits: Counter[str] = Counter()
        self.counts: Counts = {}
        #: In a chat: rows by the role of who speaks, and those of them that hold an entity type.
        self.spoken: Counter[str] = Counter()
        self.turns: dict[tuple[Form, str], Counter[str]] = {}
        self._sketch = DistinctSketch(salt)
        self._distinct_before = 0
        #: The leaves inside its strings.
        self.inside = _inside(salt, nesting)

    def update(
        self,
        values: pa.Array,
        engine: Engine,
        verified: Verified | None = None,
        token_spans: TokenSpans | None = None,
        role: str = "",
    ) -> None:
        """Look at one batch of values in text form (a string array with nulls); in a chat, ``role`` says them all.

        Each distinct value is looked at once. Raises DetectionError when a detector fails.
        """
        distinct = values.drop_null()
        numbers = np.ones(len(distinct), dtype=np.int64)
        if len(distinct) > 1:  # one cell may be huge, and counting copies what it counts
            counted = pc.value_counts(distinct)
            distinct, numbers = counted.field("values"), counted.field("counts").to_numpy()
        self.add(distinct, numbers, values.null_count, engine, verified, token_spans, role)

    def add(
        self,
        distinct: pa.Array,
        numbers: npt.NDArray[np.int64],
        nulls: int,
        engine: Engine,
        verified: Verified | None = None,
        token_spans: TokenSpans | None = None,
        role: str = "",
    ) -> None:
        """The same for distinct values without nulls, of which ``numbers`` says how often each one occurs."""
        rows = int(numbers.sum()) + nulls
        before = {key: counts.rows for key, counts in self.counts.items()} if role else {}
        self.rows += rows
        self.nulls += nulls
        self._sketch.update(distinct)
        if verified is not None:
            token_types = verified(distinct)
            is_token = token_types.is_valid().to_numpy(zero_copy_only=False)
            tally = Tally(self.counts, engine.resolution)
            for position in np.flatnonzero(is_token).tolist():
                tally.add_token(token_types[position].as_py(), int(numbers[position]), whole=True)
            self.filled += int(numbers[is_token].sum())
            distinct, numbers = distinct.filter(pa.array(~is_token)), numbers[~is_token]
        texts = [text or "" for text in texts_of(distinct)]
        if not all(texts) or any(map(str.isspace, texts)):
            filled = np.fromiter((bool(text) and not text.isspace() for text in texts), np.bool_, len(texts))
            distinct, numbers = distinct.filter(pa.array(filled)), numbers[filled]
            texts = list(compress(texts, filled))
        self.filled += int(numbers.sum())
        self._look(distinct, texts, numbers, engine, token_spans)
        if self.inside is not None:
            self.inside.update(distinct, texts, numbers, engine, verified, token_spans)
        for counts in self.counts.values():
            counts.cut()
        if role:
            self.spoken[role] += rows
            for key, counts in self.counts.items():
                self.turns.setdefault(key, Counter())[role] += counts.rows - before.get(key, 0)

    def _look(
        self,
        values: pa.Array,
        texts: list[str],
        numbers: npt.NDArray[np.int64],
        engine: Engine,
        token_spans: TokenSpans | None,
    ) -> None:
        """Look at distinct values, neither blank nor whole tokens; ``numbers`` says how often each one occurs."""
        facts = column_traits(values, texts)
        texty = facts.setdefault("texty", np.zeros(len(texts), dtype=np.bool_))
        hits = find(engine, texts, token_spans, texty.tolist(), values)
        for position in hits.changed:
            for mask in facts.values():
                mask[position] = False
            for trait in traits(hits.texts[position]):
                facts.setdefault(trait, np.zeros(len(texts), dtype=np.bool_))[position] = True
        for trait, mask in facts.items():
            if mask.any():
                self.traits[trait] += int(numbers[mask].sum())
        tally = Tally(self.counts, engine.resolution)
        for text, inside, raw, number, reads in zip(
            hits.texts, hits.tokens, hits.raw, numbers.tolist(), texty.tolist(), strict=True
        ):
            if raw or inside:
                tally.add(text, raw, inside, number, reads)
        if hits.wholes is not None:
            tally.add_wholes(hits.wholes, numbers, texty)

    def add_unverified(self, entity_type: str, rows: int, *, whole: bool) -> None:
        """``rows`` of what was fed before hold, or are, tokens that can't be checked for want of their key: raw."""
        counts = self.counts.setdefault(("raw", entity_type), TypeCounts())
        counts.rows += rows
        counts.whole += rows * whole
        counts.embedded += rows * (not whole)
        counts.texty += rows * (not whole)
        counts.scored += rows
        counts.score += rows * 10_000
        counts.detectors[UNVERIFIED] += rows

    @property
    def distinct(self) -> int:
        """Estimated number of distinct values, nulls not counted; never more than there are rows."""
        return min(max(self._sketch.estimate(), self._distinct_before), self.rows - self.nulls)

    def merge(self, other: LeafProfile) -> None:
        """Add another part of the same leaf. Raises ValueError for another leaf or another run's salt."""
        if (other.path, other.type) != (self.path, self.type):
            raise ValueError("profiles of different leaves can't be merged")
        self._sketch.merge(other._sketch)
        self._distinct_before = max(self._distinct_before, other._distinct_before)
        self.rows += other.rows
        self.nulls += other.nulls
        self.filled += other.filled
        self.traits.update(other.traits)
        for key, counts in other.counts.items():
            self.counts.setdefault(key, TypeCounts()).add(counts)
        self.spoken.update(other.spoken)
        for key, by_role in other.turns.items():
            self.turns.setdefault(key, Counter()).update(by_role)
        if self.inside is not None and other.inside is not None:
            self.inside.merge(other.inside)

    def to_bytes(self) -> bytes:
        """Counts, shapes and registers, for the shuffle; equal profiles give equal bytes."""
        return zlib.compress(json.dumps(self._to_dict(), sort_keys=True, separators=(",", ":")).encode(), 1)

    def _to_dict(self) -> dict[str, Any]:
        inside = self.inside.to_dict(LeafProfile._to_dict) if self.inside is not None else None
        return {**numbers_of(self), "sketch": self._sketch.to_dict(), "inside": inside}

    @classmethod
    def from_bytes(cls, data: bytes) -> LeafProfile:
        """Inverse of :meth:`to_bytes`. The result can be merged and read, not updated: the salt did not travel."""
        return cls._from_dict(json.loads(zlib.decompress(data)))

    @classmethod
    def _from_dict(cls, content: Mapping[str, Any]) -> LeafProfile:
        profile = cls._read(content, DistinctSketch.from_dict(content["sketch"]))
        profile.inside = SubLeaves.from_dict(content["inside"], cls._from_dict) if content["inside"] else None
        return profile

    def to_record(self) -> dict[str, Any]:
        """What a later scan can go on from, JSON-ready: counts, and shapes that SHAPE_ROWS rows share.

        Without the sketch: no digest of a value is kept, keyed or not. Only the number of distinct values is.
        """
        inside = self.inside.to_dict(LeafProfile.to_record) if self.inside is not None else None
        return {**numbers_of(self, shared_by=SHAPE_ROWS), "distinct": self.distinct, "inside": inside}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], *, salt: bytes) -> LeafProfile:
        """A profile to go on from with a new run's ``salt``. ``distinct`` is then the larger of the two runs'.

        Raises ValueError for the record of another version.
        """
        profile = cls._read(record, DistinctSketch(salt))
        profile._distinct_before = int(record["distinct"])
        inside = record["inside"]
        read = partial(cls.from_record, salt=salt)
        # It is merged into what this run finds, so it need not be able to look into further strings itself.
        profile.inside = SubLeaves.from_dict(inside, read) if inside else None
        return profile

    @classmethod
    def _read(cls, content: Mapping[str, Any], sketch: DistinctSketch) -> LeafProfile:
        profile = cls.__new__(cls)
        read_numbers(profile, content)
        profile._sketch, profile._distinct_before, profile.inside = sketch, 0, None
        return profile


def _inside(salt: bytes, nesting: int) -> SubLeaves | None:
    return SubLeaves(lambda: LeafProfile("", "", salt=salt, nesting=nesting - 1)) if nesting else None


__all__ = ["LeafProfile", "TokenSpans", "Verified"]
