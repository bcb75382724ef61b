"""Columns made up for measuring verdicts on columns: their true type, in many languages, with look-alikes and dirt.

Every column is a draw: a kind of content, a name that says it (in some language and style), says nothing or says
something else, and values of which some are missing, placeholders or of another kind. Nothing here is real.
"""

from __future__ import annotations

import datetime
import random
import string
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Draw = Callable[[random.Random], str]


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words(
    "Ana Bob Zoë Jürgen Łukasz Mei Priya Olga Nils Aoife Kwame Yuki Inés Pål Søren Chloé João Fatma "
    "Dmitri Leila Tomás Ingrid Hana Noor Pierre Greta Mateo Sofia Liam Ayşe Björn Elif Grzegorz Rosa Femi "
    "Thandi Arjun Wei Keiko Minh "
)
LAST = _words(
    "Silva Müller O'Neil García Kowalski Nguyen Okafor Haddad Ivanova Lindqvist Rossi Dubois Yamamoto "
    "Patel Schmidt Novák Jensen Virtanen Öztürk Costa Murphy Papadopoulos Kim Chen Hansen Weber Moreau "
    "Bianchi Santos Popescu "
)
CITIES = _words(
    "Lima Paris Oslo Lagos Kyoto Graz Porto Leeds Turin Łódź Malmö Quito Hanoi Accra Basel Ghent Tartu Cork "
)
COUNTRIES = _words(
    "Peru France Norway Nigeria Japan Austria Portugal Italy Poland Sweden Ecuador Vietnam Ghana Belgium "
)
STREETS = _words("Elm Oak Maple Station Church Victoria Mill Harbour Garden Park")
STRASSEN = _words("Haupt Bahnhof Garten Linden Berg Schul Wald Kirch Ring Goethe")
WORDS = _words("blue red chair lamp widget deluxe mini steel cable pump filter kit cover hinge panel soft oak valve ")
DOMAINS = _words("example.com example.org mail.example.net post.example")
PLACEHOLDERS = ["n/a", "unknown", "-", "none", "test", "TBD", "0", "?"]


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One column: its name, SQL type, values, true entity type or None, and the names beside it."""

    name: str
    dtype: str
    values: tuple[str | None, ...]
    truth: str | None
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of content: its type, the names that say it, and how values of it are drawn."""

    truth: str | None
    names: tuple[str, ...]
    draws: tuple[Draw, ...]
    dtype: str = "string"


def digits(rng: random.Random, number: int) -> str:
    """So many digits, the first not 0."""
    return rng.choice("123456789") + "".join(rng.choices(string.digits, k=number - 1))


def luhn(rng: random.Random, prefix: str, length: int) -> str:
    """A number that passes the Luhn check (ISO/IEC 7812-1)."""
    body = prefix + "".join(rng.choices(string.digits, k=length - len(prefix) - 1))
    total = sum(int(c) if i % 2 else sum(divmod(2 * int(c), 10)) for i, c in enumerate(reversed(body)))
    return body + str(-total % 10)


def grouped(number: str, mark: str, size: int = 4) -> str:
    """The same in groups."""
    return mark.join(number[i : i + size] for i in range(0, len(number), size))


def ean13(rng: random.Random) -> str:
    """An article number, or an ISBN."""
    body = rng.choice(["978", "400", "501", "871"]) + "".join(rng.choices(string.digits, k=9))
    return body + str(-sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body)) % 10)


def iban(rng: random.Random) -> str:
    """A German IBAN with its check digits (ISO 13616)."""
    account = "".join(rng.choices(string.digits, k=18))
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def day(rng: random.Random, first: int, last: int) -> datetime.date:
    """A day of the years from ``first`` to ``last``."""
    return datetime.date(first, 1, 1) + datetime.timedelta(days=rng.randrange((last - first + 1) * 365))


def date_draws(first: int, last: int) -> tuple[Draw, ...]:
    """Dates in four spellings."""
    spellings = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%Y%m%d")
    return tuple(lambda rng, form=form: day(rng, first, last).strftime(form) for form in spellings)  # type: ignore[misc]


def _email(rng: random.Random) -> str:
    letters = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 9)))
    return f"{letters}{rng.choice(['', '.x', str(rng.randrange(99))])}@{rng.choice(DOMAINS)}"


def _ssn(rng: random.Random) -> str:
    return f"{rng.randint(100, 665)}{rng.randint(10, 99)}{rng.randint(1000, 9999)}"


