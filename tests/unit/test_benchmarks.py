"""The benchmarks run, say how far the engine is from Presidio, and are about the data that they describe."""

import os
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


def test_the_engine_beside_presidio(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    engine = script("engine.py", monkeypatch)
    engine["measure_table"](20, 5, profile=False)
    for context in (True, False):
        engine["measure_paragraphs"](5, 5, context=context, profile=False)
    said = capsys.readouterr().out
    assert said.count("other hits: 0\n") == 3
    assert len(re.findall(r"^  clearance.* times stock$", said, re.MULTILINE)) == 7


def test_growth(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    script("growth.py", monkeypatch)["by_length"](1000)
    said = capsys.readouterr().out
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


def test_cpu_of_children_that_ended_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_seconds: Callable[[int], float] = script("processes.py", monkeypatch)["cpu_seconds"]
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('done', flush=True); input()"
    )
    before = cpu_seconds(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert cpu_seconds(os.getpid()) - before >= 0.5
        process.communicate("\n")


def test_cpu_of_a_child_whose_end_nobody_waits_for_stays_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_seconds: Callable[[int], float] = script("processes.py", monkeypatch)["cpu_seconds"]
    burn = "import time\nwhile time.process_time() < 0.5: pass\nprint('burnt', flush=True); input()"
    parent = (
        "import signal, subprocess, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        f"child = subprocess.Popen([sys.executable, '-c', {burn!r}], stdin=subprocess.PIPE); input();"
        "child.communicate(b'x'); print('ended', flush=True); input()"
    )
    before = cpu_seconds(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        assert cpu_seconds(os.getpid()) - before >= 0.5
        print(file=process.stdin, flush=True)
        process.stdout.readline()
        assert cpu_seconds(os.getpid()) - before >= 0.5
        process.communicate("\n")
    # Once the whole tree has ended too, and never twice.
    assert 0.5 <= cpu_seconds(os.getpid()) - before < 2.5


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
