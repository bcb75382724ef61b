"""A label speaks for all of a dataset: what a reader would leave out is read all the same, or refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clearance.errors import DatasetError, UsageError
from clearance.jobs import tasks
from clearance.jobs.datasets import Reference

MAIL = "mara.kowalski@mail.com"


def types_in(reports):
    return {f.entity_type for report in reports.values() for f in report.findings}


def test_columns_that_only_some_files_have_are_looked_at(looked_at, tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    pq.write_table(pa.table({"id": [1]}), folder / "part-0.parquet")
    pq.write_table(pa.table({"id": [2], "mail": [MAIL]}), folder / "part-1.parquet")
    assert types_in(looked_at(folder)[1]) == {"EMAIL_ADDRESS"}


def test_files_in_folders_below_are_looked_at(looked_at, tmp_path):
    (tmp_path / "t" / "old").mkdir(parents=True)
    (tmp_path / "t" / "part-0.csv").write_text("id,x\n1,2\n")
    (tmp_path / "t" / "old" / "part-1.csv").write_text(f"id,x\n1,{MAIL}\n")
    assert types_in(looked_at(tmp_path / "t")[1]) == {"EMAIL_ADDRESS"}


def test_a_name_is_no_pattern(looked_at, tmp_path):
    (tmp_path / "t1.csv").write_text("id,x\n1,2\n")
    (tmp_path / "t[1].csv").write_text(f"id,x\n1,{MAIL}\n")
    assert types_in(looked_at(tmp_path / "t[1].csv")[1]) == {"EMAIL_ADDRESS"}


def test_columns_named_like_ours_are_looked_at(looked_at, tmp_path):
    pq.write_table(pa.table({"id": [1], "_clearance_notes": [MAIL]}), tmp_path / "t.parquet")
    assert types_in(looked_at(tmp_path / "t.parquet")[1]) == {"EMAIL_ADDRESS"}


@pytest.mark.parametrize("column", [{"_clearance_level": [MAIL]}, {"_clearance_entities": [[MAIL]]}])
def test_nothing_hides_in_record_columns(spark, desk, tmp_path, column):
    pq.write_table(pa.table({"id": [1], **column}), tmp_path / "t.parquet")
    with pytest.raises(DatasetError, match="_clearance_level"):
        tasks.scan(spark, Reference(str(tmp_path / "t.parquet")), desk)
    assert desk.registry.rows("labels") == []


LEFT_OUT = {
    "second document": ("t.json", f'{{\n"a": 1\n}}\n{{\n"a": "{MAIL}"\n}}\n'),
    "second array": ("t.json", f'[{{"a": 1}}]\n[{{"a": "{MAIL}"}}]\n'),
    "second record of a line": ("t.jsonl", f'{{"a": 1}} {{"a": "{MAIL}"}}\n'),
    "and after a comma": ("t.jsonl", f'{{"a": 1}}, {{"a": "{MAIL}"}}\n'),
    "field for the malformed": ("t.jsonl", json.dumps({"a": 1, "_corrupt_record": MAIL}) + "\n"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_json_that_would_be_read_in_part_is_refused(opened, tmp_path, name):
    file, text = LEFT_OUT[name]
    (tmp_path / file).write_text(text)
    with pytest.raises(DatasetError) as failure:
        opened(tmp_path / file)
    assert MAIL not in str(failure.value)


@pytest.mark.parametrize("text", ['[\n{"a": "}{"},\n{"a": "\\"]"}\n]\n', '{"a": [1, {"b": "]"}]}\n'])
def test_brackets_in_strings_end_nothing(opened, tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    assert opened(tmp_path / "t.json").frame.columns == ["a"]


def test_a_first_line_that_is_no_header_is_refused(opened, tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "part-0.csv").write_text("id,x\n1,2\n")
    (tmp_path / "t" / "part-1.csv").write_text(f"3,{MAIL}\n1,2\n")
    with pytest.raises(DatasetError, match="different headers"):
        opened(tmp_path / "t")


@pytest.mark.parametrize("option", ["pathGlobFilter", "modifiedBefore", "mode", "comment", "nullValue", "mergeSchema"])
def test_options_that_choose_what_is_read_are_refused(opened, tmp_path, option):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=option):
        opened(tmp_path / "t.csv", options={option: "x"})
