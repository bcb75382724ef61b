"""Tables for people: columns stand below each other in any script."""

from typing import Any

import pytest

from clearance.jobs.commands.output import print_protected, print_scan, table_text

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
