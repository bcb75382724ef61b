"""What an audit's entries prove: pure functions over entries and registry rows, without a registry.

An entry's hash covers its content and the hash before it. Entries name the registry rows they stand for by digest
(``records``), so that the chain covers those too. What is not covered, or no longer there, shows here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clearance.governance import canonical
from clearance.governance.resting import holds, is_rested_on, normal, rests_on, rows_digest

FIRST = ""  # what the first entry has for its predecessor's hash
#: Columns of the table ``audit`` that repeat what its entry says.
COPIED = ("index", "id", "kind", "action", "run_id", "dataset", "result", "previous")
#: Tables in which one written row could clear something: a row of these counts only if an entry stands for it.
CHAINED = ("labels", "protections", "signers", "identities", "approvals", "decisions", "lineage", "derived")
#: Tables that a label rests on. Its row names a digest over those of the scan, so that they are covered through it.
RESTED_ON = ("datasets", "findings", "profiles")
_FILLED_IN = frozenset({"seq", "at"})


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry. Kept outside (in a lineage event, a write-once file), it betrays a truncation."""

    index: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found. ``problems`` is empty when the chain holds, and all that it stands for is there.

    ``open_intents`` are ids of deeds without an outcome: still under way, or killed.
    """

    entries: int
    head: Head | None
    problems: tuple[str, ...]
    open_intents: tuple[str, ...]
    anchors: int = 0

    @property
    def ok(self) -> bool:
        """Whether the chain holds."""
        return not self.problems


def row_digest(table: str, row: Mapping[str, Any], *, parsed: bool = False) -> str:
    """``table:SHA-256`` of a registry row, for an entry's ``records``: a row written past the audit has none.

    Covers what the caller wrote, not ``seq`` and ``at``, which the registry fills in. ``parsed``: read from there.
    """
    plain = {k: v for k, v in row.items() if k not in _FILLED_IN and v is not None}
    times = {k: v.astimezone(UTC).isoformat() for k, v in plain.items() if isinstance(v, datetime)}
    return f"{table}:{canonical.digest({'table': table, 'row': {**plain, **times}}, parsed=parsed)}"


def check_entries(rows: Sequence[Mapping[str, Any]], anchors: Sequence[Head] = ()) -> AuditReport:
    """Recompute a chain from its rows (``entry``, ``hash`` and the copied columns), in any order.

    ``anchors`` are heads kept elsewhere, which must still be in it.
    """
    ordered = sorted(rows, key=lambda row: (int(row["index"]), str(row["hash"])))
    problems: list[str] = []
    previous = FIRST
    waiting: dict[Any, None] = {}
    expected = 0
    for row in ordered:
        entry = row["entry"] if isinstance(row["entry"], dict) else {}
        where = f"entry {row['index']}"
        if row["index"] != expected or entry.get("index") != row["index"]:
            problems.append(f"{where}: out of place, expected entry {expected}")
        # From here on by what is there: one entry that is gone is one line, not one for each that came after it.
        expected = int(row["index"]) + 1
        if entry.get("previous") != previous:
            problems.append(f"{where}: does not follow the entry before it")
        if _digest(entry) != row["hash"]:
            problems.append(f"{where}: its content is not what was hashed")
        if any(row.get(name) != entry.get(name) for name in COPIED):
            problems.append(f"{where}: its columns are not its content")
        previous = row["hash"]
        if entry.get("kind") == "intent":
            waiting[entry.get("id")] = None
        elif entry.get("id") in waiting:
            del waiting[entry.get("id")]
        else:
            problems.append(f"{where}: an outcome without an open intent")
    head = Head(int(ordered[-1]["index"]), str(ordered[-1]["hash"])) if ordered else None
    there = {(row["index"], row["hash"]) for row in ordered}
    lost = sorted({anchor.index for anchor in anchors if (anchor.index, anchor.hash) not in there})
    problems += [f"the anchored entry {index} is not in the chain" for index in lost]
    return AuditReport(len(ordered), head, tuple(problems), tuple(str(i) for i in waiting), len(set(anchors)))


def people_in(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Who took each step (its id) as a person, by key or token. The intent says it for its outcome.

    An enrolment names an administrator's key only, and so nobody here.
    """
    told = ((str(entry["id"]), (entry.get("facts") or {}).get("by")) for entry in entries)
    return {step: str(by["name"]) for step, by in told if isinstance(by, Mapping) and by.get("name")}


def _digest(entry: Mapping[str, Any]) -> str:
    try:
        return canonical.digest(entry, parsed=True)
    except ValueError:
        return ""  # nothing that we wrote


