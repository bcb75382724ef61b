"""How well a configuration detects: labelled texts or tables, looked at as a scan does, and scored. Needs no Spark.

Nothing of the data leaves: figures and counts, and errors by the number of their item.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from clearance.classifiers.evaluation import Evaluation, differences, evaluate
from clearance.classifiers.findings import Interval, Span
from clearance.classifiers.labelled import LabelledText, TypeNames, read_conll, read_json, read_truth
from clearance.classifiers.presidio_ruler import PresidioRuler
from clearance.classifiers.rulers import Compared, SpanRuler, StrictRuler, compare_column
from clearance.classifiers.surroundings import ALONE, Surroundings, surroundings
from clearance.errors import UsageError
from clearance.leaves import Leaf, leaves, read_leaf
from clearance.values import to_text

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.classifiers.yaml_files import RulesFile

RulerName = Literal["presidio", "strict"]
#: Least scores: the public ruler's for texts, a scan's for columns.
TEXT_THRESHOLD, COLUMN_THRESHOLD = 0.4, 0.35
TRUTH = "truth.json"
_BATCH = 256
Say = Callable[..., None]
#: What a finder makes of some texts: the spans that count in each.
FindSpans = Callable[[Sequence[str]], Sequence[Sequence[Span]]]
#: What a finder makes of a column: its entity type, or None.
FindType = Callable[["Column"], str | None]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is measured. ``threshold`` None: the default of texts or columns. ``detectors``: YAML files."""

    language: str = "en"
    regions: tuple[str, ...] | None = None
    ner: str | None = "rampart"
    threshold: float | None = None
    detectors: "tuple[str | Path | RulesFile, ...]" = ()

    def engine(self, threshold: float) -> "Engine":
        """This process's engine for it; ``threshold`` where the configuration has none."""
        from clearance.classifiers.engine import load_engine

        return load_engine(
            language=self.language,
            regions=self.regions,
            ner=self.ner,
            threshold=threshold if self.threshold is None else self.threshold,
            detectors=self.detectors,
        )


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a labelled table: its file, its name, and its true type, or None for a negative."""

    file: str
    name: str
    truth: str | None


@dataclass(frozen=True)
class Measured:
    """The result. ``by_file`` is for tables, ``against`` and ``difference`` for two configurations."""

    evaluation: Evaluation
    by_file: Mapping[str, Evaluation] = field(default_factory=dict)
    against: Evaluation | None = None
    difference: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    errors: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract of ``clearance evaluate``."""
        told: dict[str, Any] = self.evaluation.to_dict()
        if self.by_file:
            told["by_file"] = {file: found.to_dict() for file, found in self.by_file.items()}
        if self.against is not None:
            told["against"] = self.against.to_dict()
            told["difference"] = {
                row: {name: interval.to_dict() for name, interval in measures.items()}
                for row, measures in self.difference.items()
            }
        return told | {"errors": list(self.errors)}


def measure(
    path: Path,
    configuration: Configuration,
    *,
    against: Configuration | None = None,
    ruler: RulerName = "presidio",
    names: TypeNames | None = None,
    rows: int = 1000,
    say: Say | None = None,
) -> Measured:
    """Measures a configuration, or two, on labelled data.

    ``path``: a JSON, JSON Lines or CoNLL file of texts, or a folder of tables with their ``truth.json``. ``rows``: how
    many rows of a table are read. ``say(event, **fields)`` hears of the progress.
    Raises UsageError for labelled data that can't be read, is empty or wrong; DetectionError when a detector fails.
    """
    names = names or TypeNames()
    both = [configuration] if against is None else [configuration, against]
    if path.is_dir():
        columns: list[TableColumn] = []
        compared: list[list[Compared]] = []
        for each in both:
            find = partial(column_type, each.engine(COLUMN_THRESHOLD))
            done = list(compare_tables(path, find, names=names, rows=rows, say=say))
            columns = [column for column, _ in done]
            compared.append([outcome for _, outcome in done])
        return _measured(compared, "typed", columns)
    labelled = load_texts(path)
    compare: SpanRuler = StrictRuler() if ruler == "strict" else PresidioRuler(configuration.language)
    compared = []
    for each in both:
        find_spans = partial(spans_that_count, each.engine(TEXT_THRESHOLD))
        compared.append(compare_texts(labelled, find_spans, compare, names=names, say=say))
    return _measured(compared, "binary" if compare.headline == "binary" else "typed")


def _measured(
    compared: Sequence[Sequence[Compared]], headline: Literal["binary", "typed"], columns: Sequence[TableColumn] = ()
) -> Measured:
    first = compared[0]
    files: dict[str, list[Compared]] = {}
    for column, outcome in zip(columns, first, strict=bool(columns)):
        files.setdefault(column.file, []).append(outcome)
    return Measured(
        evaluate(first, headline),
        {file: evaluate(outcomes, headline) for file, outcomes in files.items()},
        evaluate(compared[1], headline) if len(compared) > 1 else None,
        differences(first, compared[1]) if len(compared) > 1 else {},
        tuple(_errors(first, columns)),
    )


def _errors(compared: Iterable[Compared], columns: Sequence[TableColumn]) -> Iterator[dict[str, Any]]:
    for item, outcome in enumerate(compared):
        where = {"file": columns[item].file, "column": columns[item].name} if columns else {}
        for (true, said), count in sorted(outcome.typed.confusion.items(), key=str):
            if true != said:
                yield {"item": item, **where, "true": true, "predicted": said, "count": count}


# ---- texts ----


