"""Pairs of tokens from the values that they were made from: how one-way tokens are mapped.

The dataset's signed record says which columns hold tokens of whole values, made with which key, in which domain. The
source, unchanged since, is read once, and each value is tokenized twice in the workers. Every token that comes out must
be one of the dataset's.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProofError, ProtectionError, UsageError
from clearance.jobs.asking import Asking
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.failures import value_free
from clearance.jobs.schema import leaves_of, readable_frame
from clearance.jobs.settings import Tokens
from clearance.jobs.signed_record import SignedRecord, signed_record
from clearance.jobs.workers import Batches, map_batches
from clearance.leaves import read_leaf
from clearance.method_spec import MethodSpec
from clearance.methods import Reversible, Token
from clearance.paths import Step, parse_path
from clearance.tokenization.methods import apply
from clearance.values import to_text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COLUMNS = ("entity_type", "token_from", "token_to")
PAIRS = ", ".join(f"{name} string" for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class TokenLeaf:
    """A column of whole tokens, as the signed record has it, and how they were made."""

    path: str
    steps: tuple[Step, ...]
    entity_type: str
    method: MethodSpec
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class FromValues:
    """A worker that pairs the two tokens of each value. Picklable: it holds where keys are, no key."""

    leaves: tuple[TokenLeaf, ...]
    to: Tokens

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pairs: set[tuple[str, str, str]] = set()
            for leaf in self.leaves:
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                values = pc.unique(to_text(read_leaf(column, leaf.steps[1:])[0]).drop_null())
                old, new = (
                    apply(leaf.method, values, leaf.entity_type, tokens.open()).to_pylist()
                    for tokens in (leaf.tokens, self.to)
                )
                pairs |= {(leaf.entity_type, *pair) for pair in zip(old, new, strict=True)}
            yield pairs_of(pairs)


@dataclass(frozen=True, slots=True)
class _Held:
    """A worker that gives the distinct tokens of a dataset's columns."""

    leaves: tuple[TokenLeaf, ...]

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            found = [pa.array([], pa.string())]
            for leaf in self.leaves:
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                found.append(pc.unique(to_text(read_leaf(column, leaf.steps[1:])[0]).drop_null()))
            yield pa.RecordBatch.from_arrays([pc.utf8_lower(pa.concat_arrays(found))], names=["token_from"])


def pairs_of(pairs: Collection[tuple[str, str, str]]) -> pa.RecordBatch:
    """Pairs as a batch of ``PAIRS``, in order."""
    rows = [dict(zip(COLUMNS, pair, strict=True)) for pair in sorted(pairs)]
    return pa.RecordBatch.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in COLUMNS]))


def from_source(
    dataset: Dataset,
    source: Dataset,
    desk: Desk,
    to: Tokens,
    columns: Collection[str],
    types: Collection[str],
    ask: Asking,
) -> tuple[FromValues, dict[str, dict[str, int]]]:
    """The worker for a source, once the request is allowed, and what is mapped: rows by column and type.

    Raises ``ProtectionError`` when the source is not what the dataset was made from, or has changed.
    """
    record = signed_record(desk, dataset)
    leaves = token_leaves(record, desk, columns, types)
    row, name = record.row, dataset.reference.text
    if row["source"] != source.key:
        raise ProtectionError(f"{name} was not made from {source.reference.text}", hint=f"from {row['source']}")
    if row["statement"].get("prepared"):
        raise ProtectionError(f"{name} was made from prepared data", hint="its values are not those of the source")
    if str(row["source_version"]) != str(source.version):
        raise ProtectionError(
            f"{source.reference.text} changed since it was protected", hint="protect it again: clearance protect"
        )
    there = {leaf.path for leaf in leaves_of(source.frame.schema)}
    if missing := [leaf.path for leaf in leaves if leaf.path not in there]:
        raise ProtectionError(f"{source.reference.text} has no column {missing[0]}", hint="name the right source")
    mapped = {leaf.path: {leaf.entity_type: int(row["rows"])} for leaf in leaves}
    ask.allow({path: frozenset(kinds) for path, kinds in mapped.items()}, int(row["rows"]), mapped)
    return FromValues(leaves, to), mapped


def token_leaves(
    record: SignedRecord, desk: Desk, columns: Collection[str], types: Collection[str]
) -> tuple[TokenLeaf, ...]:
    """The columns of whole tokens that were asked for (none: all). Raises for others that are named."""
    if record.problem:
        raise ProtectionError(f"the source can't be used: {record.problem}", hint="protect it again")
    found = []
    for path, leaf in record.leaves.items():
        name = leaf["method"].get("name")
        # A token that is bound to a person can't be made from the value alone.
        bound = record.subject is not None and name == "reversible"
        fits = leaf["how"] == "cells" and name in ("token", "reversible") and not bound
        kind = leaf["entity_type"] or "OTHER"
        if not fits and path in columns:
            raise UsageError(f"{path} is no column of tokens that were made of whole values", hint="clearance explain")
        if fits and (not columns or path in columns) and (not types or kind in types):
            spec = Token() if name == "token" else Reversible()
            found.append(TokenLeaf(path, tuple(parse_path(path)), kind, spec, _made_with(record, desk, path)))
    if unknown := sorted(set(columns) - set(record.leaves)):
        raise UsageError(
            f"there is no column {unknown[0]} on record", hint=f"it has {', '.join(sorted(record.leaves))}"
        )
    if not found:
        raise ProtectionError("no column of tokens is on record for what was asked", hint="see clearance explain")
    return tuple(found)


def _made_with(record: SignedRecord, desk: Desk, path: str) -> Tokens:
    tokens = desk.tokens()
    domain = record.domains.get(path) or record.domain or tokens.domain
    made = Tokens(replace(tokens.key, kid=record.kid), domain, tokens.region)
    made.key.open().require(domain)
    return made


def require_theirs(pairs: "DataFrame", dataset: Dataset, work: FromValues) -> None:
    """Raises ``ProofError`` unless every token that was mapped from is one of the dataset's. Moves tokens alone."""
    with value_free(f"comparing tokens of {dataset.reference.text}", hint="nothing was published; run again"):
        frame = readable_frame(dataset.frame)
        held = map_batches(frame, _Held(work.leaves), "token_from string", "comparing tokens").distinct()
        strange = pairs.join(held, "token_from", "left_anti").limit(1).count()
    if strange:
        raise ProofError(
            f"the source does not give the tokens of {dataset.reference.text}",
            hint="use the --domain, the keys and the phone region that it was protected with",
        )


__all__ = ["COLUMNS", "PAIRS", "FromValues", "from_source", "pairs_of", "require_theirs", "token_leaves"]
