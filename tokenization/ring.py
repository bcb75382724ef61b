"""A ring of root secrets, and every other key derived from it.

A root never leaves its ring. Each use gets its own key by HKDF-SHA256 (RFC 5869), so that tokens of one
domain, type or purpose tell nothing about another's.
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Mapping
from typing import Literal, NoReturn, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clearance.errors import KeyUnavailableError, UsageError

DOMAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
KEY_ID = re.compile(r"[a-z0-9]{2,16}")
ROOT_BYTES = 32
REVERSAL = "+reversal"
"""Behind a domain's name: the root of what can be opened in it, where a key has one of its own for that."""
State = Literal["enabled", "disabled", "pending", "destroyed"]
"""Of a key. One that is ``pending`` waits for its destruction."""
_OPENED = frozenset({"r", "ff1"})
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


def check_domain(name: str) -> None:
    """Raises ``UsageError`` for what can't be the name of a token domain."""
    if not DOMAIN.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be the name of a token domain",
            hint="use 1 to 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first",
        )


class Roots(Protocol):
    """Where a ring gets its roots from: a mapping in memory, or a keyset whose roots are unwrapped when needed."""

    @property
    def kids(self) -> frozenset[str]:
        """Ids of all keys that may be used."""

    @property
    def unusable(self) -> Mapping[str, State]:
        """The keys that may not be used, each with its state: of those that are destroyed the roots are gone."""

    def root(self, kid: str, domain: str) -> bytes:
        """The root of a key for a domain; the domain ``""`` is that of signatures.

        Raises ``KeyUnavailableError`` when there is none, or it can't be unwrapped.
        """

    def has(self, kid: str, scope: str) -> bool:
        """Whether a key has a root under exactly this name. Unwraps nothing."""


class _SameInAllDomains:
    """Roots in memory, one for all domains."""

    __slots__ = ("__roots",)

    def __init__(self, roots: Mapping[str, bytes]) -> None:
        self.__roots = dict(roots)

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(self.__roots)

    @property
    def unusable(self) -> Mapping[str, State]:
        return {}

    def root(self, kid: str, domain: str) -> bytes:
        return self.__roots[kid]

    def has(self, kid: str, scope: str) -> bool:
        return False


class _Alone:
    """One key of other roots."""

    __slots__ = ("__kid", "__roots")

    def __init__(self, roots: Roots, kid: str) -> None:
        self.__roots = roots
        self.__kid = kid

    @property
    def kids(self) -> frozenset[str]:
        return frozenset((self.__kid,))

    @property
    def unusable(self) -> Mapping[str, State]:
        return {}

    def root(self, kid: str, domain: str) -> bytes:
        return self.__roots.root(kid, domain)

    def has(self, kid: str, scope: str) -> bool:
        return self.__roots.has(kid, scope)


class KeyRing:
    """Root secrets by key id. The primary one writes, all of them read.

    Get one from a provider (``open_keys(uri).load()``). A ring can't be pickled or copied, and shows
    nothing of its secrets: pass a ``KeyReference`` to wherever another process needs it.
    """

    __slots__ = ("__primary", "__roots")

    def __init__(self, roots: Mapping[str, bytes] | Roots, primary: str) -> None:
        """``roots``: key id (``[a-z0-9]``, 2 to 16 characters) -> 32 random bytes for all domains, or what
        hands them out. For providers and tests.
        """
        if isinstance(roots, Mapping):
            if any(len(root) != ROOT_BYTES for root in roots.values()):
                raise _malformed()
            roots = _SameInAllDomains(roots)
        if primary not in roots.kids:
            raise KeyUnavailableError(
                f"the primary key {primary!r} is not in the key ring",
                hint="restore the key file from its backup",
            )
        if not all(KEY_ID.fullmatch(kid) for kid in roots.kids):
            raise _malformed()
        self.__roots = roots
        self.__primary = primary

    @property
    def primary(self) -> str:
        """Id of the key that writes."""
        return self.__primary

    @property
    def kids(self) -> frozenset[str]:
        """Ids of all keys that can read."""
        return self.__roots.kids

    @property
    def unusable(self) -> Mapping[str, State]:
        """The keys that may not be used, each with its state: their tokens can't be told from what looks like one, and
        those of destroyed keys nobody opens again.
        """
        return self.__roots.unusable

    def require(self, domain: str, *, reversal: bool = False) -> "KeyRing":
        """This ring, when all that work in ``domain`` needs can be had now: before data is read, not in a worker.

        ``reversal``: also what makes and opens reversible tokens and format-preserving encryption. Raises
        ``KeyUnavailableError``.
        """
        for kid in sorted(self.kids):
            self.__roots.root(kid, domain)
            if reversal:
                self.__roots.root(kid, self.__scope("r", domain, kid))
        self.__roots.root(self.__primary, "")
        return self

    def derive(
        self, purpose: str, domain: str, entity_type: str, kid: str | None = None, *, length: int = ROOT_BYTES
    ) -> bytes:
        """``length`` bytes for one use: HKDF over (token version, purpose, key id, domain, entity type).

        Raises ``KeyUnavailableError`` for a key id that the ring does not hold.
        """
        kid = self.__primary if kid is None else kid
        if kid not in self.__roots.kids:
            raise KeyUnavailableError(
                f"the key ring holds no key {kid!r}",
                hint="use the keys that this data was protected with; `clearance keys` shows which are disabled",
            )
        info = encode_info(_VERSION, purpose, kid, domain, entity_type)
        root = self.__roots.root(kid, self.__scope(purpose, domain, kid))
        return hkdf_sha256(root, salt=_SALT, info=info, length=length)

    def __scope(self, purpose: str, domain: str, kid: str) -> str:
        """The name of the root for a purpose. Who may not unwrap that of reversal can still tokenise one way."""
        own = domain + REVERSAL
        return own if purpose in _OPENED and self.__roots.has(kid, own) else domain

    def writing_with(self, kid: str) -> "KeyRing":
        """The same ring with ``kid`` as the writing key, so that a run keeps its key while others rotate."""
        return KeyRing(self.__roots, kid)

    def alone(self) -> "KeyRing":
        """The same ring without the keys that only read: it knows what the writing key made, and nothing else."""
        return KeyRing(_Alone(self.__roots, self.__primary), self.__primary)

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
        if match is None or match["kid"] not in self.kids:
            return False
        return hmac.compare_digest(self.__mac(purpose, match["kid"], payload), match["mac"])

    def unverified(self, signature: str) -> str:
        """What is to be said of a signature that did not verify, as the rest of a sentence."""
        match = _SIGNATURE.fullmatch(signature)
        kid = match["kid"] if match else ""
        state = self.unusable.get(kid)
        if state is None:
            return "is not signed by a key of this key file"
        if state == "destroyed":
            return f"is signed with the key {kid}, which is destroyed"
        return f"is signed with the key {kid}, which is disabled (clearance keys enable {kid})"

    def __mac(self, purpose: str, kid: str, payload: bytes) -> str:
        key = self.derive(f"sign/{purpose}", "", "", kid)
        return b32encode(hmac.digest(key, payload, hashlib.sha256)).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return "<KeyRing>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KeyRing can't be pickled or copied; pass a KeyReference and open it where it is needed")


def _malformed() -> KeyUnavailableError:
    return KeyUnavailableError(
        "a key id must be 2 to 16 characters of a-z and 0-9, and a root secret 32 bytes",
        hint="create a new key file with `clearance init`",
    )
