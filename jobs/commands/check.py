"""``clearance check``."""

from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, print_check


@click.command("check")
@click.argument("dataset")
@click.option(
    "--solution", "names", multiple=True, required=True, metavar="NAME", help="Who wants it. May be repeated."
)
@options.solutions
@options.output
@options.policy
@options.facts
@options.home
def command(
    dataset: str, names: tuple[str, ...], solutions: str | None, output: str, policy: str | None, home: str | None,
    facts: tuple[str, ...],
) -> int:  # fmt: skip
    """Decide from the registry whether DATASET may be given to a solution. Starts no Spark.

    Exits 0 (clear), 3 (conflict), 4 (escalated) or 5 (undecidable); of several solutions, the worst.
    """
    import os
    from pathlib import Path

    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.check import check, find_solutions

    known = find_solutions(solutions)
    chosen = policy or os.environ.get("CLEARANCE_POLICY") or ("policy.yaml" if Path("policy.yaml").is_file() else None)
    rules = load_policy(chosen)
    declared: dict[str, Any] = options.declared(facts)
    profiles = [known[name] for name in names]
    results = [check(dataset, profile, rules, Registry(home), facts=declared) for profile in profiles]
    for result in results:
        emit(result.to_dict(), output, print_check)
    codes = [int(result.exit_code) for result in results]
    return next((code for code in (5, 3, 4) if code in codes), 0)
