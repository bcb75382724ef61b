"""Names and places: every kind of model behind one interface, and a batch that never changes a text's spans."""

import itertools
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from spacy.training import Example

from clearance.classifiers.findings import Span
from clearance.classifiers.ner import NerModel, load_ner
from clearance.classifiers.rampart import model_folder
from clearance.errors import DetectionError, UsageError


@pytest.fixture(scope="module")
def rampart() -> NerModel:
    return load_ner("rampart", "en")


def _made_up_texts(number: int) -> list[str]:
    rng = random.Random(11)
    names = ["Ana Diaz", "Björn Åkesson", "PRIYA RAMAN", "mike o'neil", "Łukasz", "de la Cruz", "Ngozi A. Eze"]
    places = ["Estonia", "12 Elm Street, Apt 4", "new york", "São Paulo", "Zürich", "TX 75001"]
    words = ["the", "order", "came", "late", "and", "nobody", "at", "our", "office", "could say", "was paid", "😀 ..."]
    texts = []
    for _ in range(number):
        parts = [rng.choice(rng.choice((names, places, words, words, words))) for _ in range(rng.randint(2, 60))]
        texts.append(" ".join(parts))
    return texts


def test_neighbours_in_a_batch_never_change_a_text_s_spans() -> None:
    texts = _made_up_texts(200)
    # Each model remembers windows it has seen: a fresh one for each composition, or nothing would be computed.

    one_by_one_model = load_ner("rampart", "en")
    one_by_one = [one_by_one_model.spans([text])[0] for text in texts]
    assert sum(map(len, one_by_one)) > 200
    rng = random.Random(3)
    for size in (7, 200):
        model = load_ner("rampart", "en")
        order = list(range(len(texts)))
        rng.shuffle(order)
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            assert model.spans([texts[row] for row in rows]) == [one_by_one[row] for row in rows]


def test_rampart_finds_names_and_places_with_offsets_in_code_points(rampart: NerModel) -> None:
    texts = ["😀 My name is Ana Diaz and I need help", "I live in Chicago, Illinois"]
    found = [
        [(text[span.start : span.end], span.entity_type) for span in spans]
        for text, spans in zip(texts, rampart.spans(texts), strict=True)
    ]
    assert found == [[("Ana Diaz", "PERSON")], [("Chicago, Illinois", "LOCATION")]]
    assert rampart.spans([]) == []
    assert rampart.spans(["", " ", "42"]) == [[], [], []]


def test_rampart_loses_no_name_at_a_window_s_seam(rampart: NerModel) -> None:
    filler = "the order came late and nobody at the office could say why it was so "
    for shift in range(380, 500, 9):
        text = (filler * 9)[:shift] + " my name is Ana Diaz and I need help. " + filler * 5
        names = [text[span.start : span.end] for span in rampart.spans([text])[0] if span.entity_type == "PERSON"]
        assert names == ["Ana Diaz"], shift


def test_rampart_looks_at_all_of_a_long_text(rampart: NerModel) -> None:
    filler = "Nobody at the office could say why the order came so late. " * 60
    name = "My name is Ana Diaz and I need help. "
    text = (filler + name) * 80 + "and no blanks follow: " + "x" * 50_000
    expected = [(n + 1) * len(filler) + n * len(name) + name.index("Ana") for n in range(80)]
    (spans,) = rampart.spans([text])
    assert len(text) > 300_000
    assert [span.start for span in spans if span.entity_type == "PERSON"] == expected
    assert {text[span.start : span.end] for span in spans} == {"Ana Diaz"}


def test_a_long_neighbour_changes_nothing(rampart: NerModel) -> None:
    text = "please send it to Björn Åkesson, who lives in Zürich"
    (alone,) = load_ner("rampart", "en").spans([text])
    # The largest numbers of a run set the scale of its integers: none of another text's may be among them.
    assert load_ner("rampart", "en").spans(["9" * 5000 + " !? " * 300, text, text.upper()])[1] == alone
    assert [text[span.start : span.end] for span in alone] == ["Björn Åkesson", "Zürich"]


def test_facts_change_with_all_that_decides_about_spans(monkeypatch: pytest.MonkeyPatch, rampart: NerModel) -> None:
    for module, name in (("rampart_graph", "LEVELS"), ("rampart", "LEAST_SCORE"), ("ner_windows", "SIZE")):
        with monkeypatch.context() as patched:
            patched.setattr(f"clearance.classifiers.{module}.{name}", 63)
            assert load_ner("rampart", "en").facts != rampart.facts, name
    with monkeypatch.context() as patched:
        patched.setattr("clearance.classifiers.name_spans.SMALL_LETTER", 0.6)
        assert load_ner("rampart", "en").facts != rampart.facts


