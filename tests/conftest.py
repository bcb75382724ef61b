"""What all tests share: a key file, a home of their own, made-up people, and the command line as a user has it."""

import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The first example of a test may load an engine, and machines differ: no timing is asserted.
settings.register_profile("clearance", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clearance")

# Half of a short-lived Spark's time goes into making its code faster than a test needs; the first compiler will do.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
#: For commands that run as processes of their own: one worker loads the detectors for a few rows, not one a core, and
#: Spark compiles no Java for each plan that it runs once. What several workers do together, and the Java that Spark
#: writes of our plans, is tested in tests/spark, in one session.
QUICK_SPARK = {
    "SPARK_SUBMIT_OPTS": os.environ["SPARK_SUBMIT_OPTS"]
    + " -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN",
    "CLEARANCE_MASTER": "local[1]",
}

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data and specifications beside the project; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared, which is not there")
    return SHARED


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key file for the whole session."""
    from clearance.tokenization.keys import FileKeyProvider

    path = tmp_path_factory.mktemp("keys") / "keys.json"
    FileKeyProvider(path).create()
    return path


@pytest.fixture(scope="session", autouse=True)
def signing_key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One signing key for the whole session, where jobs of this process look for it."""
    from clearance.tokenization.signing_key import create_signing_key

    path = tmp_path_factory.mktemp("signing") / "signing.pem"
    create_signing_key(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_SIGNING_KEY_FILE", str(path))
        yield path


@pytest.fixture(autouse=True)
def _own_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """No test reads or writes the user's registry, keys, policy, or lineage configuration."""
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE") or name in (
            "CLEARANCE_POLICY",
            "CLEARANCE_SOLUTIONS",
            "CLEARANCE_MASTER",
            "CLEARANCE_KEYS",
        ):
            monkeypatch.delenv(name)
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("CLEARANCE_HOME", str(base / "unused-home"))
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(base / "no-such-keys.json"))


@dataclass(frozen=True)
class KeyService:
    """A key service on this machine: ``uri`` with a keyset to name, and what a client needs in its environment."""

    base: str
    env: dict[str, str]
    secrets: tuple[str, ...] = ()

    def uri(self, keyset: Path) -> str:
        """The URI of a keyset wrapped by this service."""
        return f"{self.base}{'&' if '?' in self.base else '?'}keyset={keyset}"


@pytest.fixture(scope="session")
def openbao() -> "Iterator[OpenBao]":
    """A real OpenBao server with a transit key, stopped when the session ends."""
    server = OpenBao()
    yield server
    server.stop()


