"""Preparation in Spark: what the steps make of values, what they count, and what the copy and the source are called."""

import json
import re

import pytest

from clearance.errors import PolicyError, ProtectionError
from clearance.governance.actors import current_actor
from clearance.jobs.datasets import Reference
from clearance.jobs.desk import open_desk
from clearance.jobs.preparation import load_preparation
from clearance.jobs.prepare import prepare
from clearance.jobs.rekey_task import rekey
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Target
from clearance.jobs.tasks import protect, scan

CSV = """\
id,name,mail,born,amount,age,changed
1, Ann\u00a0 Lee ,ANN@x.example.com,31.12.1999,"1.234,50",20,2026-01-01
1, Ann\u00a0 Lee ,ANN@x.example.com,31.12.1999,"1.234,50",20,2026-01-01
2,\ufb01ne\u200b,bob@x.example.com,30.02.2000,"-12",200,2026-01-02
3,N/A,cat@x.example.com,2001-02-03,"7,5",-5,2026-01-03
3,Cat,cat@x.example.com,1.1.2001,"1.2.3",canaryage,2026-01-04
4,,,,,,2027-01-01
"""
STEPS = """\
version: 1
prepare:
  - {step: trim, columns: [name], collapse: true}
  - {step: unicode, columns: [name], form: NFKC}
  - {step: nulls, columns: [name], markers: [N/A]}
  - {step: case, columns: [mail], to: lower}
  - {step: dates, columns: [born], formats: [dd.MM.yyyy, d.M.yyyy], unreadable: make_null}
  - {step: numbers, columns: [amount], decimal: ",", thousands: ".", unreadable: keep}
  - {step: range, columns: [age], min: 0, max: 120, outside: clamp}
  - {step: duplicates}
  - {step: duplicates, columns: [id], order: changed, keep: last}
  - {step: range, columns: [changed], max: 2026-12-31, outside: drop_record}
  - {step: needed, purposes: train, by: {train: [name, mail, born, amount, age]}}
"""


@pytest.fixture
def write(tmp_path, opened):
    def make(steps, text=CSV):
        (tmp_path / "d.csv").write_text(text)
        (tmp_path / "p.yml").write_text(steps)
        return opened(tmp_path / "d.csv"), load_preparation(tmp_path / "p.yml")

    return make


@pytest.fixture
def made(write, spark, desk):
    return lambda steps, text=CSV: prepare(spark, *write(steps, text), desk)


GRANT = """\
version: 1
name: t
extends: default
reversal:
  keys:
    who: [{who}]
    purposes: [rotation]
    datasets: ['{path}/']
    columns: [name, mail, born, amount, age]
    max_rows: 9
    valid_until: 2099-01-01
    operations: [rekey]
"""


