"""Labels that follow data: what an output must at least be labelled, from its inputs' labels and its lineage.

A column gets the high-water mark of every column it comes from, and of every column that decided on it (filter, join,
group, sort). Where lineage says nothing of a column, it may hold any input's content, so it gets all of them. An input
of which nothing is known, or only that it was made of itself, has the policy's label for what could not be looked at.
Nothing lowers a label but a rule of the policy with a signed proof that was verified (``lineage_known.Proof``): what an
event says of masking is its producer's word.

Labels only ever rise here, along a lattice of finite height, so cycles end and the order of events makes no difference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from clearance.governance.labeling import after_protection
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_cycles import without_origin
from clearance.governance.lineage_events import NOWHERE, Hop, Origin
from clearance.governance.lineage_flows import flows, merged, plain, related
from clearance.governance.lineage_known import Derived, Known, Proof, ProvedLeaf, Reason
from clearance.governance.lineage_places import PLACED
from clearance.governance.policy import Policy

#: At most so many sources are named for one column; the label is of all of them.
MAX_REASONS = 50


@dataclass(slots=True)
class _State:
    own: Label
    unknown: Label
    rest: Label
    columns: dict[str, Label]
    names: dict[str, list[str]] = field(default_factory=dict)

    def find(self, path: str) -> list[str]:
        """Paths that are this one, lie beneath it, or hold it. Letter case and quotes make no difference."""
        wanted = plain(path)
        return [known for known in self.names.get(_top(wanted), ()) if related(plain(known), wanted)]

    def add(self, path: str, label: Label, policy: Policy) -> bool:
        before = self.columns.get(path)
        after = label if before is None else combine((before, label), policy.levels)
        if before is None:
            self.names.setdefault(_top(plain(path)), []).append(path)
        self.columns[path] = after
        return after != before


def at(columns: Mapping[str, Label], path: str) -> list[Label]:
    """The labels of the columns that are this path, lie beneath it, or hold it."""
    wanted = plain(path)
    return [label for known, label in columns.items() if related(plain(known), wanted)]


def _top(path: str) -> str:
    return path.partition(".")[0]


class Derivation:
    """The labels of all datasets that a set of hops reaches. Made once, then :meth:`run`."""

    def __init__(
        self,
        hops: Iterable[Hop],
        known: Mapping[str, Known],
        proofs: Mapping[str, Proof],
        policy: Policy,
        settled: frozenset[str] = frozenset(),
    ) -> None:
        """``proofs`` are of datasets whose data are still what was signed: whatever others say that they wrote there,
        it is not in them. ``settled``: copies of a version that their source is past; what it is now is not in them.
        """
        self._policy, self._known, self._proofs, self._settled = policy, known, proofs, settled
        self._hops: dict[str, list[Hop]] = {}
        for hop in merged(hops):
            if hop.output not in proofs:
                self._hops.setdefault(hop.output, []).append(hop)
        told = {output: [hop for hop in group if hop.job not in PLACED] for output, group in self._hops.items()}
        self._circular = without_origin({output: group for output, group in told.items() if group}, known.keys())
        self._unknown = policy.unknown_leaf.label()
        self._nothing = Label(policy.levels.bottom)
        self._states: dict[str, _State] = {}
        self._flows = {
            output: [flow for hop in group if not hop.copy for flow in flows(hop)]
            for output, group in self._hops.items()
        }

    @property
    def outputs(self) -> list[str]:
        """The datasets that something flows into."""
        return sorted({*self._hops, *self._proofs})

    @property
    def proved(self) -> frozenset[str]:
        """The datasets that a signed proof says are de-identified."""
        return frozenset(self._proofs)

    def sources(self, output: str) -> frozenset[str]:
        """The datasets that something flows from, in one step."""
        if output in self._proofs:
            return frozenset({self._proofs[output].source})
        return frozenset().union(*(hop.inputs for hop in self._hops.get(output, ())))

    def ancestors(self, output: str) -> frozenset[str]:
        """All datasets that it comes from, in any number of steps; itself only in a cycle."""
        seen: set[str] = set()
        waiting = [*self.sources(output)]
        while waiting:
            if (one := waiting.pop()) not in seen:
                seen.add(one)
                waiting += self.sources(one)
        return frozenset(seen)

    def environments(self, output: str) -> dict[str, str | None]:
        """Which environments its data come from: the declared one of each ancestor, None where none is declared. An
        ancestor of which nothing but lineage is known has those of its own ancestors.

        What a signed proof says is de-identified brings none, and neither does what lies before it.
        """
        found: dict[str, str | None] = dict.fromkeys({output} & self._circular)
        seen = {output}
        waiting = [] if output in self._proofs else [*self.sources(output)]
        while waiting:
            one = waiting.pop()
            if one in seen or one in self._proofs:
                continue
            seen.add(one)
            known, above = self._known.get(one), self.sources(one)
            if known is not None or not above or one in self._circular:
                found[one] = known.environment if known is not None else None
            waiting += above
        return found

    def doubts(self, output: str) -> list[str]:
        """Why what it comes from may refuse but not clear: one line for each ancestor of which that holds."""
        told = ((one, self._known[one].doubt) for one in sorted(self.ancestors(output)) if one in self._known)
        return [f"{one}: {doubt}" for one, doubt in told if doubt]

    @property
    def steps(self) -> list[Hop]:
        """All hops that count; where a proof holds it stands for all that lead there."""
        return [
            *(hop for group in self._hops.values() for hop in group),
            *(_as_hop(output, proof) for output, proof in self._proofs.items()),
        ]

    def level(self, dataset: str, column: str = "") -> str:
        """The level of a column or dataset, its own label and all that flows in (after :meth:`run`)."""
        return self._policy.levels.top if dataset == NOWHERE else self._field(dataset, column).level

    def run(self) -> dict[str, Derived]:
        """What flows into each output, its own label apart."""
        readers: dict[str, set[str]] = {}
        for output in self.outputs:
            for source in self.sources(output):
                readers.setdefault(source, set()).add(output)
        # Sources first: what is in no cycle is then done once.
        order = {output: number for number, output in enumerate(self._sources_first())}
        waiting = list(order.values())
        outputs = list(order)
        queued = set(waiting)
        while waiting:
            queued.discard(number := heappop(waiting))
            if self._flow_into(outputs[number], self._state(outputs[number])):
                for reader in {order[reader] for reader in readers.get(outputs[number], ())} - queued:
                    queued.add(reader)
                    heappush(waiting, reader)
        return {output: self._derived(output) for output in self.outputs}

    def _sources_first(self) -> list[str]:
        """The outputs so that each comes after those it is made of, cycles apart."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        wanted = set(self.outputs)
        for output in sorted(wanted):
            if output in seen:
                continue
            seen.add(output)
            path = [(output, iter(sorted(self.sources(output) & wanted)))]
            while path:
                here, rest = path[-1]
                following = next((one for one in rest if one not in seen), None)
                if following is None:
                    path.pop()
                    found[here] = None
                else:
                    seen.add(following)
                    path.append((following, iter(sorted(self.sources(following) & wanted))))
        return list(found)

    def _state(self, dataset: str) -> _State:
        if dataset not in self._states:
            known = self._known.get(dataset)
            flows = dataset in self._hops or dataset in self._proofs
            unknown = not flows or dataset in self._circular if known is None else bool(known.unknown)
            own = known.label if known is not None else self._nothing
            state = _State(own, self._unknown if unknown else self._nothing, self._nothing, {})
            for path, label in (known.columns if known else {}).items():
                state.add(path, label, self._policy)
            self._states[dataset] = state
        return self._states[dataset]

    def _whole(self, dataset: str) -> Label:
        state = self._state(dataset)
        return combine((state.own, state.unknown, state.rest, *state.columns.values()), self._policy.levels)

    def _field(self, dataset: str, path: str) -> Label:
        """The label of one column. One that is not named is any of them, and in a dataset of which no job is known
        nobody knows it.
        """
        if not path:
            return self._whole(dataset)
        state = self._state(dataset)
        if found := state.find(path):
            labels = (state.unknown, state.rest, *(state.columns[one] for one in found))
            return combine(labels, self._policy.levels)
        flows_in = dataset in self._hops or dataset in self._proofs
        return combine((self._whole(dataset), self._nothing if flows_in else self._unknown), self._policy.levels)

    def _flow_into(self, output: str, state: _State) -> bool:
        columns, rest = self._inflow(output)
        changed = [state.add(path, label, self._policy) for path, label in columns.items()]
        before, state.rest = state.rest, combine((state.rest, rest), self._policy.levels)
        return any(changed) or state.rest != before

    def _inflow(self, output: str) -> tuple[dict[str, Label], Label]:
        """What its hops bring at the present state of their inputs: to columns by name, and to all of them."""
        columns: dict[str, list[Label]] = {}
        rest: list[Label] = []
        if output in self._settled:
            return {}, self._nothing
        for path, origins in self._flows.get(output, ()):
            labels = [self._origin(one) for one in origins]
            (columns.setdefault(path, []) if path else rest).extend(labels)
        if output in self._proofs:
            columns = {path: [label] for path, label in self._proved(self._proofs[output]).items()}
        for hop in self._hops.get(output, ()):
            if hop.copy:
                (source,) = hop.inputs
                state = self._state(source)
                for path, label in state.columns.items():
                    columns.setdefault(path, []).append(label)
                # Not all of a dataset's label need stand at a column.
                rest += [state.unknown, state.rest, self._beyond(state)]
        levels = self._policy.levels
        return {path: combine(labels, levels) for path, labels in columns.items()}, combine(rest, levels)

    def _beyond(self, state: _State) -> Label:
        """A dataset's own label where no column accounts for it."""
        accounted = combine((state.rest, *state.columns.values()), self._policy.levels)
        return self._nothing if combine((accounted, state.own), self._policy.levels) == accounted else state.own

    def _origin(self, one: Origin) -> Label:
        return self._unknown if one.dataset == NOWHERE else self._field(one.dataset, one.column)

    def _proved(self, proof: Proof) -> dict[str, Label]:
        """The columns of a protected dataset. What was learned of its source since then counts: whole replaced cells
        are lowered by their rule whatever was in them, and of others nobody proved that the new is gone.
        """
        known, state = self._known.get(proof.source), self._state(proof.source)
        found = {}
        for path, leaf in proof.leaves.items():
            before = combine(at(proof.before, path), self._policy.levels)
            # What was added to the source since then is not in here, so that it changed is no matter.
            now = combine((state.rest, *(state.columns[one] for one in state.find(path))), self._policy.levels)
            types = {t for p, kinds in (known.types if known else {}).items() if p == path for t in kinds}
            if combine((before, now), self._policy.levels) == before and types <= {*proof.types_before.get(path, ())}:
                found[path] = leaf.label
                continue
            if leaf.how in ("cells", "null", "done"):
                kinds = sorted(types | ({leaf.entity_type} if leaf.entity_type else set())) or ["UNKNOWN"]
                now = combine((self._replaced(now, kind, leaf) for kind in kinds), self._policy.levels)
            found[path] = combine((leaf.label, now), self._policy.levels)
        return found

    def _replaced(self, label: Label, kind: str, leaf: ProvedLeaf) -> Label:
        return after_protection(label, entity_type=kind, method=leaf.method, policy=self._policy, verified=True)

    def _derived(self, output: str) -> Derived:
        columns, rest = self._inflow(output)
        whole = combine((rest, *columns.values()), self._policy.levels)
        return Derived(whole, columns, rest, tuple(self._reasons(output)[:MAX_REASONS]))

    def _reasons(self, output: str) -> list[Reason]:
        proof = self._proofs.get(output)
        hops = self._hops.get(output, []) if proof is None else [_as_hop(output, proof)]
        found: set[Reason] = set()
        for hop in hops:
            if hop.copy:
                found |= {Reason("", source, "", hop.job, "COPY") for source in hop.inputs}
                continue
            for path, origins in flows(hop):
                found |= {Reason(path, one.dataset, one.column, hop.job, one.how) for one in origins}
        # What raises most comes first: not all may be named.
        ranked = {one: -self._policy.levels.rank(self._origin(Origin(one.source, one.field)).level) for one in found}
        return sorted(found, key=lambda one: (ranked[one], one))


def _as_hop(output: str, proof: Proof) -> Hop:
    told = {path: str(leaf.method.get("name") or leaf.how) for path, leaf in proof.leaves.items()}
    fields = {path: frozenset({Origin(proof.source, path, how)}) for path, how in told.items()}
    return Hop(output, frozenset({proof.source}), fields, schema=frozenset(fields), job="signed proof")
