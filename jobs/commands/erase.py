"""``clearance erase``."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit


@click.command("erase")
@options.subject_keys
@click.option(
    "--subject-id-from",
    type=click.Choice(["stdin"]),
    required=True,
    expose_value=False,
    help="Where identifiers or one-way tokens come from, one a line: never the command line.",
)
@click.option(
    "--subject-type", required=True, metavar="TYPE", help="Entity type of the subject column, as protect says it."
)
@click.option("--reason", required=True, help="Why, for the audit: the number of a request, not a name.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@options.output
@options.home
@options.key_file
@options.domain
def command(
    subject_keys: str | None,
    subject_type: str,
    reason: str,
    dry_run: bool,
    output: str,
    **given: Any,
) -> int:
    """Delete people's keys, so that their reversible tokens can't be opened any more, by anybody.

    There is no way back. Exits with 5 when one of them had no key.
    """
    from clearance.jobs.erase import erase, require_all
    from clearance.jobs.subject_keys import named_table

    desk = options.desk(given)
    keys = named_table(subject_keys, home=desk.registry.home)
    lines = sys.stdin.read().splitlines()
    done = erase(keys, lines, subject_type, desk, reason=reason, dry_run=dry_run)
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
        click.echo("  backups and snapshots of the table are not covered: docs/how-to/erase.md")
