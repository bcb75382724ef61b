"""``clearance keys`` as it is called, and what it leaves in the audit."""

import json
from pathlib import Path
from typing import Any

import pytest

from clearance.governance.audit import Audit
from clearance.governance.registry import Registry
from clearance.jobs.cli import run
from clearance.jobs.keyring import datasets_of
from clearance.jobs.subject_keys import SubjectKeys
from clearance.tokenization.keys import open_keys

RUN = "0190aaaa-0000-7000-8000-000000000000"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(tmp_path / "keys.json"))
    return tmp_path / "home"


@pytest.fixture
def keys(home: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str, code: int = 0) -> Any:
        assert run(["keys", *arguments]) == code
        said = capsys.readouterr()
        if code:
            assert said.err.startswith("error: ") and "hint: " in said.err and not said.out
            return said.err
        return json.loads(said.out)

    return call


def test_a_key_from_its_making_to_its_end(keys: Any, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first,) = keys("create", "--format", "json")["keys"]
    assert first["writes"] and first["domains"] == ["*"]
    old = first["kid"]
    keys("create", "--format", "json", code=2)
    assert len(keys("rotate", "--reason", "yearly", "--format", "json")["keys"]) == 2
    assert {k["state"] for k in keys("disable", old, "--reason", "leak", "--format", "json")["keys"]} == {
        "enabled",
        "disabled",
    }
    keys("enable", old, "--reason", "no leak", "--format", "json")
    keys("destroy", old, "--after", "2d", "--reason", "over", "--format", "json")
    assert "not before" in keys("destroy", old, "--reason", "now", "--format", "json", code=2)
    listed = {k["kid"]: k["state"] for k in keys("list", "--format", "json")["keys"]}
    assert listed.pop(old) == "pending" and list(listed.values()) == ["enabled"]
    assert keys("--format", "json") == keys("list", "--format", "json")
    # The day alone ends no key.
    assert run(["keys", "list"]) == 0 and f"{old}  disabled; destroy it again after 2" in capsys.readouterr().out
    audit = Audit(Registry(str(home)))
    assert audit.verify().ok and not audit.verify().open_intents
    told = [(e["action"], e.get("facts", {}).get("reason")) for e in audit.entries() if e["kind"] == "intent"]
    assert told == [
        ("keys.create", None),
        ("keys.rotate", "yearly"),
        ("keys.disable", "leak"),
        ("keys.enable", "no leak"),
        ("keys.destroy", "over"),
        ("keys.destroy", "now"),
    ]
    assert [e["result"] for e in audit.entries() if e["kind"] == "outcome"][-1] == "failed"


def test_what_cannot_be_announced_does_not_happen(keys: Any, home: Path) -> None:
    keys("create", "--format", "json")
    before = (home.parent / "keys.json").read_bytes()
    for file in sorted(home.rglob("*.json")):
        file.write_text("{")
    keys("rotate", "--reason", "x", "--format", "json", code=5)
    assert (home.parent / "keys.json").read_bytes() == before


def test_a_reason_is_asked_for_and_options_stand_in_their_place(keys: Any, tmp_path: Path) -> None:
    keys("create", "--format", "json")
    keys("rotate", code=2)
    for reason in ("", " ", "ana@example.org asked", "for 123-45-6789", "two\nlines"):
        keys("rotate", "--reason", reason, code=2)
    assert len(keys("list", "--format", "json")["keys"]) == 1
    keys("--key-file", str(tmp_path / "keys.json"), "list", code=2)
    keys("list", "--key-file", "a", "--keys", "b", code=2)
    keys("destroy", "abc123", "--after", "soon", "--reason", "x", code=2)
    keys("create", "--domain", "Not A Domain", code=2)


def protection(dataset: str, kid: str, **methods: str) -> dict[str, Any]:
    columns = [{"path": path, "method": {"name": name}} for path, name in methods.items()]
    row = {"dataset": dataset, "source": "file:///s", "version": "0", "columns": columns}
    return {**row, "signature": f"sg1_{kid}_{'a' * 52}", "statement": {}}


def test_destruction_names_the_datasets_it_ends(keys: Any, home: Path) -> None:
    (first,) = keys("create", "--format", "json")["keys"]
    old = first["kid"]
    rows = [
        protection("file:///a", old, email="reversible", ssn="format_preserving", name="token"),
        protection("file:///b", old, name="token"),
        {
            **protection("file:///c", "none", email="reversible"),
            "signature": "",
            "statement": {"keys": {"domain": "default", "ids": ["other0"]}},
        },
    ]
    texts = {"method": {"name": "by entity type"}, "how": "spans"}
    rows[1]["columns"] += [
        {**texts, "path": "payload", "by_type": {}, "inside": [{"method": {"name": "reversible"}}]},
        {**texts, "path": "note", "by_type": {"PERSON": {"name": "token"}, "EMAIL_ADDRESS": {"name": "reversible"}}},
        {**texts, "path": "talk", "by_type": {"PERSON": {"name": "token"}}},
        {**texts, "path": "kept", "method": {"name": "keep"}},
        {**texts, "path": "done", "method": {"name": "keep"}, "by_type": {"US_SSN": {"name": "reversible"}}},
        # An older record does not say what was done in its texts: it may be anything.
        {**texts, "path": "old"},
    ]
    Registry(str(home)).append("protections", rows, run_id=RUN)
    keys("rotate", "--reason", "x", "--format", "json")
    told = keys("destroy", old, "--reason", "over", "--format", "json")["datasets"]
    assert told == [
        {"dataset": "file:///a", "irreversible": ["email", "ssn"]},
        {"dataset": "file:///b", "irreversible": ["done", "note", "old", "payload"]},
    ]
    assert datasets_of(Registry(str(home)), "other0") == [{"dataset": "file:///c", "irreversible": ["email"]}]


