"""The engine alone, on one core, against Presidio's own engines with the same recognizers.

    python benchmarks/engine.py
    python benchmarks/engine.py --profile        # also: where our time goes

Measured on short values (the cells of ``mixed_table.py``) and on paragraphs of 500 characters (``paragraphs.py``), with
context words and without. Figures are CPU time of this process. The contenders:

- **clearance**: ``Engine.recognized``, Presidio's recognizers alone; of a table each column in batches of 32,768 rows,
  each distinct value of a batch looked at once, as scans do. **distinct values** leaves repetition out: the time of
  each value that is looked at.
- **all detectors**: ``Engine.spans``, our own detectors and rewritings of hidden values on top.
- **AnalyzerEngine**, **BatchAnalyzerEngine**: stock, the same recognizer objects, threshold and words (blank spaCy; for
  no context, recognizers without context words and no words either). They see a sample, every n-th text.
- **presidio-rs**, the Rust port, where it is installed (``pip install presidio-rs``; no dependency of ours). It has
  recognizers, scores and context rules of its own: a speed to know, no equal work. It sees a sample too.

Before anything is timed, hits on the sample are compared with ``AnalyzerEngine``'s: types, places and scores.
"""

import argparse
import cProfile
import gc
import importlib
import pstats
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc
from mixed_table import arrow_table
from paragraphs import paragraphs
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.nlp_engine.no_op_nlp_engine import NoOpNlpEngine

from clearance.classifiers import recognizers
from clearance.classifiers.engine import Engine
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.values import to_text

ROWS_A_BATCH = 1 << 15
THRESHOLD = 0.35

Look = Callable[[list[str]], object]


