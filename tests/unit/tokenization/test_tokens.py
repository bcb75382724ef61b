import pickle
import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import KeyUnavailableError, UsageError
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.slugs import slug_of, type_of
from clearance.tokenization.token_format import TOKEN_PATTERN
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))
# What a policy can name a type: any text of up to 64 bytes.
names = st.text(min_size=1, max_size=16).filter(lambda name: 0 < len(name.encode()) <= 64)
values = st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["", "a@b.c", "x", "\0", "tk1h_", "😀"]))


@given(st.lists(values, max_size=20), names)
def test_batch_equals_one_by_one_and_again_changes_nothing(texts: list[str | None], entity_type: str) -> None:
    once = TOKENS.tokenize(pa.array(texts, pa.string()), entity_type)
    assert once.type == pa.string()
    assert once.to_pylist() == [None if text is None else TOKENS.token(text, entity_type) for text in texts]
    assert TOKENS.tokenize(once, entity_type).equals(once)
    assert TOKENS.tokenize(once, "ANOTHER_TYPE").equals(once)
    assert TOKENS.verified_types(once).to_pylist() == [None if text is None else entity_type for text in texts]


@given(st.text(min_size=1, max_size=40), names)
def test_no_value_passes_through(text: str, entity_type: str) -> None:
    (token,) = TOKENS.tokenize(pa.array([text]), entity_type).to_pylist()
    assert re.fullmatch(TOKEN_PATTERN, token)
    assert re.fullmatch("[a-z0-9_]+", token)


@given(names)
def test_type_names_survive_the_token(name: str) -> None:
    assert type_of(slug_of(name)) == name


@given(names, names)
def test_two_types_never_share_a_slug(first: str, second: str) -> None:
    assert (slug_of(first) == slug_of(second)) == (first == second)


@pytest.mark.parametrize("slug", ["x__", "x__a", "x__mfrb", "email__address", "a_", "x__ifau4", "x__7777", "a" * 24])
def test_a_slug_no_name_gives_has_no_type(slug: str) -> None:
    assert type_of(slug) is None


@pytest.mark.parametrize("name", ["", "N" * 65, "ä" * 33, "\ud800"])
def test_names_no_token_can_carry_are_refused(name: str, tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="1 to 64"):
        tokenizer.tokenize(pa.array(["x"]), name)


@pytest.mark.parametrize("domain", ["", "Default", "a b", "a" * 65, "-a", "ä"])
def test_bad_domain_names_are_refused(domain: str, ring: KeyRing) -> None:
    with pytest.raises(UsageError):
        Tokenizer(ring, domain)


def test_an_unknown_region_is_refused(ring: KeyRing) -> None:
    with pytest.raises(UsageError):
        Tokenizer(ring, region="XX")


def test_sliced_dictionary_large_and_empty_arrays(tokenizer: Tokenizer) -> None:
    plain = pa.array(["a", None, "b", "a", "c"])
    expected = tokenizer.tokenize(plain, "X")
    assert tokenizer.tokenize(plain.slice(1, 3), "X").equals(expected.slice(1, 3))
    assert tokenizer.tokenize(plain.dictionary_encode(), "X").equals(expected)
    assert tokenizer.tokenize(plain.cast(pa.large_string()), "X").equals(expected)
    for empty in (pa.array([], pa.string()), pa.nulls(3, pa.string())):
        assert tokenizer.tokenize(empty, "X").equals(empty)
        assert tokenizer.verified_types(empty).equals(empty)
    with pytest.raises(TypeError, match="to_text"):
        tokenizer.tokenize(pa.array([1]), "X")


def test_a_mix_of_tokens_and_values_in_one_column(tokenizer: Tokenizer) -> None:
    token = tokenizer.token("a@b.c", "EMAIL_ADDRESS")
    for kind in (pa.string(), pa.large_string()):
        column = pa.array(["a@b.c", token, None, token.upper(), "x", token + "a"], kind)
        out = tokenizer.tokenize(column, "EMAIL_ADDRESS").to_pylist()
        assert out[:4] == [token, token, None, token]
        assert out[4] == tokenizer.token("x", "EMAIL_ADDRESS")
        assert out[5] == tokenizer.token(token + "a", "EMAIL_ADDRESS")


