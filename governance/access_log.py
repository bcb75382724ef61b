"""Who reached which data, from the logs of others: AWS CloudTrail data events, and a plain form.

Object keys may hold values (the folders of a partition do), and so may request parameters: of an event only who, when,
what kind of access, how many bytes and the dataset are taken, and a dataset is named only if it is on record. A line
that is not understood is an error, never left out: what is not counted can't be unusual.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from clearance.errors import ClearanceError, DatasetError
from clearance.governance.identity import dataset_identity

Action = Literal["read", "write", "detokenize", "export"]
ACTIONS: tuple[Action, ...] = ("read", "write", "detokenize", "export")
#: Where an access went that is no dataset on record.
ELSEWHERE = ""
FIELDS = ("time", "who", "dataset", "action", "bytes", "denied")

# S3 API operations (AWS CloudTrail user guide, "Logging data events": Amazon S3 object-level API).
_S3_READS = frozenset({"GetObject", "GetObjectTorrent", "SelectObjectContent", "CopyObject", "UploadPartCopy"})
_S3_WRITES = frozenset({"PutObject", "DeleteObject", "DeleteObjects", "CompleteMultipartUpload", "RestoreObject"})
# A session that a machine names anew each time says nothing of who it is; the role does.
_MACHINE_SESSION = re.compile(r"(i-[0-9a-f]+|[0-9]+|botocore-session-[0-9]+|aws-sdk-[a-z]+-[0-9]+|[0-9a-f-]{32,})")
# Almost all moments are of this form, and sort as they are.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\dZ", re.ASCII)
# So far ahead a clock in another zone may be; what is further is an error that would hide all that is recent.
_AHEAD = timedelta(days=1)
_LARGEST = 2**63
_CACHED = 100_000


@dataclass(frozen=True, slots=True)
class Access:
    """One access. ``day`` is a day of UTC (2026-11-28), ``at`` the moment as text that sorts by time."""

    at: str
    who: str
    dataset: str
    action: Action
    size: int = 0
    denied: bool = False

    @property
    def day(self) -> str:
        """The day of it."""
        return self.at[:10]


class Places:
    """Which dataset on record a path or URI lies in; none that is not."""

    def __init__(self, datasets: Iterable[str]) -> None:
        self._known = {key.rstrip("/"): key for key in datasets}
        self._folders: dict[str, str] = {}

    def of(self, uri: str) -> str:
        """The dataset's key, or ``ELSEWHERE``."""
        if uri in self._known:
            return self._known[uri]
        folder = uri.rpartition("/")[0]
        found = self._folders.get(folder)
        if found is None:
            if len(self._folders) > _CACHED:
                self._folders.clear()
            found = self._folders[folder] = self._above(folder)
        return found

    def named(self, reference: str) -> str:
        """The same for a reference as people write it."""
        found = self.of(reference)
        if found != ELSEWHERE:
            return found
        try:
            return self.of(dataset_identity(reference).key)
        except ClearanceError:
            return ELSEWHERE

    def _above(self, folder: str) -> str:
        while folder:
            if folder in self._known:
                return self._known[folder]
            folder = folder.rpartition("/")[0]
        return ELSEWHERE


