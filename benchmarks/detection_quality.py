"""Detection quality on labelled tables and texts, next to stock Presidio's pattern recognizers in the same run.

The rulers are those of ``clearance evaluate`` (``docs/how-to/evaluate.md``). Tables: one type a column, from at most
1,000 rows; a column without truth is a negative; DATE_TIME, NRP, URL, UUID and MAC_ADDRESS are not scored. Stock:
majority vote over 50 distinct values, the header as context. Texts: presidio-evaluator's ruler, binary, IoU 0.75,
threshold 0.4; of WNUT only people and places.

    python benchmarks/detection_quality.py [FOLDER_OF_LABELLED_DATA] [--texts 300] [--no-ner]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.evaluation import Score, evaluate
from clearance.classifiers.findings import Span
from clearance.classifiers.labelled import LabelledText, TypeNames
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.presidio_ruler import PresidioRuler
from clearance.jobs.evaluate import (
    COLUMN_THRESHOLD,
    TEXT_THRESHOLD,
    Column,
    Configuration,
    FindSpans,
    FindType,
    column_type,
    compare_tables,
    compare_texts,
    load_texts,
    spans_that_count,
)
from clearance.values import texts_of

#: WNUT also labels groups, products and works, which nobody here looks for.
SCORED = {"wnut17 dev": TypeNames(only=frozenset({"PERSON", "LOCATION"}))}
UNSCORED = frozenset({"DATE_TIME", "NRP", "URL", "UUID", "MAC_ADDRESS"})


def stock_engine() -> AnalyzerEngine:
    """Presidio as it comes, less the NER model, with a tokenizer for context words."""
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    # Its e-mail recognizer would fetch the public suffix list; the packaged one needs no network.
    setattr(tldextract, "extract", tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None))  # noqa: B010
    nlp = WordsOnlyNlpEngine("en")
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=nlp)
    registry.recognizers = [r for r in registry.recognizers if "Spacy" not in type(r).__name__]
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])


def stock_type(engine: AnalyzerEngine, column: Column) -> str | None:
    """Majority vote over 50 distinct values."""
    distinct = list(dict.fromkeys(value for value in texts_of(column.values) if value))[:50]
    context = column.name.replace("_", " ").lower().split()
    votes: Counter[str] = Counter()
    for value in distinct:
        hits = engine.analyze(value, language="en", context=context, score_threshold=COLUMN_THRESHOLD)
        if hits:
            votes[max(hits, key=lambda hit: (hit.score, hit.end - hit.start)).entity_type] += 1
    if not votes:
        return None
    kind, count = votes.most_common(1)[0]
    return kind if 2 * count > len(distinct) else None


def stock_spans(engine: AnalyzerEngine, texts: Sequence[str]) -> list[list[Span]]:
    """All hits, as presidio-evaluator's own wrapper takes them."""
    return [
        [
            Span(hit.start, hit.end, hit.entity_type, hit.score, "stock")
            for hit in engine.analyze(text, "en", score_threshold=TEXT_THRESHOLD)
        ]
        for text in texts
    ]


def show(what: str, score: Score) -> None:
    """One line of figures."""
    figures = (f"{name} {getattr(score, name).estimate:.3f}" for name in ("precision", "recall", "f1", "f2"))
    print(f"{what:32}", *figures, f"F1 in [{score.f1.low:.3f}, {score.f1.high:.3f}]  support {score.support}")


def score_tables(who: str, folder: Path, find: FindType, *, verbose: bool) -> None:
    """Figures over the columns of all tables."""
    done = list(compare_tables(folder, find, names=TypeNames(ignored=UNSCORED), rows=1000))
    show(f"tables ({len(done)} columns), {who}", evaluate([outcome for _, outcome in done], "typed").overall)
    for column, outcome in done if verbose else ():
        for true, said in outcome.typed.confusion:
            if true != said:
                print(f"    {column.file} / {column.name}: want {true}, got {said}")


def score_texts(who: str, name: str, labelled: Sequence[LabelledText], find: FindSpans) -> None:
    """Figures over one set of texts."""
    compared = compare_texts(labelled, find, PresidioRuler(), names=SCORED.get(name, TypeNames()))
    show(f"{name} ({len(compared)} texts), {who}", evaluate(compared, "binary").overall)


def text_sets(folder: Path) -> dict[str, list[LabelledText]]:
    """The labelled text sets."""
    datafog = [one for file in sorted((folder / "datafog").glob("*.json")) for one in load_texts(file)]
    return {
        "synth_dataset_v2": load_texts(folder / "presidio-research" / "synth_dataset_v2.json"),
        "datafog": datafog,
        "nano": nano(folder / "nano" / "pii_syn_nano_en.json"),
        "wnut17 dev": load_texts(folder / "wnut17" / "emerging.dev.conll"),
    }


def nano(path: Path) -> list[LabelledText]:
    """A set that names its entities without saying where they stand: the first place is taken."""
    labelled = []
    for item in json.loads(path.read_text(encoding="utf-8")):
        named = [(entry["entity"], entry["label"]) for entry in item["NER"] if entry.get("entity")]
        places = [(item["text"].find(entity), entity, label) for entity, label in named]
        spans = (Span(at, at + len(entity), label, 1.0, "truth") for at, entity, label in places if at >= 0)
        labelled.append(LabelledText(item["text"], tuple(spans)))
    return labelled


def main() -> None:
    """Print all scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("CLEARANCE_LABELLED_DATA"))
    parser.add_argument("--texts", type=int, default=400, help="texts of each set")
    parser.add_argument("--only", choices=("tables", "texts"))
    parser.add_argument("--no-ner", action="store_true", help="patterns alone, as stock is here")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name the folder of labelled data (tables/, text/), or set CLEARANCE_LABELLED_DATA")
    folder, stock = Path(options.folder), stock_engine()
    ours = Configuration(ner=None if options.no_ner else "rampart")
    if options.only != "texts":
        score_tables("stock patterns", folder / "tables", partial(stock_type, stock), verbose=False)
        find = partial(column_type, ours.engine(COLUMN_THRESHOLD))
        score_tables("clearance", folder / "tables", find, verbose=options.verbose)
    if options.only != "tables":
        engine = ours.engine(TEXT_THRESHOLD)
        for name, labelled in text_sets(folder / "text").items():
            score_texts("stock patterns", name, labelled[: options.texts], partial(stock_spans, stock))
            score_texts("clearance", name, labelled[: options.texts], partial(spans_that_count, engine))


if __name__ == "__main__":
    main()
