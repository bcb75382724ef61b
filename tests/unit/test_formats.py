"""Formats: what a path holds is told by its name, its first bytes and its neighbours."""

import gzip

import pyarrow as pa
import pytest

from clearance.errors import DatasetError, UsageError
from clearance.jobs.formats import check_format, datasets_below, detect, format_of_name, is_one_dataset, sniff_separator


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"), ("a.tsv", "csv"), ("A.CSV.GZ", "csv"), ("a.json", "json"), ("a.jsonl", "jsonl"),
        ("a.ndjson.zst", "jsonl"), ("part-0.snappy.parquet", "parquet"), ("a.b.orc", "orc"), ("a.txt", "text"),
        ("a.log", "text"), ("parquet", None), ("a.xlsx", None), ("a.gz", None),
    ],
)  # fmt: skip
def test_a_name_tells_the_format(name, kind):
    assert format_of_name(name) == kind


def test_formats_have_other_names():
    assert [check_format(n) for n in ("NDJSON", "txt", "Delta")] == ["jsonl", "text", "delta"]
    with pytest.raises(UsageError) as caught:
        check_format("avro")
    assert "known formats: delta, parquet" in caught.value.hint


def test_the_first_bytes_tell_what_the_name_does_not(tmp_path):
    for name, head, kind in (("000000_0", b"ORC\n", "orc"), ("blob", b"PAR1....", "parquet")):
        (tmp_path / name).write_bytes(head)
        assert detect(tmp_path / name) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}\n{"a": 2}\n', "jsonl"),
        ('{"a": 1}', "jsonl"),
        ('{\n "a": 1\n}\n', "json"),
        ('[{"a": 1}]', "json"),
        ("", "json"),
        ('\n\n{"a": 1}\n', "jsonl"),
    ],
)
def test_json_lines_under_the_name_json(text, kind, tmp_path):
    (tmp_path / "t.json").write_text(text)
    assert detect(tmp_path / "t.json") == kind


@pytest.mark.parametrize(
    ("first", "separator"), [("a;b,c;d", ";"), ("a,b", ","), ("a|b|c", "|"), ("a\tb", "\t"), ("single", ","), ("", ",")]
)
def test_the_separator_is_the_commonest_of_the_first_line(first, separator, tmp_path):
    (tmp_path / "t.csv").write_text(first + "\nx,y,z,,,;;;||\n")
    assert sniff_separator(tmp_path / "t.csv") == separator


def test_a_separator_in_a_compressed_file(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as stream:
        stream.write("a;b\n")
    assert sniff_separator(tmp_path / "t.csv.gz") == ";"
    (tmp_path / "broken.csv.gz").write_text("no gzip")
    with pytest.raises(DatasetError, match="can't be read"):
        sniff_separator(tmp_path / "broken.csv.gz")


@pytest.mark.parametrize(("ending", "codec"), [("zst", "zstd"), ("bz2", "bz2")])
def test_the_separator_of_a_packed_file_is_that_of_its_text(tmp_path, ending, codec):
    with pa.output_stream(str(tmp_path / f"t.csv.{ending}"), compression=codec) as packed:
        packed.write(b"id|mail\n" + b"".join(b"%d|user%d@example.com\n" % (n, n) for n in range(40)))
    assert sniff_separator(tmp_path / f"t.csv.{ending}") == "|"
    (tmp_path / f"broken.csv.{ending}").write_bytes(b"nothing packed, but; many; of; these")
    with pytest.raises(DatasetError, match="can't be read"):
        sniff_separator(tmp_path / f"broken.csv.{ending}")


def test_what_is_one_dataset_and_what_is_many(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")

    make("spark/part-00000-a.csv", "spark/part-00001-a.csv", "done/_SUCCESS", "done/a.parquet")
    make("hive/k=1/000000_0", "table/_delta_log/0.json", "many/a.csv", "many/b.csv", "many/readme.md")
    one = {name: is_one_dataset(tmp_path / name) for name in ("spark", "done", "hive", "table", "many")}
    assert one == {"spark": True, "done": True, "hive": True, "table": True, "many": False}
    names = [str(p.relative_to(tmp_path)) for p in datasets_below(tmp_path)]
    assert names == ["done", "hive", "many/a.csv", "many/b.csv", "many/readme.md", "spark", "table"]


def test_folders_that_are_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match="empty folder"):
        detect(tmp_path)
    (tmp_path / "_hidden").mkdir()
    (tmp_path / "_hidden" / "a.csv").write_text("x")
    with pytest.raises(DatasetError, match="empty folder"):
        detect(tmp_path)
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "b.parquet").write_text("x")
    with pytest.raises(DatasetError, match=r"several formats \(csv, parquet\)"):
        detect(tmp_path)
