"""HMAC-SHA256 (RFC 2104, FIPS 198-1) of many short messages under one key.

The states after the padded key are computed once, and each message starts from copies of them: half the compressions
of a fresh HMAC, and none of its key set-up. RFC 2104 section 4 describes this use. A loop of Python does it first, and
one of machine code around the same hash (``hmac_loop.py``) as soon as that has cost what making the other costs.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from clearance.tokenization.hmac_loop import HmacLoop, hmac_loop
from clearance.tokenization.rows import Bytes, flat

_BLOCK = 64
_INNER, _OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))
_FEWEST = 32
"""For fewer messages at a time the loop of Python is as quick."""


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


class _Spent:
    """How many messages this process has hashed in Python: small jobs never load a compiler."""

    ENOUGH = 100_000

    def __init__(self) -> None:
        self._messages = 0

    def enough(self, more: int) -> bool:
        """Whether it is time for the other loop. Counts ``more`` until then."""
        found = self._messages >= self.ENOUGH
        self._messages += 0 if found else more
        return found


_spent = _Spent()


class KeyedHash:
    """One key, ready for many messages. Holds the key: can't be pickled."""

    __slots__ = ("_inner", "_loop", "_outer", "_padded")

    def __init__(self, key: bytes) -> None:
        """Raises ``RuntimeError`` where the result for one message is not that of the standard library's HMAC."""
        sha256 = _sha256()
        padded = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._padded = padded.translate(_INNER), padded.translate(_OUTER)
        self._inner, self._outer = (sha256(each) for each in self._padded)
        self._loop: HmacLoop | None = None
        if not hmac.compare_digest(self.digest(b"self-test"), hmac.digest(key, b"self-test", "sha256")):
            raise RuntimeError("this interpreter's SHA-256 does not agree with OpenSSL's")

    def digest(self, message: bytes) -> bytes:
        """The HMAC of one message, 32 bytes."""
        return self._each([message], b"")

    def digests(self, messages: pa.Array, prefix: bytes = b"") -> Bytes:
        """(n, 32): the HMACs of ``prefix`` and each message, a binary array without nulls."""
        if len(messages) >= _FEWEST and _spent.enough(len(messages)):
            self._loop = self._loop or hmac_loop(*self._padded)
            if self._loop:
                return self._loop.macs(*flat(messages), prefix)
        found = self._each(messages.cast(pa.large_binary()).to_pylist(), prefix)
        return np.frombuffer(found, np.uint8).reshape(-1, 32)

    def _each(self, messages: Iterable[bytes], prefix: bytes) -> bytes:
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
