"""``clearance review``."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import DatasetError, RefusedError, UsageError
from clearance.jobs.commands import options, steps
from clearance.jobs.commands.output import emit
from clearance.jobs.verdict_words import printable

if TYPE_CHECKING:
    from clearance.jobs.record_places import Place
    from clearance.jobs.review_task import Item, Known, Review

_SHOWN = 60
_KEYS = {"f": "false-positive", "c": "confirmed", "a": "accepted"}


@click.command("review")
@click.argument("dataset")
@click.option("--list", "only_list", is_flag=True, help="List the findings and what was decided on them.")
@click.option(
    "--decide",
    "decisions",
    multiple=True,
    metavar="FINDING=DECISION",
    help="Decide on COLUMN:ENTITY_TYPE: false-positive, confirmed or accepted. May be repeated.",
)
@click.option("--reveal", multiple=True, metavar="FINDING@RECORD", help="Show one value on this terminal, on record.")
@click.option("--until", metavar="DATE", help="The day on which what is accepted counts again.")
@click.option(
    "--records",
    type=click.IntRange(min=0),
    default=3,
    metavar="N",
    show_default=True,
    help="Name so many records of each finding; 0 reads no data.",
)
@click.option("--reason", metavar="TEXT", help="Why: a case or ticket, no personal data.")
@options.stacked(steps.identity_key, steps.identity_token, options.policy, options.home, options.output)
def command(
    dataset: str,
    only_list: bool,
    decisions: tuple[str, ...],
    reveal: tuple[str, ...],
    until: str | None,
    records: int,
    reason: str | None,
    output: str,
    **given: Any,
) -> int:
    """Walk through the findings of DATASET, record by record, and decide on them. Starts no Spark.

    A value is shown only when you ask for it, on a terminal, and after the audit says so. What lowers a label holds
    when two people decided the same.
    """
    from clearance.governance.identity import dataset_identity
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.approvals import policy_folder
    from clearance.jobs.check import policy_path
    from clearance.jobs.review_task import Review
    from clearance.jobs.signers import signer_of

    if only_list + bool(decisions) + bool(reveal) > 1:
        raise UsageError("--list, --decide and --reveal are three things", hint="do one at a time")
    path = policy_path(given["policy"])
    policy, registry = load_policy(path), Registry(given["home"])
    keys = {"key_file": given["identity_key"], "token_file": given["identity_token"]}
    review = Review(dataset_identity(dataset), policy, registry)

    def who() -> "Known":
        return signer_of(policy, policy_folder(path), registry, **keys)

    if only_list:
        found = _located(review, review.items(), records)
        emit({"dataset": review.identity.key, "findings": [item.to_dict() for item in found]}, output, _print_list)
        return 0
    if decisions:
        wanted = options.pairs(decisions, "decide")
        done = review.decide(wanted, who, reason=_given(reason), expires=_day(until))
        emit({"dataset": review.identity.key, "decided": done}, output, _print_decided)
        return 0
    if reveal:
        for one in reveal:
            name, _, record = one.rpartition("@")
            _show(review.reveal(name, record, _at_a_terminal(who), reason=_given(reason)), None)
        return 0
    return _walk(review, who, records, reason)


def _located(review: "Review", items: "Sequence[Item]", records: int) -> "list[Item]":
    try:
        places = review.places(items, records)
    except DatasetError as error:
        click.echo(f"note: no records are named: {error.message}", err=True)
        return list(items)
    return [replace(item, places=places.get(item.name, ())) for item in items]


def _given(reason: str | None) -> str:
    if not reason:
        raise UsageError("nothing is decided or shown without a reason", hint="--reason 'case 7'")
    return reason


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{text!r} is no day", hint="write it as 2027-06-30") from None


def _at_a_terminal(who: "Callable[[], Known]") -> "Callable[[], Known]":
    """Who acts, refused where a value would land in a file or a pipe."""

    def known() -> "Known":
        if not sys.stdout.isatty():
            raise RefusedError("a value is shown on a terminal only", hint="ask for it without a pipe or a file")
        return who()

    return known


def _show(value: str, place: "Place | None") -> None:
    """One value for a person's eyes: what can't be printed is written out, so that it can't steer the terminal."""
    start, end = (place.start, place.end) if place else (0, 0)
    low, high = (max(0, start - _SHOWN), end + _SHOWN) if place else (0, len(value))
    found = click.style(printable(value[start:end]), bold=True, reverse=True)
    before, after = printable(value[low:start]), printable(value[end:high])
    click.echo(f"{'...' if low else ''}{before}{found if end else ''}{after}{'...' if high < len(value) else ''}")


