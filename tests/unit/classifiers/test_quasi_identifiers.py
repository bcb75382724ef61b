"""Which columns point at a person: alone, together with others, or not at all."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from clearance.classifiers.columns import finish
from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.quasi_identifiers import role_of_type
from clearance.classifiers.surroundings import surroundings


def reports(engine: Engine, table: dict[str, list[str]]) -> dict[str, ColumnReport]:
    around = surroundings(list(table))
    found = {}
    for name, values in table.items():
        profile = LeafProfile(name, "string", salt=b"0123456789abcdef")
        profile.update(pa.array(values, pa.string()), engine)
        found[name] = finish(profile, name=name, dtype="string", around=around[name])
    return found


def test_roles_of_a_table_of_patients(patterns: Engine) -> None:
    table = {
        "email": [f"u{i}@example.org" for i in range(40)],
        "PLZ": ["10115", "80331"] * 20,
        "ville": ["Lyon", "Nice"] * 20,
        "birth_year": ["1980", "1975"] * 20,
        "sexo": ["M", "F"] * 20,
        "marital_status": ["single", "married"] * 20,
        "job_title": ["nurse", "smith"] * 20,
        "admission_date": ["2020-01-02", "2020-02-03"] * 20,
        "diagnosis": ["asthma", "none"] * 20,
        "annual_income": ["30000", "50000"] * 20,
        "religion": ["none", "Hindu"] * 20,
        "invoice_no": [str(100 + i) for i in range(40)],
    }
    found = reports(patterns, table)
    assert {name: found[name].role for name in table} == {
        "email": "direct",
        "PLZ": "quasi",
        "ville": "quasi",
        "birth_year": "quasi",
        "sexo": "quasi",
        "marital_status": "quasi",
        "job_title": "quasi",
        "admission_date": "quasi",
        "diagnosis": "sensitive",
        "annual_income": "sensitive",
        "religion": "sensitive",
        "invoice_no": "none",
    }
    assert found["PLZ"].attribute == "POSTAL_CODE"
    assert (found["ville"].entity_type, found["ville"].attribute) == (None, "CITY")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("order_state", ["open", "paid"]),
        ("zip_file", ["a.zip", "b.zip"]),
        ("degrees_celsius", ["20", "21"]),
        ("age_of_account", ["20", "21"]),
        ("market_cap", ["200", "2100"]),
        ("condition", ["good", "fair"]),
        ("pay_2", ["-1", "0"]),
    ],
)
def test_columns_about_nobody(patterns: Engine, name: str, values: list[str]) -> None:
    found = reports(patterns, {name: values * 20, "price": ["1.0", "2.5"] * 20})[name]
    assert (found.role, found.attribute) == ("none", None)


def test_countries_are_places_by_their_values(patterns: Engine) -> None:
    found = reports(patterns, {"c1": ["Estonia", "Peru", "Japan"] * 20})["c1"]
    assert (found.entity_type, found.role) == (None, "quasi")


def test_text_has_the_strongest_role_of_what_is_in_it(patterns: Engine) -> None:
    found = reports(patterns, {"note": ["please write to ana@example.org some day", "nothing was said at all"] * 20})
    assert (found["note"].kind, found["note"].role) == ("text", "direct")


def test_a_name_says_what_a_column_of_text_is_about(patterns: Engine) -> None:
    values = [f"{80000 + n}" if n % 2 else "see https://example.org/a or call again" for n in range(40)]
    found = reports(patterns, {"plz": values})["plz"]
    assert (found.kind, found.attribute, found.role) == ("text", "POSTAL_CODE", "quasi")


def test_what_nobody_thought_of_is_a_direct_identifier() -> None:
    assert role_of_type("NEVER_HEARD_OF") == "direct"


def test_a_report_of_an_older_version_says_that_its_role_is_unknown() -> None:
    old = ColumnReport("c", "string", "structured", 1, 0, 1, None).to_dict()
    for key in ("role", "attribute", "terms"):
        del old[key]
    read = ColumnReport.from_dict(old)
    assert (read.role, read.attribute, read.terms) == ("unknown", None, ())


def test_adult(patterns: Engine, shared: Path) -> None:
    # The quasi-identifiers that the literature takes for this table, and ARX its hierarchies.
    with (shared / "data" / "adult" / "adult.csv").open(encoding="utf-8") as handle:
        header, *rows = csv.reader(handle, delimiter=";")
    found = reports(patterns, {name: [row[i] for row in rows[:2000]] for i, name in enumerate(header)})
    assert {name for name in header if found[name].role == "quasi"} == set(header) - {"salary-class"}
    assert found["salary-class"].role == "sensitive"


DAYS = ["2020-01-02", "2021-02-03", "2019-11-30"] * 14


@pytest.mark.parametrize("name", ["hire_date", "admitted", "dateOfDeath", "date_mariage", "discharge date"])
def test_a_date_of_somebodys_life_is_told_from_when_something_happened(patterns: Engine, name: str) -> None:
    found = reports(patterns, {name: DAYS, "created_at": DAYS, "ticket": [str(i) for i in range(42)]})
    somebodys, records = found[name], found["created_at"]
    assert (somebodys.entity_type, somebodys.role, somebodys.attribute) == ("PERSONAL_DATE", "quasi", "EVENT_DATE")
    assert {finding.entity_type for finding in somebodys.findings} == {"PERSONAL_DATE"}
    assert records.entity_type == "DATE_TIME"


@pytest.mark.parametrize("name", ["service_date", "appointment_date", "date_of_service"])
def test_what_things_have_dates_of_too_is_somebodys_beside_people_alone(patterns: Engine, name: str) -> None:
    mileage = [str(1000 + i) for i in range(42)]
    assert reports(patterns, {name: DAYS, "mileage": mileage})[name].entity_type == "DATE_TIME"
    mails = [f"u{i}@example.com" for i in range(42)]
    assert reports(patterns, {name: DAYS, "email": mails})[name].entity_type == "PERSONAL_DATE"
