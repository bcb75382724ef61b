"""What rose since the last approval shows, each kind by itself, and what did not rise says nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from clearance.governance.conflicts import Verdict
from clearance.governance.escalation import BOUND, DatasetState, escalations, lapses
from clearance.governance.labels import Levels

LEVELS = Levels(("public", "internal", "confidential", "restricted"))


def label(level: str, *categories: str, regimes: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> dict[str, Any]:
    own: dict[str, Any] = {"level": level, "categories": list(categories), "regimes": list(regimes), "subjects": []}
    return {**own, "entity_types": list(types)} if types else own


APPROVED = DatasetState(
    "file:///a",
    "3",
    "fingerprint",
    "policy",
    "manifest",
    label("confidential", "user.contact.email", regimes=("GDPR",)),
    {
        "email": label("confidential", "user.contact.email", regimes=("GDPR",), types=("EMAIL_ADDRESS",)),
        "note": label("public"),
    },
    {"email": "string", "note": "string"},
    {"email": {"EMAIL_ADDRESS": [0.90, 0.95, 0.98]}, "note": {"PERSON": [0.001, 0.002, 0.004]}},
    ["eu"],
)


def with_column(path: str, own: dict[str, Any]) -> Callable[[DatasetState], DatasetState]:
    return lambda state: replace(state, columns={**state.columns, path: own})


def share(low: float, estimate: float, high: float) -> Callable[[DatasetState], DatasetState]:
    return lambda state: replace(state, shares={**state.shares, "note": {"PERSON": [low, estimate, high]}})


RISEN: list[tuple[str, str | None, Callable[[DatasetState], DatasetState]]] = [
    ("level-raised", None, lambda s: replace(s, label={**s.label, "level": "restricted"})),
    ("level-raised", "note", with_column("note", label("internal"))),
    ("category-added", "note", with_column("note", label("public", "user.name"))),
    (
        "category-added",
        None,
        lambda s: replace(s, label={**s.label, "categories": ["user.contact.email", "user.name"]}),
    ),
    ("regime-added", "note", with_column("note", label("public", regimes=("HIPAA",)))),
    ("entity-type-added", "note", with_column("note", label("public", types=("PERSON",)))),
    ("new-column", "born", with_column("born", label("public"))),
    ("type-changed", "note", lambda s: replace(s, types={**s.types, "note": "binary"})),
    ("prevalence-jump", "note", share(0.02, 0.03, 0.04)),
    ("residency-changed", None, lambda s: replace(s, regions=["eu", "us"])),
    ("residency-changed", None, lambda s: replace(s, regions=None)),
    (
        "lowered-without-rule",
        "email",
        with_column("email", label("internal", "user.contact.email", regimes=("GDPR",), types=("EMAIL_ADDRESS",))),
    ),
    (
        "lowered-without-rule",
        "email",
        with_column("email", label("confidential", "user.contact.email", types=("EMAIL_ADDRESS",))),
    ),
]


@pytest.mark.parametrize(("change", "column", "how"), RISEN)
def test_each_rise_shows_by_itself(
    change: str, column: str | None, how: Callable[[DatasetState], DatasetState]
) -> None:
    found = escalations(APPROVED, how(APPROVED), LEVELS)
    assert [(each.facts["change"], each.column) for each in found] == [(change, column)]


@pytest.mark.parametrize(
    "how",
    [
        lambda s: s,
        lambda s: replace(s, version="4"),
        lambda s: replace(s, columns={"email": s.columns["email"]}),  # a column that is gone
        share(0.0005, 0.0015, 0.003),  # less
        share(0.003, 0.006, 0.009),  # more, but the intervals touch
        lambda s: replace(s, lowered=["email"], columns={**s.columns, "email": label("internal")}),  # by a proved rule
        lambda s: replace(s, shares={}),
    ],
)
def test_what_did_not_rise_says_nothing(how: Callable[[DatasetState], DatasetState]) -> None:
    assert escalations(APPROVED, how(APPROVED), LEVELS) == []


@pytest.mark.parametrize("name", BOUND)
def test_an_approval_lapses_with_what_it_is_bound_to_unless_it_allows_that(name: str) -> None:
    now = DatasetState.from_dict({**APPROVED.to_dict(), name: "another"})
    assert [each.facts["change"] for each in lapses(APPROVED, now, frozenset())] == [f"{name}-changed"]
    assert lapses(APPROVED, now, frozenset({name})) == []
    assert len(lapses(APPROVED, now, frozenset(BOUND) - {name})) == 1
    assert now.digest != APPROVED.digest


def test_a_rise_turns_a_yes_into_a_no_and_no_other_answer() -> None:
    risen = escalations(APPROVED, with_column("born", label("public"))(APPROVED), LEVELS)
    assert int(Verdict("clear").escalated(risen).exit_code) == 4
    assert int(Verdict("clear").escalated([]).exit_code) == 0
    assert int(Verdict("conflict").escalated(risen).exit_code) == 3
    assert int(Verdict("undecidable").escalated(risen).exit_code) == 5