def _walk(review: "Review", who: "Callable[[], Known]", records: int, reason: str | None) -> int:
    items = [item for item in review.items() if item.is_open]
    if not items:
        click.echo(f"{review.identity.key}: nothing is left to decide")
        return 0
    items = _located(review, items, records)
    decided: list[str] = []
    try:
        _ask(review, items, who, reason, decided)
    except click.Abort as stopped:
        # Where there is nothing more to read, what was decided is on record; Ctrl-C goes its own way.
        if not isinstance(stopped.__context__, EOFError):
            raise
        click.echo()
        if not decided and not sys.stdin.isatty():
            raise UsageError(
                "nobody answers here: standard input is at its end",
                hint="review at a terminal, or decide by options: --decide COLUMN:ENTITY_TYPE=DECISION",
            ) from None
        click.echo(f"{len(decided)} decided, {len(items) - len(decided)} left")
    return 0


def _ask(
    review: "Review", items: "Sequence[Item]", who: "Callable[[], Known]", reason: str | None, decided: list[str]
) -> None:
    """Asks for each finding, and adds the names of those that were decided."""
    for number, item in enumerate(items, 1):
        click.echo(f"\n{number} of {len(items)}  " + click.style(item.name, bold=True))
        _print_item(item.to_dict())
        at = 0
        while True:
            keys = "[f]alse positive, [c]onfirmed, [a]ccepted, [r]eveal, [n]ext record, [s]kip, [q]uit"
            answer = click.prompt(keys, type=click.Choice([*_KEYS, "r", "n", "s", "q"]), show_choices=False)
            if answer == "q":
                return
            if answer == "s":
                break
            if answer in ("r", "n"):
                at = _look(review, item, who, at + (answer == "n"), answer == "r", reason)
                continue
            told = reason or click.prompt("reason (a case or ticket)")
            until = click.prompt("until (YYYY-MM-DD)") if answer == "a" else None
            try:
                done = review.decide({item.name: _KEYS[answer]}, who, reason=told, expires=_day(until))
            except UsageError as error:
                click.echo(f"{error.message}; {error.hint}", err=True)
                continue
            _print_decided({"decided": done})
            decided.append(item.name)
            break


def _look(review: "Review", item: "Item", who: "Callable[[], Known]", at: int, show: bool, reason: str | None) -> int:
    if not item.places:
        click.echo("no record is named")
        return 0
    at %= len(item.places)
    place = item.places[at]
    click.echo(_where(place.to_dict()))
    if show:
        told = reason or click.prompt("reason (a case or ticket)")
        _show(review.reveal(item.name, place.key, _at_a_terminal(who), reason=told), place)
    return at


def _where(place: Mapping[str, Any]) -> str:
    return f"record {place['record']}, characters {place['start']} to {place['end']}"


def _print_list(told: Mapping[str, Any]) -> None:
    if not told["findings"]:
        click.echo(f"{told['dataset']}: nothing was found")
    for item in told["findings"]:
        click.echo(click.style(item["finding"], bold=True))
        _print_item(item)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _print_item(item: Mapping[str, Any]) -> None:
    share = f", {item['prevalence']['estimate']:.1%} of them" if item["prevalence"] else ""
    click.echo(f"  {item['kind']} column: {_rows(item['rows_matched'] or 0)}{share}")
    if item["detectors"]:
        click.echo(
            f"  found by {', '.join(item['detectors'])}; shapes: {', '.join(item['shapes'] or ()) or 'none shown'}"
        )
    for place in item["records"]:
        click.echo(f"  {_where(place)}")
    for name, what in (("decision", "decided"), ("waiting", "waits for a second person")):
        if (held := item[name]) is not None:
            click.echo(
                f"  {what}: {_words(held)}" + (f" - {item['lapsed']}" if name == "decision" and item["lapsed"] else "")
            )


def _words(held: Mapping[str, Any]) -> str:
    until = f" until {held['expires'][:10]}" if held["expires"] else ""
    return f"{held['decision']}{until} by {' and '.join(held['by'])}: {held['reason']}"


def _print_decided(told: Mapping[str, Any]) -> None:
    for each in told["decided"]:
        if each["waiting"]:
            click.echo(f"{each['finding']}: waits for a second person: {_words(each['waiting'])}")
        else:
            click.echo(f"{each['finding']}: {_words(each['decision'])}")
