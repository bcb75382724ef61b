"""The desk: policy, registry, detection and keys in one place, and the record that every run leaves.

Each run writes a row when it starts and one when it ends, and OpenLineage START and COMPLETE or FAIL; a run that
can't leave its record does not happen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import ClearanceError, RegistryError, UsageError
from clearance.governance.audit import Audit
from clearance.governance.lineage import LineageRun, ParentRun
from clearance.governance.lineage_spool import LineageSpool
from clearance.governance.mending import bury
from clearance.governance.policy import Policy, load_policy
from clearance.governance.processes import this_process
from clearance.governance.registry import Registry
from clearance.jobs.check import policy_path
from clearance.jobs.heartbeat import signs_of_life
from clearance.jobs.settings import Detection, Tokens

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clearance.governance.lineage_facets import LineageDataset
    from clearance.tokenization.keys import KeysetProvider
    from clearance.tokenization.signing_key import SigningKey


@dataclass
class JobRun:
    """One run under way. What is set here goes into its last event."""

    run_id: str
    lineage: LineageRun
    inputs: "Sequence[LineageDataset]" = ()
    outputs: "Sequence[LineageDataset]" = ()
    label: Mapping[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """What every job works with. Make one with :func:`open_desk`; notebooks may too."""

    policy: Policy
    policy_path: str
    registry: Registry
    detection: Detection = field(default_factory=Detection)
    keys: str | None = None
    domain: str = "default"
    parent: ParentRun | None = None
    signing_key_file: str | None = None

    @property
    def audit(self) -> Audit:
        """The hash-chained record of what was intended and what came of it."""
        return Audit(self.registry)

    @property
    def spool(self) -> LineageSpool:
        """Where lineage events are written first."""
        return LineageSpool.for_home(self.registry.home)

    def key_provider(self) -> "KeysetProvider":
        """Where the keys are. Raises ``UsageError`` for a URI that nobody knows."""
        from clearance.tokenization.keys import open_keys

        return open_keys(self.keys)

    def tokens(self) -> Tokens:
        """The key to make and verify tokens with. Raises ``KeyUnavailableError`` when there is none."""
        from clearance.governance.domains import by_column, by_entity_type

        declared = self.policy.content.domains
        tokens = Tokens(
            self.key_provider().reference(),
            self.domain,
            self.detection.phone_region,
            tuple(by_entity_type(declared).items()),
            tuple(by_column(declared).items()),
        )
        # Now, and not when the first worker wants it: nothing has been read yet.
        for name in tokens.domains:
            tokens.key.open().require(name)
        return tokens

    def tokens_to_write(self) -> Tokens:
        """The same to protect with: where the policy lets values come back, what makes them is there, too."""
        tokens = replace(self.tokens(), writing=True)
        for name in tokens.domains if self.policy.has_way_back else ():
            tokens.key.open().require(name, reversal=True)
        return tokens

    def tokens_if_any(self) -> Tokens | None:
        """The same to look with, or None where no keys exist; such that are there but unusable are an error.

        The tokens of all declared domains are known, wherever they stand.
        """
        return self.tokens().looking() if self.key_provider().exists() else None

    def signing_key(self) -> "SigningKey":
        """The key that signs statements. Raises ``KeyUnavailableError`` when there is none."""
        from clearance.tokenization.signing_key import default_signing_path, load_signing_key

        return load_signing_key(Path(self.signing_key_file) if self.signing_key_file else default_signing_path())

    def readers(self, *, alone: bool = False) -> tuple[Tokens, ...]:
        """Where tokens of every domain are read that this desk knows; its own comes first.

        ``alone``: those of the key that writes, and of no other.
        """
        return tuple(replace(each, alone=alone) for each in self.tokens().one_by_one())

    def under(self, run: JobRun) -> "Desk":
        """The same desk for runs that belong to ``run``."""
        return replace(self, parent=run.lineage.as_parent)

    def with_detection(self, detection: Detection) -> "Desk":
        """The same desk looking with other detectors."""
        return replace(self, detection=detection)

    @contextmanager
    def run(
        self,
        job: str,
        dataset: str | None,
        *,
        spark: "SparkSession | None" = None,
        inputs: "Sequence[LineageDataset]" = (),
        outputs: "Sequence[LineageDataset]" = (),
    ) -> Iterator[JobRun]:
        """One run of a job, recorded from start to end, failed ones too; those that were killed before are ended."""
        self.bury_the_dead()
        engine = ("spark", str(spark.version)) if spark is not None else None
        lineage = LineageRun(f"clearance.{job}", self.spool, parent=self.parent, engine=engine)
        run = JobRun(lineage.run_id, lineage, inputs, outputs)
        started = datetime.now(UTC)
        common = {
            "job": job,
            "dataset": dataset,
            "parent": self.parent.run_id if self.parent else None,
            "policy_digest": self.policy.label_digest,
            "started": started,
        }
        running = {**common, "status": "running", "facts": this_process()}
        # The event first: by what it leaves in the spool the next run knows of this one, should it be killed.
        lineage.start(inputs, outputs)
        try:
            self.registry.append("runs", [running], run_id=run.run_id)
            with signs_of_life(lineage, self.registry, running):
                yield run
        except BaseException as error:
            told = error.message if isinstance(error, ClearanceError) else type(error).__name__
            lineage.fail(error, run.inputs, run.outputs, head=self._head())
            ended = {**common, "status": "failed", "error": told, "ended": datetime.now(UTC), "facts": run.facts}
            self.registry.append("runs", [ended], run_id=run.run_id)
            raise
        ended = {**common, "status": "complete", "ended": datetime.now(UTC), "facts": run.facts}
        self.registry.append("runs", [ended], run_id=run.run_id)
        lineage.complete(run.inputs, run.outputs, label=run.label, head=self._head())

    def _head(self) -> tuple[int, str] | None:
        """The audit's newest entry, for the event: a receiver elsewhere keeps it. None before the first.

        None too where it can't be read: the run has its end already, and the next one can't begin a deed.
        """
        try:
            head = self.audit.head()
        except RegistryError:
            return None
        return (head.index, head.hash) if head else None

    def bury_the_dead(self) -> list[str]:
        """Ends runs whose process was killed: their rows, deeds and last events. Returns their ids."""
        return bury(self.registry)


def open_desk(
    *,
    policy: str | Path | None = None,
    home: str | Path | None = None,
    detection: Detection | None = None,
    key_file: str | Path | None = None,
    keys: str | None = None,
    domain: str = "default",
) -> Desk:
    """The desk of a project.

    ``policy``: a file, else ``$CLEARANCE_POLICY``, else ``./policy.yaml`` if there is one, else the packaged
    default. ``home``: the registry's, else ``$CLEARANCE_HOME``, else ``./.clearance``. ``keys``: the URI of a key
    provider, or ``key_file`` a path; else ``$CLEARANCE_KEYS``, else the key file. Raises ``PolicyError``.
    """
    if keys and key_file:
        raise UsageError("keys and a key file are named: there is one place for keys", hint="leave one out")
    chosen = policy_path(policy)
    return Desk(
        load_policy(chosen),
        str(chosen) if chosen else "default",
        Registry(home),
        detection or Detection(),
        keys or (str(key_file) if key_file else None),
        domain,
        ParentRun.from_environment(),
    )
