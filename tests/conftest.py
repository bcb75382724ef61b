"""What all tests share: a key file, a home of their own, made-up people, and the command line as a user has it."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The first example of a test may load an engine, and machines differ: no timing is asserted.
settings.register_profile("clearance", deadline=None)
settings.load_profile("clearance")

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


@pytest.fixture(autouse=True)
def _own_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """No test reads or writes the user's registry, keys, policy, or lineage configuration."""
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE") or name in ("CLEARANCE_POLICY", "CLEARANCE_SOLUTIONS", "CLEARANCE_MASTER"):
            monkeypatch.delenv(name)
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("CLEARANCE_HOME", str(base / "unused-home"))
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(base / "no-such-keys.json"))


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
     regimes: [GDPR, CCPA, PCI DSS, HIPAA, COPPA, PDPA]}
  - {name: strict-bot, owner: o@example.com, hosting: public, clearance: internal, usage: [inference], regimes: []}
  - {name: private-model, owner: o@example.com, hosting: private, clearance: restricted, usage: [analytics],
     regimes: [GDPR, CCPA, PCI DSS, HIPAA, COPPA, PDPA]}
"""


def make_project(path: Path, key_file: Path) -> Project:
    """A project in an empty folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENLINEAGE", "CLEARANCE_", "SPARK_", "PYSPARK"))}
    if cache := os.environ.get("CLEARANCE_CACHE"):
        kept["CLEARANCE_CACHE"] = cache
    env = {**kept, "CLEARANCE_HOME": str(path / "home"), "CLEARANCE_KEY_FILE": str(key_file), "NO_COLOR": "1"}
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