def _us_phone(rng: random.Random) -> str:
    return f"{rng.choice(['212', '415', '312', '206', '512'])}555{rng.randint(100, 9999):04d}"


def _plate(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_uppercase, k=3)) + rng.choice("- ") + digits(rng, 3)


def _password(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits + "!#$%&", k=rng.randint(8, 14)))


SENSITIVE = (
    Family(
        "EMAIL_ADDRESS",
        ("email", "EmailAddr", "cust_email", "correo", "courriel", "E-Mail", "邮箱", "emailid"),
        (_email,),
    ),
    Family(
        "PHONE_NUMBER",
        (
            "phone",
            "tel_nr",
            "mobile_no",
            "Telefonnummer",
            "telefone",
            "celular",
            "手机号",
            "電話番号",
            "custphone",
            "Handy",
        ),
        (
            _us_phone,
            lambda rng: f"({_us_phone(rng)[:3]}) 555-{rng.randint(100, 9999):04d}",
            lambda rng: f"+49 30 {digits(rng, 7)}",
            lambda rng: f"+44 20 7946 0{rng.randint(100, 999)}",
            lambda rng: f"0{rng.choice('67')}{digits(rng, 8)}",
        ),
    ),
    Family(
        "CREDIT_CARD",
        (
            "card_number",
            "CreditCardNo",
            "cc_num",
            "Kreditkartennummer",
            "numero_tarjeta",
            "pan",
            "カード番号",
            "kaartnummer",
        ),
        (
            lambda rng: luhn(rng, "4", 16),
            lambda rng: grouped(luhn(rng, rng.choice(["4", "51", "2221"]), 16), " "),
            lambda rng: luhn(rng, rng.choice(["34", "37"]), 15),
            lambda rng: digits(rng, 16),  # anonymised test data: the form without the check digit
        ),
        "bigint",
    ),
    Family(
        "US_SSN",
        ("ssn", "social_security_no", "SocSecNum", "emp_ssn"),
        (_ssn, lambda r: f"{(s := _ssn(r))[:3]}-{s[3:5]}-{s[5:]}"),
    ),
    Family("IBAN_CODE", ("iban", "IBAN_Nr", "konto_iban"), (iban, lambda rng: grouped(iban(rng), " "))),
    Family(
        "DATE_OF_BIRTH",
        (
            "dob",
            "cust_dob",
            "Geburtsdatum",
            "date_de_naissance",
            "fechaNacimiento",
            "生年月日",
            "data_nascita",
            "birthDate",
        ),
        date_draws(1935, 2008),
    ),
    Family(
        "AGE",
        ("age", "Age", "alter", "edad", "idade", "年龄", "leeftijd", "age_years"),
        (lambda rng: str(rng.randint(1, 97)),),
        "int",
    ),
    Family(
        "GENDER",
        ("gender", "sex", "Geschlecht", "sexo", "cinsiyet", "性别", "CODE_GENDER"),
        (
            lambda r: r.choice("MF"),
            lambda r: r.choice(["Male", "Female"]),
            lambda r: r.choice("12"),
            lambda r: r.choice("mwd"),
        ),
    ),
    Family(
        "PERSON",
        (
            "first_name",
            "LastName",
            "Nachname",
            "prénom",
            "apellido",
            "imię",
            "氏名",
            "customerName",
            "cognome",
            "fullname",
        ),
        (
            lambda rng: rng.choice(FIRST),
            lambda rng: rng.choice(LAST),
            lambda rng: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
            lambda rng: f"{rng.choice(LAST)}, {rng.choice(FIRST)}",
        ),
    ),
    Family(
        "STREET_ADDRESS",
        (
            "address",
            "street_addr",
            "Straße",
            "dirección",
            "adresse",
            "endereço",
            "indirizzo",
            "住所",
            "addr1",
            "homeaddr",
        ),
        (
            lambda rng: f"{rng.randint(1, 999)} {rng.choice(STREETS)} {rng.choice(['Street', 'Ave', 'Road', 'Lane'])}",
            lambda rng: f"{rng.choice(STRASSEN)}straße {rng.randint(1, 120)}",
            lambda rng: f"Calle {rng.choice(LAST)} {rng.randint(1, 99)}",
            lambda rng: f"{rng.randint(1, 99)} rue {rng.choice(LAST)}, {rng.choice(CITIES)}",
        ),
    ),
    Family(
        "IP_ADDRESS",
        ("ip", "client_ip", "remoteAddr", "ipAddress", "IP地址"),
        (lambda r: ".".join(str(r.randrange(256)) for _ in range(4)), lambda r: f"2001:db8::{r.randrange(65536):x}"),
    ),
    Family(
        "MAC_ADDRESS",
        ("mac", "mac_addr", "device_mac"),
        (lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(6)),),
    ),
    Family("LICENSE_PLATE", ("license_plate", "Kennzeichen", "targa", "immatriculation"), (_plate,)),
    Family("PASSWORD", ("password", "user_pwd", "Passwort", "senha", "mot_de_passe"), (_password,)),
    Family(
        "NRP",
        ("nationality", "religion", "ethnicity", "Staatsangehörigkeit", "民族", "race"),
        (
            lambda rng: rng.choice(["French", "Peruvian", "Thai", "Nigerian", "German", "Polish", "Japanese"]),
            lambda rng: rng.choice(["Catholic", "Muslim", "Hindu", "none", "Buddhist", "Jewish"]),
            lambda rng: rng.choice(["FR", "PE", "TH", "NG"]),
        ),
    ),
)
LOOK_ALIKES = (
    Family(
        None,
        ("order_no", "invoice_number", "Rechnungsnummer", "pedido", "ticket_no"),
        (
            lambda r: digits(r, 10),
            lambda r: digits(r, 9),
            lambda r: digits(r, 16),
            lambda r: f"{digits(r, 3)}-{digits(r, 7)}-{digits(r, 7)}",
        ),
        "bigint",
    ),
    Family(
        None,
        ("created", "updated_at", "ts", "event_time"),
        (
            lambda r: str(r.randint(1_500_000_000, 1_700_000_000)),
            lambda r: str(r.randint(1_500_000_000_000, 1_700_000_000_000)),
        ),
        "bigint",
    ),
    Family(
        None,
        ("hash", "sha1", "checksum", "etag"),
        (
            lambda r: f"{r.getrandbits(128):032x}",
            lambda r: f"{r.getrandbits(160):040x}",
            lambda r: f"{r.getrandbits(256):064x}",
        ),
    ),
    Family(
        None,
        ("zip", "postcode", "PLZ", "cep"),
        (
            lambda r: digits(r, 5),
            lambda r: f"{digits(r, 5)}-{digits(r, 4)}",
            lambda r: f"{r.choice('ABEGN')}{r.randint(1, 20)} {r.randint(1, 9)}AA",
        ),
    ),
    Family(
        None,
        ("ean", "isbn", "barcode", "gtin"),
        (ean13, lambda r: f"978-3-{digits(r, 2)}-{digits(r, 6)}-{r.randrange(10)}"),
        "bigint",
    ),
    Family(
        None,
        ("version", "firmware", "release"),
        (
            lambda r: f"{r.randint(1, 9)}.{r.randint(0, 40)}.{r.randint(0, 999)}",
            lambda r: f"{r.randint(1, 9)}.{r.randint(0, 9)}.{r.randint(0, 99)}.{r.randint(0, 9)}",
        ),
    ),
    Family(
        None,
        ("price", "amount", "Betrag", "monto"),
        (lambda r: f"{r.random() * 900:.2f}", lambda r: f"${r.random() * 9000:,.2f}"),
        "double",
    ),
    Family(
        None,
        ("serial_no", "part_number", "sku", "model_no"),
        (
            lambda r: f"{r.choice(string.ascii_uppercase)}{digits(r, 8)}",
            lambda r: f"{_plate(r)}-{digits(r, 4)}",
            lambda r: digits(r, 12),
        ),
    ),
    Family(
        None,
        ("tracking_no", "awb", "waybill"),
        (lambda r: f"1Z{digits(r, 8)}{digits(r, 8)}", lambda r: digits(r, 12), lambda r: digits(r, 15)),
    ),
    Family(
        None,
        ("product_name", "item", "title", "class_name"),
        (lambda r: f"{r.choice(WORDS)} {r.choice(WORDS)}".title(), lambda r: r.choice(WORDS).title()),
    ),
    Family(
        None,
        ("company_name", "supplier", "hostname", "filename"),
        (
            lambda r: f"{r.choice(LAST)} {r.choice(['Ltd', 'GmbH', 'Inc', 'SA'])}",
            lambda r: f"web-{r.choice(WORDS)}-{r.randrange(99)}",
            lambda r: f"{r.choice(WORDS)}.csv",
        ),
    ),
    Family(
        None, ("city", "country", "Ort", "ville", "state"), (lambda r: r.choice(CITIES), lambda r: r.choice(COUNTRIES))
    ),
    Family(
        None,
        ("age_of_account", "page", "quantity", "count", "score", "mileage"),
        (lambda r: str(r.randint(0, 99)), lambda r: str(r.randint(0, 9))),
    ),
    Family(
        None,
        ("email_sent", "phone_verified", "has_address", "is_person", "FLAG_EMAIL"),
        (lambda r: r.choice("01"), lambda r: r.choice(["yes", "no"])),
    ),
    Family(None, ("order_date", "expires", "last_login", "invoice_date", "Lieferdatum"), date_draws(2015, 2026)),
    Family(
        None,
        ("email_domain", "address_type", "card_type", "phone_model", "gender_policy"),
        (
            lambda r: r.choice(DOMAINS),
            lambda r: r.choice(["home", "work", "billing"]),
            lambda r: r.choice(["Visa", "Gold", "Pixel 7"]),
        ),
    ),
    Family(
        None,
        ("status", "level", "category", "race_result"),
        (lambda r: r.choice(["open", "closed", "new"]), lambda r: r.choice(["A", "B", "C"])),
    ),
    Family(None, ("lat", "lon", "temperature", "ratio"), (lambda r: f"{r.uniform(-90, 90):.5f}",), "double"),
    Family(None, ("uuid", "row_key", "session"), (lambda r: str(uuid.UUID(int=r.getrandbits(128), version=4)),)),
    Family(
        None,
        ("race_time", "duration", "lap"),
        (lambda r: f"{r.randint(0, 3)}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}",),
    ),
)
#: UUID and dates are types of their own; to find them is no mistake.
HARMLESS = frozenset({"UUID", "DATE_TIME", "URL"})
SILENT = ("c7", "field_12", "value", "data", "x", "attr3", "col_b", "F21", "misc", "info")
PEOPLE = ("first_name", "email", "phone", "dob", "city", "gender")
GOODS = ("sku", "barcode", "price", "stock", "product_id", "weight")


