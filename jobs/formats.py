"""Which format a path holds, and which paths below a folder are datasets of their own.

Looks at names and first lines of local files; what is only reachable through Spark is asked of Spark.
"""

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path

from clearance.errors import DatasetError, UsageError

FORMATS = ("delta", "parquet", "orc", "csv", "json", "jsonl", "text")
_EXTENSIONS = {
    "parquet": "parquet",
    "pq": "parquet",
    "orc": "orc",
    "csv": "csv",
    "tsv": "csv",
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "txt": "text",
    "text": "text",
    "log": "text",
    "md": "text",
}
_COMPRESSIONS = {"gz", "bz2", "zst", "zstd", "snappy", "lz4", "deflate"}
#: Hidden names that say nothing of values. What a writer left unfinished (``_temporary``, ``.clearance-staging``) is
#: not among them, nor is ``.git``, which has every earlier version.
_NO_DATA = frozenset(("_clearance.json", ".clearance", ".gitignore", ".gitattributes", ".gitkeep", ".DS_Store"))
# Files that one writer left as parts of one dataset: Spark's and Hive's part files, Dask's and pyarrow's.
_PART_FILE = re.compile(r"^(part-|part\.\d|\d{6}_\d|[0-9a-f]{8}-?[0-9a-f]{4}-|[0-9a-f]{32}-\d)", re.IGNORECASE)
# Marks that writers leave in a dataset: Spark's, Parquet's footers of what is there, Databricks' commits.
_MARK = re.compile(r"_SUCCESS$|_(common_)?metadata$|_(started|committed)_\d+$|_clearance\.json$")
_PEEK = 65_536


def check_format(name: str) -> str:
    """The format of that name. Raises ``UsageError`` with the known ones."""
    known = {"ndjson": "jsonl", "txt": "text", "jsonlines": "jsonl"}.get(name.lower(), name.lower())
    if known not in FORMATS:
        raise UsageError(f"unknown format {name!r}", hint=f"known formats: {', '.join(FORMATS)}")
    return known


def format_of_name(name: str) -> str | None:
    """The format that a file's name tells, or None."""
    parts = name.lower().split(".")
    while len(parts) > 1 and parts[-1] in _COMPRESSIONS:
        parts.pop()
    return _EXTENSIONS.get(parts[-1]) if len(parts) > 1 else None


