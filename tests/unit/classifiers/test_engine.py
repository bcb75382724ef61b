"""What the engine finds, that it finds what stock Presidio finds, and that odd input neither breaks nor leaks."""

import logging
import multiprocessing
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.engine import Engine, engine_builds, load_engine
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.errors import DetectionError, UsageError


def _types(engine: Engine, text: str) -> set[str]:
    return {span.entity_type for span in engine.spans([text])[0]}


@pytest.mark.parametrize(
    ("text", "entity_type"),
    [
        ("write to ana.diaz@example.org please", "EMAIL_ADDRESS"),
        ("my card 4111 1111 1111 1111 was stolen", "CREDIT_CARD"),
        ("card 2223003122003222 was stolen", "CREDIT_CARD"),
        ("IBAN GB33BUKB20201555555555 is mine", "IBAN_CODE"),
        ("ssn 521-44-9382", "US_SSN"),
        ("My name is Ana Diaz and I need help", "PERSON"),
        ("please send it to 12 Elm Street, Apt 4", "STREET_ADDRESS"),
        ("we moved here from Estonia last year", "LOCATION"),
        ("login with password 'Loan24Access#' worked", "PASSWORD"),
        ("use sk-proj-abcdefghijklmnopqrst0123456789", "CREDENTIAL"),
        ("a 65-year-old patient", "AGE"),
        ("DOB 03/15/1989", "DATE_OF_BIRTH"),
        ("the VIN is 1M8GDM9AXKP042788", "VIN"),
        ("server at 192.168.10.21", "IP_ADDRESS"),
        ("call 212-555-0187", "PHONE_NUMBER"),
    ],
)
def test_finds(engine: Engine, text: str, entity_type: str) -> None:
    assert entity_type in _types(engine, text)


@pytest.mark.parametrize("text", ["", " ", "hello there", "42", "the meeting is at noon", "ok, thanks a lot for that"])
def test_plain_texts_are_plain(engine: Engine, text: str) -> None:
    assert engine.spans([text]) == [[]]


def test_a_name_is_one_span_with_all_its_parts(engine: Engine) -> None:
    text = "My name is Stefanía K. Oddgeirsdóttir and I need help"
    names = [text[s.start : s.end] for s in engine.spans([text])[0] if s.entity_type == "PERSON"]
    assert names == ["Stefanía K. Oddgeirsdóttir"]


def test_ner_only_where_asked_for(engine: Engine) -> None:
    text = "My name is Ana Diaz and I need help"
    with_ner, without = engine.spans([text, text], ner=[True, False])
    assert {s.entity_type for s in with_ner} == {"PERSON"}
    assert without == []
    with pytest.raises(ValueError, match="one for each text"):
        engine.spans([text, text], ner=[True])


def test_a_configuration_is_built_once_in_a_process() -> None:
    load_engine(ner=None, threshold=0.41)
    before = engine_builds()
    for _ in range(3):
        assert load_engine(ner=None, threshold=0.41) is load_engine(ner=None, threshold=0.41)
    assert load_engine(ner=None, regions=("us", "in")) is load_engine(ner=None, regions=("in", "us", "us"))
    assert engine_builds() == before + 1


def test_digest_names_the_configuration_not_the_process() -> None:
    digests = {load_engine(ner=None).digest, load_engine().digest, load_engine(ner=None, regions=("in",)).digest}
    assert len(digests) == 3
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_digest) == load_engine(ner=None).digest


def _digest() -> str:
    return load_engine(ner=None).digest


def test_unknown_configuration_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"known: .*en"):
        load_engine(language="xx")
    with pytest.raises(UsageError, match=r"known: .*us"):
        load_engine(regions=("atlantis",))
    with pytest.raises(UsageError, match="rampart"):
        load_engine(ner="llm")


@pytest.fixture(scope="module")
def stock(patterns: Engine) -> AnalyzerEngine:
    """Presidio's own AnalyzerEngine over the very recognizers that ours has."""
    registry = RecognizerRegistry(recognizers=list(patterns._recognizers))
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=WordsOnlyNlpEngine("en"),
        supported_languages=["en"],
        default_score_threshold=0.35,
    )


def _stock_hits(stock: AnalyzerEngine, text: str) -> set[tuple[int, int, str, float]]:
    return {(r.start, r.end, r.entity_type, round(r.score, 4)) for r in stock.analyze(text, "en")}


