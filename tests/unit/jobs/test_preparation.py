"""Preparations as they are declared: what is unclear or can't be is refused, with its line, before anything is read."""

import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql.types import ArrayType, DateType, DecimalType, LongType, StringType, StructType, VariantType

from clearance.errors import PolicyError, ProtectionError
from clearance.jobs.cleaning import normal
from clearance.jobs.duplicates import SameRecords
from clearance.jobs.plan_file import load_plan
from clearance.jobs.preparation import Duplicates, Needed, Range, date_pattern, for_purposes, load_preparation
from clearance.jobs.preparation_words import filters
from clearance.jobs.prepare import fits, require_fit
from clearance.jobs.settings import Tokens
from clearance.tokenization.keys import FileKeyProvider

SCHEMA = (
    StructType()
    .add("id", LongType())
    .add("name", StringType())
    .add("born", StringType())
    .add("day", DateType())
    .add("part", DecimalType(5, 2))
    .add("tags", ArrayType(StringType()))
)


def steps(tmp_path: Path, *lines: str):
    file = tmp_path / "p.yml"
    file.write_text("version: 1\nprepare:\n" + "".join(f"  - {line}\n" for line in lines))
    return load_preparation(file)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{step: trimm, columns: [name]}", "p.yml:3: prepare.0: unknown step 'trimm'"),
        ("{columns: [name]}", "p.yml:3: prepare.0: step is missing"),
        ("{step: trim, columns: []}", "p.yml:3"),
        ("{step: trim, columns: [name], sides: both}", "sides"),
        ("{step: dates, columns: [born], formats: [dd/MM/yyyy, M/d/yyyy]}", "day first and month first"),
        ("{step: dates, columns: [born], formats: [dd.MM.yy]}", "no date format"),
        ("{step: dates, columns: [born], formats: [yyyy-MM]}", "no date format"),
        ("{step: dates, columns: [born], formats: [dd.MM.yyyy HH]}", "half a time"),
        ("{step: numbers, columns: [name], decimal: ',', thousands: ','}", "must differ"),
        ("{step: numbers, columns: [name]}", "decimal"),
        ("{step: range, columns: [id], outside: clamp}", "min, max or both"),
        ("{step: range, columns: [id], min: 3, max: 2, outside: clamp}", "above max"),
        ("{step: range, columns: [id], min: 3, max: 2026-01-01, outside: clamp}", "both be"),
        ("{step: range, columns: [id], min: .nan, outside: clamp}", "finite"),
        ("{step: range, columns: [id], min: 1}", "outside"),
        ("{step: duplicates, columns: [id]}", "go together"),
        ("{step: duplicates, order: id}", "go together"),
        ("{step: nulls, columns: [name], markers: []}", "markers"),
    ],
)
def test_what_is_unclear_is_refused_with_its_line(tmp_path, line, told):
    with pytest.raises(PolicyError) as refused:
        steps(tmp_path, line)
    assert "p.yml:3" in refused.value.message
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["{step: trim, columns: [nam]}"], "no column 'nam'"),
        (["{step: trim, columns: [id]}"], "bigint: this step is for text"),
        (["{step: dates, columns: [day], formats: [dd.MM.yyyy]}"], "date: this step is for text"),
        (["{step: range, columns: [tags], min: 1, outside: fail}"], "has no range"),
        (["{step: range, columns: [day], min: 1, outside: fail}"], "bounds are numbers"),
        (["{step: range, columns: [id], min: 2026-01-01, outside: fail}"], "bounds are dates"),
        (["{step: range, columns: [id], min: 0.5, outside: clamp}"], "can't be written in it"),
        (["{step: range, columns: [part], max: 1000, outside: clamp}"], "can't be written in it"),
        (["{step: duplicates, columns: [id], order: tags}"], "is no order"),
        (
            ["{step: needed, purposes: a, by: {a: [id]}}", "{step: trim, columns: [name]}"],
            "no column 'name' at this step",
        ),
        (["{step: needed, purposes: a, by: {a: [id], b: [nome]}}"], "no column 'nome'"),
    ],
)
def test_steps_that_do_not_fit_the_columns_are_refused_with_their_line(tmp_path, lines, told):
    with pytest.raises(PolicyError) as refused:
        require_fit(for_purposes(steps(tmp_path, *lines), {}), SCHEMA)
    assert told in refused.value.message
    assert f"p.yml:{2 + len(lines)}" in refused.value.message


def test_a_column_that_arrow_can_not_carry_has_no_duplicates(tmp_path):
    schema = StructType().add("id", LongType()).add("v", VariantType())
    with pytest.raises(PolicyError, match=r"'v' .variant. can't be compared"):
        require_fit(steps(tmp_path, "{step: duplicates}"), schema)


def test_purposes_that_nobody_declared_stop_everything(tmp_path):
    needed = steps(tmp_path, "{step: needed, by: {train: [id], serve: [name]}}")
    (both,) = for_purposes(needed, {"a": {"train"}, "b": {"serve"}})
    assert isinstance(both, Needed)
    assert set(both.columns_for(())) == {"id", "name"}
    for solutions in ({}, {"a": None}, {"a": {"train"}, "b": None}, {"a": {"sell"}}, {"a": set()}):
        with pytest.raises(PolicyError, match=r"p\.yml:3"):
            for_purposes(needed, solutions)


