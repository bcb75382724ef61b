"""Detokenize: what was protected comes back exactly, for those a grant names, on record; otherwise nothing does."""

import json

import pytest

from clearance.errors import DatasetError, ProtectionError, RefusedError, UsageError
from clearance.governance.actors import current_actor
from clearance.jobs.datasets import Reference, open_dataset
from clearance.jobs.desk import open_desk
from clearance.jobs.detokenize_task import detokenize, open_text, open_values
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.published import observe_published
from clearance.jobs.settings import Detection
from clearance.jobs.staging import STAGING, Target
from clearance.jobs.tasks import scan
from clearance.methods import parse_method
from clearance.tokenization.methods import apply

WHY = {"purpose": "fraud", "reason": "case 77"}
GRANT = "who: [{who}], purposes: [fraud], datasets: ['{path}/', stdin], max_rows: 30, valid_until: 2099-01-01"
FPE = {"name": "format_preserving", "keep_last": 0}


@pytest.fixture(scope="module")
def world(spark, people, key_file, tmp_path_factory):
    return World(spark, people(20), key_file, tmp_path_factory.mktemp("opened"))


class World:
    """A table with reversible tokens in columns, nested and in text, one-way ones, and one encrypted in its format."""

    def __init__(self, spark, crowd, key_file, path):
        self.spark, self.path = spark, path
        policy = path / "policy.yaml"
        grant = GRANT.format(who=current_actor().name, path=path)
        policy.write_text(
            "version: 1\nname: t\nextends: default\nreversal:\n"
            f"  mail: {{{grant}, entity_types: [EMAIL_ADDRESS, US_SSN, CREDIT_CARD]}}\n"
        )
        self.desk = open_desk(home=path / "home", detection=Detection(ner=None), key_file=key_file, policy=policy)
        tokenizer = self.desk.tokens().open()

        def r(value, kind="EMAIL_ADDRESS"):
            return None if value is None else tokenizer.reversible_token(value, kind)

        self.before = {
            p.id: {
                "mail": p.email if p.id % 5 else None,
                "card": p.card,
                "ssn": f"{100 + p.id}-12-{3456 + p.id}" if p.id % 4 else None,
                "note": f"😀 from {p.email}, e\u0301, twice {p.email}.",
                "payload": json.dumps({"m": f'"{p.email}"\n'}),
                "user": {"list": [p.email, None]},
                "once": p.email,
            }
            for p in crowd
        }
        import pyarrow as pa

        ssn = apply(parse_method(FPE), pa.array([row["ssn"] for row in self.before.values()]), "US_SSN", tokenizer)
        rows = [
            (
                key,
                r(row["mail"]),
                r(str(row["card"]), "CREDIT_CARD"),
                encrypted,
                row["note"].replace(row["once"], r(row["once"])),
                json.dumps({"m": r(json.loads(row["payload"])["m"])}),
                {"list": [r(row["once"]), None]},
                tokenizer.token(row["once"], "EMAIL_ADDRESS"),
            )
            for (key, row), encrypted in zip(self.before.items(), ssn.to_pylist(), strict=True)
        ]
        self.source = Reference(str(path / "source"))
        kind = (
            "id bigint, mail string, card string, ssn string, note string, payload string, "
            "user struct<list: array<string>>, once string"
        )
        spark.createDataFrame(rows, kind).write.format("delta").save(self.source.text)
        scan(spark, self.source, self.desk)
        self.sign()

    def sign(self, **changes):
        """The record that a protection leaves, which alone tells the encrypted column from numbers."""
        cells = {"how": "cells", "label": {}, "type_after": "string"}
        columns = [
            {"path": "card", "entity_type": "CREDIT_CARD", "method": {"name": "reversible"}, "type_before": "bigint"},
            {"path": "ssn", "entity_type": "US_SSN", "method": FPE, "type_before": "string"},
        ]
        record = {
            "columns": [{**cells, **column} for column in columns],
            "observation": observe_published(self.spark, Target(self.source.text), "0").to_dict(),
        }
        signature = self.desk.tokens().key.open().sign(SIGNED, canonical(record))
        row = {
            "dataset": self.source.key,
            "source": "s",
            "version": "0",
            "columns": record["columns"],
            "statement": {**record, **changes},
            "signature": signature,
        }
        with self.desk.audit.filing("label", [("protections", row)], run_id="r", dataset=self.source.key):
            pass

    def entries(self):
        return [(e["kind"], e["action"], e.get("result")) for e in self.desk.audit.entries()]

    def open(self, target, **options):
        return detokenize(self.spark, self.source, Target(str(target)), self.desk, **{**WHY, **options})