def _our_hits(engine: Engine, text: str) -> set[tuple[int, int, str, float]]:
    return {(s.start, s.end, s.entity_type, s.score) for s in engine._presidio(text)}


_ALL_ATOMS = (
    "ssn 521-44-9382|4111 1111 1111 1111|card|4111111111111111|GB33 BUKB 2020 1555 5555 55|iban|a.b@x.co.uk|bob@x.com"
    "|http://x.community/p?q=1|x.com|192.168.0.1|::1|fe80::1|00:1b:44:11:3a:b7|5-MAY|MAY-20|03/15/1989|2020-01-01"
    "|123e4567-e89b-42d3-a456-426614174000|+44 20 7946 0958|(212) 555-0187|0123456789|123456789"
    "|driver license|H12345678"
    "|A1B2C|passport|943 476 5919|nhs|AB123456C|nino|BB1388568|SW1A 1AA|postcode|GIR 0AA|1EG4-TE5-MK73|medicare|GIR0AA"
    "|1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2|claim number 123456|PA-123456|referral|member id XYZ123456|MORGA657054SM9IJ"
    "|٤١١١ ١١١١ ١١١١ ١١١١|İſK|é́|😀|\0|\n|\t|,|.|:|-|'|the account is|and"
)
_ATOMS = _ALL_ATOMS.split("|")


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.sampled_from(_ATOMS) | st.text(max_size=6), max_size=8), glue=st.sampled_from(["", " ", ": "]))
def test_same_hits_as_stock_presidio(patterns: Engine, stock: AnalyzerEngine, parts: list[str], glue: str) -> None:
    text = glue.join(parts)
    assert _our_hits(patterns, text) == _stock_hits(stock, text)


def test_long_text_is_looked_at_to_its_end(engine: Engine) -> None:
    rng = random.Random(5)
    words = ["the", "order", "came", "late", "and", "nobody", "at", "the", "office", "could", "say", "why"]
    filler = " ".join(rng.choice(words) for _ in range(20_000))
    needle = " My name is Ana Diaz, mail ana.diaz@example.org, card 4111 1111 1111 1111. "
    text = filler[:4_060] + needle + filler[:8_200] + needle + filler[:3_333] + needle
    hits = engine.spans([text])[0]
    for entity_type, value in (("EMAIL_ADDRESS", "ana.diaz@example.org"), ("CREDIT_CARD", "4111 1111 1111 1111")):
        assert [text[s.start : s.end] for s in hits if s.entity_type == entity_type] == [value] * 3
    assert sum("Ana Diaz" in text[s.start : s.end] for s in hits if s.entity_type == "PERSON") == 3


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\0" * 1_000_000, "😀 hi " * 200_000, "a@" * 500_000])
def test_a_million_characters_take_seconds(engine: Engine, text: str) -> None:
    started = time.process_time()
    engine.spans([text])
    assert time.process_time() - started < 60


def test_a_private_key_longer_than_a_window_is_one_span(patterns: Engine) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA\n" * 600 + "-----END RSA PRIVATE KEY-----"
    text = "here it is: " + key + " keep it"
    spans = [s for s in patterns.spans([text])[0] if s.entity_type == "CREDENTIAL"]
    assert [(s.start, s.end) for s in spans] == [(12, 12 + len(key))]


def test_a_failing_recognizer_voids_the_scan_and_its_message_is_not_passed_on(
    patterns: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str, *_: object) -> None:
        raise RuntimeError(f"can't parse {text}")

    monkeypatch.setattr(patterns._recognizers[0], "analyze", fail)
    monkeypatch.setattr("clearance.classifiers.engine.may_match", lambda *_: True)
    with pytest.raises(DetectionError) as caught:
        patterns.spans(["canary-7f3a"])
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_pattern_that_presidio_gives_up_on_voids_the_scan(patterns: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object) -> list[object]:
        logging.getLogger("presidio-analyzer").warning(
            "Regex pattern '%s' timed out after %s seconds, skipping.", "p", 60
        )
        return []

    monkeypatch.setattr(patterns._recognizers[0], "analyze", give_up)
    monkeypatch.setattr("clearance.classifiers.engine.may_match", lambda *_: True)
    with pytest.raises(DetectionError, match="ran out of time"):
        patterns.spans(["some text"])


def test_presidio_logs_no_value(
    patterns: Engine, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        patterns.spans(["iban GB33BUKB2020155555555Q, phone 212-555-0187, card 4111111111111111"])
    out, err = capfd.readouterr()
    assert "GB33" not in caplog.text + out + err
