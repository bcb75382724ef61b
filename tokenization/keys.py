"""Keys: a ring of root secrets, everything else derived from it, and the file that holds it.

A root never leaves its ring. Each use gets its own key by HKDF-SHA256 (RFC 5869), so that tokens of one
domain, type or purpose tell nothing about another's. What travels to a worker is a ``KeyReference``: where
the key is, never the key.
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clearance.errors import KeyUnavailableError
from clearance.tokenization.keyfile import default_key_path, file_stamp, read_key_file, write_key_file

__all__ = ["FileKeyProvider", "KeyReference", "KeyRing", "default_key_path", "hkdf_sha256"]

KEY_ID = re.compile(r"[a-z0-9]{2,16}")
ROOT_BYTES = 32
_VERSION = "tk1"
_SALT = b"clearance/tk1"
_SIGNATURE = re.compile(r"sg1_(?P<kid>[a-z0-9]{2,16})_(?P<mac>[a-z2-7]{52})")


def hkdf_sha256(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256, RFC 5869 section 2: extract with ``salt``, expand with ``info`` to ``length``
    bytes.
    """
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def encode_info(*fields: str) -> bytes:
    """Fields as one byte string that no other list of fields gives: each UTF-8 with its length in front (2
    bytes).
    """
    encoded = [field.encode() for field in fields]
    return b"".join(len(item).to_bytes(2, "big") + item for item in encoded)


class KeyRing:
    """Root secrets by key id. The primary one writes, all of them read.

    Get one from a provider (``FileKeyProvider(path).load()``). A ring can't be pickled or copied, and shows
    nothing of its secrets: pass a ``KeyReference`` to wherever another process needs it.
    """

    __slots__ = ("__primary", "__roots")

    def __init__(self, roots: Mapping[str, bytes], primary: str) -> None:
        """``roots``: key id (``[a-z0-9]``, 2 to 16 characters) -> 32 random bytes. For providers and
        tests.
        """
        if primary not in roots:
            raise KeyUnavailableError(
                f"the primary key {primary!r} is not in the key ring",
                hint="restore the key file from its backup",
            )
        for kid, root in roots.items():
            if not KEY_ID.fullmatch(kid) or len(root) != ROOT_BYTES:
                raise KeyUnavailableError(
                    "a key id must be 2 to 16 characters of a-z and 0-9, and a root secret 32 bytes",
                    hint="create a new key file with `clearance init`",
                )
        self.__roots = dict(roots)
        self.__primary = primary

    @property
    def primary(self) -> str:
        """Id of the key that writes."""
        return self.__primary

    @property
    def kids(self) -> frozenset[str]:
        """Ids of all keys that can read."""
        return frozenset(self.__roots)

    def derive(
        self, purpose: str, domain: str, entity_type: str, kid: str | None = None, *, length: int = ROOT_BYTES
    ) -> bytes:
        """``length`` bytes for one use: HKDF over (token version, purpose, key id, domain, entity type).

        Raises ``KeyUnavailableError`` for a key id that the ring does not hold.
        """
        kid = self.__primary if kid is None else kid
        root = self.__roots.get(kid)
        if root is None:
            raise KeyUnavailableError(
                f"the key ring holds no key {kid!r}",
                hint="use the key file that this data was protected with",
            )
        info = encode_info(_VERSION, purpose, kid, domain, entity_type)
        return hkdf_sha256(root, salt=_SALT, info=info, length=length)

    def writing_with(self, kid: str) -> "KeyRing":
        """The same ring with ``kid`` as the writing key, so that a run keeps its key while others rotate."""
        return KeyRing(self.__roots, kid)

    def sign(self, purpose: str, payload: bytes) -> str:
        """Signature ``sg1_{kid}_{mac}`` over ``payload``: HMAC-SHA256, whole, in base32. Holders of the
        ring verify.
        """
        kid = self.__primary
        return f"sg1_{kid}_{self.__mac(purpose, kid, payload)}"

    def verify(self, purpose: str, payload: bytes, signature: str) -> bool:
        """True only when a key of this ring signed exactly ``payload`` for ``purpose``. Never raises on
        bad input.
        """
        match = _SIGNATURE.fullmatch(signature)
        if match is None or match["kid"] not in self.__roots:
            return False
        return hmac.compare_digest(self.__mac(purpose, match["kid"], payload), match["mac"])

    def __mac(self, purpose: str, kid: str, payload: bytes) -> str:
        key = self.derive(f"sign/{purpose}", "", "", kid)
        return b32encode(hmac.digest(key, payload, hashlib.sha256)).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return "<KeyRing>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KeyRing can't be pickled or copied; pass a KeyReference and open it where it is needed")


class FileKeyProvider:
    """Keys in a local JSON file that only its owner can read (mode 0600)."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()

    def create(self) -> KeyRing:
        """Write a new file with one random key and return its ring.

        Raises ``KeyUnavailableError`` if the path exists: a lost key can't be had back, so none is
        overwritten.
        """
        primary, roots = write_key_file(self.path)
        return KeyRing(roots, primary)

    def load(self) -> KeyRing:
        """The ring in the file. Raises ``KeyUnavailableError`` if it is missing, unsafe or malformed."""
        primary, roots = read_key_file(self.path)
        return KeyRing(roots, primary)

    def reference(self) -> "KeyReference":
        """A reference that pins today's writing key: a rotation during the run does not change its tokens."""
        return KeyReference(str(self.path.absolute()), self.load().primary)


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where a key ring is. Safe to pickle, print and log: it holds a path and a key id, no secret."""

    path: str
    kid: str | None = None

    def open(self) -> KeyRing:
        """The ring, read once a process and again only when its file changed.

        Raises ``KeyUnavailableError`` like ``FileKeyProvider.load``, also when the pinned key is not in the
        file (another machine's file at the same path).
        """
        return _open_ring(self, file_stamp(Path(self.path)))


@lru_cache(maxsize=8)
def _open_ring(reference: KeyReference, _stamp: tuple[int, ...]) -> KeyRing:
    ring = FileKeyProvider(reference.path).load()
    if reference.kid is None or reference.kid == ring.primary:
        return ring
    if reference.kid not in ring.kids:
        raise KeyUnavailableError(
            f"the key file on this machine does not hold the key {reference.kid!r} this run was started with",
            hint="every worker must open the same key file; on a cluster use a key service",
        )
    return ring.writing_with(reference.kid)
