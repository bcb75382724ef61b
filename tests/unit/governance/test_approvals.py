"""Author, approver and publisher are three people, whatever keys and tokens they hold; and each word is signed."""

import copy
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clearance.errors import RefusedError, UsageError
from clearance.governance.approvals import APPROVAL, Signer, decided, objections, separation, statement_of
from clearance.governance.audit import Audit
from clearance.governance.envelopes import key_id, seal
from clearance.governance.escalation import DatasetState
from clearance.governance.identities import Key, Person, enrol, people
from clearance.governance.labels import Levels
from clearance.governance.registry import Registry

LEVELS = Levels(("public", "internal", "confidential", "restricted"))
NOW = datetime(2026, 11, 28, tzinfo=UTC)
PUBLIC = {"level": "public", "categories": [], "regimes": [], "subjects": []}
STATE = DatasetState("file:///a", "3", "schema", "policy", None, PUBLIC, {"a": PUBLIC})
NAMES = ("ann", "bob", "cyd")
SUBJECTS = {f"ci:{name}": name for name in NAMES}


def new_key() -> Key:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Key(pem, private.sign)


KEYS = {name: new_key() for name in (*NAMES, "root")}
PEOPLE = {
    name: Person(name, key_id(key.public_pem), key.public_pem, "administrator" if name == "root" else "person")
    for name, key in KEYS.items()
}


def step(what: str, name: str, how: str = "key", *, publisher: str = "cyd", **more: Any) -> dict[str, Any]:
    """A row of `approvals`, rightly signed."""
    proof = {"key_id": PEOPLE[name].key_id} if how == "key" else {"issuer": "https://ci", "subject": f"ci:{name}"}
    row = {
        "dataset": STATE.dataset,
        "step": what,
        "request": "r1",
        "state": {"dataset": STATE.to_dict(), "allows": [], "publisher": publisher},
        "by": Signer(name, "key" if how == "key" else "token", proof).to_dict(),
        "reason": "case 7",
        "expires": None,
        "envelope": None,
        **more,
    }
    if how == "key":
        key = KEYS[name]
        row["envelope"] = seal(STATE.dataset, STATE.digest, statement_of(row), key.sign, key.public_pem, APPROVAL)
    return row


@pytest.mark.parametrize("how", list(itertools.product(("key", "token"), repeat=3)))
def test_two_people_can_t_be_one(how: tuple[str, str, str]) -> None:
    """Every combination of three people in three parts, each known by a key or by a token."""
    for author, approver, publisher in itertools.product(NAMES, repeat=3):
        request = step("request", author, how[0], publisher=publisher)
        rows = [request, step("approve", approver, how[1], publisher=publisher)]
        found = decided(rows, PEOPLE, SUBJECTS)
        publishing = separation("publish", publisher, request, approver, {})
        three = len({author, approver, publisher}) == 3
        assert (found.approval is not None) == three, (author, approver, publisher)
        assert bool(found.void) != three
        assert (not publishing) == (publisher not in (author, approver)), (author, approver, publisher)
        # Whoever else comes along to publish is not the one that was named.
        for other in set(NAMES) - {publisher}:
            assert separation("publish", other, request, approver, {})


def test_the_manifest_s_team_has_its_parts_and_no_other() -> None:
    team = {"author": ("ann",), "approver": ("bob",), "publisher": ("cyd",)}
    request = step("request", "ann")
    assert separation("request", "ann", request, None, team) == ""
    assert separation("approve", "bob", request, None, team) == ""
    assert "author by the manifest" in separation("approve", "ann", step("request", "bob"), None, team)
    assert "publisher by the manifest" in separation(
        "request", "cyd", step("request", "cyd", publisher="dan"), None, team
    )
    assert "no approver by the manifest" in separation("approve", "dan", request, None, team)


def forged(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(row), **changes}


def test_what_was_signed_is_what_counts() -> None:
    request, approve = step("request", "ann"), step("approve", "bob")
    assert decided([request, approve], PEOPLE, SUBJECTS).approval is not None
    other_state = {"dataset": replace(STATE, version="9").to_dict(), "allows": [], "publisher": "cyd"}
    for bad in (
        forged(approve, reason="another"),
        forged(approve, expires=NOW + timedelta(days=900)),
        forged(approve, state=other_state),
        forged(approve, request="r2"),
        forged(approve, envelope=None),
        forged(approve, envelope=request["envelope"]),
        forged(approve, dataset="file:///b"),
        forged(approve, by={**approve["by"], "name": "cyd"}),
        forged(step("reject", "bob"), step="approve"),
        forged(step("approve", "bob", "token"), by={"name": "bob", "how": "token", "subject": "ci:cyd"}),
        forged(step("approve", "bob", "token"), by={"name": "bob", "how": "env"}),
        step("approve", "root"),
        step("approve", "bob", state=other_state),
    ):
        found = decided([request, bad], PEOPLE, SUBJECTS)
        assert found.approval is None and len(found.void) == 1, bad["step"]
    assert decided([approve], PEOPLE, SUBJECTS).approval is None  # on no request
    gone = {name: person for name, person in PEOPLE.items() if name != "bob"}
    assert decided([request, approve], gone, SUBJECTS).approval is None


