"""Identity tokens: what holds is let in under the policy's name, and nothing else is, whatever it says of itself."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

from clearance.errors import ClearanceError, PolicyError, RefusedError
from clearance.governance.oidc import Issuer, TokenHolder, _verifies, verify_token

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ISSUER = Issuer(
    issuer="https://ci.example", audience="clearance", jwks="jwks.json", people={"repo:acme/data:prod": "release"}
)
CLAIMS = {
    "iss": "https://ci.example",
    "aud": "clearance",
    "sub": "repo:acme/data:prod",
    "iat": SECONDS - 10,
    "exp": SECONDS + 300,
}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


def jwks() -> dict[str, Any]:
    numbers, point = RSA.public_key().public_numbers(), EC.public_key().public_numbers()
    return {
        "keys": [
            {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": number(numbers.n), "e": number(numbers.e)},
            {"kty": "EC", "kid": "ec", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": b64(ED.public_key().public_bytes_raw())},
        ]
    }


def sign(algorithm: str, signed: bytes) -> bytes:
    if algorithm == "RS256":
        return RSA.sign(signed, padding.PKCS1v15(), SHA256())
    if algorithm == "EdDSA":
        return ED.sign(signed)
    if algorithm == "HS256":  # the classic: the public key taken for a shared secret
        return hmac.digest(json.dumps(jwks()["keys"][0]).encode(), signed, hashlib.sha256)
    if algorithm == "none":
        return b""
    r, s = utils.decode_dss_signature(EC.sign(signed, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def token(claims: dict[str, Any] | None = None, algorithm: str = "ES256", kid: str | None = "ec", **head: Any) -> str:
    header = {"alg": algorithm, "typ": "JWT", **({"kid": kid} if kid else {}), **head}
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims or CLAIMS).encode())}"
    return f"{signed}.{b64(sign(algorithm, signed.encode()))}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jwks.json").write_text(json.dumps(jwks()))
    return tmp_path


def verified(text: str, folder: Path) -> TokenHolder:
    return verify_token(text, {"ci": ISSUER}, folder, NOW)


@pytest.mark.parametrize(("algorithm", "kid"), [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")])
def test_a_token_that_holds_names_its_holder(algorithm: str, kid: str, folder: Path) -> None:
    found = verified(token(algorithm=algorithm, kid=kid), folder)
    assert found == TokenHolder("release", "https://ci.example", "repo:acme/data:prod")
    assert verified(token({**CLAIMS, "aud": ["other", "clearance"]}), folder) == found


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


@pytest.mark.parametrize(
    "bad",
    [
        token(algorithm="none"),
        token(algorithm="none", kid=None),
        token(algorithm="HS256", kid="rsa"),
        token(algorithm="RS256", kid="ec"),  # another key's algorithm
        token(algorithm="EdDSA", kid="rsa"),
        token(kid="strange"),
        token(kid=None),  # which of three keys is not said
        token(crit=["b64"]),
        token({**CLAIMS, "iss": "https://evil.example"}),
        token({**CLAIMS, "aud": "other"}),
        token({**CLAIMS, "aud": ["other"]}),
        token({**CLAIMS, "sub": "repo:acme/data:pull_request"}),
        token({**CLAIMS, "sub": ["repo:acme/data:prod"]}),
        token({**CLAIMS, "exp": SECONDS - 61}),
        token({**CLAIMS, "exp": True}),
        token({**CLAIMS, "exp": "tomorrow"}),
        token({**CLAIMS, "exp": float("nan")}),  # later than nothing: it would never expire
        token({**CLAIMS, "iat": float("nan")}),
        token({**CLAIMS, "exp": float("inf")}),
        token({**CLAIMS, "exp": 10**400}),
        token({**CLAIMS, "nbf": SECONDS + 61}),
        token({**CLAIMS, "iat": SECONDS + 61}),
        *(token(without(name)) for name in CLAIMS),
        token() + "A",
        token()[:-4] + "AAAA",
        token().replace(".", "..", 1),
        "",
        "a.b.c",
        "x" * 20_000,
    ],
)
def test_what_does_not_hold_is_refused_and_never_quoted(bad: str, folder: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        verified(bad, folder)
    assert not bad or bad[:40] not in str(raised.value)


def test_a_signature_is_of_its_claims(folder: Path) -> None:
    head, _, signature = token().split(".")
    other = b64(json.dumps({**CLAIMS, "exp": SECONDS + 10_000_000}).encode())
    with pytest.raises(RefusedError, match="signature"):
        verified(f"{head}.{other}.{signature}", folder)


@pytest.mark.parametrize("content", ["", "[]", '{"keys": 3}', '{"keys": [1]}', None])
def test_a_key_file_that_is_none_is_an_error(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "jwks.json").write_text(content)
    with pytest.raises((PolicyError, RefusedError)) as raised:
        verified(token(), tmp_path)
    assert isinstance(raised.value, ClearanceError)


# RFC 7515, appendix A.3 (ES256), and RFC 8037, appendix A.4 (Ed25519).
@pytest.mark.parametrize(
    ("key", "algorithm", "text"),
    [
        (
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            },
            "ES256",
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2"
            "90Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            "EdDSA",
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWb"
            "hijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ],
)
def test_published_vectors(key: dict[str, str], algorithm: str, text: str) -> None:
    from clearance.governance.oidc import _bytes

    signed, _, signature = text.rpartition(".")
    assert _verifies(key, algorithm, signed.encode(), _bytes(signature))
    assert not _verifies(key, algorithm, signed.encode() + b"x", _bytes(signature))
