"""``clearance audit``."""

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table


@click.command("audit")
@click.option("--verify", is_flag=True, help="Recompute the hash chain and say whether it holds.")
@options.home
@options.output
def command(verify: bool, home: str | None, output: str) -> int:
    """Show the audit trail, or verify it."""
    from clearance.governance.audit import Audit
    from clearance.governance.registry import Registry

    audit = Audit(Registry(home))
    if verify:
        report = audit.verify()
        told = {
            "ok": report.ok,
            "entries": report.entries,
            "problems": list(report.problems),
            "unfinished": list(report.open_intents),
        }
        emit(told, output, lambda t: click.echo("\n".join(t["problems"]) or f"{t['entries']} entries, the chain holds"))
        return 0 if report.ok else 5
    entries = audit.entries()
    emit(
        {"entries": entries},
        output,
        lambda t: table(
            ["#", "kind", "action", "result", "dataset", "actor"],
            [
                [
                    str(e["index"]),
                    e["kind"],
                    e["action"],
                    e.get("result") or "",
                    e.get("dataset") or "",
                    e.get("actor", ""),
                ]
                for e in t["entries"]
            ],
        ),
    )
    return 0
