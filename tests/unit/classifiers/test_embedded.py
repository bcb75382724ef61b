"""Documents inside strings: where each value stands, what it spells, and that nothing else is taken for one."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.embedded import LONGEST, may_be_documents, read_document, replaced
from clearance.classifiers.places import MAX_DEPTH, MAX_PLACES
from clearance.paths import Step, format_path

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
documents = st.dictionaries(st.text(max_size=8), values, max_size=5) | st.lists(values, max_size=5)


def _leaves(text: str) -> dict[str, str | None]:
    document = read_document(text)
    assert document is not None
    return {format_path((Step("name", "c"), *place.steps)): place.text for place in document.places if place.steps}


def _scalars(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        below = value.values() if isinstance(value, dict) else value
        return [scalar for inner in below for scalar in _scalars(inner)]
    return [value]


@settings(deadline=None)
@given(document=documents, pretty=st.booleans(), plain=st.booleans())
def test_all_scalars_of_json_are_found_in_order_where_they_stand(document: Any, pretty: bool, plain: bool) -> None:
    text = json.dumps(document, indent=2 if pretty else None, ensure_ascii=plain)
    read = read_document(text)
    assert read is not None and read.form == "json"
    found = [place for place in read.places if place.steps and place.steps[-1].kind != "key"]
    wanted = [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in _scalars(document)]
    # A string of half a surrogate pair can be neither stored nor told.
    assert [place.text for place in found] == [v and v.encode("utf-8", "replace").decode() for v in wanted]
    for place in found:
        source = text[place.start : place.end]
        assert place.text is None or place.notation.read(source) == place.text


@settings(deadline=None)
@given(document=documents, new=st.text(max_size=10))
def test_a_replaced_value_is_the_only_thing_that_changes(document: Any, new: str) -> None:
    text = json.dumps(document)
    read = read_document(text)
    assert read is not None
    places = [p for p in read.places if p.steps and p.steps[-1].kind != "key" and p.text is not None]
    for number, place in enumerate(places):
        after = replaced(text, [(place, new)])
        assert after.startswith(text[: place.start]) and after.endswith(text[place.end :])
        position = [i for i, v in enumerate(_scalars(document)) if v is not None][number]
        told = _scalars(json.loads(after))
        assert told[position] == new
        assert repr(told[:position] + told[position + 1 :]) == repr(
            _scalars(document)[:position] + _scalars(document)[position + 1 :]
        )


def test_leaves_are_named_by_their_path() -> None:
    told = _leaves('{"user": {"e-mail": "a", "n": 12.50e3}, "list": [true, {"x": null}], "in.side": "\\u0062"}')
    assert told == {
        "c{json}.user.e-mail": "a",
        "c{json}.user.n": "12.50e3",
        "c{json}.list[]": "true",
        "c{json}.list[].x": None,
        "c{json}.`in.side`": "b",
    }
    assert _leaves('<?xml version="1.0"?><a id="1"><b>x &amp; y</b><b/><![CDATA[<raw>]]></a>') == {
        "c{xml}.a.@id": "1",
        "c{xml}.a.b": "x & y",
        "c{xml}.a": "<raw>",
    }
    assert _leaves("https://example.org/a?token=t%2B1&q=a+b#top") == {"c{query}.token": "t+1", "c{query}.q": "a b"}
    assert _leaves('10:00 INFO login user=jo name="Jo \\"X\\" Smith" ip=192.0.2.1, tags=a,b') == {
        "c{kv}.user": "jo",
        "c{kv}.name": 'Jo "X" Smith',
        "c{kv}.ip": "192.0.2.1",
        "c{kv}.tags": "a,b",
    }


@pytest.mark.parametrize(
    "key", ["ana@example.org", "Mary Smith", "4111111111111111", "a1b2c3d4", "f47ac10b-58cc-4372", "x" * 80, "", " "]
)
def test_a_key_that_may_be_a_value_is_in_no_path(key: str) -> None:
    assert _leaves(json.dumps({key: {"age": 7}})) == {"c{json}{key}": key, "c{json}{value}.age": "7"}


@pytest.mark.parametrize(
    "key", ["firstName", "date_of_birth", "Date Of Birth", "@id", "$ref", "Straße", "ns:tag", "_id"]
)
def test_a_key_that_names_a_field_is_in_the_path(key: str) -> None:
    assert _leaves(json.dumps({key: 7})) == {f"c{{json}}.{key}": "7"}


def test_all_values_of_a_key_given_twice_are_seen() -> None:
    document = read_document('{"a": "first", "a": "second"}')
    assert document is not None
    assert [place.text for place in document.places if place.steps] == ["first", "second"]


NONE = [
    *("", "   ", "plain words", "{not json}", '{"a": 1', '{"a": 1,}', "{'a': 1}", '{"a": 1} and more', "[PERSON] came"),
    *('{"a": 01}', '{"a": "\\x"}', "[1, 2", "<b>unclosed", "<a></b>", "x < y", "a=b", "x = 1, y = 2", "dGVzdA=="),
    *("https://example.org/path", "mailto:a", "if (a==b && c==d)", "[" * 100_000, '{"a":' * 100_000, "<a>" * 100_000),
    '<!DOCTYPE a [<!ENTITY x "aaaaaaaa"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>',
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "<a>&nbsp;</a>",
    "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "[" + "1," * (MAX_PLACES + 1) + "1]",
    '{"a": "' + "x" * LONGEST + '"}',
]


@pytest.mark.parametrize("number", range(len(NONE)))
def test_what_is_no_document_is_text(number: int) -> None:
    document = read_document(NONE[number])
    assert document is None or not document.places


def test_a_huge_number_stays_a_text() -> None:
    assert _leaves('{"n": ' + "9" * 10_000 + ', "x": NaN}') == {"c{json}.n": "9" * 10_000, "c{json}.x": "NaN"}


text_values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10)


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from(["user", "q", "token"]), text_values), min_size=2, max_size=5))
def test_query_strings_are_read_as_they_are_written(pairs: list[tuple[str, str]]) -> None:
    text = urlencode(pairs)
    document = read_document(text)
    assert document is not None and document.form == "query"
    places = [place for place in document.places if place.steps]
    assert [place.text for place in places] == [value for _, value in pairs if value]
    doubled = replaced(text, [(place, (place.text or "") * 2) for place in places])
    assert parse_qsl(doubled, keep_blank_values=True) == [(key, value * 2) for key, value in pairs]


@settings(deadline=None)
@given(inside=text_values, attribute=text_values, new=text_values)
def test_xml_is_read_and_replaced_as_a_parser_sees_it(inside: str, attribute: str, new: str) -> None:
    text = f"<r><a k={quoteattr(attribute)}>{escape(inside)}</a><b>stays</b><!-- note --></r>"
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return  # a character that XML can't hold
    document = read_document(text)
    assert document is not None and document.form == "xml"
    places = {format_path(place.steps): place for place in document.places if place.steps}
    assert places["{xml}.r.a.@k"].text == root[0].attrib["k"] == attribute
    if inside.strip():
        assert places["{xml}.r.a"].text == (root[0].text or "").strip()
    after = ElementTree.fromstring(replaced(text, [(places["{xml}.r.a.@k"], new)]))
    assert (after[0].attrib["k"], after[0].text, after[1].text) == (new, root[0].text, "stays")


@settings(deadline=None)
@given(st.lists(st.text(max_size=20) | documents.map(json.dumps), max_size=20))
def test_the_quick_look_holds_no_document_back(texts: list[str]) -> None:
    texts = [text for text in texts if text.isascii() or text == text.encode("utf-8", "replace").decode()]
    may_be = may_be_documents(pa.array(texts, pa.string()))
    assert all(may_be[number] for number, text in enumerate(texts) if read_document(text) is not None)


def test_the_quick_look_sees_a_slice() -> None:
    array = pa.array(["{}", "plain", "a=1&b=2", " <a/>"])
    assert may_be_documents(array).tolist() == [True, False, True, True]
    assert may_be_documents(array.slice(1, 2)).tolist() == [False, True]
    huge = pa.array(["{}", "=" * (4 * LONGEST + 1), "a=1&b=2"])
    assert may_be_documents(huge).tolist() == [True, False, True]
