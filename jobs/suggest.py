"""``clearance check --suggest``: a plan that makes a version the solutions may have, and the policy it needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clearance.errors import PublishError, UsageError
from clearance.governance.anchors import write_new
from clearance.governance.identity import DatasetIdentity, dataset_identity
from clearance.governance.labels import Label
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import TRAINING, Solution
from clearance.governance.standing import column_labels, standing
from clearance.governance.strict_yaml import parse, read_text
from clearance.governance.suggestion import Suggestion, may_have, suggest_methods
from clearance.governance.taxonomy import covers
from clearance.governance.yaml_text import yaml_text
from clearance.jobs.check import Seen, see
from clearance.jobs.reviewed import labels_under, scan_run, with_confirmed

PLAN, POLICY = "plan.yml", "policy.yaml"
_USUAL = {"language": "en", "ner": "rampart"}


def write_suggestion(
    folder: Path,
    datasets: Sequence[str],
    solutions: Sequence[Solution],
    solutions_path: Path,
    policy: Policy,
    policy_path: str | Path | None,
    registry: Registry,
) -> tuple[Path, tuple[str, ...]]:
    """Writes ``plan.yml`` and ``policy.yaml`` into ``folder``; returns the plan's path and what it will not clear.

    The policy is the given one with a method for each column that its own does not bring far enough down. Raises
    ``UsageError`` for a dataset whose findings are not on record, ``PublishError`` for files that are there already.
    """
    columns: dict[str, dict[str, Any]] = {}
    left, entries = [], []
    for dataset in datasets:
        identity = dataset_identity(dataset)
        row = _label_row(registry, identity)
        reports = _reports(registry, identity, row)
        found = suggest_methods(reports, solutions, policy)
        seen = see(
            identity.key, standing(registry, identity), policy, registry, facts=None, manifest=None, record=False
        )
        # Of what flowed in by lineage nobody knows where it stands in the cells: the whole column goes.
        for path in _flowed(seen, registry, solutions, policy):
            found.columns[path] = {"name": "suppress"}
        methods, rest = _tried(seen, registry, identity, reports, found.columns, solutions, policy)
        found = Suggestion(methods, tuple(dict.fromkeys((*found.stuck, *rest))))
        clash = sorted(path for path, method in found.columns.items() if columns.get(path, method) != method)
        left += [f"{dataset}#{path}: no method of the policy brings it far enough down" for path in found.stuck]
        left += [f"{dataset}#{path}: another dataset's column of this name needs another method" for path in clash]
        columns |= found.columns
        left += [
            f"{dataset}: {each.name} does not say whether inputs may train it"
            for each in _unsaid(row, solutions, policy)
        ]
        entry = {"dataset": _absolute(dataset, identity), "solutions": [each.name for each in solutions]}
        looked = row.get("looked") or {}
        # As it was looked at for what is on record: other detectors would find other things.
        detection = {"language": looked.get("language", "en"), "ner": looked.get("ner", "rampart")}
        entries.append(entry if detection == _USUAL else {**entry, "detection": detection})
    plan = {
        "version": 1,
        "policy": POLICY,
        "solutions": str(solutions_path.absolute()),
        "home": registry.home if "://" in registry.home else str(Path(registry.home).absolute()),
        "output": "protected",
        "datasets": entries,
    }
    source = read_text(Path(policy_path)) if policy_path else "version: 1\nname: suggested\nextends: default\n"
    _write(folder, {POLICY: _with_columns(source, str(policy_path or POLICY), columns), PLAN: _dumped(plan)})
    return folder / PLAN, tuple(left)


def _tried(
    seen: Seen,
    registry: Registry,
    identity: DatasetIdentity,
    found: Sequence[dict[str, Any]],
    methods: dict[str, dict[str, Any]],
    solutions: Sequence[Solution],
    policy: Policy,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The methods as far as they have to go to clear the dataset by the gate's rules, and the columns that stay."""
    from clearance.classifiers.findings import ColumnReport
    from clearance.jobs.trial import Trial

    reports = [ColumnReport.from_dict(report) for report in found]
    reports = list(with_confirmed(reports, identity.key, policy, registry))
    return Trial(reports, solutions, policy, seen.columns, seen.roles).until_clear(methods)


def _unsaid(row: dict[str, Any], solutions: Sequence[Solution], policy: Policy) -> list[Solution]:
    """Solutions for which it matters that they leave open whether inputs may train them."""
    barred = [name for usage in TRAINING for name in policy.rules.usage.get(usage, frozenset())]
    if not any(covers(name, each) for name in barred for each in Label.from_dict(row["label"]).categories):
        return []
    return [each for each in solutions if each.inputs_may_train is None and not each.usage & TRAINING]


def _flowed(seen: Seen, registry: Registry, solutions: Sequence[Solution], policy: Policy) -> list[str]:
    """The columns that lineage makes more than their scan did, and more than a solution may have."""
    row, flowed = seen.row, seen.flowed
    if flowed is None:
        return []
    observed = labels_under(policy, row, registry)
    columns = observed.columns if observed is not None else column_labels(row)
    raised = flowed.raises(columns, Label.from_dict(row["label"]), policy)[0]
    return [
        path
        for path, label in raised.items()
        if label != columns[path] and not all(may_have(label, one, policy) for one in solutions)
    ]


def _label_row(registry: Registry, identity: DatasetIdentity) -> dict[str, Any]:
    row = registry.latest("labels", dataset=identity.key)
    if row is None or row["kind"] != "source":
        what = "has not been scanned" if row is None else "is a protected copy"
        raise UsageError(
            f"{identity.key} {what}", hint="suggest for a dataset that was scanned: clearance scan DATASET"
        )
    return row


def _reports(registry: Registry, identity: DatasetIdentity, row: dict[str, Any]) -> list[dict[str, Any]]:
    found = registry.rows("findings", ["column", "report"], dataset=identity.key, run_id=scan_run(row))
    return [{**entry["report"], "path": entry["column"]} for entry in found]


def _absolute(dataset: str, identity: DatasetIdentity) -> str:
    return str(Path(dataset).absolute()) if identity.kind == "path" and "://" not in dataset else dataset


def _with_columns(source: str, name: str, columns: dict[str, dict[str, Any]]) -> str:
    """The policy's text with these columns in it; the rest of it stays as it is written."""
    data = parse(source, name)[0]
    included = [_from_anywhere(each, Path(name).parent) for each in data.get("include") or []]
    if included != (data.get("include") or []):
        # It is written to another folder, from where these are not found.
        data["include"] = included
        source = _dumped(data)
    if not columns:
        return source
    told = {path: {"method": method} for path, method in columns.items()}
    if "columns" not in data:
        return source.rstrip("\n") + "\n# suggested by clearance check --suggest\n" + _dumped({"columns": told})
    # A second key of this name is no YAML: the policy is written anew, without its comments.
    return _dumped({**data, "columns": {**(data["columns"] or {}), **told}})


def _from_anywhere(name: str, folder: Path) -> str:
    return name if name.startswith("pack:") else str((folder / name).absolute())


def _dumped(content: dict[str, Any]) -> str:
    return yaml_text(content, width=120)


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_new(folder / name, text)  # what stands there may have been edited
    except UsageError as error:
        raise PublishError(error.message, hint="name another folder, or one without it") from None
    except OSError as error:
        raise PublishError(f"{folder} can't be written: {error.strerror}", hint="name another folder") from None
