"""``clearance request``."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from clearance.jobs.commands import steps
from clearance.jobs.commands.output import emit


@click.command("request")
@click.argument("dataset")
@click.option("--publisher", metavar="NAME", help="Who is to publish it. [default: the manifest's only publisher]")
@click.option(
    "--allow",
    "allows",
    multiple=True,
    type=click.Choice(["version", "schema", "policy", "manifest"]),
    help="What may change without another approval. May be repeated.",
)
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="The approval ends after so many days.")
@steps.acting
def command(
    dataset: str,
    publisher: str | None,
    allows: tuple[str, ...],
    days: int | None,
    reason: str,
    output: str,
    **given: Any,
) -> int:
    """Ask, as its author, for the approval of DATASET as it is now. Starts no Spark.

    It is bound to the data's version, the schema, the policy and the manifest, and lapses when one of them changes
    beyond --allow. What became more sensitive has to be approved again whatever it allows.
    """
    from clearance.jobs.approvals import request

    matter = steps.matter_of(dataset, given)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    told = request(
        matter, steps.who_acts(matter, given), reason=reason, publisher=publisher, allows=allows, expires=expires
    )
    emit(told, output, steps.print_step)
    return 0
