"""Every method of a policy, carried out on one table, proved, and read back."""

from datetime import timedelta
from pathlib import Path

import pytest

from clearance.errors import ProofError, ProtectionError
from clearance.jobs.datasets import Reference
from clearance.jobs.desk import open_desk
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Staged, Target
from clearance.jobs.tasks import protect, scan

POLICY = """\
version: 1
name: every-method
extends: default
columns:
  token: {method: token}
  reversible: {method: reversible}
  fpe: {method: {name: format_preserving, keep_last: 4}}
  masked: {method: {name: mask, keep_last: 4}}
  constant: {method: redact}
  emptied: {method: "null"}
  gone: {method: {name: suppress, scope: column}}
  unwanted: {method: {name: suppress, scope: record}}
  born: {method: {name: generalize, kind: date, to: year}}
  visits[].day: {method: {name: date_shift, max_days: 30, subject: person}}
  first_visit: {method: {name: date_shift, max_days: 30, subject: person}}
  amount: {method: {name: noise, distribution: uniform, amount: 5, row_key: id, lower: 0, upper: 1000}}
  mail: {method: surrogate}
"""
ROWS = 24
UNMARKED = ("fpe", "born", "visits[].day", "first_visit", "amount", "mail")
"""Columns whose values don't show that they are protected."""


class World:
    def __init__(self, spark, people, key_file: Path, path: Path) -> None:
        self.spark, self.path = spark, path
        (path / "policy.yaml").write_text(POLICY)
        self.desk = open_desk(
            home=path / "home", detection=Detection(ner=None), key_file=key_file, policy=path / "policy.yaml"
        )
        rows = []
        for p in people(ROWS):
            card = str(p.card)
            days = [f"2024-0{1 + p.id % 5}-1{p.id % 10}", "2024-06-02"]
            rows.append(
                {
                    "id": p.id, "person": f"p{p.id % 4}", "token": p.email, "reversible": p.email, "fpe": card,
                    "masked": card, "constant": p.email, "emptied": p.email, "gone": p.email,
                    "unwanted": p.email if p.id % 6 == 0 else None, "born": p.born,
                    "visits": [{"day": d} for d in days] if p.id % 5 else None,
                    "first_visit": days[0], "amount": 100 + p.id, "mail": p.email,
                }
            )  # fmt: skip
        kind = (
            "id bigint, person string, token string, reversible string, fpe string, masked string, constant string, "
            "emptied string, gone string, unwanted string, born string, visits array<struct<day: string>>, "
            "first_visit string, amount bigint, mail string"
        )
        frame = spark.createDataFrame(rows, kind).selectExpr(
            *(f"cast({c} as date) {c}" if c == "first_visit" else c for c in [part.split()[0] for part in FIELDS])
        )
        self.source = Reference(str(path / "source"))
        frame.repartition(3).write.format("delta").save(self.source.text)
        self.before = self.read(self.source.text)
        self.done = protect(spark, self.source, Target(str(path / "out" / "t")), self.desk)
        self.after = self.read(self.done.reference)

    def read(self, path: str) -> dict:
        frame = self.spark.read.format("delta").load(path)
        self.schema = frame.schema
        return {row["id"]: row.asDict(recursive=True) for row in frame.collect()}


