"""Changes to keys, on record: announced in the audit with a reason, done, and their outcome said."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from clearance.errors import ClearanceError
from clearance.governance.audit import Audit
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.methods import METHODS

if TYPE_CHECKING:
    from clearance.tokenization.keys import KeysetProvider
    from clearance.tokenization.keyset import Keyset


def audited(
    registry: Registry, action: str, provider: "KeysetProvider", work: Callable[[], "Keyset"], **facts: Any
) -> "Keyset":
    """Does ``work`` between its announcement and its outcome; when it can't be announced, it does not happen.

    Raises ``UsageError`` for a ``reason`` that says nothing, or that must not stand on record.
    """
    if facts.get("reason") is not None:
        from clearance.jobs.asking import check_reason

        check_reason(facts["reason"])
    audit = Audit(registry)
    told = {"keys": provider.uri, **{name: fact for name, fact in facts.items() if fact is not None}}
    intent = audit.intent(f"keys.{action}", run_id=new_run_id(), facts=told)
    try:
        keyset = work()
    except BaseException:
        audit.outcome(intent, "failed")
        raise
    audit.outcome(intent, "done", facts={"primary": keyset.primary})
    return keyset


def datasets_of(registry: Registry, kid: str) -> list[dict[str, Any]]:
    """The protected datasets on record whose newest protection a key wrote, and what its end means for each.

    ``irreversible``: columns that nobody can open without it. The rest keeps its tokens, but they can't be
    recomputed, verified, or joined by new data.
    """
    newest = {row["dataset"]: row for row in registry.rows("protections")}
    found = []
    for dataset, row in sorted(newest.items()):
        if kid in key_ids(row):
            lost = {column["path"] for column in row["columns"] or () if _needs_it(column)}
            found.append({"dataset": dataset, "irreversible": sorted(lost)})
    return found


def _needs_it(column: Mapping[str, Any]) -> bool:
    """Whether something of a column opens with its key only: all of it, leaves inside, or parts of its texts."""
    whole = column.get("method") or {}
    parts = [leaf.get("method") or {} for leaf in column.get("inside") or ()]
    parts += (column.get("by_type") or {}).values()
    if column.get("how") == "spans" and whole.get("name") != "keep" and "by_type" not in column:
        return True  # an older record, which does not say what was done in the texts
    declared = [METHODS.get(str(method.get("name"))) for method in (whole, *parts)]
    return any(method.has_way_back for method in declared if method is not None)


def subject_keys_of(registry: Registry, kid: str) -> list[dict[str, Any]]:
    """The tables of persons' keys on record, and how many keys in each a key of the ring wraps.

    Without it those persons' tokens open for nobody, in the datasets that were protected with the table, whichever key
    wrote the tokens. ``keys`` is None for a table that can't be read from here.
    """
    tables: dict[str, set[str]] = {}
    for entry in Audit(registry).entries():
        if entry["kind"] == "intent" and entry["action"] == "subject-keys":
            tables.setdefault(str(entry["facts"]["keys"]), set()).add(str(entry.get("dataset") or ""))
    sources: dict[str, set[str]] = {}
    for row in registry.rows("protections"):
        if (row.get("statement") or {}).get("subject"):
            sources.setdefault(row["source"], set()).add(row["dataset"])
    found = []
    for path, datasets in sorted(tables.items()):
        keys = _wrapped_by(path, kid)
        if keys != 0:
            protected = sorted({copy for source in datasets for copy in sources.get(source, ())})
            found.append({"table": path, "keys": keys, "datasets": protected})
    return found


def _wrapped_by(path: str, kid: str) -> int | None:
    from clearance.jobs.subject_keys import SubjectKeys

    try:
        return SubjectKeys(path).count(kid)
    except ClearanceError:
        return None


def key_ids(row: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the keys that a protection on record was made with."""
    named = ((row.get("statement") or {}).get("keys") or {}).get("ids") or ()
    signature = str(row.get("signature") or "").split("_")
    return frozenset([*map(str, named), *signature[1:2]])
