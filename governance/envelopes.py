"""Signed statements: an in-toto Statement (v1) in a DSSE envelope (v1), signed with Ed25519 (RFC 8032).

Both are open formats that other tools read: https://github.com/in-toto/attestation (spec/v1) and
https://github.com/secure-systems-lab/dsse (envelope.md, protocol.md). What is signed is the payload's very bytes, so
nothing has to be brought into one form again before it can be checked.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clearance.errors import ProofError
from clearance.governance import canonical

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://pypi.org/project/clearance/protection/v1"

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Statement:
    """What was signed: of which dataset, the digest of its content, and all that is said of it."""

    dataset: str
    content: str
    predicate: Mapping[str, Any]
    key_id: str


def key_id(public_pem: str) -> str:
    """SHA-256 (hex) over the public key's SubjectPublicKeyInfo. Raises ``ProofError`` for what is no Ed25519 key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = _public(public_pem)
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def seal(
    dataset: str,
    content: str,
    predicate: Mapping[str, Any],
    sign: Sign,
    public_pem: str,
    kind: str = PREDICATE_TYPE,
) -> dict[str, Any]:
    """The envelope around a statement that ``predicate`` holds of ``dataset`` with ``content`` (SHA-256, hex).

    ``kind``: the predicate's type. What is signed as one kind is never read as another.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": dataset, "digest": {"sha256": content}}],
        "predicateType": kind,
        "predicate": dict(predicate),
    }
    payload = canonical.canonical(statement)
    signature = {
        "keyid": key_id(public_pem),
        "sig": b64encode(sign(pre_authentication(PAYLOAD_TYPE, payload))).decode(),
    }
    return {"payloadType": PAYLOAD_TYPE, "payload": b64encode(payload).decode(), "signatures": [signature]}


def unseal(envelope: Any, trusted: Mapping[str, str], kind: str = PREDICATE_TYPE) -> Statement:
    """The statement of an envelope that one of the ``trusted`` keys (public PEM by key id) signed.

    The payload is not looked at before its signature holds. Raises ``ProofError``.
    """
    from cryptography.exceptions import InvalidSignature

    hint = "get the statement from whoever made it again; believe nothing it says"
    try:
        payload_type, payload = envelope["payloadType"], b64decode(envelope["payload"], validate=True)
        signatures = [(str(each["keyid"]), b64decode(each["sig"], validate=True)) for each in envelope["signatures"]]
    except (KeyError, TypeError, ValueError):
        raise ProofError("this is no signed statement", hint=hint) from None
    if payload_type != PAYLOAD_TYPE:
        raise ProofError("this is a signed document of another kind, no statement", hint=hint)
    known = [(name, signature) for name, signature in signatures if name in trusted]
    if not known:
        raise ProofError(
            "the statement is signed with a key that is not trusted here",
            hint="name the signer's public key: --public-key FILE",
        )
    for name, signature in known:
        try:
            _public(trusted[name]).verify(signature, pre_authentication(payload_type, payload))
        except InvalidSignature:
            raise ProofError("the statement's signature does not hold: it was changed", hint=hint) from None
    return _read(payload, known[0][0], kind, hint)


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs (PAE): type and payload, each with its length in front."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type.encode()), payload_type.encode(), len(payload), payload)


def _read(payload: bytes, signer: str, kind: str, hint: str) -> Statement:
    try:
        told = json.loads(payload)
        ((subject,), predicate) = told["subject"], told["predicate"]
        if told["_type"] != STATEMENT_TYPE or told["predicateType"] != kind or not isinstance(predicate, dict):
            raise ValueError
        return Statement(str(subject["name"]), str(subject["digest"]["sha256"]), predicate, signer)
    except (KeyError, TypeError, ValueError):
        raise ProofError(f"the statement is signed, and says nothing of a {kind.split('/')[-2]}", hint=hint) from None


def _public(pem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ProofError("this is no Ed25519 public key in PEM", hint="it begins with -----BEGIN PUBLIC KEY-----")
    return key
