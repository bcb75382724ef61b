"""From findings to labels: fail closed before protection, and fall only by a named, verified rule after it."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.governance.labeling import (
    after_protection,
    label_column,
    label_dataset,
    protected_column,
    protected_type,
    reasons,
    whole_cell_method,
)
from clearance.governance.labels import Label
from clearance.governance.policy import load_policy

POLICY = load_policy()
TYPES = [*sorted(POLICY.entity_types), "NOBODY_KNOWS"]
METHODS: list[dict[str, Any]] = [
    {"name": "token"},
    {"name": "redact"},
    {"name": "suppress"},
    {"name": "keep"},
    *({"name": "mask", "keep_first": first, "keep_last": last} for first, last in product((0, 2, 6), (0, 4, 5))),
]


def column(kind: str, entity_type: str | None, *found: str, path: str = "c") -> dict[str, Any]:
    """A report; a finding written ``token:TYPE`` is of verified tokens."""
    findings = [
        {"entity_type": name.removeprefix("token:"), "form": "token" if name.startswith("token:") else "raw"}
        for name in found
    ]
    return {"path": path, "kind": kind, "entity_type": entity_type, "findings": findings}


# ---- before protection ----


def test_a_column_has_the_label_of_its_type() -> None:
    report = column("structured", "EMAIL_ADDRESS", "EMAIL_ADDRESS")
    assert label_column(report, POLICY) == POLICY.label_of("EMAIL_ADDRESS")


def test_a_text_column_has_the_high_water_mark_of_what_is_in_it() -> None:
    label = label_column(column("text", None, "EMAIL_ADDRESS", "US_SSN", "DATE_TIME"), POLICY)
    assert label.level == "restricted"
    assert {"user.contact.email", "system.operations"} <= label.categories


def test_nothing_found_is_the_lowest_level() -> None:
    assert label_column(column("structured", None), POLICY) == Label("public")
    assert label_column(column("empty", None), POLICY) == Label("public")


def test_a_column_named_by_its_name_alone_counts() -> None:
    assert label_column(column("empty", "US_SSN"), POLICY).level == "restricted"


@pytest.mark.parametrize(
    "report",
    [
        column("unknown", None),
        column("surprise", None),
        {},
        {"kind": "structured", "entity_type": None},
        {"kind": "text", "entity_type": None, "findings": None},
        {"kind": "text", "entity_type": None, "findings": [{}]},
        {"kind": "text", "entity_type": None, "findings": ["EMAIL_ADDRESS"]},
        column("unknown", "DATE_TIME", "DATE_TIME"),
    ],
)
def test_what_could_not_be_looked_at_is_restricted(report: dict[str, Any]) -> None:
    assert label_column(report, POLICY).level == "restricted"


def test_a_type_the_policy_does_not_name_is_restricted() -> None:
    assert label_column(column("text", None, "NOBODY_KNOWS"), POLICY).level == "restricted"


def test_a_dataset_has_the_high_water_mark_of_its_columns() -> None:
    assert label_dataset([], POLICY) == Label("public")
    both = label_dataset([POLICY.label_of("CREDIT_CARD"), POLICY.label_of("EMAIL_ADDRESS")], POLICY)
    assert both.level == "restricted" and {"PCI DSS", "GDPR"} <= both.regimes


# ---- tokens found in the data ----


def test_verified_tokens_are_labelled_as_tokenised_data() -> None:
    label = label_column(column("structured", "EMAIL_ADDRESS", "token:EMAIL_ADDRESS"), POLICY)
    assert label.level == "internal"
    assert label.regimes == {"GDPR", "CCPA"} and label.categories == {"user.contact.email"}


def test_one_raw_value_among_tokens_counts_in_full() -> None:
    report = column("structured", "EMAIL_ADDRESS", "token:EMAIL_ADDRESS", "EMAIL_ADDRESS")
    assert label_column(report, POLICY).level == "confidential"
    assert label_column(column("structured", "US_SSN", "token:EMAIL_ADDRESS"), POLICY).level == "restricted"


@pytest.mark.parametrize("form", [None, "Token", "TOKEN", "tok", "", 1])
def test_only_the_exact_word_for_a_verified_token_lowers(form: object) -> None:
    report = {"kind": "text", "entity_type": None, "findings": [{"entity_type": "US_SSN", "form": form}]}
    assert label_column(report, POLICY).level == "restricted"


# ---- after protection ----


@pytest.mark.parametrize(
    ("entity_type", "method", "level", "regimes"),
    [
        ("EMAIL_ADDRESS", {"name": "token"}, "internal", {"GDPR", "CCPA"}),
        ("CREDIT_CARD", {"name": "token"}, "internal", {"GDPR", "CCPA", "PCI DSS"}),
        ("CREDIT_CARD", {"name": "mask", "keep_last": 4}, "internal", {"GDPR", "CCPA"}),
        ("CREDIT_CARD", {"name": "mask"}, "internal", {"GDPR", "CCPA"}),
        ("CREDIT_CARD", {"name": "mask", "keep_last": 5}, "restricted", {"GDPR", "CCPA", "PCI DSS"}),
        ("CREDIT_CARD", {"name": "mask", "keep_first": 6, "keep_last": 4}, "restricted", {"GDPR", "CCPA", "PCI DSS"}),
        ("PHONE_NUMBER", {"name": "mask", "keep_last": 4}, "internal", {"GDPR", "CCPA"}),
        ("US_SSN", {"name": "mask"}, "internal", {"CCPA"}),
        ("US_SSN", {"name": "mask", "keep_last": 4}, "restricted", {"CCPA"}),
        ("EMAIL_ADDRESS", {"name": "redact"}, "public", set()),
        ("EMAIL_ADDRESS", {"name": "suppress"}, "public", set()),
        ("EMAIL_ADDRESS", {"name": "keep"}, "confidential", {"GDPR", "CCPA"}),
        ("PASSWORD", {"name": "redact"}, "public", set()),
        ("PASSWORD", {"name": "token"}, "restricted", {"GDPR", "CCPA"}),
        ("PASSWORD", {"name": "mask"}, "restricted", {"GDPR", "CCPA"}),
        ("AGE", {"name": "keep"}, "internal", {"GDPR", "CCPA"}),
        ("NOBODY_KNOWS", {"name": "suppress"}, "public", set()),
        ("EMAIL_ADDRESS", {"name": "rot13"}, "confidential", {"GDPR", "CCPA"}),
        ("EMAIL_ADDRESS", {}, "confidential", {"GDPR", "CCPA"}),
    ],
)
def test_what_each_method_leaves_of_a_label(
    entity_type: str, method: dict[str, Any], level: str, regimes: set[str]
) -> None:
    label = protected_type(entity_type, POLICY, method=method, verified=True)
    assert (label.level, label.regimes) == (level, regimes)
    if level == "public":
        assert label == Label("public")
    else:
        assert label.categories == POLICY.label_of(entity_type).categories


@given(st.sampled_from(TYPES), st.sampled_from(METHODS))
def test_without_a_proof_no_label_falls(entity_type: str, method: dict[str, Any]) -> None:
    assert protected_type(entity_type, POLICY, method=method, verified=False) == POLICY.label_of(entity_type)


@given(st.sampled_from(TYPES), st.sampled_from(METHODS))
def test_protection_never_raises_a_label_and_falls_only_by_a_named_rule(
    entity_type: str, method: dict[str, Any]
) -> None:
    before = POLICY.label_of(entity_type)
    after = protected_type(entity_type, POLICY, method=method, verified=True)
    assert not POLICY.levels.exceeds(after.level, before.level)
    assert after.categories <= before.categories and after.regimes <= before.regimes
    if POLICY.deidentification_rule(method, entity_type) is None:
        assert after == before


def test_protecting_public_data_leaves_it_public() -> None:
    public = Label("public")
    method = {"name": "token"}
    assert after_protection(public, entity_type="UUID", method=method, policy=POLICY, verified=True) == public


def test_the_default_methods_bring_every_type_within_a_public_solutions_reach() -> None:
    for entity_type in TYPES:
        label = protected_type(entity_type, POLICY, method=POLICY.method_for(entity_type), verified=True)
        assert not POLICY.levels.exceeds(label.level, POLICY.rules.hosting.public), entity_type


def test_a_structured_column_is_replaced_whole_and_text_span_by_span() -> None:
    # A card number inside a column of e-mail addresses goes with its cell; in text it has its own method.
    report = column("structured", "EMAIL_ADDRESS", "EMAIL_ADDRESS", "PASSWORD")
    assert protected_column(report, POLICY, verified=True).level == "restricted"  # tokens do not cover secrets
    text = column("text", None, "EMAIL_ADDRESS", "PASSWORD")
    protected = protected_column(text, POLICY, verified=True)
    assert protected.level == "internal" and protected.categories == {"user.contact.email"}


def test_what_else_is_in_a_kept_column_must_still_go() -> None:
    report = column("structured", "AGE", "AGE", "EMAIL_ADDRESS")
    assert whole_cell_method(report, POLICY) is None
    protected = protected_column(report, POLICY, verified=True)
    assert protected.level == "internal"
    assert protected.categories == {"user.demographic.age_range", "user.contact.email"}


def test_which_columns_are_replaced_whole() -> None:
    assert whole_cell_method(column("structured", "EMAIL_ADDRESS", "EMAIL_ADDRESS"), POLICY) == {"name": "token"}
    assert whole_cell_method(column("unknown", None), POLICY) == {"name": "suppress", "scope": "cell"}
    assert whole_cell_method({}, POLICY) == {"name": "suppress", "scope": "cell"}
    for kind in ("text", "mixed", "empty"):
        assert whole_cell_method(column(kind, None, "EMAIL_ADDRESS"), POLICY) is None
    assert whole_cell_method(column("structured", None), POLICY) is None


def test_an_unknown_column_is_suppressed_whole() -> None:
    report = column("unknown", None)
    assert protected_column(report, POLICY, verified=True) == Label("public")
    assert protected_column(report, POLICY, verified=False).level == "restricted"


def test_what_was_really_done_wins_over_what_the_policy_would_do() -> None:
    report = column("structured", "EMAIL_ADDRESS", "EMAIL_ADDRESS")
    kept = protected_column(report, POLICY, methods={"EMAIL_ADDRESS": {"name": "keep"}}, verified=True)
    assert kept == POLICY.label_of("EMAIL_ADDRESS")


def test_a_method_done_to_whole_cells_speaks_for_all_that_is_in_them() -> None:
    report = column("structured", "AGE", "AGE", "EMAIL_ADDRESS")
    kept = protected_column(report, POLICY, methods={"AGE": {"name": "keep"}}, verified=True)
    assert kept == label_column(report, POLICY)
    unknown = protected_column(column("unknown", None), POLICY, methods={"UNKNOWN": {"name": "keep"}}, verified=True)
    assert unknown.level == "restricted"


def test_protecting_a_protected_column_changes_no_label() -> None:
    report = column("structured", "EMAIL_ADDRESS", "token:EMAIL_ADDRESS")
    assert protected_column(report, POLICY, verified=True) == label_column(report, POLICY)


# ---- why ----


def test_a_reason_names_type_rule_article_and_line() -> None:
    [reason] = reasons(column("structured", "EMAIL_ADDRESS", "EMAIL_ADDRESS"), POLICY)
    assert (reason.entity_type, reason.form, reason.rule) == ("EMAIL_ADDRESS", "raw", "entity_types")
    assert reason.where == POLICY.where("entity_types", "EMAIL_ADDRESS")
    assert "Art. 4(1)" in reason.text and reason.where in reason.text


def test_a_reason_for_tokens_names_the_rule_that_lowered_them() -> None:
    [reason] = reasons(column("structured", "EMAIL_ADDRESS", "token:EMAIL_ADDRESS"), POLICY)
    assert reason.rule == "tokenised"
    assert "lowered to internal by tokenised (GDPR Art. 4(5)" in reason.text
    assert reason.where == POLICY.where("deidentification", "tokenised")


def test_the_reason_for_a_column_no_one_could_look_at() -> None:
    [reason] = reasons(column("unknown", None), POLICY)
    assert reason.rule == "unknown_leaf" and "could not be looked at" in reason.text
