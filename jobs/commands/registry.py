"""``clearance registry``."""

from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, level, table


@click.group("registry")
def command() -> None:
    """Show what is on record."""


@command.command("show")
@click.argument("dataset", required=False)
@options.home
@options.output
def show(dataset: str | None, home: str | None, output: str) -> int:
    """All datasets with their labels, or all that is known of one DATASET."""
    from clearance.governance.registry import Registry

    registry = Registry(home)
    if dataset is None:
        labels = registry.latest_each("labels")
        rows = registry.latest_each("datasets")
        found = [
            {
                "dataset": key,
                "rows": rows.get(key, {}).get("rows"),
                "version": row["version"],
                "kind": row["kind"],
                "label": row["label"],
                "at": row["at"].isoformat(timespec="seconds"),
            }
            for key, row in labels.items()
        ]
        emit({"home": registry.home, "datasets": found}, output, _print_all)
        return 0
    from clearance.errors import DatasetError
    from clearance.governance.identity import dataset_identity

    key = dataset_identity(dataset).key
    row = registry.latest("labels", dataset=key)
    if row is None:
        raise DatasetError(f"{key} is not in the registry at {registry.home}", hint=f"clearance scan {dataset}")
    told: dict[str, Any] = {
        "dataset": key,
        "labels": [_plain(entry) for entry in registry.rows("labels", dataset=key)],
        "verdicts": [_plain(entry) for entry in registry.rows("verdicts", dataset=key)],
        "protections": [_plain(entry) for entry in registry.rows("protections", dataset=key)],
        "runs": [_plain(entry) for entry in registry.rows("runs", dataset=key)],
    }
    emit(told, output, _print_one)
    return 0


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in row.items()}


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
                level(entry["label"]["level"]),
                ", ".join(entry["label"]["regimes"]),
                entry["kind"],
                entry["at"],
            ]
            for entry in told["datasets"]
        ],
    )


def _print_one(told: Any) -> None:
    click.echo(click.style(told["dataset"], bold=True))
    for entry in told["labels"]:
        click.echo(
            f"  {entry['at'][:19]}  {entry['kind']} label  {level(entry['label']['level'])}  version {entry['version']}"
        )
    for entry in told["protections"]:
        click.echo(f"  {entry['at'][:19]}  protected from {entry['source']}, {entry['rows']:,} rows")
    for entry in told["verdicts"]:
        click.echo(f"  {entry['at'][:19]}  {entry['verdict']} for {entry['solution']}")
    for entry in told["runs"]:
        error = f"  {entry['error']}" if entry["error"] else ""
        click.echo(f"  {entry['at'][:19]}  {entry['job']} {entry['status']}  {entry['run_id']}{error}")
