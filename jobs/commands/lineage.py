"""``clearance lineage``."""

from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table


@click.command("lineage")
@click.argument("dataset", required=False)
@options.home
@options.output
def command(dataset: str | None, home: str | None, output: str) -> int:
    """Show the lineage events on record, all or those that touch DATASET."""
    from clearance.governance.identity import dataset_identity
    from clearance.governance.lineage_spool import LineageSpool
    from clearance.governance.registry import Registry

    spool = LineageSpool.for_home(Registry(home).home)
    events = list(spool.events())
    if dataset is not None:
        identity = dataset_identity(dataset)
        wanted = (identity.namespace, identity.name)
        events = [e for e in events if wanted in {(d["namespace"], d["name"]) for d in e["inputs"] + e["outputs"]}]
    emit({"path": str(spool.path), "events": events}, output, _print)
    return 0


def _print(told: Any) -> None:
    if not told["events"]:
        click.echo(f"no events at {told['path']}")
        return
    rows = []
    for event in told["events"]:
        inputs = ", ".join(d["name"] for d in event["inputs"])
        outputs = ", ".join(d["name"] for d in event["outputs"])
        rows.append([event["eventTime"][:19], event["job"]["name"], event["eventType"], inputs or "-", outputs or "-"])
    table(["time", "job", "event", "inputs", "outputs"], rows)
    click.echo(f"events: {told['path']}")