def check_rows(
    entries: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Iterable[Mapping[str, Any]]],
    settled: int | None = None,
) -> list[str]:
    """What is wrong with the registry's rows, all of them, by table: written past the audit, repeated, changed, gone.

    ``entries`` are those of a chain that holds; the first ``settled`` of them (all) are older than the rows, so that
    what they stand for must be there. Rows of ``RESTED_ON`` may be iterators: they are not held. The rows of a run
    that was killed before its label are no problem: its intent is open, and nothing goes on from them.
    """
    may, _, unfinished = _records(entries)
    _, must, _ = _records(entries[:settled])
    problems: list[str] = []
    counted: Counter[str] = Counter()
    covered: dict[tuple[str, str], Mapping[str, str]] = {}
    for table in CHAINED:
        for row in tables.get(table, ()):
            digest = row_digest(table, row, parsed=True)
            counted[digest] += 1
            if digest not in may:
                problems.append(f"{_where(table, row)}: written past the audit, or changed")
            elif counted[digest] == 2:
                problems.append(f"{_where(table, row)}: there more than once")
            told = (row.get("looked") or {}).get("rests_on") if table == "labels" else None
            if isinstance(told, dict):
                covered[(str(row["dataset"]), str(told.get("run")))] = told
    for table in RESTED_ON:
        problems += _rested_on(table, tables.get(table, ()), covered, may, unfinished, counted)
    gone = sorted(digest for digest in must if digest.partition(":")[0] in tables and not counted[digest])
    return problems + [
        f"{digest.partition(':')[0]}: a row that the audit stands for is gone or changed" for digest in gone
    ]


def _records(entries: Iterable[Mapping[str, Any]]) -> tuple[set[str], set[str], set[str]]:
    """Digests that entries name, those that must be there, and runs with a deed that did not end well."""
    may: set[str] = set()
    must: set[str] = set()
    announced: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        may |= set(entry.get("records", ()))
        if entry.get("kind") == "intent":
            announced[str(entry.get("id"))] = entry
        elif entry.get("result") == "done":
            must |= set(entry.get("records", ()))
            announced.pop(str(entry.get("id")), None)
    return may, must, {str(entry.get("run_id")) for entry in announced.values()}


def _rested_on(
    table: str,
    rows: Iterable[Mapping[str, Any]],
    covered: Mapping[tuple[str, str], Mapping[str, str]],
    may: set[str],
    unfinished: set[str],
    counted: Counter[str],
) -> list[str]:
    # Each run's rows until they come to what its label rests on: the rows of a run lie together.
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {key: [] for key, told in covered.items() if table in told}
    settled: set[tuple[str, str]] = set()
    last: tuple[str, str] | None = None
    problems = []

    def settle(key: tuple[str, str] | None) -> None:
        if key in groups and holds(covered[key][table], table, groups[key]):
            groups[key] = []
            settled.add(key)

    for row in rows:
        key = (str(row["dataset"]), str(row["run_id"]))
        if key != last:
            settle(last)
            last = key
        if key in groups:
            groups[key].append(row)
            continue
        digest = row_digest(table, normal(table, row)) if table == "datasets" else ""
        counted[digest] += 1
        if digest in may and counted[digest] == 2:
            problems.append(f"{_where(table, row)}: there more than once")
        elif digest not in may and key[1] not in unfinished:
            problems.append(f"{_where(table, row)}: written past the audit, or changed")
    settle(last)
    for key, left in groups.items():
        if left if key in settled else not holds(covered[key][table], table, left):
            problems.append(f"{table} of {key[0]} in run {key[1]}: not what the label rests on")
    return problems


def _where(table: str, row: Mapping[str, Any]) -> str:
    what = row.get("dataset") or row.get("name") or row.get("key_id")
    return f"{table}, {what}, run {row.get('run_id')}"


def is_as_written(entry: Mapping[str, Any]) -> bool:
    """Whether an entry's content is what its ``hash`` covers."""
    return _digest({k: v for k, v in entry.items() if k != "hash"}) == str(entry["hash"])


def counted_rows(
    table: str, rows: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], str]:
    """The rows that count by the audit, in its order, and why none may be used (empty: they may).

    ``rows`` and ``entries`` are all of one dataset, entries with their ``hash``, oldest first. What was written past
    the audit after the last of them stops everything, a copy of an older row too; and so does it when the row that the
    audit names last is gone.
    """
    last: dict[str, int] = {}
    newest = -1
    for position, entry in enumerate(entries):
        if not is_as_written(entry):
            return [], "an entry of the audit was changed"
        for digest in entry.get("records", ()):
            if digest.startswith(f"{table}:"):
                last[digest] = position
                newest = position if entry.get("result") == "done" else newest
    counting: dict[str, Mapping[str, Any]] = {}
    strange = []
    for row in rows:
        digest = row_digest(table, row)
        if digest in last and digest not in counting:
            counting[digest] = row
        else:
            strange.append(int(row["seq"]))
    ordered = sorted(counting, key=lambda digest: last[digest])
    if (last[ordered[-1]] if ordered else -1) < newest:
        return [], "a row that the audit stands for is gone or changed"
    if strange and (not ordered or max(strange) >= int(counting[ordered[-1]]["seq"])):
        return [], "a row was written past the audit"
    return [counting[digest] for digest in ordered], ""


__all__ = [
    "CHAINED",
    "COPIED",
    "FIRST",
    "RESTED_ON",
    "AuditReport",
    "Head",
    "check_entries",
    "check_rows",
    "counted_rows",
    "is_as_written",
    "is_rested_on",
    "people_in",
    "rests_on",
    "row_digest",
    "rows_digest",
]
