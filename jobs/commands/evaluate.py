"""``clearance evaluate``."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import ExitCode, UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table
from clearance.jobs.commands.progress import Progress

if TYPE_CHECKING:
    from clearance.jobs.evaluate import Configuration

configuration = options.stacked(
    options.detection,
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        help="Least score of a hit. [default: 0.4 for texts, as the public ruler; 0.35 for tables, as a scan]",
    ),
)


@click.command("evaluate")
@click.argument("labelled", type=click.Path(path_type=Path))
@click.option(
    "--ruler",
    type=click.Choice(["presidio", "strict"]),
    default="presidio",
    show_default=True,
    help="How spans are compared.",
)
@configuration
@click.option("--against", metavar="OPTIONS", help="Compare with another configuration: '--no-ner --region de'.")
@click.option("--map", "mapping", multiple=True, metavar="TYPE=TYPE", help="Read a type as another. May be repeated.")
@click.option("--only", multiple=True, metavar="TYPE", help="Score this type alone. May be repeated.")
@click.option("--ignore", multiple=True, metavar="TYPE", help="Do not score this type. May be repeated.")
@click.option(
    "--rows", type=click.IntRange(1), default=1000, show_default=True, help="Rows of each table that are looked at."
)
@click.option("--min-f1", type=click.FloatRange(0, 1), help="Exit with 3 when the ruler's F1 is below.")
@click.option("--min-f2", type=click.FloatRange(0, 1), help="Exit with 3 when the ruler's F2 is below.")
@options.output
@options.log_format
def command(labelled: Path, output: str, log_format: str, **given: Any) -> int:
    """Measure how well detection does on LABELLED data: a file of texts with spans, or a folder of tables with truth.

    Prints figures and counts, never a text or value. Starts no Spark.
    """
    from clearance.classifiers.labelled import TypeNames
    from clearance.jobs.evaluate import measure

    progress = Progress(log_format)
    mapping = {name.upper(): kind for name, kind in options.pairs(given["mapping"], "map").items()}
    measured = measure(
        labelled,
        _configuration(given),
        against=None if given["against"] is None else _other(given["against"]),
        ruler=given["ruler"],
        names=TypeNames(mapping, frozenset(given["only"]), frozenset(given["ignore"])),
        rows=given["rows"],
        say=progress.say,
    )
    bars = {name: given[f"min_{name}"] for name in ("f1", "f2") if given[f"min_{name}"] is not None}
    overall = measured.evaluation.overall
    if bars and not overall.support:
        raise UsageError(
            "nothing is labelled that is scored: no bar can be held", hint="see --only, --ignore and --map"
        )
    emit(measured.to_dict(), output, _print)
    missed = [name for name, least in bars.items() if getattr(overall, name).estimate < least]
    for name in missed:
        progress.say("below the bar", measure=name, found=getattr(overall, name).estimate, bar=bars[name])
    return int(ExitCode.CONFLICT if missed else ExitCode.CLEAR)


def _configuration(given: Mapping[str, Any]) -> "Configuration":
    from clearance.jobs.evaluate import Configuration

    chosen = options.detection_of(given)
    return Configuration(
        language=chosen.language,
        regions=chosen.regions,
        ner=chosen.ner,
        threshold=given["threshold"],
        detectors=chosen.detectors,
    )


def _other(written: str) -> "Configuration":
    """The second configuration, from its options as one text."""

    @click.command("--against")
    @configuration
    def parse(**given: Any) -> "Configuration":
        return _configuration(given)

    try:
        words = shlex.split(written)
    except ValueError:
        raise UsageError("--against is not closed where a quote opens", hint="write --against '--no-ner'") from None
    found: Configuration = parse.main(words, standalone_mode=False)
    return found


def _print(told: Mapping[str, Any]) -> None:
    what = "columns" if told.get("by_file") else "texts"
    click.echo(click.style(f"{told['items']:,} {what}", bold=True) + f"  figure of the ruler: {told['headline']}")
    _print_scores(_scores(told), "type")
    if told.get("by_file"):
        click.echo()
        _print_scores({file: found[told["headline"]] for file, found in told["by_file"].items()}, "file")
    confused = [pair for pair in told["confusion"] if pair["true"] != pair["predicted"]]
    if confused:
        click.echo()
        rows = [[pair["true"] or "-", pair["predicted"] or "-", f"{pair['count']:,}"] for pair in confused]
        table(["true type", "taken for", "times"], rows)
    if told.get("against"):
        _print_comparison(told)


def _print_scores(scores: Mapping[str, Mapping[str, Any]], what: str) -> None:
    table(
        [what, "support", "predicted", "precision", "recall", "F1", "F2"],
        [
            [
                name,
                f"{score['support']:,}",
                f"{score['predicted']:,}",
                *(_interval(score[measure], _is_known(score, measure)) for measure in _MEASURES),
            ]
            for name, score in scores.items()
        ],
    )


_MEASURES = ("precision", "recall", "f1", "f2")


def _is_known(score: Mapping[str, Any], measure: str) -> bool:
    """Whether there was anything to take a share of."""
    needed = {"precision": score["predicted"], "recall": score["support"]}
    return bool(needed.get(measure, score["predicted"] + score["support"]))


def _interval(interval: Mapping[str, float], known: bool = True, form: Callable[[float], str] = "{:.3f}".format) -> str:
    if not known:
        return "-"
    return f"{form(interval['estimate'])} [{form(interval['low'])}, {form(interval['high'])}]"


def _scores(told: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All that was scored, by what it is printed as."""
    return {"binary": told["binary"], "typed": told["typed"]} | dict(told["by_type"])


def _print_comparison(told: Mapping[str, Any]) -> None:
    click.echo(click.style("\nagainst", bold=True))
    this, that = _scores(told), _scores(told["against"])
    _print_scores(that, "type")
    click.echo(click.style("\ndifference, this minus the other", bold=True))

    def known(row: str, measure: str) -> bool:
        """A share of nothing, on either side, differs from nothing."""
        return all(row in side and _is_known(side[row], measure) for side in (this, that))

    table(
        ["type", "precision", "recall", "F1", "F2"],
        [
            [row, *(_interval(measures[name], known(row, name), "{:+.3f}".format) for name in _MEASURES)]
            for row, measures in told["difference"].items()
        ],
    )
