"""Run: scan, label, check, protect, check again, for many datasets and solutions in one session.

A dataset that fails stops its own chain, not the others'. What came of each is in the verdict file, whatever
happens to the exit code on its way through a cluster.
"""

import json
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clearance.errors import ClearanceError, DatasetError, ExitCode, UsageError
from clearance.files import write_whole
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.solutions import Solution, Solutions
from clearance.governance.standing import Standing, standing
from clearance.governance.waivers import Given
from clearance.jobs.check import Checked, judge
from clearance.jobs.datasets import Reference, expand, expand_database, open_dataset
from clearance.jobs.desk import Desk
from clearance.jobs.extent import FULL
from clearance.jobs.failures import reason
from clearance.jobs.manifests import Manifests
from clearance.jobs.plan_file import DatasetPlan, DetectionPlan, PlanFile
from clearance.jobs.preparation import for_purposes
from clearance.jobs.prepare import prepare
from clearance.jobs.references import folder_of
from clearance.jobs.schema import leaves_of
from clearance.jobs.settings import Detection, read_detection
from clearance.jobs.staging import Target
from clearance.jobs.subject_keys import SubjectKeys, named_table
from clearance.jobs.tasks import Protected, Scanned, protect, scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORST_FIRST = (ExitCode.INTERNAL, ExitCode.USAGE, ExitCode.UNDECIDABLE, ExitCode.CONFLICT, ExitCode.ESCALATED)


class Says(Protocol):
    """Where progress goes."""

    def say(self, event: str, *, dataset: str | None = None, **fields: Any) -> None:
        """One step."""


@dataclass(frozen=True)
class Item:
    """One dataset of a plan, after folders and globs were expanded."""

    reference: Reference
    name: str
    plan: DatasetPlan
    target: Target


@dataclass
class Outcome:
    """What came of one dataset."""

    item: Item
    scanned: Scanned | None = None
    before: list[Checked] = field(default_factory=list)
    protected: Protected | None = None
    after: list[Checked] = field(default_factory=list)
    error: ClearanceError | None = None
    prepared: list[dict[str, Any]] = field(default_factory=list)

    @property
    def final(self) -> list[Checked]:
        """The last verdict for each solution: on the protected copy where there is one that is needed."""
        replaced = {checked.solution: checked for checked in self.after}
        return [replaced.get(checked.solution, checked) for checked in self.before]

    @property
    def exit_code(self) -> ExitCode:
        """The worst of its final verdicts; its failure, if it failed."""
        return self.error.exit_code if self.error else worst([checked.exit_code for checked in self.final])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.item.name,
            "dataset": self.item.reference.key,
            "rows": self.scanned.scan.rows if self.scanned else None,
            "label": self.scanned.label.to_dict() if self.scanned else None,
            "prepared": self.prepared,
            "before": [checked.to_dict() for checked in self.before],
            "protected": self.protected.to_dict() if self.protected else None,
            "after": [checked.to_dict() for checked in self.after],
            "verdicts": {checked.solution: checked.verdict.verdict for checked in self.final},
            "error": {"message": self.error.message, "hint": self.error.hint} if self.error else None,
            "exit_code": int(self.exit_code),
        }


@dataclass(frozen=True)
class Beside:
    """What people say of the datasets of a run: waivers, and manifests of what is read or written.

    ``columns``: those of all its datasets, wherever no scan came yet.
    """

    waivers: Sequence[Given] = ()
    manifests: Manifests | None = None
    columns: Callable[[], Collection[str]] = tuple


def worst(codes: Sequence[ExitCode]) -> ExitCode:
    """The code of a run: internal error, usage, undecidable, conflict, escalated, clear, in this order."""
    return next((code for code in WORST_FIRST if code in codes), ExitCode.CLEAR)


