"""How the cost of a scan grows: with rows, columns, the length of a cell, and the number of detectors.

    python benchmarks/growth.py                        # all but columns, without Spark
    python benchmarks/growth.py columns                # Spark, up to 1,000 columns
    python benchmarks/growth.py rows --most 1000000

CPU time, patterns only. Each line is a size, its cost, the cost of one unit and that beside the first line's; below it
the exponent of the line through all points (least squares of the logarithms): 1 is linear, 0 is flat.

- **rows**: profiles of the mixed table's twelve columns (``mixed_table.py``), batches of 32,768 rows, as a worker makes
  them.
- **columns**: a whole scan in Spark, of tables with 1,000 rows whose columns are those of the mixed table again and
  again; CPU of this process, the JVM and its workers.
- **length**: texts of words and identifiers (``paragraphs.py`` one after another), so many that all lines look at the
  same number of characters.
- **detectors**: the mixed table's notes and paragraphs of 500 characters with more and more detectors of a user's file,
  which hardly ever find anything: what is measured is the price of looking. A quarter each has a literal beginning,
  letters and digits in a row, a word among several, and digits that need a context word.
"""

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from mixed_table import arrow_table
from paragraphs import paragraphs
from processes import cpu_seconds

from clearance.classifiers.columns import finish
from clearance.classifiers.detectors import load_detectors
from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.profile import LeafProfile
from clearance.values import to_text

ROWS_A_BATCH = 1 << 15

Point = tuple[int, float]


def cpu(work: Callable[[], object], times: int = 2) -> float:
    """CPU seconds of the fastest of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def show(what: str, points: Sequence[Point], *, unit: str, units: Sequence[float] | None = None) -> None:
    """Sizes and CPU seconds, and the exponent; ``units``: what each line's cost is divided by, else the sizes."""
    counts = units or [size for size, _ in points]
    first = points[0][1] / counts[0]
    print(f"\n{what}")
    for (size, seconds), count in zip(points, counts, strict=True):
        each = seconds / count
        print(f"  {size:>11,} {seconds:9.3f} s {each * 1e6:11.3f} us a {unit} {each / first:7.2f} times the first")
    if len(points) > 1:
        exponent, _ = np.polyfit(np.log([size for size, _ in points]), np.log([cost for _, cost in points]), 1)
        print(f"  cost grows with size to the power of {exponent:.2f}", flush=True)


def warm(engine: Engine) -> Engine:
    """The engine with its gate built; what was loaded with it is kept from the collector, as workers do."""
    engine.spans(["some words", "1234567", "caf\u00e9"] * 200)
    gc.collect()
    gc.freeze()
    return engine


def profile(table: pa.Table, engine: Engine) -> None:
    """What workers and driver do for a table, without Spark between them."""
    for name in table.column_names:
        found = LeafProfile(name, str(table[name].type), salt=b"growth of a scan")
        column = table[name].combine_chunks()
        for start in range(0, len(column), ROWS_A_BATCH):
            found.update(to_text(column.slice(start, ROWS_A_BATCH)), engine)
        finish(LeafProfile.from_bytes(found.to_bytes()), name=name, dtype="string")


def by_rows(most: int) -> None:
    """Rows from 10,000 on."""
    engine = warm(load_engine(ner=None))
    sizes = [size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000) if size < most] + [most]
    tables = ((size, arrow_table(size)) for size in sizes)
    points = [(size, cpu(lambda table=table: profile(table, engine), times=1)) for size, table in tables]
    show("rows of the mixed table", points, unit="cell", units=[12 * size for size, _ in points])


