"""Rekey: the same data under the new key, proved and on record; what can't be moved is named and nothing is written."""

import json

import pytest

from clearance.errors import ProofError, ProtectionError, PublishError, RefusedError
from clearance.governance.actors import current_actor
from clearance.jobs import crosswalk_source, reissue, rekey_task
from clearance.jobs.crosswalk_task import crosswalk
from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.desk import open_desk
from clearance.jobs.detokenize_task import detokenize
from clearance.jobs.rekey_task import rekey
from clearance.jobs.settings import Detection
from clearance.jobs.signed import verify
from clearance.jobs.signed_record import signed_record
from clearance.jobs.staging import STAGING, Target
from clearance.jobs.tasks import protect
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import FileKeyProvider, open_keys

WHY = {"purpose": "rotation", "reason": "case 77"}
POLICY = """\
version: 1
name: reversible
extends: default
columns:
  email: {{method: reversible}}
  ssn: {{method: format_preserving}}
  note: {{method: reversible}}
  kept: {{method: reversible}}
domains:
  health: {{columns: [kept]}}
reversal:
  rotation:
    who: [{who}]
    purposes: [rotation]
    datasets: ['{path}/']
    entity_types: [EMAIL_ADDRESS, US_SSN]
    max_rows: 12
    valid_until: 2099-01-01
    operations: [rekey, detokenize, crosswalk]
"""


def cells(spark, path):
    return {row["id"]: row.asDict() for row in spark.read.format("delta").load(str(path)).collect()}


