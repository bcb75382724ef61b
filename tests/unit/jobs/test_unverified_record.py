"""Whoever can't verify the record of a protection sees no lower label than it says: a mask looks like nothing."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clearance.classifiers.findings import ColumnReport
from clearance.governance.coverage import Coverage
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label
from clearance.governance.observation import observe
from clearance.jobs.desk import open_desk
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.proved import proved
from clearance.jobs.scan import Scan
from clearance.jobs.scan_task import _labels
from clearance.tokenization.keys import FileKeyProvider


@pytest.mark.parametrize("keys", ["none", "others", "own"])
def test_no_key_lowers_a_label(tmp_path: Path, keys: str) -> None:
    place = tmp_path / "safe"
    place.mkdir()
    pq.write_table(pa.table({"phone": ["****123", "****456"]}), place / "a.parquet")
    identity = dataset_identity(str(place))
    seen = observe(identity.location)
    assert seen is not None
    own, others = FileKeyProvider(tmp_path / "own.json"), FileKeyProvider(tmp_path / "others.json")
    own.create(), others.create()
    label = Label("internal", frozenset({"user.contact.phone_number"}), frozenset({"GDPR"}))
    leaf = {"path": "phone", "how": "cells", "entity_type": "PHONE_NUMBER", "label": label.to_dict()}
    leaf |= {"method": {"name": "mask", "keep_first": 0, "keep_last": 3, "classes": [], "with": "*"}}
    statement = {"columns": [leaf], "observation": seen.to_dict()}
    desk = open_desk(home=tmp_path / "home", key_file=tmp_path / f"{keys}.json")
    row = {"dataset": identity.key, "source": identity.key, "version": seen.version, "columns": [leaf]}
    row |= {"statement": statement, "signature": own.load().sign(SIGNED, canonical(statement))}
    desk.registry.append("protections", [row], run_id="r")
    report = ColumnReport("phone", "string", "structured", 2, 0, 2, None)
    found = Scan(identity.key, str(place), "parquet", 2, (report,), (), "", Coverage("full", 2, 2), seen)
    assert _labels(found, [report], (), desk, proved(found, desk))["phone"].level == "internal"
    # Other data in its place are what is found in them.
    pq.write_table(pa.table({"phone": ["a", "b", "c"]}), place / "a.parquet")
    assert _labels(found, [report], (), desk, proved(found, desk))["phone"].level == "public"
