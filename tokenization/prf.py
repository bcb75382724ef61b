"""HMAC-SHA256 (RFC 2104, FIPS 198-1) of many short messages under one key.

The states after the padded key are computed once, and each message starts from copies of them: half the compressions
of a fresh HMAC, and none of its key set-up. RFC 2104 section 4 describes this use.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

_BLOCK = 64
_INNER, _OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))


@cache
def _sha256() -> Callable[[bytes], Any]:
    """SHA-256 of this interpreter.

    CPython's own implementation copies a state of 100 bytes, where OpenSSL's, which ``hashlib`` prefers, allocates
    three objects: for messages of a block that is a third of all. Elsewhere ``hashlib``'s gives the same digests.
    """
    found: Callable[[bytes], Any] = hashlib.sha256
    for module in ("_sha2", "_sha256"):
        with suppress(ImportError, AttributeError):
            found = import_module(module).sha256
    return found


class KeyedHash:
    """One key, ready for many messages. Holds the key's states: can't be pickled."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        """Raises ``RuntimeError`` where the result for one message is not that of the standard library's HMAC."""
        sha256 = _sha256()
        padded = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = sha256(padded.translate(_INNER))
        self._outer = sha256(padded.translate(_OUTER))
        if not hmac.compare_digest(self.digests([b"self-test"]), hmac.digest(key, b"self-test", "sha256")):
            raise RuntimeError("this interpreter's SHA-256 does not agree with OpenSSL's")

    def digests(self, messages: Iterable[bytes], prefix: bytes = b"") -> bytes:
        """The 32-byte HMACs of all messages, one after the other; each is taken over ``prefix`` and the message."""
        begun = self._inner.copy()
        begun.update(prefix)
        inner, outer = begun.copy, self._outer.copy
        found = []
        for message in messages:
            state = inner()
            state.update(message)
            last = outer()
            last.update(state.digest())
            found.append(last.digest())
        return b"".join(found)

    def __repr__(self) -> str:
        return "<KeyedHash>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KeyedHash holds its key: it can't be pickled or copied")
