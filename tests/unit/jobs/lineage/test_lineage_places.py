"""What a foreign job wrote into, around or near a dataset flows into it, however its place is spelled."""

from collections.abc import Callable
from typing import Any

import pytest

from clearance.governance.identity import dataset_identity
from clearance.governance.policy import load_policy

NOTHING = load_policy().levels.bottom


@pytest.mark.parametrize("written", ["many/part-1.csv", "many/day=1", "many/day=1/part-1.csv", "many/*.csv"])
def test_what_is_written_into_a_dataset_flows_into_it(project: Any, written: str) -> None:
    (project.folder / "many").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.data("many/part-0.csv", code=None)
    project.scanned("many", code=None)
    project.scanned("raw.csv", email="EMAIL_ADDRESS")
    # A job that reads the whole and writes a part of it, as a compaction does, makes it nothing else.
    project.imports(project.event(["many"], "many/part-0.csv"))
    assert project.check("many", "bot", 0)["label"]["level"] == NOTHING
    project.imports(project.event(["raw.csv"], written))
    told = project.check("many", "bot", 3)
    assert told["label"]["level"] == "confidential"
    assert project.check("raw.csv", "own", 0)["label"]["level"] == "confidential"


@pytest.mark.parametrize("scanned_first", [True, False])
@pytest.mark.parametrize(
    ("dataset", "written"),
    [
        ("lake/users.csv", "lake"),
        ("lake/users.csv", "."),
        ("lake/new users.csv", "lake/new%20users.csv"),
        ("lake/new%20users.csv", "lake/new users.csv"),
        ("lake/new users/a.csv", "lake/new%20users"),
    ],
)
def test_what_is_written_around_a_dataset_or_in_another_spelling_flows_into_it(
    project: Any, dataset: str, written: str, scanned_first: bool
) -> None:
    path = project.folder / dataset
    path.parent.mkdir(parents=True)
    project.data("raw.csv", email="EMAIL_ADDRESS")
    path.write_text("a\n1\n")
    event = project.event(["raw.csv"], written, {"contact": [("raw.csv", "email")]})
    if scanned_first:
        project.scanned(dataset, code=None)
        assert project.check(dataset, "bot", 0)["label"]["level"] == NOTHING
        project.imports(event)
    else:
        project.imports(event)
        project.scanned(dataset, code=None)
    assert project.check(dataset, "bot", 3)["label"]["level"] == "confidential"


@pytest.mark.parametrize("written", ["lake", "lake/users/day=1", "lake/user%73", "lake/%75sers/day=1"])
def test_what_is_cleared_by_lineage_alone_has_what_was_written_near_it(
    project: Any, accepting: Callable[[str], None], written: str
) -> None:
    accepting("{derived_labels: true}")
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.data("plain.csv", code=None)
    project.imports(project.event(["plain.csv"], "lake/users"))
    assert project.check("lake/users", "bot", 0)["label"]["level"] == NOTHING
    project.imports(project.event(["raw.csv"], written))
    assert project.check("lake/users", "bot", 3)["label"]["level"] == "confidential"


def test_a_folder_that_a_job_wrote_holds_what_was_scanned_in_it(project: Any, accepting: Callable[[str], None]) -> None:
    accepting("{derived_labels: true}")
    (project.folder / "lake").mkdir()
    project.data("plain.csv", code=None)
    project.data("lake/users.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["plain.csv"], "lake"), project.event(["lake"], "mart.csv"))
    assert project.check("mart.csv", "bot", 3)["label"]["level"] == "confidential"
    # What is scanned later, too.
    project.data("lake/cards.csv", card="CREDIT_CARD")
    assert project.check("mart.csv", "bot", 3)["label"]["level"] == "restricted"


def test_another_name_of_a_place_counts_where_a_job_wrote_it(project: Any) -> None:
    (project.folder / "lake").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.data("lake/users.csv", code=None)
    project.scanned("lake", code=None)
    inside = {"identifiers": [{"namespace": "file", "name": str(project.folder / "lake/day=1"), "type": "LOCATION"}]}
    read, wrote = project.event([], "mart.csv"), project.event(["raw.csv"], "unused.csv")
    read["inputs"] = [{"namespace": "metastore", "name": "t", "facets": {"symlinks": inside}}]
    project.imports(read)
    assert project.check("lake", "bot", 0)["label"]["level"] == NOTHING
    wrote["outputs"] = read["inputs"]
    project.imports(wrote)
    assert project.check("lake", "bot", 3)["label"]["level"] == "confidential"


@pytest.mark.parametrize("near", ["lake/part.csv", "l%61ke", "."])
def test_what_lies_near_is_no_origin_of_what_was_only_made_of_itself(
    project: Any, accepting: Callable[[str], None], near: str
) -> None:
    accepting("{derived_labels: true}")
    project.data("plain.csv", code=None)
    project.imports(project.event(["lake"], "lake"), project.event(["plain.csv"], near))
    assert project.check("lake", "bot", 3)["label"]["level"] == "restricted"


def test_what_lies_beside_a_dataset_flows_only_into_what_holds_both(project: Any) -> None:
    (project.folder / "lake").mkdir()
    for name in ("raw.csv", "lake/a.csv", "lake/b.csv"):
        project.data(name, **({"email": "EMAIL_ADDRESS"} if name == "raw.csv" else {"code": None}))
    project.scanned("lake", code=None)
    project.imports(project.event(["raw.csv"], "lake/a.csv"), project.event(["lake/b.csv"], "lake"))
    levels = {name: project.check(name, "own", 0)["label"]["level"] for name in ("lake", "lake/a.csv", "lake/b.csv")}
    assert levels == {"lake": "confidential", "lake/a.csv": "confidential", "lake/b.csv": NOTHING}


def test_what_is_written_over_a_folder_of_a_proved_copy_is_not_in_it(project: Any) -> None:
    (project.folder / "safe").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.protected("safe/raw.csv", "raw.csv", {"email": ("cells", "EMAIL_ADDRESS")})
    project.imports(project.event(["raw.csv"], "safe"))
    assert project.check("safe/raw.csv", "own", 0)["label"]["level"] == "internal"


def test_files_of_other_machines_are_told_and_lineage_goes_through_them(project: Any) -> None:
    project.data("raw.csv", email="EMAIL_ADDRESS")
    away = {"namespace": "file://worker1", "name": "/out/x.csv"}
    out, back = project.event(["raw.csv"], "unused.csv"), project.event([], "mart.csv")
    out["outputs"], back["inputs"] = [away], [away]
    told = project.imports(out, back)
    assert told["machines"] == ["worker1"]
    assert told["datasets"][dataset_identity("mart.csv").key]["level"] == "confidential"
    assert "worker1" in project("lineage", "import", "events.jsonl")
    project("lineage", "export", "--format", "openlineage")
    project("lineage", "trace", "lineage:/file/worker1/out/x.csv")


def test_what_was_written_into_a_dataset_before_its_scan_flows_into_it_too(project: Any) -> None:
    (project.folder / "many").mkdir()
    project.data("raw.csv", email="EMAIL_ADDRESS")
    project.imports(project.event(["raw.csv"], "many/part-0.csv"))
    (project.folder / "many" / "part-0.csv").write_text("a\n1\n")
    project.scanned("many", code=None)
    assert project.check("many", "bot", 3)["label"]["level"] == "confidential"
