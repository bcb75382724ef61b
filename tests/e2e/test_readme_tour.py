"""The README's tour, run as a stranger runs it: every shell block, in order, in one shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
PLACE = "/tmp/clearance-tour"


def blocks(language: str) -> list[str]:
    tour = README.read_text().split("## Ten minutes", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{language}\n(.*?)^```", tour, re.M | re.S)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, quick_spark: dict[str, str]) -> str:
    """Standard output of the whole tour, with paths as the README has them."""
    home = tmp_path_factory.mktemp("stranger")
    place = home / "tour"
    script = "\n".join(blocks("sh")).replace(PLACE, str(place))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENLINEAGE", "CLEARANCE_", "SPARK_", "PYSPARK"))}
    kept |= quick_spark
    env = {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        # The JARs are the same for everybody; downloading them again is not what is tested here.
        "CLEARANCE_CACHE": os.environ.get("CLEARANCE_CACHE") or str(Path.home() / ".cache" / "clearance"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=home, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert "error:" not in done.stderr, done.stderr
    assert (home / ".config" / "clearance" / "keys.json").stat().st_mode & 0o077 == 0
    return done.stdout.replace(str(place), PLACE).replace(str(home), "/home/you")


def test_exit_codes_are_as_promised(told: str) -> None:
    promised = re.findall(r"^exit code (\d)$", "\n".join(blocks("text")), re.M)
    assert promised == ["3", "0", "0"]
    assert re.findall(r"^exit code (\d)$", told, re.M) == promised


def test_what_is_shown_is_what_comes(told: str) -> None:
    """Line by line, but for what differs each time: times, run ids, tokens, and lines of the policy."""

    def same(text: str) -> list[str]:
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+", "TIME", text)
        text = re.sub(r"default_policy\.yaml:\d+", "POLICY", text)
        text = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "RUN", text)
        text = re.sub(r"(tk1h_[a-z_]+?_)[a-z0-9]{6}_[a-z2-7]{24}_[a-z2-7]{6}", r"\1TOKEN", text)
        # Columns are as wide as their paths, which are longer here.
        return [re.sub(r" {2,}", "  ", line.rstrip()) for line in text.splitlines() if line.strip()]

    assert same(told) == same("\n".join(blocks("text")))
