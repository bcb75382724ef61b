"""Solution profiles: AI systems and models that want data, as their owners declare them.

A profile is a YAML file, one solution each, or one file with a list under ``solutions``. A fact left out is
not the same as an empty list: left out means unknown, and a rule that needs it can't be decided.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from clearance.errors import PolicyError
from clearance.governance.canonical import digest
from clearance.governance.strict_yaml import Marks, Strict, parse, read_text, suggest, validate, where

Hosting = Literal["public", "vendor", "private"]
Usage = Literal["training", "fine-tuning", "rag", "inference", "analytics"]
#: Usages in which a model keeps what it is given.
TRAINING: frozenset[Usage] = frozenset({"training", "fine-tuning"})


def as_names(value: object) -> object:
    """YAML list (or one name) to a frozenset; for ``BeforeValidator`` in strict models."""
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) and item for item in value):
        return frozenset(value)
    raise ValueError("a list of names is expected, such as [one, two]")


Text = Annotated[str, Field(min_length=1)]
Names = Annotated[frozenset[str], BeforeValidator(as_names)]


class Learned(Strict):
    """A dataset that a model learned from, and which version of it; left out: not known."""

    dataset: Text
    version: Text | None = None


class ModelVersion(Strict):
    """One version of a model, and all that it learned from."""

    name: Text
    version: Text
    learned_from: list[Learned] = Field(default_factory=list)


class Principals(Strict):
    """Who the solution is in systems of access control; ``ranger`` is a role, ``lake_formation`` an ARN."""

    unity_catalog: Text | None = None
    lake_formation: Text | None = None
    ranger: Text | None = None


class Solution(Strict):
    """One AI solution. Field meanings: ``docs/concepts/labels-and-verdicts.md``."""

    name: Text
    owner: Text
    description: str = ""
    hosting: Hosting
    clearance: Text
    usage: Annotated[frozenset[Usage], BeforeValidator(as_names), Field(min_length=1)]
    purposes: Names | None = None
    regions: Names | None = None
    regimes: Names | None = None
    environment: Text | None = None
    retention_days: Annotated[int, Field(ge=0)] | None = None
    business_owner: Text | None = None
    technical_owner: Text | None = None
    provider: Text | None = None
    inputs_may_train: bool | None = None
    models: list[ModelVersion] = Field(default_factory=list)
    jobs: Names = frozenset()
    principals: Principals = Principals()

    @property
    def digest(self) -> str:
        """Of what a verdict can depend on: all but who it belongs to, what is told of it, and what was or will be done
        with it. A field that comes later is in it until somebody names it here.
        """
        told = self.model_dump(exclude={"owner", "business_owner", "technical_owner", "provider", "description",
                                        "models", "jobs", "principals"})  # fmt: skip
        return digest({key: sorted(value) if isinstance(value, frozenset) else value for key, value in told.items()})

    @model_validator(mode="after")
    def _says_what_inputs_become(self) -> Self:
        # The rules of a check go by the usage: what trains must be judged as training.
        if self.inputs_may_train and not self.usage & TRAINING:
            raise ValueError("its inputs may train it, so its usage is training or fine-tuning too")
        names = [(model.name, model.version) for model in self.models]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the model version {' '.join(sorted(twice)[0])} is there twice")
        return self


class Solutions(dict[str, Solution]):
    """Solutions by name. A missing name raises PolicyError that lists the known ones."""

    def __missing__(self, name: str) -> Solution:
        raise PolicyError(f"unknown solution '{name}'", hint=suggest(name, self))


def load_solutions(path: str | Path) -> Solutions:
    """Solutions of a file, or of every ``*.yaml``/``*.yml`` file of a folder (not of its subfolders).

    A file holds one profile, or a list of them under ``solutions``. Raises PolicyError for a path that is
    not there, a file that is not valid, and a name that is used twice.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())
        if not files:
            raise PolicyError(f"{path}: no solution profiles here", hint="add NAME.yaml files, or name a file")
    found = Solutions()
    places: dict[str, str] = {}
    for file in files:
        for solution, place in _read(file):
            if solution.name in found:
                raise PolicyError(
                    f"{place}: the solution '{solution.name}' is already at {places[solution.name]}",
                    hint="give each solution its own name",
                )
            found[solution.name] = solution
            places[solution.name] = place
    return found


def _read(file: Path) -> list[tuple[Solution, str]]:
    data, marks = parse(read_text(file), str(file))
    if "solutions" not in data:
        return [(validate(Solution, data, marks), where(marks, ("name",)))]
    items: Any = data["solutions"]
    if len(data) > 1 or not isinstance(items, list) or not items:
        raise PolicyError(
            f"{where(marks, ('solutions',))}: a list of profiles under 'solutions', and nothing beside it, is expected",
            hint="start each profile with '- name: ...'",
        )
    return [
        (validate(Solution, item, _under(marks, index)), where(marks, ("solutions", index)))
        for index, item in enumerate(items)
    ]


def _under(marks: Marks, index: int) -> Marks:
    """Marks of one item of the list, as if it were a document."""
    depth = ("solutions", index)
    return {place[2:]: line for place, line in marks.items() if place[:2] == depth}
