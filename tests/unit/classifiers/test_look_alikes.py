"""Codes that pass for something by chance, numbers that are called what they are, names in other scripts."""

import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from clearance.classifiers.checks import luhn_fits
from clearance.classifiers.columns import finish
from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.looking import look
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import surroundings
from clearance.classifiers.traits import traits


def _report(engine: Engine, name: str, values: list[str]) -> ColumnReport:
    profile = LeafProfile(name, "string", salt=b"0123456789abcdef")
    profile.update(pa.array(values), engine)
    return finish(profile, name=name, dtype="string")


def _codes(form: str, seed: int) -> list[str]:
    """300 values with a random digit for each 9."""
    rng = random.Random(f"{form} {seed}")
    return ["".join(rng.choice("0123456789") if c == "9" else c for c in form) for _ in range(300)]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "form",
    [
        *("9" * length for length in (9, 10, 12, 17)),
        "1" + "9" * 16,
        *("CMD99999999", "BK9999999", "RR999999999DE", "99999-9999", "9999-9999-9999", "99-99999-999999"),
        *("999.999.999", "INC9999999", "ORD-9999-999999", "999999-9999", "999-9999999-9999999", "9999-99-999-9999"),
        *("999-99999999", "9999.99.99", "99999-9999-99", "POINT (9.99999 49.99999)", "499999.9"),
    ],
)
def test_codes_that_pass_a_check_by_chance_are_codes(patterns: Engine, form: str, seed: int) -> None:
    report = _report(patterns, "c7", _codes(form, seed))
    assert (report.kind, report.entity_type) == ("structured", None)


@pytest.mark.parametrize("name", ["acct_holder", "caller"])
def test_another_type_in_the_name_that_no_value_fits_is_no_doubt(patterns: Engine, name: str) -> None:
    rng = random.Random(5)
    given = ["Maria", "Thomas", "Xiomel", "Brindal"]
    surnames = ["".join(rng.choice(("len", "mar", "ko", "thal", "ber", "nis")) for _ in range(3)) for _ in range(300)]
    values = [f"{rng.choice(given)} {surname.title()}" for surname in surnames]
    assert _report(patterns, name, values).entity_type == "PERSON"


@pytest.mark.parametrize(
    "make", [lambda i: 200_000_000 + i, lambda i: 4_930_000_000 + 3 * i, lambda i: 20_260_101_000_000_000 + 37 * i]
)
def test_numbers_in_a_row_are_nobody_s(patterns: Engine, make: Callable[[int], int]) -> None:
    report = _report(patterns, "c7", [str(make(i)) for i in range(300)])
    assert (report.kind, report.entity_type) == ("structured", None)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("name", ["王伟", "李娜", "欧阳静", "张敏", "刘洋"]),
        ("name", ["김민준", "이서연", "박지훈"]),
        ("name", ["محمد علي", "فاطمة حسن"]),
        ("name", ["Иван Петров", "Ольга Смирнова"]),
        ("имя", ["Иван", "Ольга"]),
        ("姓名", ["王伟", "李娜"]),
        ("氏名", ["佐藤 健", "鈴木 花子"]),
        ("όνομα", ["Γιώργος Παπαδόπουλος", "Μαρία Νικολάου"]),
        ("اسم العميل", ["أحمد سعيد", "فاطمة حسن"]),
        ("emp_nm", ["Ana Diaz", "Bob Lee"]),
    ],
)
def test_a_column_of_names_in_any_script(patterns: Engine, name: str, values: list[str]) -> None:
    assert _report(patterns, name, values * 20).entity_type == "PERSON"


@pytest.mark.parametrize("values", [["桌子", "椅子", "书架"], ["책상", "의자", "가구 목록"]])
def test_things_in_a_column_called_name_are_no_people(patterns: Engine, values: list[str]) -> None:
    assert _report(patterns, "name", values * 20).entity_type is None


