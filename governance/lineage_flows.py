"""What flows into which column of a hop, and the hops of one run as one."""

import re
from collections.abc import Iterable, Sequence

from clearance.governance.lineage_events import NOWHERE, Hop, Origin

#: Stands for the columns of an output that lineage does not name, where it does not name all.
OTHERS = "*"
_NESTED = re.compile(r"\[\]|\{\w+\}|\._element\b|`")


def plain(path: str) -> str:
    """A column path as producers spell it differently, brought to one form for comparing."""
    return _NESTED.sub("", path).casefold()


def related(one: str, other: str) -> bool:
    """Whether two plain paths are the same, or one lies inside the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def flows(hop: Hop) -> Iterable[tuple[str, Sequence[Origin]]]:
    """(column, origins) of one hop; "" stands for every column of the output.

    An input that lineage leaves out of all columns, and a column whose origins it does not name, is opaque: anything
    may have come from anywhere. A step without inputs has an origin that nobody knows.
    """
    everything = [Origin(one, "", "OPAQUE") for one in sorted(hop.inputs)] or [Origin(NOWHERE, "", "UNKNOWN")]
    if hop.fields is None:
        for path in sorted(hop.schema or ()):
            yield path, everything
        yield "", everything
        return
    for path, origins in sorted(hop.fields.items()):
        yield path, sorted(origins) or everything
    told = {one.dataset for group in (*hop.fields.values(), hop.deciding) for one in group}
    if silent := hop.inputs - told:
        yield "", [Origin(one, "", "OPAQUE") for one in sorted(silent)]
    if hop.deciding:
        yield "", sorted(hop.deciding)
    named = [plain(path) for path in hop.fields]
    unnamed = [path for path in sorted(hop.schema or ()) if not any(related(plain(path), one) for one in named)]
    for path in unnamed:
        yield path, everything
    if hop.schema is None:
        # Which columns there are is not said: others may be among them.
        yield OTHERS, everything


def merged(hops: Iterable[Hop]) -> list[Hop]:
    """The hops of one run and output as one: START may name the inputs, and COMPLETE the columns."""
    groups: dict[tuple[str, str, str], list[Hop]] = {}
    copies = set()
    for hop in hops:
        if hop.copy:
            copies.add((hop.output, hop.inputs, hop.job))
        else:
            groups.setdefault((hop.job, hop.run, hop.output), []).append(hop)
    found = [Hop(output, inputs, job=job, copy=True) for output, inputs, job in copies]
    for (job, run, output), parts in groups.items():
        fields: dict[str, frozenset[Origin]] = {}
        for part in parts:
            for path, origins in (part.fields or {}).items():
                fields[path] = fields.get(path, frozenset()) | origins
        said = [part for part in parts if part.fields is not None]
        schemas = [part.schema for part in parts if part.schema is not None]
        latest = max(parts, key=lambda part: (part.at, part.event))
        found.append(
            Hop(
                output,
                frozenset().union(*(part.inputs for part in parts)),
                fields if said else None,
                frozenset().union(*(part.deciding for part in parts)),
                frozenset().union(*schemas) if schemas else None,
                job,
                run,
                latest.event,
                latest.at,
            )
        )
    return sorted(found, key=lambda hop: (hop.output, hop.job, hop.run, sorted(hop.inputs)))
