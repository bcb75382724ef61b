import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import PolicyError
from clearance.method_spec import MethodSpec
from clearance.methods import Mask, Redact, Reversible, Suppress, Token, parse_method
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import apply, is_protected, mask_text, redaction
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))
keeps = st.integers(min_value=0, max_value=64)
masks = st.builds(lambda first, last, char: Mask(first, last, char), keeps, keeps, st.sampled_from("*#•·"))
methods = st.one_of(
    masks, st.sampled_from([parse_method(name) for name in ("token", "reversible", "redact", "suppress", "keep")])
)
columns = st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=12)


@given(methods, columns)
def test_every_method_is_idempotent_and_proves_itself(method: MethodSpec, texts: list[str | None]) -> None:
    for kind in (pa.string(), pa.large_string()):
        values = pa.array(texts, kind)
        once = apply(method, values, "PERSON", TOKENS)
        assert once.type == pa.string()
        assert len(once) == len(values)
        assert apply(method, once, "PERSON", TOKENS).equals(once)
        proof = is_protected(method, once, "PERSON", TOKENS)
        assert proof.null_count == 0
        assert pc.all(proof, min_count=0).as_py()
        if method.name != "suppress":
            assert once.is_null().equals(values.is_null())


@given(masks, st.text(max_size=200))
def test_a_mask_keeps_the_length_and_hides_the_middle(method: MethodSpec, text: str) -> None:
    (masked,) = apply(method, pa.array([text]), "X", TOKENS).to_pylist()
    assert masked == mask_text(method, text)
    assert len(masked) == (len(text) or 4)
    kept = method.keep_first + method.keep_last
    if len(text) < kept + 4:
        assert set(masked) <= {method.char}
    else:
        assert masked[method.keep_first : len(text) - method.keep_last] == method.char * (len(text) - kept)


classes = st.sampled_from(
    [("digits",), ("letters",), ("separators",), ("digits", "separators"), ("letters", "separators")]
)
# Unicode grows at the other end: RE2 and Python need not know the same version.
settled = st.text(st.characters(max_codepoint=0x2FF), max_size=30)
CLASS_OF = {"L": "letters", "M": "letters", "N": "digits"}


@given(classes, keeps, keeps, st.sampled_from("*#\\·-"), st.lists(settled, min_size=1, max_size=5))
def test_a_mask_by_class_shows_those_characters_and_no_other(
    keep: tuple[str, ...], first: int, last: int, char: str, texts: list[str]
) -> None:
    spec = Mask(first % 4, last % 4, char, keep)  # type: ignore[arg-type]
    once = apply(spec, pa.array(texts), "X", TOKENS)
    assert apply(spec, once, "X", TOKENS).equals(once)
    for text, masked in zip(texts, once.to_pylist(), strict=True):
        assert len(masked) == (len(text) or 4)
        middle = range(spec.keep_first, len(text) - spec.keep_last)
        shown = [text[i] for i in middle if masked[i] != char]
        assert all(masked[i] in (char, text[i]) for i in range(len(text)))
        for character in shown:
            assert CLASS_OF.get(unicodedata.category(character)[0], "separators") in keep
        if shown:
            assert sum(masked[i] == char for i in middle) >= 4


def test_masks_by_class() -> None:
    values = ["123-45-6789", "jane.doe@example.com", "a-b", "***-**-6789", "日本語-2024-東京都市"]
    masked = apply(Mask(keep_last=4, keep=("separators",)), pa.array(values), "X", TOKENS).to_pylist()
    assert masked == ["***-**-6789", "****.***@*******.com", "***", "***-**-6789", "***-****-東京都市"]
    assert apply(Mask(keep=("letters",)), pa.array(["AB123456", "äö1234"]), "X", TOKENS).to_pylist() == [
        "AB******", "äö****",
    ]  # fmt: skip


def test_masks_of_short_empty_and_combined_characters() -> None:
    values = ["4111111111111111", "1234567", "12345678", "", None, "a\u0301bcdefgh", "😀" * 9, "\0" * 9]
    masked = apply(Mask(keep_last=4), pa.array(values), "X", TOKENS).to_pylist()
    assert masked[:6] == ["*" * 12 + "1111", "*" * 7, "****5678", "****", None, "*****efgh"]
    assert masked[6:] == ["*" * 5 + "😀" * 4, "*" * 5 + "\0" * 4]


