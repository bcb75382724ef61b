"""Where protected data waits until it is proved, and how it becomes the target in one step.

Delta is staged as Delta and published with one ``createOrReplace`` that carries data, labels, partitioning and
column metadata. Parquet can't be replaced atomically: it is published by rename, and only to a path that does
not exist.
"""

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import DatasetError, PublishError, UsageError
from clearance.governance.delta_log import open_log
from clearance.governance.identity import dataset_identity
from clearance.jobs.failures import value_free
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STAGING = ".clearance-staging"
STAGED_TABLE = "__clearance_staging_"
SIDECAR = "_clearance.json"
RUN_PROPERTY = "clearance.run"
STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""Schemes that are looked into without Spark: what a killed run staged has to be found and taken away there."""
_PROBES = 5
_NEEDS_MAPPING = set(" ,;{}()\n\t=")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a protected dataset goes: a path, URI or table, as ``delta`` or ``parquet``."""

    text: str
    format: str = "delta"

    def __post_init__(self) -> None:
        if self.format not in ("delta", "parquet"):
            raise UsageError(f"can't publish {self.format!r}", hint="publish as delta or parquet")
        if self.format == "parquet" and self.local_path is None:
            raise PublishError(
                f"Parquet at {self.text} can't be published in one step", hint="publish as Delta, or to a local path"
            )

    @property
    def key(self) -> str:
        """Its identity in the registry."""
        return dataset_identity(self.text).key

    @property
    def local_path(self) -> Path | None:
        """The local path, if it is one."""
        return dataset_identity(self.text).local_path

    @property
    def identifier(self) -> str:
        """How Spark SQL names the Delta table."""
        identity = dataset_identity(self.text)
        if identity.kind == "table":
            return identity.location
        return f"delta.{sql_name(identity.location)}"

    def staged(self, run_id: str) -> "Staged":
        """The staging place of one run, beside the target."""
        identity = dataset_identity(self.text)
        if identity.kind == "table":
            schema, _, name = identity.location.rpartition(".")
            table = sql_name(f"{name.strip('`')}{STAGED_TABLE}{run_id.replace('-', '')}")
            return Staged(f"{schema}.{table}", None, self.format)
        local = self.local_path
        if local is not None:
            path = local.parent / STAGING / run_id
            return Staged(f"{self.format}.{sql_name(str(path))}", path, self.format)
        parent, _, _ = identity.location.rstrip("/").rpartition("/")
        return Staged(f"delta.`{parent}/{STAGING}/{run_id}`", None, self.format)

    def require_store(self) -> None:
        """Raises ``PublishError`` for a URI of what Clearance publishes nothing to."""
        identity = dataset_identity(self.text)
        scheme = identity.location.partition(":")[0]
        if identity.kind == "uri" and scheme not in STORES:
            raise PublishError(
                f"{scheme}: is no storage that can be published to",
                hint=f"name a local path, a catalog table, or a URI of {', '.join(STORES)}",
            )

    def check_writable(self) -> None:
        """Raises ``PublishError`` before anything is read when the target can't be published to."""
        local = self.local_path
        if local is None:
            return
        if link := _dangling(self.text):
            raise PublishError(
                f"{link} is a link to a place that is not there",
                hint="name the place itself, or make the folder that the link points to",
            )
        if self.format == "parquet" and local.exists():
            raise PublishError(
                f"{self.text} exists, and Parquet can't be replaced in one step",
                hint="name a path that does not exist, or publish as Delta",
            )
        if local.exists() and not (local / "_delta_log").is_dir() and (not local.is_dir() or any(local.iterdir())):
            raise PublishError(
                f"{self.text} exists and is no Delta table", hint="name another target: nothing is overwritten unasked"
            )
        try:
            # The staging folder lies beside the target and must be on the same file system for the rename.
            _probe(local.parent / STAGING)
            if local.is_dir() and not os.access(local, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise PublishError(
                f"{self.text} can't be written ({error.strerror})", hint="check permissions and space, or name another"
            ) from None

    def require_ours(self, spark: "SparkSession") -> None:
        """Raises ``PublishError`` for a table that Clearance did not publish.

        It would not only be lost: its versions stay readable under the label of what replaces it.
        """
        if self.format != "delta" or self.version(spark) is None:
            return
        with value_free(f"looking at {self.text}", hint="check the target"):
            details = spark.sql(f"DESCRIBE DETAIL {self.identifier}").head()
        if details is None or RUN_PROPERTY not in (details["properties"] or {}):
            raise PublishError(
                f"{self.text} is a table that Clearance did not publish",
                hint="name another target: nothing is overwritten unasked, and its history would stay readable",
            )

    def version(self, spark: "SparkSession") -> int | None:
        """The Delta version at the target now; None where there is no table."""
        local = self.local_path
        if local is not None:
            # A look at the log's folder; Spark would start jobs to tell the same.
            log = open_log(str(local))
            latest = log.latest(0)
            if latest is None or not log.managed_elsewhere():
                return latest
        try:
            newest = spark.sql(f"DESCRIBE HISTORY {self.identifier}").agg({"version": "max"}).head()
        except Exception:  # not there yet; createOrReplace will say what else may be wrong
            return None
        return None if newest is None or newest[0] is None else int(newest[0])


def _dangling(text: str) -> Path | None:
    """The link on the way to a local place, or at it, that points to nothing: nobody looked at where it leads."""
    place = Path(re.sub(r"^file:(//(localhost)?(?=/))?", "", text, flags=re.IGNORECASE)).absolute()
    return next((path for path in (*reversed(place.parents), place) if path.is_symlink() and not path.exists()), None)


def _probe(folder: Path) -> None:
    """Tries to write there, and leaves nothing: what comes next may still refuse. Raises ``OSError``."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    probe = folder / f".probe-{uuid.uuid4().hex}"
    _make_in(folder, probe.touch)
    probe.unlink()
    for path in made:
        try:
            path.rmdir()
        except OSError:  # another run is at work there already
            return


def _make_in(folder: Path, make: Callable[[], None]) -> None:
    """Makes the folder and something in it, although runs beside this one take it away while it is empty."""
    for attempt in range(_PROBES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            make()
            return
        except FileNotFoundError:
            if attempt == _PROBES - 1:
                raise


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged dataset: how Spark names it, and its local path where it has one."""

    identifier: str
    path: Path | None
    format: str

    def write(self, frame: "DataFrame", partitions: tuple[str, ...], description: str) -> None:
        """Writes the frame. Raises ``DatasetError`` or what a worker raised, value-free."""
        with value_free(
            f"writing what comes of {description}", hint="the target is untouched; run again after mending the cause"
        ):
            if self.path is not None:
                # Hadoop makes a folder and then sets its mode: one that is taken away in between fails the job.
                _make_in(self.path.parent, partial(self.path.mkdir, exist_ok=True))
            if self.format == "parquet":
                # The folder is new and empty; ``overwrite`` would take it away first.
                frame.write.mode("append").partitionBy(*partitions).parquet(str(self.path))
                return
            writer = frame.writeTo(self.identifier).using("delta")
            _with_layout(writer, frame, partitions).createOrReplace()

    def read(self, spark: "SparkSession") -> "DataFrame":
        """What was staged, as it will be published."""
        if self.format == "parquet":
            return spark.read.parquet(str(self.path))
        return spark.read.table(self.identifier)

    def remove(self, spark: "SparkSession | None") -> None:
        """Removes the staged data; what is gone already is fine."""
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            with suppress(OSError):  # other runs may be staging there
                self.path.parent.rmdir()
        elif not self.identifier.startswith("delta.`"):
            assert spark is not None, "a table is removed by a session"
            spark.sql(f"DROP TABLE IF EXISTS {self.identifier}")
        else:
            store, path = object_store(self.identifier[len("delta.`") : -1])
            with suppress(FileNotFoundError):
                store.delete_dir(path)


def object_store(uri: str) -> tuple[Any, str]:
    """The object store of a URI, without Spark, and the path in it. Raises ``OSError`` or ``ValueError``."""
    from pyarrow import fs

    # pyarrow knows S3 by this name alone, Hadoop by the other.
    return fs.FileSystem.from_uri("s3://" + uri.removeprefix("s3a://") if uri.startswith("s3a://") else uri)  # type: ignore[no-any-return]


def publish(
    spark: "SparkSession",
    staged: Staged,
    target: Target,
    *,
    partitions: tuple[str, ...],
    properties: Mapping[str, str],
    column_metadata: Mapping[str, Mapping[str, Any]],
    expected_version: int | None,
    sidecar: Mapping[str, Any],
) -> str:
    """Makes the staged data the target, labels included, in one step. Returns the target's version.

    Raises ``PublishError`` when the target moved since ``expected_version`` was read; nothing is changed then.
    """
    if target.version(spark) != expected_version:
        raise PublishError(f"{target.text} was changed by someone else meanwhile", hint="run again on the new state")
    if target.format == "parquet":
        return _publish_parquet(staged, target, sidecar)
    frame = _with_metadata(staged.read(spark), column_metadata)
    there = target.local_path is not None and target.local_path.exists()
    try:
        with value_free(f"publishing {target.text}", hint="the target is as it was; check permissions and space"):
            writer = _with_layout(frame.writeTo(target.identifier).using("delta"), frame, partitions)
            for key, value in properties.items():
                writer = writer.tableProperty(key, value)
            writer.createOrReplace()
    except DatasetError:
        if target.version(spark) != expected_version:
            raise PublishError(
                f"{target.text} was published by someone else at the same time", hint="look at its history; run again"
            ) from None
        if not there:
            _remove_uncommitted(staged, target)
        raise
    newest = target.version(spark)
    wanted = 0 if expected_version is None else expected_version + 1
    if newest != wanted:
        raise PublishError(
            f"{target.text} is at version {newest} instead of {wanted}: someone else wrote at the same time",
            hint="look at its history; run again",
        )
    return str(newest)


def _remove_uncommitted(staged: Staged, target: Target) -> None:
    """Removes what a failed first publication left: data files without a commit. Not while another run is at it."""
    local, own = target.local_path, staged.path
    if local is None or own is None or any((local / "_delta_log").glob("*.json")):
        return
    if all(run == own for run in own.parent.iterdir()):
        shutil.rmtree(local, ignore_errors=True)


def _publish_parquet(staged: Staged, target: Target, sidecar: Mapping[str, Any]) -> str:
    from clearance.governance.observation import observe

    path, local = staged.path, target.local_path
    if path is None or local is None:
        raise PublishError(f"Parquet at {target.text} can't be published in one step", hint="publish as Delta")
    try:
        # Inside the folder and under a name that readers skip, so that it appears in the same rename.
        (path / SIDECAR).write_text(json.dumps(sidecar, indent=2, sort_keys=True) + "\n")
        if local.exists():
            raise FileExistsError(17, "File exists")
        path.rename(local)
    except OSError as error:
        raise PublishError(f"{target.text} can't be published ({error.strerror})", hint="name another target") from None
    return observe(str(local), "parquet").version


def _with_layout(writer: Any, frame: "DataFrame", partitions: tuple[str, ...]) -> Any:
    from pyspark.sql import functions as F

    if needs_mapping(_names(frame.schema)):
        # Odd names need column mapping; no other reader feature, which other readers would refuse.
        writer = writer.tableProperty("delta.columnMapping.mode", "name")
    if partitions:
        writer = writer.partitionedBy(*(F.col(sql_name(name)) for name in partitions))
    return writer


def needs_mapping(names: Iterable[str]) -> bool:
    """Whether Delta can hold columns or fields of these names only with column mapping, which few readers know."""
    return any(set(name) & _NEEDS_MAPPING for name in names)


def _names(kind: Any) -> list[str]:
    """All field names of a schema, at any depth."""
    names: list[str] = []
    for part in getattr(kind, "fields", []):
        names += [part.name, *_names(part.dataType)]
    for attribute in ("elementType", "keyType", "valueType"):
        if hasattr(kind, attribute):
            names += _names(getattr(kind, attribute))
    return names


def _with_metadata(frame: "DataFrame", column_metadata: Mapping[str, Mapping[str, Any]]) -> "DataFrame":
    # select, not withColumn: on Connect withColumn loses the metadata silently.
    from pyspark.sql import functions as F

    return frame.select(
        *(
            F.col(sql_name(field.name)).alias(
                field.name,
                metadata={
                    **{k: v for k, v in (field.metadata or {}).items() if not k.startswith("delta.")},
                    **column_metadata.get(field.name, {}),
                },
            )
            for field in frame.schema.fields
        )
    )


__all__ = ["RUN_PROPERTY", "SIDECAR", "STAGING", "Staged", "Target", "needs_mapping", "object_store", "publish"]
