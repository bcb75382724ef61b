"""What Spark's readers would leave out without a word, and what is done about it.

A label speaks for all of a dataset, so all of it must be read: each file of a folder, each column of each file, each
record of a line. What can be read whole is; what can't is refused.
"""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar, cast

import pyarrow as pa

from clearance.errors import DatasetError, UsageError
from clearance.values import texts_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from clearance.governance.observation import Observation

#: Reader options that say how data is written. Others choose what is read (``pathGlobFilter``, ``comment``, ``mode``).
OPTIONS = (
    "allowBackslashEscapingAnyCharacter",
    "allowNonNumericNumbers",
    "allowNumericLeadingZeros",
    "allowSingleQuotes",
    "allowUnquotedControlChars",
    "allowUnquotedFieldNames",
    "charToEscapeQuoteEscaping",
    "charset",
    "dateFormat",
    "datetimeRebaseMode",
    "delimiter",
    "encoding",
    "escape",
    "header",
    "ignoreLeadingWhiteSpace",
    "ignoreTrailingWhiteSpace",
    "int96RebaseMode",
    "lineSep",
    "locale",
    "maxCharsPerColumn",
    "maxColumns",
    "multiLine",
    "prefersDecimal",
    "primitivesAsString",
    "quote",
    "sep",
    "timeZone",
    "timestampFormat",
    "timestampNTZFormat",
    "wholetext",
)
_KNOWN = frozenset(name.lower() for name in OPTIONS)
_GLOB = re.compile(r"([\[\]{}*?\\])")
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_CHUNK = 1 << 20
_BLOCK = 1 << 16
_Read = TypeVar("_Read")
# Not unpacked here; Spark does.
_PACKED = {".bz2", ".zst", ".zstd", ".snappy", ".lz4", ".deflate"}


def check_options(options: Mapping[str, str], kind: str) -> None:
    """Raises ``UsageError`` for a reader option that could leave part of the data out, or that no one knows."""
    for name in options:
        if name.lower() not in _KNOWN:
            raise UsageError(
                f"the reader option {name!r} is not allowed: all of a dataset must be read",
                hint="give options that say how it is written, such as sep, quote, header or encoding",
            )
        if name.lower() == "multiline" and kind in ("json", "jsonl"):
            raise UsageError(
                "multiLine is not allowed for JSON", hint="say --input-format json (documents) or jsonl (lines)"
            )


def literal(location: str, *, local: bool) -> str:
    """A location as Spark must be told it: in a local path ``[``, ``*`` and the like are part of the name."""
    return _GLOB.sub(r"\\\1", location) if local else location


def layout_options(kind: str, local: Path | None, hive: bool) -> dict[str, str]:
    """Options that make a reader see every column of every file, and files in folders below."""
    options = {"mergeSchema": "true"} if kind in ("parquet", "orc") else {}
    if local is not None and local.is_dir() and not hive:
        options["recursiveFileLookup"] = "true"
    return options


def require_utf8(files: list[Path], text: str, options: Mapping[str, str]) -> None:
    """Raises ``DatasetError`` for a text file that holds what is no UTF-8: UTF-16, ISO-8859-1, binary data.

    Read as UTF-8 the letters of UTF-16 are an empty byte apart, and those with accents become one and the same sign:
    less would be found than is there, and a copy would be damaged. Who says how it is written (``encoding``) knows.
    All of a file is read, for its first wrong letter may be its last: a second for a gigabyte, of minutes in Spark.
    """
    if {name.lower() for name in options} & {"encoding", "charset"}:
        return
    for file in files:
        if file.suffix.lower() not in _PACKED:
            _beginning(file, partial(_require_utf8, name=file.name, text=text))


def _require_utf8(stream: IO[bytes], name: str, text: str) -> None:
    letters = codecs.getincrementaldecoder("utf-8")()
    read, block = 0, stream.read(_BLOCK)
    # In UTF-16 every other byte is empty; a few in the middle of a file are only odd.
    wide = block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in block
    while block:
        if wide or block.count(0) > len(block) // 4:
            raise DatasetError(
                f"{text} is no text in UTF-8: {name} looks like UTF-16 or binary data",
                hint="say how it is written: --option encoding=UTF-16",
            )
        following = stream.read(_BLOCK)
        # The last letter of what was read may be cut, that of a file may not.
        if not _decodes(letters, block, final=not following):
            place = "" if read == 0 else f" behind its first {read:,} bytes"
            raise DatasetError(
                f"{text} is no text in UTF-8: {name} is written otherwise{place}",
                hint="say how it is written: --option encoding=ISO-8859-1; encoding=UTF-8 reads what is none as \ufffd",
            )
        read, block = read + len(block), following


