"""What is frozen: derivation, normalisation, tokens, check, slugs, signatures. A failure here breaks every join
with data that is protected already: never update golden.json, add a new version beside it."""

import hashlib
import hmac
import json
from base64 import b32encode
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from clearance.methods import FormatPreserving
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import apply, restore
from clearance.tokenization.normalization import _FAMILY_OF, normalize
from clearance.tokenization.slugs import slug_of
from clearance.tokenization.tokens import Tokenizer

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def frozen_ring() -> KeyRing:
    return KeyRing({kid: bytes.fromhex(root) for kid, root in GOLDEN["roots"].items()}, GOLDEN["primary"])


def test_derived_keys(frozen_ring: KeyRing) -> None:
    for case in GOLDEN["derive"]:
        key = frozen_ring.derive(case["purpose"], case["domain"], case["entity_type"], case["kid"])
        assert key.hex() == case["key"], case


def test_normalisation() -> None:
    for case in GOLDEN["normalize"]:
        rule, canonical = normalize(case["value"], case["entity_type"], case["region"])
        assert [rule, canonical] == [case["rule"], case["canonical"]], case


def test_families_of_types() -> None:
    assert GOLDEN["families"] == _FAMILY_OF


def test_tokens_one_by_one_and_in_a_batch(frozen_ring: KeyRing) -> None:
    for case in GOLDEN["tokens"]:
        tokenizer = Tokenizer(frozen_ring.writing_with(case["kid"]), case["domain"], region=case["region"])
        assert tokenizer.token(case["value"], case["entity_type"]) == case["token"], case
        batch = tokenizer.tokenize(pa.array([case["value"]]), case["entity_type"])
        assert batch.to_pylist() == [case["token"]], case


def test_slugs() -> None:
    assert {name: slug_of(name) for name in GOLDEN["slugs"]} == GOLDEN["slugs"]


def test_signatures(frozen_ring: KeyRing) -> None:
    for case in GOLDEN["signatures"]:
        payload = case["payload"].encode()
        assert frozen_ring.sign(case["purpose"], payload) == case["signature"]
        assert frozen_ring.verify(case["purpose"], payload, case["signature"])


def test_a_token_from_the_standards_alone() -> None:
    """The frozen format again, from its description and the standard library, with none of our code."""

    def derive(purpose: str) -> bytes:
        fields = [b"tk1", purpose.encode(), b"golden", b"default", b"EMAIL_ADDRESS"]
        info = b"".join(len(field).to_bytes(2, "big") + field for field in fields)
        extracted = hmac.digest(b"clearance/tk1", bytes(range(32)), hashlib.sha256)
        return hmac.digest(extracted, info + b"\x01", hashlib.sha256)

    body = hmac.digest(derive("h"), b"email/1\0jane@example.com", hashlib.sha256)[:15]
    mac = CMAC(AES(derive("check")))
    mac.update(b"h" + body)
    check = b32encode(mac.finalize())[:6].decode().lower()
    expected = f"tk1h_email_address_golden_{b32encode(body).decode().lower()}_{check}"
    assert expected in [case["token"] for case in GOLDEN["tokens"]]


def test_derived_keys_of_the_reversible_methods(frozen_ring: KeyRing) -> None:
    for case in GOLDEN["derive_reversible"]:
        length = len(case["key"]) // 2
        key = frozen_ring.derive(case["purpose"], case["domain"], case["entity_type"], case["kid"], length=length)
        assert key.hex() == case["key"], case


def test_reversible_tokens_one_by_one_and_in_a_batch(frozen_ring: KeyRing) -> None:
    for case in GOLDEN["reversible_tokens"]:
        tokenizer = Tokenizer(frozen_ring.writing_with(case["kid"]), case["domain"])
        assert tokenizer.reversible_token(case["value"], case["entity_type"]) == case["token"], case
        beside = [f"{n:0{len(case['value'])}}" for n in range(20)]
        batch = tokenizer.encrypt(pa.array([case["value"], *beside]), case["entity_type"])
        assert batch[0].as_py() == case["token"], case
        assert tokenizer.reverse(pa.array([case["token"]])).to_pylist() == [case["value"]]


def test_format_preserving_values(frozen_ring: KeyRing) -> None:
    for case in GOLDEN["format_preserving"]:
        tokenizer = Tokenizer(frozen_ring.writing_with(case["kid"]), case["domain"])
        method = FormatPreserving(**case["parameters"])
        changed = apply(method, pa.array([case["value"]]), case["entity_type"], tokenizer)
        assert changed.to_pylist() == [case["changed"]], case
        assert restore(method, changed, case["entity_type"], tokenizer).to_pylist() == [case["value"]], case


def test_a_reversible_token_from_the_standards_alone() -> None:
    """As above, with the library's AES-SIV and nothing of ours."""

    def derive(purpose: str, blocks: int) -> bytes:
        fields = [b"tk1", purpose.encode(), b"golden", b"default", b"EMAIL_ADDRESS"]
        info = b"".join(len(field).to_bytes(2, "big") + field for field in fields)
        extracted = hmac.digest(b"clearance/tk1", bytes(range(32)), hashlib.sha256)
        key, block = b"", b""
        for number in range(1, blocks + 1):
            block = hmac.digest(extracted, block + info + bytes([number]), hashlib.sha256)
            key += block
        return key

    body = AESSIV(derive("r", 2)).encrypt(b"\0jane@example.com", [])
    mac = CMAC(AES(derive("check", 1)))
    mac.update(b"r" + body)
    text, check = (b32encode(part).decode().lower().rstrip("=") for part in (body, mac.finalize()))
    expected = f"tk1r_email_address_golden_{text}_{check[:6]}"
    assert expected == GOLDEN["reversible_tokens"][0]["token"]