def load_texts(path: Path) -> list[LabelledText]:
    """Labelled texts of a file: JSON and JSON Lines by its name or its first character, else CoNLL.

    Raises UsageError for a file that can't be read, or holds no text.
    """
    content = _content(path)
    is_json = path.suffix.lower() in (".json", ".jsonl", ".ndjson") or content.lstrip()[:1] in ("[", "{")
    labelled = read_json(content) if is_json else read_conll(content)
    if not labelled:
        raise UsageError(f"{path} holds no labelled text", hint="see docs/how-to/evaluate.md")
    return labelled


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror})", hint="name a file or folder") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text", hint="see docs/how-to/evaluate.md") from None


def spans_that_count(engine: "Engine", texts: Sequence[str]) -> list[tuple[Span, ...]]:
    """What a scan would report and a protection replace in each text."""
    from clearance.classifiers.looking import look

    return [seen.spans for seen in look(engine, texts)]


def compare_texts(
    labelled: Sequence[LabelledText],
    find: FindSpans,
    ruler: SpanRuler,
    *,
    names: TypeNames,
    say: Say | None = None,
) -> list[Compared]:
    """Every text, looked at and compared with its truth."""
    compared: list[Compared] = []
    for start in range(0, len(labelled), _BATCH):
        some = labelled[start : start + _BATCH]
        for one, found in zip(some, find([one.text for one in some]), strict=True):
            compared.append(ruler(one.text, names.scored(one.spans), names.scored(found)))
        if say is not None:
            say("compared", texts=len(compared), of=len(labelled))
    return compared


# ---- tables ----


def column_type(engine: "Engine", column: "Column") -> str | None:
    """The type that a scan reports for a column."""
    from clearance.classifiers.columns import finish
    from clearance.classifiers.profile import LeafProfile

    # Nothing that is told hangs on the salt: it guards what leaves a worker.
    profile = LeafProfile(column.path, column.dtype, salt=bytes(16))
    profile.update(column.values, engine)
    return finish(profile, name=column.path, dtype=column.dtype, around=column.around).entity_type


def compare_tables(
    folder: Path,
    find: FindType,
    *,
    names: TypeNames,
    rows: int,
    say: Say | None = None,
) -> Iterator[tuple[TableColumn, Compared]]:
    """Every column of the tables that the folder's truth names, compared with it.

    A negative column is not scored as a miss or a hit, only as a false alarm. Raises UsageError for a table that can't
    be read, or lacks a column that the truth names.
    """
    truth = read_truth(_content(folder / TRUTH))
    if not truth:
        raise UsageError(f"{folder / TRUTH} names no table", hint="see docs/how-to/evaluate.md")
    for file in sorted(truth):
        columns = read_columns(folder / file, rows)
        missing = truth[file].keys() - {column.name for column in columns}
        if missing:
            raise UsageError(
                f"{len(missing)} columns of the truth are not in {file}",
                hint="name them as the file does, dots for fields",
            )
        for column in columns:
            label, found = truth[file].get(column.name), find(column)
            true, said = (None if kind is None else names.of(kind) for kind in (label, found))
            yield TableColumn(file, column.name, label), compare_column(true, said)
        if say is not None:
            say("compared", table=file, columns=len(columns))


@dataclass(frozen=True, slots=True, repr=False)
class Column:
    """One leaf of a table: its name in a truth, its path, its type, its values in text form, what stands around it."""

    name: str
    path: str
    dtype: str
    values: pa.Array
    around: Surroundings = ALONE


def read_columns(path: Path, rows: int) -> list[Column]:
    """The readable leaves in the first ``rows`` rows of a CSV, Parquet or Delta table.

    CSV is read as strings, an empty field as null. Raises UsageError for a table that can't be read.
    """
    try:
        table = _read_table(path, rows)
        readable = [leaf for leaf in leaves(table.schema) if leaf.readable]
        around = surroundings([leaf.path for leaf in readable])
        return [_column(table, leaf, around[leaf.path]) for leaf in readable]
    except Exception as error:  # its text may quote the data
        failed = type(error).__name__
    raise UsageError(f"{path} can't be read ({failed})", hint="give CSV with a header, Parquet or Delta")


def _read_table(path: Path, rows: int) -> pa.Table:
    if path.is_dir():
        from deltalake import DeltaTable
        from pyarrow import fs

        # Arrow's own file system: over deltalake's, which is in Python, a thread still reading at exit aborts it.
        files = fs.SubTreeFileSystem(str(path.absolute()), fs.LocalFileSystem())
        return DeltaTable(str(path)).to_pyarrow_dataset(filesystem=files).head(rows)
    if path.suffix.lower() == ".parquet":
        from pyarrow import dataset

        return dataset.dataset(path).head(rows)
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        reader = csv.reader(handle)
        header = _as_spark_names(next(reader))
        read = list(itertools.islice(reader, rows))
    columns = [[row[i] if i < len(row) and row[i] else None for row in read] for i in range(len(header))]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=header)


def _as_spark_names(header: list[str]) -> list[str]:
    """Names of a CSV file's columns as a scan has them: one without a name, or with another's, gets its place."""
    lower = Counter(name.lower() for name in header)
    return [
        f"_c{place}" if not name else f"{name}{place}" if lower[name.lower()] > 1 else name
        for place, name in enumerate(header)
    ]


def _column(table: pa.Table, leaf: Leaf, around: Surroundings) -> Column:
    values, _ = read_leaf(table.column(leaf.steps[0].name).combine_chunks(), leaf.steps[1:])
    name = leaf.steps[0].name if len(leaf.steps) == 1 else leaf.path
    return Column(name, leaf.path, str(leaf.type), to_text(values), around)
