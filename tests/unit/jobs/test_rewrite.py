"""A batch is rewritten the same whichever rows stand in it: what a worker makes of one table cut in many ways."""

from pathlib import Path

import pyarrow as pa
import pytest

from clearance.governance.labels import Label
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.rewrite import RECORD_ENTITIES, RECORD_LEVEL, Rewriter
from clearance.jobs.settings import Detection, Tokens
from clearance.methods import parse_method
from clearance.paths import parse_path
from clearance.tokenization.keys import FileKeyProvider
from clearance.tokenization.methods import apply

ROWS = 3_000
METHODS = {
    "email": ("EMAIL_ADDRESS", "token"),
    "mail": ("EMAIL_ADDRESS", "reversible"),
    "ssn": ("US_SSN", "format_preserving"),
    "card": ("CREDIT_CARD", "token"),
}
TABLE = pa.table(
    {
        "id": list(range(ROWS)),
        "email": [
            None if n % 7 == 0 else "Same@Example.com" if n % 5 == 0 else f"User{n}@example.org" for n in range(ROWS)
        ],
        "mail": [f"é{n % 900}@example.net " for n in range(ROWS)],
        "ssn": [f"{n % 800 + 1:03}-{n % 90 + 1:02}-{n + 1:04}" for n in range(ROWS)],
        "card": [4111111111111111 + n % 1000 for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def rewriter(key_file: Path) -> Rewriter:
    leaves = tuple(
        LeafPlan(
            name, parse_path(name), "cells", "structured", kind, {"name": method},
            Label("restricted" if name == "card" else "internal"), str(TABLE.schema.field(name).type), "string",
        )
        for name, (kind, method) in METHODS.items()
    )  # fmt: skip
    plan = ProtectionPlan(leaves, {}, {}, ("public", "internal", "restricted"))
    return Rewriter(plan, Detection(ner=None), Tokens(FileKeyProvider(key_file).reference()))


@pytest.mark.parametrize("size", [1, 7, 1_100, ROWS])
def test_the_size_of_batches_never_shows(rewriter: Rewriter, size: int) -> None:
    done = pa.Table.from_batches(list(rewriter(iter(TABLE.to_batches(max_chunksize=size)))))
    tokenizer = rewriter.tokens.open()
    for name, (kind, method) in METHODS.items():
        values = TABLE[name].cast(pa.string()).combine_chunks()
        assert done[name].to_pylist() == apply(parse_method(method), values, kind, tokenizer).to_pylist(), name
    assert done["id"].equals(TABLE["id"])


def test_records_tell_what_their_own_cells_hold(rewriter: Rewriter) -> None:
    table = (
        TABLE.slice(0, 3).set_column(4, "card", pa.array([1, None, 1])).set_column(2, "mail", pa.nulls(3, pa.string()))
    )
    (done,) = rewriter(iter(table.to_batches()))
    assert done[RECORD_LEVEL].to_pylist() == ["restricted", "internal", "restricted"]
    assert done[RECORD_ENTITIES].to_pylist() == [
        ["CREDIT_CARD", "US_SSN"],
        ["EMAIL_ADDRESS", "US_SSN"],
        ["CREDIT_CARD", "EMAIL_ADDRESS", "US_SSN"],
    ]
