"""Tokens inside texts: opened exactly, whatever stands around them, and what holds them stays what it is."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import ProtectionError
from clearance.jobs.opened import require_openable
from clearance.jobs.opening import DESTROYED, DISABLED, FINAL, LOST, OPEN, STRANGE, Opener, OpenLeaf
from clearance.jobs.token_texts import tokens_in
from clearance.methods import parse_method
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import KeyRing, open_keys
from clearance.tokenization.methods import apply
from clearance.tokenization.tokens import Tokenizer

RING = KeyRing({"aa11": b"1" * 32}, "aa11")
OURS, OTHER = Tokenizer(RING), Tokenizer(RING, "sales")
FOREIGN = Tokenizer(KeyRing({"aa11": b"2" * 32}, "aa11"))
LEAF = OpenLeaf("note", ())


def opened(text: str, *readers: Tokenizer) -> str:
    return Opener(readers or [OURS]).changed(LEAF, pa.array([text])).to_pylist()[0]


def counted(texts: list[str | None], *readers: Tokenizer, leaf: OpenLeaf = LEAF) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str, str]] = Counter()
    Opener(readers or [OURS]).count(leaf, pa.array(texts, pa.string()), counts)
    return {(fact, kind): n for (_, fact, kind), n in counts.items() if n}


@given(st.text(), st.text(), st.text(min_size=1))
def test_a_text_around_tokens_stays_and_the_values_come_back(before, after, value):
    token = OURS.reversible_token(value, "PERSON")
    expected = f"{before} {value}{value} {after}"
    assert opened(f"{before} {token}{token.upper()} {after}") == expected


@pytest.mark.parametrize("value", ["a@b.example", 'jö"\\\n😀e\u0301', "</a>&", "a b=c;d,e|f"])
def test_what_holds_the_tokens_stays_parseable(value):
    token = OURS.reversible_token(value, "PERSON")
    told = json.loads(opened(json.dumps({"a": token, "n": [1, f"x {token} y", json.dumps({"q": token})]})))
    assert (told["a"], told["n"][1], json.loads(told["n"][2])) == (value, f"x {value} y", {"q": value})
    tree = ElementTree.fromstring(opened(f"<r a='{token}'><b>{token}</b></r>"))
    assert tree[0].text == value
    query = opened(f"https://x.example/p?m={token}&n=1")
    assert parse_qs(urlsplit(query).query) == {"m": [value], "n": ["1"]}


def test_each_domain_opens_its_own_and_nothing_else():
    mine, theirs = OURS.reversible_token("v", "PERSON"), OTHER.reversible_token("w", "PERSON")
    text = f"{mine} {theirs}"
    assert [token.reader for token in tokens_in(text, [OURS])] == [0, None]
    assert opened(text) == f"v {theirs}"
    assert opened(text, OURS, OTHER) == "v w"


def test_counts_tell_what_can_be_opened_from_what_can_not():
    r, h = OURS.reversible_token("v", "PERSON"), OURS.token("v", "PERSON")
    foreign = FOREIGN.reversible_token("v", "US_SSN")
    assert counted([r, None, "x", f"{r} {h}", h, f"<{foreign}>", foreign, ""]) == {
        (OPEN, "PERSON"): 2,
        (FINAL, "PERSON"): 2,
        (STRANGE, "US_SSN"): 2,
    }
    only = OpenLeaf("note", (), frozenset({"PERSON"}))
    assert (STRANGE, "US_SSN") not in counted([foreign, r], leaf=only)


def test_tokens_of_a_key_that_rests_or_is_gone_are_told_by_that_key(tmp_path):
    keys = open_keys(str(tmp_path / "keys.json"))
    old, now = keys.create().primary, datetime(2026, 1, 1, tzinfo=UTC)
    token = Tokenizer(keys.load()).reversible_token("v", "PERSON")
    keys.change(lifecycle.rotate)
    made_up, live = token.replace(old, "zzzzzz"), Tokenizer(keys.load()).reversible_token("w", "PERSON")

    def counts(*texts):
        found = Counter()
        Opener([Tokenizer(keys.load())]).count(LEAF, pa.array(texts), found)
        return found

    keys.change(lambda keyset, kek: lifecycle.disable(keyset, old))
    rests = counts(token, f"a {token.upper()}", made_up, live)
    assert {(fact, kind): n for (_, fact, kind), n in rests.items() if n} == {
        (DISABLED, old): 2,
        (STRANGE, "PERSON"): 1,
        (OPEN, "PERSON"): 1,
    }
    for partly in (False, True):  # a key that can be enabled again loses nothing unsaid
        with pytest.raises(
            ProtectionError, match=f"2 tokens in note are of the key {old}, which is disabled"
        ) as caught:
            require_openable(rests, partly=partly)
    assert caught.value.hint.startswith(f"clearance keys enable {old}")
    keys.change(lambda keyset, kek: lifecycle.destroy(keyset, old, now=now, after=timedelta(days=1)))
    assert counts(token)["note", DISABLED, old] == 1  # waits for its destruction
    keys.change(
        lambda keyset, kek: lifecycle.destroy(keyset, old, now=now + timedelta(days=2), after=timedelta(days=1))
    )
    gone = counts(token, live)
    assert gone["note", DESTROYED, old] == 1
    with pytest.raises(ProtectionError, match=f"1 tokens of a key that is destroyed, {old} in note"):
        require_openable(gone)
    require_openable(gone, partly=True)
    with pytest.raises(ProtectionError, match="destroyed") as caught:  # nothing opens beside it
        require_openable(counts(token), partly=True)
    assert caught.value.hint == "nothing opens them any more: go to the source that they were made from"
    with pytest.raises(ProtectionError, match="one-way") as caught:
        require_openable(Counter({("", FINAL, "PERSON"): 1}), what="this")
    assert "--columns" not in caught.value.hint  # a value on standard input has none


@given(st.lists(st.none() | st.text(max_size=40), max_size=30))
def test_whole_cells_come_back_as_they_were(values):
    cells = OURS.encrypt(pa.array(values, pa.string()), "PERSON")
    assert Opener([OURS]).changed(LEAF, cells).to_pylist() == values


@given(st.lists(st.none() | st.text(max_size=40), max_size=30))
def test_under_another_key_they_are_the_tokens_of_that_key(values):
    cells = OURS.encrypt(pa.array(values, pa.string()), "PERSON")
    moved = Opener([OURS], OTHER).changed(LEAF, cells)
    assert moved.to_pylist() == OTHER.encrypt(pa.array(values, pa.string()), "PERSON").to_pylist()
    assert Opener([OTHER]).changed(LEAF, moved).to_pylist() == values


def test_what_was_encrypted_in_its_format_comes_back_by_its_record_alone():
    method = {"name": "format_preserving", "keep_last": 0, "malformed": "token"}
    values = ["123-45-6789", None, "987-65-4321"]
    cells = apply(parse_method(method), pa.array(values), "US_SSN", OURS)
    leaf = OpenLeaf("ssn", (), None, method, "US_SSN", "aa11")
    assert counted(cells.to_pylist(), leaf=leaf) == {(OPEN, "US_SSN"): 2}
    assert Opener([OURS]).changed(leaf, cells).to_pylist() == values
    moved = Opener([OURS], OTHER).changed(leaf, cells)
    assert moved.equals(apply(parse_method(method), pa.array(values), "US_SSN", OTHER))
    assert counted([*cells.to_pylist(), "n/a"], leaf=leaf)[LOST, "US_SSN"] == 1
