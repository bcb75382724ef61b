"""Batches are joined and cut without losing a row, and none grows beyond what it may hold."""

import importlib
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from clearance.jobs import workers


def _batches(*sizes: int) -> list[pa.RecordBatch]:
    values = iter(range(sum(sizes)))
    schema = pa.schema([pa.field("a", pa.int64()), pa.field("a", pa.list_(pa.string()))])
    made = []
    for size in sizes:
        numbers = [next(values) for _ in range(size)]
        arrays = [pa.array(numbers), pa.array([[str(number)] for number in numbers], pa.list_(pa.string()))]
        made.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return made


def test_all_rows_arrive_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LARGE_ROWS", 10)
    batches = _batches(3, 4, 3, 1, 25, 0, 2)
    joined = list(workers.in_even_batches(iter(batches)))
    assert [batch.num_rows for batch in joined] == [10, 1, 25, 2]
    assert pa.Table.from_batches(joined).equals(pa.Table.from_batches(batches))


def test_large_batches_are_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = _batches(5, 5, 5)
    monkeypatch.setattr(workers, "LARGE_OCTETS", batches[0].nbytes * 2)
    assert [batch.num_rows for batch in workers.in_even_batches(iter(batches))] == [10, 5]


def test_huge_cells_are_looked_at_apart_and_what_is_between_them_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "HUGE_OCTETS", 3_000)
    monkeypatch.setattr(workers, "LARGE_OCTETS", 1_000)
    cells = ["x" * 2_000, "a", None, "y" * 5_000, "b", "", "z" * 2_000, "w" * 2_000]
    batch = pa.RecordBatch.from_arrays([pa.array(cells)], names=["text"])
    parts = list(workers.in_even_batches(iter([batch])))
    assert pa.Table.from_batches(parts).column("text").to_pylist() == cells
    assert len(parts) < len(cells)
    assert all(part.num_rows == 1 or part.nbytes <= 3_000 + 64 for part in parts)


def test_nothing_stays_nothing() -> None:
    assert list(workers.in_even_batches(iter([]))) == []


def test_sparks_own_archives_are_forgotten_and_still_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PySpark invalidates what is remembered before each task, and an archive's whole directory is read again then."""
    archives = [tmp_path / "pyspark.zip", tmp_path / "py4j-0.10.9.9-src.zip", tmp_path / "theirs.zip"]
    for number, archive in enumerate(archives):
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr(f"first{number}.py", "")
            made.writestr(f"second{number}.py", "")
        monkeypatch.syspath_prepend(str(archive))
        importlib.import_module(f"first{number}")
    list(workers.map_batches(_Frame(), lambda batches: batches, "id bigint", "a test"))  # type: ignore[call-overload]
    assert [str(archive) in sys.path_importer_cache for archive in archives] == [False, False, True]
    importlib.invalidate_caches()
    for number in range(len(archives)):
        importlib.import_module(f"second{number}")


class _Frame:
    """A frame of one batch that is worked on here."""

    columns = ("id",)

    def toDF(self, *_: str) -> "_Frame":
        return self

    def mapInArrow(self, work, _):
        return work(iter([pa.RecordBatch.from_arrays([pa.array([1])], names=["c0"])]))
