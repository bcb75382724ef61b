"""``clearance protect``."""

from pathlib import Path
from typing import Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, print_protected, with_unmatched
from clearance.jobs.commands.progress import Progress


@click.command("protect")
@click.argument("dataset")
@click.option("--to", required=True, metavar="TARGET", help="Path, URI or table of the protected copy.")
@click.option(
    "--to-format", type=click.Choice(["delta", "parquet"]), default="delta", show_default=True, help="Its format."
)
@click.option("--unpartitioned", is_flag=True, help="Write the copy without the source's partitions.")
@click.option("--statement", metavar="FILE", help="Also write the signed statement to this file.")
@click.option("--prepare", "preparation", metavar="FILE", help="Do the clean-up steps of this YAML file first.")
@click.option(
    "--subject", metavar="COLUMN", help="Bind reversible tokens to the persons in this column, who can be erased."
)
@options.subject_keys
@options.output
@options.policy
@options.facts
@options.home
@options.key_file
@options.domain
@options.reading
@options.detection
@options.log_format
def command(
    dataset: str,
    to: str,
    to_format: str,
    unpartitioned: bool,
    statement: str | None,
    preparation: str | None,
    subject: str | None,
    subject_keys: str | None,
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Write a copy of DATASET in which what was found is protected by policy, and prove it.

    The copy appears in one step with its labels, or not at all. The source is only read.
    """
    from clearance.jobs.datasets import open_dataset
    from clearance.jobs.leftovers import make_way
    from clearance.jobs.preparation import for_purposes, load_preparation
    from clearance.jobs.prepare import prepare
    from clearance.jobs.schema import leaves_of
    from clearance.jobs.session import get_session
    from clearance.jobs.signed import write_statement
    from clearance.jobs.staging import Target
    from clearance.jobs.subject_keys import named_table
    from clearance.jobs.tasks import protect, scan
    from clearance.jobs.unmatched import columns_nowhere

    progress = Progress(log_format)
    desk = options.desk(given)
    target = Target(to, to_format)
    reference = options.reference(dataset, given)
    make_way(desk, target, reference)
    desk.tokens_to_write()  # a missing key is told before Spark starts
    desk.signing_key()
    reference.check()
    keys = named_table(subject_keys, home=desk.registry.home, beside=[dataset, to]) if subject else None
    if subject_keys and not subject:
        raise UsageError("--subject-keys binds nothing without a subject", hint="name its column: --subject")
    facts = options.declared(given["facts"])
    steps = for_purposes(load_preparation(preparation), {}) if preparation else ()
    progress.say("starting Spark")
    spark = get_session()
    opened = open_dataset(spark, reference)
    if steps:
        progress.say("preparing", dataset=dataset)
        opened = prepare(spark, opened, steps, desk)
    progress.say("scanning", dataset=dataset)
    scanned = scan(spark, opened, desk, facts=facts)
    columns = {leaf.path for leaf in scanned.scan.leaves} | {report.path for report in scanned.scan.columns}
    if opened.origin is not None:  # what was taken out beforehand was there
        columns |= {leaf.path for leaf in leaves_of(opened.origin.frame.schema)}
    nowhere = columns_nowhere(desk.policy, desk.registry, columns)
    for each in nowhere:
        progress.say("warning: no dataset on record has a column that the policy names", column=each["column"])
    progress.say("protecting", dataset=dataset, rows=scanned.scan.rows)
    bound = (subject, keys) if subject and keys else None
    done = protect(spark, opened, target, desk, scanned=scanned, unpartitioned=unpartitioned, subject=bound)
    progress.say("published", dataset=to, version=done.version)
    if statement:
        write_statement(Path(statement), done.envelope)
    emit(with_unmatched(done.to_dict(), nowhere), output, print_protected)
    return 0
