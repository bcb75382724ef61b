"""OpenLineage events of any producer, read into hops: which dataset was written from which, column by column.

Of an event only names and times are kept. SQL, messages, descriptions and statistics are not: they can quote data.
Events of one run add to each other whatever their order (https://openlineage.io/docs/spec/object-model), and nothing
is ever taken back: a run that failed may have written, and an overwritten partition is not an overwritten dataset.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearance.errors import LineageError, UsageError
from clearance.governance import canonical
from clearance.governance.identity import event_identity

Event = Mapping[str, Any]

#: Subtypes of the columnLineage facet (1-2-0): the first three DIRECT, the rest INDIRECT.
_DIRECT = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
_INDIRECT = frozenset({"JOIN", "GROUP_BY", "FILTER", "SORT", "WINDOW", "CONDITIONAL"})
#: Stands for an origin that no dataset has (a job that feeds another job), and for the output of a job that only reads.
NOWHERE = ""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """One column that another comes from, or depends on. ``column`` "": any of the dataset's."""

    dataset: str
    column: str
    how: str = "TRANSFORMATION"

    @property
    def indirect(self) -> bool:
        """Whether it decides which values there are, and is not among them."""
        return self.how in _INDIRECT or self.how == "INDIRECT"


@dataclass(frozen=True, slots=True)
class Hop:
    """What one event says of one output; the keys are the registry's.

    ``fields`` None: nothing is said of columns. ``deciding`` are origins that decide on the whole dataset (filter,
    join, sort). ``schema`` None: the output's columns are not named. ``copy``: the same data under another name.
    """

    output: str
    inputs: frozenset[str] = frozenset()
    fields: Mapping[str, frozenset[Origin]] | None = None
    deciding: frozenset[Origin] = frozenset()
    schema: frozenset[str] | None = None
    job: str = ""
    run: str = ""
    event: str = ""
    at: str = ""
    copy: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, everything sorted: equal hops give equal text."""
        fields = None
        if self.fields is not None:
            fields = {path: _rows(origins) for path, origins in sorted(self.fields.items())}
        return {
            "output": self.output,
            "inputs": sorted(self.inputs),
            "fields": fields,
            "deciding": _rows(self.deciding),
            "schema": None if self.schema is None else sorted(self.schema),
            "job": self.job,
            "run": self.run,
            "event": self.event,
            "at": self.at,
            "copy": self.copy,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Hop":
        """The reverse of :meth:`to_dict`."""
        fields, schema = data["fields"], data["schema"]
        return cls(
            data["output"],
            frozenset(data["inputs"]),
            None if fields is None else {path: _origins(rows) for path, rows in fields.items()},
            _origins(data["deciding"]),
            None if schema is None else frozenset(schema),
            data["job"],
            data["run"],
            data["event"],
            data["at"],
            data["copy"],
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what it says: an event that is read twice is one."""
        return canonical.digest(self.to_dict())


def _rows(origins: Iterable[Origin]) -> list[list[str]]:
    return [[one.dataset, one.column, one.how] for one in sorted(origins)]


def _origins(rows: Iterable[Iterable[str]]) -> frozenset[Origin]:
    return frozenset(Origin(*row) for row in rows)


def read_events(text: str) -> Iterator[tuple[str, Event]]:
    """Each event of a file with its place: JSON Lines, one JSON value, a list, or what a receiver's list of events
    answers (``{"events": [...]}``). Raises LineageError with the line of what is not JSON or no event.
    """
    decoder, position, line = json.JSONDecoder(), 0, 1
    text = text.removeprefix("\ufeff")
    while position < len(text):
        if text[position].isspace():
            line += text[position] == "\n"
            position += 1
            continue
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise LineageError(f"line {line}: this is not JSON", hint="give OpenLineage events as JSON") from None
        listed = value.get("events") if isinstance(value, dict) and "job" not in value else value
        if isinstance(listed, list):
            for number, event in enumerate(listed, 1):
                yield _event(event, f"line {line}, event {number}")
        else:
            yield _event(value, f"line {line}")
        line += text.count("\n", position, end)
        position = end


def _event(event: Any, place: str) -> tuple[str, Event]:
    if not isinstance(event, dict) or not ("job" in event or "dataset" in event):
        raise LineageError(f"{place}: this is no OpenLineage event", hint="an event names a job or a dataset")
    return place, event


def hops_of(event: Event, place: str) -> list[Hop]:
    """What an event says of each dataset it names as written, and which names mean the same data.

    Raises LineageError for an event that names no job, no time or no dataset as the specification asks.
    """
    try:
        return _hops(event)
    except UsageError as error:
        raise LineageError(f"{place}: {error.message}", hint=error.hint) from None
    except (KeyError, TypeError, AttributeError, ValueError):
        told = f"{place}: this event is not as OpenLineage has it"
        raise LineageError(told, hint="see https://openlineage.io/docs/spec") from None


