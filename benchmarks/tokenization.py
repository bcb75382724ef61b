"""CPU microseconds a value for every keyed method, next to SHA-256 of the same column in the same run.

    python benchmarks/tokenization.py                    # without Spark, next to hashlib.sha256
    python benchmarks/tokenization.py --methods          # every method that is not in the first, on distinct values
    python benchmarks/tokenization.py --spark 2000000    # inside Spark, next to Spark's own sha2
    python benchmarks/tokenization.py --equal 1000000    # batched and one by one: the same bytes?

Without Spark all is in one process, in batches of 10,000 as Spark sends them. Inside Spark the CPU is that of the JVM
and its Python workers, the columns are read from Parquet and thrown away behind the method; ``read`` is that alone.
Each is the best of some rounds; the ratios are what to compare, and those of issue 5 are held to their bars. A method
is measured by itself and as a job's plan does it, with the columns that mark each record. Beside them
presidio-anonymizer's ``hash`` in a ``pandas_udf``, and Bouncy Castle's FF1 as a Java UDF where there are ``javac`` and
Maven Central (``bouncy_castle.py``).
"""

import argparse
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bouncy_castle
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clearance.generalizing import Bins, Dates, Hierarchy, Ip, Postal, TopBottom
from clearance.jobs.workers import keep_freed_memory
from clearance.method_spec import MethodSpec
from clearance.methods import FormatPreserving, Mask, Reversible, Surrogate, Token
from clearance.perturbing import DateShift, Noise
from clearance.tokenization.ff1 import Ff1
from clearance.tokenization.keys import FileKeyProvider, KeyReference, KeyRing
from clearance.tokenization.methods import RowContext, apply, is_protected, restore
from clearance.tokenization.tokens import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BATCH = 10_000
ROUNDS = 7
MASK = Mask(keep_last=4)
FORMAT = FormatPreserving()
CARD = FormatPreserving(keep_first=6, keep_last=4)


def columns(count: int) -> dict[str, tuple[str, list[str], list[MethodSpec]]]:
    """Entity type, values and methods of each column."""
    numbers = range(count)
    one_way, reversible = Token(), Reversible()
    both = [one_way, reversible, MASK]
    emails = [f"user{i}.name{i % 977}@example{i % 53}.com" for i in numbers]
    cards = [f"4111 {i % 7919:04} {i % 9973:04} {i % 10007:04}" for i in numbers]
    ssns = [f"{i % 1000:03}-{i // 1000 % 100:02}-{i // 100000 % 10000:04}" for i in numbers]
    return {
        "e-mail, distinct": ("EMAIL_ADDRESS", emails, both),
        "e-mail, mixed case": ("EMAIL_ADDRESS", [f" User{i}@Example{i % 53}.com" for i in numbers], both),
        "e-mail, 500 values": ("EMAIL_ADDRESS", [f"user{i % 500}@example.com" for i in numbers], both),
        "SSN, distinct": ("US_SSN", ssns, [*both, FORMAT]),
        "SSN, 500 values": ("US_SSN", [ssns[i % 500] for i in numbers], [*both, FORMAT]),
        "card, grouped": ("CREDIT_CARD", cards, [*both, CARD]),
        "phone, E.164": ("PHONE_NUMBER", [f"+1415{i:07}" for i in numbers], both),
        "phone, as written": ("PHONE_NUMBER", [f"(415) {i % 799 + 200}-{i % 9973:04}" for i in numbers], both),
        "name": ("PERSON", [f"Maria{i} Miller" for i in numbers], both),
        "name, accents": ("PERSON", [f"María{i} García" for i in numbers], both),
        "other": ("CUSTOM", [f"value {i}" for i in numbers], both),
    }


