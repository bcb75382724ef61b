"""What a batch does at once is what each value gets by itself: whichever values stand beside it."""

import itertools

import pyarrow as pa
import pytest

from clearance.tokenization.canonical import message, messages
from clearance.tokenization.rows import distinct, spread
from clearance.tokenization.tokens import Tokenizer

PLAIN = {
    "EMAIL_ADDRESS": ["Ana.Diaz+x@Example.org", " \ta_b@c-d.io\r\n", "o'neil%x@example.com", "1@2"],
    "US_SSN": ["123-45-6789", "123456789", " 123 45 6789", "A1-2"],
    "IBAN_CODE": ["DE89 3704 0044", "-de89-", "x"],
}
ODD = {
    "EMAIL_ADDRESS": [
        "",
        "@",
        "a@",
        "@b",
        "a@@b",
        "a@b@c",
        "a@b.",
        "a b@c",
        "<a@b>",
        "mailto:a@b",
        "é@example.com",
        "x",
    ],
    "US_SSN": ["", "-", " ", "1234567", "12345678", "12345678.0", "１２３456789", "\u200b123456789", "123.45.6789"],
    "IBAN_CODE": ["", "--", "4111111111111111.00", "ﬁ12", "DE89\u00a03704", "\0"],
}


@pytest.mark.parametrize("entity_type", PLAIN)
def test_any_neighbours(entity_type: str) -> None:
    every = [*PLAIN[entity_type], *ODD[entity_type]]
    batches = [PLAIN[entity_type], ODD[entity_type], every, *itertools.permutations(every, 2)]
    for batch in map(list, batches):
        expected = [message(value, entity_type, "US") for value in batch]
        assert messages(pa.array(batch), entity_type, "US").to_pylist() == expected


def test_values_that_repeat_late_are_values_all_the_same(tokenizer: Tokenizer) -> None:
    fresh = [f"User{number}@example.org" for number in range(1500)]
    late = [fresh[3], tokenizer.token(fresh[4], "EMAIL_ADDRESS"), tokenizer.reversible_token(fresh[5], "EMAIL_ADDRESS")]
    column = pa.array([*fresh, *late * 3])
    cells, places = distinct(column)
    assert places is None
    assert spread(cells, places).equals(column)
    one_way = tokenizer.tokenize(column, "EMAIL_ADDRESS").to_pylist()
    assert one_way == [tokenizer.token(value, "EMAIL_ADDRESS") for value in [*fresh, *fresh[3:6] * 3]]
    both = tokenizer.encrypt(column, "EMAIL_ADDRESS")
    assert both.to_pylist()[1500:] == [tokenizer.reversible_token(fresh[3], "EMAIL_ADDRESS"), *late[1:]] * 3
    assert tokenizer.reverse(both).to_pylist()[:1500] == fresh
    assert tokenizer.verified_types(both).null_count == 0


@pytest.mark.parametrize("column", [pa.array(["a", None, "a"] * 900), pa.array([f"{n}" for n in range(900)] * 3)])
def test_what_repeats_is_looked_at_once(column: pa.Array) -> None:
    cells, places = distinct(column)
    assert len(cells) < len(column)
    assert spread(cells, places).equals(column)
