"""What jobs wrote, by the names that they gave it, and the datasets that are, hold, or lie in those places.

A job may name a file or a partition inside a dataset, the folder around it, or spell a path as a URI does
(``day=a%20b``). Which of them it meant nobody tells, so what it was made from flows into each: labels only rise by it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from urllib.parse import unquote

from clearance.errors import UsageError
from clearance.governance.identity import dataset_identity
from clearance.governance.lineage_events import NOWHERE, Hop

#: How the steps are called that no job took, but that follow from where datasets lie.
WITHIN, AROUND, SPELLED = "clearance.within", "clearance.around", "clearance.spelled"
PLACED = frozenset({WITHIN, AROUND, SPELLED})


def folders_of(key: str) -> Iterator[str]:
    """The keys of all folders around a dataset, up to the root or the bucket; a key with a slash at its end too."""
    folder = key.rpartition("/")[0]
    while "/" in folder:
        yield folder
        yield f"{folder}/"
        folder = folder.rpartition("/")[0]


def overlaps(key: str, others: Collection[str]) -> bool:
    """Whether one of the others, as it is or decoded, lies in a dataset, around it, or is another spelling of it."""
    plain = decoded(key)
    around, inside = {*folders_of(key), *folders_of(plain)}, (f"{key.rstrip('/')}/", f"{plain.rstrip('/')}/")
    for other in others:
        named = {other, decoded(other)}
        if named & around or any(one.startswith(inside) for one in named) or (other != key and plain in named):
            return True
    return False


def decoded(key: str) -> str:
    """The key of what a percent-encoded name stands for; the same where it is none."""
    if "%" not in key:
        return key
    try:
        return dataset_identity(unquote(key)).key
    except (UsageError, ValueError):
        return key  # a name of no dataset, such as one with a line break


def placed(hops: Iterable[Hop], labelled: Collection[str], proved: Collection[str] = ()) -> list[Hop]:
    """The steps by which what jobs wrote gets into datasets (keys) that they did not name: those that are ``labelled``,
    and those that other jobs wrote.

    Into a dataset from what lies in it, and from another spelling of it; a scan of the whole saw what was labelled in
    it. Into one below a folder that was written flows what that was made from, but not the folder itself: what lies
    beside it there is none of its business. What was written to a folder that is ``proved`` is not in it.

    None of these steps is an origin: what was only made of itself stays so.
    """
    hops = [hop for hop in hops if hop.output != NOWHERE]
    written = _written(hops)
    known = {*labelled, *(hop.output for hop in hops)}
    plain = {key: decoded(key) for key in known}
    spelled: dict[str, set[str]] = {}
    for key, name in plain.items():
        spelled.setdefault(name, set()).add(key)
    places: dict[str, set[str]] = {}
    for output, inputs in written.items():
        if output not in proved:
            for place in {output, plain[output]}:
                places.setdefault(place, set()).update(inputs)
    found: list[Hop] = []
    for key in sorted(known):
        folders = {folder for one in {key, plain[key]} for folder in folders_of(one)}
        holders = {each for folder in folders for each in {folder, *spelled.get(folder, ())}} & known
        for holder in sorted(holders - {key}):
            if key in written or holder not in labelled:
                found.append(Hop(holder, frozenset({key}), job=WITHIN))
        if key in written:
            found += [Hop(each, frozenset({key}), job=SPELLED) for each in sorted(spelled[plain[key]] - {key})]
        if around := folders & places.keys():
            found.append(Hop(key, frozenset().union(*(places[one] for one in around)), job=AROUND))
    return found


def _written(hops: Sequence[Hop]) -> dict[str, set[str]]:
    """What each place was written from. Another name of a place counts where it is one that was written: a job that
    only read it may have said so.
    """
    found: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for hop in hops:
        if hop.copy:
            for name in hop.inputs:
                names.setdefault(name, set()).add(hop.output)
        else:
            found.setdefault(hop.output, set()).update(hop.inputs or {NOWHERE})
    waiting = [*found]
    while waiting:
        for other in names.pop(name := waiting.pop(), ()):
            if other not in found:
                waiting.append(other)
            found.setdefault(other, set()).add(name)
    return found


__all__ = ["PLACED", "decoded", "folders_of", "overlaps", "placed"]