FIELDS = (
    "id", "person", "token", "reversible", "fpe", "masked", "constant", "emptied", "gone", "unwanted", "born", "visits",
    "first_visit", "amount", "mail",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(spark, people, key_file, tmp_path_factory):
    return World(spark, people, key_file, tmp_path_factory.mktemp("methods"))


def test_each_method_leaves_what_it_promises(world):
    kept = {key: row for key, row in world.before.items() if row["unwanted"] is None}
    assert 0 < len(kept) < ROWS and world.after.keys() == kept.keys()
    for key, old in kept.items():
        new = world.after[key]
        assert new["token"].startswith("tk1h_email_address_")
        assert new["reversible"].startswith("tk1r_email_address_")
        assert new["fpe"] != old["fpe"] and new["fpe"][-4:] == old["fpe"][-4:]
        assert new["fpe"].isdigit() and len(new["fpe"]) == len(old["fpe"])
        assert new["masked"] == "*" * 12 + old["masked"][-4:]
        assert new["constant"] == "[EMAIL_ADDRESS]"
        assert new["emptied"] is None and new["unwanted"] is None and "gone" not in new
        assert new["born"] == old["born"][:4]
        assert abs(new["amount"] - old["amount"]) <= 5
        assert "@" in new["mail"] and new["mail"] != old["mail"]
    assert {row["amount"] - world.before[key]["amount"] for key, row in world.after.items()} != {0}


def test_dates_of_one_person_keep_their_distances(world):
    shifts: dict[str, set[timedelta]] = {}
    from datetime import date

    for key, new in world.after.items():
        old = world.before[key]
        moved = shifts.setdefault(old["person"], set())
        moved.add(new["first_visit"] - old["first_visit"])
        for then, now in zip(old["visits"] or [], new["visits"] or [], strict=True):
            moved.add(date.fromisoformat(now["day"]) - date.fromisoformat(then["day"]))
        assert (old["visits"] is None) == (new["visits"] is None)
    assert all(len(moved) == 1 for moved in shifts.values())
    assert all(timedelta(0) < abs(next(iter(moved))) <= timedelta(days=30) for moved in shifts.values())
    assert len({next(iter(moved)) for moved in shifts.values()}) > 1


def test_types_stay_where_the_method_lets_them(world):
    world.read(world.done.reference)
    assert world.schema["first_visit"].dataType.simpleString() == "date"
    assert world.schema["amount"].dataType.simpleString() == "bigint"
    assert world.schema["born"].dataType.simpleString() == "string"


def test_the_proof_says_what_was_recomputed_and_how_many_records_went(world):
    proof = world.done.proof
    assert set(proof.recomputed) == {*UNMARKED, "token", "reversible", "masked", "constant"}
    assert proof.suppressed_records == ROWS - len(world.after) == 4
    assert proof.rows == len(world.after)


def test_once_more_gives_the_same(world, spark, tmp_path):
    again = protect(spark, world.source, Target(str(tmp_path / "again")), world.desk)
    assert world.read(again.reference) == world.after


def test_what_is_protected_is_not_protected_twice(world, spark, tmp_path):
    """Nothing in a shifted date or an encrypted number tells that it is one; the signed record does."""
    twice = protect(spark, Reference(world.done.reference), Target(str(tmp_path / "twice")), world.desk)
    read = world.read(twice.reference)
    assert {name for key, row in read.items() for name in row if row[name] != world.after[key].get(name)} == set()
    assert read == world.after
    how = {leaf.path: leaf.how for leaf in twice.plan.leaves}
    assert {how[path] for path in UNMARKED} == {"done"}
    thrice = protect(spark, Reference(twice.reference), Target(str(tmp_path / "thrice")), world.desk)
    assert world.read(thrice.reference) == world.after
    assert twice.label == world.done.label


def test_a_copy_without_its_record_is_raw(world, spark, key_file, tmp_path):
    desk = open_desk(
        home=tmp_path / "other-home",
        detection=Detection(ner=None),
        key_file=key_file,
        policy=world.path / "policy.yaml",
    )
    done = protect(spark, Reference(world.done.reference), Target(str(tmp_path / "raw")), desk)
    after = world.read(done.reference)
    # A surrogate looks like an address whatever the key; what encrypted digits look like is left to chance.
    assert all(after[key]["mail"] != row["mail"] for key, row in world.after.items())
    assert all(after[key]["token"] == row["token"] for key, row in world.after.items())


def test_a_genuine_token_of_another_value_fails_the_proof(world, spark, tmp_path, monkeypatch):
    """It passes its keyed check, and would break a join."""
    write = Staged.write

    def poisoned(self, frame, partitions, description):
        write(self, frame, partitions, description)
        staged = spark.read.table(self.identifier)
        changed = staged.selectExpr(*("first(token) OVER () AS token" if c == "token" else c for c in staged.columns))
        changed.localCheckpoint().write.format("delta").mode("overwrite").save(str(self.path))

    monkeypatch.setattr(Staged, "write", poisoned)
    with pytest.raises(ProofError, match="token: what was staged is not what its method makes of the source"):
        protect(spark, world.source, Target(str(tmp_path / "out" / "t")), world.desk)


def test_a_value_that_is_not_the_methods_fails_the_proof(world, spark, tmp_path, monkeypatch):
    """Two encrypted numbers' digits changed places: no look at them tells."""
    write = Staged.write

    def poisoned(self, frame, partitions, description):
        write(self, frame, partitions, description)
        staged = spark.read.table(self.identifier)
        other = "CASE WHEN id = 1 THEN concat(substr(fpe, 2, 11), substr(fpe, 1, 1), right(fpe, 4)) ELSE fpe END"
        changed = staged.selectExpr(*(f"{other} AS fpe" if c == "fpe" else f"`{c}`" for c in staged.columns))
        changed.localCheckpoint().write.format("delta").mode("overwrite").save(str(self.path))

    monkeypatch.setattr(Staged, "write", poisoned)
    with pytest.raises(ProofError, match="fpe: what was staged is not what its method makes of the source"):
        protect(spark, world.source, Target(str(tmp_path / "out" / "t")), world.desk)
    assert not (tmp_path / "out" / "t").exists()


def test_few_values_are_not_left_to_counting(spark, desk, people, tmp_path):
    mails = [p.email for p in people(5)]
    spark.createDataFrame([(i, mails[i % 5]) for i in range(600)], "id bigint, email string").write.format(
        "delta"
    ).save(str(tmp_path / "s"))
    with pytest.raises(ProtectionError, match="email has 5 distinct values in 600 cells") as caught:
        protect(spark, Reference(str(tmp_path / "s")), Target(str(tmp_path / "t")), desk)
    assert "generalize or redact" in caught.value.hint and not (tmp_path / "t").exists()
    (tmp_path / "p.yaml").write_text(
        "version: 1\nname: p\nextends: default\ncolumns:\n"
        '  email: {low_cardinality: {allow: true, reason: "five test accounts of our own"}}\n'
    )
    own = open_desk(home=tmp_path / "h", detection=Detection(ner=None), key_file=desk.keys, policy=tmp_path / "p.yaml")
    assert protect(spark, Reference(str(tmp_path / "s")), Target(str(tmp_path / "t")), own).rows == 600


def test_a_text_read_again_keeps_the_label_that_its_proof_gave_it(spark, desk, tmp_path):
    texts = [
        f"Patient {i}, date of birth: {1950 + i % 40}-03-{1 + i % 28:02}, came about the invoice" for i in range(60)
    ]
    spark.createDataFrame([(i, text) for i, text in enumerate(texts)], "id bigint, note string").write.format(
        "delta"
    ).save(str(tmp_path / "s"))
    done = protect(spark, Reference(str(tmp_path / "s")), Target(str(tmp_path / "t")), desk)
    first = next(leaf.label for leaf in done.plan.leaves if leaf.path == "note")
    assert first.categories and first.regimes
    # A year is no birth date any more for whoever looks at it.
    assert scan(spark, Reference(str(tmp_path / "t")), desk).columns["note"] == first
    again = protect(spark, Reference(str(tmp_path / "t")), Target(str(tmp_path / "u")), desk)
    assert next(leaf.label for leaf in again.plan.leaves if leaf.path == "note") == first
    assert scan(spark, Reference(str(tmp_path / "u")), desk).columns["note"] == first
