"""What jobs wrote, by the names that they gave it, and the labelled datasets that are, hold, or lie in those places.

A job may name a file or a partition inside a dataset, the folder around it, or spell a path as a URI does
(``day=a%20b``). Which of them it meant nobody tells, so what it was made from flows into each: labels only rise by it.
"""

from collections.abc import Collection, Iterable, Iterator
from urllib.parse import unquote

from clearance.errors import UsageError
from clearance.governance.identity import dataset_identity
from clearance.governance.lineage_events import NOWHERE, Hop

#: How the steps are called that no job took, but that follow from where datasets lie.
WITHIN, AROUND, SPELLED = "clearance.within", "clearance.around", "clearance.spelled"


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
    """The steps by which what jobs wrote gets into ``labelled`` datasets (keys) that they did not name.

    Into a dataset from what lies in it, and from another spelling of it. Into one below a folder that was written flows
    what that was made from, but not the folder itself: what lies beside it there is none of its business. What was
    written to a folder that is ``proved`` is not in it.
    """
    known = frozenset(labelled)
    written: dict[str, set[str]] = {}
    for hop in hops:
        if hop.output != NOWHERE:
            written.setdefault(hop.output, set()).update(hop.inputs or {NOWHERE})
    spelled: dict[str, set[str]] = {}
    for key in known:
        if "%" in key:
            spelled.setdefault(decoded(key), set()).add(key)
    found: list[Hop] = []
    places: dict[str, set[str]] = {}
    for output, inputs in sorted(written.items()):
        plain = decoded(output)
        same = ({plain} & known | spelled.get(plain, set())) - {output}
        found += [Hop(key, frozenset({output}), job=SPELLED) for key in sorted(same)]
        holders = {key for one in {output, plain} for key in folders_of(one)}
        holders |= {key for folder in holders for key in spelled.get(folder, ())}
        found += [Hop(key, frozenset({output}), job=WITHIN) for key in sorted(holders & known - {output})]
        if output not in proved:
            for place in {output, plain}:
                places.setdefault(place, set()).update(inputs)
    for key in sorted(known):
        around = {folder for one in {key, decoded(key)} for folder in folders_of(one)} & places.keys()
        if around:
            found.append(Hop(key, frozenset().union(*(places[one] for one in around)), job=AROUND))
    return found


__all__ = ["decoded", "folders_of", "overlaps", "placed"]