NAMES = ["Priya Sharma", "Tomasz Nowak", "Garcia, Maria", "Kwame Mensah", "Ingrid Larsen", "Wei Zhang", "Dr. Okafor"]
PLACES = ["Harbour Gate", "North Pier", "Granite Hill", "Old Quarry", "Mill Pond", "Upper Weir", "Stone Bridge"]


@pytest.mark.parametrize("name", ["attending", "signed_by", "Your name", "c7", "handled"])
def test_full_names_tell_themselves(patterns: Engine, name: str) -> None:
    assert _report(patterns, name, NAMES * 10).entity_type == "PERSON"


def test_given_names_tell_themselves(patterns: Engine) -> None:
    usual = ["Priya", "Tomasz", "Maria", "Kwame", "Ingrid", "Éva", "Santiago", "Aisha", "Hiroshi", "Fiona"]
    assert _report(patterns, "_c1", usual * 10).entity_type == "PERSON"
    assert _report(patterns, "month", ["January", "April", "June", "August", "March", "July"] * 10).entity_type is None
    assert _report(patterns, "_c1", ["Austin", "Aurora", "Boise", "Reno", "Tampa", "Victoria"] * 10).entity_type is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("name", PLACES),
        ("name", ["Walnut Chair", "Foldable Desk", "Trail Boots", "Galaxy Tab 9", "Ceramic Mug", "Rain Jacket"]),
        ("product", ["Emma Mattress", "Oliver Chair", "Ted Baker", "Calvin Klein"]),
        ("recipient", ["Acme Ltd", "Brandt Logistik GmbH", "Northgate Supplies Inc"]),
    ],
)
def test_names_of_things_are_nobody_s(patterns: Engine, name: str, values: list[str]) -> None:
    report = _report(patterns, name, values * 15)
    assert (report.kind, report.entity_type) == ("structured", None)


GIVEN = {
    "Georgian": ["Levan", "Nodar", "Zurab", "Ketevan", "Vakhtang"],
    "Kazakh": ["Nursultan", "Aigerim", "Yerlan", "Gulnara", "Bolat"],
    "Icelandic": ["Ragnheidur", "Thorvaldur", "Gudmundur", "Hallgrimur", "Sigridur"],
    "Mongolian": ["Batbayar", "Oyunbileg", "Ganzorig", "Munkhtsetseg", "Enkhtuya"],
}
FAMILY = {
    "Georgian": ["Beridze", "Kapanadze", "Lomidze"],
    "Kazakh": ["Abenov", "Sadykova", "Omarov"],
    "Icelandic": ["Jonsdottir", "Einarsson", "Palsson"],
    "Mongolian": ["Ganbold", "Tserendorj", "Purev"],
}


@pytest.mark.parametrize("name", ["customer", "patient", "owner", "student", "name", "customer.name", "`Nom`"])
@pytest.mark.parametrize("people", sorted(GIVEN))
def test_people_whose_names_no_list_has_are_people(patterns: Engine, name: str, people: str) -> None:
    values = [f"{given} {family}" for given in GIVEN[people] for family in FAMILY[people]] * 4
    assert _report(patterns, name, values).entity_type == "PERSON"


def _with_check_digit(number: str) -> str:
    return next(number + digit for digit in "0123456789" if luhn_fits(number + digit))


def test_another_register_s_check_digit_makes_no_cards(patterns: Engine) -> None:
    rng = random.Random(5)
    establishments = [_with_check_digit("".join(rng.choices("123456789", k=13))) for _ in range(300)]
    report = _report(patterns, "c7", establishments)
    assert (report.kind, report.entity_type) == ("structured", None)
    imeis = [_with_check_digit("35" + "".join(rng.choices("0123456789", k=12))) for _ in range(300)]
    assert _report(patterns, "imei", imeis).entity_type == "DEVICE_ID"


