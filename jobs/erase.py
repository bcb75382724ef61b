"""Erasure by key as a job: the keys of people deleted from a table of subject keys, on record, and looked for after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from clearance.errors import KeyUnavailableError, ProtectionError, UsageError
from clearance.governance.identity import dataset_identity
from clearance.jobs.asking import check_reason
from clearance.jobs.desk import Desk
from clearance.jobs.proof import SIGNED, canonical
from clearance.jobs.settings import Tokens
from clearance.jobs.subject_keys import SubjectKeys
from clearance.tokenization.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did, in counts.

    ``otherwise``: datasets on record whose tokens keys in this table open by another type or domain of the subject
    column, as ``dataset (type, domain)``: the same person has another key there.
    """

    table: str
    subjects: int
    erased: int
    without_key: int
    files_removed: int
    files_checked: int
    version: int | None
    run_id: str
    dry_run: bool = False
    otherwise: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__}


def erase(
    keys: SubjectKeys, subjects: Sequence[str], entity_type: str, desk: Desk, *, reason: str, dry_run: bool = False
) -> Erasure:
    """Deletes the keys of these people: what is sealed under them can't be opened any more, by anybody.

    ``subjects``: their identifiers as the subject column has them, or their one-way tokens; ``entity_type`` is that
    column's. The audit has the reason and counts; no identifier and no token is written anywhere. Raises ``UsageError``
    without subjects or a reason that may stand on record, ``KeyUnavailableError`` when the table can't be written or a
    byte of a key is left.
    """
    people = list(dict.fromkeys(subject for subject in subjects if subject.strip()))
    if not people:
        raise UsageError("there is no subject to erase", hint="give one identifier or token a line")
    check_reason(reason)
    tokens = desk.tokens()
    wanted = subject_tokens(people, entity_type, tokens)
    otherwise = bound_otherwise(keys, entity_type, desk)
    if dry_run:
        found = len(keys.having(token for person in wanted for token in person))
        missing = sum(not keys.having(person) for person in wanted)
        return Erasure(keys.path, len(people), found, missing, 0, 0, None, "", True, otherwise)
    with desk.run("erase", f"file://{keys.path}") as run:
        facts = {"reason": reason, "subjects": len(people), "domain": tokens.domain}
        intent = desk.audit.intent("erase", run_id=run.run_id, dataset=f"file://{keys.path}", facts=facts)
        try:
            done = keys.erase(wanted)
        except BaseException:
            desk.audit.outcome(intent, "failed")
            raise
        counts = {
            "keys_erased": done.keys,
            "without_key": done.without_key,
            "files_removed": done.files_removed,
            "files_checked": done.files_checked,
            "version": done.version,
        }
        desk.audit.outcome(intent, "done", facts=counts)
        run.facts = counts
    return Erasure(
        keys.path,
        len(people),
        done.keys,
        done.without_key,
        done.files_removed,
        done.files_checked,
        done.version,
        run.run_id,
        otherwise=otherwise,
    )


def bound_otherwise(keys: SubjectKeys, entity_type: str, desk: Desk) -> tuple[str, ...]:
    """The datasets whose persons have keys in this table under another type or domain, as far as is on record."""
    made = desk.audit.entries(action="subject-keys")
    sources = {entry["dataset"] for entry in made if (entry.get("facts") or {}).get("keys") == keys.path}
    found = []
    for dataset, row in desk.registry.latest_each("protections", columns=["source", "statement"]).items():
        told = (row["statement"] or {}).get("subject") if row["source"] in sources else None
        if told and (told["entity_type"], told["domain"]) != (entity_type, desk.domain):
            found.append(f"{dataset} ({told['entity_type']}, {told['domain']})")
    return tuple(found)


def subject_of(dataset: str, desk: Desk) -> tuple[str, str]:
    """Entity type and domain of the column whose persons' keys a protected dataset was made with, by its signed record.

    The data may have changed since, or be gone. Raises ``ProtectionError`` without such a record.
    """
    identity = dataset_identity(dataset)
    row = desk.registry.latest("protections", dataset=identity.key)
    told = row["statement"] if row is not None else None
    if row is None or not isinstance(told, dict):
        raise ProtectionError(
            f"there is no record of the protection of {dataset}",
            hint="say the type and domain of its subject column: --subject-type, --domain",
        )
    ring, signature = desk.tokens().key.open(), row["signature"] or ""
    if not ring.verify(SIGNED, canonical(told), signature):
        raise ProtectionError(
            f"the record of the protection of {dataset} {ring.unverified(signature)}",
            hint="use the keys that it was protected with: --key-file or --keys",
        )
    subject = told.get("subject")
    if not subject:
        raise ProtectionError(
            f"no tokens of {dataset} are bound to persons", hint="only clearance protect --subject binds them"
        )
    return str(subject["entity_type"]), str(subject["domain"])


def subject_tokens(subjects: Iterable[str], entity_type: str, tokens: Tokens) -> list[frozenset[str]]:
    """For each subject its one-way tokens, one for every key id of the ring: its key may be older than a rotation.

    Tokens of this domain are taken as they are.
    """
    ring = tokens.key.open()
    values = pa.array(list(subjects), pa.string())
    by_key = []
    for kid in sorted(ring.kids):
        tokenizer = Tokenizer(ring.writing_with(kid), tokens.domain, region=tokens.region)
        by_key.append(tokenizer.tokenize(values, entity_type).to_pylist())
    return [frozenset(each) for each in zip(*by_key, strict=True)]


def require_all(done: Erasure) -> None:
    """Raises ``KeyUnavailableError`` when some had no key: a wrong type, domain or spelling must not pass for done."""
    if done.without_key:
        raise KeyUnavailableError(
            f"{done.without_key:,} of {done.subjects:,} subjects have no key in {done.table}; "
            f"{done.erased:,} keys {'would be' if done.dry_run else 'were'} erased",
            hint="erased before, or another --subject-type, --domain or spelling than in the protected data",
        )
