"""Tokens of a disabled or unknown key are no harmless values: a scan says what they name, unchecked as they are."""

import pyarrow as pa
import pytest

from clearance.classifiers.columns import finish
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.profile import LeafProfile
from clearance.governance.labeling import label_column
from clearance.governance.policy import load_policy
from clearance.jobs.scan import _Profiler
from clearance.jobs.settings import Detection, Tokens
from clearance.paths import parse_path
from clearance.tokenization import lifecycle
from clearance.tokenization.keys import open_keys


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ColumnReport]:
    keys = open_keys(str(tmp_path_factory.mktemp("keys") / "keys.json"))
    old = keys.create()
    before = Tokens(keys.reference()).open()
    tokens = [before.token(f"u{n}@mail.com", "EMAIL_ADDRESS") for n in range(40)]
    keys.change(lambda keyset, kek: lifecycle.rotate(keyset, kek))
    keys.change(lambda keyset, kek: lifecycle.disable(keyset, old.primary))
    after = Tokens(keys.reference())
    live = [after.open().token(f"u{n}@mail.com", "EMAIL_ADDRESS") for n in range(40)]
    columns = {
        "dead": tokens, "live": live, "both": [*tokens[:10], *live[10:]], "few": [*tokens[:2], *map(str, range(38))],
        "note": [f"please write to {token} about the order of last week" for token in tokens],
        "other": [token.replace(old.primary, "zzzzzz") for token in tokens],
        "domain": [after.within("health").open().token(f"u{n}@mail.com", "EMAIL_ADDRESS") for n in range(40)],
        "named": [token.replace("email_address", "mary_poppins") for token in tokens],
    }  # fmt: skip
    leaves = tuple((name, parse_path(name), "string") for name in columns)
    profiler = _Profiler(leaves, Detection(ner=None), after, bytes(16))
    (found,) = profiler([pa.RecordBatch.from_pydict(columns)])
    profiles = {row["path"]: LeafProfile.from_bytes(row["profile"]) for row in found.to_pylist() if row["path"]}
    return {name: finish(profile, name=name, dtype="string") for name, profile in profiles.items()}


@pytest.mark.parametrize(
    ("name", "rows"), [("dead", 40), ("both", 10), ("few", 2), ("note", 40), ("other", 40), ("domain", 40)]
)
def test_what_can_not_be_verified_is_raw_data_of_the_type_it_names(
    reports: dict[str, ColumnReport], name: str, rows: int
) -> None:
    found = [each for each in reports[name].findings if each.form == "raw"]
    assert [(each.entity_type, each.rows_matched, each.detectors[0]) for each in found] == [
        ("EMAIL_ADDRESS", rows, "UnverifiedToken")
    ]
    assert label_column(reports[name].to_dict(), load_policy(None)).level == "confidential"


def test_it_is_said_and_others_stay_what_they_are(reports: dict[str, ColumnReport]) -> None:
    said = "tokens that can't be verified: their key or domain is disabled, unknown here, or made up"
    told = {name for name, report in reports.items() if said in report.evidence}
    assert told == {"dead", "few", "note", "other", "domain", "named"}
    assert reports["dead"].kind == "structured" and reports["note"].kind == "text"
    assert [each.form for each in reports["live"].findings] == ["token"]


def test_a_type_that_nobody_knows_is_not_shown_for_it_is_what_somebody_wrote(reports: dict[str, ColumnReport]) -> None:
    assert "POPPINS" not in repr(reports["named"].to_dict()).upper()
    assert reports["named"].entity_type == "OTHER"
    assert label_column(reports["named"].to_dict(), load_policy(None)).level == "restricted"


def test_where_there_is_no_key_every_token_is_what_it_names(tmp_path) -> None:
    keys = open_keys(str(tmp_path / "keys.json"))
    keys.create()
    tokens = [Tokens(keys.reference()).open().token(f"u{n}@mail.com", "EMAIL_ADDRESS") for n in range(40)]
    profiler = _Profiler((("mail", parse_path("mail"), "string"),), Detection(ner=None), None, bytes(16))
    (found,) = profiler([pa.RecordBatch.from_pydict({"mail": tokens})])
    (blob,) = [row["profile"] for row in found.to_pylist() if row["path"]]
    report = finish(LeafProfile.from_bytes(blob), name="mail", dtype="string")
    assert label_column(report.to_dict(), load_policy(None)).level == "confidential"
