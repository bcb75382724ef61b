"""The walk over nested Arrow data and the text form of values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from clearance.leaves import leaves, read_leaf, replace_leaves
from clearance.paths import ITEM, KEY, VALUE, Step
from clearance.values import to_text

NESTED = pa.array(
    [
        {"emails": [{"at": "a"}, None, {"at": None}], "tags": [("k1", 1), ("k2", None)]},
        None,
        {"emails": None, "tags": None},
        {"emails": [], "tags": []},
        {"emails": [{"at": "b"}], "tags": [("k3", 3)]},
    ],
    pa.struct([("emails", pa.list_(pa.struct([("at", pa.string())]))), ("tags", pa.map_(pa.string(), pa.int64()))]),
)


def test_leaves_are_addressed_by_path() -> None:
    schema = pa.schema([("user", NESTED.type), ("e.mail", pa.string()), ("blob", pa.binary())])
    assert [(leaf.path, leaf.readable) for leaf in leaves(schema)] == [
        ("user.emails[].at", True),
        ("user.tags{key}", True),
        ("user.tags{value}", True),
        ("`e.mail`", True),
        ("blob", False),
    ]


@pytest.mark.parametrize("column", [NESTED, pa.concat_arrays([NESTED, NESTED]).slice(5)], ids=["whole", "slice"])
def test_a_leaf_is_read_with_the_row_of_each_value(column: pa.Array) -> None:
    values, rows = read_leaf(column, (Step("name", "emails"), ITEM, Step("name", "at")))
    assert values.to_pylist() == ["a", None, None, "b"]
    assert rows.tolist() == [0, 0, 0, 4]
    keys, key_rows = read_leaf(column, (Step("name", "tags"), KEY))
    assert keys.to_pylist() == ["k1", "k2", "k3"]
    assert key_rows.tolist() == [0, 0, 4]


@pytest.mark.parametrize("column", [NESTED, pa.concat_arrays([NESTED, NESTED]).slice(5)], ids=["whole", "slice"])
def test_replacing_keeps_nulls_and_nesting(column: pa.Array) -> None:
    replaced = replace_leaves(
        column,
        {
            (Step("name", "emails"), ITEM, Step("name", "at")): pc.utf8_upper,
            (Step("name", "tags"), KEY): pc.utf8_upper,
            (Step("name", "tags"), VALUE): lambda values: values.cast(pa.string()),
        },
    )
    assert replaced.to_pylist() == [
        {"emails": [{"at": "A"}, None, {"at": None}], "tags": [("K1", "1"), ("K2", None)]},
        None,
        {"emails": None, "tags": None},
        {"emails": [], "tags": []},
        {"emails": [{"at": "B"}], "tags": [("K3", "3")]},
    ]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([4111111111111111, None]), ["4111111111111111", None]),
        (
            pa.array([4111111111111111.0, 1e21, 0.5, 1e-7]),
            ["4111111111111111", "1" + "0" * 21, "0.5", "0.0000001"],
        ),
        (pa.array([Decimal("4111111111111111.00"), Decimal("-0.01")]), ["4111111111111111", "-0.01"]),
        (pa.array([date(1980, 2, 29)]), ["1980-02-29"]),
        (pa.array([True, None]), ["true", None]),
        (pa.array(["x\x00y", ""]), ["x\x00y", ""]),
        (pa.array([None, None]), [None, None]),
        (pa.array([datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)]), ["2020-01-02 03:04:05.000000Z"]),
    ],
)
def test_text_form(values: pa.Array, text: list[str | None]) -> None:
    assert to_text(values).to_pylist() == text
