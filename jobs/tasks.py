"""The jobs as functions: what commands, plans and notebooks call.

Each takes an open session and a desk, does one thing, and leaves its record.
"""

from typing import TYPE_CHECKING

from clearance.governance.labels import Label
from clearance.jobs.datasets import Reference
from clearance.jobs.desk import Desk
from clearance.jobs.leftovers import sweep
from clearance.jobs.protect_task import Protected, protect
from clearance.jobs.scan_task import Scanned, scan
from clearance.jobs.staging import Target
from clearance.jobs.tags import tag_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def write_to_table(spark: "SparkSession", reference: Reference, desk: Desk, label: Label) -> None:
    """Writes a label into the properties of an existing Delta table; its data and protocol stay as they are."""
    identity = reference.identity
    target = Target(reference.text)
    with desk.run("tag", identity.key, spark=spark) as run:
        audit = desk.audit
        intent = audit.intent("tag", run_id=run.run_id, dataset=identity.key, facts={"label": label.to_dict()})
        try:
            tag_table(spark, target.identifier, label)
        except BaseException:
            audit.outcome(intent, "failed")
            raise
        audit.outcome(intent, "done")
        run.label = label.to_dict()


__all__ = ["Protected", "Scanned", "protect", "scan", "sweep", "write_to_table"]