COLUMNS = ["mail", "card", "ssn", "note", "payload", "user.list[]"]


def test_a_dataset_comes_back_exactly_and_as_sensitive_as_it_was(world, spark, tmp_path):
    before = len(world.entries())
    done = world.open(tmp_path / "out" / "t", columns=COLUMNS)
    frame = spark.read.format("delta").load(str(tmp_path / "out" / "t"))
    assert dict(frame.dtypes)["card"] == "bigint"
    back = {row["id"]: row.asDict(recursive=True) for row in frame.collect()}
    for key, row in world.before.items():
        assert json.loads(back[key]["payload"]) == json.loads(row["payload"])
        assert back[key]["once"].startswith("tk1h_")
        assert {n: back[key][n] for n in ("mail", "card", "ssn", "note", "user")} == {
            n: row[n] for n in ("mail", "card", "ssn", "note", "user")
        }
    assert done.opened["note"] == {"EMAIL_ADDRESS": 40} and done.opened["ssn"] == {"US_SSN": 15}
    assert done.label["level"] == "restricted" and "PCI DSS" in done.label["regimes"]
    assert (
        spark.sql(f"DESCRIBE DETAIL delta.`{tmp_path}/out/t`").head()["properties"]["clearance.level"] == "restricted"
    )
    assert "clearance.method" not in frame.schema["mail"].metadata
    row = world.desk.registry.latest("labels", dataset=done.target)
    assert (row["kind"], row["columns"]["mail"]["level"]) == ("restored", "confidential")
    assert world.entries()[before:] == [
        ("intent", "detokenize", None),
        ("outcome", "detokenize", "allowed"),
        ("intent", "open", None),
        ("intent", "label", None),
        ("outcome", "label", "done"),
        ("outcome", "open", "done"),
    ]
    assert world.desk.audit.verify().ok
    assert not (tmp_path / "out" / STAGING).exists()
    told = json.dumps([row["entry"] for row in world.desk.registry.rows("audit")], default=str)
    assert "case 77" in told and not any(row["once"] in told for row in world.before.values())


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"columns": ["once"]}, ProtectionError, "20 one-way tokens of type EMAIL_ADDRESS in once"),
        ({}, ProtectionError, "one-way"),
        ({"columns": ["mail"], "purpose": "marketing"}, RefusedError, "purpose"),
        ({"columns": ["id"]}, ProtectionError, "no reversible token"),
        ({"columns": ["nothing"]}, UsageError, "no column nothing"),
    ],
)
def test_what_is_refused_is_on_record_and_writes_nothing(world, tmp_path, options, error, told):
    with pytest.raises(error, match=told):
        world.open(tmp_path / "out" / "t", **options)
    assert world.entries()[-2:] == [("intent", "detokenize", None), ("outcome", "detokenize", "refused")]
    assert not (tmp_path / "out").exists()


def test_one_row_too_many_is_refused(world, tmp_path, monkeypatch):
    grant = world.desk.policy.content.reversal["mail"].model_copy(update={"max_rows": 15})
    monkeypatch.setitem(world.desk.policy.content.reversal, "mail", grant)
    world.open(tmp_path / "fits", columns=["ssn"])
    with pytest.raises(RefusedError, match=r"rows \(16 of 15\)"):
        world.open(tmp_path / "more", columns=["mail"])
    assert not (tmp_path / "more").exists()


def test_a_record_that_was_changed_opens_nothing(world, tmp_path):
    world.sign(source="another")
    try:
        with pytest.raises(ProtectionError, match="ssn: the record of its protection is not signed"):
            world.open(tmp_path / "t", columns=["ssn"])
    finally:
        world.sign()


