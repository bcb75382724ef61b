"""Whether the workers can use the keys: asked before any data is read, for a half-made copy helps nobody."""

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from clearance.errors import KeyUnavailableError
from clearance.jobs.failures import value_free
from clearance.jobs.session import is_local
from clearance.jobs.settings import Tokens
from clearance.jobs.workers import Batches, map_batches

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TASKS = 16
"""A cluster's workers are not counted by any public interface: this many tasks reach most of a small one's."""


def require_keys_on_workers(spark: "SparkSession", tokens: Tokens, *, reversal: bool = False) -> None:
    """Opens the keys in Spark's workers, once a session; with ``reversal`` also what makes values come back.

    Raises ``KeyUnavailableError`` with what the workers said. A worker that was not asked says the same later, and
    nothing is published then either.
    """
    # To look with them and to write with them takes the same keys: one job serves a scan and what follows it.
    _open_on_workers(spark, replace(tokens, everywhere=False, writing=False), reversal)


@lru_cache(maxsize=8)
def _open_on_workers(spark: "SparkSession", tokens: Tokens, reversal: bool) -> None:

    def opened(batches: Batches) -> Batches:
        for name in tokens.domains:
            tokens.key.open().require(name, reversal=reversal)
        yield from batches

    # The workers of a local session are children of one process, with its files and environment: one speaks for all.
    tasks = 1 if is_local(spark) else _TASKS
    frame = map_batches(spark.range(0, tasks, 1, tasks).toDF("id"), opened, "id bigint", "opening the keys")
    try:
        with value_free("opening the keys in the workers", hint="clearance doctor --spark"):
            frame.collect()
    except KeyUnavailableError as error:
        here = "every worker must find a key file at the same path; on a cluster use awskms://, vault:// or gcpkms://"
        hint = here if "://" not in tokens.key.uri else "they need the service, its client library and credentials too"
        raise KeyUnavailableError(
            f"Spark's workers can't use the keys: {error.message}", hint=f"{hint} (docs/how-to/keys.md)"
        ) from None
