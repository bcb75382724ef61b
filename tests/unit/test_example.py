"""The support desk of the examples: the same rows every time, about no one, under files that load."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from clearance.governance.policy import load_policy
from clearance.governance.solutions import load_solutions
from clearance.jobs.plan_file import load_plan

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support-desk"


@pytest.fixture(scope="module")
def generate():
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield importlib.import_module("generate")
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in ("generate", "texts"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def data(generate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("support-desk") / "data"
    generate.generate(folder)
    return folder


def rows(folder, name):
    from deltalake import DeltaTable

    if (folder / name).is_dir():
        table = DeltaTable(str(folder / name)).to_pyarrow_table()
        return sorted(table.to_pylist(), key=lambda row: json.dumps(row, default=str))
    return (folder / f"{name}.jsonl").read_text().splitlines()


@pytest.mark.parametrize("name", ["customers", "orders", "tickets", "chats"])
def test_the_same_rows_every_time(generate, data, tmp_path, name):
    generate.generate(tmp_path / "again")
    assert rows(data, name) == rows(tmp_path / "again", name)


def test_another_seed_gives_other_rows(generate, data, tmp_path):
    generate.generate(tmp_path / "other", seed=1)
    assert rows(data, "tickets") != rows(tmp_path / "other", "tickets")


def test_data_that_are_there_are_replaced_not_added_to(generate, tmp_path):
    counts = generate.generate(tmp_path / "data")
    assert generate.generate(tmp_path / "data") == counts
    assert {name: len(rows(tmp_path / "data", name)) for name in counts} == counts


def test_nobody_in_it_exists(data):
    text = "\n".join(
        line if isinstance(line, str) else json.dumps(line, default=str)
        for name in ("customers", "orders", "tickets", "chats")
        for line in rows(data, name)
    )
    domains = {address.lower() for address in re.findall(r"@([\w.-]+\w)", text)}
    assert domains == {"example.com", "example.org", "example.net"}
    phones = re.findall(r"\(?\b\d{3}\)?[ -](\d{3})[ -](\d{4})\b(?![ -]?\d)", text)
    assert len(phones) > 400
    assert {exchange for exchange, _ in phones} == {"555"}
    assert all(100 <= int(line) <= 199 for _, line in phones)


def test_cards_are_test_numbers_in_a_bigint_column(data, generate):
    from deltalake import DeltaTable

    cards = DeltaTable(str(data / "orders")).to_pyarrow_table().column("card_number")
    assert str(cards.type) == "int64"
    for card in map(str, cards.to_pylist()):
        assert card.startswith(tuple(prefix for prefix, _ in generate.TEST_CARDS))
        assert generate.luhn_digit(card[:-1]) == card[-1]


@pytest.mark.parametrize("known", ["4111111111111111", "378282246310005", "6011111111111117"])
def test_luhn_digit_agrees_with_the_brands_published_test_numbers(generate, known):
    assert generate.luhn_digit(known[:-1]) == known[-1]


def test_orders_and_tickets_join_to_customers(data):
    known = {row["email"] for row in rows(data, "customers")}
    assert {row["customer_email"] for row in rows(data, "orders")} <= known
    assert {json.loads(line)["customer_email"] for line in rows(data, "tickets")} <= known
    assert len(known) == len(rows(data, "customers"))


def test_customers_are_partitioned_by_what_says_nothing_of_a_person(data):
    assert {path.name for path in (data / "customers").glob("region=*")} == {
        "region=north",
        "region=south",
        "region=west",
    }


def test_policy_truncates_cards_so_that_they_leave_pci_dss():
    policy = load_policy(EXAMPLE / "policy.yaml")
    method = policy.method_for("CREDIT_CARD")
    assert method["name"] == "mask"
    named = policy.deidentification_rule(method, "CREDIT_CARD")
    assert named is not None
    assert named[0] == "truncated-pan"
    assert "PCI DSS" in named[1].drops.regimes
    # Otherwise the policy says of cards what the default says.
    assert policy.label_of("CREDIT_CARD").regimes == load_policy(None).label_of("CREDIT_CARD").regimes


def test_plan_names_solutions_that_there_are_and_stays_in_its_folder():
    plan = load_plan(EXAMPLE / "plan.yml")
    known = load_solutions(plan.solutions)
    assert {name for dataset in plan.datasets for name in dataset.solutions} == set(known)
    assert {known["public-support-bot"].hosting, known["private-model"].hosting} == {"public", "private"}
    ignored = [EXAMPLE / "data", EXAMPLE / "out"]
    for place in (plan.home, plan.output, plan.verdicts, *(dataset.dataset for dataset in plan.datasets)):
        assert any(Path(place).is_relative_to(folder) for folder in ignored), place
    assert plan.key_file is None
