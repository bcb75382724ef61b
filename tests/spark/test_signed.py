"""Signed statements of what was really published: they hold as long as the data are what was signed."""

import json
import shutil
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from clearance.errors import KeyUnavailableError, ProofError
from clearance.jobs.datasets import Reference
from clearance.jobs.desk import open_desk
from clearance.jobs.signed import trusted, verify, write_statement
from clearance.jobs.staging import Target
from clearance.jobs.tasks import protect
from clearance.tokenization.signing_key import create_signing_key, public_path


@pytest.fixture
def source(crowd, tmp_path) -> Reference:
    path = tmp_path / "small"
    crowd(8).select("id", "email").coalesce(1).write.format("delta").save(str(path))
    return Reference(str(path))


@pytest.fixture
def done(spark, desk, source, tmp_path):
    return protect(spark, source, Target(str(tmp_path / "out" / "t")), desk)


def test_it_names_data_policy_keys_detectors_and_proof(done, desk, signing_key_file):
    told = verify(done.reference, desk.registry).to_dict()
    assert (told["dataset"], told["version"], told["source"]["dataset"]) == (done.target, "0", done.source)
    assert told["policy"]["digest"] == desk.policy.label_digest
    assert told["keys"] == {"domain": "default", "ids": [desk.tokens().key.kid], "domains": {}}
    assert told["detectors"]["digest"] and told["proof"]["holds"] is True
    assert {leaf["path"] for leaf in told["columns"]} == {"id", "email"}
    named = verify(done.reference, desk.registry, public_key=public_path(signing_key_file)).to_dict()
    assert named == told
    assert desk.audit.verify().ok


def test_the_file_of_a_statement_does_the_same(done, desk, tmp_path):
    write_statement(tmp_path / "s.json", done.envelope)
    assert verify(str(tmp_path / "s.json"), desk.registry).statement.dataset == done.target
    assert verify(done.reference, desk.registry, statement=tmp_path / "s.json").statement.dataset == done.target


def test_changed_data_are_not_what_was_signed(done, desk, spark, tmp_path):
    path = Path(done.reference)
    file = next(path.glob("*.parquet"))
    original = file.read_bytes()
    damaged = bytearray(original)
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(bytes(damaged))
    with pytest.raises(ProofError, match="its files are others"):
        verify(done.reference, desk.registry)
    file.unlink()
    with pytest.raises(ProofError, match="can't be looked at"):
        verify(done.reference, desk.registry)
    file.write_bytes(original)
    verify(done.reference, desk.registry)
    # Tags change no data; a row more does, and so does a column's name.
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('our.tag' = 'x')")
    verify(done.reference, desk.registry)
    spark.read.format("delta").load(str(path)).limit(1).write.format("delta").mode("append").save(str(path))
    with pytest.raises(ProofError, match="its files are others"):
        verify(done.reference, desk.registry)


def test_a_statement_speaks_of_its_own_dataset_only(done, desk, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(done.reference, copy)
    with pytest.raises(ProofError, match="no protection of"):
        verify(str(copy), desk.registry)
    write_statement(tmp_path / "s.json", done.envelope)
    with pytest.raises(ProofError, match="of another dataset"):
        verify(str(copy), desk.registry, statement=tmp_path / "s.json")


def test_a_forged_statement_or_signer_is_not_believed(done, desk, tmp_path):
    told = json.loads(b64decode(done.envelope["payload"]))
    told["predicate"]["proof"]["rows"] = 9
    forged = {**done.envelope, "payload": b64encode(json.dumps(told).encode()).decode()}
    write_statement(tmp_path / "s.json", forged)
    with pytest.raises(ProofError, match="was changed"):
        verify(str(tmp_path / "s.json"), desk.registry)
    other = create_signing_key(tmp_path / "other.pem")
    with pytest.raises(ProofError, match="not trusted"):
        verify(done.reference, desk.registry, public_key=public_path(tmp_path / "other.pem"))
    # Whoever writes a key into the registry past the audit is not believed either.
    from clearance.governance.envelopes import key_id

    row = {"key_id": key_id(other.public_pem), "public_key": other.public_pem}
    desk.registry.append("signers", [row], run_id="0190aaaa-0000-7000-8000-000000000000")
    assert key_id(other.public_pem) not in trusted(desk.registry)
    assert len(trusted(desk.registry)) == 1


def test_without_a_signing_key_nothing_is_read(spark, source, key_file, tmp_path, monkeypatch):
    monkeypatch.setenv("CLEARANCE_SIGNING_KEY_FILE", str(tmp_path / "none.pem"))
    desk = open_desk(home=tmp_path / "home", key_file=key_file)
    with pytest.raises(KeyUnavailableError, match="no signing key"):
        protect(spark, source, Target(str(tmp_path / "out" / "t")), desk)
    assert not (tmp_path / "out").exists() and not (tmp_path / "home").exists()


def test_parquet_is_signed_too(spark, desk, source, tmp_path):
    done = protect(spark, source, Target(str(tmp_path / "out" / "p"), "parquet"), desk)
    verify(done.reference, desk.registry)
    next(Path(done.reference).glob("*.parquet")).touch()  # its time alone says nothing of its content
    verify(done.reference, desk.registry)
    shutil.copy(next(Path(done.reference).glob("*.parquet")), Path(done.reference) / "more.parquet")
    with pytest.raises(ProofError, match="its files are others"):
        verify(done.reference, desk.registry)
