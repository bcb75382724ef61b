"""Options that several commands share, under one name and one help text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import UsageError

if TYPE_CHECKING:
    from clearance.governance.manifest import Manifest
    from clearance.governance.policy import Policy
    from clearance.jobs.datasets import Reference
    from clearance.jobs.desk import Desk
    from clearance.jobs.extent import Extent
    from clearance.jobs.settings import Detection

Command = Callable[..., Any]


def stacked(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order they are given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Group(click.Group):
    """Commands of one kind, listed with the whole first sentence of each: click cuts it at the end of the line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(each)) for name, each in found if each is not None])


def _first_sentence(command: click.Command) -> str:
    said = " ".join((command.help or "").split("\n\n", 1)[0].split())
    return said.split(". ", 1)[0].removesuffix(".") + "."


policy = click.option(
    "--policy",
    metavar="FILE",
    help="Policy file. [default: $CLEARANCE_POLICY, else ./policy.yaml, else the packaged one]",
)
home = click.option("--home", metavar="DIR", help="The registry's home. [default: $CLEARANCE_HOME, else ./.clearance]")
key_file = stacked(
    click.option(
        "--key-file",
        metavar="FILE",
        help="Key file. [default: $CLEARANCE_KEY_FILE, else ~/.config/clearance/keys.json]",
    ),
    click.option(
        "--keys",
        metavar="URI",
        help="Key provider: file, awskms, vault or gcpkms. [default: $CLEARANCE_KEYS, else the key file]",
    ),
)
domain = click.option("--domain", default="default", metavar="NAME", show_default=True, help="Join scope of tokens.")
solutions = click.option(
    "--solutions",
    metavar="PATH",
    help="File or folder of solution profiles. [default: $CLEARANCE_SOLUTIONS, else ./solutions.yaml or ./solutions/]",
)
manifests = click.option(
    "--manifest",
    "manifests",
    multiple=True,
    metavar="FILE",
    help="What the owner of a dataset declares (ODCS v3.1). May be repeated.",
)
facts = click.option(
    "--fact",
    "facts",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the owner declares: region=eu, purpose=functional.service, environment=production. May be repeated.",
)
output = click.option(
    "--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Output."
)
log_format = click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Progress on stderr."
)
reading = stacked(
    click.option(
        "--input-format", metavar="FORMAT", help="delta, parquet, orc, csv, json, jsonl or text. [default: found]"
    ),
    click.option("--version", "delta_version", type=int, help="Read this version of a Delta table."),
    click.option("--timestamp", metavar="TIME", help="Read a Delta table as of this time: 2026-01-31 09:00:00."),
    click.option("--option", "reader_options", multiple=True, metavar="KEY=VALUE", help="Reader option, such as sep=;"),
)
subject_keys = click.option(
    "--subject-keys", metavar="DIR", help="The table of subject keys. [default: $CLEARANCE_SUBJECT_KEYS]"
)
detection = stacked(
    click.option("--language", default="en", metavar="CODE", show_default=True, help="Language of the dataset's text."),
    click.option(
        "--region",
        "regions",
        multiple=True,
        metavar="REGION",
        help="Look for identifiers of this region: us, uk, de, ... May be repeated. [default: the language's]",
    ),
    click.option(
        "--ner",
        default="rampart",
        metavar="NAME",
        show_default=True,
        help="Model for names and places in text: rampart, spacy:PACKAGE, presidio:MODULE:CLASS, or none.",
    ),
    click.option("--no-ner", is_flag=True, help="Do not look for names and places in text: the same as --ner none."),
    click.option(
        "--detectors",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Also use the detectors and the resolution rules of this YAML file. May be repeated.",
    ),
)
own_detectors = click.option(
    "--detectors",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Entity types that the detectors of this YAML file find are known. May be repeated.",
)
extent = stacked(
    click.option(
        "--mode",
        type=click.Choice(["full", "sample", "incremental"]),
        default="full",
        show_default=True,
        help="Read all, a sample, or what was added since the last scan.",
    ),
    click.option(
        "--prevalence",
        type=float,
        default=0.001,
        metavar="SHARE",
        show_default=True,
        help="A sample must find what is in at least this share of rows.",
    ),
    click.option(
        "--confidence",
        type=float,
        default=0.95,
        metavar="SHARE",
        show_default=True,
        help="How surely a sample must find it.",
    ),
)


