"""``clearance audit activity``."""

from datetime import datetime
from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table


@click.command("activity")
@click.option("--log", "logs", multiple=True, metavar="PATH", help="Access logs, a file or a folder. May be repeated.")
@click.option("--history", "histories", multiple=True, metavar="DATASET", help="Commits of this Delta table, too.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="What is unusual from this day on. [default: a week before the newest access]",
)
@click.option("--watch", metavar="LEVEL", help="Tell new readers of this level and above. [default: the highest]")
@click.option(
    "--factor",
    type=click.FloatRange(min=1),
    default=4.0,
    show_default=True,
    help="A jump is more than so many times what is usual.",
)
@options.policy
@options.home
@options.output
def command(
    logs: tuple[str, ...],
    histories: tuple[str, ...],
    since: datetime | None,
    watch: str | None,
    factor: float,
    policy: str | None,
    home: str | None,
    output: str,
) -> int:
    """Who reached which data how often, from the audit, Delta histories and access logs. Starts no Spark.

    Exits 3 when something is unusual: a new reader of watched data, more than one usually takes, refusals in a row.
    """
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.activity_task import report
    from clearance.jobs.check import policy_path

    found = report(
        load_policy(policy_path(policy)),
        Registry(home),
        logs=logs,
        histories=histories,
        since=since.date() if since is not None else None,
        watch=watch,
        factor=factor,
    )
    emit(found.to_dict(), output, _print)
    return 3 if found.unusual else 0


def _print(told: Any) -> None:
    rows = [
        [
            row["who"],
            row["action"],
            row["dataset"] or "(not on record)",
            row["level"] or "-",
            f"{row['events']:,}",
            f"{row['per_day']:,}",
            f"{row['denied']:,}",
            row["last"][:10],
        ]
        for row in told["activity"]
    ]
    table(["who", "action", "dataset", "level", "events", "a day", "denied", "last"], rows)
    read = ", ".join(f"{number:,} of {source}" for source, number in told["read"].items())
    click.echo(f"accesses: {read}; {told['elsewhere']:,} of them to no dataset on record")
    for one in told["unusual"]:
        where = f" of {one['dataset']} ({one['level'] or 'no label'})" if one["dataset"] else ""
        usual = f", usually {one['usual']:,.0f}" if one["usual"] is not None else ""
        click.echo(f"{one['kind']}: {one['who']}{where} on {one['day']}: {one['seen']:,}{usual}; {one['why']}")
    if not told["unusual"]:
        click.echo(f"nothing unusual since {told['since']}")
