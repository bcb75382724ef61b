"""``clearance detectors``."""

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import ExitCode, UsageError
from clearance.jobs.commands import options
from clearance.jobs.commands.one_text import read_one_text
from clearance.jobs.commands.output import emit, print_spans, table

if TYPE_CHECKING:
    from clearance.classifiers.catalogue import Listed


@click.group("detectors", cls=options.Group)
def command() -> None:
    """List, try and explain what looks for sensitive data."""


@command.command("list")
@options.detection
@options.output
def list_(output: str, **given: Any) -> int:
    """All detectors: what they find, where they come from, and whether they are on."""
    told = {"detectors": [each.to_dict() for each in _catalogue(given)]}
    emit(told, output, _print_list)
    return 0


@command.command("show")
@click.argument("name")
@options.detection
@options.output
def show(name: str, output: str, **given: Any) -> int:
    """One detector by NAME: its patterns, conditions, context words and examples."""
    from clearance.classifiers.catalogue import find

    found = find(name, _catalogue(given))
    emit({**found.to_dict(), **found.details}, output, _print_one)
    return 0


@command.command("test")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--text", metavar="FILE", help="Try a text instead: a file, or - for standard input.")
@options.detection
@options.output
def test(file: Path | None, text: str | None, output: str, **given: Any) -> int:
    """Try the detectors of a YAML FILE on their own examples, or all detectors, FILE's included, on a text.

    Exits 2 when an example fails. Examples are named by their number, texts are not shown again.
    """
    if text is None and file is None:
        raise UsageError("name a file of detectors, or a text with --text -", hint="clearance detectors test --help")
    if text is not None:
        emit({"spans": _hits(text, file, given)}, output, print_spans)
        return 0
    from clearance.classifiers.catalogue import try_file

    assert file is not None
    tried = try_file(file, given["detectors"])
    told = [
        {"detector": each.detector, "match": each.match, "no_match": each.no_match, "problem": each.problem}
        for each in tried
    ]
    emit({"file": str(file), "detectors": told}, output, _print_tried)
    return int(ExitCode.USAGE if any(each.problem for each in tried) else ExitCode.CLEAR)


@command.command("hash")
@click.option("--salt", metavar="TEXT", help="Salt of the list, 16 characters or more. [default: a random one]")
@options.output
def hash_(salt: str | None, output: str) -> int:
    """Values from standard input, one a line, as a hashed list for an allow or deny rule.

    The values are not shown again. Whoever has the list can try guesses: it hides long random values, not names.
    """
    from clearance.classifiers.value_lists import MOST_WORDS, hashed, normalised

    salt = secrets.token_hex(16) if salt is None else salt
    phrases = {normalised(line) for line in sys.stdin if line.strip()}
    words = max((phrase.count(" ") + 1 for phrase in phrases), default=0)
    if not phrases:
        raise UsageError("standard input holds no value", hint="give one value a line")
    if len(salt) < 16 or "" in phrases or not 1 <= words <= MOST_WORDS:
        raise UsageError(
            f"a salt has 16 characters or more, a value 1 to {MOST_WORDS} words", hint="give one value a line"
        )
    told = {"salt": salt, "words": words, "digests": sorted(hashed(phrase, salt) for phrase in phrases)}
    emit({"hashed": told}, output, _print_hashed)
    return 0


def _catalogue(given: dict[str, Any]) -> "tuple[Listed, ...]":
    from clearance.classifiers.catalogue import catalogue

    chosen = options.detection_of(given)
    return catalogue(chosen.language, chosen.regions, ner=chosen.ner, files=chosen.detectors)


def _hits(text: str, file: Path | None, given: dict[str, Any]) -> list[dict[str, Any]]:
    from clearance.jobs.evaluate import COLUMN_THRESHOLD, Configuration

    content = read_one_text(text)
    looking = options.detection_of({**given, "detectors": (*given["detectors"], *([] if file is None else [file]))})
    chosen = Configuration(looking.language, looking.regions, looking.ner, detectors=looking.detectors)
    spans = chosen.engine(COLUMN_THRESHOLD).spans([content])[0]
    names = ("start", "end", "entity_type", "score", "detector")
    return [{name: getattr(span, name) for name in names} for span in spans]


def _print_list(told: Any) -> None:
    table(
        ["detector", "finds", "score", "source", "languages", "region", "on"],
        [
            [
                each["name"],
                _some(each["entity_types"]),
                "-" if each["score"] is None else f"{each['score']:.2f}",
                each["source"],
                ", ".join(each["languages"] or ["any"]),
                each["region"] or "any",
                "on" if each["on"] else f"off: {each['reason']}",
            ]
            for each in told["detectors"]
        ],
    )


def _print_hashed(told: Any) -> None:
    import yaml

    click.echo(yaml.safe_dump(dict(told), sort_keys=False), nl=False)


def _some(types: list[str]) -> str:
    return ", ".join(types[:3]) + (f" and {len(types) - 3} more" if len(types) > 3 else "") or "-"


def _print_one(told: Any) -> None:
    click.echo(click.style(told["name"], bold=True) + f"  {', '.join(told['entity_types'])}")
    hidden = ("name", "entity_types")
    for key, value in told.items():
        if key in hidden or value in (None, "", [], ()):
            continue
        click.echo(f"  {key.replace('_', ' ')}: {_flat(value)}")


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"\n    {_flat(item)}" for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    return "yes" if value is True else "no" if value is False else str(value)


def _print_tried(told: Any) -> None:
    table(
        ["detector", "match", "no match", "examples"],
        [
            [each["detector"], str(each["match"]), str(each["no_match"]), each["problem"] or "ok"]
            for each in told["detectors"]
        ],
    )