def test_books_are_no_patients(patterns: Engine) -> None:
    """The check digit of an ISBN-10 is that of an NHS number."""
    rng = random.Random(6)
    books = []
    while len(books) < 300:
        digits = [rng.randrange(10) for _ in range(9)]
        check = -sum((10 - place) * digit for place, digit in enumerate(digits)) % 11
        books += ["".join(map(str, [*digits, check]))] if check < 10 else []
    assert _report(patterns, "isbn10", books).entity_type is None
    assert _report(patterns, "nhs_no", books).entity_type == "UK_NHS"


def test_a_name_without_a_space_has_a_family_name() -> None:
    assert "fullname" in traits("王伟")
    assert "fullname" not in traits("桌子")


@pytest.mark.parametrize(
    ("name", "values", "entity_type"),
    [
        ("né(e) le", ["12/03/1974", "01/11/1988"], "DATE_OF_BIRTH"),
        ("data_ur", ["1974-03-12", "1988-11-01"], "DATE_OF_BIRTH"),
        ("`Straße u. Hausnr.`", ["Lindenweg 12", "Am Markt 3a"], "STREET_ADDRESS"),
    ],
)
def test_odd_headers(patterns: Engine, name: str, values: list[str], entity_type: str) -> None:
    assert _report(patterns, name, values * 20).entity_type == entity_type


NOTHING = """\
Order 4021-88812-7 was packed and left on Monday.
It went out under tracking number 1Z999AA10123456784 yesterday.
Commit 9fceb02d0ae598e95dc970b74767f19372d61af8 mends the login page.
The md5 is d41d8cd98f00b204e9800998ecf8427e as expected.
We got d41d8cd98f00b204e9800998ecf8427e back from the mirror.
Token limits are 8192 for this model, context 128000.
SKU 4006381333931 is out of stock.
Use port 8080 and error code 50012345 to see it again.
Timestamp 1700000000 is some day in November.
Build 1.2.840.10008 and OID 2.16.840.1.113883 are fine.
Upgrade from 10.4.2 to 10.5.0-rc1 broke the build 20260114.3.
Batch 0420115 has lot number 77120395 and expires soon.
The address bar shows a 404 after the update.
Please call extension 4432 for facilities.
Our shoes in size 10 are sold out.
He quoted reference 2391-88420-17 for the bank transfer.
The prosecutor relied on it until her dismissal.
""".splitlines()


