"""Labels given again from the record: what a proof said stays, whatever people confirm and whichever policy asks."""

from pathlib import Path
from typing import Any

import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance.labels import Label
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.resting import rests_on
from clearance.governance.reviews import Held, Reviewed
from clearance.jobs.records import finding_rows
from clearance.jobs.reviewed import Labelled, labelled_again

MASKED = Label("internal", frozenset({"user.contact.phone_number"}), frozenset({"GDPR"}))
POLICY = load_policy()


@pytest.fixture
def row(tmp_path: Path) -> dict[str, Any]:
    """A scan of masked phone numbers: a URL is found in them, and their record says what they are."""
    url = Finding("URL", 1, Interval.wilson(1, 1000), 0.9, ("UrlRecognizer",))
    found = finding_rows("k", "1", [ColumnReport("phone", "string", "structured", 1000, 0, 900, None, (url,))], "e")
    Registry(tmp_path).append("findings", found, run_id="r")
    return {
        "kind": "source",
        "dataset": "k",
        "run_id": "r",
        "columns": {"phone": {**MASKED.to_dict(), "entity_types": []}},
        "looked": {"rests_on": rests_on("r", {"findings": found}), "proved": {"phone": MASKED.to_dict()}},
        "policy_digest": POLICY.digest,
    }


def again(tmp_path: Path, row: dict[str, Any], *decided: tuple[str, Any]) -> Labelled | None:
    held = {("phone", kind): Held("phone", kind, what, ("ann",), BASIS, "x") for kind, what in decided}
    return labelled_again(POLICY, row, Registry(tmp_path), Reviewed(held))


BASIS = {"type": "string", "kind": "structured", "detectors": ["UrlRecognizer"], "prevalence": [0.0, 0.001, 0.01]}


@pytest.mark.parametrize("kind", ["PHONE_NUMBER", "URL", "PROMPT_INJECTION", "EMAIL_ADDRESS"])
@pytest.mark.parametrize("proved", [True, False])
def test_what_one_person_confirms_lowers_nothing(tmp_path: Path, row: dict[str, Any], kind: str, proved: bool) -> None:
    if not proved:
        del row["looked"]["proved"]
    made = again(tmp_path, row, (kind, "confirmed"))
    assert made is not None
    own = made.columns["phone"]
    assert not POLICY.levels.exceeds(MASKED.level, own.level)
    assert own.categories >= MASKED.categories and own.regimes >= MASKED.regimes


def test_what_is_set_aside_is_a_finding_and_not_the_record(tmp_path: Path, row: dict[str, Any]) -> None:
    made = again(tmp_path, row, ("URL", "false-positive"))
    assert made is not None and made.touched == ("phone",) and made.columns["phone"] == MASKED
    # Without one, what two people set aside counts no longer.
    row["looked"]["proved"] = {}
    made = again(tmp_path, row, ("URL", "false-positive"))
    assert made is not None and made.columns["phone"] == Label("public")


def test_under_another_policy_a_record_says_nothing_and_neither_do_findings(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    row["policy_digest"] = "another"
    assert again(tmp_path, row) is None
    del row["looked"]["proved"]
    assert again(tmp_path, row) is not None
    # A row of before does not say: a record may have spoken.
    Registry(tmp_path).append(
        "protections", [{"dataset": "k", "source": "s", "version": "1", "columns": []}], run_id="p"
    )
    assert again(tmp_path, row) is None
    row["looked"]["proved"] = {}
    assert again(tmp_path, row) is not None
