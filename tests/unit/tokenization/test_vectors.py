"""Published vectors: RFC 5869 (HKDF), RFC 4231 (HMAC), RFC 4493 and SP 800-38B (CMAC), RFC 4648 (base32).

The literals below always run, C2SP's Wycheproof files where the fixture `vectors` finds them. AES-SIV and FF1 have
files of their own.
"""

import json
from base64 import b32decode, b32encode
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from clearance.tokenization import prf
from clearance.tokenization.cmac import Cmac, double
from clearance.tokenization.codec import base32_decode, base32_encode, decode_rows, encoded_length
from clearance.tokenization.keys import hkdf_sha256
from clearance.tokenization.prf import KeyedHash


def groups(vectors: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((vectors / "wycheproof" / name).read_text("utf-8"))["testGroups"]
    return found


@pytest.mark.parametrize(
    ("secret", "salt", "info", "length", "expected"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da"
            "3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            "0b" * 22,
            "",
            "",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
    ids=["A.1", "A.2", "A.3"],
)
def test_hkdf_of_rfc_5869(secret: str, salt: str, info: str, length: int, expected: str) -> None:
    key = hkdf_sha256(bytes.fromhex(secret), salt=bytes.fromhex(salt), info=bytes.fromhex(info), length=length)
    assert key.hex() == expected


HMAC_CASES = [
    ("0b" * 20, b"Hi There".hex(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?".hex(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)).hex(), "cd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First".hex(),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "aa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs "
            b"to be hashed before being used by the HMAC algorithm."
        ).hex(),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.fixture(params=[0, prf._Spent.ENOUGH])
def _either_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prf, "_spent", prf._Spent())
    monkeypatch.setattr(prf._Spent, "ENOUGH", request.param)


def hmacs(key: bytes, message: bytes) -> set[str]:
    """Alone and among many others: the states must be untouched by what came before."""
    hash_ = KeyedHash(key)
    many = hash_.digests(pa.array([message, b""] * 50, pa.large_binary()))
    return {hash_.digest(message).hex(), *(digest.tobytes().hex() for digest in many[::2])}


@pytest.mark.usefixtures("_either_loop")
@pytest.mark.parametrize(("key", "message", "expected"), HMAC_CASES)
def test_hmac_of_rfc_4231(key: str, message: str, expected: str) -> None:
    assert hmacs(bytes.fromhex(key), bytes.fromhex(message)) == {expected}


def test_subkey_of_rfc_4493() -> None:
    assert double(bytes.fromhex("7df76b0c1ab899b33e42f047b91b546f")).hex() == "fbeed618357133667c85e08f7236a8de"


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ("", "028962f61b7bf89efc6b551f4667d983"),
        ("6bc1bee22e409f96e93d7e117393172a", "28a7023f452e8f82bd4bf28d8c37c35c"),
        (
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
            "aaf3d8f1de5640c232f5b169b9c911e6",
        ),
    ],
    ids=["9", "10", "11"],
)
def test_aes_256_examples_of_sp_800_38b(blocks: str, expected: str) -> None:
    """Appendix D.3."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    assert Cmac(key).one(bytes.fromhex(blocks)).hex() == expected


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=70), max_size=20))
def test_macs_equal_the_library_s(key: bytes, messages: list[bytes]) -> None:
    expected = b""
    for message in messages:
        mac = CMAC(AES(key))
        mac.update(message)
        expected += mac.finalize()
    rows = np.frombuffer(b"".join(message.ljust(80, b"\0") for message in messages), dtype=np.uint8).reshape(-1, 80)
    lengths = np.array([len(message) for message in messages], np.int64)
    assert Cmac(key).macs(rows, lengths).tobytes() == expected


@given(st.lists(st.binary(min_size=15, max_size=15), max_size=20))
def test_base32_equals_the_standard_library(rows: list[bytes]) -> None:
    data = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, 15)
    text = base32_encode(data)
    assert text.tobytes() == b"".join(b32encode(row).lower() for row in rows)
    assert base32_decode(text).tobytes() == data.tobytes()


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=20))
def test_base32_of_any_length_has_one_spelling(values: list[bytes]) -> None:
    texts = [b32encode(value).decode().lower().rstrip("=") for value in values]
    lengths = np.array([len(text) for text in texts], np.int64)
    rows = np.frombuffer("".join(text.ljust(128, "\0") for text in texts).encode(), dtype=np.uint8).reshape(-1, 128)
    octets, sizes, formed = decode_rows(rows, lengths)
    assert formed.all()
    assert [row[:size].tobytes() for row, size in zip(octets, sizes, strict=True)] == values
    assert encoded_length(sizes).tolist() == lengths.tolist()


def test_base32_of_rfc_4648_and_what_is_not_base32() -> None:
    # Section 10: BASE32("fooba") = "MZXW6YTB".
    assert base32_encode(np.frombuffer(b"fooba", dtype=np.uint8).reshape(1, 5)).tobytes() == b"mzxw6ytb"
    assert b32decode("MZXW6YTB") == b"fooba"
    for octet in range(256):
        row = np.full((1, 8), ord("a"), dtype=np.uint8)
        row[0, 5] = octet
        (formed,) = decode_rows(row, np.array([8]))[2]
        assert formed == (octet in b"abcdefghijklmnopqrstuvwxyz234567"), octet
    # Characters no whole number of bytes gives, and bits that belong to no byte.
    for text, formed in [
        ("my", True),
        ("mz", False),
        ("m", False),
        ("mzx", False),
        ("mzxwb", False),
        ("mzxw6y", False),
    ]:
        row = np.frombuffer(text.ljust(8, "\0").encode(), dtype=np.uint8).reshape(1, 8)
        assert decode_rows(row, np.array([len(text)]))[2].tolist() == [formed], text


def test_wycheproof_hkdf(vectors: Path) -> None:
    for group in groups(vectors, "hkdf_sha256_test.json"):
        for case in group["tests"]:
            secret, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
            if case["result"] == "invalid":
                with pytest.raises(ValueError, match="larger than"):
                    hkdf_sha256(secret, salt=salt, info=info, length=case["size"])
            else:
                assert hkdf_sha256(secret, salt=salt, info=info, length=case["size"]).hex() == case["okm"]


@pytest.mark.usefixtures("_either_loop")
def test_wycheproof_hmac(vectors: Path) -> None:
    for group in groups(vectors, "hmac_sha256_test.json"):
        for case in group["tests"]:
            found = hmacs(bytes.fromhex(case["key"]), bytes.fromhex(case["msg"]))
            equal = {digest[: group["tagSize"] // 4] for digest in found} == {case["tag"]}
            assert len(found) == 1
            assert equal == (case["result"] == "valid"), case["tcId"]