def test_no_method_but_keep_lets_a_cell_through() -> None:
    values = pa.array(["jane@example.com", "x", " ", "\0", "tk1h_", "[PERSON", "***a"])
    for method in (Token(), Reversible(), Mask(), Redact(), Suppress()):
        out = apply(method, values, "PERSON", TOKENS)
        assert not pc.any(pc.fill_null(pc.equal(out, values), False)).as_py()
        assert not pc.any(is_protected(method, values, "PERSON", TOKENS)).as_py()


def test_the_proof_of_a_token_is_its_check_and_not_its_look() -> None:
    token = TOKENS.token("x", "PERSON")
    cells = pa.array([token, token[:-1] + ("a" if token[-1] != "a" else "b"), None, "x"])
    assert is_protected(Token(), cells, "PERSON", TOKENS).to_pylist() == [True, False, True, False]


def test_a_reversible_token_is_no_proof_of_a_one_way_one() -> None:
    cells = pa.array([TOKENS.reversible_token("x", "PERSON"), TOKENS.token("x", "PERSON"), None, "x"])
    assert is_protected(Token(), cells, "PERSON", TOKENS).to_pylist() == [False, True, True, False]
    assert is_protected(Reversible(), cells, "PERSON", TOKENS).to_pylist() == [True, True, True, False]


def test_redaction_replaces_what_is_empty_and_keeps_null() -> None:
    redacted = apply(Redact(), pa.array(["", None, "x"]), "PERSON", TOKENS)
    assert redacted.to_pylist() == ["[PERSON]", None, "[PERSON]"]
    assert redaction("PERSON") == "[PERSON]"


@pytest.mark.parametrize(
    "parameters",
    [
        {"name": "hash"},
        {"name": ""},
        {"name": "mask", "keep_first": -1},
        {"name": "mask", "keep_last": 65},
        {"name": "mask", "keep_first": True},
        {"name": "mask", "keep_first": 1.0},
        {"name": "mask", "char": ""},
        {"name": "mask", "char": "**"},
        {"name": "mask", "char": "x"},
        {"name": "mask", "char": "0"},
        {"name": "mask", "char": " "},
        {"name": "mask", "char": "\u200b"},
        {"name": "mask", "char": None},
        {"name": "token", "keep_last": 4},
        {"name": "redact", "char": "#"},
        {"name": "reversible", "alphabet": "upper"},
        {"name": "mask", "malformed": "redact"},
        {"name": "token", "min_length": 9},
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_any_data(parameters: dict[str, object]) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_method(parameters)  # type: ignore[arg-type]
    assert caught.value.hint


def test_large_cells() -> None:
    values = pa.array(["x" * 10**6, "y" * (10**6 - 1)])
    for name in ("token", "reversible", "mask", "redact", "suppress", "keep"):
        assert len(apply(parse_method(name), values, "PERSON", TOKENS)) == 2  # type: ignore[arg-type]


def not_utf8(*values: bytes) -> pa.Array:
    """A string column as Parquet files written elsewhere can hold it."""
    offsets = pa.array([sum(map(len, values[:i])) for i in range(len(values) + 1)], pa.int32())
    return pa.StringArray.from_buffers(len(values), offsets.buffers()[1], pa.py_buffer(b"".join(values)))


@pytest.mark.parametrize("entity_type", ["EMAIL_ADDRESS", "CREDIT_CARD", "PERSON", "PHONE_NUMBER", "CUSTOM"])
def test_bytes_that_are_no_text_are_protected_and_never_shown(entity_type: str) -> None:
    column = not_utf8(b"jane@example.com", b"\xff\xfesecret", b"hidden\xff", b"\xed\xa0\x80", b"")
    tokens = apply(Token(), column, entity_type, TOKENS)
    tokens.validate(full=True)
    assert len(set(tokens.to_pylist())) == len(column)
    assert not pc.any(is_protected(Token(), column, entity_type, TOKENS)).as_py()
    masked = apply(Mask(keep_last=4), column, entity_type, TOKENS)
    assert masked.to_pylist() == ["*" * 12 + ".com", "****cret", "*******", "***", "****"]
    assert apply(Mask(keep_last=1), not_utf8(b"abcdefg\xff"), "X", TOKENS).to_pylist() == ["*******?"]
