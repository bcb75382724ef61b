"""Declared domains: equal inside, unrelated across, and a token of the wrong domain is a value like any other."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import PolicyError
from clearance.governance.domains import DomainRule
from clearance.governance.policy import load_policy
from clearance.tokenization.domains import DomainTokenizer
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.ring import check_domain
from clearance.tokenization.tokens import Tokenizer

RING = KeyRing({"aa11": b"1" * 32}, "aa11")
PLAIN = {name: Tokenizer(RING, name) for name in ("default", "health", "sales")}
BOTH = {"by_type": {"US_SSN": "health"}, "by_column": {"crm.ssn": "sales"}}
DOMAINS = DomainTokenizer(RING, **BOTH)
LOOKING = DomainTokenizer(RING, **BOTH, everywhere=True)
TYPES = {"US_SSN": "health", "PERSON": "default"}


@given(st.sampled_from(sorted(TYPES)), st.lists(st.none() | st.text(max_size=30), max_size=8))
def test_each_type_is_written_in_its_domain_as_that_domain_alone_would(kind, values):
    cells, own = pa.array(values, pa.string()), PLAIN[TYPES[kind]]
    for work in ("tokenize", "encrypt"):
        made = getattr(DOMAINS, work)(cells, kind)
        assert made.equals(getattr(own, work)(cells, kind))
        assert getattr(DOMAINS, work)(made, kind).equals(made)
        assert DOMAINS.verified_types(made).to_pylist() == [None if v is None else kind for v in values]
    assert DOMAINS.reverse(DOMAINS.encrypt(cells, kind)).to_pylist() == values


@given(st.text(min_size=1, max_size=30))
def test_across_domains_nothing_is_shared(value):
    tokens = {tokenizer.token(value, "US_SSN") for tokenizer in PLAIN.values()}
    bodies = {token.split("_")[-2] for token in tokens}
    assert len(bodies) == len(PLAIN)


def test_a_column_goes_before_its_type():
    assert DOMAINS.at("crm.ssn").token("1", "US_SSN") == PLAIN["sales"].token("1", "US_SSN")
    assert DOMAINS.at("other").token("1", "US_SSN") == PLAIN["health"].token("1", "US_SSN")


def test_a_token_in_the_wrong_domain_is_no_token_but_for_whoever_only_looks():
    right, wrong = PLAIN["health"].token("1", "US_SSN"), PLAIN["default"].token("1", "US_SSN")
    elsewhere = PLAIN["sales"].token("1", "PERSON")
    cells, text = pa.array([right, wrong, elsewhere]), f"{right} {wrong} {elsewhere}"
    assert DOMAINS.verified_types(cells).to_pylist() == ["US_SSN", None, None]
    assert [span[2] for span in DOMAINS.verified_spans(text)] == ["US_SSN"]
    assert LOOKING.verified_types(cells).to_pylist() == ["US_SSN", "US_SSN", "PERSON"]
    assert [span[2] for span in LOOKING.verified_spans(text)] == ["US_SSN", "US_SSN", "PERSON"]


def policy(path, domains):
    file = path / "policy.yaml"
    file.write_text(f"version: 1\nname: t\nextends: default\ndomains: {domains}\n")
    return load_policy(file)


def test_a_policy_declares_them(tmp_path):
    declared = policy(tmp_path, "{health: {entity_types: [US_SSN], columns: [a.b]}}").content.domains
    assert declared == {"health": DomainRule(entity_types=frozenset({"US_SSN"}), columns=frozenset({"a.b"}))}
    assert all(check_domain(name) is None for name in declared)


@pytest.mark.parametrize(
    ("domains", "told"),
    [
        ("{a: {columns: [x]}, b: {columns: [x]}}", "x is in two domains"),
        ("{a: {}}", "columns, entity_types"),
        ("{'A b': {columns: [x]}}", "domain's name"),
        ("{a: {column: [x]}}", "unknown key"),
        ('{a: {columns: ["x{json}.y"]}}', r"x\{json\}\.y lies inside x, .* name x or an entity type"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, domains, told):
    with pytest.raises(PolicyError, match=told) as caught:
        policy(tmp_path, domains)
    assert "policy.yaml:4" in caught.value.message
