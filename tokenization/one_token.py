"""One token by the library, and not in a batch: the oracle of ``token_format.py``, and the way inside texts."""

import hmac
from base64 import b32decode, b32encode

import numpy as np
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from clearance.tokenization.token_format import CHECK_CHARS, is_body_length
from clearance.tokenization.type_keys import TypeKeys


def one_token(keys: TypeKeys, kind: str, body: bytes) -> str:
    """The token around a body."""
    text = b32encode(body).decode().lower().rstrip("=")
    return f"{keys.header(kind).decode()}{text}_{_check(keys, kind, body)}"


def check_holds(keys: TypeKeys, kind: str, body: bytes, check: str) -> bool:
    """Whether the check behind a body is that of these keys."""
    return hmac.compare_digest(_check(keys, kind, body), check)


def body_of(kind: str, text: str) -> bytes | None:
    """The bytes of one body, None when no token of this kind is written so."""
    try:
        body = b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    one_spelling = b32encode(body).decode().lower().rstrip("=") == text
    return body if one_spelling and is_body_length(kind, np.array([len(body)]))[0] else None


def _check(keys: TypeKeys, kind: str, body: bytes) -> str:
    """First 30 bits of AES-256-CMAC over the kind and the body, in base32."""
    mac = CMAC(AES(keys.check_key))
    mac.update(kind.encode() + body)
    return b32encode(mac.finalize()[:5]).decode().lower()[:CHECK_CHARS]
