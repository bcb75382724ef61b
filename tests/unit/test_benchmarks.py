"""The benchmarks run, say how far the engine is from Presidio, and are about the data that they describe."""

import re
import runpy
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return runpy.run_path(str(BENCHMARKS / name))


def printed(name: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / name), *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_the_engine_beside_presidio() -> None:
    said = printed("engine.py", "--rows", "20", "--paragraphs", "5", "--sample", "5")
    assert said.count("other hits: 0\n") == 3
    assert len(re.findall(r"^  clearance.* times stock$", said, re.MULTILINE)) == 7


def test_growth() -> None:
    said = printed("growth.py", "length", "--most", "1000")
    assert re.search(r"^ +100 .* times the first$", said, re.MULTILINE)
    assert "to the power of" in said


def test_the_mixed_table_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    arrow_table: Callable[..., Any] = script("mixed_table.py", monkeypatch)["arrow_table"]
    whole = arrow_table(400)
    assert arrow_table(150, start=250).equals(whole.slice(250).combine_chunks())
    for name in ("id", "email", "card", "ssn", "phone", "iban", "full_name", "note"):
        assert pc.count_distinct(whole[name]).as_py() == 400


def test_paragraphs_are_distinct_and_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    paragraphs: Callable[..., list[str]] = script("paragraphs.py", monkeypatch)["paragraphs"]
    texts = paragraphs(300)
    assert len(set(texts)) == 300
    assert {len(text) for text in texts} == {500}
    assert texts[:100] == paragraphs(100)


def test_huge_cells_hold_what_the_scan_has_to_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = script("memory.py", monkeypatch)
    assert memory["write_cells"](tmp_path, megabytes=1, cells=2) == 2 << 20
    assert memory["octets_of_text"](tmp_path / "cells.parquet") >= 2 << 20


def test_memory_of_a_process_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = script("processes.py", monkeypatch)
    child = "import time; kept = b'x' * (100 << 20); print('ready', flush=True); time.sleep(60)"
    with (
        subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True) as process,
        processes["PeakMemory"](process.pid, seconds=0.05) as peak,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(1)
        process.kill()
    assert peak.together >= 100 << 20
    assert peak.java == 0