def test_values_counts_and_a_copy_that_is_protected(made, spark, desk, key_file, tmp_path):
    dataset = made(STEPS)
    rows = [row[:5] for row in dataset.frame.sort("mail").collect()]
    assert rows == [
        ("Ann Lee", "ann@x.example.com", "1999-12-31", "1234.50", "20"),
        ("fine", "bob@x.example.com", None, "-12", "120"),
        ("Cat", "cat@x.example.com", "2001-01-01", "1.2.3", None),
    ]
    done = [(step["step"], step["columns"], step["records_dropped"]) for step in dataset.prepared]

    def of(column, changed, nulls=0):
        return {column: {"changed": changed, "nulls_made": nulls, "refused": 0}}

    assert done == [
        ("trim", of("name", 2), 0),
        ("unicode NFKC", of("name", 1), 0),
        ("nulls", of("name", 0, 1), 0),
        ("case lower", of("mail", 2), 0),
        ("dates", of("born", 3, 1), 0),
        ("numbers", of("amount", 3), 0),
        ("range clamp", of("age", 2, 1), 0),
        ("duplicates", {}, 1),
        ("duplicates", {}, 1),
        ("range drop_record", {"changed": {"changed": 0, "nulls_made": 0, "refused": 0}}, 1),
        ("needed", {}, 0),
    ]

    scanned = scan(spark, dataset, desk)
    copy = protect(spark, dataset, Target(str(tmp_path / "out")), desk, scanned=scanned)
    assert copy.rows == 3
    assert copy.source == f"file://{tmp_path}/d.csv"
    assert copy.to_dict()["prepared"] == list(dataset.prepared)
    kept = spark.read.format("delta").load(str(tmp_path / "out")).sort("born").collect()
    assert kept[0]["mail"].startswith("tk1h_email_address_") or kept[1]["mail"].startswith("tk1h_email_address_")
    # The label of prepared data never stands for the source, which still has all its columns and values.
    assert desk.registry.latest("labels", dataset=copy.source) is None
    runs = {row["job"]: row for row in desk.registry.rows("runs") if row["status"] == "complete"}
    assert runs["prepare"]["facts"]["prepared"] == runs["protect"]["facts"]["prepared"] == list(dataset.prepared)
    facet = lineage_of(tmp_path)
    name = facet["fields"]["name"]["transformationDescription"]
    assert name.startswith("trim, unicode NFKC, nulls")
    assert {entry["field"] for entry in facet["dataset"]} == {"id", "changed"}
    assert {entry["transformations"][0]["subtype"] for entry in facet["dataset"]} == {"FILTER"}

    # To another key by the same steps alone: others may count the same and give other values.
    (tmp_path / "g.yml").write_text(GRANT.format(who=current_actor().name, path=tmp_path))
    granted = open_desk(
        home=tmp_path / "home", detection=Detection(ner=None), key_file=key_file, policy=tmp_path / "g.yml"
    )
    way = {"source": Reference(str(tmp_path / "d.csv")), "purpose": "rotation", "reason": "case 1"}
    steps = load_preparation(tmp_path / "p.yml")
    (tmp_path / "p.yml").write_text(STEPS.replace("max: 120", "max: 121"))
    for named in ((), load_preparation(tmp_path / "p.yml")):
        with pytest.raises(ProtectionError, match=r"as it was prepared|was not prepared by these"):
            rekey(spark, Reference(str(tmp_path / "out")), granted, **way, steps=named)
    assert rekey(spark, Reference(str(tmp_path / "out")), granted, **way, steps=steps).rows == 3
    assert spark.read.format("delta").load(str(tmp_path / "out")).sort("born").collect() == kept


def lineage_of(tmp_path):
    lines = (tmp_path / "home" / "lineage" / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines if "columnLineage" in line]
    complete = [event for event in events if event["eventType"] == "COMPLETE"]
    return complete[-1]["outputs"][0]["facets"]["columnLineage"]


@pytest.mark.parametrize("step", [
    "{step: numbers, columns: [age], decimal: '.', unreadable: fail}",
    "{step: range, columns: [age], min: 0, max: 1000, outside: fail}",
])  # fmt: skip
def test_a_value_that_a_step_refuses_stops_with_a_count_and_no_value(made, step):
    with pytest.raises(ProtectionError) as refused:
        made(f"version: 1\nprepare:\n  - {step}\n")
    assert "p.yml:3" in refused.value.message
    assert " in age" in refused.value.message
    assert "canaryage" not in str(refused.value)


