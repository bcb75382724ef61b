"""Detection quality on labelled tables and texts, next to stock Presidio's pattern recognizers in the same run.

Tables: one type a column, from at most 1,000 rows; a column without truth is a negative; DATE_TIME, NRP, URL, UUID and
MAC_ADDRESS are not scored. Stock: majority vote over 50 distinct values, the header as context.
Texts: every span is just "sensitive"; neighbours are joined; a predicted span with IoU >= 0.75 to a true one is right.

    python benchmarks/detection_quality.py [FOLDER_OF_LABELLED_DATA] [--texts 300]
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.columns import finish
from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.resolve import resolve

UNSCORED = {"DATE_TIME", "NRP", "URL", "UUID", "MAC_ADDRESS"}
Span = tuple[int, int]


def stock_engine() -> AnalyzerEngine:
    """Presidio as it comes, less the NER model, with a tokenizer for context words."""
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    nlp = WordsOnlyNlpEngine("en")
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=nlp)
    registry.recognizers = [r for r in registry.recognizers if "Spacy" not in type(r).__name__]
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"], default_score_threshold=0.35)


def read_table(path: Path) -> tuple[list[str], list[list[str | None]]]:
    """Header and columns of the first 1,000 rows."""
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        reader = csv.reader(handle)
        header = next(reader)
        rows = list(itertools.islice(reader, 1000))
    columns: list[list[str | None]] = [
        [row[i] if i < len(row) and row[i] else None for row in rows] for i in range(len(header))
    ]
    return header, columns


def our_type(engine: Engine, name: str, values: Sequence[str | None]) -> str | None:
    """The column type that a scan reports."""
    profile = LeafProfile(name, "string", salt=b"benchmark-salt-0")
    profile.update(pa.array(values, type=pa.string()), engine)
    quoted = name if name.isidentifier() else "`" + name.replace("`", "``") + "`"
    return finish(profile, name=quoted, dtype="string").entity_type


def stock_type(engine: AnalyzerEngine, name: str, values: Sequence[str | None]) -> str | None:
    """Majority vote over 50 distinct values."""
    distinct = list(dict.fromkeys(value for value in values if value))[:50]
    votes: Counter[str] = Counter()
    for value in distinct:
        hits = engine.analyze(value, language="en", context=name.replace("_", " ").lower().split())
        if hits:
            votes[max(hits, key=lambda hit: (hit.score, hit.end - hit.start)).entity_type] += 1
    if not votes:
        return None
    kind, count = votes.most_common(1)[0]
    return kind if 2 * count > len(distinct) else None


def score_tables(folder: Path, decide: Callable[[str, Sequence[str | None]], str | None], *, verbose: bool) -> str:
    """Precision, recall and F1 over the columns of all tables."""
    truth = json.loads((folder / "truth.json").read_text())
    right = wrong = missed = columns = 0
    for table in sorted(truth):
        header, data = read_table(folder / table)
        for name, values in zip(header, data, strict=True):
            columns += 1
            want, got = truth[table].get(name), decide(name, values)
            got = None if got in UNSCORED else got
            right += got is not None and got == want
            wrong += got is not None and got != want
            missed += want is not None and got != want
            if verbose and got != want:
                print(f"    {table} / {name}: want {want}, got {got}")
    return _scores(right, wrong, missed) + f" ({columns} columns)"


def _scores(right: int, wrong: int, missed: int) -> str:
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)

    def f(beta: float) -> float:
        return (1 + beta**2) * precision * recall / max(1e-9, beta**2 * precision + recall)

    return f"precision {precision:.3f} recall {recall:.3f} F1 {f(1):.3f} F2 {f(2):.3f}"


def joined(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans with only blanks and marks between them become one."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and not any(character.isalnum() for character in text[out[-1][1] : start]):
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def score_texts(texts: Sequence[tuple[str, list[Span]]], find: Callable[[str], list[Span]]) -> str:
    """Binary span scores at IoU 0.75."""
    right = wrong = missed = 0
    started = time.perf_counter()
    for text, spans in texts:
        truth, found = joined(text, spans), joined(text, find(text))
        hit = 0
        for start, end in truth:
            for low, high in found:
                inside = min(end, high) - max(start, low)
                if inside > 0 and inside / (max(end, high) - min(start, low)) >= 0.75:
                    hit += 1
                    break
        right, missed, wrong = right + hit, missed + len(truth) - hit, wrong + len(found) - hit
    return _scores(right, wrong, missed) + f" ({len(texts) / (time.perf_counter() - started):.0f} texts/s)"


def load_texts(folder: Path, number: int) -> dict[str, list[tuple[str, list[Span]]]]:
    """The labelled text sets."""
    research = json.loads((folder / "presidio-research" / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    sets = {
        "synth_dataset_v2": [
            (item["full_text"], [(s["start_position"], s["end_position"]) for s in item["spans"]]) for item in research
        ][:number]
    }
    datafog = []
    for file in sorted((folder / "datafog").glob("*.json")):
        for item in json.loads(file.read_text(encoding="utf-8")):
            datafog.append((item["input"], [(e["start"], e["end"]) for e in item["expected_entities"]]))
    sets["datafog"] = datafog[:number]
    nano = []
    for item in json.loads((folder / "nano" / "pii_syn_nano_en.json").read_text(encoding="utf-8")):
        entities = [e["entity"] for e in item["NER"] if "entity" in e]
        places = [(item["text"].find(entity), entity) for entity in entities]
        nano.append((item["text"], [(at, at + len(entity)) for at, entity in places if at >= 0]))
    sets["nano"] = nano[:number]
    return sets


def main() -> None:
    """Print all scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("CLEARANCE_LABELLED_DATA"))
    parser.add_argument("--texts", type=int, default=400, help="texts of each set")
    parser.add_argument("--only", choices=("tables", "texts"))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name the folder of labelled data (tables/, text/), or set CLEARANCE_LABELLED_DATA")
    folder = Path(options.folder)
    ours, stock = load_engine(), stock_engine()
    if options.only != "texts":
        print(
            "tables, stock patterns:",
            score_tables(folder / "tables", lambda n, v: stock_type(stock, n, v), verbose=False),
        )
        print(
            "tables, clearance:     ",
            score_tables(folder / "tables", lambda n, v: our_type(ours, n, v), verbose=options.verbose),
        )
    if options.only != "tables":
        for name, texts in load_texts(folder / "text", options.texts).items():
            print(
                f"{name}, stock patterns:",
                score_texts(texts, lambda t: [(h.start, h.end) for h in stock.analyze(t, "en")]),
            )
            print(
                f"{name}, clearance:     ",
                score_texts(texts, lambda t: [(s.start, s.end) for s in resolve(t, ours.spans([t])[0])]),
            )


if __name__ == "__main__":
    main()
