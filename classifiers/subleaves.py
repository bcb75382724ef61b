"""What is known of the leaves inside the strings of one leaf: a tree of profiles that adds up in any order.

Its keys are names of fields only. A key that looks like a value, or one of too many beside each other, is data: what is
under it is counted as the value of some entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clearance.classifiers.embedded import may_be_documents, read_document
from clearance.paths import VALUE, Step

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.classifiers.looking import TokenSpans
    from clearance.classifiers.profile import LeafProfile, Verified

#: An object of more keys than this, over all values, is a map. A tree of more leaves is no structure at all.
MAX_KEYS, MAX_LEAVES = 64, 1_000

_Group = tuple[Counter[str], int]


class _Node:
    """One step of the tree: what is below it, and the profile of the values that stand there."""

    __slots__ = ("children", "is_map", "profile")

    def __init__(self) -> None:
        self.children: dict[Step, _Node] = {}
        self.profile: LeafProfile | None = None
        self.is_map = False

    def child(self, step: Step) -> _Node:
        """The node below, made if need be; too many named ones become one."""
        if step.kind == "name" and self.is_map:
            step = VALUE
        found = self.children.setdefault(step, _Node())
        if step.kind == "name" and sum(below.kind == "name" for below in self.children) > MAX_KEYS:
            self._become_map()
            return self.children[VALUE]
        return found

    def _become_map(self) -> None:
        self.is_map = True
        value = self.children.setdefault(VALUE, _Node())
        for step in [step for step in self.children if step.kind == "name"]:
            value.merge(self.children.pop(step))

    def merge(self, other: _Node) -> None:
        """Add another tree, which must not be used afterwards."""
        if self.profile is None:
            self.profile = other.profile
        elif other.profile is not None:
            self.profile.merge(other.profile)
        if other.is_map and not self.is_map:
            self._become_map()
        for step, node in other.children.items():
            self.child(step).merge(node)

    def leaves(self, above: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], LeafProfile]]:
        """Steps and profile of every leaf, sorted by name."""
        if self.profile is not None:
            yield above, self.profile
        for step in sorted(self.children, key=lambda step: (step.kind, step.name)):
            yield from self.children[step].leaves((*above, step))

    def to_dict(self, write: Callable[[LeafProfile], dict[str, Any]]) -> dict[str, Any]:
        below = sorted(self.children.items(), key=lambda item: (item[0].kind, item[0].name))
        return {
            "map": self.is_map,
            "profile": write(self.profile) if self.profile is not None else None,
            "children": [[step.kind, step.name, node.to_dict(write)] for step, node in below],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], read: Callable[[Mapping[str, Any]], LeafProfile]) -> _Node:
        node = cls()
        node.is_map = data["map"]
        node.profile = read(data["profile"]) if data["profile"] else None
        node.children = {Step(kind, name): cls.from_dict(below, read) for kind, name, below in data["children"]}
        return node


class SubLeaves:
    """Accumulator of the leaves inside one leaf's strings. ``make`` makes an empty profile for one of them.

    ``forms`` counts the values that are documents, by form. Commutative and associative like the profile it is part of,
    as long as the tree has no more than ``MAX_LEAVES`` leaves; a larger one is given up, and ``too_many`` says so.
    """

    def __init__(self, make: Callable[[], LeafProfile] | None) -> None:
        self._make = make
        self.forms: Counter[str] = Counter()
        self.too_many = False
        self._root = _Node()

    def update(
        self,
        values: pa.Array,
        texts: Sequence[str],
        numbers: npt.NDArray[np.int64],
        engine: Engine,
        verified: Verified | None,
        token_spans: TokenSpans | None,
    ) -> None:
        """Look into distinct values that are not blank; ``numbers`` says how often each one occurs."""
        groups: dict[tuple[tuple[Step, ...], str], _Group] = {}
        for position in np.flatnonzero(may_be_documents(values)).tolist():
            document = read_document(texts[position])
            if document is None:
                continue
            number = int(numbers[position])
            self.forms[document.form] += number
            for place in document.places:
                if place.steps:
                    counted, nulls = groups.get((place.steps, place.role), (Counter[str](), 0))
                    if place.text is None:
                        nulls += number
                    else:
                        counted[place.text] += number
                    groups[place.steps, place.role] = counted, nulls
        self._grow(groups)
        for (node, role), (counted, nulls) in self._by_node(groups).items():
            if node.profile is None:
                node.profile = self._new()
            weights = np.fromiter(counted.values(), np.int64, len(counted))
            node.profile.add(pa.array(counted, pa.string()), weights, nulls, engine, verified, token_spans, role)

    def _new(self) -> LeafProfile:
        if self._make is None:
            raise ValueError("profiles that were read back can be merged, not updated")
        return self._make()

    def _grow(self, groups: Mapping[tuple[tuple[Step, ...], str], _Group]) -> None:
        """Makes all nodes before any is filled: an object with too many keys is a map by then."""
        for steps, _ in groups:
            self._node(steps)
        self._cut()

    def _cut(self) -> None:
        if sum(1 for _ in _all(self._root)) > MAX_LEAVES:
            self.too_many = True
        if self.too_many:
            self._root = _Node()

    def _by_node(self, groups: Mapping[tuple[tuple[Step, ...], str], _Group]) -> dict[tuple[_Node, str], _Group]:
        found: dict[tuple[_Node, str], _Group] = {}
        if self.too_many:
            return found
        for (steps, role), (counted, nulls) in groups.items():
            node = self._node(steps)
            if (node, role) in found:
                before, more = found[node, role]
                before.update(counted)
                found[node, role] = before, more + nulls
            else:
                found[node, role] = counted, nulls
        return found

    def _node(self, steps: Sequence[Step]) -> _Node:
        node = self._root
        for step in steps:
            node = node.child(step)
        return node

    def merge(self, other: SubLeaves) -> None:
        """Add another part's, which must not be used afterwards."""
        self.forms.update(other.forms)
        self.too_many |= other.too_many
        self._root.merge(other._root)
        self._cut()

    def leaves(self) -> Iterator[tuple[tuple[Step, ...], LeafProfile]]:
        """Steps and profile of every leaf; steps begin with the form."""
        return self._root.leaves()

    def to_dict(self, write: Callable[[LeafProfile], dict[str, Any]]) -> dict[str, Any]:
        """JSON-ready, with each profile as ``write`` puts it; equal accumulators give equal dictionaries."""
        return {"forms": dict(self.forms), "too_many": self.too_many, "root": self._root.to_dict(write)}

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], LeafProfile],
        make: Callable[[], LeafProfile] | None = None,
    ) -> SubLeaves:
        """Inverse of :meth:`to_dict`; ``read`` reads one profile. Without ``make`` it can be merged, not updated."""
        found = cls(make)
        found.forms = Counter(data["forms"])
        found.too_many = data["too_many"]
        found._root = _Node.from_dict(data["root"], read)
        return found


def _all(node: _Node) -> Iterator[_Node]:
    for below in node.children.values():
        yield below
        yield from _all(below)


__all__ = ["MAX_KEYS", "MAX_LEAVES", "SubLeaves"]