def cpu(work: Callable[[Any], object], batches: list[Any]) -> float:
    """Best of some rounds, in microseconds of CPU a value."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for batch in batches:
            work(batch)
        best = min(best, time.process_time() - start)
    return best * 1e6 / sum(len(batch[0]) if isinstance(batch, tuple) else len(batch) for batch in batches)


def without_spark(count: int) -> None:
    """One table line for each column and method."""
    tokenizer = Tokenizer(KeyRing({"bench0": bytes(32)}, "bench0"))
    print(
        f"{'column':<20} {'method':<18} {'sha256':>7} {'apply':>7} {'ratio':>6} {'again':>7} {'proof':>7} {'back':>7}"
    )
    for name, (kind, values, methods) in columns(count).items():
        column = pa.array(values)
        batches = [column.slice(i, BATCH) for i in range(0, count, BATCH)]
        plain = cpu(lambda batch: [hashlib.sha256(v.encode()).hexdigest() for v in batch.to_pylist()], batches)
        for method in methods:
            done = [apply(method, batch, kind, tokenizer) for batch in batches]
            once = cpu(lambda batch, kind=kind, method=method: apply(method, batch, kind, tokenizer), batches)  # type: ignore[misc]
            rest = "" if method is MASK else again_proof_back(method, kind, tokenizer, done)
            print(f"{name:<20} {method.name:<18} {plain:7.3f} {once:7.3f} {once / plain:7.2f} {rest}", flush=True)


def again_proof_back(method: MethodSpec, kind: str, tokenizer: Tokenizer, done: list[pa.Array]) -> str:
    """What it costs to protect again, to prove, and to restore; a dash where the method has no such thing."""
    again = proof = back = "-"
    if method.name != "format_preserving":
        again = f"{cpu(lambda batch: apply(method, batch, kind, tokenizer), done):.3f}"
        proof = f"{cpu(lambda batch: is_protected(method, batch, kind, tokenizer), done):.3f}"
    if method.name != "token":
        back = f"{cpu(lambda batch: restore(method, batch, kind, tokenizer), done):.3f}"
    return f"{again:>7} {proof:>7} {back:>7}"


BARS = {
    ("e-mail, distinct", "token"): 3.5,
    ("e-mail, distinct", "reversible"): 3.0,
    ("e-mail, 500 values", "token"): 2.5,
    ("e-mail, 500 values", "reversible"): 2.5,
    ("SSN, distinct", "format_preserving"): 2.5,
    ("SSN, 500 values", "token"): 2.5,
    ("SSN, 500 values", "reversible"): 2.5,
    ("SSN, 500 values", "format_preserving"): 2.5,
}
"""The most that a method may cost beside ``sha2`` of the same column."""


def every_method(count: int) -> None:
    """One table line for each method that changes a value without making a token."""
    numbers = range(count)
    cents = [f"{i * 7919 % 10_000_000 / 100}" for i in numbers]
    days = [str(np.datetime64("1920-01-01") + i % 36_000) for i in numbers]
    whole = [str(i * 7919 % 200_000) for i in numbers]
    people = [f"Maria{i} Miller" for i in numbers]
    addresses = [f"10.{i % 251}.{i // 251 % 251}.{i // 63001}" for i in numbers]
    ssns = [f"{i % 1000:03}-{i % 97:02}-{i % 9973:04}" for i in numbers]
    table = tuple((str(i), str(i // 100)) for i in range(2000))
    bounds: dict[str, Any] = {"row_key": "id", "lower": 0, "upper": 200_000}
    cases: list[tuple[str, str, list[str], MethodSpec]] = [
        ("mask, separators", "US_SSN", ssns, Mask(keep=("separators",))),
        ("bins, whole", "X", whole, Bins(width=1000)),
        ("bins, decimals", "X", cents, Bins(width=1000)),
        ("top_bottom", "X", whole, TopBottom(upper=150_000)),
        ("date to month", "DATE_TIME", days, Dates(to="month")),
        ("date to age band", "DATE_OF_BIRTH", days, Dates(to="age_band", width=10, reference="2026-01-01")),
        ("postal", "US_ZIP_CODE", [f"{i % 100_000:05}" for i in numbers], Postal(3)),
        ("ip", "IP_ADDRESS", addresses, Ip()),
        ("hierarchy", "X", [str(i % 2000) for i in numbers], Hierarchy(1, table)),
        ("date_shift", "DATE_TIME", days, DateShift(365, "id")),
        ("noise, uniform", "X", whole, Noise(distribution="uniform", amount=50, **bounds)),
        ("noise, laplace", "X", whole, Noise(distribution="laplace", epsilon=1, **bounds)),
        ("surrogate, name", "PERSON", people, Surrogate()),
        ("surrogate, e-mail", "EMAIL_ADDRESS", [f"user{i}@example{i % 53}.com" for i in numbers], Surrogate()),
    ]  # fmt: skip
    tokenizer = Tokenizer(KeyRing({"bench0": bytes(32)}, "bench0"))
    keys = pa.array([f"row {i}" for i in numbers])
    print(f"{'method':<20} {'sha256':>7} {'apply':>7} {'ratio':>6}")
    for name, kind, values, method in cases:
        column = pa.array(values)
        batches = [(column.slice(i, BATCH), keys.slice(i, BATCH)) for i in range(0, count, BATCH)]
        plain = cpu(lambda batch: [hashlib.sha256(v.encode()).hexdigest() for v in batch[0].to_pylist()], batches)

        def once(batch: Any, kind: str = kind, method: MethodSpec = method) -> pa.Array:
            return apply(method, batch[0], kind, tokenizer, RowContext(batch[1], batch[1], "v"))

        cost = cpu(once, batches)
        print(f"{name:<20} {plain:7.3f} {cost:7.3f} {cost / plain:6.2f}", flush=True)


def inside_spark(count: int) -> None:
    """The bars of issue 5: each method against Spark's ``sha2`` on the same column."""
    from pyspark.sql import functions as F

    from clearance.jobs.session import get_session

    with tempfile.TemporaryDirectory() as folder:
        missing = bouncy_castle.build(Path(folder))
        spark = get_session()
        if missing is None:
            spark.udf.registerJavaFunction("java_ff1", bouncy_castle.CLASS, "string")
        keys = FileKeyProvider(Path(folder) / "keys" / "keys.json")
        keys.create()
        print(
            f"{'column':<20} {'read':>6} {'sha2':>6} {'arrow':>6}   us CPU a value, then method, its own, ratio to"
            " sha2, and the same as a job's plan does it"
        )
        for name in ("e-mail, distinct", "e-mail, 500 values", "SSN, distinct", "SSN, 500 values"):
            kind, values, methods = columns(count)[name]
            path = str(Path(folder) / name)
            Path(path).mkdir()
            for part in range(4):
                pq.write_table(pa.table({"v": values[part::4]}), f"{path}/{part}.parquet")
            frame = spark.read.parquet(path)
            hashed = frame.select(F.sha2("v", 256).alias("v"))
            spark_cpu(hashed, count)  # while the JVM still compiles, sha2 looks dearer and all ratios better
            read, sha2 = spark_cpu(frame, count), spark_cpu(hashed, count)
            arrow = spark_cpu(frame.mapInArrow(unchanged, "v string"), count)
            print(f"{name:<20} {read:6.3f} {sha2:6.3f} {arrow:6.3f}", flush=True)
            for method in methods:
                cost = spark_cpu(frame.mapInArrow(protecting(method, kind, keys.reference()), "v string"), count)
                planned = spark_cpu(by_plan(frame, method, kind, keys.reference()), count)
                bar = BARS.get((name, method.name))
                told = "" if bar is None else f"  bar {bar}: {'holds' if cost / sha2 <= bar else 'MISSED'}"
                both = f"{cost:6.3f} {cost / sha2:6.2f}   {planned:6.3f} {planned / sha2:6.2f}"
                print(f"{'':<20} {method.name:<18} {both}{told}", flush=True)
            if name == "SSN, distinct":
                print(f"{'':<20} {bouncy(frame, count, sha2) if missing is None else f'no Java UDF: {missing}'}")
        # Last, for workers are kept: after it they hold Presidio too, and what is measured in them is dearer.
        emails = spark.read.parquet(str(Path(folder) / "e-mail, distinct"))
        token = spark_cpu(emails.mapInArrow(protecting(Token(), "EMAIL_ADDRESS", keys.reference()), "v string"), count)
        presidio = presidio_cpu(emails)
        print(f"presidio's hash of an e-mail address: {presidio:.1f}, {presidio / token:.0f} times a one-way token")


