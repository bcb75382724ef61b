"""What may be said of a failure inside Spark: its class and condition, never its text.

Spark's messages quote the data they failed on (an ANSI cast error carries the value, a parser error the line).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from clearance import errors
from clearance.errors import ClearanceError, DatasetError
from clearance.jobs.naming import looks_like_a_value

# A worker's own sanitised error, as the last line of the traceback that Spark forwards.
_OURS = re.compile(r"^clearance\.errors\.(\w+): (.*?)(?:\nhint: (.*?))?$", re.MULTILINE)

#: What whoever reads of a failure can mend, by the words of the system or the JVM for it.
_MENDABLE = {
    "No space left on device": "no space left on the device",
    "Disk quota exceeded": "the disk's quota is used up",
    "java.lang.OutOfMemoryError": "the JVM ran out of memory",
    "java.nio.file.AccessDeniedException": "permission denied",
    "(Permission denied)": "permission denied",
    "TIMESTAMP(NANOS": "it has times in nanoseconds, as pandas writes them, and Spark reads microseconds: write it with"
    " to_parquet(..., coerce_timestamps='us', allow_truncated_timestamps=True)",
    "UNSUPPORTED_TIME_TYPE": "it has times of day without a date, which Spark can't read: write them as strings",
    "COLUMN_ALREADY_EXISTS": "two columns have one name, or names that differ in case alone: rename one",
}

# A file that Spark could not read. Its name alone is told: folders are named by the values of partitions.
_FILE = re.compile(r"\[FAILED_READ_FILE(?:\.([A-Z_]+))?\] Encountered error while reading file (\S+?)\.?(?:\s|$)")
_SPARKS_NAME = re.compile(r"part-\d{5}-[0-9a-f-]{36}")
_WRONG_WITH_IT = {
    "CANNOT_READ_FILE_FOOTER": "is cut off, or not of this format",
    "FILE_NOT_EXIST": "is not there any more",
    "PARQUET_COLUMN_DATA_TYPE_MISMATCH": "has a column of another type than the others",
}


def _unread(text: str) -> str:
    """What is wrong with which file, if it is one that could not be read; the cause is the last that is told."""
    found = _FILE.findall(text)
    if not found:
        return ""
    kind, path = found[-1]
    name = unquote(path.rpartition("/")[2])
    told = name if _SPARKS_NAME.match(name) or not looks_like_a_value(name) else "one of its files"
    wrong = _WRONG_WITH_IT.get(kind, "can't be read to its end")
    return f"{told} {wrong}: write it again, or take it away"


def reason(error: BaseException) -> str:
    """One value-free phrase for a failure: a file that can't be read, or Spark's error condition and what to mend, or
    that alone; else the exception's class.
    """
    condition = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
    try:
        named = condition() if callable(condition) else None
    except Exception:  # an error object whose own accessor fails still has a class name
        named = None
    cause = getattr(error, "__cause__", None)
    detail = f", {type(cause).__name__}" if cause is not None else ""
    text = str(error)
    mend = next((told for words, told in _MENDABLE.items() if words in text), "")
    if not mend and (unread := _unread(text)):
        return unread
    if mend and not named:
        return mend  # a class of Java's or Python's says no more
    return f"{named or type(error).__name__}{detail}{f': {mend}' if mend else ''}"


def from_worker(error: BaseException) -> ClearanceError | None:
    """Our own exception, if that is what stopped a worker."""
    for name, message, hint in reversed(_OURS.findall(str(error))):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, ClearanceError):
            return kind(message, hint=hint)
    return None


@contextmanager
def value_free(doing: str, *, hint: str) -> Iterator[None]:
    """Turns whatever Spark raises inside into a ``DatasetError`` that quotes nothing of the data."""
    try:
        yield
    except ClearanceError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:
        ours = from_worker(error)
        if ours is not None:
            raise ours from None
        raise DatasetError(f"{doing} failed ({reason(error)})", hint=hint) from None
