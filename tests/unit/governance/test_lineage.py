"""Lineage events follow the specification, are on disk before they are sent, and no run stays open for ever."""

import http.server
import json
import multiprocessing
import os
import signal
import threading
import uuid
from pathlib import Path

import pytest

from clearance.errors import DatasetError, LineageError, UsageError
from clearance.governance import lineage_schemas, lineage_spool
from clearance.governance.identity import dataset_identity
from clearance.governance.lineage import LineageRun, ParentRun, end_dead_runs, new_run_id
from clearance.governance.lineage_facets import (
    ColumnEdge,
    ColumnMetrics,
    column_lineage_facet,
    lineage_dataset,
    schema_facet,
)
from clearance.governance.lineage_spool import LineageSpool

SPECIFICATION = Path(__file__).resolve().parents[4] / "shared/spec/openlineage/spec"
SOURCE, TARGET = dataset_identity("s3a://lake/raw/users/"), dataset_identity("/data/users")
LABEL = {
    "level": "restricted",
    "categories": ["user.contact.email"],
    "regimes": ["GDPR"],
    "subjects": ["customer"],
}


def column(name, kind):
    return {"name": name, "type": kind, "nullable": True, "metadata": {"comment": "not for lineage"}}


SCHEMA = {
    "type": "struct",
    "fields": [
        column("id", "long"),
        column("user", {"type": "struct", "fields": [column("e.mail", "string")]}),
        column("tags", {"type": "map", "keyType": "string", "valueType": "decimal(10,2)"}),
        column(
            "calls",
            {"type": "array", "elementType": {"type": "struct", "fields": [column("at", "timestamp")]}},
        ),
    ],
}


