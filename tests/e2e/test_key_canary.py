"""A key of any provider is nowhere in what a run leaves behind, nor is what opens it: passphrase, token, credentials.

One process, and one session with Spark's event log on, rotates, lists and rewraps the keys of each provider in turn and
protects a small table with them, once with a token that is refused. Then event log, registry, audit, lineage, logs,
streams, protected copies and wrapped keysets are searched for roots, derived keys and credentials: octets, hex, base64.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clearance.tokenization.keys import open_keys
from clearance.tokenization.provider import unwrapped

PROVIDERS = ("clear", "passphrase", "openbao", "aws", "gcp")
PASSPHRASE, REFUSED = "xylophone-quartz-4471-lantern", "s.refusedtokenrefusedtoken99"

SCRIPT = """
import json, os, sys
from clearance.jobs.cli import run
codes = {}
for name, uri in json.load(open("uris.json")).items():
    codes[name] = [
        run(["keys", "rotate", "--keys", uri, "--reason", "a second key"]),
        run(["keys", "list", "--keys", uri, "--format", "json"]),
        run(["keys", "rewrap", "--keys", uri, "--reason", "a new version"]),
        run(["protect", "people.csv", "--to", f"safe/{name}", "--keys", uri, "--no-ner", "--log-format", "json"]),
    ]
    if name == "openbao":
        os.environ["VAULT_TOKEN"], kept = REFUSED, os.environ["VAULT_TOKEN"]
        # Another name of the same keyset: nothing that was unwrapped before is used.
        other = uri.replace("keyset=", "keyset=./")
        codes["refused"] = [
            run(["keys", "rewrap", "--keys", uri, "--reason", "x"]),
            run(["protect", "people.csv", "--to", "safe/refused", "--keys", other, "--no-ner"]),
        ]
        os.environ["VAULT_TOKEN"] = kept
json.dump(codes, open("codes.json", "w"))
"""


@dataclass(frozen=True)
class Left:
    """A project after the script, and what must not be found in it."""

    path: Path
    streams: bytes
    codes: dict[str, list[int]]
    secrets: dict[str, bytes]

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All that was left: files, rows of Parquet files decoded, and streams."""
        import pyarrow.parquet as pq

        yield "streams", self.streams
        for path in sorted(self.path.rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes()
                if path.suffix == ".parquet":
                    yield f"rows of {path}", str(pq.read_table(path).to_pylist()).encode()


@pytest.fixture(scope="module")
def left(tmp_path_factory, new_project, write_csv, openbao, aws_kms, gcp_kms) -> Left:
    folder, outside = tmp_path_factory.mktemp("keys-canary"), tmp_path_factory.mktemp("secrets")
    project = new_project(folder)
    write_csv(folder / "people.csv", 6)
    for name in ("spark-conf", "events", "tmp"):
        (folder / name).mkdir()
    (folder / "spark-conf" / "spark-defaults.conf").write_text(
        f"spark.eventLog.enabled true\nspark.eventLog.dir file://{folder / 'events'}\nspark.eventLog.compress false\n"
    )
    (outside / "passphrase").write_text(PASSPHRASE + "\n")
    (outside / "passphrase").chmod(0o600)
    services = {"openbao": openbao.service, "aws": aws_kms, "gcp": gcp_kms}
    env = {
        **project.env,
        "SPARK_CONF_DIR": str(folder / "spark-conf"),
        "TMPDIR": str(folder / "tmp"),
        "CLEARANCE_PASSPHRASE_FILE": str(outside / "passphrase"),
    }
    for service in services.values():
        env |= service.env
    # What holds a secret lies outside; the wrapped keysets lie among what is searched.
    uris = {name: service.uri(Path(f"{name}-keyset.json")) for name, service in services.items()}
    uris = {"clear": (outside / "clear.json").as_uri(), "passphrase": (outside / "locked.json").as_uri(), **uris}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        for name, uri in uris.items():
            open_keys(uri, with_passphrase=name == "passphrase").create()
        (folder / "uris.json").write_text(json.dumps(uris))
        script = SCRIPT.replace("REFUSED", repr(REFUSED))
        done = subprocess.run(
            [sys.executable, "-"], cwd=folder, env=env, input=script.encode(), capture_output=True, timeout=900
        )
        assert done.returncode == 0, done.stderr
        secrets = {"passphrase": PASSPHRASE.encode(), "refused token": REFUSED.encode()}
        for name, uri in uris.items():
            provider = open_keys(uri)
            keyset, ring = provider.keyset(), provider.load()
            assert len(keyset.keys) == 2
            for key in keyset.keys:
                for domain in key.roots:
                    secrets[f"{name} {key.kid} {domain!r}"] = unwrapped(keyset, provider.kek(keyset), key.kid, domain)
                for purpose, domain, kind in (
                    ("h", "default", "EMAIL_ADDRESS"),
                    ("check", "default", "EMAIL_ADDRESS"),
                    ("sign/protection", "", ""),
                ):
                    secrets[f"{name} {key.kid} {purpose}"] = ring.derive(purpose, domain, kind, key.kid)
        for name, service in services.items():
            secrets |= {f"credential {name}": secret.encode() for secret in service.secrets}
    codes = json.loads((folder / "codes.json").read_text())
    return Left(folder, done.stdout + done.stderr, codes, secrets)


def test_every_command_did_what_it_was_run_for(left):
    # A key file is moved, not wrapped anew where it is.
    expected = {name: [0, 0, 2 if name in ("clear", "passphrase") else 0, 0] for name in PROVIDERS}
    assert left.codes == {**expected, "refused": [5, 5]}, left.streams
    assert list((left.path / "home").glob("registry/audit/*.parquet"))
    assert all(list((left.path / "safe" / name).glob("*.parquet")) for name in PROVIDERS)
    assert not (left.path / "safe" / "refused").exists()
    assert b"SparkListenerTaskEnd" in b"".join(f.read_bytes() for f in (left.path / "events").rglob("*") if f.is_file())


def test_no_key_and_nothing_that_opens_one_is_left_anywhere(left):
    needles = {}
    for name, secret in left.secrets.items():
        coded = base64.b64encode(secret).rstrip(b"=")
        needles[name] = {secret, secret.hex().encode(), secret.hex().upper().encode(), coded}
        needles[name].add(coded.translate(bytes.maketrans(b"+/", b"-_")))
    assert len(needles) > 20
    found = [
        (place, name)
        for place, content in left.everything()
        for name, forms in needles.items()
        if any(form in content for form in forms)
    ]
    assert not found


def test_the_search_finds_what_is_there(left):
    """The same search, on a file that does hold a root."""
    root = next(secret for name, secret in left.secrets.items() if name.startswith("gcp"))
    (left.path / "planted").write_bytes(b"x" + base64.b64encode(root) + b"x")
    try:
        with pytest.raises(AssertionError, match="planted"):
            test_no_key_and_nothing_that_opens_one_is_left_anywhere(left)
    finally:
        (left.path / "planted").unlink()
