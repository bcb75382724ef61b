"""A job that is killed anywhere and run again leaves one complete result."""

import json
import os
import signal
import time

from deltalake import DeltaTable


def events(project, run_id=None):
    lines = (project.home / "lineage" / "events.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [e for e in found if run_id is None or e["run"]["runId"] == run_id]


def test_killed_in_the_middle_of_protect_and_again(project, write_csv):
    write_csv(project.path / "people.csv", 4_000)
    process = project.begin("protect", "people.csv", "--to", "out/people", "--no-ner")
    staging, deadline = project.path / "out" / ".clearance-staging", time.monotonic() + 180
    while not list(staging.glob("*/*.parquet")):
        assert process.poll() is None and time.monotonic() < deadline, "it never staged anything"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (dead,) = [p.name for p in staging.iterdir() if p.is_dir()]
    assert not (project.path / "out" / "people" / "_delta_log").exists()
    assert [e["eventType"] for e in events(project, dead)] == ["START"]
    project("check", "out/people", "--solution", "public-bot").ended(5)

    done = project("protect", "people.csv", "--to", "out/people", "--no-ner", "--format", "json").ended().json
    assert (done["rows"], done["version"], done["proof"]["holds"]) == (4_000, "0", True)
    assert not staging.exists()
    assert [e["eventType"] for e in events(project, dead)] == ["START", "FAIL"]
    table = DeltaTable(str(project.path / "out" / "people"))
    assert table.version() == 0 and table.to_pyarrow_table().num_rows == 4_000
    project("check", "out/people", "--solution", "public-bot").ended(0)
    assert "holds" in project("audit", "verify").ended().out
