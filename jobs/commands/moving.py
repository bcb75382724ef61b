"""``clearance keys crosswalk``: tokens between domains and keys."""

from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit
from clearance.jobs.commands.progress import Progress

where = options.stacked(
    click.option("--to", required=True, metavar="TARGET", help="Path, URI or table of the result."),
    click.option("--to-domain", metavar="NAME", help="Domain of the other tokens. [default: the same]"),
    click.option("--to-key", metavar="ID", help="Id of the key of the other tokens. [default: the one that writes]"),
)
shared = options.stacked(
    options.output,
    options.policy,
    options.home,
    options.key_file,
    options.domain,
    options.reading,
    options.log_format,
)


@click.command("crosswalk")
@click.argument("dataset")
@where
@click.option("--columns", metavar="PATHS", default="", help="Columns to map, comma-separated. [default: all]")
@click.option("--types", metavar="TYPES", default="", help="Map tokens of these entity types alone, comma-separated.")
@click.option("--purpose", required=True, help="What it is for, as a grant of the policy names it.")
@click.option("--reason", required=True, help="Why now: a case or ticket, no personal data. It goes into the audit.")
@shared
def crosswalk(
    dataset: str,
    to: str,
    to_domain: str | None,
    to_key: str | None,
    columns: str,
    types: str,
    purpose: str,
    reason: str,
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Write a table that maps the reversible tokens of DATASET to those of another domain or key.

    It links what was unlinkable: only for whom a grant allows the operation `crosswalk`, on record, and labelled with
    the highest level. One-way tokens can't be mapped: only the source's values give both.
    """
    from clearance.jobs.crosswalk_task import crosswalk as work
    from clearance.jobs.crosswalk_task import written_with
    from clearance.jobs.session import get_session
    from clearance.jobs.staging import Target

    desk, target, reference = options.desk(given), Target(to), options.reference(dataset, given)
    target.check_writable()
    written_with(desk, to_domain, to_key)
    reference.check()
    progress = Progress(log_format)
    progress.say("starting Spark")
    spark = get_session()
    progress.say("mapping", dataset=dataset)
    done = work(
        spark,
        reference,
        target,
        desk,
        purpose=purpose,
        reason=reason,
        to_domain=to_domain,
        to_key=to_key,
        columns=options.names(columns),
        types=options.names(types),
    )
    progress.say("published", dataset=to, version=done.version)
    emit(done.to_dict(), output, lambda told: click.echo(f"{told['dataset']}  {told['rows']:,} tokens mapped"))
    return 0