@pytest.fixture(autouse=True)
def no_receiver(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def spool(tmp_path):
    return LineageSpool.for_home(str(tmp_path / "home"))


def source():
    metrics = {"id": ColumnMetrics(10, 0, 10), "user.`e.mail`": ColumnMetrics(10, 2)}
    return lineage_dataset(
        SOURCE,
        schema=SCHEMA,
        version="7",
        rows=10,
        metrics=metrics,
        label=LABEL,
        column_labels={"user.`e.mail`": LABEL},
    )


def target():
    edges = [
        ColumnEdge("id", SOURCE, "id", identity=True),
        ColumnEdge("user.`e.mail`", SOURCE, "user.`e.mail`", masking=True, description="token"),
        ColumnEdge("", SOURCE, "changed", filters=True, description="duplicates"),
    ]
    return lineage_dataset(
        TARGET, schema=SCHEMA, version="0", rows=10, size=2048, files=2, edges=edges, role="output", label=LABEL
    )


def full_run(spool):
    parent = LineageRun("run", spool, parent=ParentRun(new_run_id(), "airflow", "nightly.gate"))
    parent.start()
    child = LineageRun("protect", spool, parent=parent.as_parent, engine=("spark", "4.1.1"))
    child.start([source()], [target()])
    child.complete(label=LABEL)
    parent.fail(DatasetError("Nothing at /data/x.", hint="Check the path."))
    return list(spool.events())


def test_a_run_says_start_and_end_with_both_sides(spool):
    events = full_run(spool)
    assert [(e["job"]["name"], e["eventType"]) for e in events] == [
        ("run", "START"),
        ("protect", "START"),
        ("protect", "COMPLETE"),
        ("run", "FAIL"),
    ]
    for event in events[1:3]:
        assert [(d["namespace"], d["name"]) for d in event["inputs"]] == [("s3://lake", "raw/users")]
        assert [(d["namespace"], d["name"]) for d in event["outputs"]] == [("file", "/data/users")]
    done = events[2]
    assert done["run"]["facets"]["processing_engine"]["version"] == "4.1.1"
    parent = done["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == events[0]["run"]["runId"]
    assert parent["root"]["job"] == {"namespace": "airflow", "name": "nightly.gate"}
    assert events[3]["run"]["facets"]["errorMessage"]["message"] == "Nothing at /data/x."


def test_columns_tags_and_statistics_are_told(spool):
    done = full_run(spool)[2]
    facets = done["outputs"][0]["facets"]
    mail = facets["columnLineage"]["fields"]["user.`e.mail`"]
    assert mail["transformationType"] == "MASKED"
    assert mail["transformationDescription"] == "token"
    assert mail["inputFields"][0]["transformations"] == [
        {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "token", "masking": True}
    ]
    assert facets["columnLineage"]["fields"]["id"]["transformationType"] == "IDENTITY"
    statistics = done["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (10, 2048, 2)

    tags = {(t["key"], t["value"], t.get("field")) for t in done["inputs"][0]["facets"]["tags"]["tags"]}
    assert ("clearance.level", "restricted", None) in tags
    assert ("clearance.category", "user.contact.email", "user.`e.mail`") in tags
    assert {t["key"] for t in done["run"]["facets"]["tags"]["tags"]} == {
        "clearance.level",
        "clearance.category",
        "clearance.regime",
        "clearance.subject",
    }
    quality = done["inputs"][0]["inputFacets"]["dataQualityMetrics"]
    assert quality["columnMetrics"]["user.`e.mail`"] == {"nullCount": 2, "count": 10}
    assert done["inputs"][0]["facets"]["version"]["datasetVersion"] == "7"


def test_the_schema_facet_nests():
    fields = schema_facet(SCHEMA)["fields"]
    assert fields == [
        {"name": "id", "type": "long"},
        {"name": "user", "type": "struct", "fields": [{"name": "e.mail", "type": "string"}]},
        {
            "name": "tags",
            "type": "map",
            "fields": [{"name": "key", "type": "string"}, {"name": "value", "type": "decimal(10,2)"}],
        },
        {
            "name": "calls",
            "type": "array",
            "fields": [{"name": "_element", "type": "struct", "fields": [{"name": "at", "type": "timestamp"}]}],
        },
    ]


def test_masked_only_if_every_input_is():
    edges = [ColumnEdge("a", SOURCE, "x", masking=True), ColumnEdge("a", SOURCE, "y", identity=True)]
    assert "transformationType" not in column_lineage_facet(edges)["fields"]["a"]


def test_a_column_that_decides_which_records_stay_is_a_filter_of_the_whole_dataset():
    facet = column_lineage_facet(
        [ColumnEdge("", SOURCE, "x", filters=True), ColumnEdge("a", SOURCE, "a", identity=True)]
    )
    assert list(facet["fields"]) == ["a"]
    (deciding,) = facet["dataset"]
    assert deciding["field"] == "x"
    assert (deciding["transformations"][0]["type"], deciding["transformations"][0]["subtype"]) == ("INDIRECT", "FILTER")


def test_events_validate_against_the_specification_itself(spool):
    if not SPECIFICATION.is_dir():
        pytest.skip(f"the specification is not at {SPECIFICATION}")
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    paths = [SPECIFICATION / "OpenLineage.json", *SPECIFICATION.glob("facets/*.json")]
    documents = [json.loads(path.read_text()) for path in paths]
    registry = referencing.Registry().with_resources(
        (d["$id"], referencing.Resource.from_contents(d)) for d in documents
    )
    packaged = lineage_schemas._bundle()
    assert {d["$id"]: d for d in documents if d["$id"] in packaged} == packaged

    checked = 0
    for event in full_run(spool):
        jsonschema.Draft202012Validator(documents[0], registry=registry).validate(event)
        for _, facet in lineage_schemas._facets(event):
            reference = {"$ref": facet["_schemaURL"]}
            jsonschema.Draft202012Validator(reference, registry=registry).validate(facet)
            checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    "spoil",
    [
        lambda e: e.pop("eventType"),
        lambda e: e.update(eventType="DONE"),
        lambda e: e.update(eventTime="yesterday, canary"),
        lambda e: e["run"].update(runId="canary"),
        lambda e: e["job"].pop("name"),
        lambda e: e["outputs"][0].pop("namespace"),
        lambda e: e["outputs"][0]["facets"]["version"].update(datasetVersion=7),
        lambda e: e["outputs"][0]["facets"]["version"].pop("_producer"),
        lambda e: e["outputs"][0]["facets"]["columnLineage"].pop("fields"),
        lambda e: e["inputs"][0]["inputFacets"]["dataQualityMetrics"].update(rowCount="canary"),
        lambda e: e["inputs"][0]["facets"]["dataQualityMetrics"].update(rowCount="canary"),
        lambda e: e["run"]["facets"].update(odd={"_producer": "x:y", "_schemaURL": "https://canary.example"}),
    ],
)
def test_an_event_that_breaks_the_specification_is_refused(spool, spoil):
    event = full_run(spool)[2]
    spoil(event)
    with pytest.raises(LineageError) as raised:
        lineage_schemas.validate(event)
    assert "canary" not in str(raised.value)


def test_the_message_of_a_foreign_error_stays_out(spool):
    run = LineageRun("scan", spool)
    run.start()
    run.fail(ValueError("canary@example.org is not a number"))
    text = spool.path.read_text()
    assert "canary" not in text
    assert '"message":"ValueError"' in text


def test_a_run_ends_once_and_after_its_start(spool):
    run = LineageRun("scan", spool)
    with pytest.raises(LineageError):
        run.complete()
    run.start()
    with pytest.raises(LineageError):
        run.start()
    run.complete()
    with pytest.raises(LineageError):
        run.fail(ValueError())
    assert len(list(spool.events())) == 2


def test_run_ids_are_uuids_of_version_7_in_order():
    first, second = uuid.UUID(new_run_id()), uuid.UUID(new_run_id())
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 <= second.int >> 80
    assert first != second


def test_the_scheduler_is_the_parent(monkeypatch):
    assert ParentRun.from_environment() is None
    run_id = new_run_id()
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/dag.task/{run_id}")
    assert ParentRun.from_environment() == ParentRun(run_id, "airflow", "dag.task")
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", "nonsense")
    with pytest.raises(LineageError):
        ParentRun.from_environment()


def test_half_a_line_swallows_nothing(spool):
    full_run(spool)
    with spool.path.open("ab") as file:
        file.write(b'{"eventType":"STA')
    LineageRun("scan", spool).start()
    assert len(list(spool.events())) == 5


def test_reading_creates_nothing(spool, tmp_path):
    assert list(spool.events()) == []
    assert spool.deliver(force=True) == 0
    assert end_dead_runs(spool) == []
    assert os.listdir(tmp_path) == []


def test_a_spool_that_can_not_be_written(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(LineageError) as raised:
        LineageRun("scan", LineageSpool.for_home(str(tmp_path / "home"))).start()
    assert raised.value.hint


def _run_many(folder, count):
    spool = LineageSpool(Path(folder))
    for _ in range(count):
        run = LineageRun("scan", spool)
        run.start([source()])
        run.complete()


def test_a_spool_that_can_not_be_read_is_told(spool):
    spool.path.mkdir(parents=True)
    with pytest.raises(LineageError, match="can't be read"):
        list(spool.events())


def test_writers_at_once_mix_no_lines(spool):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_run_many, args=(str(spool.folder), 10)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    assert len(spool.path.read_bytes().splitlines()) == len(list(spool.events())) == 80


def _die_in_a_run(folder):
    LineageRun("protect", LineageSpool(Path(folder))).start([source()], [target()])
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_run_is_failed_once_with_its_outputs(spool):
    alive = LineageRun("scan", spool)
    alive.start()
    child = multiprocessing.get_context("spawn").Process(target=_die_in_a_run, args=(str(spool.folder),))
    child.start()
    child.join(timeout=60)
    assert child.exitcode == -signal.SIGKILL

    (run_id,) = end_dead_runs(spool)
    end = list(spool.events())[-1]
    assert (end["eventType"], end["run"]["runId"]) == ("FAIL", run_id)
    assert [d["name"] for d in end["outputs"]] == ["/data/users"]
    lineage_schemas.validate(end)
    assert end_dead_runs(spool) == []
    alive.complete()


def test_a_run_of_another_kernel_is_dead_only_without_signs_of_life(spool, monkeypatch):
    child = multiprocessing.get_context("spawn").Process(target=_die_in_a_run, args=(str(spool.folder),))
    child.start()
    child.join(timeout=60)
    # As if the home were shared by a file system that passes no locks on.
    monkeypatch.setattr(lineage_spool, "kernel", lambda: "another")
    assert end_dead_runs(spool) == []
    (mark,) = (spool.folder / "open").iterdir()
    os.utime(mark, (0, 0))
    assert end_dead_runs(spool) == [mark.stem]


def test_a_mark_that_says_nothing_stops_nobody(spool):
    (spool.folder / "open").mkdir(parents=True)
    for name, text in {"a": "", "b": "[]", "c": '{"eventType":"START"}'}.items():
        (spool.folder / "open" / f"{name}.json").write_text(text)
    assert end_dead_runs(spool) == []
    assert list((spool.folder / "open").iterdir()) == []


class Receiver:
    """An OpenLineage endpoint; ``status`` is what it answers."""

    def __init__(self):
        self.events, self.status = [], 201
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status < 300:
                    receiver.events.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def http_transport(url):
    return json.dumps({"type": "http", "url": url, "timeout": 2, "retry": {"total": 0}, "compression": None})


def test_a_receiver_gets_every_event_once_and_in_order(spool, receiver, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", http_transport(receiver.url))
    events = full_run(spool)
    assert [(e["run"]["runId"], e["eventType"]) for e in receiver.events] == [
        (e["run"]["runId"], e["eventType"]) for e in events
    ]
    assert spool.deliver(force=True) == 0
    sent = receiver.events[2]
    assert sent["outputs"] == events[2]["outputs"]
    assert {"key": "clearance.level", "value": "restricted", "source": "CLEARANCE"} in sent["run"]["facets"]["tags"][
        "tags"
    ]


def test_a_receiver_that_is_down_loses_nothing_and_fails_nobody(spool, receiver, monkeypatch):
    receiver.status = 503
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", http_transport(receiver.url))
    events = full_run(spool)
    assert receiver.events == []
    receiver.status = 201
    assert LineageSpool(spool.folder).deliver() == 0  # left alone for a minute, by every run
    assert LineageSpool(spool.folder).deliver(force=True) == 4
    assert [e["eventType"] for e in receiver.events] == [e["eventType"] for e in events]


def test_a_receiver_that_fails_midway_gets_the_rest_later(spool, receiver, monkeypatch):
    full_run(spool)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", http_transport(receiver.url))
    receiver.status = 503
    assert spool.deliver(force=True) == 0
    receiver.status = 201
    LineageRun("scan", spool).start()  # within the pause: written, not sent
    assert receiver.events == []
    assert spool.deliver(force=True) == 5


def test_a_file_named_in_openlineage_yml(spool, tmp_path):
    (tmp_path / "openlineage.yml").write_text(
        f"transport:\n  type: file\n  log_file_path: {tmp_path}/sent.jsonl\n  append: true\n"
    )
    full_run(spool)
    assert len((tmp_path / "sent.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("setting", ["disabled", "broken"])
def test_silenced_or_broken_configuration_keeps_events_for_later(spool, setting, tmp_path, monkeypatch, receiver):
    if setting == "disabled":
        monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT", http_transport(receiver.url))
    else:
        (tmp_path / "openlineage.yml").write_text("transport: [")
    full_run(spool)
    monkeypatch.delenv("OPENLINEAGE_DISABLED", raising=False)
    (tmp_path / "openlineage.yml").unlink(missing_ok=True)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", http_transport(receiver.url))
    assert spool.deliver(force=True) == 4


def test_a_spool_begun_anew_is_sent_from_its_start(spool, receiver, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", http_transport(receiver.url))
    full_run(spool)
    spool.path.unlink()
    LineageRun("scan", spool).start()
    assert len(receiver.events) == 5


def test_an_object_store_home_keeps_its_spool_here(tmp_path):
    found = LineageSpool.for_home("s3://bucket/x").folder
    assert found == LineageSpool.for_home("s3://bucket/x/").folder == LineageSpool.for_home("s3a://bucket/x").folder
    with pytest.raises(UsageError, match="credential"):  # it would be the folder's name
        LineageSpool.for_home("s3://me:canary-7@bucket/x")
    assert found.is_relative_to(tmp_path / ".clearance") and found.name == "lineage"
    others = {LineageSpool.for_home(home).folder for home in ("s3://bucket/y", "s3://bucket", ".clearance")}
    assert len({found, *others}) == 4  # heads and dead runs of one are not the other's
