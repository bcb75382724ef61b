"""The signing key: a private file, and nothing of it anywhere else."""

import os
import pickle
from pathlib import Path

import pytest

from clearance.errors import KeyUnavailableError
from clearance.tokenization.signing_key import create_signing_key, default_signing_path, load_signing_key, public_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c" / "signing.pem"


def test_it_is_its_owners_alone_and_its_public_half_lies_beside(path):
    made = create_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_path(path).read_text() == made.public_pem == load_signing_key(path).public_pem
    assert "PRIVATE" not in made.public_pem
    assert load_signing_key(path).sign(b"x") == made.sign(b"x")


def test_it_shows_nothing_and_stays_in_its_process(path):
    made = create_signing_key(path)
    secret = "".join(path.read_text().splitlines()[1:-1])
    assert secret not in repr(made) and "PRIVATE" not in repr(made)
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(made)


def test_an_existing_file_is_never_replaced(path):
    create_signing_key(path)
    before = path.read_bytes()
    with pytest.raises(KeyUnavailableError, match="already"):
        create_signing_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["", "{}", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused_without_saying_what_it_was(path, content):
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnavailableError, match="no Ed25519 key") as caught:
        load_signing_key(path)
    assert caught.value.__context__ is None and caught.value.exit_code == 5


def test_a_key_that_others_may_read_is_refused(path):
    create_signing_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyUnavailableError, match="mode 0640"):
        load_signing_key(path)


def test_without_one_the_hint_says_what_to_do(path, monkeypatch):
    monkeypatch.setenv("CLEARANCE_SIGNING_KEY_FILE", os.fspath(path))
    with pytest.raises(KeyUnavailableError, match="no signing key") as caught:
        load_signing_key(default_signing_path())
    assert "clearance init" in caught.value.hint
