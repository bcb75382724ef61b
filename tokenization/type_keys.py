"""What one entity type needs under one key of a ring, derived when first used."""

from functools import cached_property
from typing import NoReturn

from clearance.tokenization.cmac import Cmac
from clearance.tokenization.ff1 import Ff1
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.prf import KeyedHash
from clearance.tokenization.siv import Siv
from clearance.tokenization.slugs import slug_of
from clearance.tokenization.token_format import ONE_WAY, PREFIX, REVERSIBLE


class TypeKeys:
    """The derived keys of one (domain, entity type, key id). Holds keys: can't be pickled."""

    def __init__(self, ring: KeyRing, domain: str, entity_type: str, kid: str) -> None:
        """Raises ``UsageError`` for a type name that no token can carry."""
        self._slug = slug_of(entity_type)
        self._ring = ring
        self._domain = domain
        self.entity_type = entity_type
        self.kid = kid
        self._ciphers: dict[str, Ff1] = {}

    def header(self, kind: str) -> bytes:
        """The characters in front of a token's body."""
        return f"{PREFIX}{kind}_{self._slug}_{self.kid}_".encode()

    @cached_property
    def prf(self) -> KeyedHash:
        """Makes the bodies of one-way tokens."""
        return KeyedHash(self._derive(ONE_WAY))

    @cached_property
    def siv(self) -> Siv:
        """Makes and opens the bodies of reversible tokens: AES-256, so 64 bytes of key."""
        return Siv(self._derive(REVERSIBLE, length=64))

    @cached_property
    def check_key(self) -> bytes:
        """The key of the check, for one token."""
        return self._derive("check")

    @cached_property
    def mac(self) -> Cmac:
        """The same for many tokens."""
        return Cmac(self.check_key)

    def ff1(self, alphabet: str) -> Ff1:
        """Format-preserving encryption over an alphabet; AES-256."""
        cipher = self._ciphers.get(alphabet)
        if cipher is None:
            cipher = self._ciphers[alphabet] = Ff1(self._derive("ff1"), alphabet)
        return cipher

    def _derive(self, purpose: str, *, length: int = 32) -> bytes:
        return self._ring.derive(purpose, self._domain, self.entity_type, self.kid, length=length)

    def __repr__(self) -> str:
        return f"<TypeKeys of {self.entity_type!r} under {self.kid}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("TypeKeys hold keys: they can't be pickled or copied")
