"""Plans: what is done to each leaf follows from its report and the policy."""

from dataclasses import replace

import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.errors import PolicyError, ProtectionError, UsageError
from clearance.governance.policy import load_policy
from clearance.jobs.plan_file import load_plan
from clearance.jobs.planning import OnRecord, plan_protection
from clearance.jobs.schema import SparkLeaf
from clearance.paths import parse_path


def leaf(path: str, type: str = "string", readable: bool = True) -> SparkLeaf:
    return SparkLeaf(path, parse_path(path), type, readable, True)


def report(path: str, entity: str | None, *found: str, kind: str = "structured", type: str = "string") -> ColumnReport:
    findings = tuple(
        Finding(e, 5, Interval.wilson(5, 5), 0.9, ("d",), ()) for e in found or ((entity,) if entity else ())
    )
    return ColumnReport(
        path=path, type=type, kind=kind, rows=5, nulls=0, distinct=5, entity_type=entity, findings=findings, evidence=()
    )


def plan_of(one: SparkLeaf, told: ColumnReport, policy=None, **options):
    return plan_protection([one], [told], policy or load_policy(None), **options).leaves[0]


def test_a_number_that_is_tokenized_becomes_text_and_the_plan_says_so():
    plan = plan_of(leaf("card", "bigint"), report("card", "CREDIT_CARD", type="bigint"))
    assert (plan.how, plan.method["name"], plan.type_before, plan.type_after) == ("cells", "token", "bigint", "string")
    assert plan.label.level == "internal" and "PCI DSS" in plan.label.regimes


def test_text_loses_its_spans_only():
    plan = plan_of(leaf("note"), report("note", None, "EMAIL_ADDRESS", "DATE_TIME", kind="text"))
    assert (plan.how, plan.type_after, plan.changes) == ("spans", "string", True)


def test_what_holds_nothing_is_kept_as_it_is():
    plan = plan_of(leaf("n", "int"), report("n", None, type="int"))
    assert (plan.how, plan.changes, plan.type_after, plan.label.level) == ("keep", False, "int", "public")


def test_what_could_not_be_looked_at_is_suppressed():
    unknown = ColumnReport.unknown("b", "binary", rows=5, reason="a binary can't be looked at")
    plan = plan_of(leaf("b", "binary", False), unknown)
    assert (plan.how, plan.changes) == ("null", True)


def test_keys_of_a_map_stay_distinct(tmp_path):
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\nname: x\nextends: default\ncolumns:\n  'm{key}': {method: redact}\n")
    plan = plan_of(leaf("m{key}"), report("m{key}", "EMAIL_ADDRESS"), load_policy(policy))
    assert plan.method["name"] == "token" and plan.note


def test_a_sensitive_partition_column_is_refused():
    with pytest.raises(ProtectionError, match="partition column email is sensitive"):
        plan_of(leaf("email"), report("email", "EMAIL_ADDRESS"), partitions=("email",))


def test_a_leaf_without_a_report_is_refused():
    with pytest.raises(ProtectionError, match="not in the scan"):
        plan_protection([leaf("a")], [], load_policy(None))


def test_only_labelling_changes_nothing():
    for entity in ("EMAIL_ADDRESS", "PASSWORD"):
        plan = plan_of(leaf("a"), report("a", entity), protect=False)
        assert (plan.changes, plan.label.level) == (False, load_policy(None).label_of(entity).level)


def test_a_plan_file_is_relative_to_itself(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "plan.yml").write_text(
        "version: 1\nsolutions: s.yaml\noutput: out\nverdicts: v.json\n"
        "datasets:\n  - {dataset: data/a.csv, solutions: bot}\n  - {dataset: shop.orders, solutions: [bot, other]}\n"
        "  - {dataset: 's3://b/x', solutions: bot, to: out/x}\n"
    )
    plan = load_plan(tmp_path / "plan.yml")
    assert plan.solutions == f"{tmp_path}/s.yaml" and plan.output == f"{tmp_path}/out"
    assert [d.dataset for d in plan.datasets] == [f"{tmp_path}/data/a.csv", "shop.orders", "s3://b/x"]
    assert plan.datasets[2].to == f"{tmp_path}/out/x"
    assert plan.datasets[0].solutions == ("bot",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\nsolutions: s\ndatasets: []\n", "datasets"),
        ("version: 1\nsolutions: s\ndatasets: [{dataset: a}]\n", "solutions"),
        ("version: 1\nsolutions: s\ndatasets: [{dataset: a, solutions: b, colour: red}]\n", "colour"),
        ("version: 2\nsolutions: s\ndatasets: [{dataset: a, solutions: b}]\n", "version"),
        ("version: 1\nsolutions: s\nparallel: 0\ndatasets: [{dataset: a, solutions: b}]\n", "parallel"),
        ("version: 1\nsolutions: s\ndatasets: [{dataset: a, solutions: b, version: 1, timestamp: '2'}]\n", "not both"),
        ("- a\n- b\n", "plan.yml"),
        ("version: [\n", "plan.yml"),
    ],
)
def test_a_bad_plan_is_told_with_its_place(text, says, tmp_path):
    (tmp_path / "plan.yml").write_text(text)
    with pytest.raises((PolicyError, UsageError)) as caught:
        load_plan(tmp_path / "plan.yml")
    assert "plan.yml" in str(caught.value) and says in str(caught.value)


