"""What lineage says of a dataset, as it is on record, and whether that still holds.

A label that was derived rests on the labels of what the data come from. When one of those is given anew it says
nothing any more, and is worked out again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from clearance.governance import canonical
from clearance.governance.audit import Audit, row_digest
from clearance.governance.chain import is_as_written
from clearance.governance.decisions import Conflict
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_flows import OTHERS
from clearance.governance.lineage_labels import at
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry, Row
from clearance.governance.solutions import Solution

#: Tables whose newest rows a derivation rests on.
_BASIS = ("labels", "protections")
_FEW = 100
#: What the audit calls the filing of derived labels.
DERIVE = "derive-labels"


@dataclass(frozen=True, slots=True)
class Inherited:
    """What lineage says of a dataset. ``stale``: labels or the policy that it rests on are not those of now.

    ``roles``: labels by path, were all columns of a role what they may be (``lineage_roles.flowing_roles``); empty
    where that makes no difference. ``filed``: the audit stands for lineage of this dataset, whatever is there of it.
    ``lost``: why none of it can be relied on.
    """

    label: Label
    columns: Mapping[str, Label]
    rest: Label
    stale: bool = False
    doubts: Sequence[str] = ()
    environments: Mapping[str, str | None] = field(default_factory=dict)
    reasons: Sequence[Mapping[str, str]] = ()
    roles: Mapping[str, Label] = field(default_factory=dict)
    filed: bool = False
    lost: str = ""

    def raises(self, columns: Mapping[str, Label], label: Label, policy: Policy) -> tuple[dict[str, Label], Label]:
        """Column labels and label as they were observed, with what lineage says on top: the higher of both."""
        raised = {path: combine((own, *self._of(path)), policy.levels) for path, own in columns.items()}
        return raised, combine((label, self.label), policy.levels)

    def with_roles(self, columns: Mapping[str, Label], own: Mapping[str, Label], policy: Policy) -> dict[str, Label]:
        """The roles of columns (``own``) with what flowed in: for combinations only. ``columns`` are labels as raised.

        A column that is not among ``columns`` any more may have another name now: it counts as one beside them.
        """
        if not self.roles:
            return dict(own)
        flowed = replace(self, columns={p: la for p, la in self.roles.items() if p}, rest=self.roles.get("", self.rest))
        found = {path: combine(flowed._of(path), policy.levels) for path in columns}
        found |= {path: label for path, label in flowed.columns.items() if path != OTHERS and not at(columns, path)}
        found |= {} if columns else {"": flowed.rest}
        known = {path: columns.get(path, Label(policy.levels.bottom)) for path in found}
        more = {p: la for p, la in found.items() if combine((known[p], la), policy.levels) != known[p]}
        return {**own, **{p: combine((la, own.get(p, la)), policy.levels) for p, la in more.items()}}

    def _of(self, path: str) -> list[Label]:
        others = [self.columns[OTHERS]] if OTHERS in self.columns else []
        return [self.rest, *(at(self.columns, path) or others)]

    def why(self, columns: Mapping[str, Label], label: Label, policy: Policy) -> str:
        """Where a label that was observed is lower than what lineage says, in one line."""
        raised, whole = self.raises(columns, label, policy)
        higher = [path for path, own in columns.items() if raised[path] != own]
        if not higher and whole == label:
            return ""
        what = ", ".join(higher[:5]) + (f" and {len(higher) - 5} more" if len(higher) > 5 else "") or "the dataset"
        told = self.reasons[0] if self.reasons else None
        source = f" ({told['source'] or 'an unknown origin'}, by {told['job']})" if told else ""
        return f"its lineage says more of {what} than its scan{source}"


def inherited(registry: Registry, dataset: str, policy: Policy) -> Inherited | None:
    """What lineage says of a dataset (its key); None where nothing is known to flow into it."""
    rows = registry.rows("derived", dataset=dataset)
    filed = _filed(registry, dataset)
    if not rows:
        return lost(policy, "") if filed else None
    # A row written past the audit could say less than the lineage does, and so could an older one where the newest was
    # deleted: it is worked out again.
    newest = filed.get(policy.verdict_digest)
    own = next((row for row in reversed(rows) if row_digest("derived", row) == newest), None)
    # A row of before roles were filed does not say that there are none.
    stale = own is None or own["roles"] is None or _stale(registry, own)
    return replace(read(own or rows[-1], stale=stale), filed=bool(filed))


def mark(dataset: str) -> str:
    """How the audit names a dataset among many."""
    return canonical.digest(dataset)[:16]


def _filed(registry: Registry, dataset: str) -> dict[str, str]:
    """The digest of the newest row of a dataset that the audit stands for, by the policy's digest."""
    found = _newest(registry, dataset)
    if found is None:
        return {"": ""}  # what was changed may have named this one
    return found.get(mark(dataset), {})