def test_a_dataset_moves_to_the_key_that_writes_and_what_can_not_is_named(spark, people, tmp_path, monkeypatch):
    keys, policy = FileKeyProvider(tmp_path / "keys.json"), tmp_path / "policy.yaml"
    keys.create()
    policy.write_text(POLICY.format(who=current_actor().name, path=tmp_path))
    options = {"home": tmp_path / "home", "detection": Detection(ner=None), "key_file": tmp_path / "keys.json"}
    desk, one_way = open_desk(policy=policy, **options), open_desk(**options)
    rows = {
        p.id: {
            "id": p.id,
            "email": p.email,
            "ssn": f"{100 + p.id}-12-{3456 + p.id}",
            "note": f"😀 from {p.email}, e\u0301.",
            "kept": p.email,
        }
        for p in people(12)
    }
    kind = "id bigint NOT NULL, email string, ssn string, note string, kept string"
    source, plain = str(tmp_path / "source"), str(tmp_path / "plain")
    frame = spark.createDataFrame([tuple(row.values()) for row in rows.values()], kind)
    spark.sql(f"CREATE TABLE delta.`{source}` ({kind}) USING delta")
    frame.write.format("delta").mode("append").save(source)
    frame.select("id", "email").write.format("delta").save(plain)
    a, h = Target(str(tmp_path / "a")), Target(str(tmp_path / "h"))
    protect(spark, Reference(source), a, desk)
    protect(spark, Reference(plain), h, one_way)
    first, old = cells(spark, a.text), cells(spark, h.text)
    before = desk.registry.latest("labels", dataset=a.key)
    old_kid = desk.tokens().key.kid
    open_keys(str(tmp_path / "keys.json")).change(lambda keyset, kek: lifecycle.rotate(keyset, kek))
    new_kid = desk.tokens().key.kid
    assert old_kid != new_kid

    # What can't be moved, or not by this person, or not proved, leaves everything as it was.
    def stays(*_, **__):
        return spark.read.format("delta").load(a.text)

    for source_, error, told, why, broken in (
        (a.text, RefusedError, "purpose", {**WHY, "purpose": "fun"}, False),
        (h.text, ProtectionError, "one-way tokens can't be moved to another key: email", WHY, False),
        (plain, ProtectionError, "no record", WHY, False),
        (a.text, ProofError, "email was not moved whole", WHY, True),
    ):
        with monkeypatch.context() as patch, pytest.raises(error, match=told):
            if broken:
                patch.setattr(rekey_task, "opened_frame", stays)
            rekey(spark, Reference(source_), desk, target=Target(str(tmp_path / "t")), **why)
        assert not (tmp_path / "t").exists() and not (tmp_path / STAGING).exists()
        assert desk.audit.entries()[-1]["result"] in ("refused", "failed")

    # Killed, or failed, behind its commit: no record speaks of what is there now, and the move is made again.
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(reissue, "observe_published", lambda *_: 1 / 0)
        rekey(spark, Reference(a.text), desk, **WHY)
    assert cells(spark, a.text) != first

    for target in (Target(str(tmp_path / "b")), None):  # beside it, and where it is
        done = rekey(spark, Reference(a.text), desk, target=target, **WHY)
        moved = cells(spark, (target or a).text)
        assert done.moved == {
            "email": {"EMAIL_ADDRESS": 12},
            "kept": {"EMAIL_ADDRESS": 12},
            "note": {"EMAIL_ADDRESS": 12},
            "ssn": {"US_SSN": 12},
        }
        tokenizer = desk.tokens().open()
        for key, row in rows.items():
            token = tokenizer.reversible_token(row["email"], "EMAIL_ADDRESS")
            assert f"_{new_kid}_" in token
            assert moved[key]["email"] == token and moved[key]["note"] == row["note"].replace(row["email"], token)
            assert moved[key]["kept"] == tokenizer.at("kept").reversible_token(row["kept"], "EMAIL_ADDRESS")
            assert moved[key]["ssn"] not in (row["ssn"], first[key]["ssn"]) and len(moved[key]["ssn"]) == 11
            assert moved[key]["_clearance_entities"] == first[key]["_clearance_entities"]
        now = desk.registry.latest("labels", dataset=done.target)
        assert {name: now[name] for name in ("label", "columns", "kind", "policy_digest", "reasons")} == {
            name: before[name] for name in ("label", "columns", "kind", "policy_digest", "reasons")
        }
        details = spark.sql(f"DESCRIBE DETAIL {(target or a).identifier}").head()
        assert details["properties"]["delta.constraints.not_null_0"] == "`id` IS NOT NULL"
        record = signed_record(desk, open_dataset(spark, Reference((target or a).text)))
        assert (record.problem, record.kid, record.row["statement"]["keys"]["domains"]) == (
            "",
            new_kid,
            {"kept": "health"},
        )
        assert verify((target or a).text, desk.registry).statement.predicate["rekeyed"]["ids"][0] in (old_kid, new_kid)
    assert moved == cells(spark, tmp_path / "b")

    # Whoever writes to it meanwhile is not written over.
    counted = rekey_task.counted

    def overtaken(*args):
        spark.read.format("delta").load(str(tmp_path / "b")).limit(1).write.format("delta").mode("append").save(
            str(tmp_path / "b")
        )
        return counted(*args)

    with monkeypatch.context() as patch, pytest.raises(PublishError, match="changed by someone else"):
        patch.setattr(rekey_task, "counted", overtaken)
        rekey(spark, Reference(str(tmp_path / "b")), desk, **WHY)
    assert spark.read.format("delta").load(str(tmp_path / "b")).count() == 13

    # One-way tokens move where the source is there, and as it was.
    # One-way tokens of both keys, from the values; another source gives none.
    way = {"source": Reference(plain), "to_key": new_kid, "columns": ["email"], **WHY}
    with pytest.raises(ProtectionError, match="not made from"):
        crosswalk(spark, Reference(h.text), Target(str(tmp_path / "map")), desk, **{**way, "source": Reference(source)})
    mapped = crosswalk(spark, Reference(h.text), Target(str(tmp_path / "map")), desk, **way)
    pairs = {tuple(row) for row in spark.read.format("delta").load(str(tmp_path / "map")).collect()}
    new = desk.tokens().open()
    assert pairs == {
        ("EMAIL_ADDRESS", old[key]["email"], new.token(row["email"], "EMAIL_ADDRESS")) for key, row in rows.items()
    }
    assert mapped.rows == 12 and mapped.label["level"] == "restricted"
    with pytest.raises(ProofError, match="does not give the tokens"):
        crosswalk_source.require_theirs(
            spark.createDataFrame([("EMAIL_ADDRESS", "tk1h_x", "y")], crosswalk_source.PAIRS),
            open_dataset(spark, Reference(h.text)),
            crosswalk_source.FromValues(
                crosswalk_source.token_leaves(
                    signed_record(desk, open_dataset(spark, Reference(h.text))), desk, (), ()
                ),
                desk.tokens(),
            ),
        )
    with pytest.raises(ProtectionError, match="was not made from"):
        rekey(spark, Reference(h.text), desk, source=Reference(source), **WHY)
    with pytest.raises(ProtectionError, match=r"would not give what is on record: email"):
        rekey(spark, Reference(h.text), desk, source=Reference(plain), **WHY)
    only_grant = tmp_path / "grant.yaml"
    granted = POLICY.format(who=current_actor().name, path=tmp_path)
    only_grant.write_text("version: 1\nname: t\nextends: default\n" + granted[granted.index("reversal:") :])
    again = rekey(spark, Reference(h.text), open_desk(policy=only_grant, **options), source=Reference(plain), **WHY)
    new = cells(spark, h.text)
    assert (again.moved, again.rows) == ({}, 12)
    tokenizer = one_way.tokens().open()
    assert all(new[key]["email"] == tokenizer.token(row["email"], "EMAIL_ADDRESS") for key, row in rows.items())
    assert new != old

    # The old key is not needed any more, and nobody's value is in the record.
    open_keys(str(tmp_path / "keys.json")).change(lambda keyset, kek: lifecycle.disable(keyset, old_kid))
    opened = Target(str(tmp_path / "opened"))
    detokenize(spark, Reference(a.text), opened, desk, **WHY)
    assert {key: {n: row[n] for n in rows[key]} for key, row in cells(spark, opened.text).items()} == rows
    told = json.dumps([row["entry"] for row in desk.registry.rows("audit")], default=str)
    assert "case 77" in told and not any(row["email"] in told for row in rows.values())
    assert desk.audit.verify().ok
