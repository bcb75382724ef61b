"""``clearance manifest``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table
from clearance.jobs.verdict_words import printable

if TYPE_CHECKING:
    from clearance.governance.policy import Policy


@click.group("manifest", cls=options.Group)
def command() -> None:
    """What an owner declares of a dataset, as an Open Data Contract Standard v3.1 file."""


@command.command("new")
@click.argument("dataset")
@click.option(
    "--to", type=click.Path(path_type=Path), metavar="FILE", help="Write it there. [default: standard output]"
)
@options.policy
@options.home
def new(dataset: str, to: Path | None, policy: str | None, home: str | None) -> int:
    """Draft a manifest for a scanned DATASET: what was found in it, and what its owner is to complete."""
    from clearance.governance.anchors import write_new
    from clearance.governance.registry import Registry
    from clearance.jobs.manifests import new_manifest

    text = new_manifest(dataset, _policy(policy), Registry(home))
    if to is None:
        click.echo(text, nl=False)
        return 0
    write_new(to, text)
    click.echo(f"{to} (created)")
    return 0


@command.command("lint")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options.own_detectors
@options.policy
def lint(files: tuple[str, ...], detectors: tuple[Path, ...], policy: str | None) -> int:
    """Check that each FILE is a valid manifest: the standard, our properties, the names they use. Exits 2 otherwise."""
    from clearance.governance.manifest import load_manifest

    rules, own = _policy(policy), options.own_types(detectors)
    for file in files:
        manifest = load_manifest(file, rules)
        missing = [role for role, names in manifest.team.items() if not names]
        told = f"  (no {', no '.join(missing)} in its team)" if missing else ""
        for line in manifest.strange_types(rules, own):
            click.echo(printable(f"warning: {line}"), err=True)
        click.echo(printable(f"{file}: valid, {len(manifest.columns)} columns of {manifest.dataset}{told}"))
    return 0


@command.command("compare")
@click.argument("file", metavar="FILE")
@click.argument("dataset", required=False)
@options.output
@options.policy
@options.home
def compare(file: str, dataset: str | None, output: str, policy: str | None, home: str | None) -> int:
    """Say where the manifest FILE and what was found in its DATASET disagree.

    Exits 3 when the data is more than its owner declares, 5 when that can't be told because something is left out.
    """
    from clearance.governance.manifest import load_manifest
    from clearance.governance.registry import Registry
    from clearance.jobs import manifests

    rules = _policy(policy)
    manifest = load_manifest(file, rules)
    found = manifests.compare(manifest, rules, Registry(home), dataset)
    result = {"manifest": file, "dataset": manifest.dataset, "disagreements": [one.to_dict() for one in found]}
    emit(result, output, _print)
    if any(one.blocks and one.definite for one in found):
        return 3
    return 5 if any(one.blocks for one in found) else 0


def _print(result: Any) -> None:
    if not result["disagreements"]:
        click.echo(f"{result['dataset']} is as {result['manifest']} declares it")
        return
    rows = [
        [one["kind"], one["column"] or "-", one["declared"], one["observed"], one["where"]]
        for one in result["disagreements"]
    ]
    table(["disagreement", "column", "declared", "observed", "where"], rows)


def _policy(path: str | None) -> "Policy":
    from clearance.governance.policy import load_policy
    from clearance.jobs.check import policy_path

    return load_policy(policy_path(path))
