import multiprocessing
import pickle
import stat
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clearance.errors import ClearanceError, KeyUnavailableError, UsageError
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import FileKeyProvider, open_keys
from clearance.tokenization.keyset import dump, parse
from clearance.tokenization.tokens import Tokenizer

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def provider(tmp_path: Path) -> FileKeyProvider:
    made = FileKeyProvider(tmp_path / "keys.json")
    made.create()
    return made


@pytest.fixture
def rotated(provider: FileKeyProvider) -> tuple[FileKeyProvider, str]:
    """A file with two keys, and the id of the older one."""
    old = provider.load().primary
    provider.change(lifecycle.rotate)
    return provider, old


def token(provider: FileKeyProvider) -> str:
    return Tokenizer(provider.load()).token("jane@example.com", "EMAIL_ADDRESS")


def knows(provider: FileKeyProvider, text: str) -> bool:
    return bool(Tokenizer(provider.load()).verified_spans(text))


def test_rotation_writes_anew_and_reads_the_old(provider: FileKeyProvider) -> None:
    before = token(provider)
    provider.change(lifecycle.rotate)
    assert token(provider) != before
    assert knows(provider, before)
    assert stat.S_IMODE(provider.path.stat().st_mode) == 0o600
    assert b'"clearance-keys/1"' in provider.path.read_bytes()  # what older versions read


def test_a_disabled_key_neither_reads_nor_writes_until_it_is_enabled(provider: FileKeyProvider) -> None:
    before, old = token(provider), provider.load().primary
    provider.change(lifecycle.rotate)
    provider.change(lambda k, _: lifecycle.disable(k, old))
    assert not knows(provider, before)
    assert old not in provider.load().kids
    with pytest.raises(KeyUnavailableError, match=old):
        provider.load().derive("h", "default", "X", old)
    assert stat.S_IMODE(provider.path.stat().st_mode) == 0o600
    provider.change(lambda k, _: lifecycle.enable(k, old))
    assert knows(provider, before)


def test_destruction_takes_two_calls_and_the_delay(rotated: tuple[FileKeyProvider, str]) -> None:
    provider, old = rotated
    root = provider.keyset().key(old).roots["*"]  # type: ignore[union-attr]
    provider.change(lambda k, _: lifecycle.destroy(k, old, now=NOW, after=WEEK))
    assert old not in provider.load().kids
    for early in (NOW, NOW + WEEK - timedelta(seconds=1)):
        with pytest.raises(UsageError, match="not before"):
            provider.change(lambda k, _: lifecycle.destroy(k, old, now=early, after=WEEK))  # noqa: B023
    assert root in provider.path.read_text()
    provider.change(lambda k, _: lifecycle.destroy(k, old, now=NOW + WEEK, after=WEEK))
    assert root not in provider.path.read_text()
    assert [entry.name for entry in provider.path.parent.iterdir()] == ["keys.json"]
    (gone,) = [key for key in provider.keyset().keys if key.kid == old]
    assert gone.state == "destroyed"
    for again in (lifecycle.enable, lifecycle.disable):
        with pytest.raises(UsageError, match="destroyed"):
            provider.change(lambda k, _: again(k, old))  # noqa: B023


def test_a_destruction_is_taken_back_before_it_is_done(rotated: tuple[FileKeyProvider, str]) -> None:
    provider, old = rotated
    provider.change(lambda k, _: lifecycle.destroy(k, old, now=NOW, after=WEEK))
    provider.change(lambda k, _: lifecycle.enable(k, old))
    assert old in provider.load().kids
    # The delay begins anew.
    provider.change(lambda k, _: lifecycle.destroy(k, old, now=NOW + 2 * WEEK, after=WEEK))
    assert provider.keyset().key(old).state == "pending"  # type: ignore[union-attr]


def test_the_key_that_writes_and_short_delays_are_refused(rotated: tuple[FileKeyProvider, str]) -> None:
    provider, old = rotated
    before, primary = provider.path.read_bytes(), provider.load().primary
    for attempt in (
        lambda k, _: lifecycle.destroy(k, primary, now=NOW, after=WEEK),
        lambda k, _: lifecycle.disable(k, primary),
        lambda k, _: lifecycle.destroy(k, old, now=NOW, after=timedelta(hours=23)),
        lambda k, _: lifecycle.disable(k, "nobody"),
        lambda k, _: lifecycle.enable(k, old),
    ):
        with pytest.raises(UsageError) as caught:
            provider.change(attempt)
        assert caught.value.hint
    assert provider.path.read_bytes() == before


def test_a_date_that_nobody_can_read_never_comes(rotated: tuple[FileKeyProvider, str]) -> None:
    provider, old = rotated
    provider.change(lambda k, _: lifecycle.destroy(k, old, now=NOW, after=WEEK))
    provider.path.write_text(provider.path.read_text().replace("2026-02-07T", "7 February "))
    with pytest.raises(KeyUnavailableError, match="due"):
        provider.change(lambda k, _: lifecycle.destroy(k, old, now=NOW + 9 * WEEK, after=WEEK))


