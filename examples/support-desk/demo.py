"""A support desk wants to give its data to a public chat bot. Tells what Clearance makes of it, and does it.

Everything is done by the product: the functions behind ``clearance run`` and the command ``clearance check``, in one
Spark session. Exits 1 when a step does not come out as it is told here. Writes ./data and ./out; the key file lies in
your configuration folder, so that neither the repository nor the data holds it.
"""

import os
import shutil
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import generate

HERE = Path(__file__).resolve().parent
BOT, PRIVATE = "public-support-bot", "private-model"
NAMES = ("customers", "orders", "tickets", "chats")


class NotAsToldError(Exception):
    """A step of the story came out differently."""


def expect(holds: bool, step: str) -> None:
    """Ends the demo when a step is not as told."""
    if not holds:
        raise NotAsToldError(step)


class Progress:
    """One line that changes on a terminal, on standard error; nothing where nobody watches."""

    def __init__(self) -> None:
        self._live, self._start = sys.stderr.isatty(), time.monotonic()

    def say(self, event: str, *, dataset: str | None = None, **fields: Any) -> None:
        """One step; what is known of it beside its name does not fit into a line."""
        if self._live:
            line = f"   {time.monotonic() - self._start:3.0f} s  {dataset or ''} {event}"
            sys.stderr.write(f"\r\x1b[2K\x1b[2m{line}\x1b[0m")
            sys.stderr.flush()

    def done(self) -> None:
        """Clears the line."""
        if self._live:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def title(text: str) -> None:
    """A chapter begins."""
    click.echo(f"\n{click.style(text, bold=True)}")


def typed(command: str) -> None:
    """A command that the reader may type."""
    click.echo(click.style("$ clearance " + command, fg="blue"))


def clearance(*arguments: str, quiet: bool = False) -> int:
    """Runs a command of Clearance in this process and returns its exit code."""
    from clearance.jobs.cli import run

    if quiet:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            return run(list(arguments))
    typed(" ".join(arguments))
    code = run(list(arguments))
    exited(code)
    return code


def exited(code: int) -> None:
    """How a command ended."""
    click.echo(f"  exit code {click.style(str(int(code)), fg='green' if code == 0 else 'red', bold=True)}")


def reason(conflict: Any) -> str:
    """Why not, in a few words."""
    facts = conflict.facts
    return {
        "level": f"{conflict.column} is {facts.get('level')}, above {facts.get('clearance')}",
        "hosting": f"{facts.get('hosting')} hosting gets {facts.get('maximum')} at most",
        "regime": f"{facts.get('regime')} is not allowed",
    }[conflict.rule]


def short(path: Path) -> str:
    """A path as people write it."""
    for base, sign in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return sign + str(path.relative_to(base))
    return str(path)


def found_in(outcome: Any) -> list[str]:
    """A row of the table of findings: the columns above internal, and how many kinds of things are inside texts."""
    from clearance.jobs.commands.output import level

    places = []
    for report in outcome.scanned.scan.columns:
        if outcome.scanned.columns[report.path].level not in ("public", "internal"):
            kinds = f" ({len(report.findings)} kinds)" if report.entity_type is None else ""
            places.append(report.path + (" (bigint)" if report.type == "bigint" else kinds))
    return [outcome.item.name, level(outcome.scanned.label.level), ", ".join(places)]


def done_to(outcome: Any) -> list[str]:
    """A row of the table of what protection did: columns by method."""
    methods: dict[str, list[str]] = {}
    for leaf in outcome.protected.plan.changed:
        how = "by kind" if leaf.how == "spans" else str(leaf.method["name"])
        how += " to last 4" if leaf.method.get("keep_last") == 4 else ""
        methods.setdefault(how, []).append(leaf.path)
    return [outcome.item.name, "; ".join(f"{how}: {', '.join(paths)}" for how, paths in methods.items())]


