"""Keys that a service wraps: OpenBao itself, AWS KMS as moto imitates it, Cloud KMS's interface over gRPC."""

import base64
import json
import os
import pickle
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from clearance.errors import ClearanceError, KeyUnavailableError, UsageError
from clearance.tokenization import lifecycle
from clearance.tokenization.kek import Binding
from clearance.tokenization.keys import KeysetProvider, open_keys
from clearance.tokenization.keyset import dump, parse
from clearance.tokenization.tokens import Tokenizer


@pytest.fixture
def provider(key_service, tmp_path: Path) -> KeysetProvider:
    made = open_keys(key_service.uri(tmp_path / "keyset.json"))
    made.create(("default", "marketing"))
    return made


def root_of(provider: KeysetProvider, kid: str, domain: str) -> bytes:
    keyset = provider.keyset()
    key = keyset.key(kid)
    assert key is not None
    written = key.roots[domain]
    return provider.kek(keyset).unwrap(written, Binding(kid, domain))


def refused(action, *, within: float = 30) -> KeyUnavailableError:
    """What an action that must fail soon, with one clear error, says."""
    begun = time.monotonic()
    with pytest.raises(KeyUnavailableError) as caught:
        action()
    assert time.monotonic() - begun < within
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def test_a_keyset_gives_the_same_tokens_to_whoever_may_unwrap_it(provider: KeysetProvider) -> None:
    ring = provider.load()
    tokens = {Tokenizer(ring, domain).token("jane@example.com", "EMAIL_ADDRESS") for domain in ("default", "marketing")}
    assert len(tokens) == 2
    again = provider.reference().open()
    assert {Tokenizer(again, d).token("jane@example.com", "EMAIL_ADDRESS") for d in ("default", "marketing")} == tokens
    assert again.verify("record", b"x", ring.sign("record", b"x"))


def test_each_domain_has_a_root_of_its_own_and_the_keyset_holds_none(provider: KeysetProvider) -> None:
    (kid,) = provider.load().kids
    roots = {root_of(provider, kid, domain) for domain in ("", "default", "marketing")}
    assert len(roots) == 3
    content = provider.path.read_bytes()
    for root in roots:
        assert root not in content
        assert base64.b64encode(root).rstrip(b"=") not in content
        assert root.hex().encode() not in content
        assert root.hex() not in repr(provider.keyset()) + repr(provider.load()) + repr(provider.reference())


def test_a_domain_without_a_root_is_refused_until_it_is_added(provider: KeysetProvider) -> None:
    provider.change(lifecycle.rotate)
    error = refused(lambda: provider.load().require("sales"))
    assert "sales" in error.message and "keys create --domain sales" in error.hint
    before = Tokenizer(provider.load(), "default").token("x", "PERSON")
    provider.change(lambda keyset, kek: lifecycle.add_domains(keyset, kek, ["sales"]))
    ring = provider.load().require("sales")
    assert Tokenizer(ring, "default").token("x", "PERSON") == before
    assert len({ring.derive("h", "sales", "PERSON", kid) for kid in ring.kids}) == 2


def test_a_wrapped_root_opens_only_where_it_was_made(provider: KeysetProvider) -> None:
    keyset = provider.keyset()
    (key,) = keyset.keys
    moved = replace(key, roots={**key.roots, "default": key.roots["marketing"]})
    other_id = replace(key, kid="other0")
    for odd, primary in ((moved, key.kid), (other_id, "other0")):
        provider.path.write_bytes(dump(replace(keyset, primary=primary, keys=(odd,))))
        error = refused(lambda: provider.load().require("default"))
        assert "altered" in error.message


