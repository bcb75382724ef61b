"""``clearance lineage``."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import DatasetError, LineageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import level, table
from clearance.jobs.verdict_words import json_text, printable

if TYPE_CHECKING:
    from clearance.governance.registry import Registry
    from clearance.jobs.lineage_views import Lineage

_FORMATS = ("table", "json", "mermaid")
chart = click.option(
    "--format", "output", type=click.Choice(_FORMATS), default="table", show_default=True, help="Output."
)


@click.group("lineage", cls=options.Group)
def command() -> None:
    """Show where data comes from and goes to, read the events of other jobs, and label what they wrote."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@options.output
@options.policy
@options.home
def import_(file: Path, output: str, policy: str | None, home: str | None) -> int:
    """Read OpenLineage events of other jobs from FILE (- for standard input) and label what they wrote.

    JSON Lines, one event, a list of events, or the answer of a receiver's list of events. Nothing is written unless
    all of them can be read; what is on record already is not filed again.
    """
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.check import policy_path
    from clearance.jobs.lineage_task import derive, import_events

    rules, registry = load_policy(policy_path(policy)), Registry(home)
    done = import_events(_read(file), registry)
    labels = derive(rules, registry)
    told = {**done.to_dict(), "datasets": {key: found.label.to_dict() for key, found in sorted(labels.items())}}
    if output == "json":
        click.echo(json_text(told))
        return 0
    click.echo(f"{done.events:,} events read, {done.new:,} of {done.hops:,} steps new")
    if done.machines:
        click.echo(
            f"files of other machines are no paths here: {', '.join(map(printable, done.machines))}\n"
            "  where their folders are mounted here, the events should name the path, in the namespace file"
        )
    rows = [
        [printable(key), level(found.label.level), ", ".join(sorted(found.label.regimes))]
        for key, found in labels.items()
    ]
    table(["dataset", "level by lineage", "regimes"], rows)
    return 0


@command.command("show")
@click.argument("dataset", required=False)
@options.home
@chart
def show(dataset: str | None, home: str | None, output: str) -> int:
    """Show what is on record: events of our own runs and steps of other jobs, all or those that touch DATASET."""
    from clearance.governance.identity import dataset_identity
    from clearance.governance.lineage_spool import LineageSpool
    from clearance.governance.registry import Registry

    registry = Registry(home)
    spool = LineageSpool.for_home(registry.home)
    events = list(spool.events())
    imported = [row["hop"] for row in registry.rows("lineage", ["hop"])]
    key = None
    if dataset is not None:
        identity = dataset_identity(dataset)
        wanted, key = (identity.namespace, identity.name), identity.key
        events = [e for e in events if wanted in {(d["namespace"], d["name"]) for d in e["inputs"] + e["outputs"]}]
        imported = [hop for hop in imported if key in (hop["output"], *hop["inputs"])]
    if output == "json":
        click.echo(json_text({"path": str(spool.path), "events": events, "imported": imported}))
    elif output == "mermaid":
        found = _lineage(None, home)
        steps = [step for step in found.graph.all() if key is None or key in (step.source, step.dataset)]
        _emit(found.view(steps), output)
    else:
        if key is not None and not events and not imported:
            from clearance.jobs.on_record import is_known

            if not is_known(key, registry):
                raise _unknown(key, registry)
        _print_events(str(spool.path), events, imported, key)
    return 0


@command.command("trace")
@click.argument("dataset", metavar="DATASET[#COLUMN]")
@options.policy
@options.home
@chart
def trace(dataset: str, policy: str | None, home: str | None, output: str) -> int:
    """Show everything that a dataset or column comes from, step by step back to the first sources."""
    found, key, column = _asked(dataset, policy, home)
    _emit(found.view(found.graph.upstream(key, column), dataset=key, column=column or None), output)
    return 0


@command.command("impact")
@click.argument("dataset", metavar="DATASET[#COLUMN]")
@options.policy
@options.home
@chart
def impact(dataset: str, policy: str | None, home: str | None, output: str) -> int:
    """Show everything that comes from a dataset or column, and so changes with it."""
    found, key, column = _asked(dataset, policy, home)
    _emit(found.view(found.graph.downstream(key, column), dataset=key, column=column or None), output)
    return 0


