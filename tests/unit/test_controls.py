"""The control matrix: each row names a command and a test that exist, and every page of a practice keeps to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from clearance.jobs.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PRACTICES = ROOT / "docs" / "practices"
ROW = re.compile(r"^\| (?!control|---)(.+?) \| (.+?) \| `clearance (.+?)` \| (.+?) \| `(.+?)::(\w+)` \|$", re.M)
ROWS = ROW.findall((PRACTICES / "control-matrix.md").read_text())
PAGES = sorted(page for page in PRACTICES.glob("*.md") if page.name != "control-matrix.md")


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


KNOWN = dict(commands(cli))


def test_every_row_is_read() -> None:
    lines = [line for line in (PRACTICES / "control-matrix.md").read_text().splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - 2 > 30


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_a_command_and_a_test_that_exist(row: tuple[str, ...]) -> None:
    _, _, command, _, file, test = row
    assert command in KNOWN
    tree = ast.parse((ROOT / file).read_text())
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_command_of_a_practice_has_a_row_of_its_own(page: Path) -> None:
    shown = re.findall(r"^\| .+? \| `clearance ([a-z -]+)` \|", page.read_text(), re.M)
    assert shown
    rows = {command for _, practices, command, *_ in ROWS if f"({page.name})" in practices}
    for line in shown:
        command, _, flag = line.partition(" --")
        assert command in rows, f"{page.stem}: clearance {line}"
        assert not flag or f"--{flag}" in {name for p in KNOWN[command].params for name in p.opts}
