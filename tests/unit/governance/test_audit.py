"""The audit is one chain: whoever writes at once, and whatever is changed in it afterwards."""

import json
import multiprocessing
import os
import shutil

import pytest
from arro3.core import Table
from deltalake import write_deltalake

from clearance.errors import AuditError
from clearance.governance import canonical
from clearance.governance import rows as row_codec
from clearance.governance.audit import Audit, Head, row_digest
from clearance.governance.registry import Registry
from clearance.governance.tables import TABLES


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "home")


@pytest.fixture
def audit(registry):
    return Audit(registry)


def test_intent_then_outcome(audit):
    deed = audit.intent("publish", run_id="r", dataset="file:///a", facts={"columns": 3})
    assert audit.verify().open_intents == (deed,)
    head = audit.outcome(deed, "done", facts={"prevalence": 0.25}, records=["abc"])
    report = audit.verify()
    assert report.ok
    assert (report.entries, report.head, report.open_intents) == (2, head, ())
    assert audit.head() == head == Head(1, report.head.hash)
    first, second = audit.entries()
    assert (first["kind"], first["action"], first["facts"]) == ("intent", "publish", {"columns": 3})
    assert (second["result"], second["records"], second["dataset"]) == ("done", ["abc"], "file:///a")
    assert second["previous"] == first["hash"]
    assert audit.entries(dataset="file:///b") == []


def test_before_the_first_entry_nothing_is_there(audit, tmp_path):
    assert audit.head() is None
    assert audit.entries() == []
    assert audit.verify().ok
    assert os.listdir(tmp_path) == []


def test_the_actor_is_the_system_s_and_not_the_environment_s(audit, monkeypatch):
    monkeypatch.setenv("USER", "mallory")
    monkeypatch.setenv("LOGNAME", "mallory")
    audit.intent("publish", run_id="r")
    assert audit.entries()[0]["actor"] != "mallory"


def test_no_audit_no_deed(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(AuditError, match="nothing was done"):
        Audit(Registry(tmp_path / "home")).intent("publish", run_id="r")


def test_an_outcome_needs_its_intent(audit):
    with pytest.raises(AuditError):
        audit.outcome("no-such-id", "done")
    assert audit.entries() == []


def test_facts_that_are_not_json_are_refused_and_not_quoted(audit):
    with pytest.raises(AuditError) as raised:
        audit.intent("publish", run_id="r", facts={"canary@example.org": {1, 2}})
    assert "canary" not in str(raised.value)
    assert audit.entries() == []


def _write(home, number, turns):
    audit = Audit(Registry(home))
    for _ in range(turns):
        audit.outcome(audit.intent("publish", run_id=f"r{number}"), "done")


def test_ten_writers_at_once_make_one_chain(tmp_path):
    home, turns = str(tmp_path / "home"), 2
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(home, n, turns)) for n in range(10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=90)
    assert [writer.exitcode for writer in writers] == [0] * 10
    audit = Audit(Registry(home))
    report = audit.verify()
    assert report.problems == ()
    assert report.entries == 10 * turns * 2
    assert report.open_intents == ()
    ids = [entry["id"] for entry in audit.entries() if entry["kind"] == "outcome"]
    assert len(set(ids)) == 10 * turns


def test_the_head_is_found_after_compaction(audit, registry):
    for _ in range(3):
        deed = audit.intent("scan", run_id="r")
    registry.compact("audit")
    head = audit.outcome(deed, "done")
    assert head.index == 3
    assert audit.verify().ok


@pytest.fixture
def chain(audit):
    for number in range(3):
        deed = audit.intent("publish", run_id=f"r{number}", facts={"n": number})
        audit.outcome(deed, "done")
    return audit


def rewrite(registry, change):
    """Rewrite the audit table as someone with write access would."""
    rows = registry.rows("audit")
    change(rows)
    data: Table = row_codec.encode(TABLES["audit"], rows)
    write_deltalake(registry.location("audit"), data, mode="overwrite")


