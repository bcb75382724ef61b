"""The policy file: strict to read, complete for what detection can find, and honest about its sources."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.detectors import load_detectors
from clearance.errors import PolicyError
from clearance.governance.policy import DEFAULT_NAME, Policy, PolicyFile, load_policy
from clearance.governance.strict_yaml import Marks, parse, read_text, validate
from clearance.governance.taxonomy import CATEGORIES, SUBJECTS, covers

SMALL = """\
version: 1
name: small
levels: [open, closed]
regimes:
  GDPR: {title: General Data Protection Regulation, source: Regulation (EU) 2016/679}
unknown_type: {level: closed, method: suppress}
unknown_leaf: {level: closed, method: redact}
entity_types:
  EMAIL_ADDRESS:
    level: closed
    categories: [user.contact.email]
    regimes: {GDPR: Art. 4(1)}
    method: {name: mask, keep_first: 1}
deidentification:
  blanked: {method: redact, verify: constant, lowers_to: open, drops: {regimes: all}, why: gone, source: ours}
rules:
  hosting: {public: open, vendor: open, private: closed}
  regimes: true
  usage: {training: [user.health_and_medical]}
columns:
  user.email: {method: token}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read_policy(text: str) -> tuple[PolicyFile, Marks]:
    data, marks = parse(text, "policy.yaml")
    return validate(PolicyFile, data, marks), marks


def load(folder: Path, text: str) -> Policy:
    return load_policy(write(folder, text))


# ---- asking a policy ----


def test_a_policy_answers_what_the_jobs_ask(tmp_path: Path) -> None:
    policy = load(tmp_path, SMALL)
    assert policy.levels.names == ("open", "closed")
    assert policy.label_of("EMAIL_ADDRESS").to_dict() == {
        "level": "closed",
        "categories": ["user.contact.email"],
        "regimes": ["GDPR"],
        "subjects": [],
    }
    assert policy.method_for("EMAIL_ADDRESS") == {"name": "mask", "keep_first": 1, "keep_last": 0, "char": "*"}
    assert policy.method_for("EMAIL_ADDRESS", "user.email") == {"name": "token"}
    assert policy.method_for("EMAIL_ADDRESS", "user.mail") == policy.method_for("EMAIL_ADDRESS")
    assert policy.method_for(None) == {"name": "redact"}
    found = policy.deidentification_rule({"name": "redact"}, "EMAIL_ADDRESS")
    assert found is not None and found[0] == "blanked"
    assert policy.deidentification_rule({"name": "token"}, "EMAIL_ADDRESS") is None


def test_a_type_no_one_classified_is_closed(tmp_path: Path) -> None:
    policy = load(tmp_path, SMALL)
    assert policy.label_of("SOMETHING_NEW").level == "closed"
    assert policy.method_for("SOMETHING_NEW") == {"name": "suppress", "scope": "cell"}
    assert "not in the policy" in policy.explain_type("SOMETHING_NEW")


def test_an_explanation_names_article_file_and_line(tmp_path: Path) -> None:
    policy = load(tmp_path, SMALL)
    line = SMALL.splitlines().index("  EMAIL_ADDRESS:") + 1
    assert policy.where_type("EMAIL_ADDRESS") == f"{tmp_path / 'policy.yaml'}:{line}"
    assert "GDPR (Art. 4(1))" in policy.explain_type("EMAIL_ADDRESS")
    assert policy.explain_type("EMAIL_ADDRESS").endswith(f":{line}")


def test_the_digest_is_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    digest = load(tmp_path, SMALL).label_digest
    assert (
        load(tmp_path, "# a comment\n" + SMALL.replace("[open, closed]", "\n  - open\n  - closed")).label_digest
        == digest
    )
    # Who may approve is asked anew at every look: naming another person is no reason to protect all data again.
    assert load(tmp_path, f"{SMALL}\nidentities: {{administrators: [{'3f' * 32}]}}\n").label_digest == digest
    assert load(tmp_path, SMALL.replace("level: closed", "level: open", 1)).label_digest != digest
    assert load(tmp_path, SMALL.replace("Art. 4(1)", "Art. 9(1)")).label_digest != digest


