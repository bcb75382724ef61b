"""A thousand ways to change a record, drawn at random: each of them shows."""

import copy
import pickle
import random
from collections.abc import Callable
from typing import Any

import pytest
from deltalake import DeltaTable

from clearance.errors import UsageError
from clearance.governance import canonical
from clearance.governance.anchors import export_text, read_anchors, read_export, write_anchor
from clearance.governance.audit import Audit
from clearance.governance.chain import Head, check_entries, check_rows, rests_on, row_digest
from clearance.governance.identity import dataset_identity
from clearance.governance.registry import Registry
from clearance.governance.standing import standing

LEVEL = {"level": "restricted", "categories": ["user.contact.email"], "regimes": ["GDPR"], "subjects": []}
Rows = list[dict[str, Any]]


def label(dataset: str, version: int, rests: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "version": str(version),
        "kind": "source",
        "label": LEVEL,
        "columns": {"a": LEVEL},
        "policy_digest": "d",
        "looked": {"rests_on": rests} if rests else {},
    }


def finding(dataset: str, column: str) -> dict[str, Any]:
    return {"dataset": dataset, "version": "1", "column": column, "report": {"path": column, "rows": 3}}


def scan(registry: Registry, dataset: str, number: int) -> None:
    """What a scan leaves, without one."""
    run = f"run-{number}"
    rows = [finding(dataset, column) for column in ("a", "b")]
    filed = label(dataset, number, rests_on(run, {"findings": rows}))
    with Audit(registry).filing("label", [("labels", filed)], run_id=run, dataset=dataset):
        registry.append("findings", rows, run_id=run)


class Record:
    """A small audit with the rows it stands for, in memory, and heads that were kept elsewhere."""

    def __init__(self, chain: Rows, tables: dict[str, Rows]) -> None:
        self.chain, self.tables = pickle.loads(pickle.dumps((chain, tables)))
        self.anchors = [Head(int(row["index"]), str(row["hash"])) for row in (*chain[3::4], chain[-1])]

    def problems(self) -> list[str]:
        report = check_entries(self.chain, self.anchors)
        return list(report.problems) or check_rows([row["entry"] for row in self.chain], self.tables)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, dict[str, Rows]]:
    registry = Registry(tmp_path_factory.mktemp("tampering") / "home")
    for number in range(3):
        scan(registry, f"file:///data/{number % 3}", number)
    audit = Audit(registry)
    audit.outcome(audit.intent("detokenize", run_id="r", facts={"reason": "case 7", "rows": 5}), "refused")
    audit.outcome(audit.intent("publish", run_id="r", dataset="file:///data/1"), "done", facts={"version": "3"})
    assert audit.verify().ok
    return registry.rows("audit"), {name: registry.rows(name) for name in ("labels", "findings")}


