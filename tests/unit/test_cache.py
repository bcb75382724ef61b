"""What is kept between runs, and what is not believed."""

import os
from pathlib import Path

import pytest

from clearance.cache import cache_home, read_own, write_own


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_own(path, b"content", keep=1 << 20)
    assert read_own(path) == b"content"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_own(path, b"content", keep=1 << 20)
    path.chmod(0o666)
    assert read_own(path) is None
    path.chmod(0o644)
    assert read_own(path) == b"content"


def test_a_damaged_file_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_own(path, b"content", keep=1 << 20)
    path.write_bytes(path.read_bytes()[:-1] + b"T")
    assert read_own(path) is None


def test_room_is_made_by_what_was_used_longest_ago(tmp_path: Path) -> None:
    for number in range(4):
        write_own(tmp_path / str(number), bytes(100), keep=1 << 20)
        os.utime(tmp_path / str(number), (number, number))
    assert read_own(tmp_path / "0") == bytes(100)
    write_own(tmp_path / "4", bytes(100), keep=420)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "3", "4"}
    write_own(tmp_path / "5", bytes(1000), keep=420)
    assert {path.name for path in tmp_path.iterdir()} == {"5"}


def test_a_folder_that_cant_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    write_own(tmp_path / "file" / "below", b"content", keep=1 << 20)
    assert read_own(tmp_path / "file" / "below") is None


def test_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEARANCE_CACHE", str(tmp_path))
    assert cache_home() == tmp_path
    monkeypatch.delenv("CLEARANCE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_home() == tmp_path / "clearance"
