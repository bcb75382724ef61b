"""Models for names and places: CPU time against spaCy's, and F1 and F2 on WNUT 2017 (PERSON, LOCATION).

    python benchmarks/ner.py [--ner rampart] /path/to/labelled/data

Paragraphs are made of the set's own texts, 500 characters or a little more each, and of ``paragraphs.py``. Two pairs
are timed, one after another, three times: the model alone beside ``nlp.pipe`` of spaCy's medium English pipeline, and
the engine with the model and all patterns beside Presidio's ``BatchAnalyzerEngine`` with that pipeline. Where
``en_core_web_md`` is not installed, its untrained architecture stands in for it (``spacy_medium.py``, which says where
to get the real one). The first scores ask for the very span, the second for half of the union (IoU 0.5); the type must
be right in both; stock Presidio's stand beside where the real model is there. Only process time is measured; on few
threads, so set ``OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from paragraphs import paragraphs
from spacy_medium import UNTRAINED, medium_pipeline, stock_batches

from clearance.classifiers.engine import load_engine
from clearance.classifiers.ner import load_ner

ENTITY_OF_TAG = {"person": "PERSON", "location": "LOCATION"}
Labelled = tuple[int, int, str]


def read_conll(path: Path) -> list[tuple[str, list[Labelled]]]:
    """Texts, tokens joined by a space, with their spans of the types that are scored."""
    texts = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        text, spans, previous = "", list[Labelled](), "O"
        for line in block.splitlines():
            token, _, tag = line.rstrip().partition("\t")
            text += " " if text else ""
            start, entity = len(text), ENTITY_OF_TAG.get(tag[2:])
            text += token
            if entity and tag.startswith("I-") and previous[2:] == tag[2:]:
                spans[-1] = (spans[-1][0], len(text), entity)
            elif entity:
                spans.append((start, len(text), entity))
            previous = tag
        if text:
            texts.append((text, spans))
    return texts


def scores(truth: Sequence[Sequence[Labelled]], found: Sequence[Sequence[Labelled]], overlap: float) -> str:
    """Precision, recall, F1 and F2; a span is right when its IoU with a true one of its type reaches ``overlap``."""
    right = sum(
        any(_iou(span, label) >= overlap and span[2] == label[2] for span in spans)
        for labels, spans in zip(truth, found, strict=True)
        for label in labels
    )
    precision, recall = right / max(1, sum(map(len, found))), right / max(1, sum(map(len, truth)))
    f1, f2 = ((1 + b) * precision * recall / max(1e-9, b * precision + recall) for b in (1, 4))
    return f"precision {precision:.3f} recall {recall:.3f} F1 {f1:.3f} F2 {f2:.3f}"


def _iou(span: Labelled, label: Labelled) -> float:
    inside = min(span[1], label[1]) - max(span[0], label[0])
    return inside / (max(span[1], label[1]) - min(span[0], label[0]))


def show(name: str, truth: Sequence[Sequence[Labelled]], found: Iterable[Iterable[Any]]) -> None:
    """Print how well ``found`` (spans with start, end and entity_type) meets the truth."""
    scored = [
        [(s.start, s.end, s.entity_type) for s in spans if s.entity_type in ENTITY_OF_TAG.values()] for spans in found
    ]
    print(f"{name}: exact {scores(truth, scored, 1.0)}; IoU 0.5 {scores(truth, scored, 0.5)}")


def paragraphs_of(texts: Sequence[str]) -> list[str]:
    """Neighbouring texts joined to 500 characters or a little more."""
    paragraphs, current = [], ""
    for text in texts:
        current = f"{current} {text}".lstrip()
        if len(current) >= 500:
            paragraphs.append(current)
            current = ""
    return paragraphs


def per_second(look: Callable[[], object], texts: Sequence[str]) -> float:
    """Texts a second of process time."""
    started = time.process_time()
    look()
    return len(texts) / (time.process_time() - started)


def compare(name: str, texts: Sequence[str], what: str) -> None:
    """Print the speed of model and engine beside spaCy's and stock Presidio's."""
    nlp, baseline = medium_pipeline(texts)
    stock, engine = stock_batches(nlp), load_engine(ner=None)
    # Other texts warm it up: those that it has seen cost nothing.
    engine.spans([text[1:] for text in (*texts, *texts)])
    patterns = per_second(lambda: engine.spans(texts), texts)
    list(stock.analyze_iterator(texts[:8], "en"))
    pairs = []
    for _ in range(3):
        # A new model has seen none of the windows.
        model = load_ner(name, "en")
        alone = per_second(lambda model=model: model.spans(texts), texts)
        piped = per_second(lambda: list(nlp.pipe(texts, batch_size=64)), texts)
        batches = per_second(lambda: list(stock.analyze_iterator(texts, "en", batch_size=64)), texts)
        pairs.append((alone, piped, 1 / (1 / alone + 1 / patterns), batches))
    alone, piped, whole, batches = (sorted(figures)[1] for figures in zip(*pairs, strict=True))
    print(f"{what}: {len(texts)} paragraphs, paragraphs/s (CPU), beside {baseline}")
    print(f"  {name} alone {alone:.1f}, nlp.pipe {piped:.1f}: ratio {alone / piped:.2f}")
    print(f"  with all patterns {whole:.1f}, BatchAnalyzerEngine {batches:.1f}: ratio {whole / batches:.2f}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("CLEARANCE_LABELLED_DATA"))
    parser.add_argument("--ner", default="rampart")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name the folder of labelled data, or set CLEARANCE_LABELLED_DATA")
    labelled = read_conll(Path(options.folder) / "text" / "wnut17" / "emerging.dev.conll")
    texts, truth = [text for text, _ in labelled], [spans for _, spans in labelled]
    show(options.ner, truth, load_ner(options.ner, "en").spans(texts))
    nlp, baseline = medium_pipeline(texts)
    if baseline != UNTRAINED:
        show(f"stock Presidio with {baseline}", truth, stock_batches(nlp).analyze_iterator(texts, "en", batch_size=64))
    compare(options.ner, paragraphs_of(texts), "WNUT dev")
    compare(options.ner, paragraphs(150), "made up")
    print(f"memory of this process at its peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
