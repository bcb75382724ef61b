"""``clearance label``."""

from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, print_label, print_protected
from clearance.jobs.commands.progress import Progress


@click.command("label")
@click.argument("dataset")
@click.option("--records", is_flag=True, help="Label each record, in a copy: needs --to.")
@click.option("--to", metavar="TARGET", help="Where the copy with labelled records goes.")
@click.option(
    "--to-format", type=click.Choice(["delta", "parquet"]), default="delta", show_default=True, help="Its format."
)
@click.option("--write-to-table", is_flag=True, help="Write the label into the Delta table's own properties.")
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
    records: bool,
    to: str | None,
    to_format: str,
    write_to_table: bool,
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Label a scanned DATASET again by the present policy and facts.

    Alone it needs no Spark: the findings are on record. With --records it writes a copy whose records carry their
    own level and entity types; with --write-to-table it tags the table with ALTER TABLE, data untouched.
    """
    if records != (to is not None):
        raise click.UsageError("--records and --to belong together")
    desk = options.desk(given)
    facts = options.declared(given["facts"])
    reference = options.reference(dataset, given)
    if records and to is not None:
        from clearance.jobs.leftovers import make_way
        from clearance.jobs.session import get_session
        from clearance.jobs.staging import Target
        from clearance.jobs.tasks import protect, scan

        progress = Progress(log_format)
        target = Target(to, to_format)
        make_way(desk, target, reference)
        desk.tokens()
        reference.check()
        progress.say("starting Spark")
        spark = get_session()
        progress.say("labelling", dataset=dataset)
        scanned = scan(spark, reference, desk, facts=facts)
        done = protect(spark, reference, target, desk, scanned=scanned, only_label=True)
        emit(done.to_dict(), output, print_protected)
        return 0
    from clearance.jobs.relabel import relabel

    told = relabel(desk, reference.identity, facts)
    if write_to_table:
        from clearance.jobs.session import get_session
        from clearance.jobs.tasks import write_to_table as write

        Progress(log_format).say("starting Spark")
        write(get_session(), reference, desk, told.label)
    emit(told.to_dict(), output, print_label)
    return 0
