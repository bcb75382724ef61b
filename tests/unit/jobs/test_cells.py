"""The worker's side of protection and of its proof, batch by batch: what Spark runs, without Spark."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from clearance.governance.labels import Label
from clearance.jobs.plans import LeafPlan, ProtectionPlan
from clearance.jobs.proof import _Checker
from clearance.jobs.recomputation import Digests, _Recomputation, same_rows, same_sums
from clearance.jobs.rewrite import Rewriter
from clearance.jobs.settings import Detection, Tokens
from clearance.methods import parse_method
from clearance.paths import parse_path
from clearance.tokenization.keys import FileKeyProvider

LEVELS = ("public", "internal", "confidential", "restricted")
SHIFT = {"name": "date_shift", "max_days": 30, "subject": "who.id"}
METHODS = {
    "mail": ("EMAIL_ADDRESS", {"name": "token"}),
    "card": ("CREDIT_CARD", {"name": "format_preserving", "keep_last": 4}),
    "name": ("PERSON", {"name": "surrogate"}),
    "born": ("DATE_OF_BIRTH", {"name": "generalize", "kind": "date", "to": "year"}),
    "visits[].day": ("DATE_TIME", SHIFT),
    "n": ("OTHER", {"name": "noise", "distribution": "uniform", "amount": 5, "row_key": "who.id", "lower": 0,
                    "upper": 999}),
}  # fmt: skip


def leaf(path: str, kind: str | None, method: dict, how: str = "cells") -> LeafPlan:
    label = Label("confidential", frozenset({"user"}))
    return LeafPlan(path, parse_path(path), how, "structured", kind, method, label, "string", "string")


def plan(*more: LeafPlan) -> ProtectionPlan:
    leaves = [leaf(path, kind, parse_method(method).settings()) for path, (kind, method) in METHODS.items()]
    return ProtectionPlan((leaf("who.id", None, {"name": "keep"}, "keep"), *leaves, *more), {}, {}, LEVELS)


def batch() -> pa.RecordBatch:
    rows = [
        {
            "who": {"id": f"p{i % 3}"}, "mail": f"u{i}@mail.com", "card": f"45567213{i:08}", "name": f"Ann {i}",
            "born": f"19{50 + i}-02-03", "visits": [{"day": "2024-02-28"}, {"day": None}, {"day": f"2024-03-1{i}"}],
            "n": 100 + i, "out": "x" if i == 4 else None,
        }
        for i in range(8)
    ]  # fmt: skip
    rows[2]["visits"], rows[3]["visits"], rows[5]["mail"] = None, [], None
    return pa.RecordBatch.from_pylist(rows)


@pytest.fixture(scope="module")
def tokens(key_file) -> Tokens:
    return Tokens(FileKeyProvider(key_file).reference())


def counts_of(batches) -> Counter:
    found: Counter = Counter()
    for each in batches:
        for path, fact, n in zip(*(column.to_pylist() for column in each.columns), strict=True):
            found[path, fact] += n
    return found


def proof_of(staged: list[pa.RecordBatch], source: pa.RecordBatch, made: ProtectionPlan, tokens: Tokens):
    digests = Digests.new()
    found = counts_of(_Checker(made, Detection(ner=None), tokens, digests)(staged))
    return found, counts_of(_Recomputation(made, tokens, digests, Detection(ner=None))([source]))


def test_rows_stay_beside_what_they_need(tokens):
    source = batch()
    (staged,) = Rewriter(plan(), Detection(ner=None), tokens)([source])
    old, new = source.to_pylist(), staged.to_pylist()
    moved: dict[str, set] = {}
    for before, after in zip(old, new, strict=True):
        assert (before["visits"] is None) == (after["visits"] is None)
        for then, now in zip(before["visits"] or [], after["visits"] or [], strict=True):
            assert (then["day"] is None) == (now["day"] is None)
            if then["day"]:
                shift = date.fromisoformat(now["day"]) - date.fromisoformat(then["day"])
                moved.setdefault(before["who"]["id"], set()).add(shift)
        assert after["born"] == before["born"][:4] and after["card"][-4:] == before["card"][-4:]
    assert sorted(moved) == ["p0", "p1", "p2"] and all(len(shifts) == 1 for shifts in moved.values())


def test_a_slice_gets_what_the_whole_gets(tokens):
    """The result depends on the row, never on the batch that Spark puts it in."""
    source = batch()
    (whole,) = Rewriter(plan(), Detection(ner=None), tokens)([source])
    parts = [part for cut in (source.slice(0, 3), source.slice(3)) for part in Rewriter(
        plan(), Detection(ner=None), tokens)([cut])]  # fmt: skip
    assert [row for part in parts for row in part.to_pylist()] == whole.to_pylist()


def test_what_is_staged_is_what_the_source_gives(tokens):
    source = batch()
    (staged,) = Rewriter(plan(), Detection(ner=None), tokens)([source])
    found, expected = proof_of([staged.slice(5), staged.slice(0, 5)], source, plan(), tokens)
    assert all(same_sums(path, found, expected) for path in METHODS)
    assert {key: found[key] for key in expected if key[1] in ("rows", "nulls")} == {
        key: n for key, n in expected.items() if key[1] in ("rows", "nulls")
    }


@pytest.mark.parametrize("column", ["mail", "card", "name", "born", "n"])
def test_one_other_value_is_seen(tokens, column):
    source = batch()
    (staged,) = Rewriter(plan(), Detection(ner=None), tokens)([source])
    rows = staged.to_pylist()
    # A genuine value of the method, in the wrong number.
    rows[0][column] = next(row[column] for row in rows if row[column] not in (None, rows[0][column]))
    damaged = pa.RecordBatch.from_pylist(rows, schema=staged.schema)
    found, expected = proof_of([damaged], source, plan(), tokens)
    assert {path for path in METHODS if not same_sums(path, found, expected)} == {column}


def test_records_go_as_a_whole_and_are_counted(tokens):
    made = plan(leaf("out", "OTHER", {"name": "suppress", "scope": "record"}, "null"))
    source = batch()
    (staged,) = Rewriter(made, Detection(ner=None), tokens)([source])
    assert staged.num_rows == 7 and staged.column("n").null_count == 0
    found, expected = proof_of([staged], source, made, tokens)
    assert found["", "rows"] == expected["", "rows"] == 7
    assert all(same_sums(path, found, expected) for path in METHODS)


@pytest.mark.parametrize("column", ["mail", "name", "visits"])
def test_values_that_changed_places_are_seen(tokens, column):
    """The same values in the same numbers, but in each other's rows, or in another order within one."""
    source = batch()
    (staged,) = Rewriter(plan(), Detection(ner=None), tokens)([source])
    rows = staged.to_pylist()
    if column == "visits":
        rows[0]["visits"].reverse()
    else:
        rows[0][column], rows[1][column] = rows[1][column], rows[0][column]
    damaged = pa.RecordBatch.from_pylist(rows, schema=staged.schema)
    found, expected = proof_of([damaged], source, plan(), tokens)
    assert all(same_sums(path, found, expected) for path in METHODS)
    assert not same_rows(found, expected)
    assert same_rows(*proof_of([staged.slice(5), staged.slice(0, 5)], source, plan(), tokens))


