"""CPU microseconds a value for tokens and masks, next to plain ``hashlib.sha256`` on the same values.

    python benchmarks/tokenization.py [VALUES]

All in one process and one run, in batches of 10,000 as Spark sends them; the ratio is what to compare.
"""

import hashlib
import sys
import time
from collections.abc import Callable

import pyarrow as pa

from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import Method, apply, is_protected
from clearance.tokenization.tokens import Tokenizer

BATCH = 10_000
ROUNDS = 5


def cpu(work: Callable[[pa.Array], object], batches: list[pa.Array]) -> float:
    """Best of some rounds, in microseconds of CPU a value."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for batch in batches:
            work(batch)
        best = min(best, time.process_time() - start)
    return best * 1e6 / sum(len(batch) for batch in batches)


def columns(count: int) -> dict[str, tuple[str, list[str]]]:
    numbers = range(count)
    return {
        "e-mail, distinct": ("EMAIL_ADDRESS", [f"user{i}.name{i % 977}@example{i % 53}.com" for i in numbers]),
        "e-mail, mixed case": ("EMAIL_ADDRESS", [f" User{i}@Example{i % 53}.com" for i in numbers]),
        "e-mail, 500 values": ("EMAIL_ADDRESS", [f"user{i % 500}@example.com" for i in numbers]),
        "card, grouped": ("CREDIT_CARD", [f"4111 {i % 7919:04} {i % 9973:04} {i % 10007:04}" for i in numbers]),
        "SSN": ("US_SSN", [f"{i % 899 + 1:03}-{i % 97 + 1:02}-{i % 9999:04}" for i in numbers]),
        "phone, E.164": ("PHONE_NUMBER", [f"+1415{i:07}" for i in numbers]),
        "phone, as written": ("PHONE_NUMBER", [f"(415) {i % 799 + 200}-{i % 9973:04}" for i in numbers]),
        "name": ("PERSON", [f"Maria{i} Miller" for i in numbers]),
        "name, accents": ("PERSON", [f"María{i} García" for i in numbers]),
        "other": ("CUSTOM", [f"value {i}" for i in numbers]),
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    tokenizer = Tokenizer(KeyRing({"bench0": bytes(32)}, "bench0"))
    mask = Method("mask", keep_last=4)
    print(
        f"{'column':<20} {'sha256':>7} {'token':>7} {'ratio':>6} {'again':>7} {'proof':>7} {'mask':>7}   us CPU a value"
    )
    for name, (kind, values) in columns(count).items():
        column = pa.array(values)
        batches = [column.slice(i, BATCH) for i in range(0, count, BATCH)]
        tokens = [tokenizer.tokenize(batch, kind) for batch in batches]
        plain = cpu(lambda batch: [hashlib.sha256(v.encode()).hexdigest() for v in batch.to_pylist()], batches)
        token = cpu(lambda batch, kind=kind: tokenizer.tokenize(batch, kind), batches)  # type: ignore[misc]
        again = cpu(lambda batch, kind=kind: tokenizer.tokenize(batch, kind), tokens)  # type: ignore[misc]
        proof = cpu(lambda batch, kind=kind: is_protected(Method("token"), batch, kind, tokenizer), tokens)  # type: ignore[misc]
        masked = cpu(lambda batch, kind=kind: apply(mask, batch, kind, tokenizer), batches)  # type: ignore[misc]
        ratio = token / plain
        print(f"{name:<20} {plain:7.3f} {token:7.3f} {ratio:6.2f} {again:7.3f} {proof:7.3f} {masked:7.3f}")


if __name__ == "__main__":
    main()
