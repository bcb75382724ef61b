"""The proof: what was staged is read back and checked before anyone may see it.

Whole cells are verified by keyed check or recomputation, never by detection; text is detected again and must need
no further replacement; rows and nulls must be those of the source. What can't be told by its look is recomputed from
the source, and the sums of keyed digests compared (``jobs/recomputation.py``). The statement names the detectors'
digest: an engine can't prove what it missed.
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
from clearance.jobs.recomputation import COUNTS, Digests, LeafSums, collect, counted, recomputed, same_rows, same_sums
from clearance.jobs.schema import RECORD_ENTITIES, RECORD_LEVEL, leaves_of, readable_frame
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.texts import Inside, TextProtector
from clearance.jobs.workers import Batches, distinct_of, in_even_batches, map_batches
from clearance.leaves import read_leaf
from clearance.tokenization.methods import is_protected
from clearance.values import to_text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SIGNED = "protection"
"""The purpose under which statements are signed with the key ring."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked, and how much of it failed: ``failures`` are sentences without values."""

    rows: int
    checked_cells: int
    checked_texts: int
    failures: tuple[str, ...]
    recomputed: tuple[str, ...] = ()
    suppressed_records: int = 0

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
            "recomputed": list(self.recomputed),
            "suppressed_records": self.suppressed_records,
            "holds": self.holds,
            "failures": list(self.failures),
        }


@dataclass(frozen=True, slots=True)
class _Checker:
    """The worker's part of a proof. Picklable."""

    plan: ProtectionPlan
    detection: Detection
    tokens: Tokens
    digests: Digests

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        counts: Counter[tuple[str, str]] = Counter()
        tokenizer = None
        for batch in in_even_batches(batches):
            tokenizer = tokenizer or self.tokens.open()
            counts["", "rows"] += batch.num_rows
            sums = LeafSums(self.plan, self.digests, batch.num_rows)
            for leaf in self.plan.leaves:
                if leaf.drops == "column":
                    continue
                column = batch.column(batch.schema.get_field_index(leaf.steps[0].name))
                values, rows = read_leaf(column, leaf.steps[1:])
                counts[leaf.path, "rows"] += len(values)
                counts[leaf.path, "nulls"] += values.null_count
                sums.add(leaf, values, rows, counts)
                if leaf.how == "cells" and (spec := self.plan.spec(leaf.method)).self_evident:
                    own, kind = tokenizer.at(leaf.path), leaf.entity_type or ""
                    held = is_protected(spec, to_text(values), kind, own)
                    counts[leaf.path, "failed"] += len(values) - (pc.sum(held).as_py() or 0)
                elif leaf.how == "spans" and leaf.changes and not leaf.unmarked:
                    # What looks like any value can't be told by looking: those texts are made again from the source.
                    counts[leaf.path, "failed"] += self._residual(leaf, to_text(values), tokenizer.at(leaf.path))
            sums.finish(counts)
        if counts:
            yield counted(counts)

    def _residual(self, leaf: LeafPlan, values: pa.Array, tokenizer: Any) -> int:
        """How many texts of a leaf would still be changed if they were protected again."""
        texts, indices = distinct_of(values)
        methods = {name: self.plan.spec(settings) for name, settings in self.plan.methods_at(leaf.path).items()}
        inside = Inside.of(leaf.inside)
        again, _ = TextProtector(methods, inside, self.detection.engine(), tokenizer).once(texts)
        open_ = [after != before for after, before in zip(again, texts, strict=True)]
        return int(np.array([*open_, False])[np.asarray(indices.fill_null(-1))].sum())


def prove(
    staged: "DataFrame",
    source: "DataFrame",
    plan: ProtectionPlan,
    reports: Mapping[str, ColumnReport],
    rows: int,
    detection: Detection,
    tokens: Tokens,
) -> Proof:
    """Checks a staged dataset against its plan and its source. Reads the staged data once, and the source where
    something has to be recomputed from it.
    """
    found = {leaf.path for leaf in leaves_of(staged.schema)}
    stay = [leaf for leaf in plan.leaves if leaf.drops != "column"]
    failures = [f"column {leaf.path} is missing" for leaf in stay if leaf.path not in found]
    failures += [
        f"column {leaf.path} is still there" for leaf in plan.leaves if leaf not in stay and leaf.path in found
    ]
    failures += [f"column {name} is missing" for name in (RECORD_LEVEL, RECORD_ENTITIES) if name not in staged.columns]
    counts: Counter[tuple[str, str]] = Counter()
    suppressed = 0
    if not failures:
        digests = Digests.new()
        checker = _Checker(plan, detection, tokens, digests)
        with value_free("reading back what was staged", hint="nothing was published; run again"):
            counts = collect(map_batches(readable_frame(staged), checker, COUNTS, "the proof"))
        expected = {(leaf.path, "rows"): reports[leaf.path].rows for leaf in stay}
        expected |= {(leaf.path, "nulls"): reports[leaf.path].nulls for leaf in stay}
        expected["", "rows"] = rows
        again = recomputed(source, plan, tokens, digests, detection)
        if again is not None:
            expected |= again
            suppressed = rows - again["", "rows"]
        if counts["", "rows"] != expected["", "rows"]:
            failures.append(f"{counts['', 'rows']} rows were staged of {expected['', 'rows']}")
        for leaf in stay:
            failures += _leaf_failures(leaf, reports[leaf.path], counts, expected)
            if plan.is_recomputed(leaf) and not same_sums(leaf.path, counts, expected):
                failures.append(f"{leaf.path}: what was staged is not what its method makes of the source")
        if again is not None and not failures and not same_rows(counts, expected):
            failures.append("what stands in one row is not what the source has in one row")
    return Proof(
        counts["", "rows"],
        sum(counts[leaf.path, "rows"] - counts[leaf.path, "nulls"] for leaf in plan.leaves if leaf.how == "cells"),
        sum(
            counts[leaf.path, "rows"] - counts[leaf.path, "nulls"]
            for leaf in plan.leaves
            if leaf.how == "spans" and leaf.changes
        ),
        tuple(failures),
        tuple(leaf.path for leaf in plan.leaves if plan.is_recomputed(leaf)),
        suppressed,
    )


def _leaf_failures(
    leaf: LeafPlan,
    report: ColumnReport,
    counts: Mapping[tuple[str, str], int],
    expected: Mapping[tuple[str, str], int],
) -> Iterator[str]:
    path = leaf.path
    failed, rows, nulls = (counts.get((path, fact), 0) for fact in ("failed", "rows", "nulls"))
    if failed:
        what = "cells are not as their method leaves them" if leaf.how == "cells" else "texts still hold findings"
        yield f"{path}: {failed} {what}"
    if report.kind == "unknown":
        if leaf.how == "null" and nulls != rows:
            yield f"{path}: {rows - nulls} values are left in a suppressed column"
        return
    if rows != expected[path, "rows"]:
        yield f"{path}: {rows} values of {expected[path, 'rows']}"
    if leaf.how == "null":
        if nulls != rows:
            yield f"{path}: {rows - nulls} values are left in a suppressed column"
    elif nulls != expected[path, "nulls"]:
        yield f"{path}: {nulls} nulls instead of {expected[path, 'nulls']}"


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
