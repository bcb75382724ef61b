"""Key material of a Tink keyset as a root of ours.

A root is made of a Tink key, it is not that key: root = HKDF-SHA256(key value, salt = "clearance/import-tink", info =
type URL and key id, 32 bytes). So tokens are no Tink ciphertexts, and a Tink key that also encrypts elsewhere is never
used twice. The key id of ours follows from Tink's: the same keyset gives the same tokens wherever it is imported.

Fields by number, of tink-crypto/tink, proto/tink.proto, aes_siv.proto, hmac.proto, hmac_prf.proto, hkdf_prf.proto.
"""

import json
from base64 import b32encode, b64decode
from collections.abc import Iterator

from clearance.errors import KeyUnavailableError
from clearance.tokenization.ring import ROOT_BYTES, encode_info, hkdf_sha256

_PREFIX = "type.googleapis.com/google.crypto.tink."
#: The number of the field that holds the key's octets, by type: symmetric keys that are uniformly random.
_VALUE_FIELD = {"AesSivKey": 2, "HmacKey": 3, "HmacPrfKey": 3, "HkdfPrfKey": 3}
_SALT = b"clearance/import-tink"


def import_tink(content: bytes) -> tuple[str, bytes]:
    """(key id, root) from the primary key of a keyset in Tink's JSON, in clear.

    Raises ``KeyUnavailableError``: not such a keyset, encrypted, a kind of key that is no secret of 32 random octets.
    """
    found = _primary(content)
    if isinstance(found, str):
        # Raised outside any `except`: what the parser raised holds the document.
        raise KeyUnavailableError(found, hint="export it with `tinkey convert-keyset`, of type AesSiv, Hmac or a PRF")
    type_url, identifier, value = found
    root = hkdf_sha256(value, salt=_SALT, info=encode_info(type_url, str(identifier)), length=ROOT_BYTES)
    return "t" + b32encode(identifier.to_bytes(4, "big")).decode().rstrip("=").lower(), root


def _primary(content: bytes) -> tuple[str, int, bytes] | str:
    """Type, id and octets of the primary key, or what is wrong."""
    try:
        document = json.loads(content)
        if "encryptedKeyset" in document:
            return "the Tink keyset is encrypted"
        (entry,) = [key for key in document["key"] if key["keyId"] == document["primaryKeyId"]]
        type_url, identifier = entry["keyData"]["typeUrl"], int(entry["keyId"])
        name = type_url.removeprefix(_PREFIX)
        if entry["status"] != "ENABLED":
            return "the primary key of the Tink keyset is not enabled"
        if not type_url.startswith(_PREFIX) or name not in _VALUE_FIELD:
            return "the primary key of the Tink keyset is of a kind that gives no root"
        fields = dict(_fields(b64decode(entry["keyData"]["value"], validate=True)))
        value = fields.get(_VALUE_FIELD[name], b"")
        if len(value) < ROOT_BYTES or not 0 <= identifier < 1 << 32:
            return "the primary key of the Tink keyset is shorter than 32 octets"
        return type_url, identifier, value
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return "this is no Tink keyset in JSON"


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Fields of a protocol buffer that have a length, by number. Raises ``ValueError`` for what is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        length, at = _varint(message, at)
        if tag & 7 == 0:
            continue  # a number: the varint that was read is its value
        if tag & 7 != 2 or at + length > len(message):
            raise ValueError
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = message[at]
        value, shift, at = value | (octet & 0x7F) << shift, shift + 7, at + 1
        if octet < 0x80:
            return value, at
