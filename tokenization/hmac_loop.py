"""OpenSSL's SHA-256 for many short messages in one call: the loop is machine code, the hash is the library's.

Half the cost of an HMAC of a short value is Python's objects around four calls of the library. ``hmac_loop.ll`` makes
those calls itself; LLVM turns it into machine code once a process, in 80 ms. Where there is no LLVM or no OpenSSL to
be found there is no such loop, and ``prf.py`` does the same in Python.
"""

import ctypes
import hashlib
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

import numpy as np

from clearance.tokenization.rows import Bytes, Integers

_STATE = 112
"""Bytes of OpenSSL's ``SHA256_CTX``."""
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t


class _Machine(NamedTuple):
    """Two of OpenSSL's functions and the compiled loop, with the addresses of what it calls.

    ``owners`` hold the code: they must live as long.
    """

    init: Any
    update: Any
    loop: Any
    addresses: tuple[int | None, int | None]
    owners: object


class HmacLoop:
    """The two states of one key, ready for many messages. Holds the key's states: can't be pickled."""

    __slots__ = ("_machine", "_states")

    def __init__(self, machine: _Machine, inner: bytes, outer: bytes) -> None:
        """``inner``, ``outer``: what the two hashes begin with, 64 bytes each (the padded key of RFC 2104)."""
        self._machine = machine
        self._states = np.zeros((2, _STATE), np.uint8)
        for state, block in zip(self._states, (inner, outer), strict=True):
            machine.init(state.ctypes.data)
            machine.update(state.ctypes.data, block, len(block))

    def macs(self, data: Bytes, bounds: Integers, prefix: bytes) -> Bytes:
        """(n, 32): the HMACs of ``prefix`` and what lies between each of the ``n + 1`` offsets and the next."""
        states = self._states.copy()
        self._machine.update(states.ctypes.data, prefix, len(prefix))
        data, bounds = np.ascontiguousarray(data), np.ascontiguousarray(bounds, np.int64)
        found = np.empty((len(bounds) - 1, 32), np.uint8)
        given = data.ctypes.data, bounds.ctypes.data, states.ctypes.data
        self._machine.loop(len(found), *given, *self._machine.addresses, found.ctypes.data)
        return found

    def __repr__(self) -> str:
        return "<HmacLoop>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an HmacLoop holds its key: it can't be pickled or copied")


def hmac_loop(inner: bytes, outer: bytes) -> HmacLoop | None:
    """The loop for one key, None where this machine has none."""
    machine = _machine()
    return None if machine is None else HmacLoop(machine, inner, outer)


@cache
def _machine() -> _Machine | None:
    openssl = _openssl()
    if openssl is None:
        return None
    try:
        return _compiled(openssl)
    except (ImportError, OSError, RuntimeError):
        return None


def _openssl() -> ctypes.CDLL | None:
    """The OpenSSL that ``hashlib`` uses, or the system's, if it has the functions that are needed."""
    for name in (_hashlib_file(), "libcrypto.so.3"):
        try:
            library = ctypes.CDLL(name) if name else None
            if library and all(hasattr(library, f"SHA256_{each}") for each in ("Init", "Update", "Final")):
                return library
        except OSError:
            continue
    return None


def _hashlib_file() -> str | None:
    """The module that is linked with OpenSSL: a look into it is a look into what it is linked with."""
    try:
        import _hashlib
    except ImportError:
        return None
    return getattr(_hashlib, "__file__", None)


def _compiled(openssl: ctypes.CDLL) -> _Machine | None:
    """The loop as machine code of this processor; None where it does not give what the standard library gives."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    compiler = llvm.create_lljit_compiler(llvm.Target.from_default_triple().create_target_machine(opt=2, jit=True))
    source = files("clearance.tokenization").joinpath("hmac_loop.ll").read_text("utf-8")
    library = llvm.JITLibraryBuilder().add_ir(source).export_symbol("hmacs").add_current_process()
    code = library.link(compiler, "hmac_loop")
    init, update, final = openssl.SHA256_Init, openssl.SHA256_Update, openssl.SHA256_Final
    init.argtypes, update.argtypes = [_POINTER], [_POINTER, ctypes.c_char_p, _SIZE]
    loop = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[_POINTER] * 6)(code["hmacs"])
    update_at, final_at = (ctypes.cast(each, _POINTER).value for each in (update, final))
    machine = _Machine(init, update, loop, (update_at, final_at), (compiler, code))
    return machine if _agrees(machine) else None


def _agrees(machine: _Machine) -> bool:
    """Whether the loop's hashes are those of ``hashlib``: messages of none, one and several blocks."""
    inner, outer = bytes(range(64)), bytes(range(64, 128))
    sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]
    data = np.arange(sum(sizes)).astype(np.uint8)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    found = HmacLoop(machine, inner, outer).macs(data, bounds, b"prefix")
    messages = [data[start:end].tobytes() for start, end in pairwise(bounds)]
    expected = [
        hashlib.sha256(outer + hashlib.sha256(inner + b"prefix" + message).digest()).digest() for message in messages
    ]
    return found.tobytes() == b"".join(expected)
