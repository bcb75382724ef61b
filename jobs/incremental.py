"""Incremental: rows added to a Delta table since it was scanned, looked at and added to what is on record.

What is recorded are counts, so adding is exact: the findings are those of a full scan of the table as it is now. It
rests on the earlier scan, so it is only done where that one would give the same today: same detectors, same policy,
same schema, same table, and nothing removed or rewritten since. Otherwise all is read, and the result says why.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from clearance.classifiers.findings import ColumnReport, Finding, Interval
from clearance.classifiers.profile_records import with_records
from clearance.governance.chain import is_rested_on
from clearance.governance.changes import additions
from clearance.governance.coverage import Coverage
from clearance.governance.observation import Observation
from clearance.jobs.data_files import plain_table, read_files
from clearance.jobs.datasets import Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.failures import value_free
from clearance.jobs.reviewed import scan_run
from clearance.jobs.scan import Looked, Scan, leaves_to_scan, look_at, scan_dataset, scan_of
from clearance.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


#: What stands as it is in the path of a URI (RFC 3986, section 3.3), as Spark writes it.
_IN_PATHS = "/:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class _Base:
    """The scan that an incremental one goes on from, and the files that were added since."""

    version: str
    records: Mapping[str, Mapping[str, Any]]
    reports: Mapping[str, ColumnReport]
    rows: int
    files: Sequence[str]


def scan_added(dataset: Dataset, desk: Desk) -> Scan:
    """Scans what was added since the scan on record; all of it where that does not do. Raises as ``scan_dataset``."""
    base = _base(dataset, desk)
    found = base if isinstance(base, str) else _go_on(dataset, base, desk)
    if isinstance(found, Scan):
        return found
    all_of_it = scan_dataset(dataset, desk.detection, desk.tokens_if_any())
    return replace(all_of_it, coverage=replace(all_of_it.coverage, asked="incremental", reason=found))


def _base(dataset: Dataset, desk: Desk) -> "_Base | str":
    """What is to be gone on from, or why there is nothing."""
    row, problem = desk.audit.counting("labels", dataset.key)
    if problem:
        return problem
    if row is None:
        return "it was never scanned"
    looked = row["looked"] or {}
    if row["kind"] != "source" or "coverage" not in looked or not isinstance(row["observation"], dict):
        return "its last scan left nothing to go on from"
    if not Coverage.from_dict(looked["coverage"]).complete:
        return "its last scan was a sample"
    if looked.get("engine_digest") != desk.detection.engine().digest or looked.get("clearance") != __version__:
        return "the detectors changed"
    if row["policy_digest"] != desk.policy.label_digest:
        return "the policy changed"
    recorded, present = Observation.from_dict(row["observation"]), dataset.observation
    location = _location(dataset)
    if present is None or location is None:
        return "only Delta tables whose log can be read tell what was added"
    added = additions(recorded, present, location)
    if added.files is None:
        return added.reason
    run_id = scan_run(row)
    profiles = desk.registry.rows("profiles", dataset=row["dataset"], run_id=run_id)
    findings = desk.registry.rows("findings", dataset=row["dataset"], run_id=run_id)
    if not profiles:
        return "its last scan left nothing to go on from"
    if not is_rested_on(row, "profiles", profiles) or not is_rested_on(row, "findings", findings):
        return "what its last scan left is not what its label rests on"
    return _Base(
        recorded.version,
        {entry["column"]: entry["profile"] for entry in profiles},
        {report.path: report for report in (ColumnReport.from_dict(entry["report"]) for entry in findings)},
        int(looked["coverage"]["rows"]),
        added.files,
    )


def _location(dataset: Dataset) -> str | None:
    """Where the dataset's log is, if it has one that can be read without Spark."""
    observed = dataset.observation
    identity = dataset.reference.identity
    return identity.location if observed is not None and observed.kind == "delta" and identity.kind != "table" else None


def _go_on(dataset: Dataset, base: _Base, desk: Desk) -> "Scan | str":
    """The scan of the table as it is now, or why it can't be had this way."""
    leaves, name, salt = leaves_to_scan(dataset), dataset.reference.text, os.urandom(16)
    with value_free(f"reading what was added to {name}", hint="scan all of it: --mode full"):
        frame = _added(dataset, base.files)
        rows = dataset.frame.count()
    looked = look_at(frame, leaves, desk.detection, desk.tokens_if_any(), salt=salt, name=name)
    if base.rows + looked.rows != rows:
        return "the rows on record and those added are not the table's"
    try:
        merged = with_records(looked.profiles, base.records, salt=salt)
    except ValueError:
        return "its last scan was recorded in another form"
    coverage = Coverage("incremental", rows, looked.rows, since=base.version)
    found = scan_of(dataset, leaves, Looked(rows, looked.digest, merged), coverage)
    return replace(found, columns=tuple(_keeping(report, base.reports.get(report.path)) for report in found.columns))


def _added(dataset: Dataset, files: Sequence[str]) -> "DataFrame":
    """The rows of these files alone."""
    if not files:
        return dataset.frame.limit(0)
    folder = plain_table(dataset)
    if folder is not None:
        return read_files(dataset, folder, [f"{folder.rstrip('/')}/{file}" for file in files])
    # Delta reads every file of such a table; no row but those of the new files leaves its reader.
    from pyspark.sql import functions as F

    path = dataset.frame.metadataColumn("_metadata").file_path
    ends = [F.lit("/" + quote(file, safe=_IN_PATHS)) for file in files]
    return dataset.frame.where(F.exists(F.array(*ends), lambda end: path.endswith(end)))


def _keeping(report: ColumnReport, before: ColumnReport | None) -> ColumnReport:
    """The report with what was found before and is too rare now: a label does not fall because more rows came."""
    if before is None:
        return report
    known = {(finding.entity_type, finding.form) for finding in report.findings}
    kept = [finding for finding in before.findings if (finding.entity_type, finding.form) not in known]
    if not kept:
        return report
    filled = report.rows - report.nulls
    again = tuple(_of_more(finding, filled) for finding in kept)
    kind = "mixed" if report.kind == "structured" and report.entity_type is None else report.kind
    return replace(report, kind=kind, findings=(*report.findings, *again))


def _of_more(finding: Finding, filled: int) -> Finding:
    return replace(finding, prevalence=Interval.wilson(min(finding.rows_matched, filled), filled))
