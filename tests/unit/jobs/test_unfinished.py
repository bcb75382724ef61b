"""Which version a move to another key goes on from, over what killed runs left; no Spark."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from clearance.jobs.desk import open_desk
from clearance.jobs.references import Reference
from clearance.jobs.staging import RUN_PROPERTY
from clearance.jobs.unfinished import as_recorded


def test_rows_that_somebody_added_behind_a_killed_run_are_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, what = open_desk(home=tmp_path / "home"), Reference(str(tmp_path / "t"))
    known = SimpleNamespace(state="changed", label={"version": "0", "observation": {"kind": "delta"}})
    monkeypatch.setattr("clearance.jobs.unfinished.standing", lambda *_: known)
    with pytest.raises(KeyError), desk.run("rekey", what.key) as run:
        raise KeyError
    write_deltalake(what.text, pa.table({"a": ["x"]}))
    DeltaTable(what.text).alter.set_table_properties({RUN_PROPERTY: run.run_id}, raise_if_not_exists=False)
    assert as_recorded(what, desk).version == 0
    write_deltalake(what.text, pa.table({"a": ["y"], "b": ["z"]}), mode="append", schema_mode="merge")
    assert as_recorded(what, desk) is what
