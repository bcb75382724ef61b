import copy
import json
import multiprocessing
import os
import pickle
import stat
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clearance.errors import ExitCode, KeyUnavailableError
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import FileKeyProvider, KeyReference, KeyRing, default_key_path
from clearance.tokenization.tokens import Tokenizer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys.json"


def test_a_created_file_is_private_and_gives_the_same_keys_again(path: Path) -> None:
    made = FileKeyProvider(path).create()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    loaded = FileKeyProvider(path).load()
    assert loaded.primary == made.primary
    assert loaded.derive("h", "default", "X") == made.derive("h", "default", "X")
    assert [entry.name for entry in path.parent.iterdir()] == ["keys.json"]


def test_a_loose_umask_does_not_open_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        FileKeyProvider(path).create()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_file_is_never_replaced(path: Path) -> None:
    FileKeyProvider(path).create()
    content = path.read_bytes()
    with pytest.raises(KeyUnavailableError, match="already"):
        FileKeyProvider(path).create()
    assert path.read_bytes() == content


def test_a_dangling_link_is_not_followed_on_creation(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(KeyUnavailableError):
        FileKeyProvider(path).create()
    assert not (tmp_path / "elsewhere.json").exists()


def test_two_files_hold_different_keys(tmp_path: Path) -> None:
    first, second = (FileKeyProvider(tmp_path / name).create() for name in ("a.json", "b.json"))
    assert first.derive("h", "default", "X", first.primary) != second.derive("h", "default", "X", second.primary)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_others_can_touch_is_refused(path: Path, mode: int) -> None:
    FileKeyProvider(path).create()
    path.chmod(mode)
    with pytest.raises(KeyUnavailableError, match=f"{mode:04o}") as caught:
        FileKeyProvider(path).load()
    assert "chmod 600" in caught.value.hint
    assert caught.value.exit_code is ExitCode.UNDECIDABLE


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FileKeyProvider(path).create()
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyUnavailableError, match="another user"):
        FileKeyProvider(path).load()


def test_a_missing_file_names_the_remedy(path: Path) -> None:
    for action in (FileKeyProvider(path).load, KeyReference(str(path)).open):
        with pytest.raises(KeyUnavailableError, match="no key file") as caught:
            action()
        assert "clearance init" in caught.value.hint


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, tmp_path):
        with pytest.raises(KeyUnavailableError):
            FileKeyProvider(path).load()


def test_a_target_folder_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyUnavailableError, match="could not be created"):
        FileKeyProvider(tmp_path / "file" / "keys.json").create()


def _spoiled(document: dict[str, object]) -> list[bytes]:
    good = json.dumps(document).encode()
    variants: list[dict[str, object]] = [
        {**document, "format": "clearance-keys/9"},
        {**document, "primary": "nobody"},
        {**document, "primary": None},
        {**document, "extra": 1},
        {**document, "keys": []},
        {**document, "keys": None},
        {**document, "keys": [{**document["keys"][0], "root": "c2hvcnQ="}]},  # type: ignore[index]
        {**document, "keys": [{**document["keys"][0], "kid": ["a"]}]},  # type: ignore[index]
        {**document, "keys": document["keys"] * 2},  # type: ignore[operator]
        {**document, "keys": [{**document["keys"][0], "root": 7}]},  # type: ignore[index]
    ]
    return [b"", b"[]", b"null", b'"x"', b"\xff\xfe", good[:-9], b"[" * 100_000] + [
        json.dumps(v).encode() for v in variants
    ]


def test_a_malformed_file_is_refused_without_a_word_of_its_contents(path: Path) -> None:
    FileKeyProvider(path).create()
    document = json.loads(path.read_text())
    secret = document["keys"][0]["root"]
    for content in _spoiled(document):
        path.write_bytes(content)
        with pytest.raises(KeyUnavailableError) as caught:
            FileKeyProvider(path).load()
        shown = "".join(traceback.format_exception(caught.value))
        assert secret not in shown
        # A JSON error keeps the document it failed on: it must not hang on as context either.
        assert caught.value.__context__ is None
        assert secret not in str(vars(caught.value))


