"""`make demo`: the story is true, and nothing of the data is left where the story is told.

The notebook runs on the registry that the demo leaves (one file, so that the demo is run once), and neither its output
nor the saved one holds a value.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from clearance.governance.registry import Registry
from clearance.governance.tables import TABLES
from clearance.jobs.datasets import Reference

BOT = "public-support-bot"
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "investigate.ipynb"
NAMES = ("customers", "orders", "tickets", "chats")


def check(demo, dataset):
    """``clearance check`` as a user types it in the demo's folder."""
    arguments = ["check", dataset, "--solution", BOT, "--home", "out/home", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "clearance.jobs.cli", *arguments],
        cwd=demo.path,
        env=demo.env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout)


def rows(demo, table):
    return Registry(demo.home).rows(table)


def test_the_story_comes_true(demo):
    assert demo.code == 0, demo.out + demo.err
    assert re.findall(r"exit code (\d)", demo.out) == ["3", "0", "0"]


def test_it_can_be_read_in_a_minute(demo):
    # Adults read English prose silently at 238 words a minute (Brysbaert 2019). Every word counts, tables too.
    assert len(demo.out.split()) <= 238


def test_the_bot_was_refused_before_anything_was_protected(demo):
    refused = [row for row in rows(demo, "verdicts") if row["solution"] == BOT and row["verdict"] == "conflict"]
    first = min(row["at"] for row in rows(demo, "protections"))
    early = {row["dataset"].rpartition("/")[2].removesuffix(".jsonl") for row in refused if row["at"] < first}
    assert early == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_bot_may_have_the_copy_and_still_not_the_original(demo, name):
    code, told = check(demo, f"out/protected/{name}")
    assert (code, told["verdict"], told["conflicts"]) == (0, "clear", [])
    original = f"data/{name}" if (demo.path / "data" / name).exists() else f"data/{name}.jsonl"
    code, told = check(demo, original)
    assert (code, told["verdict"]) == (3, "conflict")
    assert {"level", "hosting"} <= {conflict["rule"] for conflict in told["conflicts"]}


def test_pci_dss_goes_with_the_digits_and_personal_data_stay_personal(demo):
    labels = Registry(demo.home).latest_each("labels")
    before = labels[Reference(str(demo.path / "data" / "orders")).key]["label"]
    after = labels[Reference(str(demo.path / "out" / "protected" / "orders")).key]["label"]
    assert "PCI DSS" in before["regimes"]
    assert after["regimes"] == ["CCPA", "GDPR"]
    masked = [row["card_number"] for row in demo.protected_rows("orders")]
    assert all(re.fullmatch(r"\*{11,12}\d{4}", card) for card in masked)


def test_protected_tables_join_with_as_many_rows_as_the_originals(demo):
    from deltalake import DeltaTable

    def frame(folder, name):
        return DeltaTable(str(demo.path / folder / name)).to_pandas()

    def joined(folder):
        left, right = frame(folder, "customers"), frame(folder, "orders")
        return len(left.merge(right, left_on="email", right_on="customer_email"))

    assert joined("data") == joined("out/protected") == len(frame("data", "orders")) > 0


def test_structure_and_counts_are_kept(demo):
    from deltalake import DeltaTable

    source = DeltaTable(str(demo.path / "data" / "customers"))
    copy = DeltaTable(str(demo.path / "out" / "protected" / "customers"))
    assert copy.metadata().partition_columns == source.metadata().partition_columns == ["region"]
    assert copy.to_pyarrow_table().num_rows == source.to_pyarrow_table().num_rows
    fields = [field.name for field in copy.schema().fields]
    assert fields[:-2] == [field.name for field in source.schema().fields]
    ordered = {field.name: field.type for field in DeltaTable(str(demo.path / "out/protected/orders")).schema().fields}
    assert ordered["ordered_at"].type == "timestamp"
    said = [json.loads(line)["messages"] for line in (demo.path / "data" / "chats.jsonl").read_text().splitlines()]
    kept = [row["messages"] for row in demo.protected_rows("chats")]
    assert sorted(map(len, said)) == sorted(map(len, kept))


def test_the_verdict_file_says_what_the_exit_code_says(demo):
    verdicts = json.loads((demo.path / "out" / "verdicts.json").read_text())
    assert verdicts["exit_code"] == 0
    assert [dataset["name"] for dataset in verdicts["datasets"]] == list(NAMES)
    for dataset in verdicts["datasets"]:
        assert dataset["protected"]["proof"]["holds"]
        assert dataset["verdicts"] == {BOT: "clear", "private-model": "clear"}


