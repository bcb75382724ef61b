"""Evidence for and against a type, look-alikes that must not be taken for one, and a score that is a probability."""

import math
import random
import string
import uuid
from collections.abc import Callable

import pyarrow as pa
import pytest

from clearance.classifiers.column_score import model
from clearance.classifiers.columns import finish
from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import ALONE, Surroundings, surroundings

Draw = Callable[[random.Random], str]


def report(
    engine: Engine, name: str, values: list[str | None], dtype: str = "string", around: Surroundings = ALONE
) -> ColumnReport:
    profile = LeafProfile(name, dtype, salt=b"0123456789abcdef")
    profile.update(pa.array(values, pa.string()), engine)
    return finish(profile, name=name, dtype=dtype, around=around)


def drawn(draw: Draw, number: int = 300) -> list[str | None]:
    rng = random.Random(11)
    return [draw(rng) for _ in range(number)]


def digits(rng: random.Random, number: int) -> str:
    return rng.choice("123456789") + "".join(rng.choices(string.digits, k=number - 1))


def ean13(rng: random.Random) -> str:
    body = rng.choice(["400", "501", "978"]) + digits(rng, 9)
    return body + str(-sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body)) % 10)


@pytest.mark.parametrize(
    ("names", "draw"),
    [
        (("order_no", "invoice_number", "c1"), lambda r: digits(r, 10)),
        (("order_no", "Bestellnummer", "c1"), lambda r: digits(r, 16)),
        (("order_no", "c1"), lambda r: f"{digits(r, 2)}-{digits(r, 4)}-{digits(r, 2)}"),
        (("created", "x", "ts"), lambda r: str(r.randint(1_400_000_000, 1_700_000_000))),
        (("updated_ms", "x"), lambda r: str(r.randint(1_400_000_000_000, 1_700_000_000_000))),
        (("checksum", "sha1", "data"), lambda r: f"{r.getrandbits(160):040x}"),
        (("etag", "data"), lambda r: f"{r.getrandbits(128):032x}"),
        (("digest", "data"), lambda r: f"{r.getrandbits(256):064x}"),
        (("zip", "PLZ", "c3"), lambda r: digits(r, 5)),
        (("zip4", "c3"), lambda r: f"{digits(r, 5)}-{digits(r, 4)}"),
        (("barcode", "isbn", "c4"), ean13),
        (
            ("version", "firmware"),
            lambda r: f"{r.randint(1, 9)}.{r.randint(0, 30)}.{r.randint(0, 99)}.{r.randint(0, 9)}",
        ),
        (("price", "c5"), lambda r: f"{r.random() * 900:.2f}"),
        (("serial_no", "c6"), lambda r: r.choice(string.ascii_uppercase) + digits(r, 8)),
        (("tracking_no", "c7"), lambda r: f"1Z{digits(r, 16)}"),
        (("hostname",), lambda r: f"web-{r.choice('abc')}-{r.randrange(99):02d}"),
        (("genre",), lambda r: r.choice(["Drama", "Comedy", "Horror"])),
        (("email_provider",), lambda r: r.choice(["mailbox", "postbox"])),
        (("card_type",), lambda r: r.choice(["Visa", "Maestro"])),
    ],
)
def test_look_alikes(patterns: Engine, names: tuple[str, ...], draw: Draw) -> None:
    for name in names:
        found = report(patterns, name, drawn(draw))
        assert (found.kind, found.entity_type, found.findings) == ("structured", None, ()), name


def test_keys_are_keys(patterns: Engine) -> None:
    keys = drawn(lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)))
    assert report(patterns, "row_id", keys).role == "none"


def test_numbers_without_check_digits_are_cards_only_by_name_and_form(patterns: Engine) -> None:
    numbers = drawn(lambda rng: digits(rng, 16))
    assert report(patterns, "card_number", numbers).entity_type == "CREDIT_CARD"
    assert report(patterns, "Kreditkartennummer", numbers).entity_type == "CREDIT_CARD"
    assert report(patterns, "gift_card_number", numbers).entity_type is None
    assert report(patterns, "c1", numbers).entity_type is None
    assert report(patterns, "card_number", drawn(lambda rng: digits(rng, 8))).entity_type is None


def test_all_that_was_weighed_is_told_and_adds_up_to_the_score(patterns: Engine) -> None:
    found = report(patterns, "cust_email", [f"user{i}@example.org" for i in range(50)])
    assert found.findings[0].score == pytest.approx(
        model().probability(sum(term.weight for term in found.terms)), abs=1e-4
    )
    assert {"prior", "name", "uncovered", "format", "detected", "proven"} == {term.evidence for term in found.terms}
    assert ColumnReport.from_dict(found.to_dict()) == found


def test_more_doubt_is_a_lower_score(patterns: Engine) -> None:
    addresses = [f"user{i}@example.org" for i in range(50)]
    clean, dirty, silent = (
        report(patterns, name, values).findings[0].score
        for name, values in (
            ("email", addresses),
            ("email", addresses[:20] + ["n/a", "unknown", "-"] * 9),
            ("c1", addresses[:30] + ["n/a", "unknown"] * 10),
        )
    )
    assert 1 > clean > dirty >= 0.5
    assert clean > silent >= 0.5


def test_calibration_is_monotone_and_never_certain() -> None:
    scores = [model().probability(evidence / 10) for evidence in range(-300, 301)]
    assert scores == sorted(scores)
    assert 0 < scores[0] < 0.01
    assert 0.99 < scores[-1] < 1
    assert model().probability(0.0) == pytest.approx(model().decision)
    assert not any(math.isnan(score) for score in scores)


def test_a_comment_says_what_a_name_does_not(patterns: Engine) -> None:
    numbers = [f"415555{i:04d}" for i in range(60)]
    said = Surroundings(comment="Mobile phone of the customer")
    assert report(patterns, "c9", numbers).entity_type is None
    assert report(patterns, "c9", numbers, around=said).entity_type == "PHONE_NUMBER"
    assert report(patterns, "c9", ["yes", "later"] * 30, around=said).entity_type is None


def test_columns_beside_it_make_a_name_more_or_less_probable(patterns: Engine) -> None:
    names: list[str | None] = [
        f"{first} {last}" for first in ("Ana", "Bo", "Cy") for last in ("Silva", "Kim", "Roe")
    ] * 5
    people = surroundings(["name", "email", "date_of_birth", "phone"])["name"]
    goods = surroundings(["name", "sku", "barcode", "price"])["name"]
    scores = [report(patterns, "name", names, around=around).findings[0].score for around in (people, ALONE, goods)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[2]


def test_a_column_of_timestamps_holds_no_phone_numbers(patterns: Engine) -> None:
    values: list[str | None] = [f"20{i:02d}-01-02T10:00:00Z" for i in range(10, 60)]
    assert report(patterns, "phone", values, "timestamp").entity_type != "PHONE_NUMBER"
    assert report(patterns, "birth_date", values, "timestamp").entity_type == "DATE_OF_BIRTH"
