"""What a policy does for an entity type, a dataset on record, or a solution. Starts no Spark."""

import difflib
from collections.abc import Mapping
from typing import Any

from clearance.errors import AuditError, DatasetError
from clearance.governance.combinations import held, raised
from clearance.governance.decisions import Facts, decide
from clearance.governance.identity import dataset_identity
from clearance.governance.labeling import (
    label_column,
    label_dataset,
    protected_column,
    protected_type,
    role_labels,
    role_types,
    roles_left,
    whole_cell_method,
)
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.governance.standing import vouched_label
from clearance.governance.taxonomy import covers
from clearance.jobs.reviewed import confirmed_report, decisions_on, scan_run, with_decisions
from clearance.jobs.states import unrested


def of_policy(policy: Policy) -> dict[str, Any]:
    """The whole in short: where it stands, what it names, which rules are on and on what they rest."""
    rules = policy.rules.model_dump()
    files = {line.rpartition(":")[0] for line in policy.marks.values() if ":" in line}
    return {
        "policy": policy.name,
        "digest": policy.label_digest,
        "judging_digest": policy.verdict_digest,
        "files": sorted(files),
        "levels": list(policy.levels.names),
        "entity_types": len(policy.entity_types),
        "regimes": sorted(policy.content.regimes),
        "combinations": [{"name": name, "where": policy.where("combinations", name)} for name in policy.combinations],
        "rules": [
            {"rule": name, "basis": policy.content.basis.get(name, ""), "where": policy.where("rules", name)}
            for name, value in rules.items()
            if value
        ],
        "tests": len(policy.content.tests),
    }


def _nearest(entity_type: str, policy: Policy) -> list[str]:
    return difflib.get_close_matches(entity_type.upper().replace(" ", "_"), policy.entity_types, n=2, cutoff=0.8)


def of_type(entity_type: str, policy: Policy) -> dict[str, Any]:
    """What a type means, by which article, how it is protected, and what is left of its label then."""
    rule, method = policy.entity(entity_type), policy.method_for(entity_type)
    lowering = policy.deidentification_rule(method, entity_type)
    return {
        "entity_type": entity_type,
        "known": entity_type in policy.entity_types,
        "nearest": [] if entity_type in policy.entity_types else _nearest(entity_type, policy),
        "where": policy.where_type(entity_type),
        "label": rule.label().to_dict(),
        "regimes": [
            {"regime": regime, "source": source, "where": policy.where_regime(entity_type, regime)}
            for regime, source in sorted(rule.regimes.items())
        ],
        "method": method,
        "protected": protected_type(entity_type, policy, method=method, verified=True).to_dict(),
        "lowered_by": lowering
        and {
            "rule": lowering[0],
            "proof": lowering[1].verify,
            "why": lowering[1].why,
            "source": lowering[1].source,
            "where": policy.where("deidentification", lowering[0]),
        },
        "combinations": [
            {"combination": name, "raises_to": one.raises_to, "where": policy.where("combinations", name)}
            for name, one in policy.combinations.items()
            if any(covers(c, own) for part in one.together for c in part.categories for own in rule.categories)
        ],
        "not_for": [
            {"usage": usage, "category": name, "where": policy.where("rules", "usage", usage, name)}
            for usage, named in sorted(policy.rules.usage.items())
            for name in sorted(named)
            if any(covers(name, own) for own in rule.categories)
        ],
    }