def test_a_lone_protected_column_stays_beside_the_kept_ones(tokens):
    made = ProtectionPlan(
        (leaf("who.id", None, {"name": "keep"}, "keep"), leaf("mail", "EMAIL_ADDRESS", {"name": "token"})),
        {}, {}, LEVELS,
    )  # fmt: skip
    source = batch().select(["who", "mail"])
    (staged,) = Rewriter(made, Detection(ner=None), tokens)([source])
    rows = staged.to_pylist()
    rows[0]["mail"], rows[1]["mail"] = rows[1]["mail"], rows[0]["mail"]
    damaged = pa.RecordBatch.from_pylist(rows, schema=staged.schema)
    assert same_rows(*proof_of([staged], source, made, tokens))
    assert not same_rows(*proof_of([damaged], source, made, tokens))


NOTE = (
    "call 212-555-0147 on 2024-02-28 or 2024-03-13, mail {}",
    '{{"note": "mail {} by 2024-03-01", "tel": "212-555-0147"}}',
)


def test_surrogates_and_shifted_dates_in_text_by_the_row_it_is_in(tokens):
    mail, shift = {"name": "surrogate"}, {**SHIFT, "max_days": 300}
    types = {
        "EMAIL_ADDRESS": parse_method(mail).settings(),
        "PHONE_NUMBER": parse_method(mail).settings(),
        "DATE_TIME": parse_method(shift).settings(),
    }
    text = replace(leaf("note", None, {"name": "keep"}, "spans"), method={"name": "by entity type"}, unmarked=types)
    made = ProtectionPlan((leaf("who.id", None, {"name": "keep"}, "keep"), text), types, {}, LEVELS)
    rows = [{"who": {"id": f"p{i % 3}"}, "note": NOTE[i // 6].format(f"u{i % 2}@mail.com")} for i in range(12)]
    source = pa.RecordBatch.from_pylist([*rows, {"who": {"id": None}, "note": NOTE[0].format("u9@mail.com")}])
    (staged,) = Rewriter(made, Detection(ner=None), tokens)([source])
    notes = [row["note"] for row in staged.to_pylist()]
    days = [re.findall(r"\d{4}-\d{2}-\d{2}", note) for note in notes]
    assert all(len({*days[i]} - {"2024-02-28", "2024-03-01"}) == (2 if i < 6 else 1) for i in range(12))
    # By subject: rows of one person move together, others otherwise; a row of nobody shows no date.
    assert days[0] == days[3] != days[1] and days[6] == days[9] != days[7] and not days[12]
    assert all((date.fromisoformat(b) - date.fromisoformat(a)).days == 14 for a, b in days[:6])
    assert len({note[-20:] for note in notes[:6]}) == 2 and "mail.com" not in "".join(notes)
    assert all(set(json.loads(note)) == {"note", "tel"} for note in notes[6:12])
    found, expected = proof_of([staged.slice(5), staged.slice(0, 5)], source, made, tokens)
    assert same_sums("note", found, expected) and same_rows(found, expected) and not found["note", "failed"]
    (again,) = Rewriter(replace(made, leaves=(made.leaves[0], replace(text, method={"name": "keep"}))),
                        Detection(ner=None), tokens)([staged.select(["who", "note"])])  # fmt: skip
    assert again["note"].equals(staged["note"])
