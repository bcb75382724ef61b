"""Values bound to the person they are about: reversible tokens that only that person's key opens.

A dataset declares the column that says whose a row is. Its one-way token names the person's key in a table of subject
keys (``jobs/subject_keys.py``); every reversible token of the row is sealed under it (``tokenization/subjects.py``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.jobs.failures import value_free
from clearance.jobs.schema import readable_frame
from clearance.jobs.subject_keys import SubjectKeys
from clearance.jobs.workers import Batches, map_batches
from clearance.leaves import Rows, read_leaf
from clearance.paths import parse_path, sql_name
from clearance.tokenization.subjects import SubjectTokenizer
from clearance.tokenization.tokens import Tokenizer
from clearance.values import to_text

if TYPE_CHECKING:
    from clearance.governance.audit import Audit
    from clearance.jobs.datasets import Dataset
    from clearance.jobs.settings import Tokens


@dataclass(frozen=True, slots=True)
class Subject:
    """The column that says whose a row is, the type and domain of its one-way tokens, and where the keys are.

    Safe to pickle and print: it holds a path.
    """

    column: str
    entity_type: str
    domain: str
    keys: SubjectKeys

    def to_dict(self) -> dict[str, Any]:
        """As the signed record has it: without the place of the keys, which is not the data's affair."""
        return {"column": self.column, "entity_type": self.entity_type, "domain": self.domain}

    @classmethod
    def of(cls, told: Mapping[str, str], keys: SubjectKeys) -> "Subject":
        """What ``to_dict`` wrote, with the place of the keys."""
        return cls(told["column"], told["entity_type"], told["domain"], keys)


class Binding:
    """A worker's tools for bound tokens. Holds keys: can't be pickled. Make one in each task."""

    def __init__(self, subject: Subject, tokens: "Tokens", kid: str | None = None) -> None:
        self._subject = subject
        self._tokens = tokens
        ring = tokens.key.open()
        # A token of a disabled key would be tokenized again, and name nobody.
        self._own = Tokenizer(
            ring if kid is None else ring.writing_with(kid), subject.domain, region=tokens.region, writing=True
        )
        self._bound: dict[str, SubjectTokenizer] = {}

    def owners(self, values: pa.Array) -> pa.Array:
        """One-way tokens of the subject column's values (text form): what the protected data has in it."""
        return self._own.tokenize(values, self._subject.entity_type)

    def encrypt(self, values: pa.Array, owners: pa.Array, entity_type: str, path: str) -> pa.Array:
        """Reversible tokens, each under the key of its row's person. Raises like ``SubjectTokenizer.encrypt``."""
        return self._in(self._tokens.domain_of(path, entity_type)).encrypt(values, owners, entity_type)

    def reverse(self, tokens: pa.Array, owners: pa.Array, domain: str) -> pa.Array:
        """What is inside bound tokens; null for all else, and where the person's key is gone."""
        return self._in(domain).reverse(tokens, owners)

    def owners_in(self, batch: pa.RecordBatch, rows: Rows) -> pa.Array:
        """The owners of values that stand in these rows of a batch, protected or not."""
        first, *rest = parse_path(self._subject.column)
        values, _ = read_leaf(batch.column(batch.schema.get_field_index(first.name)), rest)
        return self.owners(to_text(values)).take(pa.array(rows))

    def _in(self, domain: str) -> SubjectTokenizer:
        if domain not in self._bound:
            tokenizer = self._tokens.within(domain).open()
            ring = self._tokens.key.open()
            self._bound[domain] = SubjectTokenizer(
                ring, tokenizer, self._subject.keys.wrapped, keys_domain=self._subject.domain
            )
        return self._bound[domain]


def ensure_keys(dataset: "Dataset", subject: Subject, tokens: "Tokens", audit: "Audit", run_id: str) -> None:
    """A key for every person in the subject column, announced in the audit. Reads that column once.

    Only one-way tokens leave the workers. Raises ``KeyUnavailableError`` when the table can't be written.
    """
    people = _people(dataset, subject, tokens)
    facts = {"keys": subject.keys.path, "subjects": len(people), "domain": subject.domain}
    intent = audit.intent("subject-keys", run_id=run_id, dataset=dataset.source.key, facts=facts)
    try:
        subject.keys.create()
        made = subject.keys.ensure(tokens.key.open(), subject.domain, people)
    except BaseException:
        audit.outcome(intent, "failed")
        raise
    audit.outcome(intent, "done", facts={"made": made})


def require_nobody_erased(dataset: "Dataset", subject: Subject, tokens: "Tokens", kid: str) -> None:
    """Raises ``ProtectionError`` when someone in the subject column has no key by the name that ``kid`` gave them.

    They were erased: protecting them under another key would give them a key again. Reads that column once.
    """
    people = _people(dataset, subject, tokens, kid)
    gone = len(people) - len(subject.keys.having(people))
    if gone:
        raise ProtectionError(
            f"{dataset.reference.text} still has {gone:,} persons whose keys were erased",
            hint="delete them there, then protect it again: clearance protect --subject",
        )


def _people(dataset: "Dataset", subject: Subject, tokens: "Tokens", kid: str | None = None) -> list[str]:
    frame = readable_frame(dataset.frame).select(sql_name(parse_path(subject.column)[0].name))
    with value_free(f"looking for the subjects of {dataset.reference.text}", hint="nothing was written"):
        work = _Owners(subject, tokens, kid)
        found = map_batches(frame, work, "subject string", "looking for subjects").distinct().collect()
    return [row[0] for row in found]


@dataclass(frozen=True, slots=True)
class _Owners:
    """A worker that gives the distinct one-way tokens of a batch's subjects. Picklable: it holds no key.

    ``kid``: the key of the ring that they are made with; None for the one that writes.
    """

    subject: Subject
    tokens: "Tokens"
    kid: str | None = None

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        binding = None
        for batch in batches:
            binding = binding or Binding(self.subject, self.tokens, self.kid)
            owners = binding.owners_in(batch, np.arange(batch.num_rows))
            yield pa.RecordBatch.from_arrays([pc.unique(owners.drop_null())], names=["subject"])


__all__ = ["Binding", "Subject", "ensure_keys", "require_nobody_erased"]
