"""What runs inside Spark's Python workers, and how its failures leave them.

A worker's traceback ends up in the exception, in Spark's log and in its event log: nothing a value could have
slipped into may be part of it.
"""

import gc
import re
import sys
import zipimport
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ClearanceError, DetectionError
from clearance.values import texts_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from clearance.classifiers.engine import Engine
    from clearance.classifiers.findings import Span
    from clearance.jobs.settings import Detection
    from clearance.tokenization.tokens import Tokenizer

Batches = Iterable[pa.RecordBatch]

#: Batches are joined as long as they hold no more.
LARGE_ROWS, LARGE_OCTETS = 1 << 15, 1 << 24
#: Larger ones are cut, if they have more than one row.
HUGE_OCTETS = 1 << 26
#: Objects made and not yet gone, and younger collections, before the collector looks: hits are no cycles.
_COLLECT_AFTER = (100_000, 50, 1_000)
#: Spark's own archives on a worker's path. They do not change while it runs.
_SPARKS_OWN = re.compile(r"/(pyspark\.zip|py4j-[^/]*\.zip|spark-core_[^/]*\.jar)$")


def map_batches(
    frame: "DataFrame", work: Callable[[Batches], Batches], schema: "StructType | str", doing: str
) -> "DataFrame":
    """``frame.mapInArrow(work, schema)``, for any column names, and with every failure made value-free.

    Columns cross under positions and get their names back in the worker: mapInArrow can't resolve a name that
    holds a dot.
    """
    names = list(frame.columns)
    positional = frame.toDF(*(f"c{i}" for i in range(len(names))))

    def run(batches: Batches) -> Batches:
        keep_freed_memory()
        try:
            yield from work(batch.rename_columns(names) for batch in batches)
        except ClearanceError as error:
            raise type(error)(error.message, hint=error.hint) from None
        except Exception as error:
            raise DetectionError(
                f"{doing} stopped with {type(error).__name__}", hint="report it with the column's type and shape"
            ) from None
        finally:
            forget_archives()

    return positional.mapInArrow(run, schema)


@cache
def keep_freed_memory() -> None:
    """Lets the C library keep up to 64 MB that were freed for the next batch, instead of giving them back.

    A batch's arrays come and go by the megabyte; getting their pages anew took a fifth of a method's time. glibc raises
    both its thresholds when a large block is freed (mallopt(3), M_MMAP_THRESHOLD), up to 32 MB. No page of this one is
    touched, and where another library allocates it changes nothing.
    """
    np.empty((1 << 25) - (1 << 16), np.uint8)


def forget_archives() -> None:
    """Drops what importing remembers of Spark's own archives, without which the next task starts sooner.

    PySpark invalidates all of that before each task, and Python then reads the directory of every archive again, 40 ms
    for Spark's core alone: more than most tasks take. What is imported after this is found as before.
    """
    remembered = sys.path_importer_cache
    for path, finder in list(remembered.items()):
        if isinstance(finder, zipimport.zipimporter) and _SPARKS_OWN.search(finder.archive):
            del remembered[path]


def in_even_batches(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The same rows, small batches joined up to LARGE_ROWS rows and LARGE_OCTETS octets, huge ones cut.

    What costs as much for ten rows as for ten thousand is paid less often, and a value that repeats is looked at
    once a batch. What is held of huge cells at one time, in several forms, is not a whole batch of them.
    """
    held: list[pa.RecordBatch] = []
    rows = octets = 0
    for batch in chain.from_iterable(map(_cut, batches)):
        if held and (rows + batch.num_rows > LARGE_ROWS or octets + batch.nbytes > LARGE_OCTETS):
            yield _joined(held)
            held, rows, octets = [], 0, 0
        held.append(batch)
        rows, octets = rows + batch.num_rows, octets + batch.nbytes
    if held:
        yield _joined(held)


def _cut(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Halves of halves, as long as one is huge and has rows to be cut at: cells may differ much in size."""
    if batch.nbytes <= HUGE_OCTETS or batch.num_rows < 2:
        return [batch]
    half = batch.num_rows // 2
    return [*_cut(batch.slice(0, half)), *_cut(batch.slice(half))]


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    arrays = [pa.concat_arrays([batch.column(i) for batch in batches]) for i in range(batches[0].num_columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=batches[0].schema)


def worker_engine(detection: "Detection") -> "Engine":
    """The engine of a worker process, where what is loaded with it stays.

    The collector would look through all of that again and again: every batch makes objects by the hundred thousand.
    """
    engine = detection.engine()
    if not gc.get_freeze_count():
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)
    return engine


def find_in_texts(texts: Sequence[str], engine: "Engine", tokenizer: "Tokenizer | None") -> list[tuple["Span", ...]]:
    """The spans that count in each text: overlaps resolved, verified tokens left alone."""
    from clearance.classifiers.looking import look

    return [seen.spans for seen in look(engine, texts, tokenizer.verified_spans if tokenizer is not None else None)]


def distinct_of(values: pa.Array) -> tuple[list[str], pa.Array]:
    """Distinct non-null values as Python strings, and for each row its index among them (null for null)."""
    encoded = pc.dictionary_encode(values)
    return [text or "" for text in texts_of(encoded.dictionary)], encoded.indices