def test_an_altered_blob_is_refused(provider: KeysetProvider) -> None:
    keyset = provider.keyset()
    (key,) = keyset.keys
    blob = bytearray(base64.b64decode(key.roots["default"]))
    for odd in (bytes(blob[:-1] + bytes([blob[-1] ^ 1])), b"", bytes(blob[: len(blob) // 2]), b"\xff" * 80):
        altered = replace(key, roots={**key.roots, "default": base64.b64encode(odd).decode()})
        provider.path.write_bytes(dump(replace(keyset, keys=(altered,))))
        refused(lambda: provider.load().require("default"))


def _token_elsewhere(reference: bytes, folder: Path) -> str:
    """What a process that was handed a pickled reference makes of it; it does not see the keyset's file."""
    script = (
        "import pickle, sys\n"
        "from clearance.tokenization.tokens import Tokenizer\n"
        "print(Tokenizer(pickle.loads(sys.stdin.buffer.read()).open()).token('jane@example.com', 'EMAIL_ADDRESS'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=reference, capture_output=True, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def test_a_reference_needs_the_service_and_not_the_file(provider: KeysetProvider, tmp_path: Path) -> None:
    reference = provider.reference()
    expected = Tokenizer(reference.open()).token("jane@example.com", "EMAIL_ADDRESS")
    wire = pickle.dumps(reference)
    root = root_of(provider, provider.load().primary, "default")
    assert root not in wire and base64.b64encode(root) not in wire
    provider.change(lifecycle.rotate)
    provider.path.unlink()
    assert _token_elsewhere(wire, tmp_path) == expected


def test_rewrap_keeps_every_token(provider: KeysetProvider) -> None:
    provider.change(lifecycle.rotate)
    before, blobs = provider.load(), provider.keyset()
    provider.change(lambda keyset, kek: lifecycle.rewrap(keyset, kek, kek))
    after = provider.load()
    assert provider.keyset() != blobs
    for kid in before.kids:
        assert before.derive("h", "default", "X", kid) == after.derive("h", "default", "X", kid)


def test_a_key_file_moves_into_a_service_and_back(key_service, tmp_path: Path) -> None:
    file = open_keys(tmp_path / "keys.json")
    file.create()
    file.change(lifecycle.rotate)
    service = open_keys(key_service.uri(tmp_path / "keyset.json"))
    service.write(lifecycle.rewrap(file.keyset(), file.kek(file.keyset()), service.kek()))
    back = open_keys(tmp_path / "back.json")
    back.write(lifecycle.rewrap(service.keyset(), service.kek(), back.kek()))
    for kid in file.load().kids:
        derived = {p.load().derive("h", "any-domain", "X", kid) for p in (file, service, back)}
        assert len(derived) == 1
    assert back.path.read_bytes() == file.path.read_bytes()


def test_a_keyset_of_another_service_is_not_sent_there(provider: KeysetProvider, tmp_path: Path) -> None:
    other = parse(provider.path.read_bytes())
    assert other is not None
    provider.path.write_bytes(dump(replace(other, kek={"kind": "elsewhere"})))
    error = refused(provider.load)
    assert "elsewhere" in error.message


# ---- what goes wrong ----


def test_a_server_that_was_killed(new_openbao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAULT_TOKEN", new_openbao.root)
    provider = open_keys(new_openbao.service.uri(tmp_path / "keyset.json"))
    provider.create()
    provider.load().require("default")
    new_openbao.stop()
    assert "does not answer" in refused(lambda: provider.load().require("default"), within=10).message


def test_a_token_that_may_encrypt_and_not_decrypt(openbao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rules = 'path "transit/encrypt/clearance" { capabilities = ["update"] }'
    monkeypatch.setenv("VAULT_TOKEN", openbao.token(rules))
    provider = open_keys(openbao.service.uri(tmp_path / "keyset.json"))
    provider.create()
    error = refused(lambda: provider.load().require("default"))
    assert "no permission" in error.message and "transit/encrypt|decrypt/clearance" in error.hint


def test_a_token_whose_lease_ends(openbao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rules = 'path "transit/*" { capabilities = ["update"] }'
    token = openbao.token(rules, ttl="2s", renewable=False)
    monkeypatch.setenv("VAULT_TOKEN", token)
    provider = open_keys(openbao.service.uri(tmp_path / "keyset.json"))
    provider.create()
    provider.load().require("default")
    time.sleep(2.5)
    error = refused(lambda: provider.load().require("default"))
    assert "expired" in error.message and token not in str(error)


def test_no_token_at_all(openbao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAULT_TOKEN", "BAO_TOKEN", "VAULT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    provider = open_keys(openbao.service.uri(tmp_path / "keyset.json"))
    assert "VAULT_TOKEN" in refused(provider.create).hint
    (tmp_path / "token").write_text(openbao.root + "\n")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(tmp_path / "token"))
    provider.create()


def test_a_new_version_of_the_transit_key_and_an_old_one_that_is_no_longer_allowed(
    openbao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", openbao.root)
    openbao("POST", "transit/keys/versioned", {})
    base = f"vault+http://127.0.0.1:{openbao.port}/transit/versioned"
    old, kept = (open_keys(f"{base}?keyset={tmp_path / name}") for name in ("old.json", "kept.json"))
    old.create()
    kept.create()
    openbao("POST", "transit/keys/versioned/rotate", {})
    kept.change(lambda keyset, kek: lifecycle.rewrap(keyset, kek, kek))
    openbao("POST", "transit/keys/versioned/config", {"min_decryption_version": 2})
    kept.load().require("default")
    assert "no longer allowed" in refused(lambda: old.load().require("default")).message


@pytest.mark.parametrize("service", ["openbao", "aws_kms", "gcp_kms"])
def test_a_key_that_is_not_there(
    service: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = request.getfixturevalue(service)
    found = getattr(found, "service", found)
    for name, value in found.env.items():
        monkeypatch.setenv(name, value)
    if service == "openbao":
        # Transit makes a key that is not there when it may: a careful policy lets it not.
        server = request.getfixturevalue(service)
        monkeypatch.setenv("VAULT_TOKEN", server.token('path "transit/encrypt/*" { capabilities = ["update"] }'))
    odd = replace(found, base=found.base.replace("clearance", "nowhere"))
    provider = open_keys(odd.uri(tmp_path / "keyset.json"))
    assert "no such key" in refused(provider.create).message or "no permission" in refused(provider.create).message
    assert not provider.path.exists()


def test_a_key_that_is_denied(gcp_kms, tmp_path: Path) -> None:
    odd = replace(gcp_kms, base=gcp_kms.base.replace("cryptoKeys/clearance", "cryptoKeys/denied"))
    error = refused(open_keys(odd.uri(tmp_path / "keyset.json")).create)
    assert "no permission" in error.message and "cryptoKeyEncrypterDecrypter" in error.hint


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDeniedException", "no permission"),
        ("DisabledException", "the key is disabled"),
        ("KMSInvalidStateException", "pending deletion"),
        ("ExpiredTokenException", "expired"),
        ("IncorrectKeyException", "another key"),
        ("SomethingNewException", "SomethingNewException"),
    ],
)
def test_what_aws_says_no_with(aws_kms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, told: str) -> None:
    """moto lets everyone do everything: what AWS answers is put into the real client."""
    from botocore.stub import Stubber

    for name, value in aws_kms.env.items():
        monkeypatch.setenv(name, value)
    provider = open_keys(aws_kms.uri(tmp_path / "keyset.json"))
    provider.create()
    with Stubber(provider.kek()._client()) as stubber:
        stubber.add_client_error("decrypt", code, "arn:aws:kms:eu-west-1:111122223333:key/secret-text")
        error = refused(lambda: provider.load().require("default"))
    assert told in error.message and "secret-text" not in str(error)


def test_no_credentials_for_aws(aws_kms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    error = refused(open_keys(aws_kms.uri(tmp_path / "keyset.json")).create)
    assert "credentials" in error.message


@pytest.mark.parametrize("service", ["vault", "awskms", "gcpkms"])
def test_a_server_that_never_answers(service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from clearance.tokenization.providers import calls

    monkeypatch.setattr(calls, "READ_S", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("VAULT_TOKEN", "t")
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://{address}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        keyset = tmp_path / "keyset.json"
        uri = {
            "vault": f"vault+http://{address}/transit/clearance?keyset={keyset}",
            "awskms": f"awskms://alias/clearance?region=eu-west-1&keyset={keyset}",
            "gcpkms": f"gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k?emulator={address}&keyset={keyset}",
        }[service]
        assert "does not answer" in refused(open_keys(uri).create, within=15).message
    assert not keyset.exists()


# ---- what can't be named ----


@pytest.mark.parametrize(
    "uri",
    [
        "vault://vault.example.com/transit/clearance",
        "vault://vault.example.com/clearance?keyset=k",
        "vault+http://vault.example.com/transit/clearance?keyset=k",
        "vault://user:hunter2@vault.example.com/transit/clearance?keyset=k",
        "vault://vault.example.com/transit/clearance?keyset=k&token=hunter2",
        "awskms://?keyset=k",
        "awskms://alias/clearance?keyset=k&keyset=l",
        "awskms://alias/clearance?keyset=",
        "gcpkms://projects/p/keyRings/r?keyset=k",
        "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k?keyset=k&emulator=kms.example.com:443",
        "file://elsewhere/keys.json",
        "nobody://x?keyset=k",
    ],
)
def test_what_is_no_key_uri_is_refused_without_quoting_a_secret(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_keys(uri)
    assert caught.value.hint
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_client_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, extra, uri in (
        ("boto3", "aws", "awskms://alias/clearance?keyset=k"),
        ("hvac", "vault", "vault://vault.example.com/transit/clearance?keyset=k"),
        ("google.cloud.kms", "gcp", "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k?keyset=k"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ClearanceError, match="not installed") as caught:
            open_keys(uri)
        assert f"clearance[{extra}]" in caught.value.hint


def test_the_checksum_is_the_published_one() -> None:
    """RFC 3720, appendix B.4."""
    from clearance.tokenization.providers.gcp import crc32c

    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_a_keyset_document_says_what_it_is(provider: KeysetProvider) -> None:
    document = json.loads(provider.path.read_text())
    assert document["format"] == "clearance-keyset/1"
    assert set(document["keys"][0]["roots"]) == {"", "default", "marketing"}
