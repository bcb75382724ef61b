"""References: what a person types to name a dataset, and the datasets that a folder, glob or database stands for."""

import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from clearance.errors import DatasetError, UsageError
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.jobs.completeness import check_options
from clearance.jobs.formats import check_format, datasets_below, detect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WORD = re.compile(r"^[^\W\d]\w*(\.[^\W\d]\w*)?$")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a dataset is: the text that names it, and how to read it. ``version`` and ``timestamp``: Delta only."""

    text: str
    format: str | None = None
    version: int | None = None
    timestamp: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.format is not None:
            object.__setattr__(self, "format", check_format(self.format))
        if not self.text.strip():
            raise UsageError("a dataset needs a name", hint="a path, a URI or a catalog table such as sales.orders")
        if self.version is not None and self.timestamp is not None:
            raise UsageError("a dataset is read at a version or at a timestamp, not both", hint="leave one of them out")

    @property
    def identity(self) -> DatasetIdentity:
        """The dataset's name in the registry and the lineage, after path normalisation."""
        return dataset_identity(self.text)

    @property
    def key(self) -> str:
        """The one string that the registry files this dataset under."""
        return self.identity.key

    @property
    def source(self) -> "Reference":
        """Itself, as a dataset that was prepared has another one: see ``Dataset.source``."""
        return self

    @property
    def local_path(self) -> Path | None:
        """The local path, if it is one."""
        return self.identity.local_path

    @property
    def location(self) -> str:
        """What Spark is told to load: an absolute path, a URI, or a table's qualified name."""
        return self.identity.location

    def check(self) -> None:
        """Raises ``DatasetError`` or ``UsageError`` for what can be told to be wrong before Spark starts."""
        local = self.local_path
        if local is None:
            return
        if not local.exists() and not glob.has_magic(str(local)) and not _is_bare(self.text):
            raise DatasetError(
                f"there is nothing at {self.text}", hint="check the path; a catalog table is schema.table"
            )
        if local.exists():
            self.check_as(self.format or detect(local))

    def check_as(self, kind: str) -> None:
        """Raises ``UsageError`` for a version or reader options that data of this format can't be read with."""
        if kind == "delta":
            return
        if self.version is not None or self.timestamp is not None:
            raise UsageError(f"{self.text} is {kind}: only Delta has versions", hint="leave out --version/--timestamp")
        check_options(self.options, kind)


def expand(text: str, *, format: str | None = None, every: bool = False) -> list[Reference]:
    """All datasets that a reference means: one, or those in a folder or matched by a glob, in order of names.

    With a format given, a folder is one dataset of that format; ``every``: see ``datasets_below``. Databases are
    expanded by ``expand_database``.
    Raises ``DatasetError`` when nothing is there.
    """
    reference = Reference(text, format)
    local = reference.local_path
    if local is None or (format is not None and local.exists()):
        return [reference]
    if not local.exists() and glob.has_magic(str(local)):
        found = [Path(match) for match in sorted(glob.glob(str(local)))]  # noqa: PTH207 - absolute pattern
        if not found:
            raise DatasetError(f"nothing matches {text}", hint="quote the pattern and check the folder")
    elif not local.exists():
        if _is_bare(text):
            return [reference]  # may be the name of a database, which only Spark can tell
        raise DatasetError(f"there is nothing at {text}", hint="check the path; a catalog table is schema.table")
    elif local.is_dir():
        found = datasets_below(local, every=every) or [local]
    else:
        found = [local]
    if found == [local]:
        return [reference]
    base = Path.cwd()
    return [Reference(_shown(path, base), format) for path in found]


def folder_of(text: str) -> Path | None:
    """The local folder that the datasets of a reference lie in: a folder itself, or a glob's part without a pattern."""
    local = Reference(text).local_path
    if local is None or local.is_dir():
        return local
    return Path(*takewhile(lambda part: not glob.has_magic(part), local.parent.parts))


def _is_bare(text: str) -> bool:
    """Whether a reference that is no table and no existing path may still be a database: one word."""
    return "." not in text and _WORD.match(text) is not None


def _shown(path: Path, base: Path) -> str:
    return f"./{path.relative_to(base)}" if path.is_relative_to(base) and path != base else str(path)


def expand_database(spark: "SparkSession", reference: Reference) -> list[Reference]:
    """The tables of a database, if the reference is the name of one; else the reference itself."""
    name = reference.text.removeprefix("table:")
    if not _WORD.match(name) or Path(reference.text).exists():
        return [reference]
    if not spark.catalog.databaseExists(name) or spark.catalog.tableExists(name):
        return [reference]
    tables = sorted(table.name for table in spark.catalog.listTables(name) if not table.isTemporary)
    return [Reference(f"table:{name}.{table}", reference.format) for table in tables]