class OpenBao:
    """A development server in memory on a free port; ``root`` is its first token."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.root = f"root-{random.SystemRandom().getrandbits(96):024x}"
        bao = Path(sys.executable).with_name("bao")
        options = ["-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{self.port}"]
        # By the environment: an argument is for all to see.
        env = {**os.environ, "BAO_DEV_ROOT_TOKEN_ID": self.root, "HOME": "/nonexistent"}
        self.process = subprocess.Popen(
            [bao, "server", *options], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while not self._up():
            assert self.process.poll() is None and time.monotonic() < deadline, "OpenBao did not start"
            time.sleep(0.1)
        self("POST", "sys/mounts/transit", {"type": "transit"})
        self("POST", "transit/keys/clearance", {})

    def _up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/sys/health", timeout=2) as answer:
                return bool(json.load(answer)["initialized"])
        except OSError:
            return False

    def __call__(self, method: str, path: str, body: Any) -> Any:
        """One request to the server's interface, as root."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/{path}",
            method=method,
            data=json.dumps(body).encode(),
            headers={"X-Vault-Token": self.root},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def token(self, rules: str, **options: Any) -> str:
        """A token under a policy of its own."""
        name = f"p{random.SystemRandom().getrandbits(40):x}"
        self("PUT", f"sys/policies/acl/{name}", {"policy": rules})
        made = self("POST", "auth/token/create", {"policies": [name], "no_default_policy": True, **options})
        return str(made["auth"]["client_token"])

    @property
    def service(self) -> KeyService:
        """As its clients see it."""
        return KeyService(
            f"vault+http://127.0.0.1:{self.port}/transit/clearance", {"VAULT_TOKEN": self.root}, (self.root,)
        )

    def stop(self) -> None:
        """Ends the server."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def new_openbao() -> "Iterator[OpenBao]":
    """A server of a test's own, to be killed."""
    server = OpenBao()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def aws_kms() -> Iterator[KeyService]:
    """AWS KMS as moto imitates it, over HTTP."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    secret = f"{random.SystemRandom().getrandbits(120):030x}"
    env = {
        "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    client = boto3.client(
        "kms", "eu-west-1", endpoint_url=env["AWS_ENDPOINT_URL_KMS"], aws_access_key_id="x", aws_secret_access_key="x"
    )
    key = client.create_key()["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/clearance", TargetKeyId=key)
    yield KeyService("awskms://alias/clearance?region=eu-west-1", env, (secret,))
    server.stop()


GCP_KEY = "projects/p/locations/global/keyRings/r/cryptoKeys/clearance"


@pytest.fixture(scope="session")
def gcp_kms() -> Iterator[KeyService]:
    """Encrypt and Decrypt of Cloud KMS over gRPC, for the real client: AES-GCM, checksums and status codes."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from google.cloud import kms

    from clearance.tokenization.providers.gcp import crc32c

    cipher = AESGCM(os.urandom(32))

    def checked(request: Any, context: Any, field: str) -> None:
        if request.name != GCP_KEY:
            denied = request.name.endswith("denied")
            context.abort(grpc.StatusCode.PERMISSION_DENIED if denied else grpc.StatusCode.NOT_FOUND, "no")
        for name in (field, "additional_authenticated_data"):
            if getattr(request, f"{name}_crc32c") != crc32c(getattr(request, name)):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "checksum")

    def encrypt(request: Any, context: Any) -> Any:
        checked(request, context, "plaintext")
        nonce = os.urandom(12)
        sealed = nonce + cipher.encrypt(nonce, request.plaintext, request.additional_authenticated_data)
        return kms.EncryptResponse(
            name=GCP_KEY, ciphertext=sealed, ciphertext_crc32c=crc32c(sealed), verified_plaintext_crc32c=True
        )

    def decrypt(request: Any, context: Any) -> Any:
        checked(request, context, "ciphertext")
        sealed = request.ciphertext
        try:
            plain = cipher.decrypt(sealed[:12], sealed[12:], request.additional_authenticated_data)
        except (InvalidTag, ValueError):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "decryption failed")
        return kms.DecryptResponse(plaintext=plain, plaintext_crc32c=crc32c(plain))

    methods = {
        "Encrypt": grpc.unary_unary_rpc_method_handler(
            encrypt, kms.EncryptRequest.deserialize, kms.EncryptResponse.serialize
        ),
        "Decrypt": grpc.unary_unary_rpc_method_handler(
            decrypt, kms.DecryptRequest.deserialize, kms.DecryptResponse.serialize
        ),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    name = "google.cloud.kms.v1.KeyManagementService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield KeyService(f"gcpkms://{GCP_KEY}?emulator=127.0.0.1:{port}", {})
    server.stop(None)


@pytest.fixture(params=["openbao", "aws_kms", "gcp_kms"])
def key_service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> KeyService:
    """Each of the key services in turn, its credentials in the environment."""
    found = request.getfixturevalue(request.param)
    service = found.service if isinstance(found, OpenBao) else found
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    assert isinstance(service, KeyService)
    return service


def luhn(body: str) -> str:
    """A number with its Luhn check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


@dataclass(frozen=True)
class Person:
    """One made-up person."""

    id: int
    email: str
    card: int
    born: str
    phone: str


@pytest.fixture(scope="session")
def people() -> Callable[[int], list[Person]]:
    """The first ``n`` of a fixed crowd."""

    def make(n: int) -> list[Person]:
        rng = random.Random(20_240_229)
        return [
            Person(
                i,
                f"{''.join(rng.choices('abcdefghijklmnopqrstuvwxyz', k=9))}@mail{rng.randrange(100)}.com",
                int(luhn("4" + "".join(rng.choices("0123456789", k=14)))),
                f"{rng.randrange(1940, 2005)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
                f"+1 212 555 {rng.randrange(10_000):04}",
            )
            for i in range(n)
        ]

    return make


@dataclass(frozen=True)
class Said:
    """What a command left on its streams, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, as the one JSON object that it is."""
        return json.loads(self.out)

    def failed(self, code: int) -> "Said":
        """Holds that it ended in one clear line with a hint, and no traceback."""
        assert self.code == code, (self.code, self.err, self.out)
        assert self.err.count("error: ") == 1, self.err
        assert "hint: " in self.err, self.err
        assert "Traceback" not in self.err + self.out, self.err
        return self

    def ended(self, code: int = 0) -> "Said":
        """Holds that it ended with this code."""
        assert self.code == code, (self.code, self.err, self.out)
        return self


@dataclass(frozen=True)
class Project:
    """A user's folder, with a home and a key file, and the command line in it."""

    path: Path
    env: dict[str, str]

    @property
    def home(self) -> Path:
        """The registry's home."""
        return Path(self.env["CLEARANCE_HOME"])

    def __call__(self, *arguments: str | Path, stdin: str | None = None, **env: str) -> Said:
        """Runs ``clearance`` with these arguments, as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "clearance.jobs.cli", *map(str, arguments)],
            cwd=self.path,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=500,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str | Path, **env: str) -> "subprocess.Popen[bytes]":
        """Begins ``clearance`` in a process group of its own, so that it can be killed with its children."""
        log = (self.path / f"begun-{time.monotonic_ns()}.log").open("wb")
        return subprocess.Popen(
            [sys.executable, "-m", "clearance.jobs.cli", *map(str, arguments)],
            cwd=self.path,
            env={**self.env, **env},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


SOLUTIONS = """\
solutions:
  - {name: public-bot, owner: o@example.com, hosting: public, clearance: internal, usage: [inference],
     inputs_may_train: false, regimes: [GDPR, CCPA, PCI DSS, HIPAA, COPPA, PDPA]}
  - {name: strict-bot, owner: o@example.com, hosting: public, clearance: internal, usage: [inference], regimes: [],
     inputs_may_train: false}
  - {name: private-model, owner: o@example.com, hosting: private, clearance: restricted, usage: [analytics],
     inputs_may_train: false, regimes: [GDPR, CCPA, PCI DSS, HIPAA, COPPA, PDPA]}
"""


@pytest.fixture(scope="session")
def quick_spark() -> dict[str, str]:
    """What commands under test have in their environment: see QUICK_SPARK."""
    return QUICK_SPARK


def make_project(path: Path, key_file: Path) -> Project:
    """A project in an empty folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENLINEAGE", "CLEARANCE_", "SPARK_", "PYSPARK"))}
    if cache := os.environ.get("CLEARANCE_CACHE"):
        kept["CLEARANCE_CACHE"] = cache
    env = {
        **kept,
        "CLEARANCE_HOME": str(path / "home"),
        "CLEARANCE_KEY_FILE": str(key_file),
        "CLEARANCE_SIGNING_KEY_FILE": os.environ["CLEARANCE_SIGNING_KEY_FILE"],
        "NO_COLOR": "1",
        **QUICK_SPARK,
    }
    project = Project(path, env)
    project.write("solutions.yaml", SOLUTIONS)
    return project


@pytest.fixture
def project(tmp_path: Path, key_file: Path) -> Iterator[Project]:
    """An empty project with solutions."""
    yield make_project(tmp_path, key_file)


@pytest.fixture(scope="session")
def new_project(key_file: Path) -> Callable[[Path], Project]:
    """Makes projects where a fixture of a wider scope needs one."""
    return lambda path: make_project(path, key_file)


@pytest.fixture(scope="session")
def write_csv(people: Callable[[int], list[Person]]) -> Callable[[Path, int], Path]:
    """Writes people as CSV."""

    def write(path: Path, n: int) -> Path:
        lines = ["id,email,card,born,phone"]
        lines += [f"{p.id},{p.email},{p.card},{p.born},{p.phone}" for p in people(n)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
