"""One-way tokens are mapped from the values that they were made from: pairs, and what is refused, without Spark."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from clearance.errors import ProtectionError, UsageError
from clearance.jobs.crosswalk_source import FromValues, token_leaves
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.settings import Detection, Tokens
from clearance.jobs.signed_record import SignedRecord
from clearance.tokenization.keys import FileKeyProvider


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    FileKeyProvider(tmp_path / "keys.json").create()
    return open_desk(home=tmp_path / "home", detection=Detection(ner=None), key_file=tmp_path / "keys.json")


def leaf(path: str, method: str, how: str = "cells", kind: str | None = "EMAIL_ADDRESS") -> dict[str, Any]:
    return {"path": path, "how": how, "entity_type": kind, "method": {"name": method}}


def record(desk: Desk, **options: Any) -> SignedRecord:
    leaves = [
        leaf("who.mail", "token"), leaf("back", "reversible"), leaf("card", "mask"),
        leaf("note", "by entity type", "spans"), leaf("code", "token", kind=None),
    ]  # fmt: skip
    return SignedRecord({each["path"]: each for each in leaves}, kid=desk.tokens().key.kid, domain="default", **options)


def test_each_value_gives_one_pair_whatever_its_column(desk: Desk) -> None:
    leaves = token_leaves(record(desk, domains={"code": "other"}), desk, (), ())
    assert [each.path for each in leaves] == ["who.mail", "back", "code"]
    rows = [{"who": {"mail": f"A{i % 2}@mail.com"}, "back": "A0@mail.com", "code": None} for i in range(5)]
    batch = pa.RecordBatch.from_pylist(
        [*rows, {"who": None, "back": None, "code": "7"}],
        schema=pa.schema([("who", pa.struct([("mail", pa.string())])), ("back", pa.string()), ("code", pa.string())]),
    )
    here, there = desk.tokens().open(), Tokens(desk.tokens().key, "sales")
    (done,) = FromValues(leaves, there)([batch])
    mail, other, new = "EMAIL_ADDRESS", Tokens(desk.tokens().key, "other").open(), there.open()
    assert {tuple(row.values()) for row in done.to_pylist()} == {
        (mail, here.token("a0@mail.com", mail), new.token("a0@mail.com", mail)),
        (mail, here.token("a1@mail.com", mail), new.token("a1@mail.com", mail)),
        (mail, here.reversible_token("A0@mail.com", mail), new.reversible_token("A0@mail.com", mail)),
        ("OTHER", other.token("7", "OTHER"), new.token("7", "OTHER")),
    }
    assert done.num_rows == 4


def test_what_was_not_made_of_whole_values_is_refused_by_name(desk: Desk) -> None:
    for named in ("note", "card", "nobody"):
        with pytest.raises(UsageError, match=named):
            token_leaves(record(desk), desk, [named], ())
    with pytest.raises(UsageError, match="back"):  # bound to persons: the value alone does not give the token
        token_leaves(record(desk, subject={"column": "code"}), desk, ["back"], ())
    with pytest.raises(ProtectionError, match="no column of tokens"):
        token_leaves(record(desk), desk, (), ["US_SSN"])
    with pytest.raises(ProtectionError, match="no record"):
        token_leaves(SignedRecord(problem="there is no record of its protection"), desk, (), ())