def pairs(entries: tuple[str, ...], what: str) -> dict[str, str]:
    """``KEY=VALUE`` entries as a mapping. Raises ``UsageError`` for anything else."""
    found = {}
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{what} {entry!r} is not KEY=VALUE", hint=f"write --{what} key=value")
        found[key.strip()] = value
    return found


def names(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def declared(entries: tuple[str, ...]) -> dict[str, Any]:
    """Facts from the command line: those that are lists may be given several times. Raises ``PolicyError``."""
    found: dict[str, Any] = {}
    lists = ("regions", "purposes", "restricted_uses", "age_groups")
    names = {spelling: name for name in lists for spelling in (name, name[:-1])}
    for entry in entries:
        ((key, value),) = pairs((entry,), "fact").items()
        if key in names:
            found.setdefault(names[key], []).extend(part.strip() for part in value.split(",") if part.strip())
        else:
            found[key] = int(value) if key == "retention_days" and value.isdigit() else value
    from clearance.governance.decisions import read_facts

    read_facts(found)  # a misspelt fact is told before Spark starts
    return found


def reference(dataset: str, options: Mapping[str, Any]) -> "Reference":
    """The dataset that the reading options describe."""
    from clearance.jobs.datasets import Reference

    return Reference(
        dataset,
        options.get("input_format"),
        options.get("delta_version"),
        options.get("timestamp"),
        pairs(options.get("reader_options", ()), "option"),
    )


def how_much(options: Mapping[str, Any]) -> "Extent":
    """How much is to be read. Raises ``UsageError`` for what no sample can prove."""
    from clearance.jobs.extent import Extent

    return Extent(options["mode"], options["prevalence"], options["confidence"])


def detection_of(options: Mapping[str, Any]) -> "Detection":
    """How the detection options say to look. Raises ``UsageError`` and ``DetectionError`` before Spark starts."""
    from clearance.jobs.settings import read_detection

    return read_detection(
        options.get("language", "en"),
        options.get("regions"),
        None if options.get("no_ner") else options.get("ner", "rampart"),
        options.get("detectors", ()),
    )


def owner_of(paths: Sequence[str], datasets: Iterable[str], rules: "Policy") -> "Callable[[str], Manifest | None]":
    """What finds each dataset's own manifest among these files. Raises ``UsageError`` for one of no such dataset."""
    if not paths:
        return lambda _: None
    from clearance.governance.identity import dataset_identity
    from clearance.jobs.manifests import Manifests

    found = Manifests(paths, rules)
    found.require_used(dataset_identity(dataset).key for dataset in datasets)
    return lambda dataset: found.of(dataset_identity(dataset).key)


def own_types(detectors: tuple[Path, ...]) -> frozenset[str]:
    """Entity types of a user's own files of detectors. Raises like :func:`detection_of`."""
    if not detectors:
        return frozenset()
    from clearance.classifiers.known_types import declared_types
    from clearance.jobs.settings import read_detection

    return declared_types(read_detection(detectors=detectors).detectors)


def key_uri(key_file: str | None, keys: str | None) -> str | None:
    """Where the keys are by the two options; None means the environment's. Raises ``UsageError`` for both."""
    if keys and key_file:
        raise UsageError("--keys and --key-file are given: there is one place for keys", hint="leave one out")
    return keys or key_file


def desk(options: Mapping[str, Any]) -> "Desk":
    """The desk that the shared options describe."""
    from clearance.jobs.desk import open_desk

    return open_desk(
        policy=options.get("policy"),
        home=options.get("home"),
        detection=detection_of(options),
        key_file=options.get("key_file"),
        keys=options.get("keys"),
        domain=options.get("domain") or "default",
    )
