"""The command line. Commands are loaded when they are called, so that a check starts no Spark and no detector."""

import importlib
import sys
from difflib import get_close_matches
from typing import Any

import click

from clearance.errors import ClearanceError, ExitCode
from clearance.version import __version__

COMMANDS = {
    "init": "Create the key file and the project's home.",
    "doctor": "Say whether this machine can run Clearance, and what to do if not.",
    "scan": "Find sensitive data in a dataset, or in a text.",
    "label": "Label a dataset by policy: in the registry, its records, or the table itself.",
    "protect": "Tokenize, mask or redact what was found, prove it, and publish the result.",
    "verify": "Check the signed statement of a protected dataset.",
    "detokenize": "Have values back, by a grant of the policy and on record.",
    "check": "Decide whether a dataset may be given to a solution.",
    "request": "Ask for the approval of a dataset as it is now.",
    "approve": "Approve what was asked for, as another person than who asked.",
    "reject": "Reject what was asked for: the dataset is blocked until another request is approved.",
    "review": "Look at findings record by record, and decide on them.",
    "promote": "Carry an approved dataset to its place in another environment, by one commit.",
    "rollback": "Bring back what was published there before, with its label and its approval.",
    "approvals": "Say what is on record of a dataset's approval, and what stands against it.",
    "identity": "Make and enrol the keys of the people who ask, approve and publish.",
    "run": "Do all of it for many datasets and solutions.",
    "evaluate": "Measure how well detection does on labelled data.",
    "detectors": "List, try and explain what looks for sensitive data.",
    "policy": "Check, test, explain and compare policies.",
    "manifest": "Draft, check and compare what an owner declares of a dataset.",
    "report": "Write what is on record, with verdicts, as one HTML page for people.",
    "explain": "Say why a dataset or column has its label.",
    "lineage": "Show where data comes from and goes to; label what other jobs wrote.",
    "solution": "Show solutions: what their models learned from, what they read, what they may read.",
    "audit": "Show, verify, export and anchor the audit trail.",
    "registry": "Show what is on record, mend it, export and import it.",
    "keys": "Show, make, rotate and destroy keys (never their contents).",
    "erase": "Delete people's keys: their reversible tokens open for nobody any more.",
}
#: How the help lists them: who begins needs the first section alone.
SECTIONS = {
    "The main path": ("init", "scan", "check", "protect", "run", "explain", "report"),
    "What counts, and what is allowed": ("label", "policy", "manifest", "solution", "detectors", "evaluate"),
    "People": ("review", "request", "approve", "reject", "approvals", "promote", "rollback", "identity"),
    "Keys and values": ("keys", "detokenize", "erase"),
    "The record": ("verify", "lineage", "audit", "registry"),
    "This machine": ("doctor",),
}


class _Lazy(click.Group):
    """A group that imports a command's file when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"clearance.jobs.commands.{cmd_name}")
        found: click.Command = module.command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and (close := get_close_matches(args[0], COMMANDS, n=1)):
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{close[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name]) for name in names])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="clearance COMMAND --help says more. "
    "Exit codes: 0 clear, 1 internal error, 2 usage, 3 conflict, 4 escalated, 5 undecidable.",
)
@click.version_option(__version__, prog_name="clearance")
def cli() -> None:
    """Clearance decides whether a dataset may be given to an AI solution, and makes it fit when it may not."""


def main(arguments: list[str] | None = None) -> None:
    """The console script: runs a command and exits with a code of ``docs/reference/exit-codes.md``."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code; every failure ends in one clear line and a hint."""
    try:
        result = cli.main(arguments, prog_name="clearance", standalone_mode=False)
    except ClearanceError as error:
        _say(error.message, error.hint)
        return int(error.exit_code)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return int(ExitCode.USAGE)
    except click.ClickException as error:
        context: Any = getattr(error, "ctx", None)
        # An option without its value comes without the context it was given in.
        named = [name for name in (sys.argv[1:] if arguments is None else arguments)[:1] if name in COMMANDS]
        asked = context.command_path if context else " ".join(["clearance", *named])
        _say(error.format_message(), f"{asked} --help")
        return int(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        _say("stopped", "nothing was published; run again")
        return int(ExitCode.INTERNAL)
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.INTERNAL)
    except Exception as error:  # the text of an unforeseen error may quote the data: only its class is shown
        _say(f"internal error: {type(error).__name__}{_place(error)}", "please report it; nothing was published")
        return int(ExitCode.INTERNAL)
    return int(result) if isinstance(result, int) else 0


def _place(error: BaseException) -> str:
    """Where in our code an error came from: file and line, no values."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith("clearance."):
            place = f" in {name} line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _say(message: str, hint: str) -> None:
    from clearance.jobs.verdict_words import printable

    for word, text in (("error", message), ("hint", hint)):
        if text:  # it may name a column or a file, whatever that is called
            click.echo("\n".join(map(printable, f"{word}: {text}".split("\n"))), err=True)


if __name__ == "__main__":
    main()
