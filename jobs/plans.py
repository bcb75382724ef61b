"""The plan that protection carries out: what is done to each leaf. :mod:`clearance.jobs.planning` makes it.

A plan holds paths, types, methods and labels; it can be shown, stored and compared, and holds no value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clearance.governance.labels import Label
from clearance.jobs.binding import Binding, Subject
from clearance.jobs.settings import Tokens
from clearance.jobs.text_methods import Settings
from clearance.method_spec import MethodSpec
from clearance.methods import parse_method
from clearance.paths import Step

How = Literal["cells", "spans", "null", "done", "keep"]


@dataclass(frozen=True, slots=True)
class InsidePlan:
    """What is done to one leaf inside a string leaf's values: all of it, by the method of ``entity_type``.

    ``steps`` lead there from the string.
    """

    path: str
    steps: tuple[Step, ...]
    entity_type: str
    method: Settings

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"path": self.path, "entity_type": self.entity_type, "method": dict(self.method)}


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """What is done to one leaf.

    ``how``: whole ``cells`` by the method of ``entity_type``, ``spans`` inside text each by its type's method,
    ``null`` (suppressed), ``done`` (by this method already, as a signed record says), or
    ``keep``. ``inside``: the leaves inside its strings that have a method, which goes before
    what is found in them. ``by_type``: of ``spans``, the method of each entity type that was found in the texts.
    ``label`` is what the leaf has once this is done and proved.
    """

    path: str
    steps: tuple[Step, ...]
    how: How
    kind: str
    entity_type: str | None
    method: Settings
    label: Label
    type_before: str
    type_after: str
    note: str = ""
    inside: tuple[InsidePlan, ...] = ()
    unmarked: Mapping[str, Settings] = field(default_factory=dict)
    by_type: Mapping[str, Settings] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether values of this leaf are replaced."""
        return self.how in ("cells", "null") or (self.how == "spans" and self.method.get("name") != "keep")

    @property
    def as_text(self) -> bool:
        """Whether its values leave the workers as strings."""
        return self.how == "cells" or (self.changes and self.type_after != self.type_before)

    @property
    def keeps_type(self) -> bool:
        """Whether a whole column that is no string is none afterwards either."""
        return len(self.steps) == 1 and self.type_after == self.type_before != "string"

    @property
    def drops(self) -> str:
        """What goes with the values: ``column``, ``record``, or nothing."""
        scope = str(self.method.get("scope", "")) if self.how == "null" else ""
        return scope if scope == "record" or (scope == "column" and len(self.steps) == 1) else ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: what the registry, the lineage and the statement say of this leaf."""
        return {
            "path": self.path,
            "how": self.how,
            "entity_type": self.entity_type,
            "method": dict(self.method),
            "type_before": self.type_before,
            "type_after": self.type_after,
            "label": self.label.to_dict(),
            **({"note": self.note} if self.note else {}),
            **({"inside": [leaf.to_dict() for leaf in self.inside]} if self.inside else {}),
            # Of changed texts it is named when empty too: an older record, without it, does not say what was done.
            **({"by_type": _told(self.by_type)} if self.by_type or (self.how == "spans" and self.changes) else {}),
            **({"unmarked": _told(self.unmarked)} if self.unmarked else {}),
        }


def _told(methods: Mapping[str, Settings]) -> dict[str, Any]:
    return {name: dict(method) for name, method in methods.items()}


@dataclass(frozen=True, slots=True)
class ProtectionPlan:
    """What is done to a dataset. ``span_methods`` and ``span_labels`` are by entity type, for text; ``overrides`` those
    of the columns that have a method of their own.
    """

    leaves: tuple[LeafPlan, ...]
    span_methods: Mapping[str, Settings]
    span_labels: Mapping[str, Label]
    levels: tuple[str, ...]
    partitions: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Settings]] = field(default_factory=dict)
    declared: tuple[MethodSpec, ...] = ()
    subject: Subject | None = None

    def binding(self, tokens: Tokens) -> Binding | None:
        """What binds reversible tokens to persons, in a worker; None where the plan has no subject."""
        return Binding(self.subject, tokens) if self.subject is not None else None

    def spec(self, settings: Settings) -> MethodSpec:
        """The declaration behind a leaf's settings: those of a hierarchy show its file's digest only."""
        return next((spec for spec in self.declared if spec.settings() == settings), None) or parse_method(settings)

    def is_recomputed(self, leaf: LeafPlan) -> bool:
        """Whether its proof applies the method to the source again: to whole cells always, for a token shows whose key
        made it and a mask that it is one, and neither of which value; to texts where what is in them does not show that
        it was replaced.
        """
        return leaf.how == "cells" or (leaf.how == "spans" and leaf.changes and bool(leaf.unmarked))

    @property
    def loses_records(self) -> bool:
        """Whether records go as a whole."""
        return any(leaf.drops == "record" for leaf in self.leaves)

    @property
    def changed(self) -> tuple[LeafPlan, ...]:
        """Leaves whose values are replaced."""
        return tuple(leaf for leaf in self.leaves if leaf.changes)

    def methods_at(self, path: str) -> Mapping[str, Settings]:
        """Method of each entity type inside the text of one leaf."""
        return self.overrides.get(path, self.span_methods)

    def subject_at(self, leaf: LeafPlan) -> str | None:
        """The column whose value decides how dates inside a leaf's text move; None where none do."""
        return next((str(method["subject"]) for method in leaf.unmarked.values() if "subject" in method), None)
