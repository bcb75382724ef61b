import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.methods import Keep, Mask, Redact, Reversible, Suppress, Token
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.text import Span, replace_spans, reverse_tokens
from clearance.tokenization.tokens import Tokenizer
from clearance.values import to_text

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))
METHODS = {
    "EMAIL_ADDRESS": Token(),
    "PERSON": Token(),
    "CREDIT_CARD": Mask(keep_last=4),
    "PASSWORD": Redact(),
    "DATE_TIME": Keep(),
    "AGE": Suppress(),
}


def protect(text: str, *found: tuple[str, str]) -> str:
    """Replace the first occurrence of each (value, entity type)."""
    spans = [(text.index(value), text.index(value) + len(value), kind) for value, kind in found]
    return replace_spans(text, spans, METHODS, TOKENS)


def test_only_what_was_found_changes() -> None:
    text = "😀 e\u0301cris à jane@example.com ou appelle Jane 👩‍👩‍👧, merci"
    out = protect(text, ("jane@example.com", "EMAIL_ADDRESS"), ("Jane", "PERSON"))
    email, person = TOKENS.token("jane@example.com", "EMAIL_ADDRESS"), TOKENS.token("Jane", "PERSON")
    assert out == f"😀 e\u0301cris à {email} ou appelle {person} 👩‍👩‍👧, merci"


EMAILS = ["Jane.Doe@Example.COM", "jane.doe@example.com", "JANE.DOE@EXAMPLE.COM"]


@pytest.mark.parametrize("in_text", EMAILS)
@pytest.mark.parametrize("in_column", [*EMAILS, " jane.doe@example.com\t", "mailto:jane.doe@example.com"])
def test_an_address_in_text_joins_with_the_column(in_text: str, in_column: str) -> None:
    text = protect(f"Please write to {in_text}.", (in_text, "EMAIL_ADDRESS"))
    (token,) = TOKENS.tokenize(pa.array([in_column]), "EMAIL_ADDRESS").to_pylist()
    assert text == f"Please write to {token}."


def test_a_card_number_joins_whatever_type_its_column_has() -> None:
    columns = [
        pa.array([4111111111111111], pa.int64()),
        pa.array([Decimal("4111111111111111.00")], pa.decimal128(20, 2)),
        pa.array([4111111111111111.0], pa.float64()),
        pa.array(["4111 1111 1111 1111"]),
        pa.array(["4111-1111-1111-1111"], pa.large_string()),
    ]
    tokens = {TOKENS.tokenize(to_text(column), "CREDIT_CARD")[0].as_py() for column in columns}
    methods = {"CREDIT_CARD": Token()}
    text = replace_spans("card 4111-1111-1111-1111!", [(5, 24, "CREDIT_CARD")], methods, TOKENS)
    assert {text.removeprefix("card ").removesuffix("!")} == tokens


def test_a_birth_date_joins_between_date_timestamp_and_string_columns() -> None:
    text = pa.array(["1990-03-12"])
    midnight = text.cast(pa.timestamp("us"))
    columns = [text, text.cast(pa.date32()), midnight, midnight.cast(pa.timestamp("s", "UTC"))]
    assert len({TOKENS.tokenize(to_text(column), "DATE_OF_BIRTH")[0].as_py() for column in columns}) == 1


def test_methods_inside_a_text() -> None:
    text = "card 4111111111111111 password hunter2 age 41 on 2026-01-02 nick xx"
    found = [("4111111111111111", "CREDIT_CARD"), ("hunter2", "PASSWORD"), ("41 ", "AGE")]
    spans: list[Span] = [(text.index(v), text.index(v) + len(v), kind) for v, kind in found[:2]]
    spans += [(43, 45, "AGE"), (49, 59, "DATE_TIME"), (65, 67, "NOT_IN_THE_POLICY")]
    out = replace_spans(text, spans, METHODS, TOKENS)
    assert out == "card ************1111 password [PASSWORD] age [AGE] on 2026-01-02 nick [NOT_IN_THE_POLICY]"


def test_the_longest_span_wins_and_the_rest_of_the_other_is_covered() -> None:
    text = "Jane Doe-Smith-Miller lives"
    out = replace_spans(text, [(0, 8, "PERSON"), (5, 21, "EMAIL_ADDRESS")], METHODS, TOKENS)
    assert out == f"{TOKENS.token('Jane', 'PERSON')} {TOKENS.token('Doe-Smith-Miller', 'EMAIL_ADDRESS')} lives"


def test_of_two_equal_spans_the_first_given_wins() -> None:
    for first, second in (("PERSON", "PASSWORD"), ("PASSWORD", "PERSON")):
        out = replace_spans("Jane", [(0, 4, first), (0, 4, second)], METHODS, TOKENS)
        assert out == (TOKENS.token("Jane", "PERSON") if first == "PERSON" else "[PASSWORD]")


def test_a_kept_span_shields_nothing() -> None:
    out = replace_spans("on Jane 2026", [(0, 12, "DATE_TIME"), (3, 7, "PERSON")], METHODS, TOKENS)
    assert out == f"on {TOKENS.token('Jane', 'PERSON')} 2026"


def test_blanks_at_the_ends_of_a_span_stay() -> None:
    out = replace_spans("by Jane\n\nnext", [(2, 9, "PERSON")], METHODS, TOKENS)
    assert out == f"by {TOKENS.token('Jane', 'PERSON')}\n\nnext"
    assert replace_spans("a \n b", [(1, 4, "PERSON")], METHODS, TOKENS) == "a \n b"