def _hops(event: Event) -> list[Hop]:
    at = str(event["eventTime"])
    datetime.fromisoformat(at)
    if "job" not in event:
        told = event["dataset"]
        return [*_aliases(told, at), *_declared(told, at)]
    job = event["job"]
    name = f"{_text(job['namespace'])}/{_text(job['name'])}"
    run, kind = _text(event["run"]["runId"]) if "run" in event else "", str(event.get("eventType", ""))
    inputs = frozenset(_key(one) for one in event.get("inputs") or ())
    found: list[Hop] = []
    for output in event.get("outputs") or ():
        fields, deciding, more = _column_lineage(output.get("facets") or {})
        found.append(Hop(_key(output), inputs | more, fields, deciding, _schema(output), name, run, kind, at))
    if inputs and not found:
        found.append(Hop(NOWHERE, inputs, None, job=name, run=run, event=kind, at=at))
    for told in [*(event.get("inputs") or ()), *(event.get("outputs") or ())]:
        found += _aliases(told, at)
    return found + _entries((job.get("facets") or {}).get("lineage") or {}, name, run, kind, at)


def _declared(told: Mapping[str, Any], at: str) -> list[Hop]:
    """The lineage that a dataset says of itself, without a job."""
    fields, deciding, inputs = _column_lineage(told.get("facets") or {})
    if fields is None and not inputs:
        return []
    return [Hop(_key(told), inputs, fields, deciding, _schema(told), job="declared", at=at)]


def _aliases(told: Mapping[str, Any], at: str) -> list[Hop]:
    """Other names of the same data (symlinks), and the name it had before it was renamed."""
    facets, own = told.get("facets") or {}, _key(told)
    found = []
    for other in (facets.get("symlinks") or {}).get("identifiers") or ():
        key = _key(other)
        if key != own:
            found += [Hop(a, frozenset({b}), job="another name", at=at, copy=True) for a, b in ((key, own), (own, key))]
    if before := (facets.get("lifecycleStateChange") or {}).get("previousIdentifier"):
        found.append(Hop(own, frozenset({_key(before)}), job="renamed", at=at, copy=True))
    return found


def _column_lineage(
    facets: Mapping[str, Any],
) -> tuple[dict[str, frozenset[Origin]] | None, frozenset[Origin], frozenset[str]]:
    """Fields, what decides on all of them, and inputs, from the facets columnLineage and lineage."""
    fields: dict[str, frozenset[Origin]] = {}
    deciding: set[Origin] = set()
    inputs: set[str] = set()
    said = False
    if (told := facets.get("columnLineage")) is not None:
        said = True
        for path, entry in told["fields"].items():
            fields[_text(path)] = frozenset(o for one in entry.get("inputFields") or () for o in _origins_of(one))
        deciding |= {o for one in told.get("dataset") or () for o in _origins_of(one, "INDIRECT")}
    if (told := facets.get("lineage")) is not None:
        more, also, whole = _explicit(told)
        said = said or bool(more)
        fields = {path: fields.get(path, frozenset()) | more.get(path, frozenset()) for path in {*fields, *more}}
        deciding |= also
        inputs |= whole
    inputs |= {one.dataset for group in (*fields.values(), deciding) for one in group}
    return (fields if said else None), frozenset(deciding), frozenset(inputs)


def _entries(told: Mapping[str, Any], job: str, run: str, kind: str, at: str) -> list[Hop]:
    """The lineage that a job says of its outputs (facet lineage 1-0-0)."""
    found = []
    for entry in told.get("entries") or ():
        if entry.get("type") != "DATASET":
            continue
        fields, deciding, inputs = _explicit(entry)
        inputs = inputs | {one.dataset for group in (*fields.values(), deciding) for one in group}
        found.append(Hop(_key(entry), frozenset(inputs), fields or None, frozenset(deciding), None, job, run, kind, at))
    return found


def _explicit(told: Mapping[str, Any]) -> tuple[dict[str, frozenset[Origin]], set[Origin], set[str]]:
    fields = {
        _text(path): frozenset(o for one in entry["inputs"] for o in _origins_of(one))
        for path, entry in (told.get("fields") or {}).items()
    }
    whole = [one for one in told.get("inputs") or () if "field" not in one]
    parts = [one for one in told.get("inputs") or () if "field" in one]
    return fields, {o for one in parts for o in _origins_of(one, "INDIRECT")}, {_source(one) for one in whole}


def _origins_of(told: Mapping[str, Any], default: str = "TRANSFORMATION") -> list[Origin]:
    dataset, column = _source(told), _text(told["field"]) if "field" in told else ""
    hows = {_how(one) for one in told.get("transformations") or ()} or {default}
    return [Origin(dataset, column, how) for how in hows]


def _how(told: Mapping[str, Any]) -> str:
    """Words of the specification only: anything else a producer writes there is not kept."""
    subtype = str(told.get("subtype") or "").upper()
    if subtype in _DIRECT | _INDIRECT:
        return subtype
    return "INDIRECT" if str(told.get("type") or "").upper() == "INDIRECT" else "TRANSFORMATION"


def _source(told: Mapping[str, Any]) -> str:
    return NOWHERE if told.get("type") == "JOB" else _key(told)


def _schema(told: Mapping[str, Any]) -> frozenset[str] | None:
    schema = (told.get("facets") or {}).get("schema")
    return frozenset(_leaves(schema.get("fields") or (), "")) or None if schema is not None else None


def _leaves(fields: Iterable[Mapping[str, Any]], above: str) -> Iterator[str]:
    for one in fields:
        path = f"{above}.{_text(one['name'])}" if above else _text(one["name"])
        yield from _leaves(one["fields"], path) if one.get("fields") else (path,)


def _key(told: Mapping[str, Any]) -> str:
    return event_identity(_text(told["namespace"]), _text(told["name"])).key


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise ValueError
    return value
