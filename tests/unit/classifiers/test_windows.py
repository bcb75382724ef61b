"""Long texts are looked at in windows, and no one can tell from what is found."""

import itertools
import random
from collections.abc import Sequence

import pytest
import regex
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.engine import load_engine
from clearance.classifiers.findings import Span
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.windows import OVERLAP, SIZE, WIDEST, in_windows, windows

NUMBERS = regex.compile(r"\d+")


def numbers(texts: Sequence[str]) -> list[list[Span]]:
    """Every run of digits."""
    return [[Span(*match.span(), "NUMBER", 1.0, "test") for match in NUMBERS.finditer(text)] for text in texts]


def places(spans: Sequence[Span]) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in spans]


@pytest.mark.parametrize("between", [" ", "x", "é", "\0"])
def test_hits_are_those_of_the_whole_text(between: str) -> None:
    rng = random.Random(3)
    text = between.join("9" * rng.randrange(1, 40) + between * rng.randrange(1, 90) for _ in range(9_000))
    assert len(text) > 4 * SIZE
    assert in_windows(numbers, ["12", text, ""]) == numbers(["12", text, ""])


@pytest.mark.parametrize("length", [OVERLAP, SIZE, 3 * SIZE, WIDEST - SIZE])
def test_a_hit_longer_than_an_overlap_is_not_cut_wherever_it_begins(length: int) -> None:
    for start in range(SIZE - OVERLAP - 10, SIZE + 10, OVERLAP // 3):
        text = "x" * start + "7" * length + "x" * SIZE
        assert places(in_windows(numbers, [text])[0]) == [(start, start + length)]


@pytest.mark.parametrize("text", ["a word and another " * 1_000_000, "7" * 20_000_000])
def test_what_is_looked_at_is_bounded_at_once_and_altogether(text: str) -> None:
    seen: list[int] = []

    def weigh(texts: Sequence[str]) -> list[list[Span]]:
        seen.append(sum(map(len, texts)))
        return numbers(texts)

    in_windows(weigh, [text])
    assert max(seen) <= 8 * WIDEST
    assert sum(seen) <= 12 * len(text)


def test_windows_cover_everything_and_overlap() -> None:
    text = "some words here " * 10_000
    bounds = list(windows(text, SIZE, OVERLAP))
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(text)
    assert all(OVERLAP // 2 < end - start <= OVERLAP * 2 for (_, end), (start, _) in itertools.pairwise(bounds))


def test_a_long_text_has_the_hits_that_presidio_finds_in_it() -> None:
    rng = random.Random(11)
    pieces = (
        "the order came late and nobody could say why",
        "mail ana.diaz@example.org",
        "card 4111 1111 1111 1111",
        "call our phone line at +1 212 555 0147",
        "https://example.com/a/b?c=1",
        "social security 212-33-4567",
        "account DE89370400440532013000",
        "am 3. Mai für 12,50 €",
        "🙂 passport 912803456",
    )
    text = ". ".join(rng.choice(pieces) for _ in range(1_700))
    assert len(text) > 1.5 * SIZE
    engine = load_engine(ner=None)
    stock = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=list(engine.recognizers)),
        nlp_engine=WordsOnlyNlpEngine("en"),
        supported_languages=["en"],
        default_score_threshold=engine.threshold,
    )
    ours = {(span.start, span.end, span.entity_type, span.score) for span in engine.recognized([text])[0]}
    theirs = {(hit.start, hit.end, hit.entity_type, round(hit.score, 4)) for hit in stock.analyze(text, "en")}
    assert len(theirs) > 500
    assert ours == theirs
