"""``clearance policy``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, level, table

if TYPE_CHECKING:
    from clearance.governance.policy import Policy


@click.group("policy", cls=options.Group)
def command() -> None:
    """What a policy says: is it sound, does it decide what it should, what would another one change."""


@command.command("lint")
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--strict", is_flag=True, help="Exit with 3 when there is anything odd.")
@options.own_detectors
@options.output
def lint(file: str | None, strict: bool, detectors: tuple[Path, ...], output: str) -> int:
    """Check that the policy FILE is valid, passes its own tests, and has nothing odd in it. Exits 2 when it is not.

    FILE may be pack:NAME. [default: as for check]
    """
    from clearance.governance import policy_lint

    policy = _policy(file)
    found = policy_lint.lint(policy, datetime.now(UTC).date(), options.own_types(detectors))
    emit({"policy": policy.name, "odd": [one.to_dict() for one in found]}, output, _print_lint)
    return 3 if strict and found else 0


@command.command("test")
@click.argument("file", required=False, metavar="[FILE]")
@options.output
def test(file: str | None, output: str) -> int:
    """Run the tests that the policy FILE carries, and those of what it includes. Exits 2 when one fails."""
    from clearance.governance.policy_tests import run_tests

    policy = _policy(file, tested=False)
    tried = list(run_tests(policy))
    emit({"policy": policy.name, "tests": [one.to_dict() for one in tried]}, output, _print_tests)
    return 2 if any(one.problem for one in tried) else 0


@command.command("explain")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@click.option("--dataset", "datasets", multiple=True, metavar="DATASET", help="What it does to this dataset.")
@click.option("--solution", "names", multiple=True, metavar="NAME", help="What it lets this solution have.")
@options.solutions
@options.policy
@options.home
@options.output
def explain(
    types: tuple[str, ...], datasets: tuple[str, ...], names: tuple[str, ...], solutions: str | None,
    policy: str | None, home: str | None, output: str,
) -> int:  # fmt: skip
    """Say what the policy does: for entity TYPEs, datasets on record, solutions; without any, what is in it."""
    from clearance.governance.registry import Registry
    from clearance.jobs import policy_views
    from clearance.jobs.check import find_solutions

    rules = _policy(policy)
    for entity_type in types:
        emit(policy_views.of_type(entity_type, rules), output, _print_type)
    for dataset in datasets:
        emit(policy_views.of_dataset(dataset, rules, Registry(home)), output, _print_dataset)
    if names:
        known = find_solutions(solutions)
        for name in names:
            emit(policy_views.of_solution(known[name], rules), output, _print_solution)
    if not (types or datasets or names):
        emit(policy_views.of_policy(rules), output, _print_policy)
    return 0


@command.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--solutions", metavar="PATH", help="Compare verdicts for these, not for one of each hosting and usage.")
@click.option("--no-milder", is_flag=True, help="Exit with 3 when AFTER lets through what BEFORE refuses.")
@options.output
def diff(before: str, after: str, solutions: str | None, no_milder: bool, output: str) -> int:
    """Say what the policy AFTER decides otherwise than BEFORE: levels, types, methods, rules, verdicts.

    Both may be files, pack:NAME, or default.
    """
    from clearance.governance.policy import load_policy
    from clearance.governance.policy_diff import differences
    from clearance.governance.solutions import load_solutions

    old, new = (load_policy(None if name == "default" else name) for name in (before, after))
    known = load_solutions(solutions).values() if solutions else ()
    found = differences(old, new, known)
    emit({"before": before, "after": after, "differences": [one.to_dict() for one in found]}, output, _print_diff)
    return 3 if no_milder and any(one.milder for one in found) else 0


def _policy(path: str | None, *, tested: bool = True) -> "Policy":
    from clearance.governance.policy import load_policy
    from clearance.jobs.check import policy_path

    return load_policy(policy_path(path), tested=tested)


def _print_lint(told: Any) -> None:
    click.echo(f"{told['policy']}: valid, {len(told['odd'])} odd" if told["odd"] else f"{told['policy']}: valid")
    for one in told["odd"]:
        click.echo(f"  {one['where']}: {one['kind']}: {one['text']}")


def _print_tests(told: Any) -> None:
    for one in told["tests"]:
        state = "skipped" if one["skipped"] else "FAILED" if one["problem"] else "passed"
        click.echo(f"{click.style(state, fg='red' if one['problem'] else None):<8} {one['name']}  {one['where']}")
        if one["problem"]:
            click.echo(f"         {one['problem']}")
    failed = sum(bool(one["problem"]) for one in told["tests"])
    click.echo(f"{told['policy']}: {len(told['tests'])} tests, {failed} failed")


def _print_policy(told: Any) -> None:
    click.echo(f"{click.style(told['policy'], bold=True)}  {told['digest'][:12]}  from {', '.join(told['files'])}")
    click.echo(f"  levels        {' < '.join(told['levels'])}")
    click.echo(f"  entity types  {told['entity_types']}")
    click.echo(f"  regimes       {', '.join(told['regimes'])}")
    for one in told["combinations"]:
        click.echo(f"  combination   {one['name']}; {one['where']}")
    for one in told["rules"]:
        basis = f" ({one['basis']})" if one["basis"] else ""
        click.echo(f"  rule          {one['rule']}{basis}; {one['where']}")
    click.echo(f"  tests         {told['tests']}")


def _print_type(told: Any) -> None:
    label, after = told["label"], told["protected"]
    meant = f"; did you mean {' or '.join(told['nearest'])}?" if told["nearest"] else ""
    known = "" if told["known"] else f" (not in the policy: unknown_type{meant})"
    click.echo(f"{click.style(told['entity_type'], bold=True)}{known} is {level(label['level'])}; {told['where']}")
    click.echo(f"  categories  {', '.join(label['categories']) or 'none'}")
    for one in told["regimes"]:
        click.echo(f"  regime      {one['regime']}: {one['source']}; {one['where']}")
    click.echo(f"  method      {told['method']['name']}, then {level(after['level'])}")
    if after["regimes"]:
        click.echo(f"              still under {', '.join(after['regimes'])}")
    if told["lowered_by"]:
        by = told["lowered_by"]
        click.echo(f"  lowered by  {by['rule']}, proof {by['proof']} ({by['source']}); {by['where']}")
    for one in told["combinations"]:
        click.echo(f"  part of     {one['combination']}, together {level(one['raises_to'])}; {one['where']}")
    for one in told["not_for"]:
        click.echo(f"  not for     {one['usage']} ({one['category']}); {one['where']}")


def _print_dataset(told: Any) -> None:
    after = level(told["protected"]["level"])
    click.echo(f"{click.style(told['dataset'], bold=True)} is {level(told['label']['level'])}, protected {after}")
    for one in told["combinations"]:
        click.echo(f"  {one['combination']} ({', '.join(one['columns'])}): {one['text']}")
    if told["reviewed"]:
        click.echo(f"  decided on by people: {', '.join(told['reviewed'])}")
    rows = [
        [each["path"], ", ".join(each["entity_types"]) or "-", level(each["label"]["level"]),
         ", ".join(each["methods"]) or "-", level(each["protected"]["level"]), ", ".join(each["where"])]
        for each in told["columns"]
    ]  # fmt: skip
    table(["column", "types", "level", "methods", "protected", "policy"], rows, indent="  ")


def _print_solution(told: Any) -> None:
    click.echo(f"{click.style(told['solution'], bold=True)} may have data up to {level(told['highest_level'])}")
    regimes = "not declared" if told["regimes"] is None else ", ".join(told["regimes"]) or "none"
    click.echo(f"  regimes     {regimes}")
    click.echo(f"  never       {', '.join(told['not_for']) or '-'}")
    for need in told["needs"]:
        click.echo(f"  needs       {need}")
    for key, words in (("as_found", "as found"), ("protected", "protected"), ("never", "still no")):
        click.echo(f"  {words:<11} {', '.join(told[key]) or '-'}")


def _print_diff(told: Any) -> None:
    if not told["differences"]:
        click.echo(f"{told['after']} decides as {told['before']} does")
        return
    section = ""
    for one in told["differences"]:
        if one["section"] != section:
            section = one["section"]
            click.secho(section, bold=True)
        if section != "verdicts":
            click.echo(f"  {one['name']}: {_change(one)}; {one['where']}")
    for (wanted, change), places in _alike(told["differences"]).items():
        types = [f"{name} ({place})" for name, place in places] if len(places) < 4 else [name for name, _ in places]
        click.echo(f"  {change}, {wanted}:\n    {', '.join(types)}")


def _change(one: Any) -> str:
    milder = click.style("  milder", fg="yellow") if one["milder"] else ""
    return f"{one['before']} -> {one['after']}{milder}"


def _alike(found: list[dict[str, Any]]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Verdicts that change in the same way for the same solutions, with types and places: hundreds of lines else."""
    alike: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for one in found:
        if one["section"] == "verdicts":
            name, wanted = one["name"].split(" ", 1)
            alike.setdefault((wanted, _change(one)), []).append((name, one["where"]))
    return alike
