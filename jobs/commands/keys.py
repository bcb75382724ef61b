"""``clearance keys``."""

from pathlib import Path

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table


@click.command("keys")
@options.key_file
@options.output
def command(key_file: str | None, output: str) -> int:
    """Show which keys the key file holds: ids and which one writes, never their contents."""
    from clearance.tokenization.keys import FileKeyProvider, default_key_path

    path = Path(key_file) if key_file else default_key_path()
    ring = FileKeyProvider(path).load()
    found = {"key_file": str(path), "keys": [{"kid": kid, "writes": kid == ring.primary} for kid in sorted(ring.kids)]}
    emit(
        found,
        output,
        lambda told: table(
            ["key id", "use"], [[k["kid"], "writes and reads" if k["writes"] else "reads"] for k in told["keys"]]
        ),
    )
    return 0
