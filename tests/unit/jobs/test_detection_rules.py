"""A user's detection rules on their way through the commands: read once, told when wrong, the same in every process."""

import io
import json
import pickle

import pytest

from clearance.classifiers.value_lists import hashed
from clearance.errors import DetectionError, UsageError
from clearance.jobs.cli import run
from clearance.jobs.plan_file import load_plan
from clearance.jobs.settings import read_detection
from clearance.jobs.workers import find_in_texts

RULES = """\
detectors:
  - {name: TicketNumber, entity_type: TICKET, score: 0.9, pattern: '\\bTCK-\\d{6}\\b',
     match: [see TCK-204117], no_match: [TCK-20]}
resolution:
  thresholds: {IP_ADDRESS: 0.9}
  allow: [{of: [EMAIL_ADDRESS], values: [support@example.com]}]
  deny: [{entity_type: PROJECT_NAME, values: [Blue Falcon]}]
  hot_words: [{of: [US_SSN], words: [payroll], raise_to: 0.8}]
  exclusion_words: [{of: [EMAIL_ADDRESS], words: [noreply by], side: before}]
"""
TEXT = (
    "blue FALCON: write to support@example.com or ana.canary@example.com about TCK-204117 on 10.20.30.40;"
    " payroll 521449382; noreply by bo@example.com"
)
EXPECTED = [
    ("PROJECT_NAME", "blue FALCON"),
    ("EMAIL_ADDRESS", "ana.canary@example.com"),
    ("TICKET", "TCK-204117"),
    ("US_SSN", "521449382"),
]


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_a_scan_of_a_text_follows_them(rules, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert run(["scan", "--text", "-", "--ner", "none", "--detectors", str(rules), "--format", "json"]) == 0
    spans = json.loads(capsys.readouterr().out)["spans"]
    assert [(span["entity_type"], TEXT[span["start"] : span["end"]]) for span in spans] == EXPECTED


def test_protection_follows_them_and_settles(rules, key_file):
    from clearance.jobs.texts import Inside, TextProtector
    from clearance.methods import Redact
    from clearance.tokenization.keys import FileKeyProvider
    from clearance.tokenization.tokens import Tokenizer

    engine = read_detection(ner=None, detectors=[rules]).engine()
    tokenizer = Tokenizer(FileKeyProvider(key_file).reference().open(), "default")
    methods = {kind: Redact() for kind, _ in EXPECTED}
    (protected,), (types,) = TextProtector(methods, Inside(), engine, tokenizer).protect([TEXT])
    assert protected == (
        "[PROJECT_NAME]: write to support@example.com or [EMAIL_ADDRESS] about [TICKET] on 10.20.30.40;"
        " payroll [US_SSN]; noreply by bo@example.com"
    )
    assert types == {kind for kind, _ in EXPECTED}


def test_they_travel_as_content_and_are_not_shown(rules):
    there = pickle.dumps(read_detection(ner=None, detectors=[rules]))
    digest = read_detection(ner=None, detectors=[rules]).engine().digest
    rules.unlink()  # the worker's machine has no such file
    detection = pickle.loads(there)
    assert detection.engine().digest == digest != read_detection(ner=None).engine().digest
    assert [TEXT[s.start : s.end] for s in find_in_texts([TEXT], detection.engine(), None)[0]] == [
        value for _, value in EXPECTED
    ]
    assert "Falcon" not in repr(detection)


def test_a_plan_names_them_beside_itself(rules, tmp_path):
    plan = tmp_path / "plan.yml"
    plan.write_text(
        "version: 1\nsolutions: s.yaml\n"
        "detection: {ner: 'spacy:xx', detectors: [rules.yaml]}\n"
        "datasets: [{dataset: a.csv, solutions: x, detection: {ner: null, detectors: rules.yaml}}]\n"
    )
    loaded = load_plan(plan)
    (entry,) = loaded.datasets
    assert loaded.detection.detectors == entry.detection.detectors == (str(rules),)
    assert (loaded.detection.ner, entry.detection.ner) == ("spacy:xx", None)


def test_what_is_wrong_is_told_before_anything_starts(rules, tmp_path, capsys):
    with pytest.raises(UsageError, match="unknown NER model 'rampar'"):
        read_detection(ner="rampar")
    with pytest.raises(DetectionError, match="not installed"):  # and not once Spark has started
        read_detection(ner="spacy:no_such_model")
    with pytest.raises(UsageError, match="can't read detectors"):
        read_detection(detectors=[tmp_path / "none.yaml"])
    rules.write_text(RULES.replace("see TCK-204117", "see nothing"))
    with pytest.raises(DetectionError, match="TicketNumber fails its own examples"):
        read_detection(detectors=[rules])
    rules.write_text(RULES.replace("thresholds", "tresholds"))
    assert run(["scan", str(tmp_path / "x.csv"), "--detectors", str(rules)]) == 2
    told = capsys.readouterr()
    assert "resolution.tresholds" in told.err and "Falcon" not in told.err
    assert run(["detectors", "test", str(rules)]) == 2


def test_none_and_no_ner_are_the_same():
    assert read_detection(ner="none") == read_detection(ner=None)
    assert read_detection().ner == "rampart"


def test_a_list_is_hashed_without_being_shown(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("Blue Falcon\n\nOtto\n"))
    assert run(["detectors", "hash", "--salt", "0123456789abcdef", "--format", "json"]) == 0
    told = capsys.readouterr().out
    assert json.loads(told)["hashed"] == {
        "salt": "0123456789abcdef",
        "words": 2,
        "digests": sorted(hashed(value, "0123456789abcdef") for value in ("BLUE falcon", "otto")),
    }
    assert "Otto" not in told
    monkeypatch.setattr("sys.stdin", io.StringIO("Otto\n"))
    assert run(["detectors", "hash", "--salt", "short"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert run(["detectors", "hash"]) == 2
    assert "no value" in capsys.readouterr().err
