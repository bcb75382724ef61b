"""Key-encryption keys: what wraps the roots of a keyset, each bound to its key id and domain.

A key service wraps with a key that never leaves it; a passphrase with AES-256-GCM under Argon2id; and the file of
mode 0600 does not wrap at all. The binding goes in as associated data, so that a wrapped root put in another's
place does not unwrap.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from clearance.errors import KeyUnavailableError
from clearance.tokenization.keyfile import read_file
from clearance.tokenization.keyset import FORMAT, decode, encode
from clearance.tokenization.ring import encode_info

_NONCE = 12
# The second recommended option of RFC 9106, section 4: 3 passes, 4 lanes, 64 MiB.
_PASSES, _LANES, _MEMORY_KIB = 3, 4, 1 << 16
_SALT = 16


@dataclass(frozen=True, slots=True)
class Binding:
    """What a wrapped root is good for, and nothing else."""

    kid: str
    domain: str

    @property
    def fields(self) -> dict[str, str]:
        """As names and values, for services that take those: policies there can allow one domain alone."""
        return {
            "clearance-format": FORMAT,
            "clearance-key": self.kid,
            "clearance-domain": self.domain or "(signatures)",
        }

    @property
    def octets(self) -> bytes:
        """As one byte string, no two the same."""
        return encode_info(FORMAT, self.kid, self.domain)


class Kek(Protocol):
    """Wraps and unwraps roots. Both raise ``KeyUnavailableError`` with one line that holds no secret."""

    @property
    def described(self) -> Mapping[str, str]:
        """What the keyset says of it: its kind, and what else is needed to find it again."""

    def wrap(self, root: bytes, binding: Binding) -> str:
        """The wrapped root, as text in base64."""

    def unwrap(self, written: str, binding: Binding) -> bytes:
        """The root. The caller checks its length."""


class NoKek:
    """Roots in clear, for a file that only its owner can read."""

    described: Mapping[str, str] = {"kind": "none"}

    def wrap(self, root: bytes, binding: Binding) -> str:
        """The root in base64."""
        return encode(root)

    def unwrap(self, written: str, binding: Binding) -> bytes:
        """The root."""
        return decode(written)


class PassphraseKek:
    """AES-256-GCM under a key made of a passphrase by Argon2id (RFC 9106), once a process.

    ``passphrase`` is called when it is first needed. Can't be pickled.
    """

    __slots__ = ("__key", "__lock", "__passphrase", "__salt")

    def __init__(self, salt: bytes, passphrase: Callable[[], bytes]) -> None:
        self.__salt = salt
        self.__passphrase = passphrase
        self.__key: AESGCM | None = None
        self.__lock = Lock()

    @classmethod
    def new(cls, passphrase: Callable[[], bytes]) -> "PassphraseKek":
        """One for a new keyset."""
        return cls(secrets.token_bytes(_SALT), passphrase)

    @property
    def described(self) -> Mapping[str, str]:
        """Kind, function and salt."""
        return {"kind": "passphrase", "kdf": "argon2id-3-4-65536", "salt": encode(self.__salt)}

    @classmethod
    def of(cls, described: Mapping[str, str], passphrase: Callable[[], bytes]) -> "PassphraseKek":
        """The one that a keyset describes. Raises ``KeyUnavailableError`` for another function than ours."""
        try:
            salt = decode(described["salt"])
        except (KeyError, ValueError):
            salt = b""
        found = cls(salt, passphrase)
        if len(salt) != _SALT or found.described != dict(described):
            raise KeyUnavailableError(
                "the keyset names a way to make a key of a passphrase that this version does not know",
                hint="use the version of Clearance that wrote it",
            )
        return found

    def wrap(self, root: bytes, binding: Binding) -> str:
        """Nonce and sealed root."""
        nonce = secrets.token_bytes(_NONCE)
        return encode(nonce + self._cipher().encrypt(nonce, root, binding.octets))

    def unwrap(self, written: str, binding: Binding) -> bytes:
        """The root. Raises ``KeyUnavailableError`` for a wrong passphrase; what was altered looks the same."""
        sealed = decode(written)
        try:
            return self._cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], binding.octets)
        except (InvalidTag, ValueError):
            raise KeyUnavailableError(
                f"the passphrase does not open the key {binding.kid!r}, or the keyset was altered",
                hint="CLEARANCE_PASSPHRASE_FILE names the file with the passphrase; else restore the keyset",
            ) from None

    def _cipher(self) -> AESGCM:
        with self.__lock:
            if self.__key is None:
                self.__key = AESGCM(_stretched(self.__passphrase(), self.__salt))
            return self.__key

    def __repr__(self) -> str:
        return "<PassphraseKek>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a passphrase can't be pickled; pass a KeyReference")


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    try:
        kdf = Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)
    except UnsupportedAlgorithm:
        raise KeyUnavailableError(
            "the installed OpenSSL has no Argon2id", hint="install a wheel of cryptography 44 or newer"
        ) from None
    return kdf.derive(passphrase)


def passphrase_from_environment(variable: str = "CLEARANCE_PASSPHRASE_FILE") -> bytes:
    """The first line of the private file that the variable names. Never asks: a worker can't.

    Raises ``KeyUnavailableError`` when there is none, others may read it, or it is empty.
    """
    named = os.environ.get(variable)
    if not named:
        raise KeyUnavailableError(
            "these keys need a passphrase", hint=f"set {variable} to a file of mode 0600 that holds it"
        )
    try:
        content = read_file(Path(named).expanduser())
    except KeyUnavailableError as error:
        raise KeyUnavailableError(
            error.message.replace("key file", "passphrase file"), hint=f"see to the file that {variable} names"
        ) from None
    found = content.split(b"\n", 1)[0].rstrip(b"\r")
    if not found:
        raise KeyUnavailableError(f"the passphrase file {named} is empty", hint="its first line is the passphrase")
    return found
