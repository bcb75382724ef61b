"""HMACs of many messages: the loop of machine code, the loop of Python, and the standard library give the same."""

import hmac
import pickle
import random

import numpy as np
import pyarrow as pa
import pytest

from clearance.tokenization import hmac_loop, prf
from clearance.tokenization.hmac_loop import HmacLoop
from clearance.tokenization.prf import KeyedHash
from clearance.tokenization.rows import Bytes, Integers

SIZES = [*range(130), 1000, 100_000]


def machine() -> object:
    found = hmac_loop._machine()
    if found is None:
        pytest.skip("no loop of machine code here: no LLVM, or an OpenSSL whose functions can't be reached")
    return found


@pytest.mark.parametrize("loop", ["machine", "python"])
@pytest.mark.parametrize("key", [b"", b"k", bytes(range(32)), bytes(64), bytes(200)])
def test_the_standard_library_gives_the_same(loop: str, key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prf, "_spent", prf._Spent())
    if loop == "machine":
        machine()
        monkeypatch.setattr(prf._Spent, "ENOUGH", 0)
        monkeypatch.setattr(KeyedHash, "_each", lambda *_: pytest.fail("the loop of Python was asked"))
        monkeypatch.setattr(KeyedHash, "digest", lambda self, message: hmac.digest(key, message, "sha256"))
    rng = random.Random(1)
    messages = [rng.randbytes(size) for size in SIZES]
    hash_ = KeyedHash(key)
    for prefix in (b"", b"email/1\0", bytes(64), bytes(100)):
        expected = [hmac.digest(key, prefix + message, "sha256") for message in messages]
        for kind in (pa.binary(), pa.large_binary()):
            column = pa.array([b"before", *messages, b"behind"], kind).slice(1, len(messages))
            assert [digest.tobytes() for digest in hash_.digests(column, prefix)] == expected


def test_no_messages_have_no_digests() -> None:
    assert KeyedHash(b"key").digests(pa.array([], pa.binary())).shape == (0, 32)


def test_the_loop_of_python_does_no_more_than_it_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    monkeypatch.setattr(prf, "_spent", prf._Spent())
    few = 0
    each = KeyedHash._each

    def counted(self: KeyedHash, messages: list[bytes], prefix: bytes) -> bytes:
        nonlocal few
        few += len(messages)
        return each(self, messages, prefix)

    monkeypatch.setattr(KeyedHash, "_each", counted)
    batch = pa.array([b"a"] * 10_000, pa.binary())
    hashes = [KeyedHash(b"1"), KeyedHash(b"2")]
    assert len({hash_.digests(batch).tobytes() for _ in range(12) for hash_ in hashes}) == 2
    assert few == prf._Spent.ENOUGH + len(hashes)


def test_without_a_compiler_all_goes_through_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prf._Spent, "ENOUGH", 0)
    monkeypatch.setattr(hmac_loop, "_machine", lambda: None)
    found = KeyedHash(b"key").digests(pa.array([b"a", b"b"] * 100, pa.binary()))
    assert found[1].tobytes() == hmac.digest(b"key", b"b", "sha256")


@pytest.mark.parametrize("missing", ["_openssl", "_compiled"])
def test_what_is_not_there_is_no_failure(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        if missing == "_compiled":
            raise ImportError("no llvmlite")

    monkeypatch.setattr(hmac_loop, missing, absent)
    assert hmac_loop._machine.__wrapped__() is None


def test_a_loop_that_gives_anything_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    true = HmacLoop.macs

    def one_bit_wrong(self: HmacLoop, data: Bytes, bounds: Integers, prefix: bytes) -> Bytes:
        found = true(self, data, bounds, prefix)
        found[-1, -1] ^= np.uint8(1)
        return found

    monkeypatch.setattr(HmacLoop, "macs", one_bit_wrong)
    assert hmac_loop._machine.__wrapped__() is None


def test_what_holds_a_key_does_not_travel() -> None:
    machine()
    loop = hmac_loop.hmac_loop(bytes(64), bytes(64))
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(loop)
    assert repr(loop) == "<HmacLoop>"
