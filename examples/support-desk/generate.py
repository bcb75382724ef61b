"""Writes the support desk's data into ./data: the same rows every time, without network, none of it about anyone.

Names and streets are drawn from lists; e-mail domains are those reserved by RFC 2606, telephone numbers those
reserved for fiction (555-0100 to 555-0199), card numbers lie in the card brands' test ranges and pass the Luhn check.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import texts

SEED = 20_240_611
CUSTOMERS, ORDERS, TICKETS, CHATS = 400, 900, 60, 40


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words("""
Aisha Amelia Ananya Andrew Anna Anthony Astrid Beatriz Benjamin Camille Carlos Charlotte Chloe Daniel David Deepa
Diego Elena Elijah Emily Emma Ethan Fatima Felix Fiona Gabriel Grace Hannah Helen Henry Hugo Ines Isabel Jacob James
Jasmine Javier Joanna John Julia Karen Kevin Laura Leila Liam Linda Lucas Maria Mark Martin Mateo Megan Michael
Mohammed Natalie Nathan Nicole Noah Nora Oliver Omar Patricia Paul Peter Priya Rachel Rafael Rebecca Robert Rosa Ryan
Samuel Sandra Sarah Sofia Stephen Susan Thomas Victoria William Yuki Zoe
""")
LAST = _words("""
Adams Ahmed Alvarez Anderson Bailey Baker Bennett Brooks Campbell Carter Castillo Chen Clark Collins Cooper Costa Cruz
Davies Diaz Dubois Edwards Evans Fernandez Fischer Fisher Flores Foster Garcia Gomez Gonzalez Graham Gupta Haddad Hall
Hansen Harris Hernandez Hughes Ivanov Jackson Jansen Jenkins Johnson Kaur Kelly Khan Kim Kowalski Kumar Larsen Lewis
Lopez Martinez Mitchell Moore Morales Murphy Nakamura Nelson Nguyen Novak Okafor Ortiz Owens Patel Peterson Phillips
Ramirez Reed Reyes Richardson Rivera Roberts Rossi Russell Sanchez Sanders Schmidt Shah Silva Simmons Singh Stewart
Sullivan Tanaka Taylor Thompson Torres Turner Vargas Walker Watson Weber Williams Wilson Wright Yamamoto Young Zhang
""")
STREETS = _words("""
Alder Ashwood Birch Bridge Brookside Canal Cedar Chestnut Church Clover Dogwood Elm Fairview Foundry Garden Grove
Harbor Hawthorn Hickory Highland Juniper Lakeview Laurel Linden Locust Magnolia Maple Meadow Mill Mulberry Oak Orchard
Park Pine Poplar Prospect Quarry Ridge River Rosewood School Spring Spruce Station Sycamore Walnut Willow Windsor
""")
KINDS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court", "Boulevard")
DOMAINS = ("example.com", "example.org", "example.net")
PLACES = (  # city, state, first digits of its postal codes, area code
    ("Portland", "OR", "972", 503), ("Seattle", "WA", "981", 206), ("Denver", "CO", "802", 303),
    ("Austin", "TX", "787", 512), ("Houston", "TX", "770", 713), ("Chicago", "IL", "606", 312),
    ("Columbus", "OH", "432", 614), ("Boston", "MA", "021", 617), ("Philadelphia", "PA", "191", 215),
    ("Atlanta", "GA", "303", 404), ("Miami", "FL", "331", 305), ("Phoenix", "AZ", "850", 602),
    ("Sacramento", "CA", "958", 916), ("Nashville", "TN", "372", 615), ("Minneapolis", "MN", "554", 612),
)  # fmt: skip
REGIONS = {
    **dict.fromkeys(("OR", "WA", "CO", "AZ", "CA"), "west"),
    **dict.fromkeys(("TX", "GA", "FL", "TN"), "south"),
    **dict.fromkeys(("IL", "OH", "MN", "MA", "PA"), "north"),
}
TEST_CARDS = (("411111", 16), ("555555", 16), ("601111", 16), ("378282", 15))
PRODUCTS = ("desk lamp", "office chair", "standing desk", "monitor arm", "keyboard", "headset", "webcam", "bookshelf")
PLANS = ("free", "plus", "team")
OPENED = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Customer:
    """Someone who does not exist."""

    customer_id: int
    first: str
    last: str
    email: str
    phone: str
    birth_date: date
    street: str
    city: str
    state: str
    postal_code: str
    plan: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


def luhn_digit(digits: str) -> str:
    """The check digit that makes ``digits`` followed by it pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(digits))]
    return str(-sum(each // 10 + each % 10 for each in doubled) % 10)


def card_number(random: Random) -> int:
    """A card number in a test range."""
    prefix, length = random.choice(TEST_CARDS)
    body = prefix + "".join(str(random.randrange(10)) for _ in range(length - len(prefix) - 1))
    return int(body + luhn_digit(body))


def customers(random: Random) -> list[Customer]:
    """Customers, each with an e-mail address of their own."""
    found: dict[str, Customer] = {}
    while len(found) < CUSTOMERS:
        first, last = random.choice(FIRST), random.choice(LAST)
        city, state, postal, area = random.choice(PLACES)
        style = random.choice(("{f}.{l}", "{f}{l}", "{i}{l}", "{f}_{l}", "{l}.{f}", "{f}.{l}{n}"))
        local = style.format(f=first.lower(), l=last.lower(), i=first[0].lower(), n=random.randint(2, 98))
        email = f"{local}@{random.choice(DOMAINS)}"
        phone = random.choice(("({}) 555-{:04d}", "{}-555-{:04d}", "+1 {} 555 {:04d}"))
        customer = Customer(
            customer_id=10_001 + len(found),
            first=first,
            last=last,
            email=email,
            phone=phone.format(area, random.randint(100, 199)),
            birth_date=date(1948, 1, 1) + timedelta(days=random.randrange(57 * 365)),
            street=f"{random.randint(11, 9899)} {random.choice(STREETS)} {random.choice(KINDS)}",
            city=city,
            state=state,
            postal_code=f"{postal}{random.randint(1, 99):02d}",
            plan=random.choice(PLANS),
        )
        found.setdefault(email, customer)
    return list(found.values())


def orders(random: Random, people: Sequence[Customer]) -> list[dict[str, Any]]:
    """Orders; a customer pays with the same card more than once, as customers do."""
    cards = {person.customer_id: card_number(random) for person in people}
    rows = []
    for number in range(ORDERS):
        person = random.choice(people)
        rows.append(
            {
                "order_id": 700_001 + number,
                "customer_email": person.email,
                "card_number": cards[person.customer_id],
                "product": random.choice(PRODUCTS),
                "quantity": random.randint(1, 4),
                "amount": round(random.uniform(9, 640), 2),
                "ordered_at": OPENED + timedelta(minutes=random.randrange(120 * 24 * 60)),
            }
        )
    return rows


def tickets(random: Random, people: Sequence[Customer]) -> list[dict[str, Any]]:
    """Support tickets: who wrote is a column, and in their own words inside the text."""
    rows = []
    for number, (subject, body) in zip(range(TICKETS), texts.tickets(random), strict=False):
        person, friend = random.sample(people, 2)
        rows.append(
            {
                "ticket_id": f"T-{4001 + number}",
                "opened_at": (OPENED + timedelta(minutes=random.randrange(120 * 24 * 60))).isoformat(),
                "customer_email": person.email,
                "subject": subject,
                "body": texts.fill(body, random, person, friend, card_number(random)),
                "status": random.choice(("open", "waiting", "solved")),
            }
        )
    return rows


def chats(random: Random, people: Sequence[Customer]) -> list[dict[str, Any]]:
    """What people asked the assistant, and what it answered: nested, as chat logs are."""
    rows = []
    for number, turns in zip(range(CHATS), texts.chats(random), strict=False):
        person, friend = random.sample(people, 2)
        card = card_number(random)
        rows.append(
            {
                "chat_id": f"C-{9001 + number}",
                "model": random.choice(("helper-small", "helper-large")),
                "messages": [
                    {"role": role, "content": texts.fill(text, random, person, friend, card)}
                    for role, text in zip(("user", "assistant") * len(turns), turns, strict=False)
                ],
                "rating": random.choice((None, 1, 2, 3, 4, 5)),
            }
        )
    return rows


def _write_delta(path: Path, rows: list[dict[str, Any]], schema: Any, partition_by: list[str] | None = None) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    write_deltalake(str(path), pa.Table.from_pylist(rows, schema), partition_by=partition_by)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def generate(folder: Path, *, seed: int = SEED) -> dict[str, int]:
    """Replaces ``folder`` with the four datasets and returns how many rows each has."""
    import pyarrow as pa

    random = Random(seed)
    people = customers(random)
    bought, written, asked = orders(random, people), tickets(random, people), chats(random, people)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = ("street", "city", "state", "postal_code")
    rows = [
        {
            "customer_id": person.customer_id,
            "name": person.name,
            "email": person.email,
            "phone": person.phone,
            "birth_date": person.birth_date,
            "address": {name: getattr(person, name) for name in names},
            "plan": person.plan,
            "region": REGIONS[person.state],
        }
        for person in people
    ]
    customer = pa.schema(
        [
            ("customer_id", pa.int64()),
            ("name", pa.string()),
            ("email", pa.string()),
            ("phone", pa.string()),
            ("birth_date", pa.date32()),
            ("address", pa.struct([(name, pa.string()) for name in names])),
            ("plan", pa.string()),
            ("region", pa.string()),
        ]
    )
    order = pa.schema(
        [
            ("order_id", pa.int64()),
            ("customer_email", pa.string()),
            ("card_number", pa.int64()),
            ("product", pa.string()),
            ("quantity", pa.int32()),
            ("amount", pa.float64()),
            ("ordered_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    _write_delta(folder / "customers", rows, customer, ["region"])
    _write_delta(folder / "orders", bought, order)
    _write_lines(folder / "tickets.jsonl", written)
    _write_lines(folder / "chats.jsonl", asked)
    return {"customers": len(people), "orders": len(bought), "tickets": len(written), "chats": len(asked)}


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data"
    for name, count in generate(place).items():
        print(f"{name:<10} {count:>4} rows")