class WordsInBatches(WordsOnlyNlpEngine):
    """The same words, through the method that ``BatchAnalyzerEngine`` calls."""

    def process_batch(
        self, texts: Iterable[str], language: str, **_options: object
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Text and words, one after another."""
        for text in texts:
            yield text, self.artifacts(text, language)


def without_context(
    entry: recognizers.RecognizerEntry, language: str, regions: Iterable[str] | None = None
) -> EntityRecognizer:
    """A recognizer that has no context words."""
    recognizer = recognizers.build_recognizer(entry, language, regions)
    recognizer.context = []
    return recognizer


@cache
def engines(*, context: bool) -> tuple[Engine, AnalyzerEngine]:
    """Ours and stock Presidio's, over the same recognizers."""
    build = recognizers.build_recognizer if context else without_context
    with patch("clearance.classifiers.engine.build_recognizer", build):
        ours = Engine("en", None, None, THRESHOLD)
    nlp: NlpEngine = WordsInBatches("en") if context else NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
    nlp.load()
    registry = RecognizerRegistry(recognizers=list(ours.recognizers))
    return ours, AnalyzerEngine(
        registry=registry, nlp_engine=nlp, supported_languages=["en"], default_score_threshold=THRESHOLD
    )


def batches(column: pa.ChunkedArray) -> Iterator[list[str]]:
    """The distinct values of each batch, in text form."""
    whole = column.combine_chunks()
    for start in range(0, len(whole), ROWS_A_BATCH):
        yield pc.unique(to_text(whole.slice(start, ROWS_A_BATCH)).drop_null()).to_pylist()


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the fastest of some runs: others only add what has nothing to do with the work."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def differing(ours: Engine, stock: AnalyzerEngine, texts: Sequence[str]) -> int:
    """Texts of which the two don't say the same."""
    count = 0
    for text, spans in zip(texts, ours.recognized([*texts]), strict=True):
        found = {(span.start, span.end, span.entity_type, span.score) for span in spans}
        count += found != {
            (hit.start, hit.end, hit.entity_type, round(hit.score, 4)) for hit in stock.analyze(text, "en")
        }
    return count


def show(name: str, seconds: float, values: int, characters: float, baseline: float) -> None:
    """One line. ``baseline``: the CPU seconds a value of stock ``AnalyzerEngine``."""
    each = seconds / values
    print(
        f"  {name:<36} {each * 1e6:10.2f} us {1 / each:11,.0f} values/s {characters / seconds / 1e6:8.2f} MB/s"
        f" {baseline / each:8.1f} times stock"
    )


def stock_lines(stock: AnalyzerEngine, sample: list[str], baseline: float) -> None:
    """Presidio in batches, and the Rust port, on the sample."""
    characters = sum(map(len, sample))
    batch = BatchAnalyzerEngine(analyzer_engine=stock)
    seconds = cpu(lambda: batch.analyze_iterator(sample, "en", batch_size=500))
    show("BatchAnalyzerEngine, sampled", seconds, len(sample), characters, baseline)
    try:
        analyzer = importlib.import_module("presidio_rs").Analyzer()
    except ImportError:
        print("  presidio-rs is not installed")
        return
    seconds = cpu(lambda: [analyzer.analyze(text, score_threshold=THRESHOLD) for text in sample])
    show("presidio-rs, sampled", seconds, len(sample), characters, baseline)


def measure_table(rows: int, sampled: int, *, profile: bool) -> None:
    """Short values: the mixed table, column by column."""
    ours, stock = engines(context=True)
    table = arrow_table(rows)
    distinct = {name: list(batches(table[name])) for name in table.column_names}
    cells = {name: to_text(table[name].combine_chunks()).to_pylist() for name in table.column_names}
    sample = {name: column[:: max(1, rows // sampled)][:sampled] for name, column in cells.items()}
    warm_up(ours, distinct.values())
    different = sum(differing(ours, stock, texts) for texts in sample.values())
    print(
        f"\nshort values: {rows:,} rows x {len(cells)} columns; stock sees {sampled} of each column, with context"
        f" words; texts of the sample with other hits: {different}"
    )
    stock_each = {
        name: cpu(lambda texts=texts: [stock.analyze(text, "en") for text in texts]) / len(texts)
        for name, texts in sample.items()
    }
    baseline = sum(stock_each.values()) / len(stock_each)
    spent = {name: cpu(lambda some=some: look(ours.recognized, some)) for name, some in distinct.items()}
    all_spent = sum(cpu(lambda some=some: look(ours.spans, some)) for some in distinct.values())
    characters = sum(len(value) for column in cells.values() for value in column)
    kept = [value for some in distinct.values() for batch in some for value in batch]
    seconds = sum(spent.values())
    show("clearance", seconds, rows * len(cells), characters, baseline)
    weighted = sum(stock_each[name] * sum(map(len, some)) for name, some in distinct.items()) / len(kept)
    show("clearance, distinct values", seconds, len(kept), sum(map(len, kept)), weighted)
    show("clearance, all detectors", all_spent, rows * len(cells), characters, baseline)
    show("AnalyzerEngine, sampled", baseline, 1, characters / rows / len(cells), baseline)
    stock_lines(stock, [text for texts in sample.values() for text in texts], baseline)
    print("  a distinct value, by column:")
    for name, some in distinct.items():
        count = sum(map(len, some))
        each = spent[name] / count
        print(f"    {name:<10} {each * 1e6:8.2f} us  {stock_each[name] / each:8.1f} times stock, of {count:,}")
    if profile:
        show_profile(lambda: [look(ours.recognized, some) for some in distinct.values()])


def measure_paragraphs(rows: int, sampled: int, *, context: bool, profile: bool) -> None:
    """Free text, with or without context words."""
    ours, stock = engines(context=context)
    texts = paragraphs(rows)
    sample = texts[:: max(1, rows // sampled)][:sampled]
    warm_up(ours, [[texts]])
    print(
        f"\nparagraphs: {rows:,} of 500 characters, {'with' if context else 'without'} context words; stock sees"
        f" {len(sample)}; texts of the sample with other hits: {differing(ours, stock, sample)}"
    )
    characters = sum(map(len, texts))
    baseline = cpu(lambda: [stock.analyze(text, "en") for text in sample]) / len(sample)
    show("clearance", cpu(lambda: ours.recognized(texts)), rows, characters, baseline)
    show("clearance, all detectors", cpu(lambda: ours.spans(texts)), rows, characters, baseline)
    show("AnalyzerEngine, sampled", baseline, 1, 500, baseline)
    stock_lines(stock, sample, baseline)
    if profile:
        show_profile(lambda: ours.recognized(texts))


def look(find: Look, some: Iterable[list[str]]) -> None:
    """Calls ``find`` on each batch, and drops what it found, as a scan does."""
    for batch in some:
        find(batch)


def warm_up(ours: Engine, columns: Iterable[Iterable[list[str]]]) -> None:
    """Lets the gate be built, and keeps the collector away from what was loaded with the engine, as workers do."""
    for some in columns:
        look(ours.recognized, some)
    gc.collect()
    gc.freeze()


def show_profile(work: Callable[[], object]) -> None:
    """The functions that most of the time is spent in."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(22)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="of the table")
    parser.add_argument("--paragraphs", type=int, default=4_000)
    parser.add_argument("--sample", type=int, default=300, help="texts of each kind that Presidio sees")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    measure_table(arguments.rows, min(arguments.sample, arguments.rows), profile=arguments.profile)
    for with_context in (True, False):
        measure_paragraphs(
            arguments.paragraphs,
            min(arguments.sample, arguments.paragraphs),
            context=with_context,
            profile=arguments.profile,
        )
