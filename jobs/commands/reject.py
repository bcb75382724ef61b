"""``clearance reject``."""

from typing import Any

import click

from clearance.jobs.commands import steps
from clearance.jobs.commands.output import emit


@click.command("reject")
@click.argument("dataset")
@steps.acting
def command(dataset: str, reason: str, output: str, **given: Any) -> int:
    """Reject what was asked for last: `check` exits 4 until another request is approved. Starts no Spark.

    An approval that was given already is taken back by it, wherever the dataset was promoted to.
    """
    from clearance.jobs.approvals import decide

    matter = steps.matter_of(dataset, given)
    told = decide(matter, steps.who_acts(matter, given), approve=False, reason=reason)
    emit(told, output, steps.print_step)
    return 0
