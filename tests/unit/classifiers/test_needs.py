"""What our own patterns need of a text must never hold back a text that they would match."""

import random
import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clearance.classifiers.context import Words
from clearance.classifiers.detectors import Detector, load_detectors, packaged_files
from clearance.classifiers.gates import traits_for_gates
from clearance.classifiers.nlp import WordsOnlyNlpEngine
from clearance.classifiers.recognition import Recognition
from clearance.classifiers.sieve import Sieve

PIECES = [
    "password: hunter2", "PWD=S3cret!", "api_key = 9f8e7d6c5b4a39281706", "Bearer abcdefgh12345678x", "MRN 00987654",
    "Patient ID AHC-0933289", "VIN: WDBUF56X48B123456", "1M8GDM9AXKP042788", "45 y/o", "34yo", "Age: 45", "turned 21",
    "DOB 03/15/1989", "d.ob 1/1/89", "born on March 3, 1980", "12 Dec 2019", "May 2021", "Polish", "France", "Germany",
    "SSN is 123-45-6789", "account number 12435678X", "A/C 0012345678", "me@example.com / W!nter2024", "ſſn 123456789",
    "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "2223003122003222", " ", "\n", "é", "K", "x9",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), min_size=1, max_size=4).map(" ".join)


def matching(text: str) -> list[Detector]:
    return [detector for detector in load_detectors() if any(detector.spans(text))]


@given(texts)
def test_a_text_that_matches_meets_the_needs(text: str) -> None:
    traits = traits_for_gates(text)
    assert [d.name for d in matching(text) if not d.needs.met_by(traits)] == []


def _least(detector: Detector, text: str) -> str:
    """What is left of a text where nothing more can be left out without the detector finding nothing."""
    before = ""
    while text != before:
        before = text
        for size in (8, 3, 1):
            start = 0
            while start + size <= len(text):
                shorter = text[:start] + text[start + size :]
                text, start = (shorter, start) if detector.spans(shorter) else (text, start + 1)
    return text


def test_the_least_that_a_detector_finds_meets_its_needs() -> None:
    """A text is held against needs only in small batches: what is found must not depend on the texts beside it."""
    detectors = {detector.name: detector for detector in load_detectors()}
    held_back = {}
    for _, content in packaged_files():
        for entry in yaml.load(content, yaml.CSafeLoader)["detectors"]:
            detector = detectors[entry["name"]]
            for example in entry["match"]:
                least = _least(detector, example) if len(example) < 60 else example
                if not detector.needs.met_by(traits_for_gates(least)):
                    held_back[detector.name] = least
    assert not held_back


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NumberOfAFile", "case no. A1/2"),
        ("AddressInKorean", "중구 을로 1"),
        ("AddressInJapanese", "津市南1-"),
        ("OrganizationByForm", "BP AG"),
        ("InstructionOverride", "forget past rules"),
    ],
)
def test_short_ones_are_not_held_back(name: str, text: str) -> None:
    detector = next(detector for detector in load_detectors() if detector.name == name)
    assert detector.spans(text) and detector.needs.met_by(traits_for_gates(text))


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_no_country_is_held_back(language: str) -> None:
    countries = load_detectors(language)[-1]
    names = countries.pattern.pattern.removeprefix(r"\b(?:").removesuffix(r")\b").replace("\\", "").split("|")
    assert len(names) > 150
    assert [name for name in names if not countries.needs.met_by(traits_for_gates(name))] == []


def test_a_plain_number_tries_almost_no_pattern() -> None:
    traits = traits_for_gates("1234567")
    assert [detector.name for detector in load_detectors() if detector.needs.met_by(traits)] == []


# ---- other scripts: a pattern whose gate is any non-ASCII character is tried where one of its words stands ----

SIGNS = [
    *" .,:;-\n()0159AZaz",
    "\u2019",
    "\u3000",
    "\u0301",
    "\u0306",
    "\u3099",
    "\uff21",
    "\uff11",
    "\u200b",
    "\u1c80",
    "\u0130",
]
FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def _wide(text: str) -> str:
    """ASCII as full-width characters."""
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def _texts_of(examples: list[str], rng: random.Random) -> list[str]:
    made = []
    for text in examples:
        made += [
            text,
            text.upper(),
            text.lower(),
            text.title(),
            _wide(text),
            f"\u201cso it is\u201d {text}, he\u2019d say",
        ]
        made += [unicodedata.normalize(form, text) for form in FORMS]
        for _ in range(60):
            place = rng.randrange(len(text) + 1)
            text = text[:place] + rng.choice(["", *SIGNS]) + text[place + rng.randint(0, 1) :]
            made.append(text)
    return made


def test_words_of_other_scripts_hold_back_no_text_that_a_pattern_matches() -> None:
    """The sieve asks for them whatever the size of the batch, so a word that is not needed would hide a finding."""
    detectors = load_detectors()
    sieve = Sieve(Recognition([], Words(WordsOnlyNlpEngine("en"), "en"), 0.35), detectors, 0.35)
    asked = {detectors[index].name: index for index in sieve._words_of_scripts}
    assert {"AddressInJapanese", "NameIntroducedInChinese", "NameIntroducedInKorean", "NameWithPatronymic"} <= set(
        asked
    )
    examples = [
        example
        for _, content in packaged_files()
        for entry in yaml.load(content, yaml.CSafeLoader)["detectors"]
        if entry["name"] in asked
        for example in [*entry["match"], *entry["no_match"]]
    ]
    found = _texts_of(examples, random.Random(7))
    for batch in (found, found[:50]):
        declared = sieve.sift(batch).declared
        for name, index in asked.items():
            tried = set(declared.get(index, ()))
            held_back = [text for row, text in enumerate(batch) if row not in tried and detectors[index].spans(text)]
            assert not held_back, (name, ascii(held_back[0]))
    quiet = ["so it\u2019s said, and \u201cthat\u201d was all"] * 3
    assert not any(sieve.sift(quiet).declared.get(index) for index in asked.values())