def test_bad_key_ids_and_short_roots_are_refused() -> None:
    for roots, primary in [
        ({"a": bytes(32)}, "a"),
        ({"KEY1": bytes(32)}, "KEY1"),
        ({"key1": bytes(31)}, "key1"),
        ({}, "key1"),
    ]:
        with pytest.raises(KeyUnavailableError):
            KeyRing(roots, primary)


def test_a_key_id_that_is_not_in_the_ring_is_an_error(ring: KeyRing) -> None:
    with pytest.raises(KeyUnavailableError, match="absent"):
        ring.derive("h", "default", "X", "absent")


def test_every_field_of_a_derivation_matters(ring: KeyRing) -> None:
    uses = [("h", "d", "T", "golden"), ("c", "d", "T", "golden"), ("h", "e", "T", "golden"), ("h", "d", "U", "golden")]
    uses += [("h", "d", "T", "older0"), ("hd", "", "T", "golden"), ("h", "dT", "", "golden")]
    assert len({ring.derive(*use) for use in uses}) == len(uses)


def test_secrets_are_neither_shown_nor_copied_nor_pickled(ring: KeyRing, tokenizer: Tokenizer) -> None:
    tokenizer.token("x", "X")
    hidden = [bytes(range(32)), ring.derive("h", "default", "X"), ring.derive("check", "default", "X")]
    for holder in (ring, tokenizer, *tokenizer._cache.values()):
        shown = f"{holder!r} {holder!s}"
        assert not any(secret.hex() in shown or repr(secret) in shown for secret in hidden)
    for holder in (ring, tokenizer):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="KeyReference"):
                attempt(holder)


def test_the_cached_keys_of_a_tokenizer_do_not_pickle_either(tokenizer: Tokenizer) -> None:
    tokenizer.token("x", "X")
    with pytest.raises(TypeError):
        pickle.dumps(tokenizer._cache)


def test_signatures_hold_for_one_payload_and_one_purpose(ring: KeyRing) -> None:
    signature = ring.sign("record", b"payload")
    assert ring.verify("record", b"payload", signature)
    assert not ring.verify("record", b"Payload", signature)
    assert not ring.verify("statement", b"payload", signature)
    for bad in (
        "",
        "sg1",
        signature[:-1],
        signature + "a",
        signature.replace("golden", "older0"),
        "sg1_absent_" + "a" * 52,
        "ü",
    ):
        assert not ring.verify("record", b"payload", bad)


def test_an_older_key_still_verifies(ring: KeyRing) -> None:
    old = ring.writing_with("older0").sign("record", b"payload")
    assert old.startswith("sg1_older0_")
    assert ring.verify("record", b"payload", old)


def test_a_signature_of_a_key_that_rests_or_is_gone_is_told_as_that(path: Path) -> None:
    keys, now = FileKeyProvider(path), datetime(2026, 1, 1, tzinfo=UTC)
    old = keys.create()
    signature, kid = old.sign("record", b"payload"), old.primary
    keys.change(lifecycle.rotate)
    keys.change(lambda keyset, _: lifecycle.disable(keyset, kid))
    assert not keys.load().verify("record", b"payload", signature)
    assert keys.load().unverified(signature).startswith(f"is signed with the key {kid}, which is disabled")
    keys.change(lambda keyset, _: lifecycle.destroy(keyset, kid, now=now, after=timedelta(days=1)))
    keys.change(lambda keyset, _: lifecycle.destroy(keyset, kid, now=now + timedelta(days=2), after=timedelta(days=1)))
    assert keys.load().unverified(signature).endswith("which is destroyed")
    for other in (signature.replace(kid, "zzzzzz"), "", "ü"):
        assert keys.load().unverified(other) == "is not signed by a key of this key file"


