"""A dataset over which a run was killed, or failed, behind its commit: no record speaks of what lies there now.

A protection is made again from its source. A move to another key has none: it goes on from the version that is on
record, which the log still has, as long as every commit since is of runs of this home that did not end well.
"""

from dataclasses import replace

from clearance.governance.delta_log import actions, open_log
from clearance.governance.standing import standing
from clearance.jobs.desk import Desk
from clearance.jobs.references import Reference
from clearance.jobs.staging import RUN_PROPERTY


def as_recorded(reference: Reference, desk: Desk) -> Reference:
    """The reference, at the version on record where all commits behind it are of such runs; else as it is."""
    if reference.version is not None or reference.timestamp is not None:
        return reference
    told = standing(desk.registry, reference.identity)
    if told.state != "changed" or told.label is None or told.label["observation"].get("kind") != "delta":
        return reference
    known, log = int(told.label["version"]), open_log(reference.location)
    newest = log.latest(known)
    failed = {row["run_id"] for row in desk.registry.rows("runs", ["run_id"], dataset=reference.key, status="failed")}
    for version in range(known + 1, (newest or known) + 1):
        # A publication is one commit that writes the table's properties. One of anybody else has none, another run's,
        # or once more those of the commit before it, as a write that adds a column.
        metadata = [each["metaData"] for each in actions(log, version) or () if "metaData" in each]
        run = (metadata[-1].get("configuration") or {}).get(RUN_PROPERTY) if metadata else None
        if run not in failed:
            return reference
        failed.remove(run)
    return replace(reference, version=known)


__all__ = ["as_recorded"]
