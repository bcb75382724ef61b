"""``clearance approve``."""

from typing import Any

import click

from clearance.jobs.commands import steps
from clearance.jobs.commands.output import emit


@click.command("approve")
@click.argument("dataset")
@steps.acting
def command(dataset: str, reason: str, output: str, **given: Any) -> int:
    """Approve, as another person than its author and its publisher, what was asked for last. Starts no Spark.

    The dataset must be as it was then. Exits 3 when you may not, 5 when it can't be told."""
    from clearance.jobs.approvals import decide

    matter = steps.matter_of(dataset, given)
    told = decide(matter, steps.who_acts(matter, given), approve=True, reason=reason)
    emit(told, output, steps.print_step)
    return 0
