"""The table of subject keys: one key a subject whoever writes at once, and nothing of it left after an erasure."""

import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pytest

from clearance.errors import KeyUnavailableError, UsageError
from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.jobs.desk import open_desk
from clearance.jobs.erase import erase, require_all
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.subject_keys import SubjectKeys, named_table
from clearance.tokenization.subjects import SubjectTokenizer
from clearance.tokenization.tokens import Tokenizer

PEOPLE = ["C-canary-1", "C-canary-2", "C-canary-3"]


@pytest.fixture
def desk(tmp_path, key_file):
    return open_desk(home=tmp_path / "home", key_file=key_file)


@pytest.fixture
def world(tmp_path, desk):
    ring = desk.tokens().key.open()
    keys = SubjectKeys.at(str(tmp_path / "keys" / "table"), home=tmp_path / "home")
    keys.create()
    tokenizer = Tokenizer(ring)
    subjects = tokenizer.tokenize(pa.array(PEOPLE), "CUSTOMER_ID")
    assert keys.ensure(ring, "default", subjects.to_pylist()) == 3
    return keys, ring, subjects, SubjectTokenizer(ring, tokenizer, keys.wrapped)


def everything(folder: Path) -> bytes:
    return b"\0".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_erasing_a_person_leaves_no_byte_of_the_key_and_the_others_theirs(world, desk, tmp_path):
    keys, ring, subjects, own = world
    values = pa.array(["one", "two", "three"])
    tokens = own.encrypt(values, subjects, "PHONE_NUMBER")
    wrapped = {subject: row[1] for subject, row in keys.wrapped(subjects.to_pylist()).items()}
    first, second, third = (wrapped[subject] for subject in subjects.to_pylist())
    assert first in everything(Path(keys.path))
    # What an erasure that was killed, or a lost race, may have left: a copy of all keys that no commit names.
    (file,) = Path(keys.path).glob("*.parquet")
    (Path(keys.path) / "part-left-behind.parquet").write_bytes(file.read_bytes())

    done = erase(keys, [PEOPLE[0], subjects[1].as_py()], "CUSTOMER_ID", desk, reason="request 4711")
    assert (done.subjects, done.erased, done.without_key, done.files_removed) == (2, 2, 0, 2)
    left = everything(Path(keys.path))
    assert first not in left and second not in left and third in left
    # The log names nobody either.
    assert not any(subject.encode() in left for subject in subjects.to_pylist()[:2])
    assert own.reverse(tokens, subjects).to_pylist() == [None, None, "three"]
    keys.ensure(ring, "default", subjects.to_pylist())
    assert own.reverse(tokens, subjects).to_pylist() == [None, None, "three"]

    audit = Audit(desk.registry)
    assert audit.verify().ok
    said = [row["entry"] for row in desk.registry.rows("audit", action="erase")]
    assert [entry["kind"] for entry in said] == ["intent", "outcome"]
    assert said[0]["facts"]["reason"] == "request 4711"
    assert said[1]["facts"]["keys_erased"] == 2
    recorded = everything(tmp_path / "home")
    assert b"canary" not in recorded
    assert not any(subject.encode() in recorded for subject in subjects.to_pylist())