def items(spark: "SparkSession", plan: PlanFile) -> list[Item]:
    """Every dataset the plan means, each with a name of its own and its target."""
    found: list[Item] = []
    for entry in plan.datasets:
        try:
            references = [
                table
                for reference in expand(entry.dataset, format=entry.format)
                for table in expand_database(spark, reference)
            ]
        except DatasetError:
            # What is not there fails in its own chain, and the others go on.
            references = [Reference(entry.dataset, entry.format)]
        base = folder_of(entry.dataset)
        # Copies that an earlier run left in the folder are no sources of this one.
        references = [each for each in references if not _is_copy(each, base, plan.output)] or [
            Reference(entry.dataset, entry.format)
        ]
        for each in references:
            reference = Reference(each.text, entry.format, entry.version, entry.timestamp, entry.options)
            one = len(references) == 1
            name = entry.name if entry.name and one else _name(each, base)
            place = entry.to if entry.to and one else f"{(entry.to or plan.output).rstrip('/')}/{name}"
            found.append(Item(reference, name, entry, Target(place, plan.output_format)))
    going: dict[str, Item] = {}
    for item in found:
        if (other := going.setdefault(item.target.key, item)) is not item:
            raise UsageError(
                f"{other.reference.text} and {item.reference.text} would both go to {item.target.text}",
                hint="list them apart in a plan, each with a `name` or `to` of its own",
            )
    return found


def _is_copy(reference: Reference, base: Path | None, output: str) -> bool:
    """Whether what was found in the folder ``base`` lies where a plan puts its copies, in a folder of it."""
    local, copies = reference.local_path, Reference(output).local_path
    if local is None or copies is None or base is None or copies == base or not copies.is_relative_to(base):
        return False
    return local.is_relative_to(copies)


def _name(reference: Reference, base: Path | None) -> str:
    """What a dataset is called: the last part of its name, below the folders it lies in under ``base``.

    A folder's datasets keep its order: of two tables ``customers`` in it, each has its own place in the output.
    """
    local, text = reference.local_path, reference.text
    if local is None:
        last = text.rstrip("/").rpartition("/")[2] or text
        return last.split(".")[0] if "/" in text else last.removeprefix("table:").replace(".", "_")
    within = base is not None and local != base and local.is_relative_to(base)
    inner = local.relative_to(base) if base is not None and within else Path(local.name)
    return (inner.parent / inner.name.split(".")[0]).as_posix()


def run(
    spark: "SparkSession",
    plan: PlanFile,
    desk: Desk,
    solutions: Solutions,
    says: Says,
    beside: Beside | None = None,
) -> tuple[list[Outcome], str]:
    """Runs a plan; returns what came of each dataset and the id of the parent run.

    What a waiver lets pass is not protected against; it speaks of the dataset or of its protected copy, as it says. So
    does a manifest.

    Raises only what stops everything: a plan that names unknown solutions, a registry that can't be written.
    """
    require_solutions(plan, solutions)
    todo, told = items(spark, plan), beside or Beside()
    if told.manifests is not None:
        told.manifests.require_used(key for item in todo for key in (item.reference.key, item.target.key))
    for item in todo:
        _subject(item, plan, desk)  # a place that keys can't be kept at is told before anything is read
    outcomes: list[Outcome] = []
    told = replace(told, columns=cache(partial(_columns_of, spark, todo)))
    with desk.run("run", None, spark=spark) as parent:
        below = desk.under(parent)
        work: Callable[[Item], Outcome] = lambda item: _one(spark, item, plan, below, solutions, says, told)  # noqa: E731
        with ThreadPoolExecutor(max_workers=min(plan.parallel, len(todo)) or 1) as pool:
            outcomes = list(pool.map(work, todo))
        code = worst([outcome.exit_code for outcome in outcomes])
        parent.facts = {"datasets": len(outcomes), "exit_code": int(code)}
    return outcomes, parent.run_id


def require_solutions(plan: PlanFile, solutions: Solutions) -> None:
    """Raises ``PolicyError`` for a solution that a plan names and no one declared, or that leaves a purpose open."""
    for entry in plan.datasets:
        wanted = {name: solutions[name].purposes for name in entry.solutions}
        for_purposes(entry.prepare, wanted)


def _one(
    spark: "SparkSession",
    item: Item,
    plan: PlanFile,
    desk: Desk,
    solutions: Solutions,
    says: Says,
    beside: Beside,
) -> Outcome:
    outcome = Outcome(item)
    own = desk.with_detection(_detection(item.plan.detection or plan.detection))
    wanted = [solutions[name] for name in item.plan.solutions]
    try:
        _chain(spark, item, plan, own, wanted, outcome, says, beside)
    except ClearanceError as error:
        outcome.error = error
    except Exception as error:  # the chain of one dataset must not stop the others; its text may hold data
        outcome.error = ClearanceError(
            f"{item.name}: internal error ({reason(error)})", hint="please report it; nothing was published"
        )
    if outcome.error:
        says.say("failed", dataset=item.name, why=outcome.error.message)
    return outcome


