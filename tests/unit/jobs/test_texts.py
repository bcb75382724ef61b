"""Protecting documents inside texts: what the plan names goes, what is found goes, and the rest is as it was."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.engine import Engine, load_engine
from clearance.jobs.plans import InsidePlan
from clearance.jobs.texts import Inside, TextProtector
from clearance.method_spec import MethodSpec
from clearance.methods import Keep, Mask, Redact, Surrogate, Token
from clearance.paths import parse_path
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.tokens import Tokenizer

TOKEN, REDACT, MASK, KEEP = Token(), Redact(), Mask(), Keep()
METHODS = {"EMAIL_ADDRESS": TOKEN, "CREDIT_CARD": TOKEN, "US_SSN": TOKEN, "DATE_TIME": KEEP, "URL": KEEP}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(ner=None)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))


def _inside(**decided: tuple[str, MethodSpec]) -> Inside:
    plans = [
        InsidePlan(path, parse_path(path)[1:], kind, method.settings()) for path, (kind, method) in decided.items()
    ]
    return Inside.of(plans)


def _protect(
    engine: Engine, tokenizer: Tokenizer, text: str, inside: Inside | None = None
) -> tuple[str, frozenset[str]]:
    protector = TextProtector(METHODS, inside or Inside(), engine, tokenizer)
    (protected,), (types,) = protector.protect([text])
    # Protecting what is protected changes nothing: the proof asks that.
    assert protector.once([protected])[0] == [protected]
    return protected, types


def _token(tokenizer: Tokenizer, value: str, kind: str) -> str:
    return tokenizer.token(value, kind)


def test_what_the_plan_names_is_replaced_and_every_other_character_stays(engine: Engine, tokenizer: Tokenizer) -> None:
    text = '{ "who": {"ssn":123456789,  "name": "J\\u00f3 \\"X\\""},\n "n": 1.50, "e": "caf\\u00e9" }'
    inside = _inside(**{"c{json}.who.ssn": ("US_SSN", TOKEN), "c{json}.who.name": ("PERSON", REDACT)})
    protected, types = _protect(engine, tokenizer, text, inside)
    ssn = _token(tokenizer, "123456789", "US_SSN")
    assert protected == f'{{ "who": {{"ssn":"{ssn}",  "name": "[PERSON]"}},\n "n": 1.50, "e": "caf\\u00e9" }}'
    assert types == {"US_SSN", "PERSON"}


def test_what_is_found_in_a_number_becomes_a_string(engine: Engine, tokenizer: Tokenizer) -> None:
    protected, _ = _protect(engine, tokenizer, '[4111111111111111, {"n": 7}]')
    card, rest = json.loads(protected)
    assert card == _token(tokenizer, "4111111111111111", "CREDIT_CARD") and rest == {"n": 7}


def test_what_an_escape_hides_is_found(engine: Engine, tokenizer: Tokenizer) -> None:
    text = '{"mail": "ana\\u0040example.org", "note": "line\\nbob@example.org\\ttab"}'
    told = json.loads(_protect(engine, tokenizer, text)[0])
    assert told["mail"] == _token(tokenizer, "ana@example.org", "EMAIL_ADDRESS")
    assert told["note"] == f"line\n{_token(tokenizer, 'bob@example.org', 'EMAIL_ADDRESS')}\ttab"


def test_keys_that_are_data_go_and_map_entries_are_found_by_the_plan(engine: Engine, tokenizer: Tokenizer) -> None:
    text = json.dumps({"ana@example.org": {"ssn": "123456789"}, "someone": {"ssn": "987654321", "n": 1}})
    inside = _inside(**{"c{json}{key}": ("EMAIL_ADDRESS", TOKEN), "c{json}{value}.ssn": ("US_SSN", TOKEN)})
    told = json.loads(_protect(engine, tokenizer, text, inside)[0])
    assert told == {
        _token(tokenizer, "ana@example.org", "EMAIL_ADDRESS"): {"ssn": _token(tokenizer, "123456789", "US_SSN")},
        "someone": {"ssn": _token(tokenizer, "987654321", "US_SSN"), "n": 1},
    }


def test_documents_inside_documents(engine: Engine, tokenizer: Tokenizer) -> None:
    inner = json.dumps({"ssn": "123456789", "say": 'a "quoted" word'})
    text = json.dumps({"raw": inner, "link": "https://example.org/?ssn=123456789&q=a%20b"})
    inside = _inside(**{"c{json}.raw{json}.ssn": ("US_SSN", TOKEN), "c{json}.link{query}.ssn": ("US_SSN", REDACT)})
    told = json.loads(_protect(engine, tokenizer, text, inside)[0])
    assert json.loads(told["raw"]) == {"ssn": _token(tokenizer, "123456789", "US_SSN"), "say": 'a "quoted" word'}
    assert told["link"] == "https://example.org/?ssn=[US_SSN]&q=a%20b"


def test_xml_stays_xml(engine: Engine, tokenizer: Tokenizer) -> None:
    text = '<p ssn="123456789"><n>Jo &amp; Co</n><m>write to ana@example.org &lt;now&gt;</m><k>x &amp; y</k></p>'
    inside = _inside(**{"c{xml}.p.@ssn": ("US_SSN", TOKEN), "c{xml}.p.n": ("PERSON", REDACT)})
    protected, _ = _protect(engine, tokenizer, text, inside)
    root = ElementTree.fromstring(protected)
    assert root.attrib["ssn"] == _token(tokenizer, "123456789", "US_SSN")
    mail = _token(tokenizer, "ana@example.org", "EMAIL_ADDRESS")
    assert [child.text for child in root] == ["[PERSON]", f"write to {mail} <now>", "x & y"]
    assert protected.endswith("<k>x &amp; y</k></p>")


def test_tokens_of_a_key_that_is_not_here_are_protected_as_what_they_name(engine: Engine, tokenizer: Tokenizer) -> None:
    theirs = Tokenizer(KeyRing({"other": bytes(32)}, "other")).token("ana@example.org", "EMAIL_ADDRESS")
    assert _protect(engine, tokenizer, f"ask {theirs}.") == (
        f"ask {_token(tokenizer, theirs, 'EMAIL_ADDRESS')}.",
        {"EMAIL_ADDRESS"},
    )
    told = json.loads(_protect(engine, tokenizer, json.dumps({"n": 1, "to": [theirs.upper()]}))[0])
    assert told == {"n": 1, "to": [_token(tokenizer, theirs.upper(), "EMAIL_ADDRESS")]}


def test_queries_and_pairs(engine: Engine, tokenizer: Tokenizer) -> None:
    inside = _inside(**{"c{query}.ssn": ("US_SSN", TOKEN), "c{kv}.who": ("PERSON", REDACT), "c{kv}.pin": ("PIN", MASK)})
    protected, _ = _protect(engine, tokenizer, "/find?ssn=123-45-6789&q=a+b#top", inside)
    assert protected == f"/find?ssn={_token(tokenizer, '123-45-6789', 'US_SSN')}&q=a+b#top"
    assert parse_qsl(protected.partition("?")[2].partition("#")[0])[1] == ("q", "a b")
    protected, _ = _protect(engine, tokenizer, 'INFO who="Jo \\"X\\" Smith" pin=12345678 n=1', inside)
    assert protected == 'INFO who="[PERSON]" pin=******** n=1'


def test_what_the_plan_keeps_is_kept_whatever_is_in_it(engine: Engine, tokenizer: Tokenizer) -> None:
    text = '{"public": "ana@example.org", "private": "bob@example.org"}'
    told = json.loads(_protect(engine, tokenizer, text, _inside(**{"c{json}.public": ("EMAIL_ADDRESS", KEEP)}))[0])
    assert told["public"] == "ana@example.org" and told["private"].startswith("tk1")


def test_a_text_that_only_begins_like_a_document_is_protected_as_text(engine: Engine, tokenizer: Tokenizer) -> None:
    for text in ('{"mail": "ana@example.org"', "<b>ana@example.org", '[ana@example.org] {"x"}'):
        protected, _ = _protect(engine, tokenizer, text)
        assert "tk1" in protected and "ana" not in protected


SECRETS = ["ana@example.org", "4111111111111111", "write to ana@example.org, or 4111 1111 1111 1111"]
harmless = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", "é\\", 'a"b', "line\nbreak", ""])
documents = st.recursive(
    harmless | st.sampled_from(SECRETS) | st.just(4111111111111111),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ssn", "a", "b c", "nested"]), inner, max_size=4)
    ),
).filter(lambda value: isinstance(value, dict | list))


def _without_secrets(value: Any, key: str = "") -> Any:
    """The document with what must be replaced as None, whether it was or not."""
    if isinstance(value, dict):
        return {name: _without_secrets(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    replaced = isinstance(value, str) and "tk1" in value
    return None if replaced or value in SECRETS or value == 4111111111111111 else value


@settings(max_examples=60, deadline=None)
@given(document=documents, pretty=st.booleans(), plain=st.booleans())
def test_any_json_is_json_afterwards_without_secrets_and_otherwise_equal(
    engine: Engine, tokenizer: Tokenizer, document: Any, pretty: bool, plain: bool
) -> None:
    text = json.dumps(document, indent=1 if pretty else None, ensure_ascii=plain)
    protected, _ = _protect(engine, tokenizer, text)
    assert _without_secrets(json.loads(protected)) == _without_secrets(document)
    assert not re.search(r"ana@example|4111", protected)


def test_surrogates_in_documents_stay_what_they_are(engine: Engine, tokenizer: Tokenizer) -> None:
    made_up: dict[str, MethodSpec] = {
        kind: Surrogate(locale="fr_FR") for kind in ("EMAIL_ADDRESS", "PERSON", "STREET_ADDRESS")
    }
    inside = _inside(**{"c{json}.who": ("PERSON", Surrogate(locale="fr_FR"))})
    document = {"who": 'Jane "J" Doe', "note": "line\nana@mail.com, or bob@mail.com", "n": 1}
    texts = [
        json.dumps(document),
        "mail ana@mail.com & bob@mail.com \N{GRINNING FACE} e\u0301",
        "/find?q=ana%40mail.com&n=1",
        '<p who="x"><m>ana@mail.com &amp; bob@mail.com</m></p>',
    ]
    protector = TextProtector(made_up, inside, engine, tokenizer)
    protected, _ = protector.protect(texts)
    told = json.loads(protected[0])
    ana, bob = re.findall(r"\S+@example\.\w+", told["note"])
    assert told["note"] == f"line\n{ana}, or {bob}" and told["n"] == 1 and "Doe" not in told["who"]
    # The same in every place, each written as the place asks.
    assert protected[1] == f"mail {ana} & {bob} \N{GRINNING FACE} e\u0301"
    assert ElementTree.fromstring(protected[3])[0].text == f"{ana} & {bob}"
    assert dict(parse_qsl(protected[2].partition("?")[2]))["n"] == "1" and "mail.com" not in protected[2]
    assert "[TEXT]" not in protected
