"""Tokens bound to persons, from values and inside texts that are of no row: everyone's key is tried, by grant."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from clearance.errors import KeyUnavailableError, ProtectionError, RefusedError
from clearance.governance.actors import current_actor
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.detokenize_task import open_text, open_values
from clearance.jobs.erase import erase
from clearance.jobs.settings import Detection
from clearance.jobs.subject_keys import SubjectKeys
from clearance.tokenization.keys import FileKeyProvider
from clearance.tokenization.subjects import AnyPerson, SubjectTokenizer

GRANT = """version: 1
name: t
extends: default
domains:
  people: {{entity_types: [CUSTOMER_ID]}}
reversal:
  desk:
    who: [{who}]
    purposes: [service]
    datasets: [stdin]
    entity_types: [PHONE_NUMBER, EMAIL_ADDRESS]
    max_rows: 3
    valid_until: 2099-01-01
"""
WHY: dict[str, Any] = {"purpose": "service", "reason": "case 77"}


@pytest.fixture
def world(tmp_path: Path) -> tuple[Desk, SubjectKeys, list[str]]:
    FileKeyProvider(tmp_path / "keys.json").create()
    (tmp_path / "p.yaml").write_text(GRANT.format(who=current_actor().name))
    desk = open_desk(
        home=tmp_path / "home",
        policy=tmp_path / "p.yaml",
        detection=Detection(ner=None),
        key_file=tmp_path / "keys.json",
    )
    tokens, ring = desk.tokens(), desk.tokens().key.open()
    # The subject column has a domain of its own, as a policy may say.
    people = tokens.within("people").open().tokenize(pa.array(["C-1", "C-2"]), "CUSTOMER_ID")
    keys = SubjectKeys.at(str(tmp_path / "secrets" / "keys"))
    keys.create()
    keys.ensure(ring, "people", people.to_pylist())
    bound = SubjectTokenizer(ring, tokens.within("default").open(), keys.wrapped, keys_domain="people")
    made = bound.encrypt(pa.array(["+1 212 555 0100", 'say "0101"']), people, "PHONE_NUMBER").to_pylist()
    return desk, keys, made


@pytest.mark.parametrize("keys", ["nowhere.json", "vault+http://127.0.0.1:9/transit/k?keyset=none.json"])
def test_a_request_without_a_key_is_on_record_as_refused(
    world: tuple[Desk, SubjectKeys, list[str]], tmp_path: Path, keys: str
) -> None:
    desk, _, made = world
    with pytest.raises(KeyUnavailableError) as caught:
        open_values(made, replace(desk, keys=keys.replace("none.json", str(tmp_path / "none.json"))), **WHY)
    newest = desk.audit.entries()[-1]
    assert (newest["result"], newest["facts"]["why"]) == ("refused", caught.value.message)
    assert [row["status"] for row in desk.registry.rows("runs")] == ["running", "failed"]


def test_bound_tokens_open_from_values_and_in_text_with_the_table_alone(
    world: tuple[Desk, SubjectKeys, list[str]],
) -> None:
    desk, keys, (ann, bob) = world
    free = desk.readers()[0].open().reversible_token("a@b.org", "EMAIL_ADDRESS")
    assert open_values([ann, bob.upper(), free], desk, subject_keys=keys, **WHY) == [
        "+1 212 555 0100", 'say "0101"', "a@b.org"]  # fmt: skip
    text = f'\N{GRINNING FACE} {{"tel": "{bob}"}}'
    assert (
        open_text(f"call {ann}, or {free}.", desk, subject_keys=keys, **WHY).text == "call +1 212 555 0100, or a@b.org."
    )
    assert open_text(text[2:], desk, subject_keys=keys, **WHY).text == '{"tel": "say \\"0101\\""}'
    for ask in (lambda: open_values([ann], desk, **WHY), lambda: open_text(f"x {ann}", desk, **WHY)):
        with pytest.raises(ProtectionError, match="bound to persons"):
            ask()
    with pytest.raises(RefusedError):
        open_values([ann, bob, ann, bob], desk, subject_keys=keys, **WHY)


def test_a_value_is_one_token_and_nothing_else(world: tuple[Desk, SubjectKeys, list[str]]) -> None:
    desk, keys, (ann, _) = world
    free = desk.readers()[0].open().reversible_token("a@b.org", "EMAIL_ADDRESS")
    for odd in (f"{free}x", f"x{free}", f"{free} ", f"{free}{free}", f'{{"m": "{free}"}}', f"to {ann}"):
        with pytest.raises(ProtectionError, match="1 of 2 values are more than a token") as caught:
            open_values([free, odd], desk, subject_keys=keys, **WHY)
        assert "--text -" in str(caught.value.hint)
    assert not [entry for entry in desk.audit.entries() if entry["kind"] == "intent" and entry["action"] == "show"]
    assert open_text(f"{free}x", desk, **WHY).text == "a@b.orgx"


def test_values_without_a_token_of_the_types_asked_for_are_told_so(world: tuple[Desk, SubjectKeys, list[str]]) -> None:
    desk, _, _ = world
    tokenizer = desk.readers()[0].open()
    mail, name = tokenizer.reversible_token("a@b.org", "EMAIL_ADDRESS"), tokenizer.reversible_token("Jo", "PERSON")
    with pytest.raises(
        ProtectionError, match="1 of 2 values hold no reversible token of this key file and these types"
    ):
        open_values([mail, name], desk, types=["EMAIL_ADDRESS"], **WHY)


def test_the_tokens_of_an_erased_person_stay(world: tuple[Desk, SubjectKeys, list[str]]) -> None:
    desk, keys, (ann, bob) = world
    (token,) = desk.tokens().within("people").open().tokenize(pa.array(["C-1"]), "CUSTOMER_ID").to_pylist()
    erase(keys, [token], "CUSTOMER_ID", replace(desk, domain="people"), reason="request 4711")
    opened = open_text(f"{ann} and {bob}", desk, subject_keys=keys, **WHY)
    assert (opened.text, opened.stayed) == (f'{ann} and say "0101"', {"tokens of persons whose keys are gone": 1})
    assert "0101" not in repr(opened)
    with pytest.raises(ProtectionError, match="not in the table"):
        open_values([ann], desk, subject_keys=keys, **WHY)
    with pytest.raises(ProtectionError, match="1 of 2 values"):
        open_values([ann, bob], desk, subject_keys=keys, **WHY)
    anyone = AnyPerson(desk.tokens().key.open(), keys.everyone(), ["people"])
    assert repr(anyone) == "<AnyPerson>"
    with pytest.raises(TypeError):
        pickle.dumps(anyone)