def test_an_erasure_that_was_killed_behind_its_commit_is_finished_by_the_next(world, desk, monkeypatch):
    keys, _, subjects, _ = world
    gone = keys.wrapped(subjects.to_pylist())[subjects[0].as_py()][1]
    with monkeypatch.context() as killed:
        killed.setattr(SubjectKeys, "_remove", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            erase(keys, [PEOPLE[0]], "CUSTOMER_ID", desk, reason="request 1")
    assert gone in everything(Path(keys.path))

    done = erase(keys, [PEOPLE[0]], "CUSTOMER_ID", desk, reason="request 1")
    assert (done.erased, done.without_key, done.files_removed) == (0, 1, 1)
    assert gone not in everything(Path(keys.path))
    assert len(keys.having(subjects.to_pylist())) == 2


def test_a_subject_without_a_key_is_not_passed_over(world, desk):
    keys = world[0]
    done = erase(keys, [PEOPLE[0], "nobody"], "CUSTOMER_ID", desk, reason="r")
    assert (done.erased, done.without_key) == (1, 1)
    with pytest.raises(KeyUnavailableError, match="1 of 2 subjects have no key"):
        require_all(done)
    again = erase(keys, [PEOPLE[0]], "CUSTOMER_ID", desk, reason="r")
    assert (again.erased, again.without_key) == (0, 1)
    other_type = erase(keys, [PEOPLE[1]], "EMAIL_ADDRESS", desk, reason="r")
    assert other_type.without_key == 1
    for subjects, reason in (([], "r"), (["", " "], "r"), ([PEOPLE[1]], " "), ([PEOPLE[1]], "a@example.org")):
        with pytest.raises(UsageError):
            erase(keys, subjects, "CUSTOMER_ID", desk, reason=reason)
    assert keys.count() == 2


def test_who_has_another_key_by_another_type_or_domain_is_told(world, desk):
    keys = world[0]
    for name, kind, domain, table in (
        ("file:///a", "CUSTOMER_ID", "default", keys.path),
        ("file:///b", "US_PASSPORT", "default", keys.path),
        ("file:///c", "CUSTOMER_ID", "sales", keys.path),
        ("file:///d", "US_PASSPORT", "default", "/another/table"),
    ):
        source = f"{name}-raw"
        desk.audit.outcome(desk.audit.intent("subject-keys", run_id="r", dataset=source, facts={"keys": table}), "done")
        statement = {"subject": {"column": "id", "entity_type": kind, "domain": domain}}
        row = {"dataset": name, "source": source, "version": "0", "columns": [], "statement": statement}
        desk.registry.append("protections", [row], run_id="r")
    for dry_run in (True, False):
        done = erase(keys, [PEOPLE[0]], "CUSTOMER_ID", desk, reason="r", dry_run=dry_run)
        assert done.otherwise == ("file:///b (US_PASSPORT, default)", "file:///c (CUSTOMER_ID, sales)")


def test_a_dry_run_counts_and_changes_nothing(world, desk):
    keys = world[0]
    before = everything(Path(keys.path))
    done = erase(keys, [PEOPLE[0], "nobody"], "CUSTOMER_ID", desk, reason="r", dry_run=True)
    assert (done.erased, done.without_key, done.dry_run) == (1, 1, True)
    assert everything(Path(keys.path)) == before


def test_a_subject_that_had_a_key_before_a_rotation_is_erased(world, desk, key_file, tmp_path, monkeypatch):
    from clearance.tokenization.keys import KeyReference, KeyRing

    keys, ring, *_ = world
    both = KeyRing({ring.primary: bytes(32), "new1": bytes(range(32))}, "new1")
    old = Tokenizer(both.writing_with(ring.primary)).tokenize(pa.array(["after"]), "CUSTOMER_ID")
    keys.ensure(both.writing_with(ring.primary), "default", old.to_pylist())
    monkeypatch.setattr(KeyReference, "open", lambda self: both)
    assert erase(keys, ["after"], "CUSTOMER_ID", desk, reason="r").erased == 1


WRITER = """
import sys
from clearance.jobs.subject_keys import SubjectKeys
from clearance.tokenization.keys import FileKeyProvider
keys = SubjectKeys(sys.argv[1])
ring = FileKeyProvider(sys.argv[2]).load()
for start in range(0, 60, 20):
    keys.ensure(ring, "default", [f"subject-{n}" for n in range(start, start + 40)])
"""


def test_writers_at_once_make_one_key_for_each_subject_and_lose_none(world, desk, key_file):
    keys = world[0]
    command = [sys.executable, "-c", WRITER, keys.path, str(key_file)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    # An erasure rewrites the whole table in between.
    erase(keys, [PEOPLE[0]], "CUSTOMER_ID", desk, reason="r")
    assert [process.wait() for process in running] == [0] * 3, [p.stderr.read() for p in running]
    rows = keys._rows(keys._table()).to_pydict()
    assert sorted(s for s in rows["subject"] if s.startswith("subject-")) == sorted(f"subject-{n}" for n in range(80))
    assert len(set(rows["wrapped"])) == len(rows["wrapped"]) == 82


def test_where_no_file_system_locks_the_version_decides(world, monkeypatch):
    """A commit on top of a version that is not the newest any more is made again, on the newest."""
    keys, ring, *_ = world
    commit, raced = SubjectKeys._commit, []

    def other_first(self, table, rows, mode, deadline):
        if not raced:
            raced.append(True)
            assert commit(SubjectKeys(keys.path), self._table(), rows, mode, deadline)
        return commit(self, table, rows, mode, deadline)

    monkeypatch.setattr(SubjectKeys, "_commit", other_first)
    assert keys.ensure(ring, "default", ["late"]) == 0
    rows = keys._rows(keys._table()).column("subject").to_pylist()
    assert rows.count("late") == 1
    assert len(list(Path(keys.path).glob("*.parquet"))) == 2


def test_the_table_is_away_from_data_and_registry(tmp_path):
    home, data = tmp_path / "home", tmp_path / "lake" / "customers"
    at = lambda place: SubjectKeys.at(str(place), home=home, beside=[str(data)])  # noqa: E731
    for place in (home, home / "keys", data, data / "keys", tmp_path / "lake" / "keys", tmp_path / "lake", tmp_path):
        with pytest.raises(UsageError, match="would lie with"):
            at(place)
    with pytest.raises(UsageError, match="only a folder"):
        at("s3://bucket/keys")
    assert at(tmp_path / "secret" / "keys").path == str(tmp_path / "secret" / "keys")


def test_the_table_has_no_default_place(monkeypatch, tmp_path):
    monkeypatch.delenv("CLEARANCE_SUBJECT_KEYS", raising=False)
    with pytest.raises(UsageError, match="no table of subject keys is named"):
        named_table(None)
    monkeypatch.setenv("CLEARANCE_SUBJECT_KEYS", str(tmp_path / "k"))
    assert named_table(None).path == str(tmp_path / "k")


def test_another_delta_table_is_not_touched(tmp_path, world, desk):
    from deltalake import write_deltalake

    write_deltalake(str(tmp_path / "other" / "t"), pa.table({"subject": ["a"], "kid": ["b"], "wrapped": [b"c"]}))
    before = everything(tmp_path / "other")
    with pytest.raises(KeyUnavailableError, match="is not one of subject keys"):
        erase(SubjectKeys(str(tmp_path / "other" / "t")), ["a"], "CUSTOMER_ID", desk, reason="r")
    assert everything(tmp_path / "other") == before


def test_the_command_takes_identifiers_from_standard_input_only(world, tmp_path, key_file, project):
    keys = world[0]
    options = ["--subject-keys", keys.path, "--subject-id-from", "stdin", "--subject-type", "CUSTOMER_ID"]
    said = project("erase", *options, "--reason", "request 1", "--format", "json", stdin=f"{PEOPLE[0]}\n").ended(0)
    assert (said.json["erased"], said.json["files_removed"]) == (1, 1)
    twice = project("erase", *options, "--reason", "request 1", stdin=f"{PEOPLE[0]}\n").failed(5)
    assert "canary" not in twice.out + twice.err
    assert said.json["run_id"]


def test_a_protected_dataset_says_what_its_subjects_are(world, tmp_path, key_file, project):
    keys, ring, *_ = world
    place = ["--subject-keys", keys.path, "--subject-id-from", "stdin", "--reason", "request 1", "--format", "json"]
    theirs = Tokenizer(ring, "health").tokenize(pa.array(PEOPLE), "CUSTOMER_ID").to_pylist()
    keys.ensure(ring, "health", theirs)
    registry = open_desk(home=project.env["CLEARANCE_HOME"], key_file=key_file).registry
    told = {
        "bound": {"subject": {"column": "c", "entity_type": "CUSTOMER_ID", "domain": "health"}},
        "loose": {"columns": []},
        "forged": {"subject": {"column": "c", "entity_type": "PERSON", "domain": "health"}},
    }
    for name, statement in told.items():
        signature = ring.sign(SIGNED, canonical({} if name == "forged" else statement))
        key = dataset_identity(str(tmp_path / "data" / name)).key
        row = {
            "dataset": key,
            "source": key,
            "version": "1",
            "columns": [],
            "statement": statement,
            "signature": signature,
        }
        registry.append("protections", [row], run_id="r")
    for name, says in (("loose", "bound to persons"), ("forged", "not signed"), ("unknown", "no record")):
        assert says in project("erase", str(tmp_path / "data" / name), *place, stdin=PEOPLE[0]).failed(5).err
    bound = str(tmp_path / "data" / "bound")
    assert project("erase", bound, *place, stdin=PEOPLE[0]).ended(0).json["erased"] == 1
    assert keys.having(theirs) == theirs[1:]
    for wrong in (["--subject-type", "X"], ["--domain", "d"]):
        project("erase", bound, *place, *wrong, stdin=PEOPLE[1]).failed(2)
    project("erase", *place, stdin=PEOPLE[1]).failed(2)


def test_the_example_of_the_documentation_runs(tmp_path, key_file, monkeypatch):
    page = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "erase.md"
    (code,) = re.findall(r"```python title=erase\n(.*?)```", page.read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(key_file))
    exec(compile(code, str(page), "exec"), {})
