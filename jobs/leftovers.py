"""What killed runs left: ended on record, and what they had staged beside a target removed."""

import json
import re
import uuid
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from clearance.errors import PublishError
from clearance.governance.identity import dataset_identity
from clearance.governance.mending import are_over
from clearance.jobs.failures import value_free
from clearance.jobs.published import require_apart
from clearance.jobs.references import Reference
from clearance.jobs.staging import RUN_PROPERTY, SIDECAR, STAGED_TABLE, STAGING, Target, object_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clearance.jobs.desk import Desk

_DATA_FILE = re.compile(r"\.?part-\d{5}-[\w.-]+\.parquet(\.crc)?")
"""As Spark names them."""


def sweep(desk: "Desk", target: Target, spark: "SparkSession | None" = None) -> None:
    """Ends what killed runs left: their rows, deeds and last events, and what they had staged beside this target.

    Only runs of this home are known to be dead; what others stage there is left alone. So is, for a day, what a run
    staged that has no end on record and no mark here: it may be under way on another machine that shares the home.
    ``spark``: to look beside tables and into object stores.
    """
    buried, local = desk.bury_the_dead(), target.local_path
    if local is not None:
        there = _in_folder(local.parent / STAGING)
    else:
        there = _elsewhere(target, spark) if spark is not None else []
    over = {*buried, *are_over(desk.registry, there)}
    for run_id in there:
        if run_id in over and not desk.spool.is_open(run_id):
            target.staged(run_id).remove(spark)
    if local is not None:
        with suppress(OSError):  # not there, or others are staging in it
            (local.parent / STAGING).rmdir()


def make_way(desk: "Desk", target: Target, source: Reference | None, spark: "SparkSession | None" = None) -> None:
    """Ends and removes what killed runs left, then raises ``PublishError`` when the target can't be published to.

    ``source``: what is read, if it is not the target: where the two are not apart nothing is removed either.
    """
    if source is not None:
        require_apart(source, target)
    target.require_store()
    sweep(desk, target, spark)
    _take_back(desk, target)
    target.check_writable()


def _take_back(desk: "Desk", target: Target) -> None:
    """Removes Parquet whose run was killed, or failed, between its rename and its label, and files without a commit.

    No record speaks of them, and nothing could be written over them.
    """
    local = target.local_path
    if local is None:
        return
    if target.format != "parquet":
        if run_id := _uncommitted(desk, target, local):
            _remove(target, local, run_id)
        return
    try:
        run_id = str(json.loads((local / SIDECAR).read_bytes())[RUN_PROPERTY])
    except (OSError, ValueError, KeyError, TypeError):
        return
    ended = [row["status"] for row in desk.registry.rows("runs", ["status"], run_id=run_id)]
    if ended[-1:] != ["failed"] or desk.registry.rows("labels", ["run_id"], run_id=run_id):
        return
    _remove(target, local, run_id)


def _uncommitted(desk: "Desk", target: Target, local: Path) -> str | None:
    """The killed run whose data files are all there is at the target: its first publication never got to its commit."""
    # Delta makes folders in its log before it commits.
    if not local.is_dir() or any(path.is_file() for path in (local / "_delta_log").rglob("*")):
        return None
    files = [path for path in local.rglob("*") if path.is_file()]
    if not files or not all(_DATA_FILE.fullmatch(path.name) for path in files):
        return None
    about = desk.audit.entries(dataset=target.key)
    # Whoever publishes there now has announced it: the newest entry is that run's then.
    if not about or about[-1].get("result") != "failed" or "mended" not in (about[-1].get("facts") or {}):
        return None
    intent = next((entry for entry in about if entry["kind"] == "intent" and entry["id"] == about[-1]["id"]), None)
    if intent is None:
        return None
    # What a run of another home publishes here is staged beside it until it is committed; that run is on no record of
    # this home. Nor is a file this one's that was written after it was found dead.
    if _in_folder(local.parent / STAGING):
        return None
    # A file system may count whole seconds.
    since, until = (datetime.fromisoformat(entry["at"]).timestamp() for entry in (intent, about[-1]))
    times = [path.stat().st_mtime for path in files]
    return str(intent["run_id"]) if since - 1 <= min(times) and max(times) <= until + 1 else None


def _remove(target: Target, local: Path, run_id: str) -> None:
    staged = target.staged(run_id)
    if staged.path is not None:
        with suppress(OSError):  # who may not take it away is told that it is there
            staged.path.parent.mkdir(exist_ok=True)
            local.rename(staged.path)  # one step: half of it must not be what stays
            staged.remove(None)


def _in_folder(staging: Path) -> list[str]:
    """The runs that have something staged in a local folder."""
    return [folder.name for folder in staging.iterdir() if folder.is_dir()] if staging.is_dir() else []


def _elsewhere(target: Target, spark: "SparkSession") -> list[str]:
    """The runs that have something staged beside a table, or below an object store's prefix."""
    identity = dataset_identity(target.text)
    if identity.kind == "table":
        schema, _, name = identity.location.rpartition(".")
        ours = re.compile(re.escape(name.strip("`") + STAGED_TABLE) + "([0-9a-f]{32})", re.IGNORECASE)
        with value_free(f"looking for what was staged beside {target.text}", hint="check the target"):
            listed = spark.sql(f"SHOW TABLES IN {schema} LIKE '*{STAGED_TABLE}*'").collect()
            tables = [str(row["tableName"]) for row in listed]
        return [str(uuid.UUID(found[1])) for found in map(ours.fullmatch, tables) if found]
    import pyarrow as pa
    from pyarrow import fs

    parent, _, _ = identity.location.rstrip("/").rpartition("/")
    try:
        store, path = object_store(f"{parent}/{STAGING}")
        found = store.get_file_info(fs.FileSelector(path, allow_not_found=True))
    except (OSError, ValueError, pa.ArrowException) as error:  # its text may quote the URI
        scheme = parent.partition(":")[0]
        raise PublishError(
            f"{parent} can't be looked into ({type(error).__name__})",
            hint=f"check that it is there, and that the environment names the place and the credentials of {scheme}",
        ) from None
    return [each.base_name for each in found if each.type == fs.FileType.Directory]


__all__ = ["make_way", "sweep"]
