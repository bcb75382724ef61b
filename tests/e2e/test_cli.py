"""The command line as a user has it: one story told once, and what each command then says of it."""

import html
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

POLICY = """\
version: 1
name: stricter
extends: default
entity_types:
  DATE_TIME: {level: restricted, categories: [user.behavior], method: redact}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory, new_project, write_csv):
    """A project in which a folder was run: one sensitive table, one harmless one, one that is broken."""
    project = new_project(tmp_path_factory.mktemp("shop"))
    write_csv(project.path / "in" / "people.csv", 40)
    project.write("in/plain.csv", "n,word\n1,apple\n2,pear\n")
    project.write("in/broken.parquet", "PAR1 nothing PAR1")
    said = project(
        "run", "in", "--solution", "public-bot", "--solution", "private-model", "--no-ner", "--format", "json",
        "--log-format", "json",
    )  # fmt: skip
    return project, said


def test_a_failing_dataset_stops_its_own_chain_only(shop):
    _, said = shop
    done = {d["name"]: d for d in said.ended(5).json["datasets"]}
    assert done.keys() == {"broken", "people", "plain"}
    assert "broken.parquet" in done["broken"]["error"]["message"]
    people = done["people"]
    assert [c["verdict"] for c in people["before"]] == ["conflict", "clear"]
    assert [(c["solution"], c["verdict"]) for c in people["after"]] == [("public-bot", "clear")]
    assert done["plain"]["protected"] is None and done["plain"]["error"] is None
    assert said.json["exit_code"] == 5


def test_the_verdict_file_says_what_the_exit_code_can_not(shop):
    project, said = shop
    verdicts = json.loads((project.home / "verdicts.json").read_text())
    assert verdicts["exit_code"] == 5 and verdicts["run_id"] == said.json["run_id"]
    assert {d["name"] for d in verdicts["datasets"]} == {"broken", "people", "plain"}


def test_progress_is_one_json_object_a_line(shop):
    lines = [json.loads(line) for line in shop[1].err.splitlines()]
    assert {"starting Spark", "scanning", "scanned", "protecting", "published", "failed"} <= {e["event"] for e in lines}
    assert all(e["time"] and (e.get("dataset") or e["event"] == "starting Spark") for e in lines)


def test_one_parent_run_in_the_lineage(shop):
    project, said = shop
    events = project("lineage", "show", "--format", "json").ended().json["events"]
    parents = {e["run"]["facets"]["parent"]["run"]["runId"] for e in events if "parent" in e["run"]["facets"]}
    assert parents == {said.json["run_id"]}
    started = {e["run"]["runId"] for e in events if e["eventType"] == "START"}
    ended = {e["run"]["runId"] for e in events if e["eventType"] in ("COMPLETE", "FAIL")}
    assert started == ended
    table = project("lineage", "show", "protected/people").ended().out
    assert "clearance.protect" in table and "COMPLETE" in table


def test_check_says_no_before_and_yes_after(shop):
    project, _ = shop
    before = project("check", "in/people.csv", "--solution", "public-bot", "--format", "json").ended(3).json
    assert before["verdict"] == "conflict"
    assert {"rule", "column", "facts", "remedy", "where", "definite", "waived"} == set(before["conflicts"][0])
    assert {"email", "card", "phone"} <= {c["column"] for c in before["conflicts"]}
    after = project("check", "protected/people", "--solution", "public-bot", "--format", "json").ended(0).json
    assert (after["verdict"], after["conflicts"]) == ("clear", [])
    project("check", "in/people.csv", "--solution", "private-model").ended(0)
    shown = project("check", "in/people.csv", "--solution", "public-bot", "--solution", "private-model").ended(3).out
    assert "remedy" in shown and "clear" in shown


def test_what_check_suggests_clears_when_it_is_run(shop):
    project, _ = shop
    said = project("check", "in/people.csv", "--solution", "public-bot", "--suggest", "fix", "--format", "sarif").ended(
        3
    )
    assert "clearance run fix/plan.yml" in said.err
    assert {r["kind"] for r in said.json["runs"][0]["results"]} == {"fail"}
    project("run", "fix/plan.yml").ended(0)
    project("check", "fix/protected/people", "--solution", "public-bot", "--policy", "fix/policy.yaml").ended(0)
    again = project("check", "in/people.csv", "--solution", "public-bot", "--suggest", "fix").failed(5)
    assert "is there already" in again.err


def test_check_refuses_what_it_can_not_know(shop):
    project, _ = shop
    said = project("check", "in/people.csv", "--solution", "public-boot").failed(2)
    assert "public-bot" in said.err
    project.write("unknown.csv", "a\n1\n")
    nothing = project("check", "unknown.csv", "--solution", "public-bot", "--format", "json").ended(5).json
    assert (nothing["verdict"], nothing["state"]) == ("undecidable", "unlabelled")
    project("check", "in/people.csv", "--solution", "public-bot", "--solutions", "nowhere.yaml").failed(2)


def test_what_changed_since_its_scan_is_undecidable(shop):
    project, _ = shop
    path = project.path / "in" / "plain.csv"
    project("check", "in/plain.csv", "--solution", "public-bot").ended(0)
    kept = path.stat()
    path.write_text(path.read_text() + "3,cherry\n")
    changed = project("check", "in/plain.csv", "--solution", "public-bot", "--format", "json").ended(5).json
    assert (changed["verdict"], changed["state"]) == ("undecidable", "changed")
    assert "scan" in project("label", "in/plain.csv").failed(5).err
    path.write_text("n,word\n1,apple\n2,pear\n")
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    project("check", "in/plain.csv", "--solution", "public-bot").ended(0)


def test_what_is_on_record_can_not_be_argued_away(shop):
    project, _ = shop
    project("label", "in/people.csv", "--fact", "region=eu").ended()
    said = project("check", "in/people.csv", "--solution", "private-model", "--fact", "region=us")
    said.failed(2)
    assert "declared" in said.err


def test_another_policy_gives_another_label_without_spark(shop):
    project, _ = shop
    project.write("stricter.yaml", POLICY)
    said = project("label", "in/people.csv", "--policy", "stricter.yaml", "--format", "json").ended()
    assert said.json["label"]["level"] == "restricted"
    told = project("explain", "in/people.csv#email", "--format", "json").ended().json
    assert told["columns"][0]["path"] == "email"
    assert told["columns"][0]["findings"][0]["entity_type"] == "EMAIL_ADDRESS"
    assert told["policy"] == "stricter.yaml"
    project("label", "in/people.csv").ended()


def test_explain_and_registry_and_audit(shop):
    project, _ = shop
    shown = project("explain", "in/people.csv").ended().out
    assert "EMAIL_ADDRESS" in shown and "rule" in shown
    assert "email" in project("explain", "in/people.csv#nonsense").failed(2).err
    assert "clearance scan" in project("explain", "nowhere.csv").failed(5).err
    assert "protected from" in project("explain", "protected/people").ended().out
    everything = project("registry", "show", "--format", "json").ended().json["datasets"]
    assert {Path(d["dataset"]).name for d in everything} >= {"people.csv", "plain.csv", "people"}
    one = project("registry", "show", "protected/people", "--format", "json").ended().json
    assert one["protections"] and one["verdicts"][0]["verdict"] == "clear"
    assert "holds" in project("audit", "verify").ended().out
    assert "publish" in project("audit").ended().out


def test_a_report_tells_of_a_real_run_what_check_and_verify_say(shop):
    project, _ = shop
    said = (
        project("report", "in/people.csv", "protected/people", "--solution", "public-bot", "--to", "r.html")
        .ended(0)
        .out
    )
    assert said == "r.html: 2 datasets, 1 of which needs action\n"
    page = html.unescape((project.path / "r.html").read_text())
    for name in ("in/people.csv", "protected/people"):
        code = {"in/people.csv": 3, "protected/people": 0}[name]
        checked = project("check", name, "--solution", "public-bot", "--format", "json").ended(code).json
        assert all(conflict["remedy"] in page for conflict in checked["conflicts"])
    proof = project("verify", "protected/people", "--format", "json").ended(0).json["proof"]
    assert f"{proof['checked_cells']:,} cells and {proof['checked_texts']:,} texts" in page
    assert "Proved, and the signature holds." in page
    assert "Protected from" in page and "signed proof" in page
    rows = (project.path / "in" / "people.csv").read_text().splitlines()[1:]
    values = {value.strip('"') for row in rows for value in row.split(",") if len(value) > 8}
    assert values and not {value for value in values if value in page}


def test_a_text_is_looked_at_from_standard_input(project):
    said = project("scan", "--text", "-", "--no-ner", "--format", "json", stdin="Ask zoë@x.com or mara@mail.com.\n")
    spans = said.ended().json["spans"]
    assert {"start", "end", "entity_type", "score", "detector"} == set(spans[0])
    assert (spans[-1]["start"], spans[-1]["end"], spans[-1]["entity_type"]) == (17, 30, "EMAIL_ADDRESS")
    assert "nothing found" in project("scan", "--text", "-", "--no-ner", stdin="nothing here").ended().out
    project("scan", "--text", "nowhere.txt").failed(5)


BAD = {
    "no such command": (["scam"], 2),
    "no dataset": (["scan"], 2),
    "nothing there": (["scan", "nowhere.csv"], 5),
    "an unknown format": (["scan", "t.csv", "--input-format", "xlsx"], 2),
    "a bad option": (["scan", "t.csv", "--option", "sep"], 2),
    "a bad fact": (["scan", "t.csv", "--fact", "colour"], 2),
    "a version and a time": (["scan", "t.csv", "--version", "1", "--timestamp", "2020-01-01"], 2),
    "a bad policy": (["check", "t.csv", "--solution", "public-bot", "--policy", "bad.yaml"], 2),
    "no policy": (["check", "t.csv", "--solution", "public-bot", "--policy", "none.yaml"], 2),
    "no target": (["protect", "t.csv"], 2),
    "no key": (["protect", "t.csv", "--to", "out", "--key-file", "none.json"], 5),
    "a loose key": (["protect", "t.csv", "--to", "out", "--key-file", "loose.json"], 5),
    "a target that is something else": (["protect", "t.csv", "--to", "t.csv"], 5),
    "a target nobody can write": (["protect", "t.csv", "--to", "/proc/clearance/out"], 5),
    "parquet over something": (["protect", "t.csv", "--to", "t.csv", "--to-format", "parquet"], 5),
    "no plan": (["run", "plan.yml"], 2),
    "a bad plan": (["run", "bad.yaml"], 2),
    "a run for nobody": (["run", "t.csv"], 2),
    "a run for a stranger": (["run", "t.csv", "--solution", "stranger"], 2),
    "records without a target": (["label", "t.csv", "--records"], 2),
    "a label without a scan": (["label", "t.csv"], 5),
    "a folder that is no dataset": (["scan", "hollow"], 5),
    "a glob that matches nothing": (["scan", "*.orc"], 5),
}


@pytest.mark.parametrize("name", [n for n in BAD if n != "a run for a stranger"])
def test_bad_input_is_one_clear_line(name, project):
    """Told before Spark starts, so that nobody waits ten seconds for a typing error."""
    arguments, code = BAD[name]
    project.write("t.csv", "a\n1\n")
    project.write("bad.yaml", "version: 1\ncolour: red\n")
    project.write("loose.json", "{}").chmod(0o644)
    (project.path / "hollow").mkdir()
    before = sorted(project.path.rglob("*"))
    said = project(*arguments, JAVA_HOME="/nowhere")
    said.failed(code)
    assert "Java" not in said.err
    left = [p for p in sorted(project.path.rglob("*")) if p not in before and "home" not in p.parts]
    assert left in ([], [project.path / ".clearance-staging"]), left


def test_java_that_is_missing_is_told(project):
    project.write("t.csv", "a\n1\n")
    said = project("scan", "t.csv", JAVA_HOME="/nowhere").failed(5)
    assert "Spark needs Java" in said.err and "JDK" in said.err


def test_a_verdict_file_is_written_when_nothing_could_be_run(project):
    project.write("t.csv", "a\n1\n")
    project.write("policy.yaml", "version: 1\nname: x\nlevel: red\n")
    project("run", "t.csv", "--solution", "public-bot").failed(2)
    verdicts = json.loads((project.home / "verdicts.json").read_text())
    assert verdicts["exit_code"] == 2 and "policy.yaml" in verdicts["error"]["message"]


def test_help_names_every_command_and_its_codes(project):
    shown = project("--help").ended().out
    for command in ("init", "doctor", "scan", "label", "protect", "check", "run", "explain", "lineage", "audit"):
        assert command in shown
        assert "Usage" in project(command, "--help").ended().out
    assert "5 undecidable" in " ".join(shown.split())


def test_init_makes_what_is_needed_once(project):
    key = project.path / "config" / "keys.json"
    said = project("init", "--starter", CLEARANCE_KEY_FILE=str(key)).ended()
    assert "created" in said.out and key.stat().st_mode & 0o777 == 0o600
    assert "was there" in said.out, "solutions.yaml was there before"
    content = key.read_bytes()
    assert "was there" in project("init", CLEARANCE_KEY_FILE=str(key)).ended().out
    assert key.read_bytes() == content
    assert project("keys", "--format", "json", CLEARANCE_KEY_FILE=str(key)).ended().json["keys"][0]["writes"]
    assert (project.home / ".gitignore").read_text() == "*\n"


def test_records_are_labelled_in_a_copy_and_spark_submit_runs_a_plan(tmp_path, new_project, write_csv):
    """Two starts of Spark: the usual one, and one that spark-submit brings."""
    project = new_project(tmp_path)
    write_csv(project.path / "people.csv", 20)
    said = project("label", "people.csv", "--records", "--to", "labelled", "--no-ner", "--format", "json").ended()
    assert said.json["rows"] == 20 and said.json["label"]["level"] == "restricted"
    assert all(column["how"] == "keep" for column in said.json["columns"])
    project("check", "labelled", "--solution", "public-bot").ended(3)
    project("check", "labelled", "--solution", "private-model").ended(0)

    from clearance.jobs.session import _remembered_jars

    project.write(
        "plan.yml",
        "version: 1\nsolutions: solutions.yaml\ndetection: {ner: null}\nprotect: always\noutput: out\n"
        "datasets:\n  - {dataset: ./people.csv, name: crowd, solutions: public-bot}\n",
    )
    done = subprocess.run(
        [
            Path(sys.executable).with_name("spark-submit"), "--master", "local[2]",
            "--jars", ",".join(_remembered_jars()),
            "--conf", "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
            "--conf", "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "--conf", "spark.ui.enabled=false",
            Path(__file__).resolve().parents[2] / "jobs" / "cli.py", "run", "plan.yml", "--format", "json",
        ],
        cwd=project.path,
        env={**project.env, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert [c["verdict"] for c in result["datasets"][0]["after"]] == ["clear"]
    assert json.loads((project.home / "verdicts.json").read_text())["exit_code"] == 0
    project("check", "out/crowd", "--solution", "public-bot").ended(0)
