"""HMAC-SHA256 (RFC 2104, FIPS 198-1) of many short messages under one key.

The states after the padded key are computed once, and each message starts from a copy of them: half the compressions
of a fresh HMAC, and none of its key set-up. RFC 2104 section 4 describes this use.
"""

from collections.abc import Iterable
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC


class KeyedHash:
    """One key, ready for many messages. Holds the key's states: can't be pickled."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = HMAC(key, SHA256())

    def digests(self, messages: Iterable[bytes]) -> bytes:
        """The 32-byte HMACs of all messages, one after the other."""
        keyed = self._keyed.copy
        found = []
        for message in messages:
            state = keyed()
            state.update(message)
            found.append(state.finalize())
        return b"".join(found)

    def __repr__(self) -> str:
        return "<KeyedHash>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KeyedHash holds its key: it can't be pickled or copied")
