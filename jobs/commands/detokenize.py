"""``clearance detokenize``."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, level, table
from clearance.jobs.commands.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("detokenize")
@click.argument("dataset", required=False)
@click.option("--columns", metavar="PATHS", default="", help="Columns to open, comma-separated. [default: all]")
@click.option("--types", metavar="TYPES", default="", help="Open tokens of these entity types alone, comma-separated.")
@click.option("--to", metavar="TARGET", help="Path, URI or table of the copy with values.")
@click.option(
    "--to-format", type=click.Choice(["delta", "parquet"]), default="delta", show_default=True, help="Its format."
)
@click.option("--value", metavar="-", help="Open tokens from standard input, one a line and nothing else.")
@click.option("--text", metavar="-", help="Open the tokens inside the text on standard input.")
@click.option("--purpose", required=True, help="What the values are for, as a grant of the policy names it.")
@click.option("--reason", required=True, help="Why now: a case or ticket, no personal data. It goes into the audit.")
@options.subject_keys
@options.output
@options.policy
@options.home
@options.key_file
@options.domain
@options.reading
@options.log_format
def command(
    dataset: str | None,
    columns: str,
    types: str,
    to: str | None,
    to_format: str,
    value: str | None,
    text: str | None,
    purpose: str,
    reason: str,
    subject_keys: str | None,
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Have values back from reversible tokens and format-preserving encryption.

    Only for whom a grant of the policy allows it; every request is on record before anything is shown, refused ones
    too. From a DATASET into a copy (--to), or from standard input (--value -, --text -). Exits 3 when the policy does
    not allow it, 5 when there is no way back.
    """
    _one_way_in(dataset, to, value, text)
    desk = options.desk(given)
    chosen, wanted = options.names(columns), options.names(types)
    asked: dict[str, Any] = {"purpose": purpose, "reason": reason, "types": wanted}
    named, keys = subject_keys or os.environ.get("CLEARANCE_SUBJECT_KEYS"), None
    if named:
        from clearance.jobs.subject_keys import named_table

        keys = named_table(named, home=desk.registry.home)
    if text is not None:
        from clearance.jobs.detokenize_task import open_text

        found = open_text(_read(), desk, subject_keys=keys, **asked)
        click.echo(found.text, nl=False)
        for what, n in found.stayed.items():  # the text alone is the result
            click.echo(f"{n:,} {what} stayed: there is no way back from them", err=True)
        return 0
    if value is not None and dataset is None:
        from clearance.jobs.detokenize_task import open_values

        _show(open_values(_read().splitlines(), desk, subject_keys=keys, **asked), output)
        return 0
    from clearance.jobs.asking import keys_for

    progress = Progress(log_format)
    reference = options.reference(dataset or "", given)
    reference.check()
    keys_for(desk, "detokenize", reference.key, purpose=purpose, reason=reason)
    progress.say("starting Spark")
    from clearance.jobs.datasets import open_dataset
    from clearance.jobs.detokenize_task import detokenize, open_values
    from clearance.jobs.leftovers import make_way
    from clearance.jobs.session import get_session
    from clearance.jobs.staging import Target

    target = Target(to, to_format) if to else None
    if target is not None:
        make_way(desk, target, reference)
    values = _read().splitlines() if value is not None else []
    spark = get_session()
    if target is None:
        opened = open_dataset(spark, reference)
        if len(chosen) != 1:
            raise UsageError("values of a dataset are cells of one column", hint="name it with --columns")
        _show(open_values(values, desk, column=(opened, chosen[0]), subject_keys=keys, **asked), output)
        return 0
    progress.say("opening", dataset=dataset)
    done = detokenize(spark, reference, target, desk, columns=chosen, subject_keys=keys, **asked)
    progress.say("published", dataset=to, version=done.version)
    emit(done.to_dict(), output, _print)
    return 0


def _one_way_in(dataset: str | None, to: str | None, value: str | None, text: str | None) -> None:
    """Raises ``UsageError`` unless it is clear what is to be opened and where it goes."""
    if value not in (None, "-") or text not in (None, "-"):
        raise UsageError("tokens are read from standard input", hint="write --value - or --text -")
    ways = [way for way, given in (("--to", to), ("--value", value), ("--text", text)) if given is not None]
    if len(ways) != 1:
        raise UsageError(
            "say where values go: a copy of a dataset, or standard output", hint="one of --to, --value - and --text -"
        )
    if to is not None and dataset is None:
        raise UsageError("--to needs a DATASET to copy", hint="clearance detokenize DATASET --to TARGET ...")
    if text is not None and dataset is not None:
        raise UsageError("a text on standard input is of no dataset", hint="leave the DATASET out")


def _read() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text", hint="give tokens or a text as UTF-8") from None


def _show(values: list[str], output: str) -> None:
    # Values are what was asked for: not a character of them is spelled out.
    emit({"values": values}, output, lambda _: click.echo("\n".join(values)))


def _print(done: "Mapping[str, Any]") -> None:
    click.echo(
        f"{click.style(done['dataset'], bold=True)}  version {done['version']}  {done['rows']:,} rows  "
        f"{level(done['label']['level'])}  by grant {done['grant']}"
    )
    rows = [[path, kind, f"{n:,}"] for path, types in done["opened"].items() for kind, n in types.items()]
    table(["column", "entity type", "opened"], rows, indent="  ")
    for path, types in done.get("erased", {}).items():
        click.echo(f"  {path}: {sum(types.values()):,} tokens stay closed, for the keys of their persons are gone")
    for path, types in done.get("malformed", {}).items():
        click.echo(f"  {path}: {sum(types.values()):,} constants stay, for values that were malformed")


__all__ = ["command"]
