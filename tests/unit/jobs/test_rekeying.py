"""The proof of a move to another key: the same values, under the new key, each still in its row."""

from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from clearance.jobs.opening import OpenLeaf
from clearance.jobs.recomputation import Digests, same_rows, same_sums
from clearance.jobs.rekey_source import others_than, to_be_granted
from clearance.jobs.rekeying import _Opened
from clearance.jobs.settings import Tokens
from clearance.paths import parse_path
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import open_keys

MAILS = ["ann@example.com", "bob@example.org", None]
DIGESTS = Digests.new()


@pytest.fixture
def keys(key_file) -> list[Tokens]:
    """Where a key is, and the one that writes after it."""
    provider = open_keys(str(key_file))
    old = Tokens(provider.reference())
    provider.change(lambda keyset, kek: lifecycle.rotate(keyset, kek))
    return [old, Tokens(provider.reference())]


def sums_of(mails, notes, tokens):
    tokenizer = tokens.open()
    mail = tokenizer.encrypt(pa.array(mails, pa.string()), "EMAIL_ADDRESS")
    batch = pa.RecordBatch.from_pydict({"mail": mail, "note": pa.array(notes, pa.list_(pa.string()))})
    leaves = tuple(OpenLeaf(path, tuple(parse_path(path))) for path in ("mail", "note[]"))
    (told,) = _Opened(leaves, frozenset({"mail"}), (replace(tokens, alone=True),), DIGESTS)(iter([batch]))
    return Counter({(path, fact): n for path, fact, n in zip(*(c.to_pylist() for c in told.columns), strict=True)})


def test_what_stood_in_one_row_stands_in_one_row_under_the_new_key(keys):
    old, new = keys
    notes = [["a", "b"], [], None]
    before, moved = sums_of(MAILS, notes, old), sums_of(MAILS[::-1], notes[::-1], new)
    assert same_sums("mail", before, moved) and same_rows(before, moved)  # in another order
    for mails, other in (
        ([MAILS[1], MAILS[0], None], notes),
        ([None, MAILS[1], MAILS[0]], notes),
        (MAILS, [["b", "a"], [], None]),
    ):
        swapped = sums_of(mails, other, new)
        assert same_sums("mail", before, swapped) and same_sums("note[]", before, swapped)
        assert not same_rows(before, swapped)


YEAR = {"name": "generalize", "kind": "date", "to": "year", "malformed": "redact"}
TEXT = {"path": "note", "how": "spans", "entity_type": None, "method": {"name": "by entity type"}}
DONE = [
    {"path": "mail", "how": "cells", "entity_type": "EMAIL_ADDRESS", "method": {"name": "token"}},
    {"path": "born", "how": "cells", "entity_type": "DATE_OF_BIRTH", "method": YEAR},
    {"path": "id", "how": "keep", "entity_type": None, "method": {"name": "keep"}},
    {**TEXT, "by_type": {"PERSON": {"name": "surrogate"}, "US_SSN": {"name": "redact"}}},
]


def test_a_grant_must_cover_what_the_key_wrote_and_no_more():
    asked = to_be_granted(DONE, {"mail": ["EMAIL_ADDRESS"], "born": ["DATE_OF_BIRTH"], "note": []})
    assert asked == {"mail": frozenset({"EMAIL_ADDRESS"}), "note": frozenset({"PERSON"})}
    tokens_for_odd = {**DONE[1], "method": {**YEAR, "malformed": "token"}}
    assert to_be_granted([tokens_for_odd], {}) == {"born": frozenset({"DATE_OF_BIRTH"})}
    inside = [{"path": "note{json}.tel", "entity_type": "PHONE_NUMBER", "method": {"name": "token"}}]
    assert to_be_granted([{**TEXT, "by_type": {}, "inside": inside}], {}) == {"note": frozenset({"PHONE_NUMBER"})}
    # Where the key wrote nothing, all that was changed; an older record does not say what is in its texts.
    assert to_be_granted([DONE[1], DONE[2]], {}) == {"born": frozenset({"DATE_OF_BIRTH"})}
    assert to_be_granted([TEXT], {"note": []}) == {"note": frozenset()}


def test_an_older_record_that_says_less_of_texts_is_no_other_plan():
    old = [{**DONE[0], "note": "in other words"}, *DONE[1:3], TEXT]
    assert others_than(DONE, DONE) == others_than(DONE, old) == []
    otherwise = [*DONE[:3], {**TEXT, "by_type": {"PERSON": {"name": "token"}}}]
    assert others_than(otherwise, DONE) == ["note"]
    assert others_than(DONE[1:], DONE) == ["mail"]
