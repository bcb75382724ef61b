"""Who people are: a name and the public key of each, enrolled by an administrator and on record in the audit.

The first one enrolled on an empty record is the administrator; whoever enrols people decides nothing else. A key stands
for one name. Statements of people are signed with keys of their own: the key of the jobs is nobody's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clearance.errors import ProofError, RefusedError, RegistryError, UsageError
from clearance.governance import canonical
from clearance.governance.audit import Audit
from clearance.governance.envelopes import key_id, seal, unseal
from clearance.governance.registry import Registry, Row

#: Under what the audit files enrolments, as it does things of a dataset.
PEOPLE = "clearance:identities"
ENROLMENT = "https://pypi.org/project/clearance/enrolment/v1"
Role = Literal["person", "administrator"]


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled name. ``key_id`` is SHA-256 (hex) over the public key (:func:`envelopes.key_id`)."""

    name: str
    key_id: str
    public_key: str = field(repr=False)
    role: Role


@dataclass(frozen=True, slots=True)
class Key:
    """A private key in use: what signs, and its public half."""

    public_pem: str
    sign: Any = field(repr=False)


def people(registry: Registry, administrators: frozenset[str] | None = None) -> dict[str, Person]:
    """Everyone enrolled now, by name. ``administrators``: key ids that the policy names, which alone may enrol then.

    Raises ``RegistryError`` when the record of enrolments can't be relied on.
    """
    return enrolled(_rows(registry), administrators)


def _rows(registry: Registry) -> list[Row]:
    rows, problem = Audit(registry).counted("identities", PEOPLE)
    if problem:
        raise RegistryError(f"who is enrolled can't be told: {problem}", hint="see `clearance audit verify`")
    return rows


def enrolled(rows: list[Row], administrators: frozenset[str] | None = None) -> dict[str, Person]:
    """The same from rows in the audit's order. A row that no administrator signed is as if it were not there."""
    return _standing(rows, administrators)[0]


def _standing(rows: list[Row], administrators: frozenset[str] | None) -> tuple[dict[str, Person], frozenset[str]]:
    """Everyone enrolled, by name, and the keys that were replaced or revoked: enrolled again, what they signed before
    would count again, so they never are (NIST SP 800-57 part 1, section 7: from "compromised" there is no way back).
    """
    found: dict[str, Person] = {}
    retired: set[str] = set()
    for row in rows:
        signers = {p.key_id: p.public_key for p in found.values() if p.role == "administrator"}
        if administrators is not None:
            # Named in the policy: one of these may begin, and no other key's word counts.
            own = {row["key_id"]: row["public_key"]} if row["key_id"] in administrators else {}
            signers = {**{name: pem for name, pem in signers.items() if name in administrators}, **own}
        elif not found:
            signers = {row["key_id"]: row["public_key"]} if row["role"] == "administrator" else {}
        person = _read(row, signers)
        if person is None or any(p.key_id == person.key_id and p.name != person.name for p in found.values()):
            continue
        before = found.get(person.name)
        if row["state"] == "revoked":
            found.pop(person.name, None)
        elif person.key_id not in retired:
            found[person.name] = person
        if before is not None and before.key_id not in {p.key_id for p in found.values()}:
            retired.add(before.key_id)
    return found, frozenset(retired)


def _read(row: Mapping[str, Any], signers: Mapping[str, str]) -> Person | None:
    told = {name: row[name] for name in ("name", "key_id", "public_key", "state", "role")}
    try:
        statement = unseal(row["envelope"], signers, ENROLMENT)
        if statement.predicate != told or key_id(row["public_key"]) != row["key_id"]:
            return None
    except ProofError:
        return None
    return Person(row["name"], row["key_id"], row["public_key"], row["role"])


def enrol(
    registry: Registry,
    name: str,
    public_pem: str,
    by: Key,
    *,
    run_id: str,
    role: Role = "person",
    administrators: frozenset[str] | None = None,
    revoke: bool = False,
) -> Person:
    """Enrols a person, gives one another key, or takes one out; signed by an administrator, on record also if refused.

    The first on an empty record becomes an administrator and signs for itself. Raises ``RefusedError`` for a key that
    is no administrator's, is another person's or is the jobs' own, ``UsageError`` for a name that can't be one.
    """
    if not name or len(name) > 100 or not name.isprintable() or name != name.strip():
        raise UsageError("a person's name is one line of at most 100 characters", hint="use the account's name")
    known, retired = _standing(_rows(registry), administrators)
    person = Person(name, key_id(public_pem), public_pem, role if known else "administrator")
    audit = Audit(registry)
    facts = {"name": name, "key_id": person.key_id, "by": key_id(by.public_pem), "role": person.role}
    action = "revoke" if revoke else "enrol"
    if why := _refusal(registry, person, by, known, retired, administrators, revoke):
        intent = audit.intent(action, run_id=run_id, dataset=PEOPLE, facts=facts)
        audit.outcome(intent, "refused", facts={"why": why})
        raise RefusedError(why, hint="an administrator enrols people, each with a key of their own")
    told = {
        "name": name,
        "key_id": person.key_id,
        "public_key": public_pem,
        "state": "revoked" if revoke else "enrolled",
        "role": person.role,
    }
    envelope = seal(PEOPLE, canonical.digest(told), told, by.sign, by.public_pem, ENROLMENT)
    row = {**told, "by": key_id(by.public_pem), "envelope": envelope}
    with audit.filing(action, [("identities", row)], run_id=run_id, dataset=PEOPLE, facts=facts):
        pass
    return person


def _refusal(
    registry: Registry,
    person: Person,
    by: Key,
    known: Mapping[str, Person],
    retired: frozenset[str],
    administrators: frozenset[str] | None,
    revoke: bool,
) -> str:
    """Why a person can't be enrolled so; empty: she can."""
    signer = key_id(by.public_pem)
    may = {p.key_id for p in known.values() if p.role == "administrator"}
    if administrators is not None and signer not in administrators:
        return "the key is none of the administrators' that the policy names"
    if known and signer not in may and administrators is None:
        return "the key is no administrator's"
    if not known and signer != person.key_id:
        return "nobody is enrolled yet: the first one signs with the key that is enrolled"
    if not revoke and any(p.key_id == person.key_id and p.name != person.name for p in known.values()):
        return "the key is another person's"
    if not revoke and person.key_id in retired:
        return "the key was replaced or revoked, and what it signed then would count again: make a new one"
    if any(row["key_id"] == person.key_id for row in registry.rows("signers", ["key_id"])):
        return "the key signs statements of the jobs: a person's key is another"
    if revoke and person.name not in known:
        return "nobody of this name is enrolled"
    if revoke and person.role == "administrator" and len(may) == 1:
        return "the last administrator stays"
    return ""


__all__ = ["ENROLMENT", "PEOPLE", "Key", "Person", "enrol", "enrolled", "people"]