def rehash(rows, start):
    """Make the chain hold again from an entry on."""
    for position in range(start, len(rows)):
        row = rows[position]
        row["entry"]["previous"] = row["previous"] = rows[position - 1]["hash"] if position else ""
        row["hash"] = canonical.digest(row["entry"])


def edit(rows):
    rows[2]["entry"]["facts"] = {"n": 99}


def edit_and_rehash_one(rows):
    edit(rows)
    rows[2]["hash"] = canonical.digest(rows[2]["entry"])


def edit_a_column(rows):
    rows[2]["action"] = "scan"


def delete(rows):
    del rows[2]


def delete_and_renumber(rows):
    del rows[2:4]
    for position, row in enumerate(rows):
        row["index"] = row["entry"]["index"] = position


def delete_the_first(rows):
    del rows[0]


def swap(rows):
    rows[2]["entry"], rows[4]["entry"] = rows[4]["entry"], rows[2]["entry"]
    rows[2]["hash"], rows[4]["hash"] = rows[4]["hash"], rows[2]["hash"]


def repeat(rows):
    rows.append(dict(rows[5]))


def fork(rows):
    twin = json.loads(json.dumps(rows[5]["entry"]))
    twin["result"] = "failed"
    rows.append({**rows[5], "result": "failed", "entry": twin, "hash": canonical.digest(twin)})


@pytest.mark.parametrize(
    "change",
    [
        edit,
        edit_and_rehash_one,
        edit_a_column,
        delete,
        delete_and_renumber,
        delete_the_first,
        swap,
        repeat,
        fork,
    ],
)
def test_tampering_shows(chain, registry, change):
    rewrite(registry, change)
    assert not chain.verify().ok


def test_rewriting_unchanged_rows_is_no_tampering(chain, registry):
    rewrite(registry, lambda rows: None)
    assert chain.verify().ok


def test_only_an_anchor_shows_a_truncation_or_a_new_chain(chain, registry):
    anchor = chain.head()
    assert chain.verify(anchor).ok

    def truncate(rows):
        del rows[4:]

    rewrite(registry, truncate)
    assert chain.verify().ok
    assert not chain.verify(anchor).ok

    def rewritten(rows):
        edit(rows)
        rehash(rows, 2)

    rewrite(registry, rewritten)
    assert chain.verify().ok
    assert not chain.verify(anchor).ok
    shutil.rmtree(registry.location("audit"))
    assert not chain.verify(anchor).ok


def test_a_forked_chain_takes_no_more_entries(chain, registry):
    rewrite(registry, fork)
    with pytest.raises(AuditError, match="no single head"):
        chain.intent("publish", run_id="r")


def test_a_row_s_digest_covers_what_was_written_and_not_what_was_filled_in(registry):
    row = {"dataset": "d", "version": "1", "kind": "source", "label": {"level": "x"}, "columns": {}}
    row |= {"policy_digest": "p", "run_id": "r"}
    registry.append("labels", [row], run_id="r")
    assert row_digest("labels", registry.latest("labels", dataset="d")) == row_digest("labels", row)
    assert row_digest("labels", {**row, "label": {"level": "public"}}) != row_digest("labels", row)
    assert row_digest("verdicts", row) != row_digest("labels", row)


# RFC 8785, section 3.2.2 and 3.2.3 (sorting) and appendix B (numbers).
def test_canonical_json_follows_the_rfc():
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical.canonical(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = list(json.loads(canonical.canonical(dict.fromkeys(keys, 0))))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-1.7976931348623157e308, "-1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999700000.0, "999999999999999700000"),
        (1e21, "1e+21"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"),
        (333333333.3333332, "333333333.3333332"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
        (1424953923781206.2, "1424953923781206.2"),
        (100.0, "100"),
        (2**53 - 1, "9007199254740991"),
    ],
)
def test_numbers_follow_the_rfc(value, text):
    assert canonical.canonical(value).decode() == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {1: 2}, {1, 2}, b"x", "\ud800"])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError):
        canonical.canonical(value)
