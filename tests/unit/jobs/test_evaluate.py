"""``clearance evaluate`` and ``clearance detectors``: what they say, when they refuse, and what they never show."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from clearance.classifiers.catalogue import catalogue, try_file
from clearance.classifiers.labelled import TypeNames
from clearance.errors import UsageError
from clearance.jobs.cli import run
from clearance.jobs.evaluate import Configuration, measure, read_columns

CANARY = "ana.canary@example.com"
TEXTS = [
    {"text": f"Write to {CANARY} please", "spans": [{"start": 9, "end": 31, "label": "EMAIL"}]},
    {"text": "Nothing is in here", "spans": []},
    {"text": "The code is Qanarx77", "spans": [{"start": 12, "end": 20, "label": "SECRET_CODE"}]},
]
DETECTORS = """\
detectors:
  - name: SecretCode
    entity_type: SECRET_CODE
    score: 0.9
    pattern: '\\bQ[a-z]{3,9}[0-9]{2}\\b'
    match: [Qabcd12]
    no_match: [abcd]
"""
PATTERNS = Configuration(ner=None)


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(TEXTS))
    return path


@pytest.fixture
def tables(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    emails = [f"person{i}@example.com" for i in range(30)]
    rows = "".join(f"{email},{i}\n" for i, email in enumerate(emails))
    (folder / "a.csv").write_text("e-mail,n\n" + rows)
    table = pa.table({"who": pa.array([{"mail": email} for email in emails]), "n": range(30)})
    pq.write_table(table, folder / "b.parquet")
    write_deltalake(str(folder / "c"), pa.table({"contact": emails}))
    truth = {"a.csv": {"e-mail": "EMAIL"}, "b.parquet": {"who.mail": "EMAIL_ADDRESS"}, "c": {"contact": "IBAN_CODE"}}
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder


def test_texts_are_measured_by_either_ruler(texts):
    for ruler in ("presidio", "strict"):
        found = measure(texts, PATTERNS, ruler=ruler).evaluation
        assert found.items == 3
        email = found.by_type["EMAIL_ADDRESS"]
        assert (email.support, email.predicted, email.matched) == (1, 1, 1)
        assert found.by_type["SECRET_CODE"].matched == 0
        assert found.overall.recall.estimate == 0.5


def test_tables_of_every_format_are_measured_and_negatives_count(tables):
    measured = measure(tables, PATTERNS)
    assert (measured.evaluation.items, measured.evaluation.headline) == (5, "typed")
    assert measured.evaluation.by_type["EMAIL_ADDRESS"].matched == 2
    assert measured.evaluation.by_type["IBAN_CODE"].matched == 0
    assert {file: found.overall.matched for file, found in measured.by_file.items()} == {
        "a.csv": 1,
        "b.parquet": 1,
        "c": 0,
    }
    assert measured.errors == (
        {"item": 4, "file": "c", "column": "contact", "true": "IBAN_CODE", "predicted": "EMAIL_ADDRESS", "count": 1},
    )


def test_only_so_many_rows_are_read(tables):
    for name in ("a.csv", "b.parquet", "c"):
        assert all(len(column.values) == 7 for column in read_columns(tables / name, 7))


def test_types_may_be_left_out_or_renamed(texts, tables):
    assert set(measure(texts, PATTERNS, names=TypeNames(ignored=frozenset({"SECRET_CODE"}))).evaluation.by_type) == {
        "EMAIL_ADDRESS"
    }
    names = TypeNames({"IBAN_CODE": "EMAIL_ADDRESS"})
    assert measure(tables, PATTERNS, names=names).evaluation.overall.f1.estimate == 1


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00\x01", '[{"text": "x", "spans": [[0, 9, "A"]]}]'])
def test_labelled_data_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "labelled.json"
    path.write_text(content)
    with pytest.raises(UsageError):
        measure(path, PATTERNS)
    assert run(["evaluate", str(path), "--no-ner"]) == 2


def test_a_truth_that_does_not_fit_its_tables_is_refused(tables):
    for truth in ({}, {"none.csv": {}}, {"a.csv": {"E-Mail": "EMAIL"}}):
        (tables / "truth.json").write_text(json.dumps(truth))
        with pytest.raises(UsageError):
            measure(tables, PATTERNS)


def test_the_command_prints_figures_and_nothing_of_the_data(texts, capsys):
    assert run(["evaluate", str(texts), "--no-ner", "--format", "json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["by_type"]["EMAIL_ADDRESS"]["f2"]["estimate"] == 1
    assert found["errors"] == [{"item": 2, "true": "SECRET_CODE", "predicted": None, "count": 1}]
    assert run(["evaluate", str(texts), "--no-ner"]) == 0
    table = capsys.readouterr()
    assert "EMAIL_ADDRESS" in table.out and "figure of the ruler: binary" in table.out
    assert "compared" in told.err and "compared" not in told.out
    for shown in (told.out, told.err, table.out, table.err):
        assert "canary" not in shown.lower() and "Qanarx" not in shown


def test_a_bar_holds_or_fails(texts, capsys):
    ours = ["evaluate", str(texts), "--no-ner", "--format", "json"]
    assert run([*ours, "--min-f2", "0.55"]) == 0
    assert run([*ours, "--min-f2", "0.56"]) == 3
    assert "below the bar" in capsys.readouterr().err
    assert run([*ours, "--min-f1", "0.99", "--ignore", "SECRET_CODE"]) == 0
    assert run([*ours, "--min-f1", "0", "--only", "PERSON"]) == 2


def test_two_configurations_are_compared(texts, capsys):
    ours = ["evaluate", str(texts), "--no-ner", "--format", "json"]
    assert run([*ours, "--against", "--no-ner --threshold 1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["difference"]["EMAIL_ADDRESS"]["f1"]["estimate"] == 0
    assert told["against"]["items"] == 3
    assert run(["evaluate", str(texts), "--no-ner", "--against", "--no-ner --threshold 1"]) == 0
    difference = capsys.readouterr().out.split("difference", 1)[1]
    assert "+0.000 [-1.000, +1.000]" not in difference and " - " in difference
    assert run([*ours, "--against", "--no-ner --nonsense"]) == 2
    assert run([*ours, "--against", "'"]) == 2


def test_measuring_starts_no_spark(texts):
    script = (
        "import json, sys\n"
        "from clearance.jobs.cli import run\n"
        f"code = run(['evaluate', {str(texts)!r}, '--no-ner', '--format', 'json'])\n"
        "print(code, 'pyspark' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr


# ---- detectors ----


def test_every_detector_is_listed_with_why_it_is_off(capsys):
    assert run(["detectors", "list", "--no-ner", "--format", "json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["detectors"]}
    assert {each["source"] for each in listed.values()} == {"presidio", "clearance", "model"}
    assert listed["CreditCardRecognizer"]["on"] and listed["CreditCardRecognizer"]["entity_types"] == ["CREDIT_CARD"]
    assert not listed["rampart"]["on"]
    assert all(each["on"] or each["reason"] for each in listed.values())
    npi = listed["UsNpiRecognizer"]
    assert not npi["on"] and "--region us" in npi["reason"]
    assert {each.name: each for each in catalogue(regions=["us"])}["UsNpiRecognizer"].on


def test_a_detector_is_shown_with_its_pattern_and_examples(tmp_path, capsys):
    file = tmp_path / "own.yaml"
    file.write_text(DETECTORS)
    assert run(["detectors", "show", "secretcode", "--detectors", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "SECRET_CODE" in shown and "Q[a-z]{3,9}" in shown and "Qabcd12" in shown and "source: file" in shown
    assert run(["detectors", "show", "IbanRecognizer"]) == 0
    assert "context: " in capsys.readouterr().out
    assert run(["detectors", "show", "NoSuchThing"]) == 2


def test_a_file_of_detectors_is_tried_one_by_one(tmp_path, capsys):
    file = tmp_path / "own.yaml"
    file.write_text(DETECTORS)
    assert run(["detectors", "test", str(file)]) == 0
    bad = DETECTORS.replace("match: [Qabcd12]", "match: [Qabcd12, nothing]").replace("SecretCode", "Broken")
    file.write_text(DETECTORS + bad.partition("\n")[2])
    assert run(["detectors", "test", str(file)]) == 2
    good, broken = try_file(file)
    assert (good.detector, good.problem) == ("SecretCode", "")
    assert broken.detector == "Broken" and "match 2" in broken.problem
    assert "nothing" not in capsys.readouterr().out.split("Broken")[1]


@pytest.mark.parametrize(
    "content", ["", "detectors: []", "a: [", "detectors: 3", DETECTORS + DETECTORS.partition("\n")[2]]
)
def test_a_file_without_detectors_or_with_one_twice_is_refused(tmp_path, content):
    file = tmp_path / "own.yaml"
    file.write_text(content)
    assert run(["detectors", "test", str(file)]) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("resolution:\n  thresholds: {EMAIL_ADRESS: 0.5}\n", "nothing finds the type EMAIL_ADRESS"),
        (DETECTORS.replace("SecretCode", "SwiftCode"), "detector SwiftCode is declared twice"),
        (DETECTORS.replace("SECRET_CODE", "secret code"), "capitals, digits and _"),
        (DETECTORS + "resolution: {allow: []}\nresolution: {allow: []}\n", "a key is given twice"),
    ],
)
def test_what_a_scan_would_refuse_a_test_refuses_too(tmp_path, capsys, content, told):
    file = tmp_path / "own.yaml"
    file.write_text(content)
    assert run(["detectors", "test", str(file)]) == 2
    printed = capsys.readouterr()
    assert told in printed.err + printed.out


def test_rules_for_a_type_of_another_file_are_tried_beside_it(tmp_path):
    (tmp_path / "own.yaml").write_text(DETECTORS)
    rules = tmp_path / "rules.yaml"
    rules.write_text("resolution:\n  thresholds: {SECRET_CODE: 0.5}\n")
    assert run(["detectors", "test", str(rules)]) == 2
    assert run(["detectors", "test", str(rules), "--detectors", str(tmp_path / "own.yaml")]) == 0


def test_a_text_is_tried_without_being_shown(tmp_path, capsys):
    file = tmp_path / "text.txt"
    file.write_text(TEXTS[0]["text"])
    assert run(["detectors", "test", "--text", str(file), "--no-ner", "--format", "json"]) == 0
    out = capsys.readouterr().out
    assert ("EMAIL_ADDRESS", 9, 31) in {(s["entity_type"], s["start"], s["end"]) for s in json.loads(out)["spans"]}
    assert "canary" not in out
    assert run(["detectors", "test"]) == 2


def test_columns_of_one_name_or_none_are_told_apart(tmp_path):
    """As Spark does it, so that a truth names them as a scan does."""
    (tmp_path / "a.csv").write_text("id,,Mail,mail\n1,x,ana@example.com,ben@example.com\n")
    assert [column.name for column in read_columns(tmp_path / "a.csv", 10)] == ["id", "_c1", "Mail2", "mail3"]