def _decodes(letters: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> bool:
    try:
        letters.decode(block, final)
    except UnicodeDecodeError:  # it holds the bytes
        return False
    return True


def _beginning(file: Path, read: Callable[[IO[bytes]], _Read]) -> _Read:
    """What ``read`` takes of a file as it is unpacked. Raises ``DatasetError`` for one that can't be."""
    try:
        with _opened(file) as stream:
            return read(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{file} can't be read ({type(error).__name__})", hint="check the file") from None


def require_all_files(frame: "DataFrame", observed: "Observation | None", text: str) -> None:
    """Raises ``DatasetError`` when the reader lists fewer files than the label would speak for."""
    if observed is None or observed.files is None:
        return
    seen = len(set(frame.inputFiles()))
    if seen < observed.files:
        raise DatasetError(
            f"only {seen} of the {observed.files} files of {text} would be read",
            hint="name the folders one by one, or partition them as key=value",
        )


def require_one_header(files: list[Path], text: str) -> None:
    """Raises ``DatasetError`` unless all files of a delimited dataset start with the same line.

    The first line of each is taken for its header: one that differs is a record that nobody would see.
    """
    heads = {head for file in files if (head := _first_line(file)) is not None}
    if len(heads) > 1:
        raise DatasetError(
            f"the files of {text} have different headers",
            hint="scan them one by one, or give --option header=false",
        )


def _first_line(file: Path) -> bytes | None:
    """The first line of a file; None for an empty one. A compressed one counts as it is read: gzip only."""
    return _beginning(file, lambda stream: stream.readline()).strip().removeprefix(b"\xef\xbb\xbf") or None


def _opened(file: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(file)) if file.suffix.lower() == ".gz" else file.open("rb")


def require_one_document(files: list[Path], text: str) -> None:
    """Raises ``DatasetError`` when a JSON file holds more than one document: only the first would be read."""
    for file in files:
        with _opened(file) as stream:
            more = _goes_on(iter(lambda: stream.read(_CHUNK), b""))
        if more:
            raise DatasetError(
                f"{text} holds more than one JSON document in a file",
                hint="write one array, or one document a line (JSON Lines)",
            )


def _goes_on(chunks: Iterator[bytes]) -> bool:
    """Whether anything follows the first JSON array or object."""
    depth, rest = 0, b""
    for chunk in chunks:
        data, end = rest + chunk, 0
        for found in _STRUCTURE.finditer(data):
            end = found.end()
            mark = found.group()
            depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
            if depth == 0 and mark in (b"}", b"]"):
                return bool(data[end:].strip(b" \t\r\n\x00")) or any(more.strip(b" \t\r\n\x00") for more in chunks)
        # An open string goes on in the next chunk; what is no string and no bracket says nothing.
        quote = data.find(b'"', end)
        rest = data[quote:] if quote >= 0 else b""
    return False


def require_one_record_a_line(spark: "SparkSession", location: str, options: Mapping[str, str], text: str) -> None:
    """Raises ``DatasetError`` when lines of JSON Lines hold more than one record: only the first would be read."""
    from clearance.jobs.workers import map_batches

    lines = spark.read.options(**options).text(location).select("value")
    doubled = sum(row[0] for row in map_batches(lines, _count_doubled, "n bigint", "reading").collect())
    if doubled:
        raise DatasetError(f"{doubled} lines of {text} hold more than one JSON record", hint="write one record a line")


def _count_doubled(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    decode = json.JSONDecoder(strict=False).raw_decode
    count = 0
    for batch in batches:
        for line in texts_of(batch.column(0)):
            line = (line or "").strip()
            try:
                _, end = decode(line)
            except (ValueError, RecursionError):
                continue  # malformed: Spark counts and keeps it
            count += bool(line[end:].strip(" \t\r,"))
    yield pa.RecordBatch.from_arrays([pa.array([count], pa.int64())], names=["n"])
