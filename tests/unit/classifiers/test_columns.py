"""One verdict a column, from its name and its values together."""

import datetime
import random

import pyarrow as pa
import pytest

from clearance.classifiers.certainty import unsure
from clearance.classifiers.columns import finish, name_evidence
from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import ColumnReport, Interval
from clearance.classifiers.profile import LeafProfile

RNG = random.Random(7)


def _report(engine: Engine, name: str, values: list[str | None], dtype: str = "string") -> ColumnReport:
    profile = LeafProfile(name, dtype, salt=b"0123456789abcdef")
    profile.update(pa.array(values, type=pa.string()), engine)
    return finish(profile, name=name, dtype=dtype)


def _luhn(prefix: str) -> str:
    for digit in "0123456789":
        total = sum(int(c) if i % 2 else (int(c) * 2 - 9 * (int(c) > 4)) for i, c in enumerate(reversed(prefix)))
        if (total + int(digit)) % 10 == 0:
            return prefix + digit
    raise AssertionError


CARDS = [_luhn("4" + "".join(RNG.choices("0123456789", k=14))) for _ in range(60)]
BIRTHS = [(datetime.date(1950, 1, 1) + datetime.timedelta(days=RNG.randrange(20_000))).isoformat() for _ in range(60)]
IDS = [str(10_000_000_000 + RNG.randrange(10**10)) for _ in range(200)]
EMAILS = [f"user{i}@example{i % 7}.org" for i in range(60)]


@pytest.mark.parametrize(
    ("name", "values", "dtype", "entity_type"),
    [
        ("payment", CARDS, "bigint", "CREDIT_CARD"),
        ("card_no", ["8638540736318196", "7106423970931515"] * 20, "bigint", "CREDIT_CARD"),
        ("cust_dob", BIRTHS, "date", "DATE_OF_BIRTH"),
        ("contact", EMAILS, "string", "EMAIL_ADDRESS"),
        ("CODE_GENDER", ["M", "F", "XNA"] * 20, "string", "GENDER"),
        ("c7", ["Male", "Female"] * 20, "string", "GENDER"),
        ("Age", [str(i) for i in range(18, 78)], "int", "AGE"),
        ("age", ["18-25", "26-40", "65+"] * 9, "string", "AGE"),
        ("customer.address.street", ["12 Elm Street", "7 Oak Avenue"] * 20, "string", "STREET_ADDRESS"),
        ("shipTo", ["12 Elm Street", "7 Oak Avenue Apt 3"] * 20, "string", "STREET_ADDRESS"),
        ("firstName", ["Ana", "Bob", "Zoë"] * 20, "string", "PERSON"),
        ("EmailAddr", EMAILS, "string", "EMAIL_ADDRESS"),
        ("user_pwd", ["hunter2", "s3cret!", "qwerty12"] * 9, "string", "PASSWORD"),
        ("vehicle", ["1M8GDM9AXKP042788"] * 30, "string", "VIN"),
        ("mobile", [f"415555{i:04d}" for i in range(60)], "bigint", "PHONE_NUMBER"),
        ("c1", [f"(415) 555-{i:04d}" for i in range(100, 160)], "string", "PHONE_NUMBER"),
        ("ssn", [f"52144{i:04d}" for i in range(1000, 1060)], "int", "US_SSN"),
        ("DL No Michigan", ["M 843 502 120 809", "R 875 408 812 324"] * 9, "string", "US_DRIVER_LICENSE"),
        ("patient_id", ["P-00987", "P-00988"] * 9, "string", "MEDICAL_RECORD_NUMBER"),
    ],
)
def test_sensitive_columns(engine: Engine, name: str, values: list[str | None], dtype: str, entity_type: str) -> None:
    report = _report(engine, name, [*values, None], dtype)
    assert (report.kind, report.entity_type) == ("structured", entity_type)
    assert report.findings[0].entity_type == entity_type
    assert report.evidence


