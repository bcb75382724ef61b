"""A sample is read on where another draw could have said something else, and not where it could not."""

import json
import os

import pyarrow as pa
import pytest

from clearance.classifiers.certainty import unsure
from clearance.classifiers.columns import finish
from clearance.classifiers.engine import load_engine
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.profile_records import records_of, with_records


def profile(values: list[str], path: str = "c", salt: bytes = b"s" * 16) -> LeafProfile:
    made = LeafProfile(path, "string", salt=salt)
    made.update(pa.array(values), load_engine(ner=None))
    return made


def mails(n: int, start: int = 0) -> list[str]:
    return [f"u{i}@example{i % 7}.com" for i in range(start, start + n)]


def plain(n: int) -> list[str]:
    return [f"zz{i}" for i in range(n)]


SETTLED = {
    "a column of one type": mails(300),
    "a column of nothing": plain(300),
    "a sensitive value now and then": mails(30) + plain(270),
    "nothing at all": ["", " "],
}
OPEN = {
    "half of it": mails(150) + plain(150),
    "too few values to tell a share": mails(6) + plain(5),
}


@pytest.mark.parametrize("case", SETTLED)
def test_a_verdict_that_any_draw_would_give_is_sure(case: str) -> None:
    assert not unsure(profile(SETTLED[case]), name="c", dtype="string")


@pytest.mark.parametrize("case", OPEN)
def test_a_verdict_that_hangs_on_the_draw_is_not(case: str) -> None:
    assert unsure(profile(OPEN[case]), name="c", dtype="string")


def luhn(digits: str) -> str:
    """The digits with their check digit (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return digits + str(-sum(number - 9 * (number > 9) for number in doubled) % 10)


CARDS = [luhn(f"4{i:014d}") for i in range(7, 30_000_000, 1_000_003)]


@pytest.mark.parametrize("seen", [1, 2])
def test_cards_too_few_to_tell_from_chance_are_read_on(seen: int) -> None:
    """A scan of all rows reports three: a sample that stopped at two would miss two in five of what it promises."""
    drawn = profile(CARDS[:seen] + plain(2993))
    assert not finish(drawn, name="c", dtype="string").findings
    assert unsure(drawn, name="c", dtype="string")
    assert finish(profile(CARDS[:3] + plain(2993)), name="c", dtype="string").findings


def test_numbers_of_which_few_pass_the_check_digit_are_not() -> None:
    numbers = [str(4_000_000_000_000_000 + 7 * i) for i in range(40)]
    assert not unsure(profile(numbers + plain(2993)), name="c", dtype="string")


def test_more_rows_settle_a_share_that_is_not_at_the_limit() -> None:
    assert unsure(profile(mails(33) + plain(27)), name="c", dtype="string")
    assert not unsure(profile(mails(3300) + plain(2700)), name="c", dtype="string")


def test_asking_changes_nothing() -> None:
    asked = profile(OPEN["half of it"])
    before = asked.to_bytes()
    unsure(asked, name="c", dtype="string")
    assert asked.to_bytes() == before


def test_a_leaf_inside_strings_is_asked_too() -> None:
    sure = [json.dumps({"a": mail, "b": text}) for mail, text in zip(mails(300), plain(300), strict=True)]
    open_ = [json.dumps({"a": mail, "b": text}) for mail, text in zip(mails(300), OPEN["half of it"], strict=True)]
    assert not unsure(profile(sure), name="c", dtype="string")
    assert unsure(profile(open_), name="c", dtype="string")


def test_counts_on_record_and_new_ones_are_those_of_all() -> None:
    first, second = profile(mails(200)), profile(mails(100, start=200) + plain(50), salt=b"t" * 16)
    record = records_of({"c": first})
    merged = with_records({"c": second}, json.loads(json.dumps(record)), salt=b"t" * 16)["c"]
    whole = finish(profile(mails(300) + plain(50)), name="c", dtype="string").to_dict()
    found = finish(merged, name="c", dtype="string").to_dict()
    whole.pop("distinct"), found.pop("distinct")
    assert found == whole


def test_a_record_holds_no_digest_and_no_shape_of_few() -> None:
    rare = "Q" * 3 + "-777@example.com"
    salt = os.urandom(16)
    kept = json.dumps(records_of({"c": profile([*mails(100), rare], salt=salt)}))
    assert "AAA-999@" not in kept and "QQQ" not in kept
    assert "sketch" not in kept and "registers" not in kept and salt.hex() not in kept


def test_names_inside_strings_that_few_rows_share_are_not_kept() -> None:
    few = [json.dumps({"mail": mail}) for mail in mails(50)] + [json.dumps({"mail": "x", "margaret whitfield": 1})] * 3
    assert records_of({"c": profile(few)}) is None
    many = [json.dumps({"mail": mail}) for mail in mails(50)]
    assert records_of({"c": profile(many)}) is not None


@pytest.mark.parametrize("path", ["d", "c.x"])
def test_records_of_other_leaves_are_refused(path: str) -> None:
    record = records_of({path: profile(mails(30), path=path)})
    assert record is not None
    with pytest.raises(ValueError, match="other leaves"):
        with_records({"c": profile(mails(3))}, record, salt=b"s" * 16)
