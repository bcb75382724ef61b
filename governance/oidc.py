"""Identity tokens of a CI system: OpenID Connect ID tokens, checked against keys that lie in a file. No network.

Signature and header: JWS compact form (RFC 7515, sections 3.1 and 5.2), RS256 and ES256 (RFC 7518, sections 3.3 and
3.4), EdDSA (RFC 8037). Keys: a JWK set (RFC 7517). Claims: RFC 7519, section 4.1, and OpenID Connect Core 1.0, section
3.1.3.7. The algorithm is the key's, never the token's choice (RFC 8725, section 3.1): `none` and HMAC don't exist here.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from clearance.errors import PolicyError, RefusedError
from clearance.governance.solutions import Text
from clearance.governance.strict_yaml import Strict

_LEEWAY_S = 60
_LONGEST = 16_384
_LAST_S = datetime.max.replace(tzinfo=UTC).timestamp()
_HINT = "have the CI system issue a token for the policy's audience, and use it at once"


class Issuer(Strict):
    """One issuer of tokens. ``jwks``: its keys, a file beside the policy. ``people``: who each subject claim is."""

    issuer: Text
    audience: Text
    jwks: Text
    people: Annotated[dict[Text, Text], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whom a token speaks of: the name in the policy, and the claims that say so."""

    name: str
    issuer: str
    subject: str


def verify_token(token: str, issuers: Mapping[str, Issuer], folder: Path, now: datetime) -> TokenHolder:
    """Who holds this token. Raises ``RefusedError`` for one that does not hold, and ``PolicyError`` for a key file
    that can't be read. No message quotes the token.
    """
    if len(token) > _LONGEST or token.count(".") != 2:
        raise _refused("is no signed JWT")
    signed, _, signature = token.rpartition(".")
    head, body = signed.split(".")
    header, claims = _object(head), _object(body)
    if "crit" in header:
        raise _refused("demands an extension that is not known here")
    issuer = next((each for each in issuers.values() if each.issuer == claims.get("iss")), None)
    if issuer is None:
        raise _refused("is of an issuer that the policy does not name", "name it under `identities: tokens`")
    _check_signature(header, signed.encode(), _bytes(signature), _keys(folder / issuer.jwks))
    _check_claims(claims, issuer, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or subject not in issuer.people:
        raise _refused("is of a subject that the policy gives no name", "name it under `people` of its issuer")
    return TokenHolder(issuer.people[subject], issuer.issuer, subject)


def _check_claims(claims: Mapping[str, Any], issuer: Issuer, now: datetime) -> None:
    audience = claims.get("aud")
    if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise _refused("is for another audience")
    today = now.timestamp()
    times = {name: claims.get(name) for name in ("exp", "nbf", "iat")}
    if not all(value is None or _is_time(value) for value in times.values()):
        raise _refused("has times that are no numbers")
    if times["exp"] is None or times["iat"] is None:
        raise _refused("does not say when it was issued and when it ends")
    if times["exp"] <= today - _LEEWAY_S:
        raise _refused("has expired")
    if times["iat"] > today + _LEEWAY_S or (times["nbf"] or 0) > today + _LEEWAY_S:
        raise _refused("is not valid yet")


def _is_time(value: Any) -> bool:
    """Seconds since 1970. JSON as Python reads it has NaN, which is later than nothing and would never expire."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_S


def _check_signature(header: Mapping[str, Any], signed: bytes, signature: bytes, keys: list[Mapping[str, Any]]) -> None:
    named = header.get("kid")
    known = [key for key in keys if key.get("kid") == named] if named is not None else keys if len(keys) == 1 else []
    if not known:
        raise _refused(
            "is signed with a key that is not in the policy's key file",
            "where the issuer has new keys, save its jwks_uri there again, and review it",
        )
    if not any(_verifies(key, header.get("alg"), signed, signature) for key in known):
        raise _refused("has a signature that does not hold")


def _verifies(key: Mapping[str, Any], algorithm: Any, signed: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    kind = (key.get("kty"), key.get("crv"), algorithm)
    try:
        if kind == ("RSA", None, "RS256"):
            modulus = _number(key["n"])
            if modulus.bit_length() < 2048:  # RFC 7518, section 3.3
                return False
            public = rsa.RSAPublicNumbers(_number(key["e"]), modulus).public_key()
            public.verify(signature, signed, padding.PKCS1v15(), SHA256())
        elif kind == ("EC", "P-256", "ES256") and len(signature) == 64:
            point = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1()).public_key()
            halves = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
            point.verify(utils.encode_dss_signature(*halves), signed, ec.ECDSA(SHA256()))
        elif kind == ("OKP", "Ed25519", "EdDSA"):
            ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key["x"])).verify(signature, signed)
        else:
            return False
    except (InvalidSignature, KeyError, ValueError, TypeError):
        return False
    return True


def _keys(path: Path) -> list[Mapping[str, Any]]:
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))["keys"]
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise PolicyError(f"{path} is no JWK set", hint="save the issuer's jwks_uri there, and review it") from None
    return keys


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _refused("is no signed JWT")
    return found


def _bytes(text: Any) -> bytes:
    """Base64url without padding (RFC 7515, section 2); no other character is let through."""
    if not isinstance(text, str) or not text.isascii() or not text.replace("-", "a").replace("_", "a").isalnum():
        raise _refused("is no signed JWT")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise _refused("is no signed JWT") from None


def _number(text: Any) -> int:
    return int.from_bytes(_bytes(text))


def _refused(why: str, hint: str = _HINT) -> RefusedError:
    return RefusedError(f"the identity token {why}", hint=hint)


__all__ = ["Issuer", "TokenHolder", "verify_token"]
