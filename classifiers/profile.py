"""What is known of one leaf: counts that add up, whatever the batches and partitions. It holds no value."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.column_traits import column_traits
from clearance.classifiers.embedded import MAX_NESTING
from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import Form, Span
from clearance.classifiers.looking import TokenSpans, find
from clearance.classifiers.resolve import settled
from clearance.classifiers.sketch import DistinctSketch
from clearance.classifiers.subleaves import SubLeaves
from clearance.classifiers.traits import shape, traits
from clearance.values import texts_of

#: ``verified(values) -> types``: upper-case entity type where the whole value is a verified token, else null.
Verified = Callable[[pa.Array], pa.Array]

#: Shapes are shown and kept only if at least so many rows share them.
SHAPE_ROWS = 20
#: Shapes kept for each type while a scan runs. Which ones is decided by a hash of the shape, not by arrival.
MAX_SHAPES = 50
_NUMBERS = ("rows", "whole", "embedded", "texty", "scored", "score")
#: 2: the sketch hashes with SipHash. Profiles of one run are merged, never those of two versions.
#: 3: it knows the leaves inside its strings. 4: more traits, for the evidence of ``column_score.py``.
_FORMAT = 4


@dataclass(slots=True)
class TypeCounts:
    """Counts of one entity type at one leaf.

    ``rows`` hold it after overlaps are resolved; in ``whole`` rows one raw hit covers the whole value; in
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

    def mean_score(self) -> float:
        """Mean score of the best hits in the rows that have one."""
        return round(self.score / self.scored / 10_000, 4) if self.scored else 0.0


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
        self.counts: dict[tuple[Form, str], TypeCounts] = {}
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
        counted = pc.value_counts(values.drop_null())
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
            for position in np.flatnonzero(is_token).tolist():
                self._count_token(token_types[position].as_py(), int(numbers[position]), whole=True)
            self.filled += int(numbers[is_token].sum())
            distinct, numbers = distinct.filter(pa.array(~is_token)), numbers[~is_token]
        texts = [text or "" for text in texts_of(distinct)]
        filled = np.fromiter((bool(text) and not text.isspace() for text in texts), np.bool_, len(texts))
        if not filled.all():
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
        hits = find(engine, texts, token_spans, texty.tolist())
        for position in hits.changed:
            for mask in facts.values():
                mask[position] = False
            for trait in traits(hits.texts[position]):
                facts.setdefault(trait, np.zeros(len(texts), dtype=np.bool_))[position] = True
        for trait, mask in facts.items():
            if mask.any():
                self.traits[trait] += int(numbers[mask].sum())
        covered: Counter[tuple[Span, bool, str]] = Counter()
        for text, inside, raw, number, reads in zip(
            hits.texts, hits.tokens, hits.raw, numbers.tolist(), texty.tolist(), strict=True
        ):
            if inside:
                for token_type in {token_type for _, _, token_type in inside}:
                    self._count_token(token_type, number, whole=False)
            alone = _alone(text, raw) if raw and not inside else None
            if alone is not None:
                # The usual hit of a structured column: nothing competes with it, so equal ones are counted together.
                covered[alone, reads, shape(text.strip())] += number
            elif raw:
                self._count(text, number, reads, raw, settled(text, raw, engine.resolution, tokens=inside))
        for (span, reads, form), number in covered.items():
            self._add(span, number, reads, inside=True, form=form)

    def _count(self, text: str, number: int, texty: bool, raw: Sequence[Span], kept: Sequence[Span]) -> None:
        whole: dict[str, Span] = {}
        for span in raw:
            best = whole.get(span.entity_type)
            if (best is None or span.score > best.score) and covers(text, span):
                whole[span.entity_type] = span
        inside: dict[str, Span] = {}
        for span in kept:
            best = inside.get(span.entity_type)
            if best is None or (span.score, span.detector) > (best.score, best.detector):
                inside[span.entity_type] = span
        for entity_type in whole.keys() | inside.keys():
            self._add(
                whole.get(entity_type) or inside[entity_type],
                number,
                texty,
                inside=entity_type in inside,
                form=shape(text.strip()) if entity_type in whole else None,
            )

    def _add(self, span: Span, number: int, texty: bool, *, inside: bool, form: str | None) -> None:
        """Count a type's best hit in ``number`` rows; ``inside``: it is one that counts; ``form``: it is the whole."""
        counts = self.counts.setdefault(("raw", span.entity_type), TypeCounts())
        whole = form is not None
        counts.rows += number * inside
        counts.whole += number * whole
        counts.embedded += number * (inside and not whole)
        counts.texty += number * (texty and inside)
        counts.scored += number
        counts.score += number * round(span.score * 10_000)
        counts.detectors[span.detector] += number
        if form is not None:
            counts.shapes[form] += number

    def _count_token(self, entity_type: str, number: int, *, whole: bool) -> None:
        counts = self.counts.setdefault(("token", entity_type), TypeCounts())
        counts.rows += number
        counts.whole += number * whole
        counts.embedded += number * (not whole)
        counts.scored += number
        counts.score += number * 10_000
        counts.detectors["KeyedCheck"] += number

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
        return {**self._numbers(), "sketch": self._sketch.to_dict(), "inside": inside}

    def _numbers(self, *, shared_by: int = 0) -> dict[str, Any]:
        """All counts, JSON-ready; only the shapes that so many rows share."""
        return {
            "format": _FORMAT,
            "path": self.path,
            "type": self.type,
            "rows": self.rows,
            "nulls": self.nulls,
            "filled": self.filled,
            "traits": dict(self.traits),
            "spoken": dict(self.spoken),
            "counts": [
                {
                    "form": form,
                    "entity_type": entity_type,
                    "numbers": [getattr(c, name) for name in _NUMBERS],
                    "detectors": dict(c.detectors),
                    "turns": dict(self.turns.get((form, entity_type), ())),
                    "shapes": {item: number for item, number in c.shapes.items() if number >= shared_by},
                }
                for (form, entity_type), c in sorted(self.counts.items())
            ],
        }

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
        return {**self._numbers(shared_by=SHAPE_ROWS), "distinct": self.distinct, "inside": inside}

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
        if content["format"] != _FORMAT:
            raise ValueError("profile of another version")
        profile = cls.__new__(cls)
        profile.path, profile.type = content["path"], content["type"]
        profile.rows, profile.nulls, profile.filled = content["rows"], content["nulls"], content["filled"]
        profile.traits, profile.spoken = Counter(content["traits"]), Counter(content["spoken"])
        profile.turns = {
            (item["form"], item["entity_type"]): Counter(item["turns"]) for item in content["counts"] if item["turns"]
        }
        profile._sketch, profile._distinct_before, profile.inside = sketch, 0, None
        profile.counts = {
            (item["form"], item["entity_type"]): TypeCounts(
                detectors=Counter(item["detectors"]),
                shapes=Counter(item["shapes"]),
                **dict(zip(_NUMBERS, map(int, item["numbers"]), strict=True)),
            )
            for item in content["counts"]
        }
        return profile