def stands(registry: Registry, rows: Mapping[str, Row], policy: Policy) -> set[str]:
    """The datasets whose newest row (``rows``, by key) is the one that the audit stands for."""
    found = _newest(registry)
    if found is None:
        return set(rows)  # filed again they would count no more than now, and be more at every check
    newest = {dataset: found.get(mark(dataset), {}).get(policy.verdict_digest) for dataset in rows}
    return {dataset for dataset, row in rows.items() if row_digest("derived", row) == newest[dataset]}


#: What came of the entries that were looked at last, by their number and the hash of the last one, which covers all
#: before it. Recomputing them for each of hundreds of datasets that are checked at once would take seconds each.
_last: list[tuple[tuple[str, int, str], dict[str, dict[str, str]]]] = []


def _newest(registry: Registry, dataset: str | None = None) -> dict[str, dict[str, str]] | None:
    """By mark and policy the digest that the audit names last; None where one of its entries was changed."""
    if not (entries := Audit(registry).of_many(DERIVE, dataset)):
        return {}
    key = (registry.home, len(entries), str(entries[-1]["hash"]))
    if _last and _last[0][0] == key:
        return _last[0][1]
    found = _named(entries)
    if found is not None:
        _last[:] = [(key, found)]
    return found


def _named(entries: Sequence[Row]) -> dict[str, dict[str, str]] | None:
    told: dict[str, Mapping[str, Any]] = {}
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        if not is_as_written(entry):
            return None
        if entry["kind"] == "intent":
            told[entry["id"]] = entry["facts"]
        elif entry["result"] == "done":
            facts = told.get(entry["id"], {})
            for own, digest in zip(facts.get("of", ()), entry["records"], strict=False):
                found.setdefault(own, {})[facts["policy"]] = digest
    return found


def lost(policy: Policy, why: str) -> Inherited:
    """Stands for lineage that is not there any more: it may have said anything."""
    label = policy.unknown_leaf.label()
    return Inherited(label, {}, label, stale=True, filed=True, lost=why)


def read(row: Mapping[str, Any], *, stale: bool = False) -> Inherited:
    """A row of ``derived``."""
    return Inherited(
        Label.from_dict(row["label"]),
        {path: Label.from_dict(label) for path, label in row["columns"].items()},
        Label.from_dict(row["rest"]),
        stale,
        row["doubts"] or (),
        row["environments"] or {},
        row["reasons"] or (),
        {path: Label.from_dict(label) for path, label in (row["roles"] or {}).items()},
    )


def marks(registry: Registry, datasets: Sequence[str]) -> dict[str, str]:
    """What the newest label and protection of each dataset are, as one text each; without any: empty."""
    found = dict.fromkeys(datasets, "")
    # Few are looked up by the files' statistics; for many the whole table is read.
    which: dict[str, Sequence[str]] = {"dataset": datasets} if len(datasets) <= _FEW else {}
    for table in _BASIS if datasets else ():
        newest = {row["dataset"]: row for row in registry.rows(table, ["dataset", "run_id", "seq"], **which)}
        for dataset, row in newest.items() if which else ((d, newest[d]) for d in datasets if d in newest):
            found[dataset] += f"{table}:{row['seq']}:{row['run_id']};"
    now = datetime.now(UTC)
    for row in registry.rows("decisions", ["dataset", "seq", "expires"], **which) if datasets else ():
        if row["dataset"] in found:
            # An acceptance that ends makes a label rise, without a new row.
            ended = row["expires"] is not None and row["expires"] <= now
            found[row["dataset"]] += f"decisions:{row['seq']}:{'ended' if ended else ''};"
    return found


def _stale(registry: Registry, row: Mapping[str, Any]) -> bool:
    basis: Mapping[str, str] = row["basis"]
    return marks(registry, sorted(basis)) != basis


def origin_conflicts(
    found: Inherited, environment: str | None, solution: Solution, policy: Policy
) -> Iterator[Conflict]:
    """Objections of the environments rule to where the data come from: neither a dataset nor a solution may have
    data of an environment that the policy does not let into its own, unless a signed proof says it is de-identified.
    """
    table = policy.rules.environments
    if not table:
        return
    where = policy.where("rules", "environments")
    for parent, origin in sorted(found.environments.items()):
        facts: dict[str, Any] = {"parent": parent, "environment": origin}
        if origin is None or origin not in table:
            what = "environment of a parent" if origin is None else f"a rule for the environment '{origin}'"
            remedy = f"declare the environment of {parent}" if origin is None else f"declare {what} in the policy"
            yield Conflict("environment", None, {"missing": what, **facts}, remedy, definite=False, where=where)
            continue
        allowed = sorted(table[origin])
        for whose, name in (("dataset", environment), ("solution", solution.environment)):
            if name is not None and name not in table[origin]:
                yield Conflict(
                    "environment",
                    None,
                    {**facts, whose: name, "allowed": allowed},
                    f"protect {parent} and use its protected version: data of {origin} is not for {name}",
                    where=policy.where("rules", "environments", origin),
                )
