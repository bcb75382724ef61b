"""What a target must be before it is published to, and what it is afterwards."""

from typing import TYPE_CHECKING, Any

from clearance.errors import DatasetError, PublishError
from clearance.governance.identity import dataset_identity
from clearance.governance.observation import Observation, observe
from clearance.jobs.observing import observe_version
from clearance.jobs.references import Reference
from clearance.jobs.staging import STAGING, Target

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def require_apart(source: Reference, target: Target) -> None:
    """Raises ``PublishError`` when source and target are one, one lies in the other, or the source among what is staged
    beside the target: that is removed.
    """
    what, where = source.local_path, target.local_path
    if source.key == target.key:
        told = "is the source itself"
    elif what is not None and where is not None and where.is_relative_to(what):
        told = "lies inside the source"
    elif what is not None and where is not None and what.is_relative_to(where):
        told = "holds the source"
    elif what is not None and where is not None and what.is_relative_to(where.parent / STAGING):
        told = f"has the source in the {STAGING} beside it, which is cleared"
    else:
        return
    raise PublishError(f"{target.text} {told}", hint="the source is never written: name another place")


def observe_published(spark: "SparkSession", target: Target, version: str) -> Observation:
    """The published state, as a later check will compare it."""
    identity = dataset_identity(target.text)
    if identity.kind == "table":
        return observe_version(spark, target.identifier, int(version))
    try:
        return observe(identity.location, target.format, version=int(version) if target.format == "delta" else None)
    except (DatasetError, OSError):
        if identity.kind == "path":
            raise
        return observe_version(spark, target.identifier, int(version))  # a store that only Spark has the way to


def published_schema(spark: "SparkSession", target: Target) -> dict[str, Any]:
    """The published schema as Spark's JSON."""
    if target.format == "parquet":
        return spark.read.parquet(str(target.local_path)).schema.jsonValue()
    return spark.read.table(target.identifier).schema.jsonValue()
