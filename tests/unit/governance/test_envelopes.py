"""Signed statements: the published vectors, and every change that must be seen."""

import json
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clearance.errors import ProofError
from clearance.governance.envelopes import PAYLOAD_TYPE, key_id, pre_authentication, seal, unseal


def pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def sealed(key):
    return seal("file:///safe/orders", "ab" * 32, {"proof": {"holds": True}, "rows": 4}, key.sign, pem(key))


def test_what_is_signed_is_what_dsse_says():
    """The example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md."""
    told = pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert told == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_signature_is_that_of_rfc_8032():
    """Section 7.1, test 2."""
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    signed = Ed25519PrivateKey.from_private_bytes(secret).sign(b"\x72")
    assert signed.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_the_payload_is_an_in_toto_statement(sealed, key):
    told = json.loads(b64decode(sealed["payload"]))
    assert (sealed["payloadType"], told["_type"]) == (PAYLOAD_TYPE, "https://in-toto.io/Statement/v1")
    assert told["subject"] == [{"name": "file:///safe/orders", "digest": {"sha256": "ab" * 32}}]
    assert sealed["signatures"][0]["keyid"] == key_id(pem(key))


def test_it_opens_with_the_signers_key_alone(sealed, key):
    told = unseal(sealed, {key_id(pem(key)): pem(key)})
    assert (told.dataset, told.content, told.predicate["rows"]) == ("file:///safe/orders", "ab" * 32, 4)
    other = pem(Ed25519PrivateKey.generate())
    with pytest.raises(ProofError, match="not trusted"):
        unseal(sealed, {key_id(other): other})
    with pytest.raises(ProofError, match="does not hold"):
        unseal(sealed, {key_id(pem(key)): other})
    with pytest.raises(ProofError, match="not trusted"):
        unseal(sealed, {})


def changed(sealed, **values):
    return {**sealed, **values}


def test_any_change_is_seen(sealed, key):
    trusted = {key_id(pem(key)): pem(key)}
    payload = b64decode(sealed["payload"])
    forged = b64encode(payload.replace(b'"rows":4', b'"rows":5')).decode()
    assert forged != sealed["payload"]
    flipped = bytearray(b64decode(sealed["signatures"][0]["sig"]))
    flipped[3] ^= 1
    broken = [{**sealed["signatures"][0], "sig": b64encode(bytes(flipped)).decode()}]
    for envelope in (
        changed(sealed, payload=forged),
        changed(sealed, payloadType="text/plain"),
        changed(sealed, signatures=broken),
        changed(sealed, signatures=[]),
        changed(sealed, signatures=[{"keyid": "x"}]),
        changed(sealed, payload="%"),
        {"payload": sealed["payload"]},
        [],
        None,
    ):
        with pytest.raises(ProofError) as caught:
            unseal(envelope, trusted)
        assert caught.value.hint and caught.value.exit_code == 5


def test_a_rightly_signed_document_of_another_kind_is_no_statement(key):
    payload = b'{"_type": "https://in-toto.io/Statement/v1", "subject": []}'
    signature = b64encode(key.sign(pre_authentication(PAYLOAD_TYPE, payload))).decode()
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(pem(key)), "sig": signature}],
    }
    with pytest.raises(ProofError, match="says nothing"):
        unseal(envelope, {key_id(pem(key)): pem(key)})