def bouncy(frame: "DataFrame", count: int, sha2: float) -> str:
    """What Bouncy Castle's FF1 costs, which is the one that ours is."""
    from pyspark.sql import functions as F

    cipher = Ff1(bouncy_castle.KEY, "0123456789")
    theirs = frame.select("v", F.expr("java_ff1(v)").alias("w"))
    for row in theirs.head(100):
        if cipher.encrypt(row.v.replace("-", "")) != row.w.replace("-", ""):
            raise SystemExit("Bouncy Castle's FF1 gives something else than ours")
    cost = spark_cpu(theirs.select("w"), count)
    return f"Bouncy Castle, Java {cost:6.3f} {cost / sha2:6.2f}"


def by_plan(frame: "DataFrame", method: MethodSpec, kind: str, reference: KeyReference) -> "DataFrame":
    """The column as a protection job rewrites it, with the two columns that mark each record."""
    from clearance.governance.labels import Label
    from clearance.jobs.plans import LeafPlan, ProtectionPlan
    from clearance.jobs.protect import protected_schema
    from clearance.jobs.rewrite import Rewriter
    from clearance.jobs.settings import Detection, Tokens
    from clearance.jobs.workers import map_batches
    from clearance.paths import parse_path

    label = Label("confidential", frozenset({"user.contact"}))
    leaf = LeafPlan("v", parse_path("v"), "cells", "structured", kind, method.settings(), label, "string", "string")
    plan = ProtectionPlan((leaf,), {}, {}, ("public", "internal", "confidential", "restricted"))
    rewriter = Rewriter(plan, Detection(ner=None), Tokens(reference))
    return map_batches(frame, rewriter, protected_schema(frame.schema, plan), "protection")


