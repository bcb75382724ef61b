"""``clearance registry``."""

from pathlib import Path
from typing import Any

import click

from clearance.errors import RegistryError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, level, table

_UNVOUCHED = click.style("unvouched", fg="red")


@click.group("registry", cls=options.Group)
def command() -> None:
    """Show what is on record, mend what killed runs left, move it elsewhere."""


@command.command("show")
@click.argument("dataset", required=False)
@options.home
@options.output
def show(dataset: str | None, home: str | None, output: str) -> int:
    """All datasets with their labels, or all that is known of one DATASET.

    A label that the audit does not stand for is told as unvouched.
    """
    from clearance.errors import DatasetError
    from clearance.governance.identity import dataset_identity
    from clearance.governance.registry import Registry
    from clearance.jobs.on_record import history, overview

    registry = Registry(home)
    if dataset is None:
        emit({"home": registry.home, "datasets": overview(registry)}, output, _print_all)
        return 0
    key = dataset_identity(dataset).key
    told = history(key, registry)
    if not told:
        raise DatasetError(f"{key} is not in the registry at {registry.home}", hint=f"clearance scan {dataset}")
    emit(told, output, _print_one)
    return 0


@command.command("doctor")
@click.option("--mend", is_flag=True, help="End what is half-written as what it came to, and join small files.")
@click.option(
    "--hours",
    type=click.IntRange(min=0),
    default=24,
    metavar="N",
    show_default=True,
    help="What gave a sign of life less than so many hours ago elsewhere may still be under way.",
)
@options.home
@options.output
def doctor(mend: bool, hours: int, home: str | None, output: str) -> int:
    """Find half-written runs, and mend them.

    Exits 0 when the registry is whole, else 5: something is left to mend, or the audit does not hold, which nothing
    mends.
    """
    from datetime import timedelta

    from clearance.governance import mending
    from clearance.governance.registry import Registry

    registry, patience = Registry(home), timedelta(hours=hours)
    if registry.open("audit") is None and not registry.counts():
        raise RegistryError(f"there is no registry at {registry.home}", hint="name another one: --home")
    health = mending.examine(registry, patience=patience)
    # A record that does not hold is not written on.
    mended = mend and not health.problems and not health.whole
    if mended:
        mending.mend(registry, health)
    emit({"home": registry.home, "mended": mended, **health.to_dict()}, output, _print_health)
    return 0 if not health.problems and (health.whole or mended) else 5


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.home
@options.output
def export(file: Path, home: str | None, output: str) -> int:
    """Write the whole registry to a new FILE of JSON lines; compressed where its name ends with .gz."""
    from clearance.governance.registry import Registry
    from clearance.governance.transfer import export_registry

    emit({"file": str(file), "rows": export_registry(Registry(home), file)}, output, _print_moved)
    return 0


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@options.home
@options.output
def import_(file: Path, home: str | None, output: str) -> int:
    """Write an exported registry to a home that has none, and verify it."""
    from clearance.governance.registry import Registry
    from clearance.governance.transfer import import_registry

    emit({"file": str(file), "rows": import_registry(Registry(home), file)}, output, _print_moved)
    return 0


def _print_moved(told: Any) -> None:
    click.echo(f"{told['file']}: " + ", ".join(f"{rows:,} {name}" for name, rows in told["rows"].items()))


def _print_health(told: Any) -> None:
    verb = "mended" if told["mended"] else "found"
    for row in told["runs"]:
        click.echo(f"{verb}: run {row['run_id']} ({row['job']}) never ended")
    for deed in told["deeds"]:
        click.echo(f"{verb}: {deed['action']} of run {deed['run_id']} has no outcome: {deed['result']}")
    if told["lineage"]:
        click.echo(f"{verb}: runs without their last lineage event: {told['lineage']}")
    for name in told["scattered"]:
        click.echo(f"{verb}: the table {name} is in many small files")
    for problem in told["problems"]:
        click.echo(f"{click.style('the audit does not hold', fg='red')}: {problem}")
    if not any(told[name] for name in ("runs", "deeds", "lineage", "scattered", "problems")):
        click.echo(f"{told['home']}: the registry is whole")
    elif not told["mended"] and not told["problems"]:
        click.echo("clearance registry doctor --mend ends them")


def _print_all(told: Any) -> None:
    if not told["datasets"]:
        click.echo(f"nothing is registered at {told['home']}")
        return
    table(
        ["dataset", "rows", "level", "regimes", "kind", "since"],
        [
            [
                entry["dataset"],
                f"{entry['rows']:,}" if entry["rows"] is not None else "-",
                level(entry["label"]["level"]) if entry["label"] else _UNVOUCHED,
                ", ".join(entry["label"]["regimes"]) if entry["label"] else "-",
                entry["kind"],
                entry["at"],
            ]
            for entry in told["datasets"]
        ],
    )
    if any(entry["problem"] for entry in told["datasets"]):
        click.echo("unvouched: the audit does not stand for the label; clearance audit verify; then scan it again")


def _print_one(told: Any) -> None:
    click.echo(click.style(told["dataset"], bold=True))
    if told["problem"]:
        click.echo(f"  {_UNVOUCHED}: {told['problem']}")
    for entry in told["labels"]:
        shown = level(entry["label"]["level"]) if entry["counts"] else f"{_UNVOUCHED} ({entry['label']['level']})"
        click.echo(f"  {entry['at'][:19]}  {entry['kind']} label  {shown}  version {entry['version']}")
    for entry in told["protections"]:
        by = "" if entry["counts"] else f"  {_UNVOUCHED}"
        click.echo(f"  {entry['at'][:19]}  protected from {entry['source']}, {entry['rows']:,} rows{by}")
    for entry in told["verdicts"]:
        click.echo(f"  {entry['at'][:19]}  {entry['verdict']} for {entry['solution']}")
    # A run says again and again that it is under way.
    for entry in {(entry["run_id"], entry["status"]): entry for entry in told["runs"]}.values():
        error = f"  {entry['error']}" if entry["error"] else ""
        click.echo(f"  {entry['at'][:19]}  {entry['job']} {entry['status']}  {entry['run_id']}{error}")
