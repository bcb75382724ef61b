"""What became of a recorded state: what was added to a Delta table since, and whether anything of it may be left.

Only additions can be looked at by themselves: what was scanned before still stands, and the new files hold the
rest. A commit that removed or rewrote data ends that, and so does everything that can't be told.
"""

from dataclasses import dataclass
from urllib.parse import unquote

from clearance.errors import DatasetError
from clearance.governance import delta_log
from clearance.governance.observation import Observation, schema_fingerprint


@dataclass(frozen=True, slots=True)
class Additions:
    """Data files that came since, as paths below the table's folder; None where more than that happened.

    ``reason`` says what, for people.
    """

    files: tuple[str, ...] | None
    reason: str = ""


def additions(recorded: Observation, present: Observation, location: str) -> Additions:
    """What the commits after ``recorded`` up to ``present`` added. Never raises for the data's sake.

    Compaction, tags and the like (``dataChange`` false) add nothing; a file that was added and then compacted
    counts under the name it was added with.
    """
    if recorded.kind != "delta" or present.kind != "delta":
        return Additions(None, "only Delta tables tell what was added")
    if recorded.table_id is None or recorded.table_id != present.table_id:
        return Additions(None, "another table was made at this place")
    if recorded.schema_fingerprint != present.schema_fingerprint:
        return Additions(None, "the schema changed")
    first, last = int(recorded.version), int(present.version)
    if last < first:
        return Additions(None, "an older version is read than was scanned")
    try:
        log = delta_log.open_log(location)
        committed = delta_log.commit_time(log, first)
        if committed is not None and committed != recorded.committed:
            return Additions(None, "the table's history is not the one that was scanned")
        return _between(log, first, last, present.schema_fingerprint)
    except (DatasetError, OSError) as error:
        return Additions(None, error.message if isinstance(error, DatasetError) else "the table's log can't be read")


def may_hold(recorded: Observation, present: Observation | None, location: str, *, same_columns: bool) -> bool:
    """Whether rows of the recorded state may be among the present ones. Never raises for the data's sake.

    A row that an UPDATE, MERGE, OPTIMIZE or overwrite carried over can't be told from a new one, nor can rows of plain
    files that were written again. A table with another history may be a copy under the first one's name: only one that
    lacks columns of the record, too (not ``same_columns``), is taken to hold none.
    """
    if present is None or recorded.kind != "delta" or present.kind != "delta":
        return True
    if same_columns or recorded.table_id == present.table_id:
        return True
    first = int(recorded.version)
    if int(present.version) < first:
        return False
    try:
        committed = delta_log.commit_time(delta_log.open_log(location), first)
    except (DatasetError, OSError):
        return True
    # CREATE OR REPLACE gives a table another id, and may read what was there.
    return committed is None or committed == recorded.committed


def _between(log: delta_log.Log, first: int, last: int, fingerprint: str | None) -> Additions:
    found: list[str] = []
    for version in range(first + 1, last + 1):
        steps = delta_log.actions(log, version)
        if steps is None:
            return Additions(None, f"commit {version} is no longer in the log")
        if delta_log.claims_nothing_new(steps):
            return Additions(None, f"commit {version} added files, and says that they hold nothing new")
        for action in steps:
            meta = action.get("metaData")
            if isinstance(meta, dict) and schema_fingerprint(str(meta.get("schemaString"))) != fingerprint:
                return Additions(None, f"commit {version} changed the schema")
            if delta_log.counts(action.get("remove")):
                return Additions(None, f"commit {version} removed or rewrote data")
            file = action.get("add")
            if not isinstance(file, dict) or not delta_log.counts(file):
                continue
            path = file.get("path")
            if not isinstance(path, str) or "://" in path or path.startswith("/") or file.get("deletionVector"):
                return Additions(None, f"commit {version} added data that lies elsewhere or is partly deleted")
            found.append(unquote(path))
    return Additions(tuple(found))