@command.command("export")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to this file.")
@options.policy
@options.home
@click.option(
    "--format",
    "output",
    type=click.Choice([*_FORMATS, "openlineage"]),
    default="table",
    show_default=True,
    help="Output; openlineage: an event for each dataset, with derived labels as tags.",
)
def export(to: Path | None, policy: str | None, home: str | None, output: str) -> int:
    """Write all lineage out, with the labels that it gives: for people, for a document, or for a catalog."""
    found = _lineage(policy, home)
    view = found.view(found.graph.all())
    if output == "openlineage":
        from clearance.governance.policy import load_policy
        from clearance.governance.registry import Registry
        from clearance.jobs.check import policy_path
        from clearance.jobs.lineage_task import derive
        from clearance.jobs.lineage_views import openlineage

        labels = derive(load_policy(policy_path(policy)), Registry(home), record=False)
        text = "\n".join(json_text(event) for event in openlineage(view, labels))
    else:
        text = _text(view, output)
    if to is None:
        click.echo(text)
        return 0
    try:
        to.write_text(click.unstyle(text) + "\n", encoding="utf-8")
    except OSError as error:
        raise LineageError(f"{to} can't be written ({error.strerror})", hint="name another file") from None
    return 0


def _read(file: Path) -> str:
    try:
        with click.open_file(str(file), "rb") as opened:
            text: str = opened.read().decode("utf-8")
            return text
    except OSError as error:
        raise LineageError(
            f"{file} can't be read ({error.strerror})",
            hint="name a file; of an address: curl -s URL | clearance lineage import -",
        ) from None
    except UnicodeDecodeError:
        raise LineageError(f"{file} is not UTF-8 text", hint="give OpenLineage events as JSON") from None


def _lineage(policy: str | None, home: str | None) -> "Lineage":
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.check import policy_path
    from clearance.jobs.lineage_task import derivation
    from clearance.jobs.lineage_views import Lineage

    return Lineage(derivation(load_policy(policy_path(policy)), Registry(home)))


def _asked(dataset: str, policy: str | None, home: str | None) -> "tuple[Lineage, str, str]":
    from clearance.governance.identity import dataset_identity

    reference, _, column = dataset.partition("#")
    key = dataset_identity(reference).key
    found = _lineage(policy, home)
    there = {name for step in found.graph.all() for name in (step.source, step.dataset)}
    if key not in there:
        from clearance.governance.registry import Registry

        raise _unknown(key, Registry(home), there)
    return found, key, column


def _unknown(key: str, registry: "Registry", there: Collection[str] = ()) -> DatasetError:
    from clearance.jobs.on_record import names, nearest

    hint = nearest(key, names(registry, there), registry.home) or "clearance lineage import"
    return DatasetError(f"nothing is known of where {key} comes from or goes to", hint=hint)


def _emit(view: dict[str, Any], output: str) -> None:
    from clearance.jobs.commands.fitting import terminal_width

    click.echo(_text(view, output, terminal_width()))


def _text(view: dict[str, Any], output: str, room: int | None = None) -> str:
    if output == "json":
        return json_text(view)
    if output == "mermaid":
        from clearance.jobs.lineage_views import mermaid

        return mermaid(view)
    if not view["steps"]:
        return "nothing"
    from clearance.jobs.commands.output import shown, table_text

    view = shown(view)

    rows = [
        [
            str(step["depth"] or "-"),
            step["source"] + (f"#{step['field']}" if step["field"] else ""),
            level(step["level"]),
            step["how"].lower(),
            step["dataset"] + (f"#{step['column']}" if step["column"] else ""),
            step["job"],
        ]
        for step in view["steps"]
    ]
    return table_text(["step", "from", "level", "how", "to", "job"], rows, room=room)


def _print_events(path: str, events: list[Any], imported: list[Any], key: str | None) -> None:
    if not events and not imported:
        click.echo(printable(f"no events of {key} at {path}") if key else f"no events at {path}")
        return
    from clearance.jobs.commands.output import shown

    rows = []
    events, imported = shown(events), shown(imported)
    for event in events:
        inputs = ", ".join(d["name"] for d in event["inputs"])
        outputs = ", ".join(d["name"] for d in event["outputs"])
        rows.append([event["eventTime"][:19], event["job"]["name"], event["eventType"], inputs or "-", outputs or "-"])
    for hop in imported:
        inputs = ", ".join(hop["inputs"]) or "-"
        rows.append([hop["at"][:19], hop["job"], hop["event"] or "-", inputs, hop["output"]])
    table(["time", "job", "event", "inputs", "outputs"], rows)
    click.echo(f"events: {path}")
