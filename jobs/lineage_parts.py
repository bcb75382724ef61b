"""Which columns of what a dataset was made from are a combination, where its lineage names no columns of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from clearance.governance.combinations import Source, together
from clearance.governance.conflicts import Conflict
from clearance.governance.inherited import Inherited, read
from clearance.governance.labeling import role_labels
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.standing import column_labels, column_roles

_RULES = frozenset({"level", "combination", "hosting"})
_MANY = 100


def with_parts(
    conflicts: Iterable[Conflict], flowed: Inherited, policy: Policy, registry: Registry
) -> tuple[Conflict, ...]:
    """The conflicts of a label that flowed in as a whole, with the combinations of its origins that exceed the limit.

    Nothing is decided here: what is there of the origins only tells more.
    """
    told = tuple(conflicts)
    whole = [one for one in told if one.rule in _RULES and one.column is None and not one.facts.get("columns")]
    sources = list(_origins(flowed, policy, registry)) if whole else []
    if not sources:
        return told
    held = [one for one in together(sources, policy)[1] if one.above]

    def more(conflict: Conflict) -> Conflict:
        limit = conflict.facts.get("clearance") or conflict.facts.get("maximum")
        own = conflict.facts.get("combination")
        over = [one for one in held if policy.levels.exceeds(one.level, str(limit)) and own in (None, one.name)]
        if conflict not in whole or not over:
            return conflict
        columns = sorted({path for one in over for path in one.columns})
        facts = {**conflict.facts, "origins": columns}
        if own is None:
            facts["combinations"] = [one.name for one in over]
        return replace(conflict, facts=facts, where=conflict.where or over[0].where)

    return tuple(more(one) for one in told)


def _origins(flowed: Inherited, policy: Policy, registry: Registry) -> Iterable[Source]:
    """Of each origin that came in as a whole its columns, as far up as none are known."""
    seen: set[str] = set()
    waiting = _sources(flowed)
    while wave := list(dict.fromkeys(name for name in waiting if name not in seen))[: _MANY - len(seen)]:
        seen |= set(wave)
        waiting = []
        # A wave at a time: a look for each would take seconds.
        labelled = registry.latest_each("labels", columns=["label", "columns", "looked"], dataset=wave)
        labelled = {name: row for name, row in labelled.items() if column_labels(row)}
        derived = registry.latest_each("derived", dataset=wave, policy_digest=policy.verdict_digest)
        for name in wave:
            if (row := labelled.get(name)) is not None:
                columns: Mapping[str, Label] = column_labels(row)
                if all(own.level in policy.levels for own in columns.values()):
                    yield Source(Label(policy.levels.bottom), columns, name, role_labels(column_roles(row), policy))
            elif name in derived:
                before = read(derived[name])
                if before.columns:
                    yield Source(Label(policy.levels.bottom), dict(before.columns), name)
                waiting += _sources(before)


def _sources(flowed: Inherited) -> list[str]:
    return sorted({one["source"] for one in flowed.reasons if one["source"] and not one["field"]}, reverse=True)


__all__ = ["with_parts"]