def presidio_cpu(frame: "DataFrame") -> float:
    """presidio-anonymizer's ``hash`` in a ``pandas_udf``: what each of some more values costs."""
    import pandas as pd
    from presidio_anonymizer import AnonymizerEngine
    from presidio_anonymizer.entities import OperatorConfig, RecognizerResult
    from pyspark.sql import functions as F

    @F.pandas_udf("string")
    def anonymized(values: pd.Series) -> pd.Series:
        engine = AnonymizerEngine()
        operators = {"EMAIL_ADDRESS": OperatorConfig("hash", {"hash_type": "sha256", "salt": b"0" * 16})}

        def one(value: str) -> str:
            found = RecognizerResult("EMAIL_ADDRESS", 0, len(value), 1.0)
            return engine.anonymize(value, [found], operators).text

        return values.map(one)

    few, many = 2_000, 12_000
    costs = [spark_cpu(frame.limit(size).select(anonymized("v").alias("v")), 1) for size in (few, many)]
    return (costs[1] - costs[0]) / (many - few)


def unchanged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The floor of all methods."""
    yield from batches


def protecting(
    method: MethodSpec, kind: str, reference: KeyReference
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The method on the one column of a frame."""

    def protect(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        keep_freed_memory()  # as in every worker of a job
        tokenizer = Tokenizer(reference.open())
        for batch in batches:
            yield pa.RecordBatch.from_arrays([apply(method, batch.column(0), kind, tokenizer)], names=["v"])

    return protect


def spark_cpu(frame: "DataFrame", count: int) -> float:
    """Microseconds of CPU a value, of the JVM and its workers, to compute a frame and throw it away."""
    from processes import cpu_seconds

    best = float("inf")
    for _ in range(ROUNDS):
        before = cpu_seconds(os.getpid())
        frame.write.format("noop").mode("overwrite").save()
        best = min(best, cpu_seconds(os.getpid()) - before)
    return best * 1e6 / count


def compare(count: int) -> None:
    """Generated values of all lengths, scripts and formats through both paths; counts what differs."""
    rng = random.Random(1)
    tokenizer = Tokenizer(KeyRing({"bench0": bytes(range(32))}, "bench0"))
    characters = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789@.-+ _éüßñ中文字😀\0\n"
    kinds = ["EMAIL_ADDRESS", "CREDIT_CARD", "PERSON", "PHONE_NUMBER", "IP_ADDRESS", "CUSTOM"]
    differ = 0
    for start in range(0, count, BATCH):
        texts = ["".join(rng.choices(characters, k=int(rng.expovariate(1 / 30)))) for _ in range(BATCH)]
        digits = ["".join(rng.choices("0123456789", k=rng.randint(6, 24))) for _ in range(BATCH)]
        kind = kinds[start // BATCH % len(kinds)]
        column = pa.array(texts)
        cipher = tokenizer.keys_of(kind).ff1("0123456789")
        pairs = [
            (tokenizer.tokenize(column, kind), [tokenizer.token(text, kind) for text in texts]),
            (tokenizer.encrypt(column, kind), [tokenizer.reversible_token(text, kind) for text in texts]),
            (apply(FORMAT, pa.array(digits), kind, tokenizer), [cipher.encrypt(text) for text in digits]),
        ]
        for batched, scalar in pairs:
            differ += sum(a != b for a, b in zip(batched.to_pylist(), scalar, strict=True))
        differ += sum(a != b for a, b in zip(tokenizer.reverse(pairs[1][0]).to_pylist(), texts, strict=True))
    print(f"{differ} of {count:,} values differ, in one-way tokens, reversible ones, their way back, or FF1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=100_000, help="values a column without Spark")
    parser.add_argument("--methods", action="store_true", help="measure what makes no tokens instead")
    parser.add_argument("--spark", type=int, metavar="VALUES", help="measure inside Spark instead")
    parser.add_argument("--equal", type=int, metavar="VALUES", help="compare batched and one by one instead")
    given = parser.parse_args()
    if given.methods:
        every_method(given.values)
    elif given.spark:
        inside_spark(given.spark)
    elif given.equal:
        compare(given.equal)
    else:
        without_spark(given.values)


if __name__ == "__main__":
    main()