def test_keys_move_to_a_service_and_it_adds_domains(keys: Any, key_service: Any, tmp_path: Path) -> None:
    keys("create", "--format", "json")
    keyset = tmp_path / "keyset.json"
    uri = key_service.uri(keyset)
    moved = keys("rewrap", "--to", uri, "--reason", "cluster", "--format", "json")
    assert moved["keys"] == keys("list", "--format", "json")["keys"]
    keys("rewrap", "--to", uri, "--reason", "again", "--format", "json", code=5)
    keys("rewrap", "--reason", "x", "--format", "json", code=2)  # a key file where it is
    keys("rewrap", "--keys", uri, "--reason", "new version", "--format", "json")
    fresh = tmp_path / "fresh.json"
    made = keys("create", "--keys", key_service.uri(fresh), "--domain", "sales", "--format", "json")["keys"]
    assert made[0]["domains"] == ["sales"]
    added = keys("create", "--keys", key_service.uri(fresh), "--domain", "hr", "--format", "json")["keys"]
    assert added[0]["domains"] == ["hr", "sales"]
    open_keys(key_service.uri(fresh)).load().require("hr")


def test_init_and_doctor_know_a_service(key_service: Any, home: Path, tmp_path: Path, capsys: Any) -> None:
    uri = key_service.uri(tmp_path / "keyset.json")
    assert run(["init", "--keys", uri]) == 0
    assert run(["init", "--keys", uri]) == 0
    assert "was there" in capsys.readouterr().out
    run(["doctor", "--keys", uri, "--format", "json"])
    checks = {c["check"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["keys"]["ok"] and "unwraps 1 key" in checks["keys"]["told"]


def test_a_plan_names_its_keys_from_its_own_folder(tmp_path: Path) -> None:
    from clearance.errors import PolicyError
    from clearance.jobs.plan_file import load_plan

    plan = tmp_path / "plan.yml"
    rest = "version: 1\nsolutions: s.yaml\ndatasets: [{dataset: a.csv, solutions: bot}]\n"
    for told, means in (
        (
            "awskms://alias/c?keyset=k.json&region=eu-west-1",
            f"awskms://alias/c?keyset={tmp_path}/k.json&region=eu-west-1",
        ),
        ("vault://h:8200/transit/c?namespace=n&keyset=/k.json", "vault://h:8200/transit/c?namespace=n&keyset=/k.json"),
        ("file:///k.json", "file:///k.json"),
        ("k.json", f"{tmp_path}/k.json"),
    ):
        plan.write_text(f"{rest}keys: {told}\n")
        assert load_plan(plan).keys == means
    plan.write_text(f"{rest}keys: k.json\nkey_file: k.json\n")
    with pytest.raises(PolicyError, match="not by both"):
        load_plan(plan)


def test_destruction_names_the_persons_whose_keys_it_wraps(
    keys: Any, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = keys("create", "--format", "json")["keys"]
    old, table = first["kid"], SubjectKeys.at(str(tmp_path / "secrets" / "persons"))
    table.create()
    table.ensure(open_keys(str(tmp_path / "keys.json")).load(), "default", ["tk1h_a", "tk1h_b"])
    keys("rotate", "--reason", "x", "--format", "json")
    new = open_keys(str(tmp_path / "keys.json")).load()
    table.ensure(new, "default", ["tk1h_c"])
    registry = Registry(str(home))
    for path in (table.path, str(tmp_path / "gone")):
        facts = {"keys": path, "subjects": 2, "domain": "default"}
        Audit(registry).outcome(
            Audit(registry).intent("subject-keys", run_id=RUN, dataset="file:///s", facts=facts), "done"
        )
    bound = {**protection("file:///a", new.primary, email="reversible"), "statement": {"subject": {"column": "id"}}}
    registry.append("protections", [bound], run_id=RUN)
    told = keys("destroy", old, "--reason", "over", "--format", "json")
    assert told["datasets"] == []
    assert told["subject_keys"] == [
        {"table": str(tmp_path / "gone"), "keys": None, "datasets": ["file:///a"]},
        {"table": table.path, "keys": 2, "datasets": ["file:///a"]},
    ]
    assert run(["keys", "enable", old, "--reason", "no"]) == run(["keys", "destroy", old, "--reason", "yes"]) == 0
    assert f"{table.path}  2 persons' keys can't be unwrapped without it" in capsys.readouterr().out
