"""What the engine finds, and that odd input neither breaks nor leaks."""

import logging
import random
import subprocess
import sys
import time

import pyarrow as pa
import pytest
from presidio_analyzer import EntityRecognizer

from clearance.classifiers import Engine, load_engine
from clearance.classifiers.engine import engine_builds
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
        ("Please call Ana Diaz, who needs help", "PERSON"),
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
    text = "Please call Stefanía K. Oddgeirsdóttir, who needs help"
    names = [text[s.start : s.end] for s in engine.spans([text])[0] if s.entity_type == "PERSON"]
    assert names == ["Stefanía K. Oddgeirsdóttir"]


def test_ner_only_where_asked_for(engine: Engine) -> None:
    text = "Please call Ana Diaz, who needs help"
    with_ner, without = engine.spans([text, text], ner=[True, False])
    assert {s.entity_type for s in with_ner} == {"PERSON"}
    assert without == []
    with pytest.raises(UsageError, match="one for each text"):
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
    code = "from clearance.classifiers.engine import load_engine; print(load_engine(ner=None).digest)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == load_engine(ner=None).digest


def test_unknown_configuration_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"known: .*en"):
        load_engine(language="xx")
    with pytest.raises(UsageError, match=r"of their own: .*us"):
        load_engine(regions=("atlantis",))
    with pytest.raises(UsageError, match="rampart"):
        load_engine(ner="llm")


def test_long_text_is_looked_at_to_its_end(engine: Engine) -> None:
    rng = random.Random(5)
    words = ["the", "order", "came", "late", "and", "nobody", "at", "the", "office", "could", "say", "why"]
    filler = " ".join(rng.choice(words) for _ in range(20_000))
    needle = " Please call Ana Diaz, mail ana.diaz@example.org, card 4111 1111 1111 1111. "
    text = filler[:4_060] + needle + filler[:8_200] + needle + filler[:3_333] + needle
    hits = engine.spans([text])[0]
    for entity_type, value in (("EMAIL_ADDRESS", "ana.diaz@example.org"), ("CREDIT_CARD", "4111 1111 1111 1111")):
        places = sorted({(s.start, s.end) for s in hits if s.entity_type == entity_type})
        assert [text[start:end] for start, end in places] == [value] * 3
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


@pytest.fixture(scope="module")
def asked() -> Engine:
    """An engine with a recognizer whose analysis is its own, so that it is called."""
    return load_engine(ner=None, regions=("za",))


def _called(engine: Engine) -> EntityRecognizer:
    return next(r for r in engine.recognizers if type(r).__name__ == "ZaMobileNumberRecognizer")


def test_a_failing_recognizer_voids_the_scan_and_its_message_is_not_passed_on(
    asked: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str, *_: object) -> None:
        raise RuntimeError(f"can't parse {text}")

    monkeypatch.setattr(_called(asked), "analyze", fail)
    with pytest.raises(DetectionError) as caught:
        asked.spans(["canary-7f3a"])
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_pattern_that_presidio_gives_up_on_voids_the_scan(asked: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object) -> list[object]:
        logging.getLogger("presidio-analyzer").warning(
            "Regex pattern '%s' timed out after %s seconds, skipping.", "p", 60
        )
        return []

    monkeypatch.setattr(_called(asked), "analyze", give_up)
    with pytest.raises(DetectionError, match="ran out of time"):
        asked.spans(["some text"])


def test_presidio_logs_no_value(
    patterns: Engine, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        patterns.spans(["iban GB33BUKB2020155555555Q, phone 212-555-0187, card 4111111111111111"])
    out, err = capfd.readouterr()
    assert "GB33" not in caplog.text + out + err


def test_the_public_import_is_light() -> None:
    script = "import sys; from clearance.classifiers import Span; sys.exit('presidio_analyzer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_who_only_adds_up_what_workers_saw_loads_no_engine() -> None:
    """The driver of a scan: Presidio and spaCy take a second, and the names of all telephone areas 60 MB."""
    script = (
        "import sys; import clearance.jobs.tasks; driver = {'presidio_analyzer', 'spacy'} & set(sys.modules)\n"
        "from clearance.classifiers import load_engine; load_engine(ner=None)\n"
        "sys.exit(bool(driver) or 'phonenumbers.geodata' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_arrow_array_is_looked_at_by_distinct_value() -> None:
    engine = load_engine(ner=None)
    values = ["ana@example.org", None, "nothing", "ana@example.org", ""]
    listed = engine.spans(values)
    assert [len(spans) > 0 for spans in listed] == [True, False, False, True, False]
    array = pa.array(values)
    assert engine.spans(array) == listed
    assert engine.spans(array.dictionary_encode()) == listed
    assert engine.spans(pa.chunked_array([array[:2], array[2:]])) == listed
    (card,) = engine.spans(pa.array([4111111111111111]))
    assert "CREDIT_CARD" in {span.entity_type for span in card}
    assert engine.spans(pa.array([], pa.string())) == []


@pytest.mark.parametrize("texts", [["a", 4111111111111111], [b"canary"], pa.array([["canary"]])])
def test_what_is_no_text_is_refused(texts: object) -> None:
    with pytest.raises(UsageError) as error:
        load_engine(ner=None).spans(texts)  # type: ignore[arg-type]
    assert "canary" not in str(error.value)
