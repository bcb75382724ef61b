"""FF1: the samples of SP 800-38G, NIST's ACVP and C2SP's Wycheproof vectors, and batch against one by one."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.alphabets import fewest_symbols
from clearance.errors import PolicyError, ProtectionError
from clearance.tokenization import ff1
from clearance.tokenization.ff1 import Ff1

BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"
KEY_128 = "2b7e151628aed2a6abf7158809cf4f3c"
KEY_192 = KEY_128 + "ef4359d8d580aa4f"
KEY_256 = KEY_192 + "7f036d6f04fc6a94"
DIGITS, LETTERS = "0123456789", "0123456789abcdefghi"
T10, T11 = "39383736353433323130", "3737373770717273373737"
SAMPLES = [
    (KEY_128, 10, "", DIGITS, "2433477484"),
    (KEY_128, 10, T10, DIGITS, "6124200773"),
    (KEY_128, 36, T11, LETTERS, "a9tv40mll9kdu509eum"),
    (KEY_192, 10, "", DIGITS, "2830668132"),
    (KEY_192, 10, T10, DIGITS, "2496655549"),
    (KEY_192, 36, T11, LETTERS, "xbj3kv35jrawxv32ysr"),
    (KEY_256, 10, "", DIGITS, "6657667009"),
    (KEY_256, 10, T10, DIGITS, "1001623463"),
    (KEY_256, 36, T11, LETTERS, "xs8a0azh2avyalyzuwd"),
]


def in_a_batch(cipher: Ff1, alphabet: str, text: str, tweak: bytes, *, decrypting: bool = False) -> str:
    """One text among others, with a tweak for each."""
    row = [alphabet.index(character) for character in text]
    numerals = np.array([row, row[::-1], row], np.uint8)
    tweaks = np.frombuffer(tweak + tweak[::-1] + tweak, np.uint8).reshape(3, -1)
    out = (cipher.decrypt_rows if decrypting else cipher.encrypt_rows)(numerals, tweaks)
    assert (out[0] == out[2]).all()
    return "".join(alphabet[numeral] for numeral in out[0])


def assert_both_paths(cipher: Ff1, alphabet: str, text: str, tweak: bytes, hidden: str) -> None:
    assert cipher.encrypt(text, tweak) == in_a_batch(cipher, alphabet, text, tweak) == hidden
    assert cipher.decrypt(hidden, tweak) == in_a_batch(cipher, alphabet, hidden, tweak, decrypting=True) == text


@pytest.mark.parametrize(("key", "radix", "tweak", "text", "hidden"), SAMPLES)
def test_samples_of_sp_800_38g(key: str, radix: int, tweak: str, text: str, hidden: str) -> None:
    alphabet = BASE_36[:radix]
    assert_both_paths(Ff1(bytes.fromhex(key), alphabet), alphabet, text, bytes.fromhex(tweak), hidden)


def test_acvp(vectors: Path) -> None:
    cases = json.loads((vectors / "acvp_ff1_subset.json").read_text("utf-8"))["tests"]
    for alphabet, _, tweak, text, key, hidden in cases:
        assert_both_paths(Ff1(bytes.fromhex(key), alphabet), alphabet, text, bytes.fromhex(tweak), hidden)
    assert len(cases) > 30


@pytest.mark.parametrize("radix", [10, 26, 36, 62])
def test_wycheproof(radix: int, vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Some vectors follow the first edition of SP 800-38G, whose smallest domain was 100.
    monkeypatch.setattr(ff1, "SMALLEST_DOMAIN", 100)
    batched = 0
    published = json.loads((vectors / "wycheproof" / f"aes_ff1_base{radix}_test.json").read_text("utf-8"))
    for group in published["testGroups"]:
        alphabet = group["alphabet"]
        for case in group["tests"]:
            key, tweak, text = bytes.fromhex(case["key"]), bytes.fromhex(case["tweak"]), case["msg"]
            if case["result"] == "valid":
                cipher = Ff1(key, alphabet)
                assert_both_paths(cipher, alphabet, text, tweak, case["ct"])
                batched += cipher.is_batched(len(text))
                continue
            with pytest.raises((ProtectionError, ValueError)):
                Ff1(key, alphabet).encrypt(text, tweak)
            numerals = np.array([[alphabet.find(character) % 256 for character in text]], np.uint8)
            with pytest.raises((ProtectionError, ValueError)):
                Ff1(key, alphabet).encrypt_rows(numerals, np.frombuffer(tweak, np.uint8).reshape(1, -1))
    assert batched > 500


@given(st.integers(2, 62), st.integers(0, 40), st.integers(0, 40), st.randoms(use_true_random=False))
def test_a_batch_equals_one_by_one(radix: int, longer: int, tweak_length: int, rng) -> None:  # type: ignore[no-untyped-def]
    alphabet = (BASE_36 + BASE_36[10:].upper())[:radix]
    cipher, length = Ff1(rng.randbytes(32), alphabet), fewest_symbols(radix) + longer
    texts = ["".join(rng.choices(alphabet, k=length)) for _ in range(4)]
    tweaks = [rng.randbytes(tweak_length) for _ in texts]
    numerals = np.array([[alphabet.index(c) for c in text] for text in texts], np.uint8)
    rows = np.frombuffer(b"".join(tweaks), np.uint8).reshape(4, -1)
    hidden = cipher.encrypt_rows(numerals, rows)
    assert ["".join(alphabet[n] for n in row) for row in hidden] == list(map(cipher.encrypt, texts, tweaks))
    assert (cipher.decrypt_rows(hidden, rows) == numerals).all()
    shared = cipher.encrypt_rows(numerals, rows[:1])
    assert ["".join(alphabet[n] for n in row) for row in shared] == [cipher.encrypt(text, tweaks[0]) for text in texts]


def test_a_batch_is_a_permutation_of_a_small_domain() -> None:
    cipher = Ff1(bytes(32), "0123456789")
    places = 10 ** np.arange(5, -1, -1)
    every = (np.arange(10**6)[:, None] // places % 10).astype(np.uint8)
    hidden = cipher.encrypt_rows(every, np.zeros((1, 0), np.uint8)).astype(np.int64) @ places
    assert len(np.unique(hidden)) == 10**6
    assert (hidden == np.arange(10**6)).sum() < 20


@pytest.mark.parametrize("text", ["", "1", "12345", "0" * 4097])
def test_domains_below_a_million_and_endless_texts_are_refused(text: str) -> None:
    cipher = Ff1(bytes(32), "0123456789")
    rows = np.zeros((2, len(text)), np.uint8)
    for path in (lambda: cipher.encrypt(text), lambda: cipher.decrypt_rows(rows, np.zeros((1, 0), np.uint8))):
        with pytest.raises(ProtectionError) as caught:
            path()
        assert caught.value.hint


def test_a_foreign_character_is_refused_and_not_shown() -> None:
    with pytest.raises(ProtectionError) as caught:
        Ff1(bytes(32), "0123456789").encrypt("123-45-6789")
    assert "123" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("alphabet", ["", "0", "001", "".join(map(chr, range(257)))])
def test_alphabets_that_are_none(alphabet: str) -> None:
    with pytest.raises(PolicyError):
        Ff1(bytes(32), alphabet)


def test_the_key_does_not_travel_and_does_not_show() -> None:
    cipher = Ff1(b"k" * 32, "0123456789")
    assert "kkk" not in repr(cipher)
    with pytest.raises(TypeError):
        pickle.dumps(cipher)
