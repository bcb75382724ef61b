"""Check: may this dataset be given to this solution? Answered from the registry alone, without Spark.

Imports nothing heavy: a gate in a build answers in well under a second.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.errors import ExitCode, PolicyError, RegistryError, UsageError
from clearance.governance.audit import Audit, row_digest
from clearance.governance.combinations import raised
from clearance.governance.decisions import Conflict, State, Verdict, decide, read_facts
from clearance.governance.declarations import declaration_conflicts, undeclared, with_declared
from clearance.governance.escalation import DatasetState, not_approved
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.inherited import Inherited, origin_conflicts
from clearance.governance.labels import Label
from clearance.governance.manifest import Manifest
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.runs import new_run_id
from clearance.governance.solutions import Solution, Solutions, load_solutions
from clearance.governance.standing import Standing, standing
from clearance.governance.undeclared import Undeclared
from clearance.governance.waivers import Given, with_waivers
from clearance.jobs.looked import overlooked, sampled
from clearance.jobs.reviewed import scan_run
from clearance.jobs.spoken import Spoken, current_lineage, speak, with_lineage
from clearance.jobs.states import against, is_asked, state_of, unrested


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict, and what it was reached on."""

    dataset: str
    solution: str
    verdict: Verdict
    label: Label | None
    version: str | None
    state: str
    reason: str
    columns: Mapping[str, Label] = field(default_factory=dict, repr=False, hash=False)
    roles: Mapping[str, Label] = field(default_factory=dict, repr=False, hash=False)

    @property
    def exit_code(self) -> ExitCode:
        """0 only when clear."""
        return self.verdict.exit_code

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract of ``clearance check`` (``docs/reference/json.md``)."""
        return {
            **self.verdict.to_dict(),
            "dataset": self.dataset,
            "solution": self.solution,
            "label": self.label.to_dict() if self.label else None,
            "version": self.version,
            "state": self.state,
            "reason": self.reason,
        }


def find_solutions(path: str | Path | None = None) -> Solutions:
    """The solutions in ``path``, else ``$CLEARANCE_SOLUTIONS``, else ``./solutions.yaml`` or ``./solutions/``."""
    return load_solutions(solutions_path(path))


def solutions_path(path: str | Path | None = None) -> Path:
    """Where :func:`find_solutions` looks. Raises ``PolicyError`` where nothing is."""
    chosen = path or os.environ.get("CLEARANCE_SOLUTIONS")
    if not chosen:
        chosen = (
            "solutions" if Path("solutions").is_dir() and not Path("solutions.yaml").is_file() else "solutions.yaml"
        )
        if not Path(chosen).exists():
            raise PolicyError(
                "there are no solution profiles here",
                hint="clearance init --starter writes some; or name them with --solutions or CLEARANCE_SOLUTIONS",
            )
    return Path(chosen)


def policy_path(path: str | Path | None = None) -> str | Path | None:
    """The policy file that applies: ``path``, else ``$CLEARANCE_POLICY``, else ``./policy.yaml`` if there is one; None
    stands for the packaged default.
    """
    return path or os.environ.get("CLEARANCE_POLICY") or ("policy.yaml" if Path("policy.yaml").is_file() else None)


def check(
    dataset: str | DatasetIdentity,
    solution: Solution,
    policy: Policy,
    registry: Registry,
    *,
    facts: Mapping[str, Any] | None = None,
    manifest: Manifest | None = None,
    waivers: Sequence[Given] = (),
    record: bool = True,
) -> Checked:
    """The verdict on one dataset and one solution, recorded in the registry if there is one.

    ``facts`` add to those declared with the label. What ``manifest`` declares adds to the facts and to the label, and
    what the data is beyond it objects. What can't be told is undecidable, and blocks.
    """
    identity = dataset if isinstance(dataset, DatasetIdentity) else dataset_identity(dataset)
    with registry.at_one_time():
        found = standing(registry, identity)
        return judge(
            identity, found, solution, policy, registry, facts=facts, manifest=manifest, waivers=waivers, record=record
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check looks at: a standing's label as the present policy and the manifest have it, and the facts.

    ``roles``: labels of columns that have a role only, were they what they may be.
    """

    row: Mapping[str, Any]
    label: Label | None
    columns: dict[str, Label]
    types: dict[str, tuple[str, ...]]
    facts: dict[str, Any]
    state: State
    reason: str
    beyond: list[Conflict]
    undeclared: list[Undeclared]
    flowed: Inherited | None
    roles: dict[str, Label]

    @property
    def note(self) -> str:
        """Why the label does not speak for the data as they are, or for all of them; empty where it does."""
        return self.reason or (overlooked(self.row) or sampled(self.row) if self.row else "")