def _inside(salt: bytes, nesting: int) -> SubLeaves | None:
    return SubLeaves(lambda: LeafProfile("", "", salt=salt, nesting=nesting - 1)) if nesting else None


def _alone(text: str, hits: Sequence[Span]) -> Span | None:
    """The best of hits that all are the whole value and of one type; None if there are others."""
    for hit in hits:
        if hit.entity_type != hits[0].entity_type or not _is_all(text, hit):
            return None
    return max(hits, key=_score) if len(hits) > 1 else hits[0]


def _score(hit: Span) -> float:
    return hit.score


def _is_all(text: str, span: Span) -> bool:
    """Whether a weighed hit is the whole value, and not cut: nothing is left for :func:`settled` to decide."""
    return not span.start and span.end == len(text) and (text[0].isalnum() or text[-1].isalnum())


def covers(text: str, span: Span) -> bool:
    """Whether a hit is the whole value: nine in ten of its letters and digits."""
    if span.start == 0 and span.end == len(text):
        return True
    if 10 * (span.end - span.start) < 5 * len(text.strip()):
        return False
    return 10 * _letters_and_digits(text[span.start : span.end]) >= 9 * _letters_and_digits(text)


def _letters_and_digits(text: str) -> int:
    return sum(map(str.isalnum, text))


__all__ = ["LeafProfile", "TokenSpans", "TypeCounts", "Verified", "covers"]
