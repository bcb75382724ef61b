"""What a dataset is called: one name, however its owner typed it.

Jobs file findings and labels under this name and ``clearance check`` looks them up under it, so both must
come to the same one from a relative path, a ``file://`` URI, ``s3a://`` or ``s3://``, with or without a
trailing slash. Namespace and name follow OpenLineage's naming conventions; nothing here needs Spark.
"""

import os
import posixpath
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from clearance.errors import UsageError

Kind = Literal["auto", "path", "uri", "table", "frame"]

# Spellings of one store: data written through s3a is the data read through s3.
_SAME_STORE = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "wasb": "wasbs"}
# Stores whose OpenLineage name is an object key, without a leading slash.
_OBJECT_STORES = frozenset({"s3", "gs", "wasbs", "oss", "cos", "r2"})
# Stores whose authority is a host name (or is lower-case by the store's rules), so case says nothing.
_CASELESS_AUTHORITY = frozenset({"hdfs", "abfss", "wasbs", "viewfs"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=/)")
_TABLE_PART = r"(?:`(?:[^`]|``)+`|[^\W\d][\w-]*)"
_TABLE = re.compile(rf"{_TABLE_PART}(?:\.{_TABLE_PART}){{0,2}}")
# `orders.csv` is a file that is not there, not the table `csv` of the database `orders`.
_DATA_SUFFIXES = frozenset(
    {"avro", "bz2", "csv", "delta", "gz", "json", "jsonl", "log", "lz4", "ndjson", "orc", "parquet"}
    | {"snappy", "tsv", "txt", "xml", "zip", "zst"}
)
_SIGNED_QUERY = re.compile(r"[?&](sig|signature|token|x-amz-[a-z-]+|awsaccesskeyid)=", re.IGNORECASE)

#: Where lineage keeps files of other machines: the host follows.
OTHER_MACHINES = "lineage:/file/"

_DEFAULT_CATALOG = "spark_catalog"
_DEFAULT_SCHEMA = "default"


@dataclass(frozen=True, slots=True)
class DatasetIdentity:
    """The name of one dataset.

    ``namespace`` and ``name`` go into lineage events. ``key`` is the one string the registry files under,
    and can be typed back as a reference. ``location`` is what to open: an absolute local path, a URI, a
    qualified table name, or for a data frame the name its owner gave it. A URI keeps the owner's ``s3a``, the one
    spelling that Hadoop has a file system for; two that differ in it alone are one dataset.
    """

    namespace: str
    name: str
    kind: Literal["path", "uri", "table", "frame"]
    location: str = field(compare=False)

    @property
    def key(self) -> str:
        """``file:///data/orders``, ``s3://bucket/orders``, ``table:spark_catalog.sales.orders``."""
        if self.kind == "path":
            return f"file://{self.name}"
        if self.namespace in {"table", "frame"}:
            return f"{self.namespace}:{self.name}"
        slash = "/" if "://" in self.namespace else ":/"
        return f"{self.namespace}{slash}{self.name.lstrip('/')}"

    @property
    def local_path(self) -> Path | None:
        """The path on this machine, or None for anything that lies elsewhere."""
        return Path(self.location) if self.kind == "path" else None

    @property
    def place(self) -> str | None:
        """The path or URI where the data lie; None for a table or data frame, whose name is none."""
        return self.location if self.kind in ("path", "uri") else None


def dataset_identity(ref: str, kind: Kind = "auto", *, base: Path | None = None) -> DatasetIdentity:
    """Return the identity of what ``ref`` names.

    ``kind="auto"`` tells paths, URIs and tables apart: a scheme makes a URI, ``table:`` or two to three
    dotted identifiers that are no existing file make a table, everything else is a path. A bare word is a
    path; write ``table:orders`` for a table of the default schema. Relative paths start at ``base`` (the
    working directory). Symbolic links are followed: a link pointed elsewhere is another dataset, else it
    would inherit the old one's label.

    Raises UsageError for an empty reference, control characters, or a URI that carries a credential.
    """
    if not ref.strip():
        raise UsageError("The dataset reference is empty.", hint="Give a path, a URI or a table name.")
    if any(unicodedata.category(c) == "Cc" for c in ref):
        raise UsageError(
            "The dataset reference holds a control character.", hint="Check the reference for line breaks."
        )
    found = _guess(ref, base) if kind == "auto" else kind
    if found == "frame":
        name = ref.removeprefix("frame:")
        return DatasetIdentity("frame", name, "frame", name)
    if found == "table":
        return _table(ref.removeprefix("table:"))
    if found == "uri":
        return _uri(ref)
    return _path(ref, base)


def event_identity(namespace: str, name: str) -> DatasetIdentity:
    """The identity behind a namespace and name of an OpenLineage event, whoever wrote it.

    The same dataset gets the same key as by :func:`dataset_identity`, so that what others did to it is found. A
    namespace that is no URI (``food_delivery``) is put under ``lineage:/``, and so is the file of another machine
    (``file://host``): lineage goes through it, and no path here is it. Raises UsageError as it does.
    """
    if not namespace.strip() or not name.strip():
        raise UsageError("An event names a dataset without a namespace or a name.", hint="Correct its producer.")
    if any(unicodedata.category(c) == "Cc" for c in namespace + name):
        raise UsageError("An event's dataset name holds a control character.", hint="Correct its producer.")
    if namespace == "frame":
        return dataset_identity(name, "frame")
    catalog = os.environ.get("CLEARANCE_CATALOG", "").rstrip("/")
    if namespace.rstrip("/") in {"table", catalog} - {""} and _TABLE.fullmatch(name):
        return _table(name)
    if namespace.rstrip("/") in {"file", "file:"}:
        return _path("/" + name.removeprefix("file:").lstrip("/"), None)
    place = namespace.rstrip("/")
    scheme, _, rest = place.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2].lower()
    if scheme.lower() == "file" and host not in {"", "localhost"}:
        path = f"{rest.partition('/')[2]}/{name.removeprefix('file:').lstrip('/')}".lstrip("/")
        here = host == os.uname().nodename.lower()
        return _path(f"/{path}", None) if here else _uri(f"{OTHER_MACHINES}{host}/{path}")
    if not _SCHEME.match(place + "/"):
        place += ":" if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+", place) else ""
        place = place if place.endswith(":") else f"lineage:/{place}"
    return _uri(f"{place}/{name.lstrip('/')}")