def test_no_span_no_text_and_offsets_beyond_the_text() -> None:
    assert replace_spans("", [], METHODS, TOKENS) == ""
    assert replace_spans("", [(0, 5, "PERSON")], METHODS, TOKENS) == ""
    assert replace_spans("abc", [], METHODS, TOKENS) == "abc"
    outside: list[Span] = [(2, 1, "PASSWORD"), (-3, 99, "PASSWORD"), (7, 9, "PASSWORD")]
    assert replace_spans("abc", outside, METHODS, TOKENS) == "[PASSWORD]"


def test_types_with_brackets_in_their_names() -> None:
    text = "[[A]] and [A] x"
    out = replace_spans(text, [(0, 5, "[A]"), (1, 4, "A"), (10, 13, "A"), (2, 12, "A"), (14, 15, "A")], {}, TOKENS)
    assert out == "[[A]] [A] [A] [A]"


def test_json_stays_json() -> None:
    text = json.dumps({"from": "Jane", "mail": "jane@example.com", "pw": "hunter2"})
    out = protect(text, ("jane@example.com", "EMAIL_ADDRESS"), ("Jane", "PERSON"), ("hunter2", "PASSWORD"))
    assert list(json.loads(out)) == ["from", "mail", "pw"]
    assert "ane" not in out
    assert "hunter2" not in out


spans = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from(["PERSON", "PASSWORD", "CREDIT_CARD", "OTHER"])),
    max_size=6,
)


@given(st.text(alphabet="abcdefghij 😀é,.", min_size=0, max_size=30), spans)
def test_every_found_character_is_covered_and_no_other(text: str, found: list[Span]) -> None:
    # Redaction only, so that the constants can be cut out again and the rest compared.
    out = replace_spans(text, found, {}, TOKENS)
    covered = {i for start, end, _ in found for i in range(start, min(end, len(text)))}
    rest = out
    for kind in ("PERSON", "PASSWORD", "CREDIT_CARD", "OTHER"):
        rest = rest.replace(f"[{kind}]", "")
    expected = "".join(c for i, c in enumerate(text) if i not in covered)
    # Blanks inside spans may stay; nothing else does.
    assert [c for c in rest if not c.isspace()] == [c for c in expected if not c.isspace()]


@given(st.text(alphabet="abc ,.😀", max_size=30), spans, st.data())
def test_protecting_a_protected_text_changes_nothing(text: str, found: list[Span], data: st.DataObject) -> None:
    methods = {"PERSON": Token(), "PASSWORD": Redact(), "CREDIT_CARD": Token()}
    once = replace_spans(text, found, methods, TOKENS)
    done = [(start, end) for start, end, _ in TOKENS.verified_spans(once)]
    for constant in ("[PASSWORD]", "[OTHER]"):
        done += [(i, i + len(constant)) for i in range(len(once)) if once.startswith(constant, i)]
    # A detector may flag any part of what is protected, and the punctuation around it.
    again: list[Span] = []
    for start, end in done:
        left = data.draw(st.integers(start, end - 1))
        right = data.draw(st.integers(left + 1, end))
        if right == end and once[end : end + 1] in (",", "."):
            right += 1
        again += [(left, right, kind) for kind in ("PERSON", "PASSWORD", "OTHER")]
    assert replace_spans(once, again, methods, TOKENS) == once


def test_a_span_over_a_token_protects_only_what_is_raw() -> None:
    once = protect("Jane Doe wrote", ("Jane Doe", "PERSON"))
    token = TOKENS.token("Jane Doe", "PERSON")
    again = replace_spans(f"Mary {once}", [(0, len(token) + 8, "PERSON")], METHODS, TOKENS)
    assert again == f"{TOKENS.token('Mary', 'PERSON')} {token} {TOKENS.token('wr', 'PERSON')}ote"


def test_a_long_text_with_many_spans() -> None:
    text = "jane " * 50_000
    found: list[Span] = [(i, i + 4, "PERSON") for i in range(0, 250_000, 20)]
    out = replace_spans(text, found, METHODS, TOKENS)
    assert out.count(TOKENS.token("jane", "PERSON")) == 12_500
    assert replace_spans(out, [(i, i + 4, "PERSON") for i in range(0, 30_000, 3)], METHODS, TOKENS)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(min_size=1, max_size=12)), max_size=4), st.text(max_size=8))
def test_text_comes_back_exactly_from_reversible_tokens(pieces: list[tuple[str, str]], end: str) -> None:
    text, spans = "", []
    for before, value in pieces:
        text += before
        spans.append((len(text), len(text) + len(value), "PERSON"))
        text += value
    text += end
    out = replace_spans(text, spans, {"PERSON": Reversible()}, TOKENS)
    assert reverse_tokens(out, TOKENS) == text


def test_what_can_t_be_reversed_stays_in_the_text() -> None:
    one_way, foreign = TOKENS.token("x", "X"), Tokenizer(KeyRing({"golden": bytes(32)}, "golden"))
    text = f"a {one_way} b {foreign.reversible_token('x', 'X')} c"
    assert reverse_tokens(text, TOKENS) == text
    token = TOKENS.reversible_token("é😀", "X")
    assert reverse_tokens(f"{token.upper()}{token}.{one_way}", TOKENS) == f"é😀é😀.{one_way}"
