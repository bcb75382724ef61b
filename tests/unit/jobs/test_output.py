"""Tables for people: columns stand below each other in any script."""

import pytest

from clearance.jobs.commands.output import print_protected, table_text


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
