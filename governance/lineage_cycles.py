"""Datasets of which lineage only says that they were made of themselves: where their data came from, nobody told."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from clearance.governance.lineage_events import Hop


def without_origin(hops: Mapping[str, Sequence[Hop]], known: Collection[str]) -> frozenset[str]:
    """The outputs that no job made from anything but one another, such as a table that is only ever merged into.

    ``hops`` by output. What is ``known`` (somebody scanned it) has an origin, and so has what nobody wrote, for it is
    unknown by itself. What is only made of such outputs is not among them: it gets their label like any other.
    """
    loose = set(hops) - set(known)
    steps = [(output, frozenset(hop.inputs & loose)) for output, group in hops.items() for hop in group]
    readers: dict[str, list[int]] = {}
    for number, (_, inputs) in enumerate(steps):
        for one in inputs:
            readers.setdefault(one, []).append(number)
    missing = [len(inputs) for _, inputs in steps]
    founded = [output for output, inputs in steps if not inputs]
    while founded:
        if (one := founded.pop()) in loose:
            loose.discard(one)
            for number in readers.get(one, ()):
                missing[number] -= 1
                if not missing[number]:
                    founded.append(steps[number][0])
    made_of: dict[str, set[str]] = {one: set() for one in loose}
    for output, inputs in steps:
        if output in loose:
            made_of[output] |= inputs & loose
    read = Counter(one for inputs in made_of.values() for one in inputs)
    ends = [one for one in loose if not read[one]]
    while ends:
        loose.discard(one := ends.pop())
        for source in made_of[one]:
            read[source] -= 1
            if not read[source]:
                ends.append(source)
    return frozenset(loose)


__all__ = ["without_origin"]