def test_the_rules_of_a_check_change_verdicts_and_no_label_or_proof(tmp_path: Path) -> None:
    before = load(tmp_path, SMALL)
    after = load(tmp_path, SMALL.replace("private: closed", "private: open"))
    assert after.label_digest == before.label_digest
    assert after.verdict_digest != before.verdict_digest
    assert after.approval_digest != before.approval_digest


def test_levels_that_are_written_from_the_most_sensitive_on_are_refused(tmp_path: Path) -> None:
    head = "version: 1\nname: ours\nextends: default\n"
    names = load_policy().levels.names
    assert load(tmp_path, f"{head}levels: [{', '.join(names)}]\n").levels.names == names
    # Every rule about levels would say the contrary: what is restricted would be good for anyone.
    with pytest.raises(PolicyError, match=r"vendor may have confidential and private only|public may have internal"):
        load(tmp_path, f"{head}levels: [{', '.join(reversed(names))}]\n")
    with pytest.raises(PolicyError, match=r"policy.yaml:5: rules.hosting: vendor may have confidential"):
        load(tmp_path, f"{head}rules:\n  hosting: {{public: public, vendor: confidential, private: internal}}\n")


def test_who_may_have_values_back_is_approved_and_changes_no_label_or_proof(tmp_path: Path) -> None:
    before = load(tmp_path, SMALL)
    grant = "{who: [ann], purposes: [case], datasets: [a], columns: [b], max_rows: 1, valid_until: 2030-01-01}"
    after = load(tmp_path, f"{SMALL}\nreversal: {{one: {grant}}}\n")
    assert after.label_digest == before.label_digest and after.verdict_digest == before.verdict_digest
    assert after.approval_digest != before.approval_digest


def test_the_order_of_lowering_rules_is_part_of_the_digest(tmp_path: Path) -> None:
    one = "  one: {method: token, verify: keyed-check, lowers_to: open, why: a, source: b}\n"
    two = one.replace("one:", "two:")
    head, tail = SMALL.split("rules:\n")
    assert load(tmp_path, f"{head}{one}{two}rules:\n{tail}").label_digest != (
        load(tmp_path, f"{head}{two}{one}rules:\n{tail}").label_digest
    )


def test_a_policy_travels_to_workers() -> None:
    policy = load_policy()
    copy = pickle.loads(pickle.dumps(policy))
    assert copy.label_digest == policy.label_digest
    assert copy.method_for("PERSON") == policy.method_for("PERSON")


# ---- strictness: one clear error with file, line and what would be right ----