def _token_in_another_process(reference: KeyReference) -> str:
    return Tokenizer(reference.open()).token("jane@example.com", "EMAIL_ADDRESS")


def test_a_reference_travels_and_gives_every_process_the_same_tokens(path: Path) -> None:
    FileKeyProvider(path).create()
    reference = FileKeyProvider(path).reference()
    wire = pickle.dumps(reference)
    assert json.loads(path.read_text())["keys"][0]["root"].encode() not in wire
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        tokens = pool.map(_token_in_another_process, [reference] * 6, chunksize=1)
    assert set(tokens) == {_token_in_another_process(pickle.loads(wire))}


def _create(path: str) -> bool:
    try:
        FileKeyProvider(path).create()
    except KeyUnavailableError:
        return False
    return True


def test_of_many_creators_one_wins(path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert sum(pool.map(_create, [str(path)] * 12, chunksize=1)) == 1
    FileKeyProvider(path).load()


def test_a_reference_reads_once_and_again_after_a_change(path: Path) -> None:
    FileKeyProvider(path).create()
    reference = KeyReference(str(path))
    first = reference.open()
    assert reference.open() is first
    path.unlink()
    with pytest.raises(KeyUnavailableError):
        reference.open()
    FileKeyProvider(path).create()
    assert reference.open().derive("h", "default", "X") != first.derive("h", "default", "X")


def test_a_file_that_became_readable_by_others_is_refused_also_when_it_is_cached(path: Path) -> None:
    FileKeyProvider(path).create()
    KeyReference(str(path)).open()
    path.chmod(0o644)
    with pytest.raises(KeyUnavailableError):
        KeyReference(str(path)).open()


def test_a_run_keeps_its_key_while_the_file_rotates(path: Path) -> None:
    FileKeyProvider(path).create()
    reference = FileKeyProvider(path).reference()
    before = _token_in_another_process(reference)
    document = json.loads(path.read_text())
    document["keys"].append({**document["keys"][0], "kid": "newer0", "root": "A" * 43 + "="})
    document["primary"] = "newer0"
    path.write_text(json.dumps(document))
    assert _token_in_another_process(reference) == before
    assert FileKeyProvider(path).reference().kid == "newer0"


def test_a_key_that_is_taken_away_under_a_run_is_told_as_that(path: Path) -> None:
    keys, now = FileKeyProvider(path), datetime(2026, 1, 1, tzinfo=UTC)
    keys.create()
    reference = keys.reference()
    kid = reference.kid or ""
    keys.change(lifecycle.rotate)
    day = timedelta(days=1)
    for change, told in (
        (lambda keyset, _: lifecycle.disable(keyset, kid), "disabled"),
        (lambda keyset, _: lifecycle.destroy(keyset, kid, now=now, after=day), "set to be destroyed"),
        (lambda keyset, _: lifecycle.destroy(keyset, kid, now=now + 2 * day, after=day), "destroyed"),
    ):
        keys.change(change)
        with pytest.raises(KeyUnavailableError, match=f"the key '{kid}', which this run was .* was {told} meanwhile"):
            reference.open()


def test_another_file_at_the_same_path_is_refused(path: Path) -> None:
    FileKeyProvider(path).create()
    with pytest.raises(KeyUnavailableError, match="this machine"):
        KeyReference(str(path), "absent").open()


def test_where_the_key_file_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLEARANCE_KEY_FILE", raising=False)
    monkeypatch.setenv("CLEARANCE_HOME", str(tmp_path / "registry"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert default_key_path() == tmp_path / ".config" / "clearance" / "keys.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    assert default_key_path() == tmp_path / ".config" / "clearance" / "keys.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert default_key_path() == tmp_path / "xdg" / "clearance" / "keys.json"
    monkeypatch.setenv("CLEARANCE_KEY_FILE", "~/own.json")
    assert default_key_path() == tmp_path / "own.json"
