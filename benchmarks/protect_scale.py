"""Whether protection grows linearly in flat memory, and gives the same tokens however the rows are cut.

    python benchmarks/protect_scale.py                          # 1, 3 and 10 million rows
    python benchmarks/protect_scale.py --rows 300000 1000000 --whole

Four columns of ``mixed_table.py``, an id and three that are protected: e-mail, SSN and card, all distinct within a
million rows. What is measured is what ``protect`` does to rows: they are read from Parquet, rewritten by the plan that
the default policy makes, marked, and written. ``--whole`` is the whole job with its scan before, the proof behind, and
the publication, patterns only. CPU is that of the JVM and its Python workers, memory the most that all had at once
(``processes.py``). Tables are written to a temporary folder and removed.

At the end the largest table is rewritten in 2 and in 200 partitions, and the sums of a hash of all its rows compared.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from mixed_table import arrow_table
from processes import PeakMemory, cpu_seconds

from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.planning import plan_protection
from clearance.jobs.plans import ProtectionPlan
from clearance.jobs.protect import protected_frame
from clearance.jobs.scan import scan_dataset
from clearance.jobs.session import get_session
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Target
from clearance.jobs.tasks import protect
from clearance.tokenization.keys import FileKeyProvider
from clearance.tokenization.signing_key import create_signing_key

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = ["id", "email", "ssn", "card"]
PROTECTED = len(COLUMNS) - 1
BLOCK = 250_000
ROW_GROUP = 25_000
PARTITIONS = (2, 200)


def write(folder: Path, rows: int) -> int:
    """Parquet files of the table's first rows; their octets. Each million has a seed of its own."""
    folder.mkdir()
    for start in range(0, rows, BLOCK):
        million, first = divmod(start, 1_000_000)
        part: pa.Table = arrow_table(min(BLOCK, rows - start), seed=7 + million, start=first).select(COLUMNS)
        pq.write_table(part, folder / f"{start:09}.parquet", row_group_size=ROW_GROUP)
    return sum(file.stat().st_size for file in folder.iterdir())


def planned(spark: "SparkSession", folder: Path, desk: Desk) -> ProtectionPlan:
    """The plan that the default policy makes of a scan of a small part."""
    write(folder, 20_000)
    found = scan_dataset(open_dataset(spark, Reference(str(folder))), desk.detection)
    plan = plan_protection(found.leaves, found.columns, desk.policy)
    done = [leaf.path for leaf in plan.changed]
    if done != COLUMNS[1:]:
        raise SystemExit(f"the policy protects {', '.join(done)}, not {', '.join(COLUMNS[1:])}")
    print("; ".join(f"{leaf.path}: {leaf.entity_type}, {leaf.method['name']}" for leaf in plan.changed))
    return plan


def rewritten(
    spark: "SparkSession", folder: Path, plan: ProtectionPlan, desk: Desk, parts: int | None = None
) -> "DataFrame":
    """The protected rows of a folder, in exactly so many partitions where they are given."""
    source = open_dataset(spark, Reference(str(folder)))
    if parts is not None:
        # How Spark cuts files is its own affair: it made 3 of what was asked for as 2.
        source = replace(source, frame=source.frame.repartition(parts))
    return protected_frame(source, plan, desk.detection, desk.tokens())


def show(rows: int, octets: int, work: Callable[[], object], first: float | None) -> float:
    """One line; the CPU microseconds of a protected value."""
    before, start = cpu_seconds(os.getpid()), time.monotonic()
    with PeakMemory() as peak:
        work()
    wall, spent = time.monotonic() - start, cpu_seconds(os.getpid()) - before
    each = spent / rows / PROTECTED * 1e6
    print(
        f"  {rows:>11,} rows {octets / 1e6:8.1f} MB {wall:8.1f} s {spent:8.1f} s of CPU {each:7.2f} us a value"
        f" {each / (first or each):5.2f} times the first; {peak.together >> 20:,} MiB at once:"
        f" JVM {peak.java >> 20:,}, Python {peak.python >> 20:,}, largest worker {peak.largest >> 20:,}",
        flush=True,
    )
    return each


def cut(spark: "SparkSession", folder: Path, parts: int, plan: ProtectionPlan, desk: Desk) -> object:
    """The sum of a hash of all rewritten rows, which are in exactly so many partitions."""
    from pyspark.sql import functions as F

    frame = rewritten(spark, folder, plan, desk, parts)
    hashed = F.xxhash64(*frame.columns).cast("decimal(38,0)")
    numbered = frame.select(F.spark_partition_id().alias("part"), hashed.alias("hash"))
    row = numbered.agg(F.count_distinct("part"), F.sum("hash")).head()
    if row is None or row[0] != parts:
        raise SystemExit(f"{row and row[0]} partitions had rows, not {parts}")
    return row[1]


def measure(sizes: list[int], *, whole: bool) -> None:
    """All of it."""
    spark = get_session()
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        FileKeyProvider(base / "keys" / "keys.json").create()
        create_signing_key(base / "keys" / "signing.pem")
        os.environ["CLEARANCE_SIGNING_KEY_FILE"] = str(base / "keys" / "signing.pem")
        desk = open_desk(home=base / "home", detection=Detection(ner=None), key_file=base / "keys" / "keys.json")
        plan = planned(spark, base / "small", desk)
        rewritten(spark, base / "small", plan, desk).write.format("noop").mode("overwrite").save()
        print("scan, stage, prove, publish" if whole else "rewrite and write")
        first: float | None = None
        for rows in sizes:
            source, target = base / f"rows-{rows}", base / f"protected-{rows}"
            octets = write(source, rows)

            def work(source: Path = source, target: Path = target) -> object:
                if whole:
                    return protect(spark, Reference(str(source)), Target(str(target)), desk)
                return rewritten(spark, source, plan, desk).write.parquet(str(target))

            each = show(rows, octets, work, first)
            first = first or each
        sums = {cut(spark, base / f"rows-{sizes[-1]}", parts, plan, desk) for parts in PARTITIONS}
        partitions = " and ".join(map(str, PARTITIONS))
        print(f"{sizes[-1]:,} rows in {partitions} partitions: {'the same' if len(sums) == 1 else 'OTHER'} rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--whole", action="store_true", help="scan, stage, prove and publish")
    arguments = parser.parse_args()
    measure(sorted(arguments.rows), whole=arguments.whole)
