"""What a promotion and a rollback share: how a version at a target gets on record, and what is there already.

Rows of the registry are known before the commit is made, so that the audit can announce them; they are written after
it. Until then no one believes that the data there are labelled.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from clearance.errors import ClearanceError, PublishError
from clearance.governance import delta_log
from clearance.governance.approvals import APPROVAL, Signer, statement_of
from clearance.governance.delta_state import TableState, state_at
from clearance.governance.envelopes import seal
from clearance.governance.escalation import DatasetState
from clearance.governance.identities import Key
from clearance.governance.identity import DatasetIdentity
from clearance.governance.labels import Label
from clearance.governance.lineage_facets import ColumnEdge, LineageDataset, lineage_dataset
from clearance.governance.observation import Observation, compare, is_delta, observe
from clearance.governance.registry import Row
from clearance.governance.runs import new_run_id
from clearance.jobs.desk import Desk
from clearance.jobs.gate import BlockedError
from clearance.jobs.staging import RUN_PROPERTY
from clearance.jobs.tags import PREFIX

Known = tuple[Signer, Key | None]
#: Called with the name of each step before it is taken.
Steps = Callable[[str], None]
#: Properties of a promoted table: the approval it rests on, and for one that was rolled back the version it is again.
APPROVED, RESTORES = f"{PREFIX}approval", f"{PREFIX}restores"


@dataclass(frozen=True)
class Promoted:
    """A dataset as it lies in its new environment. ``done``: False when it was there already."""

    dataset: str
    environment: str
    version: str
    label: Label
    request: str
    publisher: str
    run_id: str
    done: bool
    source: str | None = None
    source_version: str | None = None
    restores: str | None = None
    verdicts: tuple[Any, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("label", "verdicts")}
        return {**told, "label": self.label.to_dict(), "verdicts": [each.to_dict() for each in self.verdicts]}


def nothing(_: str) -> None:
    """No one watches the steps."""


@dataclass(frozen=True)
class Publication:
    """What the registry will say of a version at a target: its label row but for the version, and who put it there.

    ``told``: what a publication says beside the dataset's state.
    """

    identity: DatasetIdentity
    reference: str
    observed: Observation
    label_row: Mapping[str, Any]
    schema: Mapping[str, Any]
    state: DatasetState
    told: Mapping[str, Any]
    approval: Row
    signer: Signer
    signing: Key | None
    reason: str


def filed(what: Publication) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a publication, known before the commit is made. The label comes last: without it there is none."""
    key, observed = what.identity.key, what.observed
    dataset_row = {
        "dataset": key,
        "namespace": what.identity.namespace,
        "name": what.identity.name,
        "ref": what.reference,
        "format": "delta",
        "version": observed.version,
        "observation": observed.to_dict(),
        "schema": dict(what.schema),
        "facts": dict(what.label_row["facts"]),
    }
    state = replace(what.state, dataset=key, version=observed.version, shares={}, lowered=[])
    row: dict[str, Any] = {
        "dataset": key,
        "step": "publish",
        "request": what.approval["request"],
        "state": {**what.told, "dataset": state.to_dict()},
        "by": what.signer.to_dict(),
        "reason": what.reason,
        "expires": what.approval.get("expires"),
    }
    if what.signing is not None:
        key_ = what.signing
        row["envelope"] = seal(key, state.digest, statement_of(row), key_.sign, key_.public_pem, APPROVAL)
    label_row = {
        **what.label_row,
        "dataset": key,
        "version": observed.version,
        "kind": "promoted",
        "observation": observed.to_dict(),
    }
    return [("datasets", dataset_row), ("approvals", row), ("labels", label_row)]


def is_on_record(desk: Desk, action: str, key: str, version: str, request: str) -> bool:
    """Whether such a deed, done, stands in the audit, so that its rows are all there."""
    entries = desk.audit.entries(dataset=key, action=action)
    done = {entry["id"] for entry in entries if entry.get("result") == "done"}
    wanted = {"at": version, "request": request}
    return any(
        entry["id"] in done and wanted.items() <= (entry.get("facts") or {}).items()
        for entry in entries
        if entry["kind"] == "intent"
    )


class refusals:  # noqa: N801 - used as a `with` block
    """Puts what stops a deed before it begins on record: who wanted what, and why not."""

    def __init__(self, desk: Desk, action: str, dataset: str, facts: Mapping[str, Any]) -> None:
        self._told = desk, action, dataset, facts

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, ClearanceError):
            return
        desk, action, dataset, facts = self._told
        why: dict[str, Any] = {"why": error.message}
        if isinstance(error, BlockedError):
            why["rules"] = sorted({one.rule for each in error.verdicts for one in each.verdict.conflicts})
        intent = desk.audit.intent(action, run_id=new_run_id(), dataset=dataset, facts=facts)
        desk.audit.outcome(intent, "refused", facts=why)


def committed_by(folder: Path, there: TableState, run_id: str) -> Observation | None:
    """The observation of the newest commit that changed data, if a run of ours made it; None for anybody else's."""
    log = delta_log.open_log(str(folder))
    for version in range(there.version, -1, -1):
        steps = list(delta_log.actions(log, version) or ())
        metadata = next((each["metaData"] for each in steps if "metaData" in each), None)
        if metadata is not None and (metadata.get("configuration") or {}).get(RUN_PROPERTY) == run_id:
            found = observe(str(folder), "delta", version=version)
            return found if compare(found, str(folder)).state == "current" else None
    return None


def owned(folder: Path) -> TableState | None:
    """The table at the target now; None where there is none. Raises ``PublishError`` for one that is not ours."""
    if not is_delta(str(folder)):
        return None
    there = state_at(folder)
    if APPROVED not in there.properties:
        # Its versions would stay readable under the label of what replaces it, and nobody approved them.
        raise PublishError(
            f"{folder} is a table that was not promoted", hint="name another place: its history would stay readable"
        )
    return there


def output_of(target: DatasetIdentity, source: DatasetIdentity, row: Row, version: str | None = None) -> LineageDataset:
    """The target with its columns, each an unchanged copy."""
    paths: Iterable[str] = row.get("columns") or ()
    edges = [ColumnEdge(path, source, path, identity=True) for path in paths]
    return lineage_dataset(target, version=version, label=row["label"], edges=edges, role="output")


def cleared(waiting: Path) -> None:
    """Takes away what waited beside the target."""
    rmtree(waiting, ignore_errors=True)
    with suppress(OSError):  # other runs may be staging there
        waiting.parent.rmdir()


__all__ = [
    "APPROVED",
    "RESTORES",
    "Known",
    "Promoted",
    "Publication",
    "Steps",
    "cleared",
    "committed_by",
    "filed",
    "is_on_record",
    "nothing",
    "output_of",
    "owned",
    "refusals",
]
