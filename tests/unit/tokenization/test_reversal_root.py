"""Reversal as a permission of its own: a service that refuses one root still lets everything one-way happen."""

from pathlib import Path

import pyarrow as pa
import pytest

from clearance.errors import KeyUnavailableError, ProtectionError, UsageError
from clearance.tokenization import lifecycle
from clearance.tokenization.domains import DomainTokenizer
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


def test_a_policy_with_a_way_back_needs_what_makes_it_before_anything_is_read(path, tmp_path, monkeypatch):
    import clearance.tokenization.keys as keys
    import clearance.tokenization.providers as providers
    from clearance.jobs.desk import open_desk

    for module in (keys, providers):
        monkeypatch.setattr(module, "open_keys", lambda _: KeysetProvider("test://", path, Service("+reversal")))
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nname: t\nextends: default\ncolumns:\n  mail: {method: reversible}\n")
    one_way = open_desk(home=tmp_path / "home", keys="test://")
    assert one_way.tokens_to_write().domains == ("default",)
    desk = open_desk(home=tmp_path / "home", keys="test://", policy=policy)
    desk.tokens()
    with pytest.raises(KeyUnavailableError, match="refuses"):
        desk.tokens_to_write()


def test_tokens_of_a_disabled_key_never_become_tokens_of_tokens(tmp_path):
    provider = FileKeyProvider(tmp_path / "keys.json")
    provider.create()
    old = provider.load().primary
    tokens = Tokenizer(provider.load()).tokenize(pa.array(["a@b.example"]), "EMAIL_ADDRESS")
    provider.change(lifecycle.rotate)
    provider.change(lambda keyset, _: lifecycle.disable(keyset, old))
    ring = provider.load()
    cells = pa.concat_arrays([pa.array(["c@d.example"]), tokens])
    writer = Tokenizer(ring, writing=True)
    for work in (
        lambda: writer.tokenize(cells, "EMAIL_ADDRESS"),
        lambda: writer.encrypt(cells, "EMAIL_ADDRESS"),
        lambda: writer.verified_spans(f"write to {tokens[0]}, please"),
        lambda: (
            DomainTokenizer(ring, by_type={}, by_column={"a": "other"}, writing=True)
            .at("a")
            .tokenize(cells, "EMAIL_ADDRESS")
        ),
    ):
        with pytest.raises(ProtectionError, match=f"tokens of the key {old}, which is disabled"):
            work()
    # Whoever only looks goes on; and what names a key that nobody has is a value like any other.
    assert Tokenizer(ring).verified_types(cells).null_count == 2
    strange = pa.array([tokens[0].as_py().replace(f"_{old}_", "_zz99zz_")])
    assert writer.tokenize(strange, "EMAIL_ADDRESS")[0].as_py() != strange[0].as_py()
    provider.change(lambda keyset, _: lifecycle.enable(keyset, old))
    assert Tokenizer(provider.load(), writing=True).tokenize(cells, "EMAIL_ADDRESS")[1] == tokens[0]
