"""The rulers on texts whose counts can be told by hand, and the public one against the package it reproduces."""

import random
from collections import Counter
from itertools import pairwise

import pytest
import spacy

from clearance.classifiers.findings import Span
from clearance.classifiers.presidio_ruler import PresidioRuler
from clearance.classifiers.rulers import SENSITIVE, Outcome, StrictRuler, compare_column

TEXT = "Ana Maria Silva lives at 12 Long Lane, Porto and not in Lisbon."


def span(text: str, part: str, kind: str, score: float = 0.85) -> Span:
    start = text.index(part)
    return Span(start, start + len(part), kind, score, "test")


def numbers(outcome: Outcome, kind: str) -> tuple[int, int, int]:
    return outcome.annotated[kind], outcome.predicted[kind], outcome.matched[kind]


def test_strict_wants_both_offsets_and_the_type():
    truth = [span(TEXT, "Ana Maria Silva", "PERSON"), span(TEXT, "Porto", "LOCATION"), span(TEXT, "Lisbon", "LOCATION")]
    found = [span(TEXT, "Ana Maria", "PERSON"), span(TEXT, "Porto", "PERSON"), span(TEXT, "Lisbon", "LOCATION", 0.4)]
    compared = StrictRuler()(TEXT, truth, found)
    assert numbers(compared.typed, "PERSON") == (1, 2, 0)
    assert numbers(compared.typed, "LOCATION") == (2, 1, 1)
    assert numbers(compared.binary, SENSITIVE) == (3, 3, 2)
    assert compared.typed.confusion == Counter(
        {("LOCATION", "LOCATION"): 1, ("LOCATION", "PERSON"): 1, ("PERSON", None): 1, (None, "PERSON"): 1}
    )


def test_the_public_ruler_forgives_a_few_characters_and_no_more():
    truth = [span(TEXT, "Ana Maria Silva", "PERSON")]
    for part, matched in (("Ana Maria Silva", 1), ("Maria Silva", 0), ("Ana Maria Silva lives", 0)):
        assert numbers(PresidioRuler()(TEXT, truth, [span(TEXT, part, "PERSON")]).typed, "PERSON") == (1, 1, matched)
    loose = PresidioRuler(iou=0.7)(TEXT, truth, [span(TEXT, "Maria Silva", "PERSON")])
    assert numbers(loose.binary, SENSITIVE) == (1, 1, 1)


def test_the_public_ruler_joins_neighbours_and_skips_words():
    truth = [span(TEXT, "12 Long Lane, Porto", "LOCATION")]
    parts = [span(TEXT, "12 Long Lane", "LOCATION"), span(TEXT, "Porto", "LOCATION")]
    assert numbers(PresidioRuler()(TEXT, truth, parts).typed, "LOCATION") == (1, 1, 1)
    # Nothing but skip words is no span at all; "and not" has one word that counts.
    only_skipped = PresidioRuler()(TEXT, [], [span(TEXT, "and not", "LOCATION")])
    assert numbers(only_skipped.typed, "LOCATION") == (0, 0, 0)


def test_parts_of_two_types_are_one_span_when_only_sensitivity_counts():
    truth = [span(TEXT, "12 Long Lane, Porto", "STREET_ADDRESS")]
    parts = [span(TEXT, "12 Long Lane", "STREET_ADDRESS"), span(TEXT, "Porto", "LOCATION")]
    compared = PresidioRuler()(TEXT, truth, parts)
    assert numbers(compared.binary, SENSITIVE) == (1, 1, 1)
    assert numbers(compared.typed, "STREET_ADDRESS") == (1, 1, 0)
    assert numbers(compared.typed, "LOCATION") == (0, 1, 0)


def test_an_empty_text_has_nothing():
    compared = PresidioRuler()("", [], [])
    assert compared.typed.annotated.total() + compared.typed.predicted.total() == 0


@pytest.mark.parametrize(
    ("truth", "found", "counts"),
    [
        ("A", "A", (1, 1, 1)),
        ("A", None, (1, 0, 0)),
        (None, "A", (0, 1, 0)),
        ("A", "B", (1, 0, 0)),
        (None, None, (0,) * 3),
    ],
)
def test_a_column_is_right_wrong_or_missed(truth, found, counts):
    compared = compare_column(truth, found)
    assert numbers(compared.typed, "A") == counts
    assert compared.binary.annotated[SENSITIVE] == (truth is not None)


def test_the_public_ruler_counts_what_presidio_evaluator_counts():
    """Random spans of random scores and types, overlapping and touching, in texts with many skip words."""
    evaluation = pytest.importorskip("presidio_evaluator.evaluation", reason="needs presidio-evaluator==0.3.2")
    import pandas as pd
    from presidio_evaluator.span_to_tag import span_to_tag

    rng, tokenize, ruler = random.Random(7), spacy.blank("en"), PresidioRuler()
    words = ["the", "St.", "Ana", "Silva,", "12", "Porto", "(and)", "\n\n", "ana@example.com", "de", "don't", "last"]
    rows, binary, typed, confusion = [], Counter(), Counter(), Counter()
    for item in range(300):
        text = " ".join(rng.choices(words, k=rng.randrange(4, 40)))
        doc = tokenize.make_doc(text)
        sides = []
        for scores in ((0.5,), (0.4, 0.6, 0.85)):
            cuts = sorted(rng.sample(range(len(text)), 6))
            spans = [
                Span(a, b, rng.choice("ABC"), rng.choice(scores), "") for a, b in pairwise(cuts) if rng.random() < 0.6
            ]
            spans += [Span(a, min(a + 9, len(text)), rng.choice("AB"), rng.choice(scores), "") for a in cuts[:2]]
            sides.append(spans)
        tags = [
            span_to_tag("IO", text, [s.start for s in side], [s.end for s in side], [s.entity_type for s in side],
                        [s.score for s in side], tokens=doc)
            for side in sides
        ]  # fmt: skip
        for token, true, said in zip(doc, *tags, strict=True):
            rows.append((item, str(token), true, said, token.idx))
        compared = ruler(text, *sides)
        for counts, outcome in ((binary, compared.binary), (typed, compared.typed)):
            for name in ("annotated", "predicted", "matched"):
                counts.update({(name, kind): n for kind, n in getattr(outcome, name).items()})
        confusion.update(compared.typed.confusion)
    frame = pd.DataFrame(rows, columns=["sentence_id", "token", "annotation", "prediction", "start_indices"])
    evaluator = evaluation.SpanEvaluator(iou_threshold=0.75)
    theirs = evaluator.calculate_score_on_df(frame, level="entity")
    in_all = evaluator.calculate_score_on_df(frame, level="pii")
    for kind, counted in theirs.per_type.items():
        ours = tuple(typed[name, kind] for name in ("annotated", "predicted", "matched"))
        assert ours == (counted.num_annotated, counted.num_predicted, counted.true_positives)
    ours = tuple(binary[name, SENSITIVE] for name in ("annotated", "predicted", "matched"))
    assert ours == (in_all.pii_annotated, in_all.pii_predicted, in_all.pii_true_positives)
    assert in_all.pii_true_positives > 30
    named = {tuple(None if kind == "O" else kind for kind in pair): n for pair, n in theirs.results.items() if n}
    assert named == dict(+confusion)
