"""HMAC-SHA256 (RFC 2104, FIPS 198-1) of many short messages under one key.

The two SHA-256 states after the padded key are computed once, and each message starts from copies of them: half
the compressions of a fresh HMAC, and none of its key set-up. RFC 2104 section 4 describes this use.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

_BLOCK = 64


class KeyedHash:
    """One key, ready for many messages. Holds the key's states: never print or pickle one."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner: Any = hashlib.sha256(bytes(octet ^ 0x36 for octet in padded))
        self._outer: Any = hashlib.sha256(bytes(octet ^ 0x5C for octet in padded))

    def digests(self, messages: Iterable[bytes]) -> bytes:
        """The 32-byte HMACs of all messages, one after the other."""
        inner_of, outer_of = self._inner.copy, self._outer.copy
        found = []
        for message in messages:
            inner = inner_of()
            inner.update(message)
            outer = outer_of()
            outer.update(inner.digest())
            found.append(outer.digest())
        return b"".join(found)
