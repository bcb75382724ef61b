"""Columns that have a role only, through lineage: together they make a copy or a join as sensitive as what they are in.

By itself such a column raises nothing, so it flows apart from the labels (``labeling.role_types``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from clearance.governance.combinations import with_roles
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_events import Hop
from clearance.governance.lineage_known import Known, Proof
from clearance.governance.lineage_labels import Derivation
from clearance.governance.policy import Policy


def flowing_roles(
    hops: Sequence[Hop],
    known: Mapping[str, Known],
    proofs: Mapping[str, Proof],
    policy: Policy,
    settled: frozenset[str] = frozenset(),
) -> dict[str, dict[str, Label]]:
    """Labels of each output's columns, were all columns of a role what they may be: for combinations only.

    The same is given as to ``Derivation``. The path "" is any column. Empty where no column has a role.
    """
    if not any(one.roles for one in known.values()):
        return {}
    as_found = {name: replace(one, columns=with_roles(one.columns, one.roles, policy)) for name, one in known.items()}
    own = {name: one.roles for name, one in known.items()}
    proved = {name: _proof(proof, own.get(name, {}), policy) for name, proof in proofs.items()}
    found = Derivation(hops, as_found, proved, policy, settled).run()
    return {output: {**told.columns, "": told.rest} for output, told in found.items()}


def _proof(proof: Proof, own: Mapping[str, Label], policy: Policy) -> Proof:
    """A proof as roles go through it: a column that stays as it is keeps its own."""
    leaves = {
        path: replace(leaf, label=combine((leaf.label, own[path]), policy.levels)) if path in own else leaf
        for path, leaf in proof.leaves.items()
    }
    return replace(proof, leaves=leaves, before=with_roles(proof.before, proof.roles_before, policy))


__all__ = ["flowing_roles"]
