"""``clearance audit``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from clearance.errors import AuditError, UsageError
from clearance.jobs.commands import activity, options
from clearance.jobs.commands.output import emit, table

_PROBLEMS = 20


@click.group("audit", cls=options.Group, invoke_without_command=True)
@options.home
@options.output
@click.pass_context
def command(context: click.Context, home: str | None, output: str) -> int:
    """Show the audit trail: who did what, when, to which dataset, and how it ended."""
    if context.invoked_subcommand is None:
        return _show(home, output, {}, None)
    if home is not None or output != "table":
        raise UsageError(
            "options stand behind the command they are for", hint=f"clearance audit {context.invoked_subcommand} --help"
        )
    return 0


@command.command("show")
@click.option("--dataset", metavar="DATASET", help="Only what speaks of this dataset.")
@click.option("--action", metavar="NAME", help="Only this action: label, publish, detokenize, approve, ...")
@click.option("--actor", metavar="NAME", help="Only what this account, or this enrolled person, did.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N entries.")
@options.home
@options.output
def show(
    dataset: str | None, action: str | None, actor: str | None, last: int | None, home: str | None, output: str
) -> int:
    """The entries in their order, all or some."""
    wanted: dict[str, str] = {}
    if dataset is not None:
        from clearance.governance.identity import dataset_identity

        wanted["dataset"] = dataset_identity(dataset).key
    if action is not None:
        wanted["action"] = action
    return _show(home, output, wanted, last, actor)


@command.command("verify")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A head kept elsewhere: of `audit anchor`, or lineage events. May be repeated.",
)
@click.option(
    "--export",
    "exported",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Verify an exported chain instead of the registry.",
)
@options.home
@options.output
def verify(anchors: tuple[Path, ...], exported: Path | None, home: str | None, output: str) -> int:
    """Recompute the hash chain, and compare it with the rows of the registry and with heads kept elsewhere.

    Exits 5 when something does not hold. The heads in this home's lineage events are looked at without being named.
    """
    from clearance.governance.anchors import anchored, read_anchors, read_export
    from clearance.governance.audit import Audit
    from clearance.governance.chain import check_entries
    from clearance.governance.lineage_spool import LineageSpool
    from clearance.governance.registry import Registry

    heads = [head for path in anchors for head in read_anchors(path)]
    registry = Registry(home)
    if exported is not None:
        report = check_entries(read_export(exported), heads)
    else:
        report = Audit(registry).verify(*heads, *anchored(LineageSpool.for_home(registry.home).events()))
    # Of nothing at all nobody can say that it holds: a home that is misspelt, or was taken away.
    none = [] if report.entries else [f"there is no entry of an audit at {exported or registry.home}"]
    told = {
        "ok": report.ok and not none,
        "entries": report.entries,
        "anchors": report.anchors,
        "head": {"index": report.head.index, "hash": report.head.hash} if report.head else None,
        "problems": [*report.problems, *none],
        "unfinished": list(report.open_intents),
    }
    emit(told, output, _print_verified)
    return 0 if told["ok"] else 5


command.add_command(activity.command)


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.home
def export(file: Path, home: str | None) -> int:
    """Write all entries to a new FILE, one a line as canonical JSON with its hash: `audit verify --export` reads it."""
    from clearance.governance.anchors import export_text, write_new
    from clearance.governance.audit import Audit
    from clearance.governance.registry import Registry

    entries = Audit(Registry(home)).entries()
    write_new(file, export_text(entries))
    click.echo(f"{len(entries)} entries: {file}")
    return 0


@command.command("anchor")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.home
def anchor(file: Path, home: str | None) -> int:
    """Write the newest entry's index and hash to a new FILE, for storage that the registry's writers can't change."""
    from clearance.governance.anchors import write_anchor
    from clearance.governance.audit import Audit
    from clearance.governance.registry import Registry

    head = Audit(Registry(home)).head()
    if head is None:
        raise AuditError("the audit has no entry yet", hint="anchor it after the first run")
    write_anchor(file, head)
    click.echo(f"entry {head.index}: {file}")
    return 0


def _show(home: str | None, output: str, wanted: dict[str, str], last: int | None, actor: str | None = None) -> int:
    from clearance.governance.audit import Audit
    from clearance.governance.chain import people_in
    from clearance.governance.registry import Registry

    entries = Audit(Registry(home)).entries(**wanted)
    people = people_in(entries)
    entries = [entry for entry in entries if actor in (None, entry.get("actor"), people.get(entry["id"]))]
    shown = entries[-last:] if last else entries
    emit({"entries": shown}, output, lambda told: _print_entries(told, people))
    return 0


def _print_verified(told: Any) -> None:
    holds = f"{told['entries']} entries, the chain holds; {told['anchors']} heads kept elsewhere are in it"
    shown, more = told["problems"][:_PROBLEMS], len(told["problems"]) - _PROBLEMS
    # One changed entry breaks every later link of a chain that may have a hundred thousand.
    click.echo("\n".join([*shown, *([f"and {more:,} more: --format json has all"] if more > 0 else [])]) or holds)


def _actor(entry: Mapping[str, Any], people: Mapping[str, str]) -> str:
    """The account, and before it the person who acted by it."""
    account, person = str(entry.get("actor", "")), people.get(entry["id"])
    return f"{person} ({account})" if person else account


def _reason(entry: Mapping[str, Any]) -> str:
    """Why it was asked for; of what was refused or failed, why."""
    facts = entry.get("facts") or {}
    return str(facts.get("reason") or facts.get("why") or "")


def _print_entries(told: Any, people: Mapping[str, str]) -> None:
    if not told["entries"]:
        click.echo("no entries")
        return
    table(
        ["#", "at", "kind", "action", "result", "dataset", "actor", "reason"],
        [
            [
                str(entry["index"]),
                str(entry.get("at", ""))[:19],
                entry["kind"],
                entry["action"],
                entry.get("result") or "",
                entry.get("dataset") or "",
                _actor(entry, people),
                _reason(entry),
            ]
            for entry in told["entries"]
        ],
    )
