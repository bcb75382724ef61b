"""Keys on Spark's workers: what they can't open stops a job before it reads, and no key is left behind."""

import base64
import stat
from dataclasses import replace

import pytest

from clearance.errors import KeyUnavailableError
from clearance.jobs import tasks
from clearance.jobs.datasets import from_frame
from clearance.jobs.desk import open_desk
from clearance.jobs.key_check import require_keys_on_workers
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Target
from clearance.tokenization.keys import open_keys
from clearance.tokenization.tokens import Tokenizer

PATTERNS = Detection(ner=None)


def unread(spark):
    """A frame that fails when anything reads it."""

    def fail(batches):
        raise AssertionError("the data was read")
        yield from batches

    return spark.range(3).selectExpr("concat(id, '@example.com') as email").mapInArrow(fail, "email string")


def test_keys_that_only_the_driver_can_open_stop_a_job_before_it_reads(spark, tmp_path, monkeypatch):
    # The workers were started without the variable: as on a cluster that lacks the file.
    (tmp_path / "passphrase").write_text("correct horse\n")
    (tmp_path / "passphrase").chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("CLEARANCE_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    key_file = tmp_path / "keys.json"
    open_keys(key_file, with_passphrase=True).create()
    desk = open_desk(home=tmp_path / "home", detection=PATTERNS, key_file=key_file)
    for action in (
        lambda: tasks.protect(spark, from_frame(unread(spark), "emails"), Target(str(tmp_path / "safe")), desk),
        lambda: tasks.scan(spark, from_frame(unread(spark), "emails"), desk),
    ):
        with pytest.raises(KeyUnavailableError) as caught:
            action()
        assert "workers" in caught.value.message and "passphrase" in caught.value.message
        assert all(name in caught.value.hint for name in ("awskms", "vault", "gcpkms"))
    assert not (tmp_path / "safe").exists()


def test_a_service_that_the_workers_cannot_use_is_named(spark, tmp_path, monkeypatch, openbao):
    monkeypatch.setenv("VAULT_TOKEN", openbao.root)
    uri = openbao.service.uri(tmp_path / "keyset.json")
    open_keys(uri).create()
    desk = open_desk(home=tmp_path / "home", detection=PATTERNS, keys=uri)
    with pytest.raises(KeyUnavailableError) as caught:
        tasks.protect(spark, from_frame(unread(spark), "emails"), Target(str(tmp_path / "safe")), desk)
    assert "there is no token" in caught.value.message and "workers" in caught.value.message


def test_workers_use_a_key_service_and_the_keyset_need_not_be_theirs(spark, crowd, tmp_path, gcp_kms):
    """Cloud KMS's stand-in asks for no credentials, so that workers which run already can use it."""
    uri = gcp_kms.uri(tmp_path / "keyset.json")
    provider = open_keys(uri)
    provider.create()
    desk = open_desk(home=tmp_path / "home", detection=PATTERNS, keys=uri)
    tokens = desk.tokens()
    (tmp_path / "keyset.json").rename(tmp_path / "elsewhere.json")
    require_keys_on_workers(spark, replace(tokens, region="DE"))  # not what another test has asked
    (tmp_path / "elsewhere.json").rename(tmp_path / "keyset.json")
    done = tasks.protect(spark, from_frame(crowd(40), "crowd"), Target(str(tmp_path / "safe")), desk)
    assert done.proof.holds
    written = {row.email for row in spark.read.format("delta").load(str(tmp_path / "safe")).collect()}
    tokenizer = Tokenizer(provider.load(), "default")
    assert written == {tokenizer.token(row.email, "EMAIL_ADDRESS") for row in crowd(40).collect()}
    keyset = provider.keyset()
    for key in keyset.keys:
        for domain in key.roots:
            from clearance.tokenization.provider import unwrapped

            root = unwrapped(keyset, provider.kek(keyset), key.kid, domain)
            needles = [root, root.hex().encode(), base64.b64encode(root).rstrip(b"=")]
            for path in tmp_path.rglob("*"):
                if path.is_file():
                    assert not any(needle in path.read_bytes() for needle in needles), path