def _rotate(path: str) -> None:
    FileKeyProvider(path).change(lifecycle.rotate)


def test_of_many_rotations_at_once_none_is_lost(provider: FileKeyProvider) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_rotate, [str(provider.path)] * 12, chunksize=1)
    assert len(provider.load().kids) == 13


def test_a_change_that_fails_leaves_the_file_as_it_was(provider: FileKeyProvider) -> None:
    before = provider.path.read_bytes()

    def fail(*_: object) -> object:
        raise KeyUnavailableError("no", hint="x")

    with pytest.raises(KeyUnavailableError):
        provider.change(fail)  # type: ignore[arg-type]
    assert provider.path.read_bytes() == before
    assert len(list(provider.path.parent.iterdir())) == 1


def test_a_keyset_neither_shows_nor_pickles_its_roots(provider: FileKeyProvider) -> None:
    keyset = provider.keyset()
    root = keyset.keys[0].roots["*"]
    assert root not in repr(keyset) + repr(provider) + repr(provider.reference())
    for holder in (keyset, keyset.keys[0], provider.load()):
        with pytest.raises(TypeError, match="KeyReference"):
            pickle.dumps(holder)


def test_a_document_comes_back_as_it_was_written(rotated: tuple[FileKeyProvider, str]) -> None:
    provider, old = rotated
    keyset = lifecycle.destroy(provider.keyset(), old, now=NOW, after=WEEK)
    assert parse(dump(keyset)) == keyset
    done = lifecycle.destroy(keyset, old, now=NOW + WEEK, after=WEEK)
    assert parse(dump(done)) == done


# ---- a file under a passphrase ----


@pytest.fixture
def locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileKeyProvider:
    words = tmp_path / "passphrase"
    words.write_text("correct horse battery\n")
    words.chmod(0o600)
    monkeypatch.setenv("CLEARANCE_PASSPHRASE_FILE", str(words))
    made = open_keys(tmp_path / "locked.json", with_passphrase=True)
    made.create()
    assert isinstance(made, FileKeyProvider)
    return made


def test_a_passphrase_opens_the_file_and_another_does_not(locked_file: FileKeyProvider, tmp_path: Path) -> None:
    expected = token(locked_file)
    again = open_keys(locked_file.path)
    assert Tokenizer(again.reference().open()).token("jane@example.com", "EMAIL_ADDRESS") == expected
    wrong = open_keys(locked_file.path, passphrase=lambda: b"another horse battery")
    with pytest.raises(KeyUnavailableError, match="passphrase") as caught:
        wrong.load().require("default")
    shown = "".join(traceback.format_exception(caught.value))
    assert "correct horse" not in shown and "another horse" not in shown


def test_a_passphrase_file_that_others_may_read_is_refused(locked_file: FileKeyProvider, tmp_path: Path) -> None:
    for mode, content in ((0o644, "correct horse battery\n"), (0o600, "\n")):
        (tmp_path / "passphrase").write_text(content)
        (tmp_path / "passphrase").chmod(mode)
        with pytest.raises(KeyUnavailableError, match="passphrase") as caught:
            open_keys(locked_file.path).load().require("default")
        assert caught.value.hint
    (tmp_path / "passphrase").unlink()
    with pytest.raises(KeyUnavailableError, match="passphrase"):
        open_keys(locked_file.path).load().require("default")


def test_a_locked_file_is_rotated_and_its_roots_can_not_be_moved(locked_file: FileKeyProvider) -> None:
    first, old = token(locked_file), locked_file.load().primary
    locked_file.change(lifecycle.rotate)
    assert knows(locked_file, first)
    keyset = locked_file.keyset()
    a, b = (key.roots["*"] for key in keyset.keys)
    text = locked_file.path.read_text().replace(a, "?").replace(b, a).replace("?", b)
    locked_file.path.write_text(text)
    with pytest.raises(KeyUnavailableError, match="altered"):
        locked_file.load().derive("h", "default", "X", old)


def test_nothing_is_added_under_another_passphrase(locked_file: FileKeyProvider) -> None:
    first, before = token(locked_file), locked_file.path.read_bytes()
    mistyped = open_keys(locked_file.path, passphrase=lambda: b"correct horse batery")
    for change in (
        lifecycle.rotate,
        lambda keyset, kek: lifecycle.add_domains(keyset, kek, ["sales"]),
        lambda keyset, kek: lifecycle.add_imported(keyset, kek, "tabcdefg", bytes(32)),
    ):
        with pytest.raises(KeyUnavailableError, match="passphrase does not open"):
            mistyped.change(change)
    assert locked_file.path.read_bytes() == before and knows(locked_file, first)


def test_no_weaker_function_is_accepted(locked_file: FileKeyProvider) -> None:
    text = locked_file.path.read_text()
    for odd in (text.replace("argon2id-3-4-65536", "argon2id-1-1-8"), text.replace('"salt": "', '"salt": "AAAA')):
        locked_file.path.write_text(odd)
        with pytest.raises(ClearanceError):
            locked_file.load().require("default")