def test_rampart_on_other_languages_and_letters(rampart: NerModel) -> None:
    texts = ["Mein Name ist Jürgen Schneider und ich wohne in Köln", "Me llamo Lucía Fernández y vivo en Sevilla"]
    names = [
        {text[span.start : span.end] for span in spans} for text, spans in zip(texts, rampart.spans(texts), strict=True)
    ]
    assert names == [{"Jürgen Schneider", "Köln"}, {"Lucía Fernández", "Sevilla"}]


def test_an_altered_model_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((model_folder() / name).read_bytes())
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model_q4.onnx").write_bytes(b"not the model")
    monkeypatch.setattr("clearance.classifiers.rampart.model_folder", lambda: tmp_path)
    with pytest.raises(DetectionError, match="SHA-256"):
        load_ner("rampart", "en")


class Badges(EntityRecognizer):
    """Finds the word after "badge"; sees nothing but the words that the artifacts hold."""

    def __init__(self, supported_language: str) -> None:
        super().__init__(supported_entities=["BADGE"], supported_language=supported_language)

    def load(self) -> None:
        pass

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        tokens = list(nlp_artifacts.tokens)
        return [
            RecognizerResult("BADGE", after.idx, after.idx + len(after), 0.123456)
            for word, after in itertools.pairwise(tokens)
            if word.text == "badge" and "BADGE" in entities
        ]


def test_any_presidio_recognizer_plugs_in() -> None:
    name = f"presidio:{__name__}:Badges"
    model = load_ner(name, "en")
    assert model.name == name
    assert model.entity_types == ("BADGE",)
    assert model.spans(["no", "my badge Z9 broke"]) == [[], [Span(9, 11, "BADGE", 0.1235, name)]]


class Unlike(Badges):
    """What a recognizer of a user's may do wrong, by the text that it is given."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        if text == "entities":
            return list(nlp_artifacts.entities)
        made = {"place": ("BADGE", 0, 99, 0.5), "score": ("BADGE", 0, 1, 1.5), "type": ("OTHER", 0, 1, 0.5)}
        return [RecognizerResult(*made[text])]


class Demanding(Badges):
    def __init__(self, supported_language: str, model: str) -> None:
        raise AssertionError


@pytest.mark.parametrize("wrong", ["place", "score", "type", "entities"])
def test_what_a_plugged_recognizer_can_t_have_found_is_an_error(wrong: str) -> None:
    with pytest.raises(DetectionError, match="what another model found" if wrong == "entities" else "what can't be"):
        load_ner(f"presidio:{__name__}:Unlike", "en").spans([wrong])


def test_a_recognizer_that_can_t_be_made_is_told_and_a_changed_module_is_another_model() -> None:
    with pytest.raises(DetectionError, match="making a Demanding failed with TypeError"):
        load_ner(f"presidio:{__name__}:Demanding", "en")
    facts = load_ner(f"presidio:{__name__}:Badges", "en").facts
    assert facts["module"] == sha256(Path(__file__).read_bytes()).hexdigest()


def test_a_spacy_model_by_its_package_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("ner")
    for label in ("PERSON", "GPE", "MONEY"):
        ruler.add_label(label)  # type: ignore[attr-defined]
    example = {"entities": [(0, 3, "PERSON"), (9, 14, "GPE"), (19, 21, "MONEY")]}
    examples = [Example.from_dict(nlp.make_doc("Ana left Paris for 5€"), example)]
    nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples)
    monkeypatch.setattr("clearance.classifiers.ner.importlib.util.find_spec", lambda _: object())
    monkeypatch.setattr(spacy, "load", lambda _: nlp)
    model = load_ner("spacy:xx_made_up", "en")
    assert model.entity_types == ("LOCATION", "PERSON")
    assert nlp.pipe_names == ["ner"]
    assert model.spans(["Ana left Paris for 5€"]) == [
        [Span(0, 3, "PERSON", 0.85, model.name), Span(9, 14, "LOCATION", 0.85, model.name)]
    ]
    monkeypatch.setattr(nlp, "max_length", 40_000)
    long = "Ana left Paris for 5€. " * 2_000
    found = model.spans([long])[0]
    assert {"Ana", "Paris"} <= {long[span.start : span.end] for span in found}
    assert len(found) == len(set(found)) and found[-1].end > nlp.max_length
    with pytest.raises(UsageError, match="not 'de'"):
        load_ner("spacy:xx_made_up", "de")


@pytest.mark.parametrize("name", ["", "llm", "spacy:", "presidio:", "presidio:a", f"presidio:{__name__}:Span"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"presidio:<module>:<class"):
        load_ner(name, "en")


@pytest.mark.parametrize(
    ("name", "remedy"), [("spacy:no_such_model", "pip install"), ("presidio:no_such_module:X", "install the package")]
)
def test_a_missing_model_is_one_clear_error(name: str, remedy: str) -> None:
    with pytest.raises(DetectionError, match=remedy):
        load_ner(name, "en")