def made_up_columns(seed: int, number: int) -> Iterator[MadeUp]:
    """So many columns, the same for the same seed. A third are sensitive and named so, as in a table of people."""
    rng = random.Random(seed)
    for _ in range(number):
        family = rng.choice(SENSITIVE if rng.random() < 0.5 else LOOK_ALIKES)
        yield _column(rng, family)


def _column(rng: random.Random, family: Family) -> MadeUp:
    rows = rng.choice([8, 30, 120, 400])
    draw = rng.choice(family.draws)
    distinct = [draw(rng) for _ in range(rows if rng.random() < 0.7 else max(2, rows // 10))]
    stray = rng.choice(rng.choice((*SENSITIVE, *LOOK_ALIKES)).draws)
    missing, dirty, mixed = (
        rng.choice([0, 0, 0.1, 0.6]),
        rng.choice([0, 0, 0.02, 0.15]),
        rng.choice([0, 0, 0, 0.05, 0.45]),
    )
    values: list[str | None] = []
    for _ in range(rows):
        chance = rng.random()
        if chance < missing:
            values.append(None)
        elif rng.random() < dirty:
            values.append(rng.choice(PLACEHOLDERS))
        else:
            values.append(stray(rng) if rng.random() < mixed else rng.choice(distinct))
    return MadeUp(
        _name(rng, family),
        family.dtype if not (dirty or mixed) else "string",
        tuple(values),
        family.truth,
        _beside(rng, family),
    )


def _name(rng: random.Random, family: Family) -> str:
    """Most names say what is there; some say nothing, and some the name of something else."""
    chance = rng.random()
    if chance < 0.72:
        return styled(rng, rng.choice(family.names))
    if chance < 0.92:
        return rng.choice(SILENT)
    return styled(rng, rng.choice(rng.choice((*SENSITIVE, *LOOK_ALIKES)).names))


def styled(rng: random.Random, name: str) -> str:
    """The same name as others would write it."""
    style = rng.randrange(6)
    if style == 0:
        return name.upper() if "_" in name else name
    if style == 1:
        return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    if style == 2:
        return f"{rng.choice(['cust', 'user', 'src', 'old', 'main'])}_{name}"
    if style == 3:
        return f"{name}_{rng.randint(1, 9)}"
    return name


def _beside(rng: random.Random, family: Family) -> tuple[str, ...]:
    apt: Sequence[str] = PEOPLE if family.truth else rng.choice([PEOPLE, GOODS])
    return tuple(rng.sample(apt, 4)) if rng.random() < 0.7 else tuple(rng.sample(SILENT, 4))