def by_length(characters: int) -> None:
    """Cells of 10 to ``characters`` characters."""
    engine = warm(load_engine(ner=None))
    whole = " ".join(paragraphs(-(-characters // 500)))[:characters]
    points = []
    length = 10
    while length <= characters:
        texts = [whole[start : start + length] for start in range(0, characters - length + 1, length)]
        points.append((length, cpu(lambda texts=texts: engine.spans(texts))))
        length *= 10
    flat = [(size, seconds * size / characters) for size, seconds in points]
    show(f"characters of a cell ({characters:,} in all cells)", flat, unit="character")


def by_columns(most: int, rows: int) -> None:
    """Columns from 12 on, in Spark."""
    from clearance.jobs.datasets import Reference, open_dataset
    from clearance.jobs.scan import scan_dataset
    from clearance.jobs.session import get_session
    from clearance.jobs.settings import Detection

    table = arrow_table(rows)
    spark = get_session()
    points = []
    with tempfile.TemporaryDirectory() as folder:
        for size in [size for size in (12, 36, 100, 300, 1_000) if size < most] + [most]:
            wide = pa.table(
                {f"{table.column_names[i % 12]}_{i}": table[table.column_names[i % 12]] for i in range(size)}
            )
            path = Path(folder, str(size))
            path.mkdir()
            pq.write_table(wide, path / "part-0.parquet")

            def scan(path: Path = path) -> None:
                scan_dataset(open_dataset(spark, Reference(str(path))), Detection(ner=None))

            scan()
            before, own = cpu_seconds(os.getpid()), time.process_time()
            scan()
            spent = time.process_time() - own + cpu_seconds(os.getpid()) - before
            points.append((size, spent))
    show(f"columns of {rows:,} rows, in Spark", points, unit="cell", units=[rows * size for size, _ in points])


def detectors(count: int) -> Iterator[dict[str, object]]:
    """Declarations that differ in what they look for."""
    for number in range(count):
        kind = number % 4
        base: dict[str, object] = {"name": f"Made{number}", "entity_type": f"MADE_{number}", "score": 0.8}
        if kind == 0:
            yield base | {"pattern": rf"\bqz{number}-\d{{4,8}}\b", "match": [f"qz{number}-12345"], "no_match": ["qz-1"]}
        elif kind == 1:
            code = chr(65 + number % 26) + chr(65 + number // 26 % 26) + chr(65 + number // 676 % 26)
            pattern = rf"\b{code}[A-Z]{{1,2}}\d{{3}}[A-Z]\d\b"
            yield base | {"pattern": pattern, "match": [f"{code}X123Y4"], "no_match": [f"{code}1"], "flags": "cased"}
        elif kind == 2:
            pattern = rf"\bproject (?:alpha|beta|gamma){number}(?: phase \d)?\b"
            yield base | {"pattern": pattern, "match": [f"Project beta{number}"], "no_match": ["project beta"]}
        else:
            word = f"ledger{number}"
            yield base | {
                "pattern": rf"\b\d{{{5 + number % 7}}}\b",
                "context": [word],
                "match": [f"{word}: {'1' * (5 + number % 7)}"],
                "no_match": ["12"],
            }


def by_detectors(most: int) -> None:
    """Presidio's patterns alone, the packaged detectors on top, and ``most`` made-up ones on top of these."""
    notes = list(dict.fromkeys(arrow_table(20_000)["note"].to_pylist()))
    texts = [*notes, *paragraphs(2_000)]
    points = []
    packaged = len(load_detectors())
    with tempfile.TemporaryDirectory() as folder:
        for count in (-packaged, 0, most // 4, most // 2, most):
            file = Path(folder, f"{count}.yaml")
            file.write_text(yaml.safe_dump({"detectors": list(detectors(count))}), encoding="utf-8")
            start = time.process_time()
            if count < 0:
                with patch("clearance.classifiers.engine.load_detectors", return_value=()):
                    engine = warm(Engine("en", None, None, 0.35))
            else:
                engine = warm(Engine("en", None, None, 0.35, (file,) if count else ()))
            built = time.process_time() - start
            patterns = sum(len(getattr(recognizer, "patterns", "1")) for recognizer in engine.recognizers)
            points.append((patterns + packaged + count, cpu(lambda engine=engine: engine.spans(texts))))
            print(f"  {points[-1][0]:,} patterns: built in {built:.1f} s of CPU", flush=True)
    name = f"patterns of all detectors, over {len(texts):,} notes and paragraphs"
    show(name, points, unit="text", units=[len(texts)] * len(points))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["rows", "columns", "length", "detectors"])
    parser.add_argument("--most", type=int, help="rows, columns, characters or detectors, with one thing to measure")
    parser.add_argument("--rows", type=int, default=1_000, help="of the tables with many columns")
    arguments = parser.parse_args()
    chosen = [arguments.what] if arguments.what else ["rows", "length", "detectors"]
    if "rows" in chosen:
        by_rows(arguments.most or 100_000)
    if "length" in chosen:
        by_length(arguments.most or 1_000_000)
    if "detectors" in chosen:
        by_detectors(arguments.most or 1_000)
    if "columns" in chosen:
        by_columns(arguments.most or 1_000, arguments.rows)
