"""No raw value leaves the data: planted values are nowhere in what commands leave behind, failures included.

Canaries are high-entropy and made up with a fixed seed. They stand in columns, free text, map keys, field names,
a header that is data, and malformed records. Every command runs with Spark's event log on. Then everything that
is left is searched: streams, registry (raw bytes and decoded rows), lineage, logs, event log, verdicts, targets.
"""

import base64
import hashlib
import json
import os
import random
import signal
import string
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

LETTERS = string.ascii_lowercase


class Canaries:
    """Made-up values by entity type."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.planted: set[str] = set()

    def _pick(self, alphabet: str, n: int) -> str:
        return "".join(self.rng.choices(alphabet, k=n))

    def _digits(self, n: int) -> str:
        return self._pick("123456789", n)

    def make(self, kind: str) -> str:
        value = getattr(self, kind)()
        self.planted.add(value)
        return value

    def email(self) -> str:
        return f"{self._pick(LETTERS, 12)}.{self._pick(LETTERS, 8)}@{self._pick(LETTERS, 9)}.com"

    def card(self) -> str:
        body = "4" + self._digits(14)
        total = sum(d if i % 2 else (2 * d - 9 if 2 * d > 9 else 2 * d) for i, d in enumerate(map(int, reversed(body))))
        return body + str(-total % 10)

    def ssn(self) -> str:
        return f"{self.rng.randrange(101, 666)}-{self.rng.randrange(11, 99)}-{self.rng.randrange(1111, 9999)}"

    def iban(self) -> str:
        bban = "37040044" + self._digits(10)
        check = 98 - int(bban + "131400") % 97
        return f"DE{check:02}{bban}"

    def phone(self) -> str:
        return f"+1 212-{self.rng.randrange(200, 999)}-{self._digits(4)}"

    def person(self) -> str:
        return f"{self._pick(LETTERS, 7).title()} {self._pick(LETTERS, 9).title()}"

    def aws_key(self) -> str:
        return "AKIA" + self._pick(string.ascii_uppercase + "234567", 16)

    def github_token(self) -> str:
        return "ghp_" + self._pick(string.ascii_letters + string.digits, 36)

    def jwt(self) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": self._pick(LETTERS, 20), "iat": 1})
        coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
        return ".".join([*coded, self._pick(string.ascii_letters + string.digits, 43)])

    def password(self) -> str:
        return self._pick(LETTERS, 6) + self._pick(string.ascii_uppercase, 3) + self._digits(3) + "!x"

    def url(self) -> str:
        return f"https://files.example.com/get?token={self._pick(string.ascii_letters + string.digits, 32)}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def mac(self) -> str:
        return ":".join(f"{self.rng.randrange(256):02x}" for _ in range(6))

    def crypto(self) -> str:
        payload = b"\x00" + self.rng.randbytes(20)
        raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
        alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
        number, coded = int.from_bytes(raw), ""
        while number:
            number, digit = divmod(number, 58)
            coded = alphabet[digit] + coded
        return "1" + coded

    def vin(self) -> str:
        alphabet = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
        values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)], strict=True))
        body = list("1HG" + self._pick(alphabet, 14))
        weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
        total = sum((int(c) if c.isdigit() else values[c]) * w for c, w in zip(body, weights, strict=True)) % 11
        body[8] = "X" if total == 10 else str(total)
        return "".join(body)

    def mrn(self) -> str:
        return "MRN-" + self._digits(9)

    def ip(self) -> str:
        return ":".join(f"{self.rng.randrange(0x1000, 0xFFFF):x}" for _ in range(8))

    def street(self) -> str:
        return f"{self.rng.randrange(1000, 9999)} {self._pick(LETTERS, 9).title()} Street"

    def nhs(self) -> str:
        while True:
            body = self._digits(9)
            check = 11 - sum(int(d) * (10 - i) for i, d in enumerate(body)) % 11
            if check < 10:
                return body + str(check)

    def nino(self) -> str:
        return f"AB{self._digits(6)}C"

    def itin(self) -> str:
        return f"9{self._digits(2)}-7{self.rng.randrange(9)}-{self._digits(4)}"

    def bank(self) -> str:
        return self._digits(12)

    def passport(self) -> str:
        return "C" + self._digits(8)

    def license(self) -> str:
        return self._pick(string.ascii_uppercase, 1) + self._digits(13)

    def mbi(self) -> str:
        return "1EG4-TE5-MK" + str(self.rng.randrange(10, 99))

    def npi(self) -> str:
        return "1" + self._digits(9)

    def user(self) -> str:
        return self._pick(LETTERS, 14) + self._digits(4)


KINDS = [name for name in vars(Canaries) if not name.startswith("_") and name != "make"]
SENTENCES = {
    "email": "Please answer to {} soon.",
    "card": "I paid with card number {} yesterday.",
    "ssn": "My social security number is {}.",
    "iban": "Send it to the account {} please.",
    "phone": "Call me at {} after five.",
    "person": "My name is {} and I live nearby.",
    "aws_key": "The access key {} stopped working.",
    "github_token": "It says that the token {} is invalid.",
    "jwt": "The header was Authorization: Bearer {} then.",
    "password": "I tried with password: {} and it failed.",
    "url": "The file is at {} for you.",
    "uuid": "The order {} never came.",
    "mac": "The device {} is offline.",
    "crypto": "Send the coins to bitcoin wallet {} now.",
    "vin": "The car with VIN {} is mine.",
    "mrn": "The patient's medical record number is {} there.",
    "ip": "It came from the IP {} last night.",
    "street": "I live at {} since May.",
    "nhs": "My NHS number is {} if you need it.",
    "nino": "My national insurance number is {} as well.",
    "itin": "My individual taxpayer number is {} there.",
    "bank": "My bank account number is {} there.",
    "passport": "My passport number is {} there.",
    "license": "My driver license is {} there.",
    "mbi": "My medicare id is {} there.",
    "npi": "The doctor's NPI is {} there.",
    "user": "My username is {} there.",
}
ROWS = 24
SEVERAL = """
import json
from clearance.jobs.cli import run
json.dump([run(arguments) for arguments in json.load(open("commands.json"))], open("codes.json", "w"))
"""


@pytest.fixture(scope="module")
def left(tmp_path_factory, new_project, key_file) -> "Iterator[Left]":
    """A project in which everything was run once."""
    left = Left(new_project(tmp_path_factory.mktemp("canary")), key_file)
    left.run()
    yield left


class Left:
    """A project with canaries, all commands over it, and what they left."""

    def __init__(self, project, key_file: Path) -> None:
        self.project, self.key_file = project, key_file
        self.canaries = Canaries(20_240_601)
        self.source = project.path / "source"
        self.streams: dict[str, str] = {}
        conf = project.path / "spark-conf"
        conf.mkdir()
        self.events = project.path / "event-log"
        self.events.mkdir()
        (conf / "spark-defaults.conf").write_text(
            f"spark.eventLog.enabled true\nspark.eventLog.dir file://{self.events}\nspark.eventLog.compress false\n"
        )
        self.cache = self._cache()
        project.env.update(SPARK_CONF_DIR=str(conf), CLEARANCE_CACHE=str(self.cache), TMPDIR=str(project.path / "tmp"))
        (project.path / "tmp").mkdir()

    def _cache(self) -> Path:
        """A cache folder with a log of its own, and the JARs of the usual one."""
        from clearance.cache import cache_home

        own, usual = self.project.path / "cache", cache_home()
        own.mkdir()
        for known in usual.glob("jars-*.txt"):
            (own / known.name).write_text(known.read_text())
        return own

    def plant(self) -> None:
        make, path = self.canaries.make, self.source
        path.mkdir()
        columns = {kind: [make(kind) for _ in range(ROWS)] for kind in KINDS}
        records = [{kind: columns[kind][i] for kind in KINDS} for i in range(ROWS)]
        (path / "columns.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        texts = [SENTENCES[kind].format(make(kind)) for kind in KINDS for _ in range(2)]
        (path / "texts.jsonl").write_text("".join(json.dumps({"message": text}) + "\n" for text in texts))
        nested = [
            {
                "by": {make("email"): {"card": make("card")}, "plain": {"card": make("card")}},
                make("email"): make("ssn"),
                "list": [{"t": f"write to {make('email')} or {make('iban')}"}],
            }
            for _ in range(5)
        ]
        lines = [json.dumps(record) for record in nested] + [f'{{"by": {{"{make("email")}": "{make("card")}"']
        (path / "nested.jsonl").write_text("\n".join(lines) + "\n")
        # No header: the first record is taken for one. And records that do not fit.
        rows = [f"{make('email')},{make('card')},{make('iban')}" for _ in range(ROWS)]
        rows += [f"{make('email')},{make('card')},{make('iban')},{make('aws_key')},{make('ssn')}", make("github_token")]
        (path / "headerless.csv").write_text("\n".join(rows) + "\n")
        (path / "broken.parquet").write_bytes(f"PAR1{make('email')}{make('card')}PAR1".encode())
        (path / "torn.json").write_text(f'[{{"a": "{make("email")}", "b": {make("card")} {make("iban")}')
        (path / "latin1.csv").write_bytes(f"a,b\n{make('email')},caf\xe9 {make('card')}\n".encode("latin-1"))

    def clearance(self, *commands: list[str]) -> list[int]:
        """Runs commands one after the other in one process, as a job of one's own may; how each ended."""
        self.project.write("commands.json", json.dumps(commands))
        done = subprocess.run(
            [sys.executable, "-c", SEVERAL],
            cwd=self.project.path, env=self.project.env, capture_output=True, text=True, timeout=500,
        )  # fmt: skip
        self.streams["; ".join(" ".join(arguments) for arguments in commands)] = done.stdout + done.stderr
        assert done.returncode == 0, done.stderr
        codes: list[int] = json.loads((self.project.path / "codes.json").read_text())
        return codes

    def run(self) -> None:
        self.plant()
        datasets = ["columns.jsonl", "texts.jsonl", "nested.jsonl", "headerless.csv"]
        paths = [f"source/{name}" for name in datasets]
        whole = ["run", "source", "--solution", "strict-bot", "--protect", "always", "--no-ner"]
        whole += ["--log-format", "json", "--format", "json"]
        latin1 = ["scan", "source/latin1.csv", "--no-ner"]
        done = self.clearance(
            ["scan", *paths, "--format", "json"],
            ["scan", "source/broken.parquet"],
            latin1,
            [*latin1, "--option", "encoding=UTF-8"],
            whole,
        )
        self.codes = dict(zip(("scan", "broken parquet", "no UTF-8", "said to be", "run"), done, strict=True))
        self.killed()
        self.codes["driver"] = self.driver()
        done = self.clearance(
            ["label", paths[0]],
            ["explain", paths[0]],
            ["lineage", "show", paths[0]],
            ["check", paths[0], "--solution", "strict-bot"],
            ["lineage", "show", "--format", "json"],
            ["lineage", "export", "--format", "json"],
            ["lineage", "export", "--format", "openlineage"],
            ["audit", "--format", "json"],
            ["audit", "verify"],
            ["registry", "show"],
            ["registry", "show", paths[0], "--format", "json"],
            ["registry", "show", "protected/columns", "--format", "json"],
            ["explain", f"{paths[1]}#message", "--format", "json"],
            ["keys", "--format", "json"],
            ["scan", "--text", "source/texts.jsonl"],
        )
        self.codes |= dict(zip(("label", "explain", "lineage"), done, strict=False))

    def killed(self) -> None:
        """A protection that is killed while something is staged."""
        process = self.project.begin("protect", "source/columns.jsonl", "--to", "killed/columns", "--no-ner")
        staging, deadline = self.project.path / "killed" / ".clearance-staging", time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None and not list(staging.glob("*/*.parquet")):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def driver(self) -> int:
        """What a job of one's own may do: a view whose cast fails, under Spark's own ANSI mode.

        Without an event log: Spark's own record of a failed task quotes the value that the user's cast failed on,
        whoever runs the query. What Clearance says and keeps of it must not.
        """
        plain = self.project.path / "plain-conf"
        plain.mkdir()
        script = self.project.write(
            "driver.py",
            "import sys\n"
            "from clearance.jobs.cli import run\n"
            "from clearance.jobs.session import get_session\n"
            "spark = get_session()\n"
            "spark.read.json('source/columns.jsonl').createOrReplaceTempView('raw')\n"
            "spark.sql('create or replace global temp view casted as select cast(email as int) as n from raw')\n"
            "code = run(['scan', 'table:global_temp.casted'])\n"
            "assert run(['protect', 'table:global_temp.casted', '--to', 'protected/casted', '--no-ner']) == code\n"
            "sys.exit(code)\n",
        )
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=self.project.path, env={**self.project.env, "SPARK_CONF_DIR": str(plain)},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        self.streams["driver"] = done.stdout + done.stderr
        return done.returncode

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All that was left, by name: bytes of files (decoded too, where they are compressed) and streams."""
        for name, text in self.streams.items():
            yield f"streams of {name}", text.encode()
        for path in sorted(self.project.path.rglob("*")):
            yield f"the name of {path}", str(path.relative_to(self.project.path)).encode()
            if path.is_file() and not path.is_relative_to(self.source):
                yield str(path), path.read_bytes()
                if path.suffix == ".parquet" and path.read_bytes()[-4:] == b"PAR1":  # a killed writer's has no end
                    import pyarrow.parquet as pq

                    yield f"rows of {path}", str(pq.read_table(path).to_pylist()).encode()


def test_the_commands_did_what_they_were_run_for(left):
    assert left.codes["scan"] == 0, left.streams
    assert left.codes["broken parquet"] == left.codes["no UTF-8"] == 5 and left.codes["said to be"] == 0
    assert left.codes["driver"] == 5
    assert left.codes["label"] == left.codes["explain"] == left.codes["lineage"] == 0
    verdicts = json.loads((left.project.home / "verdicts.json").read_text())
    done = {d["name"]: d["error"] is None and d["protected"] is not None for d in verdicts["datasets"]}
    assert not any(done.pop(name) for name in ("broken", "latin1", "torn"))
    assert done == dict.fromkeys(("columns", "headerless", "nested", "texts"), True), verdicts
    assert list(left.events.iterdir()) and (left.cache / "spark.log").exists()
    assert list(left.project.home.glob("registry/*/*.parquet"))


KEPT = {"uuid", "url", "npi"}
"""Kept by the default policy, so they are in the protected copies and nowhere else."""


def test_no_planted_value_is_left_anywhere(left):
    copies = tuple(str(left.project.path / name) for name in ("protected", "killed"))
    needles = {value.encode() for value in left.canaries.planted}
    # Other forms of the same value: without separators, and as JSON writes it.
    needles |= {value.replace("-", "").replace(" ", "").encode() for value in left.canaries.planted}
    found: dict[str, list[str]] = {}
    for name, content in left.everything():
        if any(place in name for place in copies):
            continue
        for needle in needles:
            if needle in content:
                found.setdefault(name, []).append(needle.decode())
    assert not found, {name: values[:3] for name, values in found.items()}


def test_protected_copies_hold_only_what_the_policy_keeps(left):
    """Structured columns and text that a pattern can know, in what was published and in what was staged."""
    import re

    copies = tuple(str(left.project.path / name) for name in ("protected", "killed"))
    surely = ("email", "card", "ssn", "iban", "aws_key", "github_token", "jwt", "crypto", "mac", "password")
    planted = Canaries(20_240_601)
    del planted
    patterns = [re.compile(rf"^{p}$") for p in (r"\S+@\S+", r"4\d{15}", r"\d{3}-\d\d-\d{4}", r"DE\d{20}", r"AKIA\w{16}",
                                                r"ghp_\w{36}")]  # fmt: skip
    needles = {v.encode() for v in left.canaries.planted if any(p.match(v) for p in patterns)}
    assert surely and len(needles) > 150
    found: dict[str, set[bytes]] = {}
    for name, content in left.everything():
        if any(place in name for place in copies):
            hits = {needle for needle in needles if needle in content}
            if hits:
                found[name] = hits
    assert not found, {name: sorted(values)[:3] for name, values in found.items()}


def test_the_key_is_left_nowhere(left):
    from clearance.tokenization.keys import open_keys

    keyset = open_keys(left.key_file).keyset()
    needles = []
    for secret in [base64.b64decode(root) for key in keyset.keys for root in key.roots.values()]:
        coded = base64.b64encode(secret)
        needles += [secret, secret.hex().encode(), secret.hex().upper().encode(), coded.rstrip(b"=")]
        needles.append(base64.urlsafe_b64encode(secret).rstrip(b"="))
    assert needles
    assert not [name for name, content in left.everything() if any(needle in content for needle in needles)]