@pytest.mark.parametrize(
    ("name", "values", "dtype"),
    [
        ("order_id", IDS, "bigint"),
        ("host id", IDS, "bigint"),
        ("created_at", [str(1_600_000_000 + i * 977) for i in range(200)], "bigint"),
        ("created_ms", [str(1_600_000_000_000 + i * 977_123) for i in range(200)], "bigint"),
        ("price", [f"{i * 13.37:.2f}" for i in range(200)], "double"),
        ("FLAG_PHONE", ["0", "1"] * 50, "int"),
        ("has_email", ["true", "false"] * 50, "boolean"),
        ("Num_Credit_Card", ["3", "5"] * 50, "int"),
        ("Credit_History_Age", ["22 Years and 9 Months", "3 Years and 1 Months"] * 30, "string"),
        ("card_family", ["Gold", "Premium"] * 30, "string"),
        ("product_name", ["Blue Widget", "Red Chair"] * 30, "string"),
        ("country", ["Estonia", "Peru", "United States"] * 30, "string"),
        ("city", ["Paris", "Lima", "New Orleans"] * 30, "string"),
        ("country_code", ["US", "PE"] * 30, "string"),
        ("page", [str(i) for i in range(100)], "int"),
        ("street_number", [str(i) for i in range(100)], "int"),
        ("zip", [f"{i:05d}" for i in range(90000, 90100)], "string"),
        ("account_age", [str(i) for i in range(100)], "int"),
        ("ip_score", ["0.1", "0.2"] * 50, "double"),
    ],
)
def test_plain_columns(engine: Engine, name: str, values: list[str | None], dtype: str) -> None:
    report = _report(engine, name, values, dtype)
    assert report.entity_type is None
    assert report.kind in ("structured", "text")


def test_text_has_findings_and_no_single_type(engine: Engine) -> None:
    values = ["My name is Ana Diaz, please call 212-555-0187", "nothing to see in this row at all", None] * 25
    report = _report(engine, "body", values)
    assert (report.kind, report.entity_type, report.nulls) == ("text", None, 25)
    found = {finding.entity_type: finding for finding in report.findings}
    assert set(found) == {"PERSON", "PHONE_NUMBER"}
    assert found["PERSON"].rows_matched == 25
    assert found["PERSON"].prevalence.estimate == 0.5
    assert all(finding.shapes == () for finding in report.findings)


def test_one_address_among_codes_makes_a_column_mixed(engine: Engine) -> None:
    report = _report(engine, "ref", ["A", "B", "ana@example.org"] + ["C"] * 200)
    assert (report.kind, report.entity_type) == ("mixed", None)
    assert [finding.entity_type for finding in report.findings] == ["EMAIL_ADDRESS"]


def test_one_sentence_among_codes_counts_like_text(engine: Engine) -> None:
    report = _report(engine, "status", ["open", "closed"] * 200 + ["I spoke to Ana Diaz about it today"])
    assert report.kind == "mixed"
    assert [(f.entity_type, f.rows_matched) for f in report.findings] == [("PERSON", 1)]


def test_two_things_in_one_column_are_mixed(engine: Engine) -> None:
    report = _report(engine, "contact", [*EMAILS[:20], *(f"(415) 555-{i:04d}" for i in range(100, 125))])
    assert report.kind == "mixed"
    assert {finding.entity_type for finding in report.findings} >= {"EMAIL_ADDRESS", "PHONE_NUMBER"}


@pytest.mark.parametrize("values", [[], [None, None], ["", "  ", None]])
def test_nothing_is_empty(engine: Engine, values: list[str | None]) -> None:
    report = _report(engine, "email", values)
    assert (report.kind, report.entity_type, report.findings) == ("empty", None, ())


def test_shapes_are_shared_and_without_letters_of_the_value(engine: Engine) -> None:
    shapes = _report(engine, "email", [*EMAILS, "unique.long.one@other.example"]).findings[0].shapes
    assert shapes
    assert all(len(shape) <= 24 and set(shape) <= set("A9-./:@+ ?") for shape in shapes)
    assert not any("AAAAAA.AAAA" in shape for shape in shapes)


