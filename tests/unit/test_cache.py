"""What is kept between runs, and what is not believed."""

from pathlib import Path

import pytest

from clearance.cache import cache_home, read_own, write_own


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_own(path, b"content", keep=3)
    assert read_own(path) == b"content"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_own(path, b"content", keep=3)
    path.chmod(0o666)
    assert read_own(path) is None
    path.chmod(0o644)
    assert read_own(path) == b"content"


def test_a_damaged_file_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_own(path, b"content", keep=3)
    path.write_bytes(path.read_bytes()[:-1] + b"T")
    assert read_own(path) is None


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        write_own(tmp_path / str(number), b"content", keep=3)
    assert len(list(tmp_path.iterdir())) == 3
    assert read_own(tmp_path / "4") == b"content"


def test_a_folder_that_cant_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    write_own(tmp_path / "file" / "below", b"content", keep=3)
    assert read_own(tmp_path / "file" / "below") is None


def test_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEARANCE_CACHE", str(tmp_path))
    assert cache_home() == tmp_path
    monkeypatch.delenv("CLEARANCE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_home() == tmp_path / "clearance"