def rehash(chain: Rows, start: int) -> None:
    for position in range(start, len(chain)):
        row = chain[position]
        row["entry"]["previous"] = row["previous"] = chain[position - 1]["hash"] if position else ""
        row["hash"] = canonical.digest(row["entry"])


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        return [leaf for key in value for leaf in leaves(value[key], (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for key, item in enumerate(value) for leaf in leaves(item, (*path, key))]
    return [path]


def spoil(value: Any, draw: random.Random) -> None:
    """Change one leaf, any one."""
    *way, last = draw.choice(leaves(value))
    for step in way:
        value = value[step]
    old = value[last]
    value[last] = old + 1 if isinstance(old, int) else f"{old}x" if isinstance(old, str) else "x"


def edit(record: Record, draw: random.Random) -> None:
    spoil(draw.choice(record.chain)["entry"], draw)


def edit_a_hash(record: Record, draw: random.Random) -> None:
    draw.choice(record.chain)["hash"] = draw.randbytes(32).hex()


def edit_a_column(record: Record, draw: random.Random) -> None:
    draw.choice(record.chain)[draw.choice(["id", "action", "kind", "dataset", "result", "run_id"])] = "other"


def delete(record: Record, draw: random.Random) -> None:
    del record.chain[draw.randrange(len(record.chain))]


def repeat(record: Record, draw: random.Random) -> None:
    record.chain.append(copy.deepcopy(draw.choice(record.chain)))


def reorder(record: Record, draw: random.Random) -> None:
    one, other = draw.sample(record.chain, 2)
    for name in ("entry", "hash"):
        one[name], other[name] = other[name], one[name]


def truncate(record: Record, draw: random.Random) -> None:
    """To before a head that is kept elsewhere."""
    del record.chain[draw.randrange(record.anchors[-1].index + 1) :]


def rehashed(record: Record, draw: random.Random) -> None:
    """A chain that holds by itself, written anew from any point before an anchored head."""
    start = draw.randrange(record.anchors[-1].index + 1)
    record.chain[start]["entry"]["facts"] = {"note": draw.randbytes(8).hex()}
    rehash(record.chain, start)


def inserted(record: Record, draw: random.Random) -> None:
    """An entry slipped in, and everything after it renumbered and hashed again."""
    place = draw.randrange(record.anchors[-1].index + 1)
    entry = {"id": "x", "kind": "intent", "action": "publish", "run_id": "x", "facts": {}, "index": place}
    slipped = {**dict.fromkeys(record.chain[0]), **entry, "entry": entry, "hash": ""}
    record.chain.insert(place, slipped)
    for position, row in enumerate(record.chain):
        row["index"] = row["entry"]["index"] = position
    rehash(record.chain, place)


def row_past_the_audit(record: Record, draw: random.Random) -> None:
    table = draw.choice(sorted(record.tables))
    row = copy.deepcopy(draw.choice(record.tables[table]))
    row |= {"run_id": draw.randbytes(8).hex()} if table == "findings" or draw.random() < 0.5 else {"version": "99"}
    record.tables[table].append(row)


def row_copied(record: Record, draw: random.Random) -> None:
    """An old row as the newest, so that it would count again."""
    rows = record.tables[draw.choice(sorted(record.tables))]
    rows.append({**draw.choice(rows), "seq": 10_000})


def row_edited(record: Record, draw: random.Random) -> None:
    row = draw.choice(record.tables[draw.choice(sorted(record.tables))])
    name = draw.choice(sorted(set(row) - {"seq", "at"}))
    row[name] = {"spoilt": True} if isinstance(row[name], dict) else f"{row[name]}x"


def row_deleted(record: Record, draw: random.Random) -> None:
    rows = record.tables[draw.choice(sorted(record.tables))]
    del rows[draw.randrange(len(rows))]


TAMPERINGS: list[Callable[[Record, random.Random], None]] = [
    edit,
    edit_a_hash,
    edit_a_column,
    delete,
    repeat,
    reorder,
    truncate,
    rehashed,
    inserted,
    row_past_the_audit,
    row_copied,
    row_edited,
    row_deleted,
]


def test_what_was_not_touched_holds(written: tuple[Rows, dict[str, Rows]]) -> None:
    assert Record(*written).problems() == []


def test_a_thousand_random_tamperings_all_show(written: tuple[Rows, dict[str, Rows]]) -> None:
    draw = random.Random(20261128)
    unseen = []
    for number in range(1000):
        record = Record(*written)
        how = TAMPERINGS[number % len(TAMPERINGS)]
        how(record, draw)
        if (record.chain, record.tables) == written or not record.problems():
            unseen.append((number, how.__name__))
    assert unseen == []


# ---- the gate: what counts, without the whole chain ----


@pytest.fixture
def registry(tmp_path: Any) -> Registry:
    return Registry(tmp_path / "home")


KEY = "file:///data/0"


def state(registry: Registry) -> tuple[str, str]:
    found = standing(registry, dataset_identity("/data/0"))
    return found.state, found.label["version"] if found.label else ""


def test_a_label_written_past_the_audit_clears_nothing(registry: Registry) -> None:
    registry.append("labels", [label(KEY, 1)], run_id="r")
    assert state(registry) == ("unvouched", "")
    assert any("past the audit" in problem for problem in Audit(registry).verify().problems)


def test_a_later_row_past_the_audit_stops_the_gate_and_a_new_scan_mends_it(registry: Registry) -> None:
    scan(registry, KEY, 1)
    assert state(registry) == ("unreadable", "1")  # no observation, but the label counts
    registry.append("labels", [label(KEY, 7)], run_id="r")
    assert state(registry)[0] == "unvouched"
    scan(registry, KEY, 2)
    assert state(registry) == ("unreadable", "2")
    assert not Audit(registry).verify().ok


def test_an_old_label_copied_to_the_end_does_not_count_again(registry: Registry) -> None:
    scan(registry, KEY, 1)
    old = {k: v for k, v in registry.rows("labels")[0].items() if k not in ("seq", "at")}
    scan(registry, KEY, 2)
    registry.append("labels", [old], run_id=old["run_id"])
    assert state(registry)[0] == "unvouched"


def test_an_entry_that_is_made_to_speak_of_another_dataset_stops_the_gate(registry: Registry) -> None:
    """With the newest label deleted an older one would count."""
    for number in range(2):
        scan(registry, "file:///data/1", number)
    last = registry.rows("audit")[-1]
    DeltaTable(registry.location("audit")).delete(f"index = {last['index']}")
    DeltaTable(registry.location("labels")).delete("run_id = 'run-1'")
    intent = registry.rows("audit")[-1]
    DeltaTable(registry.location("audit")).delete(f"index = {intent['index']}")
    for row in (intent, last):
        told = {name: row[name] for name in row if name not in ("seq", "at")}
        registry.append("audit", [{**told, "entry": {**row["entry"], "dataset": "file:///data/2"}}], run_id="x")
    assert Audit(registry).counting("labels", "file:///data/1") == (None, "an entry of the audit was changed")


def test_a_killed_run_leaves_no_problem_and_its_label_counts_only_whole(registry: Registry) -> None:
    scan(registry, KEY, 1)
    audit, rows = Audit(registry), [finding(KEY, "a")]
    filed = label(KEY, 2, rests_on("run-2", {"findings": rows}))
    digest = row_digest("labels", {**filed, "run_id": "run-2"})
    audit.intent("label", run_id="run-2", dataset=KEY, records=[digest])
    registry.append("findings", rows, run_id="run-2")
    assert state(registry) == ("unreadable", "1")
    assert audit.verify().ok
    registry.append("labels", [filed], run_id="run-2")
    assert state(registry) == ("unreadable", "2")
    assert audit.verify().ok


# ---- heads kept elsewhere, and the chain as a file ----


def test_an_anchor_is_written_once_and_found_again(registry: Registry, tmp_path: Any) -> None:
    scan(registry, KEY, 1)
    head = Audit(registry).head()
    assert head is not None
    write_anchor(tmp_path / "head.json", head)
    with pytest.raises(UsageError, match="never written over"):
        write_anchor(tmp_path / "head.json", head)
    assert read_anchors(tmp_path / "head.json") == [head]
    scan(registry, KEY, 2)
    assert Audit(registry).verify(head).ok
    assert not Audit(registry).verify(Head(head.index, "0" * 64)).ok


def test_an_exported_chain_is_verified_without_the_registry(registry: Registry, tmp_path: Any) -> None:
    scan(registry, KEY, 1)
    file = tmp_path / "audit.jsonl"
    file.write_text(export_text(Audit(registry).entries()))
    report = check_entries(read_export(file))
    assert report.ok and report.head == Audit(registry).head()
    file.write_text(file.read_text().replace('"action":"label"', '"action":"tag"', 1))
    assert not check_entries(read_export(file)).ok


def test_one_entry_that_is_gone_is_told_where_it_was_and_not_at_all_that_follow(registry: Registry) -> None:
    audit = Audit(registry)
    for _ in range(20):
        audit.outcome(audit.intent("label", run_id="r", dataset="file:///d"), "done")
    rows = list(registry.rows("audit"))
    problems = check_entries([row for row in rows if row["index"] != 4]).problems
    assert problems and all(problem.startswith("entry 5:") for problem in problems)
