"""``clearance keys crosswalk`` and ``clearance keys rekey``: tokens between domains and keys."""

import os
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table
from clearance.jobs.commands.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

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
@click.option(
    "--source",
    metavar="SOURCE",
    help="What DATASET was protected from, for one-way tokens. Reading options are this one's then.",
)
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
    source: str | None,
    purpose: str,
    reason: str,
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Write a table that maps the tokens of DATASET to those of another domain or key.

    It links what was unlinkable: only for whom a grant allows the operation `crosswalk`, on record, and labelled with
    the highest level. Reversible tokens are opened and made again. One-way tokens can't be opened: --source names the
    data, unchanged since, whose values give both.
    """
    from clearance.jobs.asking import keys_for
    from clearance.jobs.crosswalk_task import crosswalk as work
    from clearance.jobs.crosswalk_task import written_with
    from clearance.jobs.datasets import Reference
    from clearance.jobs.leftovers import make_way
    from clearance.jobs.session import get_session
    from clearance.jobs.staging import Target

    desk, target = options.desk(given), Target(to)
    reference = Reference(dataset) if source else options.reference(dataset, given)
    values = options.reference(source, given) if source else None
    make_way(desk, target, reference)
    keys_for(desk, "crosswalk", reference.key, purpose=purpose, reason=reason)
    written_with(desk, to_domain, to_key)
    for each in (reference, values):
        if each is not None:
            each.check()
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
        source=values,
    )
    progress.say("published", dataset=to, version=done.version)
    emit(done.to_dict(), output, lambda told: click.echo(f"{told['dataset']}  {told['rows']:,} tokens mapped"))
    return 0


@click.command("rekey")
@click.argument("dataset")
@click.option("--to", metavar="TARGET", help="Path, URI or table of the result. [default: where it is]")
@click.option(
    "--source",
    metavar="SOURCE",
    help="What it was protected from, for one-way tokens. Reading and detection options are this one's then.",
)
@click.option("--purpose", required=True, help="What it is for, as a grant of the policy names it.")
@click.option("--reason", required=True, help="Why now: a case or ticket, no personal data. It goes into the audit.")
@click.option("--prepare", "preparation", metavar="FILE", help="The clean-up steps that the source went through.")
@options.subject_keys
@shared
@options.detection
def rekey(
    dataset: str,
    to: str | None,
    source: str | None,
    purpose: str,
    reason: str,
    preparation: str | None,
    subject_keys: str | None,
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Move the protected DATASET to the key that writes now, in one pass.

    Reversible tokens and format-preserving columns are opened and made again, for whom a grant allows the operation
    `rekey`, on record, proved, with the label as it was. One-way tokens can't be opened: they are refused by name,
    unless --source gives the data, unchanged since, to protect again: with the steps it was prepared by, and the table
    of persons' keys, where there are any.
    """
    from clearance.jobs.asking import keys_for
    from clearance.jobs.datasets import Reference
    from clearance.jobs.leftovers import make_way
    from clearance.jobs.preparation import for_purposes, load_preparation
    from clearance.jobs.rekey_task import rekey as work
    from clearance.jobs.session import get_session
    from clearance.jobs.staging import Target
    from clearance.jobs.subject_keys import named_table

    desk = options.desk(given)
    reference = Reference(dataset) if source else options.reference(dataset, given)
    values = options.reference(source, given) if source else None
    target = Target(to if to is not None else dataset)
    make_way(desk, target, None if target.key == reference.key else reference)
    keys_for(desk, "rekey", reference.key, purpose=purpose, reason=reason)
    desk.signing_key()
    for each in (reference, values):
        if each is not None:
            each.check()
    if preparation and not source:
        raise UsageError("--prepare is for the source", hint="name it: --source")
    steps = for_purposes(load_preparation(preparation), {}) if preparation else ()
    named, keys = subject_keys or os.environ.get("CLEARANCE_SUBJECT_KEYS"), None
    if named:
        beside = [text for text in (dataset, to, source) if text]
        keys = named_table(named, home=desk.registry.home, beside=beside)
    progress = Progress(log_format)
    progress.say("starting Spark")
    spark = get_session()
    progress.say("moving", dataset=dataset)
    moved: dict[str, Any] = {"target": target, "source": values, "subject_keys": keys, "steps": steps}
    done = work(spark, reference, desk, purpose=purpose, reason=reason, **moved)
    progress.say("published", dataset=target.text, version=done.version)
    emit(done.to_dict(), output, _print_rekeyed)
    return 0


def _print_rekeyed(told: "Mapping[str, Any]") -> None:
    click.echo(f"{told['dataset']}  version {told['version']}  {told['rows']:,} rows  key {told['key_id']}")
    rows = [[path, kind, f"{n:,}"] for path, kinds in told["moved"].items() for kind, n in kinds.items()]
    if rows:
        table(["column", "entity type", "moved"], rows, indent="  ")
