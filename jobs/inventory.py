"""The inventory of solutions beside what is on record: which models learned from a dataset, what solutions really read,
and what they may read. Needs no Spark.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from clearance.errors import DatasetError
from clearance.governance.audit import Audit
from clearance.governance.grants import Grant, grant
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.inherited import origin_conflicts
from clearance.governance.lineage_labels import Derivation
from clearance.governance.manifest import Manifest
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry, Row
from clearance.governance.solutions import Solution
from clearance.governance.standing import not_vouched, standing
from clearance.jobs.check import risen, see
from clearance.jobs.lineage_task import derivation, recorded_hops
from clearance.jobs.manifests import Manifests
from clearance.jobs.on_record import is_known, names, nearest


def profile(solution: Solution) -> dict[str, Any]:
    """A solution as it was declared, JSON-ready; None: not known."""
    told = solution.model_dump()
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in told.items()}


def verdicts(solution: Solution, policy: Policy, registry: Registry) -> dict[str, Row]:
    """The latest verdict on each dataset that was asked for, by its key, with why it says nothing now (``void``; None:
    it does). One of another policy, a milder one for a try, or on another profile of the solution says nothing of what
    these would let through; neither does one on a label that the audit does not stand for. ``cleared``: the versions of
    which the latest verdict that says something is clear.
    """
    found: dict[str, Row] = {}
    each: dict[str, dict[str, str]] = {}
    for row in registry.rows("verdicts", solution=solution.name):
        other = [] if row["policy_digest"] == policy.verdict_digest else ["by another policy"]
        other += [] if row["solution_digest"] == solution.digest else ["on another profile of the solution"]
        if not other or (found.get(row["dataset"]) or {"void": other})["void"]:
            found[row["dataset"]] = {**row, "void": other}
        if not other:
            each.setdefault(row["dataset"], {})[row["version"]] = row["verdict"]
    counted = Audit(registry).counted_each("labels") if found else {}
    for key, row in found.items():
        row["void"] += [
            not_vouched(why)
            for part in dict.fromkeys([key, *key.split(" + ")])
            if (why := counted.get(part, ([], ""))[1])
        ]
        row["void"] = "; ".join(row["void"]) or None
        row["cleared"] = sorted(version for version, told in each.get(key, {}).items() if told == "clear")
    return dict(sorted(found.items()))


def learned(solution: Solution) -> list[tuple[str, str, str, str | None]]:
    """(model, its version, dataset's key, dataset's version) of all that a solution's models learned from."""
    return [
        (model.name, model.version, dataset_identity(one.dataset).key, one.version)
        for model in solution.models
        for one in model.learned_from
    ]


def impact(dataset: str, solutions: Iterable[Solution], policy: Policy, registry: Registry) -> dict[str, Any]:
    """Which models learned from a dataset, or from anything that was made from it by lineage.

    Raises ``DatasetError`` for one that nobody knows: that no model learned from it would say nothing of the one meant.
    """
    key = dataset_identity(dataset).key
    graph = derivation(policy, registry)
    solutions, found = tuple(solutions), []
    also = {source for solution in solutions for _, _, source, _ in learned(solution)}
    also |= {name for output in graph.outputs for name in (output, *graph.sources(output))}
    if not is_known(key, registry, also):
        near = nearest(key, names(registry, also), registry.home)
        raise DatasetError(f"nothing is known of {key}", hint=near or "what is on record: clearance registry show")
    for solution in solutions:
        for model, version, source, taken in learned(solution):
            if source == key or key in graph.ancestors(source):
                found.append(
                    {
                        "solution": solution.name,
                        "owner": solution.owner,
                        "model": model,
                        "version": version,
                        "learned_from": source,
                        "dataset_version": taken,
                        "direct": source == key,
                        "deidentified": source != key and not _reaches(graph, key, source),
                    }
                )
    return {"dataset": key, "models": found}


def _reaches(graph: Derivation, source: str, target: str) -> bool:
    """Whether there is a way on which no signed proof says that the data were de-identified."""
    seen: set[str] = set()
    waiting = [target]
    while waiting:
        one = waiting.pop()
        if one == source:
            return True
        if one not in seen and one not in graph.proved:
            seen.add(one)
            waiting += graph.sources(one)
    return False


