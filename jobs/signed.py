"""Signed statements of protections: whose signatures are believed, what a statement says of the data, and whether
that is still so.

A statement is written when a dataset is published, on record in ``protections`` and as a file for others
(``governance/envelopes.py`` has its form). Checking one needs no Spark, no token key and no policy.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import DatasetError, KeyUnavailableError, ProofError, PublishError, UsageError
from clearance.files import write_whole
from clearance.governance import canonical
from clearance.governance.audit import Audit, row_digest
from clearance.governance.content import content_of
from clearance.governance.envelopes import Statement, key_id, unseal
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.observation import Observation, observe
from clearance.governance.registry import Registry

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clearance.jobs.staging import Target
    from clearance.tokenization.signing_key import SigningKey

_ENROL = "trust-signer"
_AGAIN = "protect it again"


def enrol(registry: Registry, audit: Audit, signer: "SigningKey", *, run_id: str) -> None:
    """Puts the public key among those that this home believes, announced in the audit; once a key is enough."""
    identifier = key_id(signer.public_pem)
    if identifier in trusted(registry):
        return
    if any(row["key_id"] == identifier for row in registry.rows("identities", ["key_id"])):
        raise KeyUnavailableError(
            "the signing key of the jobs is enrolled as a person's", hint="give the jobs a key of their own"
        )
    row = {"key_id": identifier, "public_key": signer.public_pem}
    with audit.filing(_ENROL, [("signers", row)], run_id=run_id, facts={"key_id": identifier}):
        pass


def trusted(registry: Registry) -> dict[str, str]:
    """Public keys by id that this home believes: enrolled, and the audit stands for it."""
    rows = registry.rows("signers")
    if not rows:
        return {}
    announced = Audit(registry).entries(action=_ENROL, kind="outcome", result="done")
    vouched = {digest for entry in announced for digest in entry.get("records", ())}
    plain = [{name: row[name] for name in ("key_id", "public_key", "run_id")} for row in rows]
    return {row["key_id"]: row["public_key"] for row in plain if row_digest("signers", row) in vouched}


def published_content(spark: "SparkSession", target: "Target", observed: Observation) -> dict[str, Any]:
    """What a statement says of the data it speaks for: the digest of its files, and where a table has them.

    Where only Spark has the way to them it is a digest of the table's version, and ``by`` says so.
    """
    identity = dataset_identity(target.text)
    location, facts = identity.location, {}
    if identity.kind == "table":
        details = spark.sql(f"DESCRIBE DETAIL {target.identifier}").head()
        location = dataset_identity(str(details["location"])).location if details is not None else location
        facts = {"location": location}
    try:
        return {**content_of(location).to_dict(), **facts}
    except (DatasetError, OSError):
        if identity.kind == "path":
            raise
        return {"sha256": canonical.digest(observed.to_dict()), "by": "version", "files": 0}


def write_statement(path: Path, envelope: Mapping[str, Any]) -> None:
    """Writes a statement as a file. Raises ``PublishError``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(envelope, indent=1) + "\n")
    except OSError as error:
        raise PublishError(
            f"the statement can't be written to {path} ({error.strerror})",
            hint="the dataset is published, and its statement on record: write it with `clearance verify --write`",
        ) from None


@dataclass(frozen=True)
class Verified:
    """A statement that holds: rightly signed, and the data are what it speaks of.

    ``promoted``: where they are, if that is where a promotion carried them, and not where they were signed.
    """

    statement: Statement
    envelope: Mapping[str, Any]
    promoted: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        told = self.statement.predicate
        return {
            "holds": True,
            "dataset": self.promoted or self.statement.dataset,
            "promoted_from": self.statement.dataset if self.promoted else None,
            "version": told["observation"]["version"],
            "content": {"sha256": self.statement.content, "by": told["target"]["by"]},
            "signed_by": self.statement.key_id,
            **{name: told[name] for name in ("at", "source", "policy", "keys", "detectors", "columns", "proof")},
        }


