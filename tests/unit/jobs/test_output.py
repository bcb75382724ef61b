"""Tables for people: columns stand below each other in any script."""

from clearance.jobs.commands.output import table_text


def test_columns_stand_below_each_other_in_any_script() -> None:
    told = table_text(["column", "kind"], [["数量", "x"], ["gro\u0308ße", "x"], ["a-long-name", "x"]]).splitlines()
    places = [line.index("x") for line in told[1:]]
    # On a terminal: each of the two Chinese characters takes two places, the mark on the o takes none.
    assert places[0] + 2 == places[1] - 1 == places[2]
