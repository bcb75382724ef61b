"""The fast path finds exactly what Presidio's AnalyzerEngine finds with the same recognizers: types, places, scores."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.nlp import WordsOnlyNlpEngine

REGIONS = ("us", "uk", "in", "au", "sg", "ng", "za", "ph", "ca")
#: Forms that Presidio's recognizers look for, context words, and characters that are treated specially somewhere.
PIECES = json.loads(Path(__file__).with_name("pieces.json").read_text(encoding="utf-8"))
texts = st.lists(
    st.builds(
        lambda parts, glue: glue.join(parts),
        st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=9),
        st.sampled_from(["", " ", ": ", "\n"]),
    ),
    min_size=1,
    max_size=6,
)

Hits = set[tuple[int, int, str, float]]


def stock(engine: Engine) -> AnalyzerEngine:
    """Presidio's own engine over the very recognizers that ``engine`` has."""
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=list(engine.recognizers)),
        nlp_engine=WordsOnlyNlpEngine("en"),
        supported_languages=["en"],
        default_score_threshold=engine.threshold,
    )


def differences(engine: Engine, theirs: AnalyzerEngine, some: Sequence[str]) -> list[tuple[Hits, Hits]]:
    """What only we, and what only Presidio found, text by text."""
    found = []
    for text, spans in zip(some, engine.recognized(some), strict=True):
        ours = {(s.start, s.end, s.entity_type, s.score) for s in spans}
        stocks = {(r.start, r.end, r.entity_type, round(r.score, 4)) for r in theirs.analyze(text, "en")}
        if ours != stocks:
            found.append((ours - stocks, stocks - ours))
    return found


@pytest.fixture(scope="module", params=[(0.35, None), (0.0, REGIONS)], ids=["as configured", "every hit, every region"])
def pair(request: pytest.FixtureRequest) -> tuple[Engine, AnalyzerEngine]:
    threshold, regions = request.param
    engine = load_engine(ner=None, threshold=threshold, regions=regions)
    engine.spans(["build the gate"] * 1000)
    return engine, stock(engine)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some=texts)
def test_generated_texts(pair: tuple[Engine, AnalyzerEngine], some: list[str]) -> None:
    assert differences(*pair, some) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some=texts)
def test_with_no_gate_at_all(pair: tuple[Engine, AnalyzerEngine], some: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("clearance.classifiers.prefilter.hyperscan", None)
        assert differences(*pair, some) == []


def _strings(content: Any) -> Iterable[str]:
    """Every string anywhere in a JSON document."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for item in content.values() if isinstance(content, dict) else content:
            yield from _strings(item)


def _texts(data: Path) -> Iterable[str]:
    """Every cell, text and sentence of the labelled data, whole files of plain text included."""
    for path in sorted(data.rglob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as handle:
            for row in csv.reader(handle):
                yield from row
    for path in sorted(data.rglob("*.json")):
        yield from _strings(json.loads(path.read_text(encoding="utf-8")))
    for path in sorted(data.rglob("*.txt")):
        yield path.read_text(encoding="utf-8", errors="replace")
    for path in sorted(data.rglob("*.conll")):
        sentences = path.read_text(encoding="utf-8", errors="replace").split("\n\n")
        yield from (" ".join(line.partition("\t")[0] for line in each.splitlines()) for each in sentences)


def test_all_of_the_labelled_data(shared: Path) -> None:
    engine = load_engine(ner=None)
    texts = list(dict.fromkeys(_texts(shared / "data")))
    assert len(texts) > 70_000
    assert differences(engine, stock(engine), texts) == []
