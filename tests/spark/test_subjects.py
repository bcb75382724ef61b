"""Tokens bound to persons, through protect, erase and detokenize: who was erased has no way back, all others do."""

from pathlib import Path

import pytest

from clearance.errors import ProtectionError
from clearance.governance.actors import current_actor
from clearance.jobs.crosswalk_task import crosswalk
from clearance.jobs.datasets import Reference
from clearance.jobs.desk import open_desk
from clearance.jobs.detokenize_task import detokenize
from clearance.jobs.erase import erase
from clearance.jobs.rekey_task import rekey
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Target
from clearance.jobs.subject_keys import SubjectKeys
from clearance.jobs.tasks import protect
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import open_keys

WHY = {"purpose": "desk", "reason": "case 77"}
POLICY = """\
version: 1
name: bound
extends: default
columns:
  customer: {{method: token}}
  email: {{method: reversible}}
  "mails[]": {{method: reversible}}
  ssn: {{method: {ssn}}}
  note: {{method: reversible}}
  card: {{method: reversible}}
domains:
  health: {{columns: [ssn]}}
reversal:
  desk:
    who: [{who}]
    purposes: [desk]
    datasets: ['{path}/']
    columns: [customer, email, "mails[]", ssn, note, card]
    max_rows: 100
    valid_until: 2099-01-01
    operations: [detokenize, crosswalk, rekey]
"""


def octets(folder: Path) -> bytes:
    return b"\0".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_who_was_erased_has_no_way_back_and_all_others_do(spark, people, key_file, tmp_path):
    who, data, own_keys = current_actor().name, tmp_path / "data", tmp_path / "keys.json"
    own_keys.write_bytes(key_file.read_bytes())
    own_keys.chmod(0o600)

    def desk_with(ssn):
        policy = tmp_path / f"{ssn}.yaml"
        policy.write_text(POLICY.format(who=who, path=data, ssn=ssn))
        return open_desk(home=tmp_path / "home", detection=Detection(ner=None), key_file=own_keys, policy=policy)

    desk = desk_with("reversible")
    rows = {
        # Two rows a person; the first person has nulls, too.
        p.id: (
            p.id,
            f"C-{p.id // 2:04}",
            p.email if p.id else None,
            [p.email, None],
            f"{100 + p.id}-12-{3456 + p.id}",
            f"😀 please ask {p.email} about it.",
            p.card,
        )
        for p in people(12)
    }
    source, target = str(data / "source"), Target(str(data / "bound"))
    kind = "id bigint, customer string, email string, mails array<string>, ssn string, note string, card bigint"
    spark.createDataFrame(list(rows.values()), kind).repartition(3).write.format("delta").save(source)
    keys = SubjectKeys.at(str(tmp_path / "keys" / "subjects"), home=tmp_path / "home", beside=[source, target.text])

    def cells(path):
        return {row["id"]: row.asDict() for row in spark.read.format("delta").load(str(path)).collect()}

    with pytest.raises(ProtectionError, match="can't be bound to a person: ssn"):
        protect(spark, Reference(source), target, desk_with("format_preserving"), subject=("customer", keys))
    with pytest.raises(ProtectionError, match="not tokenized one-way"):
        protect(spark, Reference(source), target, desk, subject=("email", keys))
    assert not Path(keys.path).exists() and not Path(target.text).exists()

    done = protect(spark, Reference(source), target, desk, subject=("customer", keys))
    first, persons = cells(target.text), {row[1] for row in rows.values()}
    assert (done.proof.holds, keys.count()) == (True, len(persons))
    unbound = desk.tokens().open()
    for key, (_, _, mail, mails, _, note, _) in rows.items():
        assert first[key]["customer"].startswith("tk1h_")
        assert (first[key]["email"] is None) == (mail is None)
        assert first[key]["mails"][0].startswith("tk1r_email_address_") and first[key]["mails"][1] is None
        assert first[key]["mails"][0] != unbound.reversible_token(mails[0], "EMAIL_ADDRESS")
        # No row is known inside text: nothing there has a way back.
        assert first[key]["note"] == note.replace(mails[0], unbound.token(mails[0], "EMAIL_ADDRESS"))
    protect(spark, Reference(source), target, desk, subject=("customer", keys))
    assert cells(target.text) == first and keys.count() == len(persons)

    def opened(name, **options):
        columns = ["email", "mails[]", "ssn", "card"]
        where = Target(str(data / name))
        return detokenize(spark, Reference(target.text), where, desk, columns=columns, **WHY, **options)

    for work in (
        lambda: opened("none"),
        lambda: rekey(spark, Reference(target.text), desk, **WHY),
        lambda: rekey(spark, Reference(target.text), desk, source=Reference(source), **WHY),
        lambda: crosswalk(
            spark, Reference(target.text), Target(str(data / "none")), desk, to_domain="sales", columns=["email"], **WHY
        ),
    ):
        with pytest.raises(ProtectionError, match="bound to persons"):
            work()
    assert not (data / "none").exists()

    # Under a new key everyone has another name, and so another key; both are theirs.
    open_keys(str(own_keys)).change(lambda keyset, kek: lifecycle.rotate(keyset, kek))
    move = {"source": Reference(source), "subject_keys": keys, "target": Target(str(data / "moved")), **WHY}
    moved = rekey(spark, Reference(target.text), desk, **move)
    assert (moved.rows, keys.count()) == (12, 2 * len(persons))
    assert all(
        f"_{moved.kid}_" in row["customer"] and f"_{moved.kid}_" in row["ssn"] for row in cells(data / "moved").values()
    )
    assert opened("all", subject_keys=keys).erased == {}
    names = ("id", "email", "mails", "ssn", "card")
    expected = {key: dict(zip(names, (row[0], *row[2:5], row[6]), strict=True)) for key, row in rows.items()}
    assert {key: {n: row[n] for n in names} for key, row in cells(data / "all").items()} == expected

    # The person's key, its way in and its name: not a byte is left anywhere but in copies made before.
    (token,) = {first[key]["customer"] for key, row in rows.items() if row[1] == "C-0003"}
    wrapped = keys.wrapped([token])[token][1]
    assert wrapped in octets(Path(keys.path))
    assert erase(keys, ["C-0003"], done.plan.subject.entity_type, desk, reason="request 4711").erased == 2
    with pytest.raises(ProtectionError, match="still has 1 persons whose keys were erased"):
        rekey(spark, Reference(target.text), desk, **move)
    left = octets(tmp_path / "keys") + octets(tmp_path / "home") + octets(Path(target.text))
    assert wrapped not in left
    assert all(f"{row[k]}".encode() not in left for row in rows.values() for k in (1, 4) if row[1] == "C-0003")

    after = opened("after", subject_keys=keys)
    assert {path: sum(kinds.values()) for path, kinds in after.erased.items()} == dict.fromkeys(
        ("email", "mails[]", "ssn", "card"), 2
    )
    for key, row in cells(data / "after").items():
        kept = first if rows[key][1] == "C-0003" else expected
        # Beside a token that stays a number is text: no column of numbers can hold both.
        assert {n: row[n] for n in names} == {n: kept[key][n] for n in names} | {"card": str(kept[key]["card"])}
    # What was protected stays readable as it is, and is no plain value for whoever protects it again.
    assert cells(target.text) == first
    assert desk.audit.verify().ok
