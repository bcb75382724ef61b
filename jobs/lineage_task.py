"""Lineage of all jobs, ours and foreign: events read in, labels of outputs worked out and filed. Needs no Spark."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clearance.errors import AuditError, ClearanceError, LineageError
from clearance.governance.audit import MANY, Audit
from clearance.governance.chain import is_as_written
from clearance.governance.combinations import raised
from clearance.governance.envelopes import Statement, unseal
from clearance.governance.identity import OTHER_MACHINES, dataset_identity
from clearance.governance.inherited import DERIVE, Inherited, mark, marks, read, stands
from clearance.governance.labeling import role_labels
from clearance.governance.labels import Label
from clearance.governance.lineage_events import NOWHERE, Hop, Origin, hops_of, read_events
from clearance.governance.lineage_known import Known, Proof, ProvedLeaf
from clearance.governance.lineage_labels import Derivation
from clearance.governance.lineage_places import placed
from clearance.governance.lineage_roles import flowing_roles
from clearance.governance.lineage_spool import LineageSpool
from clearance.governance.observation import Observation, compare
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry, Row
from clearance.governance.runs import new_run_id
from clearance.governance.standing import column_labels, column_roles, column_types, standing_of
from clearance.jobs.reviewed import labels_under
from clearance.jobs.signed import trusted
from clearance.jobs.spoken import Spoken, speak

#: What the audit calls the filing of what events say.
IMPORT = "import-lineage"


@dataclass(frozen=True, slots=True)
class Imported:
    """How many events were read, and how many of what they say was not on record yet. ``machines``: whose files they
    name that are none of this machine's paths.
    """

    events: int
    hops: int
    new: int
    machines: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"events": self.events, "hops": self.hops, "new": self.new, "machines": list(self.machines)}


def import_events(text: str, registry: Registry) -> Imported:
    """Files what events say of who was written from whom; what is on record already is not filed again.

    All of them are read before anything is written. Raises LineageError with the line of what is no event.
    """
    events = 0
    found: dict[str, Hop] = {}
    for place, event in read_events(text):
        events += 1
        found |= {hop.digest: hop for hop in hops_of(event, place)}
    if not events:
        raise LineageError("there are no events here", hint="give OpenLineage events as JSON, one a line or a list")
    known = {hop.digest for hop in _imported(registry)}
    rows = [
        {"dataset": hop.output, "digest": digest, "hop": hop.to_dict()}
        for digest, hop in found.items()
        if digest not in known
    ]
    if rows:
        of = [row["digest"] for row in rows]
        _file(registry, "lineage", rows, IMPORT, {"events": events, "new": len(rows), "of": of})
    names = {name for hop in found.values() for name in (hop.output, *hop.inputs) if name.startswith(OTHER_MACHINES)}
    machines = sorted({name.removeprefix(OTHER_MACHINES).partition("/")[0] for name in names})
    return Imported(events, len(found), len(rows), tuple(machines))


def recorded_hops(registry: Registry) -> list[Hop]:
    """All that is known: what was imported, and what our own runs wrote (one of ours that failed wrote nothing)."""
    own = []
    for event in LineageSpool.for_home(registry.home).events():
        if event.get("eventType") == "COMPLETE" and event.get("outputs"):
            own += hops_of(event, "an event on record")
    return [*own, *_imported(registry)]


def _imported(registry: Registry) -> list[Hop]:
    return [Hop.from_dict(row["hop"]) for row in registry.rows("lineage", ["hop"])]


def require_whole(hops: Sequence[Hop], registry: Registry) -> None:
    """Raises ``AuditError`` where hops that were imported are gone or changed: labels would rest on what is left."""
    there = {hop.digest for hop in hops}
    entries = Audit(registry).entries(action=IMPORT)
    done = {entry["id"] for entry in entries if entry["kind"] == "outcome" and entry["result"] == "done"}
    for entry in entries:
        counts = entry["kind"] == "intent" and entry["id"] in done
        if not is_as_written(entry) or (counts and not there.issuperset(entry["facts"].get("of", ()))):
            raise AuditError(
                "lineage that the audit stands for is gone or changed",
                hint="see `clearance audit verify`, then import the events again: clearance lineage import FILE",
            )


def derivation(policy: Policy, registry: Registry) -> Derivation:
    """The lineage on record with all labels and proofs that it rests on."""
    return Derivation(*_recorded(policy, registry))


_Recorded = tuple[list[Hop], dict[str, Known], dict[str, Proof], Policy, frozenset[str]]


def _recorded(policy: Policy, registry: Registry) -> _Recorded:
    recorded = recorded_hops(registry)
    require_whole(recorded, registry)
    rows = Audit(registry).counting_each("labels")
    protections = registry.latest_each("protections")
    hops = [hop for hop in recorded if hop.output != NOWHERE]
    hops += map(_protection, protections.values())
    proofs = _proofs(protections, policy, registry)
    hops += placed(hops, rows.keys(), proofs.keys())
    names = {name for hop in hops for name in (hop.output, *hop.inputs)} - {NOWHERE}
    known = {name: known_of(rows[name], policy, registry) for name in sorted(names) if name in rows}
    settled = frozenset(name for name in known if _settled(rows[name], rows, known))
    return hops, known, proofs, policy, settled


def _settled(row: Row, rows: Mapping[str, Row], known: Mapping[str, Known]) -> bool:
    """Whether a dataset is what was promoted, of a version that its source is past: its own label speaks for it then.

    While the source is still that version, what is learned of it counts for the copy, too.
    """
    origin = (row.get("looked") or {}).get("promoted") if row["kind"] == "promoted" else None
    if origin is None or known[row["dataset"]].unknown:
        return False
    source = origin["dataset"]
    same = source in known and not known[source].unknown and rows[source]["version"] == origin["version"]
    return not same


def known_of(row: Row, policy: Policy, registry: Registry) -> Known:
    """What a label row says of its dataset as the data are now."""
    found = standing_of(row, dataset_identity(row["dataset"]))
    spoken = speak(found, policy, registry)
    unknown = spoken.reason if spoken.state in ("changed", "other-policy") or spoken.label is None else ""
    environment = (row["facts"] or {}).get("environment")
    label = spoken.label or policy.unknown_leaf.label()
    if strange := {one.level for one in (label, *spoken.columns.values()) if one.level not in policy.levels}:
        unknown = f"its label is of other levels ({', '.join(sorted(strange))})"
        label, spoken = policy.unknown_leaf.label(), Spoken("other-policy", unknown, {}, None)
    doubt = "" if spoken.state == "current" else spoken.reason
    return Known(label, spoken.columns, spoken.types, unknown, doubt, environment, spoken.roles)


def _protection(row: Row) -> Hop:
    """A protection as a step like any other: what it is without a proof that holds."""
    source = row["source"]
    fields = {leaf["path"]: frozenset({Origin(source, leaf["path"])}) for leaf in row["columns"]}
    return Hop(
        row["dataset"],
        frozenset({source}),
        fields,
        schema=frozenset(fields),
        job="clearance.protect",
        run=row["run_id"],
    )


def _proofs(protections: Mapping[str, Row], policy: Policy, registry: Registry) -> dict[str, Proof]:
    """The protected datasets whose signed statement holds of the data as they are, under this policy.

    Anything else is no reason for a label to fall.
    """
    if not protections:
        return {}
    keys = trusted(registry)
    found: dict[str, Proof] = {}
    for dataset, row in protections.items():
        try:
            told = unseal(row["envelope"], keys)
        except ClearanceError:
            continue
        if told.dataset == dataset and _holds(told, policy) and _unchanged(told):
            proof = _proof(told, policy, registry)
            found |= {dataset: proof} if proof is not None else {}
    return found


def _holds(told: Statement, policy: Policy) -> bool:
    predicate = told.predicate
    return predicate["proof"]["holds"] is True and predicate["policy"]["digest"] == policy.label_digest


def _unchanged(told: Statement) -> bool:
    """Whether the data are what was signed, as closely as a check looks: no byte of them is read again."""
    location = told.predicate["target"].get("location", dataset_identity(told.dataset).location)
    return compare(Observation.from_dict(told.predicate["observation"]), location).state == "current"


def _proof(told: Statement, policy: Policy, registry: Registry) -> Proof | None:
    source, version = told.predicate["source"]["dataset"], told.predicate["source"]["version"]
    leaves = {
        leaf["path"]: ProvedLeaf(leaf["how"], Label.from_dict(leaf["label"]), leaf["method"], leaf["entity_type"])
        for leaf in told.predicate["columns"]
    }
    rows, problem = Audit(registry).counted("labels", source)
    if problem:
        return None  # a row written past the audit could say that what was learned since was known then
    scans = [row for row in rows if row["version"] == (version or "")]
    # The labels that the plan was made with: those of the last run before it, of the version that was read.
    then = [row for row in scans if row["at"].isoformat() <= told.predicate["at"]]
    row = then[-1] if then else None
    if row is None:
        return Proof(source, leaves, {}, {})
    if row["policy_digest"] == policy.label_digest:
        before, roles = column_labels(row), column_roles(row)
    else:
        again = labels_under(policy, row, registry)
        before, roles = (again.columns, again.roles) if again is not None else ({}, {})
    return Proof(source, leaves, before, column_types(row), role_labels(roles, policy))


def derive(policy: Policy, registry: Registry, *, record: bool = True) -> dict[str, Inherited]:
    """What lineage says of every dataset that something flows into, by key; what is new of it is filed."""
    recorded = _recorded(policy, registry)
    graph, roles = Derivation(*recorded), flowing_roles(*recorded)
    found = graph.run()
    basis = {output: (graph.ancestors(output) | {output}) - {NOWHERE} for output in found}
    now = marks(registry, sorted(frozenset().union(*basis.values())))
    rows: dict[str, dict[str, Any]] = {}
    for output, told in found.items():
        as_found = roles.get(output, {})
        plain = as_found == {**told.columns, "": told.rest}
        rows[output] = {
            "dataset": output,
            "label": raised(told.label, told.columns, policy, as_found).to_dict(),
            "columns": {path: label.to_dict() for path, label in sorted(told.columns.items())},
            "rest": told.rest.to_dict(),
            "basis": {name: now[name] for name in sorted(basis[output])},
            "policy_digest": policy.verdict_digest,
            "reasons": [asdict(one) for one in told.reasons],
            "environments": graph.environments(output),
            "doubts": graph.doubts(output),
            "roles": {} if plain else {path: label.to_dict() for path, label in sorted(as_found.items())},
        }
    if record:
        filed = registry.latest_each("derived", policy_digest=policy.verdict_digest)
        # One that the audit does not stand for, such as of an earlier version, counts at no check: it is filed again.
        filed = {key: filed[key] for key in stands(registry, filed, policy)}
        new = [row for key, row in rows.items() if any(value != filed.get(key, {}).get(k) for k, value in row.items())]
        if new:
            facts = {"datasets": len(new), "policy": policy.verdict_digest, "of": [mark(row["dataset"]) for row in new]}
            _file(registry, "derived", new, DERIVE, facts, MANY)
    return {key: read(row) for key, row in rows.items()}


def _file(
    registry: Registry,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    action: str,
    facts: Mapping[str, Any],
    about: str | None = None,
) -> None:
    """Rows in one commit that the audit announces and then stands for."""
    filed = [(table, row) for row in rows]
    with Audit(registry).filing(action, filed, run_id=new_run_id(), dataset=about, facts=facts):
        pass
