"""Whether a dataset may be carried from one environment to another: the verdicts, the proof and the approval.

Judged is the dataset as it would be at the target: that place, that environment, and where the data come from. Nothing
is written here, and nothing is kept: whoever publishes asks again just before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.errors import ClearanceError, DatasetError, ExitCode, ProofError, RefusedError, UsageError
from clearance.governance.approvals import Decided, objections
from clearance.governance.decisions import Conflict, decide, read_facts
from clearance.governance.escalation import DatasetState, lapses
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.inherited import Inherited, origin_conflicts
from clearance.governance.labels import Label
from clearance.governance.observation import Observation
from clearance.governance.registry import Row
from clearance.governance.solutions import Solution
from clearance.governance.standing import standing
from clearance.governance.waivers import Given, with_waivers
from clearance.jobs.approvals import Matter
from clearance.jobs.check import Checked, Seen, dataset_state, see
from clearance.jobs.reviewed import decisions_on
from clearance.jobs.signed import verify


@dataclass(frozen=True)
class Passage:
    """What is asked: a dataset (``matter``) from one environment of its manifest to another, for these solutions."""

    matter: Matter
    source: str
    target: str
    environments: tuple[str, str]
    solutions: Sequence[Solution]
    waivers: Sequence[Given] = ()

    @property
    def identity(self) -> DatasetIdentity:
        """The target's."""
        return dataset_identity(self.target)

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where both lie. Raises ``UsageError`` for what is no local path."""
        found = [dataset_identity(place).local_path for place in (self.source, self.target)]
        for path, place in zip(found, (self.source, self.target), strict=True):
            if path is None:
                raise UsageError(
                    f"{place} is no path on this machine",
                    hint="mount the store, and declare the path of each environment",
                )
        return found[0], found[1]  # type: ignore[return-value]


def passage(
    matter: Matter, come_from: str, to: str, solutions: Sequence[Solution], waivers: Sequence[Given] = ()
) -> Passage:
    """From one environment to another by the manifest's places. Raises ``UsageError`` where it names none."""
    manifest = matter.manifest
    if manifest is None or not manifest.places:
        raise UsageError(
            "where the dataset lies in each environment is not declared",
            hint="give its manifest (--manifest FILE), and declare `servers` in it",
        )
    if strange := [name for name in (come_from, to) if name not in manifest.places]:
        raise UsageError(
            f"{manifest.source} declares no place in the environment {strange[0]}",
            hint=f"it declares: {', '.join(manifest.places)}",
        )
    if come_from == to:
        raise UsageError("a dataset is not promoted to where it is", hint="name two environments")
    if not solutions:
        raise UsageError("nobody wants it", hint="name who it is for: --solution NAME")
    source, target = manifest.places[come_from], manifest.places[to]
    return Passage(
        replace(matter, identity=dataset_identity(source)), source, target, (come_from, to), solutions, waivers
    )


class BlockedError(ClearanceError):
    """The gate says no. ``verdicts`` say why; the exit code is that of the worst of them."""

    def __init__(self, message: str, verdicts: Sequence[Checked]) -> None:
        super().__init__(message, hint="see to what objects, then promote it again")
        self.verdicts = verdicts
        codes = [each.exit_code for each in verdicts]
        order = (ExitCode.UNDECIDABLE, ExitCode.CONFLICT, ExitCode.ESCALATED)
        self.exit_code = next((code for code in order if code in codes), ExitCode.UNDECIDABLE)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.message, self.verdicts))


@dataclass(frozen=True)
class Passed:
    """What the gate let through: the state that was approved, by which approval, and what the data were signed as.

    ``content``: SHA-256 (hex) of the files that were proved; None where nothing had to be protected.
    """

    row: Row
    label: Label
    seen: Seen = field(repr=False)
    state: DatasetState = field(repr=False)
    approval: Row = field(repr=False)
    request: Row = field(repr=False)
    content: str | None
    signed_by: str | None
    verdicts: tuple[Checked, ...] = field(repr=False)

    @property
    def mark(self) -> tuple[Any, ...]:
        """What must be the same when it is asked again."""
        return self.state.digest, self.approval["request"], self.approval["expires"], self.content


