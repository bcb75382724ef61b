"""Subject-bound tokens: the ring knows them, only the subject's key opens them."""

import pickle

import pyarrow as pa
import pytest

from clearance.errors import KeyUnavailableError, ProtectionError
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.subjects import SUBJECT_RULE, SubjectTokenizer, new_wrapped, unwrap
from clearance.tokenization.tokens import Tokenizer

RING = KeyRing({"k1": bytes(range(32)), "k2": bytes(range(1, 33))}, "k1")
VALUES = pa.array(["+1 212 555 0100", "a\0b", "", None, "x" * 5000, "+1 212 555 0100"])
PEOPLE = ["ann", "bob", "ann", "bob", "ann", "bob"]


@pytest.fixture
def world():
    tokenizer = Tokenizer(RING)
    subjects = tokenizer.tokenize(pa.array(PEOPLE), "CUSTOMER_ID")
    store = {subject: new_wrapped(RING, "default", subject) for subject in dict.fromkeys(subjects.to_pylist())}
    own = SubjectTokenizer(RING, tokenizer, lambda wanted: {s: store[s] for s in wanted if s in store})
    return tokenizer, subjects, store, own


def test_the_value_comes_back_with_the_subject_and_not_without(world):
    tokenizer, subjects, _, own = world
    tokens = own.encrypt(VALUES, subjects, "PHONE_NUMBER")
    assert own.reverse(tokens, subjects).to_pylist() == VALUES.to_pylist()
    assert tokenizer.reverse(tokens).null_count == len(tokens)
    assert own.reverse(tokens, subjects.take(pa.array([1, 0, 1, 0, 1, 0]))).null_count == len(tokens)
    # Equal values of two people say nothing of each other; of one, they join.
    assert tokens[0] != tokens[5]
    assert own.encrypt(VALUES, subjects, "PHONE_NUMBER") == tokens


def test_they_are_tokens_like_any_other(world):
    tokenizer, subjects, _, own = world
    tokens = own.encrypt(VALUES, subjects, "PHONE_NUMBER")
    assert set(tokenizer.verified_types(tokens, "r").to_pylist()) == {"PHONE_NUMBER", None}
    assert own.encrypt(tokens, subjects, "PHONE_NUMBER") == tokens
    shouted = pa.array([None if t is None else t.upper() for t in tokens.to_pylist()])
    assert own.encrypt(shouted, subjects, "PHONE_NUMBER") == tokens
    assert own.reverse(shouted, subjects).to_pylist() == VALUES.to_pylist()
    # Those that the ring alone opens are no business of a subject's key.
    assert own.reverse(tokenizer.encrypt(VALUES, "PHONE_NUMBER"), subjects).null_count == len(VALUES)


def test_without_the_key_nothing_opens_whoever_holds_the_ring(world):
    tokenizer, subjects, store, own = world
    tokens = own.encrypt(VALUES, subjects, "PHONE_NUMBER")
    del store[subjects[0].as_py()]
    assert own.reverse(tokens, subjects).to_pylist() == [None, "a\0b", None, None, None, "+1 212 555 0100"]
    # A new key for the same person opens nothing of the old one.
    store[subjects[0].as_py()] = new_wrapped(RING, "default", subjects[0].as_py())
    assert own.reverse(tokens, subjects)[0].as_py() is None
    assert tokenizer.reverse_sealed(tokens, SUBJECT_RULE)[0].as_py() is not None


def test_a_value_that_could_not_be_erased_is_refused(world):
    _, subjects, store, own = world
    with pytest.raises(ProtectionError, match="no subject"):
        own.encrypt(VALUES, pa.array([None, *subjects.to_pylist()[1:]], pa.string()), "PHONE_NUMBER")
    store.clear()
    with pytest.raises(KeyUnavailableError, match="2 subjects have no key"):
        own.encrypt(VALUES, subjects, "PHONE_NUMBER")
    assert own.encrypt(pa.nulls(2, pa.string()), pa.nulls(2, pa.string()), "PHONE_NUMBER").null_count == 2


def test_a_wrapped_key_is_bound_to_ring_domain_and_subject():
    wrapped = new_wrapped(RING, "default", "s")
    sealed = unwrap(RING, "default", "s", wrapped).seal(b"v", "default", "T")
    rotated = RING.writing_with("k2")
    assert unwrap(rotated, "default", "s", wrapped).open(sealed, "default", "T") == b"v"
    assert unwrap(rotated, "default", "s", wrapped).open(sealed, "default", "U") is None
    other = KeyRing({"k1": bytes(32)}, "k1")
    flipped = (wrapped[0], bytes([wrapped[1][0] ^ 1]) + wrapped[1][1:])
    for ring, domain, subject, row in (
        (other, "default", "s", wrapped),
        (RING, "other", "s", wrapped),
        (RING, "default", "t", wrapped),
        (RING, "default", "s", ("k2", wrapped[1])),
        (RING, "default", "s", flipped),
    ):
        with pytest.raises(KeyUnavailableError):
            unwrap(ring, domain, subject, row)


def test_keys_do_not_travel(world):
    own = world[3]
    for secret in (own, unwrap(RING, "default", "s", new_wrapped(RING, "default", "s"))):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
