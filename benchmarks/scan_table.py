"""What a full scan of the mixed table costs in Spark, against the floor and against Presidio's own Spark sample.

    python benchmarks/scan_table.py --rows 100000

In one run, over the same table (``mixed_table.py``): ``mapInArrow`` that hands batches through, the scan, and a
``pandas_udf`` that calls ``AnalyzerEngine`` as Presidio's Spark sample does, with the same pattern recognizers. The
last is so slow that it sees a sample of rows, and is scaled. Patterns only: no NER model in any of them. Each is run
once before it is measured, so that engines and sessions are built.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mixed_table import write_delta

from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.scan import scan_dataset
from clearance.jobs.session import get_session
from clearance.jobs.settings import Detection

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def identity(frame: "DataFrame") -> None:
    """Hands all columns through Python and back."""

    def same(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        yield from batches

    frame.mapInArrow(same, frame.schema).write.format("noop").mode("overwrite").save()


def stock(frame: "DataFrame") -> None:
    """One ``pandas_udf`` a column that analyses each of its values, as Presidio's sample for Spark does."""
    import pandas as pd
    from pyspark.sql import functions as F

    @F.pandas_udf("int")  # type: ignore[call-overload, untyped-decorator]
    def found(values: pd.Series) -> pd.Series:
        from stock_presidio import analyzer

        return values.map(lambda value: len(analyzer().analyze(value, "en")))

    columns = [found(F.col(name).cast("string")).alias(name) for name in frame.columns]
    frame.select(*columns).write.format("noop").mode("overwrite").save()


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of the JVM and its Python workers."""
    work()
    before, wall = children_cpu(), time.monotonic()
    work()
    wall = time.monotonic() - wall
    # A worker that ended meanwhile is left out: it had been idle, or the next one does its work.
    return wall, sum(seconds - before.get(pid, 0.0) for pid, seconds in children_cpu().items())


def children_cpu() -> dict[int, float]:
    """CPU seconds so far of each process below this one: the JVM and its Python workers."""
    tick = os.sysconf("SC_CLK_TCK")
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:13])) / tick)
    wanted = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in parents.items() if parent in wanted} - wanted
        wanted |= more
        grown = bool(more)
    return {pid: parents[pid][1] for pid in wanted - {os.getpid()}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--stock-rows", type=int, default=400, help="0 leaves Presidio's sample out")
    arguments = parser.parse_args()
    # For Spark's workers, which import stock_presidio.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    spark = get_session()
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(spark, Reference(write_delta(arguments.rows, str(Path(folder, "table")))))
        frame = dataset.frame
        cells = arguments.rows * len(frame.columns)
        print(f"{arguments.rows:,} rows x {len(frame.columns)} columns, {os.cpu_count()} cores")
        floor = 0.0
        for name, work in (
            ("mapInArrow identity", lambda: identity(frame)),
            ("clearance scan", lambda: scan_dataset(dataset, Detection(ner=None))),
        ):
            wall, cpu = measured(work)
            floor = floor or cpu
            print(
                f"{name:<22} {wall:7.1f} s wall {cpu:7.1f} s CPU {cpu / cells * 1e6:8.2f} us a value"
                f" {cpu / floor:7.1f} times identity"
            )
        scan = cpu / cells
        if arguments.stock_rows:
            sample = frame.limit(arguments.stock_rows)
            wall, cpu = measured(lambda: stock(sample))
            each = cpu / (arguments.stock_rows * len(frame.columns))
            print(
                f"{'pandas_udf, sampled':<22} {wall:7.1f} s wall {cpu:7.1f} s CPU {each * 1e6:8.2f} us a value"
                f" {each * cells / floor:7.1f} times identity; {each / scan:.0f} times the scan"
            )
