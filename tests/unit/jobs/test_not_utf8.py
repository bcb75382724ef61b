"""What is no UTF-8 is refused: nothing would be found in it, and that must not look like a text without findings."""

import gzip
from pathlib import Path

import pytest

from clearance.errors import DatasetError
from clearance.jobs.cli import run
from clearance.jobs.completeness import require_utf8

LINE = "email\nana.silva@example.com\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_refused_unless_its_encoding_is_said(tmp_path: Path, encoding: str) -> None:
    good, bad = tmp_path / "a.csv", tmp_path / "b.csv"
    good.write_text(LINE)
    bad.write_bytes(LINE.encode(encoding))
    with pytest.raises(DatasetError, match=r"b\.csv looks like UTF-16 or binary data"):
        require_utf8([good, bad], "people", {})
    require_utf8([good, bad], "people", {"Encoding": encoding})


def test_letters_with_accents_in_another_encoding_are_told_and_a_cut_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("name\nJosé García\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="written otherwise") as error:
        require_utf8([file], "people", {})
    assert "García" not in str(error.value) and error.value.__cause__ is None and error.value.__context__ is None
    require_utf8([file], "people", {"encoding": "UTF-8"})
    file.write_bytes("name\nJosé".encode("latin-1"))  # it would begin a letter of three bytes, and nothing follows
    with pytest.raises(DatasetError, match="written otherwise"):
        require_utf8([file], "people", {})
    file.write_bytes(b"x" * 65_535 + "é".encode())  # it is cut between two blocks
    require_utf8([file], "people", {})


@pytest.mark.parametrize(
    ("late", "told"),
    [(b"Jos\xe9\n", "written otherwise behind its first 65,536 bytes"), (b"a\x00@\x00" * 50_000, "UTF-16")],
)
def test_what_is_no_utf8_is_told_wherever_it_stands(tmp_path: Path, late: bytes, told: str) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_bytes(b"name,note\n" * 9_000 + late + b"x,y\n" * 9)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for file in (plain, packed):
        with pytest.raises(DatasetError, match=told) as error:
            require_utf8([file], "people", {})
        assert error.value.__cause__ is None and error.value.__context__ is None
    plain.write_bytes("é".encode() * 100_001 + b"\x00")
    require_utf8([plain], "people", {})


def test_a_compressed_file_is_looked_into_and_utf8_passes(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    good.write_bytes(gzip.compress(("\ufeff" + LINE + "José, 数量\n").encode()))
    bad.write_bytes(gzip.compress(LINE.encode("utf-16")))
    require_utf8([good], "people", {})
    with pytest.raises(DatasetError):
        require_utf8([bad], "people", {})


def test_a_damaged_compressed_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    whole = gzip.compress(LINE.encode() * 1000)
    for octets in (whole[:-12], whole[:20] + b"\xff" * 20 + whole[40:]):
        file.write_bytes(octets)
        with pytest.raises(DatasetError, match=r"a\.csv\.gz can't be read"):
            require_utf8([file], "people", {})


@pytest.mark.parametrize("command", ["scan", "detectors test"])
def test_a_text_in_utf_16_is_not_one_in_which_nothing_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = tmp_path / "mail.txt"
    file.write_bytes(LINE.encode("utf-16"))
    assert run([*command.split(), "--text", str(file)]) == 5
    said = capsys.readouterr()
    assert "no text in UTF-8" in said.err and "nothing found" not in said.out