def changes(rows: list[dict[str, Any]], now: DatasetState = STATE, *, required: bool = False) -> list[str]:
    found = decided(rows, PEOPLE, SUBJECTS)
    return [each.facts["change"] for each in objections(found, now, LEVELS, NOW, required=required)]


def test_what_stands_against_a_dataset() -> None:
    request, approve = step("request", "ann"), step("approve", "bob")
    assert changes([]) == [] and changes([], required=True) == ["not-approved"]
    assert changes([request]) == [] and changes([request], required=True) == ["not-approved"]
    assert changes([request, approve], required=True) == []
    assert changes([request, approve], replace(STATE, version="4")) == ["version-changed"]
    # Said once, however many steps it is of.
    assert changes([request, approve, *[forged(approve, reason=why) for why in "xy"]]) == ["approval-void"]
    again = [step("request", "ann", request="r2"), step("reject", "bob", request="r2")]
    assert changes([request, approve, *again]) == ["rejected"]
    third = [step("request", "ann", request="r3"), step("approve", "bob", request="r3")]
    assert changes([request, approve, *again, *third]) == []
    ends = {"expires": NOW - timedelta(seconds=1)}
    assert changes([step("request", "ann", **ends), step("approve", "bob", **ends)]) == ["approval-expired"]


# ---- who is enrolled ----


@pytest.fixture
def registry(tmp_path: Any) -> Registry:
    return Registry(tmp_path / "home")


def enrolling(registry: Registry, name: str, by: str = "root", **how: Any) -> Person:
    return enrol(registry, name, KEYS[name].public_pem, KEYS[by], run_id="r", **how)


def test_an_administrator_enrols_people_and_is_the_first(registry: Registry) -> None:
    with pytest.raises(RefusedError, match="first one signs"):
        enrolling(registry, "ann")
    assert enrolling(registry, "root").role == "administrator"
    assert enrolling(registry, "ann").role == "person"
    with pytest.raises(RefusedError, match="no administrator"):
        enrolling(registry, "bob", by="ann")
    with pytest.raises(RefusedError, match="another person"):
        enrol(registry, "bob", KEYS["ann"].public_pem, KEYS["root"], run_id="r")
    with pytest.raises(RefusedError, match="last administrator"):
        enrol(registry, "root", KEYS["root"].public_pem, KEYS["root"], run_id="r", role="administrator", revoke=True)
    with pytest.raises(UsageError):
        enrol(registry, "ann\n", KEYS["ann"].public_pem, KEYS["root"], run_id="r")
    assert set(people(registry)) == {"root", "ann"}
    refused = [each for each in Audit(registry).entries() if each.get("result") == "refused"]
    assert [each["action"] for each in refused] == ["enrol", "enrol", "enrol", "revoke"]
    assert Audit(registry).verify().ok
    enrolling(registry, "ann", revoke=True)
    assert set(people(registry)) == {"root"}
    assert set(people(registry, frozenset({PEOPLE["bob"].key_id}))) == set()  # the policy names another administrator


def test_a_key_that_was_replaced_or_revoked_never_comes_back(registry: Registry) -> None:
    """What it signed before would count again: by someone who found it, too."""
    for name in ("root", "ann", "bob"):
        enrolling(registry, name)
    enrol(registry, "bob", KEYS["cyd"].public_pem, KEYS["root"], run_id="r")
    enrolling(registry, "ann", revoke=True)
    for name in ("ann", "bob"):
        with pytest.raises(RefusedError, match="replaced or revoked"):
            enrolling(registry, name)
    with pytest.raises(RefusedError, match="replaced or revoked"):
        enrol(registry, "dan", KEYS["ann"].public_pem, KEYS["root"], run_id="r")
    assert {person.name: person.key_id for person in people(registry).values()} == {
        "root": PEOPLE["root"].key_id,
        "bob": PEOPLE["cyd"].key_id,
    }
    enrol(registry, "ann", new_key().public_pem, KEYS["root"], run_id="r")
    assert "ann" in people(registry)


def test_a_key_of_the_jobs_is_nobody_s(registry: Registry) -> None:
    enrolling(registry, "root")
    row = {"key_id": PEOPLE["bob"].key_id, "public_key": PEOPLE["bob"].public_key}
    with Audit(registry).filing("trust-signer", [("signers", row)], run_id="r"):
        pass
    with pytest.raises(RefusedError, match="jobs"):
        enrolling(registry, "bob")


def test_an_enrolment_that_no_administrator_signed_counts_for_nothing(registry: Registry) -> None:
    """Filed in the audit, as whoever may write the registry can."""
    enrolling(registry, "root")
    told = {
        "name": "bob",
        "key_id": PEOPLE["bob"].key_id,
        "public_key": PEOPLE["bob"].public_key,
        "state": "enrolled",
        "role": "administrator",
    }
    from clearance.governance.identities import ENROLMENT
    from clearance.governance.identities import PEOPLE as PLACE

    key = KEYS["bob"]
    row = {**told, "by": "x", "envelope": seal(PLACE, "0" * 64, told, key.sign, key.public_pem, ENROLMENT)}
    with Audit(registry).filing("enrol", [("identities", row)], run_id="r", dataset=PLACE):
        pass
    assert set(people(registry)) == {"root"}