def _chain(
    spark: "SparkSession",
    item: Item,
    plan: PlanFile,
    desk: Desk,
    wanted: list[Solution],
    outcome: Outcome,
    says: Says,
    beside: Beside,
) -> None:
    says.say("scanning", dataset=item.name)
    dataset = open_dataset(spark, item.reference)
    extent = (item.plan.extent or plan.extent).extent()
    if item.plan.prepare:
        says.say("preparing", dataset=item.name)
        steps = for_purposes(item.plan.prepare, {solution.name: solution.purposes for solution in wanted})
        dataset = prepare(spark, dataset, steps, desk)
        outcome.prepared = list(dataset.prepared)
        extent = FULL
    outcome.scanned = scan(spark, dataset, desk, facts=item.plan.facts, extent=extent)
    says.say("scanned", dataset=item.name, rows=outcome.scanned.scan.rows, level=outcome.scanned.label.level)
    identity = dataset.reference.identity
    for solution in wanted:
        checked = _checked(identity, solution, desk, beside)
        outcome.before.append(checked)
        says.say(str(checked.verdict.verdict), dataset=item.name, solution=solution.name)
    refused = [
        solution
        for solution, checked in zip(wanted, outcome.before, strict=True)
        if checked.exit_code is not ExitCode.CLEAR or item.plan.prepare
    ]
    if plan.protect == "never" or (plan.protect == "on-conflict" and not refused):
        return
    says.say("protecting", dataset=item.name)
    outcome.protected = protect(
        spark,
        dataset,
        item.target,
        desk,
        scanned=outcome.scanned,
        unpartitioned=item.plan.unpartitioned,
        subject=_subject(item, plan, desk),
        elsewhere=beside.columns,
    )
    says.say("published", dataset=item.name, to=item.target.text, level=outcome.protected.label.level)
    target = dataset_identity(item.target.text)
    for solution in refused:
        checked = _checked(target, solution, desk, beside)
        outcome.after.append(checked)
        says.say(str(checked.verdict.verdict), dataset=f"{item.name} (protected)", solution=solution.name)


def _columns_of(spark: "SparkSession", todo: Sequence[Item]) -> frozenset[str]:
    """The columns of all datasets of a run, by their schemas; of one that can't be opened none is known."""
    found: set[str] = set()
    for item in todo:
        with suppress(ClearanceError):
            found |= {leaf.path for leaf in leaves_of(open_dataset(spark, item.reference).frame.schema)}
    return frozenset(found)


def _subject(item: Item, plan: PlanFile, desk: Desk) -> tuple[str, SubjectKeys] | None:
    if item.plan.subject is None:
        return None
    beside = [item.reference.text, item.target.text]
    return item.plan.subject, named_table(plan.subject_keys, home=desk.registry.home, beside=beside)


def _checked(identity: DatasetIdentity, solution: Solution, desk: Desk, beside: Beside) -> Checked:
    """The verdict on what this run has just scanned or published.

    Only this session can see that a table, or data that Spark alone has the way to, is as it just was.
    """
    found = standing(desk.registry, identity)
    if identity.kind != "path" and found.state == "unreadable":
        found = Standing("current", "", found.label)
    manifest = beside.manifests.of(identity.key) if beside.manifests is not None else None
    return judge(identity, found, solution, desk.policy, desk.registry, manifest=manifest, waivers=beside.waivers)


def _detection(plan: DetectionPlan) -> Detection:
    return read_detection(plan.language, plan.regions, plan.ner, plan.detectors)


def write_verdicts(path: Path, outcomes: Sequence[Outcome], run_id: str, error: ClearanceError | None = None) -> None:
    """The verdict file: what the exit code can't carry through a cluster. Replaced as a whole or not at all."""
    codes = [outcome.exit_code for outcome in outcomes] + ([error.exit_code] if error else [])
    content = {
        "run_id": run_id,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_code": int(worst(codes)),
        "error": {"message": error.message, "hint": error.hint} if error else None,
        "datasets": [outcome.to_dict() for outcome in outcomes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