def see(
    key: str,
    found: Standing,
    policy: Policy,
    registry: Registry,
    *,
    facts: Mapping[str, Any] | None,
    manifest: Manifest | None,
    record: bool = True,
) -> Seen:
    """What is known of a dataset before anyone asks for whom."""
    row = found.label or {}
    declared = _facts(row.get("facts") or {}, manifest.facts(key) if manifest else {})
    declared = _facts(declared, facts or {})
    spoken = speak(found, policy, registry)
    beyond: list[Conflict] = []
    left_out: list[Undeclared] = []
    if (flowed := current_lineage(key, row, policy, registry, record)) is not None:
        spoken = Spoken("unvouched", flowed.lost, {}, None) if flowed.lost else with_lineage(spoken, flowed, policy)
    state, reason, columns, label = spoken.state, spoken.reason, spoken.columns, spoken.label
    types, roles = spoken.types, spoken.roles
    if manifest is None and policy.rules.manifest:
        beyond.append(_no_manifest(policy))
    if manifest is not None and label is not None:
        beyond += declaration_conflicts(manifest, columns, types, label, policy)
        left_out = undeclared(manifest, columns, types, label, policy, datetime.now(UTC).date())
        columns, label = with_declared(manifest, columns, label, policy)
    if label is not None and (manifest is not None or flowed is not None):
        # What is declared, or flowed in, may be a part of a combination.
        label = raised(label, columns, policy, roles)
    return Seen(row, label, columns, types, declared, state, reason, beyond, left_out, flowed, roles)


def _no_manifest(policy: Policy) -> Conflict:
    facts = {"missing": "manifest of the dataset"}
    remedy = "give what its owner declares: --manifest FILE"
    return Conflict("declaration", None, facts, remedy, definite=False, where=policy.where("rules", "manifest"))


def judge(
    identity: DatasetIdentity,
    found: Standing,
    solution: Solution,
    policy: Policy,
    registry: Registry,
    *,
    facts: Mapping[str, Any] | None = None,
    manifest: Manifest | None = None,
    waivers: Sequence[Given] = (),
    record: bool = True,
) -> Checked:
    """The same for a standing that the caller knows, such as a DataFrame's straight after its scan."""
    seen = see(identity.key, found, policy, registry, facts=facts, manifest=manifest, record=record)
    return judge_seen(identity, seen, solution, policy, registry, manifest=manifest, waivers=waivers, record=record)


def judge_seen(
    identity: DatasetIdentity,
    seen: Seen,
    solution: Solution,
    policy: Policy,
    registry: Registry,
    *,
    manifest: Manifest | None = None,
    waivers: Sequence[Given] = (),
    record: bool = True,
) -> Checked:
    """The same for what was seen already: one look at a dataset is enough for many solutions."""
    origins = (
        origin_conflicts(seen.flowed, seen.facts.get("environment"), solution, policy)
        if seen.flowed is not None
        else ()
    )
    verdict = decide(
        seen.label,
        read_facts(seen.facts),
        solution,
        policy,
        state=seen.state,
        column_labels=seen.columns,
        column_types=seen.types,
        column_roles=seen.roles,
        more=[*origins, *seen.beyond],
        undeclared=seen.undeclared,
        dataset=identity.key,
    )
    if seen.flowed is not None and verdict.conflicts:
        from clearance.jobs.lineage_parts import with_parts

        verdict = replace(verdict, conflicts=with_parts(verdict.conflicts, seen.flowed, policy, registry))
    if waivers and record:
        verdict = with_waivers(verdict, identity.key, solution.name, waivers, datetime.now(UTC).date())
    verdict = verdict.escalated(risen(seen, policy, registry, manifest))
    version = seen.row.get("version")
    checked = Checked(
        identity.key, solution.name, verdict, seen.label, version, seen.state, seen.note, seen.columns, seen.roles
    )
    if record and seen.label is not None:
        record_verdict(checked, solution, policy, registry, seen.facts)
    return checked


