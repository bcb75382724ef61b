"""``clearance approvals``."""

from collections.abc import Mapping
from typing import Any

import click

from clearance.jobs.commands import steps
from clearance.jobs.commands.output import emit


@click.command("approvals")
@click.argument("dataset")
@steps.matter
def command(dataset: str, output: str, **given: Any) -> int:
    """Say who asked for, approved or rejected DATASET, and what stands against the approval now.

    Exits 0 when an approval holds, 5 when the dataset has no label that speaks for it, else 4.
    """
    from clearance.jobs.approvals import outlook

    told = outlook(steps.matter_of(dataset, given))
    emit(told, output, _print)
    return 0 if told["holds"] else 4


def _print(told: Mapping[str, Any]) -> None:
    for name in ("request", "decision", "approval"):
        row = told[name]
        if row is None:
            continue
        until = f", until {row['expires'][:10]}" if row["expires"] else ""
        click.echo(f"{name}: {row['step']} by {row['by']['name']}, {row['at']}, version {row['version']}{until}")
        click.echo(f"  {row['reason']}")
    for why in told["void"]:
        click.echo(f"void: {why}")
    for each in told["against"]:
        facts = "; ".join(f"{key}: {value}" for key, value in each["facts"].items())
        click.echo(f"against: {each['column'] or 'the dataset'}: {facts}")
    click.echo("the approval holds" if told["holds"] else "no approval holds")
