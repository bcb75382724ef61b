"""What a sample and an incremental scan cost beside a full one: CPU, and bytes that Spark reads.

    python benchmarks/scan_modes.py --rows 200000 --files 8

The mixed table (``mixed_table.py``) as a Delta table, patterns only, each mode after a scan that warms Spark up; then
one hundredth of the rows is appended and scanned incrementally. CPU is that of this process, the JVM and its workers;
bytes are what the JVM asked the operating system for, whatever was in its cache, and so hold all that it did beside.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake
from mixed_table import arrow_table
from processes import cpu_seconds, family, kind

from clearance.jobs.datasets import Reference
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.extent import Extent
from clearance.jobs.scan_task import Scanned, scan
from clearance.jobs.session import get_session
from clearance.jobs.settings import Detection


def bytes_read() -> int:
    """What the JVM below this process has read so far."""
    return sum(_read_by(pid) for pid in family(os.getpid()) if pid != os.getpid() and kind(pid) == "java")


def _read_by(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def measured(work: Callable[[], Scanned]) -> tuple[Scanned, float, int]:
    """The scan, its CPU seconds and the bytes read for it."""
    before, own, read = cpu_seconds(os.getpid()), time.process_time(), bytes_read()
    done = work()
    spent = time.process_time() - own + cpu_seconds(os.getpid()) - before
    return done, spent, bytes_read() - read


def compare(rows: int, files: int) -> None:
    """Prints a line for each mode, with its ratios to the full scan."""
    spark = get_session()
    with tempfile.TemporaryDirectory() as folder:
        table = f"{folder}/table"
        size = -(-rows // files)
        for start in range(0, rows, size):
            append(table, arrow_table(min(size, rows - start), start=start))
        octets = sum(file.stat().st_size for file in Path(table).glob("*.parquet"))
        print(f"{rows:,} rows by 12 columns in {files} files of {octets / 1e6:.1f} MB together")
        desk = open_desk(home=f"{folder}/home", detection=Detection(ner=None), key_file=f"{folder}/none")

        def run(extent: Extent, desk: Desk = desk) -> tuple[Scanned, float, int]:
            return measured(lambda: scan(spark, Reference(table), desk, extent=extent))

        run(Extent("sample", 0.1))
        whole = run(Extent())
        lines = [("full", whole)]
        lines += [(f"sample, {share:.2%} of rows", run(Extent("sample", share))) for share in (0.001, 0.01)]
        run(Extent())
        append(table, arrow_table(max(1, rows // 100), start=rows))
        lines.append(("incremental, 1 % more rows", run(Extent("incremental"))))
    for name, (done, seconds, read) in lines:
        least = min(
            (own.rows_read for own in done.scan.coverage.columns.values()), default=done.scan.coverage.rows_read
        )
        print(
            f"  {name:26} {seconds:8.2f} s of CPU {seconds / whole[1]:7.1%} {read / 1e6:8.1f} MB {read / whole[2]:7.1%}"
            f"  {least:,} to {done.scan.coverage.rows_read:,} rows a column"
        )


def append(table: str, rows: pa.Table) -> None:
    """One more file of the Delta table."""
    write_deltalake(table, rows, mode="append")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=8)
    arguments = parser.parse_args()
    compare(arguments.rows, arguments.files)