WRONG = {
    "an unknown key": (
        ("    method: {name: mask", "    colour: red\n    method: {name: mask"),
        "EMAIL_ADDRESS.colour: unknown key",
        "level",
    ),
    "a misspelt key": (
        ("    level: closed\n", "    lvel: closed\n"),
        "EMAIL_ADDRESS.lvel: unknown key",
        "did you mean 'level'?",
    ),
    "a misspelt level": (
        ("    level: closed\n", "    level: closd\n"),
        "unknown level 'closd'",
        "did you mean 'closed'?",
    ),
    "a misspelt level of a rule": (
        ("vendor: open", "vendor: opn"),
        "rules.hosting.vendor: unknown level 'opn'",
        "did you mean 'open'?",
    ),
    "a misspelt category": (
        ("user.contact.email", "user.contact.emial"),
        "unknown category 'user.contact.emial'",
        "did you mean 'user.contact.email'?",
    ),
    "a misspelt category of a rule": (
        ("user.health_and_medical", "user.health"),
        "rules.usage.training: unknown category",
        "did you mean",
    ),
    "a regime without a title": (
        ("{GDPR: Art. 4(1)}", "{GDRP: Art. 4(1)}"),
        "unknown regime 'GDRP'",
        "did you mean 'GDPR'?",
    ),
    "a regime without a source": (("{GDPR: Art. 4(1)}", "{GDPR: ''}"), "regimes.GDPR", ""),
    "regimes as a list": (("{GDPR: Art. 4(1)}", "[GDPR]"), "regimes", ""),
    "an unknown method": (("{method: token}", "{method: tokn}"), "'tokn' is not a method", "use one of token"),
    "an unknown setting": (("keep_first: 1", "keeps: 1"), "mask takes no parameter keeps", "keep_first"),
    "a setting of the wrong type": (("keep_first: 1", "keep_first: '1'"), "method: keep_first must be", ""),
    "a yes for a number": (("keep_first: 1", "keep_first: true"), "method: keep_first must be", ""),
    "a negative number": (("keep_first: 1", "keep_first: -1"), "method: keep_first must be", ""),
    "a word for a yes": (("regimes: true", "regimes: 'true'"), "rules.regimes", ""),
    "a name for a list": (("[open, closed]", "open"), "levels", ""),
    "a level twice": (("[open, closed]", "[open, closed, open]"), "a level is there twice", ""),
    "an unknown usage": (("{training:", "{trainnig:"), "unknown name 'trainnig'", "did you mean 'training'?"),
    "an unknown rule": (
        ("  regimes: true", "  regimes: true\n  regime: true"),
        "rules.regime: unknown key",
        "did you mean 'regimes'?",
    ),
    "a missing rule": (("  regimes: true\n", ""), "rules.regimes: missing", ""),
    "a proof that does not fit": (("verify: constant", "verify: keyed-check"), "unknown proof of redact", "constant"),
    "keep as a reason to lower": (("{method: redact, verify", "{method: keep, verify"), "unknown method 'keep'", ""),
    "a rule of an unknown type": (
        ("lowers_to: open,", "lowers_to: open, entity_types: [EMAIL_ADRESS],"),
        "unknown entity type 'EMAIL_ADRESS'",
        "did you mean 'EMAIL_ADDRESS'?",
    ),
    "a version in quotes": (("version: 1", "version: '1'"), "1 is expected as a number", "quotes"),
    "another version": (("version: 1", "version: 2"), "version", ""),
    "a version that is none": (("version: 1", "version: true"), "version: 1 is expected", "version: 1"),
    "a version with a point": (("version: 1", "version: 1.0"), "version: 1 is expected", "version: 1"),
    "a key twice": (("name: small", "name: small\nname: big"), "the key 'name' is there twice", ""),
    "a type twice": (
        ("deidentification:", "  EMAIL_ADDRESS: {level: open, method: keep}\ndeidentification:"),
        "the key 'EMAIL_ADDRESS' is there twice",
        "",
    ),
    "a tag that runs code": (
        ("name: small", "name: !!python/object/apply:os.getcwd []"),
        "could not determine a constructor",
        "",
    ),
    "a column that no path names": (("  user.email:", "  user..email:"), "not a column path", ""),
    "a column that is spelled otherwise": (
        ("  user.email:", "  '`user`.email':"),
        "columns.`user`.email: `user`.email is written user.email",
        "",
    ),
    "a null without quotes": (("{method: token}", "{method: null}"), 'write "null" in quotes', ""),
    "a blank reason": (
        ("{method: token}", "{low_cardinality: {allow: true, reason: ' '}}"),
        "low_cardinality.reason: a reason says something",
        "",
    ),
    "broken YAML": (("levels: [open, closed]", "levels: [open, closed"), "", ""),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_file_line_and_hint(case: str, tmp_path: Path) -> None:
    (old, new), message, hint = WRONG[case]
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
    assert hint in caught.value.hint and caught.value.hint
    file, _, rest = caught.value.message.partition(".yaml:")
    assert file == str(tmp_path / "policy")
    changed = next(n for n, (a, b) in enumerate(zip(text.splitlines(), SMALL.splitlines(), strict=False), 1) if a != b)
    line = int(rest.split(":")[0])
    # A missing key has no line: what it is missing from has. The parser sees a bracket missing later on.
    assert (
        changed - 3 <= line <= changed + 8
        if case in {"broken YAML", "a missing rule"}
        else (changed <= line <= changed + 1)
    )


@pytest.mark.parametrize("text", ["", "[]", "just text", "- a\n- b", "a: &x [*x]\n", "\x00", "2024-13-01: 1"])
def test_what_is_no_policy_at_all_is_one_clear_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, text)
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    "text", ["? [a]\n: b\n", "? {a: b}\n: c\n", "[" * 5000, "{a: " * 5000, "a: !!binary x\n", "1: 2\n"]
)
def test_odd_yaml_is_one_clear_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        load(tmp_path, text)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SMALL)), st.integers(0, 12), st.text("abc:{}[]&*!?|>-#'\"\n \t\x00é%@`,0", max_size=6))
def test_a_damaged_policy_is_refused_or_read_but_never_crashes(at: int, gone: int, new: str) -> None:
    text = SMALL[:at] + new + SMALL[at + gone :]
    try:
        policy = Policy(*read_policy(text))
    except PolicyError as error:
        assert error.hint
    else:
        assert policy.levels.names


