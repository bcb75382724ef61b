"""``clearance report``."""

from pathlib import Path

import click

from clearance.errors import PolicyError
from clearance.jobs.commands import options
from clearance.jobs.verdict_words import printable


@click.command("report")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Write the page to this file."
)
@click.option(
    "--solution", "names", multiple=True, metavar="NAME", help="Whose verdicts to show. May be repeated. [default: all]"
)
@options.solutions
@options.manifests
@options.policy
@options.home
def command(
    datasets: tuple[str, ...], to: Path, names: tuple[str, ...], solutions: str | None, manifests: tuple[str, ...],
    policy: str | None, home: str | None,
) -> int:  # fmt: skip
    """Write what is on record of DATASETs as one HTML page for people: all of them, if none is named. Starts no Spark.

    A folder or a glob in quotes stands for the datasets in it. Labels and verdicts are those of `clearance check`;
    nothing is recorded, and an existing FILE is replaced as a whole. Exits 0 when it is written, whatever it says.
    """
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.governance.solutions import Solutions, load_solutions
    from clearance.jobs.check import policy_path, solutions_path
    from clearance.jobs.on_record import meant
    from clearance.jobs.report import on_record, report

    rules, registry = load_policy(policy_path(policy)), Registry(home)
    try:
        place = solutions_path(solutions)
    except PolicyError:
        if names:
            raise
        place = None  # nothing is here: the page says that no solution was asked about
    known = load_solutions(place) if place is not None else Solutions()
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
    keys = list(meant(datasets, registry)) if datasets else on_record(registry)
    made = report(registry, rules, chosen, keys, manifest_of=options.owner_of(manifests, keys, rules))
    made.write(to)
    waiting = len(made.told["summary"]["waiting"])
    told = f"{to}: {len(keys):,} dataset{'' if len(keys) == 1 else 's'}"
    click.echo(printable(f"{told}, {waiting:,} of which need{'s' if waiting == 1 else ''} action" if waiting else told))
    return 0