def _guess(ref: str, base: Path | None) -> Kind:
    if ref.startswith("table:"):
        return "table"
    if ref.startswith("frame:"):
        return "frame"
    if _SCHEME.match(ref):
        return "uri"
    if "." not in ref or not _TABLE.fullmatch(ref) or (base or Path()).joinpath(ref).exists():
        return "path"
    return "path" if ref.rsplit(".", 1)[1].lower() in _DATA_SUFFIXES else "table"


def _path(ref: str, base: Path | None) -> DatasetIdentity:
    name = os.path.realpath(Path(base or Path()) / ref)
    return DatasetIdentity("file", name, "path", name)


def _uri(ref: str) -> DatasetIdentity:
    match = _SCHEME.match(ref)
    if match is None:
        raise UsageError("This is not a URI.", hint="Write it as scheme://place/path.")
    scheme, rest = match[1].lower(), ref[match.end() :]
    authority, _, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    if scheme == "file":
        if authority not in {"", "localhost"}:
            raise UsageError(
                f"A file URI can't name another machine ({authority.rpartition('@')[2]}).",
                hint="Where its folder is mounted here, name that path: file:///path.",
            )
        return _path(f"/{path.lstrip('/')}", None)
    # Neither may be written into a registry, a log or this message.
    if ":" in authority.rpartition("@")[0] or _SIGNED_QUERY.search(ref):
        raise UsageError(
            f"This {scheme} URI carries a credential.",
            hint="Take it out of the URI and configure it in the environment or the session.",
        )
    spelled, scheme = scheme, _SAME_STORE.get(scheme, scheme)
    if scheme in _CASELESS_AUTHORITY:
        authority = authority.lower()
    # normpath keeps two leading slashes, as POSIX asks; stores don't tell them from one.
    clean = "/" + posixpath.normpath(f"/{path}").lstrip("/")
    namespace = f"{scheme}://{authority}" if authority else scheme
    name = clean.lstrip("/") if scheme in _OBJECT_STORES and clean != "/" else clean
    opened = spelled if spelled == "s3a" else scheme
    return DatasetIdentity(namespace, name, "uri", f"{opened}://{authority}{clean}")


def _table(ref: str) -> DatasetIdentity:
    if not _TABLE.fullmatch(ref):
        raise UsageError("This is not a table name.", hint="Write catalog.schema.table, odd names in backticks.")
    parts = [p[1:-1].replace("``", "`") if p.startswith("`") else p for p in re.findall(_TABLE_PART, ref)]
    parts = [_DEFAULT_CATALOG, _DEFAULT_SCHEMA][: 3 - len(parts)] + parts
    # Only the session catalog is known to ignore case. Elsewhere two spellings stay two names, and the
    # second one is unlabelled: a no, where folding two different tables into one could be a yes.
    if parts[0].lower() == _DEFAULT_CATALOG:
        parts = [p.lower() for p in parts]
    name = ".".join(p if re.fullmatch(r"[\w-]+", p) else "`" + p.replace("`", "``") + "`" for p in parts)
    # Two metastores that share a registry tell their tables apart by this.
    namespace = os.environ.get("CLEARANCE_CATALOG", "").rstrip("/") or "table"
    return DatasetIdentity(namespace, name, "table", name)