def test_typed_columns_keep_their_types_and_records_their_nested_parts(made, spark, desk, opened, tmp_path):
    frame = spark.sql(
        """SELECT id, named_struct('a', id) s, map('k', id) m, cast(id AS decimal(5,2)) d, array(id) l,
           timestamp_micros(id) t, cast(id AS double) f, date '2026-01-01' day, cast(null AS string) z
           FROM (SELECT id % 5 AS id FROM range(40))"""
    )
    frame.write.parquet(str(tmp_path / "typed"))
    dataset = opened(tmp_path / "typed")
    (tmp_path / "t.yml").write_text(
        "version: 1\nprepare:\n  - {step: range, columns: [f, d], min: 0.5, max: 3, outside: clamp}\n"
        "  - {step: range, columns: [day], min: 2026-06-01, outside: make_null}\n  - {step: duplicates}\n"
    )
    after = prepare(spark, dataset, load_preparation(tmp_path / "t.yml"), desk).frame
    assert [f.dataType for f in after.schema.fields] == [f.dataType for f in dataset.frame.schema.fields]
    rows = {row["id"]: row for row in after.collect()}
    before = {row["id"]: row for row in dataset.frame.collect()}
    assert after.count() == 5
    for key, row in rows.items():
        for name in ("s", "m", "l", "t", "z"):
            assert row[name] == before[key][name]
        assert row["f"] == float(row["d"]) == min(max(key, 0.5), 3)
        assert row["day"] is None


def test_steps_are_compared_with_the_columns_before_anything_is_read(made, desk):
    with pytest.raises(PolicyError, match=r"p\.yml:3: trim: there is no column 'nmae'"):
        made("version: 1\nprepare:\n  - {step: trim, columns: [nmae]}\n")
    assert not desk.registry.rows("runs")


def test_the_example_of_the_documentation_does_what_it_says(made):
    from pathlib import Path

    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "prepare.md"
    (steps,) = re.findall(r"```yaml title=prepare\n(.*?)```", page.read_text(), re.S)
    text = 'name,city,email,born,amount,age,other\n Ann  Lee ,N/A,Ann@X.example.com,31.01.2026,"1.234,50",130,x\n'
    dataset = made(steps, text + " Ann  Lee,,ann@x.example.com,31.01.2026,1234.50,,x\n".replace("1234.50", '"1234,50"'))
    assert dataset.frame.columns[:6] == ["name", "city", "email", "born", "amount", "age"]
    (row,) = dataset.frame.collect()
    assert row[:6] == ("Ann Lee", None, "ann@x.example.com", "2026-01-31", "1234.50", None)
    assert next(step for step in dataset.prepared if step["step"] == "duplicates")["records_dropped"] == 1


def test_a_plan_prepares_copies_and_judges_what_was_prepared(spark, desk, tmp_path):
    from clearance.governance.solutions import load_solutions
    from clearance.jobs.plan_file import load_plan
    from clearance.jobs.runner import run

    (tmp_path / "d.csv").write_text("id,mail,card\n1, ann@example.com,4111111111111111\n1,ann@example.com,x\n")
    (tmp_path / "s.yaml").write_text(
        "{name: bot, owner: o@example.com, hosting: private, clearance: restricted, usage: [training],"
        " purposes: [train], regimes: [GDPR, CCPA]}"
    )
    (tmp_path / "plan.yml").write_text(
        "version: 1\nsolutions: s.yaml\noutput: out\ndetection: {ner: null}\ndatasets:\n  - dataset: d.csv\n"
        "    solutions: bot\n    facts: {purposes: [train]}\n    prepare:\n"
        "      - {step: needed, by: {train: [id, mail]}}\n"
        "      - {step: trim, columns: [mail]}\n      - {step: duplicates}\n"
    )

    class Quiet:
        def say(self, event, *, dataset=None, **fields):
            pass

    plan = load_plan(tmp_path / "plan.yml")
    ((outcome,), _) = run(spark, plan, desk, load_solutions(tmp_path / "s.yaml"), Quiet())
    assert outcome.error is None, outcome.error
    # Cards are under PCI DSS, which the bot may not have; without the column there is none, and a copy all the same.
    assert [checked.verdict.verdict for checked in outcome.before + outcome.after] == ["clear", "clear"]
    assert outcome.protected.rows == 1
    told = outcome.to_dict()
    assert [step["step"] for step in told["prepared"]] == ["needed", "trim", "duplicates"]
    assert told["prepared"][2]["records_dropped"] == 1
    assert desk.registry.latest("labels", dataset=told["dataset"]) is None