def test_a_plan_tells_the_line_of_a_step(tmp_path):
    plan = tmp_path / "plan.yml"
    text = "version: 1\nsolutions: s.yaml\ndatasets:\n  - dataset: d.csv\n    solutions: bot\n    prepare:\n"
    plan.write_text(text + "      - {step: trim, columns: [a]}\n      - {step: duplicates}\n")
    (dataset,) = load_plan(plan).datasets
    assert [step.place for step in dataset.prepare] == [f"{plan}:7", f"{plan}:8"]
    plan.write_text("protect: never\n" + text + "      - {step: duplicates}\n")
    with pytest.raises(PolicyError, match=r"plan\.yml:7: nothing is prepared"):
        load_plan(plan)


def test_a_format_reads_its_own_parts():
    import re

    pattern, groups = date_pattern("d.M.yyyy HH:mm")
    found = re.fullmatch(pattern.replace(r"\z", r"\Z"), "3.11.2026 09:30")
    assert found
    assert {letter: found[group] for letter, group in groups.items()} == {
        "d": "3", "M": "11", "y": "2026", "H": "09", "m": "30"
    }  # fmt: skip


def test_columns_that_decide_which_records_stay_are_filters():
    by = Duplicates(step="duplicates", columns=("mail",), order="changed")
    drop = Range(step="range", columns=("age",), min=0, outside="drop_record")
    keep = Range(step="range", columns=("size",), min=0, outside="clamp")
    assert [column for column, _ in filters((by, drop, keep))] == ["mail", "changed", "age"]


def test_a_bound_fits_a_type_or_not():
    from decimal import Decimal

    assert fits(Decimal(127), "tinyint") and not fits(Decimal(128), "tinyint")
    assert fits(Decimal("999.99"), "decimal(5,2)") and not fits(Decimal("0.001"), "decimal(5,2)")


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_text_that_is_no_utf8_has_no_form_and_stays(form):
    octets = pa.array([b"\xff\xfe", "e\u0301".encode(), None], pa.binary())
    assert normal(octets.view(pa.string()), form).cast(pa.binary()).to_pylist() == [b"\xff\xfe", "é".encode(), None]


# ---- duplicates ----

BATCH = pa.RecordBatch.from_pydict(
    {
        "mail": pa.array(["canary@x.com", "canary@x.com", "canary@x.com", None, None, "b"]),
        "n": pa.array([1, 3, 2, 1, 1, 1], pa.int64()),
        "at": pa.array([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)] * 6, pa.timestamp("us", "UTC")),
        "deep": pa.array([[{"a": "x"}]] * 6, pa.list_(pa.struct([("a", pa.string())]))),
    }
)


@pytest.fixture
def same(key_file):
    tokens = Tokens(FileKeyProvider(key_file).reference())
    return lambda **more: SameRecords(tokens, b"salt", **more)


def dropped(same, batch=BATCH):
    sealed = list(same.seal([batch]))
    table = pa.Table.from_batches(sealed).sort_by("digest")
    assert b"canary" not in b"".join(value for each in table for value in each.to_pylist())
    out = pa.Table.from_batches(same.open(table.to_batches(), batch.schema))
    return sorted(out.to_pylist(), key=repr), table


def test_of_equal_records_one_stays_as_it_was(same):
    twice = pa.Table.from_batches([BATCH, BATCH]).combine_chunks().to_batches()[0]
    rows, _ = dropped(same(), twice)
    assert rows == sorted(BATCH.to_pylist()[:3] + BATCH.to_pylist()[4:], key=repr)


@pytest.mark.parametrize(("last", "stays"), [(True, 3), (False, 1)])
def test_the_order_says_which_record_stays_and_nulls_equal_nothing(same, last, stays):
    rows, _ = dropped(same(columns=(0,), order=1, last=last))
    assert [row["n"] for row in rows if row["mail"] == "canary@x.com"] == [stays]
    assert sum(row["mail"] is None for row in rows) == 2


def test_a_tie_between_records_that_differ_is_an_error_without_a_value(same):
    tied = BATCH.set_column(1, "n", pa.array([1, 1, 1, 1, 1, 1], pa.int64()))
    tied = tied.set_column(3, "deep", pa.array([[{"a": str(i)}] for i in range(6)], BATCH.schema.field("deep").type))
    with pytest.raises(ProtectionError) as refused:
        dropped(same(columns=(0,), order=1, place="p.yml:3"), tied)
    assert "p.yml:3" in refused.value.message
    assert "canary" not in str(refused.value)


def test_what_another_run_sealed_is_not_opened(same, key_file):
    _, table = dropped(same())
    other = SameRecords(Tokens(FileKeyProvider(key_file).reference()), b"pepper")
    from clearance.errors import DatasetError

    with pytest.raises(DatasetError, match="altered"):
        list(other.open(table.to_batches(), BATCH.schema))
    assert not set(table["digest"].to_pylist()) & set(dropped(other)[1]["digest"].to_pylist())
