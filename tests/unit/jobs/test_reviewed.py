"""Labels given again from the record: what a proof said stays, whatever people confirm and whichever policy asks."""

from pathlib import Path
from typing import Any

import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance.labels import Label
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.resting import rests_on
from clearance.governance.reviews import Held, Reviewed, to_review
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
        "policy_digest": POLICY.label_digest,
    }


def again(tmp_path: Path, row: dict[str, Any], *decided: tuple[str, Any]) -> Labelled | None:
    held = {("phone", kind): Held("phone", kind, what, ("ann",), BASIS, "x") for kind, what in decided}
    return labelled_again(POLICY, row, Registry(tmp_path), Reviewed(held))


BASIS = {"type": "string", "kind": "structured", "detectors": ["UrlRecognizer"], "prevalence": [0.0, 0.001, 0.01]}


def test_what_two_set_aside_is_no_part_of_a_combination(tmp_path: Path, row: dict[str, Any]) -> None:
    names = {"yob": "BIRTH_DATE", "sex": "GENDER", "plz": "POSTAL_CODE"}
    sex = Finding("GENDER", 900, Interval.wilson(900, 1000), 0.9, ("ColumnName",))
    reports = [
        ColumnReport(path, "string", "structured", 1000, 0, 90, "GENDER" if path == "sex" else None,
                     (sex,) if path == "sex" else (), role="quasi", attribute=attribute)
        for path, attribute in names.items()
    ]  # fmt: skip
    found = finding_rows("q", "1", reports, "e")
    Registry(tmp_path).append("findings", found, run_id="q")
    labels = {**dict.fromkeys(names, Label("public")), "sex": POLICY.label_of("GENDER")}
    columns = {path: {**label.to_dict(), "entity_types": []} for path, label in labels.items()}
    looked = {"rests_on": rests_on("q", {"findings": found}), "roles": {"yob": "DATE_OF_BIRTH", "plz": "ZIP_CODE"}}
    row |= {"dataset": "q", "run_id": "q", "columns": columns, "looked": looked}

    def level(*aside: str) -> str:
        basis = {"type": "string", "kind": "structured", "detectors": ["ColumnName"], "prevalence": [0.8, 0.9, 1.0]}
        keys = [(path, kind) for path, _, kind in (name.partition(":") for name in aside)]
        held = {key: Held(*key, "false-positive", ("ann", "bob"), basis, "x") for key in keys}
        made = labelled_again(POLICY, row, Registry(tmp_path), Reviewed(held))
        assert made is not None
        return made.label.level

    assert level() == "restricted"
    # A finding whose type the column's name says as well, and a name alone.
    assert level("sex:GENDER") == "public" and level("plz:ZIP_CODE") == POLICY.label_of("GENDER").level
    assert to_review(finding_rows("q", "1", reports[:1], "e")[0]["report"]) == ["DATE_OF_BIRTH"]


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


def test_a_role_that_only_the_record_knows_stays(tmp_path: Path, row: dict[str, Any]) -> None:
    row["looked"]["roles"] = {"phone": "ZIP_CODE"}
    for decided in ((), (("URL", "false-positive"),)):
        made = again(tmp_path, row, *decided)
        assert made is not None and made.roles == {"phone": "ZIP_CODE"}
    # Without a record, what people set aside is gone.
    row["looked"]["proved"] = {}
    made = again(tmp_path, row, ("URL", "false-positive"))
    assert made is not None and made.roles == {}


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
