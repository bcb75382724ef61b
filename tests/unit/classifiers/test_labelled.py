"""Labelled data of several makes, and what is wrong with it, told without quoting it."""

import json

import pytest

from clearance.classifiers.findings import Span
from clearance.classifiers.labelled import TypeNames, read_conll, read_json, read_truth
from clearance.errors import UsageError

TEXT = "Ana of Porto"
ANA = (0, 3, "PERSON")


def places(labelled) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.entity_type) for span in labelled.spans]


@pytest.mark.parametrize(
    "item",
    [
        {"full_text": TEXT, "spans": [{"entity_type": "PERSON", "start_position": 0, "end_position": 3}]},
        {"text": TEXT, "spans": [{"label": "PERSON", "start": 0, "end": 3}]},
        {"input": TEXT, "expected_entities": [{"type": "PERSON", "start": 0, "end": 3}]},
        {"text": TEXT, "label": [[0, 3, "PERSON"]]},
    ],
)
def test_json_of_several_makes(item):
    for content in (json.dumps([item]), json.dumps(item), json.dumps(item) + "\n\n" + json.dumps(item) + "\n"):
        for labelled in read_json(content):
            assert (labelled.text, places(labelled)) == (TEXT, [ANA])
    assert len(read_json(json.dumps(item) + "\n" + json.dumps(item))) == 2


@pytest.mark.parametrize("tags", ["B-P I-P O B-L", "P P O L", "I-P I-P O I-L", "B-P E-P O S-L", "B-P L-P O U-L"])
def test_conll_in_all_its_schemes(tags):
    words = ["Ana", "Silva", "of", "Porto"]
    content = "".join(f"{word}\tx\t{tag}\n" for word, tag in zip(words, tags.split(), strict=True))
    one, two = read_conll(content + "\t\n" + content)
    assert one.text == two.text == "Ana Silva of Porto"
    assert places(one) == places(two) == [(0, 9, "P"), (13, 18, "L")]


def test_neighbours_that_begin_anew_are_two():
    (labelled,) = read_conll("Ana B-P\nBo B-P\nCy I-P\n")
    assert places(labelled) == [(0, 3, "P"), (4, 9, "P")]


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        '[{"text": "canary-9f3"}]',
        '[{"text": "canary-9f3", "spans": [{"start": 0, "end": 11, "label": "A"}]}]',
        '[{"text": "canary-9f3", "spans": [{"start": 3, "end": 3, "label": "A"}]}]',
        '[{"text": "canary-9f3", "spans": [[0, 2]]}]',
        '{"text": "canary-9f3", "spans": []}\n{"text": canary-9f3}\n',
    ],
)
def test_what_is_wrong_is_told_by_number(content):
    with pytest.raises(UsageError, match=r"item \d") as caught:
        read_json(content)
    error = caught.value
    assert "canary" not in str(error)
    assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)


def test_a_line_without_a_tag_is_told_by_number():
    with pytest.raises(UsageError, match="line 2") as caught:
        read_conll("Ana B-P\ncanary\n")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", '{"a.csv": ["x"]}', '{"a.csv": {"x": 1}}'])
def test_a_truth_that_is_none_is_refused(content):
    with pytest.raises(UsageError):
        read_truth(content)


def test_types_have_one_name_and_some_are_not_scored():
    names = TypeNames({"GPE": "COUNTRY_NAME"}, ignored=frozenset({"URL"}))
    assert [names.of(name) for name in ("per", "first name", "GPE", "LOC", "domain_name", "X_Y")] == [
        "PERSON", "PERSON", "COUNTRY_NAME", "LOCATION", None, "X_Y",
    ]  # fmt: skip
    only = TypeNames(only=frozenset({"PERSON"}))
    spans = [Span(0, 1, "NAME", 1.0, ""), Span(2, 3, "AGE", 1.0, "")]
    assert [span.entity_type for span in only.scored(spans)] == ["PERSON"]
