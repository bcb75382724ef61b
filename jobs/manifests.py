"""Manifests beside what the registry knows: drafted from a scan, compared with it. Starts no Spark."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from clearance.errors import DatasetError, UsageError
from clearance.governance.declarations import Disagreement, disagreements
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.labels import Label
from clearance.governance.manifest import Manifest, load_manifest
from clearance.governance.manifest_draft import draft
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.standing import column_labels, column_types, vouched_label
from clearance.jobs.reviewed import decisions_on, labelled_again, scan_run

#: How long a declaration holds if nobody says another day.
_HOLDS = timedelta(days=365)


class Observed:
    """What the registry says of a dataset: label, column labels, entity types and SQL types by path."""

    def __init__(self, dataset: str, policy: Policy, registry: Registry) -> None:
        """Raises ``DatasetError`` for a dataset without a label under this policy; as ``vouched_label``."""
        self.identity: DatasetIdentity = dataset_identity(dataset)
        row = vouched_label(registry, self.identity.key)
        if row is None:
            raise DatasetError(f"{dataset} has no label", hint=f"scan it first: clearance scan {dataset}")
        self.columns, self.types = column_labels(row), column_types(row)
        self.facts: dict[str, Any] = row.get("facts") or {}
        self.label = Label.from_dict(row["label"])
        decided, problem = decisions_on(self.identity.key, policy, registry)
        again = None if problem else labelled_again(policy, row, registry, decided)
        if again is not None:
            self.columns, self.label, self.types = again.columns, again.label, again.types
        elif problem or row.get("policy_digest") != policy.label_digest:
            raise DatasetError(
                f"{dataset} was labelled and proved under another policy" if not problem else f"{dataset}: {problem}",
                hint="give that policy: --policy FILE" if not problem else "see `clearance audit verify`",
            )
        found = registry.rows("findings", ["column", "report"], dataset=self.identity.key, run_id=scan_run(row))
        self.sql_types = {entry["column"]: str(entry["report"]["type"]) for entry in found}


def new_manifest(dataset: str, policy: Policy, registry: Registry) -> str:
    """The text of a first manifest for a scanned dataset."""
    seen = Observed(dataset, policy, registry)
    told = seen.facts.get("obsolete_from")
    until = date.fromisoformat(told) if told else datetime.now(UTC).date() + _HOLDS
    return draft(dataset, seen.identity.key, seen.label, seen.columns, seen.types, seen.sql_types, until)


def compare(manifest: Manifest, policy: Policy, registry: Registry, dataset: str | None = None) -> list[Disagreement]:
    """Where the manifest and the registry disagree on ``dataset`` (without it: the one the manifest names)."""
    if dataset is not None:
        require_same(manifest, dataset)
    seen = Observed(dataset or _beside(manifest), policy, registry)
    today = datetime.now(UTC).date()
    return disagreements(manifest, seen.columns, seen.types, seen.sql_types, seen.label, policy, today)


class Manifests:
    """What owners declare of several datasets. Raises ``UsageError`` where two files declare one."""

    def __init__(self, paths: Iterable[str], policy: Policy) -> None:
        self._by_key: dict[str, Manifest] = {}
        self._all = [load_manifest(path, policy) for path in paths]
        for manifest in self._all:
            for key in _keys(manifest):
                if key in self._by_key:
                    raise UsageError(
                        f"{self._by_key[key].source} and {manifest.source} both declare {key}",
                        hint="give one manifest for each dataset",
                    )
                self._by_key[key] = manifest

    def of(self, key: str) -> Manifest | None:
        """The one of the dataset with this key."""
        return self._by_key.get(key)

    def require_used(self, datasets: Iterable[str]) -> None:
        """Raises ``UsageError`` for a manifest that is of none of these (by key): what it declares would not count."""
        known = set(datasets)
        for manifest in self._all:
            if not known & _keys(manifest):
                raise UsageError(
                    f"{manifest.source} declares {manifest.dataset}, which is not asked about",
                    hint="give the datasets' own manifests, or correct its physicalName",
                )


def require_same(manifest: Manifest, dataset: str) -> None:
    """Raises ``UsageError`` when the manifest declares another dataset than this one."""
    if dataset_identity(dataset).key not in _keys(manifest):
        raise UsageError(
            f"{manifest.source} declares {manifest.dataset}, not {dataset}",
            hint="give the dataset's own manifest, or correct its physicalName",
        )


def _keys(manifest: Manifest) -> set[str]:
    """The keys of the dataset that a manifest declares, in every place that it names."""
    return {dataset_identity(name).key for name in (_beside(manifest), *manifest.places.values())}


def _beside(manifest: Manifest) -> str:
    """The declared reference; a path that is not here may be meant from where the manifest lies."""
    name = manifest.dataset
    if "://" in name or Path(name).exists():
        return name
    beside = Path(manifest.source).parent / name
    return str(beside) if beside.exists() else name