def test_no_plan(tmp_path):
    with pytest.raises(PolicyError, match="no plan"):
        load_plan(tmp_path / "plan.yml")


def test_a_leaf_inside_strings_has_a_place_in_its_columns_plan(tmp_path):
    below = [report("p{json}.ssn", "US_SSN"), report("p{json}.n", None), report("p{json}.map{key}", "EMAIL_ADDRESS")]
    column = report("p", None, "US_SSN", "EMAIL_ADDRESS", kind="mixed")
    column = replace(column, evidence=("values hold JSON",))

    def planned(text: str = ""):
        policy = tmp_path / "p.yaml"
        policy.write_text(f"version: 1\nname: x\nextends: default\ncolumns:\n  other: {{method: keep}}\n{text}")
        plan = plan_protection([leaf("p")], [column, *below], load_policy(policy)).leaves[0]
        return plan, {inside["path"]: inside["method"]["name"] for inside in plan.to_dict().get("inside", [])}

    plan, inside = planned()
    assert (plan.how, inside) == ("spans", {"p{json}.ssn": "token", "p{json}.map{key}": "token"})
    assert plan.label.level == "internal"
    # The leaf's own method goes before the column's, which goes before its type's; keys stay distinct.
    plan, inside = planned("  'p{json}.ssn': {method: redact}\n  p: {method: mask}\n")
    assert inside == {"p{json}.ssn": "redact", "p{json}.map{key}": "token"}
    plan, inside = planned("  'p{json}.n': {method: redact}\n")
    assert inside["p{json}.n"] == "redact"
    # What is kept keeps its label.
    plan, inside = planned("  'p{json}.ssn': {method: keep}\n")
    assert inside["p{json}.ssn"] == "keep" and plan.label.level == "restricted"
    plan, inside = planned("  p: {method: keep}\n")
    assert inside == {} and plan.label.level == "restricted"


def test_a_leaf_inside_strings_that_can_not_have_its_method_is_told(tmp_path):
    below = [report("p{json}.pay", None), report("p{json}.ssn", "US_SSN"), report("p{json}.mail", "EMAIL_ADDRESS")]
    column = replace(report("p", None, kind="mixed"), evidence=("values hold JSON",))
    noise = "{name: noise, distribution: uniform, amount: 5, row_key: id, lower: 0, upper: 99}"
    (tmp_path / "p.yaml").write_text(
        f"version: 1\nname: x\nextends: default\ncolumns:\n  'p{{json}}.pay': {{method: {noise}}}\n"
        "  'p{json}.ssn': {method: format_preserving}\n"
    )
    plan = plan_protection([leaf("p")], [column, *below], load_policy(tmp_path / "p.yaml")).leaves[0]
    assert plan.note == "p{json}.pay: redact, not noise; p{json}.ssn: reversible, not format_preserving"


IN_TEXT = """version: 1
name: x
extends: default
columns:
  own: {method: {name: surrogate, malformed: redact}}
  salary: {method: {name: noise, distribution: uniform, amount: 5, row_key: id, lower: 0, upper: 99, malformed: redact}}
entity_types:
  PERSON: {level: confidential, method: surrogate}
  US_SSN: {level: restricted, method: format_preserving}
  DATE_TIME: {level: internal, method: {name: date_shift, max_days: 30, subject: who}}
  AGE: {level: internal, method: {name: generalize, kind: bins, width: 10}}
"""


def text_plan(tmp_path, *leaves, path="note", **options):
    (tmp_path / "p.yaml").write_text(IN_TEXT)
    told = report(path, None, "PERSON", "US_SSN", "DATE_TIME", "AGE", kind="text")
    others = [report(each.path, None) for each in leaves]
    policy = load_policy(tmp_path / "p.yaml")
    return plan_protection([leaf(path), *leaves], [told, *others], policy, **options)


def test_in_text_each_method_is_carried_out_or_the_plan_says_what_is_done_instead(tmp_path):
    plan = text_plan(tmp_path, leaf("who"))
    used = {kind: plan.methods_at("note")[kind]["name"] for kind in ("PERSON", "US_SSN", "DATE_TIME", "AGE")}
    assert used == {"PERSON": "surrogate", "US_SSN": "reversible", "DATE_TIME": "date_shift", "AGE": "generalize"}
    assert plan.leaves[0].note == "in text US_SSN: reversible, not format_preserving"
    # What can't be told by its look is on record, and made again for the proof.
    assert sorted(plan.leaves[0].to_dict()["unmarked"]) == ["DATE_TIME", "PERSON"]
    assert plan.is_recomputed(plan.leaves[0]) and plan.subject_at(plan.leaves[0]) == "who"
    assert plan.leaves[0].label.level == "internal"


