"""Dates in words: what the detectors find in a text, in whatever language, is read as the day that it is."""

import re
import unicodedata
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import clearance.classifiers
from clearance.classifiers.engine import load_engine
from clearance.jobs.texts import Inside, TextProtector
from clearance.perturbing import DateShift
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.tokens import Tokenizer
from clearance.tokenization.written_dates import iso_date

YEAR = {
    "German": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "French": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "Spanish": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "Italian": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "Portuguese": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "Dutch": "januari februari maart april mei juni juli augustus september oktober november december",
    "Polish": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "Swedish": "januari februari mars april maj juni juli augusti september oktober november december",
}


@pytest.mark.parametrize("language", sorted(YEAR))
def test_every_month_is_read(language: str) -> None:
    names = YEAR[language].split()
    assert len(names) == 12
    for month, name in enumerate(names, 1):
        for written in (f"5 {name} 1999", f"05. {name.upper()} 1999", f"5 de {name} del 1999", f"5-{name}-1999"):
            assert iso_date(written) == f"1999-{month:02}-05", written
        assert iso_date(f"5 {unicodedata.normalize('NFD', name)} 1999") == f"1999-{month:02}-05"


def test_no_month_that_the_detectors_find_is_unknown() -> None:
    rules = (Path(clearance.classifiers.__file__).parent / "patterns" / "dates.yaml").read_text()
    names = re.search(r"(Januar\|[^)]+)\)", rules)
    assert names is not None
    assert {name for name in names[1].split("|") if iso_date(f"5 {name} 1999") is None} == set()


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("le 1er mai 1999", None),
        ("1er mai 1999", "1999-05-01"),
        ("1º gennaio 2001", "2001-01-01"),
        ("5 de octubre de 2018", "2018-10-05"),
        ("12. Jänner 2020", "2020-01-12"),
        ("3 févr. 2020", "2020-02-03"),
        ("12 Dez. 2020", "2020-12-12"),
        ("12th of March, 1990", "1990-03-12"),
        ("29 février 2021", None),
        ("12 Monate 2020", None),
        ("12Mar1990", None),
        ("5 mars bars 2020", None),
    ],
)
def test_only_what_is_one_day_is_one(written: str, day: str | None) -> None:
    assert iso_date(written) == day


@pytest.mark.parametrize(
    "text",
    [
        "Aufgenommen am 12. März 2020 und entlassen am 26. März 2020.",
        "Entré le 12 mars 2020 et sorti le 26 mars 2020.",
        "Ingresó el 12 de marzo de 2020 y salió el 26 de marzo de 2020.",
        "Entrato il 12 marzo 2020 e uscito il 26 marzo 2020.",
        "Entrou em 12 de março de 2020 e saiu em 26 de março de 2020.",
        "Opgenomen op 12 maart 2020 en ontslagen op 26 maart 2020.",
    ],
)
def test_shifted_in_a_text_they_keep_their_distance_and_the_proof_makes_the_same(text: str) -> None:
    tokenizer = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))
    methods = {"DATE_TIME": DateShift(max_days=300, subject="id")}
    protector = TextProtector(methods, Inside(), load_engine(ner=None), tokenizer)
    (done,), _ = protector.protect([text], pa.array(["s1"]))
    first, second = (date.fromisoformat(found) for found in re.findall(r"\d{4}-\d{2}-\d{2}", done))
    assert second - first == timedelta(days=14) and first != date(2020, 3, 12)
    assert re.sub(r"\d{4}-\d{2}-\d{2}", "", done) == re.sub(r"\d+\.? (?:de )?[mM]\w+ (?:de )?\d{4}", "", text)
    assert protector.protect([text], pa.array(["s1"]))[0] == [done]
