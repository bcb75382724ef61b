"""Format-preserving columns: what stays, what changes, what is refused, and the way back."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import PolicyError, ProtectionError
from clearance.method_spec import MethodSpec
from clearance.methods import FormatPreserving, parse_method
from clearance.tokenization.ff1 import Ff1
from clearance.tokenization.formats import ALPHABETS, Format
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import apply, format_of, is_protected, restore
from clearance.tokenization.text import replace_spans, reverse_tokens
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32)), "older0": bytes(range(32, 64))}, "golden"))
SSN = FormatPreserving()


def changed(method: MethodSpec, *values: str | None, entity_type: str = "X") -> list[str | None]:
    found: list[str | None] = apply(method, pa.array(values, pa.string()), entity_type, TOKENS).to_pylist()
    return found


@given(st.sampled_from(sorted(ALPHABETS)), st.integers(0, 3), st.integers(0, 3), st.data())
def test_layout_and_kept_symbols_stay_and_the_value_comes_back(name: str, first: int, last: int, data) -> None:  # type: ignore[no-untyped-def]
    method = FormatPreserving(alphabet=name, separators="-. ", keep_first=first, keep_last=last)
    fewest = format_of(method).fewest
    symbols = st.text(ALPHABETS[name], min_size=fewest, max_size=fewest + 20)
    written = st.builds(
        lambda text, cut, mark: text[:cut] + mark + text[cut:],
        symbols,
        st.integers(0, 9),
        st.sampled_from(["", "-", ". "]),
    )
    values = pa.array(data.draw(st.lists(st.one_of(st.none(), written), max_size=8)), pa.string())
    hidden = apply(method, values, "X", TOKENS)
    assert restore(method, hidden, "X", TOKENS).equals(values)
    cipher = TOKENS.keys_of("X").ff1(ALPHABETS[name])
    for before, after in zip(values.to_pylist(), hidden.to_pylist(), strict=True):
        if before is None:
            assert after is None
            continue
        old, new = (re.sub("[-. ]", "", text) for text in (before, after))
        assert re.sub("[^-. ]", "x", before) == re.sub("[^-. ]", "x", after)
        end = len(old) - last
        assert (new[:first], new[end:]) == (old[:first], old[end:])
        tweak = bytes(ALPHABETS[name].index(symbol) for symbol in old[:first] + old[end:])
        assert new[first:end] == cipher.encrypt(old[first:end], tweak)


def test_separators_don_t_break_a_join_and_types_and_keys_don_t_link() -> None:
    (dashed, plain) = changed(SSN, "123-45-6789", "123456789", entity_type="US_SSN")
    assert dashed is not None and dashed.replace("-", "") == plain
    (other,) = changed(SSN, "123456789", entity_type="US_ITIN")
    assert other != plain
    column = pa.array([plain])
    assert restore(SSN, column, "US_SSN", TOKENS).to_pylist() == ["123456789"]
    assert restore(SSN, column, "US_SSN", TOKENS, "older0").to_pylist() != ["123456789"]


def test_equal_middles_beside_different_ends_look_different() -> None:
    card = FormatPreserving(keep_first=6, keep_last=4)
    hidden = changed(card, "4111111234561111", "4111111234561112", entity_type="CREDIT_CARD")
    assert len({value[6:12] for value in hidden if value}) == 2


MALFORMED = ["", " ", "12345", "12a45-6789", "é123456", "123456789\n", "１２３４５６７", "1" * 4097]


@pytest.mark.parametrize("value", MALFORMED)
def test_malformed_values_never_pass(value: str) -> None:
    with pytest.raises(ProtectionError) as caught:
        changed(SSN, "1234567", value)
    assert "1 of them" in str(caught.value)
    assert len(value) < 3 or value not in str(caught.value)
    whole = changed(SSN, "1234567")
    assert changed(FormatPreserving(malformed="redact"), "1234567", value, None) == [*whole, "[X]", None]
    tokens = changed(FormatPreserving(malformed="token"), "1234567", value, None)
    assert tokens == [*whole, TOKENS.token(value, "X"), None]


def test_bytes_that_are_no_text_are_malformed() -> None:
    odd = pa.array([b"\xff\xfe123456789", b"123456789"]).view(pa.string())
    out = apply(FormatPreserving(malformed="redact"), odd, "X", TOKENS).to_pylist()
    assert out[0] == "[X]"


@pytest.mark.parametrize(
    "parameters",
    [
        {"alphabet": "emoji"},
        {"separators": "-a"},
        {"separators": "·"},
        {"separators": "\n"},
        {"min_length": 5},
        {"min_length": 9, "keep_last": 4},
        {"min_length": -1},
        {"keep_first": 65},
        {"malformed": "pass"},
        {"char": "#"},
        {"alphabet": "upper", "min_length": 4},
    ],
)
def test_parameters_are_refused_before_any_data(parameters: dict[str, object]) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_method({"name": "format_preserving", **parameters})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("entity_type", "first", "last"), [("CREDIT_CARD", 6, 5), ("CREDIT_CARD", 8, 4), ("US_SSN", 0, 4)]
)
def test_types_whose_free_digits_can_be_tried_are_refused_with_the_reason(
    entity_type: str, first: int, last: int
) -> None:
    method = FormatPreserving(keep_first=first, keep_last=last)
    with pytest.raises(PolicyError, match="fewer than a million"):
        method.check_type(entity_type)
    with pytest.raises(PolicyError, match="fewer than a million"):
        apply(method, pa.array(["1" * 19]), entity_type, TOKENS)
    FormatPreserving(keep_first=6, keep_last=4).check_type("CREDIT_CARD")


def test_a_card_too_short_for_what_is_kept_is_malformed() -> None:
    card = FormatPreserving(keep_first=6, keep_last=4, malformed="redact")
    assert changed(card, "378282246310005", entity_type="CREDIT_CARD") == ["[CREDIT_CARD]"]


def test_its_output_is_never_taken_for_proof_of_itself() -> None:
    with pytest.raises(ProtectionError, match="look"):
        is_protected(SSN, pa.array(["123456789"]), "X", TOKENS)


def test_in_a_text_it_becomes_a_reversible_token() -> None:
    text = "SSN 123-45-6789."
    out = replace_spans(text, [(4, 15, "US_SSN")], {"US_SSN": SSN}, TOKENS)
    assert out == f"SSN {TOKENS.reversible_token('123-45-6789', 'US_SSN')}."
    assert reverse_tokens(out, TOKENS) == text


def test_one_way_methods_have_no_way_back() -> None:
    for name in ("token", "mask", "redact", "suppress", "keep"):
        with pytest.raises(ProtectionError, match="no way back"):
            restore(parse_method(name), pa.array(["x"]), "X", TOKENS)  # type: ignore[arg-type]


def test_long_columns_are_worked_on_in_parts() -> None:
    values = [f"{n:09}" for n in range(10_000)]
    cipher = Ff1(bytes(32), ALPHABETS["digits"])
    hidden = Format().encrypt(pa.array(values), cipher).to_pylist()
    assert hidden[::997] == [cipher.encrypt(value) for value in values[::997]]
    assert len(set(hidden)) == len(values)


@pytest.mark.parametrize(
    "beside", ["123456789", "123-45-6780", "1-23456789", "12345-678-9", "123-45-678", "x23-45-6789"]
)
def test_what_stands_beside_a_value_in_its_column_changes_nothing(beside: str) -> None:
    """Columns of one layout, without and with one malformed value, take other ways than mixed ones."""
    cipher, written = Ff1(bytes(32), ALPHABETS["digits"]), Format(keep_last=2)
    alike = [f"{n:03}-{n % 97:02}-{n:04}" for n in range(50)]
    for one_by_one in (written.encrypt, written.decrypt):
        single = [one_by_one(pa.array([value]), cipher)[0].as_py() for value in [*alike, beside]]
        assert one_by_one(pa.array([*alike, beside]), cipher).to_pylist() == single
        assert one_by_one(pa.array([*alike, beside]).slice(3, 40), cipher).to_pylist() == single[3:43]
        assert [value[-2:] for value in single[:50]] == [value[-2:] for value in alike]
