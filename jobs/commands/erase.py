"""``clearance erase``."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit


@click.command("erase")
@click.argument("dataset", required=False)
@options.subject_keys
@click.option(
    "--subject-id-from",
    type=click.Choice(["stdin"]),
    required=True,
    expose_value=False,
    help="Where identifiers or one-way tokens come from, one a line: never the command line.",
)
@click.option(
    "--subject-type",
    metavar="TYPE",
    help="Entity type of the subject column, as protect says it. [default: the DATASET's]",
)
@click.option("--reason", required=True, help="Why, for the audit: the number of a request, not a name.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@options.output
@options.policy
@options.home
@options.key_file
@click.option("--domain", metavar="NAME", help="Join scope of the subject column. [default: the DATASET's, or default]")
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    help="Where phone numbers are dialled, as protect was told. May be repeated.",
)
def command(
    dataset: str | None,
    subject_keys: str | None,
    subject_type: str | None,
    reason: str,
    dry_run: bool,
    output: str,
    domain: str | None,
    **given: Any,
) -> int:
    """Delete people's keys, so that their reversible tokens can't be opened any more, by anybody.

    Entity type and domain of the subject column come from the signed record of a protected DATASET, or from options.
    The data themselves are not read, and everyone's tokens in all of them go dark at once. There is no way back. Exits
    with 5 when one of them had no key.
    """
    from clearance.jobs.erase import erase, require_all, subject_of
    from clearance.jobs.subject_keys import named_table

    if (dataset is None) == (subject_type is None) or (dataset is not None and domain is not None):
        raise UsageError(
            "erase takes a dataset, or the type and domain of its subject column",
            hint="name the protected dataset, or else --subject-type and --domain",
        )
    desk = options.desk({**given, "domain": domain})
    if dataset is not None:
        subject_type, told = subject_of(dataset, desk)
        desk = replace(desk, domain=told)
    keys = named_table(subject_keys, home=desk.registry.home, beside=[dataset] if dataset else ())
    if sys.stdin.isatty():
        click.echo("identifiers, one a line, then Ctrl-D:", err=True)
    lines = sys.stdin.read().splitlines()
    done = erase(keys, lines, subject_type or "", desk, reason=reason, dry_run=dry_run)
    emit(done.to_dict(), output, print_erased)
    require_all(done)
    return 0


def print_erased(done: Mapping[str, Any]) -> None:
    """Counts: who it was is not said."""
    verb = "would be erased" if done["dry_run"] else "erased"
    click.echo(f"{click.style(str(done['erased']), bold=True)} keys {verb}, of {done['subjects']:,} subjects")
    if not done["dry_run"]:
        click.echo(
            f"  {done['files_removed']:,} files removed, none of {done['files_checked']:,} left holds a byte of them"
        )
    for each in done["otherwise"]:
        click.echo(f"  not those of {each}: erase there too, if it is about the same persons")
    if not done["dry_run"]:
        click.echo("  backups and snapshots of the table are not covered: docs/how-to/erase.md")