def of_dataset(dataset: str, policy: Policy, registry: Registry) -> dict[str, Any]:
    """What the policy makes of a dataset's findings on record and of what people decided on them: labels, methods, and
    the labels after them. ``reviewed``: the columns of which they decided something that makes a difference.

    Raises ``DatasetError`` for one whose findings are not on record, ``AuditError`` where the audit does not stand for
    its label, for them, or for the decisions.
    """
    key = dataset_identity(dataset).key
    row = vouched_label(registry, key)
    found = registry.rows("findings", dataset=key, run_id=scan_run(row)) if row is not None else []
    if row is None or not found:
        raise DatasetError(f"{key} has no findings on record", hint=f"scan it: clearance scan {dataset}")
    if why := unrested(row, registry, scan_run(row)):
        raise AuditError(f"{key}: {why}", hint="clearance audit verify; then scan it again")
    decided, problem = decisions_on(key, policy, registry)
    if problem:
        raise AuditError(f"{key}: what people decided can't be relied on: {problem}", hint="clearance audit verify")
    scanned = [{**entry["report"], "path": entry["column"]} for entry in found]
    made, touched, _ = with_decisions(scanned, decided, policy)
    reports = {str(report["path"]): report for report in made}
    # What was set aside is protected all the same.
    replaced = {str(report["path"]): confirmed_report(report, decided, policy) for report in scanned}
    labels = {path: label_column(report, policy) for path, report in reports.items()}
    after = {path: protected_column(report, policy, verified=True) for path, report in replaced.items()}
    types, held_by = role_types(reports.values(), policy), role_types(replaced.values(), policy)
    methods = {path: one for path in held_by if (one := whole_cell_method(replaced[path], policy)) is not None}
    roles, left = role_labels(types, policy), role_labels(roles_left(held_by, methods, policy), policy)
    label = raised(label_dataset(labels.values(), policy), labels, policy, roles)
    return {
        "dataset": key,
        "label": label.to_dict(),
        "protected": raised(label_dataset(after.values(), policy), after, policy, left).to_dict(),
        "combinations": [one.to_dict() for one in held(label, labels, policy, roles)],
        "reviewed": touched,
        "columns": [_column(path, reports[path], labels[path], after[path], policy) for path in reports],
    }


def _column(path: str, report: Mapping[str, Any], label: Label, after: Label, policy: Policy) -> dict[str, Any]:
    types = list(dict.fromkeys([report.get("entity_type"), *(each["entity_type"] for each in report["findings"])]))
    kinds = [kind for kind in types if kind]
    return {
        "path": path,
        "entity_types": kinds,
        "label": label.to_dict(),
        "methods": [policy.method_for(kind, path)["name"] for kind in kinds],
        "protected": after.to_dict(),
        "where": [policy.where_type(kind) for kind in kinds],
    }


def of_solution(solution: Solution, policy: Policy) -> dict[str, Any]:
    """What a solution may have: the highest level, and each entity type as found, after protection, or not at all.

    Facts that an owner declares are left out of it: ``needs`` names those that a check asks for.
    """
    levels = policy.levels
    hosting: str = getattr(policy.rules.hosting, solution.hosting)
    off = {"purposes": False, "regions": False, "environments": {}, "restricted_uses": False, "stores": {}}
    off |= {"sources": None, "obsolescence": False, "retention": False, "consent": {}, "age_groups": {}, "needs": {}}
    content = policy.content.model_copy(update={"rules": policy.rules.model_copy(update=off)})
    plain = Policy(content, policy.marks)
    given: dict[str, list[str]] = {"as_found": [], "protected": [], "never": []}
    for name in sorted(policy.entity_types):
        raw = policy.label_of(name)
        done = protected_type(name, policy, method=policy.method_for(name), verified=True)
        fits = [decide(label, Facts(), solution, plain).verdict == "clear" for label in (raw, done)]
        given["as_found" if fits[0] else "protected" if fits[1] else "never"].append(name)
    asked = decide(Label(levels.bottom, frozenset({"user"})), Facts(), solution, policy)
    return {
        "solution": solution.name,
        "highest_level": levels.lowest([hosting, solution.clearance]),
        "regimes": None if solution.regimes is None else sorted(solution.regimes),
        "not_for": sorted({name for usage in solution.usage for name in policy.rules.usage.get(usage, frozenset())}),
        "needs": sorted({str(c.facts["missing"]) for c in asked.conflicts if "missing" in c.facts}),
        **given,
    }