def test_merged_keys_may_be_overridden_but_not_repeated(tmp_path: Path) -> None:
    merged = SMALL.replace(
        "  EMAIL_ADDRESS:\n", "  EMAIL: &mail {level: closed, method: keep}\n  EMAIL_ADDRESS:\n    <<: *mail\n"
    )
    assert load(tmp_path, merged).method_for("EMAIL_ADDRESS")["name"] == "mask"
    with pytest.raises(PolicyError, match="'level' is there twice"):
        load(tmp_path, merged.replace("    <<: *mail\n", "    <<: *mail\n    level: open\n"))


def test_aliases_of_aliases_do_not_grow(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(PolicyError):
        load(tmp_path, "\n".join(lines))


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such file"):
        load_policy(tmp_path / "none.yaml")
    with pytest.raises(PolicyError, match="can't be read"):
        load_policy(tmp_path)
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(tmp_path / "policy.yaml")


# ---- extends: default ----


def test_a_policy_that_extends_the_default_changes_only_what_it_says(tmp_path: Path) -> None:
    default = load_policy()
    policy = load(
        tmp_path,
        "version: 1\nname: ours\nextends: default\n"
        "entity_types:\n  CREDIT_CARD:\n    level: restricted\n    method: {name: mask, keep_last: 4}\n"
        "rules: {purposes: true}\n",
    )
    assert policy.name == "ours"
    assert policy.method_for("CREDIT_CARD")["keep_last"] == 4
    assert policy.entity("CREDIT_CARD").regimes == {}
    assert policy.entity("EMAIL_ADDRESS") == default.entity("EMAIL_ADDRESS")
    assert policy.rules.purposes and policy.rules.hosting == default.rules.hosting
    assert policy.label_digest != default.label_digest
    assert policy.where_type("CREDIT_CARD") == f"{tmp_path / 'policy.yaml'}:5"
    assert policy.where_type("EMAIL_ADDRESS").startswith(f"{DEFAULT_NAME}:")


def test_its_own_lowering_rules_come_before_the_defaults(tmp_path: Path) -> None:
    policy = load(
        tmp_path,
        "extends: default\nname: ours\ndeidentification:\n"
        "  ours: {method: token, verify: keyed-check, lowers_to: confidential, why: w, source: s}\n",
    )
    found = policy.deidentification_rule({"name": "token"}, "EMAIL_ADDRESS")
    assert found is not None and found[0] == "ours"
    assert policy.deidentification_rule({"name": "redact"}, "EMAIL_ADDRESS") is not None


def test_an_error_in_an_extending_policy_is_on_its_own_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml:3: .*unknown level 'secret'"):
        load(tmp_path, "extends: default\nentity_types:\n  US_SSN: {level: secret, method: keep}\n")


# ---- the default policy ----


def presidio_types() -> set[str]:
    """Entity types of every recognizer of the installed Presidio that can be built without more packages."""
    import inspect

    import presidio_analyzer.predefined_recognizers as predefined
    from presidio_analyzer import EntityRecognizer

    # Of recognizers that need a model or a service: what their own mappings can emit.
    found = {"PERSON", "LOCATION", "NRP", "ORGANIZATION", "DATE_TIME", "AGE", "ID", "EMAIL", "PHONE_NUMBER"}
    found |= {f"MEDICAL_{kind}" for kind in ("DISEASE_DISORDER", "MEDICATION", "THERAPEUTIC_PROCEDURE")}
    found |= {f"MEDICAL_{kind}" for kind in ("CLINICAL_EVENT", "BIOLOGICAL_ATTRIBUTE", "BIOLOGICAL_STRUCTURE")}
    found |= {"MEDICAL_FAMILY_HISTORY", "MEDICAL_HISTORY", "GENERIC_PII_ENTITY"}
    for _, kind in inspect.getmembers(predefined, inspect.isclass):
        if issubclass(kind, EntityRecognizer) and not inspect.isabstract(kind):
            try:
                found |= set(kind().supported_entities)
            except (ImportError, TypeError, ValueError):
                continue
    return found


def test_the_default_policy_knows_every_type_presidio_knows() -> None:
    types = presidio_types()
    assert len(types) > 90
    assert types - load_policy().entity_types.keys() == set()


def test_the_default_policy_knows_what_our_own_detectors_and_the_model_find() -> None:
    ours = {detector.entity_type for detector in load_detectors()}
    model = {"PERSON", "STREET_ADDRESS", "LOCATION", "EMAIL_ADDRESS", "PHONE_NUMBER", "URL", "TAX_ID"}
    model |= {"BANK_ACCOUNT", "ROUTING_NUMBER", "GOVERNMENT_ID", "PASSPORT", "DRIVERS_LICENSE", "ZIP_CODE"}
    assert (ours | model) - load_policy().entity_types.keys() == set()


def test_every_category_and_subject_of_the_default_is_fideslangs_own() -> None:
    policy = load_policy()
    assert not policy.content.taxonomy.categories and not policy.content.taxonomy.subjects
    for name, rule in policy.entity_types.items():
        assert rule.categories, name
        assert rule.categories <= CATEGORIES and rule.subjects <= SUBJECTS, name


def test_every_regime_claim_of_the_default_names_an_article_or_section() -> None:
    for name, rule in load_policy().entity_types.items():
        for regime, source in rule.regimes.items():
            assert any(mark.isdigit() for mark in source), (name, regime, source)
            assert any(word in source for word in ("Art.", "§", "s ", "CFR", "Req.")), (name, regime, source)


def test_only_internal_types_of_the_default_are_kept() -> None:
    for name, rule in load_policy().entity_types.items():
        assert (rule.method.name == "keep") == (rule.level == "internal"), name


TO_THE_YEAR = {"name": "generalize", "kind": "date", "to": "year", "malformed": "redact"}


@pytest.mark.parametrize(
    ("entity_type", "level", "category", "regime", "method"),
    [
        ("EMAIL_ADDRESS", "confidential", "user.contact.email", "GDPR", "token"),
        ("PERSON", "confidential", "user.name", "CCPA", "token"),
        ("US_SSN", "restricted", "user.government_id.national_identification_number", "CCPA", "token"),
        ("CREDIT_CARD", "restricted", "user.financial.credit_card", "PCI DSS", "token"),
        ("MEDICAL_RECORD_NUMBER", "restricted", "user.health_and_medical.record_id", "HIPAA", "token"),
        ("UK_NHS", "restricted", "user.health_and_medical.record_id", "UK GDPR", "token"),
        ("SG_NRIC_FIN", "restricted", "user.government_id.national_identification_number", "PDPA", "token"),
        ("NRP", "restricted", "user.demographic.race_ethnicity", "GDPR", "redact"),
        ("DATE_OF_BIRTH", "confidential", "user.demographic.date_of_birth", "GDPR", TO_THE_YEAR),
        ("PASSWORD", "restricted", "user.authorization.password", "CCPA", "redact"),
        ("CREDENTIAL", "restricted", "system.authentication", None, "redact"),
        ("PERSONAL_DATE", "confidential", "user.demographic", "GDPR", TO_THE_YEAR),
        ("AGE", "internal", "user.demographic.age_range", "GDPR", "keep"),
        ("DATE_TIME", "internal", "system.operations", None, "keep"),
        ("CHILD_DATA", "restricted", "user.childrens", "COPPA", "redact"),
        ("GEOLOCATION", "restricted", "user.location.precise", "CCPA", "token"),
        ("DEVICE_ID", "confidential", "user.device.device_id", "GDPR", "token"),
        ("VIN", "confidential", "user.government_id.vehicle_registration", "CCPA", "token"),
    ],
)
def test_the_default_says_what_a_privacy_engineer_expects(
    entity_type: str, level: str, category: str, regime: str | None, method: str | dict[str, str]
) -> None:
    policy = load_policy()
    label = policy.label_of(entity_type)
    assert label.level == level
    assert category in label.categories
    assert regime in label.regimes if regime else not label.regimes
    assert policy.method_for(entity_type) == (method if isinstance(method, dict) else {"name": method})


def test_health_data_is_the_only_data_hipaa_is_claimed_for() -> None:
    for name, rule in load_policy().entity_types.items():
        health = any(covers("user.health_and_medical", category) for category in rule.categories)
        assert health or "HIPAA" not in rule.regimes, name


def test_the_default_lies_beside_the_code() -> None:
    assert read_text(Path(sys.modules[load_policy.__module__].__file__ or "").with_name(DEFAULT_NAME))


def test_importing_the_policy_side_imports_nothing_heavy() -> None:
    heavy = "pyspark pyarrow pandas numpy presidio_analyzer spacy openlineage deltalake"
    code = (
        "import sys, clearance.governance.decisions, clearance.governance.labeling, clearance.governance.policy;"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- methods ----

DECLARED = {
    "reversible": "reversible",
    "format_preserving": "{name: format_preserving, keep_last: 4, malformed: token}",
    "generalize": "{name: generalize, kind: date, to: year, malformed: redact}",
    "date_shift": "{name: date_shift, max_days: 30, subject: person, weeks: true}",
    "noise": "{name: noise, distribution: uniform, amount: 5, row_key: id, lower: 0, upper: 100}",
    "surrogate": "surrogate",
    "null": '"null"',
    "suppress": "{name: suppress, scope: record}",
}


@pytest.mark.parametrize("name", DECLARED)
def test_every_method_can_be_written_and_comes_back_as_it_was_declared(name: str, tmp_path: Path) -> None:
    policy = load(tmp_path, f"name: p\nversion: 1\nextends: default\ncolumns:\n  a.b: {{method: {DECLARED[name]}}}\n")
    method = policy.column_method("a.b")
    assert method is not None and method["name"] == name
    assert policy.spec(method).settings() == method


def test_a_hierarchy_is_named_from_the_policys_folder_and_its_content_is_in_the_digest(tmp_path: Path) -> None:
    text = (
        "name: p\nversion: 1\nextends: default\ncolumns:\n"
        "  city: {method: {name: generalize, kind: hierarchy, file: places.csv, level: 1}}\n"
    )
    (tmp_path / "places.csv").write_text("Lyon;France\nNice;France\n")
    first = load(tmp_path, text)
    method = first.column_method("city")
    assert method is not None and "Lyon" not in str(method)
    assert first.spec(method).table == (("Lyon", "France"), ("Nice", "France"))  # type: ignore[attr-defined]
    (tmp_path / "places.csv").write_text("Lyon;Europe\nNice;Europe\n")
    assert load(tmp_path, text).label_digest != first.label_digest


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        # Sixteen digits less six in front and six behind leave four: all of them can be tried.
        (
            "CREDIT_CARD: {level: restricted, method: {name: format_preserving, keep_first: 6, keep_last: 6}}",
            "change 4",
        ),
        ("PERSON: {level: internal, method: {name: noise, distribution: uniform}}", "needs row_key"),
        ("US_SSN: {level: restricted, method: surrogate}", "no surrogates for US_SSN"),
        (
            "CREDENTIAL: {level: restricted, categories: [system.authentication], method: reversible}",
            "a secret can't be left to the method reversible",
        ),
        (
            "PASSWORD: {level: restricted, categories: [user.authorization.password], method: keep}",
            "a secret can't be left to the method keep",
        ),
        (
            "PASSWORD: {level: restricted, categories: [user.authorization.password], method: token}",
            "a secret can't be left to the method token",
        ),
        (
            "CREDENTIAL: {level: restricted, categories: [system.authentication], method: {name: mask, keep_last: 4}}",
            "a secret can't be left to the method mask",
        ),
        ("DATE_OF_BIRTH: {level: internal, method: {name: generalize, kind: date, to: week}}", "to can't be 'week'"),
        ("DATE_OF_BIRTH: {level: internal, method: {name: date_shift, max_days: 30, subject: [a]}}", "subject must be"),
    ],
)
def test_what_a_method_can_not_do_is_told_when_the_policy_is_read(entry: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, f"name: p\nversion: 1\nextends: default\nentity_types:\n  {entry}\n")
    assert message in caught.value.message
    assert "policy.yaml:5" in caught.value.message


