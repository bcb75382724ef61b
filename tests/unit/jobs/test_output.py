"""Tables for people: columns stand below each other in any script."""

import io
import re
from typing import Any

import click
import pytest

from clearance.jobs.commands.fitting import say, width_of, wrapped
from clearance.jobs.commands.output import level, print_protected, print_scan, table, table_text

LABEL = {"level": "internal", "regimes": []}


def test_columns_stand_below_each_other_in_any_script() -> None:
    told = table_text(["column", "kind"], [["数量", "x"], ["gro\u0308ße", "x"], ["a-long-name", "x"]]).splitlines()
    places = [line.index("x") for line in told[1:]]
    # On a terminal: each of the two Chinese characters takes two places, the mark on the o takes none.
    assert places[0] + 2 == places[1] - 1 == places[2]


def test_of_a_protected_copy_only_what_says_something_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    label = {"level": "internal", "categories": [], "regimes": [], "subjects": []}
    column = {"path": "a", "entity_type": None, "how": "keep", "label": label, "type_before": "t", "type_after": "t"}
    done = {"dataset": "d", "version": 0, "rows": 1, "label": label, "proof": {"checked_cells": 0, "checked_texts": 0}}
    print_protected({**done, "columns": [column]})
    assert "column  entity type  method  level\n" in capsys.readouterr().out
    print_protected({**done, "columns": [column, {**column, "type_after": "string"}]})
    assert "column  entity type  method  level     type\n" in capsys.readouterr().out
    print_protected({**done, "columns": [column, {**column, "note": "kept"}]})
    assert "column  entity type  method  level     note\n" in capsys.readouterr().out
    print_protected({**done, "columns": [column], "column_mapping": True})
    assert "warning: column names of d need Delta's column mapping" in capsys.readouterr().out


def test_a_scan_says_which_columns_point_at_somebody(capsys: pytest.CaptureFixture[str]) -> None:
    def column(path: str, role: str, attribute: str | None, *kinds: str) -> dict[str, Any]:
        findings = [{"entity_type": kind, "form": "raw", "prevalence": {"estimate": 1.0}} for kind in kinds]
        told = {"path": path, "type": "string", "kind": "structured", "rows": 4, "nulls": 0, "distinct": 4}
        return {**told, "role": role, "attribute": attribute, "findings": findings, "label": LABEL}

    columns = [
        column("town", "quasi", "CITY"),
        column("born", "quasi", "BIRTH_DATE", "DATE_OF_BIRTH"),
        column("pay", "sensitive", "INCOME"),
        column("secret", "sensitive", None, "PASSWORD"),
        column("mail", "direct", None, "EMAIL_ADDRESS"),
        column("n", "none", None),
    ]
    print_scan({"dataset": "a", "rows": 4, "label": LABEL, "coverage": {"mode": "full"}, "columns": columns})
    assert [line.split("internal  ")[1].strip() for line in capsys.readouterr().out.splitlines()[2:]] == [
        "quasi-identifier: city",
        "DATE_OF_BIRTH 100% (quasi-identifier: birth date)",
        "sensitive: income",
        "PASSWORD 100% (sensitive)",
        "EMAIL_ADDRESS 100%",
        "-",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, prints: Any) -> list[str]:
    """What is printed on a terminal of so many columns, without styles."""
    screen = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", screen)
        patch.setenv("COLUMNS", str(columns))
        prints()
    return click.unstyle(screen.getvalue()).splitlines()


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_table_fits_its_terminal_and_loses_nothing(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    headers = ["dataset", "level", "found", "regimes"]
    rows = [
        ["file:///data/lake/customers/2026/by_region", level("confidential"), "EMAIL_ADDRESS 25%, LOCATION 3%", "GDPR"],
        ["日本語のとても長い表の名前です" * 3, level("public"), "-", ""],
    ]
    lines = on_terminal(monkeypatch, columns, lambda: table(headers, rows, indent="  "))
    assert max(map(width_of, lines)) <= columns
    shown = "".join("".join(lines).split())
    for row in rows:
        for word in " ".join(map(click.unstyle, row)).split():
            # A name may be parted; its parts stand in their order.
            assert word in shown or re.search(".*?".join(map(re.escape, word)), shown)


def test_a_table_for_a_file_or_a_pipe_is_whole(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    table(["a", "b"], [["x" * 100, "y z"]])
    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 100}  y z"


def test_a_style_goes_on_where_a_cell_is_wrapped() -> None:
    first, second = wrapped(click.style("one two", fg="red") + " three", 8)
    assert first.startswith("\x1b[31m") and click.unstyle(first) == "one two"
    assert click.unstyle(second) == "three"
    first, second = wrapped(click.style("one two", fg="red"), 4)
    assert [first, second] == [click.style("one", fg="red"), click.style("two", fg="red")]


def test_a_long_line_hangs_below_what_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "    remedy: protect the column: token EMAIL_ADDRESS (rule tokenised lowers it to internal), token LOCATION"
    lines = on_terminal(monkeypatch, 60, lambda: say(text, hang=6))
    assert len(lines) == 2 and all(len(line) <= 60 for line in lines)
    assert lines[1].startswith("      ") and " ".join(" ".join(lines).split()) == text.strip()


def test_a_scan_on_a_narrow_terminal_says_which_columns_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = {"entity_type": "STREET_ADDRESS", "form": "raw", "prevalence": {"estimate": 0.25}}
    label = {"level": "confidential", "regimes": ["GDPR"]}
    column = {
        "path": "customer_email", "type": "timestamp", "kind": "structured", "rows": 4, "nulls": 0, "distinct": 4,
        "findings": [finding], "role": "quasi", "attribute": None, "label": label,
    }  # fmt: skip
    scan = {"dataset": "d", "rows": 4, "label": label, "coverage": {"mode": "full"}, "columns": [column]}
    narrow = on_terminal(monkeypatch, 80, lambda: print_scan(scan))
    assert "on a wider terminal, and with --format json: distinct" in narrow[-1]
    assert "confidential" in narrow[2] and all(len(line) <= 80 for line in narrow)
    assert "distinct" in on_terminal(monkeypatch, 160, lambda: print_scan(scan))[1]
