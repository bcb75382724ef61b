"""What can't be known before the columns are: a plan that does not fit is refused before anything is written."""

from dataclasses import replace
from pathlib import Path

import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.errors import ProtectionError
from clearance.governance.policy import Policy, load_policy
from clearance.jobs.planning import OnRecord, plan_protection
from clearance.jobs.plans import ProtectionPlan
from clearance.jobs.schema import SparkLeaf
from clearance.paths import parse_path


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\nname: p\nextends: default\n{text}")
    return load_policy(path)


def leaf(path: str, type: str = "string") -> SparkLeaf:
    return SparkLeaf(path, parse_path(path), type, True, True)


def report(path: str, entity: str | None, *, rows: int = 600, distinct: int = 600, form: str = "raw") -> ColumnReport:
    found = (Finding(entity, rows, Interval.wilson(rows, rows), 0.9, ("d",), (), form=form),) if entity else ()
    return ColumnReport(path, "string", "structured", rows, 0, distinct, entity, found, ())


def plan(rules: Policy, *columns: tuple[SparkLeaf, ColumnReport], **options: object) -> ProtectionPlan:
    return plan_protection([a for a, _ in columns], [b for _, b in columns], rules, **options)  # type: ignore[arg-type]


ID = (leaf("user.id"), report("user.id", None))


@pytest.mark.parametrize("method", ["token", "reversible", "surrogate", "{name: format_preserving, alphabet: lower}"])
@pytest.mark.parametrize(("rows", "distinct", "refused"), [(500, 49, True), (500, 50, False), (499, 3, False)])
def test_few_values_are_not_left_to_counting(tmp_path, method, rows, distinct, refused):
    column = leaf("mail"), report("mail", "EMAIL_ADDRESS", rows=rows, distinct=distinct)
    rules = policy(tmp_path, f"columns:\n  mail: {{method: {method}}}\n")
    if not refused:
        assert plan(rules, column).leaves[0].how == "cells"
        return
    with pytest.raises(ProtectionError, match=f"mail has {distinct} distinct values in {rows} cells") as caught:
        plan(rules, column)
    assert "generalize or redact" in caught.value.hint
    allowed = policy(
        tmp_path, f"columns:\n  mail: {{method: {method}, low_cardinality: {{allow: true, reason: ours}}}}\n"
    )
    assert plan(allowed, column).leaves[0].how == "cells"


def test_few_values_inside_documents_are_not_left_to_counting_either(tmp_path):
    strings = leaf("payload"), replace(report("payload", None), kind="text")
    inside = report("payload{json}.mail", "EMAIL_ADDRESS", distinct=3)
    with pytest.raises(ProtectionError, match=r"payload\{json\}\.mail has 3 distinct values in 600 cells"):
        plan_protection([strings[0]], [strings[1], inside], load_policy())
    reason = "{low_cardinality: {allow: true, reason: ours}}"
    allowed = policy(tmp_path, f'columns:\n  "payload{{json}}.mail": {reason}\n')
    (only,) = plan_protection([strings[0]], [strings[1], inside], allowed).leaves
    assert only.inside[0].method["name"] == "token"


def in_text(kind: str, *, rows: int = 600, distinct: int = 3, hold: int = 600, form: str = "raw") -> ColumnReport:
    found = replace(report("note", "PERSON", rows=rows, distinct=distinct, form=form), kind=kind, entity_type=None)
    return replace(found, findings=tuple(replace(each, rows_matched=hold) for each in found.findings))


@pytest.mark.parametrize("kind", ["text", "mixed"])
@pytest.mark.parametrize("method", ["token", "reversible", "surrogate", "format_preserving"])
def test_few_texts_are_not_left_to_counting_either(tmp_path, kind, method):
    rules = policy(tmp_path, f"entity_types:\n  PERSON: {{level: confidential, method: {method}}}\n")
    with pytest.raises(ProtectionError, match="note has 3 distinct values, and 600 cells hold PERSON") as caught:
        plan(rules, (leaf("note"), in_text(kind)))
    assert 'columns: {"note": {low_cardinality' in caught.value.hint
    many = (in_text(kind, distinct=50), in_text(kind, hold=499), in_text(kind, form="token"))
    assert all(plan(rules, (leaf("note"), each)).leaves[0].how == "spans" for each in many)
    for own in ("method: redact", "low_cardinality: {allow: true, reason: ours}"):
        rules = policy(tmp_path, f"columns:\n  note: {{{own}}}\n")
        assert plan(rules, (leaf("note"), in_text("text"))).leaves[0].how == "spans"


@pytest.mark.parametrize("method", ["token", "reversible"])
def test_few_values_of_a_mixed_column_are_not_left_to_counting_by_its_own_method(tmp_path, method):
    rules = policy(tmp_path, f"columns:\n  note: {{method: {method}}}\n")
    with pytest.raises(ProtectionError, match="note has 3 distinct values in 600 cells"):
        plan(rules, (leaf("note"), in_text("mixed", hold=20)))