def test_events_follow_the_specification(demo, shared):
    from jsonschema import Draft202012Validator
    from referencing import Registry as Schemas
    from referencing import Resource

    folder = shared / "spec" / "openlineage" / "spec"
    if not folder.is_dir():
        pytest.skip("needs ../shared/spec/openlineage, which is not there")
    documents = [json.loads(path.read_text()) for path in [folder / "OpenLineage.json", *folder.glob("facets/*.json")]]
    schemas = Schemas().with_resources((document["$id"], Resource.from_contents(document)) for document in documents)
    known = {document["$id"] for document in documents}

    def follows(reference, instance):
        validator = Draft202012Validator({"$ref": reference}, registry=schemas)
        assert not [error.message for error in validator.iter_errors(instance)], reference

    event_schema = next(name for name in known if name.endswith("/OpenLineage.json"))
    events = [json.loads(line) for line in (demo.home / "lineage" / "events.jsonl").read_text().splitlines()]
    facets = 0
    for event in events:
        follows(f"{event_schema}#/$defs/RunEvent", event)
        datasets = [*event.get("inputs", []), *event.get("outputs", [])]
        owners = [event["run"], event["job"], *datasets]
        for found in [o.get("facets", {}) for o in owners] + [
            d.get(side, {}) for d in datasets for side in ("inputFacets", "outputFacets")
        ]:
            for facet in found.values():
                assert facet["_schemaURL"].partition("#")[0] in known, facet["_schemaURL"]
                follows(facet["_schemaURL"], facet)
                facets += 1
    assert facets > 0
    ended = {event["run"]["runId"] for event in events if event["eventType"] == "COMPLETE"}
    assert ended == {event["run"]["runId"] for event in events if event["eventType"] == "START"}
    assert {event["eventType"] for event in events} == {"START", "COMPLETE"}
    masked = [
        source
        for event in events
        for output in event.get("outputs", [])
        for column in output.get("facets", {}).get("columnLineage", {}).get("fields", {}).values()
        for source in column["inputFields"]
        if any(step.get("masking") for step in source.get("transformations", []))
    ]
    assert masked, "column lineage says what was masked"


def test_nothing_of_the_data_is_left_behind(demo):
    """Streams, verdict file, and the home: its raw bytes, and its tables as they read."""
    raw = demo.raw_values()
    assert len(raw) > 1_500
    places = {"standard output": demo.out, "standard error": demo.err}
    files = [path for path in (demo.path / "out").rglob("*") if path.is_file() and "protected" not in path.parts]
    for path in [*files, *(demo.path / "out" / "protected").rglob("_delta_log/*.json")]:
        places[str(path.relative_to(demo.path))] = path.read_bytes().decode("utf-8", "replace")
    for name in TABLES:
        places[f"registry table {name}"] = json.dumps(rows(demo, name), default=str, ensure_ascii=False)
    assert any(path.endswith("events.jsonl") for path in places)
    for place, text in places.items():
        assert not [value for value in raw if value in text], place


@pytest.mark.parametrize("name", NAMES)
def test_the_copies_hold_no_address_and_no_card(demo, name):
    text = json.dumps(demo.protected_rows(name), default=str, ensure_ascii=False)
    assert not re.findall(r"[\w.]+@example\.(?:com|org|net)", text)
    raw = {value for value in demo.raw_values() if re.fullmatch(r"\d{15,16}|(\d{4} ){3}\d{4}", value)}
    assert not [value for value in raw if value in text]


def test_the_key_is_in_neither_the_project_nor_the_data(demo):
    assert demo.key_file.stat().st_mode & 0o777 == 0o600
    secrets = re.findall(r'"([^"]{32,})"', demo.key_file.read_text())
    assert secrets
    for path in (path for path in demo.path.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path


def test_a_step_that_fails_ends_the_demo(demo, tmp_path):
    """A broken file is told before Spark starts, and the exit code says that the story did not come true."""
    import shutil

    copy = Path(shutil.copytree(demo.path, tmp_path / "copy", ignore=shutil.ignore_patterns("data", "out")))
    (copy / "solutions.yaml").write_text("solutions: [{name: nobody}]\n")
    done = subprocess.run(
        [sys.executable, str(copy / "demo.py")], env=demo.env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "not as told" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (copy / "out" / "protected").exists()


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text_of(notebook):
    """Everything that its outputs say, pictures aside."""
    return json.dumps(
        [{k: v for k, v in out.get("data", out).items() if k != "image/png"} for out in outputs(notebook)],
        ensure_ascii=False,
    )


@pytest.fixture
def saved():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(demo):
    from nbclient import NotebookClient

    assert demo.code == 0, demo.out + demo.err
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    env = {
        **demo.env,
        "CLEARANCE_PROJECT": str(demo.path),
        "CLEARANCE_HOME": str(demo.home),
        "CLEARANCE_KEY_FILE": str(demo.path / "no-key-is-needed"),
    }
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute(env=env)
    return notebook


def test_it_shows_findings_shapes_verdicts_and_records(executed):
    text = text_of(executed)
    for expected in ("CREDIT_CARD", "card_number", "9999999999999999", "conflict", "clear", "keep last 4", "holds"):
        assert expected in text, expected
    assert "undecidable" not in text


def test_it_draws_a_chart(executed):
    pictures = [out["data"]["image/png"] for out in outputs(executed) if "image/png" in out.get("data", {})]
    assert len(pictures) == 1
    assert len(pictures[0]) > 10_000


def test_its_output_holds_no_value_and_no_path(executed, demo):
    text = text_of(executed)
    assert not [value for value in demo.raw_values() if value in text]
    assert str(demo.path) not in text


def test_the_saved_output_is_whole_and_holds_no_value_and_no_path(saved, demo):
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in out.get("data", {}) for out in outputs(saved))
    assert not [out for out in outputs(saved) if out.output_type == "error"]
    text = NOTEBOOK.read_text()
    assert not [value for value in demo.raw_values() if value in text]
    assert not [
        place for place in ("/home/", "/root", "/work", "/tmp", "/Users/", "file://") if place in text_of(saved)
    ]
    assert NOTEBOOK.stat().st_size < 300_000


def test_the_saved_output_is_what_it_says_today(saved, executed):
    """The findings are the same rows every time: an old picture of them would mislead."""

    def findings(notebook):
        return next(
            out["data"]["text/plain"]
            for out in outputs(notebook)
            if "entity type" in out.get("data", {}).get("text/plain", "") and "share" in out["data"]["text/plain"]
        )

    assert findings(saved) == findings(executed), "run the demo, then the notebook, and save it"
