"""What keyed methods without tokens wrote under a fixed key: another version must write the same, or data part ways."""

from typing import Any

import pyarrow as pa
import pytest

from clearance.methods import parse_method
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import RowContext, apply
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))
ROWS = RowContext(pa.array(["a", "b"]), pa.array(["1", "2"]), "c")
NOISE = {"name": "noise", "row_key": "id", "lower": 0, "upper": 100}
WRITTEN: list[tuple[dict[str, Any], str, list[str], list[str]]] = [
    ({"name": "date_shift", "max_days": 365, "subject": "s"}, "DATE_TIME", ["2020-01-01", "2020-01-01"],
     ["2019-03-01", "2020-02-26"]),
    ({**NOISE, "distribution": "uniform", "amount": 5}, "X", ["10", "20"], ["6", "21"]),
    ({**NOISE, "distribution": "laplace", "epsilon": 1, "decimals": 2}, "X", ["10", "20"], ["425.78", "113.54"]),
    ({"name": "surrogate"}, "PERSON", ["Jane Doe", "李雷"], ["Melissa Baker", "Kenneth Green"]),
    ({"name": "surrogate", "locale": "de_DE"}, "STREET_ADDRESS", ["1 Main St"] * 2, ["Erlenweg 126"] * 2),
    ({"name": "surrogate", "locale": "fr_FR"}, "EMAIL_ADDRESS", ["Jane@x.com"] * 2,
     ["olivier.boyer97@example.com"] * 2),
    ({"name": "surrogate"}, "PHONE_NUMBER", ["+14155550123"] * 2, ["(402) 555-0128"] * 2),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "entity_type", "values", "written"), WRITTEN, ids=lambda part: str(part)[:60])
def test_the_same_key_writes_the_same(
    settings: dict[str, Any], entity_type: str, values: list[str], written: list[str]
) -> None:
    assert apply(parse_method(settings), pa.array(values), entity_type, TOKENS, ROWS).to_pylist() == written