def test_data_without_a_label_is_not_opened(world, spark, tmp_path):
    spark.read.format("delta").load(world.source.text).write.format("delta").save(str(world.path / "unseen"))
    with pytest.raises(DatasetError, match="no label"):
        detokenize(spark, Reference(str(world.path / "unseen")), Target(str(tmp_path / "t")), world.desk, **WHY)


def test_another_domain_or_key_opens_nothing(world, tmp_path, key_file):
    from clearance.tokenization.keys import FileKeyProvider

    FileKeyProvider(tmp_path / "other.json").create()
    policy, home = world.path / "policy.yaml", world.path / "home"
    for keys, domain in ((tmp_path / "other.json", "default"), (key_file, "sales")):
        desk = open_desk(home=home, detection=Detection(ner=None), key_file=keys, policy=policy, domain=domain)
        with pytest.raises(ProtectionError, match="tokens of another key or domain"):
            detokenize(world.spark, world.source, Target(str(tmp_path / "t")), desk, columns=["mail"], **WHY)
    assert not (tmp_path / "t").exists()


def test_values_and_texts_from_anywhere(world, spark):
    tokenizer = world.desk.tokens().open()
    mail, name = tokenizer.reversible_token("a@b.example", "EMAIL_ADDRESS"), tokenizer.reversible_token("Jo", "PERSON")
    assert open_values([mail, mail.upper()], world.desk, **WHY) == ["a@b.example"] * 2
    assert (
        open_text(f"😀{mail} e\u0301{name}", world.desk, types=["EMAIL_ADDRESS"], **WHY).text
        == f"😀a@b.example e\u0301{name}"
    )
    with pytest.raises(RefusedError, match="entity types"):
        open_values([name], world.desk, **WHY)
    with pytest.raises(ProtectionError, match="1 of 2 values"):
        open_values([mail, "x"], world.desk, **WHY)
    dataset = open_dataset(spark, world.source)
    ssn = next(row["ssn"] for row in dataset.frame.select("ssn").collect() if row["ssn"])
    first = next(row["ssn"] for row in world.before.values() if row["ssn"])
    assert len(open_values([ssn], world.desk, column=(dataset, "ssn"), **WHY)[0]) == len(first)


def test_without_a_purpose_or_a_reason_fit_for_the_record_nothing_is_asked(world):
    for why in ({**WHY, "reason": " "}, {**WHY, "purpose": ""}, {**WHY, "reason": "for jo@mail7.com"}):
        before = len(world.entries())
        with pytest.raises(UsageError):
            open_values(["x"], world.desk, **why)
        assert len(world.entries()) == before


def test_a_crosswalk_maps_each_token_once_and_is_restricted(world, spark, tmp_path, monkeypatch):
    from clearance.jobs.crosswalk_task import crosswalk

    def mapped():
        options = {"to_domain": "sales", "columns": ["mail", "note"], **WHY}
        return crosswalk(spark, world.source, Target(str(tmp_path / "map")), world.desk, **options)

    with pytest.raises(RefusedError, match="operation"):
        mapped()
    assert not (tmp_path / "map").exists()
    granted = {"operations": frozenset({"detokenize", "crosswalk"})}
    grant = world.desk.policy.content.reversal["mail"].model_copy(update=granted)
    monkeypatch.setitem(world.desk.policy.content.reversal, "mail", grant)
    done = mapped()
    here, there = world.desk.tokens(), world.desk.tokens()
    there = type(here)(here.key, "sales", here.region)
    expected = {
        (
            "EMAIL_ADDRESS",
            here.open().reversible_token(row["once"], "EMAIL_ADDRESS"),
            there.open().reversible_token(row["once"], "EMAIL_ADDRESS"),
        )
        for row in world.before.values()
    }
    rows = [tuple(row) for row in spark.read.format("delta").load(str(tmp_path / "map")).collect()]
    assert (len(rows), set(rows)) == (20, expected)
    assert done.label["level"] == "restricted" and "GDPR" in done.label["regimes"]