@pytest.mark.parametrize(
    ("kind", "method", "level"),
    [
        ("EMAIL_ADDRESS", {"name": "reversible"}, "internal"),
        ("CREDIT_CARD", {"name": "format_preserving", "keep_first": 6, "keep_last": 4}, "internal"),
        ("US_SSN", {"name": "format_preserving", "keep_first": 0, "keep_last": 0}, "internal"),
        ("US_SSN", {"name": "format_preserving", "keep_first": 1, "keep_last": 0}, "restricted"),
        ("PASSWORD", {"name": "reversible"}, "restricted"),
        ("DATE_OF_BIRTH", {"name": "generalize", "kind": "date", "to": "year"}, "internal"),
        ("DATE_OF_BIRTH", {"name": "generalize", "kind": "date", "to": "age_band", "width": 1}, "confidential"),
        ("PERSON", {"name": "generalize", "kind": "hierarchy"}, "confidential"),
        ("ZIP_CODE", {"name": "generalize", "kind": "postal", "keep": 3}, "internal"),
        ("ZIP_CODE", {"name": "generalize", "kind": "postal", "keep": 4}, "confidential"),
        ("IP_ADDRESS", {"name": "generalize", "kind": "ip", "prefix_v4": 31, "prefix_v6": 48}, "confidential"),
        ("DATE_OF_BIRTH", {"name": "date_shift", "max_days": 30, "subject": "id"}, "internal"),
        ("GEOLOCATION", {"name": "noise"}, "restricted"),
        ("EMAIL_ADDRESS", {"name": "null"}, "public"),
        ("CREDIT_CARD", {"name": "mask", "keep_first": 0, "keep_last": 0, "keep": ["digits"]}, "restricted"),
    ],
)
def test_a_label_falls_as_far_as_what_is_left_allows(kind: str, method: dict[str, Any], level: str) -> None:
    from clearance.governance.labeling import protected_type

    policy = load_policy()
    after = protected_type(kind, policy, method=method, verified=True)
    assert after.level == level
    if level == "internal":
        # Whoever holds the key, or knows enough, still finds the person: the regimes stay.
        assert after.regimes == policy.label_of(kind).regimes
    assert protected_type(kind, policy, method=method, verified=False) == policy.label_of(kind)
