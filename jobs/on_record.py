"""What is on record: of all datasets, of one; and what was meant where one is not: most likely another spelling."""

import difflib
import glob
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.governance.registry import Registry, Row
from clearance.governance.standing import not_vouched

_TABLES = ("labels", "derived")


def overview(registry: Registry) -> list[dict[str, Any]]:
    """All labelled datasets with the label that counts, JSON-ready. ``problem`` says why none does; then ``label`` is
    None: one row written past the audit would say anything.
    """
    newest, seen = registry.latest_each("labels"), registry.latest_each("datasets")
    counted = Audit(registry).counted_each("labels")
    found = []
    for key, last in newest.items():
        counting, why = counted[key]
        row = counting[-1] if counting else last
        found.append(
            {
                "dataset": key,
                "rows": seen.get(key, {}).get("rows"),
                "version": row["version"],
                "kind": row["kind"],
                "label": row["label"] if counting else None,
                "problem": None if counting else not_vouched(why),
                "at": row["at"].isoformat(timespec="seconds"),
            }
        )
    return found


def history(key: str, registry: Registry) -> dict[str, Any]:
    """All rows of one dataset, oldest first, JSON-ready; empty where it has no label. Each row of the tables that the
    audit covers says whether that stands for it (``counts``); ``problem``: why no label does.
    """
    rows = {name: registry.rows(name, dataset=key) for name in ("labels", "verdicts", "protections", "runs")}
    if not rows["labels"]:
        return {}
    told: dict[str, Any] = {"dataset": key, "problem": None}
    for name in ("labels", "protections"):
        counting, why = Audit(registry).counted(name, key)
        if why and name == "labels":
            told["problem"] = not_vouched(why)
        seqs = {row["seq"] for row in counting}
        rows[name] = [{**row, "counts": row["seq"] in seqs} for row in rows[name]]
    return told | {name: [_plain(row) for row in each] for name, each in rows.items()}


def _plain(row: Row) -> dict[str, Any]:
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in row.items()}


def is_known(key: str, registry: Registry, also: Collection[str] = ()) -> bool:
    """Whether a dataset (its key) was labelled here, is in lineage, or is one of ``also``."""
    return key in also or any(registry.latest(table, ["dataset"], dataset=key) is not None for table in _TABLES)


def names(registry: Registry, also: Collection[str] = ()) -> set[str]:
    """All datasets on record. Thousands are read: ask once, for as many as are looked for."""
    return {row["dataset"] for table in _TABLES for row in registry.rows(table, ["dataset"])} | set(also) - {""}


def meant(datasets: Iterable[str], registry: Registry) -> dict[str, str]:
    """The datasets that these stand for, each as it is called, by its key: `x` and `./x` are one.

    A folder or a quoted glob stands for the datasets in it, as for a scan; what is on record as one is one. A file of
    which no scan knows the format is among them: nobody looked at it, and it would be given with the folder.
    """
    found: dict[str, str] = {}
    for one in (one for dataset in datasets for one in _in(dataset, registry)):
        found.setdefault(dataset_identity(one).key, one)
    return found


def _in(dataset: str, registry: Registry) -> list[str]:
    path = Path(dataset)
    if not glob.has_magic(dataset) and (not path.is_dir() or (path / "_delta_log").is_dir()):
        return [dataset]
    from clearance.jobs.formats import hidden_in
    from clearance.jobs.references import expand

    if is_known(dataset_identity(dataset).key, registry):
        return [dataset, *map(str, hidden_in(path))]
    return [each.text for each in expand(dataset, every=True)]


def nearest(key: str, known: Collection[str], home: str) -> str:
    """Hint for a dataset that is not ``known``: those that are spelled nearly so (at most 3); empty where none is.

    Where nothing is known at all, most likely the registry is another one than that of ``home``.
    """
    if not known:
        return f"nothing at all is on record at {home}: is the registry elsewhere (--home, CLEARANCE_HOME)?"
    if not (close := difflib.get_close_matches(key, _likely(key, known), n=3, cutoff=0.8)):
        return ""
    return f"did you mean {' or '.join(close)}?"


def _likely(key: str, known: Collection[str]) -> list[str]:
    # Comparing with each of many thousands takes seconds: what differs much in length is not the same, misspelt.
    most = max(3, len(key) // 5)
    return sorted(one for one in known if abs(len(one) - len(key)) <= most and one != key)[:2_000]


__all__ = ["history", "is_known", "meant", "names", "nearest", "overview"]
