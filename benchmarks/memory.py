"""How much memory a scan takes: the JVM, its Python workers and the command itself, together.

    python benchmarks/memory.py --megabytes 512
    python benchmarks/memory.py --megabytes 10240 --in /data/tmp    # the 10 GB that the bar speaks of
    python benchmarks/memory.py --cell-megabytes 100 --cells 5             # few cells, each of them huge

Writes a Parquet table of one text column and scans it with ``clearance scan --no-ner``, as a user would, in a process
of its own; twice a second the memory of that process and all below it is added up (proportional set size: pages that
processes share count once). For comparison the same table goes through ``mapInArrow`` that hands batches on, in the
same kind of session.

The column: texts of some 1,000 characters, no two alike, of sentences in random order; every text ends with its number,
one in ten with an e-mail address. The file is not compressed, so it is as large as the text. Huge cells
are such texts joined until a cell is full, without addresses but for one at the very end, and with a card number where
the engine goes from the first window of the text to the next: both have to be found in every row.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from paragraphs import paragraphs
from processes import PeakMemory

ROWS_AT_ONCE = 16_384
MEGABYTES_A_FILE = 256
_PLAIN = {"use_dictionary": False, "compression": "none"}
_IDENTITY = """
import sys
from clearance.jobs.session import get_session
frame = get_session().read.parquet(sys.argv[1])
frame.mapInArrow(lambda batches: batches, frame.schema).write.format("noop").mode("overwrite").save()
"""


def texts(seed: int = 7) -> Iterator[pa.Array]:
    """Distinct texts of some 1,000 characters, without end, ROWS_AT_ONCE at a time."""
    sentences = [part for text in paragraphs(400, seed) for part in text.split(". ") if "@" not in part]
    pool = pa.array([part for part in sentences if not any(map(str.isdigit, part))])
    random = np.random.default_rng(seed)
    first = 0
    while True:
        parts = [pool.take(pa.array(random.integers(0, len(pool), ROWS_AT_ONCE))) for _ in range(15)]
        numbers = pa.array(np.arange(first, first + ROWS_AT_ONCE)).cast(pa.string())
        address = pc.binary_join_element_wise("Write to user", numbers, "@example.com", "")
        has_address = pa.array(random.integers(0, 10, ROWS_AT_ONCE) == 0)
        end = pc.if_else(has_address, address, pc.binary_join_element_wise("Number", numbers, " "))
        yield pc.binary_join_element_wise(*parts, end, ". ")
        first += ROWS_AT_ONCE


def write_texts(folder: Path, megabytes: int) -> int:
    """A table with a column of texts; returns its octets of text."""
    octets = number = 0
    writer: pq.ParquetWriter | None = None
    for batch in texts():
        table = pa.table({"text": batch})
        if writer is None:
            writer = pq.ParquetWriter(folder / f"part-{number:05}.parquet", table.schema, **_PLAIN)
            number += 1
        writer.write_table(table)
        octets += batch.nbytes
        if octets >= number * MEGABYTES_A_FILE << 20:
            writer.close()
            writer = None
        if octets >= megabytes << 20:
            break
    if writer is not None:
        writer.close()
    return octets


def write_cells(folder: Path, megabytes: int, cells: int) -> int:
    """A table with few cells, each of so many megabytes; returns its octets of text."""
    from clearance.classifiers.windows import SIZE

    pieces = (". ".join(batch.to_pylist()) for batch in texts())
    octets = 0
    written: list[str] = []
    for number in range(cells):
        parts: list[str] = []
        length = 0
        while length < megabytes << 20:
            parts.append(next(pieces).replace("@", " at the "))
            length += len(parts[-1])
        text = "".join(parts)[: megabytes << 20]
        seam, end = " 4111111111111111 ", f" end{number}@example.com"
        place = SIZE - len(seam) // 2
        written.append(text[:place] + seam + text[place + len(seam) : -len(end)] + end)
        octets += len(written[-1])
    pq.write_table(pa.table({"text": written}), folder / "cells.parquet", row_group_size=1, **_PLAIN)
    return octets


def octets_of_text(file: Path) -> int:
    """What a table written earlier holds, before compression."""
    metadata = pq.read_metadata(file)
    return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))


def watched(command: list[str], environment: dict[str, str]) -> tuple[PeakMemory, float, str]:
    """Runs a command; its peak, its seconds and what it printed."""
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    with PeakMemory(process.pid) as peak:
        printed = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{command[-1]} ended with {process.returncode}")
    return peak, time.monotonic() - start, printed


def show(name: str, peak: PeakMemory, seconds: float, octets: int, floor: int) -> None:
    """One line."""
    print(
        f"{name:<20} {peak.together / 2**20:7,.0f} MiB at once (JVM {peak.java / 2**20:,.0f}, Python"
        f" {peak.python / 2**20:,.0f}, its largest process {peak.largest / 2**20:,.0f})"
        f" {peak.together / floor:5.2f} times identity; {seconds:,.0f} s, {octets / seconds / 1e6:.1f} MB/s",
        flush=True,
    )


def measure(folder: Path, octets: int, *, baseline: bool) -> None:
    """Scans what is in ``folder``, and says what it took and what was found."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "CLEARANCE_HOME": home}
        floor = 0
        if baseline:
            peak, seconds, _ = watched([sys.executable, "-c", _IDENTITY, str(folder)], environment)
            floor = peak.together
            show("mapInArrow identity", peak, seconds, octets, floor)
        scan = [sys.executable, "-m", "clearance.jobs.cli", "scan", "--no-ner", "--format", "json", str(folder)]
        peak, seconds, printed = watched(scan, environment)
        show("clearance scan", peak, seconds, octets, floor or peak.together)
    for column in json.loads(printed)["columns"]:
        found = ((finding["entity_type"], finding["rows_matched"]) for finding in column["findings"])
        print(f"{column['path']}: {column['rows']:,} rows;", ", ".join(f"{kind} in {rows:,}" for kind, rows in found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=512, help="of text in the column")
    parser.add_argument("--cell-megabytes", type=int, help="few huge cells instead, each of so many megabytes")
    parser.add_argument("--cells", type=int, default=1)
    parser.add_argument("--in", dest="place", type=Path, help="a folder for the table, used again if it is there")
    parser.add_argument("--no-baseline", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        where = arguments.place or Path(temporary)
        where.mkdir(parents=True, exist_ok=True)
        if any(where.glob("*.parquet")):
            size = sum(octets_of_text(file) for file in where.glob("*.parquet"))
        elif arguments.cell_megabytes:
            size = write_cells(where, arguments.cell_megabytes, arguments.cells)
        else:
            size = write_texts(where, arguments.megabytes)
        measure(where, size, baseline=not arguments.no_baseline)