def test_the_model_is_not_taken_in_by_numbers_that_are_called_what_they_are(engine: Engine) -> None:
    wrong = [text for text, seen in zip(NOTHING, look(engine, NOTHING), strict=True) if seen.spans]
    assert not wrong


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Please send it to zip code 62704 in Springfield.", "62704"),
        ("Send order 88213 to 412 Birchwood Lane, Dayton, Ohio 45402.", "412 Birchwood Lane"),
        ("The order was paid, her tax id is 998-71-2345.", "998-71-2345"),
        ("The applicant lodged application no. 48219/17 on 2 June 2017.", "48219/17"),
        ("CASE OF KALNE v. LATVIA was decided in Strasbourg.", "KALNE"),
        ("Two witnesses, A.K. and R.W., were heard.", "A.K."),
        ("The victim, N.Sh., a student, had disappeared.", "N.Sh."),
        ("Permission to appeal was refused by Lewison LJ on 10 May 2016.", "Lewison"),
        ("Advocate General: M. Szpunar, Registrar: R. Stone, sat that day.", "M. Szpunar"),
        ("CRIMINAL APPEAL NO. 1407 OF 2012 was allowed.", "1407 OF 2012"),
        ("Case No: CO/4417/2019, before the court.", "CO/4417/2019"),
        ("Sąd uznał oskarżonego Jana Kowalskiego za winnego.", "Jana Kowalskiego"),
        ("It was sent to 45 maple st in Dayton.", "45 maple st"),
        ("My zip code is 2371, my flat is unit 12.", "2371"),
        ("i asked her marie about it", "marie"),
        ("talk to the priya from hr", "priya"),
    ],
)
def test_what_somebody_s_is_stays_found(engine: Engine, text: str, what: str) -> None:
    (seen,) = look(engine, [text])
    start = text.index(what)
    assert any(span.start <= start and start + len(what) <= span.end for span in seen.spans)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("IMEI 490154203237518", "DEVICE_ID"),
        ("routing number 021000021", "ABA_ROUTING_NUMBER"),
        ("passport number C01X00T47", "PASSPORT"),
        ("card number 501812345678900", "CREDIT_CARD"),
        ("my credit card 6304 1234 5678 903 was charged", "CREDIT_CARD"),
        ("Maestro card 5018 1234 5678 900", "CREDIT_CARD"),
        ("credit card: 361234567890122", "CREDIT_CARD"),
        ("lost handset 501812345678900 today", "DEVICE_ID"),
        ("cell: 536 90 4399 ssn", "US_SSN"),
        ("ssn, also given as cell: 536 90 4399", "US_SSN"),
        ("SSN on fax: 536904399", "US_SSN"),
        ("cell: 536904399 is my SSN", "US_SSN"),
        ("my account number is 7823910045", "BANK_ACCOUNT"),
        ("Bank account 8721938475 was closed", "BANK_ACCOUNT"),
        ("login with user jmalkov77 instead", "USERNAME"),
        ("account ABC123456 is overdue", "BANK_ACCOUNT"),
        ("FIR 312/2012 was lodged", "CASE_NUMBER"),
        ("write to us at M1 2AB", "ZIP_CODE"),
        ("ssn none, mobile 912345678", "PHONE_NUMBER"),
        ("móvil 612345678", "PHONE_NUMBER"),
    ],
)
def test_a_number_is_what_the_word_before_it_says(patterns: Engine, text: str, kind: str) -> None:
    (seen,) = look(patterns, [text])
    assert [span.entity_type for span in seen.spans] == [kind]


def test_phone_numbers_with_a_plus_tell_themselves(patterns: Engine) -> None:
    numbers = [f"+49171{number}" for number in _codes("9999999", 1)]
    assert _report(patterns, "c5", numbers).entity_type == "PHONE_NUMBER"


def test_numbers_of_devices_are_no_cards(patterns: Engine) -> None:
    """Both pass the Luhn check; no network's cards of 15 digits begin like an IMEI."""
    bodies = ["35" + body for body in _codes("999999999999", 1)]
    devices = [body + next(digit for digit in "0123456789" if luhn_fits(body + digit)) for body in bodies]
    report = _report(patterns, "c7", devices)
    assert [finding.entity_type for finding in report.findings] == ["DEVICE_ID"]
    cards = ["37" + body[2:] for body in bodies]
    cards = [body + next(digit for digit in "0123456789" if luhn_fits(body + digit)) for body in cards]
    assert _report(patterns, "c7", cards).entity_type == "CREDIT_CARD"


def test_goods_called_after_people_are_goods(patterns: Engine) -> None:
    goods = ["Oak Table", "Wool Jacket", "Rose Candle", "Jordan Shoes", "Steel Bottle", "Desk Lamp", "Garden Chair"] * 9
    people = ["Rose Miller", "Jordan Smith", "Anna Weber", "Paul Martin", "Kofi Mensah"] * 9
    around = surroundings(["name", "sku", "brand", "price", "ean"])["name"]
    for values, entity_type in ((goods, None), (people, "PERSON")):
        profile = LeafProfile("name", "string", salt=bytes(16))
        profile.update(pa.array(values), patterns)
        assert finish(profile, name="name", dtype="string", around=around).entity_type == entity_type


@pytest.mark.parametrize(
    "text", ["tel 943 476 5919", "tlf: 412 34 567", "phone: 9434765919", "ring me on 22 123 45 67"]
)
def test_a_number_called_a_phone_s_is_one_whatever_check_it_passes(patterns: Engine, text: str) -> None:
    (look_,) = look(patterns, [text])
    assert [span.entity_type for span in look_.spans] == ["PHONE_NUMBER"]
