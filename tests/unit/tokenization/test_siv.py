"""AES-SIV of whole arrays: RFC 5297's own vectors, Wycheproof's, and the library's AESSIV as oracle."""

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from clearance.tokenization.rows import LONGEST
from clearance.tokenization.siv import TAG_BYTES, Siv

KEYS = st.sampled_from([bytes(range(n)) for n in (32, 48, 64)])
ASSOCIATED = st.lists(st.binary(max_size=40), max_size=3)
MANY = 20
"""Enough equal lengths for the batched path."""

RFC_5297 = [
    (
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        ["101112131415161718191a1b1c1d1e1f2021222324252627"],
        "112233445566778899aabbccddee",
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
    ),
    (
        "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
        [
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ],
        "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829"
        "ea64ad544a272e9c485b62a3fd5c0d",
    ),
]


@pytest.mark.parametrize(("key", "associated", "plain", "hidden"), RFC_5297, ids=["A.1", "A.2"])
def test_vectors_of_rfc_5297_on_both_paths(key: str, associated: list[str], plain: str, hidden: str) -> None:
    siv = Siv(bytes.fromhex(key), [bytes.fromhex(item) for item in associated])
    assert siv.encrypt_one(bytes.fromhex(plain)).hex() == hidden
    batch = siv.encrypt(pa.array([bytes.fromhex(plain)] * MANY))
    assert {value.hex() for value in batch.to_pylist()} == {hidden}
    assert siv.decrypt(batch).to_pylist() == [bytes.fromhex(plain)] * MANY


@given(
    KEYS, ASSOCIATED, st.lists(st.integers(0, LONGEST + 20), min_size=1, max_size=4), st.randoms(use_true_random=False)
)
def test_a_batch_equals_the_library_one_by_one(key: bytes, associated: list[bytes], lengths: list[int], rng) -> None:  # type: ignore[no-untyped-def]
    values = [rng.randbytes(length) for length in lengths for _ in range(MANY)]
    rng.shuffle(values)
    column = pa.array([*values, None, b""], pa.binary())
    oracle, siv = AESSIV(key), Siv(key, associated)
    hidden = siv.encrypt(column)
    assert hidden.to_pylist() == [None if v is None else oracle.encrypt(v, associated) for v in column.to_pylist()]
    assert siv.decrypt(hidden).equals(column.cast(pa.large_binary()))


@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=60))
def test_text_sliced_and_null_values_come_back(texts: list[str | None]) -> None:
    siv = Siv(bytes(range(64)))
    column = pa.array(["before", *texts, "after"])
    part = column.slice(1, len(texts))
    assert siv.decrypt(siv.encrypt(part)).cast(pa.string()).equals(part)


def test_megabytes_beside_short_values() -> None:
    siv, oracle = Siv(bytes(range(64))), AESSIV(bytes(range(64)))
    values = [b"x" * 3_000_000, *[b"y" * 30] * MANY, b"z" * 1_000_001, b""]
    hidden = siv.encrypt(pa.array(values)).to_pylist()
    assert hidden == [oracle.encrypt(value, []) for value in values]
    assert siv.decrypt(pa.array(hidden)).to_pylist() == values


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 33, 600])
def test_whatever_was_altered_is_refused_and_its_neighbours_are_not(length: int) -> None:
    siv = Siv(bytes(range(64)), [b"context"])
    plain = bytes(length)
    hidden = siv.encrypt_one(plain)
    altered = []
    for place in range(0, len(hidden), 1 if length < 100 else 37):
        altered.append(hidden[:place] + bytes([hidden[place] ^ 1]) + hidden[place + 1 :])
    altered += [hidden[:-1], hidden + b"\0", b"", hidden[: TAG_BYTES - 1]]
    foreign = Siv(bytes(range(64)), [b"another"]).encrypt_one(plain)
    column = pa.array([hidden, foreign, *altered] * MANY)
    opened = siv.decrypt(column).to_pylist()
    assert opened == [plain, *[None] * (len(altered) + 1)] * MANY
    assert [siv.decrypt_one(value) for value in altered] == [None] * len(altered)


def test_wycheproof_on_both_paths(vectors: Path) -> None:
    seen = 0
    for group in json.loads((vectors / "wycheproof" / "aes_siv_cmac_test.json").read_text("utf-8"))["testGroups"]:
        for case in group["tests"]:
            key, data, plain, hidden = (bytes.fromhex(case[name]) for name in ("key", "aad", "msg", "ct"))
            _holds(Siv(key, [data]), plain, hidden, case["result"] == "valid")
            seen += 1
    assert seen > 400


def test_wycheproof_with_a_nonce_as_the_last_associated_data(vectors: Path) -> None:
    for group in json.loads((vectors / "wycheproof" / "aead_aes_siv_cmac_test.json").read_text("utf-8"))["testGroups"]:
        for case in group["tests"]:
            key, data, nonce, plain = (bytes.fromhex(case[name]) for name in ("key", "aad", "iv", "msg"))
            hidden = bytes.fromhex(case["tag"] + case["ct"])
            _holds(Siv(key, [data, nonce]), plain, hidden, case["result"] == "valid")


def test_vectors_of_rfc_5297_in_three_key_sizes(vectors: Path) -> None:
    text = (vectors / "pyca" / "aes-siv-openssl.txt").read_text("utf-8")
    cases = [
        dict(line.replace(" ", "").split("=") for line in block.splitlines() if "=" in line and line[0] != "#")
        for block in text.split("\n\n")
    ]
    cases = [case for case in cases if case]
    for case in cases:
        data = [bytes.fromhex(case[name]) for name in ("AAD", "AAD2", "AAD3") if name in case]
        plain, hidden = bytes.fromhex(case["Plaintext"]), bytes.fromhex(case["Tag"] + case["Ciphertext"])
        _holds(Siv(bytes.fromhex(case["Key"]), data), plain, hidden, True)
    assert len({len(case["Key"]) for case in cases}) == 3


def _holds(siv: Siv, plain: bytes, hidden: bytes, valid: bool) -> None:
    opened = siv.decrypt(pa.array([hidden] * MANY)).to_pylist()
    assert opened == [siv.decrypt_one(hidden)] * MANY == [plain if valid else None] * MANY
    if valid:
        assert siv.encrypt(pa.array([plain] * MANY)).to_pylist() == [siv.encrypt_one(plain)] * MANY == [hidden] * MANY


@pytest.mark.parametrize("length", [0, 16, 31, 40, 65])
def test_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="key"):
        Siv(bytes(length))


def test_too_much_associated_data_is_refused() -> None:
    with pytest.raises(ValueError, match="126"):
        Siv(bytes(64), [b""] * 127)


def test_the_key_does_not_travel_and_does_not_show() -> None:
    siv = Siv(b"k" * 64)
    assert repr(siv) == "<Siv>"
    for holder in (siv, siv._mac, siv._keystream):
        assert "kkk" not in repr(holder)
        with pytest.raises(TypeError):
            pickle.dumps(holder)
