"""Plan files: which datasets, for which solutions, protected to where. Read once, strictly, into frozen values."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, unquote

from pydantic import BeforeValidator, Field, model_validator

from clearance.errors import PolicyError, UsageError
from clearance.governance.coverage import Mode
from clearance.governance.strict_yaml import Strict, Version, parse, read_text, validate, where
from clearance.jobs.extent import Extent
from clearance.jobs.preparation import Names, Steps, Text, as_tuple, placed


class DetectionPlan(Strict):
    """How datasets are looked at; ``ner: null`` leaves names and places in text out.

    ``detectors`` are files of further detectors and of rules for what is found, relative to the plan.
    """

    language: Text = "en"
    regions: Names | None = None
    ner: Text | None = "rampart"
    detectors: Names = ()


class ExtentPlan(Strict):
    """How much of a dataset is read; ``prevalence`` and ``confidence`` are what a sample must prove."""

    mode: Mode = "full"
    prevalence: float = 0.001
    confidence: float = 0.95

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        try:
            self.extent()
        except UsageError as error:
            raise ValueError(error.message) from None
        return self

    def extent(self) -> Extent:
        """As the jobs take it."""
        return Extent(self.mode, self.prevalence, self.confidence)


class DatasetPlan(Strict):
    """One dataset, or all of a folder, glob or database.

    ``name`` names the protected copy (by default the last part of the reference; in a folder, its path there), ``to``
    its place; ``facts`` are what the owner declares; ``solutions`` those that want it. ``prepare`` are clean-up steps:
    with any, a copy is always written, and the verdicts are on the prepared data. ``subject``: the column of the
    persons that reversible tokens are bound to.
    """

    dataset: Text
    name: Text | None = None
    format: Text | None = None
    version: int | None = None
    timestamp: Text | None = None
    options: dict[Text, str] = Field(default_factory=dict)
    solutions: Annotated[Names, Field(min_length=1)]
    facts: dict[Text, Any] = Field(default_factory=dict)
    detection: DetectionPlan | None = None
    extent: ExtentPlan | None = None
    prepare: Steps = ()
    subject: Text | None = None
    to: Text | None = None
    unpartitioned: bool = False


class PlanFile(Strict):
    """A plan as it is written. Paths in it are relative to the plan's own folder."""

    version: Version
    policy: Text | None = None
    solutions: Text
    home: Text | None = None
    key_file: Text | None = None
    keys: Text | None = None
    domain: Text = "default"
    subject_keys: Text | None = None
    output: Text = "protected"
    output_format: Literal["delta", "parquet"] = "delta"
    protect: Literal["on-conflict", "always", "never"] = "on-conflict"
    parallel: Annotated[int, Field(ge=1, le=64)] = 2
    detection: DetectionPlan = DetectionPlan()
    extent: ExtentPlan = ExtentPlan()
    verdicts: Text | None = None
    datasets: Annotated[tuple[DatasetPlan, ...], BeforeValidator(as_tuple), Field(min_length=1)]


def load_plan(path: str | Path) -> PlanFile:
    """The plan in a file, its paths made absolute. Raises ``PolicyError`` with file and line."""
    file = Path(path)
    if file.is_dir() or not file.exists():
        raise PolicyError(f"there is no plan at {path}", hint="docs/how-to/run.md has one to copy")
    data, marks = parse(read_text(file), str(path))
    plan = validate(PlanFile, data, marks)
    for index, entry in enumerate(plan.datasets):
        if entry.version is not None and entry.timestamp is not None:
            place = where(marks, ("datasets", index))
            raise PolicyError(f"{place}: a dataset is read at a version or at a timestamp, not both")
        if entry.prepare and plan.protect == "never":
            raise PolicyError(
                f"{where(marks, ('datasets', index, 'prepare'))}: nothing is prepared where no copy is written",
                hint="leave out `prepare`, or write protect: on-conflict",
            )
    if plan.keys is not None and plan.key_file is not None:
        raise PolicyError(f"{where(marks, ('keys',))}: keys are named by `keys` or by `key_file`, not by both")
    base = file.resolve().parent
    return plan.model_copy(
        update={
            "policy": _beside(base, plan.policy),
            "solutions": _beside(base, plan.solutions),
            "home": _beside(base, plan.home),
            "key_file": _beside(base, plan.key_file),
            "keys": _keys(base, plan.keys),
            "subject_keys": _beside(base, plan.subject_keys),
            "output": _beside(base, plan.output),
            "verdicts": _beside(base, plan.verdicts),
            "detection": _looking(base, plan.detection),
            "datasets": tuple(
                entry.model_copy(
                    update={
                        "dataset": _dataset(base, entry.dataset),
                        "to": _dataset(base, entry.to),
                        "prepare": placed(entry.prepare, marks, ("datasets", index, "prepare")),
                        "detection": entry.detection and _looking(base, entry.detection),
                    }
                )
                for index, entry in enumerate(plan.datasets)
            ),
        }
    )


def _looking(base: Path, detection: DetectionPlan) -> DetectionPlan:
    files = tuple(str(base / Path(file).expanduser()) for file in detection.detectors)
    return detection.model_copy(update={"detectors": files})


def _beside(base: Path, path: str | None) -> str | None:
    return path if path is None or "://" in path else str(base / Path(path).expanduser())


def _keys(base: Path, uri: str | None) -> str | None:
    """A key URI whose keyset is found from anywhere."""
    if uri is None or "://" not in uri:
        return _beside(base, uri)
    before, named, rest = uri.partition("keyset=")
    if not named:
        return uri
    path, ampersand, after = rest.partition("&")
    return f"{before}{named}{quote(str(base / Path(unquote(path)).expanduser()))}{ampersand}{after}"


def _dataset(base: Path, reference: str | None) -> str | None:
    """Paths are relative to the plan; tables and URIs are what they are. A path has a slash or is there."""
    if reference is None or "://" in reference or reference.startswith(("table:", "file:")):
        return reference
    if "/" in reference or (base / reference).exists():
        return str(base / Path(reference).expanduser())
    return reference


__all__ = ["DatasetPlan", "DetectionPlan", "ExtentPlan", "PlanFile", "load_plan"]