def joins(spark: Any, place: dict[str, str], formats: dict[str, str]) -> dict[str, int]:
    """Row counts of joins that only work where equal addresses are still equal, in columns and inside texts."""
    frames = {name: spark.read.format(formats[name]).load(place[name]) for name in ("customers", "orders", "tickets")}
    for name, frame in frames.items():
        frame.createOrReplaceTempView(f"demo_{name}")
    one = spark.sql(
        """
        SELECT 'customers, orders' AS what, count(*) AS n
          FROM demo_customers c JOIN demo_orders o ON c.email = o.customer_email
        UNION ALL
        SELECT 'customers, tickets', count(*)
          FROM demo_customers c JOIN demo_tickets t ON c.email = t.customer_email
        UNION ALL
        SELECT 'customers, texts', count(*)
          FROM demo_customers c JOIN demo_tickets t ON contains(t.body, c.email)
        """
    )
    return {row["what"]: row["n"] for row in one.collect()}


def set_up() -> Path:
    """An own home and key file, and none of the user's receivers, policies or clusters; returns the key file."""
    from clearance.tokenization.keys import default_key_path

    for name in [name for name in os.environ if name.startswith(("OPENLINEAGE", "SPARK_REMOTE"))]:
        del os.environ[name]
    key = default_key_path().with_name("support-desk-demo.json")
    os.environ["CLEARANCE_KEY_FILE"] = str(key)
    os.environ["CLEARANCE_SIGNING_KEY_FILE"] = str(key.with_name("support-desk-demo-signing.pem"))
    os.environ["CLEARANCE_HOME"] = str(HERE / "out" / "home")
    os.environ["CLEARANCE_POLICY"] = str(HERE / "policy.yaml")
    os.environ["CLEARANCE_SOLUTIONS"] = str(HERE / "solutions.yaml")
    # A minute of work never earns back what Java's second compiler and parallel collector cost: half the time goes.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    os.chdir(HERE)
    shutil.rmtree("out", ignore_errors=True)
    return key


def begin(key: Path) -> None:
    """The data and the key."""
    click.echo(click.style("May a support desk give its data to a public chat bot?", bold=True))
    counts = generate.generate(HERE / "data")
    rows = ", ".join(f"{count} {name}" for name, count in counts.items())
    click.echo(f"\n  data  {rows} (made up)")
    expect(clearance("init", quiet=True) == 0 and key.stat().st_mode & 0o777 == 0o600, "the key file is created")
    click.echo(f"  key   {short(key)}")


def before(spark: Any, plan: Any, desk: Any, solutions: Any, progress: Progress) -> None:
    """Chapters 1 and 2: what is in the data, and why the bot may not have it."""
    from clearance.errors import ExitCode
    from clearance.jobs.commands.output import table
    from clearance.jobs.runner import run

    looking = plan.model_copy(update={"protect": "never"})
    outcomes, _ = run(spark, looking, desk, solutions, progress)
    progress.done()
    title("What is in the data")
    expect([o.item.name for o in outcomes] == list(NAMES), "the plan names four datasets")
    for outcome in outcomes:
        expect(outcome.error is None, f"{outcome.item.name} is scanned: {outcome.error and outcome.error.message}")
    table(["dataset", "level", "sensitive"], [found_in(outcome) for outcome in outcomes], indent="  ")

    title("Why the bot may not have it")
    # The command's own words come with a remedy for each reason; here the reasons are enough.
    typed(f"check data/orders --solution {BOT}")
    code = clearance("check", "data/orders", "--solution", BOT, quiet=True)
    expect(code == ExitCode.CONFLICT, "check exits 3 on the orders")
    orders = next(check for check in outcomes[1].before if check.solution == BOT)
    for conflict in orders.verdict.conflicts:
        click.echo(f"  {conflict.rule:<8} {reason(conflict)}")
    exited(code)
    others = [check for outcome in outcomes for check in outcome.before if check.solution == BOT]
    expect(all(check.exit_code is ExitCode.CONFLICT for check in others), "the bot may have none of the four")
    mine = [check for outcome in outcomes for check in outcome.before if check.solution == PRIVATE]
    expect(all(check.exit_code is ExitCode.CLEAR for check in mine), "the private model may have all four")
    click.echo(f"  The other three: the same. The {PRIVATE} may have all four.")