def verify(what: str, registry: Registry, *, statement: Path | None = None, public_key: Path | None = None) -> Verified:
    """Checks the statement of a dataset, or the one in a file, against the data as they are now.

    ``what``: a dataset, or a statement's file, which names its dataset. ``statement``: a file instead of what is on
    record. ``public_key``: believe this key (PEM) and no other. Raises ``ProofError`` for whatever does not hold.
    """
    identity: DatasetIdentity | None = None
    if statement is None and (envelope := _envelope_in(Path(what))) is not None:
        pass
    else:
        identity = dataset_identity(what)
        envelope = _read(statement) if statement is not None else _on_record(identity, registry)
    told = unseal(envelope, _believed(registry, public_key))
    elsewhere = identity is not None and told.dataset != identity.key
    if identity is not None and elsewhere and told.dataset != _origin(identity, registry):
        raise ProofError(f"the statement is of another dataset, {told.dataset}", hint="name its own statement")
    _require_as_signed(told, identity if elsewhere else None)
    if told.predicate["proof"]["holds"] is not True:
        raise ProofError("the statement says that its proof failed", hint=_AGAIN)
    return Verified(told, envelope, identity.key if identity is not None and elsewhere else None)


def _origin(identity: DatasetIdentity, registry: Registry) -> str | None:
    """Where the data here were promoted from, by the label that the audit stands for."""
    row, _ = Audit(registry).counting("labels", identity.key)
    told = ((row or {}).get("looked") or {}).get("promoted") or {}
    return told.get("dataset")


def _carried(identity: DatasetIdentity, registry: Registry) -> Any:
    """The statement of what was promoted to here: of its origin, which may have been protected again since."""
    origin = _origin(identity, registry)
    rows = registry.rows("protections", ["envelope"], dataset=origin) if origin is not None else []
    if not rows:
        return None
    here, known = content_of(identity.location).digest, trusted(registry)
    for row in reversed([row for row in rows if row["envelope"] is not None]):
        if unseal(row["envelope"], known).content == here:
            return row["envelope"]
    # None is of these files; the newest says what is wrong with them.
    return rows[-1]["envelope"]


def _believed(registry: Registry, public_key: Path | None) -> dict[str, str]:
    if public_key is None:
        return trusted(registry)
    try:
        pem = public_key.read_text()
    except (OSError, ValueError):
        raise UsageError(f"the public key {public_key} can't be read", hint="name a PEM file") from None
    return {key_id(pem): pem}


def _on_record(identity: DatasetIdentity, registry: Registry) -> Any:
    record = registry.latest("protections", dataset=identity.key)
    if record is None and (carried := _carried(identity, registry)) is not None:
        return carried
    if record is None:
        raise ProofError(f"no protection of {identity.key} is on record", hint="name its statement: --statement FILE")
    if record["envelope"] is None:
        raise ProofError(f"{identity.key} was protected before statements were signed for others", hint=_AGAIN)
    return record["envelope"]


def _envelope_in(path: Path) -> Any:
    """The envelope in a file; None for anything else, which is a dataset then."""
    try:
        if not path.is_file() or path.stat().st_size > 1 << 26:
            return None
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "payloadType" in found else None


def _read(path: Path) -> Any:
    found = _envelope_in(path)
    if found is None:
        raise ProofError(f"{path} is no signed statement", hint="name the file that --statement of protect wrote")
    return found


def _require_as_signed(told: Statement, there: DatasetIdentity | None = None) -> None:
    """Raises ``ProofError`` unless the data, or those ``there``, are byte for byte what the statement speaks of."""
    identity, target = there or dataset_identity(told.dataset), told.predicate["target"]
    if target["by"] == "version":
        raise ProofError(f"whether {told.dataset} is what was signed can't be told from here", hint="publish to a path")
    location = identity.location if there is not None else target.get("location", identity.location)
    changed = f"{identity.key} is not what was signed"
    try:
        content = content_of(location)
        recorded = Observation.from_dict(told.predicate["observation"])
        fingerprint = observe(location).schema_fingerprint if recorded.kind == "delta" else None
    except (DatasetError, OSError) as error:
        reason = error.message if isinstance(error, DatasetError) else type(error).__name__
        raise ProofError(
            f"{told.dataset} can't be looked at: {reason}", hint="bring it back, or protect it again"
        ) from None
    if (content.digest, content.by) != (told.content, target["by"]):
        raise ProofError(
            f"{changed}: its files are others", hint=f"it changed since version {recorded.version}: {_AGAIN}"
        )
    if recorded.schema_fingerprint is not None and fingerprint != recorded.schema_fingerprint:
        raise ProofError(f"{changed}: its schema is another", hint=_AGAIN)
