"""A column that was encrypted in its format, with constants in the place of what had none: the rest opens and moves."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from clearance.errors import ProtectionError
from clearance.jobs.opened import require_openable
from clearance.jobs.opening import LOST, MALFORMED, OPEN, Opener, OpenLeaf, foreseen
from clearance.methods import parse_method
from clearance.paths import parse_path
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import apply
from clearance.tokenization.tokens import Tokenizer

OLD = Tokenizer(KeyRing({"old": bytes(range(32))}, "old"))
BOTH = Tokenizer(KeyRing({"old": bytes(range(32)), "new": bytes(32)}, "new"))
VALUES = pa.array(["219-09-9999", "none", None, "219-09-9998"])


def opening(malformed: str) -> tuple[OpenLeaf, pa.Array]:
    method: dict[str, Any] = {"name": "format_preserving", "malformed": malformed}
    cells = apply(parse_method(method), VALUES, "US_SSN", OLD)
    return OpenLeaf("ssn", parse_path("ssn"), method=method, entity_type="US_SSN", kid="old"), cells


def test_the_rest_opens_and_moves_to_another_key() -> None:
    leaf, cells = opening("redact")
    counts = Counter[tuple[str, str, str]]()
    assert Opener([BOTH]).count(leaf, cells, counts).tolist() == [True, False, False, True]
    require_openable(counts)
    assert foreseen(counts, (OPEN,)) == {"ssn": {"US_SSN": 2}}
    assert foreseen(counts, (MALFORMED,)) == {"ssn": {"US_SSN": 1}}
    opened = Opener([BOTH]).changed(leaf, cells)
    assert opened.to_pylist() == ["219-09-9999", "[US_SSN]", None, "219-09-9998"]
    moved = Opener([BOTH], again=True).changed(leaf, cells).to_pylist()
    assert moved[1:3] == ["[US_SSN]", None] and moved[0] not in (cells[0].as_py(), "219-09-9999")


def test_what_the_method_did_not_write_is_not_passed_over() -> None:
    leaf, cells = opening("redact")
    for odd in ("[PERSON]", "none", ""):
        counts = Counter[tuple[str, str, str]]()
        column = pa.array([odd, *cells.to_pylist()])
        Opener([BOTH]).count(leaf, column, counts)
        assert counts["ssn", LOST, "US_SSN"] == 1
        with pytest.raises(ProtectionError, match="recorded format"):
            require_openable(counts)
        with pytest.raises(ProtectionError, match="changed after"):
            Opener([BOTH]).changed(leaf, column)
    # Under a method that writes no constants one is a stranger.
    strict, _ = opening("token")
    counts = Counter()
    Opener([BOTH]).count(strict, cells, counts)
    assert counts["ssn", LOST, "US_SSN"] == 1
