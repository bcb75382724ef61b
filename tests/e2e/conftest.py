"""The demo, run once for all tests that look at what it said and left behind."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Demo:
    """A copy of the example after its demo ran in it."""

    path: Path
    key_file: Path
    env: dict[str, str]
    code: int
    out: str
    err: str

    @property
    def home(self) -> Path:
        """The registry's home."""
        return self.path / "out" / "home"

    def raw_values(self) -> set[str]:
        """What stands in the generated data and must stand nowhere else."""
        from deltalake import DeltaTable

        customers = DeltaTable(str(self.path / "data" / "customers")).to_pyarrow_table().to_pylist()
        orders = DeltaTable(str(self.path / "data" / "orders")).to_pyarrow_table().to_pylist()
        cards = {str(order["card_number"]) for order in orders}
        texts = [json.loads(line)["body"] for line in (self.path / "data" / "tickets.jsonl").read_text().splitlines()]
        values = {person[field] for person in customers for field in ("email", "phone", "name")}
        values |= {person["address"]["street"] for person in customers}
        return values | cards | {" ".join(card[at : at + 4] for at in range(0, 16, 4)) for card in cards} | set(texts)

    def protected_rows(self, name: str) -> list[dict]:
        """The rows of one protected copy, read without Spark."""
        from deltalake import DeltaTable

        return DeltaTable(str(self.path / "out" / "protected" / name)).to_pyarrow_table().to_pylist()


def copy_example(folder: Path) -> Path:
    """The example as a user copies it: without what was made in it."""
    return Path(
        shutil.copytree(
            ROOT / "examples" / "support-desk",
            folder / "support-desk",
            ignore=shutil.ignore_patterns("data", "out", "__pycache__"),
        )
    )


def own_environment(folder: Path, quick_spark: dict[str, str]) -> dict[str, str]:
    """A user's environment with a configuration folder of its own, and the machine's cache of JARs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENLINEAGE", "CLEARANCE_", "SPARK_", "PYSPARK"))}
    kept |= quick_spark
    if cache := os.environ.get("CLEARANCE_CACHE"):
        kept["CLEARANCE_CACHE"] = cache
    return {**kept, "XDG_CONFIG_HOME": str(folder / "config")}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, quick_spark: dict[str, str]) -> Demo:
    """The demo's copy, run. A receiver and a policy in the environment must not reach it."""
    folder = tmp_path_factory.mktemp("demo")
    path, env = copy_example(folder), own_environment(folder, quick_spark)
    done = subprocess.run(
        [sys.executable, str(path / "demo.py")],
        cwd=folder,
        env={**env, "OPENLINEAGE_URL": "http://127.0.0.1:9", "CLEARANCE_POLICY": "/nowhere/policy.yaml"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    key = folder / "config" / "clearance" / "support-desk-demo.json"
    return Demo(path, key, env, done.returncode, done.stdout, done.stderr)
