"""The proof: what was staged is read back and checked before anyone may see it.

Whole cells are verified by keyed check or recomputation, never by detection; text is detected again and must need
no further replacement; rows and nulls must be those of the source. The statement names the detectors' digest: an
engine can't prove what it missed.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.findings import ColumnReport
from clearance.errors import ProofError
from clearance.jobs.failures import value_free
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.schema import RECORD_ENTITIES, RECORD_LEVEL, leaves_of, readable_frame
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.texts import Inside, TextProtector
from clearance.jobs.workers import Batches, distinct_of, in_even_batches, map_batches
from clearance.leaves import read_leaf
from clearance.methods import parse_method
from clearance.tokenization.methods import is_protected
from clearance.values import to_text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SIGNED = "protection"
"""The purpose under which statements are signed with the key ring."""
_COUNTS = "path string, fact string, n bigint"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked, and how much of it failed: ``failures`` are sentences without values."""

    rows: int
    checked_cells: int
    checked_texts: int
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything that was promised was found."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "rows": self.rows,
            "checked_cells": self.checked_cells,
            "checked_texts": self.checked_texts,
            "holds": self.holds,
            "failures": list(self.failures),
        }


@dataclass(frozen=True, slots=True)
class _Checker:
    """The worker's part of a proof. Picklable."""

    plan: ProtectionPlan
    detection: Detection
    tokens: Tokens

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        counts: Counter[tuple[str, str]] = Counter()
        tokenizer = None
        for batch in in_even_batches(batches):
            tokenizer = tokenizer or self.tokens.open()
            counts["", "rows"] += batch.num_rows
            for leaf in self.plan.leaves:
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                values, _ = read_leaf(column, leaf.steps[1:])
                counts[leaf.path, "rows"] += len(values)
                counts[leaf.path, "nulls"] += values.null_count
                if leaf.how == "cells":
                    own, kind = tokenizer.at(leaf.path), leaf.entity_type or ""
                    held = is_protected(parse_method(leaf.method), to_text(values), kind, own)
                    counts[leaf.path, "failed"] += len(values) - (pc.sum(held).as_py() or 0)
                elif leaf.how == "spans" and leaf.changes:
                    counts[leaf.path, "failed"] += self._residual(leaf, to_text(values), tokenizer.at(leaf.path))
        if counts:
            keys = sorted(counts)
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array([path for path, _ in keys], pa.string()),
                    pa.array([fact for _, fact in keys], pa.string()),
                    pa.array([counts[key] for key in keys], pa.int64()),
                ],
                names=["path", "fact", "n"],
            )

    def _residual(self, leaf: LeafPlan, values: pa.Array, tokenizer: Any) -> int:
        """How many texts of a leaf would still be changed if they were protected again."""
        texts, indices = distinct_of(values)
        methods = {name: parse_method(settings) for name, settings in self.plan.methods_at(leaf.path).items()}
        inside = Inside.of(leaf.inside)
        again, _ = TextProtector(methods, inside, self.detection.engine(), tokenizer).once(texts)
        open_ = [after != before for after, before in zip(again, texts, strict=True)]
        return int(np.array([*open_, False])[np.asarray(indices.fill_null(-1))].sum())


def prove(
    staged: "DataFrame",
    plan: ProtectionPlan,
    reports: Mapping[str, ColumnReport],
    rows: int,
    detection: Detection,
    tokens: Tokens,
) -> Proof:
    """Checks a staged dataset against its plan and its source's counts. Reads the staged data once."""
    found = {leaf.path for leaf in leaves_of(staged.schema)}
    missing = [leaf.path for leaf in plan.leaves if leaf.path not in found]
    failures = [f"column {path} is missing" for path in missing]
    failures += [f"column {name} is missing" for name in (RECORD_LEVEL, RECORD_ENTITIES) if name not in staged.columns]
    counts: Counter[tuple[str, str]] = Counter()
    if not failures:
        checker = _Checker(plan, detection, tokens)
        with value_free("reading back what was staged", hint="nothing was published; run again"):
            for path, fact, n in map_batches(readable_frame(staged), checker, _COUNTS, "the proof").collect():
                counts[path, fact] += n
        if counts["", "rows"] != rows:
            failures.append(f"{counts['', 'rows']} rows were staged of {rows}")
        for leaf in plan.leaves:
            failures += _leaf_failures(leaf, reports[leaf.path], counts)
    return Proof(
        counts["", "rows"],
        sum(counts[leaf.path, "rows"] - counts[leaf.path, "nulls"] for leaf in plan.leaves if leaf.how == "cells"),
        sum(
            counts[leaf.path, "rows"] - counts[leaf.path, "nulls"]
            for leaf in plan.leaves
            if leaf.how == "spans" and leaf.changes
        ),
        tuple(failures),
    )


def _leaf_failures(leaf: LeafPlan, report: ColumnReport, counts: Counter[tuple[str, str]]) -> Iterator[str]:
    path = leaf.path
    failed, rows, nulls = (counts[path, fact] for fact in ("failed", "rows", "nulls"))
    if failed:
        what = "cells are not as their method leaves them" if leaf.how == "cells" else "texts still hold findings"
        yield f"{path}: {failed} {what}"
    if report.kind == "unknown":
        if leaf.how == "null" and nulls != rows:
            yield f"{path}: {rows - nulls} values are left in a suppressed column"
        return
    if rows != report.rows:
        yield f"{path}: {rows} values of {report.rows}"
    if leaf.how == "null":
        if nulls != rows:
            yield f"{path}: {rows - nulls} values are left in a suppressed column"
    elif nulls != report.nulls:
        yield f"{path}: {nulls} nulls instead of {report.nulls}"


def statement(
    *,
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    plan: ProtectionPlan,
    proof: Proof,
    keys: Mapping[str, Any],
    policy: Mapping[str, Any],
    detectors: Mapping[str, Any],
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """The record of a protection: data, plan, policy, keys' ids, detectors and proof. Signed by who made it."""
    return {
        "source": dict(source),
        "target": dict(target),
        "columns": [leaf.to_dict() for leaf in plan.leaves],
        "policy": dict(policy),
        "keys": dict(keys),
        "detectors": dict(detectors),
        "proof": proof.to_dict(),
        "digests": dict(digests),
    }


def canonical(record: Mapping[str, Any]) -> bytes:
    """The bytes of a statement that are signed: sorted keys, no spaces, ASCII."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def require(proof: Proof, target: str) -> None:
    """Raises ``ProofError`` unless the proof holds."""
    if not proof.holds:
        shown = "; ".join(proof.failures[:5])
        more = f" and {len(proof.failures) - 5} more" if len(proof.failures) > 5 else ""
        raise ProofError(f"{target} was not published: {shown}{more}", hint="the target is as it was; report the plan")
