"""``clearance rollback``."""

from typing import Any

import click

from clearance.jobs.commands import steps
from clearance.jobs.commands.output import emit
from clearance.jobs.commands.promote import print_promoted, told_why


@click.command("rollback")
@click.argument("dataset")
@click.option("--environment", metavar="NAME", help="Where: the place in this environment, by the manifest.")
@click.option(
    "--to-version",
    "version",
    type=click.IntRange(min=0),
    metavar="N",
    help="The publication to bring back. [default: the one before what is there]",
)
@steps.acting
def command(dataset: str, environment: str | None, version: int | None, reason: str, output: str, **given: Any) -> int:
    """Bring back, as its publisher, what was published at DATASET before, with its label and its approval.

    One commit; no Spark. Give the manifest and the policy that were approved with it. Exits 4 when that approval does
    not hold any more.
    """
    from clearance.jobs.rollback import rollback

    matter = steps.at_place(steps.matter_of(dataset, given), environment)
    with told_why(output):
        done = rollback(
            matter, steps.who_acts(matter, given), steps.desk_of(matter, given), reason=reason, version=version
        )
    emit(done.to_dict(), output, print_promoted)
    return 0