def gate(asked: Passage, *, proof: str | None = None) -> Passed:
    """Asks everything that has a say. ``proof``: the content that was verified a moment ago, which is not read again.

    Raises ``BlockedError`` for a verdict that is not clear, ``DatasetError``, ``ProofError`` or ``RefusedError`` for
    what can't be judged at all.
    """
    matter, registry, policy = asked.matter, asked.matter.registry, asked.matter.policy
    found = standing(registry, matter.identity)
    row = found.label
    if row is None:
        raise DatasetError(f"{matter.identity.key} can't be promoted: {found.reason}", hint="scan and label it first")
    if row["kind"] == "restored":
        raise RefusedError(f"{matter.identity.key} has values that were opened", hint="promote what is protected")
    observed = Observation.from_dict(row["observation"] or {"kind": "none", "version": ""})
    if observed.kind != "delta":
        raise DatasetError(
            f"{matter.identity.key} is no Delta table", hint="protect it to a Delta table, and promote that"
        )
    seen = see(matter.identity.key, found, policy, registry, facts=matter.facts, manifest=matter.manifest, record=False)
    content, signed_by = _proved(asked, row, proof)
    state = dataset_state(seen, policy, registry, matter.manifest)
    decided = matter.decided()
    objects = _approved(asked, state, decided) if state is not None else []
    verdicts = tuple(_judged(asked, seen, solution, objects, signed_by is not None) for solution in asked.solutions)
    if any(each.exit_code is not ExitCode.CLEAR for each in verdicts):
        raise BlockedError(f"{matter.identity.key} may not go to {asked.environments[1]}", verdicts)
    approval, label = decided.approval, seen.label
    if state is None or approval is None or label is None:
        raise DatasetError(f"{matter.identity.key} can't be judged: {seen.reason}", hint="scan and label it first")
    request = decided.asked.get(approval["request"])
    if request is None:
        # It was carried here itself, and nobody asked for what comes next.
        raise RefusedError(
            "its approval was carried here from elsewhere", hint="ask for one of its own: clearance request"
        )
    return Passed(row, label, seen, state, dict(approval), dict(request), content, signed_by, verdicts)


def _judged(asked: Passage, seen: Seen, solution: Solution, objects: Sequence[Conflict], proved: bool) -> Checked:
    """The verdict of a check at the target, were the dataset there already."""
    policy, (come_from, to), key = asked.matter.policy, asked.environments, asked.identity.key
    nothing = Label(policy.levels.bottom)
    flowed = seen.flowed or Inherited(nothing, {}, nothing)
    own = {} if proved else {asked.matter.identity.key: come_from}
    origins = origin_conflicts(replace(flowed, environments={**flowed.environments, **own}), to, solution, policy)
    verdict = decide(
        seen.label,
        read_facts({**seen.facts, "environment": to}),
        solution,
        policy,
        state=seen.state,
        column_labels=seen.columns,
        column_types=seen.types,
        column_roles=seen.roles,
        more=[*origins, *seen.beyond],
        undeclared=seen.undeclared,
        dataset=key,
    )
    if asked.waivers:
        verdict = with_waivers(verdict, key, solution.name, asked.waivers, datetime.now(UTC).date())
    verdict = verdict.escalated(objects)
    version = str(seen.row.get("version") or "")
    return Checked(key, solution.name, verdict, seen.label, version, seen.state, seen.reason, seen.columns)


def _approved(asked: Passage, state: DatasetState, decided: Decided) -> list[Conflict]:
    """What stands against the approval: it is of exactly this version, schema, policy and manifest, whatever it lets
    pass at a check.
    """
    policy, approval = asked.matter.policy, decided.approval
    objects = objections(decided, state, policy.levels, datetime.now(UTC), required=True)
    if approval is None:
        return objects
    told = {each.facts.get("change") for each in objects}
    exact = lapses(DatasetState.from_dict(approval["state"]["dataset"]), state, frozenset())
    return objects + [each for each in exact if each.facts.get("change") not in told]


def _proved(asked: Passage, row: Row, known: str | None) -> tuple[str | None, str | None]:
    """The content that was proved, and the key that signed it. Raises ``ProofError``."""
    matter = asked.matter
    if row["kind"] == "source":
        decided = decisions_on(matter.identity.key, matter.policy, matter.registry)[0]
        if ends := [held.column for held in decided.held.values() if held.lowers and held.expires is not None]:
            # A copy is labelled once: there the finding would stay accepted for ever.
            raise RefusedError(
                f"findings in {', '.join(sorted(ends))} are accepted until a day, and a copy knows no such day",
                hint="protect these columns, and promote what is protected",
            )
        return None, None
    if row["kind"] != "protected":
        raise ProofError(
            f"{matter.identity.key} was promoted itself, and its proof is of where it came from",
            hint="promote it from there: each environment is a place of its own in the manifest",
        )
    if known is not None:
        record = matter.registry.latest("protections", ["envelope"], dataset=matter.identity.key) or {}
        signer = ((record.get("envelope") or {}).get("signatures") or [{}])[0].get("keyid")
        return known, signer
    told = verify(matter.identity.location, matter.registry).statement
    if told.predicate["policy"]["digest"] != matter.policy.label_digest:
        raise ProofError("it was proved under another policy", hint="protect it again under this one")
    if told.predicate["observation"]["version"] != row["version"]:
        raise ProofError("its proof is of another version than its label", hint="protect it again")
    return told.content, told.key_id


__all__ = ["BlockedError", "Passage", "Passed", "gate", "passage"]