def test_what_only_looks_like_a_token_is_protected_all_the_same(tokenizer: Tokenizer) -> None:
    token = tokenizer.token("jane@example.com", "EMAIL_ADDRESS")
    altered = []
    for position in range(len(token)):
        for letter in "a7_":
            if token[position] != letter:
                altered.append(token[:position] + letter + token[position + 1 :])
    altered += [token[:-1], token + "a", " " + token, token + "\n", token.replace("k", "\u212a")]
    for part, other in [("email_address", "person"), ("golden", "older0"), ("golden", "nobody"), ("tk1h", "tk1r")]:
        altered.append(token.replace(part, other))
    altered += [token.replace("_address", "__address"), "tk1h_", "tk1h_a_b_c_d", f"tk1h_x_golden_{'é' * 24}_aaaaaa"]
    column = pa.array(altered)
    assert tokenizer.verified_types(column).null_count == len(altered)
    out = tokenizer.tokenize(column, "EMAIL_ADDRESS")
    assert not pc.any(pc.equal(out, column)).as_py()
    assert not pc.any(pc.equal(out, token)).as_py()


def test_tokens_of_another_ring_domain_or_key_are_values(ring: KeyRing, tokenizer: Tokenizer) -> None:
    other = Tokenizer(KeyRing({"golden": bytes(32)}, "golden"))
    elsewhere = Tokenizer(ring, "billing")
    foreign = [maker.token("x", "X") for maker in (other, elsewhere)]
    assert tokenizer.verified_types(pa.array(foreign)).to_pylist() == [None, None]
    assert [tokenizer.verified_spans(token) for token in foreign] == [[], []]
    assert len({*foreign, tokenizer.token("x", "X")}) == 3
    # The tails too: a body that is the same in two domains would link them.
    assert len({token.split("_")[-2] for token in foreign}) == 2


def test_tokens_of_an_older_key_of_the_ring_stay(ring: KeyRing, tokenizer: Tokenizer) -> None:
    old = Tokenizer(ring.writing_with("older0")).tokenize(pa.array(["x", "y"]), "X")
    assert tokenizer.tokenize(old, "X").equals(old)
    assert tokenizer.verified_types(old).to_pylist() == ["X", "X"]


def test_equal_values_of_two_types_do_not_link(tokenizer: Tokenizer) -> None:
    first, second = (tokenizer.token("x", name).split("_")[-2:] for name in ("A", "B"))
    assert not set(first) & set(second)


@given(st.text(max_size=12), st.text(alphabet="tk1h_aZ7 ", max_size=30), st.lists(names, min_size=1, max_size=3))
def test_tokens_are_found_in_any_surroundings(before: str, glue: str, kinds: list[str]) -> None:
    text, expected = before + glue, []
    for name in kinds:
        token = TOKENS.token("v", name)
        expected.append((len(text), len(text) + len(token), name))
        text += token + glue
    assert TOKENS.verified_spans(text) == expected
    assert TOKENS.verified_spans(text.translate(str.maketrans("tkh", "TKH"))) == expected


def test_a_token_found_at_the_start_of_a_sentence(tokenizer: Tokenizer) -> None:
    token = tokenizer.token("v", "EMAIL_ADDRESS")
    assert tokenizer.verified_spans(token.capitalize()) == [(0, len(token), "EMAIL_ADDRESS")]


def test_hostile_text_is_searched_in_linear_time(tokenizer: Tokenizer) -> None:
    for text in ("tk1h_" * 100_000, "tk1h_" + "a_" * 250_000, "tk1h_a_bb_" + "a" * 500_000, "x" * 10**6):
        assert tokenizer.verified_spans(text) == []


def test_long_values_and_odd_characters(tokenizer: Tokenizer) -> None:
    odd = ["x" * 10**6, "x" * (10**6 - 1) + "y", "\0", "\0\0", "é", "😀", "\u202e", "a\nb"]
    out = tokenizer.tokenize(pa.array(odd), "CUSTOM").to_pylist()
    assert len(set(out)) == len(odd)
    assert out == [tokenizer.token(value, "CUSTOM") for value in odd]


def test_lone_surrogates_raise_nothing_that_holds_them(tokenizer: Tokenizer) -> None:
    assert tokenizer.token("\ud800", "CUSTOM") != tokenizer.token("\ud801", "CUSTOM")
    assert tokenizer.verified_spans("\ud800 tk1h_") == []


def test_made_up_types_in_the_data_do_not_fill_the_memory(tokenizer: Tokenizer) -> None:
    made_up = pa.array([f"tk1h_t{i}_golden_{'a' * 24}_{'b' * 6}" for i in range(9000)])
    assert tokenizer.verified_types(made_up).null_count == 9000
    assert len(tokenizer._cache) <= 4096


def test_a_missing_primary_key_is_an_error() -> None:
    with pytest.raises(KeyUnavailableError):
        KeyRing({"golden": bytes(32)}, "absent")


def test_a_tokenizer_does_not_travel(tokenizer: Tokenizer) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(tokenizer)


texts_of_columns = st.lists(
    st.one_of(st.none(), st.text(max_size=40), st.sampled_from(["", "\0", "tk1r_"])), max_size=20
)


