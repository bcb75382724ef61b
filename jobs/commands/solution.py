"""``clearance solution``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import DatasetError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, level, table, verdict

if TYPE_CHECKING:
    from clearance.governance.policy import Policy
    from clearance.governance.registry import Registry

_FILES = {
    "unity-catalog": "unity-catalog.sql",
    "lake-formation": "lake-formation-*.json",
    "ranger": "ranger.json",
}
_SYSTEMS = tuple(_FILES)


@click.group("solution", cls=options.Group)
def command() -> None:
    """Show the inventory of solutions: what their models learned from, what they read, and what they may read."""


@command.command("list")
@options.solutions
@options.output
def list_(solutions: str | None, output: str) -> int:
    """List all solutions with their owners, provider, hosting, clearance and models."""
    from clearance.jobs.check import find_solutions
    from clearance.jobs.inventory import profile

    emit({"solutions": [profile(one) for one in find_solutions(solutions).values()]}, output, _print_list)
    return 0


@command.command("show")
@click.argument("name")
@options.solutions
@options.policy
@options.home
@options.output
def show(name: str, solutions: str | None, policy: str | None, home: str | None, output: str) -> int:
    """Show one solution: its profile, what its models learned from, and the latest verdict on each dataset.

    A verdict that says nothing any more is told with the reason.
    """
    from clearance.jobs.check import find_solutions
    from clearance.jobs.inventory import profile, verdicts

    solution = find_solutions(solutions)[name]
    latest = verdicts(solution, *_record(policy, home)).values()
    shown = [
        {name: row[name] for name in ("dataset", "verdict", "version", "void")}
        | {"at": row["at"].isoformat(timespec="seconds")}
        for row in latest
    ]
    emit({**profile(solution), "verdicts": shown}, output, _print_one)
    return 0


@command.command("impact")
@click.argument("dataset")
@options.solutions
@options.policy
@options.home
@options.output
def impact_(dataset: str, solutions: str | None, policy: str | None, home: str | None, output: str) -> int:
    """Show which models learned from DATASET, or from anything that was made from it."""
    from clearance.jobs.check import find_solutions
    from clearance.jobs.inventory import impact

    emit(impact(dataset, find_solutions(solutions).values(), *_record(policy, home)), output, _print_impact)
    return 0


@command.command("correlate")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.solutions
@options.policy
@options.home
@options.output
def correlate_(names: tuple[str, ...], solutions: str | None, policy: str | None, home: str | None, output: str) -> int:
    """Compare what solutions read and asked for with what their models learned from.

    Exits 3 where something does not agree.
    """
    from clearance.jobs.check import find_solutions
    from clearance.jobs.inventory import correlate

    known = find_solutions(solutions)
    chosen = [known[name] for name in names or known]
    rules, registry = _record(policy, home)
    told = {one.name: correlate(one, rules, registry) for one in chosen}
    shown = [{"solution": name, "datasets": rows} for name, rows in told.items()]
    emit({"solutions": shown}, output, _print_correlation)
    return 3 if any(row["findings"] for rows in told.values() for row in rows) else 0


@command.command("grants")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR",
    help="Write the files here.",
)  # fmt: skip
@click.option("--solution", "names", multiple=True, metavar="NAME", help="For this solution alone. May be repeated.")
@click.option(
    "--system", "systems", type=click.Choice(_SYSTEMS), multiple=True, help="For this system alone. May be repeated."
)
@options.manifests
@options.solutions
@options.policy
@options.home
@options.output
def grants_(
    datasets: tuple[str, ...], folder: Path, names: tuple[str, ...], systems: tuple[str, ...],
    manifests: tuple[str, ...], solutions: str | None, policy: str | None, home: str | None, output: str,
) -> int:  # fmt: skip
    """Write access controls derived from labels, for people to review: which solution may read what of which table.

    For all labelled tables, or the DATASETs given. Nothing is granted by this. A system for which there is nothing to
    review gets no file, and one of an earlier run is taken away: it would grant what is no longer derived.
    """
    from clearance.jobs.check import find_solutions
    from clearance.jobs.inventory import grants

    known = find_solutions(solutions)
    found, left = grants([known[name] for name in names or known], *_record(policy, home), datasets, manifests)
    files = _write(folder, found, systems or _SYSTEMS)
    emit({"grants": [one.to_dict() for one in found], "left": left, "files": files}, output, _print_grants)
    return 0


def _record(policy: str | None, home: str | None) -> "tuple[Policy, Registry]":
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.check import policy_path

    return load_policy(policy_path(policy)), Registry(home)


def _write(folder: Path, found: Any, systems: tuple[str, ...]) -> list[str]:
    from clearance.governance.anchors import write_new
    from clearance.governance.grants import lake_formation, ranger, unity_catalog

    texts: dict[str, str] = {}
    named = {system for one in found for system, principal in one.principals.items() if principal}
    if "unity-catalog" in systems and "unity_catalog" in named:
        texts["unity-catalog.sql"] = unity_catalog(found)
    if "lake-formation" in systems:
        texts |= {f"lake-formation-{n}.json": text + "\n" for n, text in enumerate(lake_formation(found), 1)}
    if "ranger" in systems and "ranger" in named:
        texts["ranger.json"] = ranger(found)
    try:
        # A file of an earlier run would grant what is no longer derived.
        for pattern in (_FILES[system] for system in systems):
            for old in folder.glob(pattern):
                old.unlink()
        if texts:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder} can't be written ({error.strerror})", hint="name another folder") from None
    for name, text in texts.items():
        write_new(folder / name, text)  # half of it would grant something else
    return [str(folder / name) for name in texts]


def _print_list(told: Any) -> None:
    table(
        ["solution", "hosting", "clearance", "usage", "provider", "owner", "models"],
        [
            [
                one["name"],
                one["hosting"],
                level(one["clearance"]),
                ", ".join(one["usage"]),
                one["provider"] or "-",
                one["owner"],
                ", ".join(f"{model['name']} {model['version']}" for model in one["models"]) or "-",
            ]
            for one in told["solutions"]
        ],
    )


def _print_one(told: Any) -> None:
    click.echo(click.style(told["name"], bold=True))
    for key, value in told.items():
        if key in ("name", "models", "verdicts", "principals"):
            continue
        told_as = {None: "not declared", True: "yes", False: "no"}
        shown = ", ".join(value) if isinstance(value, list) else str(told_as.get(value, value))
        click.echo(f"  {key.replace('_', ' ')}: {shown or 'none'}")
    for model in told["models"]:
        click.echo(f"  model {model['name']} {model['version']}")
        for one in model["learned_from"]:
            click.echo(f"    learned from {one['dataset']}{' version ' + one['version'] if one['version'] else ''}")
    for row in told["verdicts"]:
        said = f"was {row['verdict']}" if row["void"] else verdict(row["verdict"])
        void = f"  says nothing now: {row['void']}" if row["void"] else ""
        click.echo(f"  {row['at'][:19]}  {said}  {row['dataset']}{void}")


def _print_impact(told: Any) -> None:
    if not told["models"]:
        click.echo(f"no model in the inventory learned from {told['dataset']}")
        return
    rows = []
    for one in told["models"]:
        way = "directly" if one["direct"] else "de-identified" if one["deidentified"] else "through lineage"
        taken = f" version {one['dataset_version']}" if one["dataset_version"] else ""
        model = f"{one['model']} {one['version']}"
        rows.append([one["solution"], model, way, f"{one['learned_from']}{taken}", one["owner"]])
    table(["solution", "model", "learned", "from", "owner"], rows)


def _print_correlation(told: Any) -> None:
    rows = [
        [
            one["solution"],
            row["dataset"],
            "yes" if row["learned"] else "-",
            ", ".join(row["read_by"]) or "-",
            verdict(row["verdict"]) if row["verdict"] else "-",
            ", ".join(row["findings"]) or "agrees",
        ]
        for one in told["solutions"]
        for row in one["datasets"]
    ]
    if not rows:
        click.echo("nothing to compare: no solution read, asked for or learned from anything on record")
        return
    table(["solution", "dataset", "learned", "read by", "verdict", "finding"], rows)


def _print_grants(told: Any) -> None:
    rows = [
        [
            one["solution"],
            one["dataset"],
            level(one["level"]),
            "all" if one["columns"] is None else ", ".join(one["columns"]) or "nothing",
            "; ".join(one["why"]) or "-",
        ]
        for one in told["grants"]
    ]
    if rows:
        table(["solution", "table", "level", "may read", "because"], rows)
    for line in told["left"]:
        click.echo(f"left out: {line}")
    if not told["files"]:
        click.echo("nothing to review: no grant could be made, so no file is written")
    for name in told["files"]:
        click.echo(f"to review: {name}")