def test_the_record_names_what_is_done_in_a_text(tmp_path):
    done = text_plan(tmp_path, leaf("who")).leaves[0].to_dict()["by_type"]
    assert {kind: method["name"] for kind, method in done.items()} == {
        "AGE": "generalize", "DATE_TIME": "date_shift", "PERSON": "surrogate", "US_SSN": "reversible"}  # fmt: skip
    done = text_plan(tmp_path, path="own").leaves[0].to_dict()["by_type"]
    assert {kind for kind, method in done.items() if method["name"] == "surrogate"} == {"PERSON"}


def test_the_record_names_what_is_found_in_documents_beside_their_leaves(tmp_path):
    (tmp_path / "p.yaml").write_text(IN_TEXT)
    below = [report("p{json}.ssn", "US_SSN"), report("p{json}.say", None, "PERSON", "PHONE_NUMBER", kind="text")]
    column = replace(report("p", None, kind="mixed"), evidence=("values hold JSON",))
    plan = plan_protection([leaf("p")], [column, *below], load_policy(tmp_path / "p.yaml")).leaves[0]
    # The number is a leaf of its own, with a method for all of it: ``inside`` names that.
    assert list(plan.by_type) == ["PERSON", "PHONE_NUMBER"]
    assert [inside.path for inside in plan.inside] == ["p{json}.ssn"]


def test_what_the_policy_does_not_name_is_told_with_what_was_done(tmp_path):
    day = plan_of(leaf("hired"), report("hired", "NO_SUCH_TYPE"))
    assert (day.how, day.method["name"]) == ("null", "suppress")
    assert day.note == "by unknown_type: the policy does not name NO_SUCH_TYPE"
    text = plan_of(leaf("say"), report("say", None, "PERSON", "NO_SUCH_TYPE", kind="text"))
    assert text.note == "by unknown_type: the policy does not name NO_SUCH_TYPE"
    (tmp_path / "p.yaml").write_text("version: 1\nname: x\nextends: default\ncolumns:\n  hired: {method: redact}\n")
    named = plan_of(leaf("hired"), report("hired", "NO_SUCH_TYPE"), load_policy(tmp_path / "p.yaml"))
    assert (named.method["name"], named.note) == ("redact", "")


def test_a_text_of_nobody_or_with_numbers_gets_constants_and_says_so(tmp_path):
    plan = text_plan(tmp_path, path="salary")
    assert {method["name"] for method in plan.methods_at("salary").values()} == {"redact"}
    assert plan.leaves[0].note == "in text AGE, DATE_TIME, PERSON, US_SSN: redact, not noise"
    plan = text_plan(tmp_path)
    assert plan.methods_at("note")["DATE_TIME"]["name"] == "redact" and plan.subject_at(plan.leaves[0]) is None
    assert "DATE_TIME: redact, not date_shift" in plan.leaves[0].note


def test_a_columns_own_surrogates_are_for_types_that_have_some(tmp_path):
    plan = text_plan(tmp_path, path="own")
    assert plan.methods_at("own")["PERSON"]["name"] == "surrogate"
    assert plan.methods_at("own")["US_SSN"]["name"] == "redact"
    assert list(plan.leaves[0].unmarked) == ["*"]


def test_a_text_that_was_done_by_the_same_methods_is_not_done_again(tmp_path):
    first = text_plan(tmp_path, leaf("who")).leaves[0]
    again = text_plan(tmp_path, leaf("who"), known=OnRecord(texts={"note": first.unmarked})).leaves[0]
    assert (again.changes, again.label, again.unmarked) == (False, first.label, first.unmarked)
    # The reversible tokens of the first time are still in it.
    assert again.to_dict()["by_type"] == first.to_dict()["by_type"]
    otherwise = OnRecord(texts={"note": {"PERSON": {"name": "surrogate"}}})
    other = text_plan(tmp_path, leaf("who"), known=otherwise).leaves[0]
    assert other.changes


def test_a_mixed_column_with_a_method_of_its_own_is_replaced_whole(tmp_path):
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\nname: x\nextends: default\ncolumns:\n  code: {method: token}\n")
    mixed = report("code", None, "US_SSN", "EMAIL_ADDRESS", kind="mixed")
    plan = plan_of(leaf("code"), mixed, load_policy(policy))
    assert (plan.how, plan.method["name"], plan.entity_type) == ("cells", "token", "OTHER")
    assert plan.label.level == "internal" and "GDPR" in plan.label.regimes
    # Documents keep their shape: their leaves take the method one by one.
    documents = replace(mixed, evidence=("values hold JSON",))
    assert plan_of(leaf("code"), documents, load_policy(policy)).how == "spans"
    assert plan_of(leaf("code"), mixed).how == "spans"
