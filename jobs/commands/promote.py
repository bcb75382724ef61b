"""``clearance promote``."""

from collections.abc import Mapping
from typing import Any

import click

from clearance.jobs.commands import options, steps
from clearance.jobs.commands.output import emit, level, print_check


@click.command("promote")
@click.argument("dataset")
@click.option("--from", "come_from", required=True, metavar="NAME", help="The environment it is in.")
@click.option("--to", required=True, metavar="NAME", help="The environment it goes to.")
@click.option(
    "--solution", "names", multiple=True, required=True, metavar="NAME", help="Who it is for. May be repeated."
)
@options.solutions
@click.option("--waivers", "waived", metavar="FILE", help="Waivers: objections that somebody lets pass until a day.")
@steps.acting
def command(
    dataset: str,
    come_from: str,
    to: str,
    names: tuple[str, ...],
    solutions: str | None,
    waived: str | None,
    reason: str,
    output: str,
    **given: Any,
) -> int:
    """Carry, as its publisher, an approved DATASET to its place in another environment. Starts no Spark.

    Places are the `servers` of the manifest. Gate, signed proof and approval are asked before anything is copied and
    again before the one commit that makes it readable. Exits with the gate's verdict; run again when it was
    interrupted.
    """
    from clearance.jobs.check import find_solutions
    from clearance.jobs.commands.check import waivers_in
    from clearance.jobs.gate import passage
    from clearance.jobs.promote import promote

    matter = steps.matter_of(dataset, given)
    known = find_solutions(solutions)
    wanted = [known[name] for name in names]
    asked = passage(matter, come_from, to, wanted, waivers_in(waived, matter.policy))
    with told_why(output):
        done = promote(asked, steps.who_acts(matter, given), steps.desk_of(matter, given), reason=reason)
    emit(done.to_dict(), output, print_promoted)
    return 0


class told_why:  # noqa: N801 - used as a `with` block
    """Shows the verdicts of a gate that says no, before its error is told."""

    def __init__(self, output: str) -> None:
        self._output = output

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        from clearance.jobs.gate import BlockedError

        for verdict in error.verdicts if isinstance(error, BlockedError) else ():
            emit(verdict.to_dict(), self._output, print_check)


def print_promoted(told: Mapping[str, Any]) -> None:
    """Where it is now, at which version, and what of."""
    what = f"is version {told['restores']} again" if told["restores"] is not None else f"in {told['environment']}"
    click.echo(f"{told['dataset']}  version {told['version']}  {level(told['label']['level'])}  {what}")
    if told["source_version"] is not None:
        click.echo(f"  from {told['source']} version {told['source_version']}, published by {told['publisher']}")
    if not told["done"]:
        click.echo("  nothing was left to do")