def correlate(solution: Solution, policy: Policy, registry: Registry) -> list[dict[str, Any]]:
    """What a solution's jobs read and what was asked for it, against what its models learned from.

    ``finding``: ``undeclared`` (read or asked for, and by the inventory nothing learned from it), ``not seen``
    (declared, and no job of it read it), ``shares origins`` (no training data, and made from the same sources),
    ``not clear`` (used without a clear verdict as its latest under this policy and on the profile as it is), ``other
    version`` (a model learned from a version that is not the one checked last, and that none was clear of); empty where
    all agrees.
    """
    models: dict[str, set[str]] = {}
    for _, _, key, version in learned(solution):
        models.setdefault(key, set()).update([version] if version is not None else [])
    graph = derivation(policy, registry)
    jobs = sorted(solution.jobs)
    seen: dict[str, set[str]] = {}
    for hop in recorded_hops(registry):
        if any(fnmatchcase(hop.job, job) for job in jobs):
            for name in hop.inputs:
                seen.setdefault(name, set()).add(hop.job)
    origins = {key: {key, *graph.ancestors(key)} for key in models}
    found = []
    latest = verdicts(solution, policy, registry)
    for key in sorted({*models, *seen, *latest} - {""}):
        if " + " in key and key not in models and key not in seen:
            continue  # a verdict on several datasets together; a path may hold the same sign
        verdict = latest.get(key)
        verdict = None if verdict is None or verdict["void"] else verdict
        shared = sorted(m for m in models if m != key and origins[m] & {key, *graph.ancestors(key)})
        findings = []
        if key not in models:
            findings += ["undeclared"] if key in seen and _trains(solution) else []
            findings += ["shares origins"] if shared and key in seen else []
        elif jobs and key not in seen:
            findings.append("not seen")
        if (key in models or key in seen) and (verdict is None or verdict["verdict"] != "clear"):
            findings.append("not clear")
        versions = sorted(models.get(key, ()))
        if verdict is not None and any(each not in {verdict["version"], *verdict["cleared"]} for each in versions):
            findings.append("other version")
        found.append(
            {
                "dataset": key,
                "learned": key in models,
                "versions": versions,
                "read_by": sorted(seen.get(key, ())),
                "verdict": verdict["verdict"] if verdict else None,
                "checked_version": verdict["version"] if verdict else None,
                "shares_with": shared,
                "findings": findings,
            }
        )
    return found


def _trains(solution: Solution) -> bool:
    return bool(solution.usage & {"training", "fine-tuning"})


def grants(
    solutions: Sequence[Solution],
    policy: Policy,
    registry: Registry,
    datasets: Sequence[str] = (),
    manifests: Sequence[str] = (),
) -> tuple[list[Grant], list[str]]:
    """What the solutions may read of tables, by the labels on record; and what no grant can be made for, and why.

    It is what a check would let them have: manifests (files) and approvals count as there.
    Whether a table changed since its scan can't be told without Spark: grants speak of what was labelled.
    """
    keys = [dataset_identity(name).key for name in datasets] or sorted(registry.latest_each("labels"))
    owners = Manifests(manifests, policy)
    owners.require_used(keys)
    found, left = [], []
    for key in keys:
        identity = dataset_identity(key)
        if identity.kind != "table":
            left.append(f"{key}: no table, so no grant of these systems is about it")
            continue
        for solution in solutions:
            if not any(solution.principals.model_dump().values()):
                left.append(f"{solution.name}: its profile names no principals")
                continue
            one = _grant(identity, solution, policy, registry, owners.of(key))
            if isinstance(one, Grant):
                found.append(one)
            else:
                left.append(f"{key}: {one}")
    return found, list(dict.fromkeys(left))


def _grant(
    identity: DatasetIdentity, solution: Solution, policy: Policy, registry: Registry, manifest: Manifest | None
) -> Grant | str:
    known = standing(registry, identity)
    # What Spark alone could tell is left to the person who reviews the grants.
    known = replace(known, state="current") if known.state == "unreadable" else known
    seen = see(identity.key, known, policy, registry, facts=None, manifest=manifest, record=False)
    if seen.label is None or seen.state != "current":
        return seen.reason or seen.state
    more = [*seen.beyond, *risen(seen, policy, registry, manifest)]
    if seen.flowed is not None:
        more += origin_conflicts(seen.flowed, seen.facts.get("environment"), solution, policy)
    return grant(
        identity.key, seen.label, seen.columns, seen.types, seen.facts, solution, policy, more,
        roles=seen.roles, undeclared=seen.undeclared,
    )  # fmt: skip