def test_few_texts_inside_documents_are_not_left_to_counting(tmp_path):
    strings = replace(in_text("text", distinct=600), path="payload")
    inside = replace(in_text("text"), path="payload{json}.note")
    with pytest.raises(ProtectionError, match=r"payload\{json\}\.note has 3 distinct values, and 600 cells"):
        plan_protection([leaf("payload")], [strings, inside], load_policy())


@pytest.mark.parametrize(
    ("method", "others"),
    [("reversible", "reversible"), ("{name: format_preserving, alphabet: lower}", "reversible"), ("token", "token"),
     ("{name: mask, keep_last: 4}", "mask"), ("keep", "keep")],
)  # fmt: skip
def test_of_secrets_in_a_text_nothing_is_left_whatever_its_column_says(tmp_path, method, others):
    text = replace(report("note", "PASSWORD"), kind="text", entity_type=None)
    inside = report("note{json}.password", "PASSWORD")
    rules = policy(tmp_path, f"columns:\n  note: {{method: {method}}}\n")
    found = plan_protection([leaf("note")], [text, inside], rules)
    told = found.methods_at("note")
    assert (told["PASSWORD"]["name"], told["EMAIL_ADDRESS"]["name"]) == ("redact", others)
    assert found.leaves[0].changes and found.leaves[0].inside[0].method["name"] == "redact"
    assert "PASSWORD: redact" in found.leaves[0].note


@pytest.mark.parametrize("method", ["redact", "{name: mask, keep_last: 4}", '"null"'])
def test_what_makes_them_equal_is_not_refused(tmp_path, method):
    column = leaf("mail"), report("mail", "EMAIL_ADDRESS", distinct=3)
    assert plan(policy(tmp_path, f"columns:\n  mail: {{method: {method}}}\n"), column).leaves[0].changes


def test_tokens_that_are_there_already_are_not_refused():
    column = leaf("mail"), report("mail", "EMAIL_ADDRESS", distinct=3, form="token")
    assert plan(load_policy(), column).leaves[0].how == "cells"


SHIFT = "{name: date_shift, max_days: 30, subject: user.id}"


def test_true_dates_in_a_text_beside_shifted_ones_are_told(tmp_path):
    text = leaf("note"), replace(report("note", "DATE_TIME"), kind="text", entity_type=None)
    day = leaf("day", "date"), report("day", "PERSONAL_DATE")
    said = "in text true dates stay, by which shifted ones can be told: shift DATE_TIME too"
    shifted = f"columns:\n  day: {{method: {SHIFT}}}\n"
    assert plan(policy(tmp_path, shifted), text, day, ID).leaves[0].note == said
    assert plan(policy(tmp_path, f"{shifted}  note: {{method: {SHIFT}}}\n"), text, day, ID).leaves[0].note == ""
    assert plan(load_policy(), text, day, ID).leaves[0].note == ""


def test_a_subject_has_one_value_a_row(tmp_path):
    rules = policy(tmp_path, f"columns:\n  day: {{method: {SHIFT}}}\n")
    day = leaf("day", "date"), report("day", "DATE_TIME")
    assert plan(rules, day, ID).leaves[0].type_after == "date"
    for other in ((), ((leaf("user[].id"), report("user[].id", None)),)):
        with pytest.raises(ProtectionError, match=r"needs the subject user\.id"):
            plan(rules, day, *other)


BECAUSE = ", secrets: {allow: true, reason: page tokens}"


@pytest.mark.parametrize("method", ["reversible", "token", "{name: mask, keep_last: 4}", "keep"])
def test_nothing_is_left_of_a_secret_unless_somebody_says_why(tmp_path, method):
    column = leaf("key"), report("key", "CREDENTIAL")
    with pytest.raises(ProtectionError, match="column key holds secrets") as caught:
        plan(policy(tmp_path, f"columns:\n  key: {{method: {method}}}\n"), column)
    assert ("secrets: {allow: true, reason" in caught.value.hint) == (method != "reversible")
    said = policy(tmp_path, f"columns:\n  key: {{method: {method}{BECAUSE}}}\n")
    if method == "reversible":
        with pytest.raises(ProtectionError, match="would let come back"):
            plan(said, column)
    else:
        assert plan(said, column).leaves[0].label.level == "restricted"


def test_a_secret_among_other_values_is_one(tmp_path):
    rules = policy(tmp_path, "columns:\n  note: {method: reversible}\n")
    found = replace(report("note", "PASSWORD"), kind="mixed", entity_type=None)
    with pytest.raises(ProtectionError, match=r"column note holds secrets \(PASSWORD\)"):
        plan(rules, (leaf("note"), found))


def test_keys_of_a_map_that_are_secrets_stay_distinct(tmp_path):
    column = leaf("m{key}"), report("m{key}", "CREDENTIAL")
    assert plan(load_policy(), column).leaves[0].method["name"] == "token"
    with pytest.raises(ProtectionError, match="holds secrets"):
        plan(policy(tmp_path, 'columns:\n  "m{key}": {method: keep}\n'), column)


