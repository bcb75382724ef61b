"""The inventory of solutions: which models learned from what, what was read, and what may be, as files to review."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.governance.labels import Label, combine
from clearance.governance.policy import Policy, load_policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.governance.solutions import load_solutions
from clearance.jobs.cli import run

POLICY = load_policy()
NOTHING = Label(POLICY.levels.bottom)
TABLE = "table:lake.crm.people"
SOLUTIONS = """\
solutions:
  - name: churn
    owner: growth@example.org
    business_owner: head-of-growth@example.org
    technical_owner: ml@example.org
    provider: in-house
    hosting: private
    clearance: internal
    usage: [training, inference]
    regimes: [GDPR, CCPA]
    inputs_may_train: true
    retention_days: 30
    jobs: ["ml/churn.*"]
    principals: {unity_catalog: churn-sp, lake_formation: "arn:aws:iam::123456789012:role/churn", ranger: churn_role}
    models:
      - {name: churn, version: "3", learned_from: [{dataset: "table:lake.crm.features", version: "7"}]}
      - {name: churn, version: "4", learned_from: [{dataset: table:lake.crm.safe}, {dataset: table:lake.crm.people}]}
  - {name: bot, owner: web, hosting: public, clearance: public, usage: [rag], regimes: []}
"""


class Shop:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys, self.registry = folder, capsys, Registry(folder / ".clearance")
        self.err = ""
        (folder / "solutions.yaml").write_text(SOLUTIONS)

    @property
    def policy(self) -> Policy:
        return load_policy("policy.yaml") if Path("policy.yaml").exists() else POLICY

    def labelled(self, ref: str, roles: Any = None, **columns: str | None) -> None:
        labels = {path: POLICY.label_of(kind) if kind else NOTHING for path, kind in columns.items()}
        types = {path: [kind] if kind else [] for path, kind in columns.items()}
        row = {
            "dataset": dataset_identity(ref).key, "version": "1", "kind": "source",
            "label": combine(labels.values(), POLICY.levels).to_dict(),
            "columns": {path: {**label.to_dict(), "entity_types": types[path]} for path, label in labels.items()},
            "policy_digest": self.policy.label_digest, "observation": {"kind": "none", "version": "1"}, "facts": {},
            "looked": {"ner": None, "texts": [], "coverage": {"mode": "full", "rows": 1, "rows_read": 1},
                       "roles": roles or {}},
        }  # fmt: skip
        with Audit(self.registry).filing("label", [("labels", row)], run_id=new_run_id(), dataset=str(row["dataset"])):
            pass

    def imports(self, *hops: tuple[str, list[str], str | None]) -> None:
        """Events of foreign jobs: name, tables read, table written."""

        def named(table: str) -> dict[str, str]:
            return {"namespace": "table", "name": table.removeprefix("table:")}

        events = [
            {
                "eventType": "COMPLETE", "eventTime": "2026-11-28T06:00:00Z", "producer": "x", "schemaURL": "x",
                "run": {"runId": f"r{number}"}, "job": {"namespace": "ml", "name": job},
                "inputs": [named(one) for one in inputs], "outputs": [named(output)] if output else [],
            }
            for number, (job, inputs, output) in enumerate(hops)
        ]  # fmt: skip
        (self.folder / "events.json").write_text(json.dumps(events))
        self("lineage", "import", "events.json")

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        self._capsys.readouterr()
        ended = run(list(arguments))
        out, self.err = self._capsys.readouterr()
        assert ended == code, self.err
        return json.loads(out) if "json" in arguments else out


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARANCE_HOME")
    return Shop(tmp_path, capsys)


def test_the_inventory_shows_what_was_declared(shop: Shop) -> None:
    told = {one["name"]: one for one in shop("solution", "list", "--format", "json")["solutions"]}
    assert told["churn"]["business_owner"] == "head-of-growth@example.org"
    assert told["bot"]["provider"] is None
    assert [model["version"] for model in told["churn"]["models"]] == ["3", "4"]
    shop.labelled(TABLE, mail="EMAIL_ADDRESS")
    shop("check", TABLE, "--solution", "churn", code=5)
    shown = shop("solution", "show", "churn", "--format", "json")
    assert [(row["dataset"], row["verdict"]) for row in shown["verdicts"]] == [(TABLE, "undecidable")]
    assert "learned from table:lake.crm.features version 7" in shop("solution", "show", "churn")
    assert "in-house" in shop("solution", "list")
    shop("solution", "show", "nobody", code=2)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("usage: [rag]\ninputs_may_train: true", "inputs may train it"),
        ("usage: [training]\nmodels: [{name: m, version: '1'}, {name: m, version: '1'}]", "m 1 is there twice"),
        ("usage: [training]\nmodels: [{name: m, version: '1', learned: []}]", "learned"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"name: s\nowner: o\nhosting: private\nclearance: internal\n{line}\n")
    with pytest.raises(Exception, match=told):
        load_solutions(file)


def test_impact_finds_models_through_lineage(shop: Shop) -> None:
    shop.imports(("features", ["table:lake.raw.events"], "table:lake.crm.features"))
    direct = shop("solution", "impact", TABLE, "--format", "json")["models"]
    assert [(m["solution"], m["version"], m["direct"]) for m in direct] == [("churn", "4", True)]
    (far,) = shop("solution", "impact", "table:lake.raw.events", "--format", "json")["models"]
    assert (far["version"], far["direct"], far["deidentified"]) == ("3", False, False)
    assert (far["learned_from"], far["dataset_version"]) == ("table:lake.crm.features", "7")
    assert "through lineage" in shop("solution", "impact", "table:lake.raw.events")
    shop.imports(("other", ["table:lake.raw.events"], "table:lake.raw.unused"))
    assert shop("solution", "impact", "table:lake.raw.unused", "--format", "json")["models"] == []
    # That no model learned from what nobody knows is no answer.
    for name, near in (("table:lake.raw.event", "table:lake.raw.events"), (f"{TABLE}x", TABLE)):
        shop("solution", "impact", name, code=5)
        assert f"did you mean {near}" in shop.err


def test_correlate_tells_where_inputs_and_inventory_disagree(shop: Shop) -> None:
    shop.imports(
        ("churn.train", ["table:lake.crm.features", "table:lake.crm.secret"], None),
        ("churn.score", ["table:lake.crm.holdout"], None),
        ("features", ["table:lake.raw.events"], "table:lake.crm.features"),
        ("holdout", ["table:lake.raw.events"], "table:lake.crm.holdout"),
        ("other.job", ["table:lake.crm.elsewhere"], None),
    )
    told = shop("solution", "correlate", "churn", "--format", "json", code=3)
    (solution,) = told["solutions"]
    found = {row["dataset"].removeprefix("table:lake.crm."): row for row in solution["datasets"]}
    assert found["features"]["findings"] == ["not clear"]
    assert found["features"]["read_by"] == ["ml/churn.train"]
    assert found["secret"]["findings"] == ["undeclared", "not clear"]
    assert "shares origins" in found["holdout"]["findings"]
    assert found["holdout"]["shares_with"] == ["table:lake.crm.features"]
    assert "not seen" in found["safe"]["findings"]
    assert "elsewhere" not in found
    assert "undeclared" in shop("solution", "correlate", "churn", code=3)
    assert shop("solution", "correlate", "bot", "--format", "json")["solutions"][0]["datasets"] == []


def test_a_dataset_with_a_plus_in_its_path_is_compared_as_any_other(shop: Shop) -> None:
    shop.imports(("churn.train", ["table:lake.crm.features", "file:///lake/R + D/x.csv"], None))
    told = shop("solution", "correlate", "churn", "--format", "json", code=3)["solutions"][0]["datasets"]
    assert [row["findings"] for row in told if " + " in row["dataset"]] == [["undeclared", "not clear"]]


def test_a_verdict_of_another_policy_does_not_make_what_was_read_clear(shop: Shop) -> None:
    shop.imports(("churn.train", ["table:lake.crm.features"], None))
    row = {
        "dataset": "table:lake.crm.features", "solution": "churn", "verdict": "clear", "conflicts": [], "version": "1",
        "policy_digest": "milder", "label": NOTHING.to_dict(), "state": "current", "facts": {},
        "solution_digest": load_solutions("solutions.yaml")["churn"].digest,
    }  # fmt: skip

    def findings() -> list[str]:
        (told,) = shop("solution", "correlate", "churn", "--format", "json", code=3)["solutions"]
        (one,) = (each for each in told["datasets"] if each["dataset"] == "table:lake.crm.features")
        return list(one["findings"])

    shop.registry.append("verdicts", [row], run_id="a")
    assert "not clear" in findings()
    shop.registry.append("verdicts", [{**row, "policy_digest": shop.policy.verdict_digest}], run_id="b")
    assert "not clear" not in findings()


def test_each_version_that_a_model_learned_from_is_compared(shop: Shop) -> None:
    older = '{name: churn, version: "2", learned_from: [{dataset: "table:lake.crm.features", version: "6"}]}'
    (shop.folder / "solutions.yaml").write_text(SOLUTIONS.replace("  models:", f"  models:\n      - {older}"))
    shop.imports(("churn.train", ["table:lake.crm.features"], None))
    row = {
        "dataset": "table:lake.crm.features", "solution": "churn", "verdict": "clear", "conflicts": [],
        "policy_digest": shop.policy.verdict_digest, "label": NOTHING.to_dict(), "state": "current", "facts": {},
        "solution_digest": load_solutions("solutions.yaml")["churn"].digest,
    }  # fmt: skip

    def findings() -> list[str]:
        (told,) = shop("solution", "correlate", "churn", "--format", "json", code=3)["solutions"]
        (one,) = (each for each in told["datasets"] if each["dataset"] == "table:lake.crm.features")
        assert one["versions"] == ["6", "7"]
        return list(one["findings"])

    shop.registry.append("verdicts", [{**row, "version": "7"}], run_id="a")
    assert findings() == ["other version"]
    shop.registry.append("verdicts", [{**row, "version": "6", "verdict": "conflict"}], run_id="b")
    shop.registry.append("verdicts", [{**row, "version": "7"}], run_id="c")
    assert findings() == ["other version"]
    shop.registry.append("verdicts", [{**row, "version": "6"}], run_id="d")
    assert findings() == []


def test_grants_give_what_the_rules_give_column_by_column(shop: Shop) -> None:
    shop.labelled(TABLE, mail="EMAIL_ADDRESS", **{"plan": None, "address.`zip code`": "US_SSN", "address.city": None})
    shop.labelled("table:lake.crm.safe", plan=None)
    shop.labelled("table:lake.crm.secret", ssn="US_SSN")
    shop.labelled("files/people.csv", mail="EMAIL_ADDRESS")
    told = shop("solution", "grants", "--to", "grants", "--format", "json")
    given = {one["dataset"].rpartition(".")[2]: one["columns"] for one in told["grants"]}
    # A field of a struct can't be kept from whoever has the struct.
    assert given == {"people": ["plan"], "safe": None, "secret": []}
    assert any("files/people.csv: no table" in line for line in told["left"])
    assert "bot: its profile names no principals" in told["left"]
    sql = (shop.folder / "grants" / "unity-catalog.sql").read_text()
    assert "GRANT SELECT ON TABLE `lake`.`crm`.`safe` TO `churn-sp`;" in sql
    assert "CREATE OR REPLACE VIEW `lake`.`crm`.`people_for_churn` AS SELECT `plan` FROM `lake`.`crm`.`people`;" in sql
    assert "REVOKE SELECT ON TABLE `lake`.`crm`.`secret` FROM `churn-sp`;" in sql
    assert "ON TABLE `lake`.`crm`.`people` TO" not in sql and "ON TABLE `lake`.`crm`.`secret` TO" not in sql


@pytest.mark.parametrize(
    ("rules", "why"), [("manifest: true", "missing: manifest of the dataset"), ("approval: true", "approval")]
)
def test_nothing_is_granted_that_a_check_would_not_clear(shop: Shop, rules: str, why: str) -> None:
    def given() -> Any:
        told = shop("solution", "grants", "--to", "grants", "--system", "unity-catalog", "--format", "json")
        return {one["dataset"].rpartition(".")[2]: (one["columns"], one["why"]) for one in told["grants"]}

    roles = {"yob": "DATE_OF_BIRTH", "sex": "GENDER", "plz": "ZIP_CODE"}
    shop.labelled(TABLE, roles=roles, plan=None, **dict.fromkeys(roles))
    [(columns, told)] = given().values()
    assert columns == ["plan"] and "combination at plz, sex, yob" in told
    Path("policy.yaml").write_text(f"version: 1\nname: ours\nextends: default\nrules: {{{rules}}}\n")
    shop.labelled(TABLE, plan=None)
    [(columns, told)] = given().values()
    assert columns == [] and any(why in line for line in told)


def test_grants_for_aws_are_requests_that_its_own_client_accepts(shop: Shop) -> None:
    session = pytest.importorskip("botocore.session").get_session()
    from botocore.validate import validate_parameters

    for number in range(23):
        shop.labelled(f"table:lake.crm.t{number}", plan=None)
    shop.labelled(TABLE, mail="EMAIL_ADDRESS", plan=None)
    shop("solution", "grants", "--to", "grants", "--system", "lake-formation")
    files = sorted((shop.folder / "grants").iterdir())
    assert [file.name for file in files] == ["lake-formation-1.json", "lake-formation-2.json"]
    shape = session.get_service_model("lakeformation").operation_model("BatchGrantPermissions").input_shape
    entries = []
    for file in files:
        request = json.loads(file.read_text())
        validate_parameters(request, shape)
        assert len({entry["Id"] for entry in request["Entries"]}) == len(request["Entries"]) <= 20
        entries += request["Entries"]
    resources = [entry["Resource"] for entry in entries]
    assert {"TableWithColumns": {"DatabaseName": "crm", "Name": "people", "ColumnNames": ["plan"]}} in resources
    # What is no longer derived is not left lying there.
    shop("solution", "grants", "table:lake.crm.t1", "--to", "grants", "--system", "lake-formation")
    assert [file.name for file in (shop.folder / "grants").iterdir()] == ["lake-formation-1.json"]


def test_where_nothing_can_be_granted_no_file_is_left(shop: Shop) -> None:
    shop.labelled(TABLE, plan=None)
    shop("solution", "grants", "--to", "grants")
    assert len(list((shop.folder / "grants").iterdir())) == 3
    shop.labelled("files/people.csv", plan=None)
    said = shop("solution", "grants", "files/people.csv", "--to", "grants", "--system", "ranger")
    assert "no file is written" in said and "no table" in said
    assert sorted(file.name for file in (shop.folder / "grants").iterdir()) == [
        "lake-formation-1.json",
        "unity-catalog.sql",
    ]
    shop("solution", "grants", "files/people.csv", "--to", "other")
    assert not (shop.folder / "other").exists()


def test_a_disk_that_is_full_leaves_no_half_of_the_grants(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    shop.labelled(TABLE, plan=None)
    monkeypatch.setattr("clearance.governance.anchors.os.fsync", full)
    shop("solution", "grants", "--to", "grants", code=2)
    assert list((shop.folder / "grants").iterdir()) == []


def test_grants_for_ranger_deny_what_they_do_not_allow(shop: Shop) -> None:
    shop.labelled(TABLE, mail="EMAIL_ADDRESS", plan=None)
    shop.labelled("table:lake.crm.secret", ssn="US_SSN")
    shop("solution", "grants", "--to", "grants", "--system", "ranger")
    policies = json.loads((shop.folder / "grants" / "ranger.json").read_text())["policies"]
    people, secret = policies
    assert people["resources"]["column"]["values"] == ["plan"]
    assert (people["policyItems"][0]["roles"], people["denyPolicyItems"]) == (["churn_role"], [])
    assert secret["policyItems"] == [] and secret["denyPolicyItems"][0]["roles"] == ["churn_role"]
    assert secret["resources"]["column"]["values"] == ["*"]


def test_what_lineage_knows_of_a_table_is_not_granted(shop: Shop) -> None:
    shop.labelled("table:lake.crm.secret", ssn="US_SSN")
    shop.labelled("table:lake.crm.mart", code=None)
    before = shop("solution", "grants", "table:lake.crm.mart", "--to", "g", "--format", "json")["grants"]
    assert before[0]["columns"] is None
    shop.imports(("mart", ["table:lake.crm.secret"], "table:lake.crm.mart"))
    after = shop("solution", "grants", "table:lake.crm.mart", "--to", "g", "--format", "json")["grants"]
    assert after[0]["columns"] == []


def _forged(shop: Shop, ref: str) -> None:
    """A milder label, written by hand past the audit."""
    (row,) = shop.registry.rows("labels", dataset=dataset_identity(ref).key)
    told = {name: value for name, value in row.items() if name not in ("run_id", "at", "seq")}
    shop.registry.append("labels", [{**told, "label": NOTHING.to_dict()}], run_id="forged")


def test_a_label_written_past_the_audit_is_shown_as_such(shop: Shop) -> None:
    shop.labelled(TABLE, ssn="US_SSN")
    shop.labelled("table:lake.crm.safe", plan=None)
    shop("check", TABLE, "--solution", "churn", code=5)
    assert "unvouched" not in shop("registry", "show") + shop("registry", "show", TABLE)
    assert shop("solution", "show", "churn", "--format", "json")["verdicts"][0]["void"] is None
    _forged(shop, TABLE)
    told = {one["dataset"]: one for one in shop("registry", "show", "--format", "json")["datasets"]}
    assert told[TABLE]["label"] is None and "written past the audit" in told[TABLE]["problem"]
    assert told["table:lake.crm.safe"]["label"] and told["table:lake.crm.safe"]["problem"] is None
    own = shop("registry", "show", TABLE, "--format", "json")
    assert "written past the audit" in own["problem"] and [one["counts"] for one in own["labels"]] == [False, False]
    (line,) = [one for one in shop("registry", "show").splitlines() if one.startswith(TABLE)]
    assert "unvouched" in line and "public" not in line
    assert "unvouched (public)" in shop("registry", "show", TABLE)
    (verdict,) = shop("solution", "show", "churn", "--format", "json")["verdicts"]
    assert "written past the audit" in verdict["void"]
    assert "says nothing now" in shop("solution", "show", "churn")
    shop("policy", "explain", "--dataset", TABLE, code=5)
    assert "written past the audit" in shop.err


def test_a_verdict_on_another_profile_of_the_solution_does_not_count(shop: Shop) -> None:
    shop.imports(("churn.train", ["table:lake.crm.features"], None))
    key, churn = "table:lake.crm.features", load_solutions("solutions.yaml")["churn"]
    row = {
        "dataset": key, "solution": "churn", "verdict": "clear", "conflicts": [], "version": "7",
        "policy_digest": shop.policy.verdict_digest, "solution_digest": churn.digest, "label": NOTHING.to_dict(),
        "state": "current", "facts": {},
    }  # fmt: skip
    shop.registry.append("verdicts", [row], run_id="a")

    def seen() -> tuple[list[str], str | None]:
        (told,) = shop("solution", "correlate", "churn", "--format", "json", code=3)["solutions"]
        (verdict,) = shop("solution", "show", "churn", "--format", "json")["verdicts"]
        return next(one["findings"] for one in told["datasets"] if one["dataset"] == key), verdict["void"]

    assert seen() == ([], None)
    profile = Path("solutions.yaml")
    # Who owns it, and what it learned from, has no say in a verdict.
    profile.write_text(SOLUTIONS.replace("growth@", "other@").replace('version: "3"', 'version: "2"'))
    assert seen() == ([], None)
    profile.write_text(SOLUTIONS.replace("hosting: private", "hosting: vendor"))
    assert seen() == (["not clear"], "on another profile of the solution")
