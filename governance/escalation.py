"""What became more sensitive since a dataset was last approved.

An approval is of a state: label, columns, types, how much of what was found, regions, policy, manifest. Compared with
it, anything that rose, came new or fell without a named rule has to be approved again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from clearance.errors import RegistryError
from clearance.governance import canonical
from clearance.governance.conflicts import Conflict
from clearance.governance.labels import Levels

#: What an approval is bound to; it may allow that some of it changes.
BOUND = ("version", "schema", "policy", "manifest")
_ASK = "have it approved: clearance request, then clearance approve"
#: A share jumps when the two 95 % intervals don't touch and it is this many times as large, or larger by this much.
_TIMES, _POINTS = 2.0, 0.1


@dataclass(frozen=True, slots=True)
class DatasetState:
    """A dataset as it is approved or judged. Holds names, levels and shares, no value of the data.

    ``columns``: label and ``entity_types`` of each path. ``types``: SQL types by column. ``shares``: for path and
    entity type the interval [low, estimate, high]. ``lowered``: paths whose label fell by a rule with a passed proof.
    """

    dataset: str
    version: str
    schema: str
    policy: str
    manifest: str | None
    label: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]
    types: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    regions: list[str] | None = None
    lowered: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "DatasetState":
        """The inverse of :meth:`to_dict`. Raises ``RegistryError`` for something else."""
        try:
            return cls(**{name: data[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError):
            raise RegistryError("an approval on record is damaged", hint="have the dataset approved again") from None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it: what a signature is for."""
        return canonical.digest(self.to_dict())


def lapses(approved: DatasetState, now: DatasetState, allows: frozenset[str]) -> list[Conflict]:
    """What an approval is bound to and no longer so, beyond what it allows."""
    found = []
    for name in BOUND:
        before, today = getattr(approved, name), getattr(now, name)
        if before != today and name not in allows:
            what = "policy-changed" if name == "policy" else f"{name}-changed"
            remedy = _ASK if today is not None else "give the manifest that was approved: --manifest FILE"
            found.append(_escalation(what, None, {"approved": _short(before), "now": _short(today)}, remedy))
    return found


def escalations(approved: DatasetState, now: DatasetState, levels: Levels) -> list[Conflict]:
    """What rose, came new, moved or fell without a rule; each names the column, what was approved and what is."""
    found = list(_label(None, approved.label, now.label, levels))
    for path in sorted(now.columns):
        before, today = approved.columns.get(path), now.columns[path]
        if before is None:
            facts = {"level": today["level"], "entity_types": list(today.get("entity_types", ()))}
            found.append(_escalation("new-column", path, facts))
            continue
        found += _label(path, before, today, levels)
        if added := sorted(set(today.get("entity_types", ())) - set(before.get("entity_types", ()))):
            found.append(_escalation("entity-type-added", path, {"added": added}))
        if path not in now.lowered:
            found += _fallen(path, before, today, levels)
        found += _shares(path, approved.shares.get(path, {}), now.shares.get(path, {}))
    for column, kind in sorted(approved.types.items()):
        if column in now.types and now.types[column] != kind:
            found.append(_escalation("type-changed", column, {"approved": kind, "now": now.types[column]}))
    if approved.regions is not None and approved.regions != now.regions:
        facts = {"approved": approved.regions, "now": now.regions}
        found.append(_escalation("residency-changed", None, facts))
    return found


def _label(path: str | None, before: Mapping[str, Any], today: Mapping[str, Any], levels: Levels) -> Iterator[Conflict]:
    # A level that the policy no longer knows can't be compared: the policy changed, and that is told.
    if before["level"] in levels and today["level"] in levels and levels.exceeds(today["level"], before["level"]):
        yield _escalation("level-raised", path, {"approved": before["level"], "now": today["level"]})
    for what, plural in (("category", "categories"), ("regime", "regimes"), ("subject", "subjects")):
        if added := sorted(set(today.get(plural, ())) - set(before.get(plural, ()))):
            yield _escalation(f"{what}-added", path, {"added": added})


def _fallen(path: str, before: Mapping[str, Any], today: Mapping[str, Any], levels: Levels) -> Iterator[Conflict]:
    facts: dict[str, Any] = {}
    if before["level"] in levels and today["level"] in levels and levels.exceeds(before["level"], today["level"]):
        facts |= {"approved": before["level"], "now": today["level"]}
    if gone := sorted(set(before.get("regimes", ())) - set(today.get("regimes", ()))):
        facts["regimes_gone"] = gone
    if facts:
        yield _escalation("lowered-without-rule", path, facts)


def _shares(path: str, before: Mapping[str, list[float]], today: Mapping[str, list[float]]) -> Iterator[Conflict]:
    for kind in sorted(before.keys() & today.keys()):
        old, new = before[kind][1], today[kind][1]
        if has_jumped(before[kind], today[kind]):
            yield _escalation("prevalence-jump", path, {"entity_type": kind, "approved": old, "now": new})


def has_jumped(before: Sequence[float], now: Sequence[float]) -> bool:
    """Whether a share [low, estimate, high] is clearly and much larger than it was."""
    (_, old, high), (low, new, _) = before, now
    return low > high and (new >= _TIMES * old or new - old >= _POINTS)


def _escalation(what: str, column: str | None, facts: Mapping[str, Any], remedy: str = _ASK) -> Conflict:
    return Conflict("escalation", column, {"change": what, **facts}, remedy)


def not_approved(what: str, facts: Mapping[str, Any], remedy: str = _ASK) -> Conflict:
    """An approval that is missing, rejected or void."""
    return Conflict("approval", None, {"change": what, **facts}, remedy)


def _short(value: str | None) -> str | None:
    return value[:16] if isinstance(value, str) else value


__all__ = ["BOUND", "DatasetState", "escalations", "has_jumped", "lapses", "not_approved"]
