"""Whoever can't verify the record of a protection sees no lower label than it says: a mask looks like nothing."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.governance.coverage import Coverage
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label, combine
from clearance.governance.observation import observe
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.planning import plan_protection
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.protection import planned_roles
from clearance.jobs.proved import proved
from clearance.jobs.scan import Scan
from clearance.jobs.scan_task import _labels, _roles
from clearance.jobs.schema import SparkLeaf
from clearance.paths import parse_path
from clearance.tokenization.keys import FileKeyProvider

LABEL = Label("internal", frozenset({"user.contact.phone_number"}), frozenset({"GDPR"}))


def says(label: Label, desk: Desk) -> bool:
    """Whether a label says no less than the record."""
    return combine([label, LABEL], desk.policy.levels) == label


def masked(tmp_path: Path, keys: str, form: str = "parquet") -> tuple[Scan, Desk, Path]:
    """A column of masked phone numbers with its signed record, and the desk of somebody who has ``keys``."""
    place = tmp_path / "safe"
    place.mkdir()
    table = pa.table({"phone": ["****123", "****456"]})
    if form == "delta":
        write_deltalake(place, table)
    else:
        pq.write_table(table, place / "a.parquet")
    identity = dataset_identity(str(place))
    seen = observe(identity.location)
    assert seen is not None
    own, others = FileKeyProvider(tmp_path / "own.json"), FileKeyProvider(tmp_path / "others.json")
    own.create(), others.create()
    leaf = {"path": "phone", "how": "cells", "entity_type": "PHONE_NUMBER", "label": LABEL.to_dict()}
    leaf |= {"method": {"name": "mask", "keep_first": 0, "keep_last": 3, "classes": [], "with": "*"}}
    statement = {"columns": [leaf], "observation": seen.to_dict()}
    desk = open_desk(home=tmp_path / "home", key_file=tmp_path / f"{keys}.json")
    row = {"dataset": identity.key, "source": identity.key, "version": seen.version, "columns": [leaf]}
    row |= {"statement": statement, "signature": own.load().sign(SIGNED, canonical(statement))}
    desk.registry.append("protections", [row], run_id="r")
    report = ColumnReport("phone", "string", "structured", 2, 0, 2, None)
    return Scan(identity.key, str(place), form, 2, (report,), (), "", Coverage("full", 2, 2), seen), desk, place


@pytest.mark.parametrize("keys", ["none", "others", "own"])
def test_no_key_lowers_a_label(tmp_path: Path, keys: str) -> None:
    found, desk, place = masked(tmp_path, keys)
    report = found.columns[0]
    assert _labels(found, [report], (), desk, proved(found, desk))["phone"].level == "internal"
    # Files that were written again may hold what was masked.
    pq.write_table(pa.table({"phone": ["****123"]}), place / "a.parquet")
    assert _labels(found, [report], (), desk, proved(found, desk)) == {"phone": LABEL}


@pytest.mark.parametrize("keys", ["others", "own"])
@pytest.mark.parametrize("protect", [True, False])
def test_what_is_protected_or_copied_again_keeps_its_label(tmp_path: Path, keys: str, protect: bool) -> None:
    found, desk, _ = masked(tmp_path, keys)
    known = proved(found, desk)
    scanned = _labels(found, found.columns, (), desk, known)
    leaves = [SparkLeaf("phone", parse_path("phone"), "string", True, True)]
    # A mask that looks like nothing, and one with something in it.
    for report in (found.columns[0], replace(found.columns[0], kind="mixed")):
        reports = replace(known, columns=(report,)).reports() if protect else (report,)
        plan = plan_protection(leaves, reports, desk.policy, protect=protect, known=known.for_plan(scanned))
        assert says(plan.leaves[0].label, desk)


@pytest.mark.parametrize("keys", ["others", "own"])
def test_no_label_falls_where_nobody_can_tell_whether_the_data_changed(
    tmp_path: Path, keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, desk, _ = masked(tmp_path, keys)
    monkeypatch.setattr("clearance.jobs.proved.changed_since", lambda *_: None)
    known = proved(found, desk)
    assert _labels(found, found.columns, (), desk, known) == {"phone": LABEL}
    # Not even the key makes it what was proved.
    assert known.methods() == {}


@pytest.mark.parametrize("keys", ["others", "own"])
def test_a_row_more_or_less_takes_no_label_from_those_that_are_there(tmp_path: Path, keys: str) -> None:
    found, desk, place = masked(tmp_path, keys, "delta")
    more = pa.table({"phone": ["none"]})

    def told() -> dict[str, Label]:
        now = replace(found, observation=observe(str(place)))
        known = proved(now, desk)
        assert known.methods() == {}
        return _labels(now, now.columns, (), desk, known)

    write_deltalake(place, more, mode="append")
    assert told() == {"phone": LABEL}
    DeltaTable(place).delete("phone = '****456'")
    assert told() == {"phone": LABEL}
    # What is written over a table may have been read from it.
    write_deltalake(place, more, mode="overwrite")
    assert told() == {"phone": LABEL}


@pytest.mark.parametrize("versions", [1, 4])
def test_a_table_made_anew_is_free_of_the_record_only_with_other_columns(tmp_path: Path, versions: int) -> None:
    """T written to T2, T dropped, T2 renamed to T: another id and history, and the same rows."""
    found, desk, place = masked(tmp_path, "own", "delta")

    def made_anew(name: str) -> dict[str, Label]:
        shutil.rmtree(place)
        for _ in range(versions):
            write_deltalake(place, pa.table({name: ["****123"]}), mode="append")
        columns = (replace(found.columns[0], path=name),)
        now = replace(found, columns=columns, observation=observe(str(place)))
        return _labels(now, columns, (), desk, proved(now, desk))

    assert made_anew("phone") == {"phone": LABEL}
    assert made_anew("tel")["tel"].level == "public"


def test_a_mask_under_another_name_keeps_its_label(tmp_path: Path) -> None:
    found, desk, place = masked(tmp_path, "own", "delta")
    names = ("tel", "note")
    write_deltalake(place, pa.table({name: ["****123"] for name in names}), mode="overwrite", schema_mode="overwrite")
    columns = tuple(replace(found.columns[0], path=name) for name in names)
    found = replace(found, columns=columns, observation=observe(str(place)))
    known = proved(found, desk)
    assert _labels(found, columns, (), desk, known) == dict.fromkeys(names, LABEL)
    assert {path: why["rule"] for path, why in known.why().items()} == dict.fromkeys(names, "signed record")


@pytest.mark.parametrize("keys", ["others", "own"])
def test_a_record_counts_beside_what_people_decided(tmp_path: Path, keys: str) -> None:
    found, desk, _ = masked(tmp_path, keys)
    known, url = proved(found, desk), Finding("URL", 1, Interval.wilson(1, 2), 0.9, ("UrlRecognizer",))
    made = replace(found.columns[0], findings=(url,))
    label = _labels(found, [made], ["phone"], desk, known)["phone"]
    assert says(label, desk) and label.categories >= desk.policy.label_of("URL").categories


def test_a_text_keeps_the_role_that_its_record_says(tmp_path: Path) -> None:
    """Of dates of birth years are left, of which a scan can't tell that they were found; a diagnosis has surrogates."""
    found, desk, _ = masked(tmp_path, "own")
    ill = Finding("MEDICAL_DISEASE_DISORDER", 2, Interval.wilson(2, 2), 0.9, ("Rampart",))
    texts = {"dx": ("HEALTH", (ill,)), "born": ("BIRTH_DATE", ()), "plz": ("POSTAL_CODE", ())}
    more = [
        ColumnReport(path, "string", "text", 2, 0, 2, None, finding, role="quasi", attribute=attribute)
        for path, (attribute, finding) in texts.items()
    ]
    found = replace(found, columns=(*found.columns, *more))
    done = {"path": "", "how": "spans", "entity_type": None, "method": {"name": "by entity type"}}
    leaves = [{**done, "path": path, "label": LABEL.to_dict(), "unmarked": {"PERSON": {}}} for path in ("dx", "born")]
    refile(found, desk, leaves)
    # Without a label that the audit stands for the record says nothing of roles, and columns are what they are called.
    assert _roles(found.columns, (), desk, proved(found, desk)) == {"born": "DATE_OF_BIRTH", "plz": "ZIP_CODE"}
    label = {"dataset": found.dataset, "version": "", "kind": "protected", "label": {}, "columns": {}}
    label |= {"policy_digest": "", "looked": {"roles": {"dx": "MEDICAL_DISEASE_DISORDER"}}}
    with desk.audit.filing("publish", [("labels", label)], run_id="again", dataset=found.dataset):
        pass
    known = proved(found, desk)
    roles = {"dx": "MEDICAL_DISEASE_DISORDER", "plz": "ZIP_CODE"}
    assert _roles(found.columns, (), desk, known) == roles
    # What people decided on leaves what was found, and the record counts beside it.
    assert _roles(found.columns, ("dx", "born"), desk, known) == {**roles, "born": "DATE_OF_BIRTH"}
    # Protected again, it is still so.
    spark = [SparkLeaf(report.path, parse_path(report.path), "string", True, True) for report in found.columns]
    plan = plan_protection(spark, found.columns, desk.policy)
    assert planned_roles(plan, found.columns, desk.policy, known.text_roles()) == roles


def refile(found: Scan, desk: Desk, leaves: list[dict[str, object]]) -> None:
    """The record of a protection of this, signed."""
    statement = {"columns": leaves, "observation": found.observation.to_dict() if found.observation else {}}
    tokens = desk.tokens_if_any()
    assert tokens is not None
    row = {"dataset": found.dataset, "source": found.dataset, "version": "1", "columns": leaves, "statement": statement}
    row["signature"] = tokens.key.open().sign(SIGNED, canonical(statement))
    desk.registry.append("protections", [{**row, "engine_digest": found.engine_digest}], run_id="again")