@pytest.mark.parametrize(
    ("path", "entity_type"),
    [
        ("cust_dob", "DATE_OF_BIRTH"),
        ("user.emails[].address", "EMAIL_ADDRESS"),
        ("`e.mail`.value", "EMAIL_ADDRESS"),
        ("tags{value}", None),
        ("name.first", "PERSON"),
        ("customer.name", "PERSON"),
        ("product.name", None),
        ("address.city", None),
        ("CreditCardNumber", "CREDIT_CARD"),
        ("cardnumber", "CREDIT_CARD"),
        ("ipAddress", "IP_ADDRESS"),
        ("email_address", "EMAIL_ADDRESS"),
        ("mac_address", "MAC_ADDRESS"),
        ("message", None),
        ("percentage", None),
        ("hostname", None),
        ("sexo", "GENDER"),
        ("", None),
        ("😀", None),
    ],
)
def test_names_speak(path: str, entity_type: str | None) -> None:
    assert name_evidence(path) == entity_type


def test_a_name_alone_convinces_no_one(engine: Engine) -> None:
    for name in ("phone", "email", "ssn", "card_no", "dob", "vin", "iban"):
        assert _report(engine, name, ["yes please", "unknown", "n/a"] * 20).entity_type is None


def test_reports_survive_json(engine: Engine) -> None:
    report = _report(engine, "email", EMAILS)
    assert ColumnReport.from_dict(report.to_dict()) == report
    assert set(report.to_dict()) >= {"path", "type", "kind", "rows", "nulls", "distinct", "entity_type", "findings"}
    unknown = ColumnReport.unknown("v", "variant", rows=3)
    assert (unknown.kind, unknown.entity_type) == ("unknown", None)


def test_wilson_interval() -> None:
    # Wilson 1927, as in Brown, Cai and DasGupta 2001: 10 of 100.
    interval = Interval.wilson(10, 100)
    assert (interval.low, interval.high) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))
    assert Interval.wilson(0, 50).low == 0.0
    assert Interval.wilson(50, 50).high == 1.0
    assert Interval.wilson(0, 0) == Interval(0.0, 0.0, 1.0)


def test_one_written_card_among_codes_is_found(patterns: Engine) -> None:
    codes = [f"AB-{number:03d}" for number in range(300)]
    for odd, kinds in (("4111 1111 1111 1111", ["CREDIT_CARD"]), ("4111111111111111", [])):
        profile = LeafProfile("code", "string", salt=b"s" * 16)
        profile.update(pa.array([*codes, odd]), patterns)
        report = finish(profile, name="code", dtype="string")
        assert [finding.entity_type for finding in report.findings] == kinds


@pytest.mark.parametrize("name", ["street", "Straße", "strasse", "adresse"])
def test_a_street_with_its_number_behind_it_is_an_address(patterns: Engine, name: str) -> None:
    values: list[str | None] = ["Hauptstraße 12", "Bahnhofstr. 3", "Lindenallee 101", "Goethestr. 5a", "Am Markt 7"] * 5
    assert _report(patterns, name, values).entity_type == "STREET_ADDRESS"


def test_a_code_in_a_column_called_street_no_is_no_address(patterns: Engine) -> None:
    assert _report(patterns, "street_no", ["12", "13a", "14"] * 9).entity_type is None


def test_a_value_beside_an_unverified_token_of_its_type_is_in_one_row(patterns: Engine) -> None:
    values = [f"see tk1h_email_address_zz and ann{i}@mail7.example there, please" for i in range(40)]
    profile = LeafProfile("note", "string", salt=bytes(32))
    profile.update(pa.array(values), patterns)
    profile.add_unverified("EMAIL_ADDRESS", len(values), whole=False)
    report = finish(profile, name="note", dtype="string")
    assert [(found.entity_type, found.rows_matched) for found in report.findings] == [("EMAIL_ADDRESS", 40)]
    unsure(profile, name="note", dtype="string")