def data_files(folder: Path) -> list[Path]:
    """All files below a folder that a reader would take for data, in order of their paths."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
    )


def detect(path: Path) -> str:
    """The format of a local file or folder.

    Raises ``DatasetError`` when it does not exist, holds no data, or holds no one known format.
    """
    if not path.exists():
        raise DatasetError(
            f"there is nothing at {path}", hint="check the path; a catalog table is written schema.table"
        )
    if path.is_dir():
        if (path / "_delta_log").is_dir():
            return "delta"
        files = data_files(path)
        if not files:
            raise DatasetError(
                f"{path} is an empty folder, not a dataset", hint="name a folder or file that holds data"
            )
        found = {format_of_name(file.name) for file in files}
        if len(found) > 1:
            names = ", ".join(sorted(name or "unknown" for name in found))
            raise DatasetError(
                f"{path} holds files of several formats ({names})", hint="say which one with --input-format"
            )
        first, kind = files[0], found.pop()
    else:
        first, kind = path, format_of_name(path.name)
    if kind is None:
        kind = _by_magic(first)
    if kind is None:
        raise DatasetError(
            f"{path} is not a dataset that Clearance knows",
            hint=f"say what it is with --input-format: {', '.join(FORMATS)}",
        )
    return _json_or_lines(first) if kind == "json" else kind


def _open(path: Path) -> bytes:
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as stream:
                return stream.read(_PEEK)
        if path.suffix.lower() in (".bz2", ".zst"):
            import pyarrow as pa

            with pa.input_stream(str(path), compression="detect") as packed:
                return bytes(packed.read(_PEEK))
        with path.open("rb") as plain:
            return plain.read(_PEEK)
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path} can't be read ({type(error).__name__})", hint="check the file") from None


def _by_magic(path: Path) -> str | None:
    head = _open(path)[:4]
    return {b"PAR1": "parquet", b"ORC": "orc"}.get(head) or ("orc" if head[:3] == b"ORC" else None)


def _json_or_lines(path: Path) -> str:
    """JSON Lines under the name ``.json`` is common, and reading it as one document drops all but the first line."""
    lines = [line for line in _open(path).split(b"\n") if line.strip()]
    if not lines or lines[0].lstrip()[:1] != b"{":
        return "json"
    try:
        json.loads(lines[0])
    except ValueError:
        return "json"
    return "jsonl"


def sniff_separator(path: Path) -> str:
    """The field separator of a delimited file: the commonest candidate in its first line, a comma if none."""
    if ".tsv" in path.name.lower():
        return "\t"
    first = _open(path).split(b"\n", 1)[0].decode("utf-8", "replace")
    counts = {candidate: first.count(candidate) for candidate in ",;\t|"}
    best = max(counts, key=lambda candidate: counts[candidate])
    return best if counts[best] else ","


def is_one_dataset(folder: Path) -> bool:
    """Whether a folder is itself a dataset, and not a collection of datasets.

    It is one when a writer left it so: a Delta log, a ``_SUCCESS`` mark, ``key=value`` partition folders, or
    part files. Anything else (``customers.csv`` beside ``orders.csv``) is many.
    """
    if (folder / "_delta_log").is_dir() or (folder / "_SUCCESS").exists() or (folder / "_metadata").exists():
        return True
    children = _visible(folder)
    if any(child.is_dir() and "=" in child.name for child in children):
        return True
    files = [child for child in children if child.is_file() and format_of_name(child.name)]
    return bool(files) and all(_PART_FILE.match(file.name) for file in files)


def _visible(folder: Path) -> list[Path]:
    return [child for child in _in(folder) if not child.name.startswith(("_", "."))]


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DatasetError(
            f"{folder} can't be listed ({type(error).__name__})", hint="check that you may read the folder"
        ) from None


def _is_no_data(hidden: Path) -> bool:
    """Whether a hidden file or folder is one that writers and desktops leave, with no values in it."""
    beside = hidden.with_name(hidden.name[1:].removesuffix(".crc"))
    if hidden.name == ".clearance-staging":
        return not any(each.is_file() for each in hidden.rglob("*"))
    return hidden.name in _NO_DATA or (hidden.suffix == ".crc" and beside.exists())


def hidden_in(dataset: Path) -> list[Path]:
    """Hidden files and folders in the folder of a dataset that may hold values: no reader of the dataset looks at them.

    What is in the folder of a Delta table is its log's to say.
    """
    if not dataset.is_dir() or (dataset / "_delta_log").is_dir():
        return []
    found: list[Path] = []
    for child in _in(dataset):
        if child.name.startswith(".") or (child.name.startswith("_") and "=" not in child.name):
            found += [] if _is_no_data(child) or _MARK.match(child.name) else [child]
        elif child.is_dir() and not child.is_symlink():
            found += hidden_in(child)
    return found


def datasets_below(path: Path, *, every: bool = False) -> list[Path]:
    """The datasets at or below a local path: itself if it is one, else those in it, in order of their paths.

    ``every``: files of no known format, too, and hidden files and folders, which no scan can have looked at.
    """
    return _below(path, every, path)


def _below(path: Path, every: bool, root: Path) -> list[Path]:
    if path.is_file() or is_one_dataset(path):
        return [path, *(hidden_in(path) if every else ())]
    return list(_children(path, every, root))


def _children(folder: Path, every: bool, root: Path) -> Iterable[Path]:
    for child in _in(folder) if every else _visible(folder):
        if child.name.startswith(("_", ".")):
            if not _is_no_data(child):
                yield child
        elif child.is_dir():
            # A link to a folder that holds it would go round for ever, and leads to nothing new but above the root.
            if not (child.is_symlink() and folder.resolve().is_relative_to(child.resolve())):
                yield from _below(child, every, root)
            elif every and not child.resolve().is_relative_to(root.resolve()):
                yield child
        elif every or format_of_name(child.name):
            yield child  # a link to nothing, too: what can't be looked at is told, not left out
