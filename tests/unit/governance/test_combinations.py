"""What is more sensitive together than apart."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.errors import PolicyError
from clearance.governance.combinations import Source, held, raised, together
from clearance.governance.decisions import decide
from clearance.governance.labeling import label_column, label_dataset, protected_column, roles_in
from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy, load_policy
from clearance.governance.solutions import Solution
from clearance.governance.suggestion import suggest_methods

POLICY = load_policy()
BORN, ZIP, SEX = (POLICY.label_of(kind) for kind in ("DATE_OF_BIRTH", "ZIP_CODE", "GENDER"))
NAME, ILL = POLICY.label_of("PERSON"), POLICY.label_of("MEDICAL_DISEASE_DISORDER")
CODED = Label("internal", ILL.categories, ILL.regimes, ILL.subjects)
TOWN = {"born": BORN, "zip": ZIP, "sex": SEX}


def own(text: str, folder: Path) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(f"version: 1\nname: ours\nextends: default\n{text}")
    return load_policy(path)


def test_birth_date_place_and_gender_are_more_than_each_of_them() -> None:
    assert combine(TOWN.values(), POLICY.levels).level == "confidential"
    assert label_dataset(TOWN.values(), POLICY).level == "restricted"
    [one] = held(combine(TOWN.values(), POLICY.levels), TOWN, POLICY)
    assert one.columns == ["born", "sex", "zip"] and one.where == POLICY.where("combinations", one.name)
    assert "Recital 26" in one.text and "default_policy.yaml:" in one.text


@pytest.mark.parametrize("gone", TOWN)
def test_two_of_three_are_not_all_of_them(gone: str) -> None:
    assert label_dataset([label for path, label in TOWN.items() if path != gone], POLICY).level == "confidential"


def test_a_coded_diagnosis_beside_a_name_is_someones_health() -> None:
    assert label_dataset([NAME, CODED], POLICY).level == "restricted"
    assert label_dataset([SEX, CODED], POLICY).level == "internal"


def report(path: str, kind: str) -> dict[str, Any]:
    return {"path": path, "kind": "structured", "entity_type": kind, "findings": [{"entity_type": kind, "form": "raw"}]}


def test_protection_by_the_policy_takes_a_combination_apart() -> None:
    reports = [report("born", "DATE_OF_BIRTH"), report("zip", "ZIP_CODE"), report("sex", "GENDER")]
    assert label_dataset([label_column(each, POLICY) for each in reports], POLICY).level == "restricted"
    done = [protected_column(each, POLICY, verified=True) for each in reports]
    assert label_dataset(done, POLICY).level == "internal"
    unproved = [protected_column(each, POLICY, verified=False) for each in reports]
    assert label_dataset(unproved, POLICY).level == "restricted"


def solution(**changes: Any) -> Solution:
    base = {"name": "s", "owner": "o", "hosting": "private", "clearance": "confidential", "usage": ["analytics"]}
    return Solution.model_validate({**base, "regimes": ["GDPR", "CCPA", "HIPAA"], **changes})


def test_the_check_names_the_combination_its_columns_and_the_line() -> None:
    verdict = decide(raised(BORN, TOWN, POLICY), {}, solution(), POLICY, column_labels=TOWN)
    [conflict] = verdict.conflicts
    assert (verdict.verdict, conflict.rule, conflict.definite) == ("conflict", "combination", True)
    assert conflict.facts["columns"] == ["born", "sex", "zip"]
    assert conflict.where == POLICY.where("combinations", "birth-date-place-gender")
    assert conflict.remedy.endswith("born or zip or sex")
    assert decide(BORN, {}, solution(clearance="restricted"), POLICY, column_labels=TOWN).verdict == "clear"
    # A label of before the combination was thought of is judged with it all the same.
    assert decide(combine(TOWN.values(), POLICY.levels), {}, solution(), POLICY, column_labels=TOWN) == verdict


def test_a_vendor_that_may_not_host_it_is_told_which_combination_it_is() -> None:
    verdict = decide(BORN, {}, solution(hosting="vendor", clearance="restricted"), POLICY, column_labels=TOWN)
    [conflict] = verdict.conflicts
    assert conflict.rule == "hosting" and conflict.facts["combinations"] == ["birth-date-place-gender"]


def test_what_the_owner_declares_of_the_dataset_counts_as_a_part() -> None:
    columns = {"born": BORN, "zip": ZIP}
    declared = combine([*columns.values(), SEX], POLICY.levels)
    assert raised(declared, columns, POLICY).level == "restricted"
    assert raised(combine(columns.values(), POLICY.levels), columns, POLICY).level == "confidential"


def test_datasets_put_together_are_more_than_their_high_water_mark() -> None:
    people, visits = {"born": BORN, "sex": SEX}, {"zip": ZIP}
    sources = [
        Source(combine(part.values(), POLICY.levels), part, name) for part, name in ((people, "a"), (visits, "b"))
    ]
    label, found = together(sources, POLICY)
    assert label.level == "restricted" and found[0].columns == ["a#born", "a#sex", "b#zip"] and found[0].datasets == 2


def test_a_policy_can_say_how_many_sources_make_a_profile(tmp_path: Path) -> None:
    policy = own(
        "combinations:\n  profile:\n    together: [{categories: [user], at_least: confidential}]\n    min_datasets: 3\n"
        "    raises_to: restricted\n    adds: {categories: [user.demographic.profile], regimes: {GDPR: Art. 4(4)}}\n"
        "    why: three sources make a profile\n    source: GDPR Art. 4(4)\n",
        tmp_path,
    )
    sources = [Source(NAME, {"name": NAME}, name) for name in "abc"]
    assert together(sources[:2], policy)[0].level == "confidential"
    label, [one] = together(sources, policy)
    assert label.level == "restricted" and "user.demographic.profile" in label.categories
    assert one.where == f"{tmp_path}/policy.yaml:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("together: [{categories: [user]}], raises_to: restricted, why: w, source: s", "one part alone"),
        ("together: [{categories: [user.nam]}, {categories: [user]}], raises_to: restricted, why: w, source: s",
         "unknown category 'user.nam'"),
        ("together: [{categories: [user]}, {categories: [user.name]}], raises_to: top, why: w, source: s",
         "unknown level 'top'"),
        ("together: [{categories: []}, {categories: [user]}], raises_to: restricted, why: w, source: s", "categories"),
        ("together: [{categories: [user]}, {categories: [user]}], raises_to: restricted, why: w", "source"),
    ],
)  # fmt: skip
def test_a_combination_that_makes_no_sense_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml:5: .*" + message):
        own(f"combinations:\n  x: {{{text}}}\n", tmp_path)


def test_a_suggestion_takes_the_part_away_that_costs_least(tmp_path: Path) -> None:
    kept = "".join(f"  {path}: {{method: keep}}\n" for path in TOWN)
    policy = own(f"columns:\n{kept}", tmp_path)
    reports = [report("born", "DATE_OF_BIRTH"), report("zip", "ZIP_CODE"), report("sex", "GENDER")]
    found = suggest_methods(reports, [solution()], policy)
    assert len(found.columns) == 1 and not found.stuck
    # Doing it clears it.
    [(path, method)] = found.columns.items()
    done = own(f"columns:\n{kept.replace(f'{path}: {{method: keep}}', f'{path}: {{method: {method}}}')}", tmp_path)
    columns = {str(each["path"]): protected_column(each, done, verified=True) for each in reports}
    verdict = decide(label_dataset(columns.values(), done), {}, solution(), done, column_labels=columns)
    assert verdict.verdict == "clear", verdict.conflicts


LABELS = st.builds(
    Label,
    st.sampled_from(POLICY.levels.names),
    st.frozensets(st.sampled_from(sorted(combine([BORN, ZIP, SEX, NAME, ILL], POLICY.levels).categories))),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("abcde"), LABELS, max_size=4), LABELS)
def test_more_data_never_lowers_and_twice_is_once(columns: dict[str, Label], more: Label) -> None:
    label = raised(combine(columns.values(), POLICY.levels), columns, POLICY)
    assert raised(label, columns, POLICY) == label
    wider = {**columns, "more": more}
    after = raised(combine([label, more], POLICY.levels), wider, POLICY)
    assert after == combine([after, label], POLICY.levels)


def test_a_check_of_several_datasets_tells_what_none_of_them_is_alone() -> None:
    from clearance.governance.decisions import Verdict
    from clearance.governance.registry import Registry
    from clearance.jobs.check import Checked
    from clearance.jobs.together import judge_together

    def part(name: str, columns: dict[str, Label], verdict: Any = "clear") -> Checked:
        label = combine(columns.values(), POLICY.levels)
        return Checked(name, "s", Verdict(verdict), label, "1", "current", "", columns)

    def judged(*parts: Checked, **changes: Any) -> Checked:
        return judge_together(parts, solution(**changes), POLICY, Registry("/nowhere"), record=False)

    people, visits = part("a", {"born": BORN, "sex": SEX}), part("b", {"zip": ZIP})
    both = judged(people, visits)
    assert [conflict.rule for conflict in both.verdict.conflicts] == ["combination"]
    assert both.dataset == "a + b" and both.label is not None and both.label.level == "restricted"
    assert judged(people, visits, clearance="restricted").verdict.verdict == "clear"
    assert judged(people, part("c", {"n": SEX})).verdict.verdict == "clear"
    # Together they are no more than each may be alone.
    told = judged(people, part("b", {"n": SEX}, "undecidable"))
    assert (told.verdict.verdict, told.verdict.conflicts[0].rule) == ("undecidable", "part")


# ---- columns that have a role only ----


def bare(path: str, attribute: str | None, **more: object) -> dict[str, object]:
    report = {"path": path, "kind": "structured", "entity_type": None, "findings": [], "role": "quasi"}
    return {**report, "attribute": attribute, **more}


def test_columns_with_a_role_only_are_parts_of_combinations_and_raise_nothing_alone() -> None:
    policy = load_policy()
    reports = [bare("yob", "BIRTH_DATE"), bare("plz", "POSTAL_CODE"), bare("sex", "GENDER")]
    columns = {str(each["path"]): Label("public") for each in reports}
    for few in (reports[:2], reports[1:], reports[::2], []):
        roles = roles_in(few, policy)
        assert raised(Label("public"), columns, policy, roles) == Label("public")
    assert raised(Label("public"), columns, policy, roles_in(reports, policy)).level == "restricted"
    # Beside what was found by its values, too.
    found = {**columns, "plz": policy.label_of("ZIP_CODE")}
    assert raised(Label("confidential"), found, policy, roles_in(reports[::2], policy)).level == "restricted"
    [one] = held(Label("public"), columns, policy, roles_in(reports, policy))
    assert one.columns == ["plz", "sex", "yob"] and one.name == "birth-date-place-gender"
    other = [bare("b", "GENDER", kind="empty"), bare("c", "GENDER", role="none"),
             bare("d", "INCOME"), bare("e", None), bare("f", "GENDER", entity_type="GENDER")]  # fmt: skip
    assert roles_in(other, policy) == {}


def test_a_column_of_diagnoses_by_name_beside_who_it_is_of_says_that_person_s_health() -> None:
    policy = load_policy()
    roles = roles_in([bare("dx", "HEALTH", role="sensitive")], policy)
    for who, level in (("PERSON", "restricted"), ("EMAIL_ADDRESS", "restricted"), ("URL", "internal")):
        columns = {"who": policy.label_of(who), "dx": Label("public")}
        assert raised(columns["who"], columns, policy, roles).level == level


def test_what_else_is_found_in_such_a_column_makes_it_no_less_of_one() -> None:
    policy = load_policy()

    def level(**more: object) -> str:
        reports = [bare("yob", "BIRTH_DATE"), bare("plz", "POSTAL_CODE", **more), bare("sex", "GENDER")]
        columns = {str(each["path"]): label_column(each, policy) for each in reports}
        return raised(label_dataset(columns.values(), policy), columns, policy, roles_in(reports, policy)).level

    def finding(kind: str, share: float, form: str = "raw") -> dict[str, object]:
        return {"entity_type": kind, "form": form, "prevalence": {"low": 0.0, "estimate": share, "high": 1.0}}

    url = [finding("URL", 0.001)]
    assert level() == level(findings=url) == level(kind="mixed") == "restricted"
    assert level(kind="mixed", findings=url, role="quasi") == level(kind="text", findings=url) == "restricted"
    # A token is no sign that the others are; a column of tokens is one of tokens.
    assert level(kind="mixed", findings=[finding("ZIP_CODE", 0.01, "token")]) == "restricted"
    assert level(kind="mixed", findings=[finding("ZIP_CODE", 0.99, "token")]) == "internal"


def test_what_is_suggested_for_them_leaves_no_such_combination() -> None:
    policy = load_policy()
    reports = [bare("yob", "BIRTH_DATE", type="int"), bare("plz", "POSTAL_CODE"), bare("sex", "GENDER")]
    wants = Solution.model_validate(
        {"name": "bot", "owner": "web", "hosting": "private", "clearance": "internal", "usage": ["inference"],
         "inputs_may_train": False, "regimes": ["GDPR", "CCPA", "HIPAA"]}
    )  # fmt: skip
    found = suggest_methods(reports, [wants], policy)
    assert len(found.columns) == 1 and found.stuck == ()
    left = [each for each in reports if each["path"] not in found.columns]
    assert held(Label("public"), {}, policy, roles_in(left, policy)) == ()
