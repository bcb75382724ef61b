"""Reversal as a permission of its own: a service that refuses one root still lets everything one-way happen."""

from pathlib import Path

import pyarrow as pa
import pytest

from clearance.errors import KeyUnavailableError, UsageError
from clearance.tokenization import lifecycle
from clearance.tokenization.kek import Binding, NoKek
from clearance.tokenization.keys import FileKeyProvider
from clearance.tokenization.provider import KeysetProvider
from clearance.tokenization.tokens import Tokenizer


class Service:
    """A key service that unwraps what a caller may have; what it wraps is only encoded."""

    def __init__(self, refuses: str = "") -> None:
        self.described = {"kind": "test"}
        self.refuses = refuses

    def wrap(self, root: bytes, binding: Binding) -> str:
        return NoKek().wrap(root, binding)

    def unwrap(self, written: str, binding: Binding) -> bytes:
        if self.refuses and binding.domain.endswith(self.refuses):
            raise KeyUnavailableError("the service refuses", hint="ask for the permission")
        return NoKek().unwrap(written, binding)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    domains = lifecycle.with_reversal(["default"], in_clear=False)
    KeysetProvider("test://", tmp_path / "keys.json", Service()).create(domains)
    return tmp_path / "keys.json"


def ring(path: Path, refuses: str = ""):
    return KeysetProvider("test://", path, Service(refuses)).load()


def test_without_the_permission_everything_but_reversal_works(path):
    values = pa.array(["a@b.example", None])
    full, limited = Tokenizer(ring(path)), Tokenizer(ring(path, "+reversal"))
    assert limited.tokenize(values, "PERSON").equals(full.tokenize(values, "PERSON"))
    reversible = full.encrypt(values, "PERSON")
    # Known by its check, so that nothing is protected twice; opened or made it is not.
    assert limited.verified_types(reversible).to_pylist() == ["PERSON", None]
    ring(path, "+reversal").require("default")
    for work in (
        lambda: limited.reverse(reversible),
        lambda: limited.encrypt(values, "PERSON"),
        lambda: limited.keys_of("US_SSN").ff1("0123456789"),
        lambda: ring(path, "+reversal").require("default", reversal=True),
    ):
        with pytest.raises(KeyUnavailableError, match="refuses"):
            work()
    assert full.reverse(reversible).to_pylist() == values.to_pylist()


def test_a_new_key_keeps_the_permission_apart_and_old_tokens_are_read(path):
    provider = KeysetProvider("test://", path, Service())
    old = Tokenizer(provider.load()).encrypt(pa.array(["x"]), "PERSON")
    provider.change(lifecycle.rotate)
    provider.change(lambda keyset, kek: lifecycle.add_domains(keyset, kek, ["sales"]))
    assert {"default", "default+reversal", "sales", "sales+reversal"} <= set(provider.keyset().keys[1].roots)
    assert Tokenizer(provider.load()).reverse(old).to_pylist() == ["x"]


def test_a_key_that_made_tokens_before_keeps_their_root(tmp_path):
    provider = KeysetProvider("test://", tmp_path / "keys.json", Service())
    provider.create(["default"])
    old = Tokenizer(provider.load()).encrypt(pa.array(["x"]), "PERSON")
    provider.change(lambda keyset, kek: lifecycle.rotate(keyset, kek, separate_reversal=True))
    new = Tokenizer(provider.load())
    assert new.reverse(pa.concat_arrays([old, new.encrypt(pa.array(["y"]), "PERSON")])).to_pylist() == ["x", "y"]
    with pytest.raises(KeyUnavailableError):
        Tokenizer(ring(tmp_path / "keys.json", "+reversal")).encrypt(pa.array(["y"]), "PERSON")


def test_a_file_keeps_nothing_apart_and_says_so(tmp_path):
    provider = FileKeyProvider(tmp_path / "keys.json")
    provider.create()
    with pytest.raises(UsageError, match="read whole"):
        provider.change(lambda keyset, kek: lifecycle.rotate(keyset, kek, separate_reversal=True))
