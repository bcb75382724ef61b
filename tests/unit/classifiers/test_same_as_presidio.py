"""The fast path finds exactly what Presidio's AnalyzerEngine finds with the same recognizers: types, places, scores."""

import csv
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.nlp import WordsOnlyNlpEngine

LABELLED = Path(__file__).resolve().parents[4] / "shared" / "data"
REGIONS = ("us", "uk", "in", "au", "sg", "ng", "za", "ph", "ca")
PIECES = [
    "ssn 521-44-9382", "4111 1111 1111 1111", "card", "4111111111111111", "GB33 BUKB 2020 1555 5555 55", "iban",
    "a.b@x.co.uk", "bob@x.com", "gb33bukb20201555555555", "http://x.community/p?q=1", "x.com", "192.168.0.1", "::1",
    "fe80::1", "00:1b:44:11:3a:b7", "5-MAY", "MAY-20", "03/15/1989", "2020-01-01",
    "123e4567-e89b-42d3-a456-426614174000", "+44 20 7946 0958", "(212) 555-0187", "0123456789", "123456789",
    "driver license", "H12345678", "A1B2C", "passport", "943 476 5919", "nhs", "AB123456C", "nino", "BB1388568",
    "SW1A 1AA", "postcode", "GIR 0AA", "1EG4-TE5-MK73", "medicare", "GIR0AA", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "claim number 123456", "PA-123456", "referral", "member id XYZ123456", "MORGA657054SM9IJ", "prior authorization",
    "number", "account", "bank", "ssn:123456789", "ssn123456789", "12345678",
    "\u0664\u0661\u0661\u0661 1111 1111 1111", "\u0130\u017f\u212a", "e\u0301\xe9", "\U0001f600", "\x00", "\n", "\t",
    "  ", "\xa0", "\u2003", "\x1c", ":)", ":", ",", ".", "-", "'", '"http://x.com"', "the account is", "url:", "is:",
    "be", "Be", "and",
]  # fmt: skip
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


def _cells() -> Iterable[str]:
    for path in sorted((LABELLED / "tables").glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as handle:
            for row in itertools.islice(csv.reader(handle), 0, 4000, 100):
                yield from row
    for path in sorted((LABELLED / "text").glob("*/*.json")):
        entries = json.loads(path.read_text(encoding="utf-8"))
        for entry in entries[::25] if isinstance(entries, list) else []:
            yield str(entry.get("full_text") or entry.get("text") or "")


def test_labelled_data() -> None:
    if not LABELLED.is_dir():
        pytest.skip(f"no labelled data at {LABELLED}")
    engine = load_engine(ner=None)
    cells = list(dict.fromkeys(cell for cell in _cells() if len(cell) < 3000))
    assert len(cells) > 500
    assert differences(engine, stock(engine), cells) == []