@given(texts_of_columns, names, st.sampled_from([1, 20]))
def test_reversible_tokens_give_back_exactly_what_was_written(
    texts: list[str | None], entity_type: str, copies: int
) -> None:
    # Copies differ at their end only, and make enough values of each length for the batched path.
    written = [None if text is None else text + str(n % 10) for text in texts for n in range(copies)]
    values = pa.array([*texts, *written], pa.string())
    once = TOKENS.encrypt(values, entity_type)
    assert once.type == pa.string()
    assert once.to_pylist() == [
        None if v is None else TOKENS.reversible_token(v, entity_type) for v in values.to_pylist()
    ]
    assert TOKENS.reverse(once).equals(values)
    assert TOKENS.encrypt(once, "ANOTHER_TYPE").equals(once)
    assert TOKENS.verified_types(once, "r").to_pylist() == [
        None if v is None else entity_type for v in values.to_pylist()
    ]
    assert TOKENS.verified_types(once, "h").null_count == len(values)


@given(st.text(max_size=40), names)
def test_no_value_passes_through_a_reversible_token(text: str, entity_type: str) -> None:
    (token,) = TOKENS.encrypt(pa.array([text]), entity_type).to_pylist()
    assert re.fullmatch(TOKEN_PATTERN, token)
    assert re.fullmatch("[a-z0-9_]+", token)


def test_long_values_have_reversible_tokens(tokenizer: Tokenizer) -> None:
    values = pa.array(["x" * 10**6, "y" * 600, "z" * 300, "é" * 255])
    tokens = tokenizer.encrypt(values, "X")
    assert tokens.to_pylist() == [tokenizer.reversible_token(value, "X") for value in values.to_pylist()]
    assert tokenizer.reverse(tokens).equals(values)
    assert tokenizer.encrypt(tokens, "X").equals(tokens)
    forged = pa.array([token[:-1] + ("a" if token[-1] != "a" else "b") for token in tokens.to_pylist()])
    assert tokenizer.reverse(forged).null_count == len(values)


def test_bytes_that_are_no_text_come_back_from_a_reversible_token(tokenizer: Tokenizer) -> None:
    odd = pa.array([b"\xff\xfe", b"ok", b"\xed\xa0\x80"]).view(pa.string())
    tokens = tokenizer.encrypt(odd, "X")
    tokens.validate(full=True)
    assert tokenizer.reverse(tokens).cast(pa.binary()).equals(odd.cast(pa.binary()))
    assert tokenizer.reversible_token("\udcff\udcfe", "X") == tokens[0].as_py()


def test_only_genuine_reversible_tokens_are_reversed(ring: KeyRing, tokenizer: Tokenizer) -> None:
    token = tokenizer.reversible_token("jane@example.com", "EMAIL_ADDRESS")
    altered = [token[:i] + ("a" if token[i] != "a" else "b") + token[i + 1 :] for i in range(len(token))]
    altered += [token[:-1], token + "a", " " + token, token.replace("k", "\u212a"), token.replace("tk1r", "tk1h")]
    foreign = Tokenizer(ring, "billing").reversible_token("jane@example.com", "EMAIL_ADDRESS")
    one_way = tokenizer.token("jane@example.com", "EMAIL_ADDRESS")
    column = pa.array([*altered, foreign, one_way, None, token, token.upper()])
    expected = [None] * (len(altered) + 3) + ["jane@example.com"] * 2
    assert tokenizer.reverse(column).to_pylist() == expected
    assert not set(altered) & set(tokenizer.encrypt(pa.array(altered), "X").to_pylist())
    assert [tokenizer.verified_spans(cell) for cell in altered[-5:-4]] == [[]]


def test_a_reversible_token_in_a_one_way_column_becomes_the_value_s_one_way_token(tokenizer: Tokenizer) -> None:
    one_way = tokenizer.token("Jane@Example.com", "EMAIL_ADDRESS")
    column = pa.array(
        [tokenizer.reversible_token("Jane@Example.com", "EMAIL_ADDRESS"), "jane@example.com", one_way, None]
    )
    assert tokenizer.tokenize(column, "EMAIL_ADDRESS").to_pylist() == [one_way, one_way, one_way, None]


def test_an_older_key_of_the_ring_reverses(ring: KeyRing, tokenizer: Tokenizer) -> None:
    values = pa.array(["x", "y"])
    assert tokenizer.reverse(Tokenizer(ring.writing_with("older0")).encrypt(values, "X")).equals(values)


def test_keys_derived_for_a_type_do_not_travel_or_show(ring: KeyRing, tokenizer: Tokenizer) -> None:
    keys = tokenizer.keys_of("X")
    assert keys.check_key.hex() not in repr(keys)
    for holder in (keys, keys.prf, keys.siv, keys.mac, keys.ff1("0123456789")):
        assert "0x" not in repr(holder)
        with pytest.raises(TypeError):
            pickle.dumps(holder)