def test_a_card_is_not_encrypted_where_too_few_digits_are_left(tmp_path):
    rules = policy(tmp_path, "columns:\n  card: {method: {name: format_preserving, keep_first: 6, keep_last: 5}}\n")
    with pytest.raises(ProtectionError, match=r"column card: .* would change 5 characters"):
        plan(rules, (leaf("card"), report("card", "CREDIT_CARD")))


def test_types_stay_where_the_policy_says_so(tmp_path):
    born = leaf("born", "date"), report("born", "DATE_OF_BIRTH")
    forbids = "forbid_type_changes: true\n"
    with pytest.raises(ProtectionError, match=r"born \(date to string\)"):
        plan(policy(tmp_path, forbids), born)
    kept = policy(tmp_path, f"{forbids}columns:\n  born: {{method: {SHIFT}}}\n")
    assert plan(kept, born, ID).leaves[0].type_after == "date"
    gone = policy(tmp_path, f"{forbids}columns:\n  born: {{method: suppress}}\n")
    assert plan(gone, born).leaves[0].how == "null"


def test_what_a_signed_record_says_is_not_done_again(tmp_path):
    rules = policy(tmp_path, "columns:\n  card: {method: {name: format_preserving}}\n  mail: {method: token}\n")
    columns = (leaf("card"), report("card", "CREDIT_CARD")), (leaf("mail"), report("mail", "EMAIL_ADDRESS"))
    raw = plan(rules, *columns)
    proved = {each.path: each.method for each in raw.leaves}
    again = plan(rules, *columns, known=OnRecord(proved))
    assert [each.how for each in again.leaves] == ["done", "cells"]  # a token knows itself
    assert [each.label for each in again.leaves] == [each.label for each in raw.leaves]
    other = plan(rules, *columns, known=OnRecord({"card": {**proved["card"], "keep_last": 4}}))
    assert other.leaves[0].how == "cells"


def test_in_text_an_encrypted_number_is_a_reversible_token_and_a_surrogate_is_on_record(tmp_path):
    rules = policy(
        tmp_path,
        "entity_types:\n"
        "  CREDIT_CARD: {level: restricted, method: format_preserving}\n"
        "  PERSON: {level: confidential, method: surrogate}\n",
    )
    methods = plan(rules, ID).span_methods
    assert (methods["CREDIT_CARD"]["name"], methods["PERSON"]["name"]) == ("reversible", "surrogate")


@pytest.mark.parametrize(("path", "drops"), [("a", "column"), ("s.a", "")])
def test_a_column_inside_another_is_emptied_and_the_plan_says_so(tmp_path, path, drops):
    rules = policy(tmp_path, f"columns:\n  {path}: {{method: {{name: suppress, scope: column}}}}\n")
    made = plan(rules, (leaf(path), report(path, "EMAIL_ADDRESS")), ID).leaves[0]
    assert (made.how, made.drops, bool(made.note)) == ("null", drops, not drops)


def test_a_plan_that_would_drop_every_column_is_refused(tmp_path):
    rules = policy(tmp_path, "columns:\n  a: {method: {name: suppress, scope: column}}\n")
    with pytest.raises(ProtectionError, match="every column would be dropped"):
        plan(rules, (leaf("a"), report("a", "EMAIL_ADDRESS")))


@pytest.mark.parametrize(
    ("type", "reach", "after"),
    [
        ("tinyint", "distribution: uniform, amount: 5, lower: 0, upper: 100", "tinyint"),
        ("tinyint", "distribution: uniform, amount: 50, lower: 0, upper: 100", "string"),
        ("tinyint", "distribution: uniform, amount: 50, lower: -100, upper: 0", "string"),
        ("int", "distribution: laplace, epsilon: 1, lower: 0, upper: 1000", "int"),
        ("smallint", "distribution: laplace, epsilon: 0.1, lower: 0, upper: 1000", "string"),
        ("smallint", "distribution: laplace, epsilon: 0.1, sensitivity: 10, lower: 0, upper: 1000", "smallint"),
        ("int", "distribution: uniform, amount: 5, lower: 0, upper: 100, decimals: 1", "string"),
    ],
)
def test_a_number_keeps_its_type_where_the_noise_has_room_in_it(tmp_path, type, reach, after):
    """A value beyond its type became null, and the proof refused the whole run."""
    rules = policy(tmp_path, f"columns:\n  n: {{method: {{name: noise, row_key: user.id, {reach}}}}}\n")
    assert plan(rules, (leaf("n", type), report("n", None)), ID).leaves[0].type_after == after


def test_what_cannot_be_looked_at_is_made_null_whatever_was_asked_and_the_plan_says_so(tmp_path):
    unknown = (
        SparkLeaf("b", parse_path("b"), "binary", False, True),
        ColumnReport.unknown("b", "binary", rows=5, reason="binary"),
    )
    asked = policy(tmp_path, "columns:\n  b: {method: token}\n")
    assert plan(asked, unknown, ID).leaves[0].note == "its values can't be looked at: made null, not token"
    asked = policy(tmp_path, "columns:\n  b: {method: suppress}\n")
    made = plan(asked, unknown, ID).leaves[0]
    assert (made.how, made.note) == ("null", "")
