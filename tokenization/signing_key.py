"""The key that signs statements: Ed25519 (RFC 8032), in a file of its own that its owner alone may read.

It is none of the token keys: whoever checks a signature gets the public half, and can do nothing with data. It is
used on the driver only; no worker ever needs it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from clearance.errors import KeyUnavailableError
from clearance.tokenization.keyfile import create_file, private_path, read_file


@dataclass(frozen=True, slots=True)
class Use:
    """What an Ed25519 key is for, in the words of errors about its file."""

    name: str
    made_by: str
    variable: str
    keep: str

    @property
    def hint(self) -> str:
        """What to do where there is none."""
        return f"create one with `{self.made_by}`, or set {self.variable} to an existing one"


STATEMENTS = Use(
    "signing key", "clearance init", "CLEARANCE_SIGNING_KEY_FILE", "name another file to have another signing key"
)
PERSON = Use(
    "key of a person",
    "clearance identity create",
    "CLEARANCE_IDENTITY_KEY_FILE",
    "approvals by it end with it; name another file to have another key",
)


def default_signing_path() -> Path:
    """``$CLEARANCE_SIGNING_KEY_FILE``, else ``clearance/signing.pem`` in the user's configuration folder."""
    return private_path("CLEARANCE_SIGNING_KEY_FILE", "signing.pem")


def public_path(path: Path) -> Path:
    """Where the public half lies, for whoever is to check signatures: ``signing.pub.pem`` beside ``signing.pem``."""
    return path.with_name(f"{path.stem}.pub.pem")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs. It can't be pickled and shows nothing of itself but the public half."""

    public_pem: str
    _private: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same message."""
        return self._private.sign(message)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key stays in its process")


def create_signing_key(path: Path, use: Use = STATEMENTS) -> SigningKey:
    """A new key at ``path`` (0600), its public half beside it. Raises ``KeyUnavailableError``; never replaces one."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = _signing_key(key)
    create_file(path, pem, variable=use.variable, keep=use.keep)
    try:
        public_path(path).write_text(made.public_pem)
    except OSError as error:
        raise KeyUnavailableError(
            f"the public key {public_path(path)} could not be written: {error.strerror}",
            hint=f"set {use.variable} to a path on a local disk that you may write to",
        ) from None
    return made


def load_signing_key(path: Path, use: Use = STATEMENTS) -> SigningKey:
    """The key of a file. Raises ``KeyUnavailableError``: missing, readable by others, or no Ed25519 key."""
    if not path.exists():
        raise KeyUnavailableError(f"there is no {use.name} at {path}", hint=use.hint)
    content = read_file(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Raised outside any `except`: what it would carry along knows the file's content.
        raise KeyUnavailableError(f"{path} is no Ed25519 key in PEM without passphrase", hint=use.hint)
    return _signing_key(key)


def _signing_key(key: Ed25519PrivateKey) -> SigningKey:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(public.decode("ascii"), key)


__all__ = [
    "PERSON",
    "STATEMENTS",
    "SigningKey",
    "Use",
    "create_signing_key",
    "default_signing_path",
    "load_signing_key",
    "public_path",
]
