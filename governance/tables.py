"""The registry's tables: names, columns and types, in one place.

No column can hold a value of the data. ``json`` columns are text on disk and plain Python in rows; ``time``
is a UTC timestamp. Columns are only ever added: older rows read as None there, older readers skip them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from clearance.errors import RegistryError

Kind = Literal["str", "int", "bool", "time", "json"]


@dataclass(frozen=True, slots=True)
class Table:
    """One registry table. ``indexed`` columns carry file statistics, so that a look-up skips files."""

    name: str
    columns: Mapping[str, Kind]
    required: frozenset[str]
    indexed: tuple[str, ...]

    def check_column(self, name: str) -> None:
        """Raise RegistryError unless the table has this column."""
        if name not in self.columns:
            raise RegistryError(
                f"The registry table {self.name} has no column {name!r}.",
                hint=f"It has: {', '.join(self.columns)}.",
            )


def _table(name: str, required: Mapping[str, Kind], optional: Mapping[str, Kind], *indexed: str) -> Table:
    common: dict[str, Kind] = {"run_id": "str", "at": "time", "seq": "int"}
    return Table(name, {**common, **required, **optional}, frozenset({*common, *required}), (*indexed, "run_id", "seq"))


_ALL = (
    # A dataset as one run saw it.
    _table(
        "datasets",
        {"dataset": "str", "namespace": "str", "name": "str", "observation": "json"},
        {"ref": "str", "format": "str", "version": "str", "rows": "int", "facts": "json", "schema": "json"},
        "dataset",
    ),
    # One row a column: the report of a scan.
    _table(
        "findings",
        {"dataset": "str", "version": "str", "column": "str", "report": "json"},
        {"kind": "str", "entity_type": "str", "engine_digest": "str"},
        "dataset",
    ),
    # One row a column of a Delta table that was read whole: what a scan of rows added later goes on from.
    _table(
        "profiles",
        {"dataset": "str", "version": "str", "column": "str", "profile": "json"},
        {"engine_digest": "str"},
        "dataset",
    ),
    # What a dataset is labelled, and the observation this label speaks for.
    _table(
        "labels",
        {
            "dataset": "str",
            "version": "str",
            "kind": "str",  # source | protected | restored | promoted
            "label": "json",
            "columns": "json",
            "policy_digest": "str",
        },
        {"policy_path": "str", "observation": "json", "facts": "json", "reasons": "json", "looked": "json"},
        "dataset",
    ),
    # One row when a run starts and one when it ends.
    _table(
        "runs",
        {"job": "str", "status": "str"},  # running | complete | failed
        {
            "parent": "str",
            "dataset": "str",
            "error": "str",
            "started": "time",
            "ended": "time",
            "engine_digest": "str",
            "policy_digest": "str",
            "facts": "json",
        },
        "dataset",
    ),
    _table(
        "verdicts",
        {"dataset": "str", "solution": "str", "verdict": "str", "conflicts": "json"},
        {
            "version": "str",
            "policy_digest": "str",
            "solution_digest": "str",
            "label": "json",
            "state": "str",
            "facts": "json",
        },
        "dataset",
    ),
    # What was done to each column of a protected dataset, signed.
    _table(
        "protections",
        {"dataset": "str", "source": "str", "version": "str", "columns": "json"},
        {
            "source_version": "str",
            "statement": "json",
            "signature": "str",
            "envelope": "json",  # the statement as others check it: DSSE, Ed25519
            "policy_digest": "str",
            "engine_digest": "str",
            "rows": "int",
        },
        "dataset",
    ),
    # What events of other jobs say: one row for an event and output.
    _table("lineage", {"dataset": "str", "digest": "str", "hop": "json"}, {}, "dataset"),
    # What lineage says a dataset must at least be labelled, and on which labels of others that rests.
    _table(
        "derived",
        {
            "dataset": "str",
            "label": "json",
            "columns": "json",
            "rest": "json",
            "basis": "json",
            "policy_digest": "str",
        },
        {"reasons": "json", "environments": "json", "doubts": "json", "roles": "json"},
        "dataset",
        "policy_digest",
    ),
    # Whose signatures are believed here: public keys.
    _table("signers", {"key_id": "str", "public_key": "str"}, {}, "key_id"),
    # Who may ask, approve and publish: people by the public key of each; see identities.py.
    _table(
        "identities",
        {"name": "str", "key_id": "str", "public_key": "str", "state": "str"},  # enrolled | revoked
        {"role": "str", "by": "str", "envelope": "json"},
        "name",
    ),
    # Requests, approvals, rejections and publications of a dataset's state; see approvals.py.
    _table(
        "approvals",
        {"dataset": "str", "step": "str", "state": "json", "by": "json"},  # request | approve | reject | publish
        {"request": "str", "envelope": "json", "reason": "str", "expires": "time"},
        "dataset",
    ),
    # What people decided on findings; see reviews.py.
    _table(
        "decisions",
        {"dataset": "str", "column": "str", "entity_type": "str", "decision": "str", "by": "json", "basis": "json"},
        {"reason": "str", "expires": "time", "envelope": "json"},
        "dataset",
    ),
    # The hash chain; see audit.py.
    _table(
        "audit",
        {"index": "int", "id": "str", "kind": "str", "action": "str", "entry": "json", "hash": "str"},
        {"dataset": "str", "result": "str", "previous": "str"},
        "index",
        "id",
        "dataset",
    ),
)

TABLES: Mapping[str, Table] = {table.name: table for table in _ALL}
