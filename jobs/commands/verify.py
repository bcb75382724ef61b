"""``clearance verify``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table


@click.command("verify")
@click.argument("dataset")
@click.option(
    "--statement",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check against the statement in this file instead of the one on record.",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="PEM",
    help="Believe this Ed25519 public key alone. [default: the keys enrolled in the home]",
)
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE", help="Write the statement to this file.")
@options.home
@options.output
def command(
    dataset: str, statement: Path | None, public_key: Path | None, write: Path | None, home: str | None, output: str
) -> int:
    """Check the signed statement of a protected DATASET, which may also be a statement's file.

    The signature must hold and the data must be, byte for byte, what was signed: else one clear line and exit code 5.
    A promoted dataset is held against the statement of where it came from.
    Needs no Spark and no token key.
    """
    from clearance.governance.registry import Registry
    from clearance.jobs.signed import verify, write_statement

    found = verify(dataset, Registry(home), statement=statement, public_key=public_key)
    if write is not None:
        write_statement(write, found.envelope)
    emit(found.to_dict(), output, _show)
    return 0


def _show(told: Mapping[str, Any]) -> None:
    proof, source = told["proof"], told["source"]
    click.echo(f"{click.style('holds', fg='green', bold=True)}  {told['dataset']}  version {told['version']}")
    if told["promoted_from"]:
        click.echo(f"  promoted   from {told['promoted_from']}")
    click.echo(f"  signed     by {told['signed_by'][:16]} at {told['at']}")
    click.echo(f"  made from  {source['dataset']} version {source['version'] or '-'}")
    click.echo(f"  policy     {told['policy']['name']} {told['policy']['digest'][:16]}")
    click.echo(f"  keys       {', '.join(told['keys']['ids'])} in domain {told['keys']['domain']}")
    click.echo(f"  detectors  {told['detectors']['digest'][:16]}: what they overlook is not proved to be absent")
    click.echo(
        f"  proved     {proof['rows']:,} rows, {proof['checked_cells']:,} cells, {proof['checked_texts']:,} texts"
    )
    rows = [
        [leaf["path"], str(leaf["method"].get("name", leaf["how"])), leaf["label"]["level"]] for leaf in told["columns"]
    ]
    table(["column", "method", "level"], rows, indent="  ")
