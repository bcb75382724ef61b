"""What a column holds that can be opened, and its opening: Arrow batches in, counts or batches out.

Runs in Spark's workers. Counting comes first and shows nothing; whoever opens has been told how much there is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.jobs.binding import Binding, Subject
from clearance.jobs.settings import Tokens
from clearance.jobs.token_texts import Token, changed_tokens, tokens_in
from clearance.jobs.workers import Batches
from clearance.leaves import read_leaf, replace_leaves
from clearance.methods import parse_method
from clearance.paths import Step
from clearance.tokenization.canonical import texts_of
from clearance.tokenization.methods import apply, constants, restore
from clearance.tokenization.subjects import SUBJECT_RULE
from clearance.tokenization.token_format import ONE_WAY, PREFIX, REVERSIBLE
from clearance.values import is_readable, to_text

if TYPE_CHECKING:
    from clearance.tokenization.subjects import AnyPerson
    from clearance.tokenization.tokens import Tokenizer

COUNTS = "path string, fact string, entity_type string, n bigint"
#: What there may be in a leaf: values to open, one-way tokens, what only looks like a token, what has no way back.
OPEN, FINAL, STRANGE, LOST = "open", "one-way", "strange", "lost"
#: Tokens that are bound to a person: whose key is not at hand, and whose key is gone.
BOUND, ERASED = "bound", "erased"
#: Constants in the place of what the method of a column could not read: they stay, as nothing is inside.
MALFORMED = "malformed"
#: Tokens that name a key which may not be used now, or never again; the key's id stands in the place of their type.
DISABLED, DESTROYED = "disabled", "destroyed"
ROWS, SHOWN, VALUES, NULLS = "rows", "shown", "values", "nulls"

Counts: TypeAlias = Counter[tuple[str, str, str]]
Rows: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OpenLeaf:
    """One leaf that is to be opened. ``types``: only tokens of these types; None for all.

    ``method``: as the signed record names it where the leaf was encrypted in its format, with its ``kid`` and the place
    of its domain among the tokenizers in ``reader``; None where tokens speak for themselves. ``bound``: its reversible
    tokens may be bound to the persons of their rows.
    """

    path: str
    steps: tuple[Step, ...]
    types: frozenset[str] | None = None
    method: Mapping[str, Any] | None = None
    entity_type: str = ""
    kid: str | None = None
    reader: int = 0
    bound: bool = False

    def wants(self, entity_type: str) -> bool:
        """Whether tokens of this type are to be opened."""
        return self.types is None or entity_type in self.types


@dataclass(frozen=True, slots=True)
class Counting:
    """A worker that counts what could be opened. Picklable: it holds where keys are, no key.

    Without ``tokens`` it counts rows, values and nulls alone. ``subject``: whose keys open what is bound.
    """

    leaves: tuple[OpenLeaf, ...]
    tokens: tuple[Tokens, ...] = ()
    subject: Subject | None = None

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        counts: Counts = Counter()
        opener: Opener | None = None
        for batch in batches:
            if self.tokens and opener is None:
                opener = Opener([each.open() for each in self.tokens], binding=_binding(self.subject, self.tokens))
            counts["", ROWS, ""] += batch.num_rows
            shown = np.zeros(batch.num_rows, np.bool_)
            for leaf in self.leaves:
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                values, rows = read_leaf(column, leaf.steps[1:])
                counts[leaf.path, VALUES, ""] += len(values)
                counts[leaf.path, NULLS, ""] += values.null_count
                if opener is not None and is_readable(values.type):
                    owners = opener.owners(leaf, batch, rows)
                    shown[rows[opener.count(leaf, to_text(values), counts, owners)]] = True
            counts["", SHOWN, ""] += int(shown.sum())
        if counts:
            parts = [pa.array(column, pa.string()) for column in zip(*counts, strict=True)]
            yield pa.RecordBatch.from_arrays(
                [*parts, pa.array(counts.values(), pa.int64())], names=["path", "fact", "entity_type", "n"]
            )


@dataclass(frozen=True, slots=True)
class Opening:
    """A worker that writes values where tokens stood, or with ``again`` the tokens of the key that writes now."""

    leaves: tuple[OpenLeaf, ...]
    tokens: tuple[Tokens, ...]
    again: bool = False
    subject: Subject | None = None

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        opener: Opener | None = None
        for batch in batches:
            opener = opener or Opener(
                [each.open() for each in self.tokens], again=self.again, binding=_binding(self.subject, self.tokens)
            )
            arrays = []
            for position, name in enumerate(batch.schema.names):
                under = [leaf for leaf in self.leaves if leaf.steps[0].name == name]
                column = batch.column(position)
                if any(leaf.bound for leaf in under):
                    # A null list may hide values that only ``replace_leaves`` sees; copied by rows it holds none.
                    column = column.take(pa.array(np.arange(len(column))))
                change = {leaf.steps[1:]: opener.changing(leaf, batch, column) for leaf in under}
                arrays.append(replace_leaves(column, change))
            yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


class Opener:
    """Counts and opens with the tokenizers of one process; ``to`` makes the tokens that replace the old ones.

    ``again``: each reader does, with the key that it writes with now. ``binding`` opens what is bound to persons,
    ``anyone`` what is bound to one that no row names.
    """

    def __init__(
        self,
        readers: "Sequence[Tokenizer]",
        to: "Tokenizer | None" = None,
        *,
        again: bool = False,
        binding: Binding | None = None,
        anyone: "AnyPerson | None" = None,
    ) -> None:
        self._readers = readers
        self._anyone = anyone
        self._binding = binding
        self._writers = readers if again else None if to is None else [to] * len(readers)

    def owners(self, leaf: OpenLeaf, batch: pa.RecordBatch, rows: Rows) -> pa.Array | None:
        """Whose the values in these rows are; None where that opens nothing."""
        return self._binding.owners_in(batch, rows) if self._binding is not None and leaf.bound else None

    def count(
        self, leaf: OpenLeaf, values: pa.Array, counts: Counts, owners: pa.Array | None = None
    ) -> npt.NDArray[np.bool_]:
        """Adds what the values hold to ``counts``; says which of them would show something."""
        if leaf.method is None and (seals := self._sealed(leaf, values, owners)) is not None:
            opened, kinds = seals
            for kind in kinds.unique().drop_null().to_pylist():
                own = pc.fill_null(pc.equal(kinds, kind), False)
                found = pc.sum(pc.and_(own, opened.is_valid())).as_py() or 0
                counts[leaf.path, OPEN, kind] += found
                counts[leaf.path, BOUND if owners is None and self._anyone is None else ERASED, kind] += (
                    pc.sum(own).as_py() - found
                )
            rest = pc.if_else(kinds.is_valid(), pa.scalar(None, values.type), values)
            shows: npt.NDArray[np.bool_] = self._count(leaf, rest, counts) | np.asarray(opened.is_valid())
            return shows
        return self._count(leaf, values, counts)

    def _count(self, leaf: OpenLeaf, values: pa.Array, counts: Counts) -> npt.NDArray[np.bool_]:
        if leaf.method is not None:
            opened, constant = self._restored(leaf, values)
            counts[leaf.path, OPEN, leaf.entity_type] += len(opened) - opened.null_count
            counts[leaf.path, MALFORMED, leaf.entity_type] += int(constant.sum())
            counts[leaf.path, LOST, leaf.entity_type] += opened.null_count - values.null_count - int(constant.sum())
            return np.asarray(opened.is_valid())
        encoded = pc.dictionary_encode(values)
        places = np.asarray(encoded.indices.fill_null(len(encoded.dictionary)))
        weights = np.bincount(places, minlength=len(encoded.dictionary) + 1)
        shows = np.zeros(len(weights), np.bool_)
        rest = np.ones(len(encoded.dictionary), np.bool_)
        for reader in self._readers:
            for kind, fact in ((REVERSIBLE, OPEN), (ONE_WAY, FINAL)):
                types = reader.verified_types(encoded.dictionary, kind)
                held = np.asarray(types.is_valid())
                rest &= ~held
                for entity_type in types.unique().drop_null().to_pylist():
                    if leaf.wants(entity_type):
                        own = np.asarray(pc.fill_null(pc.equal(types, entity_type), False))
                        counts[leaf.path, fact, entity_type] += int(weights[:-1][own].sum())
                        shows[:-1] |= own & (fact == OPEN)
        for number, text in self._texts(encoded.dictionary, rest):
            for token in tokens_in(text, self._readers):
                if leaf.wants(token.entity_type):
                    fact = STRANGE if token.reader is None else OPEN if token.kind == REVERSIBLE else FINAL
                    if token.kid:
                        fact = DESTROYED if token.state == "destroyed" else DISABLED
                    if fact == OPEN and self._opened(text[token.start : token.end], token.reader or 0) is None:
                        fact = BOUND if self._anyone is None else ERASED
                    counts[leaf.path, fact, token.kid or token.entity_type] += int(weights[number])
                    shows[number] |= fact == OPEN
        found: npt.NDArray[np.bool_] = shows[places]
        return found

    def is_token(self, text: str) -> bool:
        """Whether a value is one token, and nothing but it."""
        return any((token.start, token.end) == (0, len(text)) for token in tokens_in(text, self._readers))

    def changing(self, leaf: OpenLeaf, batch: pa.RecordBatch, column: pa.Array) -> Any:
        """The function that replaces a leaf's array, for ``replace_leaves``."""

        def change(values: pa.Array) -> pa.Array:
            owners = self.owners(leaf, batch, read_leaf(column, leaf.steps[1:])[1]) if leaf.bound else None
            return self.changed(leaf, to_text(values), owners)

        return change

    def changed(self, leaf: OpenLeaf, values: pa.Array, owners: pa.Array | None = None) -> pa.Array:
        """Values where tokens stood, or other tokens; a token whose person's key is gone stays.

        Raises ``ProtectionError`` for what counting did not show.
        """
        if (owners is not None or self._anyone is not None) and (
            seals := self._sealed(leaf, values, owners)
        ) is not None:
            opened, kinds = seals
            rest = self._changed(leaf, pc.if_else(kinds.is_valid(), pa.scalar(None, values.type), values))
            return pc.if_else(kinds.is_valid(), pc.coalesce(opened, values.cast(pa.string())), rest)
        return self._changed(leaf, values)

    def _changed(self, leaf: OpenLeaf, values: pa.Array) -> pa.Array:
        if leaf.method is not None:
            opened, constant = self._restored(leaf, values)
            if opened.null_count - constant.sum() != values.null_count:
                raise ProtectionError(f"{leaf.path} changed after it was counted", hint="run again")
            if self._writers is not None:
                opened = apply(parse_method(leaf.method), opened, leaf.entity_type, self._writers[leaf.reader])
            return pc.if_else(pa.array(constant), values.cast(pa.string()), opened)
        encoded = pc.dictionary_encode(values)
        distinct = encoded.dictionary.cast(pa.string())
        changed, rest = distinct, np.ones(len(distinct), np.bool_)
        for number, reader in enumerate(self._readers):
            types = reader.verified_types(distinct, REVERSIBLE)
            for entity_type in types.unique().drop_null().to_pylist():
                own = pc.fill_null(pc.equal(types, entity_type), False)
                rest &= ~np.asarray(own)
                if leaf.wants(entity_type):
                    opened = reader.reverse(distinct.filter(own))
                    new = opened if self._writers is None else self._writers[number].encrypt(opened, entity_type)
                    changed = pc.replace_with_mask(changed, own, new)
        texts = dict(self._texts(distinct, rest))
        if texts:
            new_texts = [self._changed_text(leaf, text).encode("utf-8", "surrogateescape") for text in texts.values()]
            mask = np.zeros(len(distinct), np.bool_)
            mask[list(texts)] = True
            as_text = pa.array(new_texts, pa.binary()).view(pa.string())
            changed = pc.replace_with_mask(changed, pa.array(mask), as_text)
        return changed.take(encoded.indices)

    def pairs(self, leaf: OpenLeaf, values: pa.Array) -> set[tuple[str, str, str]]:
        """Entity type, token and the token that would take its place, for each reversible token there is."""
        found: dict[tuple[str, str, int], None] = {}
        for text in texts_of(pc.unique(values.drop_null()).cast(pa.string())):
            for token in tokens_in(text, self._readers):
                if token.reader is not None and token.kind == REVERSIBLE and leaf.wants(token.entity_type):
                    found[token.entity_type, text[token.start : token.end].lower(), token.reader] = None
        return {
            (entity_type, written, self._again(entity_type, written, reader)) for entity_type, written, reader in found
        }

    def _again(self, entity_type: str, written: str, reader: int) -> str:
        if self._writers is None:
            raise ProtectionError("there is no other domain or key", hint="report this")
        return self._writers[reader].reversible_token(self._value(written, reader), entity_type)

    def _sealed(self, leaf: OpenLeaf, values: pa.Array, owners: pa.Array | None) -> tuple[pa.Array, pa.Array] | None:
        """What is inside the wanted tokens that are bound, where it opens, and their types; None where none are."""
        opened, kinds = pa.nulls(len(values), pa.string()), pa.nulls(len(values), pa.string())
        for reader in self._readers:
            sealed = reader.reverse_sealed(values, SUBJECT_RULE).is_valid()
            if not pc.any(sealed).as_py():
                continue
            types = reader.verified_types(values, REVERSIBLE)
            if leaf.types is not None:
                sealed = pc.and_(sealed, pc.is_in(types, pa.array(sorted(leaf.types), pa.string())))
            kinds = pc.if_else(sealed, types, kinds)
            if self._anyone is not None:
                opened = pc.if_else(sealed, self._anyone.reverse(values, reader), opened)
            elif self._binding is not None and owners is not None:
                opened = pc.if_else(sealed, self._binding.reverse(values, owners, reader.domain), opened)
        return (opened, kinds) if kinds.null_count < len(kinds) else None

    def _opened(self, written: str, reader: int) -> str | None:
        token = pa.array([written], pa.string())
        opened = self._readers[reader].reverse(token)
        if self._anyone is not None and opened.null_count:
            opened = self._anyone.reverse(token, self._readers[reader])
        return texts_of(opened)[0]

    def _value(self, written: str, reader: int) -> str:
        value = self._opened(written, reader)
        if value is None:
            raise ProtectionError("a token was written by a later version of Clearance", hint="use that version")
        return value

    def _changed_text(self, leaf: OpenLeaf, text: str) -> str:
        def change(token: Token, written: str) -> str | None:
            if token.reader is None or token.kind != REVERSIBLE or not leaf.wants(token.entity_type):
                return None
            if self._writers is not None:
                return self._again(token.entity_type, written, token.reader)
            if self._anyone is not None:
                return self._opened(written, token.reader)
            return self._value(written, token.reader)

        return changed_tokens(text, self._readers, change, spelled=self._writers is None)

    def _restored(self, leaf: OpenLeaf, values: pa.Array) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
        """The values, null where there is no way back, and which of those are the method's own constants."""
        method = parse_method(leaf.method or {})
        valid = values.drop_null()
        opened = restore(method, valid, leaf.entity_type, self._readers[leaf.reader], leaf.kid)
        places = np.cumsum(np.asarray(values.is_valid())) - 1
        opened = opened.take(pa.array(places, mask=np.asarray(values.is_null())))
        return opened, np.asarray(pc.and_(opened.is_null(), constants(method, values, leaf.entity_type)))

    @staticmethod
    def _texts(distinct: pa.Array, rest: npt.NDArray[np.bool_]) -> Iterator[tuple[int, str]]:
        """The values among ``rest`` that may hold a token, as Python text."""
        likely = np.asarray(pc.match_substring(distinct, PREFIX, ignore_case=True)) & rest
        numbers = np.flatnonzero(likely)
        yield from zip(numbers.tolist(), texts_of(distinct.take(pa.array(numbers))), strict=True)


def _binding(subject: Subject | None, tokens: Sequence[Tokens]) -> Binding | None:
    return Binding(subject, tokens[0]) if subject is not None else None


def foreseen(counts: Counts, facts: Sequence[str]) -> dict[str, dict[str, int]]:
    """Counts of some facts, by path and entity type."""
    found: dict[str, dict[str, int]] = {}
    for (path, fact, entity_type), n in sorted(counts.items()):
        if fact in facts and path and n:
            found.setdefault(path, {})[entity_type] = found.get(path, {}).get(entity_type, 0) + n
    return found
