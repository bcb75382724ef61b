"""Surrogates are of the right sort, belong to nobody, are the same for the same value, and never the value itself."""

import hashlib
import json
import re
from collections import Counter
from importlib.resources import files

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import ProtectionError
from clearance.methods import LOCALES, SURROGATE_KINDS, SURROGATE_LISTS, Surrogate
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import apply
from clearance.tokenization.tokens import Tokenizer

RING = KeyRing({"golden": bytes(range(32)), "older0": bytes(32)}, "golden")
TOKENS = Tokenizer(RING)
FICTION = {
    "en_US": r"\(\d{3}\) 555-01\d\d",
    "en_GB": r"020 7946 0\d{3}|01(13|14|15|16|17|18|21|31|41|51|61) 496 0\d{3}|01632 960\d{3}|07700 900\d{3}",
    "de_DE": r"(030 23125|040 66969|069 90009|089 99998|0221 4710) \d{3}",
    "fr_FR": r"(01 99 00|02 61 91|03 53 01|04 65 71|05 36 49|06 39 98) \d\d \d\d",
    "es_ES": r"\+1 \d{3} 555 01\d\d",
    "it_IT": r"\+1 \d{3} 555 01\d\d",
}
LISTS = json.loads((files("clearance.tokenization") / f"surrogates_{SURROGATE_LISTS}.json").read_text("utf-8"))


def made(entity_type: str, *values: str | None, locale: str = "en_US", tokens: Tokenizer = TOKENS) -> list[str | None]:
    spec = Surrogate(locale=locale)  # type: ignore[arg-type]
    found: list[str | None] = apply(spec, pa.array(values, pa.string()), entity_type, tokens).to_pylist()
    return found


@pytest.mark.parametrize("locale", LOCALES)
def test_phone_numbers_and_addresses_belong_to_nobody(locale: str) -> None:
    values = [f"+1 415 200 {i:04}" for i in range(400)]
    assert all(re.fullmatch(FICTION[locale], text or "") for text in made("PHONE_NUMBER", *values, locale=locale))
    emails = made("EMAIL_ADDRESS", *(f"user{i}@mail{i}.com" for i in range(400)), locale=locale)
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d\d@example\.(com|net|org)", text or "") for text in emails)


@pytest.mark.parametrize("entity_type", SURROGATE_KINDS)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_type_has_many_in_every_locale(entity_type: str, locale: str) -> None:
    out = made(entity_type, *(f"Value Number{i} x{i}@y.org 55512{i:05}" for i in range(2000)), locale=locale)
    assert len(set(out)) >= (24 if SURROGATE_KINDS[entity_type] in ("city", "organization") else 500)
    assert None not in out


def test_equal_values_are_equal_and_domains_types_and_keys_are_not_linked() -> None:
    one, again, spelled = made("PERSON", "Jane Doe", "Jane Doe", " jane  DOE")
    assert one == again == spelled
    names = [f"Person {i} Somebody" for i in range(50)]
    base = made("PERSON", *names)
    for tokens in (Tokenizer(RING, "other"), Tokenizer(RING.writing_with("older0"))):
        assert sum(a == b for a, b in zip(base, made("PERSON", *names, tokens=tokens), strict=True)) < 5


def test_it_depends_on_the_value_and_not_on_the_batch() -> None:
    names = [f"Person {i % 211} Somebody" for i in range(600)]
    whole = made("PERSON", *names)
    parts = [made("PERSON", *names[i : i + 13]) for i in range(0, 600, 13)]
    assert [text for part in parts for text in part] == whole


@pytest.mark.parametrize("locale", LOCALES)
def test_nobody_gets_a_part_of_the_own_name(locale: str) -> None:
    lists = LISTS["locales"][locale]
    names = [f"{first} {last}" for first in lists["first"] for last in lists["last"][::4]]
    for name, other in zip(names, made("PERSON", *names, locale=locale), strict=True):
        assert not set(name.casefold().split()) & set((other or "").casefold().split())


@pytest.mark.parametrize(("entity_type", "name"), [("CITY", "city"), ("ORGANIZATION", "organization")])
def test_nothing_on_the_lists_becomes_itself(entity_type: str, name: str) -> None:
    for locale in LOCALES:
        values = LISTS["locales"][locale][name]
        spelled = [*values, *(value.upper() for value in values)]
        out = made(entity_type, *spelled, locale=locale)
        assert not [a for a, b in zip(spelled, out, strict=True) if a.casefold() == (b or "").casefold()]
    numbers = [f"+1 202 555 01{i:02}" for i in range(100)] + [f"(206) 555-01{i:02}" for i in range(100)]
    digits = [
        (re.sub(r"\D", "", a), re.sub(r"\D", "", b or ""))
        for a, b in zip(numbers, made("PHONE_NUMBER", *numbers), strict=True)
    ]
    assert not [a for a, b in digits if a.endswith(b)]


def test_it_is_many_to_one_and_can_t_be_joined_on() -> None:
    """Of 20,000 people some share a name: what the docs say of joins."""
    out = Counter(made("PERSON", *(f"Somebody{i} Else{i}" for i in range(20_000))))
    assert len(out) <= 64 * 64
    assert max(out.values()) > 1


@given(st.lists(st.text(max_size=30), max_size=6), st.sampled_from(sorted(SURROGATE_KINDS)))
def test_any_text_gets_one_and_none_passes(texts: list[str], entity_type: str) -> None:
    spec = Surrogate(malformed="redact")
    for value, text in zip(
        texts, apply(spec, pa.array(texts, pa.string()), entity_type, TOKENS).to_pylist(), strict=True
    ):
        assert text
        assert text != value
        assert (text == f"[{entity_type}]") == (not value.strip())


def test_blank_values_follow_the_policy_and_null_stays() -> None:
    with pytest.raises(ProtectionError):
        made("PERSON", " ")
    spec = Surrogate(malformed="token")
    out = apply(spec, pa.array(["", None]), "PERSON", TOKENS).to_pylist()
    assert out == [TOKENS.token("", "PERSON"), None]


def test_the_lists_are_frozen() -> None:
    """A surrogate is found again by its number: a list that changed would give other ones. New lists, new version."""
    octets = json.dumps(LISTS["locales"], sort_keys=True).encode()
    assert hashlib.sha256(octets).hexdigest() == "b51df55ea93809d800f1f24ee1a687f0c4241ca4e13f0ff5760250a3dcbbc99e"
