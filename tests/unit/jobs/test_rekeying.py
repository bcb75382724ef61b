"""The proof of a move to another key: the same values, under the new key, each still in its row."""

from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from clearance.jobs.opening import OpenLeaf
from clearance.jobs.recomputation import Digests, same_rows, same_sums
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
