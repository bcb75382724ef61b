"""What a full scan of the mixed table costs in Spark, against the floor and against Presidio's own Spark sample.

    python benchmarks/scan_table.py --rows 100000

In one run, over the same table (``mixed_table.py``), patterns only, no NER model in any of them:

- **mapInArrow identity** hands all columns to Python and back: the floor.
- **clearance scan**: all detectors, columns decided, profiles merged; what ``clearance scan --no-ner`` does.
- **pandas_udf**: as Presidio's sample for Spark does it: an ``AnalyzerEngine`` is broadcast, and a ``pandas_udf`` over
  each column analyses value by value, with Presidio's pattern recognizers. So slow that it sees two samples of the
  rows, each in as many partitions as there are cores: the figures are of what the larger one costs more.
- On one core and without Spark, over a sample of the same cells: ``AnalyzerEngine``, ``BatchAnalyzerEngine`` and, where
  it is installed, ``presidio-rs`` (see ``engine.py``).

CPU is that of the JVM and its Python workers, those that have ended included. The hits of the engine's recognizers in
a sample are compared with those of ``AnalyzerEngine``. Each runs once before it is measured, so that engines and
sessions are built. Memory is the most that this process and all below it had at once (proportional set size); what the
JVM took for an earlier line it keeps for the later ones.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
from engine import cpu, differing, engines, stock_lines
from engine import show as show_alone
from mixed_table import arrow_table, write_delta
from processes import PeakMemory, cpu_seconds

from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.scan import scan_dataset
from clearance.jobs.session import get_session
from clearance.jobs.settings import Detection
from clearance.values import to_text

if TYPE_CHECKING:
    import pyarrow as pa
    from presidio_analyzer import AnalyzerEngine
    from pyspark import Broadcast
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, and peak memory in octets."""

    wall: float
    cpu: float
    memory: int


def identity(frame: "DataFrame") -> None:
    """Hands all columns through Python and back."""

    def same(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        yield from batches

    frame.mapInArrow(same, frame.schema).write.format("noop").mode("overwrite").save()


@cache
def broadcast_analyzer(spark: "SparkSession") -> "Broadcast[AnalyzerEngine]":
    """Presidio's analyzer, sent to the workers once."""
    from stock_presidio import analyzer

    return spark.sparkContext.broadcast(analyzer())


def stock(frame: "DataFrame") -> None:
    """The analyzer broadcast, one ``pandas_udf`` a column that analyses each of its values."""
    import pandas as pd
    from pyspark.sql import functions as F

    broadcast = broadcast_analyzer(frame.sparkSession)

    def analysed(text: str) -> int:
        return len(broadcast.value.analyze(text=text, language="en"))

    @F.pandas_udf("int")  # type: ignore[call-overload, untyped-decorator]
    def found(values: pd.Series) -> pd.Series:
        return values.apply(analysed)

    columns = [found(F.col(name).cast("string")).alias(name) for name in frame.columns]
    frame.select(*columns).write.format("noop").mode("overwrite").save()


def measured(work: Callable[[], object]) -> Cost:
    """What ``work`` costs when it is done for the second time."""
    work()
    before, start = cpu_seconds(os.getpid()), time.monotonic()
    with PeakMemory() as peak:
        work()
    wall = time.monotonic() - start
    return Cost(wall, cpu_seconds(os.getpid()) - before, peak.together)


def show(name: str, cost: Cost, values: int, characters: float, floor: float) -> float:
    """One line; ``floor``: CPU seconds of identity a value. Returns CPU seconds a value."""
    each = cost.cpu / values
    print(
        f"{name:<20} {cost.wall:7.1f} s wall {cost.cpu:7.1f} s CPU {each * 1e6:8.2f} us a value"
        f" {values / cost.cpu:10,.0f} values/s {characters / cost.cpu / 1e6:7.2f} MB/s a core"
        f" {cost.memory / 2**20:6,.0f} MiB {each / (floor or each):7.1f} times identity",
        flush=True,
    )
    return each


def alone(rows: int) -> None:
    """Presidio's engines and its Rust port on one core, on the first rows of the table."""
    table = arrow_table(rows)
    cells = [text for name in table.column_names for text in to_text(table[name].combine_chunks()).to_pylist()]
    ours, engine = engines(context=True)
    print(f"one core, without Spark, {len(cells):,} cells; hits differ in {differing(ours, engine, cells)}")
    each = cpu(lambda: [engine.analyze(text, "en") for text in cells]) / len(cells)
    show_alone("AnalyzerEngine, sampled", each * len(cells), len(cells), sum(map(len, cells)), each)
    stock_lines(engine, cells, each)


def measure(rows: int, stock_rows: int) -> None:
    """All of them, one after another."""
    spark = get_session()
    table = arrow_table(rows)
    characters = sum(pc.sum(pc.utf8_length(to_text(column.combine_chunks()))).as_py() for column in table.columns)
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(spark, Reference(write_delta(rows, str(Path(folder, "table")))))
        frame = dataset.frame
        cells = rows * len(frame.columns)
        print(
            f"{rows:,} rows x {len(frame.columns)} columns, {characters / 1e6:.1f} MB of text, {os.cpu_count()} cores"
        )
        floor = show("mapInArrow identity", measured(lambda: identity(frame)), cells, characters, 0.0)
        cost = measured(lambda: scan_dataset(dataset, Detection(ner=None)))
        scan = show("clearance scan", cost, cells, characters, floor)
        if stock_rows:
            cores = os.cpu_count() or 1
            few, many = (frame.limit(some).repartition(cores) for some in (stock_rows // 4, stock_rows))
            less, more = measured(lambda: stock(few)), measured(lambda: stock(many))
            # What three quarters more cost: starting up, which all of the table would pay once, is not counted.
            share = (stock_rows - stock_rows // 4) / rows
            cost = Cost(more.wall - less.wall, more.cpu - less.cpu, more.memory)
            each = show("pandas_udf, sampled", cost, round(cells * share), characters * share, floor)
            print(f"the scan looks at {each / scan:.0f} times the values/s a core of the pandas_udf")
            alone(stock_rows // 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--stock-rows", type=int, default=2_000, help="0 leaves Presidio out")
    arguments = parser.parse_args()
    # For Spark's workers, which import stock_presidio's words-only engine.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    measure(arguments.rows, min(arguments.stock_rows, arguments.rows))
