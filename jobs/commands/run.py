"""``clearance run``."""

from pathlib import Path
from typing import Any

import click

from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, print_run, with_unmatched
from clearance.jobs.commands.progress import Progress


@click.command("run")
@click.argument("plans", nargs=-1, required=True, metavar="PLAN.yml | DATASET...")
@click.option("--solution", "names", multiple=True, metavar="NAME", help="Who wants the datasets (without a plan).")
@click.option(
    "--output", "place", metavar="DIR", help="Where protected copies go (without a plan). [default: ./protected]"
)
@click.option(
    "--protect",
    type=click.Choice(["on-conflict", "always", "never"]),
    default="on-conflict",
    show_default=True,
    help="When to write protected copies (without a plan).",
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), help="Datasets worked on at a time. [default: the plan's, else 2]"
)
@click.option("--verdicts", metavar="FILE", help="Where the verdict file goes. [default: verdicts.json in the home]")
@click.option("--waivers", "waived", metavar="FILE", help="Waivers: objections that somebody lets pass until a day.")
@options.manifests
@options.solutions
@options.output
@options.policy
@options.facts
@options.home
@options.key_file
@options.domain
@options.extent
@options.detection
@options.log_format
def command(
    plans: tuple[str, ...],
    names: tuple[str, ...],
    place: str | None,
    protect: str,
    parallel: int | None,
    verdicts: str | None,
    waived: str | None,
    manifests: tuple[str, ...],
    output: str,
    log_format: str,
    **given: Any,
) -> int:
    """Scan, label, check, protect, prove and publish: by a plan, or for the DATASETs given.

    A folder, glob or database means many datasets. Exits with the worst final verdict; the verdict file says the rest.
    """
    from clearance.errors import ClearanceError
    from clearance.jobs.plan_file import load_plan
    from clearance.jobs.runner import write_verdicts

    is_plan = len(plans) == 1 and plans[0].endswith((".yml", ".yaml"))
    if is_plan:
        _refuse_what_the_plan_says()
    try:
        plan = load_plan(plans[0]) if is_plan else _ad_hoc(plans, names, place, protect, given)
    except ClearanceError as error:
        # The verdicts of an earlier run must not pass for this one's.
        write_verdicts(Path(verdicts or _default_verdicts(given)), [], "", error)
        raise
    if parallel:
        plan = plan.model_copy(update={"parallel": parallel})
    for key in ("policy", "home"):
        given[key] = given[key] or getattr(plan, key)
    if not given["keys"] and not given["key_file"]:
        given["keys"], given["key_file"] = plan.keys, plan.key_file
    given["domain"] = plan.domain if is_plan else given["domain"]
    file = Path(verdicts or plan.verdicts or _default_verdicts(given))
    return _run(plan, given, file, output, log_format, waived, manifests)


def _refuse_what_the_plan_says() -> None:
    """An option that the plan would silently overrule is an error: ``--protect never`` must not end in a copy."""
    context = click.get_current_context()
    owned = {"names", "place", "protect", "facts", "domain", "language", "regions", "ner", "no_ner", "detectors"}
    owned |= {"mode", "prevalence", "confidence"}
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in owned
        and context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"with a plan, {', '.join(given)} must be written in the plan")


def _default_verdicts(given: dict[str, Any]) -> str:
    from clearance.governance.registry import clearance_home

    home = str(given["home"] or clearance_home())
    return f"{'.clearance' if '://' in home else home}/verdicts.json"


def _ad_hoc(
    datasets: tuple[str, ...], names: tuple[str, ...], place: str | None, protect: str, given: dict[str, Any]
) -> Any:
    from clearance.jobs.plan_file import DatasetPlan, DetectionPlan, ExtentPlan, PlanFile

    if not names:
        raise click.UsageError("name a plan file, or datasets with --solution NAME")
    facts = options.declared(given["facts"])
    extent = options.how_much(given)
    detection = DetectionPlan(
        language=given["language"],
        regions=tuple(given["regions"]) or None,
        ner=None if given["no_ner"] else given["ner"],
        detectors=tuple(str(Path(file).absolute()) for file in given["detectors"]),
    )
    return PlanFile(
        version=1,
        solutions=given["solutions"] or "solutions.yaml",
        output=place or "protected",
        protect=protect,  # type: ignore[arg-type]
        detection=detection,
        extent=ExtentPlan(mode=extent.mode, prevalence=extent.prevalence, confidence=extent.confidence),
        datasets=tuple(DatasetPlan(dataset=each, solutions=names, facts=facts) for each in datasets),
    )


def _run(
    plan: Any, given: dict[str, Any], verdicts: Path, output: str, log_format: str, waived: str | None,
    manifests: tuple[str, ...],
) -> int:  # fmt: skip
    from clearance.errors import ClearanceError
    from clearance.jobs.check import find_solutions
    from clearance.jobs.commands.check import waivers_in
    from clearance.jobs.manifests import Manifests
    from clearance.jobs.runner import Beside, require_solutions, run, worst, write_verdicts
    from clearance.jobs.session import get_session
    from clearance.jobs.settings import read_detection
    from clearance.jobs.unmatched import columns_nowhere

    progress = Progress(log_format)
    try:
        desk = options.desk(given)
        solutions = find_solutions(given.get("solutions") or plan.solutions)
        require_solutions(plan, solutions)
        beside = Beside(waivers_in(waived, desk.policy), Manifests(manifests, desk.policy))
        desk.tokens()
        for each in (plan.detection, *(entry.detection for entry in plan.datasets if entry.detection)):
            read_detection(each.language, each.regions, each.ner, each.detectors)
        progress.say("starting Spark")
        outcomes, run_id = run(get_session(), plan, desk, solutions, progress, beside)
    except ClearanceError as error:
        write_verdicts(verdicts, [], "", error)
        raise
    write_verdicts(verdicts, outcomes, run_id)
    code = worst([outcome.exit_code for outcome in outcomes])
    result = {
        "run_id": run_id,
        "exit_code": int(code),
        "verdict_file": str(verdicts),
        "datasets": [outcome.to_dict() for outcome in outcomes],
    }
    scans = [outcome.scanned.scan for outcome in outcomes if outcome.scanned]
    nowhere = columns_nowhere(desk.policy, desk.registry, {leaf.path for scan in scans for leaf in scan.leaves})
    emit(with_unmatched(result, nowhere), output, print_run)
    return int(code)