def dataset_state(seen: Seen, policy: Policy, registry: Registry, manifest: Manifest | None) -> DatasetState | None:
    """The state that can be approved; None while the label does not speak for the data."""
    state = _state(seen, policy, registry, manifest)
    return None if state is None or unrested(seen.row, registry, scan_run(seen.row)) else state


def _state(seen: Seen, policy: Policy, registry: Registry, manifest: Manifest | None) -> DatasetState | None:
    """The same, whatever became of the rows that the label rests on."""
    if seen.label is None or seen.state not in ("current", "sampled", "overlooked"):
        return None
    row, label, columns, types, told = seen.row, seen.label, seen.columns, seen.types, seen.facts
    return state_of(row, label, columns, types, told, policy, manifest, registry, scan_run(row))


def risen(seen: Seen, policy: Policy, registry: Registry, manifest: Manifest | None) -> list[Conflict]:
    """What rose since the last approval, or lacks one that the policy asks for."""
    if not seen.row or not is_asked(seen.row["dataset"], policy, registry):
        return []
    if why := unrested(seen.row, registry, scan_run(seen.row)):
        return [not_approved("approval-void", {"why": why}, "see `clearance audit verify`, then scan it again")]
    state = _state(seen, policy, registry, manifest)
    return against(state, policy, registry) if state is not None else []


def _facts(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that are on record, and those given now. What is on record can't be argued away at the gate."""
    for key, value in given.items():
        if key in declared and _unordered(declared[key]) != _unordered(value):
            raise UsageError(
                f"the fact {key} is declared as {declared[key]!r} already",
                hint="correct it where it is declared: in the manifest, or with the label (clearance label --fact ...)",
            )
    return {**declared, **given}


def _unordered(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, list | tuple | set | frozenset) else value


def record_verdict(
    checked: Checked, solution: Solution, policy: Policy, registry: Registry, facts: Mapping[str, Any]
) -> None:
    """Files a verdict; one that rests on waivers in the audit too, before and after.

    Raises ``RegistryError`` or ``AuditError`` where that fails: an unrecorded verdict clears nothing.
    """
    row = {
        "dataset": checked.dataset,
        "solution": checked.solution,
        "verdict": checked.verdict.verdict,
        "conflicts": [conflict.to_dict() for conflict in checked.verdict.conflicts],
        "version": checked.version or "",
        "policy_digest": policy.verdict_digest,
        "solution_digest": solution.digest,
        "label": checked.label.to_dict() if checked.label else None,
        "state": checked.state,
        "facts": dict(facts),
    }
    run_id = new_run_id()
    waived = [conflict.to_dict() for conflict in checked.verdict.conflicts if conflict.waived]
    audit, intent = Audit(registry), ""
    if waived:
        told = {"solution": checked.solution, "verdict": checked.verdict.verdict, "waived": waived}
        intent = audit.intent("waive", run_id=run_id, dataset=checked.dataset, facts=told)
    try:
        registry.append("verdicts", [row], run_id=run_id)
    except RegistryError as error:
        raise RegistryError(
            f"the verdict ({checked.verdict.verdict}) could not be recorded: {error.message}",
            hint=f"An unrecorded verdict clears nothing. {error.hint}",
        ) from None
    if intent:
        audit.outcome(intent, "done", records=[row_digest("verdicts", {**row, "run_id": run_id})])
