"""A column that the policy misspells is not published as its type alone would have it."""

import pytest

from clearance.errors import PolicyError
from clearance.governance.solutions import load_solutions
from clearance.jobs.datasets import Reference
from clearance.jobs.desk import open_desk
from clearance.jobs.plan_file import load_plan
from clearance.jobs.runner import run
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Target
from clearance.jobs.tasks import protect

POLICY = "version: 1\nname: p\nextends: default\ncolumns:\n  remarks: {method: suppress}\n"
PLAN = """\
version: 1
solutions: s.yaml
output: out
detection: {ner: null}
protect: always
parallel: 1
datasets:
  - {dataset: a.csv, solutions: bot}
  - {dataset: b.csv, solutions: bot}
"""
BOT = "{name: bot, owner: o@example.com, hosting: private, clearance: restricted, usage: [inference], regimes: [GDPR]}"


class Quiet:
    def say(self, event, *, dataset=None, **fields):
        pass


def test_nothing_is_written_unless_another_dataset_has_the_column(spark, tmp_path, key_file):
    files = {"a.csv": "id,remark\n1,x\n", "b.csv": "id,remarks\n1,y\n", "p.yaml": POLICY, "s.yaml": BOT}
    for name, text in {**files, "plan.yml": PLAN}.items():
        (tmp_path / name).write_text(text)
    options = {"detection": Detection(ner=None), "key_file": key_file, "policy": tmp_path / "p.yaml"}
    desk = open_desk(home=tmp_path / "home", **options)
    with pytest.raises(PolicyError, match=r"p\.yaml:5: no dataset on record has the column remarks; here is remark, "):
        protect(spark, Reference(str(tmp_path / "a.csv")), Target(str(tmp_path / "copy")), desk)
    assert not (tmp_path / "copy").exists() and not list(tmp_path.glob(".clearance-staging"))

    # In one plan with the dataset that has it, before that was ever scanned.
    desk = open_desk(home=tmp_path / "another", **options)
    solutions = load_solutions(tmp_path / "s.yaml")
    outcomes, _ = run(spark, load_plan(tmp_path / "plan.yml"), desk, solutions, Quiet())
    assert [outcome.error for outcome in outcomes] == [None, None]
    # And alone, once that was.
    protect(spark, Reference(str(tmp_path / "a.csv")), Target(str(tmp_path / "copy")), desk)