def protect(spark: Any, plan: Any, desk: Any, solutions: Any, progress: Progress) -> None:
    """Chapter 3: the plan is carried out."""
    from clearance.errors import ExitCode
    from clearance.jobs.commands.output import table
    from clearance.jobs.runner import run, worst, write_verdicts

    outcomes, run_id = run(spark, plan, desk, solutions, progress)
    write_verdicts(Path(plan.verdicts), outcomes, run_id)
    progress.done()
    title("What was done")
    typed("run plan.yml")
    for outcome in outcomes:
        expect(outcome.error is None, f"{outcome.item.name} is protected: {outcome.error and outcome.error.message}")
        expect(outcome.protected is not None and outcome.protected.proof.holds, f"{outcome.item.name} is proved")
    table(["dataset", "columns by method"], [done_to(outcome) for outcome in outcomes], indent="  ")
    proofs = [outcome.protected.proof for outcome in outcomes]
    cells, texts = sum(proof.checked_cells for proof in proofs), sum(proof.checked_texts for proof in proofs)
    click.echo(f"  Proved first: {cells:,} cells, {texts:,} texts, rows and nulls.")
    code = worst([outcome.exit_code for outcome in outcomes])
    expect(code is ExitCode.CLEAR, "the run ends with 0: every conflict is resolved")
    exited(code)


def joined(spark: Any) -> None:
    """Chapter 4: the protected tables join as the originals do."""
    from clearance.jobs.commands.output import table

    source = {"customers": "data/customers", "orders": "data/orders", "tickets": "data/tickets.jsonl"}
    formats = {"customers": "delta", "orders": "delta", "tickets": "json"}
    originals = joins(spark, {name: str(HERE / path) for name, path in source.items()}, formats)
    copies = joins(spark, {name: str(HERE / "out/protected" / name) for name in source}, dict.fromkeys(source, "delta"))
    title("It still joins")
    rows = [[what, str(count), str(copies[what])] for what, count in originals.items()]
    table(["join on e-mail", "originals", "protected"], rows, indent="  ")
    expect(originals == copies and min(originals.values()) > 0, "the protected tables join as the originals do")
    click.echo("  Equal values have equal tokens, inside texts too.")


def after() -> None:
    """Chapter 5: the bot may have the protected copies, and still not the originals."""
    title("Now the bot may")
    expect(clearance("check", "out/protected/orders", "--solution", BOT) == 0, "check exits 0 on the protected orders")
    others = [clearance("check", f"out/protected/{name}", "--solution", BOT, quiet=True) for name in NAMES]
    expect(others == [0, 0, 0, 0], "the bot may have all four protected copies")
    again = clearance("check", "data/orders", "--solution", BOT, quiet=True)
    expect(again == 3, "the original orders are still refused")
    click.echo("  The other three: the same. Originals stay refused.")


def places(desk: Any) -> None:
    """Chapter 6: where it all lies."""
    from clearance.governance.lineage_schemas import validate

    events = list(desk.spool.events())
    for event in events:
        validate(event)
    audit = desk.audit.verify()
    expect(bool(events) and audit.ok, "lineage is written and the audit trail holds")
    expect(clearance("report", "--to", "out/report.html", quiet=True) == 0, "the report is written")
    title("Where it lies")
    for what, where in (
        ("report", "out/report.html"),
        ("protected", "out/protected/"),
        ("verdicts", "out/verdicts.json"),
        ("lineage", f"out/home/lineage/events.jsonl ({len(events)} events)"),
        ("registry", "out/home/registry/ (audit chain holds)"),
        ("notebook", "notebooks/investigate.ipynb"),
    ):
        click.echo(f"  {what:<10} {where}")


def main() -> int:
    """Tells the story; 0 when all of it came true."""
    began = time.monotonic()
    key = set_up()
    from clearance.errors import ClearanceError
    from clearance.jobs.check import find_solutions
    from clearance.jobs.desk import open_desk
    from clearance.jobs.plan_file import load_plan
    from clearance.jobs.session import get_session

    progress = Progress()
    try:
        begin(key)
        plan = load_plan("plan.yml")
        desk = open_desk(policy=plan.policy, home=plan.home, key_file=str(key), domain=plan.domain)
        solutions = find_solutions(plan.solutions)
        progress.say("starting Spark")
        spark = get_session()
        before(spark, plan, desk, solutions, progress)
        protect(spark, plan, desk, solutions, progress)
        joined(spark)
        after()
        places(desk)
    except (NotAsToldError, ClearanceError) as error:
        progress.done()
        click.echo(f"\nerror: not as told: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        progress.done()
        click.echo("\nstopped", err=True)
        return 130
    click.echo(f"\n  {time.monotonic() - began:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
