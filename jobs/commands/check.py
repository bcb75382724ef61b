"""``clearance check``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, print_check
from clearance.jobs.verdict_words import json_text, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearance.governance.policy import Policy
    from clearance.governance.registry import Registry
    from clearance.governance.waivers import Given
    from clearance.jobs.check import Checked

#: Of more datasets that nobody scanned it is not told what may have been meant.
_HINTS = 5


@click.command("check")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option(
    "--solution", "names", multiple=True, required=True, metavar="NAME", help="Who wants it. May be repeated."
)
@options.solutions
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json", "sarif", "junit", "markdown"]),
    default="table",
    show_default=True,
    help="Output.",
)
@click.option(
    "--baseline", metavar="FILE", help="An earlier SARIF log: say what is new, unchanged or gone (with --format sarif)."
)
@click.option(
    "--suggest",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a plan, and the policy it needs, that make a version the solutions may have.",
)
@click.option("--together", is_flag=True, help="Also decide on all DATASETs put together.")
@click.option("--waivers", "waived", metavar="FILE", help="Waivers: objections that somebody lets pass until a day.")
@options.manifests
@click.option(
    "--alert",
    metavar="TARGET",
    help="Send what rose since the last approval as CloudEvents: an http(s) URL, a file to append to, or - (stdout).",
)
@options.policy
@options.facts
@options.home
def command(
    datasets: tuple[str, ...], names: tuple[str, ...], solutions: str | None, output: str, baseline: str | None,
    suggest: Path | None, together: bool, waived: str | None, manifests: tuple[str, ...], alert: str | None,
    policy: str | None,
    home: str | None, facts: tuple[str, ...],
) -> int:  # fmt: skip
    """Decide from the registry whether each DATASET may be given to a solution. Starts no Spark.

    A folder or a glob in quotes stands for the datasets in it, as for a scan; a file of no known format is undecidable,
    and so is what is hidden in a folder.

    Exits 0 (clear), 3 (conflict), 4 (escalated) or 5 (undecidable); of several verdicts, the worst.
    """
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.check import check, find_solutions, policy_path, solutions_path
    from clearance.jobs.on_record import meant

    if baseline is not None and output != "sarif":
        raise UsageError("only a SARIF log is compared with a baseline", hint="add --format sarif")
    if alert is not None:
        from clearance.jobs.alerts import check_target

        check_target(alert)
    known = find_solutions(solutions)
    chosen = policy_path(policy)
    rules = load_policy(chosen)
    declared: dict[str, Any] = options.declared(facts)
    profiles = [known[name] for name in names]
    earlier = None
    if baseline is not None:
        from clearance.jobs.verdict_sarif import read_baseline

        earlier = read_baseline(baseline)
    registry = Registry(home)
    datasets = tuple(meant(datasets, registry).values())
    owner_of = options.owner_of(manifests, datasets, rules)
    waivers = waivers_in(waived, rules)
    results = [
        check(dataset, profile, rules, registry, facts=declared, manifest=owner_of(dataset), waivers=waivers)
        for dataset in datasets
        for profile in profiles
    ]
    if together and len(datasets) > 1:
        from clearance.jobs.together import judge_together

        for profile in profiles:
            own = [result for result in results if result.solution == profile.name]
            results.append(judge_together(own, profile, rules, registry))
    codes = [int(result.exit_code) for result in results]
    code = next((code for code in (5, 3, 4) if code in codes), 0)
    if suggest is not None:
        from clearance.jobs.suggest import write_suggestion

        plan, left = write_suggestion(suggest, datasets, profiles, solutions_path(solutions), rules, chosen, registry)
        click.echo(f"suggested: {plan}; to do it: clearance run {plan}", err=True)
        for line in left:
            click.echo(printable(f"not by protection alone: {line}"), err=True)
    _print(results, output, code, earlier)
    _hint(results, registry)
    if alert is not None:
        from clearance.jobs.alerts import events, send

        if why := send(events(results), alert):
            click.echo(f"an alert did not arrive: {why}", err=True)
    return code


def _hint(results: "Sequence[Checked]", registry: "Registry") -> None:
    """For each dataset that nobody scanned, what may have been meant."""
    strange = dict.fromkeys(result.dataset for result in results if result.state == "unlabelled")
    if not strange:
        return
    from clearance.jobs.on_record import names, nearest

    known = names(registry)
    if not known:
        click.echo(f"hint: {nearest('', known, registry.home)}", err=True)
        return
    for key in [*strange][:_HINTS]:  # each is compared with all that is known
        if near := nearest(key, known, registry.home):
            click.echo(printable(f"hint: {key} is not on record; {near}"), err=True)


def waivers_in(path: str | None, policy: "Policy") -> "tuple[Given, ...]":
    """The waivers of a file, as of today; none without one."""
    if path is None:
        return ()
    from datetime import UTC, datetime

    from clearance.governance.waivers import load_waivers

    return load_waivers(path, policy, datetime.now(UTC).date())


def _print(results: "Sequence[Checked]", output: str, code: int, baseline: dict[str, Any] | None) -> None:
    if output == "sarif":
        from clearance.jobs.verdict_sarif import sarif

        click.echo(json_text(sarif(results, code, baseline), indent=2))
    elif output == "junit":
        from clearance.jobs.verdict_junit import junit

        click.echo(junit(results), nl=False)
    elif output == "markdown":
        from clearance.jobs.verdict_markdown import markdown

        click.echo(markdown(results), nl=False)
    else:
        for result in results:
            emit(result.to_dict(), output, print_check)
