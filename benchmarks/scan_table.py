"""What a scan of a table of twelve columns costs, and how that compares with stock Presidio on the same values.

    python benchmarks/scan_table.py --rows 20000

Prints wall seconds, CPU seconds of all workers, and the ratio to ``AnalyzerEngine`` (the same recognizers, one
core) on a sample of the same cells, measured in the same run.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.scan import scan_dataset
from clearance.jobs.session import get_session
from clearance.jobs.settings import Detection

SAMPLE = 60


def make(rows: int, folder: str) -> str:
    """A Delta table: ids, e-mails, account numbers, dates, amounts, phones, addresses, codes, names."""
    from pyspark.sql import functions as F

    spark = get_session()
    number = F.col("id")

    def pick(words: str, by: int) -> object:
        chosen = F.array(*[F.lit(word) for word in words.split()])
        return F.element_at(chosen, (number % by + 1).cast("int"))

    columns = {
        "id": number,
        "email": F.concat(F.lit("user"), (number * 7919 % rows).cast("string"), F.lit("@example.com")),
        "account": F.lit(4_000_000_000_000_000) + number * 13,
        "birth_date": F.date_add(F.lit("1950-01-01").cast("date"), (number % 20_000).cast("int")),
        "amount": (F.rand(1) * 1000).cast("decimal(10,2)"),
        "phone": F.concat(F.lit("+1 212 555 "), F.lpad((number % 10_000).cast("string"), 4, "0")),
        "country": pick("DE FR US GB IN", 5),
        "ip": F.concat_ws(".", F.lit("10"), number % 256, F.floor(number / 256) % 256, F.lit("7")),
        "status": pick("open closed pending", 3),
        "age": (number % 90 + 10).cast("int"),
        "order_no": F.concat(F.lit("ORD-"), F.lpad(number.cast("string"), 9, "0")),
        "full_name": F.concat_ws(" ", pick("Anna Bob Carla Dev Eve Frank", 6), pick("Smith Jones Garcia Patel Kim", 5)),
    }
    path = str(Path(folder, "table"))
    frame = spark.range(rows).select(*[column.alias(name) for name, column in columns.items()])
    frame.repartition(8).write.format("delta").save(path)
    return path


def stock_seconds(path: str) -> float:
    """CPU seconds a cell that ``AnalyzerEngine`` takes, on a sample of rows of the same table."""
    from clearance.classifiers.engine import load_engine
    from clearance.values import to_text

    engine = load_engine(ner=None)
    sample = get_session().read.format("delta").load(path).limit(SAMPLE).toArrow()
    cells = [text for column in sample.columns for text in to_text(column.combine_chunks()).to_pylist()]
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    registry = RecognizerRegistry(recognizers=list(engine._recognizers), supported_languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine._nlp, supported_languages=["en"])
    analyzer.analyze("warm up 4111111111111111", "en")
    start = time.process_time()
    for text in cells:
        analyzer.analyze(text, "en")
    return (time.process_time() - start) / len(cells)


def children_cpu() -> float:
    """CPU seconds of this process's descendants so far: the JVM and its Python workers."""
    total = 0.0
    tick = os.sysconf("SC_CLK_TCK")
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / tick)
    wanted = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in parents.items() if parent in wanted} - wanted
        wanted |= more
        grown = bool(more)
    for pid in wanted - {os.getpid()}:
        total += parents[pid][1]
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        table = make(rows, folder)
        each = stock_seconds(table)
        dataset = open_dataset(get_session(), Reference(table))
        cpu, wall = children_cpu(), time.monotonic()
        found = scan_dataset(dataset, Detection())
        cpu, wall = children_cpu() - cpu, time.monotonic() - wall
    cells = found.rows * len(found.columns)
    print(f"{found.rows:,} rows x {len(found.columns)} columns: {wall:,.1f} s wall, {cpu:,.1f} s CPU")
    print(f"{cpu / cells * 1e6:,.0f} us a cell, JVM and workers; stock AnalyzerEngine {each * 1e6:,.0f} us")
    print(f"ratio to stock: {each * cells / cpu:.1f} times less")
    for column in found.columns:
        print(f"  {column.path:<12} {column.kind:<11} {column.entity_type or '-'}")
