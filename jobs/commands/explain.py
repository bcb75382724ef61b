"""``clearance explain``."""

from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.fitting import say
from clearance.jobs.commands.output import emit, level

#: Where what is said of a column begins.
_HANG = 12


@click.command("explain")
@click.argument("dataset", metavar="DATASET[#COLUMN]")
@options.home
@options.output
def command(dataset: str, home: str | None, output: str) -> int:
    """Say why a dataset, or one of its columns, has its label: finding, rule, policy line, run."""
    from clearance.governance.registry import Registry
    from clearance.jobs.explain import explain

    reference, _, column = dataset.partition("#")
    emit(explain(Registry(home), reference, column or None), output, _print)
    return 0


def _print(told: Any) -> None:
    label = told["label"]
    click.echo(f"{click.style(told['dataset'], bold=True)} is {level(label['level'])}, as {told['kind']} data")
    click.echo(f"  labelled {told['at'][:19]} by policy {told['policy']} in run {told['run_id']}")
    if told["source"]:
        click.echo(f"  protected from {told['source']}")
    for one in told["combinations"]:
        say(f"  {one['combination']} ({', '.join(one['columns'])}): {one['text']}", hang=4)
    for column in told["columns"]:
        click.echo(f"\n  {click.style(column['path'], bold=True)}  {level(column['label']['level'])}")
        for word, finding in [
            *(("found", finding) for finding in column["findings"]),
            *(("was", finding) for finding in column["findings_in_source"]),
        ]:
            share = finding["prevalence"]
            shapes = f", shapes {', '.join(finding['shapes'][:3])}" if finding["shapes"] else ""
            rows = "1 row" if finding["rows_matched"] == 1 else f"{finding['rows_matched']:,} rows"
            say(
                f"    {word:<7} {finding['entity_type']} in {rows} "
                f"({share['estimate']:.1%}, {share['low']:.1%} to {share['high']:.1%}) "
                f"by {', '.join(finding['detectors'])}{shapes}",
                hang=_HANG,
            )
        _print_evidence(column)
        for reason in column["rules"]:
            if told["kind"] == "protected":
                say(f"    done    {reason['text']} ({reason['rule']})", hang=_HANG)
            else:
                say(f"    rule    {reason['rule']}: {reason['text']}", hang=_HANG)


def _print_evidence(column: Any) -> None:
    """What was weighed to tell the type, in log-odds; words alone where a kind of column needs no weighing."""
    if not column["terms"]:
        for line in column["evidence"]:
            click.echo(f"    because {line}")
    for term in column["terms"]:
        click.echo(f"    {'because' if term['weight'] > 0 else 'despite'} {term['why']} ({term['weight']:+.2f})")
    if column["terms"] and column["findings"]:
        total = sum(term["weight"] for term in column["terms"])
        click.echo(f"    in all  {total:+.2f}, a probability of {column['findings'][0]['score']:.1%}")
    from clearance.jobs.explain import ROLES

    if column["role"] in ROLES:
        about = f" ({column['attribute']})" if column["attribute"] else ""
        click.echo(f"    role    {ROLES[column['role']]}{about}")