def read_log(lines: Iterable[str], name: str, places: Places, now: datetime | None = None) -> Iterator[Access]:
    """The accesses of one log: CloudTrail's JSON (``Records``, or a record a line), JSON Lines or CSV of ``FIELDS``.

    ``lines`` are those of the file ``name``, ``now`` is the clock's time. Raises ``DatasetError`` with the number
    of a line and nothing in it, where one can't be read or lies more than a day ahead of ``now``.
    """
    reader = _Reader(places, _written((now or datetime.now(UTC)) + _AHEAD))
    numbered = enumerate(lines, 1)
    number, first = next(((number, line) for number, line in numbered if line.strip()), (0, ""))
    if not number:
        return
    rest: Iterator[tuple[int, str]] = (pair for pair in numbered if pair[1].strip())
    if not first.lstrip().startswith("{"):
        yield from _csv(first, (line for _, line in rest), name, reader)
        return
    one = _json(first)
    if one is None:
        # Spread over several lines: one document.
        one, rest = _json(first + "".join(line for _, line in rest)), iter(())
    if one is not None and "Records" in one:
        records = one["Records"] if isinstance(one["Records"], list) else [None]
        for place, record in enumerate(records, 1):
            yield from reader.told(record, f"{name}, record {place}")
        return
    yield from reader.told(one, f"{name}:{number}")
    for number, line in rest:
        yield from reader.told(_json(line), f"{name}:{number}")


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads records. ``latest``: the last moment that an access can be of."""

    places: Places
    latest: str

    def told(self, record: Any, place: str) -> Iterator[Access]:
        """The access that a record tells of, if it is one. Raises ``DatasetError`` that names the place."""
        try:
            found = (_cloudtrail if "eventName" in record else _plain)(record, self.places)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            # "from None": the error quotes what it stumbled over.
            raise DatasetError(
                f"{place}: not an access that can be read",
                hint=f"CloudTrail data events of S3, or the fields {', '.join(FIELDS)}: docs/how-to/activity.md",
            ) from None
        if found is not None and found.at > self.latest:
            raise DatasetError(
                f"{place}: an access more than a day ahead of now",
                hint="mend its time, or the clock of this machine: what is recent is told by it",
            )
        if found is not None:
            yield found


def _csv(header: str, lines: Iterable[str], name: str, reader: _Reader) -> Iterator[Access]:
    number = 1
    try:
        names = next(csv.reader([header]))
        if not {"time", "who", "dataset", "action"} <= set(names) <= set(FIELDS):
            raise DatasetError(f"{name}:1: not a log that can be read", hint=f"a first line with {', '.join(FIELDS)}")
        for number, row in enumerate(csv.reader(lines), 2):
            # A quote that does not end would take in the lines that follow.
            whole = len(row) == len(names) and not any("\n" in field or "\r" in field for field in row)
            record = dict(zip(names, row, strict=False)) if whole else None
            yield from reader.told(record, f"{name}, row {number}")
    except csv.Error:
        raise DatasetError(
            f"{name}, behind row {number}: no CSV that can be read",
            hint=f"no field may have more than {csv.field_size_limit():,} characters",
        ) from None


def _plain(record: Mapping[str, Any], places: Places) -> Access:
    if not set(record) <= set(FIELDS):
        raise KeyError
    action, denied = record["action"], record.get("denied") in (True, "true", "1")
    if action not in ACTIONS or not isinstance(record["dataset"], str):
        raise ValueError
    size = _size(record.get("bytes"))
    return Access(_moment(record["time"]), named(record["who"]), places.named(record["dataset"]), action, size, denied)


def _cloudtrail(record: Mapping[str, Any], places: Places) -> Access | None:
    name = record["eventName"]
    known = name in _S3_READS or name in _S3_WRITES
    if record.get("eventSource") != "s3.amazonaws.com" or not known:
        return None  # of another service, or of a bucket: no one's data
    asked = record.get("requestParameters") or {}
    uri = f"s3://{asked['bucketName']}/{asked['key']}" if "key" in asked else f"s3://{asked['bucketName']}"
    source = asked.get("x-amz-copy-source")
    if name in ("CopyObject", "UploadPartCopy") and isinstance(source, str):
        # What is read is where it comes from; where it goes to is a write that nobody needs here.
        uri = f"s3://{source.lstrip('/')}"
    more = record.get("additionalEventData") or {}
    return Access(
        _moment(record["eventTime"]),
        _identity(record["userIdentity"]),
        places.of(uri),
        "write" if name in _S3_WRITES else "read",
        _size(more.get("bytesTransferredOut")),
        record.get("errorCode") is not None,
    )


def _identity(told: Mapping[str, Any]) -> str:
    """Who it was, the same for each session of one role (AWS CloudTrail user guide, "userIdentity element")."""
    kind, arn = told.get("type"), str(told.get("arn") or "")
    if kind == "AssumedRole" and "assumed-role/" in arn:
        role, _, session = arn.partition("assumed-role/")[2].partition("/")
        account = str(told.get("accountId") or "")
        session = "" if _MACHINE_SESSION.fullmatch(session) else session
        return named("/".join(filter(None, (account, role, session))))
    found = told.get("userName") or told.get("invokedBy") or arn or told.get("principalId") or kind
    return named(found)


def named(who: Any) -> str:
    """A name as it may be shown: one line, printable, of no more than 120 characters."""
    text = str(who or "")[:120]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else "?" for each in text)
    return text.strip() or "unknown"


def _size(told: Any) -> int:
    # A negative one would make up for others.
    size = int(told or 0)
    if not 0 <= size < _LARGEST:
        raise ValueError
    return size


def _moment(text: Any) -> str:
    moment = datetime.fromisoformat(text)
    return str(text) if _MOMENT.fullmatch(text) else _written(moment)


def _written(moment: datetime) -> str:
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
